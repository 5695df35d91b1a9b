/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mapped devices on the kernel in memory: made, looked at, removed, named. */
#include "dm_world.h"

#include "core/context.h"

static void create_and_look(void **state)
{
	struct world *w = *state;
	struct bp_create_opts opts = { .size = sizeof(opts), .uuid = "my uuid" };
	struct bp_table *t = table(w, "0 8 linear /dev/sda 4\n8 8 zero\n");
	struct bp_selector which = { .name = "a b" };
	struct bp_device_info info;
	struct bp_device_deps *deps;

	assert_ok(bp_device_create(w->ctx, "a b", t, &opts, &info));
	bp_table_free(t);
	assert_string_equal(info.name, "a b");
	assert_string_equal(info.kernel_name, "a\\x20b");
	assert_string_equal(info.uuid, "my uuid");
	assert_string_equal(info.path, "/dev/mapper/a\\x20b");
	assert_int_equal(info.nr_segments, 2);
	assert_true(info.live_table && !info.inactive_table && !info.suspended);
	assert_table(w, "a\\x20b", 0, "0 8 linear 8:0 4\n8 8 zero\n");
	which = (struct bp_selector){ .uuid = "my uuid" };
	assert_ok(bp_device_info(w->ctx, &which, &info));
	assert_string_equal(info.name, "a b");
	which = (struct bp_selector){ .path = "/dev/mapper/a\\x20b" };
	assert_ok(bp_device_deps(w->ctx, &which, 0, &deps));
	assert_int_equal(bp_device_deps_count(deps), 1);
	assert_int_equal(bp_device_deps_get(deps, 0)->major, 8);
	assert_null(bp_device_deps_get(deps, 1));
	bp_device_deps_free(deps);
	/* Nobody named is not the first of all. */
	which = (struct bp_selector){ 0 };
	assert_err(bp_device_remove(w->ctx, &which, NULL, NULL), EINVAL);
	which = (struct bp_selector){ .uuid = "" };
	assert_err(bp_device_remove(w->ctx, &which, NULL, NULL), EINVAL);
	which = (struct bp_selector){ .major = info.major, .minor = 0 };
	assert_ok(bp_device_remove(w->ctx, &which, NULL, NULL));
	assert_state(w, "");
}

/* One ioctl a query: nothing is asked beside the question. */
static void query_cost(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };
	struct bp_device_status *status;
	struct bp_device_list *list;
	struct bp_device_info info;
	struct bp_table *t;
	struct bp_device_deps *deps;
	unsigned before;

	assert_ok(create(w, "x", "0 8 zero\n"));
	before = fake_count(w->fake, FAKE_ANY);
	assert_ok(bp_device_info(w->ctx, &which, &info));
	assert_ok(bp_device_list(w->ctx, &list));
	assert_ok(bp_device_table(w->ctx, &which, 0, &t));
	assert_ok(bp_device_status(w->ctx, &which, 0, &status));
	assert_ok(bp_device_deps(w->ctx, &which, 0, &deps));
	assert_int_equal(fake_count(w->fake, FAKE_ANY) - before, 5);
	assert_int_equal(bp_device_list_count(list), 1);
	assert_string_equal(bp_device_status_get(status, 0)->target, "zero");
	assert_null(bp_device_status_get(status, 1));
	bp_device_list_free(list);
	bp_table_free(t);
	bp_device_status_free(status);
	bp_device_deps_free(deps);
}

struct visited {
	struct world *w;
	char names[64];
	unsigned asked;
};

static int visit_device(void *user, const struct bp_device_entry *entry)
{
	const struct bp_selector which = { .name = entry->name };
	struct visited *v = user;
	struct bp_device_info info;

	strcat(strcat(v->names, entry->name), " ");
	assert_ok(bp_device_info(v->w->ctx, &which, &info));
	assert_int_equal(info.minor, entry->minor);
	v->asked++;
	return streq(entry->name, "b y") ? 7 : 0;
}

