/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a user would see of a logical volume of any type that can be read from here: plain ones by
 * lvm, thin volumes, caches and snapshots by the maps of this room. Promises to say which type it
 * could not follow, and to end on volumes that lie on themselves.
 */
#include "formats/pack/pack.h"
#include "formats/thin/plan.h"
#include "rescue/source.h"
#include "rescue/whose.h"

#include <assert.h>
#include <inttypes.h>

#define DEPTH_MAX 12 /* of volumes of special types on one another */

static int refuse(struct bp_source *source, const struct lvm_lv *lv, const char *why)
{
	bp_fail(source->ctx, -ENOTSUP, "LV '%s': %s", lv->name, why);
	error_set_code(source->ctx, BP_E_FORMAT);
	return -ENOTSUP;
}

static int other(void *user, const struct lvm_lv *lv, struct map **ret)
{
	return source_lv_map(user, lv, ret);
}

/* The bytes of an LV itself, not of what it is the store of. */
static int own_map(struct bp_source *source, const struct lvm_lv *lv, struct map **ret)
{
	return lvm_lv_map(source->ctx, lv, other, source, ret);
}

static int named_map(struct bp_source *source, const struct lvm_lv *lv, const char *key,
		     struct map **ret)
{
	const struct lvm_lv *part = lvm_lv_named_by(lv, key);

	if (!part)
		return refuse(source, lv, "a part that it names is not there");
	return own_map(source, part, ret);
}

/* --- thin pools --- */

/* Checksum and number: a block that was moved is not good. */
bool source_block_good(bp_mblock block, const void *data)
{
	enum block_kind kind = block_kind_of(data);

	return kind != BLOCK_UNKNOWN && block_number(data, kind) == block;
}

/* Superblocks of two legs: a leg that was away, or that the raid had given up, is of an older time. */
static int newer(const void *a, const void *b)
{
	struct thin_sb x, y;

	if (block_kind_of(a) != BLOCK_THIN_SUPERBLOCK ||
	    block_kind_of(b) != BLOCK_THIN_SUPERBLOCK)
		return 0;
	thin_sb_decode(a, 0, &x);
	thin_sb_decode(b, 0, &y);
	if (x.pub.transaction_id != y.pub.transaction_id)
		return x.pub.transaction_id > y.pub.transaction_id ? 1 : -1;
	return x.pub.time > y.pub.time ? 1 : x.pub.time < y.pub.time ? -1 : 0;
}

/* A map as metadata: each block from a leg on which its checksum holds, the newest one first. */
static int meta_map_io(struct map *take_map, struct io **ret)
{
	int r = map_io_new(take_map, source_block_good, ret);

	if (r == 0)
		map_io_prefer(*ret, newer);
	return r;
}

/* Each block from the leg on which its checksum holds. */
int source_place_io(struct bp_source *source, const struct lvm_lv *pool, struct io **ret)
{
	_cleanup_(map_freep) struct map *map = NULL;
	int r = streq(lvm_lv_type(pool), "thin-pool")
			? named_map(source, pool, "metadata", &map)
			: own_map(source, pool, &map);

	if (r < 0)
		return r;
	r = meta_map_io(map, ret);
	if (r < 0)
		return bp_fail_memory(source->ctx);
	steal(map);
	return 0;
}

/* Said once, before anything is read by it. */
static void tell_whose(struct bp_source *source, struct whose *whose)
{
	const char *vg = whose->pool->vg->name, *pool = whose->pool->name;

	if (whose->kind == WHOSE_OWN || whose->told)
		return;
	whose->told = true;
	if (whose->kind == WHOSE_SUPERBLOCK)
		bp_warn(source->ctx,
			"%s/%s: the superblock of its metadata is another pool's: it is taken "
			"for lost",
			vg, pool);
	else if (whose->lies_in)
		bp_warn(source->ctx,
			"%s/%s: its metadata lies in %s%s/%s: it is read from there", vg, pool,
			whose_place(whose), vg, whose->lies_in->name);
	else
		bp_warn(source->ctx,
			"%s/%s: what lies in the place of its metadata is another pool's", vg,
			pool);
}

/* The pool's own, wherever that lies: with checksums alone another pool's would be as good. */
int source_pool_io(struct bp_source *source, const struct lvm_lv *pool, struct io **ret)
{
	struct whose *whose;
	int r;

	if (source->snap && pool == source->lv)
		return source_snap_io(source, ret);
	if (source_whose(source, pool, &whose) < 0)
		return bp_fail_memory(source->ctx);
	tell_whose(source, whose);
	r = source_place_io(source, whose->lies_in ?: pool, ret);
	if (r == 0 && whose->kind == WHOSE_SUPERBLOCK)
		map_io_hide_first(*ret);
	return r;
}

