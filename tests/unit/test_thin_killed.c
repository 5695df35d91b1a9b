/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restoring, repairing, shrinking and unpacking pools, killed or cut off from power at each write.
 */
#include "context_test.h"

#include <bedplate/thin_dump.h>

#include "core/strbuf.h"
#include "formats/pack/pack.h"
#include "formats/thin/meta.h"
#include "formats/thin/plan.h"
#include "formats/thin/restore.h"
#include "formats/thin/shrink_meta.h"
#include "image.h"
#include "killed.h"
#include "xml_text.h"

#include <inttypes.h>

/* --- texts, and what a device says --- */

static void restore(struct io *io, const char *xml)
{
	struct text text = { xml, strlen(xml) };
	const struct xml_source source = text_source(&text);

	assert_ok(thin_restore_io(ctx, &source, io, NULL));
}

/* Devices of @count mappings, not in runs, each device its own number of them. */
static char *make_text(unsigned nr_devices, unsigned count)
{
	struct strbuf xml = { 0 };
	unsigned data_block = 0;
	char *ret;

	strbuf_add(&xml, "<superblock uuid=\"\" time=\"3\" transaction=\"5\" version=\"2\" "
			 "data_block_size=\"128\" nr_data_blocks=\"40000\">\n");
	for (unsigned d = 0; d < nr_devices; d++, count += 7) {
		strbuf_addf(&xml,
			    "<device dev_id=\"%u\" mapped_blocks=\"%u\" transaction=\"1\" "
			    "creation_time=\"1\" snap_time=\"1\">\n",
			    d, count);
		for (unsigned i = 0; i < count; i++, data_block += 2)
			strbuf_addf(&xml,
				    "<single_mapping origin_block=\"%u\" data_block=\"%u\" "
				    "time=\"1\"/>\n",
				    3 * i, data_block);
		strbuf_add(&xml, "</device>\n");
	}
	strbuf_add(&xml, "</superblock>\n");
	assert_ok(strbuf_take(&xml, &ret));
	return ret;
}

/* What is dumped of the metadata in @data; NULL where it is none. The caller frees it. */
static char *dump(uint8_t *data)
{
	struct bp_thin_meta *meta;
	struct strbuf text = { 0 };
	uint64_t damages = 0;
	struct io *io;
	char *ret;

	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(KILLED_BLOCKS), &io));
	if (thin_meta_open_io(ctx, io, NULL, &meta) < 0) {
		io_close(io);
		return NULL;
	}
	assert_ok(bp_thin_dump(meta, NULL, killed_keep, &text, &damages));
	assert_int_equal(damages, 0);
	bp_thin_close(meta);
	assert_ok(strbuf_take(&text, &ret));
	return ret;
}

static void assert_clean(uint8_t *data)
{
	const struct bp_thin_check_opts opts = { .size = sizeof(opts),
						 .flags = BP_THIN_CHECK_STRICT };
	struct bp_thin_check_result found = { .size = sizeof(found) };
	struct io *io;

	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(KILLED_BLOCKS), &io));
	assert_ok(thin_check_io(ctx, io, CHECK_ONLY, &opts, &found));
	io_close(io);
	assert_int_equal(found.nr_fatal + found.nr_nonfatal, 0);
}

static const struct killed_kind kind = { dump, assert_clean, 25 };
static const struct killed_kind few = { dump, assert_clean, 3 }; /* writes of many blocks */

static void restore_text(struct io *io, const void *xml)
{
	restore(io, xml);
}

static void over_nothing(void **state)
{
	uint8_t *before = io_buffer_new(KILLED_BLOCKS);
	char *xml = make_text(3, 700);

	(void)state;
	assert_non_null(before);
	memset(before, 0x5a, KILLED_BLOCKS * IO_BLOCK);
	killed_everywhere(&kind, before, false, restore_text, xml);
	free(xml);
	free(before);
}

/* The old superblock must be gone before the first block of the old trees is overwritten. */
static void over_older_metadata(void **state)
{
	uint8_t *before = io_buffer_new(KILLED_BLOCKS);
	char *xml = make_text(5, 300), *new = make_text(3, 700);
	struct io *io;

	(void)state;
	assert_non_null(before);
	memset(before, 0, KILLED_BLOCKS * IO_BLOCK);
	assert_ok(io_memory_new(before, (size_t)bp_mblock_to_bytes(KILLED_BLOCKS), &io));
	restore(io, xml);
	io_close(io);
	killed_everywhere(&kind, before, true, restore_text, new);
	free(new);
	free(xml);
	free(before);
}

static void write_plan(struct io *io, const void *user)
{
	const struct image *damaged = user;
	const struct bp_thin_repair_opts opts = { .size = sizeof(opts),
						  .data_block_sectors = 128 };
	struct bp_thin_plan *plan;

	assert_ok(thin_plan_io(ctx, image_io(damaged), &opts, &plan));
	assert_ok(thin_plan_write_io(plan, io));
	bp_thin_plan_free(plan);
}

