/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cached volume as a map: for each cache block in use the cache's bytes, else the origin's. That
 * is right in every mode, clean or dirty, as long as the mappings can be read; where one can't be,
 * the volume is refused, for the origin alone may be stale.
 */
#include "rescue/source.h"

#include "formats/cache/meta.h"

struct cached {
	struct map map;
	struct map *origin, *blocks;
	bp_bytes block_bytes;
	uint32_t *cache_of; /* by block of the origin: cache block + 1; 0: none */
	uint64_t nr_origin;
};

static struct cached *cached_of(struct map *map)
{
	return (struct cached *)(void *)map;
}

/*
 * A block that is cached is read from the cache, dirty or not: then both are right. Blocks
 * that are not, up to the next one that is, are one piece of the origin.
 */
static int cached_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	const struct cached *m = cached_of(map);
	uint64_t block = at / m->block_bytes;
	bp_bytes in = at % m->block_bytes, left = m->block_bytes - in;

	if (block < m->nr_origin && m->cache_of[block])
		return map_locate(m->blocks,
				  (bp_bytes)(m->cache_of[block] - 1) * m->block_bytes + in,
				  MIN(max, left), ret);
	while (left < max && ++block < m->nr_origin && !m->cache_of[block])
		left += m->block_bytes;
	return map_locate(m->origin, at, MIN(max, left), ret);
}

static void cached_free(struct map *map)
{
	struct cached *m = cached_of(map);

	map_free(m->origin);
	map_free(m->blocks);
	free(m->cache_of);
	free(m);
}

static const struct map_ops cached_ops = { .locate = cached_locate, .free = cached_free };

static void cached_freep(struct cached **m)
{
	if (*m)
		cached_free(&(*m)->map);
}

/*
 * 0 stands for "not cached": numbers are one too high. A mapping beyond the origin belongs
 * to nothing that can be read.
 */
static int on_mapping(void *user, const struct bp_cache_mapping *mapping)
{
	struct cached *m = user;

	if (mapping->origin_block < m->nr_origin)
		m->cache_of[mapping->origin_block] = (uint32_t)mapping->cache_block + 1;
	return 0;
}

/*
 * Memory: 4 bytes an origin block. A damaged mapping leaves its block with the origin,
 * which may be older.
 */
static int read_mappings(struct bp_ctx *ctx, struct io *take_io, struct cached *m)
{
	const struct bp_cache_visitor visitor = { .mapping = on_mapping, .user = m };
	struct bp_cache_meta *meta;
	int r = cache_meta_open_io(ctx, take_io, NULL, &meta);

	if (r < 0) {
		io_close(take_io);
		return r;
	}
	m->block_bytes = bp_sector_to_bytes(meta->sb.pub.data_block_sectors);
	m->nr_origin = m->block_bytes ? DIV_UP(m->map.size, m->block_bytes) : 0;
	m->cache_of = calloc_many(m->nr_origin ? m->nr_origin : 1, sizeof(*m->cache_of));
	if (!m->cache_of)
		r = bp_fail_memory(ctx);
	else if (!m->block_bytes)
		r = bp_fail(ctx, -EUCLEAN, "the cache's metadata names no block size");
	else
		r = bp_cache_walk(meta, &visitor);
	bp_cache_close(meta);
	return r;
}

/* Takes all three in any case, also where it fails on its metadata. */
int cache_map_new(struct bp_ctx *ctx, struct map *take_origin, struct map *take_blocks,
		  struct io *take_meta, struct map **ret)
{
	_cleanup_(cached_freep) struct cached *m = calloc(1, sizeof(*m));
	int r;

	if (!m) {
		io_close(take_meta);
		return bp_fail_memory(ctx);
	}
	m->map = (struct map){ .ops = &cached_ops, .size = take_origin->size };
	r = read_mappings(ctx, take_meta, m);
	if (r < 0)
		return r;
	m->origin = take_origin;
	m->blocks = take_blocks;
	*ret = &steal(m)->map;
	return 0;
}
