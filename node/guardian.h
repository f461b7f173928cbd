/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent process of the daemon: small, with one thread, never busy. When the daemon dies it
 * clears the lease at once, so that nothing answers for the service addresses until the next owner
 * has them, removes them, and ends with the daemon's status. While the daemon lives it puts the
 * nftables tables back when somebody flushes them.
 */
#pragma once

#include "node/config/config.h"

/* Fork: daemon_main(ctx) runs in the child and returns its exit status; the child gets SIGTERM when
 * the guardian dies. The guardian passes SIGTERM, SIGINT and SIGHUP on and returns what the program
 * shall exit with (128 + signal when the daemon was killed). Process ids are in guardian.pid and
 * tandemd.pid, beside the control socket. Call it before any thread is started. Reports its own
 * failures to the log. */
int tdm_guardian_run(const struct tdm_config *config, int (*daemon_main)(void *ctx), void *ctx);
