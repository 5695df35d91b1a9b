/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Active volumes of vdo: making their table, asking and growing them. Kernels answer most of what
 * is wrong with a bare errno, some of it after the volume is suspended; so all that can be known
 * before is looked at here. What lies on the device comes from the caller.
 */
#include <bedplate/table.h>
#include <bedplate/vdo_device.h>

#include "core/context.h"
#include "core/util.h"
#include "dm/device/device.h"

#include <inttypes.h>
#include <stdio.h>

#define MINIMUM_IO 4096
#define BLOCK      BP_MBLOCK_BYTES
#define SUMMARY    64    /* blocks that move with the journal when a volume grows */
#define JOURNAL    32768 /* of every volume that standard tools made */
#define ROOM_BYTES bp_mblock_to_bytes(JOURNAL + SUMMARY)

static void table_done(struct bp_table **table)
{
	bp_table_free(*table);
}

static int refuse(struct bp_ctx *ctx, int r, enum bp_error_code code, const char *fmt, ...)
	_printf_(4, 5);

static int refuse(struct bp_ctx *ctx, int r, enum bp_error_code code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	bp_failv(ctx, r, fmt, args);
	va_end(args);
	error_set_code(ctx, code);
	return r;
}

/* --- making a table --- */

/* Of a logical size: whole blocks, no less than @have, no more than there can be. */
static int check_logical(struct bp_ctx *ctx, bp_bytes want, bp_bytes have)
{
	if (want % BLOCK)
		return refuse(ctx, -EINVAL, BP_E_USAGE,
			      "logical size: %" PRIu64 " bytes are no multiple of 4096", want);
	if (want < have)
		return refuse(ctx, -EINVAL, BP_E_USAGE,
			      "logical size: the volume has %" PRIu64
			      " bytes, and can't shrink to %" PRIu64,
			      have, want);
	if (bp_bytes_to_mblock(want) > BP_VDO_LOGICAL_MAX_MBLOCKS)
		return refuse(ctx, -EINVAL, BP_E_USAGE,
			      "logical size: %" PRIu64 " bytes are over 4 PiB", want);
	return 0;
}

/* Bounds of the volume that is to be started, which the target's own rules can't know. */
static int check_params(struct bp_ctx *ctx, const struct bp_vdo_volume *v,
			const struct bp_vdo *p)
{
	if (p->block_map_era > BP_VDO_ERA)
		return refuse(ctx, -EINVAL, BP_E_TABLE,
			      "block_map_era: %u is more than 16380, what the journal allows",
			      p->block_map_era);
	if (p->physical.value > v->nr_slabs)
		return refuse(ctx, -EINVAL, BP_E_TABLE,
			      "physical: %" PRIu64 " zones, but the volume has %" PRIu64
			      " slabs",
			      p->physical.value, v->nr_slabs);
	return 0;
}

/*
 * A device that was cut since: the volume would find its end missing only when it gets
 * there.
 */
static int check_storage(struct bp_ctx *ctx, const struct bp_vdo_volume *v,
			 const struct bp_bdev *bdev)
{
	if (bp_bytes_to_mblock(bdev->size_bytes) >= v->physical_mblocks)
		return 0;
	refuse(ctx, -ENOSPC, BP_E_TOO_SMALL,
	       "the volume has %" PRIu64 " blocks, the device only %" PRIu64,
	       v->physical_mblocks, bp_bytes_to_mblock(bdev->size_bytes));
	error_set_hint(ctx, "enlarge the device to what it was");
	return -ENOSPC;
}

/*
 * What the caller left at zero: the sizes of the volume itself, the kernel's documented
 * values else.
 */
static void fill(struct bp_vdo *p, const struct bp_vdo_volume *v)
{
	p->table_version = BP_VDO_V4;
	p->physical_mblocks = v->physical_mblocks;
	if (!p->minimum_io_bytes)
		p->minimum_io_bytes = MINIMUM_IO;
	if (!p->block_map_cache_mblocks)
		p->block_map_cache_mblocks = BP_VDO_CACHE_MBLOCKS;
	if (!p->block_map_era)
		p->block_map_era = BP_VDO_ERA;
}

static int refuse_found(struct bp_ctx *ctx, const struct bp_finding *f)
{
	int r = refuse(ctx, -EINVAL, BP_E_TABLE, "%s", f->message);

	error_set_segment(ctx, f->segment, f->target);
	error_set_argument(ctx, f->argument, f->argument_name, f->value);
	return r;
}

