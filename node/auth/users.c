/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/auth/users.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/file.h"

/* Costs what "tandemctl passwd" asks for. It is the hash of nothing: no password gives it. */
#define DECOY_HASH "$y$j9T$6dXyM3c5J8Q2pVnKf0uZs1$..........................................."

struct tdm_users {
	atomic_uint refs;
	char *text; /* the file, cut into strings */
	size_t text_len;
	struct tdm_user *items; /* sorted by name */
	size_t len, cap;
	const char *decoy;
};

struct parse {
	const char *file;
	struct tdm_diag *diag;
	struct tdm_users *users;
	unsigned line;
};

static enum tdm_err refuse(const struct parse *p, const char *what)
{
	return tdm_diag_set(p->diag, TDM_ERR_CONFIG, "%s:%u: %s", p->file, p->line, what);
}

static bool is_clean(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

static enum tdm_err add_user(struct parse *p, const struct tdm_user *user)
{
	struct tdm_users *users = p->users;

	if (users->len == TDM_USERS_MAX)
		return refuse(p, "too many users");
	if (users->len == users->cap) {
		size_t cap = users->cap ? users->cap * 2 : 64;
		struct tdm_user *grown = realloc(users->items, cap * sizeof(*grown));

		if (!grown)
			return tdm_diag_set(p->diag, TDM_ERR_NOMEM, "out of memory");
		users->items = grown;
		users->cap = cap;
	}
	if (users->len == 0)
		users->decoy = user->hash;
	users->items[users->len++] = *user;
	return TDM_OK;
}

/* Cut "name:hash[:group]" in place. What is wrong is told without showing the line: it holds a
 * hash, or a password that somebody put there by mistake. */
static enum tdm_err parse_line(struct parse *p, char *line)
{
	struct tdm_user user = { .name = line, .group = "", .line = p->line };
	char *hash = strchr(line, ':');
	char *group;

	if (!hash)
		return refuse(p, "no ':' in this line; write name:hash or name:hash:group");
	*hash++ = '\0';
	group = strchr(hash, ':');
	if (group) {
		*group++ = '\0';
		user.group = group;
		if (strchr(group, ':'))
			return refuse(p, "too many ':' in this line; write name:hash:group");
		if (strlen(group) >= TDM_NAME_MAX || !is_clean(group))
			return refuse(p, "the group is not a name, or too long");
	}
	user.hash = hash;
	if (!user.name[0] || strlen(user.name) >= TDM_USER_MAX)
		return refuse(p, "the user name is empty or too long");
	if (!is_clean(user.name))
		return refuse(p, "the user name has control characters");
	if (!tdm_hash_is_valid(hash))
		return refuse(p, "the hash is not a whole yescrypt, bcrypt or SHA-512 hash; "
				 "make the line with: tandemctl passwd NAME");
	return add_user(p, &user);
}

static enum tdm_err parse_text(struct parse *p)
{
	char *line = p->users->text;
	char *end = line + p->users->text_len;

	while (line < end) {
		char *stop = memchr(line, '\n', (size_t)(end - line));
		enum tdm_err err = TDM_OK;
		size_t len;

		if (!stop)
			stop = end; /* there is a NUL behind the text */
		*stop = '\0';
		p->line++;
		len = strlen(line);
		if (len != (size_t)(stop - line))
			return refuse(p, "NUL characters are not allowed");
		while (len && strchr(" \t\r", line[len - 1]))
			line[--len] = '\0';
		if (len && line[0] != '#')
			err = parse_line(p, line);
		if (err)
			return err;
		line = stop + 1;
	}
	return TDM_OK;
}

static int compare_users(const void *a, const void *b)
{
	const struct tdm_user *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

static enum tdm_err sort_users(struct parse *p)
{
	struct tdm_users *users = p->users;

	if (users->len)
		qsort(users->items, users->len, sizeof(users->items[0]), compare_users);
	for (size_t i = 1; i < users->len; i++)
		if (!strcmp(users->items[i - 1].name, users->items[i].name)) {
			char what[80];

			p->line = users->items[i].line;
			snprintf(what, sizeof(what),
				"this user is in line %u already; keep one of the two",
				users->items[i - 1].line);
			return refuse(p, what);
		}
	return TDM_OK;
}

enum tdm_err tdm_users_parse(const char *file, const void *data, size_t len, struct tdm_users **out,
	struct tdm_diag *diag)
{
	struct parse p = { .file = file, .diag = diag };
	enum tdm_err err;

	if (len > TDM_USERS_FILE_MAX)
		return tdm_diag_set(diag, TDM_ERR_CONFIG, "%s: larger than %d MiB", file,
			TDM_USERS_FILE_MAX >> 20);
	p.users = calloc(1, sizeof(*p.users));
	if (!p.users)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	atomic_init(&p.users->refs, 1);
	p.users->decoy = DECOY_HASH;
	p.users->text = calloc(1, len + 1);
	if (!p.users->text) {
		tdm_users_unref(p.users);
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "out of memory");
	}
	p.users->text_len = len;
	if (len)
		memcpy(p.users->text, data, len);
	err = parse_text(&p);
	if (!err)
		err = sort_users(&p);
	if (err) {
		tdm_users_unref(p.users);
		return err;
	}
	*out = p.users;
	return TDM_OK;
}

struct tdm_users *tdm_users_ref(struct tdm_users *users)
{
	atomic_fetch_add(&users->refs, 1);
	return users;
}

void tdm_users_unref(struct tdm_users *users)
{
	if (!users || atomic_fetch_sub(&users->refs, 1) != 1)
		return;
	if (users->text)
		explicit_bzero(users->text, users->text_len);
	free(users->text);
	free(users->items);
	free(users);
}

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, ((const struct tdm_user *)item)->name);
}

const struct tdm_user *tdm_users_find(const struct tdm_users *users, const char *name)
{
	if (!users->len)
		return NULL;
	return bsearch(name, users->items, users->len, sizeof(users->items[0]), compare_name);
}

size_t tdm_users_count(const struct tdm_users *users)
{
	return users->len;
}

const struct tdm_user *tdm_users_at(const struct tdm_users *users, size_t at)
{
	return at < users->len ? &users->items[at] : NULL;
}

const char *tdm_users_decoy(const struct tdm_users *users)
{
	return users->decoy;
}

enum tdm_err tdm_users_load(const char *path, struct tdm_users **out, struct tdm_diag *diag)
{
	enum tdm_err err;
	char why[128];
	char *data;
	size_t len;

	err = tdm_file_read(path, TDM_USERS_FILE_MAX, &data, &len, why);
	if (err)
		return tdm_diag_set(diag, err, "%s: cannot read the users file: %s", path, why);
	err = tdm_users_parse(path, data, len, out, diag);
	explicit_bzero(data, len);
	free(data);
	return err;
}
