/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who answers for a service address, and for how long. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/address/address.h"
#include "tests/kernel/net.h"
#include "tests/kernel/probe.h"

enum {
	ASK_US = 2000,
	SETTLE_MS = 300,
	SILENT_MS = 500,
	/* From the last sign of life to the last answer: the lease, and a renewal's distance. */
	SILENCE_WITHIN_US = (TDM_LEASE_MS + TDM_LEASE_RENEW_MS) * 1000,
};

static struct net net;
static struct tdm_config *config;
static struct tdm_address *address;
static atomic_bool stop_control, stop_cluster;
static pthread_t vital;

static void *vital_main(void *unused)
{
	(void)unused;
	for (int ms = 0; !atomic_load(&stop_control) || !atomic_load(&stop_cluster); ms += 20) {
		if (!atomic_load(&stop_control))
			tdm_address_alive_control(address);
		if (!atomic_load(&stop_cluster))
			tdm_address_alive_cluster(address);
		net_pause_ms(20);
	}
	return NULL;
}

static void open_address(void)
{
	struct tdm_diag diag = { 0 };

	cr_assert_eq(tdm_address_new(config, &address, &diag), TDM_OK, "%s", diag.text);
	tdm_address_alive_control(address);
	tdm_address_alive_cluster(address);
	atomic_store(&stop_control, false);
	atomic_store(&stop_cluster, false);
	pthread_create(&vital, NULL, vital_main, NULL);
}

static void close_address(void)
{
	atomic_store(&stop_control, true);
	atomic_store(&stop_cluster, true);
	pthread_join(vital, NULL);
	tdm_address_free(address);
	address = NULL;
}

static void take(void)
{
	struct tdm_diag diag = { 0 };

	cr_assert_eq(tdm_address_take(address, 1, NULL, &diag), TDM_OK, "%s", diag.text);
}

static void setup(void)
{
	net_setup(&net);
	config = net_config();
}

static void teardown(void)
{
	free(config);
}

TestSuite(lease, .init = setup, .fini = teardown, .timeout = 30);

Test(lease, answers_only_while_taken)
{
	struct probe probe;

	probe_open(&probe, &net);
	open_address();
	/* As an administrator, or a neighbour's mistake, might: the address alone is not enough. */
	net_run("ip addr add " NET_SERVICE "/32 dev lan");
	probe_run(&probe, SETTLE_MS, ASK_US);
	cr_expect_eq(probe.arp_us, 0);
	cr_expect_eq(probe.ping_us, 0);
	take();
	probe_run(&probe, SETTLE_MS, ASK_US);
	cr_expect_gt(probe.arp_us, 0);
	cr_expect_gt(probe.ping_us, 0);
	tdm_address_drop(address, 1);
	probe.arp_us = probe.ping_us = 0;
	probe_run(&probe, SETTLE_MS, ASK_US);
	cr_expect_eq(probe.arp_us, 0);
	cr_expect_eq(probe.ping_us, 0);
	net_run("ip -4 addr show dev lan | grep -q " NET_SERVICE); /* it was not ours */
	close_address();
	probe_close(&probe);
}

Test(lease, pause_is_silent_at_once_and_ends_at_once)
{
	struct probe probe;

	probe_open(&probe, &net);
	open_address();
	take();
	probe_run(&probe, SETTLE_MS, ASK_US);
	tdm_address_pause(address, 1, true);
	net_pause_ms(5); /* what was on its way */
	probe_run(&probe, 1, ASK_US);
	probe.arp_us = probe.ping_us = 0;
	probe_run(&probe, SETTLE_MS, ASK_US);
	cr_expect_eq(probe.arp_us, 0);
	cr_expect_eq(probe.ping_us, 0);
	tdm_address_pause(address, 1, false);
	probe_run(&probe, 50, ASK_US);
	cr_expect_gt(probe.arp_us, 0);
	close_address();
	probe_close(&probe);
}

static void frozen_owner(void *unused)
{
	(void)unused;
	open_address();
	take();
	net_ready();
	net_sleep_for_ever();
}

static void expect_silence_after(struct probe *probe, int64_t since, const char *what)
{
	probe_run(probe, SILENT_MS, ASK_US);
	printf("%s: last ARP answer after %lld us, last ping answer after %lld us\n", what,
		(long long)(probe->arp_us - since), (long long)(probe->ping_us - since));
	cr_expect_leq(probe->arp_us - since, SILENCE_WITHIN_US, "%s: ARP", what);
	cr_expect_leq(probe->ping_us - since, SILENCE_WITHIN_US, "%s: ping", what);
}

