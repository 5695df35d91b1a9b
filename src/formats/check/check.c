/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling and counting what is found, claiming blocks, and the damages of a tree. */
#include "formats/check/check.h"

#include "core/strbuf.h"
#include "pdata/refuse.h"

#include <inttypes.h>

static int on_progress(void *user, bp_mblock done, bp_mblock total)
{
	struct check *c = user;

	return c->how.progress(c->how.user, c->stage, done, total) ? -ECANCELED : 0;
}

void damage_tellv(void (*tell)(void *user, const struct bp_damage *damage), void *user,
		  struct bp_damage damage, const char *fmt, va_list args)
{
	_cleanup_(strbuf_done) struct strbuf text = { 0 };

	if (!tell)
		return;
	strbuf_addv(&text, fmt, args);
	damage.what = strbuf_text(&text);
	tell(user, &damage);
}

/* What a format adds comes behind it, in its own struct. */
void check_init(struct check *c, struct bp_ctx *ctx, struct io *io, const struct check_how *how)
{
	*c = (struct check){ .how = *how };
	c->meta = (struct meta){
		.ctx = ctx,
		.io = io,
		.nr_blocks = meta_blocks(io),
		.workers = how->workers,
		.progress = how->progress ? on_progress : NULL,
		.progress_user = c,
	};
}

void check_done(struct check *c)
{
	refcounts_done(&c->counts);
	bits_done(&c->claimed);
}

/* Block 0 is the superblock's: claimed and counted from the start. */
int check_blocks(struct check *c)
{
	int r = refcounts_init(&c->counts, c->meta.nr_blocks);

	if (r == 0)
		r = bits_init(&c->claimed, c->meta.nr_blocks);
	if (r < 0)
		return r;
	bits_set(&c->claimed, 0);
	return check_count(c, 0);
}

int check_failed(struct check *c, int r)
{
	if (r == -ENOMEM)
		return bp_fail_memory(c->meta.ctx);
	if (r == -ECANCELED)
		return bp_fail(c->meta.ctx, r, "the check was canceled");
	return r;
}

/* --- telling --- */

const char *check_place_words(const struct check *c, enum bp_damage_place place)
{
	return c->how.places[place];
}

/* Kinds that programs see, from those of the engine. */
enum bp_damage_kind check_kind_of(enum node_error error)
{
	static const enum bp_damage_kind kinds[NODE_ERRORS] = {
		[NODE_IO] = BP_DAMAGE_IO,
		[NODE_RANGE] = BP_DAMAGE_POINTER,
		[NODE_CSUM] = BP_DAMAGE_CHECKSUM,
		[NODE_KIND] = BP_DAMAGE_WRONG_KIND,
		[NODE_BLOCKNR] = BP_DAMAGE_MISPLACED,
		[NODE_FLAGS] = BP_DAMAGE_NODE_HEADER,
		[NODE_VALUE_SIZE] = BP_DAMAGE_NODE_HEADER,
		[NODE_MAX_ENTRIES] = BP_DAMAGE_NODE_HEADER,
		[NODE_NR_ENTRIES] = BP_DAMAGE_NODE_HEADER,
		[NODE_KEY_ORDER] = BP_DAMAGE_KEY_ORDER,
		[NODE_NO_ENTRIES] = BP_DAMAGE_NODE_HEADER,
		[NODE_LOOP] = BP_DAMAGE_LOOP,
		[NODE_DEPTH] = BP_DAMAGE_DEPTH,
		[NODE_HEIGHT] = BP_DAMAGE_DEPTH,
		[NODE_KEY_RANGE] = BP_DAMAGE_KEY_RANGE,
	};

	return kinds[error];
}

static void add(struct check_totals *to, enum bp_harm harm)
{
	to->nr_fatal += harm == BP_HARM_FATAL;
	to->nr_nonfatal += harm == BP_HARM_NONFATAL;
	to->nr_remarks += harm == BP_HARM_REMARK;
}

static _printf_(4, 0) void report(struct check *c, struct bp_damage damage, bool mendable,
				  const char *fmt, va_list args)
{
	if (damage.harm == BP_HARM_REMARK && c->how.strict)
		damage.harm = BP_HARM_FATAL;
	add(&c->found, damage.harm);
	if (mendable)
		add(&c->mendable, damage.harm);
	damage_tellv(c->how.damage, c->how.user, damage, fmt, args);
}

