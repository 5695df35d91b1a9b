/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Active volumes of vdo on the kernel in memory: their table, what they answer, growing; what is wrong is refused before it is asked. */
#include "dm_world.h"

#include <bedplate/vdo_device.h>

#include <inttypes.h>
#include <stdio.h>

#define GIB      ((bp_bytes)1 << 30)
#define PHYSICAL ((bp_mblock)786432) /* 3 GiB */
#define LOGICAL  ((bp_mblock)65536)

static const struct bp_vdo_volume volume = {
	.physical_mblocks = PHYSICAL,
	.logical_mblocks = LOGICAL,
	.nr_slabs = 9,
};
static const struct bp_selector v = { .name = "v" };

static int setup_disks(void **state)
{
	struct world *w;

	setup(state);
	w = *state;
	assert_ok(fake_add_bdev(w->fake, "/dev/store", 8, 64, 4 * GIB));
	assert_ok(fake_add_bdev(w->fake, "/dev/small", 8, 80, 2 * GIB));
	return 0;
}

static void activate(struct world *w, const char *args)
{
	struct bp_table *t;
	char text[256];

	snprintf(text, sizeof(text), "0 %" PRIu64 " vdo %s\n",
		 bp_bytes_to_sector(bp_mblock_to_bytes(LOGICAL)), args);
	t = table(w, text);
	assert_ok(bp_device_create(w->ctx, "v", t, NULL, NULL));
	bp_table_free(t);
}

/* As a kernel says it, in short. */
static void has(struct world *w, const char *mode, int recovers, unsigned data)
{
	char stats[512];

	snprintf(stats, sizeof(stats),
		 "{ version : 36, dataBlocksUsed : %u, overheadBlocksUsed : 714762, "
		 "physicalBlocks : 786432, logicalBlocks : 65536, blockSize : 4096, mode : %s, "
		 "inRecoveryMode : %d, allocator : { slabCount : 9, }, biosIn : { read : 3, "
		 "write "
		 ": 7, }, }",
		 data, mode, recovers);
	fake_vdo(
		w->fake, stats,
		"{ version : 1, physicalSize : 3221225472, logicalSize : 268435456, slabSize : "
		"8192, index :  { memorySize : 0.25, isSparse : 0, }, }");
}

#define LINE "V4 /dev/store 786432 4096 32768 16380"

static int setup_volume(void **state)
{
	setup_disks(state);
	has(*state, "normal", 0, 1000);
	activate(*state, LINE);
	return 0;
}

static void assert_refused(struct world *w, int r, int errnum, enum bp_error_code code,
			   const char *why)
{
	assert_err(r, errnum);
	assert_int_equal(bp_error_get(w->ctx)->code, code);
	if (!strstr(bp_errmsg(w->ctx), why))
		fail_msg("'%s' is not in '%s'", why, bp_errmsg(w->ctx));
}

/* --- its table --- */

static void made_of_what_lies_on_the_device(void **state)
{
	struct bp_vdo params = { .compression = BP_ON, .max_discard_mblocks = { 64, true } };
	struct world *w = *state;
	struct bp_table *t;
	char *text;

	assert_ok(bp_vdo_table(w->ctx, &volume, "/dev/store", 0, NULL, &t));
	assert_ok(bp_table_format(w->ctx, t, &text));
	assert_string_equal(text, "0 524288 vdo V4 8:64 786432 4096 32768 16380\n");
	free(text);
	bp_table_free(t);
	assert_ok(bp_vdo_table(w->ctx, &volume, "/dev/store", GIB, &params, &t));
	assert_ok(bp_table_format(w->ctx, t, &text));
	assert_string_equal(text, "0 2097152 vdo V4 8:64 786432 4096 32768 16380 "
				  "maxDiscard 64 compression on\n");
	free(text);
	assert_ok(bp_device_create(w->ctx, "v", t, NULL, NULL));
	bp_table_free(t);
}

