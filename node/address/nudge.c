/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/address/nudge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum { TTL = 64, HEADER_WORDS = 5, WINDOW = 1024 };

struct segment {
	struct iphdr ip;
	struct tcphdr tcp;
};

/* What the TCP checksum covers (RFC 9293 section 3.1). */
struct covered {
	uint32_t source, destination;
	uint8_t zero, protocol;
	uint16_t length;
	struct tcphdr tcp;
};

enum tdm_err tdm_nudge_open(int *fd, struct tdm_diag *diag)
{
	/* IPPROTO_RAW: we write the IP header, and nothing is ever received */
	*fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (*fd >= 0)
		return TDM_OK;
	return tdm_diag_set(diag, errno == EPERM ? TDM_ERR_PERM : TDM_ERR_IO, "raw socket: %s",
		strerror(errno));
}

static uint16_t checksum(const struct covered *data)
{
	uint16_t words[sizeof(*data) / sizeof(uint16_t)];
	uint32_t sum = 0;

	memcpy(words, data, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)~sum;
}

static struct tcphdr header(const struct tdm_endpoint *local, const struct tdm_endpoint *remote,
	uint32_t seq, uint32_t ack)
{
	struct covered covered = { .source = htonl(tdm_ip_v4(&local->ip)),
		.destination = htonl(tdm_ip_v4(&remote->ip)),
		.protocol = IPPROTO_TCP,
		.length = htons(sizeof(covered.tcp)) };
	struct tcphdr *tcp = &covered.tcp;

	tcp->source = htons(local->port);
	tcp->dest = htons(remote->port);
	tcp->seq = htonl(seq ? seq - 1 : 0); /* an octet that was acknowledged: a keepalive */
	tcp->ack_seq = htonl(ack);
	tcp->doff = HEADER_WORDS;
	tcp->ack = 1;
	tcp->window = htons(WINDOW);
	tcp->check = checksum(&covered);
	return *tcp;
}

void tdm_nudge(int fd, const struct tdm_endpoint *local, const struct tdm_endpoint *remote,
	uint32_t seq, uint32_t ack)
{
	struct sockaddr_in target = { .sin_family = AF_INET };
	struct segment segment = { .ip = {
					   .version = IPVERSION,
					   .ihl = HEADER_WORDS,
					   .tot_len = htons(sizeof(segment)),
					   .ttl = TTL,
					   .protocol = IPPROTO_TCP,
				   } };
	uint32_t to = tdm_ip_v4(&remote->ip);
	ssize_t sent;

	if (local->ip.family != 4 || remote->ip.family != 4 || to == INADDR_ANY ||
		to == INADDR_BROADCAST || IN_MULTICAST(to))
		return;
	target.sin_addr.s_addr = segment.ip.daddr = htonl(to);
	segment.ip.saddr = htonl(tdm_ip_v4(&local->ip));
	segment.tcp = header(local, remote, seq, ack);
	sent = sendto(fd, &segment, sizeof(segment), MSG_DONTWAIT, (struct sockaddr *)&target,
		sizeof(target));
	(void)sent;
}
