/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/form.h"

#include <expat.h>
#include <string.h>

#include "proto/bytes.h"
#include "proto/text.h"

enum { TEXT_TMP_MAX = TDM_LOAD_TOKEN_MAX };

struct parse {
	XML_Parser xml;
	struct tdm_load_form *form;
	enum tdm_err err;
	unsigned depth;
	bool in_groups;     /* inside <select name="group_list"> */
	bool collect;       /* text of the open element is wanted */
	bool text_overflow; /* more than fits in text */
	size_t text_len;
	char text[TEXT_TMP_MAX]; /* may be the token */
};

static void fail(struct parse *p, enum tdm_err err)
{
	if (!p->err)
		p->err = err;
	XML_StopParser(p->xml, XML_FALSE);
}

static const char *attr(const char **attrs, const char *name)
{
	for (; *attrs; attrs += 2)
		if (!strcmp(attrs[0], name))
			return attrs[1];
	return NULL;
}

static void copy(struct parse *p, char *out, size_t cap, const char *s)
{
	if (tdm_text_copy(out, cap, s, strlen(s)))
		fail(p, TDM_ERR_TOO_LONG);
}

/* An absolute path, a relative one, or a whole URL of which only the path counts. */
static void set_action(struct parse *p, const char *action)
{
	struct tdm_text path;
	const char *scheme = strstr(action, "://");

	if (scheme) {
		action = strchr(scheme + 3, '/');
		action = action ? action : "/";
	}
	tdm_text_init(&path, p->form->action, sizeof(p->form->action));
	if (*action != '/')
		tdm_text_char(&path, '/');
	tdm_text_add(&path, action);
	if (!tdm_text_ok(&path))
		fail(p, TDM_ERR_TOO_LONG);
	for (const char *c = p->form->action; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			fail(p, TDM_ERR_MALFORMED);
}

static void add_input(struct parse *p, const char **attrs)
{
	static const char *const kinds[] = { "text", "password", "hidden" };
	const char *type = attr(attrs, "type");
	const char *name = attr(attrs, "name");
	const char *value = attr(attrs, "value");
	struct tdm_load_input *in;
	size_t kind = 0;

	if (!type || !name)
		return;
	while (kind < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[kind], type) != 0)
		kind++;
	if (kind == sizeof(kinds) / sizeof(kinds[0]))
		return;
	if (p->form->input_count == TDM_LOAD_FORM_INPUTS_MAX) {
		fail(p, TDM_ERR_TOO_LONG);
		return;
	}
	in = &p->form->inputs[p->form->input_count++];
	in->kind = (enum tdm_load_input_kind)kind;
	copy(p, in->name, sizeof(in->name), name);
	copy(p, in->value, sizeof(in->value), value ? value : "");
}

static void add_group(struct parse *p, const char **attrs)
{
	const char *value = attr(attrs, "value");
	const char *selected = attr(attrs, "selected");
	struct tdm_load_group *group;

	if (p->form->group_count == TDM_LOAD_FORM_GROUPS_MAX) {
		fail(p, TDM_ERR_TOO_LONG);
		return;
	}
	group = &p->form->groups[p->form->group_count++];
	group->selected = selected && !strcmp(selected, "true");
	copy(p, group->value, sizeof(group->value), value ? value : "");
	p->collect = true;
}

