/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration: what a good file means, and that every bad one is refused with one line that
 * names file, line, column and key.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "node/config/config.h"
#include "node/config/parse.h"

#define FILE_NAME "t.yaml"

/* One key per line, so that line numbers below can be counted. */
static const char good[] = "node: n1\n"                                            /* 1 */
			   "cluster:\n"                                            /* 2 */
			   "  name: tandem\n"                                      /* 3 */
			   "  key-file: /etc/tandem/cluster.key\n"                 /* 4 */
			   "members:\n"                                            /* 5 */
			   "  - name: vpn\n"                                       /* 6 */
			   "    outside:\n"                                        /* 7 */
			   "      interface: eth0\n"                               /* 8 */
			   "      addresses: [192.0.2.10/24]\n"                    /* 9 */
			   "      port: 8443\n"                                    /* 10 */
			   "    inside:\n"                                         /* 11 */
			   "      interface: eth1\n"                               /* 12 */
			   "      address: 198.51.100.10/24\n"                     /* 13 */
			   "    pools: [10.64.0.0/22]\n"                           /* 14 */
			   "    nodes: [n1, n2]\n"                                 /* 15 */
			   "    weight: 3\n"                                       /* 16 */
			   "tls:\n"                                                /* 17 */
			   "  certificate: /etc/tandem/server.crt\n"               /* 18 */
			   "  key: /etc/tandem/server.key\n"                       /* 19 */
			   "auth:\n"                                               /* 20 */
			   "  file: /etc/tandem/users\n"                           /* 21 */
			   "groups:\n"                                             /* 22 */
			   "  - name: staff\n"                                     /* 23 */
			   "    routes: [198.51.100.0/24, 10.9.0.0/255.255.0.0]\n" /* 24 */
			   "    dns: [198.51.100.53]\n"                            /* 25 */
			   "    domains: [corp.example]\n"                         /* 26 */
			   "    banner: Welcome\n"                                 /* 27 */
			   "    dpd: 30\n"                                         /* 28 */
			   "    keepalive: 20\n"                                   /* 29 */
			   "    client-to-client: true\n"                          /* 30 */
			   "  - name: guests\n"                                    /* 31 */
			   "tunnel-groups:\n"                                      /* 32 */
			   "  - name: default\n"                                   /* 33 */
			   "    group: staff\n"                                    /* 34 */
			   "    label: Staff\n"                                    /* 35 */
			   "  - name: visitors\n"                                  /* 36 */
			   "    group: guests\n"                                   /* 37 */
			   "control:\n"                                            /* 38 */
			   "  socket: /run/t/c.sock\n"                             /* 39 */
			   "log:\n"                                                /* 40 */
			   "  level: debug\n";                                     /* 41 */

/* The good file with one piece replaced; the caller frees it. */
static char *edited(const char *from, const char *to)
{
	const char *at = strstr(good, from);
	size_t before;
	char *out;

	cr_assert_not_null(at, "the test's own text \"%s\" is not in the file", from);
	before = (size_t)(at - good);
	out = malloc(sizeof(good) + strlen(to));
	memcpy(out, good, before);
	strcpy(out + before, to);
	strcat(out, at + strlen(from));
	return out;
}

static enum tdm_err parse(const char *text, struct tdm_config **out, struct tdm_diag *diag)
{
	return tdm_config_parse(FILE_NAME, text, strlen(text), out, diag);
}

static struct tdm_config *parse_good(const char *text)
{
	struct tdm_config *config = NULL;
	struct tdm_diag diag = { .text = "" };

	cr_assert_eq(parse(text, &config, &diag), TDM_OK, "refused: %s", diag.text);
	return config;
}

Test(config, reads_all_keys)
{
	struct tdm_config *c = parse_good(good);
	const struct tdm_config_member *m = &c->members[0];
	char text[TDM_PREFIX_TEXT_MAX];

	cr_expect_str_eq(c->node, "n1");
	cr_expect(!c->cluster.none);
	cr_expect_str_eq(c->cluster.name, "tandem");
	cr_expect_eq(c->members_len, 1);
	cr_expect_eq(m->id, 1);
	cr_expect_eq(m->port, 8443);
	cr_expect_eq(m->weight, 3);
	tdm_prefix_text(&m->outside[0], text);
	cr_expect_str_eq(text, "192.0.2.10/24");
	tdm_prefix_text(&m->inside, text);
	cr_expect_str_eq(text, "198.51.100.10/24");
	cr_expect_str_eq(m->nodes[1], "n2");
	cr_expect_str_eq(c->groups[0].routes[1], "10.9.0.0/16");
	cr_expect_eq(c->groups[0].dpd_s, 30);
	cr_expect(c->groups[0].client_to_client);
	cr_expect_str_eq(c->control_socket, "/run/t/c.sock");
	cr_expect_eq(c->log_level, TDM_LOG_DEBUG);
	cr_expect_str_eq(tdm_config_tunnel_group(c, "Staff")->name, "default");
	cr_expect_str_eq(tdm_config_tunnel_group(c, "visitors")->label, "visitors");
	cr_expect_null(tdm_config_tunnel_group(c, "nobody"));
	tdm_config_free(c);
}

