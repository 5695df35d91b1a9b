/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mapped devices on the kernel in memory: what works, what is refused, and what is undone. */
#include "unit.h"

#include <bedplate/bedplate.h>

#include "core/context.h"
#include "fake/ops_fake.h"

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	unsetenv("DM_DEV_DIR");
	assert_ok(bp_ctx_new(&w->ctx));
	assert_ok(fake_new(w->ctx, &w->fake));
	assert_ok(fake_add_bdev(w->fake, "/dev/sda", 8, 0, 1 << 20));
	assert_ok(fake_add_bdev(w->fake, "/dev/sdb", 8, 16, 1 << 20));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bp_ctx_free(w->ctx);
	free(w);
	return 0;
}

static struct bp_table *table(struct world *w, const char *text)
{
	struct bp_table *t;

	assert_ok(bp_table_parse(w->ctx, text, 0, &t));
	return t;
}

static int create(struct world *w, const char *name, const char *text)
{
	struct bp_table *t = text ? table(w, text) : NULL;
	int r = bp_device_create(w->ctx, name, t, NULL, NULL);

	bp_table_free(t);
	return r;
}

static void assert_table(struct world *w, const char *name, uint32_t flags, const char *text)
{
	struct bp_selector which = { .name = name };
	struct bp_table *t;
	char *got;

	assert_ok(bp_device_table(w->ctx, &which, flags, &t));
	assert_ok(bp_table_format(w->ctx, t, &got));
	assert_string_equal(got, text);
	free(got);
	bp_table_free(t);
}

static void assert_state(struct world *w, const char *expected)
{
	char *got = fake_dump(w->fake);

	assert_string_equal(got, expected);
	free(got);
}

static void create_and_look(void **state)
{
	struct world *w = *state;
	struct bp_create_opts opts = { .size = sizeof(opts), .uuid = "my uuid" };
	struct bp_table *t = table(w, "0 8 linear /dev/sda 4\n8 8 zero\n");
	struct bp_selector which = { .name = "a b" };
	struct bp_device_info info;
	struct bp_devno *devs;
	size_t count;

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
	assert_ok(bp_device_deps(w->ctx, &which, 0, &devs, &count));
	assert_int_equal(count, 1);
	assert_int_equal(devs[0].major, 8);
	free(devs);
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
	struct bp_devno *devs;
	size_t count;
	unsigned before;

	assert_ok(create(w, "x", "0 8 zero\n"));
	before = fake_count(w->fake, FAKE_ANY);
	assert_ok(bp_device_info(w->ctx, &which, &info));
	assert_ok(bp_device_list(w->ctx, &list));
	assert_ok(bp_device_table(w->ctx, &which, 0, &t));
	assert_ok(bp_device_status(w->ctx, &which, 0, &status));
	assert_ok(bp_device_deps(w->ctx, &which, 0, &devs, &count));
	assert_int_equal(fake_count(w->fake, FAKE_ANY) - before, 5);
	assert_int_equal(bp_device_list_count(list), 1);
	assert_string_equal(bp_device_status_get(status, 0)->target, "zero");
	assert_null(bp_device_status_get(status, 1));
	bp_device_list_free(list);
	bp_table_free(t);
	bp_device_status_free(status);
	free(devs);
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

static const struct {
	const char *text;
	int errnum;
	enum bp_error_code code;
	int segment;
	unsigned argument;
	const char *log;
} bad_tables[] = {
	{ "0 8 linear /dev/sda 4000000\n", EINVAL, BP_E_TOO_SMALL, 0, 1,
	  "too small for target" },
	{ "0 8 zero\n8 8 linear 9:9 0\n", ENXIO, BP_E_TABLE, 1, 1, "Device lookup failed" },
	{ "0 8 nosuch 1 2\n", EINVAL, BP_E_UNKNOWN_TARGET, 0, 0, "unknown target type" },
	{ "0 8 zero\n9 8 zero\n", EINVAL, BP_E_TABLE, 1, 0, "Gap in table" },
	{ "0 8 linear /dev/sda 0\n8 8 linear /dev/sda 4000000\n", EINVAL, BP_E_TOO_SMALL, 1, 1,
	  "too small" },
};

static void bad_table(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad_tables); i++) {
		const struct bp_error *e;

		assert_int_equal(create(w, "bad", bad_tables[i].text), -bad_tables[i].errnum);
		e = bp_error_get(w->ctx);
		assert_int_equal(e->code, bad_tables[i].code);
		assert_string_equal(e->verb, "create");
		assert_string_equal(e->device, "bad");
		assert_int_equal(e->segment, bad_tables[i].segment);
		assert_int_equal(e->argument, bad_tables[i].argument);
		assert_non_null(e->kernel_log);
		assert_non_null(strstr(e->kernel_log, bad_tables[i].log));
		assert_non_null(e->cause);
		assert_state(w, "");
	}
}

