/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening metadata to look at it, and decoding a block. Nothing here judges: what is damaged is
 * shown as it is.
 */
#include "formats/thin/inspect.h"

#include "pdata/refuse.h"

#include <inttypes.h>

_Static_assert((int)BP_BLOCK_ARRAY + 1 == (int)BLOCK_KINDS &&
		       (int)BP_BLOCK_NODE == (int)BLOCK_NODE,
	       "the public kinds are ours, all of them");

static const char *const tree_names[] = {
	[BP_TREE_NONE] = "none",
	[BP_TREE_TOP_LEVEL] = "mapping tree (top level)",
	[BP_TREE_DETAILS] = "device details tree",
	[BP_TREE_MAPPINGS] = "mapping tree",
	[BP_TREE_DATA_INDEX] = "data space map index",
	[BP_TREE_DATA_COUNTS] = "data reference counts",
	[BP_TREE_METADATA_COUNTS] = "metadata reference counts",
};

const char *bp_inspect_tree_name(enum bp_inspect_tree tree)
{
	return (size_t)tree < ARRAY_SIZE(tree_names) ? tree_names[tree] : "unknown";
}

static const uint32_t value_sizes[INSPECT_TREES] = {
	[BP_TREE_TOP_LEVEL] = sizeof(le64),
	[BP_TREE_DETAILS] = sizeof(struct thin_details_disk),
	[BP_TREE_MAPPINGS] = sizeof(le64),
	[BP_TREE_DATA_INDEX] = sizeof(struct sm_index_entry_disk),
	[BP_TREE_DATA_COUNTS] = sizeof(le32),
	[BP_TREE_METADATA_COUNTS] = sizeof(le32),
};

/* --- opening --- */

/* Leaves are kept but for mappings, as pointers to blocks are in them. */
static int walk(struct bp_inspect *in, enum bp_inspect_tree tree, const uint64_t *roots,
		size_t nr)
{
	struct forest *f = &in->trees[tree];
	int r;

	f->meta = &in->meta;
	f->value_size = value_sizes[tree];
	f->keep_leaves = tree != BP_TREE_MAPPINGS;
	r = forest_init(f);
	if (r == 0)
		r = forest_walk(f, roots, nr);
	in->walked[tree] = r == 0;
	return r;
}

static int collect_roots(struct bp_inspect *in, bp_mblock top, bp_mblock details,
			 struct thin_devices *ret)
{
	return thin_devices_join(&in->trees[BP_TREE_TOP_LEVEL], top,
				 &in->trees[BP_TREE_DETAILS], details, ret);
}

/* Live devices and the snapshot's. */
static int walk_mappings(struct bp_inspect *in)
{
	_cleanup_(thin_devices_done) struct thin_devices snap = { 0 };
	_cleanup_(freep) uint64_t *roots = NULL;
	size_t nr = 0;
	int r = collect_roots(in, in->live.pub.mapping_root, in->live.pub.details_root,
			      &in->devices);

	if (r == 0 && in->has_snap)
		r = collect_roots(in, in->snap.pub.mapping_root, in->snap.pub.details_root,
				  &snap);
	if (r < 0)
		return r;
	roots = calloc(in->devices.list.count + snap.list.count + 1, sizeof(*roots));
	if (!roots)
		return -ENOMEM;
	for (size_t i = 0; i < in->devices.list.count; i++)
		if (in->devices.list.items[i].has_root)
			roots[nr++] = in->devices.list.items[i].root;
	for (size_t i = 0; i < snap.list.count; i++)
		if (snap.list.items[i].has_root)
			roots[nr++] = snap.list.items[i].root;
	return walk(in, BP_TREE_MAPPINGS, roots, nr);
}