/* In order, one ioctl for all of them, and what is asked on the way disturbs nothing. */
static void visited_in_order(void **state)
{
	struct world *w = *state;
	struct visited v = { .w = w };
	unsigned before;

	assert_ok(bp_device_visit(w->ctx, visit_device, &v));
	assert_string_equal(v.names, "");
	assert_ok(create(w, "c", "0 8 zero\n"));
	assert_ok(create(w, "a", "0 8 zero\n"));
	assert_ok(create(w, "b", "0 8 zero\n"));
	before = fake_count(w->fake, FAKE_ANY);
	assert_ok(bp_device_visit(w->ctx, visit_device, &v));
	assert_string_equal(v.names, "a b c ");
	assert_int_equal(fake_count(w->fake, FAKE_ANY) - before, 1 + v.asked);
	/* What stops it is its result. */
	v.names[0] = '\0';
	assert_ok(create(w, "b y", "0 8 zero\n"));
	assert_int_equal(bp_device_visit(w->ctx, visit_device, &v), 7);
	assert_string_equal(v.names, "a b b y ");
}

static void not_there(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "nobody" };
	struct bp_device_info info;

	assert_err(bp_device_info(w->ctx, &which, &info), ENXIO);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_NO_DEVICE);
	assert_string_equal(bp_error_get(w->ctx)->message,
			    "info 'nobody': no such mapped device");
	assert_string_equal(bp_error_get(w->ctx)->device, "nobody");
	which = (struct bp_selector){ .path = "/dev/nosuch" };
	assert_err(bp_device_info(w->ctx, &which, &info), ENOENT);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_NO_DEVICE);
	which = (struct bp_selector){ .path = "/dev/mapper/gone" };
	assert_err(bp_device_info(w->ctx, &which, &info), ENXIO);
}

/* A name that its maker did not mangle is found as it is, and does not spoil a list. */
static void alien_names(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "raw name" };
	struct bp_device_list *list;
	struct bp_device_info info;

	fake_alien(w->fake, "raw name");
	fake_alien(w->fake, "sl/ash\\x20 mixed");
	assert_ok(bp_device_info(w->ctx, &which, &info));
	assert_string_equal(info.kernel_name, "raw name");
	assert_ok(bp_device_list(w->ctx, &list));
	assert_int_equal(bp_device_list_count(list), 2);
	bp_device_list_free(list);
	assert_ok(bp_device_mangle(w->ctx, &which));
	assert_ok(bp_device_info(w->ctx, &which, &info));
	assert_string_equal(info.kernel_name, "raw\\x20name");
	assert_ok(bp_device_mknodes(w->ctx, NULL));
}

/* --- removal --- */

static void remove_busy(void **state)
{
	struct world *w = *state;
	struct bp_selector lower = { .name = "lower" }, upper = { .name = "upper" };
	struct bp_remove_opts opts = { .size = sizeof(opts), .timeout_ms = 30 };
	enum bp_removed removed;
	unsigned before;

	assert_ok(create(w, "lower", "0 8 zero\n"));
	assert_ok(create(w, "upper", "0 8 linear /dev/mapper/lower 0\n"));
	assert_err(bp_device_remove(w->ctx, &lower, &opts, &removed), EBUSY);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_BUSY);
	assert_string_equal(bp_error_get(w->ctx)->cause, "used by mapped device 'upper'");
	/* With retry several times, until the limit. */
	before = fake_count(w->fake, OP_REMOVE);
	opts.flags = BP_REMOVE_RETRY;
	assert_err(bp_device_remove(w->ctx, &lower, &opts, &removed), EBUSY);
	assert_true(fake_count(w->fake, OP_REMOVE) - before > 1);
	/* Deferred: it stays, with its node, until the upper one goes. */
	opts.flags = BP_REMOVE_DEFERRED;
	assert_ok(bp_device_remove(w->ctx, &lower, &opts, &removed));
	assert_int_equal(removed, BP_REMOVED_DEFERRED);
	assert_ok(bp_device_cancel_remove(w->ctx, &lower));
	assert_ok(bp_device_remove(w->ctx, &upper, NULL, &removed));
	assert_int_equal(removed, BP_REMOVED);
	assert_ok(bp_device_remove(w->ctx, &lower, NULL, NULL));
	assert_state(w, "");
}