/* The kernel's words about tables that this library would not have written. */
static const struct {
	const char *text, *log;
	int segment;
	unsigned argument;
	const char *name, *value, *cause, *hint;
} refusals[] = {
	{ "0 8 zero\n8 8 striped 0 8\n",
	  "device-mapper: table: 254:0: striped: Invalid stripe count (-EINVAL)\n"
	  "device-mapper: ioctl: error adding target to table\n",
	  1, 1, "nr_legs", "0",
	  "the count must be a number, no larger than the target takes and than the words that "
	  "follow it",
	  "out of range (right: 1 to " },
	/* The kernel's words fit other mistakes better: pre-flight knows this one. */
	{ "0 8 crypt 00112233445566778899aabbccddeeff aes-xts-plain64 0 8:0 0\n",
	  "device-mapper: table: 254:0: crypt: Error allocating crypto tfm (-ENOENT)\n", 0, 1,
	  "cipher", "-", "no such cipher or mode", "key and cipher are swapped" },
	{ "0 8 crypt aes-xts-plain64 :64:logon:a:b 0 8:0 0\n",
	  "device-mapper: table: 254:0: crypt: Error decoding and setting key (-ENOKEY)\n", 0,
	  2, "key", ":64:logon:a:b", "have no such key", "expected: a key of this type" },
	{ "0 800 verity 1 8:0 8:16 4096 4096 100 0 sha256 "
	  "4392712ba01368efdf14b05c76f9e4df0d53664630b5d48632ed17a137f39076 - 8 "
	  "use_fec_from_device 8:16 fec_roots 2 fec_blocks 100 fec_start 0\n",
	  "device-mapper: table: 254:0: verity: Invalid number of feature args (-EINVAL)\n", 0,
	  11, "#options", "8", "CONFIG_DM_VERITY_FEC", "expected: no use_fec_from_device" },
	{ "0 2048 thin-pool 8:0 8:16 100 0\n",
	  "device-mapper: table: 254:0: thin-pool: Invalid block size (-EINVAL)\n"
	  "device-mapper: ioctl: error adding target to table\n",
	  0, 3, "data_block_sectors", "100",
	  "blocks are 128 to 2097152 sectors, in steps of 128",
	  "out of range, in sectors (right: 128 to 2097152)" },
	{ "0 2048 flakey 8:0 0 1 1 1 error_reads\n",
	  "device-mapper: table: 254:0: flakey: Unrecognised flakey feature requested "
	  "(-EINVAL)",
	  0, 5, "#features", "1", "the word is none of the features of this kernel",
	  "expected: drop_writes, " },
	/* Two that could be meant: pre-flight knows which. */
	{ "0 2048 striped 1 8 8:0 0\n2048 10 striped 1 8 8:16 0\n",
	  "device-mapper: table: 254:0: striped: Target length not divisible by chunk size "
	  "(-EINVAL)",
	  1, 0, "length", NULL, "the length of each stripe must be whole chunks",
	  "segment 1 (striped): length: " },
	/* Another device's line, and one that nobody knows. */
	{ "0 8 zero\n",
	  "device-mapper: table: 254:7: striped: Invalid stripe count (-EINVAL)\n"
	  "device-mapper: table: 254:0: zero: the moon is full (-EINVAL)",
	  -1, 0, NULL, NULL, NULL, NULL },
};