/* Whatever the source is, its metadata is one io: all that follows knows no difference. */
int source_metadata_io(struct bp_source *source, struct io **ret)
{
	_cleanup_(map_freep) struct map *map = NULL;
	int r;

	if (source->kind == BP_SOURCE_POOL)
		return source_pool_io(source, source->lv, ret);
	if (source->kind != BP_SOURCE_METADATA) {
		bp_fail(source->ctx, -EINVAL, "'%s' is no thin pool, and holds none",
			source->name);
		error_set_hint(source->ctx,
			       "'probe' shows what it holds; 'export' reads volumes");
		return -EINVAL;
	}
	if (source->snap)
		return source_snap_io(source, ret);
	if (source->packed)
		return pack_io_open(source->ctx, source->image->path, ret);
	if (source->lv)
		r = own_map(source, source->lv, &map);
	else
		r = map_image_new(source->image, 0, source->image->size, &map);
	if (r == 0)
		r = meta_map_io(map, ret);
	if (r == 0)
		steal(map);
	return r == -ENOMEM ? bp_fail_memory(source->ctx) : r;
}

static bool is_damage(int r)
{
	return r == -EBADMSG || r == -EUCLEAN || r == -EIO;
}

/* As it is, or where that can't be opened what can be had of it. Closes @take_io on failure. */
static int open_meta(struct bp_source *source, struct io *take_io, struct source_pool *pool)
{
	struct error_state *saved;
	int r = thin_meta_open_io(source->ctx, take_io, NULL, &pool->meta), status;

	if (r == 0)
		return 0;
	io_close(take_io);
	if (!is_damage(r))
		return r;
	saved = error_save(source->ctx);
	status = source_salvage(source, pool);
	if (status == 0) {
		error_state_free(saved);
		return 0;
	}
	error_restore(source->ctx, saved); /* what is wrong with it is worth more */
	return status == -ENOMEM ? status : r;
}

static int bare_data(struct bp_source *source, struct map **ret)
{
	*ret = NULL;
	if (!source->data)
		return 0;
	return map_image_new(source->data, 0, source->data->size, ret) < 0
		       ? bp_fail_memory(source->ctx)
		       : 0;
}

/* Where an active pool is read its data is, below what a user sees of its volumes. */
static int pool_data(struct bp_source *source, const struct lvm_lv *lv, struct map **ret)
{
	if (source->snap && source->data && lv == source->lv)
		return bare_data(source, ret);
	return named_map(source, lv, "pool", ret);
}

/*
 * Metadata that can't be opened is salvaged by open_meta(); the data need not be there to
 * look at it.
 */
static int open_pool(struct bp_source *source, const struct lvm_lv *lv,
		     struct source_pool *pool)
{
	struct io *io;
	int r = source_refuse_other(source, lv);

	pool->lv = lv;
	if (r == 0)
		r = source_pool_io(source, lv, &io);
	if (r == 0)
		r = open_meta(source, io, pool);
	if (r < 0) {
		error_prefix(source->ctx, "pool '%s'", lv->name);
		return r;
	}
	return pool_data(source, lv, &pool->data);
}

/* The opened pool @lv, opened at the first need, closed with the source. */
static int pool_of(struct bp_source *source, const struct lvm_lv *lv, struct source_pool **ret)
{
	struct source_pool *pool;
	int r;

	for (size_t i = 0; i < source->pools.count; i++)
		if (source->pools.items[i]->lv == lv) {
			*ret = source->pools.items[i];
			return (*ret)->data ? 0 : refuse(source, lv, "its data can't be found");
		}
	pool = calloc(1, sizeof(*pool));
	if (!pool || vec_add(&source->pools, &pool) < 0) {
		free(pool);
		return bp_fail_memory(source->ctx);
	}
	r = open_pool(source, lv, pool);
	if (r < 0) {
		source->pools.count--;
		source_pool_done(pool);
		free(pool);
		return r;
	}
	*ret = pool;
	return 0;
}

/* A thin volume and the external origin it lies on, freed together. */
struct on_origin {
	struct map map;
	struct map *thin, *external;
};

static int on_origin_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	return map_locate(((struct on_origin *)(void *)map)->thin, at, max, ret);
}

static void on_origin_free(struct map *map)
{
	struct on_origin *m = (struct on_origin *)(void *)map;

	map_free(m->thin);
	map_free(m->external);
	free(m);
}

