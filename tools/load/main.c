/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tandem-load: many clients in one process, for tests and drills. */
#include <stdio.h>
#include <stdlib.h>

#include "tools/load/engine.h"

static int say(const struct tdm_diag *diag)
{
	(void)fprintf(stderr, "tandem-load: %s\n", diag->text);
	switch (diag->code) {
	case TDM_ERR_NOMEM:
	case TDM_ERR_FULL:
		return TDM_LOAD_EXIT_SYSTEM;
	default:
		return TDM_LOAD_EXIT_USAGE;
	}
}

int main(int argc, char **argv)
{
	struct tdm_diag diag = { 0 };
	struct tdm_load_options opt;
	struct tdm_load_engine *engine;
	int code;

	if (tdm_load_options_parse(argc, argv, &opt, &diag))
		return say(&diag);
	if (opt.help) {
		(void)fputs(tdm_load_options_usage(), stdout);
		return TDM_LOAD_EXIT_OK;
	}
	engine = calloc(1, sizeof(*engine));
	if (!engine) {
		(void)tdm_diag_set(&diag, TDM_ERR_NOMEM, "out of memory");
		return say(&diag);
	}
	if (tdm_load_engine_init(engine, &opt, &diag)) {
		code = say(&diag);
	} else {
		code = (int)tdm_load_engine_run(engine);
		if (opt.json)
			tdm_load_stats_json(&engine->stats, &opt, stdout);
		else
			tdm_load_stats_text(&engine->stats, &opt, stdout);
	}
	tdm_load_engine_deinit(engine);
	free(engine);
	return code;
}
