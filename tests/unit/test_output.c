/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Outputs: nothing is touched before there is something to write, what was there stays until
 * the new is whole, and what is read is never written over. Devices are in the kernel case
 * "outputs".
 */
#include "unit.h"

#include <bedplate/output.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char dir[] = "/tmp/bedplate-output-XXXXXX";

static int enter(void **state)
{
	(void)state;
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int leave(void **state)
{
	(void)state;
	return chdir("/") == 0 && rmdir(dir) == 0 ? 0 : -1;
}

static struct bp_ctx *test_ctx(void)
{
	struct bp_ctx *ctx;

	assert_ok(bp_ctx_new(&ctx));
	return ctx;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0 && fclose(f) == 0, 1);
}

static void assert_file(const char *path, const char *text)
{
	char got[64] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(got, text);
}

/* Only the files named are there, and are gone afterwards: no pieces are left behind. */
static void assert_only(const char *a, const char *b)
{
	DIR *d = opendir(".");
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (strcmp(e->d_name, a) != 0 && strcmp(e->d_name, b) != 0)
			fail_msg("'%s' was left behind", e->d_name);
		unlink(e->d_name);
	}
	closedir(d);
}

static struct bp_output *output_at(struct bp_ctx *ctx, const char *path)
{
	struct bp_output *o = NULL;

	assert_ok(bp_output_new(ctx, path, NULL, &o));
	return o;
}

static void say(struct bp_output *o, const char *text)
{
	assert_ok(bp_output_write(o, text, strlen(text)));
}

/* In place of the system's: how often the library flushed. */
static unsigned nr_flushes;

int fdatasync(int fd)
{
	(void)fd;
	nr_flushes++;
	return 0;
}

/* The old is gone with the rename: the new has to be on the disk before. */
static void flushes_what_replaces(void **state)
{
	static const struct {
		const char *before;
		unsigned flushes;
	} rows[] = { { "old", 1 }, { "", 0 }, { NULL, 0 } };
	struct bp_ctx *ctx = test_ctx();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bp_output *o;

		if (rows[i].before)
			put("out", rows[i].before);
		nr_flushes = 0;
		o = output_at(ctx, "out");
		say(o, "new");
		assert_ok(bp_output_commit(o));
		bp_output_free(o);
		assert_int_equal(nr_flushes, rows[i].flushes);
		assert_only("out", "out");
	}
	bp_ctx_free(ctx);
}

/* In place of the system's: a file system whose files without a name get none. */
static bool no_links;

int linkat(int from, const char *path, int to, const char *name, int flags)
{
	if (!no_links)
		return (int)syscall(SYS_linkat, from, path, to, name, flags);
	errno = EOPNOTSUPP;
	return -1;
}

static void written_twice_where_it_gets_no_name(void **state)
{
	struct bp_ctx *ctx = test_ctx();
	struct bp_output *o;
	struct stat st;

	(void)state;
	put("out", "old");
	assert_int_equal(chmod("out", 0640), 0);
	o = output_at(ctx, "out");
	say(o, "new");
	say(o, "er");
	no_links = true;
	assert_ok(bp_output_commit(o));
	no_links = false;
	bp_output_free(o);
	assert_file("out", "newer");
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_only("out", "out");
	bp_ctx_free(ctx);
}

/* Where that can be done, what is not whole has no name that could be left behind. */
static void has_no_name_before(void **state)
{
	struct bp_ctx *ctx = test_ctx();
	int probe = open(".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	struct bp_output *o = output_at(ctx, "out");

	(void)state;
	put("other", "old");
	say(o, "new");
	if (probe >= 0) {
		assert_only("other", "other");
		close(probe);
	}
	assert_ok(bp_output_commit(o));
	bp_output_free(o);
	assert_file("out", "new");
	assert_only("out", "other");
	bp_ctx_free(ctx);
}

/* Names beside it that others have are left alone. */
static void names_beside_are_taken(void **state)
{
	struct bp_ctx *ctx = test_ctx();
	struct bp_output *o = output_at(ctx, "out");
	char taken[40];

	(void)state;
	snprintf(taken, sizeof(taken), "out.%d.0", (int)getpid());
	put(taken, "another's");
	say(o, "new");
	assert_ok(bp_output_commit(o));
	bp_output_free(o);
	assert_file("out", "new");
	assert_file(taken, "another's");
	assert_only("out", taken);
	bp_ctx_free(ctx);
}

static void replaces_when_whole(void **state)
{
	struct bp_ctx *ctx = test_ctx();
	struct bp_output *o;
	struct stat st;

	(void)state;
	put("out", "old");
	assert_int_equal(chmod("out", 0640), 0);
	assert_int_equal(symlink("out", "link"), 0);
	o = output_at(ctx, "link");
	assert_file("out", "old");
	say(o, "new ");
	say(o, "text");
	assert_file("out", "old");
	assert_ok(bp_output_commit(o));
	bp_output_free(o);
	assert_file("out", "new text");
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_only("out", "link");
	bp_ctx_free(ctx);
}

static void given_up(void **state)
{
	struct bp_ctx *ctx = test_ctx();
	struct bp_output *o;

	(void)state;
	put("out", "old");
	o = output_at(ctx, "out");
	say(o, "half");
	bp_output_free(o);
	assert_file("out", "old");
	o = output_at(ctx, "other");
	bp_output_free(o);
	assert_only("out", "out");
	bp_ctx_free(ctx);
}

static void empty(void **state)
{
	struct bp_ctx *ctx = test_ctx();
	struct bp_output *o = output_at(ctx, "out");

	(void)state;
	assert_int_equal(access("out", F_OK), -1);
	assert_ok(bp_output_commit(o));
	bp_output_free(o);
	assert_file("out", "");
	assert_only("out", "out");
	bp_ctx_free(ctx);
}

/* A partial one never takes the place of a good one. */
static void partial(void **state)
{
	static const struct {
		const char *before, *where;
	} rows[] = { { NULL, "out" }, { "", "out" }, { "good", "out.partial" } };
	struct bp_ctx *ctx = test_ctx();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bp_output *o;
		const char *where;

		if (rows[i].before)
			put("out", rows[i].before);
		o = output_at(ctx, "out");
		say(o, "part");
		assert_ok(bp_output_commit_partial(o, &where));
		assert_string_equal(strrchr(where, '/') ? strrchr(where, '/') + 1 : where,
				    rows[i].where);
		bp_output_free(o);
		assert_file(rows[i].where, "part");
		if (rows[i].before && *rows[i].before)
			assert_file("out", rows[i].before);
		assert_only("out", rows[i].where);
	}
	bp_ctx_free(ctx);
}