static const struct map_ops on_origin_ops = { .locate = on_origin_locate,
					      .free = on_origin_free };

/* @top is the mapping root of an older state; 0: the superblock's. */
static int thin_root(struct bp_source *source, struct bp_thin_meta *meta, bp_mblock top,
		     uint64_t id, bp_mblock *ret)
{
	le64 root;
	int r;

	assert(meta); /* an opened pool has it */
	r = btree_lookup(&meta->meta, top ? top : meta->sb.pub.mapping_root, sizeof(root), id,
			 &root);
	if (r == -ENODATA) {
		bp_fail(source->ctx, r, "device %" PRIu64 " is not in the pool", id);
		error_set_code(source->ctx, BP_E_NO_THIN);
	}
	if (r < 0)
		return r;
	*ret = le64_get(root);
	return 0;
}

static const struct bp_thin_meta *any_meta(const struct source_pool *pool)
{
	return pool->meta ? pool->meta : &pool->raw;
}

/* Volume @id as the metadata has it, below @top or, where that is 0, the superblock's root. */
static int map_as_it_is(struct bp_source *source, struct source_pool *pool, uint64_t id,
			bp_mblock top, struct thin_map_opts *opts, struct map **ret)
{
	struct bp_thin_meta *meta = pool->meta ? pool->meta : &pool->raw;
	int r = thin_root(source, meta, top, id, &opts->root);

	return r < 0 ? r : thin_map_new(meta, opts, ret);
}

/* A tree that may be another's, or older than what was lost, must not pass for the volume in silence. */
static void tell_doubt(struct bp_source *source, const struct bp_thin_plan *plan, uint64_t id)
{
	for (size_t i = 0; i < plan->list.count; i++) {
		const struct bp_thin_plan_device *d = &plan->list.items[i];

		if (d->device.id != id || d->verdict != BP_THIN_DOUBTFUL)
			continue;
		/* Once: a volume is also looked at to find out whether it is a pool's metadata. */
		if (source->nr_doubts++ && source->doubted_id == id)
			continue;
		source->doubted_id = id;
		bp_warn(source->ctx,
			"device %" PRIu64 " is doubtful: it may be an older state of it or "
			"another's, and blocks that it had may be missing without a trace",
			id);
	}
}

/* As it can be had: without what is lost, which is missing. */
static int map_salvaged(struct bp_source *source, struct source_pool *pool, uint64_t id,
			struct thin_map_opts *opts, struct map **ret)
{
	struct thin_map_lost lost = { 0 };
	int r = source_salvage(source, pool);

	if (r == 0)
		r = thin_root(source, &pool->salvaged->tm, 0, id, &opts->root);
	if (r == 0 && source_lost_runs(pool->salvaged, id, &lost) < 0)
		r = bp_fail_memory(source->ctx);
	opts->lost = &lost;
	if (r == 0)
		r = thin_map_new(&pool->salvaged->tm, opts, ret);
	opts->lost = NULL;
	vec_done(&lost.list);
	if (r == 0)
		tell_doubt(source, pool->salvaged, id);
	return r;
}

/*
 * Has its tree as many mappings as its details say? One of nodes that are all sound, yet of another time, as two
 * hosts leave them, has not. Where there are no details only a salvage can judge.
 */
static bool is_counted(const struct source_pool *pool, uint64_t id, const struct map *map)
{
	struct error_state *saved = error_save(pool->meta->meta.ctx);
	struct bp_thin_device device;
	bool counted = bp_thin_device_find(pool->meta, id, &device) == 0 &&
		       device.mapped_dblocks == thin_map_mapped(map);

	error_restore(pool->meta->meta.ctx, saved);
	return counted;
}

/* What is damaged is salvaged, if that has it. */
static int map_volume(struct bp_source *source, struct source_pool *pool, uint64_t id,
		      bp_mblock top, struct thin_map_opts *opts, struct map **ret)
{
	struct map *map = NULL, *better = NULL;
	struct error_state *saved;
	int r;

	opts->block_bytes = bp_sector_to_bytes(any_meta(pool)->sb.pub.data_block_sectors);
	opts->data = pool->data;
	if (!pool->meta && !top)
		return map_salvaged(source, pool, id, opts, ret);
	r = map_as_it_is(source, pool, id, top, opts, &map);
	if (top || (r < 0 && !is_damage(r)) ||
	    (r == 0 && !thin_map_has_gaps(map) && is_counted(pool, id, map))) {
		*ret = map;
		return r;
	}
	saved = error_save(source->ctx);
	if (map_salvaged(source, pool, id, opts, &better) == 0) {
		map_free(map);
		map = better;
		r = 0;
	}
	error_restore(source->ctx, saved);
	*ret = map;
	return r;
}

