/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/build.h"
#include "core/crc32c.h"

#include <inttypes.h>
#include <stdio.h>

static int fail_write(struct build *b, int r, bp_mblock nr)
{
	r = bp_fail(b->ctx, r, "cannot write block %" PRIu64 ": %s", nr, strerror(-r));
	error_set_code(b->ctx, BP_E_IO);
	return r;
}

static int fail_space(struct build *b)
{
	int r = bp_fail(b->ctx, -ENOSPC,
			"out of metadata space: %" PRIu64 " blocks of %u bytes are not enough",
			b->nr_blocks, IO_BLOCK);

	error_set_hint(b->ctx, "use a larger metadata device; thin_metadata_size and "
			       "cache_metadata_size estimate how large");
	return r;
}

static int flush_io(struct build *b)
{
	int r = io_flush(b->io);

	if (r < 0)
		bp_fail(b->ctx, r, "cannot flush what was written: %s", strerror(-r));
	return r;
}

static int write_superblock(struct build *b, const void *data)
{
	int r = io_write(b->io, 0, 1, data);

	return r < 0 ? fail_write(b, r, 0) : flush_io(b);
}

/*
 * The superblock is zeroed and flushed before anything else is written: whatever ends the run
 * before the last write, nobody takes what is on the disk for metadata.
 */
int build_init(struct build *b, struct bp_ctx *ctx, struct io *io)
{
	int r;

	*b = (struct build){ .ctx = ctx, .io = io, .next = 1, .batch_first = 1 };
	b->nr_blocks = meta_blocks(io);
	if (b->nr_blocks == 0)
		return fail_space(b);

	b->scratch = io_buffer_new(1);
	if (!b->scratch || io_behind_new(io, &b->behind) < 0)
		return bp_fail_memory(ctx);
	b->batch = io_behind_buffer(b->behind);
	r = refcounts_init(&b->counts, b->nr_blocks);
	if (r < 0)
		return bp_fail_memory(ctx);
	r = build_ref(b, 0);
	if (r < 0)
		return r;
	memset(b->scratch, 0, IO_BLOCK);
	return write_superblock(b, b->scratch);
}

void build_done(struct build *b)
{
	io_behind_free(b->behind);
	free(b->scratch);
	free(b->known);
	refcounts_done(&b->counts);
	*b = (struct build){ 0 };
}

static int fail_behind(struct build *b, int r)
{
	return r < 0 ? fail_write(b, r, io_behind_failed(b->behind)) : 0;
}

/*
 * Blocks are given out in rising order and none is given back, so that what is written is one
 * sequence, handed on in batches; while one goes to the disk the next is filled.
 */
static int write_batch(struct build *b)
{
	int r = 0;

	if (b->batch_count > 0)
		r = io_behind_write(b->behind, b->batch_first, b->batch_count);
	b->batch = io_behind_buffer(b->behind);
	b->batch_first += b->batch_count;
	b->batch_count = 0;
	return fail_behind(b, r);
}

/* The next free block; its content is unspecified. */
static int next_block(struct build *b, bp_mblock *ret_nr, void **ret_data)
{
	if (b->next >= b->nr_blocks)
		return fail_space(b);
	if (b->batch_count == IO_BEHIND_BLOCKS) {
		int r = write_batch(b);

		if (r < 0)
			return r;
	}
	*ret_data = b->batch + b->batch_count++ * IO_BLOCK;
	*ret_nr = b->next++;
	return 0;
}

int build_block(struct build *b, bp_mblock *ret_nr, void **ret_data)
{
	int r = next_block(b, ret_nr, ret_data);

	if (r == 0)
		memset(*ret_data, 0, IO_BLOCK);
	return r;
}

/* Of the block that was given out last: whoever asks for one fills it before asking for another. */
void build_seal(struct build *b, enum block_kind kind)
{
	block_seal(b->batch + (b->batch_count - 1) * IO_BLOCK, kind, b->next - 1);
}

