/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scopes on the kernel in memory, with their state in a directory of their own: what is of a scope goes
 * with it, whoever ends it and whatever fails on the way, and nothing else does.
 */
#include "unit.h"

#include <bedplate/bedplate.h>

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/context.h"
#include "fake/ops_fake.h"
#include "temp.h"

#define MIB ((bp_bytes)1 << 20)

struct world {
	char dir[64];
	struct bp_ctx *ctx; /* the owner's */
	struct fake *fake;
	struct bp_scope *scope;
	char *foreign; /* the kernel without the scope */
};

static int make_in(struct bp_ctx *ctx, const char *name, const char *uuid, const char *text)
{
	const struct bp_create_opts opts = { .size = sizeof(opts), .uuid = uuid };
	struct bp_table *table;
	int r;

	assert_ok(bp_table_parse(ctx, text, 0, &table));
	r = bp_device_create(ctx, name, table, &opts, NULL);
	bp_table_free(table);
	return r;
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	unsetenv("DM_DEV_DIR");
	unsetenv(BP_SCOPE_ENV);
	strcpy(w->dir, "/tmp/bedplate-scope.XXXXXX");
	temp_dir(w->dir);
	setenv("BEDPLATE_STATE_DIR", w->dir, 1);
	assert_ok(bp_ctx_new(&w->ctx));
	assert_ok(fake_new(w->ctx, &w->fake));
	assert_ok(fake_add_bdev(w->fake, "/dev/disk", 8, 0, 64 * MIB));
	assert_ok(make_in(w->ctx, "foreign", "bedplate-scope:t", "0 8 linear /dev/disk 0\n"));
	w->foreign = fake_dump(w->fake);
	assert_ok(bp_scope_open(w->ctx, "t", NULL, &w->scope));
	return w;
}

static void world_free(struct world *w)
{
	bp_scope_close(w->scope);
	bp_ctx_free(w->ctx);
	temp_remove(w->dir);
	free(w->foreign);
	free(w);
}

/* The owner ends without a word. */
static void owner_dies(struct world *w)
{
	bp_scope_close(w->scope);
	w->scope = NULL;
}

static bool has_directory(const struct world *w)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/scopes/t", w->dir);
	return access(path, F_OK) == 0;
}

static void assert_only_foreign(const struct world *w)
{
	char *now = fake_dump(w->fake);

	assert_string_equal(now, w->foreign);
	assert_int_equal(fake_loops(w->fake), 0);
	assert_false(has_directory(w));
	free(now);
}

/* Two loop devices, one of them in use; a device on it, another on that, suspended. */
static int fill(struct world *w)
{
	struct bp_bdev a, b;
	struct bp_selector low = { .name = "low" };
	char table[64];
	int r = bp_scope_loop(w->scope, MIB, &a);

	if (r == 0)
		r = bp_scope_loop(w->scope, MIB, &b);
	if (r < 0)
		return r;
	snprintf(table, sizeof(table), "0 8 linear %u:%u 0\n", a.major, a.minor);
	r = make_in(w->ctx, "low", NULL, table);
	if (r == 0)
		r = make_in(w->ctx, "high", "mine", "0 8 linear /dev/mapper/low 0\n");
	return r == 0 ? bp_device_suspend(w->ctx, &low, NULL) : r;
}

static struct bp_ctx *another(struct world *w)
{
	struct bp_ctx *ctx;

	assert_ok(bp_ctx_new(&ctx));
	assert_ok(fake_share(ctx, w->fake));
	return ctx;
}

/* --- */

static void devices_carry_the_prefix(void **state)
{
	struct world *w = world_new();
	struct bp_selector high = { .name = "high" };
	struct bp_device_info info;
	char uuid[BP_UUID_SIZE];

	(void)state;
	assert_ok(fill(w));
	assert_ok(bp_device_info(w->ctx, &high, &info));
	snprintf(uuid, sizeof(uuid), "%smine", bp_scope_uuid_prefix(w->scope));
	assert_string_equal(info.uuid, uuid);
	assert_ok(bp_scope_end(w->scope, 0, 0));
	assert_only_foreign(w);
	/* The context makes devices of no scope again. */
	assert_ok(make_in(w->ctx, "after", NULL, "0 8 zero\n"));
	assert_ok(bp_device_info(w->ctx, &(struct bp_selector){ .name = "after" }, &info));
	assert_string_equal(info.uuid, "");
	world_free(w);
}

