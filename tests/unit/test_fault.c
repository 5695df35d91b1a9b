/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Faults on the kernel in memory: which table comes of them, and what is left when a step fails. */
#include "unit.h"

#include <bedplate/bedplate.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/context.h"
#include "fake/ops_fake.h"
#include "fault/fault.h"
#include "temp.h"

#define OWN "0 2048 linear 8:0 100\n2048 1024 linear 8:16 0\n"

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	struct bp_fault_opts opts;
	struct bp_devno dev;
	char dir[64];
};

static int create(struct world *w, const char *name, const char *text)
{
	struct bp_device_info info;
	struct bp_table *t;
	int r;

	assert_ok(bp_table_parse(w->ctx, text, 0, &t));
	r = bp_device_create(w->ctx, name, t, NULL, &info);
	bp_table_free(t);
	if (r == 0)
		w->dev = (struct bp_devno){ info.major, info.minor };
	return r;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	unsetenv("DM_DEV_DIR");
	strcpy(w->dir, "/tmp/bedplate-fault.XXXXXX");
	temp_dir(w->dir);
	w->opts = (struct bp_fault_opts){
		.size = sizeof(w->opts),
		.state_dir = w->dir,
		/* the number of the machine's own root may be the fake device's */
		.flags = BP_FAULT_NO_KEEPER | BP_FAULT_SYSTEM,
	};
	assert_ok(bp_ctx_new(&w->ctx));
	assert_ok(fake_new(w->ctx, &w->fake));
	assert_ok(fake_add_bdev(w->fake, "/dev/sda", 8, 0, 4 << 20));
	assert_ok(fake_add_bdev(w->fake, "/dev/sdb", 8, 16, 4 << 20));
	assert_ok(create(w, "x", OWN));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bp_ctx_free(w->ctx);
	temp_remove(w->dir);
	free(w);
	return 0;
}

static void assert_table(struct world *w, const char *text)
{
	struct bp_selector which = { .major = w->dev.major, .minor = w->dev.minor };
	struct bp_table *t;
	char *got;

	assert_ok(bp_device_table(w->ctx, &which, 0, &t));
	assert_ok(bp_table_format(w->ctx, t, &got));
	assert_string_equal(got, text);
	free(got);
	bp_table_free(t);
}

static bool is_kept(const struct world *w)
{
	char path[128];
	struct stat st;

	fault_state_path(w->dir, w->dev.major, w->dev.minor, path, sizeof(path));
	return stat(path, &st) == 0;
}

/* --- what comes of each --- */

static const struct bp_fault_range middle[] = { { 2000, 100 } };
static const struct bp_fault_range three[] = { { 3000, 72 }, { 0, 8 }, { 8, 8 } };
static const struct bp_fault_range beyond[] = { { 3000, 73 } };
static const struct bp_fault_range empty[] = { { 5, 0 } };

#define ALL_FAIL  "0 2048 flakey 8:0 100 0 1\n2048 1024 flakey 8:16 0 0 1\n"
#define FLAKEY(f) "0 2048 flakey 8:0 100 0 1 " f "\n2048 1024 flakey 8:16 0 0 1 " f "\n"

