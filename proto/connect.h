/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CONNECT: from the request's headers to a struct, from a struct to the reply's head, and the MTU
 * arithmetic between them. The reply is byte-stable: the same struct gives the same bytes on every
 * node, because clients compare addresses and masks as text and quit when they differ. Header names
 * are written in the exact case that clients compare.
 */
#pragma once

#include "proto/err.h"
#include "proto/http.h"
#include "proto/ip.h"
#include "proto/text.h"
#include "proto/types.h"

#define TDM_CONNECT_PATH "/CSCOSSLC/tunnel"

enum {
	TDM_CONNECT_MASTER_SECRET_LEN = 48,
	TDM_CONNECT_APP_ID_LEN = 32,       /* bytes; 64 hex digits in the header */
	TDM_CONNECT_DPD_MIN_S = 2,         /* clients halve it as an integer and spin at 1 */
	TDM_CONNECT_REPLY_MAX = 32 * 1024, /* a buffer of this size is enough for any sane policy */
};

struct tdm_connect_request {
	/* The webvpn cookie inside the HTTP request (not terminated, secret); NULL if none. Feed it
	 * to tdm_token_parse(). */
	const char *token;
	size_t token_len;
	const char *user_agent;             /* inside the request, "" if none */
	char hostname[TDM_CLIENT_TEXT_MAX]; /* cut when long, not escaped */
	uint16_t base_mtu;                  /* 0: not said */
	uint16_t cstp_mtu;                  /* 0: not said */
	bool want_v4;
	bool want_v6;
	bool full_ipv6;       /* takes X-CSTP-Address-IP6 */
	bool mobile;          /* says it is a phone or tablet */
	struct tdm_ip had_v4; /* address it had before; family 0: none */
	struct tdm_ip had_v6;
	bool dtls_offered;          /* any X-DTLS-CipherSuite or X-DTLS12-CipherSuite */
	bool dtls_psk;              /* PSK-NEGOTIATE is in the list */
	const char *dtls_ciphers;   /* inside the request, ':' separated, "" if none */
	const char *dtls12_ciphers; /* likewise */
	bool has_master_secret;
	uint8_t master_secret[TDM_CONNECT_MASTER_SECRET_LEN]; /* secret; only for legacy DTLS */
};

/* Read a CONNECT. TDM_ERR_INVAL: another method. TDM_ERR_NOT_FOUND: another path. Odd values of
 * single headers are treated as absent: a resume must not fail for them. out borrows from req and
 * needs deinit. */
enum tdm_err tdm_connect_parse(
	const struct tdm_http_request *req, struct tdm_connect_request *out) TDM_MUST_USE;
/* Wipe the master secret and the rest. */
void tdm_connect_request_deinit(struct tdm_connect_request *req);
/* True when the ':' separated list has exactly this item. */
bool tdm_connect_list_has(const char *list, const char *item);

struct tdm_connect_list {
	const char *const *items; /* terminated strings, borrowed */
	size_t count;
};

/* The DTLS offer. A node must offer exactly when the first node of the session did. */
struct tdm_connect_dtls {
	uint16_t port;
	const char *app_id;      /* 64 hex digits, new at every CONNECT; NULL: none */
	const char *session_id;  /* 64 hex digits, legacy DTLS only; NULL: none */
	const char *ciphersuite; /* "PSK-NEGOTIATE" or one of the client's list */
	bool dtls12_header;      /* ciphersuite answers X-DTLS12-CipherSuite */
	uint32_t dpd_s;          /* 0: none */
	uint32_t keepalive_s;    /* 0: none */
	uint16_t mtu;            /* 0: not said */
};

enum tdm_connect_rekey {
	TDM_CONNECT_REKEY_NONE,
	TDM_CONNECT_REKEY_SSL,        /* only when the connection is TLS 1.3 */
	TDM_CONNECT_REKEY_NEW_TUNNEL, /* full reconnect with the same token */
};

struct tdm_connect_reply {
	const char *hostname; /* echoed; NULL: none */
	/* Text exactly as stored in the session; NULL or "": not given. At least one address. */
	const char *v4_addr;
	const char *v4_mask;
	const char *v6_prefix;       /* "addr/len" */
	bool full_ipv6;              /* from the request: how to send the IPv6 address */
	struct tdm_connect_list dns; /* IPv4 and IPv6 mixed */
	struct tdm_connect_list nbns;
	struct tdm_connect_list split_dns;     /* one domain each */
	struct tdm_connect_list split_include; /* prefixes of both families; none: default route */
	struct tdm_connect_list split_exclude;
	const char *default_domain; /* search list, space separated; NULL: none */
	const char *banner;         /* plain text, any characters; NULL: none */
	const char *post_auth_xml;  /* one line; NULL: none */
	uint16_t mtu;               /* inner; mandatory */
	uint16_t base_mtu;          /* link */
	uint32_t dpd_s;             /* 0: off; 1 is raised to 2 */
	uint32_t keepalive_s;       /* 0: off */
	uint32_t idle_timeout_s;    /* 0: "none", also below */
	uint32_t disconnected_timeout_s;
	uint32_t session_timeout_s;
	uint32_t session_remaining_s;
	uint32_t lease_s; /* 0: header left out */
	enum tdm_connect_rekey rekey;
	uint32_t rekey_s;
	bool tunnel_all_dns;
	bool client_bypass; /* X-CSTP-Client-Bypass-Protocol */
	bool smartcard_removal_disconnect;
	const struct tdm_connect_dtls *dtls; /* NULL: no DTLS */
};

