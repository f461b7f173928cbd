/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CONNECT: the input is the head of a request. What is understood is put into every field of a
 * reply; the reply keeps its shape whatever the fields hold.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/connect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(const struct tdm_text *t)
{
	size_t lines = 0;

	for (size_t i = 0; i < t->len; i++) {
		unsigned char c = (unsigned char)t->buf[i];

		if (c == '\n') {
			assert(t->buf[i - 1] == '\r');
			lines++;
			/* the line behind this one is one of ours, or the end */
			assert(i + 1 == t->len || strncmp(t->buf + i + 1, "X-", 2) == 0 ||
				strncmp(t->buf + i + 1, "\r\n", 3) == 0);
		} else {
			assert(c == '\r' || (c >= ' ' && c != 0x7f));
		}
	}
	assert(lines > 10 && strstr(t->buf, "\r\n\r\n") == t->buf + t->len - 4);
}

static void reply_with(const struct tdm_connect_request *req, const char *text)
{
	static char buf[64 * 1024 * 3];
	const char *const items[] = { text, req->hostname, req->user_agent };
	struct tdm_connect_list list = { items, 3 };
	struct tdm_connect_dtls dtls = { .port = req->base_mtu,
		.app_id = text,
		.ciphersuite = req->dtls_ciphers,
		.dpd_s = req->cstp_mtu };
	struct tdm_connect_reply reply = { .hostname = req->hostname,
		.v4_addr = text,
		.v4_mask = text,
		.v6_prefix = text,
		.full_ipv6 = req->full_ipv6,
		.dns = list,
		.nbns = list,
		.split_dns = list,
		.default_domain = text,
		.banner = text,
		.post_auth_xml = text,
		.mtu = 1434,
		.dpd_s = req->base_mtu,
		.dtls = req->dtls_offered ? &dtls : NULL };
	struct tdm_text t;

	tdm_text_init(&t, buf, 2048);
	(void)!tdm_connect_reply_write(&t, &reply);
	tdm_text_init(&t, buf, sizeof(buf));
	if (!tdm_connect_reply_write(&t, &reply))
		check_head(&t);
}

static void check_mtu(const struct tdm_connect_request *req)
{
	struct tdm_mtu_input in = { .client_base = req->base_mtu,
		.client_cstp = req->cstp_mtu,
		.outer_v6 = req->had_v6.family == 6 };
	struct tdm_mtu mtu = tdm_connect_mtu(&in);

	assert(mtu.inner >= TDM_MTU_INNER_MIN && mtu.inner < mtu.link);
	assert(mtu.link <= TDM_MTU_LINK_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tdm_http_parser parser;
	struct tdm_connect_request req;
	size_t used;

	if (tdm_http_parser_init(&parser))
		abort();
	if (!tdm_http_parser_feed(&parser, data, size, &used) && parser.complete &&
		!tdm_connect_parse(&parser.req, &req)) {
		char *text = malloc(size + 1);

		if (!text)
			abort();
		memcpy(text, data, size);
		text[size] = '\0';
		assert(!req.token || !memchr(req.token, '\n', req.token_len));
		check_mtu(&req);
		reply_with(&req, text);
		free(text);
		tdm_connect_request_deinit(&req);
	}
	tdm_http_parser_deinit(&parser);
	return 0;
}