static const struct {
	enum bp_holder_kind holder;
	uint32_t flags;
	bool wiped;
} forces[] = {
	{ BP_HOLDER_MOUNT, BP_REMOVE_FORCE | BP_REMOVE_DEFERRED, false },
	{ BP_HOLDER_SWAP, BP_REMOVE_FORCE, false },
	{ BP_HOLDER_PROCESS, BP_REMOVE_FORCE, false },
	{ BP_HOLDER_PROCESS, BP_REMOVE_FORCE | BP_REMOVE_DEFERRED, true },
};

/* Force never wrecks a table that has to stay. */
static void remove_by_force(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(forces); i++) {
		struct bp_selector which = { .name = "x" };
		struct bp_remove_opts opts = { .size = sizeof(opts), .flags = forces[i].flags };
		enum bp_removed removed;

		assert_ok(create(w, "x", "0 8 zero\n"));
		fake_open(w->fake, "x", 1, forces[i].holder);
		if (forces[i].wiped) {
			assert_ok(bp_device_remove(w->ctx, &which, &opts, &removed));
			assert_int_equal(removed, BP_REMOVED_DEFERRED);
			assert_table(w, "x", 0, "0 8 error\n");
		} else {
			assert_err(bp_device_remove(w->ctx, &which, &opts, &removed), EBUSY);
			assert_table(w, "x", 0, "0 8 zero\n");
			assert_non_null(strstr(bp_error_get(w->ctx)->cause, "somebody"));
		}
		fake_open(w->fake, "x", -1, forces[i].holder);
		if (!forces[i].wiped)
			assert_ok(bp_device_remove(w->ctx, &which, NULL, NULL));
	}
}

static void remove_everything(void **state)
{
	struct world *w = *state;
	unsigned tried;
	size_t left;

	assert_ok(create(w, "a", "0 8 zero\n"));
	assert_ok(create(w, "b", "0 8 linear /dev/mapper/a 0\n"));
	assert_ok(create(w, "c", "0 8 linear /dev/mapper/b 0\n"));
	assert_ok(create(w, "open", "0 8 zero\n"));
	fake_open(w->fake, "open", 1, BP_HOLDER_MOUNT);
	assert_ok(bp_device_remove_all(w->ctx, NULL, &left));
	assert_int_equal(left, 1);
	fake_open(w->fake, "open", -1, BP_HOLDER_MOUNT);
	assert_ok(bp_device_remove_all(w->ctx, NULL, &left));
	assert_int_equal(left, 0);
	assert_state(w, "");
	/* What a device that stays lies on is not even tried. */
	assert_ok(create(w, "below", "0 8 zero\n"));
	assert_ok(create(w, "open", "0 8 linear /dev/mapper/below 0\n"));
	fake_open(w->fake, "open", 1, BP_HOLDER_MOUNT);
	tried = fake_count(w->fake, OP_REMOVE);
	assert_ok(bp_device_remove_all(w->ctx, NULL, &left));
	assert_int_equal(left, 2);
	assert_int_equal(fake_count(w->fake, OP_REMOVE) - tried, 1);
	fake_open(w->fake, "open", -1, BP_HOLDER_MOUNT);
}

/* --- the rest --- */

