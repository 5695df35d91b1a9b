/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts of 1 and 2 are counted in the bitmaps, 64 blocks at a word and its neighbour; greater ones
 * are in the trees, each with its number.
 */
#include <bedplate/thin_stat.h>

#include "formats/thin/gaps.h"
#include "formats/thin/meta.h"

#include <inttypes.h>
#include <pthread.h>

#define BATCH 64u /* bitmaps read at once */
/* Lengths and counts below are counted in an array, which is most of them. */
#define SMALL 4096u

struct stat {
	struct bp_thin_meta *tm;
	uint64_t small[SMALL];
	VEC(struct bp_thin_stat_row) large; /* unsorted, values repeat */
	pthread_mutex_t lock;               /* of workers */
};

static int add(struct stat *s, uint64_t value, uint64_t times)
{
	const struct bp_thin_stat_row row = { value, times };

	if (value >= SMALL)
		return vec_add(&s->large, &row);
	s->small[value] += times;
	return 0;
}

/* --- reference counts --- */

static void count_words(struct stat *s, const struct sm_bitmap_disk *disk)
{
	const uint64_t low = UINT64_C(0x5555555555555555);

	for (uint32_t w = 0; w < SM_BITMAP_WORDS; w++) {
		uint64_t word = le64_get(disk->words[w]), a = word & low, b = word >> 1 & low;

		/* The bit at the lower place is the high one. */
		s->small[1] += (uint64_t)__builtin_popcountll(b & ~a);
		s->small[2] += (uint64_t)__builtin_popcountll(a & ~b);
	}
}

static int bitmap_failed(struct stat *s, const struct io_request *q)
{
	return bp_fail(s->tm->meta.ctx, q->error ? q->error : -EUCLEAN,
		       "space map: bitmap in block %" PRIu64 " can't be read", q->block);
}

/* In batches; a bitmap that can't be read makes the statistics wrong, so it ends them. */
static int read_bitmaps(struct stat *s, const struct space_map *sm)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(BATCH);
	struct io_request requests[BATCH];
	int r;

	if (!buf)
		return bp_fail_memory(s->tm->meta.ctx);
	for (uint64_t i = 0; i < sm->nr_bitmaps; i += BATCH) {
		size_t nr = (size_t)MIN(BATCH, sm->nr_bitmaps - i);

		for (size_t k = 0; k < nr; k++)
			requests[k] = (struct io_request){
				.block = sm->bitmaps[i + k].block,
				.buf = buf + k * IO_BLOCK,
			};
		if (io_read_many(s->tm->meta.io, requests, nr) < 0)
			return bp_fail_memory(s->tm->meta.ctx);
		for (size_t k = 0; k < nr; k++) {
			if (requests[k].error || block_check(requests[k].buf, BLOCK_BITMAP,
							     requests[k].block) != BLOCK_OK)
				return bitmap_failed(s, &requests[k]);
			count_words(s, requests[k].buf);
		}
		r = ctx_progress(s->tm->meta.ctx, i + nr, sm->nr_bitmaps);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_counts_of(struct stat *s, const struct forest *counts,
			 const struct walk_node *leaf)
{
	const le32 *values = forest_inner(counts, leaf)->values;
	int r = 0;

	for (uint32_t k = 0; r == 0 && k < leaf->nr; k++)
		r = add(s, le32_get(values[k]), 1);
	return r;
}

/* Counts of 3 and more stand in the tree. */
static int add_counts(struct stat *s, const struct forest *counts)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < counts->nodes.count; i++) {
		const struct walk_node *node = &counts->nodes.items[i];

		if (node->flags & WALK_IS_LEAF)
			r = add_counts_of(s, counts, node);
	}
	return r < 0 ? bp_fail_memory(s->tm->meta.ctx) : 0;
}

static int count_nothing(void *user, bp_mblock block)
{
	(void)user, (void)block;
	return 0;
}

/* No comparison with the trees: that is the check's. */
static int read_space_map(struct stat *s, const struct sm_root *root, bool data)
{
	struct bp_ctx *ctx = s->tm->meta.ctx;
	struct space_map sm;
	int r = space_map_init(&sm, &s->tm->meta, root, data);

	if (r < 0)
		return r == -ENOMEM ? bp_fail_memory(ctx)
				    : bp_fail(ctx, r, "space map: its root can't be");
	r = space_map_read(&sm, count_nothing, NULL);
	if (r == -ENOMEM)
		bp_fail_memory(ctx);
	if (r == 0 && (sm.index_error || sm.index.nr_errors || sm.counts.nr_errors))
		r = bp_fail(ctx, -EUCLEAN,
			    "%s space map: index or reference counts can't be read",
			    data ? "data" : "metadata");
	if (r == 0)
		r = read_bitmaps(s, &sm);
	if (r == 0)
		r = add_counts(s, &sm.counts);
	space_map_done(&sm);
	return r;
}

