/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"
#include "pdata/array.h"
#include "pdata/bitset.h"
#include "pdata/refcounts.h"
#include "pdata/refcounts_run.h"
#include "pdata/space_map.h"
#include "unit.h"

#include <stdio.h>

static void checksums_tell_kinds(void **state)
{
	/* The checksum of an otherwise all-zero block of each kind. */
	static const uint32_t zero[BLOCK_KINDS] = {
		[BLOCK_THIN_SUPERBLOCK] = 0x58CFD397, [BLOCK_CACHE_SUPERBLOCK] = 0x584476B8,
		[BLOCK_ERA_SUPERBLOCK] = 0x5076581C,  [BLOCK_NODE] = 0x58CC7E82,
		[BLOCK_BITMAP] = 0x58CE0B1A,          [BLOCK_INDEX] = 0x58CFD54F,
		[BLOCK_ARRAY] = 0x7B4E41DE,
	};
	uint8_t *block = io_buffer_new(1);

	(void)state;
	for (int kind = BLOCK_UNKNOWN + 1; kind < BLOCK_KINDS; kind++) {
		memset(block, 0, IO_BLOCK);
		block_seal(block, (enum block_kind)kind, 0);
		assert_int_equal(le32_get(*(le32 *)(void *)block), zero[kind]);
		assert_int_equal(block_kind_of(block), kind);

		block_seal(block, (enum block_kind)kind, 1234567);
		assert_int_equal(block_number(block, (enum block_kind)kind), 1234567);
		assert_int_equal(block_check(block, (enum block_kind)kind, 1234567), BLOCK_OK);
		assert_int_equal(block_check(block, (enum block_kind)kind, 5), BLOCK_MISPLACED);
		assert_int_equal(block_check(block, (enum block_kind)(kind % 7 + 1), 1234567),
				 BLOCK_BAD_KIND);
		block[4095] ^= 1;
		assert_int_equal(block_check(block, (enum block_kind)kind, 1234567),
				 BLOCK_BAD_CSUM);
	}
	free(block);
}

/* The metadata may be shorter than what it lies on: its end is exact. */
static void reads_end_with_the_metadata(void **state)
{
	uint8_t *block = io_buffer_new(1);
	struct image image;
	struct bp_ctx *ctx;
	struct meta meta;
	struct io *io;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	image_new(&image, 4 * IO_BLOCK);
	io = image_io(&image);
	meta = meta_of(ctx, io, 1);
	assert_int_equal(meta.nr_blocks, 4);
	meta.nr_blocks = 3;
	assert_ok(meta_read(&meta, 2, block));
	for (bp_mblock nr = 3; nr < 6; nr++) {
		assert_err(meta_read(&meta, nr, block), EUCLEAN);
		assert_non_null(strstr(bp_errmsg(ctx), "past the end"));
	}
	io_close(io);
	image_done(&image);
	bp_ctx_free(ctx);
	free(block);
}

/* --- nodes --- */

struct node_image {
	uint32_t flags, nr, max, value_size;
};

static void node_make(void *block, bp_mblock nr, const struct node_image *n)
{
	struct btree_node_disk *disk = block;

	memset(block, 0, IO_BLOCK);
	disk->flags = le32_make(n->flags);
	disk->nr_entries = le32_make(n->nr);
	disk->max_entries = le32_make(n->max);
	disk->value_size = le32_make(n->value_size);
	for (uint32_t i = 0; i < MIN(n->nr, 500); i++)
		disk->keys[i] = le64_make(10 + 2 * i);
	block_seal(block, BLOCK_NODE, nr);
}

static const struct {
	struct node_image node;
	enum node_error error;
} nodes[] = {
	{ { 2, 252, 252, 8 }, NODE_OK },
	{ { 1, 252, 252, 8 }, NODE_OK },
	{ { 2, 0, 252, 8 }, NODE_OK },
	{ { 2, 100, 250, 8 }, NODE_OK }, /* odd, but usable */
	{ { 2, 0, 0, 8 }, NODE_OK },
	{ { 1, 0, 252, 8 }, NODE_NO_ENTRIES },
	{ { 0, 10, 252, 8 }, NODE_FLAGS },
	{ { 3, 10, 252, 8 }, NODE_FLAGS },
	{ { 6, 10, 252, 8 }, NODE_FLAGS },
	{ { 2, 10, 252, 16 }, NODE_VALUE_SIZE },
	{ { 2, 10, 252, 0 }, NODE_VALUE_SIZE },
	{ { 2, 10, 255, 8 }, NODE_MAX_ENTRIES },
	{ { 2, 10, UINT32_MAX, 8 }, NODE_MAX_ENTRIES },
	{ { 2, 253, 252, 8 }, NODE_NR_ENTRIES },
	{ { 2, UINT32_MAX, 252, 8 }, NODE_NR_ENTRIES },
};

