/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Active caches. Promised: a block that is dirty is never dropped: a cache goes only when the
 * kernel says that none is, in a mode in which none can become so. Each change is a reload of the
 * live table with one thing different, and is taken back where it fails.
 */
#include <bedplate/cache_device.h>
#include <bedplate/table.h>
#include <bedplate/targets.h>

#include "core/clock.h"
#include "core/opts.h"
#include "dm/device/device.h"
#include "dm/device/head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_STEP    64      /* sectors */
#define BLOCK_DEFAULT 512     /* sectors: 256 KiB */
#define BLOCKS_MANY   1000000 /* more take much memory */
#define LOOK_MS       100     /* between two looks at a cache that is being cleaned */
#define BLOCK_BYTES   12      /* of metadata, that a block takes at least: mapping and hint */

static int refuse(struct bp_ctx *ctx, int r, enum bp_error_code code, const char *device,
		  const char *why)
{
	bp_fail(ctx, r, "cache '%s': %s", device, why);
	error_set_code(ctx, code);
	error_set_device(ctx, device);
	return r;
}

/* --- creating --- */

struct creation {
	struct bp_ctx *ctx;
	struct dm *dm;
	struct bp_cache_device_create_opts opts;
	struct bp_bdev origin, fast;
	struct head head; /* of the metadata device */
};

/* A million blocks at most, unless told otherwise. */
static bp_sector block_size(const struct creation *c)
{
	bp_sector fast = bp_bytes_to_sector(c->fast.size_bytes), block = BLOCK_DEFAULT;

	if (c->opts.block_sectors)
		return c->opts.block_sectors;
	if (fast / block > BLOCKS_MANY)
		block = DIV_UP(fast / BLOCKS_MANY, BLOCK_STEP) * BLOCK_STEP;
	return block;
}

/*
 * A rough bound, one metadata block for as many cache blocks as a device has: what surely
 * does not fit is told before the kernel formats it.
 */
static int judge_metadata(struct creation *c)
{
	const char *path = c->head.bdev.path;
	uint64_t blocks = bp_bytes_to_sector(c->fast.size_bytes) / block_size(c);

	if (c->head.bdev.size_bytes / BLOCK_BYTES < blocks)
		return refuse(c->ctx, -EINVAL, BP_E_TOO_SMALL, path,
			      "the metadata device is too small for so many blocks");
	if (c->opts.flags & BP_CACHE_DEVICE_EXISTING)
		return c->head.blank ? refuse(c->ctx, -EINVAL, BP_E_NOT_METADATA, path,
					      "it is blank: there is no metadata to use")
				     : 0;
	if (c->head.blank || c->opts.flags & BP_CACHE_DEVICE_WIPE)
		return 0;
	refuse(c->ctx, -EEXIST, BP_E_METADATA_EXISTS, path,
	       "it is not blank: it holds something");
	error_set_hint(c->ctx, "use what is there, or say that it may be wiped");
	return -EEXIST;
}

static bool same(const struct bp_bdev *a, const struct bp_bdev *b)
{
	return a->major == b->major && a->minor == b->minor;
}

/* Everything is asked before the first change. */
static int look(struct creation *c, const char *origin, const char *fast, const char *metadata)
{
	struct bp_bdev bdev;
	int r = bp_bdev_get(c->ctx, origin, &c->origin);

	if (r == 0)
		r = bp_bdev_get(c->ctx, fast, &c->fast);
	if (r == 0)
		r = bp_bdev_get(c->ctx, metadata, &bdev);
	if (r < 0)
		return r;
	/* The kernel does not look. */
	if (same(&c->origin, &c->fast) || same(&c->origin, &bdev) || same(&c->fast, &bdev))
		return refuse(c->ctx, -EINVAL, BP_E_USAGE, bdev.path,
			      "origin, fast device and metadata must be three devices");
	r = head_read(c->dm, &bdev, &c->head);
	return r < 0 ? refuse(c->ctx, r, BP_E_IO, bdev.path, "can't read its beginning")
		     : judge_metadata(c);
}

#define DEVNO_TEXT 24
static const char *number_of(const struct bp_bdev *bdev, char *buf)
{
	snprintf(buf, DEVNO_TEXT, "%u:%u", bdev->major, bdev->minor);
	return buf;
}

