/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node/address/nft.h"

#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/address/address.h"
#include "node/address/service.h"

enum {
	/* Before connection tracking and everybody else's rules: nobody has changed the mark. */
	HOOK_PRIORITY = -310,
	/* Offset in bits of the destination port within the packet that an ICMP error quotes: ICMP
	 * header, IP header without options, source port. */
	ICMP_QUOTED_PORT4 = (8 + 20 + 2) * 8,
	ICMP_QUOTED_PORT6 = (8 + 40 + 2) * 8,
};

static void print_addresses(FILE *out, const char *set, const char *type, uint8_t family,
	const struct tdm_service *services, size_t len)
{
	const char *before = "";

	fprintf(out, "\tset %s {\n\t\ttype %s\n\t\tflags constant\n", set, type);
	for (size_t i = 0; i < len; i++) {
		char text[TDM_ADDR_TEXT_MAX];

		if (services[i].prefix.ip.family != family)
			continue;
		tdm_ip_text(&services[i].prefix.ip, text);
		fprintf(out, "%s%s", *before ? before : "\t\telements = { ", text);
		before = ", ";
	}
	fprintf(out, "%s\t}\n", *before ? " }\n" : "");
}

static void print_lease(FILE *out, const char *set, const char *type)
{
	fprintf(out, "\tset %s {\n\t\ttype %s\n\t\tflags timeout\n\t}\n", set, type);
}

/* Members may share a port; a set has it once. */
static bool had_port(const struct tdm_config *config, size_t before, uint16_t port)
{
	for (size_t i = 0; i < before; i++)
		if (config->members[i].port == port)
			return true;
	return false;
}

static void print_ports(FILE *out, const struct tdm_config *config)
{
	for (size_t i = 0; i < config->members_len; i++)
		if (!had_port(config, i, config->members[i].port))
			fprintf(out, "%s%u", i ? ", " : "", config->members[i].port);
}

static void print_hook(FILE *out, const char *chain, const char *hook)
{
	fprintf(out,
		"\tchain %s {\n"
		"\t\ttype filter hook %s priority %d; policy accept;\n",
		chain, hook, HOOK_PRIORITY);
}

static void print_arp(FILE *out, const struct tdm_service *services, size_t len)
{
	fputs("table arp " TDM_NFT_TABLE " {\n", out);
	print_addresses(out, "service", "ipv4_addr", 4, services, len);
	print_lease(out, TDM_NFT_ARP_LEASE, "ipv4_addr");
	print_hook(out, "input", "input");
	fputs("\t\tarp daddr ip @service arp daddr ip != @" TDM_NFT_ARP_LEASE " drop\n\t}\n", out);
	print_hook(out, "output", "output");
	fputs("\t\tarp saddr ip @service arp saddr ip != @" TDM_NFT_ARP_LEASE " drop\n\t}\n", out);
	fputs("}\n", out);
}

/* What may leave from a service address. The kernel closes a dead process's connections by itself:
 * a client that sees that, or whose connection attempt is refused, waits ten seconds and more,
 * while one that sees nothing reaches the next owner at once. */
static void print_from_service(FILE *out, const struct tdm_config *config)
{
	fputs("\tchain from_service {\n"
	      "\t\tip saddr != @" TDM_NFT_INET_LEASE4 " drop\n"
	      "\t\tip6 saddr != @" TDM_NFT_INET_LEASE6 " drop\n",
		out);
	fputs("\t\t# refused connection attempts\n"
	      "\t\ttcp sport @ports tcp flags & (rst | ack) == (rst | ack) tcp sequence 0 drop\n",
		out);
	fprintf(out,
		"\t\t# closes that the daemon did not mean\n"
		"\t\ttcp sport @ports tcp flags & (fin | ack) == (fin | ack) meta mark != 0x%x "
		"drop\n"
		"\t\ttcp sport @ports tcp flags & (rst | ack) == (rst | ack) meta mark != 0x%x "
		"drop\n"
		"\t\ttcp sport @ports tcp flags & rst == rst meta mark 0x%x drop\n",
		TDM_SOCKET_MARK, TDM_SOCKET_MARK, TDM_SOCKET_LIVE_MARK);
	fprintf(out,
		"\t\t# refused datagrams\n"
		"\t\ticmp type destination-unreachable icmp code port-unreachable @th,%d,16 { ",
		ICMP_QUOTED_PORT4);
	print_ports(out, config);
	fprintf(out,
		" } drop\n"
		"\t\ticmpv6 type destination-unreachable icmpv6 code port-unreachable @th,%d,16 { ",
		ICMP_QUOTED_PORT6);
	print_ports(out, config);
	fputs(" } drop\n\t}\n", out);
}

