/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Damage on purpose. Which blocks there are to choose from is known from the same walk that shows
 * them; so it can be done to metadata that is damaged already, as far as that is readable.
 */
#include <bedplate/thin_generate.h>

#include "core/opts.h"
#include "formats/thin/inspect.h"

#include <inttypes.h>

static const char *const what_names[] = {
	"block",       "superblock", "mapping-root",    "details-root",   "leaf", "inner",
	"data-bitmap", "data-index", "metadata-bitmap", "metadata-index", "any",  NULL,
};
static const char *const how_names[] = { "zero", "flip", "noise", "checksum", "number", NULL };

const char *bp_spoil_what_name(enum bp_spoil_what what)
{
	return (size_t)what < ARRAY_SIZE(what_names) ? what_names[what] : NULL;
}

const char *bp_spoil_how_name(enum bp_spoil_how how)
{
	return (size_t)how < ARRAY_SIZE(how_names) ? how_names[how] : NULL;
}

struct spoil {
	struct bp_ctx *ctx;
	struct bp_thin_spoil_opts opts;
	struct io *io;
	struct bp_inspect *in;
	VEC(bp_mblock) blocks; /* to choose from, each once */
	uint64_t rng;
};

static uint64_t pick(struct spoil *s, uint64_t below)
{
	s->rng ^= s->rng << 13;
	s->rng ^= s->rng >> 7;
	s->rng ^= s->rng << 17;
	return (s->rng >> 16) % below;
}

/* --- which blocks --- */

static int add(struct spoil *s, bp_mblock block)
{
	if (block >= s->in->meta.nr_blocks)
		return 0;
	return vec_add(&s->blocks, &block);
}

static int add_nodes(struct spoil *s, enum bp_inspect_tree tree, bool leaves, bool inner)
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

static int add_data_bitmaps(struct spoil *s)
{
	const struct forest *f = &s->in->trees[BP_TREE_DATA_INDEX];
	int r = 0;

	for (size_t i = 0; s->in->walked[BP_TREE_DATA_INDEX] && i < f->nodes.count; i++) {
		const struct walk_node *node = &f->nodes.items[i];
		const struct sm_index_entry_disk *entries;

		if (node->error || !(node->flags & WALK_IS_LEAF))
			continue;
		entries = forest_inner(f, node)->values;
		for (uint32_t k = 0; r == 0 && k < node->nr; k++)
			r = add(s, le64_get(entries[k].blocknr));
	}
	return r;
}

static int add_metadata_bitmaps(struct spoil *s)
{
	uint64_t nr = MIN(DIV_UP(s->in->live.metadata_sm.nr_blocks, SM_BITMAP_ENTRIES),
			  SM_INDEX_ENTRIES);
	int r = 0;

	for (uint64_t i = 0; s->in->index && r == 0 && i < nr; i++)
		r = add(s, le64_get(s->in->index->entries[i].blocknr));
	return r;
}

static int add_any(struct spoil *s)
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

