/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which ids a pool has: the kernel does not list them, so they are read from a metadata snapshot.
 * Promised: what is reserved here is released again before anything else is done, whatever fails;
 * one that was there before is somebody's: it is read, and stays. Not promised: that after SIGKILL.
 */
#include "dm/pool/ids.h"

#include <stdlib.h>
#include <string.h>

struct undo_reserve {
	struct undo undo; /* device: the pool's */
	struct which pool;
};

/* That there is none any more is what was wanted. */
static int release_again(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_reserve *u = (const struct undo_reserve *)undo;
	struct dm_request rq = {
		.op = OP_MESSAGE,
		.deadline = deadline,
		.text = "release_metadata_snap",
	};
	int r = dm_order(ctx, "undo", &u->pool, &rq, NULL);

	return r == -EINVAL ? 0 : r; /* there is none any more */
}

static int take_id(void *user, const struct bp_thin_device *device)
{
	struct pool_ids *ids = user;

	return vec_add(&ids->list, device);
}

/* By the room's seam: what the snapshot that is held says. */
static int read_held(struct bp_pool *pool, struct dm *dm, const struct bp_devno *metadata,
		     struct pool_ids *ret)
{
	char text[DEVNO_TEXT];
	struct bp_bdev bdev;
	int r = dm->ops->bdev(dm->self, devno_text(metadata, text), &bdev);

	if (r == 0 && !*bdev.path)
		r = -ENOENT;
	if (r == 0)
		r = dm->ops->thin_devices(dm->self, pool->ctx, bdev.path, take_id, ret);
	ret->known = r == 0;
	return r;
}

/* Reserved, read and released: one step, which leaves nothing. */
static int read_reserved(struct bp_pool *pool, struct dm *dm, const char *verb,
			 const struct bp_devno *metadata, int64_t deadline,
			 struct pool_ids *ret, int *ret_reading)
{
	const struct undo undo = {
		.run = release_again,
		.remains = "still has a metadata snapshot",
	};
	struct undo_reserve *u;
	struct level level;
	int r;

	tx_begin(dm, &level);
	u = tx_undo(pool->ctx, dm, sizeof(*u), &undo, pool->info.name);
	r = u ? 0 : -ENOMEM;
	if (r == 0) {
		u->pool = pool->which;
		r = pool_step(pool, verb, deadline, &u->undo, "reserve_metadata_snap");
	}
	if (r == 0) {
		struct error_state *none = error_save(pool->ctx);

		*ret_reading = read_held(pool, dm, metadata, ret);
		error_restore(pool->ctx, none);
		r = pool_message(pool, verb, deadline, "release_metadata_snap");
		u->undo.armed = r < 0;
	}
	return tx_end(pool->ctx, dm, &level, r);
}

/* Somebody's snapshot is read as it is: it may be old, hence "foreign". */
static int read_now(struct bp_pool *pool, struct dm *dm, const char *verb,
		    const struct bp_pool_status *status, int64_t deadline, struct pool_ids *ret)
{
	int r = 0, reading = 0;

	if (status->held_root_mblock) {
		struct error_state *none = error_save(pool->ctx);

		reading = read_held(pool, dm, &status->metadata, ret);
		error_restore(pool->ctx, none);
		ret->foreign = true;
	} else {
		r = read_reserved(pool, dm, verb, &status->metadata, deadline, ret, &reading);
		/* Another program was first. */
		ret->foreign = r == -EBUSY;
		r = r == -EBUSY ? 0 : r;
	}
	ret->reading = reading;
	return r == 0 && reading == -ENOMEM ? bp_fail_memory(pool->ctx) : r;
}

/*
 * By a metadata snapshot: reserved, read, released. What can't be read is no failure: ids
 * are then tried.
 */
int pool_ids_read(struct bp_pool *pool, const char *verb, int64_t deadline,
		  struct pool_ids *ret)
{
	struct bp_pool_status status;
	struct dm *dm;
	int r = dm_get(pool->ctx, &dm);

	if (r < 0 || planning(dm))
		return r;
	r = bp_pool_status(pool, 0, &status);
	if (r < 0)
		return r;
	/* What can't be written to makes no snapshot: and no volume either, which is told there. */
	if (status.suspended || (status.mode != BP_POOL_MODE_WRITE &&
				 status.mode != BP_POOL_MODE_OUT_OF_DATA_SPACE))
		return 0;
	r = read_now(pool, dm, verb, &status, deadline, ret);
	if (!ret->known)
		ret->list.count = 0;
	return r;
}

/* Only what makes the result less than certain. */
void pool_ids_tell(struct bp_pool *pool, const struct pool_ids *ids)
{
	if (ids->foreign)
		bp_warn(pool->ctx,
			"'%s' has a metadata snapshot already, perhaps another program's: it "
			"is "
			"read, and stays; ids that were taken since are found out by trying",
			pool->info.name);
	else if (ids->reading < 0)
		bp_warn(pool->ctx,
			"the metadata of '%s' can't be read (%s): an id is found by trying",
			pool->info.name, strerrordesc_np(-ids->reading));
}

void pool_ids_done(struct pool_ids *ids)
{
	vec_done(&ids->list);
}

/* The first @nr ids in a row that none of @ids is: they rise. */
static uint32_t first_gap(const struct pool_ids *ids, size_t nr)
{
	uint64_t next = 0;

	for (size_t i = 0; i < ids->list.count && ids->list.items[i].id < next + nr; i++)
		next = ids->list.items[i].id + 1;
	return (uint32_t)(next & BP_THIN_ID_MAX);
}

uint32_t pool_ids_next(const struct pool_ids *ids, const struct volumes *active, size_t nr)
{
	uint64_t next = volumes_next_id(active);

	if (ids->list.count)
		next = MAX(next, ids->list.items[ids->list.count - 1].id + 1);
	/* What was given up last is not given out at once: only when the numbers are at their end. */
	return next + nr - 1 > BP_THIN_ID_MAX && ids->known ? first_gap(ids, nr)
							    : (uint32_t)(next & BP_THIN_ID_MAX);
}