static void nodes_are_verified(void **state)
{
	uint8_t *block = io_buffer_new(1);
	struct node node;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		node_make(block, 9, &nodes[i].node);
		assert_int_equal(node_decode(block, 9, 8, &node), nodes[i].error);
		assert_int_equal(node_decode(block, 8, 8, &node), NODE_BLOCKNR);
	}
	/* Internal nodes have 8-byte values whatever the tree's are. */
	node_make(block, 9, &(struct node_image){ 1, 2, 252, 8 });
	assert_int_equal(node_decode(block, 9, 24, &node), NODE_OK);
	node_make(block, 9, &(struct node_image){ 2, 5, 252, 8 });
	((struct btree_node_disk *)(void *)block)->keys[3] = le64_make(14);
	block_seal(block, BLOCK_NODE, 9);
	assert_int_equal(node_decode(block, 9, 8, &node), NODE_KEY_ORDER); /* 14 twice */
	block[100] ^= 1;
	assert_int_equal(node_decode(block, 9, 8, &node), NODE_CSUM);
	block_seal(block, BLOCK_ARRAY, 9);
	assert_int_equal(node_decode(block, 9, 8, &node), NODE_KIND);
	free(block);

	assert_int_equal(node_capacity(4), 336);
	assert_int_equal(node_capacity(8), 252);
	assert_int_equal(node_capacity(12), 201);
	assert_int_equal(node_capacity(16), 168);
	assert_int_equal(node_capacity(24), 126);
}

static void keys_are_found(void **state)
{
	uint8_t *block = io_buffer_new(1);
	struct node node;

	(void)state;
	node_make(block, 9, &(struct node_image){ 2, 5, 252, 8 }); /* 10 12 14 16 18 */
	assert_int_equal(node_decode(block, 9, 8, &node), NODE_OK);
	assert_int_equal(node_find(&node, 9), -1);
	assert_int_equal(node_find(&node, 10), 0);
	assert_int_equal(node_find(&node, 11), 0);
	assert_int_equal(node_find(&node, 18), 4);
	assert_int_equal(node_find(&node, UINT64_MAX), 4);
	free(block);
}

/* --- trees, made by hand --- */

#define TREE_BLOCKS 64

struct tree {
	struct image image;
	struct io *io;
	struct bp_ctx *ctx;
	struct meta meta;
};

static void tree_new(struct tree *t)
{
	image_new(&t->image, TREE_BLOCKS * IO_BLOCK);
	t->io = image_io(&t->image);
	assert_ok(bp_ctx_new(&t->ctx));
	t->meta = (struct meta){ .ctx = t->ctx, .io = t->io, .nr_blocks = TREE_BLOCKS };
}

static void tree_done(struct tree *t)
{
	io_close(t->io);
	image_done(&t->image);
	bp_ctx_free(t->ctx);
}

/* A node at @block with @nr entries: keys, values pairwise in @entries. */
static void put(struct tree *t, bp_mblock block, uint32_t flags, const uint64_t *entries,
		uint32_t nr)
{
	struct btree_node_disk *disk = image_block(&t->image, block);
	le64 *values;

	node_make(disk, block, &(struct node_image){ flags, nr, 252, 8 });
	values = disk->keys + 252;
	for (uint32_t i = 0; i < nr; i++) {
		disk->keys[i] = le64_make(entries[2 * i]);
		values[i] = le64_make(entries[2 * i + 1]);
	}
	block_seal(disk, BLOCK_NODE, block);
}

#define PUT(t, block, flags, ...)                                                              \
	put(t, block, flags, (const uint64_t[]){ __VA_ARGS__ },                                \
	    ARRAY_SIZE(((const uint64_t[]){ __VA_ARGS__ })) / 2)

static int count_child(void *user, bp_mblock block)
{
	((unsigned *)user)[block]++;
	return 0;
}

