/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The active volumes of a pool: found by looking at every thin device of the machine. Promised:
 * what is true at the time of the call. Not promised: anything about volumes that are not active.
 */
#include <bedplate/table.h>

#include "dm/pool/pool.h"

#include <string.h>

/* A volume that failed has no values: it is listed all the same. */
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

/* A failed pool's volumes print "Fail" as their table: then what they lie on tells. 0 or -errno. */
static int lies_on(struct bp_pool *pool, const struct dm_state *state, bool *ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_DEPS, .deadline = DEADLINE_NEVER };
	struct which which = { .major = state->major, .minor = state->minor };
	int r = dm_ask(pool->ctx, "volumes", &which, &rq, &reply);

	*ret = false;
	for (size_t i = 0; r == 0 && i < reply.deps.count; i++)
		*ret = *ret || (reply.deps.items[i].major == pool->info.major &&
				reply.deps.items[i].minor == pool->info.minor);
	return r;
}

/* Is it a volume of @pool? By the pool's number in its table, where that was understood. 0 or -errno. */
static int is_ours(struct bp_pool *pool, const struct dm_state *state,
		   const struct bp_thin *thin, bool *ret)
{
	struct bp_devno ours = { pool->info.major, pool->info.minor }, theirs;

	if (!thin)
		return lies_on(pool, state, ret);
	*ret = devno_parse(thin->pool_dev, &theirs) && devno_equal(&ours, &theirs);
	return 0;
}

/* What is gone meanwhile is none; what can't be asked is a failure. */
static int take_volume(void *user, const struct dm_state *state,
		       const struct bp_segment *segment)
{
	struct volumes *v = user;
	const struct bp_thin *thin = segment->params;
	struct bp_volume volume = {
		.major = state->major,
		.minor = state->minor,
		.thin_id = BP_THIN_ID_ANY,
		.size_sectors = segment->length_sectors,
		.open_count = state->open_count,
		.suspended = state->flags & ST_SUSPENDED,
		.read_only = state->flags & ST_READ_ONLY,
	};
	bool ours = false;
	int r = is_ours(v->pool, state, thin, &ours);

	if (r < 0 || !ours)
		return r == -ENXIO ? 0 : r;
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

/* Active ones only: the kernel doesn't list others. */
int find_volumes(struct bp_pool *pool, struct volumes *ret)
{
	int r;

	ret->pool = pool;
	r = each_single(pool->ctx, "volumes", "thin", take_volume, ret);
	if (r == 0 && ret->list.count)
		qsort(ret->list.items, ret->list.count, sizeof(*ret->list.items), by_id);
	return r == -ENOMEM ? bp_fail_memory(pool->ctx) : r;
}

void volumes_done(struct volumes *v)
{
	vec_done(&v->list);
}

struct bp_volume_list {
	struct bp_volume *items;
	size_t count;
};

/* Sorted by id. */
int bp_pool_volumes(struct bp_pool *pool, struct bp_volume_list **ret)
{
	_cleanup_(volumes_done) struct volumes v = { 0 };
	struct bp_volume_list *list;
	int r = find_volumes(pool, &v);

	if (r < 0)
		return r;
	list = calloc(1, sizeof(*list));
	if (!list)
		return bp_fail_memory(pool->ctx);
	list->count = v.list.count;
	list->items = steal(v.list.items);
	*ret = list;
	return 0;
}

size_t bp_volume_list_count(const struct bp_volume_list *list)
{
	return list->count;
}

const struct bp_volume *bp_volume_list_get(const struct bp_volume_list *list, size_t index)
{
	return index < list->count ? &list->items[index] : NULL;
}

void bp_volume_list_free(struct bp_volume_list *list)
{
	if (list)
		free(list->items);
	free(list);
}
