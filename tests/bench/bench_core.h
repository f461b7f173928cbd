/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of bench-core. */
#pragma once

#include <stdint.h>

/* Two nodes in this process: memory, whole tables, takeover, resumes. */
void bench_pair(uint32_t sessions);
