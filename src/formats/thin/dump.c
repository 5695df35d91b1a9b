/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dump: devices chosen, what is missing told first, the rest as text. */
#include <bedplate/thin_dump.h>

#include "core/opts.h"
#include "core/strbuf.h"
#include "formats/check/check.h"
#include "formats/thin/emit.h"
#include "formats/thin/gaps.h"

#include <inttypes.h>

struct dump {
	struct bp_thin_meta *tm;
	const struct bp_thin_dump_opts *opts;
	struct thin_text text;
	struct thin_devices all;
	VEC(struct thin_device) devices; /* those wanted */
	struct thin_emit emit;
	uint64_t data_limit;      /* data blocks that the dump says there are */
	uint64_t nr_unrestorable; /* values that no restore takes */
};

/* --- text --- */

static int put_def(void *user, bp_mblock name)
{
	thin_text_def(user, name);
	return 0;
}

static int put_def_end(void *user)
{
	thin_text_def_end(user);
	return 0;
}

static int put_ref(void *user, bp_mblock name)
{
	thin_text_ref(user, name);
	return 0;
}

static int put_leaf(void *user, const struct node *leaf)
{
	thin_text_leaf(user, leaf);
	return 0;
}

static int put_run(void *user, uint64_t key, uint64_t value, uint64_t length)
{
	thin_text_run(user, key, value, length);
	return 0;
}

static int put_gap(void *user, const struct thin_gap *gap)
{
	thin_text_gap(user, gap);
	return 0;
}

static int put_device(void *user, const struct thin_device *from)
{
	const struct thin_xml_device device = {
		.dev_id = from->id,
		.mapped_blocks = from->details.mapped_dblocks,
		.transaction = from->details.transaction_id,
		.creation_time = from->details.creation_time,
		.snap_time = from->details.snapshotted_time,
	};

	thin_text_device(user, &device);
	return 0;
}

static int put_device_end(void *user)
{
	thin_text_device_end(user);
	return 0;
}

static int batch(void *user)
{
	return ((const struct thin_text *)user)->w.error;
}

static const struct thin_sink text_sink = {
	.def = put_def,
	.def_end = put_def_end,
	.device = put_device,
	.device_end = put_device_end,
	.ref = put_ref,
	.leaf = put_leaf,
	.run = put_run,
	.gap = put_gap,
	.batch = batch,
};

/* What the caller's function said first, which gets its own words there. */
static int write_error(struct dump *d)
{
	int r = d->text.w.error;

	return r < 0 ? bp_fail(d->tm->meta.ctx, r, "cannot write the dump: %s", strerror(-r))
		     : r;
}

/* --- what there is to dump --- */

static const struct thin_device *find_device(const struct thin_devices *devices, uint64_t id)
{
	for (size_t i = 0; i < devices->list.count; i++) {
		if (devices->list.items[i].id == id)
			return &devices->list.items[i];
	}
	return NULL;
}

static bool is_wanted(const struct dump *d, uint64_t id)
{
	for (size_t i = 0; i < d->opts->nr_ids; i++) {
		if (d->opts->ids[i] == id)
			return true;
	}
	return d->opts->nr_ids == 0;
}

static int choose_devices(struct dump *d)
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

static int find_gaps(struct dump *d, uint64_t *ret)
{
	struct thin_gaps gaps = { 0 };
	int r;

	*ret = 0;
	if (d->emit.forest.nr_errors == 0)
		return 0;
	r = thin_gaps_find(&d->emit.forest, d->devices.items, d->devices.count, &gaps);
	if (r < 0)
		r = bp_fail_memory(d->tm->meta.ctx);
	if (r == 0)
		r = thin_gaps_report(d->tm->meta.ctx, &gaps, d->opts->damage,
				     d->opts->callback_user);
	*ret = gaps.list.count;
	thin_gaps_done(&gaps);
	return r;
}

/* Nothing is missing then: the number is written as it is, and a restore corrects it. */
static void compare_counts(struct dump *d)
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
	tell_value(struct dump *d, const struct bp_damage *damage, const char *fmt, ...)
{
	_cleanup_(strbuf_done) struct strbuf text = { 0 };
	struct bp_damage told = *damage;
	va_list args;

	d->nr_unrestorable++;
	if (!d->opts->damage)
		return;
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	told.what = strbuf_text(&text);
	d->opts->damage(d->opts->callback_user, &told);
}