/* clang-format off */
static const struct {
	const char *storage;
	bp_bytes logical;
	struct bp_vdo params;
	int errnum;
	enum bp_error_code code;
	const char *why;
} tables[] = {
	{ "/dev/store", GIB + 1, { 0 }, EINVAL, BP_E_USAGE, "no multiple of 4096" },
	{ "/dev/store", 4096, { 0 }, EINVAL, BP_E_USAGE, "can't shrink to 4096" },
	{ "/dev/store", (bp_bytes)8 << 50, { 0 }, EINVAL, BP_E_USAGE, "over 4 PiB" },
	{ "/dev/store", 0, { .block_map_era = 16381 }, EINVAL, BP_E_TABLE, "16381 is more than 16380" },
	{ "/dev/store", 0, { .physical = { 10, true } }, EINVAL, BP_E_TABLE, "10 zones, but the volume has 9 slabs" },
	{ "/dev/store", 0, { .hash = { 1, true } }, EINVAL, BP_E_TABLE, "all be 0, or none" },
	{ "/dev/small", 0, { 0 }, ENOSPC, BP_E_TOO_SMALL, "786432 blocks, the device only 524288" },
	{ "/dev/none", 0, { 0 }, ENOENT, BP_E_NO_BLOCK_DEVICE, "/dev/none" },
};
/* clang-format on */

static void wrong_tables_are_refused(void **state)
{
	struct world *w = *state;
	struct bp_table *t;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		assert_refused(w,
			       bp_vdo_table(w->ctx, &volume, tables[i].storage,
					    tables[i].logical, &tables[i].params, &t),
			       tables[i].errnum, tables[i].code, tables[i].why);
}

/* --- asked --- */

static void answers_what_it_has(void **state)
{
	struct bp_vdo_config config = { .size = sizeof(config) };
	struct bp_vdo_stats stats = { .size = sizeof(stats) };
	struct world *w = *state;

	has(w, "normal", 0, 1000);
	assert_ok(bp_vdo_stats(w->ctx, &v, &stats));
	assert_int_equal(stats.data_mblocks, 1000);
	assert_int_equal(stats.slab_count, 9);
	assert_int_equal(stats.bios_in.write, 7);
	assert_ok(bp_vdo_config(w->ctx, &v, &config));
	assert_int_equal(config.physical_bytes, 3 * GIB);
	assert_int_equal(config.slab_bytes, 32 * MIB);
	assert_int_equal(config.index_memory_bytes, 256 * MIB);
	assert_ok(bp_vdo_set_compression(w->ctx, &v, true, 0));
	assert_ok(bp_vdo_set_deduplication(w->ctx, &v, false, 0));
}

static void only_a_vdo_is_asked(void **state)
{
	const struct bp_selector z = { .name = "z" }, nobody = { .name = "nobody" };
	struct bp_vdo_config config = { .size = sizeof(config) };
	struct bp_vdo_stats stats = { .size = sizeof(stats) };
	struct world *w = *state;

	assert_ok(create(w, "z", "0 8 zero\n"));
	assert_refused(w, bp_vdo_stats(w->ctx, &z, &stats), EINVAL, BP_E_USAGE,
		       "it is not a vdo");
	assert_refused(w, bp_vdo_config(w->ctx, &z, &config), EINVAL, BP_E_USAGE,
		       "it is not a vdo");
	assert_refused(w, bp_vdo_grow(w->ctx, &z, GIB, 0, 0), EINVAL, BP_E_USAGE,
		       "it is not a vdo");
	assert_refused(w, bp_vdo_stats(w->ctx, &nobody, &stats), ENXIO, BP_E_NO_DEVICE, "no");
	assert_refused(w, bp_vdo_grow(w->ctx, &nobody, GIB, 0, 0), ENXIO, BP_E_NO_DEVICE, "no");
}

/* --- grown --- */

