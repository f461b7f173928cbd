/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between messages as plain values and protobuf's structs. Private to envelope.c. */
#pragma once

#include "proto/envelope.h"
#include "proto/replication.pb-c.h"

/* pb borrows from msg and arena. TDM_ERR_TOO_LONG: no room in arena, or a list over its bound. */
enum tdm_err tdm_envelope_to_pb(const struct tdm_message *msg, struct tdm_arena *arena,
	Tandem__Replication__Envelope *pb) TDM_MUST_USE;
/* msg borrows from pb and arena. TDM_ERR_MALFORMED, TDM_ERR_TOO_LONG (no room in arena). */
enum tdm_err tdm_envelope_from_pb(const Tandem__Replication__Envelope *pb, struct tdm_arena *arena,
	struct tdm_message *msg) TDM_MUST_USE;