void check_report(struct check *c, struct bp_damage damage, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(c, damage, false, fmt, args);
	va_end(args);
}

void check_report_mendable(struct check *c, struct bp_damage damage, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(c, damage, true, fmt, args);
	va_end(args);
}

/* @expected BP_NONE: there is no one right value. */
void check_field(struct check *c, enum bp_damage_place place, bp_mblock block,
		 enum bp_harm harm, const char *name, uint64_t expected, uint64_t actual)
{
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = harm, .place = place,
		       .block = block, .expected = expected, .actual = actual);

	if (expected == BP_NONE)
		check_report(c, damage, "%s: %s cannot be %" PRIu64,
			     check_place_words(c, place), name, actual);
	else
		check_report(c, damage, "%s: %s is %" PRIu64 ", not %" PRIu64,
			     check_place_words(c, place), name, actual, expected);
}

/* True: it may be decoded. */
bool check_superblock(struct check *c, const void *data, enum block_kind kind)
{
	enum block_kind is = block_kind_of(data);
	struct bp_damage damage = DAMAGE(.kind = BP_DAMAGE_CHECKSUM, .harm = BP_HARM_FATAL,
					 .place = BP_PLACE_SUPERBLOCK, .block = 0);
	char remark[80];

	if (is == kind)
		return true;
	if (is == BLOCK_UNKNOWN) {
		check_report(c, damage, "bad checksum in superblock%s",
			     superblock_remark(data, remark, sizeof(remark)));
		return false;
	}
	damage.kind = BP_DAMAGE_WRONG_KIND;
	check_report(c, damage, "block 0 is %s %s, not %s %s", block_kind_article(is),
		     block_kind_name(is), block_kind_article(kind), block_kind_name(kind));
	return false;
}

/* A device that is shorter than its metadata says was cut, or is another one. */
void check_map_size(struct check *c, enum bp_damage_place place, uint64_t nr_blocks,
		    bool device_matters)
{
	bp_mblock device = c->meta.io->nr_blocks;

	if (nr_blocks == 0 || nr_blocks > META_MAX_BLOCKS)
		check_field(c, place, 0, BP_HARM_FATAL, "nr_blocks", BP_NONE, nr_blocks);
	else if (nr_blocks > device && device_matters)
		check_report(c,
			     DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = BP_HARM_FATAL,
				    .place = place, .block = 0, .expected = nr_blocks,
				    .actual = device),
			     "%s: covers %" PRIu64 " blocks, but the device has only %" PRIu64,
			     check_place_words(c, place), nr_blocks, device);
}

/* --- blocks --- */

int check_count(void *check, bp_mblock block)
{
	struct check *c = check;

	return refcounts_inc(&c->counts, block);
}

int check_count_root(struct check *c, uint64_t block)
{
	return block && block < c->meta.nr_blocks ? check_count(c, block) : 0;
}

/* Two structures in one block: the second one is told. */
void check_claim(struct check *c, bp_mblock block, enum bp_damage_place place)
{
	if (block >= c->meta.nr_blocks || !bits_test_and_set(&c->claimed, block))
		return;
	check_report(c,
		     DAMAGE(.kind = BP_DAMAGE_CROSS_LINK, .harm = BP_HARM_FATAL, .place = place,
			    .block = block),
		     "%s: block %" PRIu64 " is part of something else already",
		     check_place_words(c, place), block);
}

void check_claim_forest(struct check *c, const struct forest *f, enum bp_damage_place place)
{
	for (uint64_t b = bits_next(&f->seen, 0); b < f->seen.count;
	     b = bits_next(&f->seen, b + 1))
		check_claim(c, b, place);
}

/* --- trees: keys of a node are what is lost --- */

struct telling {
	struct check *c;
	const struct forest *f;
	const struct check_tree *tree;
	struct bits told; /* nodes with an error of their own, by index */
};

