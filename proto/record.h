/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The session record: what every node knows of a session. It is a plain value;
 * the wire form is in replication.proto. Counters are not in it, secrets are
 * not in it (the verifier is the SHA-256 of the token, not the token).
 */
#pragma once

#include "proto/err.h"
#include "proto/ip.h"
#include "proto/types.h"

enum {
	TDM_POLICY_ROUTES_MAX = 64,
	TDM_POLICY_DNS_MAX = 3, /* clients keep three */
	TDM_POLICY_DOMAINS_MAX = 16,
	TDM_POLICY_BANNER_MAX = 512, /* with the NUL */
	TDM_DOMAIN_MAX = 254,        /* with the NUL */
	TDM_PUBLIC_ADDRS_MAX = 4,
	TDM_SUITE_MAX = 48,
};

/* A group's policy as a value: a session keeps what it was given at login, also on
 * another node and after the configuration changed. */
struct tdm_policy {
	char name[TDM_NAME_MAX];
	uint8_t routes_len, excludes_len, dns_len, nbns_len, domains_len, split_dns_len;
	char routes[TDM_POLICY_ROUTES_MAX][TDM_PREFIX_TEXT_MAX];
	char excludes[TDM_POLICY_ROUTES_MAX][TDM_PREFIX_TEXT_MAX];
	char dns[TDM_POLICY_DNS_MAX][TDM_ADDR_TEXT_MAX];
	char nbns[TDM_POLICY_DNS_MAX][TDM_ADDR_TEXT_MAX];
	char domains[TDM_POLICY_DOMAINS_MAX][TDM_DOMAIN_MAX];
	char split_dns[TDM_POLICY_DOMAINS_MAX][TDM_DOMAIN_MAX];
	char banner[TDM_POLICY_BANNER_MAX];
	uint32_t idle_timeout_s;         /* 0 = none */
	uint32_t session_timeout_s;      /* maximum connect time, 0 = none */
	uint32_t disconnected_timeout_s; /* 0 = idle timeout acts */
	uint32_t dpd_s, keepalive_s;     /* 0 = off */
	uint32_t simultaneous_logins;    /* 0 = no limit */
	uint32_t mtu;                    /* 0 = automatic */
	bool client_to_client;
	bool dtls;
};

enum tdm_session_state {
	TDM_SESSION_NONE,
	TDM_SESSION_NEW,      /* logged in, no tunnel yet (never connected) */
	TDM_SESSION_ACTIVE,   /* has a TLS tunnel */
	TDM_SESSION_INACTIVE, /* had a TLS tunnel and has none */
	TDM_SESSION_REVOKED,  /* ended by somebody's will: beats everything */
	TDM_SESSION_EXPIRED,  /* ended by a clock */
	TDM_SESSION_STATES
};

/* Why a session ended, or why a resume was refused. */
enum tdm_reason {
	TDM_REASON_NONE,
	TDM_REASON_LOGOUT,    /* the user said goodbye */
	TDM_REASON_ADMIN,     /* an administrator ended it */
	TDM_REASON_DISPLACED, /* a newer login of the same user took its place */
	TDM_REASON_IDLE_TIMEOUT,
	TDM_REASON_SESSION_TIMEOUT,
	TDM_REASON_CONNECT_TIMEOUT, /* never connected after the login */
	TDM_REASON_UNKNOWN_TOKEN,
	TDM_REASON_NOT_OWNER,
	TDM_REASON_NOT_SYNCED,
	TDM_REASON_ADDRESS_CONFLICT,
	TDM_REASON_COUNT
};

/* How the session came in (S101, S104). */
enum tdm_entry_way { TDM_ENTRY_CLIENT, TDM_ENTRY_PORTAL };

enum tdm_tunnel_kind { TDM_TUNNEL_NONE, TDM_TUNNEL_TLS, TDM_TUNNEL_DTLS };

