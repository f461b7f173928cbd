/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CONNECT: a token is shown to the control thread, its answer becomes a tunnel or a refusal. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "node/clock.h"
#include "node/data/internal.h"
#include "node/data/tcpseq.h"
#include "node/log.h"
#include "proto/bytes.h"

/* --- request --- */

/* Path MTU of the TCP connection; 0 when the kernel does not say. */
static uint16_t path_mtu(const struct tdm_conn *conn)
{
	bool v6 = conn->remote.ip.family == 6;
	int mtu = 0;
	socklen_t len = sizeof(mtu);
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)&conn->tcp, &fd) < 0 ||
		getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &len) <
			0)
		return 0;
	return mtu > 0 && mtu < UINT16_MAX ? (uint16_t)mtu : UINT16_MAX;
}

/* Conservative: what DTLS will carry on the same path, so that the announced value may stay when
 * data moves there. */
static struct tdm_mtu compute_mtu(
	const struct tdm_conn *conn, const struct tdm_connect_request *connect)
{
	struct tdm_mtu_input in = { .configured_link = TDM_MTU_LINK_DEFAULT,
		.client_base = connect->base_mtu,
		.client_cstp = connect->cstp_mtu,
		.path = path_mtu(conn),
		.outer_v6 = conn->remote.ip.family == 6,
		.record_overhead = TDM_MTU_OVERHEAD_GCM };

	return tdm_connect_mtu(&in);
}

static void describe(struct tdm_conn *conn, struct tdm_tunnel_desc *tunnel)
{
	const char *suite = tdm_stream_suite(conn);
	uv_os_fd_t fd;

	tunnel->kind = TDM_TUNNEL_TLS;
	tunnel->local = conn->local;
	tunnel->remote = conn->remote;
	tdm_text_copy_cut(tunnel->suite, sizeof(tunnel->suite), suite, strlen(suite));
	tunnel->started = tdm_clock_wall();
	if (uv_fileno((const uv_handle_t *)&conn->tcp, &fd) == 0)
		tdm_tcp_numbers(fd, &tunnel->seq, &tunnel->ack);
}

/* Only what can be no token at all is refused for good. */
static void refuse_token(struct tdm_conn *conn, enum tdm_err err)
{
	const char *why = tdm_refusal_text(TDM_REFUSAL_BAD_TOKEN);

	tdm_conn_complain(conn, why);
	tdm_request_refuse(conn,
		err == TDM_ERR_VERSION ? 503 : tdm_refusal_status(TDM_REFUSAL_BAD_TOKEN), why);
}

static void ask(struct tdm_conn *conn, const struct tdm_connect_request *connect)
{
	struct tdm_prelude *prelude = conn->prelude;
	struct tdm_msg *msg = tdm_worker_msg(conn, TDM_MSG_CONNECT);
	enum tdm_err err;

	if (!msg) {
		tdm_request_refuse(conn, 503, tdm_refusal_text(TDM_REFUSAL_BUSY));
		return;
	}
	err = tdm_request_token(
		connect->token, connect->token_len, &msg->connect.session, msg->connect.verifier);
	if (err) {
		tdm_msg_free(msg);
		refuse_token(conn, err);
		return;
	}
	prelude->session = msg->connect.session;
	prelude->full_ipv6 = connect->full_ipv6;
	prelude->mtu = compute_mtu(conn, connect);
	memcpy(prelude->hostname, connect->hostname, sizeof(prelude->hostname));
	memcpy(msg->connect.hostname, connect->hostname, sizeof(msg->connect.hostname));
	msg->connect.mtu = prelude->mtu.inner;
	describe(conn, &msg->connect.tunnel);
	conn->state = TDM_CONN_WAIT_RESUME;
	tdm_worker_post(conn->worker, msg);
}

