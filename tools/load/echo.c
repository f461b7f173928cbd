/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/echo.h"

#include <string.h>

#include "proto/cstp.h"

enum {
	IP_LEN = 20,
	IP_WORD = 4, /* the header length is counted in words */
	ICMP_LEN = 8,
	TTL = 64,
	PROTO_ICMP = 1,
	TYPE_REPLY = 0,
	TYPE_REQUEST = 8,
	AT_LEN = 2, /* offsets in the IPv4 header */
	AT_FRAGMENT = 6,
	AT_PROTO = 9,
	AT_SUM = 10,
	AT_FROM = 12,
	AT_TO = 16,
	AT_ICMP_SUM = 2, /* offsets in the ICMP header */
	AT_ID = 4,
	AT_SEQ = 6,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Internet checksum (RFC 1071); 0 over data that contains its own right checksum. */
static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void tdm_load_echo_write(uint8_t out[TDM_LOAD_ECHO_LEN], const struct tdm_load_echo *echo)
{
	uint8_t *icmp = out + IP_LEN;

	memset(out, 0, TDM_LOAD_ECHO_LEN);
	out[0] = 4 << 4 | IP_LEN / IP_WORD;
	put16(out + AT_LEN, TDM_LOAD_ECHO_LEN);
	out[8] = TTL;
	out[AT_PROTO] = PROTO_ICMP;
	memcpy(out + AT_FROM, echo->from.addr, 4);
	memcpy(out + AT_TO, echo->to.addr, 4);
	put16(out + AT_SUM, checksum(out, IP_LEN));
	icmp[0] = TYPE_REQUEST;
	put16(icmp + AT_ID, echo->id);
	put16(icmp + AT_SEQ, echo->seq);
	memcpy(icmp + ICMP_LEN, "tandem!\n", TDM_LOAD_ECHO_LEN - IP_LEN - ICMP_LEN);
	put16(icmp + AT_ICMP_SUM, checksum(icmp, TDM_LOAD_ECHO_LEN - IP_LEN));
}

bool tdm_load_echo_reply(const uint8_t *pkt, size_t len, struct tdm_load_echo *out)
{
	const uint8_t *icmp;
	size_t head, total;

	if (tdm_packet_addrs(pkt, len, &out->from, &out->to) || out->from.family != 4)
		return false;
	head = (size_t)(pkt[0] & 0x0f) * IP_WORD;
	total = get16(pkt + AT_LEN);
	if (pkt[AT_PROTO] != PROTO_ICMP || get16(pkt + AT_FRAGMENT) & 0x3fff ||
		total < head + ICMP_LEN || total > len || checksum(pkt, head) != 0)
		return false;
	icmp = pkt + head;
	if (icmp[0] != TYPE_REPLY || icmp[1] != 0 || checksum(icmp, total - head) != 0)
		return false;
	out->id = get16(icmp + AT_ID);
	out->seq = get16(icmp + AT_SEQ);
	return true;
}
