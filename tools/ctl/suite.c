/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/suite.h"

#include <stdio.h>
#include <string.h>

static bool has(const char *name, const char *part)
{
	return strstr(name, part) != NULL;
}

static const char *mode_of(const char *name)
{
	return has(name, "GCM") ? "GCM" : has(name, "CCM") ? "CCM" : "CBC";
}

static void encryption_of(const char *name, char *out, size_t cap)
{
	const char *aes = strstr(name, "AES");

	if (has(name, "CHACHA20"))
		snprintf(out, cap, "CHACHA20-POLY1305");
	else if (aes && (has(aes, "256") || has(aes, "128")))
		/* "256" may stand in SHA256 as well, so look right behind AES */
		snprintf(out, cap, "AES-%s-%s", mode_of(name),
			!strncmp(aes + 3 + (aes[3] == '_' || aes[3] == '-'), "256", 3) ? "256"
										       : "128");
	else if (has(name, "3DES"))
		snprintf(out, cap, "3DES");
	else
		snprintf(out, cap, "unknown");
}

static const char *hashing_of(const char *name)
{
	if (has(name, "SHA384"))
		return "SHA384";
	if (has(name, "SHA256"))
		return "SHA256";
	if (has(name, "CCM")) /* their names end without it; RFC 6655 */
		return "SHA256";
	return has(name, "SHA") ? "SHA1" : "unknown";
}

void tdm_suite_parse(const char *name, bool dtls, struct tdm_suite *out)
{
	bool v13 =
		!strncmp(name, "TLS13", 5) || (!strncmp(name, "TLS_", 4) && !has(name, "_WITH_"));

	encryption_of(name, out->encryption, sizeof(out->encryption));
	snprintf(out->hashing, sizeof(out->hashing), "%s", hashing_of(name));
	snprintf(out->protocol, sizeof(out->protocol), "%sTLSv1.%d", dtls ? "D" : "", v13 ? 3 : 2);
}
