/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/data/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char tun_path[] = "/dev/net/tun";

static enum tdm_err fail(struct tdm_diag *diag, const char *name, const char *what)
{
	int error = errno;

	if (error == EPERM || error == EACCES)
		return tdm_diag_set(diag, TDM_ERR_PERM,
			"TUN device %s: not permitted to %s: run as root or with CAP_NET_ADMIN",
			name, what);
	if (error == ENOENT || error == ENODEV || error == ENXIO)
		return tdm_diag_set(diag, TDM_ERR_IO,
			"TUN device %s: cannot %s: this system has no %s (kernel module tun)", name,
			what, tun_path);
	if (error == EBUSY)
		return tdm_diag_set(diag, TDM_ERR_IO,
			"TUN device %s: cannot %s: another process uses it", name, what);
	return tdm_diag_set(
		diag, TDM_ERR_IO, "TUN device %s: cannot %s: %s", name, what, strerror(error));
}

static void request_init(struct ifreq *ifr, const char *name)
{
	memset(ifr, 0, sizeof(*ifr));
	memcpy(ifr->ifr_name, name, strlen(name));
}

static enum tdm_err open_queue(const char *name, int *out, struct tdm_diag *diag)
{
	struct ifreq ifr;
	int fd = open(tun_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return fail(diag, name, "open it");
	request_init(&ifr, name);
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		enum tdm_err err = fail(diag, name, "create it");

		close(fd);
		return err;
	}
	*out = fd;
	return TDM_OK;
}

static enum tdm_err bring_up(const char *name, struct tdm_diag *diag)
{
	enum tdm_err err = TDM_OK;
	struct ifreq ifr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail(diag, name, "configure it");
	request_init(&ifr, name);
	ifr.ifr_mtu = TDM_TUN_MTU;
	if (ioctl(fd, SIOCSIFMTU, &ifr) < 0)
		err = fail(diag, name, "set its MTU");
	request_init(&ifr, name);
	if (!err && ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		err = fail(diag, name, "read its flags");
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP);
	if (!err && ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		err = fail(diag, name, "bring it up");
	close(fd);
	return err;
}

enum tdm_err tdm_tun_open(const char *name, size_t queues, int *fds, struct tdm_diag *diag)
{
	enum tdm_err err = TDM_OK;
	size_t n = 0;

	if (strlen(name) >= IFNAMSIZ)
		return tdm_diag_set(diag, TDM_ERR_INVAL,
			"TUN device %s: the name is longer than %d characters", name, IFNAMSIZ - 1);
	while (!err && n < queues) {
		err = open_queue(name, &fds[n], diag);
		if (!err)
			n++;
	}
	if (!err)
		err = bring_up(name, diag);
	while (err && n > 0)
		close(fds[--n]);
	return err;
}