/*
 * Numbers in place of paths: the kernel may see other nodes than we do. Version 2 of the
 * metadata unless some are there.
 */
static int describe(struct creation *c, struct bp_table **ret)
{
	char origin[DEVNO_TEXT], fast[DEVNO_TEXT], metadata[DEVNO_TEXT];
	struct bp_cache params = {
		.metadata_dev = number_of(&c->head.bdev, metadata),
		.cache_dev = number_of(&c->fast, fast),
		.origin_dev = number_of(&c->origin, origin),
		.block_sectors = block_size(c),
		.io_mode = c->opts.io_mode ? c->opts.io_mode : BP_CACHE_WRITETHROUGH,
		.metadata2 = true,
		.policy = c->opts.policy ? c->opts.policy : "smq",
		.migration_threshold_sectors = c->opts.migration_threshold_sectors,
	};
	int r = bp_table_new(c->ctx, ret);

	if (r == 0)
		r = bp_table_append(c->ctx, *ret, bp_bytes_to_sector(c->origin.size_bytes),
				    BP_PARAMS_CACHE(&params));
	return r;
}

/* What pre-flight is sure of is no question for the kernel, whose answer would say less. */
static int check_table(struct bp_ctx *ctx, const struct bp_table *table,
		       const struct bp_selector *which)
{
	struct bp_findings *findings = NULL;
	int r = bp_device_check_table(ctx, table, which, false, &findings);

	if (r == 0)
		r = bp_findings_fail(ctx, findings);
	bp_findings_free(findings);
	return r;
}

/* The check comes before anything is wiped. */
static int make(struct creation *c, const char *name, struct bp_device_info *ret)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct bp_create_opts opts = {
		.size = sizeof(opts),
		.uuid = c->opts.uuid,
		.timeout_ms = c->opts.timeout_ms,
	};
	int r = describe(c, &table);

	if (r == 0)
		r = check_table(c->ctx, table, NULL);
	if (r == 0 && !(c->opts.flags & BP_CACHE_DEVICE_EXISTING))
		r = head_begin(c->ctx, c->dm, "cache create", &c->head,
			       c->opts.flags & BP_CACHE_DEVICE_WIPE);
	return r < 0 ? r : bp_device_create(c->ctx, name, table, &opts, ret);
}

/*
 * One transaction: a device that can't be made leaves the metadata device as it was, its
 * wiped beginning included.
 */
int bp_cache_device_create(struct bp_ctx *ctx, const char *name, const char *origin,
			   const char *fast, const char *metadata,
			   const struct bp_cache_device_create_opts *opts,
			   struct bp_device_info *ret)
{
	struct creation c = { .ctx = ctx };
	struct level level;
	int r = dm_get(ctx, &c.dm);

	if (r == 0)
		r = opts_read(ctx, &c.opts, sizeof(c.opts), opts);
	if (r == 0)
		r = look(&c, origin, fast, metadata);
	if (r < 0)
		return r;
	tx_begin(c.dm, &level);
	r = make(&c, name, ret);
	return tx_end(ctx, c.dm, &level, r);
}

/* --- asking --- */

/* A cache as it is: its table's one segment is lent by @table. */
struct live {
	struct bp_ctx *ctx;
	struct dm *dm;
	struct which which;
	struct bp_cache_device_change_opts opts;
	struct bp_table *table;
	const struct bp_cache *params;
	bp_sector sectors;
};

static void live_done(struct live *l)
{
	bp_table_free(l->table);
}

/* The table as the kernel has it, one segment of target cache. */
static int live_read(struct bp_ctx *ctx, const struct bp_selector *selector, struct live *ret)
{
	const struct bp_segment *segment;
	int r = dm_get(ctx, &ret->dm);

	ret->ctx = ctx;
	if (r == 0)
		r = which_resolve(ctx, selector, &ret->which);
	if (r == 0)
		r = table_read(ctx, "cache", &ret->which, 0, &ret->table);
	if (r < 0)
		return r;
	segment = bp_table_get(ret->table, 0);
	if (bp_table_count(ret->table) != 1 || !streq(segment->target, "cache") ||
	    !segment->params)
		return refuse(ctx, -EINVAL, BP_E_USAGE, ret->which.label, "it is not a cache");
	ret->params = segment->params;
	ret->sectors = segment->length_sectors;
	return 0;
}