void tdm_resume_request(struct tdm_conn *conn, const struct tdm_http_request *req)
{
	struct tdm_connect_request connect;
	enum tdm_err err = tdm_connect_parse(req, &connect);
	enum tdm_refusal refusal = TDM_REFUSAL_NONE;

	if (err)
		refusal = TDM_REFUSAL_NOT_FOUND;
	else if (!connect.token)
		refusal = TDM_REFUSAL_NO_TOKEN;
	if (refusal)
		tdm_request_refuse(conn, tdm_refusal_status(refusal), tdm_refusal_text(refusal));
	else
		ask(conn, &connect);
	tdm_connect_request_deinit(&connect);
}

/* --- result --- */

/* Pointers into the policy and the record, for as long as the reply is being written. */
struct lists {
	const char *routes[TDM_POLICY_ROUTES_MAX], *excludes[TDM_POLICY_ROUTES_MAX];
	const char *dns[TDM_POLICY_DNS_MAX], *nbns[TDM_POLICY_DNS_MAX];
	const char *split_dns[TDM_POLICY_DOMAINS_MAX];
	char domains[TDM_POLICY_DOMAINS_MAX * TDM_DOMAIN_MAX];
};

#define POINT_TO(out, texts, len)                                                                  \
	(point_to(out, &(texts)[0][0], sizeof((texts)[0]), len),                                   \
		(struct tdm_connect_list){ .items = (out), .count = (len) })

static void point_to(const char **out, const char *texts, size_t stride, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = texts + i * stride;
}

static const char *join_domains(const struct tdm_policy *policy, char *out, size_t cap)
{
	struct tdm_text text;

	tdm_text_init(&text, out, cap);
	for (size_t i = 0; i < policy->domains_len; i++)
		tdm_text_addf(&text, "%s%s", i ? " " : "", policy->domains[i]);
	return policy->domains_len ? out : NULL;
}

static uint32_t seconds_left(int64_t left_ms)
{
	if (left_ms == TDM_NEVER || left_ms <= 0)
		return 0;
	return left_ms / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(left_ms / 1000);
}

/* The policy's own limit is part of the record, so every node comes to the same value. */
static uint16_t announced_mtu(
	const struct tdm_prelude *prelude, const struct tdm_msg_connect_result *result)
{
	uint16_t mtu = result->record.mtu ? result->record.mtu : prelude->mtu.inner;

	return result->policy.mtu && result->policy.mtu < mtu ? (uint16_t)result->policy.mtu : mtu;
}

static enum tdm_err write_head(
	struct tdm_conn *conn, const struct tdm_msg_connect_result *result, struct tdm_text *out)
{
	const struct tdm_policy *policy = &result->policy;
	const struct tdm_record *record = &result->record;
	const struct tdm_prelude *prelude = conn->prelude;
	struct lists lists;
	struct tdm_connect_reply reply = {
		.hostname = prelude->hostname[0] ? prelude->hostname : NULL,
		.v4_addr = record->addr4,
		.v4_mask = record->mask4,
		.v6_prefix = record->addr6,
		.full_ipv6 = prelude->full_ipv6,
		.dns = POINT_TO(lists.dns, policy->dns, policy->dns_len),
		.nbns = POINT_TO(lists.nbns, policy->nbns, policy->nbns_len),
		.split_dns = POINT_TO(lists.split_dns, policy->split_dns, policy->split_dns_len),
		.split_include = POINT_TO(lists.routes, policy->routes, policy->routes_len),
		.split_exclude = POINT_TO(lists.excludes, policy->excludes, policy->excludes_len),
		.default_domain = join_domains(policy, lists.domains, sizeof(lists.domains)),
		.banner = policy->banner[0] ? policy->banner : NULL,
		.mtu = announced_mtu(prelude, result),
		.base_mtu = prelude->mtu.link,
		.dpd_s = policy->dpd_s,
		.keepalive_s = policy->keepalive_s,
		.idle_timeout_s = policy->idle_timeout_s,
		.disconnected_timeout_s = policy->disconnected_timeout_s
						  ? policy->disconnected_timeout_s
						  : policy->idle_timeout_s,
		.session_timeout_s = policy->session_timeout_s,
		.session_remaining_s = seconds_left(record->session_left_ms),
	};

