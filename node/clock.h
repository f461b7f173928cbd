/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only place that reads clocks and the system's random source. */
#pragma once

#include "proto/types.h"

tdm_ms tdm_clock_ms(void);     /* CLOCK_BOOTTIME */
tdm_wall tdm_clock_wall(void); /* CLOCK_REALTIME */
/* Fill out with random bytes of the kernel; aborts when it has none (cannot go on safely). */
void tdm_random(void *out, size_t len);
