/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal on a real disk: crashes, damage, a second process, a full disk. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replication/journal_lmdb.h"
#include "replication/journal_lmdb_check.h"
#include "tests/unit/replication/journal_kit.h"

enum { FILE_MAX = 8 << 20, EXIT_SKIP = 77 };

/* --- the file as bytes --- */

struct image {
	uint8_t *data;
	size_t len;
};

static void file_path(const struct kit_medium *medium, char out[KIT_PATH + 64])
{
	snprintf(out, KIT_PATH + 64, "%s/" TDM_JOURNAL_FILE, medium->directory);
}

static struct image image_read(const struct kit_medium *medium)
{
	struct image image = { malloc(FILE_MAX), 0 };
	char path[KIT_PATH + 64];
	ssize_t n;
	int fd;

	file_path(medium, path);
	fd = open(path, O_RDONLY);
	cr_assert(fd >= 0 && image.data);
	while ((n = read(fd, image.data + image.len, FILE_MAX - image.len)) > 0)
		image.len += (size_t)n;
	cr_assert_lt(image.len, FILE_MAX);
	close(fd);
	return image;
}

static void image_write(const struct kit_medium *medium, const uint8_t *data, size_t len)
{
	char path[KIT_PATH + 64];
	int fd;

	mkdir(medium->directory, 0700);
	file_path(medium, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, data, len), (ssize_t)len);
	close(fd);
}

/* A journal with deleted and rewritten entries, values on overflow pages, and a tree of pages. */
static void fill(struct kit_medium *medium, unsigned sessions)
{
	struct tdm_journal *j = kit_open(medium);
	struct tdm_journal_batch b;

	tdm_journal_batch_init(&b);
	cr_assert_not(tdm_journal_numbers(&b, &(struct tdm_numbers){ 41, 900 }));
	kit_commit(j, &b);
	for (unsigned round = 1; round <= 3; round++)
		for (unsigned id = 1; id <= sessions; id++) {
			if (round == 2 && id % 3 == 0)
				cr_assert_not(tdm_journal_drop(&b, id));
			else
				kit_put(&b, id, round, id % 5 + (id % 20 ? 0 : KIT_LARGE));
			if (id % 50 == 0)
				kit_commit(j, &b);
		}
	cr_assert_not(tdm_journal_numbers(&b, &(struct tdm_numbers){ 42, 901 }));
	kit_commit(j, &b);
	tdm_journal_batch_deinit(&b);
	tdm_journal_close(j);
}

static void clean_asides(const struct kit_medium *medium)
{
	char command[KIT_PATH + 64];

	snprintf(command, sizeof(command), "rm -rf '%s'/journal.bad-*", medium->base);
	cr_assert_eq(system(command), 0);
}

/* Open what is there, whatever it is; use it. Returns whether it was put aside. */
static bool survives_opening(struct kit_medium *medium)
{
	struct tdm_journal *j = kit_open(medium);
	bool aside = j->why.code != TDM_OK;
	struct tdm_journal_batch b;

	cr_assert_eq(kit_aside(medium), aside ? 1 : 0);
	tdm_journal_batch_init(&b);
	if (aside)
		cr_expect_eq(kit_load(j)->len, 0);
	for (unsigned id = 1; id <= 20; id++)
		kit_put(&b, id, 9, 1);
	for (unsigned id = 100; id <= 120; id++)
		cr_assert_not(tdm_journal_drop(&b, id));
	kit_commit(j, &b);
	kit_put(&b, 5000, 1, 7);
	kit_commit(j, &b);
	tdm_journal_batch_deinit(&b);
	tdm_journal_close(j);
	/* and it is a journal afterwards */
	j = kit_open(medium);
	cr_assert_not(j->why.code, "%s", j->why.text);
	kit_find(kit_load(j), 5000);
	tdm_journal_close(j);
	if (aside)
		clean_asides(medium);
	return aside;
}

/* --- damage --- */

Test(journal_lmdb, many_sessions_pass_the_check)
{
	struct kit_medium medium;

	kit_medium_init(&medium, true);
	fill(&medium, 1500);
	cr_expect_not(survives_opening(&medium));
	kit_medium_deinit(&medium);
}

/* Cut at any page and in between: put aside, or (when only unused room is gone) used. */
Test(journal_lmdb, truncated)
{
	struct kit_medium medium;
	size_t aside = 0, tried = 0;
	struct image image;

	kit_medium_init(&medium, true);
	fill(&medium, 300);
	image = image_read(&medium);
	for (size_t len = 1; len < image.len; len += len < 9000 ? 1999 : 12289) {
		image_write(&medium, image.data, len);
		aside += survives_opening(&medium);
		tried++;
	}
	cr_expect_gt(aside, tried / 2);
	free(image.data);
	kit_medium_deinit(&medium);
}

