/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/address/link.h"
#include "node/address/nfbatch.h"
#include "node/address/nft.h"
#include "node/address/watch.h"
#include "node/clock.h"
#include "node/log.h"

enum {
	CHECK_MS = 2000, /* a look at the tables even when nothing was noticed */
	SIGNALED = 128,  /* exit status of a killed child, as shells have it */
	PID_TEXT = 24,
	LIFE_FD_MAX = 65536,
};

struct guardian {
	const struct tdm_config *config;
	char directory[TDM_PATH_MAX];
	pid_t child;
	int pid_file, life_fd, pidfd, signal_fd, watch_fd, nft_fd;
	sigset_t signals_before;
	struct tdm_nft *nft;
	char *tables, *listing;
	struct tdm_nfbatch flush;
	struct tdm_link *link;
	bool restore_failed; /* was reported */
};

/* --- pid files --- */

static void pid_path(const struct guardian *g, const char *name, char out[TDM_PATH_MAX + 16])
{
	snprintf(out, TDM_PATH_MAX + 16, "%s/%s.pid", g->directory, name);
}

static void remove_pid_file(const struct guardian *g, const char *name)
{
	char path[TDM_PATH_MAX + 16];

	pid_path(g, name, path);
	unlink(path);
}

static enum tdm_err write_pid(int fd, pid_t pid)
{
	char text[PID_TEXT];
	int len = snprintf(text, sizeof(text), "%d\n", (int)pid);

	return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len ? TDM_OK
										: TDM_ERR_IO;
}

static int open_pid_file(const struct guardian *g, const char *name, struct tdm_diag *diag)
{
	char path[TDM_PATH_MAX + 16];
	int fd;

	pid_path(g, name, path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		(void)tdm_diag_set(diag, TDM_ERR_IO, "%s: %s", path, strerror(errno));
	return fd;
}

/* The record lock says whether a guardian is there; a child does not inherit it. */
static enum tdm_err claim_directory(struct guardian *g, struct tdm_diag *diag)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *slash;

	snprintf(g->directory, sizeof(g->directory), "%s", g->config->control_socket);
	slash = strrchr(g->directory, '/');
	if (!slash)
		return tdm_diag_set(diag, TDM_ERR_CONFIG, "control socket '%s' is no absolute path",
			g->directory);
	*slash = '\0';
	if (mkdir(g->directory, 0755) != 0 && errno != EEXIST)
		return tdm_diag_set(diag, TDM_ERR_IO, "%s: cannot make this directory: %s",
			g->directory, strerror(errno));
	g->pid_file = open_pid_file(g, "guardian", diag);
	if (g->pid_file < 0)
		return TDM_ERR_IO;
	if (fcntl(g->pid_file, F_SETLK, &lock) != 0)
		return tdm_diag_set(diag, TDM_ERR_EXISTS,
			"%s: another tandemd is running with this control socket", g->directory);
	return write_pid(g->pid_file, getpid());
}

static enum tdm_err write_child_pid(struct guardian *g, struct tdm_diag *diag)
{
	int fd = open_pid_file(g, "tandemd", diag);
	enum tdm_err err = fd < 0 ? TDM_ERR_IO : write_pid(fd, g->child);

	if (fd >= 0)
		close(fd);
	return err;
}

/* --- tables --- */

static enum tdm_err load_tables(struct guardian *g, struct tdm_diag *diag)
{
	enum tdm_err err = tdm_nft_load(g->nft, g->tables, diag);

	if (err)
		return err;
	free(g->listing);
	g->listing = tdm_nft_listing(g->nft);
	return g->listing ? TDM_OK
			  : tdm_diag_set(
				    diag, TDM_ERR_IO, "nftables: cannot list table " TDM_NFT_TABLE);
}

static void check_tables(struct guardian *g)
{
	char *now = tdm_nft_listing(g->nft);
	bool same = now && g->listing && strcmp(now, g->listing) == 0;
	struct tdm_diag diag;

	free(now);
	if (same)
		return;
	if (load_tables(g, &diag) == TDM_OK) {
		g->restore_failed = false;
		tdm_log_warning("nftables: somebody changed table " TDM_NFT_TABLE ", restored it");
	} else if (!g->restore_failed) {
		g->restore_failed = true;
		tdm_log_error("%s", diag.text);
	}
}

static enum tdm_err open_tables(struct guardian *g, struct tdm_diag *diag)
{
	enum tdm_err err;

	g->tables = tdm_nft_text(g->config);
	if (!g->tables)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "%s", tdm_err_text(TDM_ERR_NOMEM));
	err = tdm_nft_open(&g->nft, diag);
	if (!err)
		err = load_tables(g, diag);
	if (!err)
		err = tdm_link_open(&g->link, diag);
	if (err)
		return err;
	err = tdm_nfbatch_init(&g->flush, TDM_NFBATCH_FLUSH, NULL, 0, 0);
	if (!err)
		err = tdm_nfbatch_open(&g->nft_fd);
	if (!err)
		err = tdm_watch_open(&g->watch_fd);
	return err ? tdm_diag_set(diag, err, "nftables: cannot open a socket") : TDM_OK;
}

/* --- child --- */