/* Append the 200 reply, head and blank line; send it in one write. TDM_ERR_INVAL: no address, no
 * MTU, or a prefix that cannot be read. TDM_ERR_FULL: out is too small. No field can add a line:
 * control characters become "?". */
enum tdm_err tdm_connect_reply_write(
	struct tdm_text *out, const struct tdm_connect_reply *reply) TDM_MUST_USE;

/* Why a CONNECT is refused: name, HTTP status, text for X-Reason. 401 ends the client for good, so
 * it is only for what this node is sure about; all else is 503, which clients retry. */
#define TDM_REFUSAL_LIST(X)                                                                        \
	X(NO_TOKEN, 401, "no session token")                                                       \
	X(BAD_TOKEN, 401, "session token is not valid")                                            \
	X(UNKNOWN, 401, "session is not known")                                                    \
	X(ENDED, 401, "session was ended")                                                         \
	X(EXPIRED_IDLE, 401, "session was idle too long")                                          \
	X(EXPIRED_MAX, 401, "session reached its time limit")                                      \
	X(DISPLACED, 401, "session was replaced by a newer login")                                 \
	X(FORBIDDEN, 403, "access is not allowed")                                                 \
	X(NOT_FOUND, 404, "there is no such page")                                                 \
	X(NOT_OWNER, 503, "this node does not serve that session now")                             \
	X(NOT_SYNCED, 503, "this node is not ready yet")                                           \
	X(NOT_QUORATE, 503, "the cluster is not ready")                                            \
	X(NO_ADDRESS, 503, "no inner address is free")                                             \
	X(BUSY, 503, "too busy, try again")                                                        \
	X(INTERNAL, 503, "internal error, try again")

enum tdm_refusal {
	TDM_REFUSAL_NONE,
#define X(name, status, text) TDM_REFUSAL_##name,
	TDM_REFUSAL_LIST(X)
#undef X
		TDM_REFUSAL_COUNT
};

/* HTTP status and X-Reason text; 503 and "internal error…" for what is not in the list. */
unsigned tdm_refusal_status(enum tdm_refusal refusal);
const char *tdm_refusal_text(enum tdm_refusal refusal);
/* Append the whole refusal reply; the connection is to be closed after it. */
void tdm_connect_refuse(struct tdm_text *out, enum tdm_refusal refusal);
/* The same with a free status and reason. */
void tdm_connect_refuse_status(struct tdm_text *out, unsigned status, const char *reason);

/* What one DTLS record adds to an inner packet: record header, explicit nonce, tag or MAC and
 * padding, and the packet type byte. */
enum {
	TDM_MTU_OVERHEAD_GCM = 13 + 8 + 16 + 1,
	TDM_MTU_OVERHEAD_CHACHA = 13 + 16 + 1,
	TDM_MTU_OVERHEAD_UDP4 = 20 + 8,
	TDM_MTU_OVERHEAD_UDP6 = 40 + 8,
	TDM_MTU_LINK_DEFAULT = 1500,
	TDM_MTU_LINK_MAX = 9216,
	TDM_MTU_CLIENT_BASE_MIN = 1280, /* clients never say less: less is a mistake */
	TDM_MTU_INNER_MIN = 576,
	TDM_MTU_INNER_MIN_V6 = 1280, /* RFC 8200, section 5 */
};

struct tdm_mtu_input {
	uint16_t configured_link; /* 0: not set, also below */
	uint16_t client_base;     /* X-CSTP-Base-MTU */
	uint16_t client_cstp;     /* X-CSTP-MTU; only used when there is no client_base */
	uint16_t path;            /* path MTU of our TCP connection */
	bool outer_v6;
	uint16_t record_overhead; /* TDM_MTU_OVERHEAD_*; 0: GCM */
	uint16_t record_max;  /* largest payload of one DTLS record of our library; 0: no limit */
	uint16_t session_mtu; /* what the session's tunnel had before; wins over all */
};

struct tdm_mtu {
	uint16_t link;  /* X-CSTP-Base-MTU */
	uint16_t inner; /* X-CSTP-MTU and X-DTLS-MTU */
	bool v6_fits;   /* inner IPv6 needs 1280 */
};

struct tdm_mtu tdm_connect_mtu(const struct tdm_mtu_input *in);
