/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/stats.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SAMPLES_FIRST_ROOM = 256, PERCENTILE_99 = 99, HUNDRED = 100 };
#define US_PER_MS 1e3
#define US_PER_S  1e6

static const char *const mode_names[] = {
	[TDM_LOAD_LOGIN] = "login",
	[TDM_LOAD_HOLD] = "hold",
	[TDM_LOAD_RESUME] = "resume",
};

static const char *const why_names[] = {
#define X(name, text) #name,
	TDM_LOAD_WHY_LIST(X)
#undef X
};

const char *tdm_load_why_text(enum tdm_load_why why)
{
	static const char *const texts[] = {
#define X(name, text) text,
		TDM_LOAD_WHY_LIST(X)
#undef X
	};

	return texts[why];
}

void tdm_load_samples_add(struct tdm_load_samples *s, int64_t us)
{
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : SAMPLES_FIRST_ROOM;
		int64_t *bigger = realloc(s->us, room * sizeof(*s->us));

		if (!bigger) {
			s->dropped++;
			return;
		}
		s->us = bigger;
		s->room = room;
	}
	s->us[s->count++] = us;
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a;
	const int64_t *y = b;

	return (*x > *y) - (*x < *y);
}

/* Nearest rank: the smallest sample that at least that many percent do not exceed. */
static double percentile_ms(const struct tdm_load_samples *s, size_t percent)
{
	size_t rank = (s->count * percent + HUNDRED - 1) / HUNDRED;

	return (double)s->us[rank - 1] / US_PER_MS;
}

struct tdm_load_spread tdm_load_samples_spread(struct tdm_load_samples *s)
{
	if (s->count == 0)
		return (struct tdm_load_spread){ 0 };
	qsort(s->us, s->count, sizeof(*s->us), by_value);
	return (struct tdm_load_spread){
		.min_ms = (double)s->us[0] / US_PER_MS,
		.median_ms = percentile_ms(s, HUNDRED / 2),
		.p99_ms = percentile_ms(s, PERCENTILE_99),
		.max_ms = (double)s->us[s->count - 1] / US_PER_MS,
	};
}

void tdm_load_stats_deinit(struct tdm_load_stats *stats)
{
	free(stats->login.us);
	free(stats->connect.us);
	free(stats->gap.us);
	free(stats->silence.us);
	stats->login = stats->connect = stats->gap = stats->silence =
		(struct tdm_load_samples){ 0 };
}

bool tdm_load_stats_good(const struct tdm_load_stats *stats, const struct tdm_load_options *opt)
{
	bool good = stats->failed == 0 && stats->lost == 0 && stats->refused_401 == 0 &&
		    stats->address_changed == 0 && stats->other == 0;
	uint64_t reached = stats->connected;

	if (opt->mode == TDM_LOAD_HOLD)
		reached = stats->up;
	else if (opt->mode == TDM_LOAD_LOGIN)
		reached = stats->logged_in;
	if (opt->logout)
		reached = stats->logged_out;
	return good && (stats->wanted == 0 || reached == stats->wanted);
}

void tdm_load_stats_line(
	const struct tdm_load_stats *stats, enum tdm_load_mode mode, int64_t now_us, FILE *out)
{
	double s = (double)(now_us - stats->begin_us) / US_PER_S;

	(void)fprintf(out, "%8.1f s: ", s);
	if (mode == TDM_LOAD_RESUME)
		(void)fprintf(out,
			"tried %" PRIu64 ", ok %" PRIu64 ", 401 %" PRIu64 ", other %" PRIu64 "\n",
			stats->started, stats->connected, stats->refused_401, stats->other);
	else if (mode == TDM_LOAD_LOGIN)
		(void)fprintf(out,
			"logged in %" PRIu64 ", logged out %" PRIu64 ", failed %" PRIu64 "\n",
			stats->logged_in, stats->logged_out, stats->failed);
	else
		(void)fprintf(out,
			"logged in %" PRIu64 ", up %" PRIu64 ", broken %" PRIu64
			", resumed %" PRIu64 ", lost %" PRIu64 "\n",
			stats->logged_in, stats->up, stats->losses, stats->resumed, stats->lost);
	(void)fflush(out);
}

static void json_spread(FILE *out, const char *name, struct tdm_load_samples *samples)
{
	struct tdm_load_spread s = tdm_load_samples_spread(samples);

	(void)fprintf(out,
		",\"%s\":{\"count\":%zu,\"min\":%.3f,\"median\":%.3f,\"p99\":%.3f,"
		"\"max\":%.3f}",
		name, samples->count, s.min_ms, s.median_ms, s.p99_ms, s.max_ms);
}

