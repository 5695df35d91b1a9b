/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thin pools that are there: found, looked at, changed. Making one is in create.c, taking one away
 * in teardown.c.
 */
#include <bedplate/table.h>

#include "core/opts.h"
#include "core/strbuf.h"
#include "dm/pool/pool.h"

#include <stdio.h>
#include <string.h>

/* The whole word, and nothing behind it. */
bool devno_parse(const char *word, struct bp_devno *ret)
{
	int end = 0;

	return sscanf(word, "%u:%u%n", &ret->major, &ret->minor, &end) == 2 && !word[end];
}

bool devno_equal(const struct bp_devno *a, const struct bp_devno *b)
{
	return a->major == b->major && a->minor == b->minor;
}

const char *devno_text(const struct bp_devno *dev, char *buf)
{
	snprintf(buf, DEVNO_TEXT, "%u:%u", dev->major, dev->minor);
	return buf;
}

/* --- looking at the kernel --- */

/* One ioctl for the list, one a device. Devices that go meanwhile are passed over. */
int each_single(struct bp_ctx *ctx, const char *verb, const char *target,
		int (*seen)(void *user, const struct dm_state *state,
			    const struct bp_segment *segment),
		void *user)
{
	_cleanup_(dm_reply_done) struct dm_reply list = { 0 };
	struct dm_request rq = { .op = OP_LIST, .deadline = DEADLINE_NEVER };
	int r = dm_ask(ctx, verb, NULL, &rq, &list);

	for (size_t i = 0; r == 0 && i < list.entries.count; i++) {
		_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
		_cleanup_(table_freep) struct bp_table *table = NULL;
		struct dm_request ask = { .op = OP_TABLE, .deadline = DEADLINE_NEVER };
		struct which which = {
			.major = list.entries.items[i].major,
			.minor = list.entries.items[i].minor,
		};

		r = dm_ask(ctx, verb, &which, &ask, &reply);
		if (r == -ENXIO) {
			r = 0;
			continue;
		}
		if (r < 0 || reply.segments.count != 1 ||
		    !streq(reply.segments.items[0].target, target))
			continue;
		r = table_from_reply(ctx, &reply, true, &table);
		if (r == 0)
			r = seen(user, &reply.state, bp_table_get(table, 0));
	}
	return r;
}

static int fail_pool(struct bp_pool *pool, int r, enum bp_error_code code, const char *verb,
		     const char *why)
{
	bp_fail(pool->ctx, r, "%s '%s': %s", verb, pool->info.name, why);
	error_set_code(pool->ctx, code);
	error_set_verb(pool->ctx, verb);
	error_set_device(pool->ctx, pool->info.name);
	return r;
}

/* As it is now: parameters are never remembered. */
int pool_table(struct bp_pool *pool, const char *verb, struct bp_table **ret_table,
	       const struct bp_thin_pool **ret_params, bp_sector *ret_sectors)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	const struct bp_segment *segment;
	int r = table_read(pool->ctx, verb, &pool->which, 0, &table);

	if (r < 0)
		return r;
	segment = bp_table_get(table, 0);
	if (bp_table_count(table) != 1 || !streq(segment->target, "thin-pool") ||
	    !segment->params)
		return fail_pool(pool, -EINVAL, BP_E_USAGE, verb, "it is not a thin-pool");
	*ret_params = segment->params;
	*ret_sectors = segment->length_sectors;
	*ret_table = steal(table);
	return 0;
}

static _printf_(5, 0) int send_message(struct bp_pool *pool, const char *verb, int64_t deadline,
				       struct undo *undo, const char *fmt, va_list args)
{
	struct dm_request rq = { .op = OP_MESSAGE, .deadline = deadline };
	_cleanup_(strbuf_done) struct strbuf s = { 0 };

	strbuf_addv(&s, fmt, args);
	if (s.error)
		return bp_fail_memory(pool->ctx);
	rq.text = strbuf_text(&s);
	return undo ? tx_order(pool->ctx, verb, &pool->which, &rq, NULL, undo)
		    : dm_order(pool->ctx, verb, &pool->which, &rq, NULL);
}

int pool_message(struct bp_pool *pool, const char *verb, int64_t deadline, const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = send_message(pool, verb, deadline, NULL, fmt, args);
	va_end(args);
	return r;
}

int pool_step(struct bp_pool *pool, const char *verb, int64_t deadline, struct undo *undo,
	      const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = send_message(pool, verb, deadline, undo, fmt, args);
	va_end(args);
	return r;
}

