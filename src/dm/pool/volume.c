/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volumes of a thin pool. */
#include <bedplate/table.h>

#include "core/opts.h"
#include "dm/pool/pool.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* How many ids are tried near the ones in use, and then at random. */
#define NEAR_TRIES   8
#define RANDOM_TRIES 64

static int fail_volume(struct bp_pool *pool, int r, enum bp_error_code code, const char *verb,
		       uint32_t id, const char *why)
{
	bp_fail(pool->ctx, r, "%s '%s': volume %u: %s", verb, pool->info.name, id, why);
	error_set_code(pool->ctx, code);
	error_set_verb(pool->ctx, verb);
	error_set_device(pool->ctx, pool->info.name);
	return r;
}

/* --- the active ones --- */

struct volumes {
	struct bp_pool *pool;
	VEC(struct bp_volume) list;
};

static int read_status(struct bp_pool *pool, const struct dm_state *state,
		       struct bp_volume *volume)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = {
		.op = OP_STATUS,
		.flags = RQ_NO_FLUSH,
		.deadline = DEADLINE_NEVER,
	};
	struct which which = { .major = state->major, .minor = state->minor };
	const struct bp_thin_status *values;
	struct bp_status *status;
	int r = dm_ask(pool->ctx, "status", &which, &rq, &reply);

	if (r < 0 || reply.segments.count != 1)
		return r;
	r = bp_status_parse(pool->ctx, "thin", reply.segments.items[0].args, &status);
	if (r < 0)
		return r;
	values = status->values;
	volume->failed = !values;
	if (values) {
		volume->mapped_sectors = values->mapped_sectors;
		if (values->highest_mapped_sector.is_set)
			volume->highest_mapped_sector = values->highest_mapped_sector.value;
	}
	bp_status_free(status);
	return 0;
}

/* A failed pool's volumes print "Fail" as their table: then what they lie on tells. */
static bool lies_on(struct bp_pool *pool, const struct dm_state *state)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_DEPS, .deadline = DEADLINE_NEVER };
	struct which which = { .major = state->major, .minor = state->minor };

	if (dm_ask(pool->ctx, "volumes", &which, &rq, &reply) < 0)
		return false;
	for (size_t i = 0; i < reply.deps.count; i++)
		if (reply.deps.items[i].major == pool->info.major &&
		    reply.deps.items[i].minor == pool->info.minor)
			return true;
	return false;
}

static int take_volume(void *user, const struct dm_state *state,
		       const struct bp_segment *segment)
{
	struct volumes *v = user;
	const struct bp_thin *thin = segment->params;
	struct bp_devno ours = { v->pool->info.major, v->pool->info.minor }, theirs;
	struct bp_volume volume = {
		.major = state->major,
		.minor = state->minor,
		.thin_id = BP_THIN_ID_ANY,
		.size_sectors = segment->length_sectors,
		.open_count = state->open_count,
		.suspended = state->flags & ST_SUSPENDED,
		.read_only = state->flags & ST_READ_ONLY,
	};
	int r;

	if (thin ? !devno_parse(thin->pool_dev, &theirs) || !devno_equal(&ours, &theirs)
		 : !lies_on(v->pool, state))
		return 0;
	name_decode(state->name, volume.name, sizeof(volume.name));
	name_decode(state->uuid, volume.uuid, sizeof(volume.uuid));
	if (thin) {
		volume.thin_id = thin->id;
		if (thin->external_origin_dev)
			devno_parse(thin->external_origin_dev, &volume.external_origin);
	}
	r = read_status(v->pool, state, &volume);
	if (r == -ENXIO)
		return 0;
	return r < 0 ? r : vec_add(&v->list, &volume);
}

