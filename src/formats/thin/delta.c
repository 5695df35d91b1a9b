/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two cursors go through the two trees side by side. Where both stand before the same block, all
 * below it is the same: it is read once, for one of them, or not at all. A subtree is entered
 * when the other side has reached its keys, the higher one first, so that trees of different
 * heights meet in what they share.
 */
#include <bedplate/thin_delta.h>

#include "core/opts.h"
#include "formats/thin/cursor.h"
#include "formats/thin/meta.h"

#include <inttypes.h>

/* Between two calls of progress(), in blocks. */
#define PROGRESS_EVERY 256u

struct delta {
	struct bp_thin_meta *tm;
	struct bp_thin_delta_opts opts;
	struct cursor left, right;
	struct bp_thin_delta_run run; /* being made; length 0: none */
	int (*take)(void *user, const struct bp_thin_delta_run *run);
	void *user;
	bp_mblock next_progress;
};

static const char *const kind_names[] = { "same", "left_only", "right_only", "different" };

const char *bp_thin_delta_kind_name(enum bp_thin_delta_kind kind)
{
	return (size_t)kind < ARRAY_SIZE(kind_names) ? kind_names[kind] : "unknown";
}

/* --- runs --- */

static int flush(struct delta *d)
{
	int r = d->run.length ? d->take(d->user, &d->run) : 0;

	d->run.length = 0;
	return r;
}

static bool goes_on(bp_dblock begin, bp_dblock length, bp_dblock next)
{
	return begin == BP_NONE ? next == BP_NONE : begin + length == next;
}

/* Virtual blocks from @more->begin; the data blocks are BP_NONE where there are none. */
static int add(struct delta *d, const struct bp_thin_delta_run *more)
{
	struct bp_thin_delta_run *run = &d->run;
	bool data = d->opts.flags & BP_THIN_DELTA_DATA;
	int r;

	if (run->length && run->kind == more->kind && run->begin + run->length == more->begin &&
	    (!data || (goes_on(run->left_data_begin, run->length, more->left_data_begin) &&
		       goes_on(run->right_data_begin, run->length, more->right_data_begin)))) {
		run->length += more->length;
		return 0;
	}
	r = flush(d);
	*run = *more;
	if (!data)
		run->left_data_begin = run->right_data_begin = BP_NONE;
	return r;
}

/* Only changes: what is the same only ends the run before it. */
static int add_same(struct delta *d, uint64_t begin, uint64_t length, bp_dblock data)
{
	const struct bp_thin_delta_run run = {
		.kind = BP_THIN_DELTA_SAME,
		.begin = begin,
		.length = length,
		.left_data_begin = data,
		.right_data_begin = data,
	};

	return d->opts.flags & BP_THIN_DELTA_CHANGES ? flush(d) : add(d, &run);
}

/* A block that only one side maps. */
static int add_one_side(struct delta *d, enum bp_thin_delta_kind kind, struct cursor *c)
{
	const struct cursor_level *level = cursor_level(c);
	bp_dblock data = thin_mapping_block(node_value64(&level->node, level->at));
	const struct bp_thin_delta_run run = {
		.kind = kind,
		.begin = cursor_key(c),
		.length = 1,
		.left_data_begin = kind == BP_THIN_DELTA_LEFT_ONLY ? data : BP_NONE,
		.right_data_begin = kind == BP_THIN_DELTA_LEFT_ONLY ? BP_NONE : data,
	};

	cursor_next(c);
	return add(d, &run);
}

/* Both map the same virtual block. */
static int add_both(struct delta *d)
{
	const struct cursor_level *left = cursor_level(&d->left);
	const struct cursor_level *right = cursor_level(&d->right);
	const struct bp_thin_delta_run run = {
		.kind = BP_THIN_DELTA_DIFFERENT,
		.begin = cursor_key(&d->left),
		.length = 1,
		.left_data_begin = thin_mapping_block(node_value64(&left->node, left->at)),
		.right_data_begin = thin_mapping_block(node_value64(&right->node, right->at)),
	};

	cursor_next(&d->left);
	cursor_next(&d->right);
	if (run.left_data_begin == run.right_data_begin)
		return add_same(d, run.begin, 1, run.left_data_begin);
	return add(d, &run);
}

/* --- what is shared --- */

/* The same leaf on both sides: without data in the answer, one comparison for all of it. */
static int add_shared_leaf(struct delta *d)
{
	const struct node *leaf = &cursor_level(&d->left)->node;
	bool data = d->opts.flags & BP_THIN_DELTA_DATA;
	int r = 0;

	if (!data && leaf->nr &&
	    node_key(leaf, leaf->nr - 1) - node_key(leaf, 0) == leaf->nr - 1)
		r = add_same(d, node_key(leaf, 0), leaf->nr, 0);
	else
		for (uint32_t i = 0; r == 0 && i < leaf->nr; i++)
			r = add_same(d, node_key(leaf, i), 1,
				     thin_mapping_block(node_value64(leaf, i)));
	cursor_leave_leaf(&d->left);
	return r;
}

/* Blocks read of those allocated, which is at most too many. */
static int report_progress(struct delta *d)
{
	bp_mblock done = d->left.nr_read + d->right.nr_read;

	if (!d->opts.progress || done < d->next_progress)
		return 0;
	d->next_progress = done + PROGRESS_EVERY;
	if (d->opts.progress(d->opts.progress_user, done,
			     MAX(done, d->tm->sb.pub.nr_metadata_allocated)))
		return bp_fail(d->tm->meta.ctx, -ECANCELED, "canceled");
	return 0;
}