/* Every tree, as the question is what leads to a block. */
static int walk_all(struct bp_inspect *in)
{
	const uint64_t tops[] = { in->live.pub.mapping_root, in->snap.pub.mapping_root };
	const uint64_t details[] = { in->live.pub.details_root, in->snap.pub.details_root };
	size_t nr = in->has_snap ? 2 : 1;
	int r = walk(in, BP_TREE_TOP_LEVEL, tops, nr);

	if (r == 0)
		r = walk(in, BP_TREE_DETAILS, details, nr);
	if (r == 0)
		r = walk_mappings(in);
	if (r == 0)
		r = walk(in, BP_TREE_DATA_INDEX, &in->live.data_sm.bitmap_root, 1);
	if (r == 0)
		r = walk(in, BP_TREE_DATA_COUNTS, &in->live.data_sm.ref_count_root, 1);
	if (r == 0)
		r = walk(in, BP_TREE_METADATA_COUNTS, &in->live.metadata_sm.ref_count_root, 1);
	return r;
}

/* A block that is of @kind, copied to @buf. */
static bool read_kind(struct bp_inspect *in, bp_mblock block, enum block_kind kind, void *buf)
{
	return block < in->meta.nr_blocks && io_read(in->meta.io, block, 1, buf) == 0 &&
	       block_kind_of(buf) == kind;
}

/* Without one only single blocks can be shown. */
static void read_superblocks(struct bp_inspect *in)
{
	in->has_sb = read_kind(in, 0, BLOCK_THIN_SUPERBLOCK, in->block);
	if (!in->has_sb)
		return;
	thin_sb_decode(in->block, 0, &in->live);
	in->has_snap =
		in->live.pub.metadata_snap &&
		read_kind(in, in->live.pub.metadata_snap, BLOCK_THIN_SUPERBLOCK, in->block);
	if (in->has_snap)
		thin_sb_decode(in->block, in->live.pub.metadata_snap, &in->snap);
}

/* The metadata's index is no tree: 255 entries in one block. */
static int read_index(struct bp_inspect *in)
{
	bp_mblock block = in->live.metadata_sm.bitmap_root;

	if (!in->has_sb || !read_kind(in, block, BLOCK_INDEX, in->block))
		return 0;
	in->index = malloc(IO_BLOCK);
	if (!in->index)
		return -ENOMEM;
	memcpy(in->index, in->block, IO_BLOCK);
	return 0;
}

static void free_all(struct bp_inspect *in)
{
	for (int i = 1; i < INSPECT_TREES; i++)
		forest_done(&in->trees[i]);
	thin_devices_done(&in->devices);
	free(in->index);
	free(in->block);
	free(in);
}

/* Owns @take_io from here on, unless it fails. */
int inspect_new_io(struct bp_ctx *ctx, struct io *take_io, struct bp_inspect **ret)
{
	struct bp_inspect *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return bp_fail_memory(ctx);
	in->meta = meta_of(ctx, take_io, 0);
	in->decoded.block = BP_NONE;
	in->block = io_buffer_new(1);
	r = in->block ? 0 : -ENOMEM;
	if (r == 0) {
		read_superblocks(in);
		r = read_index(in);
	}
	if (r == 0 && in->has_sb)
		r = walk_all(in);
	if (r < 0) {
		free_all(in);
		return r == -ENOMEM ? bp_fail_memory(ctx) : r;
	}
	if (!in->has_sb)
		superblock_warn(ctx, take_io);
	*ret = in;
	return 0;
}

int bp_inspect_new(struct bp_ctx *ctx, const char *path, struct bp_inspect **ret)
{
	struct io *io;
	int r = io_open(ctx, path, 0, &io);

	if (r < 0)
		return r;
	r = inspect_new_io(ctx, io, ret);
	if (r < 0)
		io_close(io);
	return r;
}

void bp_inspect_free(struct bp_inspect *inspect)
{
	if (!inspect)
		return;
	io_close(inspect->meta.io);
	free_all(inspect);
}

bp_mblock bp_inspect_blocks(const struct bp_inspect *inspect)
{
	return inspect->meta.nr_blocks;
}

/* --- a block --- */

enum bp_inspect_tree inspect_tree_of(const struct bp_inspect *in, bp_mblock block)
{
	for (int i = 1; i < INSPECT_TREES; i++)
		if (in->walked[i] && forest_node(&in->trees[i], block))
			return (enum bp_inspect_tree)i;
	return BP_TREE_NONE;
}

/* What the values of a node that nothing leads to look like. */
static enum bp_inspect_tree guess_tree(const struct btree_node_disk *node)
{
	uint32_t size = le32_get(node->value_size);