/* What the child must not have: the parent's sockets and its signal mask. */
static void release(struct guardian *g)
{
	const int fds[] = { g->pid_file, g->life_fd, g->pidfd, g->signal_fd, g->watch_fd,
		g->nft_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	tdm_nft_close(g->nft);
	tdm_link_close(g->link);
	tdm_nfbatch_deinit(&g->flush);
	free(g->tables);
	free(g->listing);
	sigprocmask(SIG_SETMASK, &g->signals_before, NULL);
}

/* The child's end of a pipe that nobody uses: it is closed when the child dies. The process itself
 * counts as dead only when all its descriptors are closed, and those of TUN and packet sockets take
 * the kernel tens of milliseconds. It closes the highest number first. */
static void raise_life_fd(int *fd)
{
	struct rlimit limit;
	int raised;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	/* The daemon will use what the hard limit allows. */
	limit.rlim_cur = limit.rlim_max < LIFE_FD_MAX ? limit.rlim_max : LIFE_FD_MAX;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	raised = fcntl(*fd, F_DUPFD_CLOEXEC, (int)limit.rlim_cur - 1);
	if (raised < 0)
		return;
	close(*fd);
	*fd = raised;
}

static int run_child(
	struct guardian *g, int life_fd, pid_t parent, int (*daemon_main)(void *ctx), void *ctx)
{
	release(g);
	raise_life_fd(&life_fd);
	/* Without a guardian nobody would clear the lease behind us. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return EXIT_FAILURE;
	return daemon_main(ctx);
}

/* --- parent --- */

static void on_signal(struct guardian *g)
{
	struct signalfd_siginfo info;

	if (read(g->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		tdm_log_reopen();
	kill(g->child, (int)info.ssi_signo);
}

/* Silence first, words later. */
static int on_death(struct guardian *g)
{
	int status = 0;

	if (g->nft_fd >= 0) {
		tdm_ms seen = tdm_clock_ms();
		enum tdm_err err = tdm_nfbatch_run(g->nft_fd, &g->flush);

		if (err && err != TDM_ERR_NOT_FOUND)
			tdm_log_error("nftables: cannot clear the lease: %s", tdm_err_text(err));
		else
			tdm_log_info("lease cleared %lld ms after the daemon ended",
				(long long)(tdm_clock_ms() - seen));
		tdm_link_sweep(g->link, g->config);
	}
	while (waitpid(g->child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		tdm_log_error("the daemon was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
		return SIGNALED + WTERMSIG(status);
	}
	if (WEXITSTATUS(status) != 0)
		tdm_log_error("the daemon ended with status %d", WEXITSTATUS(status));
	return WEXITSTATUS(status);
}

static int watch(struct guardian *g)
{
	struct pollfd fds[] = {
		{ .fd = g->life_fd, .events = POLLIN }, { .fd = g->pidfd, .events = POLLIN },
		{ .fd = g->signal_fd, .events = POLLIN },
		{ .fd = g->watch_fd, .events = POLLIN }, /* -1 without a cluster: ignored */
	};
	const struct sched_param priority = { .sched_priority = 1 };

	/* A busy host or a full memory must not delay the silence; without the permission it does
	 * its best. */
	(void)sched_setscheduler(0, SCHED_RR, &priority);
	(void)mlockall(MCL_CURRENT);
	for (;;) {
		int ready =
			poll(fds, sizeof(fds) / sizeof(fds[0]), g->watch_fd >= 0 ? CHECK_MS : -1);

		if (fds[0].revents || fds[1].revents)
			return on_death(g);
		if (ready > 0 && fds[2].revents)
			on_signal(g);
		if (g->watch_fd >= 0 && (ready == 0 || tdm_watch_drain(g->watch_fd)))
			check_tables(g);
	}
}

static int run_parent(struct guardian *g)
{
	struct tdm_diag diag = { 0 };
	int status;

	g->pidfd = pidfd_open(g->child, 0);
	if (g->pidfd < 0 || write_child_pid(g, &diag) != TDM_OK) {
		tdm_log_error("guardian: %s", *diag.text ? diag.text : strerror(errno));
		kill(g->child, SIGTERM);
	}
	status = watch(g);
	remove_pid_file(g, "tandemd");
	remove_pid_file(g, "guardian");
	release(g);
	return status;
}

static enum tdm_err prepare(struct guardian *g, struct tdm_diag *diag)
{
	enum tdm_err err;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &g->signals_before);
	g->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (g->signal_fd < 0)
		return tdm_diag_set(diag, TDM_ERR_IO, "guardian: %s", strerror(errno));
	err = claim_directory(g, diag);
	return err || g->config->cluster.none ? err : open_tables(g, diag);
}

int tdm_guardian_run(const struct tdm_config *config, int (*daemon_main)(void *ctx), void *ctx)
{
	struct guardian g = { .config = config,
		.pid_file = -1,
		.life_fd = -1,
		.pidfd = -1,
		.signal_fd = -1,
		.watch_fd = -1,
		.nft_fd = -1 };
	struct tdm_diag diag = { 0 };
	pid_t self = getpid();
	int life[2] = { -1, -1 };

	if (prepare(&g, &diag) != TDM_OK) {
		fprintf(stderr, "tandemd: %s\n", diag.text);
		release(&g);
		return EXIT_FAILURE;
	}
	fflush(NULL);
	g.child = pipe2(life, O_CLOEXEC) == 0 ? fork() : -1;
	g.life_fd = life[0];
	if (g.child == 0)
		return run_child(&g, life[1], self, daemon_main, ctx);
	if (life[1] >= 0)
		close(life[1]);
	if (g.child > 0)
		return run_parent(&g);
	fprintf(stderr, "tandemd: cannot start a process: %s\n", strerror(errno));
	release(&g);
	return EXIT_FAILURE;
}
