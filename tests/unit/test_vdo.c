/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vdo format written: against what its own formatter wrote; and what is told of active volumes. */
#include "vdo_files.h"

#include "formats/vdo/vdo.h"

#include <bedplate/vdo_device.h>

#include <inttypes.h>

/* --- formatting --- */

struct golden {
	char name[64], uuid[33], geometry[203], super[877];
	uint64_t bytes, quarters, logical, nonce, super_at;
	unsigned bits, sparse;
};

static void unhex(const char *text, uint8_t *to, size_t len)
{
	unsigned byte;

	for (size_t i = 0; i < len; i++) {
		assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
		to[i] = (uint8_t)byte;
	}
}

static void assert_block(const uint8_t *block, const char *hex, size_t len)
{
	static const uint8_t zeros[IO_BLOCK];
	uint8_t want[512];

	unhex(hex, want, len);
	assert_memory_equal(block, want, len);
	assert_memory_equal(block + len, zeros, IO_BLOCK - len);
}

/* Geometry and super block are as wanted, and nothing else has any data. */
static void assert_file(const char *path, const struct golden *g)
{
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	bp_mblock begin, end, at = 0;
	struct io *io;

	assert_ok(io_open(ctx, path, 0, &io));
	assert_ok(io_read(io, 0, 1, block));
	assert_block(block, g->geometry, 101);
	assert_ok(io_read(io, g->super_at, 1, block));
	assert_block(block, g->super, 438);
	while (io_data_next(io, at, &begin, &end) == 0 && begin < io->nr_blocks) {
		for (at = begin; at < end; at++) {
			if (at == 0 || at == g->super_at)
				continue;
			assert_ok(io_read(io, at, 1, block));
			assert_true(block[0] == 0 &&
				    memcmp(block, block + 1, IO_BLOCK - 1) == 0);
		}
	}
	io_close(io);
}

static void format_one(const struct golden *g)
{
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	struct bp_vdo_volume v = { .size = sizeof(v) };
	uint8_t uuid[16];
	struct bp_vdo_format_opts opts = {
		.size = sizeof(opts),
		.index_sparse = g->sparse,
		.logical_bytes = g->logical,
		.slab_bytes = bp_mblock_to_bytes(UINT64_C(1) << g->bits),
		.index_memory_bytes = g->quarters << 28,
		.nonce = g->nonce,
		.uuid = uuid,
	};
	const char *path = sparse("new.img", g->bytes);

	unhex(g->uuid, uuid, sizeof(uuid));
	assert_ok(bp_vdo_plan(ctx, g->bytes, &opts, &v));
	vdo_geometry_encode(&v, block);
	assert_block(block, g->geometry, 101);
	vdo_super_encode(&v, block);
	assert_block(block, g->super, 438);
	if (!path)
		return;
	assert_ok(bp_vdo_format(ctx, path, &opts, NULL));
	assert_file(path, g);
}

static void formats_as_the_reference(void **state)
{
	FILE *f = fopen(TEST_DATA "/vdo-formatted.tsv", "re");
	char line[2048];
	unsigned nr = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct golden g = { "" };

		if (line[0] == '#')
			continue;
		assert_int_equal(sscanf(line,
					"%63s %" SCNu64 " %u %" SCNu64 " %u %" SCNu64
					" %" SCNu64 " %32s %" SCNu64 " %202s %876s",
					g.name, &g.bytes, &g.bits, &g.quarters, &g.sparse,
					&g.logical, &g.nonce, g.uuid, &g.super_at, g.geometry,
					g.super),
				 11);
		format_one(&g);
		nr++;
	}
	fclose(f);
	assert_int_equal(nr, 16);
}

