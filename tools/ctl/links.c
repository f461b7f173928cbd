/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/links.h"

#include <corosync/cmap.h>
#include <corosync/corotypes.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 1000 };

#define PREFIX "stats.knet.node"

/* "stats.knet.node2.link0.connected" */
static bool parse_key(const char *key, struct tdm_link *out)
{
	char end;

	return sscanf(key, PREFIX "%u.link%u.connecte%c", &out->node, &out->number, &end) == 3 &&
	       end == 'd';
}

static int compare(const void *a, const void *b)
{
	const struct tdm_link *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* In the child: may block for good. */
static void read_map(struct tdm_links *links, uint32_t self)
{
	char key[CMAP_KEYNAME_MAXLEN + 1];
	cmap_iter_handle_t iter;
	cmap_handle_t map;

	if (cmap_initialize_map(&map, CMAP_MAP_STATS) != CS_OK)
		return;
	if (cmap_iter_init(map, PREFIX, &iter) == CS_OK) {
		links->state = TDM_LINKS_OK;
		while (links->len < TDM_LINKS_MAX &&
			cmap_iter_next(map, iter, key, NULL, NULL) == CS_OK) {
			struct tdm_link *link = &links->items[links->len];
			uint8_t connected;

			if (!parse_key(key, link) || link->node == self ||
				cmap_get_uint8(map, key, &connected) != CS_OK)
				continue;
			link->connected = connected != 0;
			links->len++;
		}
		cmap_iter_finalize(map, iter);
	}
	cmap_finalize(map);
	qsort(links->items, links->len, sizeof(links->items[0]), compare);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The child's struct, whole and in time. */
static bool receive(int fd, void *out, size_t len)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t got = 0;

	while (got < len) {
		int64_t left = deadline - now_ms();
		ssize_t n;

		if (left <= 0)
			return false;
		n = poll(&pfd, 1, (int)left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		n = read(fd, (char *)out + got, len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

/* A pipe takes this much at once only in pieces; the reader is waiting. */
static _Noreturn void run_child(int fd, uint32_t self)
{
	struct tdm_links links = { .state = TDM_LINKS_UNREACHABLE };
	const char *data = (const char *)&links;
	size_t left = sizeof(links);

	read_map(&links, self);
	while (left) {
		ssize_t n = write(fd, data, left);

		if (n <= 0)
			_exit(1);
		data += n;
		left -= (size_t)n;
	}
	_exit(0);
}

void tdm_links_read(struct tdm_links *links, uint32_t self)
{
	bool whole;
	pid_t child;
	int fds[2];

	*links = (struct tdm_links){ .state = TDM_LINKS_UNREACHABLE };
	if (pipe(fds))
		return;
	child = fork();
	if (child == 0) {
		close(fds[0]);
		run_child(fds[1], self);
	}
	close(fds[1]);
	whole = child > 0 && receive(fds[0], links, sizeof(*links));
	if (!whole)
		*links = (struct tdm_links){ .state = TDM_LINKS_UNREACHABLE };
	close(fds[0]);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
}