static int find_blocks(struct spoil *s)
{
	const struct thin_sb *sb = &s->in->live;

	switch (s->opts.what) {
	case BP_SPOIL_BLOCK:
		if (s->opts.block >= s->in->meta.nr_blocks)
			return bp_fail(s->ctx, -ERANGE,
				       "block %" PRIu64 ": the metadata has %" PRIu64 " blocks",
				       s->opts.block, s->in->meta.nr_blocks);
		return add(s, s->opts.block);
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
	return bp_fail(s->ctx, -EINVAL, "no such choice of blocks");
}

/* --- what is done to one --- */

static void spoil_number(uint8_t *block)
{
	enum block_kind kind = block_kind_of(block);

	kind = kind ? kind : BLOCK_NODE;
	block_seal(block, kind, block_number(block, kind) + 1);
}

static void spoil_bytes(struct spoil *s, uint8_t *block)
{
	switch (s->opts.how) {
	case BP_SPOIL_ZERO:
		memset(block, 0, IO_BLOCK);
		break;
	case BP_SPOIL_FLIP:
		block[pick(s, IO_BLOCK)] ^= (uint8_t)(1u << pick(s, 8));
		break;
	case BP_SPOIL_NOISE:
		for (size_t i = 0; i < IO_BLOCK; i++)
			block[i] = (uint8_t)pick(s, 256);
		break;
	case BP_SPOIL_CHECKSUM:
		block[pick(s, 4)] ^= (uint8_t)(1 + pick(s, 255));
		break;
	case BP_SPOIL_NUMBER:
		spoil_number(block);
		break;
	}
}

static int change(struct bp_ctx *ctx, struct io *io, bp_mblock block, const uint8_t *buf)
{
	int r = io_write(io, block, 1, buf);

	return r < 0 ? bp_fail(ctx, r, "block %" PRIu64 ": cannot write: %s", block,
			       strerror(-r))
		     : 0;
}

static int spoil_block(struct spoil *s, bp_mblock block)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(1);
	int r = buf ? meta_read(&s->in->meta, block, buf) : bp_fail_memory(s->ctx);

	if (r < 0)
		return r;
	spoil_bytes(s, buf);
	r = change(s->ctx, s->io, block, buf);
	if (r == 0 && s->opts.spoiled)
		s->opts.spoiled(s->opts.user, block);
	return r;
}

static int spoil_some(struct spoil *s)
{
	uint64_t nr = MIN(MAX(s->opts.nr_blocks, 1), s->blocks.count);
	int r = 0;

	if (nr == 0)
		return bp_fail(s->ctx, -ENODATA, "there is no such block (%s)",
			       what_names[s->opts.what]);
	for (uint64_t i = 0; r == 0 && i < nr; i++) {
		uint64_t k = i + pick(s, s->blocks.count - i);
		bp_mblock block = s->blocks.items[k];

		s->blocks.items[k] = s->blocks.items[i];
		r = spoil_block(s, block);
	}
	if (r == 0 && io_flush(s->io) < 0)
		r = bp_fail(s->ctx, -EIO, "cannot flush");
	return r;
}

int bp_thin_spoil(struct bp_ctx *ctx, const char *path, const struct bp_thin_spoil_opts *opts)
{
	struct spoil s = { .ctx = ctx };
	int r = opts_read(ctx, &s.opts, sizeof(s.opts), opts);

	if (r == 0 && !bp_spoil_how_name(s.opts.how))
		r = bp_fail(ctx, -EINVAL, "no such way of damaging");
	if (r == 0)
		r = io_open(ctx, path, IO_WRITE, &s.io);
	if (r < 0)
		return r;
	s.rng = s.opts.seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (int i = 0; i < 8; i++)
		pick(&s, 2);
	r = inspect_new_io(ctx, s.io, &s.in);
	if (r < 0) {
		io_close(s.io);
		return r;
	}
	r = find_blocks(&s);
	if (r == -ENOMEM)
		bp_fail_memory(ctx);
	if (r == 0)
		r = spoil_some(&s);
	vec_done(&s.blocks);
	bp_inspect_free(s.in); /* and the io */
	return r;
}

/* --- the superblock --- */

struct superblock_change {
	bp_mblock mapping_root, details_root, metadata_snap;
	int needs_check; /* -1: as it is */
};

static void change_superblock(struct thin_superblock_disk *disk,
			      const struct superblock_change *c)
{
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
	block_seal(disk, BLOCK_THIN_SUPERBLOCK, 0);
}

static int write_superblock(struct bp_ctx *ctx, const char *path,
			    const struct superblock_change *c)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct meta meta = { .ctx = ctx };
	int r;

	if (!buf)
		return bp_fail_memory(ctx);
	r = io_open(ctx, path, IO_WRITE, &meta.io);
	if (r < 0)
		return r;
	meta.nr_blocks = meta.io->nr_blocks;
	r = meta_read(&meta, 0, buf);
	if (r == 0)
		r = thin_sb_check(ctx, buf, 0);
	if (r == 0) {
		change_superblock(buf, c);
		r = change(ctx, meta.io, 0, buf);
	}
	if (r == 0 && io_flush(meta.io) < 0)
		r = bp_fail(ctx, -EIO, "cannot flush");
	io_close(meta.io);
	return r;
}