/* A handle by number: a rename doesn't lose it. */
int pool_new(struct bp_ctx *ctx, const struct bp_device_info *info, struct bp_pool **ret)
{
	struct bp_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return bp_fail_memory(ctx);
	pool->ctx = ctx;
	pool->info = *info;
	pool->which.major = info->major;
	pool->which.minor = info->minor;
	if (!info->major) /* looking ahead: it is there by name only */
		strcpy(pool->which.name, info->kernel_name);
	snprintf(pool->which.label, sizeof(pool->which.label), "%s", info->name);
	*ret = pool;
	return 0;
}

void bp_pool_close(struct bp_pool *pool)
{
	free(pool);
}

static void pool_closep(struct bp_pool **pool)
{
	bp_pool_close(*pool);
}

/* Must be a pool; whether it works is a status. */
int bp_pool_open(struct bp_ctx *ctx, const struct bp_selector *which, struct bp_pool **ret)
{
	_cleanup_(pool_closep) struct bp_pool *pool = NULL;
	_cleanup_(table_freep) struct bp_table *table = NULL;
	const struct bp_thin_pool *params;
	struct bp_device_info info;
	bp_sector sectors;
	int r = bp_device_info(ctx, which, &info);

	if (r == 0)
		r = pool_new(ctx, &info, &pool);
	if (r == 0)
		r = pool_table(pool, "open", &table, &params, &sectors);
	if (r < 0)
		return r;
	*ret = steal(pool);
	return 0;
}

const struct bp_device_info *bp_pool_device(const struct bp_pool *pool)
{
	return &pool->info;
}

struct pool_list {
	VEC(struct bp_device_entry) pools;
};

/* Names as people know them, and the kernel's. */
static int list_pool(void *user, const struct dm_state *state, const struct bp_segment *segment)
{
	struct pool_list *list = user;
	struct bp_device_entry entry = {
		.major = state->major,
		.minor = state->minor,
		.event_nr = state->event_nr,
	};

	(void)segment;
	strcpy(entry.kernel_name, state->name);
	name_decode(state->name, entry.name, sizeof(entry.name));
	name_decode(state->uuid, entry.uuid, sizeof(entry.uuid));
	return vec_add(&list->pools, &entry);
}

/* Sorted by name. */
int bp_pool_list(struct bp_ctx *ctx, struct bp_device_list **ret)
{
	struct bp_device_entry *entries;
	struct pool_list found = { 0 };
	struct bp_device_list *list = NULL;
	int r = each_single(ctx, "list", "thin-pool", list_pool, &found);

	if (r == 0)
		list = device_list_new(found.pools.count, &entries);
	if (list) {
		for (size_t i = 0; i < found.pools.count; i++)
			entries[i] = found.pools.items[i];
		device_list_sort(list);
		*ret = list;
	} else if (r == 0 || r == -ENOMEM) {
		r = bp_fail_memory(ctx);
	}
	vec_done(&found.pools);
	return r;
}

/* --- status --- */

/* The target's words as the API's. */
static void take_values(const struct bp_thin_pool_status *from, struct bp_pool_status *to)
{
	static const enum bp_pool_mode modes[] = {
		[BP_THIN_POOL_RW] = BP_POOL_MODE_WRITE,
		[BP_THIN_POOL_RO] = BP_POOL_MODE_READ_ONLY,
		[BP_THIN_POOL_OUT_OF_DATA_SPACE] = BP_POOL_MODE_OUT_OF_DATA_SPACE,
	};
	static const enum bp_pool_discard discards[] = {
		[BP_THIN_POOL_PASSDOWN] = BP_POOL_DISCARD_PASSDOWN,
		[BP_THIN_POOL_NO_PASSDOWN] = BP_POOL_DISCARD_NO_PASSDOWN,
		[BP_THIN_POOL_IGNORE_DISCARD] = BP_POOL_DISCARD_IGNORE,
	};

	to->transaction_id = from->transaction_id;
	to->metadata_used_mblocks = from->used_metadata_blocks;
	to->metadata_total_mblocks = from->total_metadata_blocks;
	to->data_used_dblocks = from->used_data_dblocks;
	to->data_total_dblocks = from->total_data_dblocks;
	if (from->held_root_mblock.is_set)
		to->held_root_mblock = from->held_root_mblock.value;
	if (from->metadata_low_water_mblocks.is_set)
		to->metadata_low_water_mblocks = from->metadata_low_water_mblocks.value;
	to->mode = modes[from->mode];
	to->discard = discards[from->discard];
	to->error_if_no_space = from->no_space == BP_THIN_POOL_ERROR;
	to->needs_check = from->needs_check;
}

