/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thin volume as a map. Its tree is read once, whole, each node verified; what can't be read
 * is missing, not zero. Takes 32 bytes for each run of mappings that continue each other.
 */
#include "rescue/source.h"

#include <inttypes.h>

struct thin_volume_map {
	struct map map;
	struct map *data, *external; /* lent */
	bp_bytes block_bytes;
	VEC(struct thin_map_run) runs; /* by rising begin */
};

static struct thin_volume_map *volume_of(struct map *map)
{
	return (struct thin_volume_map *)(void *)map;
}

/* The first run that ends behind @block. */
static const struct thin_map_run *find_run(const struct thin_volume_map *m, bp_dblock block)
{
	size_t low = vec_bisect(&m->runs, run,
				block >= run->begin && block - run->begin >= run->length);

	return low < m->runs.count ? &m->runs.items[low] : NULL;
}

/* Bytes from @at up to the beginning of block @block, at most @max. */
static bp_bytes up_to(const struct thin_volume_map *m, bp_dblock block, bp_bytes at,
		      bp_bytes max)
{
	bp_bytes begin;

	if (mul_overflow(block, m->block_bytes, &begin))
		return max;
	return MIN(max, begin - at);
}

/*
 * Unmapped: what the external origin has. A block is provisioned whole, so only what is not
 * mapped shows it.
 */
static int unmapped(const struct thin_volume_map *m, bp_bytes at, bp_bytes max,
		    struct map_piece *ret)
{
	if (m->external)
		return map_locate(m->external, at, max, ret);
	*ret = (struct map_piece){ .kind = MAP_ZERO, .length = max };
	return 0;
}

/*
 * Unmapped is zeros, or the external origin; mapped without data given, or beyond it, is
 * missing and says why.
 */
static int thin_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	const struct thin_volume_map *m = volume_of(map);
	bp_dblock block = at / m->block_bytes;
	const struct thin_map_run *run = find_run(m, block);
	bp_dblock end;
	bp_bytes data_at;

	if (!run || run->begin > block)
		return unmapped(m, at, run ? up_to(m, run->begin, at, max) : max, ret);
	if (!add_overflow(run->begin, run->length, &end))
		max = up_to(m, end, at, max);
	if (run->data == BP_NONE || !m->data ||
	    mul_overflow(run->data + (block - run->begin), m->block_bytes, &data_at)) {
		*ret = (struct map_piece){ .kind = MAP_MISSING, .length = max };
		ret->why = run->data == BP_NONE ? run->why : "the pool's data was not given";
		return 0;
	}
	data_at += at % m->block_bytes;
	if (data_at >= m->data->size) {
		*ret = (struct map_piece){ .kind = MAP_MISSING, .length = max };
		ret->why = "mapped beyond the pool's data";
		return 0;
	}
	return map_locate(m->data, data_at, MIN(max, m->data->size - data_at), ret);
}

static void thin_free(struct map *map)
{
	struct thin_volume_map *m = volume_of(map);

	vec_done(&m->runs);
	free(m);
}

static const struct map_ops thin_ops = { .locate = thin_locate, .free = thin_free };

/* --- reading the tree --- */

struct reader {
	const struct forest *forest;
	struct thin_volume_map *m;
};

/* Runs of the same data are joined: a volume that was written in order has few. */
static int add_run(struct thin_volume_map *m, bp_dblock begin, bp_dblock data, bp_dblock length)
{
	struct thin_map_run *last = m->runs.count ? &m->runs.items[m->runs.count - 1] : NULL;
	struct thin_map_run run = { begin, data, length, "its metadata can't be read" };

	if (last && last->begin + last->length == begin && data != BP_NONE &&
	    last->data != BP_NONE && last->data + last->length == data) {
		last->length += length;
		return 0;
	}
	return vec_add(&m->runs, &run);
}

/* Times are of no use here: only where it lies. */
static int on_leaf(void *user, const struct walk_node *leaf)
{
	struct reader *reader = user;
	const struct walk_inner *entries = forest_inner(reader->forest, leaf);
	const le64 *values = entries->values;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++)
		r = add_run(reader->m, entries->keys[i],
			    thin_mapping_block(le64_get(values[i])), 1);
	return r;
}

static int on_lost(void *user, const struct walk_lost *lost)
{
	struct reader *reader = user;
	uint64_t length = lost->end - lost->begin;

	/* To the last block there can be: what lies behind the volume's end does not matter. */
	return add_run(reader->m, lost->begin, BP_NONE,
		       length == UINT64_MAX ? length : length + 1);
}

