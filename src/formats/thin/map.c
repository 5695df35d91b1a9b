/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/thin/map.h"
#include "pdata/refcounts_run.h"

#include <inttypes.h>

int thin_map_init(struct thin_map *m, struct build *b, bp_dblock nr_data_blocks)
{
	m->b = b;
	m->fresh_from = UINT32_MAX;
	m->block = io_buffer_new(1);
	if (!m->block || refcounts_init(&m->data, nr_data_blocks) < 0)
		return bp_fail_memory(b->ctx);
	return 0;
}

void thin_map_done(struct thin_map *m)
{
	refcounts_done(&m->data);
	vec_done(&m->leaves.nodes);
	vec_done(&m->fresh);
	vec_done(&m->loose);
	free(m->block);
	m->block = NULL;
}

void thin_def_done(struct thin_def *def)
{
	vec_done(&def->leaves.nodes);
}

static int add_leaf(struct thin_map *m, struct build_node leaf, uint32_t newest)
{
	if (newest >= m->fresh_from && vec_add(&m->fresh, &leaf.block) < 0)
		return bp_fail_memory(m->b->ctx);
	return vec_add(&m->leaves.nodes, &leaf) < 0 ? bp_fail_memory(m->b->ctx) : 0;
}

/* The newest time of the first @nr entries held back. */
static uint32_t newest_of(const struct thin_map *m, uint32_t nr)
{
	uint32_t newest = 0;

	for (uint32_t i = 0; i < nr; i++)
		newest = MAX(newest, thin_mapping_time(le64_get(m->values[i])));
	return newest;
}

/* Make the first @nr of the entries held back a leaf. */
static int write_leaf(struct thin_map *m, uint32_t nr)
{
	struct build_node leaf = { .key = nr ? m->keys[0] : 0 };
	uint32_t newest = m->fresh_from == UINT32_MAX ? 0 : newest_of(m, nr);
	int r;

	r = build_leaf(m->b, m->keys, m->values, nr, sizeof(le64), &leaf.block);
	if (r < 0)
		return r;
	if (refcounts_inc_many(&m->data, m->values, nr, THIN_TIME_BITS) < 0)
		return bp_fail_memory(m->b->ctx);
	m->count -= nr;
	memmove(m->keys, m->keys + nr, m->count * sizeof(m->keys[0]));
	memmove(m->values, m->values + nr, m->count * sizeof(m->values[0]));
	return add_leaf(m, leaf, newest);
}

/* Make room for @nr <= THIN_LEAF_MAX more entries. */
static int make_room(struct thin_map *m, uint32_t nr)
{
	return m->count + nr <= ARRAY_SIZE(m->keys) ? 0 : write_leaf(m, THIN_LEAF_MAX);
}

/* Read back from the output: nothing of it is kept in memory. */
int thin_map_read(struct thin_map *m, bp_mblock nr, void *block, struct node *ret)
{
	int r = build_read(m->b, nr, block);

	if (r < 0)
		return r;
	if (node_decode(block, nr, sizeof(le64), ret) != NODE_OK)
		return bp_fail(m->b->ctx, -EIO, "block %" PRIu64 " reads back altered", nr);
	return 0;
}

/* Its entries are in m->block then. */
static int read_leaf(struct thin_map *m, bp_mblock nr, struct node *ret)
{
	return thin_map_read(m, nr, m->block, ret);
}

/* Put a copy of leaf @nr's entries before those held back, or behind them. */
static int copy_leaf(struct thin_map *m, bp_mblock nr, bool before)
{
	struct node leaf;
	uint32_t at;
	int r;

	r = read_leaf(m, nr, &leaf);
	if (r < 0)
		return r;
	r = make_room(m, leaf.nr);
	if (r < 0)
		return r;
	at = before ? 0 : m->count;
	memmove(m->keys + at + leaf.nr, m->keys + at, (m->count - at) * sizeof(m->keys[0]));
	memmove(m->values + at + leaf.nr, m->values + at,
		(m->count - at) * sizeof(m->values[0]));
	for (uint32_t i = 0; i < leaf.nr; i++) {
		m->keys[at + i] = node_key(&leaf, i);
		m->values[at + i] = le64_make(node_value64(&leaf, i));
	}
	m->count += leaf.nr;
	return 0;
}

