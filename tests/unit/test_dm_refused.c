/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mapped devices on the kernel in memory: what is refused and how that is told, and what is undone. */
#include "dm_world.h"

#include "core/context.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(bad_table),
		IN_WORLD(explained),
		IN_WORLD(resume_explained),
		IN_WORLD(kernel_lines),
		IN_WORLD(taken),
		IN_WORLD(taken_by),
		IN_WORLD(force_in_vain),
		IN_WORLD(reload_same),
		IN_WORLD(no_circles),
		IN_WORLD(no_crashes),
		IN_WORLD(no_circles_to_come),
		IN_WORLD(preflight_finds_circles),
		IN_WORLD(wipe),
		IN_WORLD(undo_fails),
		cmocka_unit_test(each_call_fails),
		cmocka_unit_test(rename_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
