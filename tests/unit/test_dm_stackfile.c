/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stacks from files, on the kernel in memory: what is refused and where, that nothing is done where
 * nothing differs, and that a failure at any request takes all back.
 */
#include "unit.h"

#include <bedplate/bedplate.h>

#include <stdio.h>
#include <sys/stat.h>

#include "core/context.h"
#include "core/strbuf.h"
#include "fake/ops_fake.h"
#include "temp.h"

#define MIB ((bp_bytes)1 << 20)

struct world {
	char dir[64], disk[80];
	struct bp_ctx *ctx;
	struct fake *fake;
};

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	unsetenv("DM_DEV_DIR");
	unsetenv(BP_SCOPE_ENV);
	strcpy(w->dir, "/tmp/bedplate-stack.XXXXXX");
	temp_dir(w->dir);
	snprintf(w->disk, sizeof(w->disk), "%s/disk", w->dir);
	setenv("BEDPLATE_STATE_DIR", w->dir, 1);
	assert_ok(bp_ctx_new(&w->ctx));
	assert_ok(fake_new(w->ctx, &w->fake));
	assert_ok(fake_add_bdev(w->fake, "/dev/sda", 8, 0, 64 * MIB));
	return w;
}

static void world_free(struct world *w)
{
	bp_ctx_free(w->ctx);
	temp_remove(w->dir);
	free(w);
}

static off_t disk_bytes(const struct world *w)
{
	struct stat st;

	return stat(w->disk, &st) == 0 ? st.st_size : -1;
}

/* --- reading --- */

static const struct {
	const char *text, *why; /* NULL: it is right */
} texts[] = {
	{ "stack a", NULL },
	{ "# nothing\n\n  stack a # a name\n", NULL },
	{ "stack a\ndevice d\n 0 8 zero\n8 1KiB linear 8:0 0 # end\n", NULL },
	{ "stack a\nloop l 1MiB /x\ndevice d readonly minor 5 uuid U\n0 8 linear @l 0\n",
	  NULL },
	{ "stack a\ndevice u\n0 8 linear @d 0\ndevice d\n0 8 zero", NULL },
	{ "stack a\ndevice d\n0 8 unheard-of a b\n", NULL },
	{ "", "it is empty" },
	{ "device d\n", "line 1, column 1: 'stack NAME' comes first" },
	{ "stack\n", "line 1, column 6: the stack's name is missing" },
	{ "stack a b\n", "line 1, column 9: 'b' is too much" },
	{ "stack .a\n", "line 1, column 7: '.a' is not a name for a stack" },
	{ "stack a\nstack b\n", "line 2, column 7: there is one stack in a file" },
	{ "stack a\nbuild d\n", "line 2, column 1: 'build' is none of stack, loop, device" },
	{ "stack a\n 0 8 zero\n", "line 2, column 2: a table line belongs behind its device" },
	{ "stack a\ndevice\n", "line 2, column 7: a name is missing" },
	{ "stack a\ndevice d fast\n", "line 2, column 10: 'fast' is none of uuid" },
	{ "stack a\ndevice d minor -1\n", "line 2, column 16: '-1' is not a minor number" },
	{ "stack a\ndevice d uuid\n", "line 2, column 14: a uuid is missing" },
	{ "stack a\ndevice d uuid U uuid V\n", "line 2, column 22: there is a uuid already" },
	{ "stack a\ndevice a/b\n", "line 2, column 8: " },
	{ "stack a\ndevice 8:0\n", "line 2, column 8: " },
	{ "stack a\ndevice d\n", "device 'd': it has no table line" },
	{ "stack a\ndevice d\n0 8\n", "line 3, column 4: a target is missing" },
	{ "stack a\ndevice d\n0 x zero\n", "line 3, column 3: 'x' is not a size" },
	{ "stack a\ndevice d\n0 100B zero\n",
	  "column 3: '100B' is no whole number of sectors" },
	{ "stack a\ndevice d\n0 8 linear 8:0 -1\n",
	  "line 3, column 1: segment 0 (linear): argument 2" },
	{ "stack a\ndevice d\n0 8 linear @x 0\n", "device 'd': '@x' is no device of the file" },
	{ "stack a\ndevice d\n0 8 zero\ndevice d\n", "line 4, column 8: 'd' is there already" },
	{ "stack a\nloop d 1M /x\ndevice d\n", "line 3, column 8: 'd' is there already" },
	{ "stack a\ndevice d uuid U\n0 8 zero\ndevice e uuid U\n0 8 zero\n",
	  "devices 'd' and 'e' have the same uuid" },
	{ "stack a\nloop l 1MiB\n", "line 2, column 12: a file is missing" },
	{ "stack a\nloop l 0 /x\n", "a loop device of 0 sectors can't be" },
	{ "stack a\nloop l 1MiB x\n", "line 2, column 13: 'x' is not an absolute path" },
	{ "stack a\nloop l 1MiB /x y\n", "line 2, column 16: 'y' is too much" },
	{ "stack 12345678901234567890123456789012\n"
	  "device "
	  "1234567890123456789012345678901234567890123456789012345678901234567890123456789"
	  "012\n0 8 zero\n",
	  "too long a name for a uuid made of it" },
};

