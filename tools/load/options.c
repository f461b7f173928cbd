/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tools/load/options.h"

#include <string.h>

#include "proto/text.h"

enum { MS_PER_S = 1000, DAY_S = 86400, SERVER_TEXT_MAX = 80 };

enum kind {
	KIND_FLAG,
	KIND_TEXT,
	KIND_NUMBER,
	KIND_SECONDS, /* stored as milliseconds */
	KIND_RATE,    /* a number, "/s" allowed behind it */
	KIND_SERVER,
	KIND_IP,
	KIND_PIN,
};

struct option {
	const char *name;
	enum kind kind;
	size_t offset; /* of the field in struct tdm_load_options */
	uint32_t min;
	uint32_t max;
};

#define FIELD(name) offsetof(struct tdm_load_options, name)

static const struct option options[] = {
	{ "--server", KIND_SERVER, FIELD(server), 0, 0 },
	{ "--user", KIND_TEXT, FIELD(user), 0, 0 },
	{ "--password-file", KIND_TEXT, FIELD(password_file), 0, 0 },
	{ "--count", KIND_NUMBER, FIELD(count), 1, TDM_LOAD_COUNT_MAX },
	{ "--users", KIND_NUMBER, FIELD(users), 1, TDM_LOAD_COUNT_MAX },
	{ "--concurrency", KIND_NUMBER, FIELD(concurrency), 1, TDM_LOAD_COUNT_MAX },
	{ "--rate", KIND_RATE, FIELD(rate_per_s), 1, TDM_LOAD_COUNT_MAX },
	{ "--duration", KIND_SECONDS, FIELD(duration_ms), 1, DAY_S },
	{ "--timeout", KIND_SECONDS, FIELD(timeout_ms), 1, DAY_S },
	{ "--retry", KIND_NUMBER, FIELD(retry_ms), 1, DAY_S },
	{ "--dead", KIND_SECONDS, FIELD(dead_ms), 2, DAY_S },
	{ "--traffic", KIND_NUMBER, FIELD(traffic_ms), 1, DAY_S },
	{ "--ping", KIND_IP, FIELD(ping), 0, 0 },
	{ "--group", KIND_TEXT, FIELD(group), 0, 0 },
	{ "--tokens", KIND_TEXT, FIELD(tokens), 0, 0 },
	{ "--ca", KIND_TEXT, FIELD(ca), 0, 0 },
	{ "--pin", KIND_PIN, FIELD(pin), 0, 0 },
	{ "--insecure", KIND_FLAG, 0, 0, 0 }, /* no field of its own */
	{ "--json", KIND_FLAG, FIELD(json), 0, 0 },
	{ "--logout", KIND_FLAG, FIELD(logout), 0, 0 },
	{ "--help", KIND_FLAG, FIELD(help), 0, 0 },
};

static const struct option *find(const char *name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(options[i].name, name))
			return &options[i];
	return NULL;
}

static enum tdm_err parse_port(const char *text, uint16_t *port)
{
	uint64_t v;
	enum tdm_err err = tdm_text_parse_u64(text, strlen(text), UINT16_MAX, &v);

	if (err || v == 0)
		return TDM_ERR_MALFORMED;
	*port = (uint16_t)v;
	return TDM_OK;
}

/* "1.2.3.4", "1.2.3.4:443", "2001:db8::1", "[2001:db8::1]:443". */
static enum tdm_err parse_server(const char *text, struct tdm_endpoint *out)
{
	char copy[SERVER_TEXT_MAX];
	char *host = copy;
	char *port = NULL;
	char *end;

	if (tdm_text_copy(copy, sizeof(copy), text, strlen(text)))
		return TDM_ERR_MALFORMED;
	out->port = TDM_LOAD_PORT_DEFAULT;
	if (copy[0] == '[') {
		host = copy + 1;
		end = strchr(host, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return TDM_ERR_MALFORMED;
		port = end[1] == ':' ? end + 2 : NULL;
		*end = '\0';
	} else {
		end = strchr(copy, ':');
		if (end && !strchr(end + 1, ':')) {
			port = end + 1;
			*end = '\0';
		}
	}
	if (port && parse_port(port, &out->port))
		return TDM_ERR_MALFORMED;
	return tdm_ip_parse(host, &out->ip);
}

static enum tdm_err parse_number(const struct option *opt, const char *text, uint32_t *out)
{
	size_t len = strlen(text);
	uint64_t v;