/*
 * A block of the batch at hand is in memory still; an older one may be on its way: it is
 * waited for.
 */
int build_read(struct build *b, bp_mblock nr, void *data)
{
	int r;

	if (nr >= b->batch_first) {
		memcpy(data, b->batch + (nr - b->batch_first) * IO_BLOCK, IO_BLOCK);
		return 0;
	}
	r = fail_behind(b, io_behind_wait(b->behind));
	if (r < 0)
		return r;
	r = io_read(b->io, nr, 1, data);
	if (r < 0)
		return bp_fail(b->ctx, r, "cannot read back block %" PRIu64 ": %s", nr,
			       strerror(-r));
	/* What was written must come back: the result would be wrong without a word. */
	if (block_check(data, BLOCK_NODE, nr) != BLOCK_OK)
		return bp_fail(b->ctx, -EIO, "block %" PRIu64 " reads back altered", nr);
	return 0;
}

int build_ref(struct build *b, bp_mblock nr)
{
	return refcounts_inc(&b->counts, nr) < 0 ? bp_fail_memory(b->ctx) : 0;
}

/* A node without entries, but with room for @nr. */
static int place(struct build *b, uint32_t flags, uint32_t nr, uint32_t value_size,
		 struct build_place *ret)
{
	/*
	 * Values begin behind the keys that would fit, not behind those there are. What stays
	 * unused is zeroed: the same input gives the same bytes, and nothing of our memory gets to
	 * the disk.
	 */
	uint32_t max = node_capacity(value_size);
	struct btree_node_disk *node;
	uint8_t *values_end;
	void *data;
	int r;

	r = next_block(b, &ret->block, &data);
	if (r < 0)
		return r;
	node = data;
	*node = (struct btree_node_disk){
		.flags = le32_make(flags),
		.nr_entries = le32_make(nr),
		.max_entries = le32_make(max),
		.value_size = le32_make(value_size),
	};
	ret->keys = node->keys;
	ret->values = &node->keys[max];
	values_end = (uint8_t *)ret->values + (size_t)nr * value_size;
	memset(&node->keys[nr], 0, (max - nr) * sizeof(le64));
	memset(values_end, 0, (size_t)((uint8_t *)data + IO_BLOCK - values_end));
	return 0;
}

int build_leaf_place(struct build *b, uint32_t nr, uint32_t value_size, struct build_place *ret)
{
	return place(b, NODE_LEAF, nr, value_size, ret);
}

static int write_node(struct build *b, uint32_t flags, const uint64_t *keys, const void *values,
		      uint32_t nr, uint32_t value_size, bp_mblock *ret)
{
	struct build_place to;
	int r;

	r = place(b, flags, nr, value_size, &to);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < nr; i++)
		to.keys[i] = le64_make(keys[i]);
	memcpy(to.values, values, (size_t)nr * value_size);
	build_seal(b, BLOCK_NODE);
	*ret = to.block;
	return 0;
}

int build_leaf(struct build *b, const uint64_t *keys, const void *values, uint32_t nr,
	       uint32_t value_size, bp_mblock *ret)
{
	return write_node(b, NODE_LEAF, keys, values, nr, value_size, ret);
}

/* The entries of one internal node: what two of them are compared by. */
struct inner {
	uint32_t nr;
	uint64_t keys[256];
	le64 children[256];
};

/* Two sums, since one of 32 bits would meet its like among a million nodes. 0 marks a free slot. */
static uint64_t hash_inner(const struct inner *n)
{
	uint32_t low = crc32c(n->nr, n->keys, n->nr * sizeof(n->keys[0]));
	uint32_t high = crc32c(~low, n->children, n->nr * sizeof(n->children[0]));
	uint64_t hash = (uint64_t)high << 32 | low;

	return hash ? hash : 1;
}

