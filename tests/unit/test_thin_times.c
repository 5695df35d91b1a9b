/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Times that would let a kernel write over what another device holds: found in made-up pools
 * exactly where looking at every pair of mappings finds them, and raised by repair.
 */
#include "context_test.h"
#include "formats/thin/restore.h"
#include "verdict.h"
#include "xml_text.h"

#include "core/strbuf.h"

#include <inttypes.h>

#define BLOCKS  400u /* of the metadata */
#define DEVICES 6u
#define WINDOWS 5u
#define PART    300u /* mappings a window: more than a leaf has */
#define TIMES   8u

struct mapping {
	uint32_t data_block, time;
};

struct pool {
	struct mapping windows[DEVICES][WINDOWS][PART];
	bool has[DEVICES][WINDOWS];
	uint32_t snap_time[DEVICES];
};

static uint64_t rng;

static uint32_t pick(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 32) % below;
}

/* @data_blocks: the fewer, the more mappings meet. */
static void make_window(struct mapping *to, uint32_t data_blocks, uint32_t times)
{
	for (unsigned i = 0; i < PART; i++)
		to[i] = (struct mapping){ pick(data_blocks), pick(times) };
}

static void write_window(struct strbuf *xml, unsigned w, const struct mapping *m)
{
	for (unsigned i = 0; i < PART; i++)
		strbuf_addf(xml,
			    "<single_mapping origin_block=\"%u\" data_block=\"%u\" "
			    "time=\"%u\"/>\n",
			    w * 1000 + i, m[i].data_block, m[i].time);
}

/* Some windows are shared by defs, some are a device's own. */
static void make_pool(struct pool *pool, struct strbuf *xml)
{
	uint32_t data_blocks = pick(2) ? 100000 : 8000, times = 1 + pick(TIMES);
	static struct mapping defs[WINDOWS][PART];
	unsigned count[DEVICES] = { 0 };

	strbuf_addf(xml,
		    "<superblock uuid=\"\" time=\"%u\" transaction=\"0\" "
		    "data_block_size=\"128\" nr_data_blocks=\"100000\">\n",
		    TIMES + 1);
	for (unsigned w = 0; w < WINDOWS; w++) {
		make_window(defs[w], data_blocks, times);
		strbuf_addf(xml, "<def name=\"%u\">\n", w);
		write_window(xml, w, defs[w]);
		strbuf_add(xml, "</def>\n");
	}
	for (unsigned d = 0; d < DEVICES; d++) {
		struct strbuf body = { 0 };

		pool->snap_time[d] = pick(TIMES + 2);
		for (unsigned w = 0; w < WINDOWS; w++) {
			uint32_t how = pick(4);

			pool->has[d][w] = how > 0;
			if (how == 1) {
				memcpy(pool->windows[d][w], defs[w], sizeof(defs[w]));
				strbuf_addf(&body, "<ref name=\"%u\"/>\n", w);
			} else if (how) {
				make_window(pool->windows[d][w], data_blocks, times);
				write_window(&body, w, pool->windows[d][w]);
			}
			count[d] += how ? PART : 0;
		}
		strbuf_addf(xml,
			    "<device dev_id=\"%u\" mapped_blocks=\"%u\" transaction=\"0\" "
			    "creation_time=\"0\" snap_time=\"%u\">\n%s</device>\n",
			    d, count[d], pool->snap_time[d], strbuf_text(&body));
		strbuf_done(&body);
	}
	strbuf_add(xml, "</superblock>\n");
}

/* What each device's snapshotted time has to be, at least: 0 where anything will do. */
static void expect_times(const struct pool *pool, uint32_t *ret)
{
	static uint8_t refs[100000];

	memset(refs, 0, sizeof(refs));
	for (int round = 0; round < 2; round++)
		for (unsigned d = 0; d < DEVICES; d++)
			for (unsigned i = 0; i < WINDOWS * PART; i++) {
				const struct mapping *m = &pool->windows[d][i / PART][i % PART];

				if (!pool->has[d][i / PART])
					continue;
				if (round == 0)
					refs[m->data_block] = refs[m->data_block] ? 2 : 1;
				else if (refs[m->data_block] > 1)
					ret[d] = MAX(ret[d], m->time + 1);
			}
}

static void restore(const struct image *image, const char *xml)
{
	struct text text = { xml, strlen(xml) };
	const struct xml_source source = text_source(&text);
	struct io *io = image_io(image);

	assert_ok(thin_restore_io(ctx, &source, io, NULL));
	io_close(io);
}

/* Restoring has raised what it saw to be too low: put it back. */
static void lower_times(const struct image *image, const struct pool *pool)
{
	const struct thin_superblock_disk *sb = image_block(image, 0);
	bp_mblock block = le64_get(sb->device_details_root);
	struct node leaf;

	assert_int_equal(node_decode(image_block(image, block), block,
				     sizeof(struct thin_details_disk), &leaf),
			 NODE_OK);
	for (unsigned d = 0; d < DEVICES; d++) {
		const struct thin_details_disk *details = node_value(&leaf, d);
		uint32_t at = (uint32_t)((const uint8_t *)&details->snapshotted_time -
					 (const uint8_t *)image_block(image, block));

		image_patch(image, block, BLOCK_NODE, at, 4, pool->snap_time[d]);
	}
}