static const struct {
	const char *output;
	int r;
	enum bp_error_code code;
	const char *message;
} refused[] = {
	{ "in", EINVAL, BP_E_USAGE, "in: output and input are the same" },
	{ "./in", EINVAL, BP_E_USAGE, "./in: output and input are the same" },
	{ "hard", EINVAL, BP_E_USAGE, "hard: output and input are the same" },
	{ "soft", EINVAL, BP_E_USAGE, "soft: output and input are the same" },
	{ "in2", EINVAL, BP_E_USAGE, "in2: output and input are the same" },
	{ ".", EISDIR, BP_E_FAILED, ".: cannot open for writing: Is a directory" },
	{ "no/out", ENOENT, BP_E_FAILED,
	  "no/out: cannot open for writing: No such file or directory" },
	{ "in/out", ENOTDIR, BP_E_FAILED, "in/out: cannot look at it: Not a directory" },
};

static void refuses(void **state)
{
	static const char *const inputs[] = { "in", "in2", "gone", NULL };
	struct bp_output_opts opts = { .size = sizeof(opts), .inputs = inputs };
	struct bp_ctx *ctx = test_ctx();

	(void)state;
	put("in", "input");
	put("in2", "input");
	assert_int_equal(link("in", "hard") || symlink("in", "soft"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct bp_output *o = NULL;

		assert_err(bp_output_new(ctx, refused[i].output, &opts, &o), refused[i].r);
		assert_string_equal(bp_error_get(ctx)->message, refused[i].message);
		if (refused[i].code == BP_E_USAGE)
			assert_int_equal(bp_error_get(ctx)->code, BP_E_USAGE);
	}
	assert_file("in", "input");
	unlink("hard");
	unlink("soft");
	assert_only("in", "in2");
	bp_ctx_free(ctx);
}

/* The reason is the output's, whatever its user said of it. */
static void tells_why(void **state)
{
	struct bp_ctx *ctx = test_ctx();
	struct bp_output *o = output_at(ctx, "/dev/full");

	(void)state;
	assert_err(bp_output_write(o, "x", 1), ENOSPC);
	assert_err(bp_output_write(o, "x", 1), ENOSPC);
	assert_err(bp_output_error(o, -ENOSPC), ENOSPC);
	assert_string_equal(bp_error_get(ctx)->message,
			    "/dev/full: cannot write: No space left on device");
	assert_err(bp_output_commit(o), ENOSPC);
	bp_output_free(o);
	bp_ctx_free(ctx);
}

static void too_large(void **state)
{
	struct bp_ctx *ctx = test_ctx();
	struct rlimit before, small;
	struct bp_output *o;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	put("out", "old");
	o = output_at(ctx, "out");
	small = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	assert_err(bp_output_write(o, "12345", 5), EFBIG);
	assert_err(bp_output_commit(o), EFBIG);
	setrlimit(RLIMIT_FSIZE, &before);
	bp_output_free(o);
	assert_file("out", "old");
	assert_only("out", "out");
	bp_ctx_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_when_whole),
		cmocka_unit_test(has_no_name_before),
		cmocka_unit_test(names_beside_are_taken),
		cmocka_unit_test(written_twice_where_it_gets_no_name),
		cmocka_unit_test(flushes_what_replaces),
		cmocka_unit_test(given_up),
		cmocka_unit_test(empty),
		cmocka_unit_test(partial),
		cmocka_unit_test(refuses),
		cmocka_unit_test(tells_why),
		cmocka_unit_test(too_large),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