static void names_and_uuids(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };

	assert_ok(create(w, "x", "0 8 zero\n"));
	assert_ok(create(w, "y", "0 8 zero\n"));
	assert_err(bp_device_rename(w->ctx, &which, "y", NULL), EBUSY);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_EXISTS);
	assert_ok(bp_device_set_uuid(w->ctx, &which, "first"));
	assert_err(bp_device_set_uuid(w->ctx, &which, "second"), EINVAL);
	assert_string_equal(bp_error_get(w->ctx)->cause, "its uuid is 'first'");
	assert_non_null(strstr(bp_error_get(w->ctx)->kernel_log, "already set to first"));
	which = (struct bp_selector){ .uuid = "first" };
	assert_ok(bp_device_rename(w->ctx, &which, "new name", NULL));
	assert_state(w, "new\\x20name uuid 'first' minor 0 open 0 read-ahead 128\n"
			"  live 0 8 zero \n"
			"y uuid '' minor 1 open 0 read-ahead 128\n  live 0 8 zero \n"
			"node /dev/mapper/y 254:1\nnode /dev/mapper/new\\x20name 254:0\n");
}

static void messages(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };
	char *reply;

	assert_ok(create(w, "x", "0 8 zero\n"));
	assert_ok(bp_device_message(w->ctx, &which, 0, "@stats_create - /1", 0, NULL));
	assert_ok(bp_device_message(w->ctx, &which, 0, "@stats_list", 0, &reply));
	assert_string_equal(reply, "0: 0+8 8 - -\n");
	free(reply);
	assert_err(bp_device_message(w->ctx, &which, 0, "bogus", 0, NULL), EINVAL);
}

static void geometry(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };

	assert_ok(create(w, "x", "0 8 zero\n"));
	assert_ok(bp_device_set_geometry(w->ctx, &which, 1, 2, 3, 6));
	assert_err(bp_device_set_geometry(w->ctx, &which, 65536, 2, 3, 0), EINVAL);
	assert_string_equal(bp_error_get(w->ctx)->message,
			    "geometry: cylinders 65536: at most 65535");
	assert_err(bp_device_set_geometry(w->ctx, &which, 1, 256, 3, 0), EINVAL);
	assert_err(bp_device_set_geometry(w->ctx, &which, 1, 2, 3, 7), EINVAL);
}

/* A resume that takes a table in suspends the device by itself: how, is the caller's to say. */
static void resume_takes_in(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };
	struct bp_change_opts how = { .size = sizeof(how) };
	struct bp_table *t = table(w, "0 16 zero\n");

	assert_ok(create(w, "x", "0 8 zero\n"));
	assert_ok(bp_device_load(w->ctx, &which, t, NULL));
	how.flags = BP_CHANGE_NO_FLUSH | BP_CHANGE_NO_LOCKFS;
	assert_ok(bp_device_resume(w->ctx, &which, &how));
	assert_int_equal(fake_flags(w->fake, OP_RESUME), RQ_NO_FLUSH | RQ_NO_LOCKFS);
	assert_ok(bp_device_load(w->ctx, &which, t, NULL));
	assert_ok(bp_device_resume(w->ctx, &which, NULL));
	assert_int_equal(fake_flags(w->fake, OP_RESUME), 0);
	assert_ok(bp_device_wipe_table(w->ctx, &which, &how));
	assert_int_equal(fake_flags(w->fake, OP_SUSPEND), RQ_NO_FLUSH | RQ_NO_LOCKFS);
	assert_int_equal(fake_flags(w->fake, OP_RESUME), RQ_NO_FLUSH | RQ_NO_LOCKFS);
	assert_table(w, "x", 0, "0 16 error\n");
	bp_table_free(t);
}

static void events(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };
	struct bp_device_info info;

	assert_ok(create(w, "x", "0 8 zero\n"));
	assert_err(bp_device_wait(w->ctx, &which, 0, 20, &info), ETIMEDOUT);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_TIMEOUT);
	fake_event(w->fake, "x");
	assert_ok(bp_device_wait(w->ctx, &which, 0, 20, &info));
	assert_int_equal(info.event_nr, 1);
	assert_err(bp_device_wait(w->ctx, &which, 1, 20, &info), ETIMEDOUT);
	/* A device made anew begins at 0: who waits for what came behind 7 has missed it all. */
	assert_ok(bp_device_wait(w->ctx, &which, 7, 20, &info));
	which.name = "nobody";
	assert_err(bp_device_wait(w->ctx, &which, 0, 20, &info), ENXIO);
}

