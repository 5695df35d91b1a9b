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
	const uint32_t *origin_ids; /* each gets one */
	size_t nr;
	uint32_t origin_id;     /* where it is one */
	uint32_t near;          /* an id that is likely to be free */
	struct volumes origins; /* their active mappings */
	VEC(struct held) held;
	char external[DEVNO_TEXT];
	int64_t deadline;
};

/* The id of member @i, where the first one takes @first. */
static uint32_t id_of(uint32_t first, size_t i)
{
	return (uint32_t)((first + i) & BP_THIN_ID_MAX);
}

static void snapshot_done(struct snapshot *s)
{
	volumes_done(&s->origins);
	vec_done(&s->held);
}

/* The origin's id and mapping, among all of the pool's. */
static int find_origin(struct bp_pool *pool, const struct bp_selector *origin,
		       const struct volumes *among, const struct bp_volume **ret)
{
	struct bp_device_info info;
	int r = bp_device_info(pool->ctx, origin, &info);

	if (r < 0)
		return r;
	for (size_t i = 0; i < among->list.count; i++)
		if (among->list.items[i].major == info.major &&
		    among->list.items[i].minor == info.minor) {
			*ret = &among->list.items[i];
			return 0;
		}
	bp_fail(pool->ctx, -EINVAL, "snapshot '%s': '%s' is not a volume of this pool",
		pool->info.name, info.name);
	error_set_device(pool->ctx, info.name);
	return -EINVAL;
}

/* Keep the mappings of those only that are copied. */
static void keep_origins(struct snapshot *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->origins.list.count; i++)
		for (size_t k = 0; k < s->nr; k++)
			if (s->origins.list.items[i].thin_id == s->origin_ids[k]) {
				s->origins.list.items[kept++] = s->origins.list.items[i];
				break;
			}
	s->origins.list.count = kept;
}

/* Find the origin, keep its mappings only, and take from them what was not given. */
static int look(struct bp_pool *pool, const struct bp_selector *origin,
		struct bp_volume_opts *opts, struct snapshot *ret)
{
	const struct bp_volume *active = NULL;
	int r = find_volumes(pool, &ret->origins);

	ret->deadline = dm_deadline(opts->timeout_ms);
	if (r == 0 && !opts->use_thin_id)
		r = volume_near(pool, "snapshot", &ret->origins, 1, ret->deadline, &ret->near);
	if (r == 0 && origin)
		r = find_origin(pool, origin, &ret->origins, &active);
	if (r < 0)
		return r;
	ret->origin_id = active ? active->thin_id : opts->origin_thin_id;
	ret->origin_ids = &ret->origin_id;
	ret->nr = 1;
	if (!origin && !opts->origin_by_id)
		return bp_fail(pool->ctx, -EINVAL, "snapshot '%s': no origin", pool->info.name);
	keep_origins(ret);
	for (size_t i = 0; i < ret->origins.list.count; i++) {
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

/* After the transaction, as udev's rules may wait for what is suspended in it. */
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

/* All origins, before the first snapshot: they are to be of one instant. */
static int hold(struct snapshot *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->held.count; i++)
		r = step_suspend(s->pool->ctx, "snapshot", &s->held.items[i].which, 0,
				 s->deadline, &s->held.items[i].undo);
	return r;
}

/*
 * Those that can't be resumed, and those behind them, are the transaction's to resume: a request
 * that was left must be waited for before the next one.
 */
static int let_go(struct snapshot *s)
{
	int r = 0;

	for (size_t i = s->held.count; r == 0 && i-- > 0;) {
		struct held *held = &s->held.items[i];
		struct dm_request rq = {
			.op = OP_RESUME,
			.cookie = held->cookie.value,
			.deadline = s->deadline,
		};

		r = dm_order(s->pool->ctx, "snapshot", &held->which, &rq, &held->state);
		held->resumed = r == 0;
		held->undo->armed = r < 0;
	}
	return r;
}

/* One after another, each a message to the pool. */
static int claim_all(struct snapshot *s, uint32_t first)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->nr; i++)
		r = volume_claim(s->pool, "snapshot", id_of(first, i), &s->origin_ids[i],
				 s->deadline);
	return r;
}

/* As short as can be: writers to the origins wait. */
static int window(struct snapshot *s, uint32_t id)
{
	int r = hold(s), taken;

	if (r < 0)
		return r;
	taken = claim_all(s, id);
	/* An id that is taken is no failure: the origin goes on, and the next one is tried. */
	if (taken < 0 && taken != -EEXIST)
		return taken;
	r = let_go(s);
	return r < 0 ? r : taken;
}

/*
 * The window in which origins are suspended is the kernel's message only: all else is done
 * before or behind.
 */
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

/* A message to a suspended pool would wait for its resume. */
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

	if (r == 0)
		r = volume_allocate(pool, opts, "snapshot", s->near, take_snapshot, s, ret);
	return r < 0 ? r
		     : volume_finish(pool, "snapshot", *ret, name, opts->size_sectors, opts);
}

/*
 * The origin is suspended if it is active: without that its last writes would not be in the
 * snapshot.
 */
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

/* --- several at one instant --- */

