/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests: the first byte says in what pieces the rest arrives. However it is cut, the result is
 * the same, bounded, and the bytes behind a request stay there.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/authxml.h"
#include "proto/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum tdm_err feed(
	struct tdm_http_parser *p, const uint8_t *data, size_t size, size_t step, size_t *consumed)
{
	enum tdm_err err = TDM_OK;

	*consumed = 0;
	while (!err && !p->complete && *consumed < size) {
		size_t n = size - *consumed < step ? size - *consumed : step, used;
		uint8_t *piece = malloc(n);

		if (!piece)
			abort();
		memcpy(piece, data + *consumed, n);
		err = tdm_http_parser_feed(p, piece, n, &used);
		free(piece);
		assert(used <= n && (err || p->complete || used == n));
		*consumed += used;
	}
	return err;
}

static void check_request(const struct tdm_http_request *req)
{
	struct tdm_auth_request auth;
	const char *value;
	size_t len;

	assert(req->header_count <= TDM_HTTP_HEADERS_MAX && req->body_len <= TDM_HTTP_BODY_MAX);
	assert(strlen(req->path) < TDM_HTTP_PATH_MAX && strlen(req->query) < TDM_HTTP_PATH_MAX);
	assert(req->path[0] == '/' || strcmp(req->path, "*") == 0);
	assert(req->body[req->body_len] == '\0');
	for (size_t i = 0; i < req->header_count; i++) {
		assert(req->headers[i].name[0]);
		assert(!strpbrk(req->headers[i].value, "\r\n"));
		assert(tdm_http_header(req, req->headers[i].name));
	}
	if (tdm_http_cookie(req, "webvpn", &value, &len))
		assert(!memchr(value, ';', len) && !memchr(value, '\0', len));
	(void)tdm_http_has_type(req, "text/xml");
	(void)!tdm_auth_parse(req, &auth);
	tdm_auth_request_deinit(&auth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tdm_http_parser whole, cut;
	enum tdm_err err_whole, err_cut;
	size_t used_whole, used_cut;
	size_t step;

	if (size == 0)
		return 0;
	step = 1 + (size_t)data[0];
	if (tdm_http_parser_init(&whole) || tdm_http_parser_init(&cut))
		abort();
	err_whole = feed(&whole, data + 1, size - 1, SIZE_MAX, &used_whole);
	err_cut = feed(&cut, data + 1, size - 1, step, &used_cut);
	/* with two faults in one line it depends on the cut which one is seen first */
	assert((err_whole == TDM_OK) == (err_cut == TDM_OK));
	assert(whole.complete == cut.complete);
	if (err_whole)
		assert(tdm_http_parser_status(&whole) >= 400 &&
			tdm_http_parser_status(&cut) >= 400);
	if (whole.complete) {
		assert(used_whole == used_cut);
		assert(whole.req.header_count == cut.req.header_count);
		assert(strcmp(whole.req.path, cut.req.path) == 0);
		assert(whole.req.body_len == cut.req.body_len);
		check_request(&whole.req);
		check_request(&cut.req);
	}
	tdm_http_parser_reset(&cut);
	tdm_http_parser_deinit(&whole);
	tdm_http_parser_deinit(&cut);
	return 0;
}