static void names_and_uuids_are_bounded(void **state)
{
	static const char *const bad[] = {
		"", ".x", "-x", "a/b", "a b", "a:b", "123456789012345678901234567890123",
	};
	struct world *w = world_new();
	struct bp_ctx *ctx = another(w);
	struct bp_scope *scope;
	char uuid[BP_UUID_SIZE] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(bp_scope_open(ctx, bad[i], NULL, &scope), -EINVAL);
		assert_int_equal(bp_error_get(ctx)->code, BP_E_NAME);
	}
	assert_int_equal(bp_scope_open(w->ctx, "u", NULL, &scope), -EINVAL);
	assert_non_null(strstr(bp_errmsg(w->ctx), "in a scope already"));
	assert_ok(bp_scope_open(ctx, "12345678901234567890123456789012", NULL, &scope));
	memset(uuid, 'u', 128 - strlen(bp_scope_uuid_prefix(scope)));
	assert_ok(make_in(ctx, "d", uuid, "0 8 zero\n"));
	uuid[strlen(uuid)] = 'u';
	assert_int_equal(make_in(ctx, "e", uuid, "0 8 zero\n"), -ENAMETOOLONG);
	assert_ok(bp_scope_end(scope, 0, 0));
	bp_scope_close(scope);
	bp_ctx_free(ctx);
	world_free(w);
}

static void a_live_scope_is_left_alone(void **state)
{
	struct world *w = world_new();
	struct bp_ctx *ctx = another(w);
	struct bp_scope_list *list;
	struct bp_scope *scope;
	char *before, *after;

	(void)state;
	assert_ok(fill(w));
	before = fake_dump(w->fake);
	assert_int_equal(bp_scope_open(ctx, "t", NULL, &scope), -EBUSY);
	assert_non_null(strstr(bp_errmsg(ctx), "its owner lives"));
	assert_ok(bp_scope_gc(ctx, NULL, NULL, NULL, NULL));
	assert_int_equal(bp_scope_gc(ctx, "t", NULL, NULL, NULL), -EBUSY);
	assert_int_equal(bp_scope_gc(ctx, "u", NULL, NULL, NULL), -ENOENT);
	assert_ok(bp_scope_list(ctx, NULL, &list));
	assert_int_equal(bp_scope_list_count(list), 1);
	assert_int_equal(bp_scope_list_get(list, 0)->state, BP_SCOPE_LIVE);
	assert_int_equal(bp_scope_list_get(list, 0)->pid, getpid());
	assert_int_equal(bp_scope_list_get(list, 0)->nr_devices, 2);
	assert_int_equal(bp_scope_list_get(list, 0)->nr_loops, 2);
	bp_scope_list_free(list);
	after = fake_dump(w->fake);
	assert_string_equal(before, after);
	free(before);
	free(after);
	bp_ctx_free(ctx);
	world_free(w);
}

struct gone {
	unsigned count;
	int r;
};

static void count_gone(void *user, const struct bp_scope_info *scope, int r)
{
	struct gone *gone = user;

	assert_string_equal(scope->name, "t");
	gone->count++;
	gone->r = r;
}

static void what_a_dead_owner_left_is_collected(void **state)
{
	struct world *w = world_new();
	struct gone gone = { 0 };
	struct bp_scope_list *list;

	(void)state;
	assert_ok(fill(w));
	owner_dies(w);
	assert_ok(bp_scope_list(w->ctx, NULL, &list));
	assert_int_equal(bp_scope_list_get(list, 0)->state, BP_SCOPE_DEAD);
	bp_scope_list_free(list);
	assert_ok(bp_scope_gc(w->ctx, NULL, NULL, count_gone, &gone));
	assert_int_equal(gone.count, 1);
	assert_int_equal(gone.r, 0);
	assert_only_foreign(w);
	world_free(w);
}