	return tdm_connect_reply_write(out, &reply);
}

static void give_back(struct tdm_conn *conn, const struct tdm_msg_connect_result *result)
{
	struct tdm_msg *msg = tdm_worker_msg(conn, TDM_MSG_TUNNEL_DOWN);

	if (msg) {
		msg->tunnel_down.session = result->record.id;
		msg->tunnel_down.generation = result->generation;
	}
	tdm_worker_post(conn->worker, msg);
}

static void grant(struct tdm_conn *conn, const struct tdm_msg_connect_result *result)
{
	struct tdm_worker *worker = conn->worker;
	struct tdm_text out;
	enum tdm_err err;

	tdm_text_init(&out, worker->reply, sizeof(worker->reply));
	err = write_head(conn, result, &out);
	if (!err)
		err = tdm_stream_write(conn, out.buf, out.len);
	if (err) {
		tdm_log_error("session %016llx: no reply to CONNECT: %s",
			(unsigned long long)result->record.id, tdm_err_text(err));
		conn->state = TDM_CONN_REQUEST;
		give_back(conn, result);
		tdm_request_refuse(conn, 503, tdm_refusal_text(TDM_REFUSAL_INTERNAL));
		return;
	}
	tdm_tunnel_start(conn, result);
}

static enum tdm_refusal refusal_for(const struct tdm_msg_connect_result *result)
{
	switch (result->reason) {
	case TDM_REASON_LOGOUT:
	case TDM_REASON_ADMIN:
		return TDM_REFUSAL_ENDED;
	case TDM_REASON_DISPLACED:
		return TDM_REFUSAL_DISPLACED;
	case TDM_REASON_IDLE_TIMEOUT:
	case TDM_REASON_CONNECT_TIMEOUT:
		return TDM_REFUSAL_EXPIRED_IDLE;
	case TDM_REASON_SESSION_TIMEOUT:
		return TDM_REFUSAL_EXPIRED_MAX;
	case TDM_REASON_NOT_OWNER:
		return TDM_REFUSAL_NOT_OWNER;
	case TDM_REASON_NOT_SYNCED:
		return TDM_REFUSAL_NOT_SYNCED;
	default:
		break;
	}
	switch (result->err) {
	case TDM_ERR_UNKNOWN_TOKEN:
		return TDM_REFUSAL_UNKNOWN;
	case TDM_ERR_REVOKED:
	case TDM_ERR_EXPIRED:
		return TDM_REFUSAL_ENDED;
	case TDM_ERR_NOT_OWNER:
		return TDM_REFUSAL_NOT_OWNER;
	case TDM_ERR_NOT_SYNCED:
		return TDM_REFUSAL_NOT_SYNCED;
	case TDM_ERR_NOT_QUORATE:
	case TDM_ERR_CLUSTER_LOST:
		return TDM_REFUSAL_NOT_QUORATE;
	case TDM_ERR_POOL_EMPTY:
		return TDM_REFUSAL_NO_ADDRESS;
	case TDM_ERR_FULL:
	case TDM_ERR_AGAIN:
		return TDM_REFUSAL_BUSY;
	default:
		return TDM_REFUSAL_INTERNAL;
	}
}

void tdm_resume_result(struct tdm_conn *conn, const struct tdm_msg_connect_result *result)
{
	enum tdm_refusal refusal;

	if (!result->err) {
		grant(conn, result);
		return;
	}
	refusal = refusal_for(result);
	conn->state = TDM_CONN_REQUEST; /* control has answered: it need not be told of the end */
	tdm_request_refuse(conn, result->sure ? 401 : 503, tdm_refusal_text(refusal));
}
