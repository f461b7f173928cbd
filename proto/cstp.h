/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CSTP frames (the TLS channel) and the one-byte header of the DTLS channel, which uses the same
 * packet types. One CSTP packet is exactly one TLS record, both ways: the client throws away a
 * record with two packets and quits on a packet in two records.
 */
#pragma once

#include "proto/err.h"
#include "proto/ip.h"
#include "proto/types.h"

enum {
	TDM_CSTP_HEADER_LEN = 8,
	TDM_CSTP_RECORD_MAX = 16384, /* largest TLS record (RFC 8446, 5.1) */
	TDM_CSTP_PAYLOAD_MAX = TDM_CSTP_RECORD_MAX - TDM_CSTP_HEADER_LEN,
	TDM_DTLS_HEADER_LEN = 1,
	TDM_CSTP_BYE_TEXT_MAX = 128, /* escaped text of a disconnect, with the NUL */
};

/* Values are those on the wire, CSTP and DTLS alike; 1, 2 and 6 do not exist. */
enum tdm_cstp_type {
	TDM_CSTP_DATA = 0,         /* one IP packet */
	TDM_CSTP_DPD_REQUEST = 3,  /* answer with 4 and the same payload */
	TDM_CSTP_DPD_RESPONSE = 4, /* sign of life */
	TDM_CSTP_DISCONNECT = 5,   /* reason byte, text; CSTP only. Sent to a client it ends it */
	TDM_CSTP_KEEPALIVE = 7,    /* needs no answer */
	TDM_CSTP_COMPRESSED = 8,   /* only after compression was agreed: never by us */
	TDM_CSTP_TERMINATE = 9,    /* CSTP only. Sent to a client it ends it */
};

/* Reason byte of a disconnect that means "the user logged off"; any other, or none, ends only the
 * tunnel. */
enum { TDM_CSTP_BYE_LOGOFF = 0xb0 };

struct tdm_cstp_frame {
	uint8_t type;           /* enum tdm_cstp_type */
	uint16_t len;           /* of the payload */
	const uint8_t *payload; /* inside the record */
};

/* Take one TLS record apart. TDM_ERR_SHORT: less than a header. TDM_ERR_MAGIC: not CSTP.
 * TDM_ERR_MALFORMED: length disagrees with the record, or the last header byte is not 0.
 * TDM_ERR_UNSUPPORTED: a type that does not exist (out is filled). */
enum tdm_err tdm_cstp_parse_header(
	const uint8_t *record, size_t record_len, struct tdm_cstp_frame *out) TDM_MUST_USE;
/* Write the 8 bytes in front of a payload of len bytes (at most TDM_CSTP_PAYLOAD_MAX). */
void tdm_cstp_write_header(
	uint8_t out[TDM_CSTP_HEADER_LEN], enum tdm_cstp_type type, uint16_t payload_len);
/* The same for a decrypted DTLS record. TDM_ERR_SHORT for an empty one, TDM_ERR_TOO_LONG,
 * TDM_ERR_UNSUPPORTED for types that do not exist there (out is filled). */
enum tdm_err tdm_dtls_parse_header(
	const uint8_t *record, size_t record_len, struct tdm_cstp_frame *out) TDM_MUST_USE;

/* "data", "dpd-request" …; "unknown" for the rest. */
const char *tdm_cstp_type_name(uint8_t type);

struct tdm_cstp_bye {
	bool has_reason;
	uint8_t reason;
	bool logoff;                      /* true: end the session, else only the tunnel */
	char text[TDM_CSTP_BYE_TEXT_MAX]; /* escaped for logs, cut if long */
};

/* Read the payload of a disconnect; total, there is no invalid one. */
void tdm_cstp_parse_bye(const uint8_t *payload, size_t len, struct tdm_cstp_bye *out);

/* Source and destination of one inner IPv4 or IPv6 packet. Checks version, header length and that
 * the length in the packet is not more than len. TDM_ERR_SHORT, TDM_ERR_MALFORMED, and
 * TDM_ERR_UNSUPPORTED for another IP version. out values are undefined on error. */
enum tdm_err tdm_packet_addrs(
	const uint8_t *pkt, size_t len, struct tdm_ip *src, struct tdm_ip *dst) TDM_MUST_USE;
