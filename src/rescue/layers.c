/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Maps that lie on others: part of one, old snapshots and writecaches. Promise to
 * read what tells where blocks are once, and to keep 16 bytes for each block that lies elsewhere.
 *
 * Old snapshot, its store: chunk 0 has a header, then areas, each a chunk of exceptions followed by
 * the chunks that they name. Source: Linux, drivers/md/dm-snap-persistent.c.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  magic       0x70416e53
 *        4     4  valid       0: the snapshot was lost
 *        8     4  version     1
 *       12     4  chunk_size  sectors
 *   exception: 8 old chunk, 8 new chunk; new chunk 0 ends the list
 *
 * Writecache, its fast device. Source: Linux, drivers/md/dm-writecache.c.
 *
 *        0     4  magic       0x23489321
 *        4     4  version     1
 *        8     4  block_size  bytes
 *       16     8  n_blocks
 *       24     8  seq_count
 *       64        entries: 8 original sector (all ones: free), 8 sequence number
 */
#include "rescue/source.h"

#include "core/endian.h"

#include <inttypes.h>

#define SNAPSHOT_MAGIC    0x70416e53u
#define WRITECACHE_MAGIC  0x23489321u
#define WRITECACHE_HEAD   64u
#define ENTRIES_AT_A_TIME 4096u

/* Where one block of the volume is instead. */
struct moved {
	uint64_t from, to; /* block numbers */
	uint64_t order;    /* of equal ones the highest counts */
};

struct layer {
	struct map map;
	struct map *below, *above; /* what was, and where the moved blocks are */
	bp_bytes block_bytes;
	bp_bytes above_offset;   /* of block 0 in @above */
	VEC(struct moved) moved; /* by rising from, each once */
};

static struct layer *layer_of(struct map *map)
{
	return (struct layer *)(void *)map;
}

/* --- moved blocks --- */

static int by_from(const void *a, const void *b)
{
	const struct moved *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Of several entries for one block the last one counts: by_from() sorts them by their order. */
static void sort_moved(struct layer *layer)
{
	size_t kept = 0;

	if (layer->moved.count)
		qsort(layer->moved.items, layer->moved.count, sizeof(*layer->moved.items),
		      by_from);
	for (size_t i = 0; i < layer->moved.count; i++) {
		if (kept && layer->moved.items[kept - 1].from == layer->moved.items[i].from)
			kept--;
		layer->moved.items[kept++] = layer->moved.items[i];
	}
	layer->moved.count = kept;
}

/* The first moved block at or behind @block. */
static size_t find_moved(const struct layer *layer, uint64_t block)
{
	return vec_bisect(&layer->moved, item, item->from < block);
}

/* Up to the next moved block everything lies below, in one piece. */
static int layer_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	struct layer *layer = layer_of(map);
	uint64_t block = at / layer->block_bytes;
	bp_bytes in = at % layer->block_bytes, to, left;
	size_t i = find_moved(layer, block);
	const struct moved *next = i < layer->moved.count ? &layer->moved.items[i] : NULL;

	if (!next || next->from != block) {
		left = next && !mul_overflow(next->from, layer->block_bytes, &to) ? to - at
										  : max;
		return map_locate(layer->below, at, MIN(max, left), ret);
	}
	if (mul_overflow(next->to, layer->block_bytes, &to) ||
	    add_overflow(to, layer->above_offset + in, &to))
		return -EUCLEAN;
	return map_locate(layer->above, to, MIN(max, layer->block_bytes - in), ret);
}

static void layer_free(struct map *map)
{
	struct layer *layer = layer_of(map);

	map_free(layer->below);
	map_free(layer->above);
	vec_done(&layer->moved);
	free(layer);
}

static const struct map_ops layer_ops = { .locate = layer_locate, .free = layer_free };

/* @below and @above are set by the caller once nothing can fail any more. */
static struct layer *layer_new(bp_bytes size, bp_bytes block_bytes)
{
	struct layer *layer = calloc(1, sizeof(*layer));

	if (layer) {
		layer->map = (struct map){ .ops = &layer_ops, .size = size };
		layer->block_bytes = block_bytes;
	}
	return layer;
}

static void layer_freep(struct layer **layer)
{
	if (*layer)
		layer_free(&(*layer)->map);
}

static uint32_t u32(const uint8_t *p)
{
	return le32_get(*(const le32 *)(const void *)p);
}

static uint64_t u64(const uint8_t *p)
{
	return le64_get(*(const le64 *)(const void *)p);
}

/* --- old snapshots --- */

/* One area: its chunk of exceptions. *@ret_end: the list ended in it. */
static int read_area(struct layer *layer, struct map *store, bp_bytes at, uint8_t *chunk,
		     bool *ret_end)
{
	int r = map_read(store, at, (size_t)layer->block_bytes, chunk);

	*ret_end = true;
	if (r == -ERANGE)
		return 0; /* the store is full to its last chunk */
	for (size_t i = 0; r == 0 && i < layer->block_bytes / 16; i++) {
		struct moved moved = { .from = u64(chunk + i * 16),
				       .to = u64(chunk + i * 16 + 8) };

		if (moved.to == 0)
			return 0;
		moved.order = layer->moved.count;
		r = vec_add(&layer->moved, &moved);
	}
	*ret_end = false;
	return r;
}

/*
 * An area of entries, then the chunks they are for, and so on; the first empty entry ends
 * it. Source: Linux, drivers/md/dm-snap-persistent.c.
 */
