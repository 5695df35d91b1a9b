/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots of volumes. Promised: the origin is suspended for no more than the message that takes
 * the snapshot, and goes on whatever happens: between are two requests for each of its mappings and
 * one for the pool, and nothing else; all that can be known is asked before.
 */
#include <bedplate/table.h>

#include "core/opts.h"
#include "dm/pool/pool.h"

#include <stdio.h>
#include <string.h>

/* A mapping of the origin that we suspend. */
struct held {
	struct which which;
	struct cookie cookie;
	struct undo *undo;
	struct dm_state state;
	bool resumed;
};

struct snapshot {
	struct bp_pool *pool;
	uint32_t origin_id;
	uint32_t near;          /* an id that is likely to be free */
	struct volumes origins; /* its active mappings */
	VEC(struct held) held;
	char external[DEVNO_TEXT];
	int64_t deadline;
};

static void snapshot_done(struct snapshot *s)
{
	volumes_done(&s->origins);
	vec_done(&s->held);
}

/* The origin's id, from its mapping. */
static int origin_id(struct bp_pool *pool, const struct bp_selector *origin,
		     struct snapshot *ret)
{
	struct bp_device_info info;
	int r = bp_device_info(pool->ctx, origin, &info);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ret->origins.list.count; i++)
		if (ret->origins.list.items[i].major == info.major &&
		    ret->origins.list.items[i].minor == info.minor) {
			ret->origin_id = ret->origins.list.items[i].thin_id;
			return 0;
		}
	bp_fail(pool->ctx, -EINVAL, "snapshot '%s': '%s' is not a volume of this pool",
		pool->info.name, info.name);
	error_set_device(pool->ctx, info.name);
	return -EINVAL;
}

/* Find the origin, keep its mappings only, and take from them what was not given. */
static int look(struct bp_pool *pool, const struct bp_selector *origin,
		struct bp_volume_opts *opts, struct snapshot *ret)
{
	size_t kept = 0;
	int r = find_volumes(pool, &ret->origins);

	ret->near = volumes_next_id(&ret->origins);
	if (r == 0 && origin)
		r = origin_id(pool, origin, ret);
	else
		ret->origin_id = opts->origin_thin_id;
	if (r < 0)
		return r;
	if (!origin && !opts->origin_by_id)
		return bp_fail(pool->ctx, -EINVAL, "snapshot '%s': no origin", pool->info.name);
	for (size_t i = 0; i < ret->origins.list.count; i++)
		if (ret->origins.list.items[i].thin_id == ret->origin_id)
			ret->origins.list.items[kept++] = ret->origins.list.items[i];
	ret->origins.list.count = kept;
	for (size_t i = 0; i < kept; i++) {
		const struct bp_volume *volume = &ret->origins.list.items[i];

		if (!opts->size_sectors)
			opts->size_sectors = volume->size_sectors;
		if (volume->external_origin.major && !opts->external_origin)
			opts->external_origin =
				devno_text(&volume->external_origin, ret->external);
	}
	return 0;
}

/* --- the window --- */

/* Whom we will hold. One that somebody else holds stays so, and that is told. */
static int list_held(struct snapshot *s)
{
	for (size_t i = 0; i < s->origins.list.count; i++) {
		const struct bp_volume *volume = &s->origins.list.items[i];
		struct held held = {
			.which = { .major = volume->major, .minor = volume->minor },
		};

		if (volume->suspended) {
			bp_warn(s->pool->ctx,
				"'%s' is suspended already and stays so: if nobody holds it on "
				"purpose, an interrupted program left it: resume it",
				volume->name);
			continue;
		}
		snprintf(held.which.label, sizeof(held.which.label), "%s", volume->name);
		if (vec_add(&s->held, &held) < 0)
			return bp_fail_memory(s->pool->ctx);
	}
	return 0;
}

/* What waiting for udev needs is made before and ended after. */
static int begin_cookies(struct snapshot *s, struct dm *dm)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->held.count; i++)
		r = udev_begin(s->pool->ctx, dm, BP_UDEV_PUBLIC, &s->held.items[i].cookie);
	return r;
}