static void assert_line(struct world *w, const char *text)
{
	assert_table(w, "v", 0, text);
}

static void grows_both_ways(void **state)
{
	struct world *w = *state;
	unsigned loads = fake_count(w->fake, OP_LOAD);

	assert_ok(bp_vdo_grow(w->ctx, &v, GIB, 0, 0));
	assert_line(w, "0 2097152 vdo V4 /dev/store 786432 4096 32768 16380\n");
	assert_ok(bp_vdo_grow(w->ctx, &v, 0, UINT64_MAX, 0));
	assert_line(w, "0 2097152 vdo V4 /dev/store 1048576 4096 32768 16380\n");
	/* It has all of its device already. */
	assert_ok(bp_vdo_grow(w->ctx, &v, 0, UINT64_MAX, 0));
	assert_int_equal(fake_count(w->fake, OP_LOAD), loads + 3);
}

static const struct {
	bp_bytes logical, physical;
	int errnum;
	enum bp_error_code code;
	const char *why;
} growths[] = {
	{ 4096, 0, EINVAL, BP_E_USAGE, "can't shrink" },
	{ GIB + 512, 0, EINVAL, BP_E_USAGE, "no multiple" },
	{ 0, 2 * GIB, EINVAL, BP_E_USAGE, "can't shrink to 2147483648" },
	{ 0, 5 * GIB, ENOSPC, BP_E_TOO_SMALL, "the device has only 4294967296" },
	{ 0, 3 * GIB + MIB, EINVAL, BP_E_TOO_SMALL, "1048576 bytes more are too few" },
};

static void refuses_to_grow_wrongly(void **state)
{
	struct world *w = *state;
	unsigned loads = fake_count(w->fake, OP_LOAD);

	for (size_t i = 0; i < ARRAY_SIZE(growths); i++)
		assert_refused(
			w, bp_vdo_grow(w->ctx, &v, growths[i].logical, growths[i].physical, 0),
			growths[i].errnum, growths[i].code, growths[i].why);
	assert_ok(fake_resize_bdev(w->fake, "/dev/store", (bp_bytes)1 << 40));
	assert_refused(w, bp_vdo_grow(w->ctx, &v, 0, UINT64_MAX, 0), EINVAL, BP_E_USAGE,
		       "more than 8192 slabs");
	has(w, "normal", 1, 0);
	assert_refused(w, bp_vdo_grow(w->ctx, &v, GIB, 0, 0), EBUSY, BP_E_POOL_STATE,
		       "while it recovers");
	has(w, "read-only", 0, 0);
	assert_refused(w, bp_vdo_grow(w->ctx, &v, GIB, 0, 0), EBUSY, BP_E_POOL_STATE,
		       "or is read-only");
	assert_int_equal(fake_count(w->fake, OP_LOAD), loads);
}

/* Whatever fails, it is told, and the table stays as it was. */
static void growing_fails_anywhere(void **state)
{
	struct world *w = *state;
	int r = -EIO;

	for (unsigned nth = 1; r < 0; nth++) {
		assert_true(nth < 50);
		fake_fail(w->fake, FAKE_ANY, nth, EIO);
		r = bp_vdo_grow(w->ctx, &v, GIB, 4 * GIB, 0);
		if (!fake_failed(w->fake))
			break;
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		if (r < 0)
			assert_line(w, "0 524288 vdo V4 /dev/store 786432 4096 32768 16380\n");
	}
	assert_ok(r);
}

#define D(f) cmocka_unit_test_setup_teardown(f, setup_disks, teardown)
#define V(f) cmocka_unit_test_setup_teardown(f, setup_volume, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		D(made_of_what_lies_on_the_device),
		D(wrong_tables_are_refused),
		V(answers_what_it_has),
		V(only_a_vdo_is_asked),
		V(grows_both_ways),
		V(refuses_to_grow_wrongly),
		V(growing_fails_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
