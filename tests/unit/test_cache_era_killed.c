/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restoring and repairing caches and eras, killed or cut off from power at each write. What is
 * repaired from stays as it was.
 */
#include "context_test.h"

#include "core/strbuf.h"
#include "formats/cache/check.h"
#include "formats/cache/meta.h"
#include "formats/cache/repair.h"
#include "formats/cache/restore.h"
#include "formats/era/check.h"
#include "formats/era/meta.h"
#include "formats/era/repair.h"
#include "formats/era/restore.h"
#include "image.h"
#include "killed.h"
#include "xml_text.h"

#define SIZE (KILLED_BLOCKS * IO_BLOCK)

static struct io *memory(uint8_t *data)
{
	struct io *io;

	assert_ok(io_memory_new(data, SIZE, &io));
	return io;
}

static char *take(struct strbuf *text)
{
	char *ret;

	assert_ok(strbuf_take(text, &ret));
	return ret;
}

/* --- caches --- */

/* Every fourth of @nr cache blocks is not in use; the origin's blocks come from the end. */
static char *cache_text(unsigned nr)
{
	struct strbuf xml = { 0 };

	strbuf_addf(&xml,
		    "<superblock uuid=\"\" block_size=\"128\" nr_cache_blocks=\"%u\" "
		    "policy=\"smq\" hint_width=\"4\">\n<mappings>\n",
		    nr);
	for (unsigned i = 0; i < nr; i++)
		if (i % 4)
			strbuf_addf(&xml,
				    "<mapping cache_block=\"%u\" origin_block=\"%u\" "
				    "dirty=\"%s\"/>\n",
				    i, 3 * (nr - i), i % 3 ? "true" : "false");
	strbuf_add(&xml, "</mappings>\n<hints>\n");
	for (unsigned i = 0; i < nr; i++)
		if (i % 4)
			strbuf_addf(&xml, "<hint cache_block=\"%u\" data=\"AQAAAA==\"/>\n", i);
	strbuf_add(&xml, "</hints>\n</superblock>\n");
	return take(&xml);
}

static void cache_restore(struct io *io, const void *xml)
{
	struct text text = { xml, strlen(xml) };
	const struct xml_source source = text_source(&text);

	assert_ok(cache_restore_io(ctx, &source, io, NULL));
}

static char *cache_dump(uint8_t *data)
{
	struct bp_cache_meta *meta;
	struct strbuf text = { 0 };
	struct io *io = memory(data);
	uint64_t damages = 0;

	if (cache_meta_open_io(ctx, io, NULL, &meta) < 0) {
		io_close(io);
		return NULL;
	}
	assert_ok(bp_cache_dump(meta, NULL, killed_keep, &text, &damages));
	assert_int_equal(damages, 0);
	bp_cache_close(meta);
	return take(&text);
}

static void cache_clean(uint8_t *data)
{
	const struct bp_cache_check_opts opts = { .size = sizeof(opts),
						  .flags = BP_CACHE_CHECK_STRICT };
	struct bp_cache_check_result found = { .size = sizeof(found) };
	struct io *io = memory(data);

	assert_ok(cache_check_io(ctx, io, CHECK_ONLY, &opts, &found));
	io_close(io);
	assert_int_equal(found.nr_fatal + found.nr_nonfatal, 0);
}

static void cache_repair(struct io *to, const void *damaged)
{
	struct bp_cache_repair_result res = { .size = sizeof(res) };
	struct io *from = image_io(damaged);

	assert_ok(cache_repair_io(ctx, from, to, NULL, &res));
	io_close(from);
}

/* --- eras --- */

static char *era_text(unsigned nr)
{
	struct strbuf xml = { 0 };

	strbuf_addf(&xml,
		    "<superblock uuid=\"\" block_size=\"128\" nr_blocks=\"%u\" "
		    "current_era=\"9\">\n",
		    nr);
	for (unsigned era = 6; era <= 9; era++) {
		strbuf_addf(&xml, "<writeset era=\"%u\" nr_bits=\"%u\">\n", era, nr);
		for (unsigned i = era; i + era < nr; i += 2 * era)
			strbuf_addf(&xml, "<marked block_begin=\"%u\" len=\"%u\"/>\n", i, era);
		strbuf_add(&xml, "</writeset>\n");
	}
	strbuf_add(&xml, "<era_array>\n");
	for (unsigned i = 0; i < nr; i++)
		strbuf_addf(&xml, "<era block=\"%u\" era=\"%u\"/>\n", i, i % 6);
	strbuf_add(&xml, "</era_array>\n</superblock>\n");
	return take(&xml);
}