static int by_id(const void *a, const void *b)
{
	const struct bp_volume *x = a, *y = b;

	if (x->thin_id != y->thin_id)
		return x->thin_id < y->thin_id ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int find_volumes(struct bp_pool *pool, struct volumes *ret)
{
	int r;

	ret->pool = pool;
	r = each_single(pool->ctx, "volumes", "thin", take_volume, ret);
	if (r == 0 && ret->list.count)
		qsort(ret->list.items, ret->list.count, sizeof(*ret->list.items), by_id);
	return r == -ENOMEM ? bp_fail_memory(pool->ctx) : r;
}

static void volumes_done(struct volumes *v)
{
	vec_done(&v->list);
}

int bp_pool_volumes(struct bp_pool *pool, struct bp_volume **ret, size_t *ret_count)
{
	_cleanup_(volumes_done) struct volumes v = { 0 };
	int r = find_volumes(pool, &v);

	if (r < 0)
		return r;
	*ret_count = v.list.count;
	*ret = steal(v.list.items);
	return 0;
}

/* --- ids --- */

/* Asks the pool for a new id: 0, -EEXIST, or another failure. */
typedef int (*claim_fn)(struct bp_pool *pool, uint32_t id, const void *arg, int64_t deadline);

static int claim_new(struct bp_pool *pool, uint32_t id, const void *arg, int64_t deadline)
{
	(void)arg;
	return pool_message(pool, "create volume", deadline, "create_thin %u", id);
}

static int claim_snap(struct bp_pool *pool, uint32_t id, const void *arg, int64_t deadline)
{
	const uint32_t *origin = arg;

	return pool_message(pool, "snapshot", deadline, "create_snap %u %u", id, *origin);
}

/*
 * The kernel does not list ids, and each one taken costs a line in its log. So: behind the
 * highest one active, then a little further, then anywhere in the 24 bits, which are hardly
 * ever full.
 */
static int allocate(struct bp_pool *pool, uint32_t near, claim_fn claim, const void *arg,
		    int64_t deadline, uint32_t *ret)
{
	uint32_t id = near, step = 1;
	int r = -EEXIST;

	for (int i = 0; i < NEAR_TRIES + RANDOM_TRIES && r == -EEXIST; i++) {
		if (i >= NEAR_TRIES && getrandom(&id, sizeof(id), 0) != sizeof(id))
			return bp_fail(pool->ctx, -errno, "no random numbers");
		id &= BP_THIN_ID_MAX;
		r = claim(pool, id, arg, deadline);
		if (r == 0)
			*ret = id;
		id += step;
		step *= 2;
	}
	if (r == -EEXIST)
		return bp_fail(pool->ctx, -ENOSPC, "'%s': no free id found", pool->info.name);
	return r;
}

static int claim_id(struct bp_pool *pool, const struct bp_volume_opts *opts, claim_fn claim,
		    const void *arg, const char *verb, int64_t deadline, uint32_t *ret)
{
	_cleanup_(volumes_done) struct volumes v = { 0 };
	int r;

	if (opts->use_thin_id) {
		if (opts->thin_id > BP_THIN_ID_MAX)
			return fail_volume(pool, -EINVAL, BP_E_USAGE, verb, opts->thin_id,
					   "ids go up to 16777215");
		r = claim(pool, opts->thin_id, arg, deadline);
		if (r == 0)
			*ret = opts->thin_id;
		return r;
	}
	r = find_volumes(pool, &v);
	if (r < 0)
		return r;
	while (v.list.count && v.list.items[v.list.count - 1].thin_id == BP_THIN_ID_ANY)
		v.list.count--;
	return allocate(pool, v.list.count ? v.list.items[v.list.count - 1].thin_id + 1 : 0,
			claim, arg, deadline, ret);
}

static void undo_claim(struct bp_pool *pool, uint32_t id)
{
	struct error_state *first = error_save(pool->ctx);
	int r = pool_message(pool, "undo", deadline_in(UNDO_MS), "delete %u", id);

	error_restore(pool->ctx, first);
	if (r < 0)
		bp_warn(pool->ctx, "'%s': new volume %u could not be deleted again: %s",
			pool->info.name, id, strerrordesc_np(-r));
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
		r = bp_table_append(pool->ctx, table, size_sectors, "thin", &thin);
	return r < 0 ? r : bp_device_create(pool->ctx, name, table, &create, NULL);
}

/* What can be known to be wrong before anything is asked of the pool. */
static int check_volume(struct bp_pool *pool, const char *verb, const char *name,
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

/* A new id has been claimed: give it its mapping, or delete it again. */
static int finish(struct bp_pool *pool, const char *verb, uint32_t id, const char *name,
		  bp_sector size_sectors, const struct bp_volume_opts *opts)
{
	int r = opts->inactive ? verify(pool, verb, id)
			       : map(pool, id, name, size_sectors, opts);

	if (r < 0)
		undo_claim(pool, id);
	return r;
}

int bp_pool_create_volume(struct bp_pool *pool, const char *name, bp_sector size_sectors,
			  const struct bp_volume_opts *opts, uint32_t *ret_thin_id)
{
	struct bp_volume_opts o;
	uint32_t id = 0;
	int r = opts_read(pool->ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = check_volume(pool, "create volume", name, size_sectors, &o);
	if (r == 0)
		r = claim_id(pool, &o, claim_new, NULL, "create volume",
			     dm_deadline(o.timeout_ms), &id);
	if (r == 0)
		r = finish(pool, "create volume", id, name, size_sectors, &o);
	if (r == 0 && ret_thin_id)
		*ret_thin_id = id;
	return r;
}

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
		r = check_volume(pool, "activate", name, size_sectors, &o);
	return r < 0 ? r : map(pool, thin_id, name, size_sectors, &o);
}

/* --- snapshots --- */

struct snapshot {
	uint32_t origin_id;
	struct volumes origins; /* its active mappings */
	VEC(struct which) held; /* those of them that we suspended */
	char external[DEVNO_TEXT];
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

static int hold(struct bp_pool *pool, struct snapshot *s, int64_t deadline)
{
	int r = vec_reserve(&s->held, s->origins.list.count + 1);

	for (size_t i = 0; r == 0 && i < s->origins.list.count; i++) {
		const struct bp_volume *volume = &s->origins.list.items[i];
		struct which which = { .major = volume->major, .minor = volume->minor };

		if (volume->suspended)
			continue;
		snprintf(which.label, sizeof(which.label), "%s", volume->name);
		r = step_suspend(pool->ctx, "snapshot", &which, 0, deadline);
		if (r == 0)
			s->held.items[s->held.count++] = which;
	}
	return r;
}

/*
 * Let the origins go on, whatever happened. Nothing is worse for them than to stay suspended,
 * so a resume that fails is tried once more.
 */
static int let_go(struct bp_pool *pool, struct snapshot *s)
{
	struct node_change none = { 0 };
	int result = 0;

	while (s->held.count) {
		const struct which *which = &s->held.items[--s->held.count];
		struct error_state *first = result < 0 ? error_save(pool->ctx) : NULL;
		int r = 0;

		for (int i = 0; i < 2; i++) {
			r = step_resume(pool->ctx, "snapshot", which, &none, BP_UDEV_PUBLIC,
					deadline_in(UNDO_MS), NULL);
			if (r == 0)
				break;
		}
		if (result < 0)
			error_restore(pool->ctx, first);
		else
			result = r;
		if (r < 0)
			bp_warn(pool->ctx, "'%s' is still suspended: %s", which->label,
				strerrordesc_np(-r));
	}
	return result;
}

static int take_snapshot(struct bp_pool *pool, struct snapshot *s,
			 const struct bp_volume_opts *opts, uint32_t *ret)
{
	int64_t deadline = dm_deadline(opts->timeout_ms);
	struct error_state *first;
	int r = hold(pool, s, deadline);

	if (r == 0)
		r = claim_id(pool, opts, claim_snap, &s->origin_id, "snapshot", deadline, ret);
	if (r == 0) {
		r = let_go(pool, s);
		if (r < 0)
			undo_claim(pool, *ret);
		return r;
	}
	first = error_save(pool->ctx);
	let_go(pool, s);
	error_restore(pool->ctx, first);
	return r;
}

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

int bp_pool_snapshot(struct bp_pool *pool, const struct bp_selector *origin, const char *name,
		     const struct bp_volume_opts *opts, uint32_t *ret_thin_id)
{
	_cleanup_(snapshot_done) struct snapshot s = { 0 };
	struct bp_volume_opts o;
	uint32_t id = 0;
	int r = opts_read(pool->ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = pool_awake(pool, "snapshot");
	if (r == 0)
		r = look(pool, origin, &o, &s);
	if (r == 0)
		r = check_volume(pool, "snapshot", name, o.size_sectors, &o);
	if (r == 0)
		r = take_snapshot(pool, &s, &o, &id);
	if (r == 0)
		r = finish(pool, "snapshot", id, name, o.size_sectors, &o);
	if (r == 0 && ret_thin_id)
		*ret_thin_id = id;
	return r;
}

/* --- away --- */

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

/* Everything of a pool that is to go, and how to bring back what went before a failure. */
struct teardown {
	struct bp_pool *pool;
	struct volumes volumes;
	VEC(struct bp_table *) tables; /* of the volumes, in their order */
	size_t gone;
};

static void teardown_done(struct teardown *t)
{
	volumes_done(&t->volumes);
	for (size_t i = 0; i < t->tables.count; i++)
		bp_table_free(t->tables.items[i]);
	vec_done(&t->tables);
}

static int fail_open(struct bp_pool *pool, const struct bp_volume *volume)
{
	struct dm *dm;

	bp_fail(pool->ctx, -EBUSY, "remove '%s': volume '%s' is in use", pool->info.name,
		volume->name);
	error_set_verb(pool->ctx, "remove");
	error_set_device(pool->ctx, volume->name);
	if (dm_get(pool->ctx, &dm) == 0)
		holders_explain(pool->ctx, dm, volume->major, volume->minor);
	return -EBUSY;
}

static int prepare(struct teardown *t, uint32_t flags)
{
	int r = find_volumes(t->pool, &t->volumes);

	for (size_t i = 0; r == 0 && i < t->volumes.list.count; i++) {
		const struct bp_volume *volume = &t->volumes.list.items[i];
		struct bp_selector which = { .major = volume->major, .minor = volume->minor };
		struct bp_table *table;

		if (volume->open_count > 0 && !(flags & (BP_REMOVE_RETRY | BP_REMOVE_DEFERRED)))
			return fail_open(t->pool, volume);
		r = bp_device_table(t->pool->ctx, &which, 0, &table);
		if (r == 0 && vec_add(&t->tables, &table) < 0) {
			bp_table_free(table);
			r = bp_fail_memory(t->pool->ctx);
		}
	}
	return r;
}

static void bring_back(struct teardown *t)
{
	struct error_state *first = error_save(t->pool->ctx);

	for (size_t i = 0; i < t->gone; i++) {
		const struct bp_volume *volume = &t->volumes.list.items[i];
		struct bp_create_opts opts = {
			.size = sizeof(opts),
			.uuid = volume->uuid[0] ? volume->uuid : NULL,
			.flags = BP_CREATE_PERSISTENT |
				 (volume->read_only ? BP_CREATE_READ_ONLY : 0),
			.major = volume->major,
			.minor = volume->minor,
			.timeout_ms = UNDO_MS,
		};
		int r = bp_device_create(t->pool->ctx, volume->name, t->tables.items[i], &opts,
					 NULL);

		if (r < 0)
			bp_warn(t->pool->ctx, "'%s' could not be activated again: %s",
				volume->name, strerrordesc_np(-r));
	}
	error_restore(t->pool->ctx, first);
}

int bp_pool_remove(struct bp_pool *pool, const struct bp_remove_opts *opts)
{
	_cleanup_(teardown_done) struct teardown t = { .pool = pool };
	struct bp_selector self = { .major = pool->info.major, .minor = pool->info.minor };
	struct bp_remove_opts o;
	struct dm *dm;
	int r = opts_read(pool->ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = dm_get(pool->ctx, &dm);
	if (r == 0)
		r = prepare(&t, o.flags);
	while (r == 0 && t.gone < t.volumes.list.count) {
		const struct bp_volume *volume = &t.volumes.list.items[t.gone];
		struct bp_selector which = { .major = volume->major, .minor = volume->minor };

		r = bp_device_remove(pool->ctx, &which, &o, NULL);
		if (r == 0)
			t.gone++;
	}
	if (r == 0)
		r = bp_device_remove(pool->ctx, &self, &o, NULL);
	if (r < 0 && t.gone && !planning(dm))
		bring_back(&t);
	return r;
}
