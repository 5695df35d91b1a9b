/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking a thin pool's metadata: the order of the steps, and what all of them use. */
#include "formats/thin/check.h"

#include "core/opts.h"
#include "core/strbuf.h"

#include <inttypes.h>

static const char *const place_words[] = {
	[BP_PLACE_SUPERBLOCK] = "superblock",
	[BP_PLACE_DEVICE_DETAILS] = "device details tree",
	[BP_PLACE_MAPPING_TOP_LEVEL] = "mapping top-level",
	[BP_PLACE_MAPPINGS] = "mapping tree",
	[BP_PLACE_DATA_SPACE_MAP] = "data space map",
	[BP_PLACE_METADATA_SPACE_MAP] = "metadata space map",
	[BP_PLACE_METADATA_SNAPSHOT] = "metadata snap",
};

const char *check_place_words(enum bp_damage_place place)
{
	return place_words[place];
}

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

void check_report(struct check *c, struct bp_damage damage, const char *fmt, ...)
{
	_cleanup_(strbuf_done) struct strbuf text = { 0 };
	va_list args;

	if (damage.harm == BP_HARM_REMARK && (c->opts.flags & BP_THIN_CHECK_STRICT))
		damage.harm = BP_HARM_FATAL;
	c->res->nr_fatal += damage.harm == BP_HARM_FATAL;
	c->res->nr_nonfatal += damage.harm == BP_HARM_NONFATAL;
	c->res->nr_remarks += damage.harm == BP_HARM_REMARK;
	if (!c->opts.damage)
		return;

	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	damage.what = strbuf_text(&text);
	c->opts.damage(c->opts.user, &damage);
}

int check_count(void *user, bp_mblock block)
{
	struct check *c = user;

	return refcounts_inc(&c->meta_counts, block);
}

void check_claim(struct check *c, bp_mblock block, enum bp_damage_place place)
{
	if (block >= c->meta.nr_blocks || !bits_test_and_set(&c->claimed, block))
		return;
	check_report(c,
		     DAMAGE(.kind = BP_DAMAGE_CROSS_LINK, .harm = BP_HARM_FATAL, .place = place,
			    .block = block),
		     "%s: block %" PRIu64 " is part of something else already",
		     place_words[place], block);
}

void check_claim_forest(struct check *c, const struct forest *f, enum bp_damage_place place)
{
	for (uint64_t b = bits_next(&f->seen, 0); b < f->seen.count;
	     b = bits_next(&f->seen, b + 1))
		check_claim(c, b, place);
}

static int on_progress(void *user, bp_mblock done, bp_mblock total)
{
	struct check *c = user;

	return c->opts.progress(c->opts.user, c->stage, done, total) ? -ECANCELED : 0;
}

/* --- the trees of devices and space maps: keys of a node are what is lost --- */

struct telling {
	struct check *c;
	const struct forest *f;
	const struct check_tree *tree;
	struct bits told; /* nodes with an error of their own, by index */
};

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

/* --- the whole --- */

static int refuse_opts(struct bp_ctx *ctx, enum thin_check_mode mode, uint32_t flags,
		       bool roots)
{
	uint32_t not_with_repair = BP_THIN_CHECK_SUPER_ONLY | BP_THIN_CHECK_SKIP_MAPPINGS;

	if (mode == THIN_CHECK_ONLY)
		return 0;
	if ((flags & BP_THIN_CHECK_SNAP) || roots ||
	    (mode == THIN_CHECK_AUTO_REPAIR && (flags & not_with_repair)))
		return bp_fail(ctx, -EINVAL,
			       "only the whole of the live metadata can be repaired");
	return 0;
}

static void done(struct check *c)
{
	forest_done(&c->details);
	forest_done(&c->top);
	forest_done(&c->maps);
	thin_devices_done(&c->devices);
	thin_devices_done(&c->snap_devices);
	refcounts_done(&c->meta_counts);
	refcounts_done(&c->data_counts);
	if (c->data_sm_open)
		space_map_done(&c->data_sm);
	if (c->meta_sm_open)
		space_map_done(&c->meta_sm);
	sm_report_done(&c->data_report);
	sm_report_done(&c->meta_report);
	bits_done(&c->claimed);
}