int bp_thin_override(struct bp_ctx *ctx, const char *path, bp_mblock mapping_root,
		     bp_mblock details_root, bp_mblock metadata_snap)
{
	const struct superblock_change c = { mapping_root, details_root, metadata_snap, -1 };

	return write_superblock(ctx, path, &c);
}

int bp_thin_set_needs_check(struct bp_ctx *ctx, const char *path, bool value)
{
	const struct superblock_change c = { BP_NONE, BP_NONE, BP_NONE, value };

	return write_superblock(ctx, path, &c);
}

/* --- reference counts --- */

/* Give the first @nr blocks with count @expected in a bitmap another one. Returns how many. */
static uint64_t change_counts(struct sm_bitmap_disk *disk, uint64_t entries, uint64_t nr,
			      uint32_t expected, uint32_t actual)
{
	uint64_t done = 0;

	for (uint64_t i = 0; done < nr && i < entries; i++) {
		uint64_t word = sm_word_swap(le64_get(disk->words[i / 32]));
		unsigned shift = (unsigned)(2 * (i % 32));

		if ((word >> shift & 3) != expected)
			continue;
		word = (word & ~(UINT64_C(3) << shift)) | (uint64_t)actual << shift;
		disk->words[i / 32] = le64_make(sm_word_swap(word));
		done++;
	}
	return done;
}

static int spoil_counts(struct spoil *s, uint64_t nr, uint32_t expected, uint32_t actual,
			bool write)
{
	_cleanup_(freep) struct sm_bitmap_disk *disk = io_buffer_new(1);
	uint64_t left = nr, covered = s->in->live.metadata_sm.nr_blocks;
	int r = disk ? 0 : bp_fail_memory(s->ctx);

	for (size_t i = 0; r == 0 && left > 0 && i < s->blocks.count; i++) {
		bp_mblock block = s->blocks.items[i];
		uint64_t entries = MIN(SM_BITMAP_ENTRIES, covered - i * SM_BITMAP_ENTRIES);

		r = meta_read(&s->in->meta, block, disk);
		if (r < 0 || block_kind_of(disk) != BLOCK_BITMAP)
			continue;
		left -= change_counts(disk, entries, left, expected, actual);
		block_seal(disk, BLOCK_BITMAP, block);
		if (write)
			r = change(s->ctx, s->io, block, (const uint8_t *)disk);
	}
	if (r == 0 && left > 0)
		r = bp_fail(s->ctx, -ENODATA,
			    "only %" PRIu64 " blocks have a reference count of %" PRIu32,
			    nr - left, expected);
	return r;
}

int bp_thin_spoil_counts(struct bp_ctx *ctx, const char *path, uint64_t nr_blocks,
			 uint32_t expected, uint32_t actual)
{
	struct spoil s = { .ctx = ctx };
	int r;

	if (expected > 2 || actual > 2 || expected == actual)
		return bp_fail(ctx, -EINVAL, "reference counts from 0 to 2 can be changed");
	r = io_open(ctx, path, IO_WRITE, &s.io);
	if (r < 0)
		return r;
	r = inspect_new_io(ctx, s.io, &s.in);
	if (r < 0) {
		io_close(s.io);
		return r;
	}
	r = add_metadata_bitmaps(&s);
	if (r < 0)
		bp_fail_memory(ctx);
	if (r == 0)
		r = spoil_counts(&s, nr_blocks, expected, actual, false);
	if (r == 0)
		r = spoil_counts(&s, nr_blocks, expected, actual, true);
	if (r == 0 && io_flush(s.io) < 0)
		r = bp_fail(ctx, -EIO, "cannot flush");
	vec_done(&s.blocks);
	bp_inspect_free(s.in);
	return r;
}
