/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every verb that takes more than one step, on a kernel in memory with devices of all kinds: for tests
 * that disturb them. Promised: undisturbed, each ends as its row says. Include it once.
 */
#ifndef LIB_DM_VERBS_H
#define LIB_DM_VERBS_H

#include "lib/fake_ctx.h"

#include "core/context.h"

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	struct bp_pool *pool;
};

static void make(struct world *w, const char *name, const char *text)
{
	struct bp_table *table;

	assert_ok(bp_table_parse(w->ctx, text, 0, &table));
	assert_ok(bp_device_create(w->ctx, name, table, NULL, NULL));
	bp_table_free(table);
}

static const struct fake_disk disks[] = {
	{ "/dev/meta", 4 * MIB },   { "/dev/data", 64 * MIB },
	{ "/dev/meta2", 4 * MIB },  { "/dev/other", 64 * MIB },
	{ "/dev/slow", 64 * MIB },  { "/dev/fast", 32 * MIB },
	{ "/dev/cmeta", 4 * MIB },  { "/dev/fast2", 32 * MIB },
	{ "/dev/cmeta2", 4 * MIB }, { NULL, 0 },
};

static int apply(struct world *w, const char *text)
{
	struct bp_stackfile *file;
	int r;

	assert_ok(bp_stackfile_parse(w->ctx, text, &file));
	r = bp_stackfile_apply(w->ctx, file, NULL, NULL);
	bp_stackfile_free(file);
	return r;
}

/* Of a stack of two devices one gets another table, and a third is new. */
#define STACK "stack s\ndevice s1\n0 8 zero\ndevice s2\n0 8 linear @s1 0\n"
#define STACK_MORE                                                                             \
	"stack s\ndevice s1\n0 8 error\ndevice s2\n0 8 linear @s1 0\ndevice s3\n0 8 linear "   \
	"@s2 0\n"

/*
 * Devices of all kinds: live, with an inactive table as well, held by somebody; a pool, a cache, a stack of a
 * file.
 */
static struct world *world_new(void)
{
	struct bp_cache_device_create_opts cache = {
		.size = sizeof(cache),
		.io_mode = BP_CACHE_WRITEBACK,
	};
	struct bp_selector held = { .name = "held" }, loaded = { .name = "loaded" };
	struct world *w = calloc(1, sizeof(*w));
	struct bp_table *table;

	assert_non_null(w);
	fake_ctx(&w->ctx, &w->fake, disks);
	assert_ok(bp_pool_create(w->ctx, "pool", "/dev/meta", "/dev/data", NULL, &w->pool));
	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	assert_ok(bp_pool_create_volume(w->pool, "two", 2048, NULL, NULL));
	make(w, "old", "0 8 linear /dev/other 0\n8 8 zero\n");
	make(w, "loaded", "0 8 zero\n");
	assert_ok(bp_table_parse(w->ctx, "0 4 zero\n", 0, &table));
	assert_ok(bp_device_load(w->ctx, &loaded, table, NULL));
	bp_table_free(table);
	make(w, "held", "0 8 zero\n");
	assert_ok(bp_device_suspend(w->ctx, &held, NULL));
	fake_cache_dirty(w->fake, 32, 32);
	assert_ok(bp_cache_device_create(w->ctx, "cache", "/dev/slow", "/dev/fast",
					 "/dev/cmeta", &cache, NULL));
	assert_ok(apply(w, STACK));
	return w;
}

static void world_free(struct world *w)
{
	bp_pool_close(w->pool);
	bp_ctx_free(w->ctx);
	free(w);
}

/* --- the verbs --- */

static int do_create(struct world *w)
{
	struct bp_create_opts opts = { .size = sizeof(opts), .uuid = "u" };
	struct bp_table *table;
	int r;

	assert_ok(bp_table_parse(w->ctx, "0 8 linear /dev/other 0\n8 8 zero\n", 0, &table));
	r = bp_device_create(w->ctx, "new", table, &opts, NULL);
	bp_table_free(table);
	return r;
}

static int reload_device(struct world *w, const char *name)
{
	struct bp_selector which = { .name = name };
	struct bp_table *table;
	int r;

	assert_ok(bp_table_parse(w->ctx, "0 16 linear /dev/other 0\n", 0, &table));
	r = bp_device_reload(w->ctx, &which, table, NULL);
	bp_table_free(table);
	return r;
}

