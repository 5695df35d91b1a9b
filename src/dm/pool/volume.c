/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Volumes of a thin pool: made, mapped, unmapped, deleted. Promised: a new one is there with its
 * mapping, or not at all.
 */
#include <bedplate/table.h>

#include "core/opts.h"
#include "dm/pool/ids.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* How many ids are tried near the ones in use, and then at random. */
#define NEAR_TRIES   8
#define RANDOM_TRIES 64

int fail_volume(struct bp_pool *pool, int r, enum bp_error_code code, const char *verb,
		uint32_t id, const char *why)
{
	bp_fail(pool->ctx, r, "%s '%s': volume %u: %s", verb, pool->info.name, id, why);
	error_set_code(pool->ctx, code);
	error_set_verb(pool->ctx, verb);
	error_set_device(pool->ctx, pool->info.name);
	return r;
}

/* Sorted by id, so the last one that is known tells. */
uint32_t volumes_next_id(const struct volumes *v)
{
	for (size_t i = v->list.count; i-- > 0;)
		if (v->list.items[i].thin_id != BP_THIN_ID_ANY)
			return v->list.items[i].thin_id + 1;
	return 0;
}

/* --- ids --- */

struct undo_claim {
	struct undo undo; /* device: the pool's */
	struct which pool;
	uint32_t id;
};

/* Gone already is as good. */
static int delete_again(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_claim *u = (const struct undo_claim *)undo;
	struct dm_request rq = { .op = OP_MESSAGE, .deadline = deadline };
	char text[32];
	int r;

	snprintf(text, sizeof(text), "delete %u", u->id);
	rq.text = text;
	r = dm_order(ctx, "undo", &u->pool, &rq, NULL);
	return r == -ENODATA ? 0 : r;
}

/* The message that makes the volume in the metadata; its device is made later. */
int volume_claim(struct bp_pool *pool, const char *verb, uint32_t id, const uint32_t *origin,
		 int64_t deadline)
{
	const struct undo undo = { .run = delete_again, .remains = "still has the new volume" };
	struct undo_claim *u;
	struct dm *dm;
	int r = dm_get(pool->ctx, &dm);

	if (r < 0)
		return r;
	u = tx_undo(pool->ctx, dm, sizeof(*u), &undo, pool->info.name);
	if (!u)
		return -ENOMEM;
	u->pool = pool->which;
	u->id = id;
	return origin ? pool_step(pool, verb, deadline, &u->undo, "create_snap %u %u", id,
				  *origin)
		      : pool_step(pool, verb, deadline, &u->undo, "create_thin %u", id);
}

/* A number that is likely free; the pool itself has the last word. */
int volume_near(struct bp_pool *pool, const char *verb, const struct volumes *active, size_t nr,
		int64_t deadline, uint32_t *ret)
{
	_cleanup_(volumes_done) struct volumes found = { 0 };
	_cleanup_(pool_ids_done) struct pool_ids ids = { 0 };
	int r = pool_ids_read(pool, verb, deadline, &ids);

	if (r == 0)
		pool_ids_tell(pool, &ids);
	/* With the metadata of now nothing else is to be asked. */
	if (r == 0 && !active && (!ids.known || ids.foreign))
		r = find_volumes(pool, &found);
	if (r == 0)
		*ret = pool_ids_next(&ids, active ? active : &found, nr);
	return r;
}

/*
 * @near is free, but for what others do meanwhile, where the pool's metadata could be read. Else this is a guess,
 * and each id that is taken costs a line in the kernel's log. So: a little further, then anywhere in the 24
 * bits, which are hardly ever full.
 */
int volume_allocate(struct bp_pool *pool, const struct bp_volume_opts *opts, const char *verb,
		    uint32_t near, int (*try)(void *user, uint32_t id), void *user,
		    uint32_t *ret)
{
	uint32_t id = opts->use_thin_id ? opts->thin_id : near, step = 1;
	int r = -EEXIST;

	if (opts->use_thin_id && opts->thin_id > BP_THIN_ID_MAX)
		return fail_volume(pool, -EINVAL, BP_E_USAGE, verb, opts->thin_id,
				   "ids go up to 16777215");
	for (int i = 0; i < NEAR_TRIES + RANDOM_TRIES && r == -EEXIST; i++) {
		if (i >= NEAR_TRIES && getrandom(&id, sizeof(id), 0) != sizeof(id))
			return bp_fail(pool->ctx, -errno, "no random numbers");
		id &= BP_THIN_ID_MAX;
		r = try(user, id);
		if (r == 0)
			*ret = id;
		if (opts->use_thin_id)
			return r;
		id += step;
		step *= 2;
	}
	if (r == -EEXIST)
		return bp_fail(pool->ctx, -ENOSPC, "'%s': no free id found", pool->info.name);
	return r;
}