/* Bytes changed at random, one and several: never a crash, never a wrong session. */
Test(journal_lmdb, flipped_bytes)
{
	enum { TRIES = 250, SEED = 12345 };
	struct kit_medium medium;
	struct image image;
	size_t aside = 0;

	kit_medium_init(&medium, true);
	fill(&medium, 200);
	image = image_read(&medium);
	srand(SEED);
	for (int i = 0; i < TRIES; i++) {
		uint8_t *copy = malloc(image.len);
		int changes = i % 2 ? 1 : 1 + rand() % 64;

		memcpy(copy, image.data, image.len);
		for (int k = 0; k < changes; k++) {
			size_t page = (size_t)rand() % (image.len / 4096) * 4096;
			/* heads of pages and the places of entries matter most */
			size_t at = page + (size_t)rand() % (i % 3 ? 64 : 4096);

			copy[at] ^= (uint8_t)(1 + rand() % 255);
		}
		image_write(&medium, copy, image.len);
		aside += survives_opening(&medium);
		free(copy);
	}
	cr_expect_gt(aside, TRIES / 10);
	free(image.data);
	kit_medium_deinit(&medium);
}

/* Each field of each page, wrong in each way: what the check lets pass is harmless. */
Test(journal_lmdb, every_field)
{
	enum { PAGE = 4096, HEAD = 184, BACKS = 64 };
	struct kit_medium medium;
	struct image image;
	size_t passed = 0, refused = 0;

	kit_medium_init(&medium, true);
	fill(&medium, 60);
	image = image_read(&medium);
	for (size_t page = 0; page < image.len; page += PAGE) {
		for (size_t at = page; at < page + HEAD; at += 2) {
			uint16_t before, after[6];
			const char *what = NULL;

			memcpy(&before, image.data + at, sizeof(before));
			after[0] = 0;
			after[1] = 0xffff;
			after[2] = (uint16_t)(before + 1);
			after[3] = (uint16_t)(before - 1);
			after[4] = (uint16_t)(before + BACKS);
			after[5] = (uint16_t)(before ^ 0x8000);
			for (size_t i = 0; i < 6; i++) {
				memcpy(image.data + at, &after[i], sizeof(before));
				if (tdm_journal_lmdb_check(image.data, image.len, &what)) {
					cr_assert_not_null(what);
					refused++;
				} else if (after[i] != before && passed++ % 100 == 0) {
					image_write(&medium, image.data, image.len);
					survives_opening(&medium);
				}
			}
			memcpy(image.data + at, &before, sizeof(before));
		}
	}
	cr_expect_gt(refused, 100);
	cr_expect_gt(passed, 100);
	free(image.data);
	kit_medium_deinit(&medium);
}

/* Where no journal can be: an error that names the place, and nothing is made. */
Test(journal_lmdb, no_place)
{
	struct tdm_journal_lmdb_config config = { .cluster = KIT_CLUSTER, .node = KIT_NODE };
	struct tdm_journal *j;
	struct tdm_diag diag = { 0 };
	struct kit_medium medium;
	char path[5000];

	kit_medium_init(&medium, true);
	snprintf(path, sizeof(path), "%s/a/b", medium.base);
	config.directory = path;
	cr_expect_eq(tdm_journal_lmdb_open(&config, &j, &diag), TDM_ERR_IO);
	cr_expect_null(j);
	cr_expect_not_null(strstr(diag.text, path), "%s", diag.text);
	/* a file where the directory should be */
	image_write(&medium, (const uint8_t *)"x", 1);
	snprintf(path, sizeof(path), "%s/journal/" TDM_JOURNAL_FILE, medium.base);
	cr_expect_eq(tdm_journal_lmdb_open(&config, &j, &diag), TDM_ERR_IO);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	cr_expect_neq(tdm_journal_lmdb_open(&config, &j, &diag), TDM_OK);
	kit_medium_deinit(&medium);
}

/* Something else entirely under the journal's name. */
Test(journal_lmdb, garbage)
{
	struct kit_medium medium;
	uint8_t *noise = malloc(100000);

	kit_medium_init(&medium, true);
	for (size_t i = 0; i < 100000; i++)
		noise[i] = (uint8_t)(i * 2654435761u >> 13);
	image_write(&medium, noise, 100000);
	cr_expect(survives_opening(&medium));
	memset(noise, 0, 100000);
	image_write(&medium, noise, 100000);
	cr_expect(survives_opening(&medium));
	image_write(&medium, noise, 0);
	cr_expect_not(survives_opening(&medium), "an empty file is a journal not begun");
	free(noise);
	kit_medium_deinit(&medium);
}

