/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WHY_MAX = 128 };

static enum tdm_err fail(char *why, enum tdm_err err, const char *text)
{
	snprintf(why, WHY_MAX, "%s", text);
	return err;
}

static enum tdm_err read_fd(int fd, size_t max, char **data, size_t *len, char *why)
{
	char *buf = malloc(max + 2);
	size_t n = 0;

	if (!buf)
		return fail(why, TDM_ERR_NOMEM, "out of memory");
	/* One byte more than allowed shows that the file is too long. */
	while (n <= max) {
		ssize_t got = read(fd, buf + n, max + 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			fail(why, TDM_ERR_IO, strerror(errno));
			explicit_bzero(buf, n);
			free(buf);
			return TDM_ERR_IO;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n > max) {
		explicit_bzero(buf, n);
		free(buf);
		return fail(why, TDM_ERR_TOO_LONG, "the file is too large");
	}
	buf[n] = '\0';
	*data = buf;
	*len = n;
	return TDM_OK;
}

enum tdm_err tdm_file_read(
	const char *path, size_t max, char **data, size_t *len, char why[static WHY_MAX])
{
	/* Not blocking: a FIFO in place of a file must not stop the daemon. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	enum tdm_err err;

	if (fd < 0)
		return fail(why, TDM_ERR_IO, strerror(errno));
	if (fstat(fd, &st))
		err = fail(why, TDM_ERR_IO, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err = fail(why, TDM_ERR_IO, "not a regular file");
	else if (st.st_size > 0 && (size_t)st.st_size > max)
		err = fail(why, TDM_ERR_TOO_LONG, "the file is too large");
	else
		/* Sized by what is there; files of /proc and /dev say 0. */
		err = read_fd(fd, st.st_size > 0 ? (size_t)st.st_size : max, data, len, why);
	close(fd);
	return err;
}
