/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/control/out.h"

#include <stdlib.h>

#include "proto/bytes.h"

/* Room for size bytes at the end of the last chunk, or in a new one. */
static uint8_t *reserve(struct tdm_control_out *out, size_t size)
{
	struct tdm_control_chunk *chunk = out->last;
	size_t cap = size > TDM_CONTROL_CHUNK ? size : TDM_CONTROL_CHUNK;

	if (!chunk || chunk->cap - chunk->len < size) {
		chunk = malloc(sizeof(*chunk) + cap);
		if (!chunk)
			return NULL;
		chunk->next = NULL;
		chunk->len = 0;
		chunk->cap = cap;
		if (out->last)
			out->last->next = chunk;
		else
			out->first = chunk;
		out->last = chunk;
	}
	chunk->len += size;
	out->bytes += size;
	return chunk->data + chunk->len - size;
}

void tdm_control_out_add(struct tdm_control_out *out, const Tandem__Control__Reply *reply)
{
	size_t size = tandem__control__reply__get_packed_size(reply);
	struct tdm_writer writer;
	uint8_t *at;

	if (out->failed)
		return;
	at = size <= TDM_CONTROL_REPLY_MAX ? reserve(out, TDM_CONTROL_HEADER + size) : NULL;
	if (!at) {
		out->failed = true;
		return;
	}
	tdm_writer_init(&writer, at, TDM_CONTROL_HEADER);
	tdm_writer_u32(&writer, (uint32_t)size);
	tandem__control__reply__pack(reply, at + TDM_CONTROL_HEADER);
}

void tdm_control_out_error(struct tdm_control_out *out, enum tdm_err err, const char *text)
{
	Tandem__Control__Reply reply = TANDEM__CONTROL__REPLY__INIT;
	Tandem__Control__Error error = TANDEM__CONTROL__ERROR__INIT;

	error.code = err;
	error.text = (char *)text;
	reply.kind_case = TANDEM__CONTROL__REPLY__KIND_ERROR;
	reply.error = &error;
	tdm_control_out_add(out, &reply);
}

struct tdm_control_chunk *tdm_control_out_take(struct tdm_control_out *out)
{
	struct tdm_control_chunk *chunk = out->first;

	if (!chunk)
		return NULL;
	out->first = chunk->next;
	if (!out->first)
		out->last = NULL;
	out->bytes -= chunk->len;
	return chunk;
}

void tdm_control_out_clear(struct tdm_control_out *out)
{
	struct tdm_control_chunk *chunk;

	while ((chunk = tdm_control_out_take(out)))
		free(chunk);
	out->failed = false;
}