/* Does block @nr, written before, have just the entries of @n? */
static int is_inner(struct build *b, bp_mblock nr, const struct inner *n, bool *ret)
{
	struct node node;
	int r;

	*ret = false;
	r = build_read(b, nr, b->scratch);
	if (r < 0)
		return r;
	if (node_decode(b->scratch, nr, sizeof(le64), &node) != NODE_OK || node.leaf ||
	    node.nr != n->nr)
		return 0;
	for (uint32_t i = 0; i < n->nr; i++) {
		if (node_key(&node, i) != n->keys[i] ||
		    node_value64(&node, i) != le64_get(n->children[i]))
			return 0;
	}
	*ret = true;
	return 0;
}

/*
 * Open addressing: the first free slot from the hash's own on. Sizes are powers of two, and never
 * more than half is in use, so that a search ends, and after few steps.
 */
static void known_put(struct build_known *slots, size_t size, struct build_known known)
{
	size_t i = (size_t)known.hash & (size - 1);

	while (slots[i].hash)
		i = (i + 1) & (size - 1);
	slots[i] = known;
}

/* Open addressing, at most half full. Hash 0 marks a free slot. */
static int known_add(struct build *b, uint64_t hash, bp_mblock block)
{
	if (2 * (b->known_count + 1) > b->known_size) {
		size_t size = b->known_size ? 2 * b->known_size : 1024;
		struct build_known *slots = calloc(size, sizeof(*slots));

		if (!slots)
			return bp_fail_memory(b->ctx);
		for (size_t i = 0; i < b->known_size; i++) {
			if (b->known[i].hash)
				known_put(slots, size, b->known[i]);
		}
		free(b->known);
		b->known = slots;
		b->known_size = size;
	}
	known_put(b->known, b->known_size,
		  (struct build_known){ .hash = hash, .block = block });
	b->known_count++;
	return 0;
}

/* 0: none written before is equal. */
static int known_find(struct build *b, uint64_t hash, const struct inner *n, bp_mblock *ret)
{
	/*
	 * Nodes shared by many devices are written once: the search is by hash, and what it finds
	 * is read back and compared, since equal hashes do not prove equal nodes.
	 */
	*ret = 0;
	if (!b->known_size)
		return 0;
	for (size_t i = (size_t)hash & (b->known_size - 1); b->known[i].hash;
	     i = (i + 1) & (b->known_size - 1)) {
		bool same;
		int r;

		if (b->known[i].hash != hash)
			continue;
		r = is_inner(b, b->known[i].block, n, &same);
		if (r < 0)
			return r;
		if (same) {
			*ret = b->known[i].block;
			return 0;
		}
	}
	return 0;
}

/* Write @n, or find it written. Only a node that is written adds to its children's counts. */
static int make_inner(struct build *b, const struct inner *n, bp_mblock *ret)
{
	uint64_t hash = hash_inner(n);
	int r;

	/* Who has a child that nobody else has can't be known yet. */
	if (refcounts_get(&b->counts, le64_get(n->children[0])) > 0) {
		r = known_find(b, hash, n, ret);
		if (r < 0 || *ret)
			return r;
	}
	r = write_node(b, NODE_INTERNAL, n->keys, n->children, n->nr, sizeof(le64), ret);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n->nr; i++) {
		r = build_ref(b, le64_get(n->children[i]));
		if (r < 0)
			return r;
	}
	return known_add(b, hash, *ret);
}

/* Replace the nodes of @level by their parents. */
static int build_parents(struct build *b, struct build_level *level)
{
	uint32_t max = node_capacity(sizeof(le64));
	size_t to = 0, from = 0;
	struct inner n;

	while (from < level->nodes.count) {
		struct build_node parent;
		int r;

		n.nr = build_share(level->nodes.count - from, max);
		for (uint32_t i = 0; i < n.nr; i++) {
			n.keys[i] = level->nodes.items[from + i].key;
			n.children[i] = le64_make(level->nodes.items[from + i].block);
		}
		from += n.nr;
		parent.key = n.keys[0];
		r = make_inner(b, &n, &parent.block);
		if (r < 0)
			return r;
		level->nodes.items[to++] = parent;
	}
	level->nodes.count = to;
	return 0;
}