/* clang-format off */
static const struct {
	struct bp_fault fault;
	const char *table; /* NULL: refused with @errnum, and @why in the message */
	int errnum;
	const char *why;
} kinds[] = {
	{ { .kind = BP_FAULT_SLOW },
	  "0 2048 delay 8:0 100 100 8:0 100 100 8:0 100 100\n"
	  "2048 1024 delay 8:16 0 100 8:16 0 100 8:16 0 100\n" },
	{ { .kind = BP_FAULT_SLOW, .io = BP_FAULT_READS, .delay_ms = 7 },
	  "0 2048 delay 8:0 100 7 8:0 100 0 8:0 100 0\n"
	  "2048 1024 delay 8:16 0 7 8:16 0 0 8:16 0 0\n" },
	/* across two segments: flushes pass, since they are not of a range */
	{ { .kind = BP_FAULT_SLOW, .ranges = middle, .nr_ranges = 1 },
	  "0 2000 linear 8:0 100\n2000 48 delay 8:0 2100 100 8:0 2100 100 8:0 2100 0\n"
	  "2048 52 delay 8:16 0 100 8:16 0 100 8:16 0 0\n2100 972 linear 8:16 52\n" },
	{ { .kind = BP_FAULT_STALL, .io = BP_FAULT_FLUSHES },
	  "0 2048 delay 8:0 100 0 8:0 100 0 8:0 100 2147483647\n"
	  "2048 1024 delay 8:16 0 0 8:16 0 0 8:16 0 2147483647\n" },
	{ { .kind = BP_FAULT_ERROR }, ALL_FAIL },
	{ { .kind = BP_FAULT_ERROR, .io = BP_FAULT_WRITES }, FLAKEY("1 error_writes") },
	{ { .kind = BP_FAULT_ERROR, .ranges = three, .nr_ranges = 3 },
	  "0 16 error\n16 2032 linear 8:0 116\n2048 952 linear 8:16 0\n3000 72 error\n" },
	{ { .kind = BP_FAULT_DROP }, FLAKEY("1 drop_writes") },
	/* the kernel in memory is a 6.1, which takes the word and changes no reads */
	{ { .kind = BP_FAULT_CORRUPT }, NULL, ENOTSUP, "changes no reads" },
	{ { .kind = BP_FAULT_CORRUPT, .io = BP_FAULT_WRITES, .corrupt_byte = 9, .corrupt_value = 255 },
	  FLAKEY("5 corrupt_bio_byte 9 w 255 0") },
	{ { .kind = BP_FAULT_BAD_SECTORS, .ranges = middle, .nr_ranges = 1, .bad_count = 12 },
	  "0 2000 linear 8:0 100\n2000 48 error\n2048 48 error\n2096 976 linear 8:16 48\n" },
	{ { .kind = BP_FAULT_ERROR, .io = BP_FAULT_FLUSHES }, NULL, EINVAL, "have both" },
	{ { .kind = BP_FAULT_ERROR, .io = BP_FAULT_FLUSHES | BP_FAULT_READS }, NULL, EINVAL, "have both" },
	{ { .kind = BP_FAULT_ERROR, .io = BP_FAULT_WRITES, .ranges = middle, .nr_ranges = 1 },
	  NULL, EINVAL, "writes of a range alone can't fail" },
	{ { .kind = BP_FAULT_ERROR, .io = 7, .ranges = middle, .nr_ranges = 1 },
	  NULL, EINVAL, "flushes are not of a range" },
	/* a feature that this kernel lacks */
	{ { .kind = BP_FAULT_ERROR, .io = BP_FAULT_READS }, NULL, EINVAL, "the kernel refused the table" },
	{ { .kind = BP_FAULT_DROP, .io = BP_FAULT_READS }, NULL, EINVAL, "only writes can be lost" },
	{ { .kind = BP_FAULT_CORRUPT, .io = 3 }, NULL, EINVAL, "one of both" },
	{ { .kind = BP_FAULT_CORRUPT, .corrupt_value = 256 }, NULL, EINVAL, "no byte" },
	{ { .kind = BP_FAULT_BAD_SECTORS, .io = 1 }, NULL, EINVAL, "neither read nor write" },
	{ { .kind = BP_FAULT_BAD_SECTORS, .bad_block_bytes = 1000 }, NULL, EINVAL, "power of two" },
	{ { .kind = BP_FAULT_BAD_SECTORS, .bad_count = 385 }, NULL, ERANGE, "at most 384" },
	{ { .kind = BP_FAULT_FULL, .io = BP_FAULT_READS }, NULL, EINVAL, "only writes need space" },
	{ { .kind = BP_FAULT_POWER_CUT }, ALL_FAIL },
	{ { .kind = BP_FAULT_POWER_CUT, .io = 7 }, ALL_FAIL },
	{ { .kind = BP_FAULT_POWER_CUT, .io = BP_FAULT_WRITES }, NULL, EINVAL, "of all I/O of a whole device" },
	{ { .kind = BP_FAULT_POWER_CUT, .ranges = middle, .nr_ranges = 1 }, NULL, EINVAL, "of a whole device" },
	/* the kernel in memory has no nodes: all that was made for it goes again */
	{ { .kind = BP_FAULT_FULL }, NULL, ENOENT, "can't be filled" },
	{ { .kind = BP_FAULT_SLOW, .ranges = beyond, .nr_ranges = 1 }, NULL, ERANGE, "beyond the device" },
	{ { .kind = BP_FAULT_SLOW, .ranges = empty, .nr_ranges = 1 }, NULL, EINVAL, "empty" },
	{ { .kind = BP_FAULT_SLOW, .io = 8 }, NULL, EINVAL, "not known" },
	{ { .kind = BP_FAULT_SLOW, .for_ms = -1 }, NULL, EINVAL, "a year" },
	{ { .kind = (enum bp_fault_kind)99 }, NULL, EINVAL, "no kind that is known" },
};
/* clang-format on */