/* What each member gets. */
struct member {
	uint32_t origin_id;
	bp_sector size_sectors;
	char external[DEVNO_TEXT]; /* "": none */
};

struct group {
	struct snapshot s;
	const struct bp_selector *origins;
	const char *const *names;
	size_t nr;
	struct bp_volume_opts opts;
	struct member *members;
	uint32_t *origin_ids;
};

static void group_done(struct group *g)
{
	snapshot_done(&g->s);
	free(g->members);
	free(g->origin_ids);
}

/* Each as large as its origin. */
static struct bp_volume_opts opts_of_member(const struct group *g, size_t i)
{
	struct bp_volume_opts opts = g->opts;

	opts.size_sectors = g->members[i].size_sectors;
	if (g->members[i].external[0])
		opts.external_origin = g->members[i].external;
	return opts;
}

static int fail_group(struct group *g, const char *name, const char *why)
{
	bp_fail(g->s.pool->ctx, -EINVAL, "snapshot '%s': %s", name, why);
	error_set_code(g->s.pool->ctx, BP_E_USAGE);
	return -EINVAL;
}

/* Find each origin; one can be copied only once, and each copy has a name of its own. */
static int look_member(struct group *g, size_t i)
{
	const struct bp_volume *active;
	struct bp_volume_opts opts;
	int r = find_origin(g->s.pool, &g->origins[i], &g->s.origins, &active);

	if (r < 0)
		return r;
	for (size_t k = 0; k < i; k++) {
		if (g->origin_ids[k] == active->thin_id)
			return fail_group(g, active->name, "it is named twice");
		if (streq(g->names[k], g->names[i]))
			return fail_group(g, g->names[i], "two snapshots would have this name");
	}
	g->origin_ids[i] = active->thin_id;
	g->members[i].size_sectors = active->size_sectors;
	if (active->external_origin.major)
		devno_text(&active->external_origin, g->members[i].external);
	opts = opts_of_member(g, i);
	return volume_check(g->s.pool, "snapshot", g->names[i], opts.size_sectors, &opts);
}

/* All origins are found before the first is suspended. */
static int look_group(struct group *g)
{
	struct bp_pool *pool = g->s.pool;
	int r = find_volumes(pool, &g->s.origins);

	g->members = calloc(g->nr, sizeof(*g->members));
	g->origin_ids = calloc(g->nr, sizeof(*g->origin_ids));
	if (r == 0 && (!g->members || !g->origin_ids))
		r = bp_fail_memory(pool->ctx);
	for (size_t i = 0; r == 0 && i < g->nr; i++)
		r = look_member(g, i);
	g->s.origin_ids = g->origin_ids;
	g->s.nr = g->nr;
	if (r == 0)
		r = volume_near(pool, "snapshot", &g->s.origins, g->nr, g->s.deadline,
				&g->s.near);
	if (r == 0)
		keep_origins(&g->s);
	return r < 0 ? r : list_held(&g->s);
}

/* Ids of a group are consecutive: volume_allocate() takes the first for all. */
static int take_group(struct group *g, uint32_t *ret_first)
{
	int r = volume_allocate(g->s.pool, &g->opts, "snapshot", g->s.near, take_snapshot,
				&g->s, ret_first);

	for (size_t i = 0; r == 0 && i < g->nr; i++) {
		struct bp_volume_opts opts = opts_of_member(g, i);

		r = volume_finish(g->s.pool, "snapshot", id_of(*ret_first, i), g->names[i],
				  opts.size_sectors, &opts);
	}
	return r;
}

/* What is of one volume can't be said of many. */
static int check_group(struct group *g)
{
	const struct bp_volume_opts *o = &g->opts;

	if (!g->nr)
		return fail_group(g, g->s.pool->info.name, "no origins");
	if (o->uuid || o->use_thin_id || o->external_origin || o->origin_by_id || o->inactive ||
	    o->size_sectors)
		return fail_group(g, g->s.pool->info.name,
				  "uuid, id, origin and size can't be given for a group");
	return 0;
}

/* All origins are suspended at once: the snapshots are of one moment. */
int bp_pool_snapshot_group(struct bp_pool *pool, const struct bp_selector *origins,
			   const char *const *names, size_t nr,
			   const struct bp_volume_opts *opts, uint32_t *ret_thin_ids)
{
	_cleanup_(group_done) struct group g = {
		.s = { .pool = pool },
		.origins = origins,
		.names = names,
		.nr = nr,
	};
	struct level level;
	struct dm *dm;
	uint32_t first = 0;
	int r = dm_get(pool->ctx, &dm);

	if (r == 0)
		r = opts_read(pool->ctx, &g.opts, sizeof(g.opts), opts);
	if (r == 0)
		r = check_group(&g);
	if (r == 0)
		r = pool_awake(pool, "snapshot");
	g.s.deadline = dm_deadline(g.opts.timeout_ms);
	if (r == 0)
		r = look_group(&g);
	if (r < 0)
		return r;
	tx_begin(dm, &level);
	r = take_group(&g, &first);
	r = tx_end(pool->ctx, dm, &level, r);
	for (size_t i = 0; r == 0 && ret_thin_ids && i < nr; i++)
		ret_thin_ids[i] = id_of(first, i);
	return r;
}