static void end_cookies(struct snapshot *s, struct dm *dm)
{
	struct node_change none = { 0 };

	for (size_t i = 0; i < s->held.count; i++) {
		struct held *held = &s->held.items[i];

		udev_end(s->pool->ctx, dm, &held->cookie, held->resumed ? &held->state : NULL,
			 &none, s->deadline);
		held->resumed = false;
	}
}

static int hold(struct snapshot *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->held.count; i++)
		r = step_suspend(s->pool->ctx, "snapshot", &s->held.items[i].which, 0,
				 s->deadline, &s->held.items[i].undo);
	return r;
}

/* One that can't be resumed is tried again by the transaction. */
static int let_go(struct snapshot *s)
{
	int result = 0;

	for (size_t i = s->held.count; i-- > 0;) {
		struct held *held = &s->held.items[i];
		struct dm_request rq = {
			.op = OP_RESUME,
			.cookie = held->cookie.value,
			.deadline = s->deadline,
		};
		int r = dm_order(s->pool->ctx, "snapshot", &held->which, &rq, &held->state);

		held->resumed = r == 0;
		held->undo->armed = r < 0;
		if (result == 0)
			result = r;
	}
	return result;
}

static int window(struct snapshot *s, uint32_t id)
{
	int r = hold(s), taken;

	if (r < 0)
		return r;
	taken = volume_claim(s->pool, "snapshot", id, &s->origin_id, s->deadline);
	/* An id that is taken is no failure: the origin goes on, and the next one is tried. */
	if (taken < 0 && taken != -EEXIST)
		return taken;
	r = let_go(s);
	return r < 0 ? r : taken;
}

static int take_snapshot(void *user, uint32_t id)
{
	struct snapshot *s = user;
	struct level level;
	struct dm *dm;
	int r = dm_get(s->pool->ctx, &dm);

	if (r < 0)
		return r;
	tx_begin(dm, &level);
	r = begin_cookies(s, dm);
	if (r == 0)
		r = window(s, id);
	r = tx_end(s->pool->ctx, dm, &level, r);
	end_cookies(s, dm);
	return r;
}

/* --- the whole --- */

static int pool_awake(struct bp_pool *pool, const char *verb)
{
	struct dm_state state;
	int r = dm_state(pool->ctx, verb, &pool->which, &state);

	if (r < 0 || !(state.flags & ST_SUSPENDED))
		return r;
	bp_fail(pool->ctx, -EBUSY, "%s '%s': the pool is suspended", verb, pool->info.name);
	error_set_code(pool->ctx, BP_E_POOL_STATE);
	error_set_hint(pool->ctx, "resume the pool first");
	return -EBUSY;
}

static int snapshot(struct bp_pool *pool, struct snapshot *s, const char *name,
		    const struct bp_volume_opts *opts, uint32_t *ret)
{
	int r = list_held(s);

	s->deadline = dm_deadline(opts->timeout_ms);
	if (r == 0)
		r = volume_allocate(pool, opts, "snapshot", s->near, take_snapshot, s, ret);
	return r < 0 ? r
		     : volume_finish(pool, "snapshot", *ret, name, opts->size_sectors, opts);
}

int bp_pool_snapshot(struct bp_pool *pool, const struct bp_selector *origin, const char *name,
		     const struct bp_volume_opts *opts, uint32_t *ret_thin_id)
{
	_cleanup_(snapshot_done) struct snapshot s = { .pool = pool };
	struct bp_volume_opts o;
	struct level level;
	struct dm *dm;
	uint32_t id = 0;
	int r = dm_get(pool->ctx, &dm);

	if (r == 0)
		r = opts_read(pool->ctx, &o, sizeof(o), opts);
	if (r == 0)
		r = pool_awake(pool, "snapshot");
	if (r == 0)
		r = look(pool, origin, &o, &s);
	if (r == 0)
		r = volume_check(pool, "snapshot", name, o.size_sectors, &o);
	if (r < 0)
		return r;
	tx_begin(dm, &level);
	r = snapshot(pool, &s, name, &o, &id);
	r = tx_end(pool->ctx, dm, &level, r);
	if (r == 0 && ret_thin_id)
		*ret_thin_id = id;
	return r;
}