static void check_number(struct dump *d, uint64_t device, const char *name, uint64_t value,
			 uint64_t max)
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

static uint32_t block_sectors(const struct dump *d)
{
	return d->opts->data_block_sectors ? d->opts->data_block_sectors
					   : d->tm->sb.pub.data_block_sectors;
}

/* A dump that is all well can be restored: here is what could not. */
static void check_values(struct dump *d)
{
	const struct bp_thin_superblock *sb = &d->tm->sb.pub;
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_SUPERBLOCK, .actual = block_sectors(d));

	if (!thin_block_sectors_valid(block_sectors(d)))
		tell_value(d, &damage, "superblock: data_block_size cannot be %" PRIu32,
			   block_sectors(d));
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

static void put_superblock(struct dump *d)
{
	const struct bp_thin_superblock *from = &d->tm->sb.pub;
	const struct bp_thin_dump_opts *opts = d->opts;
	const struct thin_xml_superblock sb = {
		.time = from->time,
		.transaction = opts->flags & BP_THIN_DUMP_TRANSACTION ? opts->transaction_id
								      : from->transaction_id,
		.flags = from->flags,
		.version = from->version,
		.data_block_size = block_sectors(d),
		.nr_data_blocks = d->data_limit,
	};

	thin_text_superblock(&d->text, &sb);
}

/* Everything is read before anything is written. */
static int read_all(struct dump *d, uint64_t *ret_gaps)
{
	int r = choose_devices(d);

	d->emit.meta = &d->tm->meta;
	d->emit.devices = d->devices.items;
	d->emit.nr_devices = d->devices.count;
	d->emit.progress = d->opts->progress;
	d->emit.progress_user = d->opts->callback_user;
	d->emit.find_last = true;
	d->emit.skip_mappings = d->opts->flags & BP_THIN_DUMP_SKIP_MAPPINGS;
	if (r < 0 || d->emit.skip_mappings)
		return r;
	r = thin_emit_walk(&d->emit, &d->tm->meta, d->devices.items, d->devices.count);
	if (r == 0)
		compare_counts(d);
	if (r == 0)
		r = find_gaps(d, ret_gaps);
	/* One device alone is written with all that it has. */
	if (r == 0 && d->opts->nr_ids != 1)
		r = thin_emit_share(&d->emit);
	return r;
}

static int dump(struct dump *d, uint64_t *ret_gaps)
{
	int r = read_all(d, ret_gaps);

	if (r < 0)
		return r;
	check_values(d);
	put_superblock(d);
	r = thin_emit_all(&d->emit, &text_sink, &d->text);
	if (d->text.w.error)
		return write_error(d);
	if (r == 0 && thin_text_end(&d->text, *ret_gaps) != 0)
		r = write_error(d);
	return r;
}

static void dump_done(struct dump *d)
{
	thin_text_done(&d->text);
	thin_devices_done(&d->all);
	vec_done(&d->devices);
	thin_emit_done(&d->emit);
}

int bp_thin_dump(struct bp_thin_meta *meta, const struct bp_thin_dump_opts *opts,
		 bp_write_fn write, void *user, uint64_t *ret_damages)
{
	struct bp_thin_dump_opts known;
	struct dump d = { .tm = meta, .opts = &known };
	uint64_t gaps = 0;
	int r;

	r = opts_read(meta->meta.ctx, &known, sizeof(known), opts);
	if (r < 0)
		return r;
	d.data_limit =
		known.nr_data_blocks ? known.nr_data_blocks : meta->sb.pub.nr_data_blocks;
	r = thin_text_init(&d.text, known.flags & BP_THIN_DUMP_HUMAN, write, user);
	r = r < 0 ? bp_fail_memory(meta->meta.ctx) : dump(&d, &gaps);
	dump_done(&d);
	if (r < 0)
		return r;
	*ret_damages = gaps + d.nr_unrestorable;
	return 0;
}
