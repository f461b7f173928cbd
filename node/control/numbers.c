/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two counters that must never go back. Written to a new file, synced, renamed over the old
 * one, and the directory synced: after a crash either the old or the new numbers are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/control/internal.h"

#define NUMBERS_FILE   "numbers"
#define NUMBERS_FORMAT "tandem-numbers 1\nepoch %" PRIu64 "\nindex %" PRIu64 "\n"
#define NUMBERS_SCAN   "tandem-numbers 1\nepoch %" SCNu64 "\nindex %" SCNu64 "\n"

enum { NUMBERS_TEXT_MAX = 128, DIRECTORY_MODE = 0700, FILE_MODE = 0600 };

static enum tdm_err io_error(struct tdm_diag *diag, const char *what, const char *path)
{
	return tdm_diag_set(
		diag, TDM_ERR_IO, "journal: cannot %s %s: %s", what, path, strerror(errno));
}

enum tdm_err tdm_numbers_load(const char *directory, struct tdm_numbers *out, struct tdm_diag *diag)
{
	char path[TDM_PATH_MAX + sizeof(NUMBERS_FILE) + 1], text[NUMBERS_TEXT_MAX] = { 0 };
	ssize_t n;
	int fd;

	*out = (struct tdm_numbers){ 0 };
	if (mkdir(directory, DIRECTORY_MODE) && errno != EEXIST)
		return io_error(diag, "make directory", directory);
	snprintf(path, sizeof(path), "%s/" NUMBERS_FILE, directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? TDM_OK : io_error(diag, "read", path);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return io_error(diag, "read", path);
	if (sscanf(text, NUMBERS_SCAN, &out->epoch_counter, &out->index_counter) != 2)
		return tdm_diag_set(diag, TDM_ERR_CONFIG,
			"journal: %s is damaged; it must hold two numbers. Remove it only when "
			"every "
			"other node is running, so that they can be learned again",
			path);
	return TDM_OK;
}

static enum tdm_err write_synced(const char *path, const char *text, struct tdm_diag *diag)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
	bool ok;

	if (fd < 0)
		return io_error(diag, "write", path);
	ok = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	if (!ok)
		(void)io_error(diag, "write", path);
	close(fd);
	return ok ? TDM_OK : TDM_ERR_IO;
}

enum tdm_err tdm_numbers_save(
	const char *directory, const struct tdm_numbers *numbers, struct tdm_diag *diag)
{
	char path[TDM_PATH_MAX + sizeof(NUMBERS_FILE) + 1], fresh[sizeof(path) + 4];
	char text[NUMBERS_TEXT_MAX];
	enum tdm_err err;
	int dir;

	snprintf(path, sizeof(path), "%s/" NUMBERS_FILE, directory);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	snprintf(
		text, sizeof(text), NUMBERS_FORMAT, numbers->epoch_counter, numbers->index_counter);
	err = write_synced(fresh, text, diag);
	if (err)
		return err;
	if (rename(fresh, path))
		return io_error(diag, "rename", fresh);
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir))
		err = io_error(diag, "sync", directory);
	if (dir >= 0)
		close(dir);
	return err;
}