/*
 * From leaves to root, a level at a time, in the array of the level below: no parent comes to lie
 * where a child has not been read. Memory: 16 bytes a leaf. A tree of one leaf has it for its root.
 */
int build_upper(struct build *b, struct build_level *level, bp_mblock *ret_root)
{
	while (level->nodes.count > 1) {
		int r = build_parents(b, level);

		if (r < 0)
			return r;
	}
	*ret_root = level->nodes.items[0].block;
	level->nodes.count = 0;
	return 0;
}

/*
 * Entries of two leaves are held back, so that the last two can share what is left: a leaf is never
 * less than half full, as kernels keep them, but where there is only one.
 */
int build_tree_init(struct build_tree *t, struct build *b, uint32_t value_size)
{
	uint32_t max = node_capacity(value_size);

	*t = (struct build_tree){ .b = b, .value_size = value_size, .max = max };
	t->keys = calloc(2 * (size_t)max, sizeof(*t->keys));
	t->values = calloc(2 * (size_t)max, value_size);
	return t->keys && t->values ? 0 : bp_fail_memory(b->ctx);
}

void build_tree_done(struct build_tree *t)
{
	free(t->keys);
	free(t->values);
	vec_done(&t->leaves.nodes);
}

/* Write the first @nr of the entries held back. */
static int write_leaf(struct build_tree *t, uint32_t nr)
{
	struct build_node leaf = { .key = nr ? t->keys[0] : 0 };
	int r;

	r = build_leaf(t->b, t->keys, t->values, nr, t->value_size, &leaf.block);
	if (r < 0)
		return r;
	if (vec_add(&t->leaves.nodes, &leaf) < 0)
		return bp_fail_memory(t->b->ctx);
	t->count -= nr;
	memmove(t->keys, t->keys + nr, t->count * sizeof(*t->keys));
	memmove(t->values, t->values + (size_t)nr * t->value_size,
		(size_t)t->count * t->value_size);
	return 0;
}

/* Two nodes' worth are held back: the last two share what is left, and none is nearly empty. */
int build_tree_add(struct build_tree *t, uint64_t key, const void *value)
{
	if (t->count == 2 * t->max) {
		int r = write_leaf(t, t->max);

		if (r < 0)
			return r;
	}
	t->keys[t->count] = key;
	memcpy(t->values + (size_t)t->count * t->value_size, value, t->value_size);
	t->count++;
	return 0;
}

/* A tree without entries is one empty leaf, as the kernel makes it. */
int build_tree_finish(struct build_tree *t, bp_mblock *ret_root)
{
	do {
		int r = write_leaf(t, build_share(t->count, t->max));

		if (r < 0)
			return r;
	} while (t->count > 0);
	return build_upper(t->b, &t->leaves, ret_root);
}

/* One bitmap's words, its entries in use, and the first of the others. */
static void fill_bitmap(struct sm_bitmap_disk *disk, const uint64_t *piece, uint32_t *ret_used,
			uint32_t *ret_first_free)
{
	/*
	 * Each entry has two bits, least significant pair first: 0 to 2 are counts, 3 sends the
	 * reader to the tree of counts. An entry is in use where either bit is set: 0x55... picks
	 * one bit of each pair, and half the position of the lowest one is the entry's number.
	 */
	uint32_t used = 0, first_free = SM_BITMAP_ENTRIES;

	for (uint32_t w = 0; w < SM_BITMAP_WORDS; w++) {
		uint64_t word = piece ? piece[w] : 0;
		uint64_t busy = (word | word >> 1) & UINT64_C(0x5555555555555555);

		disk->words[w] = le64_make(sm_word_swap(word));
		used += (uint32_t)__builtin_popcountll(busy);
		if (first_free == SM_BITMAP_ENTRIES && busy != UINT64_C(0x5555555555555555))
			first_free = 32 * w + (uint32_t)__builtin_ctzll(
						      ~busy & UINT64_C(0x5555555555555555)) /
						      2;
	}
	*ret_used = used;
	*ret_first_free = first_free;
}