/* "Fail" and "Error" stand for the whole status. */
static int take_status(struct bp_pool *pool, const struct dm_segment *segment,
		       struct bp_pool_status *to)
{
	struct bp_status *status;
	int r = bp_status_parse(pool->ctx, segment->target, segment->args, &status);

	if (r < 0)
		return r;
	if (status->values)
		take_values(status->values, to);
	else if (status->state)
		to->mode =
			streq(status->state, "Fail") ? BP_POOL_MODE_FAIL : BP_POOL_MODE_ERROR;
	else
		r = fail_pool(pool, -EPROTO, BP_E_KERNEL, "status",
			      status->problem ? status->problem : "it is not a thin-pool");
	bp_status_free(status);
	return r;
}

/*
 * Table and status are two requests: a reload between them shows old thresholds beside new
 * counts, never anything worse.
 */
int bp_pool_status(struct bp_pool *pool, uint32_t flags, struct bp_pool_status *ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct dm_request rq = {
		.op = OP_STATUS,
		.flags = flags & BP_TABLE_FLUSH ? 0 : RQ_NO_FLUSH,
		.deadline = flags & BP_TABLE_FLUSH ? dm_deadline(0) : DEADLINE_NEVER,
	};
	struct bp_pool_status status = { 0 };
	const struct bp_thin_pool *params;
	int r = pool_table(pool, "status", &table, &params, &status.size_sectors);

	if (r == 0)
		r = dm_ask(pool->ctx, "status", &pool->which, &rq, &reply);
	if (r == 0 && reply.segments.count != 1)
		r = fail_pool(pool, -EINVAL, BP_E_USAGE, "status", "it is not a thin-pool");
	if (r == 0)
		r = take_status(pool, &reply.segments.items[0], &status);
	if (r < 0)
		return r;
	status.low_water_dblocks = params->low_water_dblocks;
	status.data_block_sectors = params->data_block_sectors;
	status.skip_zeroing = params->skip_block_zeroing;
	status.suspended = reply.state.flags & ST_SUSPENDED;
	devno_parse(params->metadata_dev, &status.metadata);
	devno_parse(params->data_dev, &status.data);
	*ret = status;
	return 0;
}

/* --- change --- */

/* A reload of the same pool with other parameters. */
static int change(struct bp_pool *pool, const char *verb, const struct bp_thin_pool *params,
		  bp_sector sectors, int64_t timeout_ms)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct dm_state state;
	int r = bp_table_new(pool->ctx, &table);

	if (r == 0)
		r = bp_table_append(pool->ctx, table, sectors, BP_PARAMS_THIN_POOL(params));
	if (r == 0)
		r = dm_state(pool->ctx, verb, &pool->which, &state);
	if (r == 0)
		r = reload(pool->ctx, verb, &pool->which, &state, table, 0,
			   dm_deadline(timeout_ms));
	return r;
}

/* Begin with the live parameters; @apply changes one of them by @value. */
static int change_one(struct bp_pool *pool, const char *verb,
		      void (*apply)(struct bp_thin_pool *params, uint64_t value),
		      uint64_t value, int64_t timeout_ms)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	const struct bp_thin_pool *params;
	struct bp_thin_pool changed;
	bp_sector sectors;
	int r = pool_table(pool, verb, &table, &params, &sectors);

	if (r < 0)
		return r;
	changed = *params;
	apply(&changed, value);
	return change(pool, verb, &changed, sectors, timeout_ms);
}

static void apply_no_space(struct bp_thin_pool *params, uint64_t value)
{
	params->error_if_no_space = value != 0;
}

static void apply_low_water(struct bp_thin_pool *params, uint64_t value)
{
	params->low_water_dblocks = value;
}

int bp_pool_set_no_space(struct bp_pool *pool, bool error_if_no_space, int64_t timeout_ms)
{
	return change_one(pool, "set-no-space", apply_no_space, error_if_no_space, timeout_ms);
}

int bp_pool_set_low_water(struct bp_pool *pool, bp_dblock low_water_dblocks, int64_t timeout_ms)
{
	return change_one(pool, "set-low-water", apply_low_water, low_water_dblocks,
			  timeout_ms);
}