/* Names that can be given: none that harms other programs, or means another device. */
static void names_to_give(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} rows[] = {
		{ "254:1", false }, { "254\\x3a1", false }, { "a\\x2fb", false },
		{ "x\\x", false },  { "254:1x", true },     { "254:", true },
		{ "a:1", true },    { "x\\y", true },
	};
	struct world *w = *state;
	struct bp_selector which = { .name = "old" };

	assert_ok(create(w, "old", "0 8 zero\n"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = create(w, rows[i].name, "0 8 zero\n");

		assert_int_equal(r, rows[i].good ? 0 : -EINVAL);
		if (r < 0)
			assert_int_equal(bp_error_get(w->ctx)->code, BP_E_NAME);
		if (!rows[i].good)
			assert_err(bp_device_rename(w->ctx, &which, rows[i].name, NULL),
				   EINVAL);
	}
	/* One that is there can still be named. */
	fake_alien(w->fake, "254:7");
	which.name = "254:7";
	assert_ok(bp_device_remove(w->ctx, &which, NULL, NULL));
}

/* A node outlives nobody: not a device that goes with its last user, not the number's next one. */
static void nodes_of_the_gone(void **state)
{
	struct bp_remove_opts defer = { .size = sizeof(defer), .flags = BP_REMOVE_DEFERRED };
	struct bp_selector below = { .name = "below" }, top = { .name = "top" };
	struct world *w = *state;
	char *before = fake_dump(w->fake), *after;

	assert_ok(create(w, "below", "0 8 zero\n"));
	assert_ok(create(w, "top", "0 8 linear /dev/mapper/below 0\n"));
	assert_ok(bp_device_remove(w->ctx, &below, &defer, NULL));
	assert_ok(bp_device_remove(w->ctx, &top, NULL, NULL));
	after = fake_dump(w->fake);
	assert_string_equal(after, before);
	free(after);
	/* The last user was not ours. */
	assert_ok(create(w, "below", "0 8 zero\n"));
	fake_open(w->fake, "below", 1, BP_HOLDER_PROCESS);
	assert_ok(bp_device_remove(w->ctx, &below, &defer, NULL));
	fake_open(w->fake, "below", -1, BP_HOLDER_PROCESS);
	assert_ok(create(w, "top", "0 8 zero\n"));
	assert_ok(bp_device_remove(w->ctx, &top, NULL, NULL));
	after = fake_dump(w->fake);
	assert_string_equal(after, before);
	free(after);
	free(before);
}

static void read_ahead(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };
	uint32_t sectors;

	assert_ok(create(w, "x", "0 8 zero\n"));
	assert_ok(bp_device_set_read_ahead(w->ctx, &which, 511, false));
	assert_ok(bp_device_get_read_ahead(w->ctx, &which, &sectors));
	assert_int_equal(sectors, 512);
	assert_ok(bp_device_set_read_ahead(w->ctx, &which, 8, true));
	assert_ok(bp_device_get_read_ahead(w->ctx, &which, &sectors));
	assert_int_equal(sectors, 512);
	assert_ok(bp_device_set_read_ahead(w->ctx, &which, BP_READ_AHEAD_NONE, false));
	assert_ok(bp_device_get_read_ahead(w->ctx, &which, &sectors));
	assert_int_equal(sectors, 0);
}