	if (opt->kind == KIND_RATE && len > 2 && !strcmp(text + len - 2, "/s"))
		len -= 2;
	if (tdm_text_parse_u64(text, len, opt->max, &v) || v < opt->min)
		return TDM_ERR_MALFORMED;
	*out = (uint32_t)v * (opt->kind == KIND_SECONDS ? MS_PER_S : 1u);
	return TDM_OK;
}

static enum tdm_err bad_value(const struct option *opt, const char *text, struct tdm_diag *diag)
{
	static const char *const wants[] = {
		[KIND_SERVER] = "an address with an optional port, like 192.0.2.10:443",
		[KIND_IP] = "an IPv4 address",
		[KIND_PIN] = "the SHA-256 of the certificate as 64 hex digits",
	};
	char safe[64];

	tdm_text_safe(text, strlen(text), safe, sizeof(safe));
	if (opt->kind >= KIND_SERVER)
		return tdm_diag_set(diag, TDM_ERR_INVAL, "%s \"%s\": expected %s", opt->name, safe,
			wants[opt->kind]);
	return tdm_diag_set(diag, TDM_ERR_INVAL, "%s \"%s\": expected a whole number from %u to %u",
		opt->name, safe, (unsigned)opt->min, (unsigned)opt->max);
}

static enum tdm_err set_value(const struct option *opt, const char *text, void *field)
{
	struct tdm_ip *ip = field;

	switch (opt->kind) {
	case KIND_TEXT:
		memcpy(field, &text, sizeof(text));
		return TDM_OK;
	case KIND_SERVER:
		return parse_server(text, field);
	case KIND_IP:
		return tdm_ip_parse(text, ip) || ip->family != 4 ? TDM_ERR_MALFORMED : TDM_OK;
	case KIND_PIN:
		return tdm_hex_decode(text, strlen(text), field, TDM_LOAD_PIN_LEN);
	case KIND_FLAG:
		return TDM_ERR_INVAL;
	case KIND_NUMBER:
	case KIND_SECONDS:
	case KIND_RATE:
		break;
	}
	return parse_number(opt, text, field);
}

/* The three ways to trust a server exclude each other. */
static enum tdm_err set_trust(
	struct tdm_load_options *out, enum tdm_load_trust trust, struct tdm_diag *diag)
{
	if (out->trust != TDM_LOAD_TRUST_UNSET && out->trust != trust)
		return tdm_diag_set(
			diag, TDM_ERR_INVAL, "only one of --insecure, --ca and --pin is allowed");
	out->trust = trust;
	return TDM_OK;
}

static enum tdm_err note_trust(
	const struct option *opt, struct tdm_load_options *out, struct tdm_diag *diag)
{
	if (!strcmp(opt->name, "--insecure"))
		return set_trust(out, TDM_LOAD_TRUST_ANY, diag);
	if (!strcmp(opt->name, "--ca"))
		return set_trust(out, TDM_LOAD_TRUST_CA, diag);
	if (!strcmp(opt->name, "--pin"))
		return set_trust(out, TDM_LOAD_TRUST_PIN, diag);
	return TDM_OK;
}

static enum tdm_err parse_one(
	char **argv, int *at, int argc, struct tdm_load_options *out, struct tdm_diag *diag)
{
	const char *name = argv[*at];
	const struct option *opt = find(name);
	char safe[64];

	if (!opt)
		return tdm_diag_set(diag, TDM_ERR_INVAL, "unknown option \"%s\": see --help",
			tdm_text_safe(name, strlen(name), safe, sizeof(safe)));
	if (opt->kind == KIND_FLAG) {
		if (opt->offset)
			*((bool *)((char *)out + opt->offset)) = true;
	} else {
		if (*at + 1 >= argc)
			return tdm_diag_set(diag, TDM_ERR_INVAL, "%s needs a value", name);
		(*at)++;
		if (set_value(opt, argv[*at], (char *)out + opt->offset))
			return bad_value(opt, argv[*at], diag);
	}
	return note_trust(opt, out, diag);
}

static enum tdm_err parse_mode(
	int argc, char **argv, struct tdm_load_options *out, struct tdm_diag *diag)
{
	static const char *const names[] = { "login", "hold", "resume" };

	for (size_t i = 0; argc > 1 && i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(argv[1], names[i])) {
			out->mode = (enum tdm_load_mode)i;
			return TDM_OK;
		}
	}
	return tdm_diag_set(
		diag, TDM_ERR_INVAL, "the first word must be login, hold or resume: see --help");
}