static void assert_begins(const char *got, const char *want)
{
	if (!want)
		assert_null(got);
	else if (!got || strncmp(got, want, strlen(want)) != 0)
		fail_msg("'%s' does not begin with '%s'", got ? got : "(none)", want);
}

/* A cause has the place in front, as far as it is known. */
static void assert_contains(const char *got, const char *want)
{
	if (!want)
		assert_null(got);
	else if (!got || !strstr(got, want))
		fail_msg("'%s' does not have '%s'", got ? got : "(none)", want);
}

static void explained(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct bp_error *e;

		fake_refuse(w->fake, OP_LOAD, 1, EINVAL, refusals[i].log);
		assert_err(create(w, "bad", refusals[i].text), EINVAL);
		e = bp_error_get(w->ctx);
		assert_int_equal(e->segment, refusals[i].segment);
		assert_int_equal(e->argument, refusals[i].argument);
		assert_begins(e->argument_name, refusals[i].name);
		assert_begins(e->value, refusals[i].value);
		assert_contains(e->cause, refusals[i].cause);
		assert_begins(e->hint, refusals[i].hint);
		assert_non_null(e->kernel_log);
		assert_string_equal(e->message, "create 'bad': the kernel refused the table");
		assert_state(w, "");
	}
}

/* A refusal to resume has no table at hand, but a rule. */
static void resume_explained(void **state)
{
	struct world *w = *state;

	fake_refuse(w->fake, OP_RESUME, 1, EINVAL,
		    "device-mapper: table: 254:0: zero: preresume failed, error = -22");
	assert_err(create(w, "bad", "0 8 zero\n"), EINVAL);
	assert_begins(bp_error_get(w->ctx)->cause, "the target could not start at resume");
	assert_int_equal(bp_error_get(w->ctx)->segment, -1);
	assert_state(w, "");
}

/* Only the lines of this failure, not those of one before. */
static void kernel_lines(void **state)
{
	struct world *w = *state;

	assert_err(create(w, "bad", "0 8 nosuch\n"), EINVAL);
	assert_non_null(strstr(bp_error_get(w->ctx)->kernel_log, "nosuch"));
	assert_err(create(w, "bad", "0 8 othersuch\n"), EINVAL);
	assert_non_null(strstr(bp_error_get(w->ctx)->kernel_log, "othersuch"));
	assert_null(strstr(bp_error_get(w->ctx)->kernel_log, ": nosuch"));
}

static void taken(void **state)
{
	struct world *w = *state;

	assert_ok(create(w, "x", "0 8 zero\n"));
	assert_err(create(w, "x", "0 8 zero\n"), EBUSY);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_EXISTS);
	assert_string_equal(bp_error_get(w->ctx)->cause, "the name is that of 'x' (254:0)");
	assert_null(bp_error_get(w->ctx)->hint);
	assert_state(w, "x uuid '' minor 0 open 0 read-ahead 128\n"
			"  live 0 8 zero \nnode /dev/mapper/x 254:0\n");
}

/* Which of name and uuid it is, and what a killed program may have left. */
static void taken_by(void **state)
{
	struct world *w = *state;
	struct bp_create_opts opts = { .size = sizeof(opts), .uuid = "u" };

	assert_ok(bp_device_create(w->ctx, "bare", NULL, &opts, NULL));
	assert_err(bp_device_create(w->ctx, "other", NULL, &opts, NULL), EBUSY);
	assert_string_equal(bp_error_get(w->ctx)->cause,
			    "the uuid is that of 'bare' (254:0), which has no table");
	assert_string_equal(bp_error_get(w->ctx)->hint,
			    "a program that was killed may have left it: remove it");
	assert_err(create(w, "bare", "0 8 zero\n"), EBUSY);
	assert_string_equal(bp_error_get(w->ctx)->cause,
			    "the name is that of 'bare' (254:0), which has no table");
}