/* What other nodes know of a tunnel: enough to show it and to wake its client. */
struct tdm_tunnel_desc {
	enum tdm_tunnel_kind kind;
	struct tdm_endpoint local, remote;
	char suite[TDM_SUITE_MAX];
	uint32_t seq, ack; /* TCP: next to send, next expected */
	tdm_wall started;
};

struct tdm_public_addr {
	struct tdm_ip ip;
	tdm_wall since;
};

struct tdm_record {
	tdm_session_id id;
	uint32_t index; /* for people; unique also across a partition */
	tdm_member_id member;
	uint8_t verifier[TDM_VERIFIER_LEN];
	struct tdm_version version;
	enum tdm_session_state state;
	enum tdm_reason reason; /* set when revoked or expired */
	tdm_wall ended;
	tdm_node_id ended_by;

	char user[TDM_USER_MAX];
	char group[TDM_NAME_MAX]; /* group policy */
	char tunnel_group[TDM_NAME_MAX];
	char auth_method[TDM_NAME_MAX], auth_mode[TDM_NAME_MAX];
	enum tdm_entry_way entry;
	char agent[TDM_CLIENT_TEXT_MAX], device[TDM_NAME_MAX], hostname[TDM_CLIENT_TEXT_MAX];

	/* inner addresses exactly as the client was told: it compares text; "" = none */
	char addr4[TDM_ADDR_TEXT_MAX], mask4[TDM_ADDR_TEXT_MAX];
	char addr6[TDM_PREFIX_TEXT_MAX];
	uint16_t mtu; /* as announced, 0 = not yet */
	bool dtls_offered;

	tdm_wall login;
	tdm_wall inactive_since; /* wall stamp of the tunnel's drop, 0 = none */
	/* what was left of each clock when this version was written; TDM_NEVER = no limit */
	int64_t idle_left_ms, disconnected_left_ms, session_left_ms;

	uint8_t public_len, tunnels_len;
	struct tdm_public_addr public_addrs[TDM_PUBLIC_ADDRS_MAX]; /* newest first */
	struct tdm_tunnel_desc tunnels[2];
};

static inline bool tdm_state_is_live(enum tdm_session_state s)
{
	return s == TDM_SESSION_NEW || s == TDM_SESSION_ACTIVE || s == TDM_SESSION_INACTIVE;
}

/* Short English names, never NULL: "active", "idle timeout", … */
const char *tdm_session_state_name(enum tdm_session_state state);
const char *tdm_reason_name(enum tdm_reason reason);

/*
 * The wire forms (protobuf, tandem.replication.Record and .Policy). A record and its policy
 * travel apart, because many sessions share one policy. Nodes keep and pass on the bytes they
 * received; only a node that changes a record encodes it anew.
 */
enum {
	TDM_RECORD_WIRE_MAX = 4 * 1024,  /* more than the longest record we write */
	TDM_POLICY_WIRE_MAX = 20 * 1024, /* more than the longest policy we write */
};

/* Encode into out[cap]. base (NULL allowed) is the wire form of the version before: its fields that
 * this release does not know are carried over. TDM_ERR_TOO_LONG when cap is too small. */
enum tdm_err tdm_record_encode(const struct tdm_record *rec, const uint8_t *base, size_t base_len,
	uint8_t *out, size_t cap, size_t *len) TDM_MUST_USE;
/* Decode and check every bound; nothing is taken from a record that breaks one
 * (TDM_ERR_MALFORMED, rec is undefined then). */
enum tdm_err tdm_record_decode(
	const uint8_t *wire, size_t len, struct tdm_record *rec) TDM_MUST_USE;

/* The same for a policy. TDM_ERR_NOMEM is possible in decode. */
enum tdm_err tdm_policy_encode(
	const struct tdm_policy *policy, uint8_t *out, size_t cap, size_t *len) TDM_MUST_USE;
enum tdm_err tdm_policy_decode(
	const uint8_t *wire, size_t len, struct tdm_policy *policy) TDM_MUST_USE;