static enum tdm_err check(const struct tdm_load_options *o, struct tdm_diag *diag)
{
	if (!o->server.ip.family)
		return tdm_diag_set(diag, TDM_ERR_INVAL, "--server IP[:PORT] is missing");
	if (o->trust == TDM_LOAD_TRUST_UNSET)
		return tdm_diag_set(diag, TDM_ERR_INVAL,
			"one of --insecure, --ca FILE and --pin HEX is missing");
	if (o->mode == TDM_LOAD_RESUME && !o->tokens)
		return tdm_diag_set(diag, TDM_ERR_INVAL, "resume needs --tokens FILE");
	if (o->mode != TDM_LOAD_RESUME && (!o->user || !o->password_file))
		return tdm_diag_set(
			diag, TDM_ERR_INVAL, "--user NAME and --password-file FILE are needed");
	if (o->mode != TDM_LOAD_HOLD && (o->traffic_ms || o->ping.family))
		return tdm_diag_set(diag, TDM_ERR_INVAL, "--traffic and --ping are for hold only");
	if (!o->traffic_ms != !o->ping.family)
		return tdm_diag_set(diag, TDM_ERR_INVAL, "--traffic MS and --ping IP go together");
	return TDM_OK;
}

enum tdm_err tdm_load_options_parse(
	int argc, char **argv, struct tdm_load_options *out, struct tdm_diag *diag)
{
	enum tdm_err err;

	*out = (struct tdm_load_options){
		.count = 1,
		.concurrency = TDM_LOAD_CONCURRENCY_DEFAULT,
		.timeout_ms = TDM_LOAD_TIMEOUT_S_DEFAULT * MS_PER_S,
		.retry_ms = TDM_LOAD_RETRY_MS_DEFAULT,
		.dead_ms = TDM_LOAD_DEAD_S_DEFAULT * MS_PER_S,
	};
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		out->help = true;
		return TDM_OK;
	}
	err = parse_mode(argc, argv, out, diag);
	for (int i = 2; !err && i < argc; i++)
		err = parse_one(argv, &i, argc, out, diag);
	return err || out->help ? err : check(out, diag);
}

const char *tdm_load_options_usage(void)
{
	return "usage: tandem-load login|hold|resume --server IP[:PORT] OPTIONS\n"
	       "\n"
	       "  login   log in --count times and note each token in --tokens FILE\n"
	       "  hold    log in --count sessions, keep their tunnels, resume what is lost\n"
	       "  resume  connect once with each token of --tokens FILE\n"
	       "\n"
	       "  --user NAME            with --users N: NAME0, NAME1 ... are used in turn\n"
	       "  --password-file FILE   first line of FILE; - is standard input\n"
	       "  --count N              sessions (default 1)\n"
	       "  --users N              user names (default: NAME itself)\n"
	       "  --group NAME           group to choose in the login form\n"
	       "  --concurrency C        at most C sessions being set up at a time (default 32)\n"
	       "  --rate R               start at most R sessions per second\n"
	       "  --tokens FILE          login, hold: append each token; resume: read them\n"
	       "  --duration S           login: go on for S seconds; hold: end after S seconds\n"
	       "  --timeout S            limit for one login or resume (default 30)\n"
	       "  --retry MS             pause between attempts (default 100)\n"
	       "  --dead S               hold: a tunnel silent for S seconds is lost (default 5)\n"
	       "  --traffic MS --ping IP hold: an echo packet to IP every MS per session\n"
	       "  --logout               end each session instead of leaving it\n"
	       "  --insecure | --ca FILE | --pin HEX\n"
	       "                         trust any server, a CA, or one certificate (SHA-256)\n"
	       "  --json                 print the summary as one JSON object\n"
	       "\n"
	       "exit: 0 all well, 1 some sessions failed, 2 bad options or files, 3 system error\n";
}
