/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <bedplate/thin_dump.h>

#include "core/crc32c.h"
#include "core/opts.h"
#include "formats/thin/make.h"
#include "formats/thin/restore.h"
#include "formats/thin/xml.h"
#include "formats/xml/file.h"
#include "formats/xml/read.h"

#include <inttypes.h>
#include <stdio.h>

struct restore {
	struct bp_ctx *ctx;
	const struct bp_thin_restore_opts *opts;
	struct thin_make make;
	struct thin_xml_superblock sb;

	VEC(char *) names; /* of make.defs */
	/* By hash of the name: index in names + 1. Open addressing. */
	uint32_t *def_of;
	size_t def_of_size;
	char *name; /* of the def at hand, or NULL */

	struct bits ids;
	struct thin_xml_device device; /* at hand */
	uint64_t nr_recounted;
};

static int fail_xml(struct restore *re, int r)
{
	error_set_code(re->ctx, BP_E_XML);
	return r;
}

/* --- superblock --- */

/* The kernel's own bounds: 64 KiB to 1 GiB, in steps of 64 KiB. */
static int check_block_size(struct restore *re)
{
	uint64_t size = re->sb.data_block_size;

	if (size >= THIN_DATA_BLOCK_SECTORS_MIN && size <= THIN_DATA_BLOCK_SECTORS_MAX &&
	    size % THIN_DATA_BLOCK_SECTORS_FACTOR == 0)
		return 0;
	return fail_xml(re, bp_fail(re->ctx, -EINVAL,
				    "invalid data block size: %" PRIu64
				    " sectors are not a multiple of %d from %d to %d",
				    size, THIN_DATA_BLOCK_SECTORS_FACTOR,
				    THIN_DATA_BLOCK_SECTORS_MIN, THIN_DATA_BLOCK_SECTORS_MAX));
}

/* What the caller says counts before the text. */
static int open_superblock(struct restore *re, const struct thin_xml_superblock *sb)
{
	int r;

	re->sb = *sb;
	if (re->opts->data_block_sectors)
		re->sb.data_block_size = re->opts->data_block_sectors;
	if (re->opts->nr_data_blocks)
		re->sb.nr_data_blocks = re->opts->nr_data_blocks;
	if (re->opts->flags & BP_THIN_RESTORE_TRANSACTION)
		re->sb.transaction = re->opts->transaction_id;

	r = check_block_size(re);
	return r < 0 ? r : thin_make_begin(&re->make, re->sb.nr_data_blocks);
}

/* --- defs --- */

/* Open addressing by the name's CRC; the slot is free, or the def's index plus one. */
static uint32_t *def_slot(struct restore *re, const char *name, size_t len)
{
	size_t i = crc32c(~0u, name, len) & (re->def_of_size - 1);

	for (; re->def_of[i]; i = (i + 1) & (re->def_of_size - 1)) {
		const char *known = re->names.items[re->def_of[i] - 1];

		if (strlen(known) == len && memcmp(known, name, len) == 0)
			break;
	}
	return &re->def_of[i];
}

/* Half full at most. Names are kept with their defs, so that they are hashed anew. */
static int grow_def_of(struct restore *re)
{
	uint32_t *old = re->def_of;

	if (2 * (re->names.count + 1) <= re->def_of_size)
		return 0;
	re->def_of_size = re->def_of_size ? 2 * re->def_of_size : 64;
	re->def_of = calloc(re->def_of_size, sizeof(*re->def_of));
	free(old);
	if (!re->def_of)
		return bp_fail_memory(re->ctx);
	for (uint32_t i = 0; i < re->names.count; i++) {
		const char *name = re->names.items[i];

		*def_slot(re, name, strlen(name)) = i + 1;
	}
	return 0;
}