/* Device of exactly the least size, and a block less; the most that 8192 slabs can take. */
static void knows_its_limits(void **state)
{
	static const struct {
		unsigned bits;
		uint64_t least_bytes, most_mblocks;
	} rows[] = {
		{ 13, 2949992448, 67829076 },     { 14, 2983546880, 134946132 },
		{ 15, 3050655744, 269180244 },    { 16, 3184873472, 537648468 },
		{ 17, 3453308928, 1074584916 },   { 18, 3990179840, 2148457812 },
		{ 19, 5063921664, 4296203604 },   { 20, 7211405312, 8591695188 },
		{ 21, 11506372608, 17182678356 }, { 22, 20096307200, 34364644692 },
		{ 23, 37276176384, 68719476736 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bp_vdo_format_opts opts = {
			.size = sizeof(opts),
			.slab_bytes = bp_mblock_to_bytes(UINT64_C(1) << rows[i].bits),
		};
		struct bp_vdo_volume v = { .size = sizeof(v) };
		bp_bytes least, most = bp_mblock_to_bytes(rows[i].most_mblocks);

		assert_ok(bp_vdo_minimum(ctx, &opts, &least));
		assert_int_equal(least, rows[i].least_bytes);
		assert_ok(bp_vdo_plan(ctx, least, &opts, &v));
		assert_int_equal(v.nr_slabs, 1);
		assert_err(bp_vdo_plan(ctx, least - 1, &opts, &v), ENOSPC);
		assert_int_equal(bp_error_get(ctx)->code, BP_E_TOO_SMALL);
		assert_ok(bp_vdo_plan(ctx, most, &opts, &v));
		assert_true(v.nr_slabs <= BP_VDO_SLABS_MAX);
		assert_err(bp_vdo_plan(ctx, most + BP_MBLOCK_BYTES, &opts, &v), EFBIG);
	}
}

static void sizes_the_index(void **state)
{
	static const struct {
		uint64_t memory, dense, sparse;
	} rows[] = {
		{ 256 * MIB, 679127, 5822251 },    { 512 * MIB, 1366399, 11726359 },
		{ 768 * MIB, 2053669, 17630467 },  { GIB, 2732747, 23452645 },
		{ 2 * GIB, 5496229, 46928887 },    { 4 * GIB, 11058007, 93909179 },
		{ 16 * GIB, 44777475, 376068883 }, { 64 * GIB, 181329075, 1506041331 },
		{ TIB, 2972616243, 24153506003 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bp_vdo_volume v = { .index_memory_bytes = rows[i].memory };

		assert_int_equal(vdo_index_mblocks(&v), rows[i].dense);
		v.index_sparse = true;
		assert_int_equal(vdo_index_mblocks(&v), rows[i].sparse);
	}
}

static void works_out_what_is_needed(void **state)
{
	struct bp_vdo_needs needs = { .size = sizeof(needs) };
	struct bp_vdo_format_opts opts = { .size = sizeof(opts), .slab_bytes = 32 * MIB };
	struct bp_vdo_volume v = { .size = sizeof(v) };

	(void)state;
	assert_ok(bp_vdo_plan(ctx, 3 * GIB, &opts, &v));
	assert_ok(bp_vdo_needs(ctx, &v, 0, &needs));
	assert_int_equal(needs.usable_bytes, 9 * 7966 * UINT64_C(4096));
	assert_int_equal(needs.index_bytes, 2781704192);
	assert_int_equal(needs.window_bytes, 256 * GIB);
	assert_int_equal(needs.metadata_bytes + needs.usable_bytes + needs.unused_bytes,
			 3 * GIB);
	/* Measured: 408 MB; with a cache of 1024 blocks 265 MB. */
	assert_in_range(needs.memory_bytes, 396000000, 420000000);
	assert_ok(bp_vdo_needs(ctx, &v, 1024, &needs));
	assert_in_range(needs.memory_bytes, 257000000, 273000000);
	/* 4 PiB of logical size take 6.9 GB for the block map. */
	opts.logical_bytes = 4096 * TIB;
	assert_ok(bp_vdo_plan(ctx, 3 * GIB, &opts, &v));
	assert_ok(bp_vdo_needs(ctx, &v, 1024, &needs));
	assert_in_range(needs.memory_bytes, 7000000000, 7400000000);
}

static void refuses_bad_sizes(void **state)
{
	static const struct {
		struct bp_vdo_format_opts opts;
		const char *why;
	} rows[] = {
		{ { .slab_bytes = 16 * MIB }, "slab size" },
		{ { .slab_bytes = 64 * GIB }, "slab size" },
		{ { .slab_bytes = 48 * MIB }, "slab size" },
		{ { .slab_bytes = 32 * MIB + 1 }, "slab size" },
		{ { .index_memory_bytes = 128 * MIB }, "index memory" },
		{ { .index_memory_bytes = GIB + 256 * MIB }, "index memory" },
		{ { .index_memory_bytes = 1025 * GIB }, "index memory" },
		{ { .logical_bytes = 4095 }, "multiple of 4096" },
		{ { .logical_bytes = 4096 * TIB + 4096 }, "over 4 PiB" },
	};
	struct bp_vdo_volume v = { .size = sizeof(v) };
	const char *path = sparse("bad.img", 6 * GIB);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bp_vdo_format_opts opts = rows[i].opts;

		opts.size = sizeof(opts);
		assert_err(bp_vdo_plan(ctx, 6 * GIB, &opts, &v), EINVAL);
		assert_why(rows[i].why);
		assert_err(bp_vdo_format(ctx, path, &opts, NULL), EINVAL);
	}
}

static void count_found(void *user, const char *what)
{
	assert_string_equal(what, "vdo");
	++*(unsigned *)user;
}

/* What is there is told and stays, but for force; a dry run leaves all as it is. */
static void overwrites_only_when_forced(void **state)
{
	struct bp_vdo_format_opts opts = { .size = sizeof(opts), .found = count_found };
	struct bp_vdo_volume v = { .size = sizeof(v) };
	const char *path = sparse("twice.img", 6 * GIB);
	struct bp_vdo_image *image;
	unsigned found = 0;
	uint64_t nonce;

	(void)state;
	opts.user = &found;
	assert_ok(bp_vdo_format(ctx, path, &opts, &v));
	nonce = v.nonce;
	assert_true(nonce > 0);
	assert_err(bp_vdo_format(ctx, path, &opts, &v), EEXIST);
	assert_why("it holds something already: vdo");
	assert_int_equal(bp_error_get(ctx)->code, BP_E_METADATA_EXISTS);
	opts.flags = BP_VDO_FORMAT_FORCE | BP_VDO_FORMAT_DRY_RUN;
	assert_ok(bp_vdo_format(ctx, path, &opts, &v));
	assert_ok(bp_vdo_open(ctx, path, 0, &image));
	assert_int_equal(bp_vdo_volume_get(image)->nonce, nonce);
	bp_vdo_close(image);
	opts.flags = BP_VDO_FORMAT_FORCE;
	assert_ok(bp_vdo_format(ctx, path, &opts, &v));
	assert_int_equal(found, 2);
	assert_true(v.nonce != nonce);
}

/* --- interrupted --- */

#define STALE_BLOCKS 70

/* A device whose places to be zeroed hold something, and a volume's geometry is first. */
static struct io *stale_io(const struct bp_vdo_volume *v, struct io_fault_plan *plan)
{
	const char *path = sparse("fault.img", bp_mblock_to_bytes(v->physical_mblocks));
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	struct io *io, *fault;

	assert_ok(io_open(ctx, path, IO_OUTPUT, &io));
	vdo_geometry_encode(v, block);
	assert_ok(io_write(io, 0, 1, block));
	memset(block, 0xa5, IO_BLOCK);
	assert_ok(io_write(io, 1, 1, block));
	for (unsigned i = 0; i < STALE_BLOCKS; i++)
		assert_ok(io_write(io, v->root_start_mblock + i, 1, block));
	assert_ok(io_write(io, v->journal_start_mblock, 1, block));
	assert_ok(io_fault_new(io, plan, &fault));
	return fault;
}

/* Whatever write or flush fails, what is left is no volume, or all of one. */
static void interrupted_it_is_no_volume(void **state)
{
	struct bp_vdo_format_opts opts = {
		.size = sizeof(opts),
		.slab_bytes = 32 * MIB,
		.nonce = 7,
		.uuid = (const uint8_t *)"0123456789abcdef",
	};
	const enum io_fault_what kinds[] = { IO_FAULT_WRITE_NTH, IO_FAULT_FLUSH_NTH };
	struct bp_vdo_volume v = { .size = sizeof(v) };

	(void)state;
	assert_ok(bp_vdo_plan(ctx, 3 * GIB, &opts, &v));
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		int r = -EIO;

		for (uint64_t at = 0; r < 0; at++) {
			struct io_fault_plan plan = { kinds[kind], at, -EIO };
			struct io *io = stale_io(&v, &plan);
			struct bp_vdo_image *image = NULL;
			struct bp_vdo_volume made = v;

			assert_true(at < 1000);
			r = vdo_format_io(ctx, io, &opts, &made);
			assert_true(r == 0 || r == -EIO);
			if (vdo_open_io(ctx, io, &image) == 0) {
				/* Only the last flush may fail with all in its place. */
				assert_true(r == 0 || kinds[kind] == IO_FAULT_FLUSH_NTH);
				free(image);
			} else {
				assert_true(r < 0);
			}
			io_close(io);
		}
	}
}