static void walk(struct tree *t, struct forest *f, unsigned *counts, const uint64_t *roots,
		 size_t nr)
{
	*f = (struct forest){ .meta = &t->meta,
			      .value_size = 8,
			      .keep_leaves = true,
			      .child = count_child,
			      .user = counts };
	memset(counts, 0, TREE_BLOCKS * sizeof(*counts));
	assert_ok(forest_init(f));
	assert_ok(forest_walk(f, roots, nr));
}

static enum node_error only_edge(const struct forest *f)
{
	return f->edges.count == 1 ? (enum node_error)f->edges.items[0].error : NODE_OK;
}

static void shared_nodes_are_read_once(void **state)
{
	const uint64_t roots[] = { 1, 2, 1 };
	unsigned counts[TREE_BLOCKS];
	struct forest f;
	struct tree t;

	(void)state;
	tree_new(&t);
	PUT(&t, 1, NODE_INTERNAL, 0, 10, 100, 11);
	PUT(&t, 2, NODE_INTERNAL, 0, 10, 100, 12);
	PUT(&t, 10, NODE_LEAF, 5, 50, 6, 60);
	PUT(&t, 11, NODE_LEAF, 100, 1);
	PUT(&t, 12, NODE_LEAF, 100, 1, 200, 2, 300, 3);
	walk(&t, &f, counts, roots, 3);
	assert_int_equal(f.nodes.count, 5);
	assert_int_equal(f.nr_errors, 0);
	assert_int_equal(counts[10], 2);
	assert_int_equal(counts[11], 1);
	assert_int_equal(forest_entries(&f, 1), 3);
	assert_int_equal(forest_entries(&f, 2), 5);
	assert_int_equal(forest_node(&f, 2)->key_max, 300);
	assert_int_equal(forest_node(&f, 2)->height, 1);
	assert_null(forest_node(&f, 13));
	forest_done(&f);
	tree_done(&t);
}

/* Roots may have any number of entries, an internal one with one child included; others not. */
static void few_entries_are_marked(void **state)
{
	const uint64_t roots[] = { 1, 2 };
	uint64_t entries[504];
	unsigned counts[TREE_BLOCKS];
	struct forest f;
	struct tree t;

	(void)state;
	tree_new(&t);
	for (uint64_t i = 0; i < 252; i++)
		entries[2 * i] = entries[2 * i + 1] = i;
	PUT(&t, 1, NODE_INTERNAL, 0, 10);
	PUT(&t, 2, NODE_LEAF, 7, 7);
	put(&t, 10, NODE_LEAF, entries, 84);
	walk(&t, &f, counts, roots, 2);
	assert_int_equal(f.nr_errors, 0);
	for (size_t i = 0; i < f.nodes.count; i++)
		assert_false(f.nodes.items[i].flags & WALK_IS_SPARSE);
	forest_done(&f);

	put(&t, 10, NODE_LEAF, entries, 83);
	walk(&t, &f, counts, roots, 2);
	assert_int_equal(f.nr_errors, 0);
	assert_true(forest_node(&f, 10)->flags & WALK_IS_SPARSE);
	assert_false(forest_node(&f, 2)->flags & WALK_IS_SPARSE);
	forest_done(&f);
	tree_done(&t);
}

