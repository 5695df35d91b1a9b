/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the writesets and the array, each in one pass. Damage is told in its place and never
 * hides what lies behind it. What eras and bits mean is not judged here.
 */
#include "formats/era/meta.h"

#include <inttypes.h>
#include <stdio.h>

static const struct loss_array tree_words = {
	.place = BP_PLACE_WRITESETS,
	.name = "writeset tree",
	.elements = "eras",
	.tree_value_size = sizeof(struct era_writeset_disk),
	.factor = 1,
	.nr_told = UINT64_MAX,
	.device = BP_NONE,
};

/* @name has 64 bytes, and must live as long as the result. */
struct loss_array era_bits_array(const struct era_writeset *ws, char *name)
{
	if (ws->current)
		snprintf(name, 64, "current writeset (era %" PRIu64 ")", ws->era);
	else
		snprintf(name, 64, "writeset of era %" PRIu64, ws->era);
	return (struct loss_array){
		.place = ws->current ? BP_PLACE_CURRENT_WRITESET : BP_PLACE_WRITESETS,
		.name = name,
		.elements = "blocks",
		.root = ws->root,
		.nr = bitset_words(ws->nr_bits),
		.value_size = sizeof(le64),
		.factor = 64,
		.nr_told = ws->nr_bits,
		.device = BP_NONE,
	};
}

/* Digested eras, four bytes each. */
struct loss_array era_array(const struct era_sb *sb)
{
	return (struct loss_array){
		.place = BP_PLACE_ERA_ARRAY,
		.name = "era array",
		.elements = "blocks",
		.root = sb->pub.era_root,
		.nr = sb->pub.nr_blocks,
		.value_size = sizeof(le32),
		.factor = 1,
		.nr_told = sb->pub.nr_blocks,
		.device = BP_NONE,
	};
}

/* --- the tree of writesets --- */

struct writesets {
	struct bp_era_meta *meta;
	const struct era_writesets_reader *reader;
	struct forest tree;
};

/* Keys are eras. */
static int tree_leaf(void *user, const struct walk_node *leaf)
{
	struct writesets *w = user;
	const struct walk_inner *inner = forest_inner(&w->tree, leaf);
	const struct era_writeset_disk *disk = inner->values;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++) {
		const struct era_writeset ws = {
			.era = inner->keys[i],
			.nr_bits = le32_get(disk[i].nr_bits),
			.root = le64_get(disk[i].root),
		};

		if (w->reader->writeset)
			r = w->reader->writeset(w->reader->user, &ws);
	}
	return r;
}

/* Lost writesets are lost for all their eras. */
static int tree_lost(void *user, const struct walk_lost *what)
{
	struct writesets *w = user;
	const struct loss_ears *ears = w->reader->ears;
	const struct loss loss = {
		.begin = what->begin,
		.end = what->end == UINT64_MAX ? UINT64_MAX : what->end + 1,
		.error = ARRAY_TREE,
		.node_error = what->error,
		.block = what->block,
	};
	int r;

	if (!ears->report)
		return loss_fail(w->meta->meta.ctx, &tree_words, &loss);
	r = loss_tell(&tree_words, &loss, ears->report, ears->user);
	if (r == 0 && w->reader->lost)
		r = w->reader->lost(w->reader->user, what->begin, what->end);
	return r;
}

/* Ears hear of the tree before its leaves. */
static int walk_tree(struct writesets *w)
{
	const struct loss_ears *ears = w->reader->ears;
	const bp_mblock root = w->meta->sb.pub.writeset_root;
	const struct forest_visitor visitor = {
		.leaf = tree_leaf,
		.lost = tree_lost,
		.user = w,
	};
	int r = forest_init(&w->tree);

	if (r == 0)
		r = forest_walk(&w->tree, &root, 1);
	if (r == 0 && ears->tree)
		r = ears->tree(ears->user, &tree_words, &w->tree);
	return r == 0 ? forest_visit(&w->tree, root, &visitor) : r;
}