static void each_kind(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct bp_fault fault = kinds[i].fault;
		int r;

		fault.size = sizeof(fault);
		r = bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL);
		assert_int_equal(r, -kinds[i].errnum);
		if (kinds[i].table) {
			assert_table(w, kinds[i].table);
			assert_true(is_kept(w));
			assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL));
		} else if (!strstr(bp_errmsg(w->ctx), kinds[i].why)) {
			fail_msg("row %zu: '%s'", i, bp_errmsg(w->ctx));
		}
		assert_table(w, OWN);
		assert_false(is_kept(w));
	}
}

/* Writes go to the device without space, at their own place; what is not linear can't be full. */
static void full(void **state)
{
	const struct bp_fault fault = { .kind = BP_FAULT_FULL,
					.ranges = middle,
					.nr_ranges = 1 };
	struct fault_record record;
	struct world *w = *state;
	struct bp_table *own, *table;
	char *text;

	assert_ok(fault_record_init(w->ctx, &fault, 3072, &record));
	record.full = (struct bp_devno){ 254, 7 };
	assert_ok(bp_table_parse(w->ctx, OWN, 0, &own));
	assert_ok(fault_compose(w->ctx, own, &record, 1, &table));
	bp_table_free(own);
	assert_ok(bp_table_format(w->ctx, table, &text));
	bp_table_free(table);
	assert_string_equal(text, "0 2000 linear 8:0 100\n"
				  "2000 48 delay 8:0 2100 0 254:7 2000 0 8:0 2100 0\n"
				  "2048 52 delay 8:16 0 0 254:7 2048 0 8:16 0 0\n"
				  "2100 972 linear 8:16 52\n");
	free(text);
	fault_record_done(&record);
	assert_ok(fault_record_init(w->ctx, &(struct bp_fault){ .kind = BP_FAULT_FULL }, 3072,
				    &record));
	assert_ok(bp_table_parse(w->ctx, "0 3072 striped 2 8 8:0 0 8:16 0", 0, &own));
	assert_err(fault_compose(w->ctx, own, &record, 1, &table), ENOTSUP);
	assert_non_null(strstr(bp_errmsg(w->ctx), "a striped segment can't be full"));
	bp_table_free(own);
	fault_record_done(&record);
}

static void set(struct world *w, enum bp_fault_kind kind, bp_sector start, bp_sector length,
		int64_t for_ms, uint64_t *ret_id)
{
	const struct bp_fault_range range = { start, length };
	struct bp_fault fault = {
		.size = sizeof(fault),
		.kind = kind,
		.ranges = &range,
		.nr_ranges = 1,
		.for_ms = for_ms,
	};

	assert_ok(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, ret_id));
}