static void texts_are_read_or_refused_with_a_place(void **state)
{
	struct world *w = world_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct bp_stackfile *file;
		int r = bp_stackfile_parse(w->ctx, texts[i].text, &file);

		if (!texts[i].why) {
			assert_ok(r);
			assert_string_equal(bp_stackfile_name(file), "a");
			bp_stackfile_free(file);
			continue;
		}
		assert_int_equal(r, -EINVAL);
		if (!strstr(bp_errmsg(w->ctx), texts[i].why))
			fail_msg("%zu: '%s' is not in '%s'", i, texts[i].why,
				 bp_errmsg(w->ctx));
	}
	world_free(w);
}

static void too_much_is_refused(void **state)
{
	struct world *w = world_new();
	struct bp_stackfile *file;
	struct strbuf s = { 0 };

	(void)state;
	strbuf_add(&s, "stack a\n");
	for (unsigned i = 0; i < 4097; i++)
		strbuf_addf(&s, "device d%u\n0 8 zero\n", i);
	assert_int_equal(bp_stackfile_parse(w->ctx, strbuf_text(&s), &file), -EINVAL);
	assert_non_null(strstr(bp_errmsg(w->ctx), "more than 4096 devices"));
	strbuf_clear(&s);
	while (s.len <= MIB)
		strbuf_add(&s,
			   "################################################################");
	assert_int_equal(bp_stackfile_parse(w->ctx, strbuf_text(&s), &file), -EINVAL);
	assert_non_null(strstr(bp_errmsg(w->ctx), "longer than 1 MiB"));
	strbuf_done(&s);
	world_free(w);
}

/* --- making --- */

/* %s: the loop device's file. */
static const char small[] = "stack s\nloop disk 1MiB %s\n"
			    "device top readonly\n0 8 linear @mid 0\n8 8 zero\n"
			    "device mid\n0 512KiB linear @disk 0\n"
			    "device old\n0 64 linear @mid 0\n";
/* Larger, another table on top, one more device, one less. */
static const char large[] = "stack s\nloop disk 2MiB %s\n"
			    "device top\n0 16 linear @new 0\n"
			    "device new\n0 2048 linear @mid 0\n"
			    "device mid\n0 2MiB linear @disk 0\n";

static struct bp_stackfile *read_stack(struct world *w, const char *format)
{
	struct bp_stackfile *file;
	char text[512];

	_Pragma("GCC diagnostic push");
	_Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"");
	snprintf(text, sizeof(text), format, w->disk);
	_Pragma("GCC diagnostic pop");
	assert_ok(bp_stackfile_parse(w->ctx, text, &file));
	return file;
}