/* Names are unique in a dump. */
static int open_def(struct restore *re, const struct thin_xml_name *def)
{
	int r = grow_def_of(re);

	if (r < 0)
		return r;
	if (*def_slot(re, def->name.text, def->name.len))
		return fail_xml(re, bp_fail(re->ctx, -EINVAL, "a second def named '%.*s'",
					    (int)MIN(def->name.len, 40u), def->name.text));
	re->name = strndup(def->name.text, def->name.len);
	return re->name ? 0 : bp_fail_memory(re->ctx);
}

/* From here on it can be used by devices. */
static int close_def(struct restore *re)
{
	int r = thin_make_def(&re->make);

	if (r < 0)
		return r;
	if (vec_add(&re->names, &re->name) < 0)
		return bp_fail_memory(re->ctx);
	*def_slot(re, re->name, strlen(re->name)) = (uint32_t)re->names.count;
	re->name = NULL;
	return 0;
}

static int use_def(struct restore *re, const struct thin_xml_name *ref)
{
	uint32_t *slot;
	int r = grow_def_of(re);

	if (r < 0)
		return r;
	slot = def_slot(re, ref->name.text, ref->name.len);
	if (!*slot)
		return fail_xml(
			re, bp_fail(re->ctx, -EINVAL,
				    "Couldn't find sub tree '%.*s': no def of that name comes "
				    "before",
				    (int)MIN(ref->name.len, 40u), ref->name.text));
	return thin_make_use(&re->make, *slot - 1);
}

/* --- devices --- */

/* A bit for each of 2^24 ids, as ids must not repeat. */
static int open_device(struct restore *re, const struct thin_xml_device *device)
{
	if (!re->ids.words && bits_init(&re->ids, THIN_DEVICE_ID_MAX + 1) < 0)
		return bp_fail_memory(re->ctx);
	if (bits_test_and_set(&re->ids, device->dev_id))
		return fail_xml(re, bp_fail(re->ctx, -EINVAL, "a second device %" PRIu64,
					    device->dev_id));
	re->device = *device;
	thin_make_device(&re->make, (uint32_t)device->snap_time);
	return 0;
}

/* What is counted is right; what the text says is a comment. */
static void recount(struct restore *re, uint64_t mapped)
{
	if (mapped == re->device.mapped_blocks)
		return;
	if (re->nr_recounted++ == 0)
		bp_warn(re->ctx,
			"device %" PRIu64 ": mapped_blocks is %" PRIu64 ", but %" PRIu64
			" blocks are mapped: the latter is written",
			re->device.dev_id, re->device.mapped_blocks, mapped);
	re->device.mapped_blocks = mapped;
}

/* mapped_blocks is counted, whatever the text says: a wrong one would fail the check. */
static int close_device(struct restore *re)
{
	struct thin_made_device device = { .id = re->device.dev_id };
	uint64_t mapped;
	int r = thin_make_tree(&re->make, &device.root, &mapped);

	if (r < 0)
		return r;
	recount(re, mapped);
	device.details = (struct thin_details_disk){
		.mapped_blocks = le64_make(mapped),
		.transaction_id = le64_make(re->device.transaction),
		.creation_time = le32_make((uint32_t)re->device.creation_time),
		.snapshotted_time = le32_make((uint32_t)re->device.snap_time),
	};
	return thin_make_shared(&re->make, &device);
}

/* --- elements --- */

/* Nothing is added behind a def that waits: that comes first. */
static int on_mapping(struct restore *re, unsigned element, const void *values)
{
	const struct thin_xml_single *single = values;
	const struct thin_xml_range *range = values;
	uint64_t said = element == THIN_XML_SINGLE ? single->time : range->time;
	uint32_t time = (uint32_t)MIN(said, (uint64_t)THIN_MAPPING_TIME_MAX);
	int r = thin_make_settle(&re->make);

	if (r < 0)
		return r;
	thin_make_seen(&re->make, time);
	if (element == THIN_XML_SINGLE)
		r = thin_map_run(&re->make.map, single->origin_block, single->data_block, 1,
				 (uint32_t)single->time);
	else
		r = thin_map_run(&re->make.map, range->origin_begin, range->data_begin,
				 range->length, (uint32_t)range->time);
	if (r == -EINVAL && re->sb.nr_data_blocks == 0)
		error_set_hint(re->ctx,
			       "the dump of a metadata snapshot may lack the number: give "
			       "--nr-data-blocks");
	return r == -EINVAL ? fail_xml(re, r) : r;
}

