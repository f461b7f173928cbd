/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service addresses of a configuration as one flat list. */
#pragma once

#include "node/config/config.h"

enum { TDM_SERVICES_MAX = TDM_MEMBERS_MAX * (TDM_CONFIG_ADDRS_MAX + 1) };

struct tdm_service {
	tdm_member_id member;
	const char *interface; /* belongs to the configuration */
	struct tdm_prefix prefix;
};

/* Outside and inside addresses of one member, or of all (member 0). out holds TDM_SERVICES_MAX. */
size_t tdm_service_list(
	const struct tdm_config *config, tdm_member_id member, struct tdm_service *out);