static int apply(struct world *w, const char *format)
{
	struct bp_stackfile *file = read_stack(w, format);
	int r = bp_stackfile_apply(w->ctx, file, NULL, NULL);

	bp_stackfile_free(file);
	return r;
}

static int down(struct world *w, const char *format, uint32_t flags, int64_t timeout_ms)
{
	const struct bp_stackfile_opts opts = { .size = sizeof(opts),
						.flags = flags,
						.timeout_ms = timeout_ms };
	struct bp_stackfile *file = read_stack(w, format);
	int r = bp_stackfile_down(w->ctx, file, &opts, NULL);

	bp_stackfile_free(file);
	return r;
}

/* "create mid, create top, ..." */
static void assert_diff(struct world *w, const char *format, const char *wanted)
{
	static const char *const words[] = { "make",   "grow",   "attach", "create", "reload",
					     "resume", "remove", "detach", "delete" };
	struct bp_stackfile *file = read_stack(w, format);
	struct bp_stack_changes *changes;
	struct strbuf s = { 0 };

	assert_ok(bp_stackfile_diff(w->ctx, file, &changes));
	for (size_t i = 0; i < bp_stack_changes_count(changes); i++)
		strbuf_addf(&s, "%s%s %s", i ? ", " : "",
			    words[bp_stack_changes_get(changes, i)->kind],
			    bp_stack_changes_get(changes, i)->name);
	assert_string_equal(strbuf_text(&s), wanted);
	strbuf_done(&s);
	bp_stack_changes_free(changes);
	bp_stackfile_free(file);
}

static void nothing_is_done_where_nothing_differs(void **state)
{
	struct world *w = world_new();
	unsigned before;
	char *text;

	(void)state;
	assert_diff(w, small, "make disk, attach disk, create mid, create top, create old");
	assert_int_equal(disk_bytes(w), -1);
	assert_ok(apply(w, small));
	assert_int_equal(disk_bytes(w), MIB);
	text = fake_dump(w->fake);
	assert_non_null(strstr(text, "bedplate-stack:s:mid"));
	free(text);
	assert_diff(w, small, "");
	before = fake_count(w->fake, OP_SUSPEND) + fake_count(w->fake, OP_LOAD);
	assert_ok(apply(w, small));
	assert_int_equal(fake_count(w->fake, OP_SUSPEND) + fake_count(w->fake, OP_LOAD),
			 before);
	assert_ok(down(w, small, BP_STACKFILE_DELETE_FILES, 0));
	assert_int_equal(disk_bytes(w), -1);
	world_free(w);
}

static void what_differs_is_changed(void **state)
{
	struct world *w = world_new();
	struct bp_selector mid = { .name = "mid" };
	char *empty = fake_dump(w->fake);
	char *text;

	(void)state;
	assert_ok(apply(w, small));
	assert_diff(w, large, "grow disk, reload mid, create new, reload top, remove old");
	assert_ok(apply(w, large));
	assert_diff(w, large, "");
	assert_int_equal(disk_bytes(w), 2 * MIB);
	assert_int_equal(fake_loops(w->fake), 1);
	/* Only what was left suspended is resumed; what shrinks does so behind those above. */
	assert_ok(bp_device_suspend(w->ctx, &mid, NULL));
	assert_diff(w, large, "resume mid");
	assert_ok(apply(w, large));
	assert_diff(w, large, "");
	assert_int_equal(apply(w, small), -EINVAL);
	assert_non_null(strstr(bp_errmsg(w->ctx), "it is larger than described"));
	assert_ok(down(w, small, 0, 0));
	text = fake_dump(w->fake);
	assert_string_equal(text, empty);
	free(text);
	free(empty);
	assert_int_equal(fake_loops(w->fake), 0);
	assert_int_equal(disk_bytes(w), 2 * MIB);
	assert_ok(down(w, small, 0, 0));
	world_free(w);
}

