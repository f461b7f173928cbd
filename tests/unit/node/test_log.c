/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log: one line per event whatever is in it, from any thread, into the file that is there. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/log.h"

static char dir[64];
static char path[96];

static void setup(void)
{
	strcpy(dir, "/tmp/tandem-log-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	cr_assert_eq(tdm_log_open(path, TDM_LOG_INFO, "n1", NULL), TDM_OK);
}

static void teardown(void)
{
	char command[128];

	cr_expect_eq(tdm_log_open(NULL, TDM_LOG_INFO, "n1", NULL), TDM_OK);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_expect_eq(system(command), 0);
}

static char *slurp(const char *file)
{
	static char text[256 * 1024];
	FILE *f = fopen(file, "r");
	size_t n;

	cr_assert_not_null(f, "%s", file);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

TestSuite(log, .init = setup, .fini = teardown);

Test(log, shape_of_a_line)
{
	regex_t re;

	tdm_log_debug("not shown");
	tdm_log_warning("disk %d %s", 7, "full");
	cr_assert_eq(regcomp(&re,
			     "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"
			     " n1 warning disk 7 full\n$",
			     REG_EXTENDED | REG_NOSUB),
		0);
	cr_expect_eq(regexec(&re, slurp(path), 0, NULL, 0), 0, "is: %s", slurp(path));
	regfree(&re);
}

Test(log, nobody_can_forge_a_line)
{
	tdm_log_info("user \"%s\" at C:\\x", "eve\nroot: all is well\x1b[2J\x7f\r");
	cr_expect_not_null(
		strstr(slurp(path), "user \"eve\\nroot: all is well\\x1b[2J\\x7f\\r\" at C:\\x\n"),
		"is: %s", slurp(path));
}

Test(log, long_text_is_cut_and_still_a_line)
{
	char *text = calloc(1, 10001);
	char *line;

	memset(text, '\n', 10000); /* twice as long when escaped */
	tdm_log_info("%s", text);
	tdm_log_info("next");
	line = slurp(path);
	cr_expect_lt(strlen(line), 4000);
	cr_expect_not_null(strstr(line, " next\n"));
	cr_expect_eq(strchr(strchr(line, '\n') + 1, '\n')[1], '\0', "not two lines");
	free(text);
}

Test(log, reopen_follows_a_rotated_file)
{
	char moved[128];

	tdm_log_info("one");
	snprintf(moved, sizeof(moved), "%s.1", path);
	cr_assert_eq(rename(path, moved), 0);
	tdm_log_info("two");
	tdm_log_reopen();
	tdm_log_info("three");
	cr_expect_not_null(strstr(slurp(moved), "two"));
	cr_expect_not_null(strstr(slurp(path), "three"));
	cr_expect_null(strstr(slurp(path), "two"));
}

Test(log, a_file_that_cannot_be_opened_is_told)
{
	struct tdm_diag diag = { .text = "" };

	cr_expect_eq(tdm_log_open("/nonexistent/log", TDM_LOG_INFO, "n1", &diag), TDM_ERR_IO);
	cr_expect_not_null(
		strstr(diag.text, "/nonexistent/log: cannot open the log file: No such"));
}

enum { THREADS = 4, LINES = 200 };

static void *write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		tdm_log_info("thread %ld line %d.", (long)(intptr_t)arg, i);
	return NULL;
}

Test(log, threads_do_not_mix_lines)
{
	pthread_t threads[THREADS];
	int lines = 0;
	char *line;

	for (intptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, write_lines, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (line = strtok(slurp(path), "\n"); line; line = strtok(NULL, "\n")) {
		cr_expect_eq(line[strlen(line) - 1], '.', "mixed: %s", line);
		cr_expect_not_null(strstr(line, " n1 info    thread "), "mixed: %s", line);
		lines++;
	}
	cr_expect_eq(lines, THREADS * LINES);
}

static int count(const char *text, const char *word)
{
	int n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

/* What strangers cause is told, but cannot fill the disk or hide the rest. */
Test(log, strangers_get_so_many_lines)
{
	struct tdm_log_limit limit = { 0 };
	const tdm_ms start = 1000000;

	for (int i = 0; i < 1000; i++)
		if (tdm_log_may(&limit, "noise", start))
			tdm_log_info("knock");
	cr_expect_eq(count(slurp(path), "knock"), 100);
	for (tdm_ms now = start; now < start + 10000; now++)
		if (tdm_log_may(&limit, "noise", now))
			tdm_log_info("again");
	cr_expect_eq(count(slurp(path), "again"), 9 * 20);
	cr_expect_not_null(strstr(slurp(path), "noise: 1900 lines were left out"), "is: %.200s",
		strstr(slurp(path), "noise"));
}

/* Nobody reads the pipe: the line is lost, the daemon goes on, and says so later. */
Test(log, a_reader_that_sleeps_stops_nobody)
{
	static char drain[1 << 20];
	int ends[2], stderr_before = dup(STDERR_FILENO);
	ssize_t n;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
	cr_expect_eq(tdm_log_open(NULL, TDM_LOG_INFO, "n1", NULL), TDM_OK);
	for (int i = 0; i < 10000; i++)
		tdm_log_info("a line that is written whether anybody reads or not");
	n = read(ends[0], drain, sizeof(drain) - 1);
	tdm_log_info("the reader is awake");
	cr_expect_gt(n, 0);
	n = read(ends[0], drain, sizeof(drain) - 1);
	dup2(stderr_before, STDERR_FILENO);
	cr_assert_gt(n, 0);
	drain[n] = '\0';
	cr_expect_not_null(strstr(drain, "lines are missing here"), "is: %s", drain);
	cr_expect_not_null(strstr(drain, "the reader is awake\n"), "is: %s", drain);
}