/* 0: as large as its data device is. */
int bp_pool_grow(struct bp_pool *pool, bp_sector size_sectors, int64_t timeout_ms)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	const struct bp_thin_pool *params;
	struct bp_pool_status status;
	struct bp_bdev data;
	bp_sector sectors, device;
	int r = bp_pool_status(pool, 0, &status);

	if (r == 0)
		r = pool_table(pool, "grow", &table, &params, &sectors);
	if (r == 0)
		r = bp_bdev_get(pool->ctx, params->data_dev, &data);
	if (r < 0)
		return r;
	/* The kernel takes the table and does not grow: it says so in its log only. */
	if (status.needs_check || status.mode == BP_POOL_MODE_FAIL)
		return fail_pool(pool, -EOPNOTSUPP, BP_E_POOL_STATE, "grow",
				 "it must be checked and repaired first");
	device = bp_bytes_to_sector(data.size_bytes);
	if (!size_sectors)
		size_sectors = device;
	if (size_sectors > device)
		return fail_pool(pool, -EINVAL, BP_E_TOO_SMALL, "grow",
				 "its data device is smaller than that");
	if (size_sectors < sectors)
		return fail_pool(pool, -EINVAL, BP_E_TOO_SMALL, "grow",
				 "it is larger than that already: pools can't shrink");
	return change(pool, "grow", params, size_sectors, timeout_ms);
}

/*
 * Compare and set: the kernel refuses if @old_id isn't the current one; that is told with
 * the current one.
 */
int bp_pool_set_transaction(struct bp_pool *pool, uint64_t old_id, uint64_t new_id,
			    int64_t timeout_ms)
{
	struct bp_pool_status status;
	struct error_state *first;
	int r = pool_message(pool, "set-transaction", dm_deadline(timeout_ms),
			     "set_transaction_id %llu %llu", (unsigned long long)old_id,
			     (unsigned long long)new_id);

	if (r != -EINVAL)
		return r;
	first = error_save(pool->ctx);
	if (bp_pool_status(pool, 0, &status) == 0) {
		error_restore(pool->ctx, first);
		error_set_code(pool->ctx, BP_E_POOL_STATE);
		error_set_cause(pool->ctx, "its transaction id is %llu",
				(unsigned long long)status.transaction_id);
	} else {
		error_restore(pool->ctx, first);
	}
	return r;
}

/* Where it lies can't be told: whoever asked has nothing of it, and could not ask again. */
static void drop_metadata_snap(struct bp_pool *pool, int64_t timeout_ms)
{
	struct error_state *first = error_save(pool->ctx);

	pool_message(pool, "reserve-metadata-snap", dm_deadline(timeout_ms),
		     "release_metadata_snap");
	error_restore(pool->ctx, first);
}

/* One at a time in a pool: another program's is not taken over. */
int bp_pool_reserve_metadata_snap(struct bp_pool *pool, int64_t timeout_ms,
				  bp_mblock *ret_mblock)
{
	struct bp_pool_status status;
	struct dm *dm;
	int r = pool_message(pool, "reserve-metadata-snap", dm_deadline(timeout_ms),
			     "reserve_metadata_snap");

	if (r == -EBUSY)
		return fail_pool(
			pool, r, BP_E_EXISTS, "reserve-metadata-snap",
			"it has a metadata snapshot already, perhaps another program's");
	if (r < 0 || !ret_mblock)
		return r;
	r = dm_get(pool->ctx, &dm);
	if (r == 0 && planning(dm)) {
		*ret_mblock = 0;
		return 0;
	}
	r = bp_pool_status(pool, 0, &status);
	if (r == 0)
		*ret_mblock = status.held_root_mblock;
	else
		drop_metadata_snap(pool, timeout_ms);
	return r;
}

/* Asked before, as the kernel's answer to "none" is a bare EINVAL. */
int bp_pool_release_metadata_snap(struct bp_pool *pool, int64_t timeout_ms)
{
	struct bp_pool_status status;
	int r = bp_pool_status(pool, 0, &status);

	if (r < 0)
		return r;
	if (status.mode != BP_POOL_MODE_FAIL && !status.held_root_mblock)
		return fail_pool(pool, -ENODATA, BP_E_FAILED, "release-metadata-snap",
				 "it has no metadata snapshot");
	return pool_message(pool, "release-metadata-snap", dm_deadline(timeout_ms),
			    "release_metadata_snap");
}
