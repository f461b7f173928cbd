/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/request.h"

#include <string.h>

#include "proto/bytes.h"
#include "proto/connect.h"

enum { PAD_TO = 64, BODY_MAX = 8 * 1024 };

#define USER_AGENT "Open AnyConnect VPN Agent v9.01 (tandem-load)"
#define XML_HEAD   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define ABOUT_ME   "<version who=\"vpn\">v9.01</version><device-id>linux-64</device-id>"

static void write_common(struct tdm_text *out, const struct tdm_load_request *req)
{
	tdm_text_addf(out, "Host: %s\r\nUser-Agent: " USER_AGENT "\r\n", req->host);
	if (req->cookies[0])
		tdm_text_addf(out, "Cookie: %s\r\n", req->cookies);
}

/* Clients fill up to a multiple of 64 bytes, so that the length of a password does not show. */
static void write_post(struct tdm_text *out, const struct tdm_load_request *req, const char *path,
	const struct tdm_text *body)
{
	static const char zeros[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	size_t pad = PAD_TO - body->len % PAD_TO;

	tdm_text_addf(out, "POST %s HTTP/1.1\r\n", path);
	write_common(out, req);
	tdm_text_addf(out,
		"Accept: */*\r\nAccept-Encoding: identity\r\nX-Transcend-Version: 1\r\n"
		"X-Aggregate-Auth: 1\r\nX-Pad: %.*s\r\n"
		"Content-Type: application/xml; charset=utf-8\r\nContent-Length: %zu\r\n\r\n",
		(int)pad, zeros, body->len);
	tdm_text_add_len(out, body->buf, body->len);
	out->overflow |= body->overflow;
}

static void add_element(struct tdm_text *body, const char *name, const char *value)
{
	tdm_text_addf(body, "<%s>", name);
	tdm_text_xml(body, value);
	tdm_text_addf(body, "</%s>", name);
}

void tdm_load_write_init(struct tdm_text *out, const struct tdm_load_request *req, const char *path,
	const char *group)
{
	char buf[BODY_MAX];
	struct tdm_text body;

	tdm_text_init(&body, buf, sizeof(buf));
	tdm_text_add(&body, XML_HEAD
		"<config-auth client=\"vpn\" type=\"init\" aggregate-auth-version=\"2\">" ABOUT_ME);
	tdm_text_addf(&body, "<group-access>https://%s%s</group-access>", req->host, path);
	if (group)
		add_element(&body, "group-select", group);
	tdm_text_add(&body, "</config-auth>\n");
	write_post(out, req, path, &body);
}

/* The first text field that asks for a user gets the name, other text fields stay empty. */
static void add_input(struct tdm_text *body, const struct tdm_load_answer *answer,
	const struct tdm_load_input *input)
{
	const char *value = "";

	if (input->kind == TDM_LOAD_INPUT_PASSWORD)
		value = answer->password;
	else if (input->kind == TDM_LOAD_INPUT_HIDDEN)
		value = input->value;
	else if (tdm_text_prefix_nocase(input->name, "user") ||
		 tdm_text_prefix_nocase(input->name, "uname"))
		value = answer->user;
	add_element(body, input->name, value);
}

/* A name of the form becomes an element of ours, so it must be one. */
static bool is_element_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

	return name[0] && strspn(name, allowed) == strlen(name) &&
	       strspn(name, "0123456789-.") == 0;
}

void tdm_load_write_answer(struct tdm_text *out, const struct tdm_load_request *req,
	const struct tdm_load_answer *answer)
{
	const struct tdm_load_form *form = answer->form;
	char buf[BODY_MAX];
	struct tdm_text body;

	tdm_text_init(&body, buf, sizeof(buf));
	tdm_text_add(&body, XML_HEAD "<config-auth client=\"vpn\" type=\"auth-reply\" "
				     "aggregate-auth-version=\"2\">" ABOUT_ME);
	tdm_text_add_len(&body, answer->xml + form->opaque_at, form->opaque_len);
	tdm_text_add(&body, "<auth>");
	for (size_t i = 0; i < form->input_count; i++)
		if (is_element_name(form->inputs[i].name))
			add_input(&body, answer, &form->inputs[i]);
	tdm_text_add(&body, "</auth>");
	if (answer->group)
		add_element(&body, "group-select", answer->group);
	tdm_text_add(&body, "</config-auth>\n");
	write_post(out, req, form->action, &body);
	tdm_bytes_wipe(buf, sizeof(buf));
}

bool tdm_load_form_wants_password(const struct tdm_load_form *form)
{
	for (size_t i = 0; i < form->input_count; i++)
		if (form->inputs[i].kind == TDM_LOAD_INPUT_PASSWORD)
			return true;
	return false;
}

void tdm_load_write_connect(struct tdm_text *out, const struct tdm_load_request *req,
	const char *token, const char *address)
{
	tdm_text_addf(out, "CONNECT %s HTTP/1.1\r\n", TDM_CONNECT_PATH);
	write_common(out, &(struct tdm_load_request){ .host = req->host, .cookies = "" });
	tdm_text_addf(out,
		"Cookie: webvpn=%s\r\nX-CSTP-Version: 1\r\nX-CSTP-Hostname: tandem-load\r\n"
		"X-CSTP-Base-MTU: 1500\r\nX-CSTP-MTU: 1390\r\nX-CSTP-Address-Type: IPv4\r\n",
		token);
	if (address[0])
		tdm_text_addf(out, "X-CSTP-Address: %s\r\n", address);
	tdm_text_add(out, "\r\n");
}
