/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/bytes.h"

#include <string.h>

enum { BYTE_BITS = 8 };

void tdm_reader_init(struct tdm_reader *r, const void *data, size_t len)
{
	*r = (struct tdm_reader){ .data = data, .len = len };
}

size_t tdm_reader_left(const struct tdm_reader *r)
{
	return r->err ? 0 : r->len - r->pos;
}

const uint8_t *tdm_reader_view(struct tdm_reader *r, size_t n)
{
	/* never NULL for "nothing", so that callers can tell it from an error */
	static const uint8_t nothing;
	const uint8_t *at;

	if (r->err)
		return NULL;
	if (n > r->len - r->pos) {
		r->err = TDM_ERR_SHORT;
		return NULL;
	}
	if (n == 0)
		return &nothing;
	at = r->data + r->pos;
	r->pos += n;
	return at;
}

static uint64_t read_be(struct tdm_reader *r, size_t n)
{
	const uint8_t *at = tdm_reader_view(r, n);
	uint64_t v = 0;

	for (size_t i = 0; at && i < n; i++)
		v = v << BYTE_BITS | at[i];
	return v;
}

uint8_t tdm_reader_u8(struct tdm_reader *r)
{
	return (uint8_t)read_be(r, 1);
}

uint16_t tdm_reader_u16(struct tdm_reader *r)
{
	return (uint16_t)read_be(r, 2);
}

uint32_t tdm_reader_u24(struct tdm_reader *r)
{
	return (uint32_t)read_be(r, 3);
}

uint32_t tdm_reader_u32(struct tdm_reader *r)
{
	return (uint32_t)read_be(r, 4);
}

uint64_t tdm_reader_u64(struct tdm_reader *r)
{
	return read_be(r, 8);
}

void tdm_reader_copy(struct tdm_reader *r, void *out, size_t n)
{
	const uint8_t *at = tdm_reader_view(r, n);

	if (n == 0)
		return;
	if (at)
		memcpy(out, at, n);
	else
		memset(out, 0, n);
}

const uint8_t *tdm_reader_field(struct tdm_reader *r, size_t max, size_t *len)
{
	size_t n = tdm_reader_u16(r);
	const uint8_t *at;

	*len = 0;
	if (!r->err && n > max)
		r->err = TDM_ERR_TOO_LONG;
	at = tdm_reader_view(r, n);
	if (at)
		*len = n;
	return at;
}

enum tdm_err tdm_reader_finish(const struct tdm_reader *r)
{
	if (r->err)
		return r->err;
	return r->pos == r->len ? TDM_OK : TDM_ERR_MALFORMED;
}

void tdm_writer_init(struct tdm_writer *w, void *data, size_t cap)
{
	*w = (struct tdm_writer){ .data = data, .cap = cap };
}

void tdm_writer_copy(struct tdm_writer *w, const void *data, size_t n)
{
	if (w->err || n == 0)
		return;
	if (n > w->cap - w->len) {
		w->err = TDM_ERR_FULL;
		return;
	}
	memcpy(w->data + w->len, data, n);
	w->len += n;
}

static void write_be(struct tdm_writer *w, uint64_t v, size_t n)
{
	uint8_t raw[sizeof(v)];

	for (size_t i = n; i-- > 0; v >>= BYTE_BITS)
		raw[i] = (uint8_t)v;
	tdm_writer_copy(w, raw, n);
}

void tdm_writer_u8(struct tdm_writer *w, uint8_t v)
{
	write_be(w, v, 1);
}

void tdm_writer_u16(struct tdm_writer *w, uint16_t v)
{
	write_be(w, v, 2);
}

void tdm_writer_u24(struct tdm_writer *w, uint32_t v)
{
	write_be(w, v, 3);
}

void tdm_writer_u32(struct tdm_writer *w, uint32_t v)
{
	write_be(w, v, 4);
}

void tdm_writer_u64(struct tdm_writer *w, uint64_t v)
{
	write_be(w, v, 8);
}

void tdm_writer_field(struct tdm_writer *w, const void *data, size_t n)
{
	if (!w->err && n > UINT16_MAX)
		w->err = TDM_ERR_TOO_LONG;
	/* all or nothing: a length without its bytes would be a lie */
	if (!w->err && n + sizeof(uint16_t) > w->cap - w->len)
		w->err = TDM_ERR_FULL;
	tdm_writer_u16(w, (uint16_t)n);
	tdm_writer_copy(w, data, n);
}

bool tdm_bytes_equal(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < n; i++)
		diff = (uint8_t)(diff | (x[i] ^ y[i]));
	return diff == 0;
}

void tdm_bytes_wipe(void *data, size_t n)
{
	if (!data || n == 0)
		return;
	memset(data, 0, n);
	/* the barrier makes the compiler believe that the zeros are looked at */
	__asm__ __volatile__("" : : "r"(data) : "memory");
}
