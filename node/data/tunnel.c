/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "node/data/internal.h"
#include "node/log.h"

/* --- registration --- */

static void add_route(struct tdm_conn *conn, struct tdm_route *route)
{
	if (route->ip.family == 0)
		return;
	route->conn = conn;
	tdm_map_add(&conn->worker->routes, &route->link,
		tdm_map_hash_bytes(&conn->worker->routes, &route->ip, sizeof(route->ip)));
}

static void drop_route(struct tdm_worker *worker, struct tdm_route *route)
{
	if (route->ip.family != 0)
		tdm_map_drop(&worker->routes, &route->link);
}

static struct tdm_conn *find_session(struct tdm_worker *worker, tdm_session_id session)
{
	const struct tdm_map *map = &worker->sessions;
	struct tdm_map_link *link = tdm_map_find(map, tdm_map_hash_u64(map, session));

	for (; link; link = tdm_map_next(link)) {
		struct tdm_conn *conn = TDM_MAP_ITEM(link, struct tdm_conn, tunnel.link);

		if (conn->tunnel.session == session)
			return conn;
	}
	return NULL;
}

static void read_addresses(struct tdm_tunnel *tunnel, const struct tdm_record *record)
{
	struct tdm_prefix prefix;

	if (record->addr4[0] && tdm_ip_parse(record->addr4, &tunnel->v4.ip))
		tunnel->v4.ip.family = 0;
	if (record->addr6[0] && tdm_prefix_parse(record->addr6, &prefix) == TDM_OK)
		tunnel->v6.ip = prefix.ip;
}

static void log_up(const struct tdm_conn *conn, const struct tdm_record *record)
{
	char peer[TDM_ADDR_TEXT_MAX + 8];

	tdm_endpoint_text(&conn->remote, peer);
	tdm_log_info("tunnel up session=%016" PRIx64 " addr=%s peer=%s suite=%s", record->id,
		record->addr4[0] ? record->addr4 : record->addr6, peer, tdm_stream_suite(conn));
}

void tdm_tunnel_start(struct tdm_conn *conn, const struct tdm_msg_connect_result *result)
{
	struct tdm_worker *worker = conn->worker;
	struct tdm_tunnel *tunnel = &conn->tunnel;
	struct tdm_conn *older = find_session(worker, result->record.id);
	const struct tdm_policy *policy = &result->policy;

	if (older)
		tdm_conn_end(older, TDM_END_DRAIN, "replaced by a newer tunnel");
	memset(tunnel, 0, sizeof(*tunnel));
	tunnel->session = result->record.id;
	tunnel->generation = result->generation;
	tunnel->client_to_client = policy->client_to_client;
	tunnel->dpd_ms = UINT64_C(1000) * (policy->dpd_s && policy->dpd_s < TDM_CONNECT_DPD_MIN_S
							  ? TDM_CONNECT_DPD_MIN_S
							  : policy->dpd_s);
	tunnel->last_rx_ms = uv_now(&worker->loop);
	read_addresses(tunnel, &result->record);
	add_route(conn, &tunnel->v4);
	add_route(conn, &tunnel->v6);
	tdm_map_add(&worker->sessions, &tunnel->link,
		tdm_map_hash_u64(&worker->sessions, tunnel->session));
	conn->state = TDM_CONN_TUNNEL;
	tdm_conn_settled(conn);
	tdm_count(&worker->counters.tunnels_up, 1);
	log_up(conn, &result->record);
	uv_timer_stop(&conn->timer);
	if (tunnel->dpd_ms)
		tdm_conn_deadline(conn, tunnel->dpd_ms);
}

void tdm_tunnel_stop(struct tdm_conn *conn, const char *why)
{
	struct tdm_worker *worker = conn->worker;
	struct tdm_tunnel *tunnel = &conn->tunnel;
	struct tdm_msg *msg = tdm_worker_msg(conn, TDM_MSG_TUNNEL_DOWN);

	tdm_map_drop(&worker->sessions, &tunnel->link);
	drop_route(worker, &tunnel->v4);
	drop_route(worker, &tunnel->v6);
	if (msg) {
		msg->tunnel_down.session = tunnel->session;
		msg->tunnel_down.generation = tunnel->generation;
		msg->tunnel_down.logout = tunnel->logout;
		msg->tunnel_down.rx_bytes = tunnel->rx_bytes;
		msg->tunnel_down.tx_bytes = tunnel->tx_bytes;
	}
	tdm_worker_post(worker, msg);
	tdm_log_info("tunnel down session=%016" PRIx64 " rx=%" PRIu64 "/%" PRIu64 " tx=%" PRIu64
		     "/%" PRIu64 " spoofed=%" PRIu64 " lost=%" PRIu64 ": %s",
		tunnel->session, tunnel->rx_packets, tunnel->rx_bytes, tunnel->tx_packets,
		tunnel->tx_bytes, tunnel->dropped_spoofed, tunnel->dropped_full,
		why ? why : "closed");
}