	for (int i = BP_TREE_DETAILS; i < INSPECT_TREES; i++)
		if (value_sizes[i] == size)
			return (enum bp_inspect_tree)i;
	return BP_TREE_NONE;
}

/* BP_NONE: it can't be known, for damage on the way. */
static uint64_t stored_count(struct bp_inspect *in, bp_mblock block)
{
	uint64_t bitmap = block / SM_BITMAP_ENTRIES, entry = block % SM_BITMAP_ENTRIES;
	_Alignas(IO_BLOCK) uint8_t buf[IO_BLOCK];
	const struct sm_bitmap_disk *disk = (const struct sm_bitmap_disk *)(const void *)buf;
	uint32_t bits;
	le32 count;

	if (!in->index || block >= in->live.metadata_sm.nr_blocks ||
	    bitmap >= SM_INDEX_ENTRIES ||
	    !read_kind(in, le64_get(in->index->entries[bitmap].blocknr), BLOCK_BITMAP, buf))
		return BP_NONE;
	bits = (uint32_t)(sm_word_swap(le64_get(disk->words[entry / 32])) >>
				  (2 * (entry % 32)) &
			  3);
	if (bits < 3)
		return bits;
	if (btree_lookup(&in->meta, in->live.metadata_sm.ref_count_root, sizeof(count), block,
			 &count) < 0)
		return BP_NONE;
	return le32_get(count);
}

/* Of a node that nothing leads to, the tree is guessed by its looks. */
static void decode_node(struct bp_inspect *in, struct bp_inspected *b)
{
	const struct btree_node_disk *disk = (const void *)in->block;
	enum node_error error;
	struct node node;

	b->leaf = le32_get(disk->flags) == NODE_LEAF;
	b->nr_entries = le32_get(disk->nr_entries);
	b->max_entries = le32_get(disk->max_entries);
	b->value_size = le32_get(disk->value_size);
	if (b->tree == BP_TREE_NONE)
		b->tree = guess_tree(disk);
	error = node_decode(in->block, b->block, b->tree ? value_sizes[b->tree] : b->value_size,
			    &node);
	b->node_error = error ? node_error_name(error) : NULL;
}

static int one_ref(void *user, const struct bp_inspect_ref *ref)
{
	(void)user, (void)ref;
	return 1;
}

/* Also damaged ones: that is what it is for. */
int bp_inspect_block(struct bp_inspect *in, bp_mblock block, struct bp_inspected *ret)
{
	struct bp_inspected b = { .block = block };
	enum block_kind kind;
	uint8_t sealed[IO_BLOCK];
	int r;

	if (block >= in->meta.nr_blocks)
		return bp_fail(in->meta.ctx, -ERANGE,
			       "block %" PRIu64 ": the metadata has %" PRIu64 " blocks", block,
			       in->meta.nr_blocks);
	r = meta_read(&in->meta, block, in->block);
	if (r < 0)
		return r;
	kind = block_kind_of(in->block);
	b.kind = (enum bp_block_kind)kind;
	b.kind_name = block_kind_name(kind);
	b.zero = block_is_zero(in->block);
	b.stored_csum = le32_get(*(const le32 *)(const void *)in->block);
	b.stored_number = block_number(in->block, kind);
	memcpy(sealed, in->block, IO_BLOCK);
	block_seal(sealed, kind ? kind : BLOCK_NODE, b.stored_number);
	b.expected_csum = le32_get(*(const le32 *)(const void *)sealed);
	b.tree = inspect_tree_of(in, block);
	b.reachable = bp_inspect_refs(in, block, one_ref, NULL) != 0 || block == 0;
	b.ref_count = stored_count(in, block);
	if (kind == BLOCK_THIN_SUPERBLOCK) {
		struct thin_sb sb;

		thin_sb_decode(in->block, block, &sb);
		b.superblock = sb.pub;
	}
	if (kind == BLOCK_NODE || (b.tree && kind == BLOCK_UNKNOWN && !b.zero))
		decode_node(in, &b);
	in->decoded = b;
	*ret = b;
	return 0;
}
