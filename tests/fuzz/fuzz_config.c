/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: whatever the file, it is taken whole or refused with one line. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "node/config/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tdm_config *c)
{
	assert(c->node[0] && c->members_len && c->groups_len && c->tunnel_groups_len);
	assert(c->members_len <= TDM_MEMBERS_MAX && c->groups_len <= TDM_CONFIG_GROUPS_MAX);
	for (size_t i = 0; i < c->members_len; i++) {
		const struct tdm_config_member *m = &c->members[i];

		assert(m->outside_len >= 1 && m->outside_len <= TDM_CONFIG_ADDRS_MAX);
		assert(m->pools_len >= 1 && m->pools_len <= TDM_CONFIG_POOLS_MAX && m->port);
		for (size_t k = 0; k < m->pools_len; k++)
			assert(m->pools[k].ip.family == 4 && m->pools[k].len <= 29);
	}
	for (size_t i = 0; i < c->groups_len; i++)
		assert(c->groups[i].dpd_s != 1 && (c->cluster.none || c->groups[i].dpd_s));
	for (size_t i = 0; i < c->tunnel_groups_len; i++)
		assert(tdm_config_group(c, c->tunnel_groups[i].group));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tdm_config *config = NULL;
	struct tdm_diag diag = { .text = "" };
	enum tdm_err err = tdm_config_parse("f", data, size, &config, &diag);

	if (!err) {
		check(config);
	} else {
		assert(!config && diag.code == err && !strncmp(diag.text, "f:", 2));
		assert(!strpbrk(diag.text, "\n\r\x1b"));
	}
	tdm_config_free(config);
	return 0;
}