/* What pre-flight is sure of is no question for the kernel, whose answer would say less. */
static int check_table(struct bp_ctx *ctx, const struct bp_table *table)
{
	struct bp_findings *findings = NULL;
	int r = bp_device_check_table(ctx, table, NULL, false, &findings);

	for (size_t i = 0; r == 0 && i < bp_findings_count(findings); i++)
		if (bp_findings_get(findings, i)->severity >= BP_SEVERITY_REFUSED)
			r = refuse_found(ctx, bp_findings_get(findings, i));
	bp_findings_free(findings);
	return r;
}

/*
 * The size comes from the volume's own superblock: a table that says another is refused by
 * the kernel.
 */
int bp_vdo_table(struct bp_ctx *ctx, const struct bp_vdo_volume *volume, const char *storage,
		 bp_bytes logical_bytes, const struct bp_vdo *params, struct bp_table **ret)
{
	_cleanup_(table_done) struct bp_table *table = NULL;
	bp_bytes have = bp_mblock_to_bytes(volume->logical_mblocks);
	bp_bytes logical = logical_bytes ? logical_bytes : have;
	struct bp_vdo p = params ? *params : (struct bp_vdo){ 0 };
	char dev[BP_DEV_TEXT];
	struct bp_bdev bdev;
	int r = check_logical(ctx, logical, have);

	fill(&p, volume);
	if (r == 0)
		r = check_params(ctx, volume, &p);
	if (r == 0)
		r = bp_bdev_get(ctx, storage, &bdev);
	if (r == 0)
		r = check_storage(ctx, volume, &bdev);
	if (r == 0)
		r = bp_table_new(ctx, &table);
	if (r < 0)
		return r;
	p.storage_dev = bp_dev_format(&bdev, dev);
	r = bp_table_append(ctx, table, bp_bytes_to_sector(logical), BP_PARAMS_VDO(&p));
	if (r == 0)
		r = check_table(ctx, table);
	if (r == 0)
		*ret = steal(table);
	return r;
}

/* --- asking --- */

/* A message to something that is no vdo would get an answer of another kind. */
static int ask(struct bp_ctx *ctx, const struct bp_selector *which, const char *message,
	       char **ret)
{
	_cleanup_(table_done) struct bp_table *table = NULL;
	int r = bp_device_table(ctx, which, 0, &table);

	if (r < 0)
		return r;
	if (bp_table_count(table) != 1 || !streq(bp_table_get(table, 0)->target, "vdo"))
		return refuse(ctx, -EINVAL, BP_E_USAGE, "it is not a vdo");
	return device_question(ctx, which, message, ret);
}

int bp_vdo_stats(struct bp_ctx *ctx, const struct bp_selector *which, struct bp_vdo_stats *ret)
{
	_cleanup_(freep) char *reply = NULL;
	int r = ask(ctx, which, "stats", &reply);

	return r < 0 ? r : bp_vdo_stats_parse(ctx, reply, ret);
}

int bp_vdo_config(struct bp_ctx *ctx, const struct bp_selector *which,
		  struct bp_vdo_config *ret)
{
	_cleanup_(freep) char *reply = NULL;
	int r = ask(ctx, which, "config", &reply);

	return r < 0 ? r : bp_vdo_config_parse(ctx, reply, ret);
}

/* --- changing --- */

int bp_vdo_set_compression(struct bp_ctx *ctx, const struct bp_selector *which, bool on,
			   int64_t timeout_ms)
{
	return bp_device_message(ctx, which, 0, on ? "compression on" : "compression off",
				 timeout_ms, NULL);
}

int bp_vdo_set_deduplication(struct bp_ctx *ctx, const struct bp_selector *which, bool on,
			     int64_t timeout_ms)
{
	return bp_device_message(ctx, which, 0, on ? "index-enable" : "index-disable",
				 timeout_ms, NULL);
}

/* A volume that is to grow, as its live table and it itself have it. */
struct grown {
	struct bp_table *table;
	struct bp_vdo params;
	bp_bytes logical_bytes;
	struct bp_vdo_config config;
	struct bp_vdo_stats stats;
};