/* --- runs --- */

/* For forest.leaf: from several workers at once. */
static int count_runs(void *user, unsigned worker, uint32_t node, const struct node *leaf)
{
	uint32_t lengths[256], nr = 0, from = 0;
	struct stat *s = user;
	int r = 0;

	(void)worker, (void)node;
	for (uint32_t i = 1; i <= leaf->nr; i++) {
		if (i < leaf->nr && node_key(leaf, i) == node_key(leaf, i - 1) + 1 &&
		    thin_mapping_block(node_value64(leaf, i)) ==
			    thin_mapping_block(node_value64(leaf, i - 1)) + 1)
			continue;
		lengths[nr++] = i - from;
		from = i;
	}
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; r == 0 && i < nr; i++)
		r = add(s, lengths[i], 1);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* Each node once, also where devices share it. */
static int walk_runs(struct stat *s, struct forest *f, const struct thin_devices *devices)
{
	_cleanup_(freep) uint64_t *roots = calloc(devices->list.count + 1, sizeof(*roots));
	int r;

	if (!roots)
		return -ENOMEM;
	for (size_t i = 0; i < devices->list.count; i++)
		roots[i] = devices->list.items[i].root;
	f->meta = &s->tm->meta;
	f->value_size = sizeof(le64);
	f->leaf = count_runs;
	f->user = s;
	r = forest_init(f);
	return r < 0 ? r : forest_walk(f, roots, devices->list.count);
}

static int fail_damaged(struct stat *s, const struct forest *f,
			const struct thin_devices *devices)
{
	struct thin_gaps gaps = { 0 };
	int r = thin_gaps_find(f, devices->list.items, devices->list.count, &gaps);

	r = r < 0 ? bp_fail_memory(s->tm->meta.ctx) : thin_gaps_fail(s->tm->meta.ctx, &gaps);
	thin_gaps_done(&gaps);
	return r;
}

/* Workers add to one table, under a lock. */
static int read_runs(struct stat *s)
{
	_cleanup_(thin_devices_done) struct thin_devices devices = { 0 };
	struct forest f = { 0 };
	int r = thin_devices_read(s->tm, &devices);

	if (r < 0)
		return r;
	pthread_mutex_init(&s->lock, NULL);
	r = walk_runs(s, &f, &devices);
	pthread_mutex_destroy(&s->lock);
	if (r == -ENOMEM)
		bp_fail_memory(s->tm->meta.ctx);
	if (r == 0 && f.nr_errors > 0)
		r = fail_damaged(s, &f, &devices);
	forest_done(&f);
	return r;
}

/* --- telling --- */

static int by_value(const void *a, const void *b)
{
	const struct bp_thin_stat_row *x = a, *y = b;

	return x->value < y->value ? -1 : x->value > y->value;
}

static int tell(struct stat *s, int (*row)(void *user, const struct bp_thin_stat_row *row),
		void *user)
{
	int r = 0;

	for (uint64_t v = 1; r == 0 && v < SMALL; v++) {
		const struct bp_thin_stat_row small = { v, s->small[v] };

		if (small.times)
			r = row(user, &small);
	}
	if (s->large.count)
		qsort(s->large.items, s->large.count, sizeof(s->large.items[0]), by_value);
	for (size_t i = 0; r == 0 && i < s->large.count; i++) {
		struct bp_thin_stat_row large = s->large.items[i];

		while (i + 1 < s->large.count && s->large.items[i + 1].value == large.value)
			large.times += s->large.items[++i].times;
		r = row(user, &large);
	}
	return r;
}

/* A metadata snapshot has no space maps of its own. */
int bp_thin_stat(struct bp_thin_meta *meta, enum bp_thin_stat_what what,
		 int (*row)(void *user, const struct bp_thin_stat_row *row), void *user)
{
	_cleanup_(freep) struct stat *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bp_fail_memory(meta->meta.ctx);
	s->tm = meta;
	if (what != BP_THIN_STAT_DATA_RUNS && meta->sb.block != 0)
		return bp_fail(meta->meta.ctx, -EINVAL,
			       "a metadata snapshot has no reference counts");
	if (what == BP_THIN_STAT_DATA_BLOCKS)
		r = read_space_map(s, &meta->sb.data_sm, true);
	else if (what == BP_THIN_STAT_METADATA_BLOCKS)
		r = read_space_map(s, &meta->sb.metadata_sm, false);
	else
		r = read_runs(s);
	if (r == 0)
		r = tell(s, row, user);
	vec_done(&s->large);
	return r;
}
