/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The 200 reply to a CONNECT. The order of the lines is fixed, so that two nodes with the same
 * struct send the same bytes; the one order that clients care about is that the remaining session
 * time comes last of the three time headers they treat alike.
 */
#include <string.h>

#include "proto/connect.h"

static bool given(const char *s)
{
	return s && *s;
}

/* All text goes through here: no value can add a line. */
static void add(struct tdm_text *out, const char *name, const char *value)
{
	tdm_text_add(out, name);
	tdm_text_add(out, ": ");
	tdm_text_header(out, value);
	tdm_text_add(out, "\r\n");
}

static void add_if(struct tdm_text *out, const char *name, const char *value)
{
	if (given(value))
		add(out, name, value);
}

static void add_number(struct tdm_text *out, const char *name, uint64_t value)
{
	tdm_text_add(out, name);
	tdm_text_add(out, ": ");
	tdm_text_u64(out, value);
	tdm_text_add(out, "\r\n");
}

static void add_seconds_if(struct tdm_text *out, const char *name, uint32_t seconds)
{
	if (seconds)
		add_number(out, name, seconds);
}

static void add_seconds_or_none(struct tdm_text *out, const char *name, uint32_t seconds)
{
	if (seconds)
		add_number(out, name, seconds);
	else
		add(out, name, "none");
}

static void add_bool(struct tdm_text *out, const char *name, bool value)
{
	add(out, name, value ? "true" : "false");
}

static uint32_t dpd_for_client(uint32_t seconds)
{
	return seconds == 0 || seconds >= TDM_CONNECT_DPD_MIN_S ? seconds : TDM_CONNECT_DPD_MIN_S;
}

static void add_addresses(struct tdm_text *out, const struct tdm_connect_reply *r)
{
	char addr[TDM_ADDR_TEXT_MAX];

	add_if(out, "X-CSTP-Address", r->v4_addr);
	if (given(r->v4_addr))
		add_if(out, "X-CSTP-Netmask", r->v4_mask);
	if (!given(r->v6_prefix))
		return;
	if (r->full_ipv6) {
		add(out, "X-CSTP-Address-IP6", r->v6_prefix);
		return;
	}
	/* older clients: the address alone, and "addr/len" in place of a mask */
	tdm_text_copy_cut(addr, sizeof(addr), r->v6_prefix, strcspn(r->v6_prefix, "/"));
	add(out, "X-CSTP-Address", addr);
	add(out, "X-CSTP-Netmask", r->v6_prefix);
}

static void add_dns(struct tdm_text *out, const struct tdm_connect_reply *r)
{
	for (size_t i = 0; i < r->dns.count; i++) {
		bool v6 = strchr(r->dns.items[i], ':') != NULL;

		add(out, v6 ? "X-CSTP-DNS-IP6" : "X-CSTP-DNS", r->dns.items[i]);
	}
	for (size_t i = 0; i < r->nbns.count; i++)
		add(out, "X-CSTP-NBNS", r->nbns.items[i]);
	add_if(out, "X-CSTP-Default-Domain", r->default_domain);
	for (size_t i = 0; i < r->split_dns.count; i++)
		add(out, "X-CSTP-Split-DNS", r->split_dns.items[i]);
	add_bool(out, "X-CSTP-Tunnel-All-DNS", r->tunnel_all_dns);
}

/* IPv4 with a dotted mask, which all clients take; IPv6 as addr/len. */
static enum tdm_err add_routes(struct tdm_text *out, const struct tdm_connect_list *list,
	const char *name, const char *name_v6)
{
	for (size_t i = 0; i < list->count; i++) {
		char text[TDM_PREFIX_TEXT_MAX], mask[TDM_ADDR_TEXT_MAX];
		struct tdm_prefix prefix;

		if (tdm_prefix_parse(list->items[i], &prefix))
			return TDM_ERR_INVAL;
		if (prefix.ip.family != 4) {
			tdm_prefix_text(&prefix, text);
			add(out, name_v6, text);
			continue;
		}
		tdm_ip_text(&prefix.ip, text);
		tdm_prefix_mask_text(prefix.len, mask);
		tdm_text_addf(out, "%s: %s/%s\r\n", name, text, mask);
	}
	return TDM_OK;
}

