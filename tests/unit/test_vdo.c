/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vdo format: against what its own formatter and kernels wrote, and against damage. */
#include "context_test.h"

#include "formats/vdo/vdo.h"

#include <bedplate/vdo_device.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

static char dir[] = "/tmp/test-vdo.XXXXXX";

static void shell(const char *fmt, ...) _printf_(1, 2);

static void shell(const char *fmt, ...)
{
	char command[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static const char *path_of(const char *name)
{
	static char path[4][128];
	static unsigned i;

	i = (i + 1) % 4; /* some are used at a time */
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

/* One of the used volumes, unpacked once. */
static const char *used(const char *name)
{
	char file[64];

	snprintf(file, sizeof(file), "used-%s.img", name);
	if (access(path_of(file), F_OK) < 0)
		shell("tar -xJSf " TEST_DATA "/vdo-used-%s.img.tar.xz -C %s", name, dir);
	return path_of(file);
}

static const char *sparse(const char *name, uint64_t bytes)
{
	const char *path = path_of(name);
	int fd;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	if (ftruncate(fd, (off_t)bytes) < 0)
		path = NULL; /* more than this file system takes */
	close(fd);
	return path;
}

static int prepare(void **state)
{
	return mkdtemp(dir) ? setup(state) : -1;
}

static int finish(void **state)
{
	shell("rm -rf %s", dir);
	return teardown(state);
}

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

/* --- looking --- */

static void reads_used_volumes(void **state)
{
	static const struct {
		const char *name;
		uint32_t volume_state;
	} rows[] = {
		{ "clean", BP_VDO_STATE_CLEAN },
		{ "dirty", BP_VDO_STATE_DIRTY },
		{ "readonly", BP_VDO_STATE_READ_ONLY },
		{ "force-rebuild", BP_VDO_STATE_FORCE_REBUILD },
	};
	static const uint8_t uuid[] = { 0x34, 0x6a, 0x61, 0xb1, 0xa2, 0x48, 0x48, 0x25,
					0xab, 0x34, 0xf3, 0xaf, 0xe9, 0xa3, 0xac, 0x56 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct bp_vdo_volume *v;
		struct bp_vdo_image *image;

		assert_ok(bp_vdo_open(ctx, used(rows[i].name), 0, &image));
		v = bp_vdo_volume_get(image);
		assert_int_equal(v->state, rows[i].volume_state);
		assert_int_equal(v->nonce, 1795337010808449);
		assert_memory_equal(v->uuid, uuid, sizeof(uuid));
		assert_int_equal(v->logical_mblocks, 71425);
		assert_int_equal(v->physical_mblocks, 786432);
		assert_int_equal(v->slab_mblocks, 8192);
		assert_int_equal(v->nr_slabs, 9);
		assert_int_equal(v->journal_sequence, 4);
		assert_int_equal(v->logical_used_mblocks, 578);
		assert_int_equal(v->map_mblocks, 20);
		assert_int_equal(v->nr_zones, 1);
		assert_int_equal(v->root_start_mblock, 679129);
		assert_int_equal(v->depot_start_mblock, 679189);
		assert_int_equal(v->depot_mblocks, 74411);
		assert_int_equal(v->journal_start_mblock, 753600);
		assert_int_equal(v->summary_start_mblock, 786368);
		assert_int_equal(v->complete_recoveries + v->read_only_recoveries, 0);
		bp_vdo_close(image);
	}
}

static int print_entry(void *user, const struct vdo_place *place, const struct vdo_mapping *to)
{
	fprintf(user,
		"PBN %" PRIu64 "\t slot %u\t height %u\t-> PBN %" PRIu64
		" (compression state %u)\n",
		place->page, place->slot, place->height, to->block, to->state);
	return 0;
}

static int no_bad_page(void *user, const struct vdo_place *parent, bp_mblock page,
		       enum bp_damage_kind kind, const char *why)
{
	(void)user;
	(void)parent;
	(void)kind;
	fail_msg("page %" PRIu64 ": %s", page, why);
	return -EIO;
}

/* Every entry of the block map is where the reference finds it. */
static void walks_the_block_map(void **state)
{
	struct vdo_map_visitor visitor = { print_entry, no_bad_page, NULL };
	struct bp_vdo_image *image;
	FILE *f = fopen(path_of("map.txt"), "we");

	(void)state;
	assert_non_null(f);
	visitor.user = f;
	assert_ok(bp_vdo_open(ctx, used("clean"), 0, &image));
	assert_ok(vdo_map_walk(image, &visitor));
	bp_vdo_close(image);
	fclose(f);
	shell("xz -dc " TEST_DATA
	      "/vdo-used-clean.blockmap.txt.xz | grep ^PBN | sort > %s/want && "
	      "sort %s/map.txt | diff - %s/want",
	      dir, dir, dir);
}

static int add_slab(void *user, const struct bp_vdo_slab *slab)
{
	uint64_t *totals = user;

	totals[0] += slab->used_mblocks;
	totals[1] += slab->opened;
	totals[2] += slab->map_mblocks;
	return 0;
}

static void counts_what_slabs_hold(void **state)
{
	uint64_t totals[3] = { 0 };
	struct bp_vdo_image *image;

	(void)state;
	assert_ok(bp_vdo_open(ctx, used("clean"), 0, &image));
	assert_ok(bp_vdo_slabs(image, add_slab, totals));
	bp_vdo_close(image);
	assert_int_equal(totals[0], 262 + 20);
	assert_int_equal(totals[1], 1);
	assert_int_equal(totals[2], 20);
}

/* --- checking --- */

struct found {
	unsigned nr;
	enum bp_damage_kind kind;
	enum bp_damage_place place;
	enum bp_harm harm;
	char what[320];
};

static void on_damage(void *user, const struct bp_damage *damage)
{
	struct found *found = user;

	assert_non_null(damage->what);
	assert_string_not_equal(bp_damage_place_name(damage->place), "unknown");
	if (found->nr++ == 0 || damage->harm > found->harm) {
		found->kind = damage->kind;
		found->place = damage->place;
		found->harm = damage->harm;
		snprintf(found->what, sizeof(found->what), "%s", damage->what);
	}
}

static struct bp_vdo_check_result check(const char *path, struct found *found)
{
	struct bp_vdo_check_result res = { .size = sizeof(res) };
	struct bp_vdo_check_opts opts = {
		.size = sizeof(opts),
		.damage = on_damage,
		.user = found,
	};

	*found = (struct found){ 0 };
	assert_ok(bp_vdo_check(ctx, path, &opts, &res));
	return res;
}

static void finds_nothing_in_sound_volumes(void **state)
{
	const char *const names[] = { "clean", "dirty", "readonly", "force-rebuild" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct found found;
		struct bp_vdo_check_result res = check(used(names[i]), &found);

		assert_true(res.volume_ok);
		assert_int_equal(found.nr, 0);
		assert_int_equal(res.counts_final, i == 0);
		assert_int_equal(res.nr_mappings, 578);
		assert_int_equal(res.nr_zero, 16);
		assert_int_equal(res.nr_compressed, 54);
		assert_int_equal(res.nr_compressed_mblocks, 4);
		assert_int_equal(res.nr_data_mblocks, 262);
		assert_int_equal(res.nr_map_pages, 20);
	}
}

/* Change bytes of a block, and put right the checksum of geometry and super block. */
static uint64_t patch(const char *path, bp_mblock nr, unsigned at, unsigned bytes,
		      uint64_t value, bool seal)
{
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	unsigned len = nr == 0 ? 97 : 434;
	uint64_t old = 0;
	uint32_t crc;
	struct io *io;

	assert_ok(io_open(ctx, path, IO_WRITE, &io));
	assert_ok(io_read(io, nr, 1, block));
	memcpy(&old, block + at, bytes);
	memcpy(block + at, &value, bytes);
	crc = vdo_crc32(block, len);
	if (seal)
		memcpy(block + len, &crc, sizeof(crc));
	assert_ok(io_write(io, nr, 1, block));
	io_close(io);
	return old;
}

#define SUPER 679128
#define LEAF  679192
#define LEAF2 679193 /* of logical blocks 0 to 811 */

static const struct damage {
	const char *name;
	bp_mblock block;
	unsigned at, bytes;
	uint64_t value;
	bool seal;
	enum bp_damage_kind kind;
	enum bp_damage_place place;
	enum bp_harm harm;
} damages[] = {
	{ "geometry checksum", 0, 32, 1, 0xff, false, BP_DAMAGE_CHECKSUM, BP_PLACE_VDO_GEOMETRY,
	  BP_HARM_FATAL },
	{ "geometry version", 0, 12, 4, 6, true, BP_DAMAGE_WRONG_KIND, BP_PLACE_VDO_GEOMETRY,
	  BP_HARM_FATAL },
	{ "regions", 0, 80, 8, 0, true, BP_DAMAGE_SUPERBLOCK, BP_PLACE_VDO_GEOMETRY,
	  BP_HARM_FATAL },
	{ "super block past the end", 0, 80, 8, UINT64_C(1) << 60, true, BP_DAMAGE_POINTER,
	  BP_PLACE_VDO_GEOMETRY, BP_HARM_FATAL },
	{ "index memory", 0, 88, 4, 0, true, BP_DAMAGE_SUPERBLOCK, BP_PLACE_VDO_GEOMETRY,
	  BP_HARM_FATAL },
	{ "super block checksum", SUPER, 44, 1, 9, false, BP_DAMAGE_CHECKSUM,
	  BP_PLACE_SUPERBLOCK, BP_HARM_FATAL },
	{ "super block nonce", SUPER, 100, 8, 5, true, BP_DAMAGE_SUPERBLOCK,
	  BP_PLACE_SUPERBLOCK, BP_HARM_FATAL },
	{ "super block version", SUPER, 4, 4, 13, true, BP_DAMAGE_WRONG_KIND,
	  BP_PLACE_SUPERBLOCK, BP_HARM_FATAL },
	{ "slab size", SUPER, 76, 8, 0, true, BP_DAMAGE_SUPERBLOCK, BP_PLACE_SUPERBLOCK,
	  BP_HARM_FATAL },
	{ "huge slab size", SUPER, 76, 8, UINT64_C(1) << 63, true, BP_DAMAGE_SUPERBLOCK,
	  BP_PLACE_SUPERBLOCK, BP_HARM_FATAL },
	{ "physical size", SUPER, 68, 8, 786433, true, BP_DAMAGE_SUPERBLOCK,
	  BP_PLACE_SUPERBLOCK, BP_HARM_FATAL },
	{ "a state that is none", SUPER, 40, 4, 9, true, BP_DAMAGE_SUPERBLOCK,
	  BP_PLACE_SUPERBLOCK, BP_HARM_NONFATAL },
	{ "partition twice", SUPER, 145, 1, 1, true, BP_DAMAGE_SUPERBLOCK, BP_PLACE_SUPERBLOCK,
	  BP_HARM_FATAL },
	{ "zones", SUPER, 381, 1, 17, true, BP_DAMAGE_SUPERBLOCK, BP_PLACE_SUPERBLOCK,
	  BP_HARM_FATAL },
	{ "logical blocks used", SUPER, 273, 8, 577, true, BP_DAMAGE_NR_ALLOCATED,
	  BP_PLACE_SUPERBLOCK, BP_HARM_NONFATAL },
	{ "leaf misplaced", LEAF, 16, 8, 1, false, BP_DAMAGE_MISPLACED, BP_PLACE_VDO_BLOCK_MAP,
	  BP_HARM_FATAL },
	{ "leaf of another volume", LEAF, 8, 8, 1, false, BP_DAMAGE_WRONG_KIND,
	  BP_PLACE_VDO_BLOCK_MAP, BP_HARM_FATAL },
	{ "root of another version", 679129, 0, 4, 3, false, BP_DAMAGE_WRONG_KIND,
	  BP_PLACE_VDO_BLOCK_MAP, BP_HARM_FATAL },
	{ "mapping into the index", LEAF, 36, 5, 0x0000000a01, false, BP_DAMAGE_POINTER,
	  BP_PLACE_VDO_BLOCK_MAP, BP_HARM_FATAL },
	{ "mapping to a page of the map", LEAF, 36, 5, UINT64_C(679190) << 8 | 1, false,
	  BP_DAMAGE_CROSS_LINK, BP_PLACE_VDO_BLOCK_MAP, BP_HARM_FATAL },
	{ "a page that is its own child", 679190, 36, 5, UINT64_C(679190) << 8 | 1, false,
	  BP_DAMAGE_CROSS_LINK, BP_PLACE_VDO_BLOCK_MAP, BP_HARM_FATAL },
	{ "a compressed page", 679190, 36, 5, UINT64_C(679191) << 8 | 2, false,
	  BP_DAMAGE_NODE_HEADER, BP_PLACE_VDO_BLOCK_MAP, BP_HARM_FATAL },
	{ "a part of a plain block", LEAF, 36, 5, UINT64_C(679193) << 8 | 3, false,
	  BP_DAMAGE_DATA_BLOCK, BP_PLACE_VDO_BLOCK_MAP, BP_HARM_FATAL },
	{ "a mapping lost", LEAF, 36, 5, 0, false, BP_DAMAGE_COUNT, BP_PLACE_VDO_COUNTS,
	  BP_HARM_NONFATAL },
	{ "a count too low", 679189 + 7966, 8 + 4, 1, 1, false, BP_DAMAGE_COUNT,
	  BP_PLACE_VDO_COUNTS, BP_HARM_FATAL },
	{ "a leak", 679189 + 7966, 8 + 400, 1, 3, false, BP_DAMAGE_LEAK, BP_PLACE_VDO_COUNTS,
	  BP_HARM_NONFATAL },
	{ "a tail past the journal", 786368, 0, 1, 224, false, BP_DAMAGE_INDEX,
	  BP_PLACE_VDO_SLAB_SUMMARY, BP_HARM_FATAL },
};

/* Damage is a result; and with it undone there is none. */
static void finds_damage(void **state)
{
	const char *path = used("clean");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		const struct damage *d = &damages[i];
		struct found found;
		uint64_t old = patch(path, d->block, d->at, d->bytes, d->value, d->seal);
		struct bp_vdo_check_result res = check(path, &found);

		patch(path, d->block, d->at, d->bytes, old, d->seal);
		if (found.nr == 0 || found.kind != d->kind || found.place != d->place ||
		    found.harm != d->harm)
			fail_msg("%s: %u found, %s in %s, %s: %s", d->name, found.nr,
				 bp_damage_kind_name(found.kind),
				 bp_damage_place_name(found.place), bp_harm_name(found.harm),
				 found.what);
		assert_true(res.nr_fatal + res.nr_nonfatal > 0);
	}
	finds_nothing_in_sound_volumes(state);
}

/* Each block that can't be read is told, and nothing else falls over it. */
static void survives_unreadable_blocks(void **state)
{
	const bp_mblock blocks[] = { 0, SUPER, 679129, 679190, LEAF, 679189 + 7966, 786368 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		struct io_fault_plan plan = { IO_FAULT_READ_BLOCK, blocks[i], -EIO };
		struct bp_vdo_check_result res = { .size = sizeof(res) };
		struct found found = { 0 };
		struct bp_vdo_check_opts opts = {
			.size = sizeof(opts),
			.damage = on_damage,
			.user = &found,
		};
		struct io *io, *fault;

		assert_ok(io_open(ctx, used("clean"), 0, &io));
		assert_ok(io_fault_new(io, &plan, &fault));
		assert_ok(vdo_check_io(ctx, fault, &opts, &res));
		io_close(fault);
		assert_int_equal(found.kind, BP_DAMAGE_IO);
		assert_true(res.nr_fatal > 0);
	}
}

static int stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
	(void)stage;
	(void)done;
	(void)total;
	return --*(int *)user == 0;
}

static void can_be_stopped(void **state)
{
	int after = 3;
	struct bp_vdo_check_result res = { .size = sizeof(res) };
	struct bp_vdo_check_opts opts = {
		.size = sizeof(opts),
		.progress = stop,
		.user = &after,
	};

	(void)state;
	assert_err(bp_vdo_check(ctx, used("clean"), &opts, &res), ECANCELED);
}

static void says_what_is_no_volume(void **state)
{
	struct bp_vdo_check_result res = { .size = sizeof(res) };
	const char *path = sparse("empty.img", 8 * MIB);
	struct bp_vdo_image *image;

	(void)state;
	assert_err(bp_vdo_open(ctx, path, 0, &image), EINVAL);
	assert_int_equal(bp_error_get(ctx)->code, BP_E_NOT_METADATA);
	assert_err(bp_vdo_check(ctx, path, NULL, &res), EINVAL);
	assert_err(bp_vdo_open(ctx, path_of("missing"), 0, &image), ENOENT);
	res.size = 0;
	assert_err(bp_vdo_check(ctx, used("clean"), NULL, &res), EINVAL);
}

/* Only a read-only volume is; nothing but its state changes. */
static void asks_for_a_rebuild(void **state)
{
	struct bp_vdo_volume before;
	struct bp_vdo_image *image;
	const char *path = path_of("rebuild.img");

	(void)state;
	shell("cp --sparse=always %s %s", used("readonly"), path);
	assert_ok(bp_vdo_open(ctx, path, 0, &image));
	before = *bp_vdo_volume_get(image);
	bp_vdo_close(image);
	assert_ok(bp_vdo_force_rebuild(ctx, path));
	assert_ok(bp_vdo_open(ctx, path, 0, &image));
	before.state = BP_VDO_STATE_FORCE_REBUILD;
	assert_memory_equal(bp_vdo_volume_get(image), &before, sizeof(before));
	bp_vdo_close(image);
	assert_err(bp_vdo_force_rebuild(ctx, path), EINVAL);
	assert_why("not read-only, but force-rebuild");
	assert_err(bp_vdo_force_rebuild(ctx, used("clean")), EINVAL);
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
		cmocka_unit_test(reads_used_volumes),
		cmocka_unit_test(walks_the_block_map),
		cmocka_unit_test(counts_what_slabs_hold),
		cmocka_unit_test(finds_nothing_in_sound_volumes),
		cmocka_unit_test(finds_damage),
		cmocka_unit_test(survives_unreadable_blocks),
		cmocka_unit_test(can_be_stopped),
		cmocka_unit_test(says_what_is_no_volume),
		cmocka_unit_test(asks_for_a_rebuild),
		cmocka_unit_test(reads_statistics),
		cmocka_unit_test(reads_settings),
		cmocka_unit_test(reads_odd_statistics),
		cmocka_unit_test(knows_how_far_to_grow),
	};

	return cmocka_run_group_tests_name("vdo", tests, prepare, finish);
}