Test(config, defaults)
{
	struct tdm_config *c = parse_good("node: n1\n"
					  "cluster: none\n"
					  "members:\n"
					  "  - name: vpn\n"
					  "    outside: {interface: lo, addresses: [127.0.0.1/8]}\n"
					  "    pools: [10.64.0.0/29]\n"
					  "tls: {certificate: /c, key: /k}\n"
					  "auth: {file: /u}\n");
	const struct tdm_policy *g = &c->groups[0];

	cr_expect(c->cluster.none);
	cr_expect_eq(c->members[0].port, 443);
	cr_expect_eq(c->members[0].weight, 1);
	cr_expect_eq(c->members[0].nodes_len, 0);
	cr_expect_eq(c->members[0].inside.ip.family, 0);
	cr_expect_str_eq(c->control_socket, "/run/tandem/control.sock");
	cr_expect_str_eq(c->journal_directory, "/var/lib/tandem");
	cr_expect_str_eq(c->log_file, "");
	cr_expect_eq(c->log_level, TDM_LOG_INFO);
	cr_expect_eq(c->data_threads, 1);
	cr_expect_eq(c->auth.threads, 2);
	cr_expect_eq(c->auth.queue, 64);
	cr_expect_eq(c->groups_len, 1);
	cr_expect_str_eq(g->name, "default");
	cr_expect_eq(g->dpd_s, 10);
	cr_expect_eq(g->keepalive_s, 5);
	cr_expect_eq(g->idle_timeout_s, 1800);
	cr_expect_eq(g->session_timeout_s, 86400);
	cr_expect_eq(g->disconnected_timeout_s, 0);
	cr_expect_eq(g->simultaneous_logins, 0);
	cr_expect(!g->client_to_client);
	cr_expect(g->dtls);
	cr_expect_str_eq(c->tunnel_groups[0].group, "default");
	tdm_config_free(c);
}

