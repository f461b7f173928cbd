/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "proto/arena.h"
#include "proto/record.h"
#include "proto/replication.pb-c.h"
#include "proto/text.h"

enum { POLICY_ARENA = 128 * 1024 };

static char **list_out(const void *items, size_t len, size_t size, char **ptrs)
{
	for (size_t i = 0; i < len; i++)
		ptrs[i] = (char *)(uintptr_t)items + i * size;
	return ptrs;
}

#define LIST_OUT(field)                                                                            \
	do {                                                                                       \
		pb.field = list_out(                                                               \
			policy->field, policy->field##_len, sizeof(policy->field[0]), ptrs);       \
		pb.n_##field = policy->field##_len;                                                \
		ptrs += policy->field##_len;                                                       \
	} while (0)

static bool lens_ok(const struct tdm_policy *p)
{
	return p->routes_len <= TDM_POLICY_ROUTES_MAX && p->excludes_len <= TDM_POLICY_ROUTES_MAX &&
	       p->dns_len <= TDM_POLICY_DNS_MAX && p->nbns_len <= TDM_POLICY_DNS_MAX &&
	       p->domains_len <= TDM_POLICY_DOMAINS_MAX &&
	       p->split_dns_len <= TDM_POLICY_DOMAINS_MAX;
}

enum tdm_err tdm_policy_encode(
	const struct tdm_policy *policy, uint8_t *out, size_t cap, size_t *len)
{
	Tandem__Replication__Policy pb = TANDEM__REPLICATION__POLICY__INIT;
	char *all[2 * TDM_POLICY_ROUTES_MAX + 2 * TDM_POLICY_DNS_MAX + 2 * TDM_POLICY_DOMAINS_MAX];
	char **ptrs = all;

	if (!lens_ok(policy))
		return TDM_ERR_INVAL;
	LIST_OUT(routes);
	LIST_OUT(excludes);
	LIST_OUT(dns);
	LIST_OUT(nbns);
	LIST_OUT(domains);
	LIST_OUT(split_dns);
	pb.name = (char *)(uintptr_t)policy->name;
	pb.banner = (char *)(uintptr_t)policy->banner;
	pb.idle_timeout_s = policy->idle_timeout_s;
	pb.session_timeout_s = policy->session_timeout_s;
	pb.disconnected_timeout_s = policy->disconnected_timeout_s;
	pb.dpd_s = policy->dpd_s;
	pb.keepalive_s = policy->keepalive_s;
	pb.simultaneous_logins = policy->simultaneous_logins;
	pb.mtu = policy->mtu;
	pb.client_to_client = policy->client_to_client;
	pb.dtls = policy->dtls;
	if (tandem__replication__policy__get_packed_size(&pb) > cap)
		return TDM_ERR_TOO_LONG;
	*len = tandem__replication__policy__pack(&pb, out);
	return TDM_OK;
}

static bool list_in(char *const *in, size_t n, void *out, size_t max, size_t size, uint8_t *len)
{
	char *to = out;

	if (n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (tdm_text_copy(to + i * size, size, in[i], strlen(in[i])))
			return false;
	*len = (uint8_t)n;
	return true;
}

#define LIST_IN(field)                                                                             \
	list_in(pb->field, pb->n_##field, policy->field,                                           \
		sizeof(policy->field) / sizeof(policy->field[0]), sizeof(policy->field[0]),        \
		&policy->field##_len)

static bool policy_in(const Tandem__Replication__Policy *pb, struct tdm_policy *policy)
{
	memset(policy, 0, sizeof(*policy));
	policy->idle_timeout_s = pb->idle_timeout_s;
	policy->session_timeout_s = pb->session_timeout_s;
	policy->disconnected_timeout_s = pb->disconnected_timeout_s;
	policy->dpd_s = pb->dpd_s;
	policy->keepalive_s = pb->keepalive_s;
	policy->simultaneous_logins = pb->simultaneous_logins;
	policy->mtu = pb->mtu;
	policy->client_to_client = pb->client_to_client;
	policy->dtls = pb->dtls;
	return !tdm_text_copy(policy->name, sizeof(policy->name), pb->name, strlen(pb->name)) &&
	       !tdm_text_copy(
		       policy->banner, sizeof(policy->banner), pb->banner, strlen(pb->banner)) &&
	       LIST_IN(routes) && LIST_IN(excludes) && LIST_IN(dns) && LIST_IN(nbns) &&
	       LIST_IN(domains) && LIST_IN(split_dns);
}

enum tdm_err tdm_policy_decode(const uint8_t *wire, size_t len, struct tdm_policy *policy)
{
	struct tdm_arena arena;
	ProtobufCAllocator alloc = tdm_arena_allocator(&arena);
	Tandem__Replication__Policy *pb;
	enum tdm_err err = TDM_ERR_MALFORMED;
	void *memory = malloc(POLICY_ARENA);

	if (!memory)
		return TDM_ERR_NOMEM;
	tdm_arena_init(&arena, memory, POLICY_ARENA);
	pb = tandem__replication__policy__unpack(&alloc, len, wire);
	if (pb && policy_in(pb, policy))
		err = TDM_OK;
	free(memory);
	return err;
}