static void on_start(void *user, const char *name, const char **attrs)
{
	struct parse *p = user;
	const char *v;

	if (++p->depth > TDM_LOAD_FORM_DEPTH_MAX) {
		fail(p, TDM_ERR_TOO_LONG);
		return;
	}
	p->collect = false;
	p->text_overflow = false;
	p->text_len = 0;
	if (!strcmp(name, "auth")) {
		v = attr(attrs, "id");
		p->form->success = v && !strcmp(v, "success");
	} else if (!strcmp(name, "form")) {
		v = attr(attrs, "action");
		p->form->has_form = true;
		set_action(p, v ? v : "/");
	} else if (!strcmp(name, "input")) {
		add_input(p, attrs);
	} else if (!strcmp(name, "select")) {
		v = attr(attrs, "name");
		p->in_groups = v && !strcmp(v, "group_list");
	} else if (!strcmp(name, "option") && p->in_groups) {
		add_group(p, attrs);
	} else if (!strcmp(name, "opaque") && !p->form->opaque_len) {
		p->form->opaque_at = (size_t)XML_GetCurrentByteIndex(p->xml);
	} else if (!strcmp(name, "session-token") || !strcmp(name, "error")) {
		p->collect = true;
	}
}

static void on_text(void *user, const char *s, int len)
{
	struct parse *p = user;
	size_t n = (size_t)len;

	if (!p->collect)
		return;
	if (n >= sizeof(p->text) - p->text_len) {
		p->text_overflow = true;
		return;
	}
	memcpy(p->text + p->text_len, s, n);
	p->text_len += n;
}

static void end_option(struct parse *p)
{
	struct tdm_load_group *group = &p->form->groups[p->form->group_count - 1];

	copy(p, group->label, sizeof(group->label), p->text);
	if (group->value[0] == '\0')
		copy(p, group->value, sizeof(group->value), p->text);
}

static void on_end(void *user, const char *name)
{
	struct parse *p = user;
	struct tdm_load_form *f = p->form;

	p->depth--;
	p->text[p->text_len] = '\0';
	if (!strcmp(name, "select")) {
		p->in_groups = false;
	} else if (!strcmp(name, "opaque") && f->opaque_at) {
		f->opaque_len = (size_t)XML_GetCurrentByteIndex(p->xml) +
				(size_t)XML_GetCurrentByteCount(p->xml) - f->opaque_at;
	} else if (p->collect) {
		p->collect = false;
		if (!strcmp(name, "session-token")) {
			if (p->text_overflow)
				fail(p, TDM_ERR_TOO_LONG);
			copy(p, f->token, sizeof(f->token), p->text);
		} else if (!strcmp(name, "error")) {
			f->has_error = true;
			tdm_text_copy_cut(f->error, sizeof(f->error), p->text, p->text_len);
		} else if (!strcmp(name, "option")) {
			end_option(p);
		}
	}
}

static void on_doctype(
	void *user, const char *name, const char *sysid, const char *pubid, int has_subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_subset;
	fail(user, TDM_ERR_UNSUPPORTED);
}

enum tdm_err tdm_load_form_parse(const char *xml, size_t len, struct tdm_load_form *out)
{
	struct parse p = { .form = out };

	memset(out, 0, sizeof(*out));
	strcpy(out->action, "/");
	if (len > INT32_MAX)
		return TDM_ERR_TOO_LONG;
	p.xml = XML_ParserCreate(NULL);
	if (!p.xml)
		return TDM_ERR_NOMEM;
	XML_SetUserData(p.xml, &p);
	XML_SetElementHandler(p.xml, on_start, on_end);
	XML_SetCharacterDataHandler(p.xml, on_text);
	XML_SetStartDoctypeDeclHandler(p.xml, on_doctype);
	if (XML_Parse(p.xml, xml, (int)len, 1) != XML_STATUS_OK && !p.err)
		p.err = TDM_ERR_MALFORMED;
	XML_ParserFree(p.xml);
	tdm_bytes_wipe(p.text, sizeof(p.text));
	return p.err;
}

const struct tdm_load_group *tdm_load_form_group(const struct tdm_load_form *form, const char *wish)
{
	for (size_t i = 0; i < form->group_count; i++) {
		const struct tdm_load_group *g = &form->groups[i];

		if (wish ? !strcmp(g->label, wish) || !strcmp(g->value, wish) : g->selected)
			return g;
	}
	return wish || form->group_count == 0 ? NULL : &form->groups[0];
}