static int read_exceptions(struct layer *layer, struct map *store)
{
	_cleanup_(freep) uint8_t *chunk = calloc_many(layer->block_bytes, 1);
	uint64_t per_area = layer->block_bytes / 16;
	bp_bytes at = layer->block_bytes;
	bool end = false;
	int r = chunk ? 0 : -ENOMEM;

	while (r == 0 && !end && at < store->size) {
		r = read_area(layer, store, at, chunk, &end);
		at += (per_area + 1) * layer->block_bytes;
	}
	sort_moved(layer);
	return r;
}

/*
 * The header: magic, valid, version, chunk size in sectors, 4 bytes each. An invalid
 * snapshot has lost changes, and nobody can say which.
 */
int snapshot_map_new(struct bp_ctx *ctx, struct map *take_origin, struct map *take_store,
		     bp_bytes size, struct map **ret)
{
	_cleanup_(layer_freep) struct layer *layer = NULL;
	uint8_t head[16];
	uint32_t chunk;
	int r = map_read(take_store, 0, sizeof(head), head);

	if (r < 0)
		return bp_fail(ctx, r, "the snapshot's store can't be read");
	chunk = u32(head + 12);
	if (u32(head) != SNAPSHOT_MAGIC || u32(head + 8) != 1 || !is_power_of_two(chunk) ||
	    chunk > 1u << 20)
		return bp_fail(ctx, -EUCLEAN,
			       "the snapshot's store has no header of a snapshot");
	if (u32(head + 4) == 0)
		return bp_fail(
			ctx, -EUCLEAN,
			"the snapshot is invalid: it ran out of space, or its store failed");
	layer = layer_new(size, bp_sector_to_bytes(chunk));
	if (!layer)
		return bp_fail_memory(ctx);
	r = read_exceptions(layer, take_store);
	if (r < 0)
		return bp_fail(ctx, r, "the snapshot's exceptions can't be read");
	layer->below = take_origin;
	layer->above = take_store;
	*ret = &steal(layer)->map;
	return 0;
}

/* --- writecache --- */

/*
 * An entry is of use where its sequence number is below that of the superblock: later ones
 * were never committed.
 */
static int add_entries(struct layer *layer, const uint8_t *entries, uint64_t first, size_t nr,
		       uint64_t seq_count)
{
	bp_sector sectors = bp_bytes_to_sector(layer->block_bytes);
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		uint64_t original = u64(entries + i * 16), seq = u64(entries + i * 16 + 8);
		struct moved moved = { .from = original / sectors,
				       .to = first + i,
				       .order = seq };

		if (original != UINT64_MAX && seq < seq_count)
			r = vec_add(&layer->moved, &moved);
	}
	return r;
}

/* Of a large cache there are millions: ENTRIES_AT_A_TIME of them in memory. */
static int read_entries(struct layer *layer, struct map *cache, uint64_t nr, uint64_t seq_count)
{
	_cleanup_(freep) uint8_t *entries = malloc((size_t)ENTRIES_AT_A_TIME * 16);
	int r = entries ? 0 : -ENOMEM;

	for (uint64_t at = 0; r == 0 && at < nr; at += ENTRIES_AT_A_TIME) {
		size_t n = (size_t)MIN(nr - at, ENTRIES_AT_A_TIME);

		r = map_read(cache, WRITECACHE_HEAD + at * 16, n * 16, entries);
		if (r == 0)
			r = add_entries(layer, entries, at, n, seq_count);
	}
	sort_moved(layer);
	return r;
}

/*
 * Source: Linux, drivers/md/dm-writecache.c, struct wc_memory_superblock; entries of 16
 * bytes, then the blocks.
 */
int writecache_map_new(struct bp_ctx *ctx, struct map *take_origin, struct map *take_cache,
		       struct map **ret)
{
	_cleanup_(layer_freep) struct layer *layer = NULL;
	uint8_t head[WRITECACHE_HEAD];
	uint32_t block;
	uint64_t nr;
	int r = map_read(take_cache, 0, sizeof(head), head);

	if (r < 0)
		return bp_fail(ctx, r, "the writecache can't be read");
	block = u32(head + 8);
	nr = u64(head + 16);
	if (u32(head) != WRITECACHE_MAGIC || u32(head + 4) != 1 || !is_power_of_two(block) ||
	    block < BP_SECTOR_BYTES || block > 1u << 20 || nr > take_cache->size / block)
		return bp_fail(ctx, -EUCLEAN, "the fast volume has no header of a writecache");
	layer = layer_new(take_origin->size, block);
	if (!layer)
		return bp_fail_memory(ctx);
	layer->above_offset = DIV_UP(WRITECACHE_HEAD + nr * 16, block) * block;
	r = read_entries(layer, take_cache, nr, u64(head + 24));
	if (r < 0)
		return bp_fail(ctx, r, "the writecache's entries can't be read");
	layer->below = take_origin;
	layer->above = take_cache;
	*ret = &steal(layer)->map;
	return 0;
}

/* --- part of a map --- */

struct part {
	struct map map;
	struct map *whole;
	bp_bytes offset;
};

static int part_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	const struct part *part = (const struct part *)(const void *)map;

	return map_locate(part->whole, part->offset + at, max, ret);
}

static void part_free(struct map *map)
{
	struct part *part = (struct part *)(void *)map;

	map_free(part->whole);
	free(part);
}

static const struct map_ops part_ops = { .locate = part_locate, .free = part_free };

/* A window into another map, which it takes. */
int part_map_new(struct map *take_map, bp_bytes offset, bp_bytes size, struct map **ret)
{
	struct part *part;

	if (offset > take_map->size || size > take_map->size - offset)
		return -ERANGE;
	part = calloc(1, sizeof(*part));
	if (!part)
		return -ENOMEM;
	*part = (struct part){
		.map = { .ops = &part_ops, .size = size },
		.whole = take_map,
		.offset = offset,
	};
	*ret = &part->map;
	return 0;
}
