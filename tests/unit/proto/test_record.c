/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "proto/record.h"

static uint8_t wire[TDM_POLICY_WIRE_MAX];
static size_t len;

static void fill(char *s, size_t cap, char c)
{
	memset(s, c, cap - 1);
	s[cap - 1] = 0;
}

/* Every field at its limit. */
static struct tdm_record full(void)
{
	struct tdm_record r;

	memset(&r, 0, sizeof(r));
	r.id = UINT64_MAX;
	r.index = UINT32_MAX;
	r.member = UINT16_MAX;
	memset(r.verifier, 0xa5, sizeof(r.verifier));
	r.version = (struct tdm_version){ { UINT64_MAX, UINT32_MAX }, UINT64_MAX };
	r.state = TDM_SESSION_REVOKED;
	r.reason = TDM_REASON_ADDRESS_CONFLICT;
	r.ended = INT64_MAX;
	r.ended_by = UINT32_MAX;
	fill(r.user, sizeof(r.user), 'u');
	fill(r.group, sizeof(r.group), 'g');
	fill(r.tunnel_group, sizeof(r.tunnel_group), 't');
	fill(r.auth_method, sizeof(r.auth_method), 'm');
	fill(r.auth_mode, sizeof(r.auth_mode), 'o');
	r.entry = TDM_ENTRY_PORTAL;
	fill(r.agent, sizeof(r.agent), 'a');
	fill(r.device, sizeof(r.device), 'd');
	fill(r.hostname, sizeof(r.hostname), 'h');
	fill(r.addr4, sizeof(r.addr4), '4');
	fill(r.mask4, sizeof(r.mask4), '5');
	fill(r.addr6, sizeof(r.addr6), '6');
	r.mtu = UINT16_MAX;
	r.dtls_offered = true;
	r.login = r.inactive_since = INT64_MAX;
	r.idle_left_ms = INT64_MAX - 1;
	r.disconnected_left_ms = 0;
	r.session_left_ms = TDM_NEVER;
	r.public_len = TDM_PUBLIC_ADDRS_MAX;
	for (size_t i = 0; i < TDM_PUBLIC_ADDRS_MAX; i++) {
		r.public_addrs[i].ip.family = i % 2 ? 4 : 6;
		memset(r.public_addrs[i].ip.addr, (int)i + 1, i % 2 ? 4 : 16);
		r.public_addrs[i].since = INT64_MAX;
	}
	r.tunnels_len = 2;
	for (size_t i = 0; i < 2; i++) {
		struct tdm_tunnel_desc *t = &r.tunnels[i];

		t->kind = i ? TDM_TUNNEL_DTLS : TDM_TUNNEL_TLS;
		t->local.ip.family = 6;
		memset(t->local.ip.addr, 0xee, 16);
		t->local.port = UINT16_MAX;
		t->remote = t->local;
		fill(t->suite, sizeof(t->suite), 's');
		t->seq = t->ack = UINT32_MAX;
		t->started = INT64_MAX;
	}
	return r;
}

Test(record, survives_the_wire_with_every_field_at_its_limit)
{
	struct tdm_record in = full(), out;

	cr_assert_eq(tdm_record_encode(&in, NULL, 0, wire, TDM_RECORD_WIRE_MAX, &len), TDM_OK);
	cr_assert_eq(tdm_record_decode(wire, len, &out), TDM_OK);
	cr_assert_arr_eq(&in, &out, sizeof(in));
	for (size_t cap = 0; cap < len; cap++)
		cr_assert_eq(tdm_record_encode(&in, NULL, 0, wire, cap, &len), TDM_ERR_TOO_LONG);
}

Test(record, an_empty_one_survives_too)
{
	struct tdm_record in = { .id = 1, .member = 1, .state = TDM_SESSION_NEW }, out;

	cr_assert_eq(tdm_record_encode(&in, NULL, 0, wire, sizeof(wire), &len), TDM_OK);
	cr_assert_eq(tdm_record_decode(wire, len, &out), TDM_OK);
	cr_assert_arr_eq(&in, &out, sizeof(in));
}