static int steps(struct check *c)
{
	bool go_on;
	int r = check_superblocks(c, &go_on);

	if (r < 0 || !go_on)
		return r;
	if (!(c->opts.flags & BP_THIN_CHECK_SUPER_ONLY)) {
		c->stage = "device details";
		r = check_devices(c);
		if (r == 0 && !(c->opts.flags & BP_THIN_CHECK_SKIP_MAPPINGS)) {
			c->stage = "mappings";
			r = check_mappings(c);
			c->stage = "space maps";
			if (r == 0 && !(c->opts.flags & BP_THIN_CHECK_SNAP) &&
			    !c->opts.mapping_root && !c->opts.details_root)
				r = check_space_maps(c);
		}
	}
	return r == 0 && c->mode != THIN_CHECK_ONLY ? check_repair(c) : r;
}

/* The result is the caller's struct, of a size it knows. */
static int start(struct check *c, struct bp_ctx *ctx, struct io *io,
		 const struct bp_thin_check_opts *opts, struct bp_thin_check_result *res)
{
	int r = opts_read(ctx, &c->opts, sizeof(c->opts), opts);

	if (r == 0)
		r = refuse_opts(ctx, c->mode, c->opts.flags,
				c->opts.mapping_root || c->opts.details_root);
	if (r < 0)
		return r;
	c->res = res;
	c->meta = (struct meta){
		.ctx = ctx,
		.io = io,
		.nr_blocks = MIN(io->nr_blocks, META_MAX_BLOCKS),
		.workers = c->opts.workers,
		.progress = c->opts.progress ? on_progress : NULL,
		.progress_user = c,
	};
	return 0;
}

int thin_check_io(struct bp_ctx *ctx, struct io *io, enum thin_check_mode mode,
		  const struct bp_thin_check_opts *opts, struct bp_thin_check_result *ret)
{
	struct bp_thin_check_result res = { .size = sizeof(res) };
	struct check c = { .mode = mode };
	size_t size = MIN(ret->size, sizeof(res));
	int r;

	if (ret->size < sizeof(size_t))
		return bp_fail(ctx, -EINVAL, "check result: size is not set");
	r = start(&c, ctx, io, opts, &res);
	if (r == 0)
		r = steps(&c);
	done(&c);
	if (r == -ENOMEM)
		return bp_fail_memory(ctx);
	if (r == -ECANCELED)
		return bp_fail(ctx, r, "the check was canceled");
	if (r < 0)
		return r;
	res.size = ret->size;
	memcpy(ret, &res, size);
	return 0;
}

static int check_path(struct bp_ctx *ctx, const char *path, enum thin_check_mode mode,
		      const struct bp_thin_check_opts *opts, struct bp_thin_check_result *ret)
{
	struct bp_thin_check_opts o;
	unsigned flags = mode == THIN_CHECK_ONLY ? 0 : IO_WRITE;
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	if (mode == THIN_CHECK_ONLY && (o.flags & BP_THIN_CHECK_SNAP))
		flags |= IO_SHARED;
	r = io_open(ctx, path, flags, &io);
	if (r < 0)
		return r;
	r = thin_check_io(ctx, io, mode, &o, ret);
	io_close(io);
	return r;
}

int bp_thin_check(struct bp_ctx *ctx, const char *path, const struct bp_thin_check_opts *opts,
		  struct bp_thin_check_result *ret)
{
	return check_path(ctx, path, THIN_CHECK_ONLY, opts, ret);
}

int bp_thin_auto_repair(struct bp_ctx *ctx, const char *path,
			const struct bp_thin_check_opts *opts, struct bp_thin_check_result *ret)
{
	return check_path(ctx, path, THIN_CHECK_AUTO_REPAIR, opts, ret);
}

int bp_thin_clear_needs_check(struct bp_ctx *ctx, const char *path,
			      const struct bp_thin_check_opts *opts,
			      struct bp_thin_check_result *ret)
{
	return check_path(ctx, path, THIN_CHECK_CLEAR, opts, ret);
}
