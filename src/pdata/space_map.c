/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the structure of a space map: its index and its reference count tree, not its bitmaps. */
#include "pdata/space_map.h"

static const char *const error_names[SM_ERRORS] = {
	[SM_OK] = "no error",
	[SM_IO] = "cannot be read",
	[SM_RANGE] = "is past the end of the metadata",
	[SM_CSUM] = "bad checksum",
	[SM_KIND] = "a block of another kind",
	[SM_BLOCKNR] = "says that it is another block",
	[SM_MISSING] = "has no index entry",
	[SM_SHARED] = "is in the index twice",
};

const char *sm_error_name(enum sm_error error)
{
	return error_names[error];
}

enum sm_error sm_block_check(const void *data, enum block_kind kind, bp_mblock block)
{
	switch (block_check(data, kind, block)) {
	case BLOCK_OK:
		return SM_OK;
	case BLOCK_BAD_CSUM:
		return SM_CSUM;
	case BLOCK_BAD_KIND:
		return SM_KIND;
	case BLOCK_MISPLACED:
		break;
	}
	return SM_BLOCKNR;
}

/*
 * @nr_blocks comes from disk: more than the metadata's own bitmaps could hold is refused,
 * before memory is asked for.
 */
int space_map_init(struct space_map *sm, struct meta *meta, const struct sm_root *root,
		   bool on_tree)
{
	uint64_t most = on_tree ? meta->nr_blocks * SM_BITMAP_ENTRIES : META_MAX_BLOCKS;
	int r;

	if (root->nr_blocks > most)
		return -EUCLEAN;
	*sm = (struct space_map){
		.meta = meta,
		.root = *root,
		.on_tree = on_tree,
		.nr_bitmaps = DIV_UP(root->nr_blocks, SM_BITMAP_ENTRIES),
		.index = { .meta = meta,
			   .value_size = sizeof(struct sm_index_entry_disk),
			   .keep_leaves = true },
		.counts = { .meta = meta, .value_size = sizeof(le32), .keep_leaves = true },
	};
	sm->bitmaps = calloc_many(MAX(sm->nr_bitmaps, 1), sizeof(*sm->bitmaps));
	if (!sm->bitmaps)
		return -ENOMEM;
	for (uint64_t i = 0; i < sm->nr_bitmaps; i++)
		sm->bitmaps[i].error = SM_MISSING;
	r = on_tree ? forest_init(&sm->index) : 0;
	return r < 0 ? r : forest_init(&sm->counts);
}

void space_map_done(struct space_map *sm)
{
	forest_done(&sm->index);
	forest_done(&sm->counts);
	free(sm->bitmaps);
	sm->bitmaps = NULL;
}

/* --- reading index and tree --- */

struct reading {
	struct space_map *sm;
	int (*count)(void *user, bp_mblock block);
	void *user;
};

static bool in_range(const struct space_map *sm, uint64_t block)
{
	return block != 0 && block < sm->meta->nr_blocks;
}

static int count_pointer(const struct reading *rd, uint64_t block)
{
	return in_range(rd->sm, block) ? rd->count(rd->user, block) : 0;
}

/* The pointer is counted even if its bitmap is damaged: the reference is there. */
static int add_entry(const struct reading *rd, uint64_t i,
		     const struct sm_index_entry_disk *entry, uint32_t leaf)
{
	struct sm_bitmap *b = &rd->sm->bitmaps[i];

	b->block = le64_get(entry->blocknr);
	b->nr_free = le32_get(entry->nr_free);
	b->none_free_before = le32_get(entry->none_free_before);
	b->leaf = leaf;
	b->error = in_range(rd->sm, b->block) ? SM_OK : SM_RANGE;
	return count_pointer(rd, b->block);
}

/* The metadata's index is one block of 255 entries, the data's a tree: so it is on disk. */
static int read_index_block(const struct reading *rd)
{
	struct space_map *sm = rd->sm;
	_cleanup_(freep) struct sm_index_disk *disk = io_buffer_new(1);
	int r = 0;

	if (!disk)
		return -ENOMEM;
	if (!in_range(sm, sm->root.bitmap_root))
		sm->index_error = SM_RANGE;
	else if (io_read(sm->meta->io, sm->root.bitmap_root, 1, disk) < 0)
		sm->index_error = SM_IO;
	else
		sm->index_error = sm_block_check(disk, BLOCK_INDEX, sm->root.bitmap_root);

	for (uint64_t i = 0; r == 0 && !sm->index_error && i < sm->nr_bitmaps; i++)
		r = add_entry(rd, i, &disk->entries[i], 0);
	return r;
}

/* Entries of one leaf of the index tree. */
static int index_leaf(void *user, const struct walk_node *leaf)
{
	const struct reading *rd = user;
	const struct walk_inner *inner = forest_inner(&rd->sm->index, leaf);
	const struct sm_index_entry_disk *entries = inner->values;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++) {
		if (inner->keys[i] < rd->sm->nr_bitmaps)
			r = add_entry(rd, inner->keys[i], &entries[i], leaf->block);
		else
			rd->sm->nr_extra++;
	}
	return r;
}

/* What is lost of the tree leaves its bitmaps SM_MISSING. */
static int read_index_tree(const struct reading *rd)
{
	struct space_map *sm = rd->sm;
	struct forest_visitor visitor = { .leaf = index_leaf, .user = (void *)(uintptr_t)rd };
	int r;

	sm->index.child = rd->count;
	sm->index.user = rd->user;
	r = forest_walk(&sm->index, &sm->root.bitmap_root, 1);
	return r < 0 ? r : forest_visit(&sm->index, sm->root.bitmap_root, &visitor);
}

/* Index, then the tree of counts. @count is told of each pointer, for the metadata's own counts. */
int space_map_read(struct space_map *sm, int (*count)(void *user, bp_mblock block), void *user)
{
	struct reading rd = { .sm = sm, .count = count, .user = user };
	int r = count_pointer(&rd, sm->root.bitmap_root);

	if (r == 0)
		r = count_pointer(&rd, sm->root.ref_count_root);
	if (r == 0)
		r = sm->on_tree ? read_index_tree(&rd) : read_index_block(&rd);
	if (r < 0)
		return r;
	sm->counts.child = count;
	sm->counts.user = user;
	return forest_walk(&sm->counts, &sm->root.ref_count_root, 1);
}