Test(lease, frozen_process_falls_silent)
{
	struct probe probe;
	pid_t child = net_child(frozen_owner, NULL);
	int64_t since;

	probe_open(&probe, &net);
	probe_run(&probe, SETTLE_MS, ASK_US);
	cr_expect_gt(probe.arp_us, 0);
	cr_expect_gt(probe.ping_us, 0);
	since = net_now_us();
	kill(child, SIGSTOP);
	expect_silence_after(&probe, since, "frozen");
	/* Thawed, it does not come back by itself: it cannot know what the others did. */
	probe.arp_us = probe.ping_us = 0;
	kill(child, SIGCONT);
	probe_run(&probe, SILENT_MS, ASK_US);
	cr_expect_eq(probe.arp_us, 0);
	cr_expect_eq(probe.ping_us, 0);
	net_kill(child);
	probe_close(&probe);
}

static void expect_fenced_without(atomic_bool *sign, const char *what)
{
	struct probe probe;
	int64_t since;

	probe_open(&probe, &net);
	open_address();
	take();
	probe_run(&probe, SETTLE_MS, ASK_US);
	cr_expect_gt(probe.arp_us, 0);
	cr_expect_not(tdm_address_is_fenced(address));
	since = net_now_us();
	atomic_store(sign, true);
	expect_silence_after(&probe, since, what);
	cr_expect(tdm_address_is_fenced(address));
	/* The sign comes back: still fenced, until all was let go and taken anew. */
	tdm_address_alive_control(address);
	tdm_address_alive_cluster(address);
	atomic_store(sign, false);
	cr_expect(tdm_address_is_fenced(address));
	tdm_address_drop(address, 1);
	cr_expect_not(tdm_address_is_fenced(address));
	take();
	probe.arp_us = 0;
	probe_run(&probe, 50, ASK_US);
	cr_expect_gt(probe.arp_us, 0);
	close_address();
	probe_close(&probe);
}

Test(lease, ends_without_control_thread)
{
	expect_fenced_without(&stop_control, "control thread stuck");
}

Test(lease, ends_without_corosync)
{
	expect_fenced_without(&stop_cluster, "corosync stuck");
}

Test(lease, addresses_and_routes_come_and_go)
{
	open_address();
	net_run("ip tuntap add dev tandem0 mode tun && ip link set tandem0 up");
	cr_assert_eq(tdm_address_take(address, 1, "tandem0", NULL), TDM_OK);
	/* beside an address of the same subnet it stands alone, else it brings its subnet */
	net_run("ip -4 addr show dev lan | grep -q '" NET_SERVICE "/32 .*'");
	net_run("ip -4 addr show dev lan | grep -q '" NET_INSIDE "/24 .*'");
	net_run("ip -6 addr show dev lan | grep -q '" NET_SERVICE6 "/128 .*'");
	net_run("ip route show 10.93.0.0/24 | grep -q 'dev tandem0'");
	net_pause_ms(2500); /* longer than the addresses' lifetime */
	net_run("ip -4 addr show dev lan | grep -q " NET_SERVICE "/32");
	tdm_address_drop(address, 1);
	net_run("! ip addr show dev lan | grep -e " NET_SERVICE "/ -e " NET_INSIDE
		"/ -e " NET_SERVICE6 "/");
	net_run("! ip route show 10.93.0.0/24 | grep .");
	close_address();
}

Test(lease, killed_owner_leaves_no_address_behind)
{
	pid_t child = net_child(frozen_owner, NULL);

	net_run("ip -4 addr show dev lan | grep -q " NET_SERVICE "/32");
	net_kill(child);
	net_pause_ms(3500);
	net_run("! ip -4 addr show dev lan | grep " NET_SERVICE "/32");
}

Test(lease, missing_interface_is_one_line_and_nothing_is_held)
{
	struct tdm_diag diag = { 0 };

	strcpy(config->members[0].inside_interface, "nowhere0");
	open_address();
	cr_expect_eq(tdm_address_take(address, 1, NULL, &diag), TDM_ERR_NOT_FOUND);
	cr_expect(strstr(diag.text, "nowhere0"));
	net_run("! ip -4 addr show dev lan | grep " NET_SERVICE "/");
	close_address();
}

Test(lease, without_cluster_there_are_no_rules)
{
	config->cluster.none = true;
	open_address();
	take();
	net_run("! nft list ruleset | grep .");
	net_run("ip -4 addr show dev lan | grep -q " NET_SERVICE);
	net_pause_ms(400);
	cr_expect_not(tdm_address_is_fenced(address));
	tdm_address_drop(address, 1);
	net_run("! ip -4 addr show dev lan | grep " NET_SERVICE "/");
	close_address();
}
