/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dump is made from: devices chosen, trees walked, what is missing or can't be restored told.
 * Nothing is given out here: after it, thin_emit_all() can be called as often as one wants.
 */
#include "formats/thin/reading.h"

#include "core/strbuf.h"
#include "formats/check/check.h"
#include "formats/thin/gaps.h"

#include <inttypes.h>

/* --- what there is to read --- */

static const struct thin_device *find_device(const struct thin_devices *devices, uint64_t id)
{
	for (size_t i = 0; i < devices->list.count; i++) {
		if (devices->list.items[i].id == id)
			return &devices->list.items[i];
	}
	return NULL;
}

static bool is_wanted(const struct thin_reading *d, uint64_t id)
{
	for (size_t i = 0; i < d->opts->nr_ids; i++) {
		if (d->opts->ids[i] == id)
			return true;
	}
	return d->opts->nr_ids == 0;
}

/* All, or those that were named; one that isn't there is refused before any output. */
static int choose_devices(struct thin_reading *d)
{
	struct bp_ctx *ctx = d->tm->meta.ctx;
	int r = thin_devices_read(d->tm, &d->all);

	if (r < 0)
		return r;
	for (size_t i = 0; i < d->opts->nr_ids; i++) {
		if (find_device(&d->all, d->opts->ids[i]))
			continue;
		r = bp_fail(ctx, -ENODATA, "no device %" PRIu64 " in this metadata",
			    d->opts->ids[i]);
		error_set_code(ctx, BP_E_NO_THIN);
		return r;
	}
	for (size_t i = 0; i < d->all.list.count; i++) {
		if (is_wanted(d, d->all.list.items[i].id) &&
		    vec_add(&d->devices, &d->all.list.items[i]) < 0)
			return bp_fail_memory(ctx);
	}
	return 0;
}

/* Ranges that can't be read, device by device. */
static int find_gaps(struct thin_reading *d)
{
	struct thin_gaps gaps = { 0 };
	int r;

	if (d->emit.forest.nr_errors == 0)
		return 0;
	r = thin_gaps_find(&d->emit.forest, d->devices.items, d->devices.count, &gaps);
	if (r < 0)
		r = bp_fail_memory(d->tm->meta.ctx);
	if (r == 0)
		r = thin_gaps_report(d->tm->meta.ctx, &gaps, d->opts->damage,
				     d->opts->callback_user);
	d->nr_gaps = gaps.list.count;
	thin_gaps_done(&gaps);
	return r;
}

/* Nothing is missing then: the number is written as it is, and a restore corrects it. */
static void compare_counts(struct thin_reading *d)
{
	for (size_t i = 0; i < d->devices.count; i++) {
		const struct thin_device *device = &d->devices.items[i];
		const struct walk_node *root = forest_node(&d->emit.forest, device->root);
		uint64_t found = forest_entries(&d->emit.forest, device->root);

		if (root && !(root->flags & WALK_IS_BROKEN) &&
		    found != device->details.mapped_dblocks)
			bp_warn(d->tm->meta.ctx,
				"device %" PRIu64 ": mapped_blocks is %" PRIu64 ", but %" PRIu64
				" blocks are mapped",
				device->id, device->details.mapped_dblocks, found);
	}
}

/* --- values that no restore takes --- */

static void _printf_(3, 4)
	tell_value(struct thin_reading *d, const struct bp_damage *damage, const char *fmt, ...)
{
	va_list args;

	d->nr_unrestorable++;
	va_start(args, fmt);
	damage_tellv(d->opts->damage, d->opts->callback_user, *damage, fmt, args);
	va_end(args);
}

/* @max is what a text can say. */
static void check_number(struct thin_reading *d, uint64_t device, const char *name,
			 uint64_t value, uint64_t max)
{
	bool of_device = device != BP_NONE;
	const struct bp_damage damage =
		DAMAGE(.kind = of_device ? BP_DAMAGE_DEVICE_FIELD : BP_DAMAGE_SUPERBLOCK,
		       .harm = BP_HARM_FATAL,
		       .place = of_device ? BP_PLACE_DEVICE_DETAILS : BP_PLACE_SUPERBLOCK,
		       .device = device, .expected = max, .actual = value);

	if (value <= max)
		return;
	if (of_device)
		tell_value(d, &damage, "device %" PRIu64 ": %s is %" PRIu64 ", above %" PRIu64,
			   device, name, value, max);
	else
		tell_value(d, &damage, "superblock: %s is %" PRIu64 ", above %" PRIu64, name,
			   value, max);
}