/* Counters are the kernel's since the cache was loaded. */
static void take_values(const struct bp_cache_status *s, struct bp_cache_device_info *to)
{
	to->io_mode = s->io_mode;
	to->block_sectors = s->block_sectors;
	to->metadata_used_mblocks = s->used_metadata_blocks;
	to->metadata_total_mblocks = s->total_metadata_blocks;
	to->used_dblocks = s->used_dblocks;
	to->total_dblocks = s->total_dblocks;
	to->dirty_dblocks = s->dirty_dblocks;
	to->read_hits = s->read_hits;
	to->read_misses = s->read_misses;
	to->write_hits = s->write_hits;
	to->write_misses = s->write_misses;
	to->demotions = s->demotions;
	to->promotions = s->promotions;
	to->read_only = s->access == BP_CACHE_RO;
	to->needs_check = s->needs_check;
	snprintf(to->policy, sizeof(to->policy), "%s", s->policy ? s->policy : "");
}

/* A cache that failed has a word in place of values: that is a result. */
static int take_status(struct live *l, const struct dm_segment *segment,
		       struct bp_cache_device_info *to)
{
	struct bp_status *status;
	int r = bp_status_parse(l->ctx, segment->target, segment->args, &status);

	if (r < 0)
		return r;
	to->failed = status->state != NULL;
	if (status->values)
		take_values(status->values, to);
	else if (!status->state)
		r = refuse(l->ctx, -EPROTO, BP_E_KERNEL, l->which.label,
			   status->problem ? status->problem : "its status is not a cache's");
	bp_status_free(status);
	return r;
}

/* "MAJOR:MINOR" of a table that a kernel printed. */
static void take_devno(const char *word, struct bp_devno *ret)
{
	if (sscanf(word, "%u:%u", &ret->major, &ret->minor) != 2)
		*ret = (struct bp_devno){ 0 };
}

/* Without a flush: asking must not wait for I/O. */
static int info_read(struct live *l, struct bp_cache_device_info *ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = {
		.op = OP_STATUS,
		.flags = RQ_NO_FLUSH,
		.deadline = DEADLINE_NEVER,
	};
	int r = dm_ask(l->ctx, "cache status", &l->which, &rq, &reply);

	*ret = (struct bp_cache_device_info){ .size = sizeof(*ret),
					      .size_sectors = l->sectors };
	if (r == 0 && reply.segments.count != 1)
		r = refuse(l->ctx, -EINVAL, BP_E_USAGE, l->which.label, "it is not a cache");
	if (r < 0)
		return r;
	ret->block_sectors = l->params->block_sectors;
	take_devno(l->params->origin_dev, &ret->origin);
	take_devno(l->params->cache_dev, &ret->fast);
	take_devno(l->params->metadata_dev, &ret->metadata);
	ret->suspended = reply.state.flags & ST_SUSPENDED;
	name_decode(reply.state.name, ret->name, sizeof(ret->name));
	return take_status(l, &reply.segments.items[0], ret);
}

/* As much as the caller's struct has room for. */
int bp_cache_device_info(struct bp_ctx *ctx, const struct bp_selector *which,
			 struct bp_cache_device_info *ret)
{
	_cleanup_(live_done) struct live l = { 0 };
	struct bp_cache_device_info info;
	size_t size = ret->size;
	int r = live_read(ctx, which, &l);

	if (r == 0)
		r = info_read(&l, &info);
	if (r == 0 && size < sizeof(size))
		r = bp_fail(ctx, -EINVAL, "result: size is not set");
	if (r < 0)
		return r;
	memcpy(ret, &info, MIN(size, sizeof(info)));
	ret->size = MIN(size, sizeof(info));
	return 0;
}

/* --- changing --- */

/* The live table with other parameters, or another table altogether. */
static int replace(struct live *l, const struct bp_table *table, int64_t deadline)
{
	struct dm_state state;
	int r = dm_state(l->ctx, "cache", &l->which, &state);

	return r < 0 ? r : reload(l->ctx, "cache", &l->which, &state, table, 0, deadline);
}

/* The same length: only arguments change. */
static int replace_params(struct live *l, const struct bp_cache *params, int64_t deadline)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	int r = bp_table_new(l->ctx, &table);

	if (r == 0)
		r = bp_table_append(l->ctx, table, l->sectors, BP_PARAMS_CACHE(params));
	return r < 0 ? r : replace(l, table, deadline);
}

