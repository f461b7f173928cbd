/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of the nftables tables: complete for every shape of configuration. That the kernel takes
 * it and what it then does is tested in tests/kernel. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "node/address/nft.h"
#include "node/address/service.h"

static struct tdm_config config;

static void add_member(const char *outside, const char *inside, uint16_t port)
{
	struct tdm_config_member *m = &config.members[config.members_len++];

	m->id = (tdm_member_id)config.members_len;
	m->port = port;
	strcpy(m->outside_interface, "lan");
	strcpy(m->inside_interface, "in");
	cr_assert_eq(tdm_prefix_parse(outside, &m->outside[m->outside_len++]), TDM_OK);
	if (inside)
		cr_assert_eq(tdm_prefix_parse(inside, &m->inside), TDM_OK);
}

static void setup(void)
{
	memset(&config, 0, sizeof(config));
}

TestSuite(address_nft, .init = setup);

static void expect(const char *text, const char *wanted)
{
	cr_expect(strstr(text, wanted), "missing: %s\nin:\n%s", wanted, text);
}

Test(address_nft, every_service_address_is_in_its_sets)
{
	char *text;

	add_member("10.0.0.10/24", "10.1.0.10/24", 443);
	add_member("2001:db8::10/64", NULL, 8443);
	add_member("10.0.0.11/24", NULL, 443);
	text = tdm_nft_text(&config);
	cr_assert(text);
	expect(text, "\tset service {\n\t\ttype ipv4_addr\n\t\tflags constant\n"
		     "\t\telements = { 10.0.0.10, 10.1.0.10, 10.0.0.11 }\n\t}\n");
	expect(text, "\tset service4 {\n\t\ttype ipv4_addr\n\t\tflags constant\n"
		     "\t\telements = { 10.0.0.10, 10.1.0.10, 10.0.0.11 }\n\t}\n");
	expect(text, "\tset service6 {\n\t\ttype ipv6_addr\n\t\tflags constant\n"
		     "\t\telements = { 2001:db8::10 }\n\t}\n");
	expect(text, "elements = { 443, 8443 }"); /* once each */
	expect(text, "@th,240,16 { 443, 8443 } drop");
	free(text);
}

/* An empty list of elements would be a syntax error. */
Test(address_nft, a_family_without_addresses_has_empty_sets)
{
	char *text;

	add_member("10.0.0.10/24", NULL, 443);
	text = tdm_nft_text(&config);
	cr_assert(text);
	expect(text, "\tset service6 {\n\t\ttype ipv6_addr\n\t\tflags constant\n\t}\n");
	free(text);
}

/* Loading the text twice must give the same as loading it once. */
Test(address_nft, replaces_what_is_there)
{
	char *text;

	add_member("10.0.0.10/24", NULL, 443);
	text = tdm_nft_text(&config);
	cr_assert(text);
	cr_expect_eq(strncmp(text,
			     "table arp tandem\ndelete table arp tandem\n"
			     "table inet tandem\ndelete table inet tandem\n",
			     strlen("table arp tandem\ndelete table arp tandem\n"
				    "table inet tandem\ndelete table inet tandem\n")),
		0);
	free(text);
}

Test(address_nft, services_of_one_member_or_of_all)
{
	struct tdm_service services[TDM_SERVICES_MAX];

	add_member("10.0.0.10/24", "10.1.0.10/24", 443);
	add_member("2001:db8::10/64", NULL, 8443);
	cr_expect_eq(tdm_service_list(&config, 0, services), 3u);
	cr_expect_eq(tdm_service_list(&config, 2, services), 1u);
	cr_expect_eq(services[0].member, 2);
	cr_expect_eq(services[0].prefix.ip.family, 6);
	cr_expect_str_eq(services[0].interface, "lan");
}
