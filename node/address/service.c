/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/address/service.h"

size_t tdm_service_list(
	const struct tdm_config *config, tdm_member_id member, struct tdm_service *out)
{
	size_t n = 0;

	for (size_t i = 0; i < config->members_len; i++) {
		const struct tdm_config_member *m = &config->members[i];

		if (member != 0 && m->id != member)
			continue;
		for (size_t k = 0; k < m->outside_len; k++)
			out[n++] =
				(struct tdm_service){ m->id, m->outside_interface, m->outside[k] };
		if (m->inside.ip.family != 0)
			out[n++] = (struct tdm_service){ m->id, m->inside_interface, m->inside };
	}
	return n;
}