/* Take the last leaf out of the tree again: its entries go before those held back. */
static int take_back(struct thin_map *m)
{
	bp_mblock nr = m->leaves.nodes.items[--m->leaves.nodes.count].block;

	m->sparse_root = false;
	if (vec_add(&m->loose, &nr) < 0)
		return bp_fail_memory(m->b->ctx);
	return copy_leaf(m, nr, true);
}

/* All that is held back into leaves. Where that is too little it joins the leaf before. */
static int end_leaves(struct thin_map *m)
{
	int r = 0;

	if (m->count > 0 && m->count < THIN_LEAF_MIN && m->leaves.nodes.count > 0)
		r = take_back(m);
	while (r == 0 && m->count > 0)
		r = write_leaf(m, build_share(m->count, THIN_LEAF_MAX));
	return r;
}

static int check_order(struct thin_map *m, uint64_t virtual_begin)
{
	if (m->mapped == 0 || virtual_begin > m->last)
		return 0;
	return bp_fail(m->b->ctx, -EINVAL,
		       "keys out of order: virtual block %" PRIu64 " comes after %" PRIu64,
		       virtual_begin, m->last);
}

/* Bounds are checked here once, so that all that is built is valid: @length is 1 or more. */
static int check_run(struct thin_map *m, uint64_t virtual_begin, uint64_t data_begin,
		     uint64_t length)
{
	int r = check_order(m, virtual_begin);

	if (r < 0)
		return r;
	if (length - 1 > UINT64_MAX - virtual_begin)
		return bp_fail(m->b->ctx, -EINVAL,
			       "virtual block %" PRIu64 ": %" PRIu64
			       " blocks from there go beyond 64 bits",
			       virtual_begin, length);
	if (length > m->data.nr_blocks || data_begin > m->data.nr_blocks - length)
		return bp_fail(m->b->ctx, -EINVAL,
			       "block out of bounds: data block %" PRIu64 " of %" PRIu64,
			       data_begin + length - 1, m->data.nr_blocks);
	return 0;
}

/* Mappings that are to be added. */
struct rest {
	uint64_t virtual_begin, value, length;
};

/* Hold back @nr of them; there is room. */
static void hold(struct thin_map *m, struct rest *rest, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		m->keys[m->count + i] = rest->virtual_begin + i;
		m->values[m->count + i] =
			le64_make(rest->value + ((uint64_t)i << THIN_TIME_BITS));
	}
	m->count += nr;
	rest->virtual_begin += nr;
	rest->value += (uint64_t)nr << THIN_TIME_BITS;
	rest->length -= nr;
}

/* A full leaf straight from @rest; nothing is held back. */
static int write_run_leaf(struct thin_map *m, struct rest *rest)
{
	struct build_node leaf = { .key = rest->virtual_begin };
	struct build_place to;
	le64 *values;
	int r;

	r = build_leaf_place(m->b, THIN_LEAF_MAX, sizeof(le64), &to);
	if (r < 0)
		return r;
	leaf.block = to.block;
	values = to.values;
	/* The compiler takes several at once: the number is fixed. */
	for (uint32_t i = 0; i < THIN_LEAF_MAX; i++)
		to.keys[i] = le64_make(rest->virtual_begin + i);
	for (uint32_t i = 0; i < THIN_LEAF_MAX; i++)
		values[i] = le64_make(rest->value + ((uint64_t)i << THIN_TIME_BITS));
	build_seal(m->b, BLOCK_NODE);
	if (refcounts_inc_run(&m->data, thin_mapping_block(rest->value), THIN_LEAF_MAX) < 0)
		return bp_fail_memory(m->b->ctx);
	rest->virtual_begin += THIN_LEAF_MAX;
	rest->value += (uint64_t)THIN_LEAF_MAX << THIN_TIME_BITS;
	rest->length -= THIN_LEAF_MAX;
	return add_leaf(m, leaf, thin_mapping_time(rest->value));
}

/* A leaf is written, full, once more than two are known to follow each other. */
static int add_rest(struct thin_map *m, struct rest *rest)
{
	const uint32_t room = 2 * THIN_LEAF_MAX;
	int r = 0;

	while (r == 0 && m->count > 0 && rest->length > room - m->count) {
		if (m->count < THIN_LEAF_MAX)
			hold(m, rest, THIN_LEAF_MAX - m->count);
		r = write_leaf(m, THIN_LEAF_MAX);
	}
	while (r == 0 && rest->length > room)
		r = write_run_leaf(m, rest);
	if (r == 0)
		hold(m, rest, (uint32_t)rest->length);
	return r;
}