/* The archived ones by era, then the current one. */
int era_writesets_read(struct bp_era_meta *meta, const struct era_writesets_reader *reader)
{
	const struct bp_era_superblock *sb = &meta->sb.pub;
	struct writesets w = {
		.meta = meta,
		.reader = reader,
		.tree = {
			.meta = &meta->meta,
			.value_size = sizeof(struct era_writeset_disk),
			.keep_leaves = true,
			.child = reader->ears->child,
			.user = reader->ears->user,
		},
	};
	const struct era_writeset current = {
		.era = sb->current_era,
		.nr_bits = sb->current_bits,
		.root = sb->current_root,
		.current = true,
	};
	int r = walk_tree(&w);

	forest_done(&w.tree);
	if (r == 0 && current.root && reader->writeset)
		r = reader->writeset(reader->user, &current);
	return r == -ENOMEM ? bp_fail_memory(meta->meta.ctx) : r;
}

/* --- for everybody --- */

struct walk {
	struct bp_era_meta *meta;
	const struct bp_era_visitor *v;
	const struct loss_ears *ears;
	uint32_t nr_bits;
	uint64_t begin, end; /* the run at hand */
	uint32_t era;        /* of that run, in the array */
};

static int end_bits(struct walk *w)
{
	uint64_t begin = w->begin, end = w->end;

	w->begin = w->end = 0;
	return begin < end ? w->v->written(w->v->user, (uint32_t)begin, (uint32_t)end) : 0;
}

/* Runs, also across blocks of the array. */
static int on_bits(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct walk *w = user;
	uint64_t nr = MIN(end * 64, (uint64_t)w->nr_bits);

	for (uint64_t i = begin * 64; i < nr; i++) {
		const le64 *word = (const le64 *)values + (i / 64 - begin);
		int r;

		if (!(le64_get(*word) >> (i % 64) & 1))
			continue;
		if (i != w->end) {
			r = end_bits(w);
			if (r != 0)
				return r;
			w->begin = i;
		}
		w->end = i + 1;
	}
	return 0;
}

/* Bits only if somebody wants them. */
static int on_writeset(void *user, const struct era_writeset *ws)
{
	struct walk *w = user;
	const struct array_reader reader = { .part = on_bits, .user = w, .ears = w->ears };
	char name[64];
	const struct loss_array array = era_bits_array(ws, name);
	int r = w->v->writeset(w->v->user, (uint32_t)ws->era, ws->nr_bits, ws->current);

	if (r != 0 || !w->v->written)
		return r;
	w->nr_bits = ws->nr_bits;
	r = loss_array_read(&w->meta->meta, &array, &reader);
	return r == 0 ? end_bits(w) : r;
}

static int end_eras(struct walk *w)
{
	uint64_t begin = w->begin, end = w->end;

	w->begin = w->end;
	return begin < end ? w->v->era(w->v->user, (uint32_t)begin, (uint32_t)end, w->era) : 0;
}

/* Runs of one era. */
static int on_eras(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct walk *w = user;
	const le32 *eras = values;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++) {
		uint32_t era = le32_get(eras[i - begin]);

		if (i != w->end || era != w->era) {
			r = end_eras(w);
			w->begin = i;
			w->era = era;
		}
		w->end = i + 1;
	}
	return r;
}

/* Ends with the first result of a callback that isn't 0. */
int bp_era_walk(struct bp_era_meta *meta, const struct bp_era_visitor *visitor)
{
	const struct loss_ears ears = { .report = visitor->damage, .user = visitor->user };
	struct walk w = { .meta = meta, .v = visitor, .ears = &ears };
	const struct era_writesets_reader writesets = {
		.writeset = on_writeset,
		.user = &w,
		.ears = &ears,
	};
	const struct array_reader eras = { .part = on_eras, .user = &w, .ears = &ears };
	const struct loss_array array = era_array(&meta->sb);
	int r = visitor->writeset ? era_writesets_read(meta, &writesets) : 0;

	w.begin = w.end = 0;
	if (r == 0 && visitor->era)
		r = loss_array_read(&meta->meta, &array, &eras);
	return r == 0 && visitor->era ? end_eras(&w) : r;
}
