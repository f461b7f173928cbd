/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tandem-sim: histories of a whole cluster, many thousands a minute. */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replication/mutant.h"
#include "tests/sim/shrink.h"

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

struct options {
	uint64_t seed, histories;
	size_t steps;
	const struct sim_setup *setup; /* NULL = all in turn */
	unsigned long seconds;
	bool shrink, verbose;
	int mutant;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * MS_PER_S + ts.tv_nsec / NS_PER_MS;
}

static void usage(FILE *to)
{
	fputs("usage: tandem-sim [OPTION...]\n"
	      "Runs seeded histories of two to five nodes and checks what must always hold.\n"
	      "  --seed S        the first history (1)\n"
	      "  --histories N   how many (1)\n"
	      "  --steps N       of each history (600)\n"
	      "  --setup NAME    pair-qdevice, pair-two-node, three, four, five; all in turn if\n"
	      "                  none is named\n"
	      "  --seconds N     stop after this time\n"
	      "  --shrink        leave out what a failure does not need, and list what is left\n"
	      "  --verbose       tell what happens\n"
	      "  --mutant N      break guard N of the core (only in the build for it)\n",
		to);
}

static bool number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return *text && !*end;
}

static int options_read(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "histories", required_argument, NULL, 'n' },
		{ "steps", required_argument, NULL, 'l' },
		{ "setup", required_argument, NULL, 'u' },
		{ "seconds", required_argument, NULL, 't' },
		{ "shrink", no_argument, NULL, 'k' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "mutant", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	uint64_t v = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (strchr("snltm", c) && !number(optarg, &v)) {
			fprintf(stderr, "tandem-sim: '%s' is not a number\n", optarg);
			return 2;
		}
		switch (c) {
		case 's':
			o->seed = v;
			break;
		case 'n':
			o->histories = v;
			break;
		case 'l':
			o->steps = v;
			break;
		case 't':
			o->seconds = v;
			break;
		case 'm':
			o->mutant = (int)v;
			break;
		case 'k':
			o->shrink = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'u':
			o->setup = sim_setup_find(optarg);
			if (!o->setup) {
				fprintf(stderr, "tandem-sim: no setup '%s'\n", optarg);
				return 2;
			}
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc || !o->steps || o->steps > SIM_STEPS_MAX) {
		usage(stderr);
		return 2;
	}
	return 0;
}

static void list(const struct sim_history *h)
{
	char text[128];

	for (size_t i = 0; i < h->len; i++) {
		if (h->dropped[i])
			continue;
		sim_step_text(h, i, text, sizeof(text));
		puts(text);
	}
}

static void report(struct sim *sim, struct sim_history *h, const struct options *o)
{
	static uint8_t dropped[SIM_STEPS_MAX];

	printf("%s (%llu, node %u), step %zu\n"
	       "  tandem-sim --seed %llu --steps %zu --setup %s\n",
		sim->broken, (unsigned long long)sim->broken_what, sim->broken_node,
		sim->broken_step, (unsigned long long)h->seed, h->len, h->setup->name);
	if (!o->shrink)
		return;
	memset(dropped, 0, sizeof(dropped));
	h->dropped = dropped;
	printf("%zu steps are enough for \"%s\":\n", sim_shrink(sim, h), sim->broken);
	list(h);
	sim->verbose = true;
	fflush(stdout);
	(void)sim_history_run(sim, h);
	sim->verbose = false;
	h->dropped = NULL;
}

static int run(struct sim *sim, struct sim_history *h, const struct options *o)
{
	uint64_t histories = 0, violations = 0, steps = 0, events = 0;
	int64_t start = now_ms(), spent;

	for (uint64_t i = 0; i < o->histories; i++) {
		if (o->seconds && now_ms() - start >= (int64_t)o->seconds * MS_PER_S)
			break;
		h->seed = o->seed + i;
		h->setup = o->setup ? o->setup : &sim_setups[h->seed % sim_setups_len];
		h->len = o->steps;
		sim_history_draw(h);
		sim->verbose = o->verbose;
		histories++;
		if (sim_history_run(sim, h)) {
			violations++;
			report(sim, h, o);
			if (violations >= 10 || o->mutant)
				break;
		}
		steps += h->len;
		events += sim->events;
	}
	spent = now_ms() - start;
	printf("%llu histories, %llu steps, %llu violations (%llu events, %llu steps/s)\n",
		(unsigned long long)histories, (unsigned long long)steps,
		(unsigned long long)violations, (unsigned long long)events,
		(unsigned long long)(steps * MS_PER_S / (uint64_t)(spent ? spent : 1)));
	return violations ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options o = { .seed = 1, .histories = 1, .steps = SIM_STEPS_DEFAULT };
	static struct sim sim;
	static struct sim_step steps[SIM_STEPS_MAX];
	struct sim_history h = { .steps = steps };
	int status = options_read(argc, argv, &o);

	if (status)
		return status;
#ifdef TDM_MUTANTS
	tdm_mutant = o.mutant;
#else
	if (o.mutant) {
		fputs("tandem-sim: this build has no mutants, use tandem-sim-mutants\n", stderr);
		return 2;
	}
#endif
	/* nodes come and go: their memory is kept for the next one */
	mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024 * 1024);
	sim.tokens = calloc(SIM_STEPS_MAX + 1, sizeof(*sim.tokens));
	sim.made = calloc(SIM_STEPS_MAX + 1, sizeof(*sim.made));
	if (!sim.tokens || !sim.made)
		return 2;
	status = run(&sim, &h, &o);
	free(sim.tokens);
	free(sim.made);
	return status;
}
