/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/address/nfbatch.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/address/nft.h"

enum {
	MESSAGE_SIZE = 128,  /* of one without its elements, rounded up */
	MESSAGES_MAX = 16,   /* three sets, three steps, begin and end */
	ELEMENT_SIZE = 64,   /* of one element, rounded up */
	ELEMENTS_PER_IP = 6, /* two sets, three steps */
	REPLY_SIZE = 8192,
	IPV4_LEN = 4,
	IPV6_LEN = 16,
};

struct set {
	uint8_t family; /* of the table */
	const char *name;
	uint8_t ip_family;
};

static const struct set sets[] = {
	{ NFPROTO_ARP, TDM_NFT_ARP_LEASE, 4 },
	{ NFPROTO_INET, TDM_NFT_INET_LEASE4, 4 },
	{ NFPROTO_INET, TDM_NFT_INET_LEASE6, 6 },
};

/* The buffer was made large enough for the worst case; nothing here can overflow. */
static void *append(struct tdm_nfbatch *batch, size_t len)
{
	uint8_t *at = batch->data + batch->len;

	batch->len += NLMSG_ALIGN(len);
	return at;
}

static void put_attr(struct tdm_nfbatch *batch, uint16_t type, const void *data, size_t len)
{
	struct nlattr *attr = append(batch, sizeof(struct nlattr) + len);

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(sizeof(struct nlattr) + len);
	memcpy((uint8_t *)attr + sizeof(struct nlattr), data, len);
}

static void put_text(struct tdm_nfbatch *batch, uint16_t type, const char *text)
{
	put_attr(batch, type, text, strlen(text) + 1);
}

static size_t begin_nest(struct tdm_nfbatch *batch, uint16_t type)
{
	size_t at = batch->len;
	struct nlattr *attr = append(batch, sizeof(struct nlattr));

	attr->nla_type = type | NLA_F_NESTED;
	return at;
}

static void end_nest(struct tdm_nfbatch *batch, size_t at)
{
	struct nlattr *attr = (struct nlattr *)(void *)(batch->data + at);

	attr->nla_len = (uint16_t)(batch->len - at);
}

static size_t begin_message(
	struct tdm_nfbatch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t res_id)
{
	size_t at = batch->len;
	struct nlmsghdr *header = append(batch, NLMSG_HDRLEN);
	struct nfgenmsg *generic = append(batch, sizeof(*generic));

	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	generic->nfgen_family = family;
	generic->version = NFNETLINK_V0;
	generic->res_id = htons(res_id);
	return at;
}

static void end_message(struct tdm_nfbatch *batch, size_t at)
{
	struct nlmsghdr *header = (struct nlmsghdr *)(void *)(batch->data + at);

	header->nlmsg_len = (uint32_t)(batch->len - at);
}