/* The later counts where two meet; healed one by one, what is left is what the others make. */
static void several(void **state)
{
	struct world *w = *state;
	struct bp_fault_list *list;
	uint64_t first, second;
	size_t healed;

	set(w, BP_FAULT_SLOW, 0, 100, 0, &first);
	set(w, BP_FAULT_ERROR, 50, 10, 0, &second);
	assert_table(w, "0 50 delay 8:0 100 100 8:0 100 100 8:0 100 0\n50 10 error\n"
			"60 40 delay 8:0 160 100 8:0 160 100 8:0 160 0\n"
			"100 1948 linear 8:0 200\n2048 1024 linear 8:16 0\n");
	assert_ok(bp_fault_list(w->ctx, NULL, &w->opts, &list));
	assert_int_equal(bp_fault_list_count(list), 2);
	assert_int_equal(bp_fault_list_get(list, 1)->kind, BP_FAULT_ERROR);
	assert_int_equal(bp_fault_list_get(list, 1)->start_sectors, 50);
	assert_int_equal(bp_fault_list_get(list, 1)->state, BP_FAULT_ACTIVE);
	assert_true(bp_fault_list_get(list, 1)->left_ms == INT64_MAX);
	assert_null(bp_fault_list_get(list, 2));
	bp_fault_list_free(list);
	assert_ok(bp_fault_heal(w->ctx, &w->dev, first, &w->opts, &healed));
	assert_int_equal(healed, 1);
	assert_table(w, "0 50 linear 8:0 100\n50 10 error\n60 1988 linear 8:0 160\n"
			"2048 1024 linear 8:16 0\n");
	assert_ok(bp_fault_heal(w->ctx, &w->dev, first, &w->opts, &healed));
	assert_int_equal(healed, 0);
	assert_ok(bp_fault_heal(w->ctx, &w->dev, second, &w->opts, &healed));
	assert_int_equal(healed, 1);
	assert_table(w, OWN);
	assert_false(is_kept(w));
}

/* Numbers chosen by one seed are the same, by another not; all different. */
static void seeds(void **state)
{
	struct bp_fault fault = { .kind = BP_FAULT_BAD_SECTORS, .bad_count = 200, .seed = 7 };
	struct fault_record a, b, c;
	struct world *w = *state;
	bp_sector sum = 0;

	assert_ok(fault_record_init(w->ctx, &fault, 1 << 20, &a));
	assert_ok(fault_record_init(w->ctx, &fault, 1 << 20, &b));
	fault.seed = 8;
	assert_ok(fault_record_init(w->ctx, &fault, 1 << 20, &c));
	assert_int_equal(a.ranges.count, b.ranges.count);
	for (size_t i = 0; i < a.ranges.count; i++) {
		sum += a.ranges.items[i].length_sectors;
		assert_int_equal(a.ranges.items[i].start_sectors % 8, 0);
		assert_int_equal(a.ranges.items[i].start_sectors,
				 b.ranges.items[i].start_sectors);
	}
	assert_int_equal(sum, 200 * 8);
	assert_int_not_equal(a.ranges.items[0].start_sectors, c.ranges.items[0].start_sectors);
	fault_record_done(&a);
	fault_record_done(&b);
	fault_record_done(&c);
}

/* Whatever fails, the table is the one before, and heal finds its way. */
static void every_failure(void **state)
{
	struct bp_fault fault = { .size = sizeof(fault), .kind = BP_FAULT_ERROR };
	struct world *w = *state;
	bool done = false;

	for (unsigned n = 1; !done; n++) {
		int r;

		fake_fail(w->fake, FAKE_ANY, n, EIO);
		r = bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL);
		done = !fake_failed(w->fake);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		if (r == 0) {
			assert_table(w, ALL_FAIL);
			assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL));
		}
		assert_table(w, OWN);
		assert_false(is_kept(w));
		assert_true(n < 100);
	}
}

static void every_failure_of_heal(void **state)
{
	struct world *w = *state;
	bool done = false;

	for (unsigned n = 1; !done; n++) {
		set(w, BP_FAULT_ERROR, 0, 3072, 0, NULL);
		fake_fail(w->fake, FAKE_ANY, n, EIO);
		if (bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL) < 0) {
			assert_table(w, ALL_FAIL);
			assert_true(is_kept(w));
		}
		done = !fake_failed(w->fake);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL));
		assert_table(w, OWN);
		assert_false(is_kept(w));
		assert_true(n < 100);
	}
}

