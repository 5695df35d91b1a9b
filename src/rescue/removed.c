/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the tree of a removed volume. Each node is verified; what can't be read is a gap. */
#include "rescue/removed.h"

#include <inttypes.h>

void removed_done(struct removed *removed)
{
	vec_done(&removed->runs);
	vec_done(&removed->gaps);
	*removed = (struct removed){ 0 };
}

struct reader {
	const struct forest *forest;
	struct removed *to;
	bp_dblock nr_data_blocks;
};

/* @holder: who has the blocks now; BP_NONE: they can't be read. */
static int add_gap(struct removed *to, bp_dblock begin, bp_dblock length, uint64_t holder)
{
	const struct removed_gap gap = { begin, length, holder };

	return vec_add(&to->gaps, &gap);
}

/* Neighbours that belong together become one run; a mapping beyond the pool's data is a gap. */
static int add_mapping(struct reader *reader, bp_dblock begin, uint64_t value)
{
	struct removed *to = reader->to;
	struct removed_run *last = to->runs.count ? &to->runs.items[to->runs.count - 1] : NULL;
	const struct removed_run run = {
		.begin = begin,
		.data = thin_mapping_block(value),
		.length = 1,
		.time = thin_mapping_time(value),
	};

	to->found++;
	if (run.data >= reader->nr_data_blocks) {
		to->found--;
		return add_gap(to, begin, 1, BP_NONE);
	}
	if (last && last->begin + last->length == begin &&
	    last->data + last->length == run.data && last->time == run.time) {
		last->length++;
		return 0;
	}
	return vec_add(&to->runs, &run);
}

/* Keys are blocks of the volume, values where they lie and since when. */
static int on_leaf(void *user, const struct walk_node *leaf)
{
	struct reader *reader = user;
	const struct walk_inner *entries = forest_inner(reader->forest, leaf);
	const le64 *values = entries->values;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++)
		r = add_mapping(reader, entries->keys[i], le64_get(values[i]));
	return r;
}

/* A gap up to the end of all addresses: its length would not fit. */
static int on_lost(void *user, const struct walk_lost *lost)
{
	struct reader *reader = user;
	uint64_t length = lost->end - lost->begin;

	return add_gap(reader->to, lost->begin, length == UINT64_MAX ? length : length + 1,
		       BP_NONE);
}

/*
 * The tree as it was: nothing says yet that its blocks were not used again since. That is
 * removed_compare().
 */
int removed_read(struct meta *meta, const struct bp_thin_device *device,
		 bp_dblock nr_data_blocks, struct removed *ret)
{
	struct forest forest = { .meta = meta,
				 .value_size = sizeof(le64),
				 .keep_leaves = true };
	struct reader reader = { &forest, ret, nr_data_blocks };
	const struct forest_visitor visitor = {
		.leaf = on_leaf,
		.lost = on_lost,
		.user = &reader,
	};
	int r = forest_init(&forest);

	ret->device = *device;
	if (r == 0)
		r = forest_walk(&forest, &device->root, 1);
	if (r == 0)
		r = forest_visit(&forest, device->root, &visitor);
	forest_done(&forest);
	return r == -ENOMEM ? bp_fail_memory(meta->ctx) : r;
}

/* Runs are in order, so the last one tells. */
bp_dblock removed_end(const struct removed *removed)
{
	const struct removed_run *last;

	if (!removed->runs.count)
		return 0;
	last = &removed->runs.items[removed->runs.count - 1];
	return last->begin + last->length;
}

static int by_begin(const void *a, const void *b)
{
	const struct removed_gap *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Gaps in order, joined where one volume holds them, cut at the volume's end. */
void removed_finish(struct removed *removed, bp_dblock end)
{
	size_t kept = 0;

	if (removed->gaps.count)
		qsort(removed->gaps.items, removed->gaps.count, sizeof(removed->gaps.items[0]),
		      by_begin);
	for (size_t i = 0; i < removed->gaps.count; i++) {
		struct removed_gap gap = removed->gaps.items[i];
		struct removed_gap *last = kept ? &removed->gaps.items[kept - 1] : NULL;

		if (gap.begin >= end)
			break;
		gap.length = MIN(gap.length, end - gap.begin);
		if (last && last->holder == gap.holder &&
		    last->begin + last->length == gap.begin)
			last->length += gap.length;
		else
			removed->gaps.items[kept++] = gap;
	}
	removed->gaps.count = kept;
}
