/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "proto/bytes.h"
#include "tools/load/form.h"
#include "tools/load/jar.h"

static enum tdm_err add(struct tdm_load_tokens *t, const char *line)
{
	char **bigger = realloc(t->items, (t->count + 1) * sizeof(*t->items));

	if (!bigger)
		return TDM_ERR_NOMEM;
	t->items = bigger;
	t->items[t->count] = strdup(line);
	if (!t->items[t->count])
		return TDM_ERR_NOMEM;
	t->count++;
	return TDM_OK;
}

static enum tdm_err read_lines(
	FILE *f, const char *path, struct tdm_load_tokens *out, struct tdm_diag *diag)
{
	char line[TDM_LOAD_TOKEN_MAX + 1];
	enum tdm_err err = TDM_OK;

	for (size_t number = 1; !err && fgets(line, sizeof(line), f); number++) {
		size_t len = strcspn(line, "\r\n");

		if (line[len] == '\0' && !feof(f))
			err = TDM_ERR_TOO_LONG;
		line[len] = '\0';
		if (!err && !tdm_load_cookie_value_ok(line, len))
			err = TDM_ERR_MALFORMED;
		if (err)
			(void)tdm_diag_set(diag, err, "%s:%zu: this line is not a session token",
				path, number);
		else if (len > 0)
			err = add(out, line);
	}
	tdm_bytes_wipe(line, sizeof(line));
	if (!err && ferror(f))
		err = tdm_diag_set(diag, TDM_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
	if (!err && out->count == 0)
		err = tdm_diag_set(diag, TDM_ERR_NOT_FOUND, "%s: no token in this file", path);
	if (err == TDM_ERR_NOMEM)
		(void)tdm_diag_set(diag, err, "%s: out of memory", path);
	return err;
}

enum tdm_err tdm_load_tokens_read(
	const char *path, struct tdm_load_tokens *out, struct tdm_diag *diag)
{
	FILE *f = fopen(path, "re");
	enum tdm_err err;

	*out = (struct tdm_load_tokens){ 0 };
	if (!f)
		return tdm_diag_set(diag, TDM_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
	err = read_lines(f, path, out, diag);
	(void)fclose(f);
	if (err)
		tdm_load_tokens_free(out);
	return err;
}

void tdm_load_tokens_free(struct tdm_load_tokens *tokens)
{
	for (size_t i = 0; i < tokens->count; i++) {
		tdm_bytes_wipe(tokens->items[i], strlen(tokens->items[i]));
		free(tokens->items[i]);
	}
	free(tokens->items);
	*tokens = (struct tdm_load_tokens){ 0 };
}

enum tdm_err tdm_load_tokens_open(const char *path, int *fd, struct tdm_diag *diag)
{
	*fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return tdm_diag_set(
			diag, TDM_ERR_IO, "%s: cannot open for writing: %s", path, strerror(errno));
	return TDM_OK;
}

enum tdm_err tdm_load_tokens_append(int fd, const char *token)
{
	char line[TDM_LOAD_TOKEN_MAX + 1];
	int len = snprintf(line, sizeof(line), "%s\n", token);
	ssize_t written = write(fd, line, (size_t)len);

	tdm_bytes_wipe(line, sizeof(line));
	return written == len ? TDM_OK : TDM_ERR_IO;
}

enum tdm_err tdm_load_read_secret(const char *path, char *out, size_t cap, struct tdm_diag *diag)
{
	bool standard = !strcmp(path, "-");
	FILE *f = standard ? stdin : fopen(path, "re");
	enum tdm_err err = TDM_OK;
	size_t len;

	if (!f)
		return tdm_diag_set(diag, TDM_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
	if (!fgets(out, (int)cap, f))
		err = tdm_diag_set(diag, TDM_ERR_NOT_FOUND,
			"%s: empty, the password is expected in its first line", path);
	if (!standard)
		(void)fclose(f);
	if (err)
		return err;
	len = strcspn(out, "\r\n");
	if (len + 1 == cap)
		return tdm_diag_set(diag, TDM_ERR_TOO_LONG, "%s: its first line is longer than %zu",
			path, cap - 2);
	out[len] = '\0';
	return TDM_OK;
}
