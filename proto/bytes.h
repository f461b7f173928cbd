/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading and writing big-endian bytes with a sticky error: the first failure is kept, every later
 * call is a no-op that yields zeros, and the caller asks once at the end. Nothing here ever touches
 * memory outside the buffer it was given.
 */
#pragma once

#include "proto/err.h"
#include "proto/types.h"

struct tdm_reader {
	const uint8_t *data; /* borrowed */
	size_t len;
	size_t pos;
	enum tdm_err err; /* TDM_OK, TDM_ERR_SHORT or TDM_ERR_TOO_LONG */
};

void tdm_reader_init(struct tdm_reader *r, const void *data, size_t len);
/* Bytes not read yet; 0 after an error. */
size_t tdm_reader_left(const struct tdm_reader *r);
uint8_t tdm_reader_u8(struct tdm_reader *r);
uint16_t tdm_reader_u16(struct tdm_reader *r);
uint32_t tdm_reader_u24(struct tdm_reader *r);
uint32_t tdm_reader_u32(struct tdm_reader *r);
uint64_t tdm_reader_u64(struct tdm_reader *r);
/* The next n bytes inside the input, NULL on error (also when n is 0 after an error). */
const uint8_t *tdm_reader_view(struct tdm_reader *r, size_t n);
/* Copy n bytes; out is all zeros on error. */
void tdm_reader_copy(struct tdm_reader *r, void *out, size_t n);
/* A field with a 16-bit length in front. Longer than max: TDM_ERR_TOO_LONG. NULL on error;
 * *len is always set. */
const uint8_t *tdm_reader_field(struct tdm_reader *r, size_t max, size_t *len);
/* TDM_OK, the first error, or TDM_ERR_MALFORMED when bytes are left over. */
enum tdm_err tdm_reader_finish(const struct tdm_reader *r) TDM_MUST_USE;

struct tdm_writer {
	uint8_t *data; /* borrowed */
	size_t cap;
	size_t len;
	enum tdm_err err; /* TDM_OK, TDM_ERR_FULL or TDM_ERR_TOO_LONG */
};

void tdm_writer_init(struct tdm_writer *w, void *data, size_t cap);
void tdm_writer_u8(struct tdm_writer *w, uint8_t v);
void tdm_writer_u16(struct tdm_writer *w, uint16_t v);
void tdm_writer_u24(struct tdm_writer *w, uint32_t v);
void tdm_writer_u32(struct tdm_writer *w, uint32_t v);
void tdm_writer_u64(struct tdm_writer *w, uint64_t v);
/* Append n bytes; data may be NULL when n is 0. */
void tdm_writer_copy(struct tdm_writer *w, const void *data, size_t n);
/* A field with a 16-bit length in front; more than 65535 bytes: TDM_ERR_TOO_LONG. */
void tdm_writer_field(struct tdm_writer *w, const void *data, size_t n);

/* Compare in time that depends on n only: for tokens, verifiers and MACs. */
bool tdm_bytes_equal(const void *a, const void *b, size_t n) TDM_MUST_USE;
/* Overwrite a secret; the compiler may not drop it. NULL with n 0 is allowed. */
void tdm_bytes_wipe(void *data, size_t n);
