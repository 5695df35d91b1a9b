/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of pools share. */
#ifndef DM_POOL_POOL_H
#define DM_POOL_POOL_H

#include <bedplate/pool.h>

#include "dm/device/device.h"

struct bp_pool {
	struct bp_ctx *ctx;
	struct which which;
	struct bp_device_info info;
};

int pool_new(struct bp_ctx *ctx, const struct bp_device_info *info, struct bp_pool **ret);
/* A pool's live table: its one segment's parameters are lent by @ret_table. */
int pool_table(struct bp_pool *pool, const char *verb, struct bp_table **ret_table,
	       const struct bp_thin_pool **ret_params, bp_sector *ret_sectors);
/* Send a message to the pool. */
int pool_message(struct bp_pool *pool, const char *verb, int64_t deadline, const char *fmt, ...)
	_printf_(4, 5);
/* The same as a step of a transaction: see tx_order(). */
int pool_step(struct bp_pool *pool, const char *verb, int64_t deadline, struct undo *undo,
	      const char *fmt, ...) _printf_(5, 6);

/*
 * Every mapped device with one segment, of @target: to @seen, with its table; a result other
 * than 0 ends the walk and is returned. Devices that vanish meanwhile are passed over.
 */
int each_single(struct bp_ctx *ctx, const char *verb, const char *target,
		int (*seen)(void *user, const struct dm_state *state,
			    const struct bp_segment *segment),
		void *user);

/* The active volumes of a pool, by id; those whose pool has failed last, with BP_THIN_ID_ANY. */
struct volumes {
	struct bp_pool *pool;
	VEC(struct bp_volume) list;
};
int find_volumes(struct bp_pool *pool, struct volumes *ret);
void volumes_done(struct volumes *v);
/* The id behind the highest active one. */
uint32_t volumes_next_id(const struct volumes *v);

int fail_volume(struct bp_pool *pool, int r, enum bp_error_code code, const char *verb,
		uint32_t id, const char *why);

/* Take an id for a new volume, as a step of a transaction. @origin: NULL: an empty one. */
int volume_claim(struct bp_pool *pool, const char *verb, uint32_t id, const uint32_t *origin,
		 int64_t deadline);
/*
 * The first of @nr ids in a row to try: free, by what the pool's metadata says, or likely so. @active: its volumes,
 * where they are known; or NULL.
 */
int volume_near(struct bp_pool *pool, const char *verb, const struct volumes *active, size_t nr,
		int64_t deadline, uint32_t *ret);
/*
 * Try ids until @try takes one: 0, or what it failed with but -EEXIST. The one that @opts asks for,
 * or some from @near on.
 */
int volume_allocate(struct bp_pool *pool, const struct bp_volume_opts *opts, const char *verb,
		    uint32_t near, int (*try)(void *user, uint32_t id), void *user,
		    uint32_t *ret);
/* What can be known to be wrong with a new mapping before anything is asked of the pool. */
int volume_check(struct bp_pool *pool, const char *verb, const char *name,
		 bp_sector size_sectors, const struct bp_volume_opts *opts);
/* Give a volume that has just been claimed its mapping, unless it is to be inactive. */
int volume_finish(struct bp_pool *pool, const char *verb, uint32_t id, const char *name,
		  bp_sector size_sectors, const struct bp_volume_opts *opts);

/*
 * Before a volume's device goes in a transaction: how to bring it back. It may not have gone at all when that is done.
 */
int volume_remember(struct bp_pool *pool, struct dm *dm, const struct bp_volume *volume);

/* "MAJOR:MINOR" of a word of a table as the kernel prints it. */
bool devno_parse(const char *word, struct bp_devno *ret);
bool devno_equal(const struct bp_devno *a, const struct bp_devno *b);
#define DEVNO_TEXT 24
const char *devno_text(const struct bp_devno *dev, char *buf);

#endif
