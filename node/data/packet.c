/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inner packets. A frame is never copied: what comes from the TUN device is read behind the room
 * for its CSTP header, what goes to another client keeps the header it came with. Nothing here
 * allocates or locks.
 */
#include <errno.h>
#include <unistd.h>

#include "node/data/internal.h"

static struct tdm_conn *find_route(const struct tdm_worker *worker, const struct tdm_ip *ip)
{
	const struct tdm_map *map = &worker->routes;
	struct tdm_map_link *link = tdm_map_find(map, tdm_map_hash_bytes(map, ip, sizeof(*ip)));

	for (; link; link = tdm_map_next(link)) {
		const struct tdm_route *route = TDM_MAP_ITEM(link, struct tdm_route, link);

		if (tdm_ip_equal(&route->ip, ip))
			return route->conn;
	}
	return NULL;
}

/* An address that is a client's, whether connected or not; the gateway's own is none. */
static bool is_client_address(const struct tdm_worker *worker, const struct tdm_ip *ip)
{
	const struct tdm_config *config = worker->cfg.config;

	for (size_t m = 0; m < config->members_len; m++) {
		const struct tdm_config_member *member = &config->members[m];

		for (size_t i = 0; i < member->pools_len; i++)
			if (tdm_prefix_contains(&member->pools[i], ip))
				return !tdm_ip_equal(&member->inside.ip, ip);
	}
	return false;
}

/* record is a whole frame of type data. */
static void send_to(struct tdm_conn *conn, const uint8_t *record, size_t len)
{
	size_t packet_len = len - TDM_CSTP_HEADER_LEN;

	if (!tdm_stream_has_room(conn) || tdm_stream_write(conn, record, len)) {
		conn->tunnel.dropped_full++;
		tdm_count(&conn->worker->counters.dropped_full, 1);
		return;
	}
	conn->tunnel.tx_packets++;
	conn->tunnel.tx_bytes += packet_len;
}

/* --- from a client --- */

static void to_peer(struct tdm_conn *from, struct tdm_conn *to, const uint8_t *record, size_t len)
{
	struct tdm_worker_counters *counters = &from->worker->counters;

	if (to == from || !from->tunnel.client_to_client || !to->tunnel.client_to_client) {
		tdm_count(&counters->dropped_policy, 1);
		return;
	}
	tdm_count(&counters->peer_packets, 1);
	send_to(to, record, len);
}

static void to_tun(struct tdm_worker *worker, const uint8_t *packet, size_t len)
{
	ssize_t n;

	do
		n = write(worker->cfg.tun_fd, packet, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		tdm_count(&worker->counters.dropped_tun, 1);
}

void tdm_packet_up(struct tdm_conn *conn, const uint8_t *record, size_t len)
{
	struct tdm_worker *worker = conn->worker;
	struct tdm_tunnel *tunnel = &conn->tunnel;
	const uint8_t *packet = record + TDM_CSTP_HEADER_LEN;
	size_t packet_len = len - TDM_CSTP_HEADER_LEN;
	const struct tdm_ip *own;
	struct tdm_ip src, dst;
	struct tdm_conn *peer;

	if (tdm_packet_addrs(packet, packet_len, &src, &dst)) {
		tunnel->dropped_malformed++;
		tdm_count(&worker->counters.dropped_malformed, 1);
		return;
	}
	own = src.family == 4 ? &tunnel->v4.ip : &tunnel->v6.ip;
	if (own->family == 0) { /* chatter of the client's kernel, not an attempt */
		tdm_count(&worker->counters.dropped_policy, 1);
		return;
	}
	if (!tdm_ip_equal(&src, own)) {
		tunnel->dropped_spoofed++;
		tdm_count(&worker->counters.dropped_spoofed, 1);
		return;
	}
	tunnel->rx_packets++;
	tunnel->rx_bytes += packet_len;
	tdm_count(&worker->counters.up_packets, 1);
	tdm_count(&worker->counters.up_bytes, packet_len);
	peer = find_route(worker, &dst);
	if (peer)
		to_peer(conn, peer, record, len);
	else if (is_client_address(worker, &dst))
		tdm_count(&worker->counters.dropped_no_tunnel, 1);
	else
		to_tun(worker, packet, packet_len);
}

/* --- to a client --- */

/* One client must reach another only through the check above, not by way of the kernel. */
static void to_client(struct tdm_worker *worker, uint8_t *record, size_t packet_len)
{
	struct tdm_ip src, dst;
	struct tdm_conn *conn;

	if (tdm_packet_addrs(record + TDM_CSTP_HEADER_LEN, packet_len, &src, &dst)) {
		tdm_count(&worker->counters.dropped_malformed, 1);
		return;
	}
	if (is_client_address(worker, &src)) {
		tdm_count(&worker->counters.dropped_policy, 1);
		return;
	}
	conn = find_route(worker, &dst);
	if (!conn) {
		tdm_count(&worker->counters.dropped_no_tunnel, 1);
		return;
	}
	tdm_cstp_write_header(record, TDM_CSTP_DATA, (uint16_t)packet_len);
	tdm_count(&worker->counters.down_packets, 1);
	tdm_count(&worker->counters.down_bytes, packet_len);
	send_to(conn, record, TDM_CSTP_HEADER_LEN + packet_len);
}

void tdm_packet_down(struct tdm_worker *worker)
{
	uint8_t *record = worker->packet;

	for (int i = 0; i < TDM_TUN_BATCH; i++) {
		ssize_t n = read(worker->cfg.tun_fd, record + TDM_CSTP_HEADER_LEN,
			sizeof(worker->packet) - TDM_CSTP_HEADER_LEN);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		to_client(worker, record, (size_t)n);
	}
}
