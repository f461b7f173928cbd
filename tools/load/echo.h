/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICMP echo packets (RFC 792) that travel inside a tunnel, made and read without any socket. */
#pragma once

#include "proto/ip.h"

enum { TDM_LOAD_ECHO_LEN = 20 + 8 + 8 }; /* IPv4, ICMP, a little payload */

struct tdm_load_echo {
	struct tdm_ip from; /* IPv4 */
	struct tdm_ip to;
	uint16_t id;
	uint16_t seq;
};

/* Write an echo request. */
void tdm_load_echo_write(uint8_t out[TDM_LOAD_ECHO_LEN], const struct tdm_load_echo *echo);
/* True for an echo reply with right checksums; fills out. Any other packet: false. */
bool tdm_load_echo_reply(const uint8_t *pkt, size_t len, struct tdm_load_echo *out);
