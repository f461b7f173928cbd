/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies that wait to be written: frames, gathered in chunks of a size that suits one write. */
#pragma once

#include "proto/control.pb-c.h"
#include "proto/err.h"
#include "proto/types.h"

enum {
	TDM_CONTROL_CHUNK = 64 * 1024,
	TDM_CONTROL_HEADER = 4,              /* length of what follows, big-endian */
	TDM_CONTROL_REQUEST_MAX = 4096,      /* without the header */
	TDM_CONTROL_REPLY_MAX = 1024 * 1024, /* likewise; what tools take */
};

struct tdm_control_chunk {
	struct tdm_control_chunk *next;
	size_t len, cap;
	uint8_t data[];
};

struct tdm_control_out {
	struct tdm_control_chunk *first, *last;
	size_t bytes;
	bool failed; /* out of memory: what is here is not whole */
};

/* Append one frame. A failure stays in out. */
void tdm_control_out_add(struct tdm_control_out *out, const Tandem__Control__Reply *reply);
/* An error as the only reply. */
void tdm_control_out_error(struct tdm_control_out *out, enum tdm_err err, const char *text);
/* Remove the first chunk; the caller frees it. NULL when there is none. */
struct tdm_control_chunk *tdm_control_out_take(struct tdm_control_out *out);
void tdm_control_out_clear(struct tdm_control_out *out);
