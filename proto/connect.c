/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a CONNECT, refusing it, and the MTU arithmetic. */
#include "proto/connect.h"

#include <string.h>

#include "proto/bytes.h"

static const char *header_or_empty(const struct tdm_http_request *req, const char *name)
{
	const char *value = tdm_http_header(req, name);

	return value ? value : "";
}

bool tdm_connect_list_has(const char *list, const char *item)
{
	size_t want = strlen(item);

	while (*list) {
		size_t len = strcspn(list, ":");

		if (len == want && memcmp(list, item, len) == 0)
			return true;
		list += len + (list[len] == ':');
	}
	return false;
}

/* A header with a small number; 0 when absent or odd. */
static uint16_t read_u16(const struct tdm_http_request *req, const char *name)
{
	const char *text = header_or_empty(req, name);
	uint64_t v;

	if (tdm_text_parse_u64(text, strlen(text), UINT16_MAX, &v))
		return 0;
	return (uint16_t)v;
}

static void read_address_types(const char *types, struct tdm_connect_request *out)
{
	out->want_v4 = strstr(types, "IPv4") != NULL;
	out->want_v6 = strstr(types, "IPv6") != NULL;
	/* the header came late: a client without it takes IPv4 */
	if (!out->want_v4 && !out->want_v6)
		out->want_v4 = true;
}

/* The addresses it had: one header each, told apart by family. */
static void read_addresses(const struct tdm_http_request *req, struct tdm_connect_request *out)
{
	const char *text;
	size_t pos = 0;

	while ((text = tdm_http_header_next(req, "X-CSTP-Address", &pos))) {
		struct tdm_ip ip;

		if (tdm_ip_parse(text, &ip))
			continue;
		if (ip.family == 4)
			out->had_v4 = ip;
		else
			out->had_v6 = ip;
	}
}

static void read_dtls(const struct tdm_http_request *req, struct tdm_connect_request *out)
{
	const char *secret = header_or_empty(req, "X-DTLS-Master-Secret");

	out->dtls_ciphers = header_or_empty(req, "X-DTLS-CipherSuite");
	out->dtls12_ciphers = header_or_empty(req, "X-DTLS12-CipherSuite");
	out->dtls_offered = *out->dtls_ciphers || *out->dtls12_ciphers;
	out->dtls_psk = tdm_connect_list_has(out->dtls_ciphers, "PSK-NEGOTIATE");
	out->has_master_secret = tdm_hex_decode(secret, strlen(secret), out->master_secret,
					 sizeof(out->master_secret)) == TDM_OK;
	if (!out->has_master_secret)
		tdm_bytes_wipe(out->master_secret, sizeof(out->master_secret));
}

enum tdm_err tdm_connect_parse(const struct tdm_http_request *req, struct tdm_connect_request *out)
{
	const char *hostname = header_or_empty(req, "X-CSTP-Hostname");

	*out = (struct tdm_connect_request){ .user_agent = "" };
	out->dtls_ciphers = out->dtls12_ciphers = "";
	if (req->method != TDM_HTTP_CONNECT)
		return TDM_ERR_INVAL;
	if (strcmp(req->path, TDM_CONNECT_PATH) != 0)
		return TDM_ERR_NOT_FOUND;
	if (!tdm_http_cookie(req, "webvpn", &out->token, &out->token_len))
		out->token = NULL;
	out->user_agent = header_or_empty(req, "User-Agent");
	tdm_text_copy_cut(out->hostname, sizeof(out->hostname), hostname, strlen(hostname));
	out->base_mtu = read_u16(req, "X-CSTP-Base-MTU");
	out->cstp_mtu = read_u16(req, "X-CSTP-MTU");
	out->full_ipv6 =
		tdm_text_equal_nocase(header_or_empty(req, "X-CSTP-Full-IPv6-Capability"), "true");
	out->mobile = tdm_text_equal_nocase(header_or_empty(req, "X-CSTP-License"), "mobile");
	read_address_types(header_or_empty(req, "X-CSTP-Address-Type"), out);
	read_addresses(req, out);
	read_dtls(req, out);
	return TDM_OK;
}

void tdm_connect_request_deinit(struct tdm_connect_request *req)
{
	tdm_bytes_wipe(req, sizeof(*req));
}

static const struct {
	unsigned status;
	const char *text;
} refusals[TDM_REFUSAL_COUNT] = {
#define X(name, code, reason) [TDM_REFUSAL_##name] = { (code), (reason) },
	TDM_REFUSAL_LIST(X)
#undef X
};

/* What is not in the list must not end anybody's session: answer what can be tried again. */
static enum tdm_refusal known(enum tdm_refusal refusal)
{
	bool listed = (unsigned)refusal < TDM_REFUSAL_COUNT && refusals[refusal].text;

	return listed ? refusal : TDM_REFUSAL_INTERNAL;
}

unsigned tdm_refusal_status(enum tdm_refusal refusal)
{
	return refusals[known(refusal)].status;
}

const char *tdm_refusal_text(enum tdm_refusal refusal)
{
	return refusals[known(refusal)].text;
}

void tdm_connect_refuse_status(struct tdm_text *out, unsigned status, const char *reason)
{
	struct tdm_http_header header = { "X-Reason", reason };
	struct tdm_http_reply reply = {
		.status = status, .close = true, .headers = &header, .header_count = 1
	};

	tdm_http_reply_write(out, &reply);
}

void tdm_connect_refuse(struct tdm_text *out, enum tdm_refusal refusal)
{
	tdm_connect_refuse_status(out, tdm_refusal_status(refusal), tdm_refusal_text(refusal));
}

static uint32_t smaller_if_set(uint32_t a, uint32_t b)
{
	return b != 0 && b < a ? b : a;
}

struct tdm_mtu tdm_connect_mtu(const struct tdm_mtu_input *in)
{
	uint32_t udp = in->outer_v6 ? TDM_MTU_OVERHEAD_UDP6 : TDM_MTU_OVERHEAD_UDP4;
	uint32_t record = in->record_overhead ? in->record_overhead : TDM_MTU_OVERHEAD_GCM;
	uint32_t base = in->client_base;
	uint32_t link = in->configured_link ? in->configured_link : TDM_MTU_LINK_DEFAULT;
	uint32_t inner;

	if (base != 0 && base < TDM_MTU_CLIENT_BASE_MIN)
		base = TDM_MTU_CLIENT_BASE_MIN;
	link = smaller_if_set(smaller_if_set(link, base), in->path);
	link = smaller_if_set(link, TDM_MTU_LINK_MAX);
	inner = link > udp + record ? link - udp - record : 0;
	if (in->client_base == 0)
		inner = smaller_if_set(inner, in->client_cstp);
	if (in->record_max > 1)
		inner = smaller_if_set(inner, in->record_max - 1u);
	if (inner < TDM_MTU_INNER_MIN)
		inner = TDM_MTU_INNER_MIN;
	if (in->session_mtu)
		inner = in->session_mtu;
	return (struct tdm_mtu){
		.link = (uint16_t)link,
		.inner = (uint16_t)inner,
		.v6_fits = inner >= TDM_MTU_INNER_MIN_V6,
	};
}
