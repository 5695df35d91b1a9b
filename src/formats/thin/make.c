/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is left to write once all mapping trees are: details, roots, space maps, and at last the
 * superblock.
 */
#include "formats/thin/make.h"

#include <inttypes.h>

int thin_make_init(struct thin_make *m, struct bp_ctx *ctx, struct io *io)
{
	m->ctx = ctx;
	return build_init(&m->build, ctx, io);
}

void thin_make_done(struct thin_make *m)
{
	for (size_t i = 0; i < m->defs.count; i++)
		thin_def_done(&m->defs.items[i].def);
	vec_done(&m->defs);
	vec_done(&m->devices);
	thin_map_done(&m->map);
	build_done(&m->build);
}

/* The space map for all data blocks must fit, used or not: say so before anything is built. */
static int check_room(struct thin_make *m, uint64_t nr)
{
	bp_mblock wanted;

	if (nr > THIN_DATA_BLOCKS_MAX)
		return bp_fail(m->ctx, -EINVAL,
			       "%" PRIu64 " data blocks: a pool has at most %" PRIu64, nr,
			       (uint64_t)THIN_DATA_BLOCKS_MAX);
	wanted = build_data_sm_blocks(nr);
	if (wanted < m->build.nr_blocks)
		return 0;
	return bp_fail(m->ctx, -ENOSPC,
		       "out of metadata space: to count %" PRIu64 " data blocks takes %" PRIu64
		       " metadata blocks, the output has %" PRIu64,
		       nr, wanted, m->build.nr_blocks);
}

int thin_make_begin(struct thin_make *m, bp_dblock nr_data_blocks)
{
	int r = check_room(m, nr_data_blocks);

	return r < 0 ? r : thin_map_init(&m->map, &m->build, nr_data_blocks);
}

int thin_make_add(struct thin_make *m, const struct thin_made_device *device)
{
	return vec_add(&m->devices, device) < 0 ? bp_fail_memory(m->ctx) : 0;
}

/* --- what devices share --- */

int thin_make_def(struct thin_make *m)
{
	struct thin_made_def def = { .newest = m->newest };
	int r = thin_map_end_def(&m->map, &def.def);

	m->newest = 0;
	if (r < 0)
		return r;
	if (vec_add(&m->defs, &def) < 0) {
		thin_def_done(&def.def);
		return bp_fail_memory(m->ctx);
	}
	return 0;
}

void thin_make_device(struct thin_make *m, uint32_t snapshotted_time)
{
	m->first_fresh = m->map.fresh.count;
	m->map.fresh_from = snapshotted_time;
	m->need = 0;
}

int thin_make_settle(struct thin_make *m)
{
	size_t only = m->only;

	m->only = 0;
	return only ? thin_map_def(&m->map, &m->defs.items[only - 1].def) : 0;
}

/* The first one waits: perhaps its tree is the device's whole tree. */
int thin_make_use(struct thin_make *m, size_t i)
{
	int r;

	m->need = MAX(m->need, m->defs.items[i].newest + 1);
	if (m->map.mapped == 0 && !m->only) {
		m->only = i + 1;
		return 0;
	}
	r = thin_make_settle(m);
	return r < 0 ? r : thin_map_def(&m->map, &m->defs.items[i].def);
}

int thin_make_tree(struct thin_make *m, bp_mblock *ret_root, uint64_t *ret_mapped)
{
	struct thin_made_def *only = m->only ? &m->defs.items[m->only - 1] : NULL;
	int r;

	m->newest = 0;
	if (only && only->root) {
		m->only = 0;
		*ret_root = only->root;
		*ret_mapped = only->def.mapped;
		return 0;
	}
	r = thin_make_settle(m);
	if (r == 0)
		r = thin_map_end_device(&m->map, ret_root, ret_mapped);
	if (r == 0 && only)
		only->root = *ret_root;
	return r;
}

int thin_make_shared(struct thin_make *m, struct thin_made_device *device)
{
	thin_make_raise(m, device, m->need);
	device->first_fresh = m->first_fresh;
	device->nr_fresh = m->map.fresh.count - m->first_fresh;
	m->map.fresh_from = UINT32_MAX;
	return thin_make_add(m, device);
}

/* --- the rest of the metadata --- */

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = ((const struct thin_made_device *)a)->id;
	uint64_t y = ((const struct thin_made_device *)b)->id;

	return x < y ? -1 : x > y;
}

