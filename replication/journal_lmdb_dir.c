/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replication/journal_lmdb_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DIRECTORY_MODE = 0700, MS_PER_S = 1000, TIME_MAX = 32, TRIES = 100 };

enum tdm_err tdm_journal_errno(int error)
{
	return error == ENOSPC || error == EDQUOT ? TDM_ERR_FULL : TDM_ERR_IO;
}

static enum tdm_err fail(struct tdm_diag *diag, const char *what, const char *path)
{
	return tdm_diag_set(diag, tdm_journal_errno(errno), "journal: cannot %s %s: %s", what, path,
		strerror(errno));
}

/* The name of a new or renamed thing is in its parent. */
static enum tdm_err sync_parent(const char *path, struct tdm_diag *diag)
{
	char parent[TDM_JOURNAL_PATH_MAX], *slash;
	enum tdm_err err = TDM_OK;
	int fd;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash)
		snprintf(parent, sizeof(parent), ".");
	else
		slash[slash == parent] = '\0';
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		err = fail(diag, "sync", parent);
	if (fd >= 0)
		close(fd);
	return err;
}

enum tdm_err tdm_journal_dir_open(const char *directory, int *fd, struct tdm_diag *diag)
{
	bool made = mkdir(directory, DIRECTORY_MODE) == 0;

	if (!made && errno != EEXIST)
		return fail(diag, "make directory", directory);
	if (made) {
		enum tdm_err err = sync_parent(directory, diag);

		if (err)
			return err;
	}
	*fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return fail(diag, "open", directory);
	if (!flock(*fd, LOCK_EX | LOCK_NB))
		return TDM_OK;
	if (errno == EWOULDBLOCK)
		(void)tdm_diag_set(diag, TDM_ERR_EXISTS,
			"journal: %s is in use by another process; one daemon may use it",
			directory);
	else
		(void)fail(diag, "lock", directory);
	close(*fd);
	*fd = -1;
	return diag->code;
}

static void time_text(tdm_wall wall, char out[TIME_MAX])
{
	time_t t = (time_t)(wall / MS_PER_S);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, TIME_MAX, "%Y%m%dT%H%M%SZ", &tm))
		snprintf(out, TIME_MAX, "unknown");
}

/* A name behind path that is free; false when there is none. */
static bool free_name(const char *path, tdm_wall wall, char to[TDM_JOURNAL_PATH_MAX])
{
	char when[TIME_MAX];
	struct stat st;

	time_text(wall, when);
	for (int i = 1; i <= TRIES; i++) {
		char more[TIME_MAX] = "";
		int n;

		if (i > 1)
			snprintf(more, sizeof(more), "-%d", i);
		n = snprintf(to, TDM_JOURNAL_PATH_MAX, "%s.bad-%s%s", path, when, more);
		if (n < 0 || n >= TDM_JOURNAL_PATH_MAX)
			break;
		if (lstat(to, &st))
			return true;
	}
	errno = EEXIST;
	return false;
}

/* Where the directory has to stay (a mount point, or its parent is not ours) only the file goes. */
static enum tdm_err file_aside(const char *directory, tdm_wall wall, int fd,
	char to[TDM_JOURNAL_PATH_MAX], struct tdm_diag *diag)
{
	char path[TDM_JOURNAL_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/" TDM_JOURNAL_FILE, directory);

	if (n < 0 || (size_t)n >= sizeof(path) || !free_name(path, wall, to) || rename(path, to))
		return fail(diag, "put aside", directory);
	return fsync(fd) ? fail(diag, "sync", directory) : TDM_OK;
}

enum tdm_err tdm_journal_dir_aside(const char *directory, tdm_wall wall, int *fd,
	char to[TDM_JOURNAL_PATH_MAX], struct tdm_diag *diag)
{
	char path[TDM_JOURNAL_PATH_MAX];
	size_t len = strlen(directory);

	while (len > 1 && directory[len - 1] == '/')
		len--;
	snprintf(path, sizeof(path), "%.*s", (int)len, directory);
	if (!free_name(path, wall, to) || rename(path, to))
		return file_aside(path, wall, *fd, to, diag);
	close(*fd);
	return tdm_journal_dir_open(path, fd, diag);
}