static int load(struct world *w, const char *text)
{
	struct bp_selector which = { .major = w->dev.major, .minor = w->dev.minor };
	struct bp_table *t;
	int r;

	assert_ok(bp_table_parse(w->ctx, text, 0, &t));
	r = bp_device_reload(w->ctx, &which, t, NULL);
	bp_table_free(t);
	return r;
}

/* A table that others gave it is never replaced. */
static void foreign(void **state)
{
	struct bp_fault fault = { .size = sizeof(fault), .kind = BP_FAULT_DROP };
	struct world *w = *state;
	struct bp_fault_list *list;

	set(w, BP_FAULT_ERROR, 0, 8, 0, NULL);
	assert_ok(load(w, "0 3072 zero\n"));
	assert_err(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL), EBUSY);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_EXISTS);
	assert_err(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL), EBUSY);
	assert_ok(bp_fault_list(w->ctx, &w->dev, &w->opts, &list));
	assert_int_equal(bp_fault_list_get(list, 0)->state, BP_FAULT_LOST);
	bp_fault_list_free(list);
	assert_table(w, "0 3072 zero\n");
	assert_ok(bp_fault_forget(w->ctx, &w->dev, &w->opts));
	assert_false(is_kept(w));
	/* Its own table, by whatever hand: then there is no fault left. */
	assert_ok(load(w, OWN));
	set(w, BP_FAULT_ERROR, 0, 8, 0, NULL);
	assert_ok(load(w, OWN));
	assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL));
	assert_false(is_kept(w));
}

/* The number of a device that is gone, at another. */
static void reused(void **state)
{
	struct bp_selector which = { .name = "x" };
	struct world *w = *state;
	struct bp_fault_list *list;
	struct bp_devno old = w->dev;

	set(w, BP_FAULT_ERROR, 0, 8, 0, NULL);
	assert_ok(bp_device_remove(w->ctx, &which, NULL, NULL));
	assert_ok(bp_fault_list(w->ctx, NULL, &w->opts, &list));
	assert_int_equal(bp_fault_list_count(list), 0);
	bp_fault_list_free(list);
	assert_ok(create(w, "y", "0 8 zero\n"));
	w->dev = old;
	assert_true(is_kept(w));
	assert_ok(bp_fault_expire(w->ctx, &w->opts, NULL));
	assert_false(is_kept(w));
}

static void expiry(void **state)
{
	struct world *w = *state;
	struct bp_fault_list *list;
	size_t healed;

	set(w, BP_FAULT_ERROR, 0, 8, 1, NULL);
	set(w, BP_FAULT_SLOW, 100, 8, 3600000, NULL);
	usleep(3000);
	assert_ok(bp_fault_list(w->ctx, NULL, &w->opts, &list));
	assert_int_equal(bp_fault_list_get(list, 0)->state, BP_FAULT_OVERDUE);
	assert_int_equal(bp_fault_list_get(list, 1)->state, BP_FAULT_ACTIVE);
	bp_fault_list_free(list);
	assert_ok(bp_fault_expire(w->ctx, &w->opts, &healed));
	assert_int_equal(healed, 1);
	assert_table(w, "0 100 linear 8:0 100\n100 8 delay 8:0 200 100 8:0 200 100 8:0 200 0\n"
			"108 1940 linear 8:0 208\n2048 1024 linear 8:16 0\n");
	assert_ok(bp_fault_expire(w->ctx, &w->opts, &healed));
	assert_int_equal(healed, 0);
}

/* What is neither linear nor whole. */
static void other_targets(void **state)
{
	struct bp_fault fault = { .size = sizeof(fault), .kind = BP_FAULT_ERROR };
	struct world *w = *state;

	assert_ok(create(w, "s", "0 64 striped 2 8 8:0 0 8:16 0\n64 64 zero\n"));
	assert_ok(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL));
	assert_table(w, "0 64 error\n64 64 error\n");
	assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL));
	fault.kind = BP_FAULT_SLOW;
	assert_err(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL), ENOTSUP);
	assert_non_null(strstr(bp_errmsg(w->ctx), "a striped segment can't be slow"));
	fault.kind = BP_FAULT_ERROR;
	fault.ranges = &(struct bp_fault_range){ 8, 100 };
	fault.nr_ranges = 1;
	assert_err(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL), ENOTSUP);
	assert_non_null(strstr(bp_errmsg(w->ctx), "can't be split"));
	assert_table(w, "0 64 striped 2 8 8:0 0 8:16 0\n64 64 zero\n");
	fault.ranges = &(struct bp_fault_range){ 72, 8 };
	assert_ok(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL));
	assert_table(w, "0 64 striped 2 8 8:0 0 8:16 0\n64 8 zero\n72 8 error\n80 48 zero\n");
}