static void add_rekey(struct tdm_text *out, const struct tdm_connect_reply *r)
{
	const char *method = r->rekey == TDM_CONNECT_REKEY_SSL ? "ssl" : "new-tunnel";

	if (r->rekey == TDM_CONNECT_REKEY_NONE || r->rekey_s == 0)
		return;
	add_number(out, "X-CSTP-Rekey-Time", r->rekey_s);
	add(out, "X-CSTP-Rekey-Method", method);
}

static void add_timers(struct tdm_text *out, const struct tdm_connect_reply *r)
{
	add_seconds_if(out, "X-CSTP-DPD", dpd_for_client(r->dpd_s));
	add_seconds_if(out, "X-CSTP-Keepalive", r->keepalive_s);
	add_seconds_or_none(out, "X-CSTP-Idle-Timeout", r->idle_timeout_s);
	add_seconds_or_none(out, "X-CSTP-Disconnected-Timeout", r->disconnected_timeout_s);
	add_rekey(out, r);
	add_seconds_if(out, "X-CSTP-Lease-Duration", r->lease_s);
	add_seconds_or_none(out, "X-CSTP-Session-Timeout", r->session_timeout_s);
	add_seconds_or_none(out, "X-CSTP-Session-Timeout-Remaining", r->session_remaining_s);
}

static void add_flags(struct tdm_text *out, const struct tdm_connect_reply *r)
{
	add_bool(out, "X-CSTP-Client-Bypass-Protocol", r->client_bypass);
	add_bool(out, "X-CSTP-Smartcard-Removal-Disconnect", r->smartcard_removal_disconnect);
	add_bool(out, "X-CSTP-Keep", true);
	add_bool(out, "X-CSTP-TCP-Keepalive", true);
	add(out, "X-CSTP-License", "accept");
}

/* No rekey method here: with one, a client that gets the same App-ID would stay on a dead
 * association. */
static void add_dtls(struct tdm_text *out, const struct tdm_connect_dtls *d)
{
	if (!d)
		return;
	add_number(out, "X-DTLS-Port", d->port);
	add_if(out, "X-DTLS-App-ID", d->app_id);
	add_if(out, "X-DTLS-Session-ID", d->session_id);
	add_if(out, d->dtls12_header ? "X-DTLS12-CipherSuite" : "X-DTLS-CipherSuite",
		d->ciphersuite);
	add_seconds_if(out, "X-DTLS-DPD", dpd_for_client(d->dpd_s));
	add_seconds_if(out, "X-DTLS-Keepalive", d->keepalive_s);
	if (d->mtu)
		add_number(out, "X-DTLS-MTU", d->mtu);
}

static void add_banner(struct tdm_text *out, const char *banner)
{
	if (!given(banner))
		return;
	tdm_text_add(out, "X-CSTP-Banner: ");
	tdm_text_percent(out, banner);
	tdm_text_add(out, "\r\n");
}

enum tdm_err tdm_connect_reply_write(struct tdm_text *out, const struct tdm_connect_reply *r)
{
	enum tdm_err err;

	if (r->mtu == 0 || (!given(r->v4_addr) && !given(r->v6_prefix)))
		return TDM_ERR_INVAL;
	tdm_text_add(out, "HTTP/1.1 200 CONNECTED\r\n");
	add(out, "X-CSTP-Version", "1");
	add_if(out, "X-CSTP-Hostname", r->hostname);
	add_addresses(out, r);
	add_dns(out, r);
	err = add_routes(
		out, &r->split_include, "X-CSTP-Split-Include", "X-CSTP-Split-Include-IP6");
	if (!err)
		err = add_routes(
			out, &r->split_exclude, "X-CSTP-Split-Exclude", "X-CSTP-Split-Exclude-IP6");
	if (err)
		return err;
	add_timers(out, r);
	add_flags(out, r);
	add_if(out, "X-CSTP-Post-Auth-XML", r->post_auth_xml);
	add_banner(out, r->banner);
	add_dtls(out, r->dtls);
	if (r->base_mtu)
		add_number(out, "X-CSTP-Base-MTU", r->base_mtu);
	add_number(out, "X-CSTP-MTU", r->mtu);
	tdm_text_add(out, "\r\n");
	return tdm_text_result(out);
}
