/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Damage on purpose. Which blocks there are to choose from is known from the same walk that shows
 * them; so it can be done to metadata that is damaged already, as far as that is readable.
 */
#include <bedplate/thin_generate.h>

#include "core/opts.h"
#include "formats/check/generate.h"
#include "formats/check/spoil.h"
#include "formats/thin/inspect.h"

#include <inttypes.h>

static const char *const what_names[] = {
	"block",       "superblock", "mapping-root",    "details-root",   "leaf", "inner",
	"data-bitmap", "data-index", "metadata-bitmap", "metadata-index", "any",  NULL,
};
const char *bp_spoil_what_name(enum bp_spoil_what what)
{
	return (size_t)what < ARRAY_SIZE(what_names) ? what_names[what] : NULL;
}

struct thin_spoil {
	struct spoil spoil;
	struct bp_inspect *in;
};

/* --- which blocks --- */

static int add(struct thin_spoil *s, bp_mblock block)
{
	return block < s->in->meta.nr_blocks ? spoil_add(&s->spoil, block) : 0;
}

static int add_nodes(struct thin_spoil *s, enum bp_inspect_tree tree, bool leaves, bool inner)
{
	const struct forest *f = &s->in->trees[tree];
	int r = 0;

	for (size_t i = 0; r == 0 && s->in->walked[tree] && i < f->nodes.count; i++) {
		const struct walk_node *node = &f->nodes.items[i];

		if (!node->error && (node->flags & WALK_IS_LEAF ? leaves : inner))
			r = add(s, node->block);
	}
	return r;
}

static int add_bitmaps_of(struct thin_spoil *s, const struct forest *f,
			  const struct walk_node *leaf)
{
	const struct sm_index_entry_disk *entries = forest_inner(f, leaf)->values;
	int r = 0;

	for (uint32_t k = 0; r == 0 && k < leaf->nr; k++)
		r = add(s, le64_get(entries[k].blocknr));
	return r;
}

static int add_data_bitmaps(struct thin_spoil *s)
{
	const struct forest *f = &s->in->trees[BP_TREE_DATA_INDEX];
	size_t nr = s->in->walked[BP_TREE_DATA_INDEX] ? f->nodes.count : 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++)
		if (!f->nodes.items[i].error && f->nodes.items[i].flags & WALK_IS_LEAF)
			r = add_bitmaps_of(s, f, &f->nodes.items[i]);
	return r;
}

static int add_metadata_bitmaps(struct thin_spoil *s)
{
	uint64_t nr = MIN(DIV_UP(s->in->live.metadata_sm.nr_blocks, SM_BITMAP_ENTRIES),
			  SM_INDEX_ENTRIES);
	int r = 0;

	for (uint64_t i = 0; s->in->index && r == 0 && i < nr; i++)
		r = add(s, le64_get(s->in->index->entries[i].blocknr));
	return r;
}

static int add_any(struct thin_spoil *s)
{
	int r = add(s, 0);

	for (int tree = 1; r == 0 && tree < INSPECT_TREES; tree++)
		r = add_nodes(s, (enum bp_inspect_tree)tree, true, true);
	if (r == 0)
		r = add_data_bitmaps(s);
	if (r == 0)
		r = add_metadata_bitmaps(s);
	if (r == 0 && s->in->index)
		r = add(s, s->in->live.metadata_sm.bitmap_root);
	if (r == 0 && s->in->has_snap)
		r = add(s, s->in->live.pub.metadata_snap);
	return r;
}

static int find_blocks(struct thin_spoil *s, const struct bp_spoil_opts *opts)
{
	const struct thin_sb *sb = &s->in->live;

	switch (opts->what) {
	case BP_SPOIL_BLOCK:
		return spoil_add_given(&s->spoil, opts->block);
	case BP_SPOIL_SUPERBLOCK:
		return add(s, 0);
	case BP_SPOIL_MAPPING_ROOT:
		return s->in->has_sb ? add(s, sb->pub.mapping_root) : 0;
	case BP_SPOIL_DETAILS_ROOT:
		return s->in->has_sb ? add(s, sb->pub.details_root) : 0;
	case BP_SPOIL_LEAF:
		return add_nodes(s, BP_TREE_MAPPINGS, true, false);
	case BP_SPOIL_INNER:
		return add_nodes(s, BP_TREE_MAPPINGS, false, true);
	case BP_SPOIL_DATA_BITMAP:
		return add_data_bitmaps(s);
	case BP_SPOIL_DATA_INDEX:
		return add_nodes(s, BP_TREE_DATA_INDEX, true, true);
	case BP_SPOIL_METADATA_BITMAP:
		return add_metadata_bitmaps(s);
	case BP_SPOIL_METADATA_INDEX:
		return s->in->has_sb ? add(s, sb->metadata_sm.bitmap_root) : 0;
	case BP_SPOIL_ANY:
		return add_any(s);
	}
	return bp_fail(s->spoil.ctx, -EINVAL, "no such choice of blocks");
}