static void nodes(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "late" };
	struct bp_create_opts opts = { .size = sizeof(opts), .flags = BP_CREATE_NODE_EARLY };
	struct bp_table *t = table(w, "0 8 zero\n");

	assert_ok(bp_device_create(w->ctx, "late", NULL, NULL, NULL));
	assert_ok(bp_device_create(w->ctx, "early", NULL, &opts, NULL));
	assert_state(w, "late uuid '' minor 0 open 0 read-ahead 128\n"
			"early uuid '' minor 1 open 0 read-ahead 128\n"
			"node /dev/mapper/early 254:1\n");
	assert_ok(bp_device_load(w->ctx, &which, t, NULL));
	assert_ok(bp_device_resume(w->ctx, &which, NULL));
	bp_table_free(t);
	assert_state(w, "late uuid '' minor 0 open 0 read-ahead 128\n  live 0 8 zero \n"
			"early uuid '' minor 1 open 0 read-ahead 128\n"
			"node /dev/mapper/early 254:1\nnode /dev/mapper/late 254:0\n");
}

static void tree(void **state)
{
	struct world *w = *state;
	struct bp_change_opts opts = { .size = sizeof(opts), .flags = BP_CHANGE_UNCHECKED };
	struct bp_selector a = { .name = "a" };
	struct bp_table *t;
	struct bp_tree *tree;

	assert_ok(create(w, "a", "0 8 linear /dev/sda 0\n"));
	assert_ok(create(w, "b", "0 8 linear /dev/mapper/a 0\n"));
	assert_ok(bp_tree_read(w->ctx, &tree));
	assert_int_equal(bp_tree_count(tree), 3);
	assert_string_equal(bp_tree_get(tree, 2)->name, "sda");
	assert_false(bp_tree_get(tree, 2)->mapped);
	assert_int_equal(bp_tree_get(tree, 0)->nr_above, 1);
	assert_int_equal(bp_tree_get(tree, 0)->above[0], 1);
	assert_false(bp_tree_get(tree, 0)->in_cycle);
	bp_tree_free(tree);
	/* The kernel takes a circle: it must be seen, not hidden. */
	t = table(w, "0 8 linear /dev/mapper/b 0\n");
	assert_ok(bp_device_reload(w->ctx, &a, t, &opts));
	bp_table_free(t);
	assert_ok(bp_tree_read(w->ctx, &tree));
	assert_true(bp_tree_get(tree, 0)->in_cycle);
	assert_true(bp_tree_get(tree, 1)->in_cycle);
	bp_tree_free(tree);
}

/* A kernel cuts off what it can't hold, and another device would be meant. */
static void numbers_end(void **state)
{
	struct bp_create_opts opts = { .size = sizeof(opts), .flags = BP_CREATE_PERSISTENT };
	struct world *w = *state;
	struct bp_device_info info;
	struct bp_table *t = table(w, "0 8 zero\n");
	struct bp_selector which;

	assert_ok(bp_device_create(w->ctx, "x", t, NULL, &info));
	which = (struct bp_selector){ .major = info.major, .minor = info.minor };
	assert_ok(bp_device_info(w->ctx, &which, &info));
	which.minor += 1 << 20;
	assert_err(bp_device_remove(w->ctx, &which, NULL, NULL), EINVAL);
	assert_non_null(strstr(bp_errmsg(w->ctx), "they end at 4095:1048575"));
	which = (struct bp_selector){ .major = info.major + 4096, .minor = info.minor };
	assert_err(bp_device_remove(w->ctx, &which, NULL, NULL), EINVAL);
	opts.minor = 1 << 20;
	assert_err(bp_device_create(w->ctx, "y", t, &opts, NULL), EINVAL);
	opts.minor--;
	assert_ok(bp_device_create(w->ctx, "y", t, &opts, &info));
	assert_int_equal(info.minor, 0xfffff);
	bp_table_free(t);
}