/* Who loses the sessions still does not use an epoch twice. */
Test(journal_lmdb, numbers_survive_damage)
{
	struct kit_medium medium;
	struct tdm_journal *j;
	struct image image;

	kit_medium_init(&medium, true);
	fill(&medium, 100);
	image = image_read(&medium);
	memset(image.data, 0xff, 4096);
	image_write(&medium, image.data, image.len);
	j = kit_open(&medium);
	cr_expect_eq(j->why.code, TDM_ERR_MALFORMED);
	cr_expect_eq(j->numbers.epoch_counter, 42);
	cr_expect_eq(j->numbers.index_counter, 901);
	tdm_journal_close(j);
	j = kit_open(&medium);
	cr_expect_not(j->why.code);
	cr_expect_eq(j->numbers.epoch_counter, 42, "they are in the new journal");
	tdm_journal_close(j);
	free(image.data);
	kit_medium_deinit(&medium);
}

/* Put aside twice in one second: both are kept. The message says where. */
Test(journal_lmdb, aside_is_never_overwritten)
{
	struct kit_medium medium;
	struct tdm_journal *j;

	kit_medium_init(&medium, true);
	for (int i = 0; i < 3; i++) {
		image_write(&medium, (const uint8_t *)"rubbish", 7);
		j = kit_open(&medium);
		cr_expect_not_null(
			strstr(j->why.text, "journal.bad-20231114T221320Z"), "%s", j->why.text);
		tdm_journal_close(j);
	}
	cr_expect_eq(kit_aside(&medium), 3);
	kit_medium_deinit(&medium);
}

/* --- other processes, crashes --- */

Test(journal_lmdb, one_process_at_a_time)
{
	struct kit_medium medium;
	struct tdm_journal *j, *second = NULL;
	struct tdm_diag diag = { 0 };
	struct tdm_journal_lmdb_config config = { .cluster = KIT_CLUSTER, .node = KIT_NODE };

	kit_medium_init(&medium, true);
	config.directory = medium.directory;
	j = kit_open(&medium);
	cr_expect_eq(tdm_journal_lmdb_open(&config, &second, &diag), TDM_ERR_EXISTS);
	cr_expect_null(second);
	cr_expect_not_null(strstr(diag.text, "in use"), "%s", diag.text);
	tdm_journal_close(j);
	kit_medium_deinit(&medium);
}

