/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving back what a volume maps, so that the device below the pool may forget it: the kernel does
 * that for discards, not for a volume that is deleted. Promised: the device made for it is gone at
 * the end. Not promised: that nothing was discarded where it fails.
 */
#include <bedplate/table.h>

#include "dm/pool/pool.h"

#include <stdio.h>

#define FIRST_SECTORS 128 /* enough to ask how far it is mapped */
#define STEP_BYTES    (UINT64_C(1) << 30)

struct discard {
	struct bp_pool *pool;
	struct dm *dm;
	uint32_t id;
	char name[BP_NAME_SIZE];
	struct bp_device_info info; /* of the device made for it */
	int64_t deadline;
};

static int fail_discard(const struct discard *d, int r, enum bp_error_code code,
			const char *why)
{
	return fail_volume(d->pool, r, code, "discard", d->id, why);
}

/* A limit for what takes one; what is left of it. */
static int64_t left(const struct discard *d)
{
	int64_t ms = d->deadline == DEADLINE_NEVER ? -1 : deadline_left(d->deadline);

	return ms ? ms : 1; /* 0 would be the default */
}

static int describe(const struct discard *d, bp_sector sectors, struct bp_table **ret)
{
	struct bp_devno dev = { d->pool->info.major, d->pool->info.minor };
	char text[DEVNO_TEXT];
	struct bp_thin thin = { .pool_dev = devno_text(&dev, text), .id = d->id };
	int r = bp_table_new(d->pool->ctx, ret);

	return r < 0 ? r : bp_table_append(d->pool->ctx, *ret, sectors, BP_PARAMS_THIN(&thin));
}

/*
 * A small device first, then grown over what is mapped; without udev, as nobody should open
 * it.
 */
static int make(struct discard *d)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	const struct bp_create_opts opts = {
		.size = sizeof(opts),
		.udev = BP_UDEV_NONE,
		.timeout_ms = left(d),
	};
	int r = describe(d, FIRST_SECTORS, &table);

	return r < 0 ? r : bp_device_create(d->pool->ctx, d->name, table, &opts, &d->info);
}

/* How far it is mapped; 0: not at all. */
static int find_end(const struct discard *d, bp_sector *ret)
{
	_cleanup_(volumes_done) struct volumes v = { 0 };
	int r = find_volumes(d->pool, &v);

	*ret = 0;
	for (size_t i = 0; r == 0 && i < v.list.count; i++) {
		const struct bp_volume *volume = &v.list.items[i];

		if (volume->thin_id == d->id && volume->failed)
			return fail_discard(d, -EOPNOTSUPP, BP_E_POOL_STATE,
					    "the pool has failed");
		if (volume->thin_id == d->id && volume->mapped_sectors)
			*ret = volume->highest_mapped_sector + 1;
	}
	return r;
}

/*
 * In steps, so that a signal or the time limit is heard: one discard of terabytes can't be
 * interrupted.
 */
static int give_back(const struct discard *d, bp_sector end)
{
	struct bp_devno dev = { d->info.major, d->info.minor };
	char text[DEVNO_TEXT];
	struct bp_bdev bdev;
	int r = bp_bdev_get(d->pool->ctx, devno_text(&dev, text), &bdev);

	for (uint64_t at = 0; r == 0 && at < bp_sector_to_bytes(end); at += STEP_BYTES) {
		uint64_t rest = bp_sector_to_bytes(end) - at;

		if (deadline_left(d->deadline) == 0)
			return fail_discard(d, -ETIMEDOUT, BP_E_TIMEOUT,
					    "not all could be discarded within the time limit");
		r = tx_interrupted(d->dm);
		if (r == 0)
			r = d->dm->ops->bdev_discard(d->dm->self, &bdev, at,
						     rest < STEP_BYTES ? rest : STEP_BYTES);
		if (r < 0)
			return fail_discard(d, r, BP_E_IO, strerrordesc_np(-r));
	}
	return r;
}

/* The device grows to what is mapped; so much of it, and no more, is discarded. */
static int discard_mapped(struct discard *d)
{
	const struct bp_selector which = { .name = d->name };
	const struct bp_change_opts change = { .size = sizeof(change), .timeout_ms = left(d) };
	const struct bp_remove_opts away = {
		.size = sizeof(away),
		.flags = BP_REMOVE_RETRY,
		.timeout_ms = left(d),
	};
	_cleanup_(table_freep) struct bp_table *table = NULL;
	bp_sector end = 0;
	int r = make(d);

	if (r == 0)
		r = find_end(d, &end);
	if (r == 0 && end > FIRST_SECTORS)
		r = describe(d, end, &table);
	if (r == 0 && table)
		r = bp_device_reload(d->pool->ctx, &which, table, &change);
	if (r == 0)
		r = give_back(d, end);
	return r < 0 ? r : bp_device_remove(d->pool->ctx, &which, &away, NULL);
}

/* What is asked for is possible, and no device of the volume is there. */
static int look(const struct discard *d)
{
	_cleanup_(volumes_done) struct volumes v = { 0 };
	struct bp_pool_status status;
	int r = bp_pool_status(d->pool, 0, &status);

	if (r == 0 && d->id > BP_THIN_ID_MAX)
		r = fail_discard(d, -EINVAL, BP_E_USAGE, "ids go up to 16777215");
	else if (r == 0 && status.discard == BP_POOL_DISCARD_IGNORE)
		r = fail_discard(d, -EOPNOTSUPP, BP_E_POOL_STATE, "its pool ignores discards");
	/* In a plan it may be one that was to be deactivated a step before. */
	if (r == 0 && !planning(d->dm))
		r = find_volumes(d->pool, &v);
	for (size_t i = 0; r == 0 && i < v.list.count; i++)
		if (v.list.items[i].thin_id == d->id)
			r = fail_discard(d, -EBUSY, BP_E_BUSY, "it is active");
	return r;
}

/* Through a device of our own name: the volume itself may be inactive. */
int bp_pool_discard_volume(struct bp_pool *pool, uint32_t thin_id, int64_t timeout_ms)
{
	struct discard d = { .pool = pool, .id = thin_id, .deadline = dm_deadline(timeout_ms) };
	struct level level;
	char what[32];
	int r = dm_get(pool->ctx, &d.dm);

	if (r == 0)
		r = look(&d);
	if (r < 0)
		return r;
	if (planning(d.dm)) {
		snprintf(what, sizeof(what), "volume %u", thin_id);
		return plan_note(pool->ctx, d.dm, "discard", pool->info.name, what);
	}
	snprintf(d.name, sizeof(d.name), "bedplate-discard-%u-%u", pool->info.minor, thin_id);
	tx_begin(d.dm, &level);
	r = discard_mapped(&d);
	return tx_end(pool->ctx, d.dm, &level, r);
}