static void busy_states(void **state)
{
	struct bp_fault fault = { .size = sizeof(fault), .kind = BP_FAULT_ERROR };
	struct world *w = *state;
	struct bp_selector which = { .name = "x" };
	struct bp_table *t;

	assert_ok(bp_device_suspend(w->ctx, &which, NULL));
	assert_err(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL), EBUSY);
	assert_ok(bp_device_resume(w->ctx, &which, NULL));
	assert_ok(bp_table_parse(w->ctx, "0 3072 zero\n", 0, &t));
	assert_ok(bp_device_load(w->ctx, &which, t, NULL));
	bp_table_free(t);
	assert_err(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL), EBUSY);
	assert_non_null(strstr(bp_errmsg(w->ctx), "a table loaded"));
	assert_ok(bp_device_clear(w->ctx, &which, NULL));
	assert_ok(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL));
}

/* A file that is not as it was written is refused, line by line. */
static const char *const bad_states[] = {
	"",
	"bedplate-fault 2\n",
	"bedplate-fault 1\nname x\nuuid \n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nother 1\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nnext-id\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nnext-id -1\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nfault 1 3 3 0 0 0 1 0\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nfault 1 0 3 0 0 0 1 0 0+8\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nfault 1 9 3 0 0 0 1 0 0+8\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nfault 1 3 3 0 0 0 1 0 0+0\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nfault 1 3 3 0 0 0 1 0 8\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nfile 1 /f\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nfault 1 3 3 0 0 0 1 0 0+8\n"
	"gone 2 3 3 0 0 0 1 0 0+8\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nfault 1 3 3 0 0 0 1 0 0+8\nfile 2 "
	"/f\n",
	"bedplate-fault 1\nname x\nuuid \noriginal 0 8 zero\nfault 1 3 3 0 0 0 1 0 0+8\nfile 1 "
	"f\n",
};

static void put_state(struct world *w, const char *text)
{
	char path[128];
	FILE *f;

	fault_state_path(w->dir, w->dev.major, w->dev.minor, path, sizeof(path));
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_ok(fclose(f));
}

static void damaged_state(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad_states); i++) {
		put_state(w, bad_states[i]);
		assert_err(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL), EINVAL);
		assert_non_null(strstr(bp_errmsg(w->ctx), "not what was written"));
		assert_table(w, OWN);
	}
}

/* --- files that move --- */

/* Pairs of begin and length, up to the first of no length. */
struct some {
	struct bp_fault_range items[4];
};

static struct fault_ranges given(struct some *some)
{
	struct fault_ranges ranges = { .items = some->items };

	while (ranges.count < ARRAY_SIZE(some->items) &&
	       some->items[ranges.count].length_sectors)
		ranges.count++;
	return ranges;
}