/* Devices are sorted by id by then, as a tree wants them. */
static int write_details(struct thin_make *m, bp_mblock *ret_root)
{
	struct build_tree t;
	int r;

	r = build_tree_init(&t, &m->build, sizeof(struct thin_details_disk));
	for (size_t i = 0; r == 0 && i < m->devices.count; i++)
		r = build_tree_add(&t, m->devices.items[i].id, &m->devices.items[i].details);
	if (r == 0)
		r = build_tree_finish(&t, ret_root);
	if (r == 0)
		r = build_ref(&m->build, *ret_root);
	build_tree_done(&t);
	return r;
}

/* With them the counts of all leaves that are in use are above 0. */
static int count_roots(struct thin_make *m)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->devices.count; i++)
		r = build_ref(&m->build, m->devices.items[i].root);
	return r;
}

/* Roots of devices by id: the tree of trees that the superblock names. */
static int write_top_level(struct thin_make *m, bp_mblock *ret_root)
{
	struct build_tree t;
	int r;

	r = build_tree_init(&t, &m->build, sizeof(le64));
	for (size_t i = 0; r == 0 && i < m->devices.count; i++) {
		le64 root = le64_make(m->devices.items[i].root);

		r = build_tree_add(&t, m->devices.items[i].id, &root);
	}
	if (r == 0)
		r = build_tree_finish(&t, ret_root);
	if (r == 0)
		r = build_ref(&m->build, *ret_root);
	build_tree_done(&t);
	return r;
}

/*
 * The kernel takes a mapping newer than a later snapshot for unshared and would overwrite what
 * the snapshot holds; a clock that is too high is harmless, until it ends. A creation_time means
 * nothing to it.
 */
static uint32_t clock_for_all(struct thin_make *m)
{
	uint64_t time = MAX(m->time, (uint64_t)m->map.time_max);

	for (size_t i = 0; i < m->devices.count; i++)
		time = MAX(time,
			   (uint64_t)le32_get(m->devices.items[i].details.snapshotted_time));
	time = MIN(time, THIN_TIME_MAX);
	if (time != m->time)
		bp_warn(m->ctx,
			"the superblock's time %" PRIu64 " is below a time in it: %" PRIu64
			" is written",
			m->time, time);
	if (time >= THIN_TIME_NEAR)
		bp_warn(m->ctx,
			"the superblock's time is %" PRIu64
			"; each snapshot adds one, and above "
			"%u kernels spoil mappings: restore with lower times",
			time, THIN_TIME_MAX);
	return (uint32_t)time;
}

struct superblock_parts {
	const struct thin_make *m;
	struct sm_root_disk data_sm;
	bp_mblock mapping_root, details_root;
};

/*
 * Flags are clear and there is no metadata snapshot, whatever the input had: the new
 * metadata is sound.
 */
static void fill_superblock(void *user, const struct sm_root_disk *metadata_sm,
			    bp_mblock nr_blocks, void *data)
{
	const struct superblock_parts *parts = user;
	struct thin_superblock_disk *disk = data;

	disk->magic = le64_make(THIN_MAGIC);
	disk->version = le32_make(THIN_VERSION);
	disk->time = le32_make((uint32_t)parts->m->time);
	disk->trans_id = le64_make(parts->m->transaction_id);
	memcpy(disk->data_space_map_root, &parts->data_sm, sizeof(parts->data_sm));
	memcpy(disk->metadata_space_map_root, metadata_sm, sizeof(*metadata_sm));
	disk->data_mapping_root = le64_make(parts->mapping_root);
	disk->device_details_root = le64_make(parts->details_root);
	disk->data_block_size = le32_make(parts->m->data_block_sectors);
	disk->metadata_block_size = le32_make(THIN_METADATA_BLOCK_SECTORS);
	disk->metadata_nr_blocks = le64_make(nr_blocks);
}

/*
 * Counts of roots before leaves that nobody uses are dropped; times before details are
 * written; the superblock last of all.
 */
int thin_make_finish(struct thin_make *m)
{
	struct superblock_parts parts = { .m = m };
	int r;

	if (m->devices.count > 0)
		qsort(m->devices.items, m->devices.count, sizeof(m->devices.items[0]),
		      compare_ids);
	r = count_roots(m);
	for (size_t i = 0; r == 0 && i < m->defs.count; i++)
		r = thin_map_mark_unused(&m->map, &m->defs.items[i].def);
	if (r == 0)
		r = thin_map_drop_unused(&m->map);
	if (r == 0)
		r = thin_make_raise_shared(m);
	if (r < 0)
		return r;
	m->time = clock_for_all(m);
	r = write_details(m, &parts.details_root);
	if (r == 0)
		r = write_top_level(m, &parts.mapping_root);
	if (r == 0)
		r = build_data_sm(&m->build, &m->map.data, &parts.data_sm);
	if (r == 0)
		r = build_finish(&m->build, BLOCK_THIN_SUPERBLOCK, fill_superblock, &parts);
	return r;
}
