/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *text;
	enum tdm_err_scope scope;
} errors[TDM_ERR_COUNT] = {
#define X(name, sc, txt) [TDM_ERR_##name] = { .text = (txt), .scope = TDM_SCOPE_##sc },
	TDM_ERR_LIST(X)
#undef X
};

const char *tdm_err_text(enum tdm_err err)
{
	return (unsigned)err < TDM_ERR_COUNT ? errors[err].text : "unknown error";
}

enum tdm_err_scope tdm_err_scope(enum tdm_err err)
{
	return (unsigned)err < TDM_ERR_COUNT ? errors[err].scope : TDM_SCOPE_CALL;
}

enum tdm_err tdm_diag_set(struct tdm_diag *diag, enum tdm_err code, const char *fmt, ...)
{
	va_list args;

	if (!diag)
		return code;
	diag->code = code;
	va_start(args, fmt);
	vsnprintf(diag->text, sizeof(diag->text), fmt, args);
	va_end(args);
	return code;
}