static void ranges_outside(void **state)
{
	struct {
		struct some of, in;
		uint64_t outside;
	} rows[] = {
		{ { { { 0, 0 } } }, { { { 0, 0 } } }, 0 },
		{ { { { 8, 8 } } }, { { { 0, 0 } } }, 8 },
		{ { { { 0, 0 } } }, { { { 8, 8 } } }, 0 },
		{ { { { 8, 8 } } }, { { { 8, 8 } } }, 0 },
		{ { { { 8, 8 } } }, { { { 0, 8 } } }, 8 },
		{ { { { 8, 8 } } }, { { { 16, 8 } } }, 8 },
		{ { { { 8, 8 } } }, { { { 0, 10 }, { 12, 1 }, { 15, 9 } } }, 4 },
		{ { { { 0, 10 }, { 20, 10 } } }, { { { 5, 20 } } }, 10 },
		{ { { { 0, 10 }, { 20, 10 }, { 40, 1 } } }, { { { 9, 1 }, { 29, 30 } } }, 18 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fault_ranges of = given(&rows[i].of), in = given(&rows[i].in);

		assert_int_equal(fault_ranges_outside(&of, &in), rows[i].outside);
	}
}

static const struct bp_fault of_no_file = {
	.size = sizeof(of_no_file),
	.kind = BP_FAULT_SLOW,
	.ranges = middle,
	.nr_ranges = 1,
	.file = "/no such/file",
	.whole_file = true,
};

/* Kept from the root on; gone when it is healed: both told, once. */
static void file_that_is_gone(void **state)
{
	struct world *w = *state;

	assert_ok(bp_fault_set(w->ctx, &w->dev, &of_no_file, &w->opts, NULL));
	assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL));
	assert_int_equal(bp_warnings_count(w->ctx), 1);
	assert_non_null(strstr(bp_warning_get(w->ctx, 0), "'/no such/file'"));
	assert_non_null(strstr(bp_warning_get(w->ctx, 0), "it is gone since the slow"));
	assert_table(w, OWN);
	assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL));
	assert_int_equal(bp_warnings_count(w->ctx), 1);
}

/* Healed as one of several it is told too; not asked where another fault would hold the answer back. */
static void file_of_one_of_several(void **state)
{
	static const struct {
		enum bp_fault_kind other;
		const char *told;
	} rows[] = {
		{ BP_FAULT_ERROR, "it is gone since the slow" },
		{ BP_FAULT_STALL, "can't be told: another fault holds its device's I/O back" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t id;

		assert_ok(bp_fault_set(w->ctx, &w->dev, &of_no_file, &w->opts, &id));
		set(w, rows[i].other, 0, 8, 0, NULL);
		bp_warnings_clear(w->ctx);
		assert_ok(bp_fault_heal(w->ctx, &w->dev, id, &w->opts, NULL));
		assert_int_equal(bp_warnings_count(w->ctx), 1);
		assert_non_null(strstr(bp_warning_get(w->ctx, 0), rows[i].told));
		assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL));
		assert_int_equal(bp_warnings_count(w->ctx), 1);
	}
}

/* Cut off between keeping and changing: the table before is known, and healed. */
static void cut_off(void **state)
{
	struct world *w = *state;
	char text[1024];
	size_t healed;

	assert_ok(load(w, ALL_FAIL));
	snprintf(text, sizeof(text), "%s",
		 "bedplate-fault 1\nname x\nuuid \nnext-id 3\n"
		 "fault 2 1 3 100 0 0 1 0 0+8\n"
		 "original 0 2048 linear 8:0 100\noriginal 2048 1024 linear 8:16 0\n"
		 "set 0 3072 error\n"
		 "before 0 2048 flakey 8:0 100 0 1 0\nbefore 2048 1024 flakey 8:16 0 0 1 0\n");
	put_state(w, text);
	assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, &healed));
	assert_int_equal(healed, 1);
	assert_table(w, OWN);
	assert_false(is_kept(w));
}

/* As a change that was killed before its resume leaves it: its table loaded, the device suspended. */
static void leave_half_way(struct world *w, const char *loaded, bool suspended)
{
	struct bp_selector which = { .name = "x" };
	struct bp_table *t;

	assert_ok(bp_table_parse(w->ctx, loaded, 0, &t));
	assert_ok(bp_device_load(w->ctx, &which, t, NULL));
	bp_table_free(t);
	if (suspended)
		assert_ok(bp_device_suspend(w->ctx, &which, NULL));
}