/* Commits as fast as it can, and says after each one how many there are. */
static void committer(struct kit_medium *medium, int out)
{
	struct tdm_journal *j = kit_open(medium);
	struct tdm_journal_batch b;

	tdm_journal_batch_init(&b);
	for (uint32_t n = 1;; n++) {
		for (unsigned i = 0; i < 10; i++)
			kit_put(&b, (n * 10 + i) % KIT_SESSIONS + 1, n, i % 3);
		cr_assert_not(tdm_journal_numbers(&b, &(struct tdm_numbers){ n, n }));
		kit_commit(j, &b);
		if (write(out, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
}

/* kill -9 at any moment: all that was committed is there, nothing of it is broken, and batches are
 * whole. */
Test(journal_lmdb, killed)
{
	enum { ROUNDS = 12, SEED = 99 };
	struct kit_medium medium;
	uint64_t before = 0;

	kit_medium_init(&medium, true);
	srand(SEED);
	for (int round = 0; round < ROUNDS; round++) {
		unsigned wanted = 3 + (unsigned)rand() % 20;
		struct tdm_journal *j;
		const struct kit_found *found;
		uint32_t n = 0, told = 0;
		int fds[2], status;
		pid_t child;

		cr_assert_not(pipe(fds));
		child = fork();
		cr_assert_geq(child, 0);
		if (!child) {
			close(fds[0]);
			committer(&medium, fds[1]);
			_exit(0);
		}
		close(fds[1]);
		while (told < wanted && read(fds[0], &n, sizeof(n)) == sizeof(n))
			told = n;
		/* anywhere inside of the next commit */
		usleep((useconds_t)(rand() % 3000));
		kill(child, SIGKILL);
		while (read(fds[0], &n, sizeof(n)) == sizeof(n))
			told = n;
		close(fds[0]);
		waitpid(child, &status, 0);
		cr_assert(WIFSIGNALED(status), "the writer failed by itself");

		j = kit_open(&medium);
		cr_assert_not(j->why.code, "%s", j->why.text);
		cr_assert(j->numbers.epoch_counter == told || j->numbers.epoch_counter == told + 1);
		found = kit_load(j);
		/* the whole batch of the last number, and none of a later one */
		for (unsigned i = 0; i < 10; i++) {
			uint64_t id = (j->numbers.epoch_counter * 10 + i) % KIT_SESSIONS + 1;

			cr_assert_eq(
				found->items[kit_find(found, id)].seq, j->numbers.epoch_counter);
		}
		before += told;
		tdm_journal_close(j);
	}
	cr_expect_gt(before, ROUNDS * 3);
	kit_medium_deinit(&medium);
}

/* --- a full disk --- */

/* In a mount namespace of its own, on a disk of 2 MiB. */
static int on_small_disk(void)
{
	struct tdm_journal_lmdb_config config = { .cluster = KIT_CLUSTER, .node = KIT_NODE };
	struct tdm_journal *j = NULL;
	struct tdm_diag diag = { 0 };
	struct tdm_journal_batch b;
	enum tdm_err err = TDM_OK;
	char base[] = "/tmp/tandem-full.XXXXXX", path[64], ballast[64];
	uint64_t good = 0;
	int fd;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return EXIT_SKIP;
	if (!mkdtemp(base) || mount("tmpfs", base, "tmpfs", 0, "size=3m"))
		return EXIT_SKIP;
	snprintf(path, sizeof(path), "%s/journal", base);
	snprintf(ballast, sizeof(ballast), "%s/ballast", base);
	config.directory = path;
	if (tdm_journal_lmdb_open(&config, &j, &diag))
		return 1;
	fd = open(ballast, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || posix_fallocate(fd, 0, 1 << 20))
		return 2;
	tdm_journal_batch_init(&b);
	for (unsigned n = 1; n < 100 && !err; n++) {
		tdm_journal_batch_reset(&b);
		for (unsigned i = 0; i < 100; i++)
			kit_put(&b, n * 100 + i, 1, 1);
		err = tdm_journal_commit(j, &b, &diag);
		good += err ? 0 : 100;
	}
	if (err != TDM_ERR_FULL || !strstr(diag.text, "No space left"))
		return 3;
	/* the numbers still go: there is room for them that others may not have */
	for (unsigned n = 1; n <= 50; n++) {
		tdm_journal_batch_reset(&b);
		if (tdm_journal_numbers(&b, &(struct tdm_numbers){ n, n }) ||
			tdm_journal_commit(j, &b, &diag))
			return 4;
	}
	/* with room again it goes on, without being opened anew */
	close(fd);
	unlink(ballast);
	tdm_journal_batch_reset(&b);
	kit_put(&b, 99999, 1, 1);
	if (tdm_journal_commit(j, &b, &diag))
		return 5;
	tdm_journal_close(j);
	if (tdm_journal_lmdb_open(&config, &j, &diag) || j->why.code)
		return 6;
	if (j->sessions != good + 1 || j->numbers.epoch_counter != 50)
		return 7;
	tdm_journal_close(j);
	tdm_journal_batch_deinit(&b);
	umount(base);
	rmdir(base);
	return 0;
}

Test(journal_lmdb, full_disk)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(on_small_disk());
	waitpid(child, &status, 0);
	cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == EXIT_SKIP)
		cr_skip_test("no right to mount a small disk");
	cr_expect_eq(WEXITSTATUS(status), 0, "step %d", WEXITSTATUS(status));
}

/* A directory that cannot be renamed: the file alone goes aside. */
static int on_mount_point(void)
{
	struct tdm_journal_lmdb_config config = { .cluster = KIT_CLUSTER, .node = KIT_NODE };
	char base[] = "/tmp/tandem-mount.XXXXXX", path[64];
	struct tdm_journal *j = NULL;
	struct tdm_diag diag = { 0 };
	int fd, result;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return EXIT_SKIP;
	if (!mkdtemp(base) || mount("tmpfs", base, "tmpfs", 0, "size=4m"))
		return EXIT_SKIP;
	snprintf(path, sizeof(path), "%s/" TDM_JOURNAL_FILE, base);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, "rubbish", 7) != 7)
		return 1;
	close(fd);
	config.directory = base;
	if (tdm_journal_lmdb_open(&config, &j, &diag))
		return 2;
	result = j->why.code == TDM_ERR_MALFORMED && strstr(j->why.text, TDM_JOURNAL_FILE ".bad-")
			 ? 0
			 : 3;
	tdm_journal_close(j);
	umount(base);
	rmdir(base);
	return result;
}

Test(journal_lmdb, mount_point)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(on_mount_point());
	waitpid(child, &status, 0);
	cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == EXIT_SKIP)
		cr_skip_test("no right to mount");
	cr_expect_eq(WEXITSTATUS(status), 0, "step %d", WEXITSTATUS(status));
}