/* Once for each node, though several roots lead to it. */
static int tell_lost(void *user, const struct walk_lost *lost)
{
	struct telling *t = user;
	const struct walk_node *n = forest_node(t->f, lost->block);
	struct bp_damage damage =
		DAMAGE(.kind = check_kind_of(lost->error), .harm = BP_HARM_FATAL,
		       .place = t->tree->place, .block = lost->block, .begin = lost->begin);

	/* Below several roots: once. Edges of shared parents are told for each. */
	if (n && !lost->edge && bits_test_and_set(&t->told, (uint64_t)(n - t->f->nodes.items)))
		return 0;
	damage.end = lost->end == UINT64_MAX ? BP_NONE : lost->end + 1;
	if (lost->edge && lost->edge->parent != WALK_NONE)
		damage.parent = t->f->nodes.items[lost->edge->parent].block;
	if (lost->end == UINT64_MAX)
		check_report(t->c, damage,
			     "%s: block %" PRIu64 ": %s; affects %s from %" PRIu64 " on",
			     t->tree->name, lost->block, node_error_name(lost->error),
			     t->tree->keys, lost->begin);
	else
		check_report(t->c, damage,
			     "%s: block %" PRIu64 ": %s; affects %s %" PRIu64 "..%" PRIu64,
			     t->tree->name, lost->block, node_error_name(lost->error),
			     t->tree->keys, lost->begin, lost->end);
	return 0;
}

/*
 * Kernels before 5.5 could leave a node one entry short; of no consequence, and not to keep
 * such a pool from being used.
 */
static void tell_shape(struct check *c, const struct walk_node *n,
		       const struct check_tree *tree)
{
	bool short_by_one = n->nr + 1u >= n->max / 3;

	if (n->flags & WALK_IS_SPARSE)
		check_report(c,
			     DAMAGE(.kind = BP_DAMAGE_LOW_OCCUPANCY,
				    .harm = short_by_one ? BP_HARM_REMARK : BP_HARM_NONFATAL,
				    .place = tree->place, .block = n->block,
				    .expected = n->max / 3u, .actual = n->nr),
			     "%s: block %" PRIu32 ": only %u of %u entries in use", tree->name,
			     n->block, n->nr, n->max);
	if (n->flags & WALK_IS_ODD)
		check_report(c,
			     DAMAGE(.kind = BP_DAMAGE_ODD_MAX_ENTRIES, .harm = BP_HARM_NONFATAL,
				    .place = tree->place, .block = n->block, .actual = n->max),
			     "%s: block %" PRIu32 ": max_entries %u is not divisible by 3",
			     tree->name, n->block, n->max);
}

void check_report_shapes(struct check *c, const struct forest *f, const struct check_tree *tree)
{
	for (size_t i = 0; i < f->nodes.count; i++)
		if (f->nodes.items[i].flags & (WALK_IS_SPARSE | WALK_IS_ODD))
			tell_shape(c, &f->nodes.items[i], tree);
}

static int tell_below_roots(struct telling *t, const struct forest_visitor *visitor)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->f->nodes.count; i++)
		if (t->f->nodes.items[i].flags & WALK_IS_ROOT)
			r = forest_visit(t->f, t->f->nodes.items[i].block, visitor);
	return r;
}

/* Nodes, then edges, then what lies below each: the order of the kernel's own trees. */
int check_report_forest(struct check *c, const struct forest *f, const struct check_tree *tree)
{
	struct telling t = { .c = c, .f = f, .tree = tree };
	struct forest_visitor visitor = { .lost = tell_lost, .user = &t, .broken_only = true };
	int r;

	check_report_shapes(c, f, tree);
	check_claim_forest(c, f, tree->place);
	if (!f->nr_errors)
		return 0;

	c->incomplete |= f->nr_unread > 0;
	r = bits_init(&t.told, f->nodes.count);
	for (size_t i = 0; r == 0 && i < f->edges.count; i++) {
		struct walk_lost lost = {
			.block = f->edges.items[i].child,
			.error = NODE_RANGE,
			.end = UINT64_MAX,
			.edge = &f->edges.items[i],
		};

		if (f->edges.items[i].parent == WALK_NONE)
			r = tell_lost(&t, &lost);
	}
	if (r == 0)
		r = tell_below_roots(&t, &visitor);
	bits_done(&t.told);
	return r;
}