static void killed_on_the_way(void **state)
{
	static const char kept[] =
		"bedplate-fault 1\nname x\nuuid \nnext-id 2\n"
		"fault 1 1 3 100 0 0 1 0 0+8\n"
		"original 0 2048 linear 8:0 100\noriginal 2048 1024 linear 8:16 0\n"
		"set 0 3072 error\n";
	static const char set_table[] = "0 3072 error\n";
	struct bp_selector which = { .name = "x" };
	struct world *w = *state;
	struct bp_device_info info;
	size_t healed;

	for (int i = 0; i < 4; i++) {
		/* On the way in, its own table is live; on the way out, the other. */
		bool in = i % 2 == 0;

		assert_ok(load(w, in ? OWN : set_table));
		put_state(w, kept);
		leave_half_way(w, in ? set_table : OWN, i >= 2);
		assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, &healed));
		assert_int_equal(healed, 1);
		assert_table(w, OWN);
		assert_false(is_kept(w));
		assert_ok(bp_device_info(w->ctx, &which, &info));
		assert_false(info.suspended || info.inactive_table);
	}
	/* Another's table stays loaded, another's suspension stays. */
	put_state(w, kept);
	leave_half_way(w, "0 3072 zero\n", true);
	assert_ok(bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, &healed));
	assert_int_equal(healed, 0);
	assert_ok(bp_device_info(w->ctx, &which, &info));
	assert_true(info.suspended && info.inactive_table);
	assert_ok(bp_device_clear(w->ctx, &which, NULL));
	assert_ok(bp_device_resume(w->ctx, &which, NULL));
}

static void layers(void **state)
{
	struct bp_device_info info;
	struct world *w = *state;

	assert_ok(fake_add_bdev(w->fake, "/dev/sdc", 8, 32, 1 << 20));
	assert_ok(bp_fault_attach(w->ctx, "/dev/sdc", NULL, &w->opts, &info));
	assert_string_equal(info.name, "fault-sdc");
	w->dev = (struct bp_devno){ info.major, info.minor };
	assert_table(w, "0 2048 linear 8:32 0\n");
	set(w, BP_FAULT_ERROR, 0, 8, 0, NULL);
	assert_ok(bp_fault_detach(w->ctx, &w->dev, &w->opts));
	assert_false(is_kept(w));
	assert_ok(bp_fault_find(w->ctx, "x", &w->dev));
	assert_err(bp_fault_detach(w->ctx, &w->dev, &w->opts), EINVAL);
	assert_table(w, OWN);
	assert_err(bp_fault_find(w->ctx, "/proc", &w->dev), ENOTBLK);
}

static void looking_ahead(void **state)
{
	struct bp_fault fault = { .size = sizeof(fault), .kind = BP_FAULT_ERROR };
	struct world *w = *state;
	struct bp_plan *plan;

	assert_ok(bp_plan_start(w->ctx));
	assert_ok(bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, NULL));
	assert_ok(bp_plan_take(w->ctx, &plan));
	assert_string_equal(bp_plan_get(plan, 0)->verb, "load");
	bp_plan_free(plan);
	assert_table(w, OWN);
	assert_false(is_kept(w));
}

/* Who is in the way is told, at once or when the time is up. */
static void one_changes_a_device_at_a_time(void **state)
{
	struct world *w = *state;
	int held, second = -1;

	assert_ok(fault_lock(w->ctx, w->dir, &w->dev, 0, &held));
	assert_err(fault_lock(w->ctx, w->dir, &w->dev, 0, &second), ETIMEDOUT);
	assert_err(fault_lock(w->ctx, w->dir, &w->dev, 50, &second), ETIMEDOUT);
	assert_non_null(strstr(bp_errmsg(w->ctx), "another process changes this device"));
	close(held);
	assert_ok(fault_lock(w->ctx, w->dir, &w->dev, 0, &second));
	close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(several, setup, teardown),
		cmocka_unit_test_setup_teardown(full, setup, teardown),
		cmocka_unit_test_setup_teardown(seeds, setup, teardown),
		cmocka_unit_test_setup_teardown(every_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(every_failure_of_heal, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(reused, setup, teardown),
		cmocka_unit_test_setup_teardown(expiry, setup, teardown),
		cmocka_unit_test_setup_teardown(other_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(busy_states, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_state, setup, teardown),
		cmocka_unit_test(ranges_outside),
		cmocka_unit_test_setup_teardown(file_that_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(file_of_one_of_several, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_on_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(layers, setup, teardown),
		cmocka_unit_test_setup_teardown(looking_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(one_changes_a_device_at_a_time, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
