/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parent process: silence after a death, tables that stay, signals and statuses. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/guardian.h"
#include "tests/kernel/net.h"
#include "tests/kernel/probe.h"
#include "tests/kernel/server.h"

enum {
	PROBE_US = 200,
	SETTLE_MS = 300,
	WATCH_MS = 300,
	KILLED = 128 + SIGKILL,
	TERM_STATUS = 7,
	/* 1 to 2 ms on a quiet machine; without care the sockets below would make it 200 ms and
	 * more. */
	SILENCE_WITHIN_US = 60000,
	REPAIR_WITHIN_MS = 1000,
};

static struct net net;
static struct tdm_config *config;
static char directory[] = "/tmp/tandem-test-XXXXXX";
static struct server_options options;

static void setup(void)
{
	net_setup(&net);
	config = net_config();
	cr_assert(mkdtemp(directory));
	snprintf(config->control_socket, sizeof(config->control_socket), "%s/control.sock",
		directory);
	options = (struct server_options){ .config = config, .listens = true };
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	(void)!system(command);
	free(config);
}

TestSuite(guardian, .init = setup, .fini = teardown, .timeout = 60);

static void on_term(int signal_number)
{
	(void)signal_number;
	_exit(TERM_STATUS);
}

static int daemon_main(void *ctx)
{
	signal(SIGTERM, on_term);
	server_run(ctx);
	return 0;
}

static void guardian_main(void *ctx)
{
	_exit(tdm_guardian_run(config, daemon_main, ctx));
}

static pid_t read_pid(const char *name)
{
	char path[128];
	int pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.pid", directory, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	cr_assert_eq(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

static int status_of(pid_t guardian)
{
	int status = 0;

	cr_assert_eq(waitpid(guardian, &status, 0), guardian);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_silence_after_kill(const char *what)
{
	pid_t guardian = net_child(guardian_main, &options);
	struct probe probe;
	int64_t since;

	cr_assert_eq(read_pid("guardian"), guardian);
	probe_open(&probe, &net);
	probe_run(&probe, SETTLE_MS, PROBE_US);
	cr_expect_gt(probe.ping_us, 0);
	since = net_now_us();
	kill(read_pid("tandemd"), SIGKILL);
	probe_run(&probe, WATCH_MS, PROBE_US);
	printf("%s: last ARP answer after %lld us, last ping answer after %lld us\n", what,
		(long long)(probe.arp_us - since), (long long)(probe.ping_us - since));
	cr_expect_leq(probe.ping_us - since, SILENCE_WITHIN_US);
	cr_expect_leq(probe.arp_us - since, SILENCE_WITHIN_US);
	cr_expect_eq(status_of(guardian), KILLED);
	cr_expect_eq(read_pid("guardian"), 0);
	cr_expect_eq(read_pid("tandemd"), 0);
	net_run("! ip addr show dev lan | grep -e " NET_SERVICE "/ -e " NET_INSIDE "/");
	probe_close(&probe);
}

Test(guardian, clears_the_lease_when_the_daemon_is_killed)
{
	expect_silence_after_kill("killed");
}

Test(guardian, clears_the_lease_of_a_daemon_that_is_slow_to_die)
{
	options.slow_to_die = true;
	expect_silence_after_kill("killed, with TUN and packet sockets");
}

Test(guardian, leaves_the_administrators_address)
{
	pid_t guardian;

	net_run("ip addr add " NET_SERVICE "/32 dev lan");
	guardian = net_child(guardian_main, &options);
	kill(read_pid("tandemd"), SIGKILL);
	cr_expect_eq(status_of(guardian), KILLED);
	net_run("ip addr show dev lan | grep -q " NET_SERVICE "/32");
}

Test(guardian, passes_signals_on_and_the_status_back)
{
	pid_t guardian = net_child(guardian_main, &options);

	kill(guardian, SIGTERM);
	cr_expect_eq(status_of(guardian), TERM_STATUS);
	net_run("! ip addr show dev lan | grep " NET_SERVICE "/");
}

Test(guardian, takes_the_daemon_along)
{
	pid_t guardian = net_child(guardian_main, &options), daemon = read_pid("tandemd");
	struct probe probe;

	net_kill(guardian);
	for (int i = 0; i < 100 && kill(daemon, 0) == 0; i++)
		net_pause_ms(10);
	net_run("! ps -o stat= -p %d | grep -v Z", (int)daemon);
	net_pause_ms(250);
	probe_open(&probe, &net);
	probe_run(&probe, WATCH_MS, PROBE_US);
	cr_expect_eq(probe.arp_us, 0);
	probe_close(&probe);
}

static void expect_repaired(const char *damage)
{
	char command[256];
	int waited = 0;

	net_run("%s", damage);
	snprintf(
		command, sizeof(command), "nft -t -s list ruleset | cmp -s - %s/before", directory);
	while (system(command) != 0 && waited++ < REPAIR_WITHIN_MS / 10)
		net_pause_ms(10);
	cr_expect_lt(waited, REPAIR_WITHIN_MS / 10, "after %s", damage);
}

Test(guardian, puts_the_tables_back)
{
	pid_t guardian = net_child(guardian_main, &options);
	struct probe probe;

	net_run("nft -t -s list ruleset >%s/before; grep -q from_service %s/before", directory,
		directory);
	expect_repaired("nft flush ruleset");
	expect_repaired("nft flush chain inet tandem from_service");
	expect_repaired("nft delete table arp tandem");
	expect_repaired("nft insert rule inet tandem output accept");
	/* and the lease is filled again */
	probe_open(&probe, &net);
	probe_run(&probe, SETTLE_MS, PROBE_US);
	cr_expect_gt(probe.arp_us, 0);
	probe_close(&probe);
	kill(guardian, SIGTERM);
	(void)status_of(guardian);
}

Test(guardian, one_per_control_socket)
{
	pid_t guardian = net_child(guardian_main, &options);

	cr_expect_eq(tdm_guardian_run(config, daemon_main, &options), EXIT_FAILURE);
	cr_expect_eq(read_pid("guardian"), guardian);
	kill(guardian, SIGTERM);
	(void)status_of(guardian);
}

Test(guardian, without_cluster_only_watches)
{
	pid_t guardian;

	config->cluster.none = true;
	guardian = net_child(guardian_main, &options);
	net_run("! nft list ruleset | grep .");
	kill(read_pid("tandemd"), SIGKILL);
	cr_expect_eq(status_of(guardian), KILLED);
}