Test(record, encodes_the_same_bytes_again)
{
	struct tdm_record in = full(), out;
	uint8_t again[TDM_RECORD_WIRE_MAX];
	size_t again_len;

	cr_assert_eq(tdm_record_encode(&in, NULL, 0, wire, sizeof(wire), &len), TDM_OK);
	cr_assert_eq(tdm_record_decode(wire, len, &out), TDM_OK);
	cr_assert_eq(tdm_record_encode(&out, wire, len, again, sizeof(again), &again_len), TDM_OK);
	cr_assert_eq(again_len, len);
	cr_assert_arr_eq(again, wire, len);
}

/* A newer release's fields: 100 as varint, 101 as bytes, 102 as fixed32, 103 as fixed64. */
static const uint8_t newer[] = { 0xa0, 0x06, 0x07, 0xaa, 0x06, 0x03, 'n', 'e', 'w', 0xb5, 0x06, 1,
	2, 3, 4, 0xb9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8 };

Test(record, fields_of_a_newer_release_survive_a_change)
{
	struct tdm_record rec = full();
	uint8_t changed[TDM_RECORD_WIRE_MAX];
	size_t changed_len;

	cr_assert_eq(tdm_record_encode(&rec, NULL, 0, wire, sizeof(wire), &len), TDM_OK);
	memcpy(wire + len, newer, sizeof(newer));
	len += sizeof(newer);
	cr_assert_eq(tdm_record_decode(wire, len, &rec), TDM_OK);
	rec.mtu = 1200;
	cr_assert_eq(
		tdm_record_encode(&rec, wire, len, changed, sizeof(changed), &changed_len), TDM_OK);
	cr_assert_arr_eq(changed + changed_len - sizeof(newer), newer, sizeof(newer));
	cr_assert_eq(tdm_record_decode(changed, changed_len, &rec), TDM_OK);
	cr_assert_eq(rec.mtu, 1200);
	cr_assert_eq(tdm_record_encode(&rec, wire, len, changed, changed_len - 1, &changed_len),
		TDM_ERR_TOO_LONG);
}

/* One field appended: protobuf takes the last one. */
static enum tdm_err with(const void *field, size_t field_len)
{
	struct tdm_record rec = full();

	cr_assert_eq(tdm_record_encode(&rec, NULL, 0, wire, sizeof(wire), &len), TDM_OK);
	memcpy(wire + len, field, field_len);
	return tdm_record_decode(wire, len + field_len, &rec);
}