static int do_reload(struct world *w)
{
	return reload_device(w, "old");
}

static int do_reload_loaded(struct world *w)
{
	return reload_device(w, "loaded");
}

static int do_reload_held(struct world *w)
{
	return reload_device(w, "held");
}

static int load_device(struct world *w, const char *name)
{
	struct bp_selector which = { .name = name };
	struct bp_table *table;
	int r;

	assert_ok(bp_table_parse(w->ctx, "0 16 linear /dev/other 0\n", 0, &table));
	r = bp_device_load(w->ctx, &which, table, NULL);
	bp_table_free(table);
	return r;
}

static int do_load(struct world *w)
{
	return load_device(w, "old");
}

static int do_load_loaded(struct world *w)
{
	return load_device(w, "loaded");
}

static int do_load_held(struct world *w)
{
	return load_device(w, "held");
}

static int do_clear(struct world *w)
{
	struct bp_selector which = { .name = "loaded" };

	return bp_device_clear(w->ctx, &which, NULL);
}

static int do_resume(struct world *w)
{
	struct bp_selector which = { .name = "held" };

	return bp_device_resume(w->ctx, &which, NULL);
}

static int do_suspend(struct world *w)
{
	struct bp_selector which = { .name = "old" };

	return bp_device_suspend(w->ctx, &which, NULL);
}

static int do_wipe(struct world *w)
{
	struct bp_selector which = { .name = "old" };

	return bp_device_wipe_table(w->ctx, &which, NULL);
}

static int do_rename(struct world *w)
{
	struct bp_selector which = { .name = "old" };

	return bp_device_rename(w->ctx, &which, "renamed", NULL);
}

static int do_volume(struct world *w)
{
	return bp_pool_create_volume(w->pool, "three", 2048, NULL, NULL);
}

static int do_inactive(struct world *w)
{
	struct bp_volume_opts opts = { .size = sizeof(opts), .inactive = true };

	return bp_pool_create_volume(w->pool, NULL, 0, &opts, NULL);
}

static int do_snapshot(struct world *w)
{
	struct bp_selector origin = { .name = "one" };

	return bp_pool_snapshot(w->pool, &origin, "snap", NULL, NULL);
}

static int do_snapshot_group(struct world *w)
{
	static const struct bp_selector origins[] = { { .name = "one" }, { .name = "two" } };
	static const char *const names[] = { "snap1", "snap2" };

	return bp_pool_snapshot_group(w->pool, origins, names, 2, NULL, NULL);
}

/* A second device of a volume. */
static int do_activate(struct world *w)
{
	return bp_pool_activate(w->pool, 1, "two again", 2048, NULL);
}

static int do_deactivate(struct world *w)
{
	return bp_pool_deactivate(w->pool, 1, NULL);
}

static int do_pool_set(struct world *w)
{
	return bp_pool_set_no_space(w->pool, true, 0);
}

/* One is taken away, another made, one stays. */
static int do_reconcile(struct world *w)
{
	static const struct bp_pool_wanted wanted[] = {
		{ .name = "uno", .thin_id = 0, .size_sectors = 2048 },
		{ .name = "two", .thin_id = 1 },
	};
	struct bp_pool_reconcile_opts opts = {
		.size = sizeof(opts),
		.flags = BP_POOL_RECONCILE_ACTIVATE | BP_POOL_RECONCILE_DEACTIVATE,
	};
	struct bp_pool_difference_list *list;
	int r = bp_pool_reconcile(w->pool, wanted, ARRAY_SIZE(wanted), &opts, &list);

	if (r == 0)
		bp_pool_differences_free(list);
	return r;
}

static int do_pool(struct world *w)
{
	struct bp_pool_opts opts = { .size = sizeof(opts), .flags = BP_POOL_WIPE };

	fake_fill_bdev(w->fake, "/dev/meta2", 9);
	return bp_pool_create(w->ctx, "second", "/dev/meta2", "/dev/other", &opts, NULL);
}

static int do_grow(struct world *w)
{
	fake_resize_bdev(w->fake, "/dev/data", 128 * MIB);
	return bp_pool_grow(w->pool, 0, 0);
}