/* What is wrong, and what the one line must say. */
static const struct {
	const char *from, *to, *says;
} refused[] = {
	/* the shape of the file */
	{ "node: n1", "nodes: n1",
		"t.yaml:1:1: nodes: unknown key; known here are: cluster, node, " },
	{ "      port: 8443", "      prot: 8443",
		"t.yaml:10:7: members[0].outside.prot: unknown key; known here are: interface, "
		"addresses, port" },
	{ "  - name: guests", "  - name: guests\n    dp: 3",
		"t.yaml:32:5: groups[1].dp: unknown key" },
	{ "node: n1\n", "", "t.yaml:1:1: node: this key is missing" },
	{ "      interface: eth0\n", "",
		"t.yaml:7:5: members[0].outside.interface: this key is missing in "
		"members[0].outside" },
	{ "    group: staff\n", "", "tunnel-groups[0].group: this key is missing" },
	{ "[192.0.2.10/24]", "192.0.2.10/24",
		"t.yaml:9:18: members[0].outside.addresses: must be a list, like [a, b]" },
	{ "pools: [10.64.0.0/22]", "pools: []",
		"t.yaml:14:12: members[0].pools: the list is empty; give at least one entry" },
	{ "[10.64.0.0/22]", "[1,2,3,4,5,6,7,8,9]",
		"members[0].pools: too many entries; at most 8" },
	{ "pools: [10.64.0.0/22]", "pools:", "members[0].pools: must be a list" },
	{ "node: n1", "node: [n1]", "t.yaml:1:7: node: must be one value" },
	{ "inside:\n", "inside: eth1\n    x:\n",
		"t.yaml:11:13: members[0].inside: must have keys (" },
	{ "node: n1", "node: n1\nnode: n2",
		"t.yaml:2:1: node: this key is here for the second time" },
	{ "port: 8443", "port: *p", "t.yaml:10:13: members[0].outside.port: aliases" },
	{ "node: n1", "node: n1: n2", "t.yaml:1:9: not valid YAML" },
	{ "node: n1", "node: \"n1", "not valid YAML" },
	{ "node: n1", "node: \x01", "t.yaml: byte 6: not valid YAML" },
	{ "node: n1", "node: \"a\\0b\"", "t.yaml:1:7: node: NUL characters" },
	{ "node: n1", "node: n1\n---\nnode: n2", "t.yaml:2:1: a second document" },
	{ "node: n1", "? [a]\n: n1", "t.yaml:1:3: a key must be a plain word" },
	{ "port: 8443", "port: {a: {b: {c: {d: {e: {f: {g: 1}}}}}}}", "nested too deeply" },
	/* cluster */
	{ "cluster:\n  name: tandem\n  key-file: /etc/tandem/cluster.key", "cluster: nnone",
		"t.yaml:2:10: cluster: must be none, or" },
	{ "cluster:\n  name: tandem\n  key-file: /etc/tandem/cluster.key", "cluster: [a]",
		"cluster: must" },
	{ "key-file: /etc/", "key-file: etc/",
		"t.yaml:4:13: cluster.key-file: \"etc/tandem/cluster.key\" is not an absolute "
		"path" },
	{ "name: tandem", "name: \"tan dem\"",
		"t.yaml:3:9: cluster.name: \"tan dem\" is not a name" },
	{ "name: tandem", "name: ", "cluster.name: the name is empty" },
	{ "cluster:\n  name: tandem\n  key-file: /etc/tandem/cluster.key", "cluster: none",
		"t.yaml:13:17: members[0].nodes[1]: with \"cluster: none\" there is no other" },
	{ "dpd: 30", "dpd: 0", "t.yaml:28:10: groups[0].dpd: must not be 0 in a cluster" },
	{ "keepalive: 20", "keepalive: 0",
		"t.yaml:29:16: groups[0].keepalive: must not be 0 in a cluster" },
	{ "    nodes: [n1, n2]\n", "",
		"t.yaml:6:5: members[0].nodes: list the nodes of the cluster" },
	/* values */
	{ "port: 8443", "port: 0",
		"t.yaml:10:13: members[0].outside.port: \"0\" is not a number "
		"from 1 to 65535" },
	{ "port: 8443", "port: 65536", "\"65536\" is not a number from 1 to 65535" },
	{ "port: 8443", "port: 443x", "\"443x\" is not a number" },
	{ "port: 8443", "port: 0443", "\"0443\" is not a number" },
	{ "port: 8443", "port: -1", "\"-1\" is not a number" },
	{ "port: 8443", "port:", "\"\" is not a number" },
	{ "dpd: 30", "dpd: 1",
		"t.yaml:28:10: groups[0].dpd: \"1\" is neither 0 nor a number from 2" },
	{ "dpd: 30", "session-timeout: 604801",
		"groups[0].session-timeout: \"604801\" is neither" },
	{ "dpd: 30", "mtu: 500",
		"groups[0].mtu: \"500\" is neither 0 nor a number from 576 to 1500" },
	{ "client-to-client: true", "client-to-client: treu",
		"t.yaml:30:23: groups[0].client-to-client: \"treu\" is neither true nor false" },
	{ "level: debug", "level: loud", "t.yaml:41:10: log.level: must be debug, info, warning" },
	{ "level: debug", "file: tandem.log", "log.file: \"tandem.log\" is not an absolute path" },
	{ "interface: eth0", "interface: abcdefghijklmnop",
		"t.yaml:8:18: members[0].outside.interface: \"abcdefghijklmnop\" is too long for "
		"an "
		"interface; at most 15" },
	{ "interface: eth0", "interface: a/b", "\"a/b\" is not the name of an interface" },
	{ "interface: eth0", "interface: ..", "\"..\" is not the name of an interface" },
	{ "192.0.2.10/24", "192.0.2.300/24",
		"t.yaml:9:19: members[0].outside.addresses[0]: \"192.0.2.300/24\" is not an "
		"address" },
	{ "192.0.2.10/24", "192.0.2.0/24", "is the address of the network itself" },
	{ "192.0.2.10/24", "192.0.2.255/24", "is the broadcast address of its subnet" },
	{ "192.0.2.10/24", "224.0.0.1/24", "is a multicast or reserved address" },
	{ "192.0.2.10/24", "0.0.0.0/24", "is the unspecified address" },
	{ "address: 198.51.100.10/24", "address: inside",
		"t.yaml:13:16: members[0].inside.address: \"inside\" is not an address" },
	{ "10.64.0.0/22", "10.64.0.0/30",
		"t.yaml:14:13: members[0].pools[0]: 10.64.0.0/30 is too small a pool; give a /29" },
	{ "10.64.0.0/22", "10.64.0.0/32", "too small a pool" },
	{ "10.64.0.0/22", "10.0.0.0/8", "is too large a pool; give a /12" },
	{ "10.64.0.0/22", "127.0.0.0/24", "127.0.0.0/24 is loopback" },
	{ "10.64.0.0/22", "10.64.0.1/22",
		"10.64.0.1/22 is a host in a network; write 10.64.0.0/22" },
	{ "10.64.0.0/22", "\"2001:db8::/64\"", "pools are IPv4 only" },
	{ "10.64.0.0/22", "pool", "\"pool\" is not a network" },
	{ "198.51.100.0/24, ", "198.51.100.1/24, ",
		"t.yaml:24:14: groups[0].routes[0]: 198.51.100.1/24 is a host in a network" },
	{ "[198.51.100.53]", "[ns1]", "t.yaml:25:11: groups[0].dns[0]: \"ns1\" is not an address" },
	{ "[198.51.100.53]", "[0.0.0.0]", "0.0.0.0 is the unspecified address" },
	{ "[198.51.100.53]", "[192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4]",
		"groups[0].dns: too many entries; at most 3" },
	{ "corp.example", "corp..example", "\"corp..example\" is not a domain" },
	{ "corp.example", "\"corp example\"", "\"corp example\" is not a domain" },
	{ "banner: Welcome", "banner: \"a\\eb\"",
		"t.yaml:27:13: groups[0].banner: control characters are not allowed" },
	{ "/run/t/c.sock",
		"/a234567890123456789012345678901234567890123456789012345678901234567890123456789"
		"0123456789012345678901234567",
		"t.yaml:39:11: control.socket: too long for the path of a socket; at most 107" },
	{ "control:", "data-threads: 2\ncontrol:",
		"data-threads: \"2\" is not a number from 1 to 1" },
	/* between sections */
	{ "    inside:\n",
		"    pools: [10.65.0.0/24]\n    nodes: [n1]\n"
		"  - name: vpn\n    outside: {interface: eth0, addresses: [192.0.2.11/24]}\n"
		"    inside:\n",
		"t.yaml:13:11: members[1].name: \"vpn\" is the name of an earlier member too" },
	{ "    inside:\n",
		"    pools: [10.64.0.0/16]\n    nodes: [n1]\n"
		"  - name: b\n    outside: {interface: eth0, addresses: [192.0.2.11/24]}\n"
		"    inside:\n",
		"members[1].pools[0]: overlaps the pool 10.64.0.0/16 of member \"vpn\"" },
	{ "    inside:\n",
		"    pools: [10.65.0.0/16]\n    nodes: [n1]\n"
		"  - name: b\n    outside: {interface: eth0, addresses: [192.0.2.10/24]}\n"
		"    inside:\n",
		"members[1].outside.addresses[0]: this address is that of "
		"members[0].outside.addresses[0] too" },
	{ "[10.64.0.0/22]", "[10.64.0.0/22, 10.64.2.0/24]",
		"t.yaml:14:27: members[0].pools[1]: overlaps the pool 10.64.0.0/22" },
	{ "[10.64.0.0/22]", "[198.51.100.0/24]",
		"t.yaml:13:16: members[0].inside.address: 198.51.100.10 lies in the pool" },
	{ "[10.64.0.0/22]", "[192.0.2.0/24]",
		"t.yaml:9:19: members[0].outside.addresses[0]: 192.0.2.10 lies in the pool" },
	{ "address: 198.51.100.10/24", "address: 192.0.2.10/24",
		"t.yaml:13:16: members[0].inside.address: this address is that of" },
	{ "[n1, n2]", "[n1, n2, n1]", "t.yaml:15:21: members[0].nodes[2]: \"n1\" is in the list" },
	{ "node: n1", "node: n3", "t.yaml:1:7: node: no member has \"n3\" in its nodes" },
	{ "name: guests", "name: staff",
		"t.yaml:31:11: groups[1].name: \"staff\" is the name of an" },
	{ "group: guests", "group: gusts",
		"t.yaml:37:12: tunnel-groups[1].group: there is no group \"gusts\"" },
	{ "name: visitors", "name: default",
		"tunnel-groups[1].name: \"default\" is the name or label" },
	{ "name: visitors", "name: Staff",
		"tunnel-groups[1].name: \"Staff\" is the name or label" },
};