/* Let the owner's file say another process. */
static void sign_as(const struct world *w, pid_t pid)
{
	char path[128], id[16];
	FILE *f;

	snprintf(path, sizeof(path), "%s/scopes/t/owner", w->dir);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%8s", id), 1);
	rewind(f);
	fprintf(f, "%s %d late\n", id, pid);
	assert_ok(ftruncate(fileno(f), ftell(f)));
	assert_ok(fclose(f));
}

/* The owner is killed when it has forked: its child has the lock until it runs another program. */
static void a_fork_of_a_dead_owner_is_not_its_owner(void **state)
{
	struct world *w = world_new();
	pid_t dead, child;

	(void)state;
	assert_ok(fill(w));
	dead = fork();
	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	sign_as(w, dead);
	child = fork();
	if (child == 0) {
		clock_sleep_ms(50);
		_exit(0);
	}
	owner_dies(w);
	assert_ok(bp_scope_gc(w->ctx, "t", NULL, NULL, NULL));
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_only_foreign(w);
	world_free(w);
}

static void opening_collects_what_was_left(void **state)
{
	struct world *w = world_new();

	(void)state;
	assert_ok(fill(w));
	owner_dies(w);
	assert_ok(bp_scope_open(w->ctx, "t", NULL, &w->scope));
	assert_int_equal(fake_loops(w->fake), 0);
	assert_ok(fill(w));
	assert_ok(bp_scope_end(w->scope, 0, 0));
	assert_only_foreign(w);
	world_free(w);
}

/* A plan of it changes nothing. */
static void gc_can_be_planned(void **state)
{
	struct world *w = world_new();
	struct bp_plan *plan;
	char *before, *after;

	(void)state;
	assert_ok(fill(w));
	owner_dies(w);
	before = fake_dump(w->fake);
	assert_ok(bp_plan_start(w->ctx));
	assert_ok(bp_scope_gc(w->ctx, NULL, NULL, NULL, NULL));
	assert_ok(bp_plan_take(w->ctx, &plan));
	/* resume low, remove high and low, detach and delete two files */
	assert_int_equal(bp_plan_count(plan), 7);
	bp_plan_free(plan);
	after = fake_dump(w->fake);
	assert_string_equal(before, after);
	assert_true(has_directory(w));
	free(before);
	free(after);
	assert_ok(bp_scope_gc(w->ctx, NULL, NULL, NULL, NULL));
	assert_only_foreign(w);
	world_free(w);
}

static void members_are_of_the_scope_while_its_owner_lives(void **state)
{
	const struct bp_scope_opts soon = { .size = sizeof(soon), .timeout_ms = 1 };
	struct world *w = world_new();
	struct bp_ctx *member, *late = another(w);
	struct bp_device_info info;
	struct bp_selector d = { .name = "d" };

	(void)state;
	setenv(BP_SCOPE_ENV, bp_scope_token(w->scope), 1);
	member = another(w);
	assert_ok(make_in(member, "d", NULL, "0 8 zero\n"));
	assert_ok(bp_device_info(member, &d, &info));
	assert_int_equal(strncmp(info.uuid, bp_scope_uuid_prefix(w->scope),
				 strlen(bp_scope_uuid_prefix(w->scope))),
			 0);
	/* It may be making another one: not yet. */
	assert_int_equal(bp_scope_end(w->scope, 0, 1), -EBUSY);
	owner_dies(w);
	assert_int_equal(bp_scope_gc(w->ctx, NULL, &soon, NULL, NULL), -EBUSY);
	assert_int_equal(make_in(late, "e", NULL, "0 8 zero\n"), -ESTALE);
	bp_ctx_free(member);
	assert_ok(bp_scope_gc(w->ctx, NULL, NULL, NULL, NULL));
	assert_int_equal(make_in(late, "e", NULL, "0 8 zero\n"), -ESTALE);
	assert_int_equal(bp_error_get(late)->code, BP_E_CANCELED);
	setenv(BP_SCOPE_ENV, "nonsense", 1);
	assert_int_equal(make_in(late, "e", NULL, "0 8 zero\n"), -EINVAL);
	unsetenv(BP_SCOPE_ENV);
	assert_only_foreign(w);
	bp_ctx_free(late);
	world_free(w);
}