/*
 * A message can succeed although the commit behind it failed: then the pool is not what it was,
 * and says so.
 */
static int verify(struct bp_pool *pool, const char *verb, uint32_t id)
{
	struct bp_pool_status status;
	struct dm *dm;
	int r = dm_get(pool->ctx, &dm);

	if (r < 0 || planning(dm))
		return r;
	r = bp_pool_status(pool, 0, &status);
	if (r < 0)
		return r;
	if (status.mode == BP_POOL_MODE_WRITE || status.mode == BP_POOL_MODE_OUT_OF_DATA_SPACE)
		return 0;
	return fail_volume(pool, -EIO, BP_E_POOL_STATE, verb, id,
			   "the pool could not write its metadata");
}

/* --- mapping --- */

/* An external origin is opened by number too. */
static int map(struct bp_pool *pool, uint32_t id, const char *name, bp_sector size_sectors,
	       const struct bp_volume_opts *opts)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct bp_devno dev = { pool->info.major, pool->info.minor };
	struct bp_create_opts create = {
		.size = sizeof(create),
		.uuid = opts->uuid,
		.flags = opts->read_only ? BP_CREATE_READ_ONLY : 0,
		.timeout_ms = opts->timeout_ms,
	};
	char pool_text[DEVNO_TEXT], origin_text[DEVNO_TEXT];
	struct bp_thin thin = { .pool_dev = devno_text(&dev, pool_text), .id = id };
	struct bp_bdev origin;
	int r = bp_table_new(pool->ctx, &table);

	if (r == 0 && opts->external_origin) {
		r = bp_bdev_get(pool->ctx, opts->external_origin, &origin);
		dev = (struct bp_devno){ origin.major, origin.minor };
		thin.external_origin_dev = devno_text(&dev, origin_text);
	}
	if (r == 0)
		r = bp_table_append(pool->ctx, table, size_sectors, BP_PARAMS_THIN(&thin));
	return r < 0 ? r : bp_device_create(pool->ctx, name, table, &create, NULL);
}

/* A volume without a device needs neither name nor size. */
int volume_check(struct bp_pool *pool, const char *verb, const char *name,
		 bp_sector size_sectors, const struct bp_volume_opts *opts)
{
	char mangled[BP_NAME_SIZE];
	struct bp_bdev origin;
	int r = 0;

	if (opts->inactive)
		return 0;
	if (!name)
		return bp_fail(pool->ctx, -EINVAL, "%s '%s': no name for the volume", verb,
			       pool->info.name);
	r = bp_name_mangle(pool->ctx, name, mangled);
	if (r == 0 && !size_sectors)
		r = bp_fail(pool->ctx, -EINVAL, "%s '%s': no size for '%s'", verb,
			    pool->info.name, name);
	if (r == 0 && opts->external_origin)
		r = bp_bdev_get(pool->ctx, opts->external_origin, &origin);
	return r;
}

/* Inactive: then at least it is asked for, as nothing else would show that it is there. */
int volume_finish(struct bp_pool *pool, const char *verb, uint32_t id, const char *name,
		  bp_sector size_sectors, const struct bp_volume_opts *opts)
{
	return opts->inactive ? verify(pool, verb, id)
			      : map(pool, id, name, size_sectors, opts);
}

struct creation {
	struct bp_pool *pool;
	int64_t deadline;
};

static int claim_empty(void *user, uint32_t id)
{
	const struct creation *c = user;

	return volume_claim(c->pool, "create volume", id, NULL, c->deadline);
}

