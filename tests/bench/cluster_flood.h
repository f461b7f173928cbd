/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Corosync's group service carries with nothing of ours on top: the yardstick for commits. */
#pragma once

#include <stddef.h>

/* Join the yardstick's group; its messages are taken in on a thread until the process ends. */
void bench_flood_listen(void);
/* Join it, wait for a listener, send messages of a size for so long, as many as are taken, and
 * leave. Messages per second that were delivered to us. Needs 1 MiB of stack. */
double bench_flood(size_t size, double seconds);