/* Growing needs the table, the configuration and the state as they are now. */
static int look(struct bp_ctx *ctx, const struct bp_selector *which, struct grown *g)
{
	const struct bp_segment *segment;
	int r = bp_device_table(ctx, which, 0, &g->table);

	if (r < 0)
		return r;
	segment = bp_table_get(g->table, 0);
	if (bp_table_count(g->table) != 1 || !streq(segment->target, "vdo") || !segment->params)
		return refuse(ctx, -EINVAL, BP_E_USAGE, "it is not a vdo");
	g->params = *(const struct bp_vdo *)segment->params;
	g->logical_bytes = bp_sector_to_bytes(segment->length_sectors);
	g->config.size = sizeof(g->config);
	g->stats.size = sizeof(g->stats);
	r = bp_vdo_config(ctx, which, &g->config);
	if (r == 0)
		r = bp_vdo_stats(ctx, which, &g->stats);
	if (r == 0 && (g->stats.mode != BP_VDO_NORMAL || g->stats.recovering))
		return refuse(ctx, -EBUSY, BP_E_POOL_STATE,
			      "it can't grow while it recovers or is read-only");
	if (r == 0 && g->params.table_version == BP_VDO_V0)
		return refuse(ctx, -EINVAL, BP_E_USAGE, "a table without version can't grow");
	return r;
}

/*
 * The journal must fit wholly into what is added, and a slab more must come of it. How much of a
 * slab was left over before is not known here: the kernel has the last word on less than a slab.
 */
static int check_physical(struct bp_ctx *ctx, const struct grown *g, bp_bytes want)
{
	bp_bytes have = bp_mblock_to_bytes(g->params.physical_mblocks),
		 slab = g->config.slab_bytes;

	if (want < have)
		return refuse(ctx, -EINVAL, BP_E_USAGE,
			      "physical size: the volume has %" PRIu64
			      " bytes, and can't shrink to %" PRIu64,
			      have, want);
	if (want - have < ROOM_BYTES)
		return refuse(ctx, -EINVAL, BP_E_TOO_SMALL,
			      "physical size: %" PRIu64
			      " bytes more are too few: it takes %" PRIu64
			      " at least, and a slab (%" PRIu64 ")",
			      want - have, (bp_bytes)ROOM_BYTES, slab);
	if (slab && (want - have) / slab + g->stats.slab_count > BP_VDO_SLABS_MAX + 1)
		return refuse(ctx, -EINVAL, BP_E_USAGE,
			      "physical size: that would be more than 8192 slabs of %" PRIu64
			      " bytes",
			      slab);
	return 0;
}

/* Sets the new physical size; 0 stays as it is. */
static int grow_physical(struct bp_ctx *ctx, struct grown *g, bp_bytes physical)
{
	struct bp_bdev bdev;
	int r;

	if (!physical)
		return 0;
	r = bp_bdev_get(ctx, g->params.storage_dev, &bdev);
	if (r < 0)
		return r;
	if (physical == UINT64_MAX)
		physical = bdev.size_bytes;
	physical -= physical % BLOCK;
	if (physical > bdev.size_bytes)
		return refuse(ctx, -ENOSPC, BP_E_TOO_SMALL,
			      "physical size: %" PRIu64
			      " bytes, but the device has only %" PRIu64,
			      physical, bdev.size_bytes);
	if (bp_bytes_to_mblock(physical) == g->params.physical_mblocks)
		return 0;
	r = check_physical(ctx, g, physical);
	if (r == 0)
		g->params.physical_mblocks = bp_bytes_to_mblock(physical);
	return r;
}

static int grow_logical(struct bp_ctx *ctx, struct grown *g, bp_bytes logical)
{
	int r = logical ? check_logical(ctx, logical, g->logical_bytes) : 0;

	if (r == 0 && logical)
		g->logical_bytes = logical;
	return r;
}

/* One reload grows both sizes: vdo takes each from the new table. */
static int reload_grown(struct bp_ctx *ctx, const struct bp_selector *which,
			const struct grown *g, int64_t timeout_ms)
{
	_cleanup_(table_done) struct bp_table *table = NULL;
	struct bp_change_opts opts = { .size = sizeof(opts), .timeout_ms = timeout_ms };
	int r = bp_table_new(ctx, &table);

	if (r == 0)
		r = bp_table_append(ctx, table, bp_bytes_to_sector(g->logical_bytes),
				    BP_PARAMS_VDO(&g->params));
	return r < 0 ? r : bp_device_reload(ctx, which, table, &opts);
}

/* 0 leaves a size as it is; smaller than now is refused. */
int bp_vdo_grow(struct bp_ctx *ctx, const struct bp_selector *which, bp_bytes logical_bytes,
		bp_bytes physical_bytes, int64_t timeout_ms)
{
	struct grown g = { NULL };
	int r = look(ctx, which, &g);

	if (r == 0)
		r = grow_logical(ctx, &g, logical_bytes);
	if (r == 0)
		r = grow_physical(ctx, &g, physical_bytes);
	if (r == 0)
		r = reload_grown(ctx, which, &g, timeout_ms);
	bp_table_free(g.table);
	return r;
}
