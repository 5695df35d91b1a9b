/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vdo format read and checked: what kernels wrote, and damage. */
#include "vdo_files.h"

#include "formats/vdo/vdo.h"

#include <bedplate/vdo_device.h>

#include <inttypes.h>

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

static int note_last(void *user, const struct vdo_place *place, const struct vdo_mapping *to)
{
	uint64_t *last = user;

	(void)to;
	if (place->height == 0)
		*last = MAX(*last, place->logical);
	return 0;
}

static void note_kind(void *user, const struct bp_damage *damage)
{
	unsigned *nr = user;

	*nr += damage->kind == BP_DAMAGE_KEY_RANGE;
}

/* A volume that ends behind its last mapping has all of them; one block shorter, one is past its end. */
static void the_logical_end_is_exact(void **state)
{
	const char *path = used("clean");
	uint64_t last = 0;
	struct vdo_map_visitor visitor = { note_last, no_bad_page, &last };
	struct bp_vdo_image *image;

	(void)state;
	assert_ok(bp_vdo_open(ctx, path, 0, &image));
	assert_ok(vdo_map_walk(image, &visitor));
	bp_vdo_close(image);
	assert_int_not_equal(last, 0);
	for (unsigned shorter = 0; shorter < 2; shorter++) {
		uint64_t old = patch(path, SUPER, 60, 8, last + 1 - shorter, true);
		struct bp_vdo_check_result res = { .size = sizeof(res) };
		unsigned nr = 0;
		struct bp_vdo_check_opts opts = {
			.size = sizeof(opts),
			.damage = note_kind,
			.user = &nr,
		};

		assert_ok(bp_vdo_check(ctx, path, &opts, &res));
		patch(path, SUPER, 60, 8, old, true);
		assert_int_equal(res.volume.logical_mblocks, last + 1 - shorter);
		assert_int_equal(nr, shorter);
		assert_int_equal(res.nr_mappings, 578 - shorter);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_used_volumes),
		cmocka_unit_test(walks_the_block_map),
		cmocka_unit_test(counts_what_slabs_hold),
		cmocka_unit_test(finds_nothing_in_sound_volumes),
		cmocka_unit_test(finds_damage),
		cmocka_unit_test(the_logical_end_is_exact),
		cmocka_unit_test(survives_unreadable_blocks),
		cmocka_unit_test(can_be_stopped),
		cmocka_unit_test(says_what_is_no_volume),
		cmocka_unit_test(asks_for_a_rebuild),
	};

	return cmocka_run_group_tests_name("vdo_check", tests, prepare, finish);
}