/* --- active volumes: what can be tried without a kernel --- */

static char *read_text(const char *name)
{
	char path[256], *text = calloc(1, 8192);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_true(fread(text, 1, 8191, f) > 0);
	fclose(f);
	return text;
}

/* The numbers of a kernel's answer, and what vdostats made of them: 91 % used, 68 % saved. */
static void reads_statistics(void **state)
{
	struct bp_vdo_stats s = { .size = sizeof(s) };
	char *text = read_text("vdo-stats-6.12.txt");

	(void)state;
	assert_ok(bp_vdo_stats_parse(ctx, text, &s));
	free(text);
	assert_int_equal(s.version, 36);
	assert_int_equal(s.mode, BP_VDO_NORMAL);
	assert_int_equal(s.data_mblocks, 262);
	assert_int_equal(s.overhead_mblocks, 714762);
	assert_int_equal(s.physical_mblocks, 786432);
	assert_int_equal(s.used_mblocks, 715024);
	assert_int_equal(s.free_mblocks, 786432 - 715024);
	assert_int_equal(s.saving_percent, 6858);
	assert_int_equal(s.write_amplification, 49);
	assert_int_equal(s.journal_entries_started, 260);
	assert_int_equal(s.map_found_in_cache, 509);
	assert_int_equal(s.bios_meta_completed.empty_flush, 126);
	assert_int_equal(s.bios_in.write, 256);
	assert_int_equal(s.memory_peak_bytes, 264717736);
	assert_int_equal(s.index_entries, 312);
	assert_int_equal(s.index_posts_found, 256);
}

