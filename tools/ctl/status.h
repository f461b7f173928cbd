/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints a node's status. The JSON is an interface: keys are added, never changed. */
#pragma once

#include <stdio.h>

#include "proto/control.pb-c.h"
#include "tools/ctl/links.h"

void tdm_status_json(
	FILE *out, const Tandem__Control__Status *status, const struct tdm_links *links);
void tdm_status_text(
	FILE *out, const Tandem__Control__Status *status, const struct tdm_links *links);

/* Name of a node id, "" when the status does not know it. */
const char *tdm_status_node_name(const Tandem__Control__Status *status, uint32_t id);
/* The node that answered, NULL when it is not in the list. */
const Tandem__Control__Node *tdm_status_self(const Tandem__Control__Status *status);

struct tdm_status_totals {
	uint64_t sessions, active, inactive;
};
/* Over all members. */
struct tdm_status_totals tdm_status_totals(const Tandem__Control__Status *status);