/* A lower time makes kernels copy more before they write, never less. */
static uint32_t lower(struct thin_map *m, uint32_t time)
{
	m->lowered |= time > THIN_MAPPING_TIME_MAX;
	return MIN(time, THIN_MAPPING_TIME_MAX);
}

/* Mappings come in order of virtual blocks; runs are cut into leaves as they fill. */
int thin_map_run(struct thin_map *m, uint64_t virtual_begin, uint64_t data_begin,
		 uint64_t length, uint32_t time)
{
	struct rest rest = { virtual_begin, 0, length };
	int r;

	time = lower(m, time);
	rest.value = thin_mapping_make(data_begin, time);
	r = check_run(m, virtual_begin, data_begin, length);
	if (r == 0 && m->sparse_root)
		r = take_back(m);
	if (r < 0)
		return r;
	m->time_max = MAX(m->time_max, time);
	m->mapped += length;
	m->last = virtual_begin + length - 1;
	return add_rest(m, &rest);
}

static void lower_values(struct thin_map *m, le64 *values, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t value = le64_get(values[i]);

		values[i] = le64_make(thin_mapping_make(thin_mapping_block(value),
							lower(m, thin_mapping_time(value))));
	}
}

/* A whole leaf at once; its keys rise among themselves, which node_decode() saw to. */
static int check_leaf(struct thin_map *m, const struct node *leaf, uint32_t *ret_time)
{
	uint64_t last = 0;
	uint32_t time = 0;

	for (uint32_t i = 0; i < leaf->nr; i++) {
		last = MAX(last, thin_mapping_block(node_value64(leaf, i)));
		time = MAX(time, thin_mapping_time(node_value64(leaf, i)));
	}
	*ret_time = time;
	if (last >= m->data.nr_blocks)
		return bp_fail(m->b->ctx, -EINVAL,
			       "block out of bounds: data block %" PRIu64 " of %" PRIu64, last,
			       m->data.nr_blocks);
	return check_order(m, node_key(leaf, 0));
}

/*
 * A leaf of the input, taken entry by entry: it may be cut in two, where leaves of the
 * output are not full.
 */
int thin_map_leaf(struct thin_map *m, const struct node *leaf)
{
	uint32_t time, at = 0;
	int r = 0;

	if (leaf->nr == 0)
		return 0;
	r = check_leaf(m, leaf, &time);
	if (r == 0 && m->sparse_root)
		r = take_back(m);
	while (r == 0 && at < leaf->nr) {
		uint32_t nr = MIN(leaf->nr - at, (uint32_t)ARRAY_SIZE(m->keys) - m->count);

		for (uint32_t i = 0; i < nr; i++) {
			m->keys[m->count + i] = node_key(leaf, at + i);
			m->values[m->count + i] = le64_make(node_value64(leaf, at + i));
		}
		if (time > THIN_MAPPING_TIME_MAX)
			lower_values(m, m->values + m->count, nr);
		m->count += nr;
		at += nr;
		if (at < leaf->nr)
			r = write_leaf(m, THIN_LEAF_MAX);
	}
	if (r < 0)
		return r;
	m->time_max = MAX(m->time_max, lower(m, time));
	m->mapped += leaf->nr;
	m->last = node_key(leaf, leaf->nr - 1);
	return 0;
}

/* Share the leaves of @def from the @from-th on. */
static int splice(struct thin_map *m, const struct thin_def *def, size_t from)
{
	size_t nr = def->leaves.nodes.count - from;

	if (vec_reserve(&m->leaves.nodes, nr) < 0)
		return bp_fail_memory(m->b->ctx);
	memcpy(m->leaves.nodes.items + m->leaves.nodes.count, def->leaves.nodes.items + from,
	       nr * sizeof(def->leaves.nodes.items[0]));
	m->leaves.nodes.count += nr;
	return 0;
}

/*
 * A def with few mappings is copied, as a nearly empty leaf in the middle of a tree is not
 * allowed; a larger one is spliced in, its leaves shared.
 */