/* How the table that was live is brought back. */
struct undo_table {
	struct undo undo; /* device: its name */
	struct which which;
	struct bp_table *table;
};

static void undo_table_done(const struct undo *undo)
{
	bp_table_free(((const struct undo_table *)undo)->table);
}

/* A cache that is gone meanwhile needs no table any more. */
static int bring_back(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_table *u = (const struct undo_table *)undo;
	struct dm_state state;
	int r = dm_state(ctx, "undo", &u->which, &state);

	if (r == -ENXIO)
		return 0;
	return r < 0 ? r : reload(ctx, "undo", &u->which, &state, u->table, 0, deadline);
}

/* Armed only when its table is known: without it there is nothing to put back. */
static int remember(struct live *l, struct undo **ret)
{
	const struct undo undo = {
		.run = bring_back,
		.done = undo_table_done,
		.remains = "could not be given its table again",
	};
	struct undo_table *u = tx_undo(l->ctx, l->dm, sizeof(*u), &undo, l->which.label);
	int r;

	if (!u)
		return -ENOMEM;
	u->which = l->which;
	r = table_read(l->ctx, "cache", &l->which, 0, &u->table);
	u->undo.armed = r == 0;
	*ret = &u->undo;
	return r;
}

/* What can't be written back can't be emptied: said before the policy is changed for it. */
static int refuse_unclean(struct live *l, const struct bp_cache_device_info *info)
{
	if (info->failed)
		return refuse(l->ctx, -EIO, BP_E_POOL_STATE, l->which.label,
			      "the cache has failed");
	if (info->suspended)
		return refuse(l->ctx, -EBUSY, BP_E_BUSY, l->which.label,
			      "it is suspended: nothing is written back");
	if (info->dirty_dblocks && (info->read_only || info->needs_check))
		return refuse(l->ctx, -EIO, BP_E_POOL_STATE, l->which.label,
			      "the cache is read-only: its dirty blocks stay in it");
	return 0;
}

/* Dirty blocks may become more meanwhile: the most there were is the whole. */
static int progress(struct live *l, uint64_t dirty, uint64_t *most)
{
	*most = MAX(*most, dirty);
	if (l->opts.progress && l->opts.progress(l->opts.user, *most - dirty, *most))
		return bp_fail(l->ctx, -ECANCELED, "stopped");
	return 0;
}

/* Until the kernel says that no block is dirty. */
static int wait_clean(struct live *l, int64_t deadline)
{
	struct bp_cache_device_info info;
	uint64_t most = 0;

	for (;;) {
		int r = info_read(l, &info);

		if (r == 0)
			r = refuse_unclean(l, &info);
		if (r == 0)
			r = progress(l, info.dirty_dblocks, &most);
		if (r == 0 && tx_interrupted(l->dm) < 0)
			r = refuse(l->ctx, -EINTR, BP_E_CANCELED, l->which.label,
				   "interrupted by a signal");
		if (r < 0 || !info.dirty_dblocks)
			return r;
		if (deadline_left(deadline) == 0) {
			bp_fail(l->ctx, -ETIMEDOUT,
				"cache '%s': %" PRIu64 " blocks are still dirty",
				l->which.label, info.dirty_dblocks);
			error_set_code(l->ctx, BP_E_TIMEOUT);
			return -ETIMEDOUT;
		}
		clock_sleep_ms(LOOK_MS);
	}
}

/*
 * Within a transaction, whose undo puts the table back: no block is dirty, and none can become so,
 * as every write goes to the origin too. @ret_undo: to be disarmed by whoever has replaced the
 * table.
 */
static int clean(struct live *l, struct undo **ret_undo, int64_t deadline)
{
	struct bp_cache params = *l->params;
	struct bp_cache_device_info info;
	int r = info_read(l, &info);

	if (r == 0)
		r = refuse_unclean(l, &info);
	if (r == 0)
		r = remember(l, ret_undo);
	if (r < 0)
		return r;
	params.policy = "cleaner";
	params.policy_args = NULL;
	params.nr_policy_args = 0;
	if (params.io_mode != BP_CACHE_PASSTHROUGH)
		params.io_mode = BP_CACHE_WRITETHROUGH;
	r = replace_params(l, &params, deadline);
	return r < 0 || planning(l->dm) ? r : wait_clean(l, deadline);
}

