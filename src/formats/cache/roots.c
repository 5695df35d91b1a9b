/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking for mappings where no superblock leads to them. Blocks tell what kind they are by their
 * checksums; an array's index tree begins with key 0, and its elements tell what it may be. Which
 * of several generations is the newest the blocks don't say.
 */
#include "formats/cache/repair.h"

#include <stdio.h>

/* Blocks read at once. */
#define CHUNK 256u

struct search {
	struct meta *meta;
	struct bits heads;  /* nodes whose first key is 0 */
	struct bits within; /* blocks that nodes lead to */
};

/* A node of an index tree: of 8-byte values. */
static void take_node(struct search *s, const void *data, bp_mblock block)
{
	struct node n;

	if (node_decode(data, block, sizeof(le64), &n) != NODE_OK || n.nr == 0)
		return;
	if (node_key(&n, 0) == 0)
		bits_set(&s->heads, block);
	for (uint32_t i = 0; i < n.nr && !n.leaf; i++) {
		uint64_t child = node_value64(&n, i);

		if (child < s->within.count)
			bits_set(&s->within, child);
	}
}

/* Only nodes are of interest; what can't be read is passed over. */
static int read_chunk(struct search *s, bp_mblock first, size_t count, uint8_t *buf)
{
	struct io_request requests[CHUNK];
	int r;

	for (size_t i = 0; i < count; i++)
		requests[i] = (struct io_request){ first + i, buf + i * IO_BLOCK, 0 };
	r = io_read_many(s->meta->io, requests, count);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (!requests[i].error && block_kind_of(requests[i].buf) == BLOCK_NODE)
			take_node(s, requests[i].buf, first + i);
	return r;
}

/* Holes of a sparse file are skipped. */
static int read_all(struct search *s)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(CHUNK);
	bp_mblock at = 0, begin, end, nr = s->meta->nr_blocks;
	int r = buf ? 0 : -ENOMEM;

	while (r == 0 && at < nr) {
		r = io_data_next(s->meta->io, at, &begin, &end);
		end = MIN(end, nr);
		for (at = begin; r == 0 && at < end; at += CHUNK)
			r = read_chunk(s, at, (size_t)MIN(end - at, (bp_mblock)CHUNK), buf);
		at = MAX(begin, end);
	}
	return r;
}

/* --- one array --- */

struct probe {
	struct bp_cache_root *root;
	uint64_t nr_odd; /* elements that are no mappings */
	bool old;        /* dirty flags were met */
};

/* Mappings have two flags and an origin: arrays of something else have odd values. */
static int probe_part(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct probe *p = user;

	for (uint64_t i = 0; i < end - begin; i++) {
		uint64_t value = le64_get(((const le64 *)values)[i]);
		uint32_t flags = cache_mapping_flags(value);
		bool valid = flags == CACHE_MAPPING_VALID ||
			     flags == (CACHE_MAPPING_VALID | CACHE_MAPPING_DIRTY);

		p->root->nr_mapped += valid;
		p->nr_odd += value && !valid;
		p->old |= valid && (flags & CACHE_MAPPING_DIRTY);
	}
	return 0;
}

/* Counted: a root with parts lost may still be the best there is. */
static int probe_lost(void *user, uint64_t begin, uint64_t end, enum array_error error,
		      enum node_error node_error, bp_mblock block)
{
	struct probe *p = user;

	(void)error;
	(void)node_error;
	(void)block;
	p->root->nr_lost += end - begin;
	return 0;
}

/*
 * How many elements: the last block's place, and how many it says it has; 0: no array of mappings.
 */
static int count_elements(struct meta *meta, const struct forest *f, uint64_t *ret)
{
	_cleanup_(freep) struct array_block_disk *buf = io_buffer_new(1);
	uint64_t last = 0, block = 0, max = array_capacity(sizeof(le64));

	*ret = 0;
	if (!buf)
		return -ENOMEM;
	for (size_t i = 0; i < f->nodes.count; i++) {
		const struct walk_node *n = &f->nodes.items[i];
		const struct walk_inner *inner;

		if (n->error || !(n->flags & WALK_IS_LEAF) || n->nr == 0)
			continue;
		inner = forest_inner(f, n);
		if (inner->keys[n->nr - 1] < last)
			continue;
		last = inner->keys[n->nr - 1];
		block = le64_get(((const le64 *)inner->values)[n->nr - 1]);
	}
	if (last > UINT32_MAX / max || block == 0 || block >= meta->nr_blocks)
		return 0;
	*ret = (last + 1) * max;
	if (io_read(meta->io, block, 1, buf) < 0 || block_kind_of(buf) != BLOCK_ARRAY)
		return 0;
	if (le32_get(buf->value_size) != sizeof(le64) || le32_get(buf->nr_entries) > max)
		*ret = 0;
	else
		*ret -= max - le32_get(buf->nr_entries);
	return 0;
}

/* The array's length is not in the tree: it follows from its last block. */
static int probe_size(struct meta *meta, bp_mblock block, uint64_t *ret)
{
	struct forest f = {
		.meta = meta,
		.value_size = sizeof(le64),
		.keep_leaves = true,
	};
	int r = forest_init(&f);

	if (r == 0)
		r = forest_walk(&f, &block, 1);
	if (r == 0)
		r = count_elements(meta, &f, ret);
	forest_done(&f);
	return r;
}

/* nr_cache_blocks 0: these are no mappings. */
int cache_root_probe(struct meta *meta, bp_mblock block, struct bp_cache_root *ret)
{
	struct probe p = { .root = ret };
	const struct array_visitor visitor = {
		.part = probe_part,
		.lost = probe_lost,
		.user = &p,
	};
	int r;

	*ret = (struct bp_cache_root){ .block = block };
	r = probe_size(meta, block, &ret->nr_cache_blocks);
	if (r == 0 && ret->nr_cache_blocks)
		r = array_walk(meta, block, ret->nr_cache_blocks, sizeof(le64), &visitor);
	if (r == 0 && p.nr_odd)
		ret->nr_cache_blocks = 0;
	ret->version = p.old ? 1 : 0;
	return r;
}

/* --- all --- */

/*
 * Nodes that no other leads to may be roots; the last in the area is tried first, only as
 * an order for the list.
 */
static int find(struct search *s, struct cache_roots *ret)
{
	int r = read_all(s);

	for (bp_mblock b = s->heads.count; r == 0 && b-- > 0;) {
		struct bp_cache_root root;

		if (!bits_test(&s->heads, b) || bits_test(&s->within, b))
			continue;
		r = cache_root_probe(s->meta, b, &root);
		if (r == 0 && root.nr_cache_blocks && root.nr_mapped)
			r = vec_add(&ret->list, &root);
	}
	return r;
}

/* Three bits a block. */
int cache_roots_find(struct meta *meta, struct cache_roots *ret)
{
	struct search s = { .meta = meta };
	int r = bits_init(&s.heads, meta->nr_blocks);

	*ret = (struct cache_roots){ 0 };
	if (r == 0)
		r = bits_init(&s.within, meta->nr_blocks);
	if (r == 0)
		r = find(&s, ret);
	bits_done(&s.heads);
	bits_done(&s.within);
	return r == -ENOMEM ? bp_fail_memory(meta->ctx) : r;
}

void cache_roots_done(struct cache_roots *roots)
{
	vec_done(&roots->list);
}