static int add_def(struct thin_map *m, const struct thin_def *def)
{
	bool alone = m->count == 0 && m->leaves.nodes.count == 0;
	bp_mblock first = def->leaves.nodes.items[0].block;
	int r = 0;

	if (def->mapped < THIN_LEAF_MIN) {
		if (!alone)
			return copy_leaf(m, first, false);
		m->sparse_root = true;
		return splice(m, def, 0);
	}
	if (m->count > 0 && m->count < THIN_LEAF_MIN && m->leaves.nodes.count == 0) {
		r = copy_leaf(m, first, false);
		if (r == 0)
			r = end_leaves(m);
		return r == 0 ? splice(m, def, 1) : r;
	}
	r = end_leaves(m);
	return r == 0 ? splice(m, def, 0) : r;
}

/*
 * The device at hand gets all mappings of @def. Counts of shared leaves go up, those of
 * data with them.
 */
int thin_map_def(struct thin_map *m, const struct thin_def *def)
{
	int r = 0;

	if (def->mapped > 0)
		r = check_order(m, def->first);
	if (r == 0 && m->sparse_root)
		r = take_back(m);
	if (r == 0)
		r = add_def(m, def);
	if (r < 0)
		return r;
	m->mapped += def->mapped;
	if (def->mapped > 0)
		m->last = def->last;
	return 0;
}

/* The last leaves; a tree has at least one. */
static int end(struct thin_map *m)
{
	int r = end_leaves(m);

	if (r == 0 && m->leaves.nodes.count == 0)
		r = write_leaf(m, 0);
	return r;
}

/* The leaves become @ret's, to be used by devices any number of times. */
int thin_map_end_def(struct thin_map *m, struct thin_def *ret)
{
	int r = end(m);

	if (r < 0)
		return r;
	*ret = (struct thin_def){
		.leaves = m->leaves,
		.first = m->leaves.nodes.items[0].key,
		.last = m->last,
		.mapped = m->mapped,
	};
	m->leaves = (struct build_level){ 0 };
	m->mapped = 0;
	return 0;
}

/* The inner nodes above the leaves; @ret_mapped is what the kernel's details must say. */
int thin_map_end_device(struct thin_map *m, bp_mblock *ret_root, uint64_t *ret_mapped)
{
	int r = end(m);

	if (r == 0)
		r = build_upper(m->b, &m->leaves, ret_root);
	if (r < 0)
		return r;
	*ret_mapped = m->mapped;
	m->mapped = 0;
	m->sparse_root = false;
	return 0;
}

/*
 * A leaf that was copied into all of its users is nobody's: its block stays in the output,
 * unused and counted as free.
 */
static int drop(struct thin_map *m, bp_mblock nr)
{
	struct node leaf;
	int r;

	if (refcounts_get(&m->b->counts, nr) > 0)
		return 0;
	r = read_leaf(m, nr, &leaf);
	for (uint32_t i = 0; r == 0 && i < leaf.nr; i++) {
		if (refcounts_dec(&m->data, thin_mapping_block(node_value64(&leaf, i))) < 0)
			r = bp_fail_memory(m->b->ctx);
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	bp_mblock x = *(const bp_mblock *)a, y = *(const bp_mblock *)b;

	return x < y ? -1 : x > y;
}

/* Only when all devices are there is it known which leaves of a def nobody has. */
int thin_map_mark_unused(struct thin_map *m, const struct thin_def *def)
{
	for (size_t i = 0; i < def->leaves.nodes.count; i++) {
		bp_mblock nr = def->leaves.nodes.items[i].block;

		if (refcounts_get(&m->b->counts, nr) == 0 && vec_add(&m->loose, &nr) < 0)
			return bp_fail_memory(m->b->ctx);
	}
	return 0;
}

/* A def's leaf may have been taken back by many devices, and stands in the def too. */
int thin_map_drop_unused(struct thin_map *m)
{
	if (m->loose.count > 0)
		qsort(m->loose.items, m->loose.count, sizeof(m->loose.items[0]), compare);
	for (size_t i = 0; i < m->loose.count; i++) {
		int r;

		if (i > 0 && m->loose.items[i] == m->loose.items[i - 1])
			continue;
		r = drop(m, m->loose.items[i]);
		if (r < 0)
			return r;
	}
	return 0;
}