static int do_pool_remove(struct world *w)
{
	return bp_pool_remove(w->pool, NULL);
}

static int do_remove(struct world *w)
{
	struct bp_selector which = { .name = "old" };

	return bp_device_remove(w->ctx, &which, NULL, NULL);
}

/* A user that does not let go: what force has done is taken back. */
static int do_force(struct world *w)
{
	struct bp_selector which = { .name = "old" };
	struct bp_remove_opts opts = {
		.size = sizeof(opts),
		.flags = BP_REMOVE_FORCE | BP_REMOVE_RETRY,
		.timeout_ms = 30,
	};
	int r;

	fake_open(w->fake, "old", 1, BP_HOLDER_PROCESS);
	r = bp_device_remove(w->ctx, &which, &opts, NULL);
	fake_open(w->fake, "old", -1, BP_HOLDER_PROCESS);
	return r;
}

static int do_stack(struct world *w)
{
	static const char spec[] = "top,,,rw,0 8 linear /dev/mapper/below 0;"
				   "below,,,rw,0 8 linear /dev/other 0;beside,,,rw,0 8 zero";
	struct bp_stack *stack;
	int r;

	assert_ok(bp_concise_parse(w->ctx, spec, &stack));
	r = bp_stack_apply(w->ctx, stack, NULL);
	bp_stack_free(stack);
	return r;
}

static int do_apply(struct world *w)
{
	return apply(w, STACK_MORE);
}

static const struct bp_selector cached = { .name = "cache" };

static int do_cache_create(struct world *w)
{
	struct bp_cache_device_create_opts opts = { .size = sizeof(opts),
						    .flags = BP_CACHE_DEVICE_WIPE };

	fake_fill_bdev(w->fake, "/dev/cmeta2", 9);
	return bp_cache_device_create(w->ctx, "cache 2", "/dev/other", "/dev/fast2",
				      "/dev/cmeta2", &opts, NULL);
}

static int do_cache_flush(struct world *w)
{
	return bp_cache_device_flush(w->ctx, &cached, NULL);
}

/* What it changes to wants a clean cache first. */
static int do_cache_change(struct world *w)
{
	struct bp_cache_device_change_opts opts = { .size = sizeof(opts),
						    .io_mode = BP_CACHE_PASSTHROUGH };

	return bp_cache_device_change(w->ctx, &cached, &opts);
}

static int do_uncache(struct world *w)
{
	return bp_cache_device_uncache(w->ctx, &cached, NULL);
}

static const struct {
	const char *name;
	int (*act)(struct world *w);
	int r;      /* undisturbed */
	bool final; /* its last step may not be taken back: it ends late, but as a whole */
} verbs[] = {
	{ "create", do_create, 0 },
	{ "reload", do_reload, 0 },
	{ "reload over an inactive table", do_reload_loaded, 0 },
	{ "reload of a suspended device", do_reload_held, 0 },
	{ "load", do_load, 0 },
	{ "load over an inactive table", do_load_loaded, 0 },
	{ "load of a suspended device", do_load_held, 0 },
	{ "clear", do_clear, 0, true },
	{ "resume", do_resume, 0, true },
	{ "suspend", do_suspend, 0 },
	{ "wipe-table", do_wipe, 0 },
	{ "rename", do_rename, 0 },
	{ "pool thin", do_volume, 0 },
	{ "pool thin, inactive", do_inactive, 0 },
	{ "pool snapshot", do_snapshot, 0 },
	{ "pool snapshot-group", do_snapshot_group, 0 },
	{ "pool activate", do_activate, 0 },
	{ "pool deactivate", do_deactivate, 0, true },
	{ "pool set", do_pool_set, 0, true },
	{ "pool reconcile", do_reconcile, 0 },
	{ "pool create", do_pool, 0 },
	{ "pool grow", do_grow, 0, true },
	{ "pool remove", do_pool_remove, 0, true },
	{ "remove --force", do_force, -EBUSY },
	{ "stack", do_stack, 0 },
	{ "remove", do_remove, 0, true },
	{ "apply", do_apply, 0 },
	{ "cache create", do_cache_create, 0 },
	{ "cache flush", do_cache_flush, 0 },
	{ "cache change", do_cache_change, 0 },
	{ "uncache", do_uncache, 0, true },
};

#endif
