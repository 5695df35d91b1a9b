/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Choosing blocks by chance and spoiling them: the same seed does the same to the same metadata.
 * What is damaged already is no obstacle, as far as the rest can be read.
 */
#include "formats/check/spoil.h"

#include <bedplate/metadata_generate.h>

#include "core/opts.h"

#include <inttypes.h>

static const char *const how_names[] = { "zero", "flip", "noise", "checksum", "number" };

const char *bp_spoil_how_name(enum bp_spoil_how how)
{
	return (size_t)how < ARRAY_SIZE(how_names) ? how_names[how] : NULL;
}

static uint64_t pick(struct spoil *s, uint64_t below)
{
	s->rng ^= s->rng << 13;
	s->rng ^= s->rng >> 7;
	s->rng ^= s->rng << 17;
	return (s->rng >> 16) % below;
}

/* The first draws of a small seed are alike: eight are thrown away. */
int spoil_init(struct spoil *s, struct bp_ctx *ctx, struct io *io, const struct spoil_how *how)
{
	*s = (struct spoil){ .ctx = ctx, .io = io, .how = *how };
	if (!bp_spoil_how_name(how->how))
		return bp_fail(ctx, -EINVAL, "no such way of damaging");
	s->rng = how->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (int i = 0; i < 8; i++)
		pick(s, 2);
	return bits_init(&s->seen, meta_blocks(io)) < 0 ? bp_fail_memory(ctx) : 0;
}

void spoil_done(struct spoil *s)
{
	vec_done(&s->blocks);
	bits_done(&s->seen);
}

/* --- which blocks --- */

int spoil_add(struct spoil *s, bp_mblock block)
{
	if (block >= s->seen.count || bits_test_and_set(&s->seen, block))
		return 0;
	return vec_add(&s->blocks, &block);
}

int spoil_add_given(struct spoil *s, bp_mblock block)
{
	if (block >= s->seen.count)
		return bp_fail(s->ctx, -ERANGE,
			       "block %" PRIu64 ": the metadata has %" PRIu64 " blocks", block,
			       s->seen.count);
	return spoil_add(s, block);
}

static bool wanted(const struct spoil *s, enum bp_damage_place place, unsigned part)
{
	return (!s->choice->place || s->choice->place == place) && s->choice->parts & part;
}

/* Array blocks that a leaf leads to; what writesets' leaves lead to is told as arrays later. */
static int add_parts(struct spoil *s, const struct loss_array *array,
		     const struct walk_node *node, const struct forest *tree)
{
	const le64 *blocks = forest_inner(tree, node)->values;
	int r = 0;

	if (!array->value_size || !wanted(s, array->place, SPOIL_PART))
		return 0;
	for (uint32_t i = 0; r == 0 && i < node->nr; i++)
		r = spoil_add(s, le64_get(blocks[i]));
	return r;
}

static int on_tree(void *user, const struct loss_array *array, const struct forest *tree)
{
	struct spoil *s = user;
	int r = 0;

	for (size_t i = 0; r == 0 && i < tree->nodes.count; i++) {
		const struct walk_node *node = &tree->nodes.items[i];
		unsigned part = node->flags & WALK_IS_ROOT ? SPOIL_ROOT : SPOIL_NODE;

		/* Bits of archived writesets are none of their tree. */
		if (array->place == BP_PLACE_WRITESETS && array->value_size)
			part = SPOIL_PART;
		if (!node->error && wanted(s, array->place, part))
			r = spoil_add(s, node->block);
		if (r == 0 && !node->error && node->flags & WALK_IS_LEAF)
			r = add_parts(s, array, node, tree);
	}
	return r;
}

static int on_damage(void *user, const struct bp_damage *damage)
{
	(void)user;
	(void)damage;
	return 0;
}

struct loss_ears spoil_ears(struct spoil *s)
{
	return (struct loss_ears){ .report = on_damage, .tree = on_tree, .user = s };
}