/*
 * Repairs of what lost a leaf, the list of roots, that of details, and the superblock. What is put
 * right after the result was checked (times) is put right before it looks valid.
 */
static void repairs(void **state)
{
	static const bp_mblock lost[] = { 148, 194, 192, 0 };
	uint8_t *before = io_buffer_new(KILLED_BLOCKS);

	(void)state;
	assert_non_null(before);
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		struct image image;

		image_load(&image, "thin-refs");
		memset(image_block(&image, lost[i]), 0, IO_BLOCK);
		if (lost[i] ==
		    148) /* snapshotted_time of device 0, too low for what it shares */
			image_patch(&image, 192, BLOCK_NODE, 32 + 126 * 8 + 20, 4, 0);
		memset(before, 0x5a, KILLED_BLOCKS * IO_BLOCK);
		killed_everywhere(&kind, before, false, write_plan, &image);
		image_done(&image);
	}
	free(before);
}

/* A pool of three devices in @data, of KILLED_BLOCKS. */
static void restore_to(uint8_t *data)
{
	char *xml = make_text(3, 700);
	struct io *io;

	memset(data, 0, KILLED_BLOCKS * IO_BLOCK);
	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(KILLED_BLOCKS), &io));
	restore(io, xml);
	io_close(io);
	free(xml);
}

/* What is asked to be written: the metadata of a pool made half as large. */
static void write_shrunk(struct io *io, const void *user)
{
	struct shrink_meta s = { .name = "x" };
	struct bp_thin_meta *meta;
	struct shrink_plan p;
	struct io *from;

	assert_ok(io_memory_new((void *)(uintptr_t)user,
				(size_t)bp_mblock_to_bytes(KILLED_BLOCKS), &from));
	assert_ok(thin_meta_open_io(ctx, from, NULL, &meta));
	assert_ok(shrink_plan_init(&p, ctx, 3000));
	assert_ok(shrink_meta_read(&s, meta));
	assert_ok(shrink_meta_plan(&s, &p));
	assert_true(p.nr_moved > 100);
	assert_ok(shrink_meta_write(&s, &p, io));
	shrink_plan_done(&p);
	shrink_meta_done(&s);
	bp_thin_close(meta);
}

static void shrinks(void **state)
{
	uint8_t *before = io_buffer_new(KILLED_BLOCKS), *from = io_buffer_new(KILLED_BLOCKS);

	(void)state;
	assert_true(before && from);
	restore_to(from);
	memset(before, 0x5a, KILLED_BLOCKS * IO_BLOCK);
	killed_everywhere(&few, before, false, write_shrunk, from);
	free(from);
	free(before);
}

static int read_packed(void *user, uint64_t offset, size_t len, void *buf)
{
	memcpy(buf, ((const struct strbuf *)user)->text + offset, len);
	return 0;
}

static void unpack(struct io *io, const void *user)
{
	const struct strbuf *packed = user;
	const struct pack_source source = { read_packed, (void *)(uintptr_t)packed, packed->len,
					    "x" };
	const struct bp_thin_pack_opts opts = { .size = sizeof(opts), .workers = 1 };
	struct pack p = { 0 };
	uint64_t records;

	assert_ok(pack_open(ctx, &source, &p));
	assert_ok(pack_unpack(&p, io, true, &opts, &records));
	pack_close(&p);
}

/* Over other metadata: what is left of it is never taken for whole. */
static void unpacks(void **state)
{
	const struct bp_thin_pack_opts opts = { .size = sizeof(opts), .workers = 1 };
	uint8_t *before = io_buffer_new(KILLED_BLOCKS), *from = io_buffer_new(KILLED_BLOCKS);
	struct bp_thin_pack_result res = { .size = sizeof(res) };
	char *xml = make_text(5, 300);
	struct strbuf packed = { 0 };
	struct io *io;

	(void)state;
	assert_true(before && from);
	restore_to(from);
	assert_ok(io_memory_new(from, (size_t)bp_mblock_to_bytes(KILLED_BLOCKS), &io));
	assert_ok(pack_write(ctx, io, &opts, killed_keep, &packed, &res));
	io_close(io);
	memset(before, 0, KILLED_BLOCKS * IO_BLOCK);
	assert_ok(io_memory_new(before, (size_t)bp_mblock_to_bytes(KILLED_BLOCKS), &io));
	restore(io, xml);
	io_close(io);
	killed_everywhere(&few, before, true, unpack, &packed);
	strbuf_done(&packed);
	free(xml);
	free(from);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_nothing), cmocka_unit_test(over_older_metadata),
		cmocka_unit_test(repairs),      cmocka_unit_test(shrinks),
		cmocka_unit_test(unpacks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