static void damage_between_nodes_is_found(void **state)
{
	const uint64_t root = 1;
	unsigned counts[TREE_BLOCKS];
	struct forest f;
	struct tree t;

	(void)state;
	tree_new(&t);
	PUT(&t, 10, NODE_LEAF, 5, 50, 6, 60);
	PUT(&t, 1, NODE_INTERNAL, 6, 10); /* above the child's first key */
	walk(&t, &f, counts, &root, 1);
	assert_int_equal(only_edge(&f), NODE_KEY_RANGE);
	assert_int_equal(f.edges.items[0].first, 5);
	forest_done(&f);

	PUT(&t, 11, NODE_LEAF, 6, 1);
	PUT(&t, 1, NODE_INTERNAL, 0, 10, 6, 11); /* the child goes on past it */
	walk(&t, &f, counts, &root, 1);
	assert_int_equal(only_edge(&f), NODE_KEY_RANGE);
	assert_int_equal(forest_entries(&f, 1), 3);
	forest_done(&f);

	PUT(&t, 1, NODE_INTERNAL, 0, 2); /* a loop of two */
	PUT(&t, 2, NODE_INTERNAL, 0, 1);
	walk(&t, &f, counts, &root, 1);
	assert_int_equal(only_edge(&f), NODE_LOOP);
	forest_done(&f);

	PUT(&t, 1, NODE_INTERNAL, 0, 1); /* of one */
	walk(&t, &f, counts, &root, 1);
	assert_int_equal(only_edge(&f), NODE_LOOP);
	forest_done(&f);

	PUT(&t, 1, NODE_INTERNAL, 0, 10, 50, 2);
	PUT(&t, 2, NODE_INTERNAL, 50, 12);
	PUT(&t, 12, NODE_LEAF, 50, 1);
	walk(&t, &f, counts, &root, 1);
	assert_int_equal(only_edge(&f), NODE_HEIGHT);
	forest_done(&f);

	PUT(&t, 1, NODE_INTERNAL, 0, 10, 50, TREE_BLOCKS, 60, 0, 70, UINT64_MAX);
	walk(&t, &f, counts, &root, 1);
	assert_int_equal(f.edges.count, 3);
	assert_int_equal(f.nr_unread, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(f.edges.items[i].error, NODE_RANGE);
	assert_int_equal(forest_entries(&f, 1), 2);
	forest_done(&f);
	tree_done(&t);
}

/* A chain deeper than any honest tree, and one of the same nodes in which every way is long. */
static void depth_is_bounded(void **state)
{
	uint64_t root = 1, roots[16];
	unsigned counts[TREE_BLOCKS];
	struct forest f;
	struct tree t;
	le64 value;

	(void)state;
	tree_new(&t);
	for (uint64_t b = 1; b < 16; b++) {
		PUT(&t, b, NODE_INTERNAL, 0, b + 1);
		roots[b] = b;
	}
	PUT(&t, 16, NODE_LEAF, 0, 77);
	walk(&t, &f, counts, &root, 1);
	assert_true(f.nr_errors > 0);
	assert_int_equal(forest_node(&f, 1 + BTREE_MAX_DEPTH)->error, NODE_DEPTH);
	forest_done(&f);
	walk(&t, &f, counts, roots + 1, 15);
	assert_true(f.nr_errors > 0);
	forest_done(&f);
	assert_err(btree_lookup(&t.meta, 1, 8, 0, &value), EUCLEAN);
	assert_ok(btree_lookup(&t.meta, 10, 8, 0, &value));
	assert_int_equal(le64_get(value), 77);
	tree_done(&t);
}

static int sum_leaf(void *user, const struct walk_node *leaf)
{
	*(uint64_t *)user += leaf->nr;
	return 0;
}

/* 252 pointers to one child, ten levels: 10^24 ways. Neither walks nor visits may take them. */
static void many_ways_take_no_time(void **state)
{
	uint64_t entries[504], root = 1, sum = 0;
	unsigned counts[TREE_BLOCKS];
	struct forest_visitor visitor = { .leaf = sum_leaf, .user = &sum };
	struct btree_iter *it;
	struct forest f;
	struct tree t;
	struct node leaf;
	uint32_t first;
	int r;

	(void)state;
	tree_new(&t);
	for (uint64_t b = 1; b < 10; b++) {
		for (uint64_t i = 0; i < 252; i++) {
			entries[2 * i] = i;
			entries[2 * i + 1] = b + 1;
		}
		put(&t, b, NODE_INTERNAL, entries, 252);
	}
	put(&t, 10, NODE_LEAF, entries, 252);
	walk(&t, &f, counts, &root, 1);
	assert_int_equal(f.nodes.count, 10);
	assert_true(f.nr_errors > 0);
	assert_int_equal(counts[5], 252);
	assert_ok(forest_visit(&f, 1, &visitor));
	forest_done(&f);
	assert_ok(btree_iter_new(&t.meta, 1, 8, 0, &it));
	while ((r = btree_iter_leaf(it, &leaf, &first)) == 0)
		;
	assert_err(r, EUCLEAN);
	btree_iter_free(it);
	tree_done(&t);
}

static void iteration_starts_anywhere(void **state)
{
	static const struct {
		uint64_t from, first;
	} cases[] = { { 0, 5 },     { 5, 5 },     { 6, 6 },     { 7, 100 },
		      { 100, 100 }, { 150, 200 }, { 300, 300 }, { 301, UINT64_MAX } };
	struct btree_iter *it;
	struct node leaf;
	uint32_t first;
	struct tree t;

	(void)state;
	tree_new(&t);
	PUT(&t, 2, NODE_INTERNAL, 0, 10, 100, 12);
	PUT(&t, 10, NODE_LEAF, 5, 50, 6, 60);
	PUT(&t, 12, NODE_LEAF, 100, 1, 200, 2, 300, 3);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t got = UINT64_MAX;

		assert_ok(btree_iter_new(&t.meta, 2, 8, cases[i].from, &it));
		while (got == UINT64_MAX && btree_iter_leaf(it, &leaf, &first) == 0)
			if (first < leaf.nr)
				got = node_key(&leaf, first);
		assert_int_equal(got, cases[i].first);
		btree_iter_free(it);
	}
	tree_done(&t);
}