/* Counts above 2 are 3 in the bitmap and stand in the tree of counts. */
static int write_bitmap(struct build *b, const uint64_t *piece, uint64_t *used,
			struct sm_index_entry_disk *ret)
{
	uint32_t in_use, first_free;
	bp_mblock nr;
	void *data;
	int r;

	r = build_block(b, &nr, &data);
	if (r < 0)
		return r;
	fill_bitmap(data, piece, &in_use, &first_free);
	build_seal(b, BLOCK_BITMAP);
	*used += in_use;
	*ret = (struct sm_index_entry_disk){
		.blocknr = le64_make(nr),
		.nr_free = le32_make(SM_BITMAP_ENTRIES - in_use),
		.none_free_before = le32_make(first_free),
	};
	return 0;
}

/* The counts of 3 and more in piece @i. */
static int add_counts(struct build_tree *t, const struct refcounts *counts, uint64_t i)
{
	const uint64_t *piece = counts->pieces[i];

	for (uint32_t w = 0; piece && w < SM_BITMAP_WORDS; w++) {
		uint64_t three = piece[w] & piece[w] >> 1 & UINT64_C(0x5555555555555555);

		for (; three; three &= three - 1) {
			uint64_t nr = i * SM_BITMAP_ENTRIES + 32 * w +
				      (uint32_t)__builtin_ctzll(three) / 2;
			le32 count =
				le32_make((uint32_t)MIN(refcounts_get(counts, nr), UINT32_MAX));
			int r = build_tree_add(t, nr, &count);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Keys rise with the pieces; only blocks with a count of 3 and more are in it. */
static int write_count_tree(struct build *b, const struct refcounts *counts, bp_mblock *ret)
{
	struct build_tree t;
	int r;

	r = build_tree_init(&t, b, sizeof(le32));
	for (uint64_t i = 0; r == 0 && i < DIV_UP(counts->nr_blocks, SM_BITMAP_ENTRIES); i++)
		r = add_counts(&t, counts, i);
	if (r == 0)
		r = build_tree_finish(&t, ret);
	if (r == 0)
		r = build_ref(b, *ret);
	build_tree_done(&t);
	return r;
}

/*
 * Bitmaps, then the tree over them: leaves of index entries, and levels above until one is left.
 * The counts of 3 and more are not in it: how many there will be nobody knows before.
 */
bp_mblock build_data_sm_blocks(uint64_t nr_blocks)
{
	uint64_t level = DIV_UP(nr_blocks, SM_BITMAP_ENTRIES), sum = level;

	level = level ? DIV_UP(level, node_capacity(sizeof(struct sm_index_entry_disk))) : 1;
	for (sum += level; level > 1; sum += level)
		level = DIV_UP(level, node_capacity(sizeof(le64)));
	return sum;
}

/*
 * Bitmaps and the tree's nodes are counted by the metadata's own space map, written later:
 * build_ref().
 */
static int write_index_tree(struct build *b, const struct refcounts *counts, uint64_t *used,
			    bp_mblock *ret)
{
	struct build_tree t;
	int r;

	r = build_tree_init(&t, b, sizeof(struct sm_index_entry_disk));
	for (uint64_t i = 0; r == 0 && i < DIV_UP(counts->nr_blocks, SM_BITMAP_ENTRIES); i++) {
		struct sm_index_entry_disk entry;

		r = write_bitmap(b, counts->pieces[i], used, &entry);
		if (r == 0)
			r = build_ref(b, le64_get(entry.blocknr));
		if (r == 0)
			r = build_tree_add(&t, i, &entry);
	}
	if (r == 0)
		r = build_tree_finish(&t, ret);
	if (r == 0)
		r = build_ref(b, *ret);
	build_tree_done(&t);
	return r;
}

/* The data's space map first: the metadata's counts the blocks of this one. */
int build_data_sm(struct build *b, const struct refcounts *counts, struct sm_root_disk *ret)
{
	bp_mblock bitmap_root, ref_count_root;
	uint64_t used = 0;
	int r;

	r = write_index_tree(b, counts, &used, &bitmap_root);
	if (r < 0)
		return r;
	r = write_count_tree(b, counts, &ref_count_root);
	if (r < 0)
		return r;
	*ret = (struct sm_root_disk){
		.nr_blocks = le64_make(counts->nr_blocks),
		.nr_allocated = le64_make(used),
		.bitmap_root = le64_make(bitmap_root),
		.ref_count_root = le64_make(ref_count_root),
	};
	return 0;
}

/*
 * Bitmaps and index of the metadata space map count themselves: their numbers are known before
 * they are written, as they are the next ones.
 */
static int write_metadata_sm(struct build *b, struct sm_root_disk *ret)
{
	uint64_t nr_bitmaps = DIV_UP(b->nr_blocks, SM_BITMAP_ENTRIES), used = 0;
	bp_mblock ref_count_root, index_nr;
	struct sm_index_disk index = { 0 };
	void *data;
	int r;

	r = write_count_tree(b, &b->counts, &ref_count_root);
	if (r < 0)
		return r;
	if (b->nr_blocks - b->next < nr_bitmaps + 1)
		return fail_space(b);
	for (uint64_t i = 0; i <= nr_bitmaps; i++) {
		r = build_ref(b, b->next + i);
		if (r < 0)
			return r;
	}
	for (uint64_t i = 0; i < nr_bitmaps; i++) {
		r = write_bitmap(b, b->counts.pieces[i], &used, &index.entries[i]);
		if (r < 0)
			return r;
	}
	r = build_block(b, &index_nr, &data);
	if (r < 0)
		return r;
	memcpy(data, &index, sizeof(index));
	build_seal(b, BLOCK_INDEX);

	*ret = (struct sm_root_disk){
		.nr_blocks = le64_make(b->nr_blocks),
		.nr_allocated = le64_make(used),
		.bitmap_root = le64_make(index_nr),
		.ref_count_root = le64_make(ref_count_root),
	};
	return 0;
}

/*
 * The superblock could not be written, or not be flushed: it may lie there all the same. What
 * was reported as failed must not look whole later.
 */
static void take_back(struct build *b)
{
	struct error_state *first = error_save(b->ctx);
	int r;

	memset(b->scratch, 0, IO_BLOCK);
	r = write_superblock(b, b->scratch);
	error_restore(b->ctx, first);
	if (r < 0)
		error_set_hint(b->ctx, "the output may look like whole metadata later, and was "
				       "not written whole: don't use it");
}

/*
 * Order of writes: all blocks, a flush, then the superblock, another flush. What is
 * interrupted before the last has a superblock of zeros and is no metadata.
 */
int build_finish(struct build *b, enum block_kind superblock,
		 void (*fill)(void *user, const struct sm_root_disk *metadata_sm,
			      bp_mblock nr_blocks, void *data),
		 void *user)
{
	struct sm_root_disk root;
	int r;

	r = write_metadata_sm(b, &root);
	if (r < 0)
		return r;
	r = write_batch(b);
	if (r == 0)
		r = fail_behind(b, io_behind_wait(b->behind));
	if (r == 0)
		r = flush_io(b);
	if (r < 0)
		return r;

	memset(b->scratch, 0, IO_BLOCK);
	fill(user, &root, b->nr_blocks, b->scratch);
	block_seal(b->scratch, superblock, 0);
	r = write_superblock(b, b->scratch);
	if (r < 0)
		take_back(b);
	return r;
}