uint32_t thin_reading_sectors(const struct thin_reading *d)
{
	return d->opts->data_block_sectors ? d->opts->data_block_sectors
					   : d->tm->sb.pub.data_block_sectors;
}

/* A dump that is all well can be restored: here is what could not. */
static void check_values(struct thin_reading *d)
{
	const struct bp_thin_superblock *sb = &d->tm->sb.pub;
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_SUPERBLOCK, .actual = thin_reading_sectors(d));

	if (!thin_block_sectors_valid(thin_reading_sectors(d)))
		tell_value(d, &damage, "superblock: data_block_size cannot be %" PRIu32,
			   thin_reading_sectors(d));
	damage.actual = sb->version;
	if (sb->version == 0)
		tell_value(d, &damage, "superblock: version cannot be 0");
	check_number(d, BP_NONE, "nr_data_blocks", d->data_limit, THIN_DATA_BLOCKS_MAX);
	check_number(d, BP_NONE, "time", sb->time, THIN_TIME_MAX);
	check_number(d, BP_NONE, "version", sb->version, THIN_VERSION);
	for (size_t i = 0; i < d->devices.count; i++) {
		const struct thin_device *device = &d->devices.items[i];
		const struct bp_thin_device *details = &device->details;

		check_number(d, device->id, "its id", device->id, THIN_DEVICE_ID_MAX);
		check_number(d, device->id, "creation_time", details->creation_time,
			     THIN_TIME_MAX);
		check_number(d, device->id, "snap_time", details->snapshotted_time,
			     THIN_TIME_MAX);
	}
	damage.kind = BP_DAMAGE_DATA_BLOCK;
	damage.place = BP_PLACE_MAPPINGS;
	damage.expected = d->data_limit;
	damage.actual = d->emit.data_last;
	if (d->emit.data_last && d->emit.data_last >= d->data_limit)
		tell_value(d, &damage,
			   "data block %" PRIu64 " is mapped, of %" PRIu64
			   ": thin_check tells where",
			   d->emit.data_last, d->data_limit);
}

/* --- all of it --- */

static int walk(struct thin_reading *d)
{
	int r = thin_emit_walk(&d->emit, &d->tm->meta, d->devices.items, d->devices.count);

	if (r == 0)
		compare_counts(d);
	if (r == 0)
		r = find_gaps(d);
	/* One device alone is given out with all that it has. */
	if (r == 0 && d->opts->nr_ids != 1)
		r = thin_emit_share(&d->emit);
	return r;
}

/* Reads all, writes nothing: what is wrong is known before the first line of a dump. */
int thin_reading_all(struct thin_reading *d, struct bp_thin_meta *meta,
		     const struct bp_thin_dump_opts *opts)
{
	int r;

	d->tm = meta;
	d->opts = opts;
	d->data_limit =
		opts->nr_data_blocks ? opts->nr_data_blocks : meta->sb.pub.nr_data_blocks;
	r = choose_devices(d);

	d->emit.meta = &d->tm->meta;
	d->emit.devices = d->devices.items;
	d->emit.nr_devices = d->devices.count;
	d->emit.progress = d->opts->progress;
	d->emit.progress_user = d->opts->callback_user;
	d->emit.find_last = true;
	d->emit.skip_mappings = d->opts->flags & BP_THIN_DUMP_SKIP_MAPPINGS;
	if (r == 0 && !d->emit.skip_mappings)
		r = walk(d);
	if (r == 0)
		check_values(d);
	return r;
}

void thin_reading_done(struct thin_reading *d)
{
	thin_devices_done(&d->all);
	vec_done(&d->devices);
	thin_emit_done(&d->emit);
}