/* --- reference counts --- */

static void counts_count(void **state)
{
	struct refcounts a, b;

	(void)state;
	assert_ok(refcounts_init(&a, 100000));
	assert_ok(refcounts_init(&b, 100000));
	for (uint64_t i = 0; i < 100000; i += 7)
		for (uint64_t k = 0; k < i % 11; k++)
			assert_ok(refcounts_inc(&a, i));
	for (uint64_t i = 0; i < 100000; i += 5)
		for (uint64_t k = 0; k < i % 13; k++)
			assert_ok(refcounts_inc(&b, i));
	assert_ok(refcounts_merge(&a, &b));
	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t want = (i % 7 ? 0 : i % 11) + (i % 5 ? 0 : i % 13);

		if (refcounts_get(&a, i) != want)
			fail_msg("block %lu: %lu, not %lu", (unsigned long)i,
				 (unsigned long)refcounts_get(&a, i), (unsigned long)want);
	}
	assert_int_equal(refcounts_get(&a, 100000), 0);
	refcounts_done(&a);
}

/* Every two counts that two bits can have, each in a word of its own, between neighbours. */
static void counts_merge(void **state)
{
	struct refcounts a, b;

	(void)state;
	assert_ok(refcounts_init(&a, 512));
	assert_ok(refcounts_init(&b, 512));
	for (uint64_t i = 0; i < 16; i++) {
		for (uint64_t k = 0; k < i / 4; k++)
			assert_ok(refcounts_inc(&a, 32 * i + 5));
		for (uint64_t k = 0; k < i % 4; k++)
			assert_ok(refcounts_inc(&b, 32 * i + 5));
		assert_ok(refcounts_inc(&a, 32 * i + 4));
		assert_ok(refcounts_inc(&b, 32 * i + 6));
		assert_ok(refcounts_inc(&b, 32 * i + 31));
	}
	assert_ok(refcounts_merge(&a, &b));
	for (uint64_t nr = 0; nr < 512; nr++) {
		uint64_t i = nr / 32, at = nr % 32;
		uint64_t want = at == 5 ? i / 4 + i % 4 : at == 4 || at == 6 || at == 31;

		assert_int_equal(refcounts_get(&a, nr), want);
	}
	refcounts_done(&a);
}

/* Leaves' values of all kinds: runs, scattered, neither; some far above 3. */
static void counts_of_leaves(void **state)
{
	struct refcounts one, many;
	le64 values[252];

	(void)state;
	assert_ok(refcounts_init(&one, 50000));
	assert_ok(refcounts_init(&many, 50000));
	for (uint32_t round = 0; round < 300; round++) {
		uint32_t nr = round * 7 % 253, run = 1 + round % 90;

		for (uint32_t i = 0; i < nr; i++) {
			uint64_t block = (round % 5 * 9999 + i / run * 3777 + i) % 50000;

			if (round % 3 == 0)
				block = i * 7919u % 50000;
			values[i] = le64_make(block << 24 | (i ^ round));
			assert_ok(refcounts_inc(&one, block));
		}
		assert_ok(refcounts_inc_many(&many, values, nr, 24));
	}
	for (uint64_t i = 0; i < 50000; i++)
		assert_int_equal(refcounts_get(&one, i), refcounts_get(&many, i));
	refcounts_done(&one);
	refcounts_done(&many);
}

/* --- arrays and bitsets --- */

static void array_put(struct tree *t, bp_mblock block, uint32_t nr, uint64_t first)
{
	struct array_block_disk *disk = image_block(&t->image, block);
	le64 *values = (void *)disk->values;

	memset(disk, 0xee, IO_BLOCK);
	disk->max_entries = le32_make(509);
	disk->nr_entries = le32_make(nr);
	disk->value_size = le32_make(8);
	for (uint32_t i = 0; i < nr; i++)
		values[i] = le64_make(first + i);
	block_seal(disk, BLOCK_ARRAY, block);
}

struct array_seen {
	uint64_t next, lost, lost_begin;
	enum array_error error;
	unsigned children;
};