static void what_is_in_use_is_named_and_stays(void **state)
{
	struct world *w = world_new();

	(void)state;
	assert_ok(fill(w));
	fake_open(w->fake, "high", 1, BP_HOLDER_PROCESS);
	assert_int_equal(bp_scope_end(w->scope, 0, 1), -EBUSY);
	assert_non_null(strstr(bp_error_get(w->ctx)->cause, "process somebody"));
	assert_true(has_directory(w));
	fake_open(w->fake, "high", -1, BP_HOLDER_PROCESS);
	assert_ok(bp_scope_end(w->scope, 0, 0));
	assert_only_foreign(w);
	world_free(w);
}

static void error_tables_only_where_asked(void **state)
{
	struct world *w = world_new();
	struct bp_selector high = { .name = "high" };
	struct bp_device_info info;

	(void)state;
	assert_ok(fill(w));
	fake_open(w->fake, "high", 1, BP_HOLDER_PROCESS);
	assert_ok(bp_scope_end(w->scope, BP_SCOPE_ERROR_TABLES, 1));
	assert_int_equal(fake_loops(w->fake), 0);
	assert_false(has_directory(w));
	assert_ok(bp_device_info(w->ctx, &high, &info));
	assert_true(info.deferred_remove);
	fake_open(w->fake, "high", -1, BP_HOLDER_PROCESS);
	world_free(w);
}

/* Devices of which only the uuid is known are nobody's to remove, unless told. */
static void unknown_scopes_only_where_asked(void **state)
{
	const struct bp_scope_opts unowned = { .size = sizeof(unowned),
					       .flags = BP_SCOPE_UNOWNED };
	struct world *w = world_new();
	struct bp_scope_list *list;
	char path[128];

	(void)state;
	assert_ok(make_in(w->ctx, "d", NULL, "0 8 zero\n"));
	owner_dies(w);
	snprintf(path, sizeof(path), "%s/scopes", w->dir);
	temp_remove(path);
	assert_ok(bp_scope_list(w->ctx, NULL, &list));
	assert_int_equal(bp_scope_list_count(list), 1);
	assert_int_equal(bp_scope_list_get(list, 0)->state, BP_SCOPE_UNKNOWN);
	bp_scope_list_free(list);
	assert_ok(bp_scope_gc(w->ctx, NULL, NULL, NULL, NULL));
	assert_ok(bp_device_info(w->ctx, &(struct bp_selector){ .name = "d" },
				 &(struct bp_device_info){ 0 }));
	assert_ok(bp_scope_gc(w->ctx, NULL, &unowned, NULL, NULL));
	assert_only_foreign(w);
	world_free(w);
}

/* Each request in turn fails while the scope is filled: what is there then goes all the same. */
static void making_fails_anywhere(void **state)
{
	(void)state;
	for (unsigned nth = 1;; nth++) {
		struct world *w = world_new();
		bool failed;

		fake_fail(w->fake, FAKE_ANY, nth, EIO);
		fill(w);
		failed = fake_failed(w->fake);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		owner_dies(w);
		assert_ok(bp_scope_gc(w->ctx, NULL, NULL, NULL, NULL));
		assert_only_foreign(w);
		world_free(w);
		if (!failed)
			break;
		assert_true(nth < 200);
	}
}

