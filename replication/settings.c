/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Configurations that differ. A node whose fingerprint is not that of a member's owner may not take
 * the member over: its users would find other addresses and policies. What counts is the owner's,
 * also after its death; when nobody owned it (cold start, or a round of hellos found no owner),
 * that of the lowest synced node.
 */
#include <stdio.h>
#include <string.h>

#include "replication/core.h"

static const char *const section_names[TDM_CONFIG_SECTIONS] = { "members", "groups",
	"tunnel-groups" };

const char *tdm_settings_sections(unsigned mask, char out[TDM_SETTINGS_TEXT])
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < TDM_CONFIG_SECTIONS; i++)
		if (mask >> i & 1)
			len += (size_t)snprintf(out + len, TDM_SETTINGS_TEXT - len, "%s%s",
				len ? ", " : "", section_names[i]);
	return out;
}

unsigned tdm_settings_differ(const struct tdm_cluster *c, const struct tdm_peer *p)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < TDM_CONFIG_SECTIONS; i++)
		if (p->sections[i] != c->peers[c->self].sections[i])
			mask |= 1u << i;
	return mask;
}

void tdm_settings_hello(struct tdm_cluster *c, struct tdm_peer *p, const struct tdm_hello *hello)
{
	char text[TDM_SETTINGS_TEXT];

	memcpy(p->sections, hello->sections, sizeof(p->sections));
	p->config_any = hello->config_any;
	if (p->config == c->config.config_fingerprint || p->config_told) {
		p->config_told = p->config != c->config.config_fingerprint;
		return;
	}
	p->config_told = true;
	tdm_settings_sections(tdm_settings_differ(c, p), text);
	tdm_actions_note(c->actions, true,
		"the configuration of node %u differs from ours%s%s: whose differs from the "
		"owner's may not take over, unless it has cluster.allow-config-difference: true",
		p->id, text[0] ? " in " : "", text);
}

static const struct tdm_peer *lowest_synced(const struct tdm_cluster *c)
{
	const struct tdm_peer *lowest = NULL;

	for (size_t i = 0; i < c->peers_len; i++) {
		const struct tdm_peer *p = &c->peers[i];

		if (p->present && p->synced && p->decided && (!lowest || p->id < lowest->id))
			lowest = p;
	}
	return lowest;
}

void tdm_settings_stage(struct tdm_cluster *c, struct tdm_member *m)
{
	const struct tdm_peer *p = tdm_core_peer(c, m->owner);

	if (!p || !p->present || !p->synced)
		p = m->config_node ? NULL : lowest_synced(c);
	if (!p)
		return;
	m->config_node = p->id;
	m->config_wanted = p->config;
}

bool tdm_settings_fit(const struct tdm_member *m, const struct tdm_peer *p)
{
	return !m->config_node || p->config_any || p->config == m->config_wanted;
}

const char *tdm_settings_why(struct tdm_cluster *c, struct tdm_member *m)
{
	const struct tdm_peer *p = tdm_core_peer(c, m->config_node);
	char text[TDM_SETTINGS_TEXT] = "";

	if (p)
		tdm_settings_sections(tdm_settings_differ(c, p), text);
	snprintf(m->config_why, sizeof(m->config_why), "configuration differs from node %s%s%s%s",
		p ? p->name : "?", text[0] ? " (" : "", text, text[0] ? ")" : "");
	return m->config_why;
}
