/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/address/watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOTICE_MAX = 65536, ALL = 0xffffffff >> 1 };

/* The filter loads in network order what the kernel wrote in host order. */
static uint32_t type_of(uint16_t message)
{
	return htons((uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message));
}

/* Twenty renewals a second are not worth waking up for: drop what begins with an element or is
 * only the notice that a transaction has ended. */
static int attach_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type_of(NFT_MSG_NEWSETELEM), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type_of(NFT_MSG_DELSETELEM), 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type_of(NFT_MSG_NEWGEN), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, ALL),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

enum tdm_err tdm_watch_open(int *fd)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	int group = NFNLGRP_NFTABLES;

	*fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	if (*fd < 0)
		return TDM_ERR_IO;
	if (attach_filter(*fd) == 0 && bind(*fd, (struct sockaddr *)&self, sizeof(self)) == 0 &&
		setsockopt(*fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0)
		return TDM_OK;
	close(*fd);
	*fd = -1;
	return TDM_ERR_IO;
}

bool tdm_watch_drain(int fd)
{
	static uint8_t notice[NOTICE_MAX];
	bool any = false;

	while (recv(fd, notice, sizeof(notice), 0) >= 0 || errno == ENOBUFS || errno == EINTR)
		any = true;
	return any;
}