static void plan(void **state)
{
	struct world *w = *state;
	struct bp_plan *plan;

	assert_ok(create(w, "there", "0 8 zero\n"));
	assert_ok(bp_plan_start(w->ctx));
	assert_ok(create(w, "x", "0 8 linear /dev/sda 0\n"));
	assert_err(create(w, "there", "0 8 zero\n"), EBUSY);
	assert_err(create(w, "x", "0 8 zero\n"), EBUSY);
	assert_ok(bp_plan_take(w->ctx, &plan));
	assert_int_equal(bp_plan_count(plan), 3);
	assert_string_equal(bp_plan_get(plan, 0)->verb, "create");
	assert_string_equal(bp_plan_get(plan, 1)->verb, "load");
	assert_string_equal(bp_plan_get(plan, 1)->detail, "0 8 linear /dev/sda 0");
	assert_string_equal(bp_plan_get(plan, 2)->verb, "resume");
	assert_string_equal(bp_plan_get(plan, 2)->device, "x");
	bp_plan_free(plan);
	assert_state(w, "there uuid '' minor 0 open 0 read-ahead 128\n"
			"  live 0 8 zero \nnode /dev/mapper/there 254:0\n");
}

/* What needs no kernel is planned without one, and that is told; nothing else goes on. */
static void plan_without_kernel(void **state)
{
	struct world *w = *state;
	struct bp_selector y = { .name = "y" };
	struct bp_plan *plan;

	fake_absent(w->fake, ENOENT);
	assert_ok(bp_plan_start(w->ctx));
	assert_ok(create(w, "x", "0 8 linear /dev/sda 0\n"));
	assert_err(create(w, "x", "0 8 zero\n"), EBUSY);
	assert_err(bp_device_remove(w->ctx, &y, NULL, NULL), ENXIO);
	assert_ok(bp_plan_take(w->ctx, &plan));
	assert_int_equal(bp_plan_count(plan), 3);
	bp_plan_free(plan);
	assert_int_equal(bp_warnings_count(w->ctx), 1);
	assert_non_null(strstr(bp_warning_get(w->ctx, 0), "as if there were no devices"));
	assert_err(create(w, "x", "0 8 zero\n"), ENODEV);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_NO_DM);
	/* It comes back: the plan before is no memory of it. */
	fake_absent(w->fake, 0);
	assert_ok(create(w, "x", "0 8 zero\n"));
}

/*
 * A cookie of this machine's semaphores: it is one until its maker waits, and one more of it counts
 * down to what is left. Others' cookies are not ours to touch.
 */
static void a_cookie_counts(void **state)
{
	struct world *w = *state;
	struct bp_cookie_list *list;
	uint32_t value;
	bool found = false;
	int r = bp_cookie_create(w->ctx, &value);

	if (r == -ENOSYS || r == -ENOSPC)
		skip(); /* no semaphores of System V here */
	assert_ok(r);
	assert_int_equal(value >> 16, 0x0d4d);
	assert_ok(bp_cookie_list(w->ctx, &list));
	for (size_t i = 0; i < bp_cookie_list_count(list); i++) {
		const struct bp_cookie *cookie = bp_cookie_list_get(list, i);

		if (cookie->value != value)
			continue;
		assert_int_equal(cookie->count, 1);
		found = true;
	}
	bp_cookie_list_free(list);
	assert_true(found);
	assert_ok(bp_cookie_release(w->ctx, value, 10000));
	assert_err(bp_cookie_complete(w->ctx, value), ENOENT);
	assert_err(bp_cookie_release(w->ctx, value, 0), ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(create_and_look),
		IN_WORLD(query_cost),
		IN_WORLD(visited_in_order),
		IN_WORLD(not_there),
		IN_WORLD(alien_names),
		IN_WORLD(remove_busy),
		IN_WORLD(remove_by_force),
		IN_WORLD(remove_everything),
		IN_WORLD(names_and_uuids),
		IN_WORLD(a_cookie_counts),
		IN_WORLD(messages),
		IN_WORLD(geometry),
		IN_WORLD(events),
		IN_WORLD(resume_takes_in),
		IN_WORLD(names_to_give),
		IN_WORLD(nodes_of_the_gone),
		IN_WORLD(read_ahead),
		IN_WORLD(nodes),
		IN_WORLD(tree),
		IN_WORLD(numbers_end),
		IN_WORLD(plan),
		IN_WORLD(plan_without_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