/* A device that somebody else removes while it is its turn is no failure, and keeps no other from going. */
static void gone_meanwhile(void **state)
{
	(void)state;
	for (unsigned nth = 1;; nth++) {
		struct world *w = world_new();
		bool failed;

		assert_ok(fill(w));
		fake_fail(w->fake, OP_REMOVE, nth, ENXIO);
		assert_ok(bp_scope_end(w->scope, 0, 0));
		failed = fake_failed(w->fake);
		fake_fail(w->fake, 0, 0, 0);
		assert_only_foreign(w);
		world_free(w);
		if (!failed)
			break;
	}
}

/* Each request in turn fails while it is removed: it says so or not, the next attempt does it. */
static void ending_fails_anywhere(void **state)
{
	(void)state;
	for (unsigned nth = 1;; nth++) {
		struct world *w = world_new();
		bool failed;
		int r;

		assert_ok(fill(w));
		fake_fail(w->fake, FAKE_ANY, nth, EIO);
		r = bp_scope_end(w->scope, 0, 1);
		failed = fake_failed(w->fake);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		if (r < 0)
			assert_ok(bp_scope_end(w->scope, 0, 0));
		assert_only_foreign(w);
		world_free(w);
		if (!failed)
			break;
		assert_true(nth < 200);
	}
}

/* --- overlays --- */

/* The disk's node is a file, since what is merged into it is flushed. */
static struct world *overlay_world(char path[128])
{
	struct world *w = world_new();
	FILE *f;