static void print_inet(
	FILE *out, const struct tdm_config *config, const struct tdm_service *services, size_t len)
{
	fputs("table inet " TDM_NFT_TABLE " {\n", out);
	print_addresses(out, "service4", "ipv4_addr", 4, services, len);
	print_addresses(out, "service6", "ipv6_addr", 6, services, len);
	print_lease(out, TDM_NFT_INET_LEASE4, "ipv4_addr");
	print_lease(out, TDM_NFT_INET_LEASE6, "ipv6_addr");
	fputs("\tset ports {\n\t\ttype inet_service\n\t\tflags constant\n\t\telements = { ", out);
	print_ports(out, config);
	fputs(" }\n\t}\n", out);
	/* Before routing: a node that forwards must not answer with redirects or errors either. */
	print_hook(out, "prerouting", "prerouting");
	fputs("\t\tip daddr @service4 ip daddr != @" TDM_NFT_INET_LEASE4 " drop\n"
	      "\t\tip6 daddr @service6 ip6 daddr != @" TDM_NFT_INET_LEASE6 " drop\n\t}\n",
		out);
	print_hook(out, "forward", "forward");
	fputs("\t\tip daddr @service4 drop\n"
	      "\t\tip6 daddr @service6 drop\n\t}\n",
		out);
	/* Neighbour advertisements for an address have it as their source. */
	print_hook(out, "output", "output");
	fputs("\t\tip saddr @service4 jump from_service\n"
	      "\t\tip6 saddr @service6 jump from_service\n\t}\n",
		out);
	print_from_service(out, config);
	fputs("}\n", out);
}

/* "add, delete" first: a delete alone fails when there is nothing to delete. */
char *tdm_nft_text(const struct tdm_config *config)
{
	struct tdm_service services[TDM_SERVICES_MAX];
	size_t len = tdm_service_list(config, 0, services);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("table arp " TDM_NFT_TABLE "\ndelete table arp " TDM_NFT_TABLE "\n"
	      "table inet " TDM_NFT_TABLE "\ndelete table inet " TDM_NFT_TABLE "\n",
		out);
	print_arp(out, services, len);
	print_inet(out, config, services, len);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

struct tdm_nft {
	struct nft_ctx *ctx;
};

enum tdm_err tdm_nft_open(struct tdm_nft **out, struct tdm_diag *diag)
{
	struct tdm_nft *nft = calloc(1, sizeof(*nft));

	if (!nft)
		return tdm_diag_set(diag, TDM_ERR_NOMEM, "%s", tdm_err_text(TDM_ERR_NOMEM));
	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx) {
		free(nft);
		return tdm_diag_set(diag, TDM_ERR_IO, "nftables: cannot start");
	}
	nft_ctx_buffer_output(nft->ctx);
	nft_ctx_buffer_error(nft->ctx);
	nft_ctx_output_set_flags(nft->ctx, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_TERSE);
	*out = nft;
	return TDM_OK;
}

void tdm_nft_close(struct tdm_nft *nft)
{
	if (!nft)
		return;
	nft_ctx_free(nft->ctx);
	free(nft);
}

enum tdm_err tdm_nft_load(struct tdm_nft *nft, const char *text, struct tdm_diag *diag)
{
	const char *error;
	bool denied;

	if (nft_run_cmd_from_buffer(nft->ctx, text) == 0)
		return TDM_OK;
	error = nft_ctx_get_error_buffer(nft->ctx);
	denied = strstr(error, "not permitted") != NULL;
	return tdm_diag_set(diag, denied ? TDM_ERR_PERM : TDM_ERR_IO,
		"nftables: cannot load table " TDM_NFT_TABLE ": %.*s", (int)strcspn(error, "\n"),
		*error ? error : "unknown reason");
}

/* One table per call: the library's cache is filtered by the last command alone. */
static const char *list_table(struct tdm_nft *nft, const char *command)
{
	if (nft_run_cmd_from_buffer(nft->ctx, command) == 0)
		return nft_ctx_get_output_buffer(nft->ctx);
	nft_ctx_get_error_buffer(nft->ctx); /* empties it */
	return NULL;
}

char *tdm_nft_listing(struct tdm_nft *nft)
{
	const char *arp = list_table(nft, "list table arp " TDM_NFT_TABLE);
	char *first = arp ? strdup(arp) : NULL;
	const char *inet = first ? list_table(nft, "list table inet " TDM_NFT_TABLE) : NULL;
	char *both = NULL;

	if (inet && asprintf(&both, "%s%s", first, inet) < 0)
		both = NULL;
	free(first);
	return both;
}