static void shrinking_goes_from_above(void **state)
{
	static const char tall[] =
		"stack s\ndevice a\n0 32 linear 8:0 0\ndevice b\n0 32 linear @a 0\n";
	static const char flat[] =
		"stack s\ndevice a\n0 16 linear 8:0 0\ndevice b\n0 16 linear @a 0\n";
	struct world *w = world_new();

	(void)state;
	assert_ok(apply(w, tall));
	assert_diff(w, flat, "reload b, reload a");
	assert_ok(apply(w, flat));
	assert_diff(w, flat, "");
	assert_diff(w, tall, "reload a, reload b");
	assert_ok(apply(w, tall));
	world_free(w);
}

static void what_is_not_the_stacks_is_left_alone(void **state)
{
	struct world *w = world_new();
	struct bp_table *table;
	char *before, *after;

	(void)state;
	assert_ok(bp_table_parse(w->ctx, "0 8 zero\n", 0, &table));
	assert_ok(bp_device_create(w->ctx, "mid", table, NULL, NULL));
	bp_table_free(table);
	before = fake_dump(w->fake);
	assert_int_equal(apply(w, small), -EEXIST);
	assert_non_null(strstr(bp_errmsg(w->ctx), "not the stack's"));
	assert_ok(down(w, small, 0, 0));
	after = fake_dump(w->fake);
	assert_string_equal(before, after);
	assert_int_equal(disk_bytes(w), -1);
	free(before);
	free(after);
	world_free(w);
}

static void a_circle_is_refused(void **state)
{
	struct world *w = world_new();

	(void)state;
	assert_int_equal(
		apply(w, "stack s\ndevice a\n0 8 linear @b 0\ndevice b\n0 8 linear @a 0\n"),
		-ELOOP);
	world_free(w);
}

static void what_is_in_use_stops_it_before_anything_is_done(void **state)
{
	struct world *w = world_new();
	char *before, *after;

	(void)state;
	assert_ok(apply(w, small));
	fake_open(w->fake, "old", 1, BP_HOLDER_MOUNT);
	before = fake_dump(w->fake);
	assert_int_equal(apply(w, large), -EBUSY);
	assert_non_null(strstr(bp_error_get(w->ctx)->cause, "the mount on somebody"));
	after = fake_dump(w->fake);
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(down(w, small, 0, 1), -EBUSY);
	fake_open(w->fake, "old", -1, BP_HOLDER_MOUNT);
	assert_ok(down(w, small, 0, 0));
	world_free(w);
}

static void a_scope_takes_its_stacks_along(void **state)
{
	struct world *w = world_new();
	struct bp_scope *scope;
	char *text;

	(void)state;
	assert_ok(bp_scope_open(w->ctx, "t", NULL, &scope));
	assert_ok(apply(w, small));
	assert_diff(w, small, "");
	text = fake_dump(w->fake);
	assert_non_null(strstr(text, ":bedplate-stack:s:mid"));
	free(text);
	assert_ok(down(w, small, 0, 0));
	assert_diff(w, small, "attach disk, create mid, create top, create old");
	assert_ok(apply(w, small));
	assert_ok(bp_scope_end(scope, 0, 0));
	bp_scope_close(scope);
	assert_diff(w, small, "create mid, create top, create old");
	assert_ok(down(w, small, 0, 0));
	world_free(w);
}

static void plans_change_nothing(void **state)
{
	struct world *w = world_new();
	struct bp_plan *plan;
	char *before, *after;

	(void)state;
	before = fake_dump(w->fake);
	assert_ok(bp_plan_start(w->ctx));
	assert_ok(apply(w, small));
	assert_ok(bp_plan_take(w->ctx, &plan));
	assert_int_equal(bp_plan_count(plan), 5);
	bp_plan_free(plan);
	after = fake_dump(w->fake);
	assert_string_equal(before, after);
	assert_int_equal(disk_bytes(w), -1);
	free(before);
	free(after);
	world_free(w);
}