	snprintf(path, 128, "%s/disk", w->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_ok(fake_add_bdev(w->fake, path, 8, 16, 64 * MIB));
	free(w->foreign);
	bp_scope_close(w->scope);
	w->scope = NULL;
	assert_ok(bp_scope_gc(w->ctx, NULL, NULL, NULL, NULL));
	w->foreign = fake_dump(w->fake);
	assert_ok(bp_scope_open(w->ctx, "t", NULL, &w->scope));
	return w;
}

static unsigned kept_files(const struct world *w)
{
	DIR *d = opendir(w->dir);
	unsigned count = 0;
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		count += strncmp(e->d_name, "overlay-", 8) == 0;
	closedir(d);
	return count;
}

static void a_copy_goes_with_its_scope(void **state)
{
	struct bp_overlay_opts small = { .size = sizeof(small), .room_bytes = MIB };
	struct bp_overlay_usage usage = { .size = sizeof(usage) };
	char path[128];
	struct world *w = overlay_world(path);
	struct bp_overlay *copy, *none;
	struct bp_selector which = { .name = "overlay-disk" };
	struct bp_table *table;

	(void)state;
	assert_ok(bp_overlay_open(w->scope, path, &small, &copy));
	assert_string_equal(bp_overlay_device(copy)->name, "overlay-disk");
	assert_int_equal(bp_overlay_origin(copy)->minor, 16);
	assert_ok(bp_device_table(w->ctx, &which, 0, &table));
	assert_string_equal(bp_table_get(table, 0)->target, "snapshot");
	bp_table_free(table);
	assert_ok(bp_overlay_usage(copy, &usage));
	assert_int_equal(usage.used_bytes, 48 * 512);
	/* A header and one table are needed to find it. */
	assert_in_range(usage.left_bytes + usage.used_bytes, MIB + 4096, MIB + (128 << 10));
	assert_false(usage.invalid);
	assert_int_equal(bp_overlay_open(w->scope, path, NULL, &none), -EBUSY);
	fake_snapshots_lost(w->fake, true);
	assert_ok(bp_overlay_usage(copy, &usage));
	assert_true(usage.invalid);
	assert_int_equal(usage.used_bytes, 0);
	assert_int_equal(bp_overlay_merge(copy, NULL, NULL, NULL), -ESTALE);
	assert_int_equal(kept_files(w), 0);
	bp_overlay_close(copy);
	assert_ok(bp_scope_end(w->scope, 0, 0));
	assert_only_foreign(w);
	world_free(w);
}

/* A name has 127 bytes at most; one that was cut would be another's. */
static void a_name_too_long_is_refused(void **state)
{
	char path[128], name[BP_NAME_SIZE + 1];
	struct world *w = overlay_world(path);
	struct bp_overlay_opts opts = { .size = sizeof(opts), .room_bytes = 1 };
	struct bp_overlay_usage usage = { .size = sizeof(usage) };
	struct bp_overlay *copy;

	(void)state;
	opts.name = name;
	memset(name, 'x', sizeof(name));
	name[BP_NAME_SIZE] = '\0';
	assert_err(bp_overlay_open(w->scope, path, &opts, &copy), EINVAL);
	assert_non_null(strstr(bp_errmsg(w->ctx), "too long"));
	name[BP_NAME_SIZE - 1] = '\0';
	assert_ok(bp_overlay_open(w->scope, path, &opts, &copy));
	assert_string_equal(bp_overlay_device(copy)->name, name);
	/* The least room is a chunk, beside what finds it. */
	assert_ok(bp_overlay_usage(copy, &usage));
	assert_int_equal(usage.left_bytes + usage.used_bytes, 4096 + (64 << 10));
	bp_overlay_close(copy);
	assert_ok(bp_scope_end(w->scope, 0, 0));
	assert_only_foreign(w);
	world_free(w);
}

static void a_merge_leaves_nothing(void **state)
{
	char path[128];
	struct world *w = overlay_world(path);
	const char *kept = path;
	struct bp_overlay *copy;

	(void)state;
	assert_ok(bp_overlay_open(w->scope, path, NULL, &copy));
	assert_ok(bp_overlay_merge(copy, NULL, NULL, &kept));
	assert_null(kept);
	assert_int_equal(kept_files(w), 0);
	bp_overlay_close(copy);
	assert_ok(bp_scope_end(w->scope, 0, 0));
	assert_only_foreign(w);
	world_free(w);
}

/* Once something can be in the device, what is not in it yet is in a file beyond the scope. */
static void a_merge_that_fails_keeps_what_is_left(void **state)
{
	(void)state;
	for (unsigned nth = 1;; nth++) {
		char path[128];
		struct world *w = overlay_world(path);
		const char *kept = NULL;
		struct bp_overlay *copy;
		bool failed;
		int r;

		assert_ok(bp_overlay_open(w->scope, path, NULL, &copy));
		fake_fail(w->fake, FAKE_ANY, nth, EIO);
		r = bp_overlay_merge(copy, NULL, NULL, &kept);
		failed = fake_failed(w->fake);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		assert_int_equal(kept_files(w), kept ? 1 : 0);
		assert_true(r < 0 || !kept);
		assert_true(!kept || access(kept, F_OK) == 0);
		if (kept)
			unlink(kept);
		bp_overlay_close(copy);
		assert_ok(bp_scope_end(w->scope, 0, 0));
		assert_only_foreign(w);
		world_free(w);
		if (!failed)
			break;
		assert_true(nth < 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_carry_the_prefix),
		cmocka_unit_test(names_and_uuids_are_bounded),
		cmocka_unit_test(a_live_scope_is_left_alone),
		cmocka_unit_test(what_a_dead_owner_left_is_collected),
		cmocka_unit_test(a_fork_of_a_dead_owner_is_not_its_owner),
		cmocka_unit_test(opening_collects_what_was_left),
		cmocka_unit_test(gc_can_be_planned),
		cmocka_unit_test(members_are_of_the_scope_while_its_owner_lives),
		cmocka_unit_test(what_is_in_use_is_named_and_stays),
		cmocka_unit_test(error_tables_only_where_asked),
		cmocka_unit_test(unknown_scopes_only_where_asked),
		cmocka_unit_test(making_fails_anywhere),
		cmocka_unit_test(gone_meanwhile),
		cmocka_unit_test(ending_fails_anywhere),
		cmocka_unit_test(a_copy_goes_with_its_scope),
		cmocka_unit_test(a_name_too_long_is_refused),
		cmocka_unit_test(a_merge_leaves_nothing),
		cmocka_unit_test(a_merge_that_fails_keeps_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