/* A lost leaf is a range that is missing, not a failure. */
static int read_tree(struct bp_thin_meta *meta, bp_mblock root, struct thin_volume_map *m)
{
	struct forest forest = { .meta = &meta->meta,
				 .value_size = sizeof(le64),
				 .keep_leaves = true };
	struct reader reader = { .forest = &forest, .m = m };
	const struct forest_visitor visitor = {
		.leaf = on_leaf,
		.lost = on_lost,
		.user = &reader,
	};
	int r = forest_init(&forest);

	if (r == 0)
		r = forest_walk(&forest, &root, 1);
	if (r == 0)
		r = forest_visit(&forest, root, &visitor);
	forest_done(&forest);
	return r == -ENOMEM ? bp_fail_memory(meta->meta.ctx) : r;
}

/* --- what is known to be lost --- */

/* The runs of @from, and what lies between them within @lost. */
static int add_lost(struct thin_volume_map *m, const struct thin_map_lost *lost)
{
	struct thin_volume_map old = { 0 };
	bp_dblock at = 0;
	size_t k = 0;
	int r = 0;

	memcpy(&old.runs, &m->runs, sizeof(old.runs));
	memset(&m->runs, 0, sizeof(m->runs));
	for (size_t i = 0; r == 0 && i <= old.runs.count; i++) {
		const struct thin_map_run *run = i < old.runs.count ? &old.runs.items[i] : NULL;
		bp_dblock end = run ? run->begin : UINT64_MAX;

		for (; r == 0 && k < lost->list.count && lost->list.items[k].begin < end; k++) {
			bp_dblock begin = MAX(at, lost->list.items[k].begin);
			bp_dblock to = MIN(end, lost->list.items[k].end);

			if (begin < to)
				r = add_run(m, begin, BP_NONE, to - begin);
			if (lost->list.items[k].end > end)
				break;
		}
		if (r == 0 && run)
			r = add_run(m, run->begin, run->data, run->length);
		at = run && !add_overflow(run->begin, run->length, &end) ? end : UINT64_MAX;
	}
	vec_done(&old.runs);
	return r;
}

/* Gaps are runs without data. */
bool thin_map_has_gaps(const struct map *map)
{
	const struct thin_volume_map *m = (const struct thin_volume_map *)(const void *)map;

	for (size_t i = 0; i < m->runs.count; i++)
		if (m->runs.items[i].data == BP_NONE)
			return true;
	return false;
}

bp_dblock thin_map_mapped(const struct map *map)
{
	const struct thin_volume_map *m = (const struct thin_volume_map *)(const void *)map;
	bp_dblock nr = 0;

	for (size_t i = 0; i < m->runs.count; i++)
		nr += m->runs.items[i].data == BP_NONE ? 0 : m->runs.items[i].length;
	return nr;
}

/*
 * The end of its last mapping. Behind that something may be lost, up to nobody knows where: then
 * one block of it counts, so that the volume does not seem to be whole.
 */
static bp_bytes mapped_end(const struct thin_volume_map *m)
{
	const struct thin_map_run *run;
	bp_dblock last;
	bp_bytes end = 0;

	if (!m->runs.count)
		return 0;
	run = &m->runs.items[m->runs.count - 1];
	if (!add_overflow(run->begin, run->length, &last) &&
	    !mul_overflow(last, m->block_bytes, &end))
		return end;
	return run->data == BP_NONE && !mul_overflow(run->begin + 1, m->block_bytes, &end) ? end
											   : 0;
}

/* Without a size (0) it is as large as its last mapping tells. */
static struct thin_volume_map *volume_map_new(const struct thin_map_opts *opts)
{
	struct thin_volume_map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->map = (struct map){ .ops = &thin_ops, .size = opts->size };
	m->data = opts->data;
	m->external = opts->external;
	m->block_bytes = opts->block_bytes;
	return m;
}

/* For volumes whose runs are known already: a removed one's. */
int thin_map_of_runs(struct bp_ctx *ctx, const struct thin_map_opts *opts,
		     const struct thin_map_run *runs, size_t nr, struct map **ret)
{
	struct thin_volume_map *m = volume_map_new(opts);
	int r = m ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < nr; i++)
		r = vec_add(&m->runs, &runs[i]);
	if (r < 0) {
		if (m)
			thin_free(&m->map);
		return bp_fail_memory(ctx);
	}
	if (!opts->size)
		m->map.size = mapped_end(m);
	*ret = &m->map;
	return 0;
}

/* Reads the whole tree: memory grows with its runs, not with its size. */
int thin_map_new(struct bp_thin_meta *meta, const struct thin_map_opts *opts, struct map **ret)
{
	struct thin_volume_map *m = volume_map_new(opts);
	int r;

	if (!m)
		return bp_fail_memory(meta->meta.ctx);
	r = read_tree(meta, opts->root, m);
	if (r == 0 && opts->lost && add_lost(m, opts->lost) < 0)
		r = bp_fail_memory(meta->meta.ctx);
	if (r < 0) {
		thin_free(&m->map);
		return r;
	}
	if (!opts->size)
		m->map.size = mapped_end(m);
	*ret = &m->map;
	return 0;
}