static int array_part(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct array_seen *seen = user;

	if (begin < seen->next || le64_get(*(const le64 *)values) != begin)
		return -EINVAL;
	seen->next = end;
	return 0;
}

static int array_lost(void *user, uint64_t begin, uint64_t end, enum array_error error,
		      enum node_error node_error, bp_mblock block)
{
	struct array_seen *seen = user;

	(void)node_error;
	(void)block;
	if (error != ARRAY_EXTRA && begin < seen->next)
		return -EINVAL;
	seen->lost_begin = begin;
	seen->lost += end - begin;
	seen->error = error;
	seen->next = MAX(seen->next, end);
	return 0;
}

static int array_child(void *user, bp_mblock block)
{
	(void)block;
	((struct array_seen *)user)->children++;
	return 0;
}

static struct array_seen array_see(struct tree *t, uint64_t nr)
{
	struct array_seen seen = { 0 };
	struct array_visitor visitor = { array_part, array_lost, array_child, &seen };

	assert_ok(array_walk(&t->meta, 1, nr, 8, &visitor));
	assert_int_equal(seen.next, nr);
	return seen;
}

static void arrays_and_what_is_lost(void **state)
{
	struct array_seen seen;
	struct tree t;

	(void)state;
	tree_new(&t);
	PUT(&t, 1, NODE_LEAF, 0, 20, 1, 21, 2, 22);
	array_put(&t, 20, 509, 0);
	array_put(&t, 21, 509, 509);
	array_put(&t, 22, 100, 1018);
	seen = array_see(&t, 1118);
	assert_int_equal(seen.lost, 0);
	assert_int_equal(seen.children, 3);

	seen = array_see(&t, 1119); /* the last one is short */
	assert_int_equal(seen.error, ARRAY_NR_ENTRIES);
	assert_int_equal(seen.lost, 101);
	seen = array_see(&t, 1600); /* and a part is missing */
	assert_int_equal(seen.error, ARRAY_MISSING);
	assert_int_equal(seen.lost_begin, 1527);
	seen = array_see(&t, 1018);
	assert_int_equal(seen.error, ARRAY_EXTRA);

	((uint8_t *)image_block(&t.image, 21))[2000] ^= 1;
	seen = array_see(&t, 1118);
	assert_int_equal(seen.error, ARRAY_CSUM);
	assert_int_equal(seen.lost_begin, 509);
	assert_int_equal(seen.lost, 509);

	((uint8_t *)image_block(&t.image, 1))[2000] ^= 1;
	seen = array_see(&t, 1118);
	assert_int_equal(seen.error, ARRAY_TREE);
	assert_int_equal(seen.lost, 1118);
	seen = array_see(&t, 0); /* where there is nothing to lose it is damage all the same */
	assert_int_equal(seen.error, ARRAY_TREE);
	assert_int_equal(seen.lost, 0);
	PUT(&t, 1, NODE_LEAF, 0, 20, 1, 99, 2, 22);
	seen = array_see(&t, 1118);
	assert_int_equal(seen.error, ARRAY_RANGE);
	tree_done(&t);
}

static void bitsets_are_read(void **state)
{
	struct bits bits;
	struct tree t;

	(void)state;
	tree_new(&t);
	PUT(&t, 1, NODE_LEAF, 0, 20);
	array_put(&t, 20, 3, 6); /* words 6, 7, 8 */
	assert_ok(bits_init(&bits, 130));
	assert_ok(bitset_read(&t.meta, 1, &bits, NULL));
	assert_int_equal(bits.words[0], 6);
	assert_int_equal(bits.words[1], 7);
	assert_int_equal(bits.words[2], 0); /* bit 3 of 8 is past the end */
	bits_done(&bits);
	tree_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_tell_kinds),
		cmocka_unit_test(nodes_are_verified),
		cmocka_unit_test(keys_are_found),
		cmocka_unit_test(shared_nodes_are_read_once),
		cmocka_unit_test(few_entries_are_marked),
		cmocka_unit_test(damage_between_nodes_is_found),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(many_ways_take_no_time),
		cmocka_unit_test(iteration_starts_anywhere),
		cmocka_unit_test(counts_count),
		cmocka_unit_test(counts_merge),
		cmocka_unit_test(reads_end_with_the_metadata),
		cmocka_unit_test(counts_of_leaves),
		cmocka_unit_test(arrays_and_what_is_lost),
		cmocka_unit_test(bitsets_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