Test(record, what_breaks_a_bound_is_refused)
{
	uint8_t text[3 + 200] = { 0x62, 0xc8, 0x01 }; /* user, 200 bytes */

	memset(text + 3, 'x', 200);
	cr_expect_eq(with(text, sizeof(text)), TDM_ERR_MALFORMED, "user");
	cr_expect_eq(with("\x40\x00", 2), TDM_ERR_MALFORMED, "no state");
	cr_expect_eq(with("\x40\x06", 2), TDM_ERR_MALFORMED, "a state that we do not know");
	cr_expect_eq(with("\x48\xff\x01", 3), TDM_OK, "a reason that we do not know");
	cr_expect_eq(with("\x48\x80\x02", 3), TDM_ERR_MALFORMED, "no reason at all");
	cr_expect_eq(with("\x18\x00", 2), TDM_ERR_MALFORMED, "no member");
	cr_expect_eq(with("\x18\x80\x80\x04", 4), TDM_ERR_MALFORMED, "member");
	cr_expect_eq(with("\x22\x02xx", 4), TDM_ERR_MALFORMED, "verifier");
	cr_expect_eq(with("\xb0\x01\x80\x80\x04", 5), TDM_ERR_MALFORMED, "mtu");
	cr_expect_eq(with("\x09\0\0\0\0\0\0\0\0", 9), TDM_ERR_MALFORMED, "id");
	cr_expect_eq(with("\xea\x01\x00", 3), TDM_ERR_MALFORMED, "a fifth public address");
	cr_expect_eq(with("\xf2\x01\x00", 3), TDM_ERR_MALFORMED, "a third tunnel");
	cr_expect_eq(with("\xd0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12),
		TDM_ERR_MALFORMED, "a clock that no number holds");
	cr_expect_eq(with("\x61", 1), TDM_ERR_MALFORMED, "truncated");
}

Test(record, truncation_at_any_point_is_survived)
{
	struct tdm_record rec = full(), out;
	size_t whole;

	cr_assert_eq(tdm_record_encode(&rec, NULL, 0, wire, sizeof(wire), &whole), TDM_OK);
	for (size_t n = 0; n < whole; n++)
		if (!tdm_record_decode(wire, n, &out))
			cr_assert_lt(out.state, TDM_SESSION_STATES);
}

Test(policy, survives_the_wire_when_it_is_full)
{
	static struct tdm_policy in, out;

	fill(in.name, sizeof(in.name), 'n');
	fill(in.banner, sizeof(in.banner), 'b');
	in.routes_len = in.excludes_len = TDM_POLICY_ROUTES_MAX;
	in.dns_len = in.nbns_len = TDM_POLICY_DNS_MAX;
	in.domains_len = in.split_dns_len = TDM_POLICY_DOMAINS_MAX;
	for (size_t i = 0; i < TDM_POLICY_ROUTES_MAX; i++) {
		fill(in.routes[i], sizeof(in.routes[i]), 'r');
		fill(in.excludes[i], sizeof(in.excludes[i]), 'e');
	}
	for (size_t i = 0; i < TDM_POLICY_DNS_MAX; i++) {
		fill(in.dns[i], sizeof(in.dns[i]), 'd');
		fill(in.nbns[i], sizeof(in.nbns[i]), 'w');
	}
	for (size_t i = 0; i < TDM_POLICY_DOMAINS_MAX; i++) {
		fill(in.domains[i], sizeof(in.domains[i]), 'o');
		fill(in.split_dns[i], sizeof(in.split_dns[i]), 's');
	}
	in.idle_timeout_s = in.session_timeout_s = in.disconnected_timeout_s = UINT32_MAX;
	in.dpd_s = in.keepalive_s = in.simultaneous_logins = in.mtu = UINT32_MAX;
	in.client_to_client = in.dtls = true;
	cr_assert_eq(tdm_policy_encode(&in, wire, sizeof(wire), &len), TDM_OK);
	cr_assert_eq(tdm_policy_decode(wire, len, &out), TDM_OK);
	cr_assert_arr_eq(&in, &out, sizeof(in));
	cr_assert_eq(tdm_policy_encode(&in, wire, len - 1, &len), TDM_ERR_TOO_LONG);
	in.dns_len = TDM_POLICY_DNS_MAX + 1;
	cr_assert_eq(tdm_policy_encode(&in, wire, sizeof(wire), &len), TDM_ERR_INVAL);
}

Test(policy, too_much_of_anything_is_refused)
{
	static struct tdm_policy out;
	uint8_t many[2 * (TDM_POLICY_ROUTES_MAX + 1)];

	for (size_t i = 0; i < sizeof(many); i += 2) {
		many[i] = 0x12; /* an empty route */
		many[i + 1] = 0;
	}
	cr_assert_eq(tdm_policy_decode(many, sizeof(many) - 2, &out), TDM_OK);
	cr_assert_eq(out.routes_len, TDM_POLICY_ROUTES_MAX);
	cr_assert_eq(tdm_policy_decode(many, sizeof(many), &out), TDM_ERR_MALFORMED);
	cr_assert_eq(tdm_policy_decode((const uint8_t *)"\x0a\x7f", 2, &out), TDM_ERR_MALFORMED);
	cr_assert_eq(tdm_policy_decode(NULL, 0, &out), TDM_OK, "an empty policy is one");
}

Test(names, every_state_and_reason_has_one)
{
	for (int i = 0; i < TDM_SESSION_STATES; i++)
		cr_assert_str_neq(tdm_session_state_name((enum tdm_session_state)i), "unknown");
	for (int i = 0; i < TDM_REASON_COUNT; i++)
		cr_assert_str_neq(tdm_reason_name((enum tdm_reason)i), "unknown");
	cr_assert_str_eq(tdm_reason_name((enum tdm_reason)200), "unknown");
	cr_assert_str_eq(tdm_session_state_name((enum tdm_session_state)200), "unknown");
}
