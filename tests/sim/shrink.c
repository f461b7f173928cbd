/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/shrink.h"

#include <string.h>

/* Leave out len steps from a place on, if it still fails then in the same way. */
static bool try_without(
	struct sim *sim, struct sim_history *h, size_t at, size_t len, const char *broken)
{
	uint8_t before[SIM_STEPS_MAX];
	const char *now;
	bool any = false;

	memcpy(before, h->dropped, h->len);
	for (size_t i = at; i < at + len && i < h->len; i++) {
		any = any || !h->dropped[i];
		h->dropped[i] = 1;
	}
	if (!any)
		return false;
	now = sim_history_run(sim, h);
	if (now && !strcmp(now, broken))
		return true;
	memcpy(h->dropped, before, h->len);
	return false;
}

size_t sim_shrink(struct sim *sim, struct sim_history *h)
{
	const char *broken = sim_history_run(sim, h);
	size_t left = 0;
	bool again = broken != NULL;

	while (again) {
		again = false;
		for (size_t len = h->len / 2; len; len /= 2)
			for (size_t at = 0; at < h->len; at += len)
				again |= try_without(sim, h, at, len, broken);
	}
	for (size_t i = 0; i < h->len; i++)
		left += !h->dropped[i];
	(void)sim_history_run(sim, h);
	return left;
}
