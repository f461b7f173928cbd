/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/password.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tools/ctl/ctl.h"

static void on_signal(int signum)
{
	(void)signum; /* only to interrupt the read, so that echo is switched on again */
}

/* One line without its end. Byte by byte: what follows the line is not ours. */
static bool read_line(int fd, char out[TDM_CTL_PASSWORD_MAX])
{
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t n = read(fd, &c, 1);

		if (n < 0 || (n == 0 && len == 0)) {
			tdm_ctl_fail(TDM_CTL_REFUSED, "no password given");
			return false;
		}
		if (n == 0 || c == '\n')
			break;
		if (c == '\0' || len + 1 == TDM_CTL_PASSWORD_MAX) {
			tdm_ctl_fail(TDM_CTL_REFUSED, "the password is too long; at most %d bytes",
				TDM_CTL_PASSWORD_MAX - 1);
			return false;
		}
		out[len++] = c;
	}
	out[len] = '\0';
	if (!len)
		tdm_ctl_fail(TDM_CTL_REFUSED, "the password is empty");
	return len > 0;
}

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		return; /* nobody to tell */
}

static bool prompt(int fd, const char *text, char out[TDM_CTL_PASSWORD_MAX])
{
	bool ok;

	say(fd, text);
	ok = read_line(fd, out);
	say(fd, "\n");
	return ok;
}

static bool ask_twice(int fd, char out[TDM_CTL_PASSWORD_MAX])
{
	char again[TDM_CTL_PASSWORD_MAX];
	bool ok = prompt(fd, "Password: ", out) && prompt(fd, "Again: ", again);

	if (ok && strcmp(out, again) != 0) {
		tdm_ctl_fail(TDM_CTL_REFUSED, "the two passwords differ");
		ok = false;
	}
	explicit_bzero(again, sizeof(again));
	return ok;
}

bool tdm_ctl_password(char out[TDM_CTL_PASSWORD_MAX])
{
	struct sigaction interrupt = { .sa_handler = on_signal }, before;
	struct termios normal, silent;
	bool ok;
	int fd;

	if (!isatty(STDIN_FILENO))
		return read_line(STDIN_FILENO, out);
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || tcgetattr(fd, &normal)) {
		tdm_ctl_fail(TDM_CTL_REFUSED, "cannot ask on the terminal: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	sigaction(SIGINT, &interrupt, &before);
	silent = normal;
	silent.c_lflag &= (tcflag_t) ~(ECHO | ECHOE | ECHOK);
	tcsetattr(fd, TCSAFLUSH, &silent);
	ok = ask_twice(fd, out);
	tcsetattr(fd, TCSAFLUSH, &normal);
	sigaction(SIGINT, &before, NULL);
	close(fd);
	return ok;
}
