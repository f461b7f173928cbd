/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <crypt.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "proto/types.h"
#include "tools/ctl/ctl.h"
#include "tools/ctl/password.h"

#define METHOD "$y$" /* yescrypt at the library's own cost */

/* Fits into a line of the users file. */
static bool is_field(const char *text, size_t cap)
{
	if (!text[0] || strlen(text) >= cap)
		return false;
	for (; *text; text++)
		if (iscntrl((unsigned char)*text) || *text == ':')
			return false;
	return true;
}

static int parse(int argc, char **argv, const char **user, const char **group)
{
	static const struct option options[] = {
		{ "group", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*group = NULL;
	optind = 0; /* getopt starts anew */
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt != 'g')
			return TDM_CTL_USAGE;
		*group = optarg;
	}
	if (optind + 1 != argc)
		return tdm_ctl_fail(
			TDM_CTL_USAGE, "passwd: write: tandemctl passwd NAME [--group GROUP]");
	*user = argv[optind];
	if (!is_field(*user, TDM_USER_MAX) || strchr("# ", (*user)[0]))
		return tdm_ctl_fail(TDM_CTL_USAGE, "passwd: that is not a user name; no ':', no "
						   "control characters, not empty");
	if (*group && !is_field(*group, TDM_NAME_MAX))
		return tdm_ctl_fail(TDM_CTL_USAGE, "passwd: that is not the name of a group");
	return TDM_CTL_OK;
}

static int print_line(FILE *out, const char *user, const char *password, const char *group)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *hash = NULL;
	int code = TDM_CTL_OK;

	if (data && crypt_gensalt_rn(METHOD, 0, NULL, 0, setting, sizeof(setting)))
		hash = crypt_r(password, setting, data);
	if (hash && hash[0] != '*')
		fprintf(out, "%s:%s%s%s\n", user, hash, group ? ":" : "", group ? group : "");
	else
		code = tdm_ctl_fail(TDM_CTL_REFUSED, "cannot hash the password: %s",
			strerror(data ? errno : ENOMEM));
	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return code;
}

int tdm_ctl_passwd(const struct tdm_ctl *ctl, int argc, char **argv)
{
	char password[TDM_CTL_PASSWORD_MAX];
	const char *user = NULL, *group = NULL;
	int code = parse(argc, argv, &user, &group);

	if (code)
		return code;
	code = tdm_ctl_password(password) ? print_line(ctl->out, user, password, group)
					  : TDM_CTL_REFUSED;
	explicit_bzero(password, sizeof(password));
	return code;
}