/* Below a volume with an external origin lies that one, where nothing is mapped. */
static int thin_lv_map(struct bp_source *source, const struct lvm_lv *lv, struct map **ret)
{
	const struct lvm_lv *pool_lv = lvm_lv_named_by(lv, "thin_pool");
	const struct lvm_lv *external = lvm_lv_named_by(lv, "external_origin");
	struct on_origin *m = calloc(1, sizeof(*m));
	struct thin_map_opts opts = { .size = lv->size };
	struct source_pool *pool = NULL;
	int r;

	if (!m)
		return bp_fail_memory(source->ctx);
	m->map = (struct map){ .ops = &on_origin_ops, .size = lv->size };
	if (!pool_lv || !streq(lvm_lv_type(pool_lv), "thin-pool"))
		r = refuse(source, lv, "its pool is not there");
	else
		r = pool_of(source, pool_lv, &pool);
	if (r == 0 && external)
		r = source_lv_map(source, external, &m->external);
	if (r == 0) {
		opts.external = m->external;
		r = map_volume(source, pool,
			       text_number(lv->segments[0].node, "device_id", UINT64_MAX), 0,
			       &opts, &m->thin);
	}
	if (r < 0)
		on_origin_free(&m->map);
	else
		*ret = &m->map;
	return r;
}

/* --- two places --- */

/* What links a store to its origin, or NULL. */
static const struct lvm_lv *snapshot_carrier(const struct lvm_lv *store)
{
	const struct lvm_vg *vg = store->vg;

	for (size_t i = 0; i < vg->nr_lvs; i++) {
		const struct lvm_lv *lv = &vg->lvs[i];

		if (streq(lvm_lv_type(lv), "snapshot") &&
		    (lvm_lv_named_by(lv, "cow_store") == store ||
		     lvm_lv_named_by(lv, "merging_store") == store))
			return lv;
	}
	return NULL;
}

/* The origin, with the store's chunks in place of its own. */
static int snapshot_lv_map(struct bp_source *source, const struct lvm_lv *carrier,
			   const struct lvm_lv *store, struct map **ret)
{
	_cleanup_(map_freep) struct map *origin = NULL;
	_cleanup_(map_freep) struct map *cow = NULL;
	int r = named_map(source, carrier, "origin", &origin);

	if (r == 0)
		r = own_map(source, store, &cow);
	if (r == 0)
		r = snapshot_map_new(source->ctx, origin, cow, MIN(carrier->size, origin->size),
				     ret);
	if (r < 0)
		return r;
	steal(origin);
	steal(cow);
	return 0;
}

/* The fast volume has what was not written back; without it the origin is old. */
static int writecache_lv_map(struct bp_source *source, const struct lvm_lv *lv,
			     struct map **ret)
{
	_cleanup_(map_freep) struct map *origin = NULL;
	_cleanup_(map_freep) struct map *cache = NULL;
	int r = named_map(source, lv, "origin", &origin);

	if (r == 0)
		r = named_map(source, lv, "writecache", &cache);
	if (r == 0)
		r = writecache_map_new(source->ctx, origin, cache, ret);
	if (r < 0)
		return r;
	steal(origin);
	steal(cache);
	return 0;
}

/* Both halves of a cachevol: the parts of it that its segment names. */
static int cachevol_halves(struct bp_source *source, const struct lvm_lv *lv,
			   const struct lvm_lv *vol, struct map **ret_blocks,
			   struct map **ret_meta)
{
	const struct text_node *node = lv->segments[0].node;
	static const char *const keys[2][2] = { { "data_start", "data_len" },
						{ "metadata_start", "metadata_len" } };
	struct map **results[2] = { ret_blocks, ret_meta };

	for (unsigned i = 0; i < 2; i++) {
		bp_bytes start, len;
		struct map *whole;
		int r;

		if (mul_overflow(text_number(node, keys[i][0], 0), BP_SECTOR_BYTES, &start) ||
		    mul_overflow(text_number(node, keys[i][1], 0), BP_SECTOR_BYTES, &len))
			return refuse(source, lv, "a size beyond all bounds");
		r = own_map(source, vol, &whole);
		if (r < 0)
			return r;
		r = part_map_new(whole, start, len, results[i]);
		if (r < 0) {
			map_free(whole);
			return refuse(source, lv, "its parts lie beyond the cache volume");
		}
	}
	return 0;
}