static void reads_settings(void **state)
{
	struct bp_vdo_config c = { .size = sizeof(c) };
	char *text = read_text("vdo-config-6.12.txt");

	(void)state;
	assert_ok(bp_vdo_config_parse(ctx, text, &c));
	free(text);
	assert_int_equal(c.physical_bytes, 3221225472);
	assert_int_equal(c.logical_bytes, 292556800);
	assert_int_equal(c.slab_bytes, 32 * MIB);
	assert_int_equal(c.index_memory_bytes, 256 * MIB);
	assert_false(c.index_sparse);
}

/* Counters that were not loaded, and wrapped, are not handed on; unknown names are passed over. */
static void reads_odd_statistics(void **state)
{
	static const char *const bad[] = {
		"",
		"normal",
		"{ a",
		"{ a : ",
		"{ a : { b : 1",
		"{ a : }",
		"{ a : { b : { c : { d : { e : { f : 1 } } } } } }",
	};
	struct bp_vdo_stats s = { .size = sizeof(s) };

	(void)state;
	assert_ok(bp_vdo_stats_parse(
		ctx,
		"{ mode : read-only, dataBlocksUsed : 18446744073709551600, "
		"overheadBlocksUsed : 10, physicalBlocks : 20, new : { x : 1, "
		"y : word, }, }",
		&s));
	assert_int_equal(s.mode, BP_VDO_READ_ONLY);
	assert_false(s.space_known);
	assert_true(s.data_mblocks == BP_NONE && s.used_mblocks == BP_NONE &&
		    s.saving_percent == BP_NONE);
	assert_int_equal(s.physical_mblocks, 20);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_err(bp_vdo_stats_parse(ctx, bad[i], &s), EINVAL);
}

