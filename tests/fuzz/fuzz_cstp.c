/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames, goodbyes and inner packets: nothing is read outside the record. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proto/cstp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_frame(const struct tdm_cstp_frame *f)
{
	struct tdm_cstp_bye bye;
	struct tdm_ip src, dst;

	assert(tdm_cstp_type_name(f->type));
	if (f->type == TDM_CSTP_DISCONNECT) {
		tdm_cstp_parse_bye(f->payload, f->len, &bye);
		for (const char *s = bye.text; *s; s++)
			assert((unsigned char)*s >= ' ' && *s != '\x7f');
	}
	if (f->type == TDM_CSTP_DATA && !tdm_packet_addrs(f->payload, f->len, &src, &dst))
		assert(src.family == dst.family && (src.family == 4 || src.family == 6));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t header[TDM_CSTP_HEADER_LEN];
	struct tdm_cstp_frame f;

	if (!tdm_cstp_parse_header(data, size, &f)) {
		assert(f.payload + f.len == data + size);
		tdm_cstp_write_header(header, f.type, f.len);
		assert(memcmp(header, data, sizeof(header)) == 0);
		use_frame(&f);
	}
	if (!tdm_dtls_parse_header(data, size, &f)) {
		assert(f.payload + f.len == data + size);
		use_frame(&f);
	}
	return 0;
}