/* A cache pool has two volumes, a cachevol both in one. */
static int cache_lv_map(struct bp_source *source, const struct lvm_lv *lv, struct map **ret)
{
	const struct lvm_lv *pool = lvm_lv_named_by(lv, "cache_pool");
	_cleanup_(map_freep) struct map *origin = NULL;
	_cleanup_(map_freep) struct map *blocks = NULL;
	_cleanup_(map_freep) struct map *meta = NULL;
	struct io *io = NULL;
	int r;

	if (!pool)
		return refuse(source, lv, "its cache is not there");
	r = named_map(source, lv, "origin", &origin);
	if (r == 0 && streq(lvm_lv_type(pool), "cache-pool")) {
		r = named_map(source, pool, "data", &blocks);
		if (r == 0)
			r = named_map(source, pool, "metadata", &meta);
	} else if (r == 0) {
		r = cachevol_halves(source, lv, pool, &blocks, &meta);
	}
	if (r == 0 && map_io_new(meta, NULL, &io) < 0)
		r = bp_fail_memory(source->ctx);
	if (r < 0)
		return r;
	steal(meta);
	r = cache_map_new(source->ctx, origin, blocks, io, ret);
	if (r < 0)
		return r;
	steal(origin);
	steal(blocks);
	return 0;
}

static const struct {
	const char *type;
	int (*map)(struct bp_source *source, const struct lvm_lv *lv, struct map **ret);
} types[] = {
	{ "thin", thin_lv_map },
	{ "thin-pool", pool_data },
	{ "cache", cache_lv_map },
	{ "writecache", writecache_lv_map },
};

/*
 * A snapshot's store is asked for by the volume it stands for: its own type says nothing of
 * that.
 */
static int by_type(struct bp_source *source, const struct lvm_lv *lv, struct map **ret)
{
	const struct lvm_lv *carrier = snapshot_carrier(lv);

	if (carrier)
		return snapshot_lv_map(source, carrier, lv, ret);
	if (lv->nr_segments == 0)
		return refuse(source, lv, "it has no extents");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (streq(types[i].type, lv->segments[0].type))
			return types[i].map(source, lv, ret);
	if (lvm_type_is_plain(lv->segments[0].type))
		return own_map(source, lv, ret);
	bp_fail(source->ctx, -ENOTSUP, "LV '%s': volumes of type %s can't be read from here",
		lv->name, lv->segments[0].type);
	error_set_code(source->ctx, BP_E_FORMAT);
	return -ENOTSUP;
}

/* Counts how deep it goes: a damaged text may make volumes of each other. */
int source_lv_map(struct bp_source *source, const struct lvm_lv *lv, struct map **ret)
{
	int r;

	if (source->depth >= DEPTH_MAX)
		return refuse(source, lv, "its parts lie on one another without end");
	source->depth++;
	r = by_type(source, lv, ret);
	source->depth--;
	return r;
}

/* --- volumes that only the pool knows --- */

int source_data_map(struct bp_source *source, struct map **ret)
{
	if (source->kind == BP_SOURCE_POOL)
		return pool_data(source, source->lv, ret);
	return bare_data(source, ret);
}

/* Metadata without LVM: a file, and the data device given beside it. */
static int bare_pool(struct bp_source *source, struct source_pool **ret)
{
	struct source_pool *pool;
	struct io *io;
	int r;

	if (source->pools.count) {
		*ret = source->pools.items[0];
		return 0;
	}
	pool = calloc(1, sizeof(*pool));
	if (!pool || vec_add(&source->pools, &pool) < 0) {
		free(pool);
		return bp_fail_memory(source->ctx);
	}
	r = source_metadata_io(source, &io);
	if (r == 0)
		r = open_meta(source, io, pool);
	if (r == 0)
		r = bare_data(source, &pool->data);
	if (r < 0) {
		source->pools.count--;
		source_pool_done(pool);
		free(pool);
		return r;
	}
	*ret = pool;
	return 0;
}

/* @top: the tree of another state than the live one, or 0. */
int source_thin_map(struct bp_source *source, uint64_t id, bp_bytes size, bp_mblock top,
		    struct map **ret)
{
	struct thin_map_opts opts = { .size = size };
	struct source_pool *pool;
	int r;

	if (source->kind == BP_SOURCE_POOL)
		r = pool_of(source, source->lv, &pool);
	else
		r = bare_pool(source, &pool);
	return r < 0 ? r : map_volume(source, pool, id, top, &opts, ret);
}