/* Journal and summary must move, and a slab must come of what is added. */
static void knows_how_far_to_grow(void **state)
{
	struct bp_vdo_format_opts opts = { .size = sizeof(opts), .slab_bytes = 32 * MIB };
	struct bp_vdo_volume v = { .size = sizeof(v) };
	const bp_mblock move = 32768 + 64;
	bp_bytes most;

	(void)state;
	assert_ok(bp_vdo_plan(ctx, 3 * GIB, &opts, &v));
	assert_ok(bp_vdo_grow_check(ctx, &v, 0, 0));
	assert_ok(bp_vdo_grow_check(ctx, &v, bp_mblock_to_bytes(v.logical_mblocks), 3 * GIB));
	assert_ok(bp_vdo_grow_check(ctx, &v, 4096 * TIB, 4 * GIB));
	assert_err(bp_vdo_grow_check(ctx, &v, 4096 * TIB + 4096, 0), EINVAL);
	assert_err(bp_vdo_grow_check(ctx, &v, 4096, 0), EINVAL);
	assert_why("can't shrink");
	assert_err(bp_vdo_grow_check(ctx, &v, 0, 3 * GIB - 4096), EINVAL);
	assert_ok(bp_vdo_grow_check(ctx, &v, 0, bp_mblock_to_bytes(786432 + move)));
	assert_err(bp_vdo_grow_check(ctx, &v, 0, bp_mblock_to_bytes(786432 + move - 1)),
		   EINVAL);
	assert_int_equal(bp_error_get(ctx)->code, BP_E_TOO_SMALL);
	/* Large slabs: a slab decides. */
	opts.slab_bytes = 2 * GIB;
	assert_ok(bp_vdo_plan(ctx, 6 * GIB, &opts, &v));
	assert_err(bp_vdo_grow_check(ctx, &v, 0, bp_mblock_to_bytes(1760596)), EINVAL);
	assert_ok(bp_vdo_grow_check(ctx, &v, 0, bp_mblock_to_bytes(1760597)));
	most = bp_mblock_to_bytes(4296203604);
	assert_ok(bp_vdo_grow_check(ctx, &v, 0, most));
	assert_err(bp_vdo_grow_check(ctx, &v, 0, most + 4096), EFBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_as_the_reference),
		cmocka_unit_test(knows_its_limits),
		cmocka_unit_test(sizes_the_index),
		cmocka_unit_test(works_out_what_is_needed),
		cmocka_unit_test(refuses_bad_sizes),
		cmocka_unit_test(overwrites_only_when_forced),
		cmocka_unit_test(interrupted_it_is_no_volume),
		cmocka_unit_test(reads_statistics),
		cmocka_unit_test(reads_settings),
		cmocka_unit_test(reads_odd_statistics),
		cmocka_unit_test(knows_how_far_to_grow),
	};

	return cmocka_run_group_tests_name("vdo", tests, prepare, finish);
}
