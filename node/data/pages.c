/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What browsers and other clients fetch besides the login. Clients of other makers ask for updates
 * first and want to hear "nothing newer": a 404 makes some of them fail.
 */
#include <string.h>

#include "node/data/internal.h"

static const char html[] = "text/html; charset=utf-8";
static const char plain[] = "text/plain; charset=utf-8";
static const char xml[] = "text/xml; charset=utf-8";

static const char empty_html[] = "<!DOCTYPE html>\n<html><head><title>VPN</title></head>"
				 "<body></body></html>\n";
static const char empty_manifest[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				     "<vpn rev=\"1.0\">\n</vpn>\n";

static const struct tdm_page pages[] = {
	{ "/1/index.html", html, empty_html },
	{ "/1/Linux", html, empty_html },
	{ "/1/Linux_64", html, empty_html },
	{ "/1/Windows", html, empty_html },
	{ "/1/Darwin_i386", html, empty_html },
	{ "/1/binaries/update.txt", plain, "0,0,0000\n" },
	{ "/1/VPNManifest.xml", xml, empty_manifest },
	{ "/1/binaries/VPNManifest.xml", xml, empty_manifest },
	{ "/1/binaries/vpndownloader.sh", plain, "#!/bin/sh\nexit 0\n" },
	{ "/+CSCOT+/*", xml, empty_manifest },
};

static const struct tdm_page welcome = { "/", html,
	"<!DOCTYPE html>\n"
	"<html lang=\"en\"><head><meta charset=\"utf-8\"><title>VPN gateway</title></head>\n"
	"<body><h1>VPN gateway</h1>\n"
	"<p>This address is for VPN clients. Connect with a client that is compatible with\n"
	"AnyConnect, for example:</p>\n"
	"<pre>openconnect https://this-address/</pre></body></html>\n" };

const struct tdm_page *tdm_page_find(const char *path)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		size_t len = strlen(pages[i].path);

		if (pages[i].path[len - 1] == '*' ? strncmp(path, pages[i].path, len - 1) == 0
						  : strcmp(path, pages[i].path) == 0)
			return &pages[i];
	}
	return NULL;
}

const struct tdm_page *tdm_page_welcome(void)
{
	return &welcome;
}
