/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/clock.h"
#include "proto/text.h"
#include "proto/types.h"

enum {
	LIMIT_LINE_MS = 50, /* a line more after so long */
	LIMIT_LINES = 100,
	LIMIT_BATCH = 20,      /* after some were left out, so many follow their number */
	LINE_MAX_BYTES = 2048, /* what does not fit is cut: a line is one write */
	FILE_MODE = 0640,
};

static const char *const level_names[] = {
	[TDM_LOG_DEBUG] = "debug",
	[TDM_LOG_INFO] = "info",
	[TDM_LOG_WARNING] = "warning",
	[TDM_LOG_ERROR] = "error",
};

/* Set before threads start, but for fd's file, which reopen exchanges under the same number. */
static struct {
	char path[4096];
	char node[TDM_NAME_MAX];
	atomic_int level;
	atomic_int fd;
	atomic_uint lost; /* lines that were not written: nobody read them */
} state = { .level = TDM_LOG_INFO, .fd = STDERR_FILENO };

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, FILE_MODE);
}

enum tdm_err tdm_log_open(
	const char *path, enum tdm_log_level level, const char *node, struct tdm_diag *diag)
{
	int fd = STDERR_FILENO;

	if (path && path[0]) {
		if (strlen(path) >= sizeof(state.path))
			return tdm_diag_set(diag, TDM_ERR_TOO_LONG, "log file: path is too long");
		fd = open_file(path);
		if (fd < 0)
			return tdm_diag_set(diag, TDM_ERR_IO, "%s: cannot open the log file: %s",
				path, strerror(errno));
	}
	int before = atomic_exchange(&state.fd, fd);

	if (before > STDERR_FILENO)
		close(before);
	atomic_store(&state.level, (int)level);
	snprintf(state.path, sizeof(state.path), "%s", path ? path : "");
	snprintf(state.node, sizeof(state.node), "%s", node ? node : "");
	return TDM_OK;
}

void tdm_log_reopen(void)
{
	int fd;

	if (!state.path[0])
		return;
	fd = open_file(state.path);
	if (fd < 0) {
		tdm_log_warning("%s: cannot open the log file anew, keeping the old one: %s",
			state.path, strerror(errno));
		return;
	}
	/* Writers of other threads keep using the number while its file changes. */
	dup3(fd, atomic_load(&state.fd), O_CLOEXEC);
	close(fd);
}

static void add_stamp(struct tdm_text *line)
{
	tdm_wall now = tdm_clock_wall();
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	tdm_text_addf(line, "%s.%03dZ", text, (int)(now % 1000));
}

/* Quotes and backslashes stay: callers that quote foreign text have escaped it already. */
static void add_safe(struct tdm_text *line, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\"\\");

		tdm_text_printable(line, text, n);
		text += n;
		n = strspn(text, "\"\\");
		tdm_text_add_len(line, text, n);
		text += n;
	}
}

/* A pipe whose reader sleeps must not stop the daemon. One that is ready takes a line whole. */
static bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) != 0;
}

static void write_all(const char *data, size_t len)
{
	/* A log that cannot be written must not stop the daemon. */
	while (len) {
		ssize_t n = write(atomic_load(&state.fd), data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static void tell_lost(void)
{
	unsigned lost = atomic_exchange(&state.lost, 0);

	if (lost)
		tdm_log_warning("%u lines are missing here: nobody read them", lost);
}

void tdm_log(enum tdm_log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	char buf[LINE_MAX_BYTES + 128];
	struct tdm_text line;
	va_list args;
	int saved = errno;

	if ((int)level < atomic_load(&state.level) || level > TDM_LOG_ERROR)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	tdm_text_init(&line, buf, sizeof(buf));
	add_stamp(&line);
	tdm_text_addf(&line, " %s %-7s ", state.node[0] ? state.node : "-", level_names[level]);
	line.cap--; /* keep room for the newline, whatever happens */
	add_safe(&line, text);
	buf[line.len++] = '\n';
	if (!is_ready(atomic_load(&state.fd))) {
		atomic_fetch_add(&state.lost, 1);
	} else {
		tell_lost();
		write_all(buf, line.len);
	}
	errno = saved;
}

bool tdm_log_may(struct tdm_log_limit *limit, const char *what, tdm_ms now)
{
	tdm_ms lines = limit->left_out ? LIMIT_LINES - LIMIT_BATCH : LIMIT_LINES - 1;

	if (limit->full_at < now)
		limit->full_at = now;
	if (limit->full_at - now > lines * LIMIT_LINE_MS) {
		limit->left_out++;
		return false;
	}
	limit->full_at += LIMIT_LINE_MS;
	if (limit->left_out)
		tdm_log_warning("%s: %" PRIu64 " lines were left out, there were too many", what,
			limit->left_out);
	limit->left_out = 0;
	return true;
}