static void put_marker(struct tdm_nfbatch *batch, uint16_t type)
{
	end_message(batch, begin_message(batch, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static void put_element(struct tdm_nfbatch *batch, const struct tdm_ip *ip, uint32_t timeout_ms)
{
	size_t element = begin_nest(batch, NFTA_LIST_ELEM);
	size_t key = begin_nest(batch, NFTA_SET_ELEM_KEY);

	put_attr(batch, NFTA_DATA_VALUE, ip->addr, ip->family == 4 ? IPV4_LEN : IPV6_LEN);
	end_nest(batch, key);
	if (timeout_ms > 0) {
		uint64_t timeout = htobe64(timeout_ms);

		put_attr(batch, NFTA_SET_ELEM_TIMEOUT, &timeout, sizeof(timeout));
	}
	end_nest(batch, element);
}

static void put_step(struct tdm_nfbatch *batch, const struct set *set, uint16_t type,
	const struct tdm_ip *ips, size_t len, uint32_t timeout_ms)
{
	uint16_t flags = NLM_F_ACK | (type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	size_t message, list, count = 0;

	for (size_t i = 0; i < len; i++)
		count += ips[i].family == set->ip_family;
	if (len > 0 && count == 0)
		return;
	message = begin_message(
		batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, set->family, 0);
	put_text(batch, NFTA_SET_ELEM_LIST_TABLE, TDM_NFT_TABLE);
	put_text(batch, NFTA_SET_ELEM_LIST_SET, set->name);
	/* No list at all: all elements. */
	if (count > 0) {
		list = begin_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (size_t i = 0; i < len; i++)
			if (ips[i].family == set->ip_family)
				put_element(batch, &ips[i], timeout_ms);
		end_nest(batch, list);
	}
	end_message(batch, message);
}

enum tdm_err tdm_nfbatch_init(struct tdm_nfbatch *batch, enum tdm_nfbatch_what what,
	const struct tdm_ip *ips, size_t len, uint32_t timeout_ms)
{
	batch->len = 0;
	batch->cap = MESSAGES_MAX * MESSAGE_SIZE + len * ELEMENTS_PER_IP * ELEMENT_SIZE;
	batch->data = calloc(1, batch->cap);
	if (!batch->data)
		return TDM_ERR_NOMEM;
	put_marker(batch, NFNL_MSG_BATCH_BEGIN);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		/* Deleting fails when the element has run out, and adding leaves the time-out of
		 * one that is there alone: so add, delete, add. */
		if (what != TDM_NFBATCH_FLUSH)
			put_step(batch, &sets[i], NFT_MSG_NEWSETELEM, ips, len, timeout_ms);
		put_step(batch, &sets[i], NFT_MSG_DELSETELEM, ips, len, 0);
		if (what == TDM_NFBATCH_RENEW)
			put_step(batch, &sets[i], NFT_MSG_NEWSETELEM, ips, len, timeout_ms);
	}
	put_marker(batch, NFNL_MSG_BATCH_END);
	return TDM_OK;
}

void tdm_nfbatch_deinit(struct tdm_nfbatch *batch)
{
	free(batch->data);
	batch->data = NULL;
	batch->len = batch->cap = 0;
}

enum tdm_err tdm_nfbatch_open(int *fd)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	int one = 1;

	*fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (*fd < 0)
		return TDM_ERR_IO;
	/* Acknowledgements without a copy of the request. */
	setsockopt(*fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	if (bind(*fd, (struct sockaddr *)&self, sizeof(self)) != 0) {
		close(*fd);
		return TDM_ERR_IO;
	}
	return TDM_OK;
}

static enum tdm_err err_of(int number)
{
	switch (number) {
	case ENOENT:
		return TDM_ERR_NOT_FOUND;
	case EPERM:
	case EACCES:
		return TDM_ERR_PERM;
	default:
		return TDM_ERR_IO;
	}
}

/* The kernel has answered before send returns: what is not there now will not come. */
static enum tdm_err read_replies(int fd)
{
	_Alignas(struct nlmsghdr) uint8_t reply[REPLY_SIZE];
	enum tdm_err err = TDM_OK;
	bool any = false;
	ssize_t got;

	while ((got = recv(fd, reply, sizeof(reply), MSG_DONTWAIT)) > 0) {
		size_t left = (size_t)got;

		for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)reply;
			NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
			const struct nlmsgerr *answer = NLMSG_DATA(header);

			if (header->nlmsg_type != NLMSG_ERROR)
				continue;
			any = true;
			if (answer->error != 0 && !err)
				err = err_of(-answer->error);
		}
	}
	return any ? err : TDM_ERR_IO;
}

enum tdm_err tdm_nfbatch_run(int fd, const struct tdm_nfbatch *batch)
{
	ssize_t sent;

	do
		sent = send(fd, batch->data, batch->len, 0);
	while (sent < 0 && errno == EINTR);
	if (sent != (ssize_t)batch->len)
		return sent < 0 ? err_of(errno) : TDM_ERR_IO;
	return read_replies(fd);
}
