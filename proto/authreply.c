/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The messages of the login that go to the client. */
#include <string.h>

#include "proto/authxml.h"

static void begin(struct tdm_text *out, enum tdm_auth_dialect dialect, const char *type)
{
	tdm_text_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	if (dialect != TDM_AUTH_DIALECT_CONFIG)
		return;
	tdm_text_add(out, "<config-auth client=\"vpn\" type=\"");
	tdm_text_add(out, type);
	tdm_text_add(out, "\" aggregate-auth-version=\"2\">\n");
}

static void end(struct tdm_text *out, enum tdm_auth_dialect dialect)
{
	tdm_text_add(out, dialect == TDM_AUTH_DIALECT_CONFIG ? "</config-auth>\n" : "\n");
}

static void element(struct tdm_text *out, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	tdm_text_addf(out, "<%s>", name);
	tdm_text_xml(out, text);
	tdm_text_addf(out, "</%s>\n", name);
}

static void add_error(struct tdm_text *out, unsigned id, const char *error)
{
	if (!error || !*error)
		return;
	tdm_text_addf(out, "<error id=\"%u\" param1=\"\" param2=\"\">", id);
	tdm_text_xml(out, error);
	tdm_text_add(out, "</error>\n");
}

static void add_option(struct tdm_text *out, const struct tdm_auth_group *group, bool selected)
{
	bool has_label = group->label && *group->label;

	tdm_text_add(out, "<option value=\"");
	tdm_text_xml(out, group->name);
	tdm_text_add(out, selected ? "\" selected=\"true\">" : "\">");
	tdm_text_xml(out, has_label ? group->label : group->name);
	tdm_text_add(out, "</option>\n");
}

/* The selected group goes first: clients without "selected" take the first one. */
static void add_groups(struct tdm_text *out, const struct tdm_auth_form *form)
{
	size_t selected = 0;

	if (form->group_count < 2)
		return;
	for (size_t i = 0; form->selected_group && i < form->group_count; i++)
		if (strcmp(form->groups[i].name, form->selected_group) == 0)
			selected = i;
	tdm_text_add(out, "<select name=\"group_list\" label=\"Group:\">\n");
	add_option(out, &form->groups[selected], true);
	for (size_t i = 0; i < form->group_count; i++)
		if (i != selected)
			add_option(out, &form->groups[i], false);
	tdm_text_add(out, "</select>\n");
}

void tdm_auth_write_form(struct tdm_text *out, const struct tdm_auth_form *form)
{
	begin(out, form->dialect, "auth-request");
	tdm_text_add(out, "<auth id=\"main\">\n");
	element(out, "title", form->title);
	element(out, "message",
		form->message ? form->message : "Please enter your username and password.");
	add_error(out, form->error_id, form->error);
	tdm_text_add(out, "<form method=\"post\" action=\"");
	tdm_text_xml(out, form->action ? form->action : "/auth");
	tdm_text_add(out, "\">\n<input type=\"text\" name=\"username\" label=\"Username:\"/>\n"
			  "<input type=\"password\" name=\"password\" label=\"Password:\"/>\n");
	add_groups(out, form);
	tdm_text_add(out, "</form></auth>");
	end(out, form->dialect);
}

/* What Cisco's client looks for beside the token; others ignore it. */
static void add_private_config(struct tdm_text *out, const char *cert_sha1)
{
	tdm_text_add(
		out, "<capabilities><crypto-supported>ssl-dhe</crypto-supported></capabilities>\n");
	if (!cert_sha1 || !*cert_sha1)
		return;
	tdm_text_add(out, "<config client=\"vpn\" type=\"private\"><vpn-base-config>\n");
	element(out, "server-cert-hash", cert_sha1);
	tdm_text_add(out, "</vpn-base-config><opaque is-for=\"vpn-client\"/></config>\n");
}

void tdm_auth_write_complete(struct tdm_text *out, const struct tdm_auth_complete *complete)
{
	begin(out, complete->dialect, "complete");
	if (complete->dialect == TDM_AUTH_DIALECT_CONFIG) {
		element(out, "session-id", complete->session_id);
		element(out, "session-token", complete->session_token);
	}
	tdm_text_add(out, "<auth id=\"success\">\n");
	element(out, "banner", complete->banner);
	tdm_text_add(out, "<message id=\"0\" param1=\"\" param2=\"\"/>\n</auth>");
	if (complete->dialect == TDM_AUTH_DIALECT_CONFIG)
		add_private_config(out, complete->cert_sha1);
	end(out, complete->dialect);
}

void tdm_auth_write_refusal(
	struct tdm_text *out, enum tdm_auth_dialect dialect, unsigned error_id, const char *error)
{
	begin(out, dialect, "auth-request");
	tdm_text_add(out, "<auth id=\"main\">\n");
	add_error(out, error_id, error);
	tdm_text_add(out, "</auth>");
	end(out, dialect);
}
