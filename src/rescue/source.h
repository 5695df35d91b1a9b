/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of a source: what probe, export and the views of a pool share. */
#ifndef RESCUE_SOURCE_H
#define RESCUE_SOURCE_H

#include <bedplate/source.h>

#include <bedplate/thin_repair.h>

#include "core/vec.h"
#include "formats/thin/meta.h"
#include "lvm/scan.h"

/* Ranges of virtual blocks that are known to be lost, by rising begin, without overlaps. */
struct thin_map_range {
	bp_dblock begin, end; /* [begin, end) */
};
struct thin_map_lost {
	VEC(struct thin_map_range) list;
};

/* A thin pool whose metadata was opened, for volumes that lie in it. */
struct source_pool {
	const struct lvm_lv *lv;       /* NULL: bare metadata */
	struct bp_thin_meta *meta;     /* as it is; NULL: it can't be opened */
	struct bp_thin_plan *salvaged; /* made where it is damaged: what can be had of it */
	struct bp_thin_meta raw;       /* with a salvaged superblock: the area as it is */
	struct map *data;
};

struct bp_source {
	struct bp_ctx *ctx;
	enum bp_source_kind kind;
	char *name;
	struct lvm_scan *scan;          /* NULL: bare metadata */
	const struct lvm_group *group;  /* with a scan */
	const struct lvm_lv *lv;        /* the pool; or bare metadata that is an LV */
	struct raw_image *image, *data; /* bare metadata, and its data where given */
	bool packed;                    /* @image is a pack */
	struct raw_image
		*snap; /* the active pool's metadata, of which a snapshot is read; or NULL */
	struct io *snap_io; /* the same, for what lies on it */
	VEC(struct source_pool *) pools;
	VEC(struct whose *) whose;   /* what is known of the places of pools: whose.h */
	uint32_t data_block_sectors; /* as the caller has it; 0: not told */
	unsigned depth;      /* of maps being made, against volumes that lie on themselves */
	unsigned nr_doubts;  /* volumes that were opened though they are doubtful */
	uint64_t doubted_id; /* of whom the last was told */
};

/* A thin volume of the source's pool, as some metadata text of LVM has it. */
struct old_volume {
	const char *name;            /* owned by the list */
	const char *external_origin; /* the same; NULL: it had none */
	uint64_t id, transaction_id; /* of the pool when it was made */
	uint64_t seqno;              /* of the newest text that has it */
	bp_bytes size;
};
typedef VEC(struct old_volume) old_volumes;

/*
 * Those of the present text, then of older ones, newest first; each name, number and transaction
 * once. Nothing where the source is no pool of LVM. @ret: empty; free it in any case.
 */
int source_old_volumes(struct bp_source *source, old_volumes *ret);
void old_volumes_done(old_volumes *volumes);

/*
 * What can be had of the pool's metadata: thin_plan_io() with what LVM knows of the pool for what a
 * damaged superblock does not tell. Free it before the source is closed.
 */
int source_plan(struct bp_source *source, const struct bp_thin_repair_opts *opts,
		struct bp_thin_plan **ret);
/* The same of a pool of LVM of the group, or where it is NULL of the source. */
int source_plan_of(struct bp_source *source, const struct lvm_lv *pool,
		   const struct bp_thin_repair_opts *opts, struct bp_thin_plan **ret);
/* Salvage a pool that was opened, if that was not done: pool->salvaged, pool->raw. */
int source_salvage(struct bp_source *source, struct source_pool *pool);
void source_pool_done(struct source_pool *pool);
/* What of device @id the plan lost becomes missing in a map of its runs. */
int source_lost_runs(const struct bp_thin_plan *plan, uint64_t id, struct thin_map_lost *ret);

/* The pool's data; NULL in *@ret where it was not given. The caller frees it. */
int source_data_map(struct bp_source *source, struct map **ret);

/*
 * The node of the pool's own device when it is active: "/dev/mapper/vg-pool-tpool"; of bare
 * metadata "POOL", for a reader to fill in. NULL: no memory. free() it.
 */
char *source_pool_node(const struct bp_source *source);

/* Is this "vg/lv" or the name of a device of it? */
bool source_lv_is_called(const struct lvm_lv *lv, const char *text);

/*
 * What the groups that were found don't have under that name, in their older texts: that text counts
 * from then on. And the only pool that was in a group in which nothing is left, of @only or of all; or
 * in one that was there before. *@ret_lv, NULL before: what was found.
 */
int source_find_removed(struct bp_source *source, const char *text,
			const struct lvm_group **ret_group, const struct lvm_lv **ret_lv);