/* Each request in turn fails: all is as it was, or, once only removals are left, as it is to be. */
static void a_failure_takes_all_back(void **state)
{
	(void)state;
	for (unsigned nth = 1;; nth++) {
		struct world *w = world_new();
		char *before, *after;
		bool failed;
		int r;

		assert_ok(apply(w, small));
		before = fake_dump(w->fake);
		fake_fail(w->fake, FAKE_ANY, nth, EIO);
		r = apply(w, large);
		failed = fake_failed(w->fake);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		assert_ok(bp_device_mknodes(w->ctx, NULL));
		after = fake_dump(w->fake);
		if (r < 0 && strcmp(before, after) != 0) {
			/* Only a removal at the end. */
			assert_non_null(strstr(after, "bedplate-stack:s:new"));
			assert_int_equal(disk_bytes(w), 2 * MIB);
		} else if (r < 0) {
			assert_int_equal(disk_bytes(w), MIB);
		}
		assert_ok(apply(w, large));
		assert_diff(w, large, "");
		assert_ok(down(w, large, 0, 0));
		free(before);
		free(after);
		world_free(w);
		if (!failed)
			break;
		assert_true(nth < 300);
	}
}

static void a_first_apply_that_fails_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned nth = 1;; nth++) {
		struct world *w = world_new();
		char *before = fake_dump(w->fake), *after;
		bool failed;
		int r;

		fake_fail(w->fake, FAKE_ANY, nth, EIO);
		r = apply(w, small);
		failed = fake_failed(w->fake);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		if (r < 0) {
			after = fake_dump(w->fake);
			assert_string_equal(before, after);
			assert_int_equal(fake_loops(w->fake), 0);
			assert_int_equal(disk_bytes(w), -1);
			free(after);
		}
		assert_ok(apply(w, small));
		fake_fail(w->fake, FAKE_ANY, nth, EIO);
		r = down(w, small, BP_STACKFILE_DELETE_FILES, 1);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		assert_ok(down(w, small, BP_STACKFILE_DELETE_FILES, 0));
		after = fake_dump(w->fake);
		assert_string_equal(before, after);
		free(before);
		free(after);
		world_free(w);
		if (!failed)
			break;
		assert_true(nth < 300);
	}
}

/* --- pools on loop devices --- */