/* The io, and all that can be shown of what is on it. */
static int open_spoil(struct thin_spoil *s, struct bp_ctx *ctx, const char *path,
		      const struct spoil_how *how)
{
	struct io *io;
	int r = io_open(ctx, path, IO_WRITE, &io);

	if (r < 0)
		return r;
	r = spoil_init(&s->spoil, ctx, io, how);
	if (r == 0)
		r = inspect_new_io(ctx, io, &s->in);
	if (r < 0) {
		spoil_done(&s->spoil);
		io_close(io);
	}
	return r;
}

static void close_spoil(struct thin_spoil *s)
{
	spoil_done(&s->spoil);
	bp_inspect_free(s->in); /* and the io */
}

int bp_thin_spoil(struct bp_ctx *ctx, const char *path, const struct bp_spoil_opts *opts)
{
	struct bp_spoil_opts o;
	struct spoil_how how;
	struct thin_spoil s;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	how = (struct spoil_how){ o.how, o.nr_blocks, o.seed, o.spoiled, o.user };
	r = open_spoil(&s, ctx, path, &how);
	if (r < 0)
		return r;
	r = find_blocks(&s, &o);
	if (r == -ENOMEM)
		bp_fail_memory(ctx);
	if (r == 0)
		r = spoil_some(&s.spoil, what_names[o.what]);
	close_spoil(&s);
	return r;
}

/* --- the superblock --- */

struct superblock_change {
	bp_mblock mapping_root, details_root, metadata_snap;
	int needs_check; /* -1: as it is */
};

static void change_superblock(void *buf, const void *how)
{
	struct thin_superblock_disk *disk = buf;
	const struct superblock_change *c = how;
	uint32_t flags = le32_get(disk->flags);

	if (c->mapping_root != BP_NONE)
		disk->data_mapping_root = le64_make(c->mapping_root);
	if (c->details_root != BP_NONE)
		disk->device_details_root = le64_make(c->details_root);
	if (c->metadata_snap != BP_NONE)
		disk->held_root = le64_make(c->metadata_snap);
	if (c->needs_check >= 0)
		disk->flags = le32_make(c->needs_check ? flags | THIN_FLAG_NEEDS_CHECK
						       : flags & ~THIN_FLAG_NEEDS_CHECK);
}

static int usable(struct bp_ctx *ctx, const void *superblock)
{
	return thin_sb_check(ctx, superblock, 0);
}

static const struct generate_superblock superblock = {
	.kind = BLOCK_THIN_SUPERBLOCK,
	.map_root = offsetof(struct thin_superblock_disk, metadata_space_map_root),
	.check = usable,
};

int bp_thin_override(struct bp_ctx *ctx, const char *path, bp_mblock mapping_root,
		     bp_mblock details_root, bp_mblock metadata_snap)
{
	const struct superblock_change c = { mapping_root, details_root, metadata_snap, -1 };

	return generate_change(&superblock, ctx, path, change_superblock, &c);
}

int bp_thin_set_needs_check(struct bp_ctx *ctx, const char *path, bool value)
{
	const struct superblock_change c = { BP_NONE, BP_NONE, BP_NONE, value };

	return generate_change(&superblock, ctx, path, change_superblock, &c);
}

int bp_thin_leak(struct bp_ctx *ctx, const char *path, uint64_t nr_blocks, unsigned expected,
		 unsigned actual)
{
	const struct leak leak = { nr_blocks, expected, actual };

	if (expected == actual)
		return bp_fail(ctx, -EINVAL, "reference counts from 0 to 2 can be changed");
	return generate_leak(&superblock, ctx, path, &leak);
}