static int64_t clean_deadline(const struct live *l)
{
	return l->opts.timeout_ms > 0 ? dm_deadline(l->opts.timeout_ms) : DEADLINE_NEVER;
}

/* What follows once it is clean: @then, which replaces the table. */
static int cleaned(struct live *l, int (*then)(struct live *l, int64_t deadline))
{
	int64_t deadline = clean_deadline(l);
	struct undo *undo = NULL;
	struct level level;
	int r;

	tx_begin(l->dm, &level);
	r = clean(l, &undo, deadline);
	if (r == 0)
		r = then(l, deadline);
	if (r == 0 && undo)
		undo->armed = false;
	return tx_end(l->ctx, l->dm, &level, r);
}

static int as_before(struct live *l, int64_t deadline)
{
	return replace(l, l->table, deadline);
}

static int begin(struct bp_ctx *ctx, const struct bp_selector *which,
		 const struct bp_cache_device_change_opts *opts, struct live *ret)
{
	int r = opts_read(ctx, &ret->opts, sizeof(ret->opts), opts);

	return r < 0 ? r : live_read(ctx, which, ret);
}

int bp_cache_device_flush(struct bp_ctx *ctx, const struct bp_selector *which,
			  const struct bp_cache_device_change_opts *opts)
{
	_cleanup_(live_done) struct live l = { 0 };
	int r = begin(ctx, which, opts, &l);

	return r < 0 ? r : cleaned(&l, as_before);
}

/* Arguments of the old policy are not for the new one. */
static int changed(struct live *l, int64_t deadline)
{
	struct bp_cache params = *l->params;

	if (l->opts.policy) {
		params.policy = l->opts.policy;
		params.policy_args = NULL;
		params.nr_policy_args = 0;
	}
	if (l->opts.io_mode)
		params.io_mode = l->opts.io_mode;
	if (l->opts.migration_threshold_sectors.is_set)
		params.migration_threshold_sectors = l->opts.migration_threshold_sectors;
	return replace_params(l, &params, deadline);
}

/* Passthrough wants a clean cache: the kernel refuses it with dirty blocks. */
int bp_cache_device_change(struct bp_ctx *ctx, const struct bp_selector *which,
			   const struct bp_cache_device_change_opts *opts)
{
	_cleanup_(live_done) struct live l = { 0 };
	int r = begin(ctx, which, opts, &l);

	if (r < 0)
		return r;
	if (l.opts.io_mode == BP_CACHE_PASSTHROUGH && l.params->io_mode != BP_CACHE_PASSTHROUGH)
		return cleaned(&l, changed);
	return changed(&l, dm_deadline(l.opts.timeout_ms));
}

/* The origin alone, by a linear table, while the device stays in use. */
static int uncached(struct live *l, int64_t deadline)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct bp_linear linear = { .dev = l->params->origin_dev };
	int r = bp_table_new(l->ctx, &table);

	if (r == 0)
		r = bp_table_append(l->ctx, table, l->sectors, BP_PARAMS_LINEAR(&linear));
	return r < 0 ? r : replace(l, table, deadline);
}

/*
 * Whoever activated these again would see blocks as they were: they can't be, when the first is
 * zero.
 */
static int spoil_metadata(struct live *l)
{
	struct bp_bdev bdev;
	int r = bp_bdev_get(l->ctx, l->params->metadata_dev, &bdev);

	if (r == 0 && planning(l->dm))
		return plan_note(l->ctx, l->dm, "zero", bdev.path, "the first 4096 bytes");
	if (r == 0)
		r = head_zero(l->dm, &bdev);
	if (r < 0)
		bp_warn(l->ctx,
			"the metadata on '%s' could not be zeroed: don't use them again: they "
			"would show old data",
			l->params->metadata_dev);
	return 0;
}

/* Metadata are spoilt last: a later cache must not take them for its own. */
int bp_cache_device_uncache(struct bp_ctx *ctx, const struct bp_selector *which,
			    const struct bp_cache_device_change_opts *opts)
{
	_cleanup_(live_done) struct live l = { 0 };
	int r = begin(ctx, which, opts, &l);

	if (r == 0)
		r = cleaned(&l, uncached);
	return r < 0 || l.opts.keep_metadata ? r : spoil_metadata(&l);
}