/* Force that did not help: the table is as it was, and who holds it is named. */
static void force_in_vain(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };
	struct bp_remove_opts opts = {
		.size = sizeof(opts),
		.flags = BP_REMOVE_FORCE | BP_REMOVE_RETRY,
		.timeout_ms = 20,
	};

	assert_ok(create(w, "x", "0 8 linear 8:0 0\n"));
	fake_open(w->fake, "x", 1, BP_HOLDER_PROCESS);
	assert_err(bp_device_remove(w->ctx, &which, &opts, NULL), EBUSY);
	assert_string_equal(bp_error_get(w->ctx)->cause, "used by process somebody (77)");
	assert_table(w, "x", 0, "0 8 linear 8:0 0\n");
	assert_int_equal(bp_warnings_count(w->ctx), 0);
}

static void reload_same(void **state)
{
	struct world *w = *state;
	struct bp_change_opts opts = {
		.size = sizeof(opts),
		.flags = BP_CHANGE_UNLESS_SAME,
	};
	struct bp_selector which = { .name = "x" };
	struct bp_table *t = table(w, "0 8 linear /dev/sda 0\n");
	unsigned loads;

	assert_ok(create(w, "x", "0 8 linear 8:0 0\n"));
	loads = fake_count(w->fake, OP_LOAD);
	assert_ok(bp_device_reload(w->ctx, &which, t, &opts));
	assert_int_equal(fake_count(w->fake, OP_LOAD), loads);
	opts.flags = 0;
	assert_ok(bp_device_reload(w->ctx, &which, t, &opts));
	assert_int_equal(fake_count(w->fake, OP_LOAD), loads + 1);
	bp_table_free(t);
}

static void wipe(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };

	assert_ok(create(w, "x", "0 8 linear 8:0 0\n8 8 zero\n"));
	assert_ok(bp_device_wipe_table(w->ctx, &which, NULL));
	assert_table(w, "x", 0, "0 16 error\n");
}

/* --- every call in turn fails --- */

typedef int (*action)(struct world *w);

static int do_create(struct world *w)
{
	struct bp_create_opts opts = {
		.size = sizeof(opts),
		.uuid = "u",
		.read_ahead_sectors = 512,
	};
	struct bp_table *t = table(w, "0 8 linear /dev/sda 0\n8 8 zero\n");
	int r = bp_device_create(w->ctx, "new", t, &opts, NULL);

	bp_table_free(t);
	return r;
}

static int do_reload(struct world *w)
{
	struct bp_selector which = { .name = "old" };
	struct bp_table *t = table(w, "0 16 linear /dev/sdb 0\n");
	int r = bp_device_reload(w->ctx, &which, t, NULL);

	bp_table_free(t);
	return r;
}

static int do_reload_with_inactive(struct world *w)
{
	struct bp_selector which = { .name = "loaded" };
	struct bp_table *t = table(w, "0 16 linear /dev/sdb 0\n");
	int r = bp_device_reload(w->ctx, &which, t, NULL);

	bp_table_free(t);
	return r;
}