/* An id, the volume, its device: each taken back where a later one fails. */
static int create(struct bp_pool *pool, const char *name, bp_sector size_sectors,
		  const struct bp_volume_opts *opts, uint32_t *ret_id)
{
	struct creation c = { .pool = pool, .deadline = dm_deadline(opts->timeout_ms) };
	uint32_t near = 0;
	int r = opts->use_thin_id
			? 0
			: volume_near(pool, "create volume", NULL, 1, c.deadline, &near);

	if (r == 0)
		r = volume_allocate(pool, opts, "create volume", near, claim_empty, &c, ret_id);
	return r < 0 ? r
		     : volume_finish(pool, "create volume", *ret_id, name, size_sectors, opts);
}

/* Returns the id, which is all that a later activation needs. */
int bp_pool_create_volume(struct bp_pool *pool, const char *name, bp_sector size_sectors,
			  const struct bp_volume_opts *opts, uint32_t *ret_thin_id)
{
	struct bp_volume_opts o;
	struct level level;
	struct dm *dm;
	uint32_t id = 0;
	int r = dm_get(pool->ctx, &dm);

	if (r == 0)
		r = opts_read(pool->ctx, &o, sizeof(o), opts);
	if (r == 0)
		r = volume_check(pool, "create volume", name, size_sectors, &o);
	if (r < 0)
		return r;
	tx_begin(dm, &level);
	r = create(pool, name, size_sectors, &o, &id);
	r = tx_end(pool->ctx, dm, &level, r);
	if (r == 0 && ret_thin_id)
		*ret_thin_id = id;
	return r;
}

/* A device for a volume that the metadata has. */
int bp_pool_activate(struct bp_pool *pool, uint32_t thin_id, const char *name,
		     bp_sector size_sectors, const struct bp_volume_opts *opts)
{
	struct bp_volume_opts o;
	int r = opts_read(pool->ctx, &o, sizeof(o), opts);

	o.inactive = false;
	if (r == 0 && thin_id > BP_THIN_ID_MAX)
		r = fail_volume(pool, -EINVAL, BP_E_USAGE, "activate", thin_id,
				"ids go up to 16777215");
	if (r == 0)
		r = volume_check(pool, "activate", name, size_sectors, &o);
	return r < 0 ? r : map(pool, thin_id, name, size_sectors, &o);
}

/* --- away --- */

/* Every device of it: read-only ones too. */
int bp_pool_deactivate(struct bp_pool *pool, uint32_t thin_id,
		       const struct bp_remove_opts *opts)
{
	_cleanup_(volumes_done) struct volumes v = { 0 };
	int r = find_volumes(pool, &v);

	for (size_t i = 0; r == 0 && i < v.list.count; i++) {
		struct bp_selector which = {
			.major = v.list.items[i].major,
			.minor = v.list.items[i].minor,
		};

		if (v.list.items[i].thin_id == thin_id)
			r = bp_device_remove(pool->ctx, &which, opts, NULL);
	}
	return r;
}

/* Which mapped devices keep a volume from being deleted. */
static void say_where_active(struct bp_pool *pool, uint32_t thin_id)
{
	struct error_state *first = error_save(pool->ctx);
	_cleanup_(volumes_done) struct volumes v = { 0 };
	int r = find_volumes(pool, &v);

	error_restore(pool->ctx, first);
	for (size_t i = 0; r == 0 && i < v.list.count; i++)
		if (v.list.items[i].thin_id == thin_id) {
			error_set_cause(pool->ctx, "it is active as '%s'",
					v.list.items[i].name);
			error_set_hint(pool->ctx, "deactivate it first");
			return;
		}
}

/*
 * The kernel drops the mappings within this call: a large volume takes its time. Looked at
 * afterwards, see verify().
 */
int bp_pool_delete(struct bp_pool *pool, uint32_t thin_id, int64_t timeout_ms)
{
	int r;

	if (thin_id > BP_THIN_ID_MAX)
		return fail_volume(pool, -EINVAL, BP_E_USAGE, "delete", thin_id,
				   "ids go up to 16777215");
	r = pool_message(pool, "delete", dm_deadline(timeout_ms), "delete %u", thin_id);
	if (r == -EBUSY) {
		fail_volume(pool, r, BP_E_BUSY, "delete", thin_id, "it is active");
		say_where_active(pool, thin_id);
	} else if (r == -ENODATA) {
		fail_volume(pool, r, BP_E_NO_THIN, "delete", thin_id,
			    "the pool has no such volume");
	}
	return r < 0 ? r : verify(pool, "delete", thin_id);
}
