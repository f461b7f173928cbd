/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/clock.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

tdm_ms tdm_clock_ms(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

tdm_wall tdm_clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

void tdm_random(void *out, size_t len)
{
	unsigned char *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}