/* A damaged index has no bitmaps to choose from. */
int spoil_add_map(struct spoil *s, const struct sm_root *root)
{
	_cleanup_(freep) struct sm_index_disk *index = io_buffer_new(1);
	uint64_t nr = MIN(DIV_UP(root->nr_blocks, SM_BITMAP_ENTRIES), SM_INDEX_ENTRIES);
	int r = index ? 0 : -ENOMEM;

	if (r < 0 || root->bitmap_root >= s->seen.count)
		return r;
	if (wanted(s, BP_PLACE_METADATA_SPACE_MAP, SPOIL_ROOT))
		r = spoil_add(s, root->bitmap_root);
	if (r == 0 && wanted(s, BP_PLACE_METADATA_SPACE_MAP, SPOIL_NODE))
		r = spoil_add(s, root->ref_count_root);
	if (r < 0 || !wanted(s, BP_PLACE_METADATA_SPACE_MAP, SPOIL_PART))
		return r;
	r = io_read(s->io, root->bitmap_root, 1, index);
	if (r < 0 || block_check(index, BLOCK_INDEX, root->bitmap_root) != BLOCK_OK)
		return r == -ENOMEM ? r : 0;
	for (uint64_t i = 0; r == 0 && i < nr; i++)
		r = spoil_add(s, le64_get(index->entries[i].blocknr));
	return r;
}

/* --- what is done to one --- */

static void spoil_number(uint8_t *block)
{
	enum block_kind kind = block_kind_of(block);

	kind = kind ? kind : BLOCK_NODE;
	block_seal(block, kind, block_number(block, kind) + 1);
}

/* NUMBER makes a block that is sound but in the wrong place. */
static void spoil_bytes(struct spoil *s, uint8_t *block)
{
	switch (s->how.how) {
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

/* In place; nothing else changes, not even the checksum. */
static int spoil_block(struct spoil *s, bp_mblock block)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(1);
	struct meta meta = { .ctx = s->ctx, .io = s->io, .nr_blocks = s->seen.count };
	int r = buf ? meta_read(&meta, block, buf) : bp_fail_memory(s->ctx);

	if (r < 0)
		return r;
	spoil_bytes(s, buf);
	r = io_write(s->io, block, 1, buf);
	if (r < 0)
		return bp_fail(s->ctx, r, "block %" PRIu64 ": cannot write: %s", block,
			       strerror(-r));
	if (s->how.spoiled)
		s->how.spoiled(s->how.user, block);
	return 0;
}

/* Without repetition: of the rest one is drawn each time. */
int spoil_some(struct spoil *s, const char *name)
{
	uint64_t nr = MIN(MAX(s->how.nr_blocks, 1), s->blocks.count);
	int r = 0;

	if (nr == 0)
		return bp_fail(s->ctx, -ENODATA, "there is no such block (%s)", name);
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

/* --- the whole, for formats made of arrays --- */

static int find(struct spoil *s, const struct bp_spoil_opts *o,
		const struct spoil_format *format)
{
	int r = 0;

	if (o->what == 0)
		return spoil_add_given(s, o->block);
	if (o->what == 1 || !s->choice->place)
		r = spoil_add(s, 0);
	if (r == 0 && s->choice->parts)
		r = format->find(s);
	/* Without a superblock there is nothing else: told as what is not there. */
	if (r == -EBADMSG || r == -EUCLEAN || r == -ENOTSUP)
		r = 0;
	return r == -ENOMEM ? bp_fail_memory(s->ctx) : r;
}

/* For tests of tools: never part of a repair. */
int spoil_path(struct bp_ctx *ctx, const char *path, const struct bp_spoil_opts *opts,
	       const struct spoil_format *format)
{
	struct bp_spoil_opts o;
	struct spoil_how how;
	struct spoil s;
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0 && o.what >= format->nr_choices)
		r = bp_fail(ctx, -EINVAL, "no such choice of blocks");
	if (r == 0)
		r = io_open(ctx, path, IO_WRITE, &io);
	if (r < 0)
		return r;
	how = (struct spoil_how){ o.how, o.nr_blocks, o.seed, o.spoiled, o.user };
	r = spoil_init(&s, ctx, io, &how);
	s.choice = &format->choices[o.what];
	if (r == 0)
		r = find(&s, &o, format);
	if (r == 0)
		r = spoil_some(&s, s.choice->name);
	spoil_done(&s);
	io_close(io);
	return r;
}