static int do_reload_suspended(struct world *w)
{
	struct bp_selector which = { .name = "held" };
	struct bp_table *t = table(w, "0 16 linear /dev/sdb 0\n");
	int r = bp_device_reload(w->ctx, &which, t, NULL);

	bp_table_free(t);
	return r;
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

static void populate(struct world *w)
{
	struct bp_selector loaded = { .name = "loaded" }, held = { .name = "held" };
	struct bp_table *t = table(w, "0 4 zero\n");

	assert_ok(create(w, "old", "0 8 linear /dev/sda 0\n8 8 zero\n"));
	assert_ok(create(w, "loaded", "0 8 linear /dev/sda 0\n"));
	assert_ok(bp_device_load(w->ctx, &loaded, t, NULL));
	assert_ok(create(w, "held", "0 8 linear /dev/sda 8\n"));
	assert_ok(bp_device_suspend(w->ctx, &held, NULL));
	bp_table_free(t);
}

/* The @nth call fails: the state is as before, the error is that call's, and nothing leaks. */
static bool fail_nth(action act, unsigned nth)
{
	void *state;
	struct world *w;
	char *before, *after;
	bool failed;
	int r;

	setup(&state);
	w = state;
	populate(w);
	before = fake_dump(w->fake);
	fake_fail(w->fake, FAKE_ANY, nth, EIO);
	r = act(w);
	failed = fake_failed(w->fake);
	after = fake_dump(w->fake);
	if (failed && r != 0) {
		assert_int_equal(r, -EIO);
		assert_int_equal(bp_error_get(w->ctx)->errnum, EIO);
		assert_string_equal(after, before);
		assert_int_equal(bp_warnings_count(w->ctx), 0);
	} else {
		assert_int_equal(r, 0);
	}
	free(before);
	free(after);
	teardown(&state);
	return failed;
}

static void each_call_fails(void **state)
{
	static const action actions[] = {
		do_create, do_reload, do_reload_with_inactive, do_reload_suspended, do_wipe,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		unsigned nth = 1;

		while (fail_nth(actions[i], nth))
			nth++;
		/* At least the calls that do the work. */
		assert_true(nth > 4);
	}
}

/* A rename that the kernel did, but whose node fails, is told; the device keeps its new name.
 */
static void rename_fails(void **state)
{
	(void)state;
	assert_true(fail_nth(do_rename, 1));
	assert_true(fail_nth(do_rename, 2));
}

/* The undo fails too: the first error stays, the second is a warning. */
static void undo_fails(void **state)
{
	struct world *w = *state;

	fake_fail(w->fake, OP_REMOVE, 1, EIO);
	assert_err(create(w, "x", "0 8 nosuch\n"), EINVAL);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_UNKNOWN_TARGET);
	assert_int_equal(bp_warnings_count(w->ctx), 1);
	assert_non_null(strstr(bp_warning_get(w->ctx, 0), "could not be removed again"));
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

/* --- devices on themselves --- */

static int load_into(struct world *w, const char *name, const char *text, uint32_t flags)
{
	struct bp_selector which = { .name = name };
	struct bp_change_opts opts = { .size = sizeof(opts), .flags = flags };
	struct bp_table *t = table(w, text);
	int r = bp_device_load(w->ctx, &which, t, &opts);

	bp_table_free(t);
	return r;
}

/* c on b on a: none of them goes below a, by whatever name. */
static void no_circles(void **state)
{
	struct world *w = *state;
	struct bp_selector a = { .name = "a" };
	static const char *const circles[] = {
		"0 8 linear /dev/mapper/a 0",
		"0 8 linear /dev/mapper/b 0",
		"0 8 linear /dev/mapper/c 0",
		"0 8 zero\n8 16 striped 2 8 8:0 0 /dev/mapper/c 0",
	};
	const struct bp_error *e;
	struct bp_table *t;

	assert_ok(create(w, "a", "0 8 linear 8:0 0"));
	assert_ok(create(w, "b", "0 8 linear /dev/mapper/a 0"));
	assert_ok(create(w, "c", "0 8 linear /dev/mapper/b 0"));
	for (size_t i = 0; i < ARRAY_SIZE(circles); i++)
		assert_err(load_into(w, "a", circles[i], 0), ELOOP);
	e = bp_error_get(w->ctx);
	assert_string_equal(e->message,
			    "load 'a': '/dev/mapper/c' of its table lies on 'a' itself");
	assert_int_equal(e->segment, 1);
	assert_int_equal(e->argument, 5);
	assert_string_equal(e->argument_name, "legs.1.dev");
	assert_string_equal(e->value, "/dev/mapper/c");
	t = table(w, circles[2]);
	assert_err(bp_device_reload(w->ctx, &a, t, NULL), ELOOP);
	bp_table_free(t);
	assert_table(w, "a", 0, "0 8 linear 8:0 0\n");
	assert_ok(load_into(w, "c", "0 8 linear /dev/mapper/a 0", 0));
	assert_ok(load_into(w, "a", circles[2], BP_CHANGE_UNCHECKED));
}

/* A table that is loaded only counts as well; one that is cleared no longer does. */
static void no_circles_to_come(void **state)
{
	struct world *w = *state;
	struct bp_selector b = { .name = "b" };

	assert_ok(create(w, "a", "0 8 linear 8:0 0"));
	assert_ok(create(w, "b", "0 8 linear 8:16 0"));
	assert_ok(load_into(w, "b", "0 8 linear /dev/mapper/a 0", 0));
	assert_err(load_into(w, "a", "0 8 linear /dev/mapper/b 0", 0), ELOOP);
	assert_ok(bp_device_clear(w->ctx, &b, NULL));
	assert_ok(load_into(w, "a", "0 8 linear /dev/mapper/b 0", 0));
}

/* Linux 6.1 crashes on the merge of a transient store. Whatever runs here: newer ones refuse. */
static void no_crashes(void **state)
{
	struct world *w = *state;
	struct bp_findings *findings;
	enum bp_severity worst;
	struct bp_table *t = table(w, "0 8 snapshot-merge 8:0 8:16 N 16");

	assert_ok(bp_device_check_table(w->ctx, t, NULL, false, &findings));
	worst = bp_findings_severity(findings);
	bp_findings_free(findings);
	bp_table_free(t);
	assert_int_not_equal(create(w, "m", "0 8 snapshot-merge 8:0 8:16 N 16"), 0);
	assert_int_equal(strcmp(bp_error_get(w->ctx)->message,
				"create 'm': kernels are known to crash on this table") == 0,
			 worst == BP_SEVERITY_CRASH);
}

static void preflight_finds_circles(void **state)
{
	struct world *w = *state;
	struct bp_selector a = { .name = "a" };
	struct bp_findings *findings;
	struct bp_table *t = table(w, "0 8 linear /dev/mapper/b 0");

	assert_ok(create(w, "a", "0 8 linear 8:0 0"));
	assert_ok(create(w, "b", "0 8 linear /dev/mapper/a 0"));
	assert_ok(bp_device_check_table(w->ctx, t, &a, false, &findings));
	assert_int_equal(bp_findings_severity(findings), BP_SEVERITY_REFUSED);
	assert_non_null(strstr(bp_findings_get(findings, 0)->message,
			       "argument 1 (dev): '/dev/mapper/b': a circle: "));
	bp_findings_free(findings);
	bp_table_free(t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(create_and_look),
		T(query_cost),
		T(not_there),
		T(alien_names),
		T(bad_table),
		T(explained),
		T(resume_explained),
		T(kernel_lines),
		T(taken),
		T(taken_by),
		T(force_in_vain),
		T(reload_same),
		T(no_circles),
		T(no_crashes),
		T(no_circles_to_come),
		T(preflight_finds_circles),
		T(wipe),
		T(undo_fails),
		T(remove_busy),
		T(remove_by_force),
		T(remove_everything),
		T(names_and_uuids),
		T(messages),
		T(geometry),
		T(events),
		T(names_to_give),
		T(nodes_of_the_gone),
		T(read_ahead),
		T(nodes),
		T(tree),
		T(plan),
		cmocka_unit_test(each_call_fails),
		cmocka_unit_test(rename_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
