/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/ctl/ctl.h"

#include <stdarg.h>
#include <string.h>

#include "proto/text.h"

int tdm_ctl_fail(int code, const char *fmt, ...)
{
	va_list args;

	fputs("tandemctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

const char *tdm_ctl_safe(const char *text, char *out, size_t cap)
{
	return tdm_text_safe(text, strlen(text), out, cap);
}

size_t tdm_ctl_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}
