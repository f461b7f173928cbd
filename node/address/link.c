/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/address/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "node/address/service.h"

enum { IPV4_LEN = 4, IPV6_LEN = 16 };

struct tdm_link {
	struct nl_sock *sock;
};

enum tdm_err tdm_link_open(struct tdm_link **out, struct tdm_diag *diag)
{
	struct tdm_link *link = calloc(1, sizeof(*link));

	if (!link)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "%s", tdm_err_text(TDM_ERR_NOMEM));
	link->sock = nl_socket_alloc();
	if (!link->sock || nl_connect(link->sock, NETLINK_ROUTE) < 0) {
		tdm_link_close(link);
		return tdm_diag_set(
			diag, TDM_ERR_IO, "netlink: cannot connect: %s", strerror(errno));
	}
	*out = link;
	return TDM_OK;
}

void tdm_link_close(struct tdm_link *link)
{
	if (!link)
		return;
	nl_socket_free(link->sock);
	free(link);
}

enum tdm_err tdm_link_interface(const char *name, struct tdm_interface *out, struct tdm_diag *diag)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return tdm_diag_set(diag, TDM_ERR_IO, "socket: %s", strerror(errno));
	memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	out->index = (int)if_nametoindex(name);
	error = out->index > 0 && ioctl(fd, SIOCGIFHWADDR, &request) == 0 ? 0 : errno;
	close(fd);
	if (error)
		return tdm_diag_set(
			diag, TDM_ERR_NOT_FOUND, "interface %s: %s", name, strerror(error));
	out->ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	memcpy(out->mac, request.ifr_hwaddr.sa_data, TDM_MAC_LEN);
	return TDM_OK;
}

static enum tdm_err failed(struct tdm_diag *diag, const char *what, int index,
	const struct tdm_prefix *prefix, int nl_error)
{
	char name[IF_NAMESIZE] = "?", text[TDM_PREFIX_TEXT_MAX];
	bool denied = nl_error == -NLE_PERM || nl_error == -NLE_NOACCESS;

	if_indextoname((unsigned)index, name);
	tdm_prefix_text(prefix, text);
	return tdm_diag_set(diag, denied ? TDM_ERR_PERM : TDM_ERR_IO,
		"interface %s: cannot %s %s: %s", name, what, text, nl_geterror(nl_error));
}

static struct nl_addr *binary_address(const struct tdm_prefix *prefix)
{
	bool v4 = prefix->ip.family == 4;
	struct nl_addr *address =
		nl_addr_build(v4 ? AF_INET : AF_INET6, prefix->ip.addr, v4 ? IPV4_LEN : IPV6_LEN);

	if (address)
		nl_addr_set_prefixlen(address, prefix->len);
	return address;
}

static struct rtnl_addr *new_address(int index, const struct tdm_prefix *prefix)
{
	struct nl_addr *local = binary_address(prefix);
	struct rtnl_addr *address = rtnl_addr_alloc();

	if (!local || !address || rtnl_addr_set_local(address, local) < 0) {
		nl_addr_put(local);
		rtnl_addr_put(address);
		return NULL;
	}
	nl_addr_put(local);
	rtnl_addr_set_ifindex(address, index);
	/* Nobody else can have it: the lease decides that, not duplicate detection. */
	if (prefix->ip.family == 6)
		rtnl_addr_set_flags(address, IFA_F_NODAD);
	return address;
}

static bool as_prefix(struct nl_addr *address, struct tdm_prefix *out)
{
	int family = address ? nl_addr_get_family(address) : AF_UNSPEC;

	if (family != AF_INET && family != AF_INET6)
		return false;
	*out = (struct tdm_prefix){ 0 };
	out->ip.family = family == AF_INET ? 4 : 6;
	memcpy(out->ip.addr, nl_addr_get_binary_addr(address),
		family == AF_INET ? IPV4_LEN : IPV6_LEN);
	out->len = (uint8_t)nl_addr_get_prefixlen(address);
	return true;
}

static void look_at(
	struct rtnl_addr *found, const struct tdm_prefix *wanted, struct tdm_link_address *out)
{
	struct tdm_prefix have;

	if (!as_prefix(rtnl_addr_get_local(found), &have))
		return;
	if (tdm_ip_equal(&have.ip, &wanted->ip)) {
		out->state = rtnl_addr_get_flags(found) & IFA_F_PERMANENT ? TDM_LINK_FOREIGN
									  : TDM_LINK_OURS;
		out->len = have.len;
	} else if (have.len <= wanted->len && tdm_prefix_contains(&have, &wanted->ip)) {
		out->subnet_served = true;
	}
}