/* The order of elements was checked by the schema. */
static int on_open(void *user, unsigned element, const void *values)
{
	struct restore *re = user;

	switch ((enum thin_xml)element) {
	case THIN_XML_SINGLE:
	case THIN_XML_RANGE:
		return on_mapping(re, element, values);
	case THIN_XML_SUPERBLOCK:
		return open_superblock(re, values);
	case THIN_XML_DEF:
		return open_def(re, values);
	case THIN_XML_DEVICE:
		return open_device(re, values);
	case THIN_XML_REF:
		return use_def(re, values);
	case THIN_XML_COUNT:
		break;
	}
	return -EINVAL;
}

/* Superblock and mappings end without ado. */
static int on_close(void *user, unsigned element)
{
	struct restore *re = user;

	if (element == THIN_XML_DEF)
		return close_def(re);
	if (element == THIN_XML_DEVICE)
		return close_device(re);
	return 0;
}

/* --- the end --- */

static void warn_of_more(struct restore *re)
{
	if (re->nr_recounted > 1)
		bp_warn(re->ctx, "%" PRIu64 " more devices have a wrong mapped_blocks",
			re->nr_recounted - 1);
}

/* Only now is it known how often a def was used. */
static int finish(struct restore *re)
{
	warn_of_more(re);
	re->make.time = re->sb.time;
	re->make.transaction_id = re->sb.transaction;
	re->make.data_block_sectors = (uint32_t)re->sb.data_block_size;
	return thin_make_finish(&re->make);
}

static void restore_done(struct restore *re)
{
	for (size_t i = 0; i < re->names.count; i++)
		free(re->names.items[i]);
	vec_done(&re->names);
	bits_done(&re->ids);
	free(re->def_of);
	free(re->name);
	thin_make_done(&re->make);
}

static void restore_freep(struct restore **re)
{
	if (*re)
		restore_done(*re);
	free(*re);
}

static const struct xml_handler *handler(struct restore *re, struct xml_handler *to)
{
	*to = (struct xml_handler){ .open = on_open, .close = on_close, .user = re };
	return to;
}

/* Memory: names of defs, their leaves' numbers, a bit a device id. */
int thin_restore_io(struct bp_ctx *ctx, const struct xml_source *source, struct io *io,
		    const struct bp_thin_restore_opts *opts)
{
	_cleanup_(restore_freep) struct restore *re = calloc(1, sizeof(*re));
	struct bp_thin_restore_opts known;
	struct xml_handler to;
	int r;

	if (!re)
		return bp_fail_memory(ctx);
	r = opts_read(ctx, &known, sizeof(known), opts);
	if (r < 0)
		return r;
	re->ctx = ctx;
	re->opts = &known;
	r = thin_make_init(&re->make, ctx, io);
	if (r < 0)
		return r;
	r = xml_read(ctx, &thin_xml_schema, source, handler(re, &to));
	if (r < 0)
		return r;
	return finish(re);
}

/* --- from a descriptor to a path --- */

static int restore_into(struct bp_ctx *ctx, const struct xml_source *source, struct io *io,
			const void *opts)
{
	return thin_restore_io(ctx, source, io, opts);
}

/*
 * The metadata is no metadata before all of the text was read: an interruption leaves it
 * invalid.
 */
int bp_thin_restore(struct bp_ctx *ctx, int xml_fd, const char *xml_name, const char *path,
		    const struct bp_thin_restore_opts *opts)
{
	static const struct xml_restore format = {
		XML_RESTORE_OPTS(struct bp_thin_restore_opts),
		.into = restore_into,
	};

	return xml_restore(ctx, &format, xml_fd, xml_name, path, opts);
}