static void found_as_expected(const struct pool *pool, const struct verdict *v,
			      const uint32_t *wanted)
{
	unsigned nr = 0;
	char line[160];

	for (unsigned d = 0; d < DEVICES; d++) {
		bool wrong = pool->snap_time[d] < wanted[d];

		snprintf(
			line, sizeof(line),
			"fatal snapshotted-time thin device %u: its snapshotted time %u is not "
			"above %u, when",
			d, pool->snap_time[d], wanted[d] - 1);
		if (wrong != (strstr(v->text, line) != NULL))
			fail_msg("device %u: %s said: %s\nbut %s", d, wrong ? "not" : "wrongly",
				 line, v->text);
		nr += wrong;
	}
	assert_int_equal(v->res.nr_fatal, nr);
}

static void raised_as_needed(const struct pool *pool, const struct image *image,
			     const uint32_t *wanted)
{
	struct bp_thin_meta *meta = NULL;

	assert_ok(thin_meta_open_io(ctx, image_io(image), NULL, &meta));
	for (unsigned d = 0; d < DEVICES; d++) {
		struct bp_thin_device device;

		assert_ok(bp_thin_device_find(meta, d, &device));
		assert_int_equal(device.snapshotted_time, MAX(pool->snap_time[d], wanted[d]));
	}
	bp_thin_close(meta);
}

static void one_pool(enum check_mode mode)
{
	static struct pool pool;
	uint32_t wanted[DEVICES] = { 0 };
	struct strbuf xml = { 0 };
	struct image image, again;
	struct verdict v;

	memset(&pool, 0, sizeof(pool));
	make_pool(&pool, &xml);
	expect_times(&pool, wanted);
	image_new(&image, BLOCKS * IO_BLOCK);
	restore(&image, strbuf_text(&xml));
	lower_times(&image, &pool);
	verdict_check(&v, ctx, &image, CHECK_ONLY, 0);
	assert_ok(v.r);
	found_as_expected(&pool, &v, wanted);
	verdict_done(&v);

	verdict_check(&v, ctx, &image, mode, 0);
	assert_ok(v.r);
	assert_int_equal(v.res.nr_fatal, 0);
	verdict_done(&v);
	raised_as_needed(&pool, &image, wanted);
	image_copy(&again, &image);
	verdict_check(&v, ctx, &again, mode, BP_THIN_CHECK_STRICT);
	assert_ok(v.r);
	assert_string_equal(v.text, "");
	assert_memory_equal(again.data, image.data, image.size);
	verdict_done(&v);
	image_done(&again);
	image_done(&image);
	strbuf_done(&xml);
}

static void sharing_is_held_against_times(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 40; seed++) {
		rng = seed * UINT64_C(0x9e3779b97f4a7c15);
		one_pool(seed % 2 ? CHECK_AUTO_REPAIR : CHECK_CLEAR);
	}
}

/* A metadata snapshot keeps no data: what is shared with it alone is the device's own. */
static void a_metadata_snapshot_shares_no_data(void **state)
{
	struct image image;
	struct verdict v;

	(void)state;
	image_load(&image, "thin-msnap");
	verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_STRICT);
	assert_string_equal(v.text, "");
	verdict_done(&v);
	image_done(&image);
}

/* The superblock's clock below what was mapped: raised, but never up to where it would overflow. */
static void the_clock_is_raised(void **state)
{
	static const struct {
		uint32_t before, after;
	} rows[] = { { 0, 3 }, { 2, 3 }, { 3, 3 }, { 9, 9 } };
	struct image good, image;
	struct verdict v;

	(void)state;
	image_load(&good, "thin-small");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		image_copy(&image, &good);
		image_patch(&image, 0, BLOCK_THIN_SUPERBLOCK, 44, 4, rows[i].before);
		verdict_check(&v, ctx, &image, CHECK_CLEAR, 0);
		assert_ok(v.r);
		assert_int_equal(v.res.nr_fatal, 0);
		assert_int_equal(v.res.repaired_times, rows[i].before != rows[i].after);
		verdict_done(&v);
		verdict_check(&v, ctx, &image, CHECK_ONLY, 0);
		assert_int_equal(v.res.superblock.time, rows[i].after);
		assert_int_equal(v.res.nr_fatal, 0);
		verdict_done(&v);
		image_done(&image);
	}
	image_done(&good);
}

/* One mapping's time is damaged: to raise the clock that far would spoil what comes. */
static void no_clock_is_raised_to_its_end(void **state)
{
	static const struct {
		uint32_t time;
		bool mended;
	} rows[] = { { 0xfeffff, true }, { 0xff0000, false }, { 0xffffff, false } };
	struct image good, image;
	struct verdict v;

	(void)state;
	image_load(&good, "thin-refs");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		image_copy(&image, &good);
		/* Leaf 148 of device 0; it shares its last mapping. */
		image_patch(&image, 148, BLOCK_NODE, 32 + 252 * 8 + 125 * 8, 3, rows[i].time);
		verdict_check(&v, ctx, &image, CHECK_AUTO_REPAIR, 0);
		assert_ok(v.r);
		if ((v.res.nr_fatal == 0) != rows[i].mended)
			fail_msg("time %x: %s", rows[i].time, v.text);
		verdict_done(&v);
		image_done(&image);
	}
	image_done(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sharing_is_held_against_times),
		cmocka_unit_test(a_metadata_snapshot_shares_no_data),
		cmocka_unit_test(the_clock_is_raised),
		cmocka_unit_test(no_clock_is_raised_to_its_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