enum tdm_err tdm_link_find(struct tdm_link *link, int index, const struct tdm_prefix *prefix,
	struct tdm_link_address *out, struct tdm_diag *diag)
{
	struct nl_cache *cache;
	int ret = rtnl_addr_alloc_cache(link->sock, &cache);

	if (ret < 0)
		return failed(diag, "look for", index, prefix, ret);
	*out = (struct tdm_link_address){ 0 };
	for (struct nl_object *object = nl_cache_get_first(cache); object;
		object = nl_cache_get_next(object)) {
		struct rtnl_addr *found = (struct rtnl_addr *)object;

		if (rtnl_addr_get_ifindex(found) == index)
			look_at(found, prefix, out);
	}
	nl_cache_free(cache);
	return TDM_OK;
}

enum tdm_err tdm_link_put(struct tdm_link *link, int index, const struct tdm_prefix *prefix,
	uint32_t valid_s, struct tdm_diag *diag)
{
	struct rtnl_addr *address = new_address(index, prefix);
	int ret;

	if (!address)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "%s", tdm_err_text(TDM_ERR_NOMEM));
	if (valid_s > 0) {
		rtnl_addr_set_valid_lifetime(address, valid_s);
		/* Deprecated: never the source of what the node itself sends over IPv6. */
		rtnl_addr_set_preferred_lifetime(address, prefix->ip.family == 6 ? 0 : valid_s);
	}
	ret = rtnl_addr_add(link->sock, address, NLM_F_CREATE | NLM_F_REPLACE);
	rtnl_addr_put(address);
	return ret < 0 ? failed(diag, "add", index, prefix, ret) : TDM_OK;
}

void tdm_link_remove(struct tdm_link *link, int index, const struct tdm_prefix *prefix)
{
	struct rtnl_addr *address = new_address(index, prefix);

	if (!address)
		return;
	rtnl_addr_delete(link->sock, address, 0);
	rtnl_addr_put(address);
}

static struct rtnl_route *new_route(int index, const struct tdm_prefix *prefix)
{
	struct nl_addr *target = binary_address(prefix);
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();

	if (!target || !route || !hop || rtnl_route_set_dst(route, target) < 0) {
		nl_addr_put(target);
		rtnl_route_put(route);
		if (hop)
			rtnl_route_nh_free(hop);
		return NULL;
	}
	nl_addr_put(target);
	rtnl_route_set_protocol(route, RTPROT_STATIC);
	rtnl_route_set_scope(route, prefix->ip.family == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
	rtnl_route_nh_set_ifindex(hop, index);
	rtnl_route_add_nexthop(route, hop);
	return route;
}

/* A route's target has no host bits. */
static struct tdm_prefix network_of(const struct tdm_prefix *prefix)
{
	struct tdm_prefix network = *prefix;

	for (unsigned bit = prefix->len; bit < IPV6_LEN * 8; bit++)
		network.ip.addr[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return network;
}

enum tdm_err tdm_link_route(
	struct tdm_link *link, int index, const struct tdm_prefix *prefix, struct tdm_diag *diag)
{
	struct tdm_prefix network = network_of(prefix);
	struct rtnl_route *route = new_route(index, &network);
	int ret;

	if (!route)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "%s", tdm_err_text(TDM_ERR_NOMEM));
	ret = rtnl_route_add(link->sock, route, NLM_F_CREATE | NLM_F_REPLACE);
	rtnl_route_put(route);
	return ret < 0 ? failed(diag, "add the route to", index, &network, ret) : TDM_OK;
}

void tdm_link_unroute(struct tdm_link *link, int index, const struct tdm_prefix *prefix)
{
	struct tdm_prefix network = network_of(prefix);
	struct rtnl_route *route = new_route(index, &network);

	if (!route)
		return;
	rtnl_route_delete(link->sock, route, 0);
	rtnl_route_put(route);
}

void tdm_link_sweep(struct tdm_link *link, const struct tdm_config *config)
{
	struct tdm_service services[TDM_SERVICES_MAX];
	size_t len = tdm_service_list(config, 0, services);

	for (size_t i = 0; i < len; i++) {
		struct tdm_prefix prefix = services[i].prefix;
		struct tdm_interface interface;
		struct tdm_link_address found;

		if (tdm_link_interface(services[i].interface, &interface, NULL) != TDM_OK ||
			tdm_link_find(link, interface.index, &prefix, &found, NULL) != TDM_OK ||
			found.state != TDM_LINK_OURS)
			continue;
		prefix.len = found.len;
		tdm_link_remove(link, interface.index, &prefix);
	}
}