int source_find_removed_pool(struct bp_source *source, const struct lvm_group *only,
			     const struct lvm_group **ret_group, const struct lvm_lv **ret_lv);

/* Search disks, those of this machine where @nr is 0; source->scan has what was found. */
int source_scan(struct bp_source *source, const char *const *names, size_t nr,
		const char *text_path);
void source_pools_done(struct bp_source *source);

/*
 * Take what is read of the source's pool from its metadata snapshot, on the device at @path, and
 * from its data at @data_path, which may be NULL. 0, or -errno as for a device that can't be read.
 */
int source_use_snap(struct bp_source *source, const char *path, const char *data_path);
/* That metadata: the snapshot's superblock stands as block 0. Lies on the source. */
int source_snap_io(struct bp_source *source, struct io **ret);

/*
 * source->image, at @path, is no pool: an error that says what it is (-EINVAL), by its signature, or by a table
 * of partitions none of which is LVM's; 0 where nothing says so; -ENOMEM. And a warning for each disk that
 * was scanned and is such a thing.
 */
int source_refuse_foreign(struct bp_source *source, const char *path);
int source_refuse_disk(struct bp_source *source, const char *path,
		       const struct probe_table *table);
int source_warn_foreign(struct bp_source *source);

/* Is it a file of thin_metadata_pack? */
bool source_is_pack(const struct raw_image *image);

/* The metadata as an io that reads; the caller closes it. Of the source, or of a pool of LVM. */
int source_metadata_io(struct bp_source *source, struct io **ret);
int source_pool_io(struct bp_source *source, const struct lvm_lv *pool, struct io **ret);
/* What lies in the place of a pool's metadata, whoever's it is, or in another volume: an io of map.h. */
int source_place_io(struct bp_source *source, const struct lvm_lv *pool, struct io **ret);

/* Is this block one that was written whole? Any kind of block of a thin pool will do. */
bool source_block_good(bp_mblock block, const void *data);

/*
 * What a user would see of a volume of the group (of a snapshot's store the snapshot, of a pool
 * its data). Lies on the source: free it first. -ENOTSUP where its type can't be followed.
 */
int source_lv_map(struct bp_source *source, const struct lvm_lv *lv, struct map **ret);

/*
 * A volume of the source's own pool by its number. @size 0: up to its last mapping. @top: the root
 * of the mapping trees to find it in; 0: the superblock's.
 */
int source_thin_map(struct bp_source *source, uint64_t id, bp_bytes size, bp_mblock top,
		    struct map **ret);

/* The kinds of maps that lie on others; each lives in a file of its own. */

/* Virtual blocks of a thin volume. A part of its tree that can't be read is MAP_MISSING. */
struct thin_map_opts {
	bp_mblock root;
	bp_bytes size;                    /* 0: up to the last mapping */
	bp_bytes block_bytes;             /* of the pool */
	struct map *data;                 /* lent */
	struct map *external;             /* the external origin: lent, may be NULL */
	const struct thin_map_lost *lost; /* what is not mapped there is missing; or NULL */
};
int thin_map_new(struct bp_thin_meta *meta, const struct thin_map_opts *opts, struct map **ret);
/* Is part of it missing, as its metadata can't be read? */
bool thin_map_has_gaps(const struct map *map);
/* How many blocks of it are mapped. */
bp_dblock thin_map_mapped(const struct map *map);

/* A run of mappings; or where @data is BP_NONE blocks that can't be had, and why. */
struct thin_map_run {
	bp_dblock begin, data, length;
	const char *why;
};
/* The same of runs that are known, by rising begin; copied. @opts->root counts for nothing. */
int thin_map_of_runs(struct bp_ctx *ctx, const struct thin_map_opts *opts,
		     const struct thin_map_run *runs, size_t nr, struct map **ret);

/* An old snapshot: what differs is in @take_store. Both are taken on success. */
int snapshot_map_new(struct bp_ctx *ctx, struct map *take_origin, struct map *take_store,
		     bp_bytes size, struct map **ret);

/* A writecache: what is newer lies in @take_cache. */
int writecache_map_new(struct bp_ctx *ctx, struct map *take_origin, struct map *take_cache,
		       struct map **ret);

/*
 * A dm-cache: its blocks instead of the origin's. @take_meta, its metadata, is closed in any case;
 * the maps are taken on success.
 */
int cache_map_new(struct bp_ctx *ctx, struct map *take_origin, struct map *take_blocks,
		  struct io *take_meta, struct map **ret);

/* Part of a map, from @offset on. */
int part_map_new(struct map *take_map, bp_bytes offset, bp_bytes size, struct map **ret);

#endif