static void era_restore(struct io *io, const void *xml)
{
	struct text text = { xml, strlen(xml) };
	const struct xml_source source = text_source(&text);

	assert_ok(era_restore_io(ctx, &source, io, NULL));
}

static char *era_dump(uint8_t *data)
{
	const struct bp_era_dump_opts opts = { .size = sizeof(opts),
					       .flags = BP_ERA_DUMP_COMPACT };
	struct bp_era_meta *meta;
	struct strbuf text = { 0 };
	struct io *io = memory(data);
	uint64_t damages = 0;

	if (era_meta_open_io(ctx, io, NULL, &meta) < 0) {
		io_close(io);
		return NULL;
	}
	assert_ok(bp_era_dump(meta, &opts, killed_keep, &text, &damages));
	assert_int_equal(damages, 0);
	bp_era_close(meta);
	return take(&text);
}

static void era_clean(uint8_t *data)
{
	const struct bp_era_check_opts opts = { .size = sizeof(opts),
						.flags = BP_ERA_CHECK_STRICT };
	struct bp_era_check_result found = { .size = sizeof(found) };
	struct io *io = memory(data);

	assert_ok(era_check_io(ctx, io, CHECK_ONLY, &opts, &found));
	io_close(io);
	assert_int_equal(found.nr_fatal + found.nr_nonfatal, 0);
}

static void era_repair(struct io *to, const void *damaged)
{
	struct bp_era_repair_result res = { .size = sizeof(res) };
	struct io *from = image_io(damaged);

	assert_ok(era_repair_io(ctx, from, to, NULL, &res));
	io_close(from);
}

/* --- both --- */

struct row {
	struct killed_kind kind;
	char *(*text)(unsigned nr);
	void (*restore)(struct io *io, const void *xml);
	void (*repair)(struct io *to, const void *damaged);
	unsigned few, many; /* blocks */
	const char *damaged[3];
};

static const struct row rows[] = {
	{ { cache_dump, cache_clean, 20 },
	  cache_text,
	  cache_restore,
	  cache_repair,
	  3000,
	  9000,
	  { "cache-array-csum", "cache-dup-oblock", "cache-dirty-unmapped" } },
	{ { era_dump, era_clean, 20 },
	  era_text,
	  era_restore,
	  era_repair,
	  5000,
	  20000,
	  { "era-ws-csum", "era-future", "era-msnap" } },
};

static void over_nothing(void **state)
{
	uint8_t *before = io_buffer_new(KILLED_BLOCKS);

	(void)state;
	assert_non_null(before);
	memset(before, 0x5a, SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *xml = rows[i].text(rows[i].many);

		killed_everywhere(&rows[i].kind, before, false, rows[i].restore, xml);
		free(xml);
	}
	free(before);
}

/* The old superblock must be gone before the first block of the old arrays is overwritten. */
static void over_older_metadata(void **state)
{
	uint8_t *before = io_buffer_new(KILLED_BLOCKS);

	(void)state;
	assert_non_null(before);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *xml = rows[i].text(rows[i].few), *new = rows[i].text(rows[i].many);
		struct io *io = memory(before);

		memset(before, 0, SIZE);
		rows[i].restore(io, xml);
		io_close(io);
		killed_everywhere(&rows[i].kind, before, true, rows[i].restore, new);
		free(new);
		free(xml);
	}
	free(before);
}

static void repair(const struct row *row, const char *name, const uint8_t *before)
{
	struct killed_kind kind = row->kind;
	struct image image, untouched;

	image_load(&image, name);
	image_copy(&untouched, &image);
	kind.nr_events = 6; /* the images are small */
	killed_everywhere(&kind, before, false, row->repair, &image);
	assert_memory_equal(image.data, untouched.data, image.size);
	image_done(&untouched);
	image_done(&image);
}

static void repairs(void **state)
{
	uint8_t *before = io_buffer_new(KILLED_BLOCKS);

	(void)state;
	assert_non_null(before);
	memset(before, 0x5a, SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t k = 0; k < ARRAY_SIZE(rows[i].damaged); k++)
			repair(&rows[i], rows[i].damaged[k], before);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_nothing),
		cmocka_unit_test(over_older_metadata),
		cmocka_unit_test(repairs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