static void json_reasons(FILE *out, const char *name, const uint64_t *counts)
{
	const char *comma = "";

	(void)fprintf(out, ",\"%s\":{", name);
	for (size_t i = 0; i < TDM_LOAD_WHY_COUNT; i++) {
		if (counts[i] == 0)
			continue;
		(void)fprintf(out, "%s\"%s\":%" PRIu64, comma, why_names[i], counts[i]);
		comma = ",";
	}
	(void)fputc('}', out);
}

struct number {
	const char *name;
	uint64_t value;
};

static void json_numbers(FILE *out, const struct number *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, ",\"%s\":%" PRIu64, numbers[i].name, numbers[i].value);
}

static double duration_s(const struct tdm_load_stats *s)
{
	return (double)(s->end_us - s->begin_us) / US_PER_S;
}

static double last_resume_ms(const struct tdm_load_stats *s)
{
	return s->last_resume_us ? (double)(s->last_resume_us - s->first_loss_us) / US_PER_MS : 0;
}

void tdm_load_stats_json(struct tdm_load_stats *s, const struct tdm_load_options *opt, FILE *out)
{
	const struct number common[] = {
		{ "started", s->started },
		{ "logged_in", s->logged_in },
		{ "connected", s->connected },
		{ "logged_out", s->logged_out },
		{ "failed", s->failed },
		{ "refused_401", s->refused_401 },
		{ "attempts", s->attempts },
	};
	const struct number hold[] = {
		{ "losses", s->losses },
		{ "resumed", s->resumed },
		{ "resumed_sessions", s->resumed_sessions },
		{ "resumed_first_try", s->resumed_first_try },
		{ "lost", s->lost },
		{ "address_changed", s->address_changed },
		{ "still_up", s->up },
		{ "frames_in", s->frames_in },
		{ "dpd_answered", s->dpd_answered },
		{ "echo_sent", s->echo_sent },
		{ "echo_received", s->echo_received },
	};
	const struct number resume[] = { { "ok", s->connected }, { "other", s->other } };

	(void)fprintf(out, "{\"mode\":\"%s\",\"ok_all\":%s,\"duration_s\":%.3f",
		mode_names[opt->mode], tdm_load_stats_good(s, opt) ? "true" : "false",
		duration_s(s));
	json_numbers(out, common, sizeof(common) / sizeof(common[0]));
	if (opt->mode == TDM_LOAD_RESUME)
		json_numbers(out, resume, sizeof(resume) / sizeof(resume[0]));
	else
		json_spread(out, "login_ms", &s->login);
	json_spread(out, "connect_ms", &s->connect);
	if (opt->mode == TDM_LOAD_HOLD) {
		json_numbers(out, hold, sizeof(hold) / sizeof(hold[0]));
		json_spread(out, "gap_ms", &s->gap);
		(void)fprintf(out, ",\"last_resume_ms\":%.3f", last_resume_ms(s));
		json_spread(out, "silence_ms", &s->silence);
		json_reasons(out, "losses_by_reason", s->loss_by);
	}
	json_reasons(out, "failures_by_reason", s->failures);
	(void)fputs("}\n", out);
}

static void text_spread(FILE *out, const char *name, struct tdm_load_samples *samples)
{
	struct tdm_load_spread s = tdm_load_samples_spread(samples);

	if (samples->count > 0)
		(void)fprintf(out, "%s ms: min %.1f, median %.1f, p99 %.1f, max %.1f (%zu)\n", name,
			s.min_ms, s.median_ms, s.p99_ms, s.max_ms, samples->count);
}

static void text_reasons(FILE *out, const char *what, const uint64_t *counts)
{
	for (size_t i = 0; i < TDM_LOAD_WHY_COUNT; i++)
		if (counts[i] > 0)
			(void)fprintf(out, "%s, %s: %" PRIu64 "\n", what,
				tdm_load_why_text((enum tdm_load_why)i), counts[i]);
}

void tdm_load_stats_text(struct tdm_load_stats *s, const struct tdm_load_options *opt, FILE *out)
{
	tdm_load_stats_line(s, opt->mode, s->end_us, out);
	text_spread(out, "login", &s->login);
	text_spread(out, "CONNECT", &s->connect);
	text_spread(out, "gap", &s->gap);
	text_spread(out, "longest silence of a session", &s->silence);
	text_reasons(out, "tunnels broken", s->loss_by);
	text_reasons(out, "attempts failed", s->failures);
}