Test(config, every_mistake_is_one_line_with_its_place)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char *text = edited(refused[i].from, refused[i].to);
		struct tdm_config *config = NULL;
		struct tdm_diag diag = { .text = "" };

		cr_expect_eq(
			parse(text, &config, &diag), TDM_ERR_CONFIG, "taken: %s", refused[i].to);
		cr_expect_not_null(strstr(diag.text, refused[i].says),
			"\"%s\" says \"%s\", not \"%s\"", refused[i].to, diag.text,
			refused[i].says);
		cr_expect(!strncmp(diag.text, FILE_NAME ":", sizeof(FILE_NAME)), "%s", diag.text);
		cr_expect_null(strpbrk(diag.text, "\n\r\x1b"), "more than a line: %s", diag.text);
		tdm_config_free(config);
		free(text);
	}
}

Test(config, a_whole_file_may_be_the_wrong_thing)
{
	static const struct {
		const char *text, *says;
	} files[] = {
		{ "", "t.yaml:1:1: the file is empty" },
		{ "# nothing\n", "the file is empty" },
		{ "- a\n", "t.yaml:1:1: the file must be a list of keys with values" },
		{ "hello\n", "the file must be a list of keys with values" },
		{ "node: \xff", "t.yaml: byte 6: not valid YAML" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct tdm_config *config = NULL;
		struct tdm_diag diag = { .text = "" };

		cr_expect_eq(parse(files[i].text, &config, &diag), TDM_ERR_CONFIG);
		cr_expect_not_null(strstr(diag.text, files[i].says), "says \"%s\"", diag.text);
	}
}

/* Probes may be off where no failover needs them (S508 is about a cluster). */
Test(config, alone_may_do_without_probes)
{
	struct tdm_config *c = parse_good("node: n1\n"
					  "cluster: none\n"
					  "members:\n"
					  "  - name: vpn\n"
					  "    outside: {interface: lo, addresses: [127.0.0.1/8]}\n"
					  "    pools: [10.64.0.0/29]\n"
					  "tls: {certificate: /c, key: /k}\n"
					  "auth: {file: /u}\n"
					  "groups: [{name: g, dpd: 0, keepalive: 0}]\n");

	cr_expect_eq(c->groups[0].dpd_s, 0);
	cr_expect_eq(c->groups[0].keepalive_s, 0);
	cr_expect_str_eq(c->tunnel_groups[0].group, "g");
	tdm_config_free(c);
}

static uint64_t fingerprint(const char *from, const char *to)
{
	char *text = edited(from, to);
	struct tdm_config *c = parse_good(text);
	uint64_t fp = c->fingerprint;

	tdm_config_free(c);
	free(text);
	return fp;
}

/* Nodes compare fingerprints: what is each node's own must not count, all else must. */
Test(config, fingerprint_covers_what_must_be_equal)
{
	uint64_t fp = fingerprint("node: n1", "node: n1");

	cr_expect_neq(fp, 0);
	cr_expect_eq(fingerprint("node: n1", "node: n2"), fp);
	cr_expect_eq(fingerprint("interface: eth0", "interface: ens1"), fp);
	cr_expect_eq(
		fingerprint("/cluster.key\n", "/cluster.key\n  allow-config-difference: true\n"),
		fp);
	cr_expect_eq(fingerprint("/etc/tandem/users", "/srv/users"), fp);
	cr_expect_eq(fingerprint("level: debug", "level: error"), fp);
	cr_expect_eq(fingerprint("[198.51.100.0/24, ", "[198.51.100.0/255.255.255.0, "), fp);

	cr_expect_neq(fingerprint("192.0.2.10/24", "192.0.2.11/24"), fp);
	cr_expect_neq(fingerprint("port: 8443", "port: 8444"), fp);
	cr_expect_neq(fingerprint("10.64.0.0/22", "10.64.0.0/23"), fp);
	cr_expect_neq(fingerprint("[n1, n2]", "[n2, n1]"), fp);
	cr_expect_neq(fingerprint("weight: 3", "weight: 4"), fp);
	cr_expect_neq(fingerprint("Welcome", "Hello"), fp);
	cr_expect_neq(fingerprint("dpd: 30", "dpd: 29"), fp);
	cr_expect_neq(fingerprint("client-to-client: true", "client-to-client: false"), fp);
	cr_expect_neq(fingerprint("label: Staff", "label: All"), fp);
	cr_expect_neq(fingerprint("group: guests", "group: staff"), fp);
}