static off_t file_bytes(const struct world *w, const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* How many steps it took, or -errno. */
static int pool_made(struct world *w, const char *name, bp_bytes bytes)
{
	const struct bp_loop_pool_opts how = { .size = sizeof(how), .directory = w->dir };
	struct bp_stack_changes *changes = NULL;
	int r = bp_loop_pool_create(w->ctx, name, bytes, &how, &changes);

	r = r < 0 ? r : (int)bp_stack_changes_count(changes);
	bp_stack_changes_free(changes);
	return r;
}

static int pool_removed(struct world *w, const char *name, uint32_t flags)
{
	const struct bp_loop_pool_opts how = {
		.size = sizeof(how),
		.directory = w->dir,
		.flags = flags,
		.timeout_ms = 1,
	};

	return bp_loop_pool_remove(w->ctx, name, &how, NULL);
}

static void a_pool_comes_and_goes_in_one_step(void **state)
{
	struct world *w = world_new();
	struct bp_selector which = { .name = "p" };
	char *empty = fake_dump(w->fake), *text;
	struct bp_pool *pool;
	uint32_t id;

	(void)state;
	assert_int_equal(pool_made(w, "p", 64 * MIB - 1), 5); /* files, devices, the pool */
	assert_int_equal(file_bytes(w, "p.data"), 64 * MIB);
	assert_int_equal(file_bytes(w, "p.metadata"), 2 * MIB);
	assert_int_equal(pool_made(w, "p", 64 * MIB), 0);
	assert_int_equal(fake_loops(w->fake), 2);
	assert_ok(bp_pool_open(w->ctx, &which, &pool));
	assert_true(bp_loop_pool_is(bp_pool_device(pool)));
	assert_ok(bp_pool_create_volume(pool, "v", 2048, NULL, &id));
	bp_pool_close(pool);
	assert_int_equal(pool_made(w, "p", 64 * MIB), 0);
	assert_true(pool_made(w, "p", 128 * MIB) > 0);
	assert_int_equal(pool_made(w, "p", 64 * MIB), -EINVAL);
	assert_ok(pool_removed(w, "p", 0));
	assert_ok(pool_removed(w, "p", 0));
	assert_int_equal(fake_loops(w->fake), 0);
	assert_int_equal(file_bytes(w, "p.data"), 128 * MIB);
	assert_true(pool_made(w, "p", 128 * MIB) > 0);
	assert_ok(pool_removed(w, "p", BP_LOOP_POOL_DELETE_FILES));
	assert_int_equal(file_bytes(w, "p.data"), -1);
	assert_int_equal(file_bytes(w, "p.metadata"), -1);
	text = fake_dump(w->fake);
	assert_string_equal(text, empty);
	free(text);
	free(empty);
	world_free(w);
}

static void a_pool_of_others_is_left_alone(void **state)
{
	static const char *const names[] = { "",    ".p",  "-p",
					     "a b", "a/b", "p234567890123456789012345678" };
	struct world *w = world_new();
	struct bp_loop_pool_opts how = { .size = sizeof(how), .directory = "here" };

	(void)state;
	assert_ok(bp_device_create(w->ctx, "p", NULL, NULL, NULL));
	assert_int_equal(pool_made(w, "p", MIB), -EEXIST);
	assert_int_equal(pool_removed(w, "p", BP_LOOP_POOL_DELETE_FILES), -EEXIST);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(pool_made(w, names[i], MIB), -EINVAL);
	assert_int_equal(pool_made(w, "q", 0), -EINVAL);
	assert_int_equal(bp_loop_pool_create(w->ctx, "q", MIB, &how, NULL), -EINVAL);
	how.directory = w->dir;
	how.data_block_sectors = 100;
	assert_int_equal(bp_loop_pool_create(w->ctx, "q", MIB, &how, NULL), -EINVAL);
	assert_int_equal(fake_loops(w->fake), 0);
	world_free(w);
}

static void a_pool_that_fails_leaves_nothing(void **state)
{
	bool failed = true;

	(void)state;
	for (unsigned nth = 1; failed; nth++) {
		struct world *w = world_new();
		char *before = fake_dump(w->fake), *after;
		int r;

		fake_fail(w->fake, FAKE_ANY, nth, EIO);
		r = pool_made(w, "p", 64 * MIB);
		failed = fake_failed(w->fake);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		after = fake_dump(w->fake);
		if (r < 0) {
			assert_string_equal(before, after);
			assert_int_equal(file_bytes(w, "p.data"), -1);
			assert_int_equal(file_bytes(w, "p.metadata"), -1);
		}
		free(before);
		free(after);
		assert_true(pool_made(w, "p", 64 * MIB) >= 0);
		assert_ok(pool_removed(w, "p", BP_LOOP_POOL_DELETE_FILES));
		world_free(w);
		assert_true(nth < 300);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_or_refused_with_a_place),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(nothing_is_done_where_nothing_differs),
		cmocka_unit_test(what_differs_is_changed),
		cmocka_unit_test(shrinking_goes_from_above),
		cmocka_unit_test(what_is_not_the_stacks_is_left_alone),
		cmocka_unit_test(a_circle_is_refused),
		cmocka_unit_test(what_is_in_use_stops_it_before_anything_is_done),
		cmocka_unit_test(a_scope_takes_its_stacks_along),
		cmocka_unit_test(plans_change_nothing),
		cmocka_unit_test(a_failure_takes_all_back),
		cmocka_unit_test(a_first_apply_that_fails_leaves_nothing),
		cmocka_unit_test(a_pool_comes_and_goes_in_one_step),
		cmocka_unit_test(a_pool_of_others_is_left_alone),
		cmocka_unit_test(a_pool_that_fails_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