/* Both stand before the same block. */
static int pass_shared(struct delta *d)
{
	int base = d->left.depth, r;

	cursor_next(&d->right);
	if (d->opts.flags & BP_THIN_DELTA_CHANGES) {
		cursor_next(&d->left);
		return flush(d);
	}
	r = cursor_enter(&d->left, NULL);
	while (r == 0 && d->left.depth > base) {
		if (cursor_at_entry(&d->left))
			r = add_shared_leaf(d);
		else
			r = cursor_enter(&d->left, NULL);
		if (r == 0)
			r = report_progress(d);
	}
	return r;
}

/* --- side by side --- */

static int enter(struct delta *d, struct cursor *c)
{
	const struct cursor *other = c == &d->left ? &d->right : &d->left;
	int r;

	/* What is shared is passed by on the right; on the left only where it is not told. */
	if (c == &d->left && !(d->opts.flags & BP_THIN_DELTA_CHANGES))
		other = NULL;
	r = cursor_enter(c, other);
	return r < 0 ? r : report_progress(d);
}

/* Both stand before different subtrees. */
static int enter_one(struct delta *d)
{
	int left = cursor_height(&d->left), right = cursor_height(&d->right);

	if (left != right)
		return enter(d, left > right ? &d->left : &d->right);
	return enter(d, cursor_key(&d->left) <= cursor_key(&d->right) ? &d->left : &d->right);
}

static int step_one_side(struct delta *d, struct cursor *c)
{
	if (!cursor_at_entry(c))
		return enter(d, c);
	return add_one_side(
		d, c == &d->left ? BP_THIN_DELTA_LEFT_ONLY : BP_THIN_DELTA_RIGHT_ONLY, c);
}

static int step_both(struct delta *d)
{
	struct cursor *left = &d->left, *right = &d->right;
	bool left_entry = cursor_at_entry(left), right_entry = cursor_at_entry(right);
	uint64_t l = cursor_key(left), r = cursor_key(right);

	if (!left_entry && !right_entry)
		return cursor_block(left) == cursor_block(right) ? pass_shared(d)
								 : enter_one(d);
	if (left_entry && right_entry && l == r)
		return add_both(d);
	if (left_entry && (right_entry || l < r))
		return step_one_side(d, l < r ? left : right);
	if (right_entry && r < l)
		return step_one_side(d, right);
	/* One is at an entry whose key the other's subtree may have. */
	return enter(d, left_entry ? right : left);
}

static int compare(struct delta *d)
{
	int r = 0;

	while (r == 0 && (!d->left.ended || !d->right.ended)) {
		if (d->right.ended)
			r = step_one_side(d, &d->left);
		else if (d->left.ended)
			r = step_one_side(d, &d->right);
		else
			r = step_both(d);
	}
	if (r > 0 || r == -ECANCELED)
		return r;
	/* Where a tree is damaged, what comes before is told. */
	return r < 0 ? (flush(d) ?: r) : flush(d);
}

/* --- which trees --- */

/* By id or by block; a block is not searched for in any device. */
static int find_root(struct bp_thin_meta *tm, const struct bp_thin_delta_side *side,
		     const char *which, bp_mblock *ret)
{
	struct bp_ctx *ctx = tm->meta.ctx;
	struct bp_thin_device device;
	int r;

	if (side->root) {
		*ret = side->root;
		if (side->root < tm->meta.nr_blocks)
			return 0;
		return bp_fail(ctx, -EINVAL,
			       "%s: root %" PRIu64 " is past the end of the metadata", which,
			       side->root);
	}
	r = bp_thin_device_find(tm, side->id, &device);
	if (r == -ENODATA) {
		bp_fail(ctx, r, "Unable to find mapping tree for %s (%" PRIu64 ")", which,
			side->id);
		error_set_code(ctx, BP_E_NO_THIN);
	}
	if (r == 0)
		*ret = device.root;
	return r;
}

/* Named as in the reference's messages. */
static int find_both(struct delta *d, const struct bp_thin_delta_side *left,
		     const struct bp_thin_delta_side *right)
{
	bp_mblock l, r;
	int error = find_root(d->tm, left, "snap1", &l);

	if (error == 0)
		error = find_root(d->tm, right, "snap2", &r);
	if (error == 0)
		error = cursor_init(&d->left, &d->tm->meta, l);
	if (error == 0)
		error = cursor_init(&d->right, &d->tm->meta, r);
	return error;
}

/* Memory: a path a side. */
int bp_thin_delta(struct bp_thin_meta *meta, const struct bp_thin_delta_side *left,
		  const struct bp_thin_delta_side *right, const struct bp_thin_delta_opts *opts,
		  int (*run)(void *user, const struct bp_thin_delta_run *run), void *user)
{
	_cleanup_(freep) struct delta *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return bp_fail_memory(meta->meta.ctx);
	d->tm = meta;
	d->take = run;
	d->user = user;
	r = opts_read(meta->meta.ctx, &d->opts, sizeof(d->opts), opts);
	if (r == 0)
		r = find_both(d, left, right);
	if (r == 0)
		r = compare(d);
	cursor_done(&d->left);
	cursor_done(&d->right);
	return r;
}