/* --- frames out --- */

static void send_frame(
	struct tdm_conn *conn, enum tdm_cstp_type type, const void *payload, size_t len)
{
	uint8_t *frame = conn->worker->packet;

	if (len > TDM_CSTP_PAYLOAD_MAX || !tdm_stream_has_room(conn))
		return;
	tdm_cstp_write_header(frame, type, (uint16_t)len);
	if (len > 0)
		memcpy(frame + TDM_CSTP_HEADER_LEN, payload, len);
	if (tdm_stream_write(conn, frame, TDM_CSTP_HEADER_LEN + len))
		conn->tunnel.dropped_full++;
}

/* A disconnect makes clients quit: only for sessions that are over. */
static void send_goodbye(struct tdm_conn *conn)
{
	static const char text[] = "\xb0"
				   "Session ended";

	send_frame(conn, TDM_CSTP_DISCONNECT, text, sizeof(text) - 1);
}

void tdm_tunnel_close(struct tdm_worker *worker, const struct tdm_msg_tunnel_close *close)
{
	struct tdm_conn *conn = find_session(worker, close->session);

	if (!conn || (close->generation && close->generation != conn->tunnel.generation))
		return;
	if (close->goodbye)
		send_goodbye(conn);
	tdm_conn_end(conn, TDM_END_DRAIN,
		close->goodbye ? "session ended" : "replaced by a newer tunnel");
}

/* --- frames in --- */

static void on_bye(struct tdm_conn *conn, const struct tdm_cstp_frame *frame)
{
	struct tdm_cstp_bye bye;
	char why[TDM_CSTP_BYE_TEXT_MAX + 64];
	struct tdm_text text;

	tdm_cstp_parse_bye(frame->payload, frame->len, &bye);
	tdm_text_init(&text, why, sizeof(why));
	tdm_text_addf(&text, "client says goodbye%s (%s)", bye.logoff ? " for good" : "", bye.text);
	conn->tunnel.logout = bye.logoff;
	tdm_conn_end(conn, TDM_END_DRAIN, why);
}

static void on_bad_record(struct tdm_conn *conn, enum tdm_err err)
{
	if (err == TDM_ERR_MAGIC || err == TDM_ERR_UNSUPPORTED) {
		tdm_conn_complain(conn, tdm_err_text(err));
		tdm_conn_end(conn, TDM_END_DRAIN, "protocol error");
		return;
	}
	/* not exactly one packet: thrown away, as clients do it */
	conn->tunnel.dropped_malformed++;
	tdm_count(&conn->worker->counters.dropped_malformed, 1);
	if (!conn->tunnel.told_malformed)
		tdm_conn_complain(conn, "a TLS record is not exactly one packet");
	conn->tunnel.told_malformed = true;
}

void tdm_tunnel_record(struct tdm_conn *conn, uint8_t *record, size_t len)
{
	struct tdm_cstp_frame frame;
	enum tdm_err err = tdm_cstp_parse_header(record, len, &frame);

	if (err) {
		on_bad_record(conn, err);
		return;
	}
	conn->tunnel.last_rx_ms = uv_now(&conn->worker->loop);
	switch (frame.type) {
	case TDM_CSTP_DATA:
		tdm_packet_up(conn, record, len);
		break;
	case TDM_CSTP_DPD_REQUEST:
		send_frame(conn, TDM_CSTP_DPD_RESPONSE, frame.payload, frame.len);
		break;
	case TDM_CSTP_DPD_RESPONSE:
	case TDM_CSTP_KEEPALIVE:
		break;
	case TDM_CSTP_DISCONNECT:
		on_bye(conn, &frame);
		break;
	default: /* compressed data was never agreed, a client cannot terminate us */
		on_bad_record(conn, TDM_ERR_UNSUPPORTED);
		break;
	}
}

/* --- dead peer detection --- */

/* Probes begin when nothing was heard for one period and repeat every half; two and a half
 * periods of silence are the end of the tunnel, as on the client's side. */
void tdm_tunnel_tick(struct tdm_conn *conn)
{
	struct tdm_tunnel *tunnel = &conn->tunnel;
	uint64_t now = uv_now(&conn->worker->loop), dpd = tunnel->dpd_ms;
	uint64_t silence = now - tunnel->last_rx_ms;

	if (dpd == 0)
		return;
	if (silence < dpd) {
		tdm_conn_deadline(conn, dpd - silence);
		return;
	}
	if (silence >= 2 * dpd + dpd / 2) {
		tdm_conn_end(conn, TDM_END_CLOSE, "no sign of life");
		return;
	}
	send_frame(conn, TDM_CSTP_DPD_REQUEST, NULL, 0);
	tdm_conn_deadline(conn, dpd / 2);
}
