/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/cstp.h"

#include <string.h>

#include "proto/text.h"

static const uint8_t magic[4] = { 'S', 'T', 'F', 1 };

static const struct {
	const char *name; /* NULL: no such type */
	bool on_dtls;
} types[] = {
	[TDM_CSTP_DATA] = { "data", true },
	[TDM_CSTP_DPD_REQUEST] = { "dpd-request", true },
	[TDM_CSTP_DPD_RESPONSE] = { "dpd-response", true },
	[TDM_CSTP_DISCONNECT] = { "disconnect", false },
	[TDM_CSTP_KEEPALIVE] = { "keepalive", true },
	[TDM_CSTP_COMPRESSED] = { "compressed", true },
	[TDM_CSTP_TERMINATE] = { "terminate", false },
};

static bool type_exists(uint8_t type)
{
	return type < sizeof(types) / sizeof(types[0]) && types[type].name;
}

enum tdm_err tdm_cstp_parse_header(
	const uint8_t *record, size_t record_len, struct tdm_cstp_frame *out)
{
	size_t len;

	*out = (struct tdm_cstp_frame){ 0 };
	if (record_len < TDM_CSTP_HEADER_LEN)
		return TDM_ERR_SHORT;
	if (memcmp(record, magic, sizeof(magic)) != 0)
		return TDM_ERR_MAGIC;
	len = (size_t)record[4] << 8 | record[5];
	if (len != record_len - TDM_CSTP_HEADER_LEN || record[7] != 0)
		return TDM_ERR_MALFORMED;
	out->type = record[6];
	out->len = (uint16_t)len;
	out->payload = record + TDM_CSTP_HEADER_LEN;
	return type_exists(out->type) ? TDM_OK : TDM_ERR_UNSUPPORTED;
}

void tdm_cstp_write_header(
	uint8_t out[TDM_CSTP_HEADER_LEN], enum tdm_cstp_type type, uint16_t payload_len)
{
	memcpy(out, magic, sizeof(magic));
	out[4] = (uint8_t)(payload_len >> 8);
	out[5] = (uint8_t)payload_len;
	out[6] = (uint8_t)type;
	out[7] = 0;
}

enum tdm_err tdm_dtls_parse_header(
	const uint8_t *record, size_t record_len, struct tdm_cstp_frame *out)
{
	*out = (struct tdm_cstp_frame){ 0 };
	if (record_len < TDM_DTLS_HEADER_LEN)
		return TDM_ERR_SHORT;
	if (record_len > TDM_CSTP_RECORD_MAX)
		return TDM_ERR_TOO_LONG;
	out->type = record[0];
	out->len = (uint16_t)(record_len - TDM_DTLS_HEADER_LEN);
	out->payload = record + TDM_DTLS_HEADER_LEN;
	if (!type_exists(out->type) || !types[out->type].on_dtls)
		return TDM_ERR_UNSUPPORTED;
	return TDM_OK;
}

const char *tdm_cstp_type_name(uint8_t type)
{
	return type_exists(type) ? types[type].name : "unknown";
}

void tdm_cstp_parse_bye(const uint8_t *payload, size_t len, struct tdm_cstp_bye *out)
{
	*out = (struct tdm_cstp_bye){ 0 };
	if (len == 0)
		return;
	out->has_reason = true;
	out->reason = payload[0];
	out->logoff = out->reason == TDM_CSTP_BYE_LOGOFF;
	tdm_text_safe((const char *)payload + 1, len - 1, out->text, sizeof(out->text));
}

enum {
	V4_HEADER_MIN = 20,
	V4_SRC = 12,
	V4_DST = 16,
	V4_ADDR = 4,
	V6_HEADER = 40,
	V6_SRC = 8,
	V6_DST = 24,
	V6_ADDR = 16,
};

static void take_addr(struct tdm_ip *out, uint8_t family, const uint8_t *at, size_t len)
{
	*out = (struct tdm_ip){ .family = family };
	memcpy(out->addr, at, len);
}

static enum tdm_err addrs_v4(const uint8_t *pkt, size_t len, struct tdm_ip *src, struct tdm_ip *dst)
{
	size_t header, total;

	if (len < V4_HEADER_MIN)
		return TDM_ERR_SHORT;
	header = (size_t)(pkt[0] & 0xf) * 4;
	total = (size_t)pkt[2] << 8 | pkt[3];
	if (header < V4_HEADER_MIN || total < header)
		return TDM_ERR_MALFORMED;
	if (total > len)
		return TDM_ERR_SHORT;
	take_addr(src, 4, pkt + V4_SRC, V4_ADDR);
	take_addr(dst, 4, pkt + V4_DST, V4_ADDR);
	return TDM_OK;
}

static enum tdm_err addrs_v6(const uint8_t *pkt, size_t len, struct tdm_ip *src, struct tdm_ip *dst)
{
	if (len < V6_HEADER)
		return TDM_ERR_SHORT;
	if (((size_t)pkt[4] << 8 | pkt[5]) > len - V6_HEADER)
		return TDM_ERR_SHORT;
	take_addr(src, 6, pkt + V6_SRC, V6_ADDR);
	take_addr(dst, 6, pkt + V6_DST, V6_ADDR);
	return TDM_OK;
}

enum tdm_err tdm_packet_addrs(
	const uint8_t *pkt, size_t len, struct tdm_ip *src, struct tdm_ip *dst)
{
	if (len == 0)
		return TDM_ERR_SHORT;
	switch (pkt[0] >> 4) {
	case 4:
		return addrs_v4(pkt, len, src, dst);
	case 6:
		return addrs_v6(pkt, len, src, dst);
	default:
		return TDM_ERR_UNSUPPORTED;
	}
}
