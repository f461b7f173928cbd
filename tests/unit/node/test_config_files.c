/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files that a configuration names, and the example configurations. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config/config.h"
#include "node/config/parse.h"
#include "node/file.h"

static char dir[64];

static const char *at(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *out = path[next++ % 4];

	snprintf(out, sizeof(path[0]), "%s/%s", dir, name);
	return out;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(at(name), "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void setup(void)
{
	char text[1024];

	strcpy(dir, "/tmp/tandem-config-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	write_file("crt", "-----BEGIN CERTIFICATE-----\n");
	write_file("key", "-----BEGIN EC PRIVATE KEY-----\n");
	write_file("cluster.key", "0123456789abcdef0123456789abcdef");
	write_file("users", "");
	snprintf(text, sizeof(text),
		"node: n1\n"
		"cluster: { name: t, key-file: %1$s/cluster.key }\n"
		"members:\n"
		"  - { name: vpn, outside: { interface: e, addresses: [192.0.2.1/24] },"
		" pools: [10.64.0.0/24], nodes: [n1, n2] }\n"
		"tls: { certificate: %1$s/crt, key: %1$s/key }\n"
		"auth: { file: %1$s/users }\n"
		"groups: [{ name: staff }]\n",
		dir);
	write_file("tandem.yaml", text);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_expect_eq(system(command), 0);
}

TestSuite(config_files, .init = setup, .fini = teardown);

/* Loading must fail and say this. */
static void expect_refused(enum tdm_err code, const char *place, const char *says)
{
	struct tdm_config *config = NULL;
	struct tdm_diag diag = { .text = "" };

	cr_expect_eq(tdm_config_load(at("tandem.yaml"), &config, &diag), code, "%s", diag.text);
	cr_expect_null(config);
	cr_expect_not_null(strstr(diag.text, place), "does not say where: %s", diag.text);
	cr_expect_not_null(strstr(diag.text, says), "does not say what: %s", diag.text);
	cr_expect_null(strchr(diag.text, '\n'));
}

Test(config_files, good)
{
	struct tdm_config *config = NULL;
	struct tdm_diag diag = { .text = "" };

	cr_assert_eq(tdm_config_load(at("tandem.yaml"), &config, &diag), TDM_OK, "%s", diag.text);
	cr_expect_str_eq(config->cluster.key_file, at("cluster.key"));
	tdm_config_free(config);
}

Test(config_files, no_configuration)
{
	unlink(at("tandem.yaml"));
	expect_refused(TDM_ERR_IO, "tandem.yaml: cannot read the configuration", "No such file");
}

Test(config_files, not_a_file)
{
	unlink(at("crt"));
	cr_assert_eq(mkfifo(at("crt"), 0600), 0);
	expect_refused(TDM_ERR_CONFIG, "tandem.yaml:5:21: tls.certificate: ", "not a regular file");
}

Test(config_files, no_certificate)
{
	unlink(at("crt"));
	expect_refused(TDM_ERR_CONFIG, "tandem.yaml:5:21: tls.certificate: ", "No such file");
}

Test(config_files, certificate_is_something_else)
{
	write_file("crt", "-----BEGIN EC PRIVATE KEY-----\n");
	expect_refused(TDM_ERR_CONFIG, "tandem.yaml:5:21: tls.certificate: ", "not in PEM form");
}

Test(config_files, no_private_key)
{
	write_file("key", "-----BEGIN CERTIFICATE-----\n");
	expect_refused(TDM_ERR_CONFIG, ": tls.key: ", "there is no \"PRIVATE KEY-----\" in it");
}

Test(config_files, cluster_key_is_too_short)
{
	write_file("cluster.key", "0123456789abcdef0123456789abcde");
	expect_refused(TDM_ERR_CONFIG, "tandem.yaml:2:31: cluster.key-file: ",
		"31 bytes are too short for a key; at least 32 random bytes");
}

Test(config_files, no_users_file)
{
	unlink(at("users"));
	expect_refused(TDM_ERR_CONFIG, "tandem.yaml:6:15: auth.file: ", "tandemctl passwd NAME >>");
}

Test(config_files, bad_line_in_the_users_file)
{
	write_file("users", "# x\nalice:secret\n");
	expect_refused(TDM_ERR_CONFIG, "users:2: ", "the hash is not a whole");
}

Test(config_files, unknown_group_in_the_users_file)
{
	write_file("users", "alice:$2b$04$abcdefghijklmnopqrstuuA5eKdyoqzu5i8W9rMZ7JMEZt4R3n1Ke:"
			    "stuff\n");
	expect_refused(TDM_ERR_CONFIG, "users:1: ", "there is no group \"stuff\"; name one of");
}

/* Everybody starts from these. */
Test(config_examples, are_good)
{
	static const char *const names[] = { "single", "pair", "pair-qdevice", "cluster" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct tdm_config *config = NULL;
		struct tdm_diag diag = { .text = "" };
		char path[64], why[128] = "", *data = NULL;
		size_t len = 0;

		snprintf(path, sizeof(path), "ha-configs/%s/tandem.yaml", names[i]);
		cr_assert_eq(tdm_file_read(path, 1 << 20, &data, &len, why), TDM_OK, "%s: %s", path,
			why);
		cr_expect_eq(
			tdm_config_parse(path, data, len, &config, &diag), TDM_OK, "%s", diag.text);
		tdm_config_free(config);
		free(data);
	}
}
