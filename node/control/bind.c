/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/control/bind.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_GROUP "tandem"

enum {
	DIRECTORY_MODE = 0755,
	SOCKET_MODE = 0660,
	GROUP_BUFFER = 16384,
};

static enum tdm_err fail(struct tdm_diag *diag, const char *path, const char *what)
{
	return tdm_diag_set(
		diag, TDM_ERR_IO, "control.socket: %s: %s: %s", path, what, strerror(errno));
}

/* The directories above path, as far as they are missing. */
static enum tdm_err make_directories(const char *path, struct tdm_diag *diag)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
		if (mkdir(directory, DIRECTORY_MODE) && errno != EEXIST)
			return fail(diag, directory, "cannot make the directory");
	}
	return TDM_OK;
}

/* Whether somebody listens. A daemon that is too busy to accept (EAGAIN) is alive as well. */
static bool is_alive(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd < 0)
		return true;
	alive = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		errno == EAGAIN || errno == EINPROGRESS || errno == EACCES;
	close(fd);
	return alive;
}

enum tdm_err tdm_control_bind_prepare(const char *path, struct tdm_diag *diag)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	enum tdm_err err;

	if (strlen(path) >= sizeof(address.sun_path))
		return tdm_diag_set(
			diag, TDM_ERR_IO, "control.socket: %s: the path is too long", path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	err = make_directories(path, diag);
	if (err)
		return err;
	if (lstat(path, &st))
		return errno == ENOENT ? TDM_OK : fail(diag, path, "cannot look at it");
	if (!S_ISSOCK(st.st_mode))
		return tdm_diag_set(diag, TDM_ERR_IO,
			"control.socket: %s: is there already and is not a socket", path);
	if (is_alive(&address))
		return tdm_diag_set(diag, TDM_ERR_EXISTS,
			"control.socket: %s: another tandemd is running already", path);
	if (unlink(path))
		return fail(diag, path, "cannot remove what a dead daemon left");
	return TDM_OK;
}

static int64_t read_group(void)
{
	char buf[GROUP_BUFFER];
	struct group group, *found = NULL;

	if (getgrnam_r(READ_GROUP, &group, buf, sizeof(buf), &found) || !found)
		return -1;
	return found->gr_gid;
}

enum tdm_err tdm_control_bind_permit(const char *path, int64_t *gid, struct tdm_diag *diag)
{
	*gid = geteuid() == 0 ? read_group() : -1;
	if (*gid >= 0 && chown(path, (uid_t)-1, (gid_t)*gid))
		return fail(diag, path, "cannot give it to the group " READ_GROUP);
	if (chmod(path, SOCKET_MODE))
		return fail(diag, path, "cannot set its permissions");
	return TDM_OK;
}
