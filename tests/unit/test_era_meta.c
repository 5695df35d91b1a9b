/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of eras: damage in each block, repair, and reads and writes that fail one after the
 * other. Nobody may be told fewer blocks than were written.
 */
#include "context_test.h"
#include "image.h"
#include "xml_text.h"

#include "core/strbuf.h"
#include "formats/era/check.h"
#include "formats/era/meta.h"
#include "formats/era/repair.h"
#include "formats/era/restore.h"

#include <stdio.h>

#define MOST_BLOCKS 8192u

static const char *const sound[] = { "era-several", "era-crash",   "era-msnap",
				     "era-fresh",   "era-resized", "era-k7" };

static uint64_t nr_damages(const struct image *image)
{
	struct bp_era_check_result res = { .size = sizeof(res) };
	struct io *io = image_io(image);

	assert_ok(era_check_io(ctx, io, CHECK_ONLY, NULL, &res));
	io_close(io);
	return res.nr_fatal + res.nr_nonfatal;
}

static int note_written(void *user, uint32_t begin, uint32_t end)
{
	struct bits *written = user;

	for (uint64_t i = begin; i < end; i++)
		bits_set(written, i);
	return 0;
}

static int no_matter(void *user, const struct bp_damage *damage)
{
	(void)user;
	assert_non_null(damage->what);
	return 0;
}

/* Blocks written since @era; -errno where the superblock can't be used. */
static int written_since(struct io *io, uint32_t era, struct bits *ret)
{
	struct bp_era_meta *meta;
	int r = era_meta_open_io(ctx, io, NULL, &meta);

	if (r < 0)
		return r;
	assert_ok(bits_init(ret, MOST_BLOCKS));
	assert_ok(bp_era_written_since(meta, era, note_written, no_matter, ret));
	free(meta);
	return 0;
}

static void image_written(const struct image *image, uint32_t era, struct bits *ret)
{
	struct io *io = image_io(image);

	assert_ok(written_since(io, era, ret));
	io_close(io);
}

static void assert_includes(const struct bits *all, const struct bits *some)
{
	for (size_t w = 0; w < MOST_BLOCKS / 64; w++)
		assert_int_equal(some->words[w] & ~all->words[w], 0);
}

/* --- a walk --- */

struct walked {
	struct bits written; /* in @since or later, by writesets and array */
	uint32_t since, era;
	uint64_t next; /* of the array */
};

static int on_writeset(void *user, uint32_t era, uint32_t nr_bits, bool current)
{
	struct walked *w = user;

	(void)current;
	assert_true(era > w->era || w->era == 0);
	assert_in_range(nr_bits, 1, MOST_BLOCKS);
	w->era = era;
	return 0;
}

static int on_bits(void *user, uint32_t begin, uint32_t end)
{
	struct walked *w = user;

	return w->era >= w->since ? note_written(&w->written, begin, end) : 0;
}

static int on_era(void *user, uint32_t begin, uint32_t end, uint32_t era)
{
	struct walked *w = user;

	assert_int_equal(begin, w->next);
	assert_true(begin < end);
	w->next = end;
	return era >= w->since ? note_written(&w->written, begin, end) : 0;
}

/* What writesets and array tell, each block once and in order, is what written_since() makes of them. */
static void walk_since(struct io *io, uint32_t since)
{
	struct walked w = { .since = since };
	const struct bp_era_visitor visitor = {
		.writeset = on_writeset,
		.written = on_bits,
		.era = on_era,
		.user = &w,
	};
	struct bp_era_meta *meta;
	struct bits expected;

	assert_ok(era_meta_open_io(ctx, io, NULL, &meta));
	assert_ok(bits_init(&w.written, MOST_BLOCKS));
	assert_ok(bp_era_walk(meta, &visitor));
	assert_int_equal(w.next, bp_era_superblock_get(meta)->nr_blocks);
	assert_ok(written_since(io, since, &expected));
	assert_memory_equal(w.written.words, expected.words, MOST_BLOCKS / 8);
	bits_done(&expected);
	bits_done(&w.written);
	free(meta);
}

static void a_walk_tells_what_was_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sound); i++) {
		struct image image;
		struct io *io;

		image_load(&image, sound[i]);
		io = image_io(&image);
		for (uint32_t since = 1; since <= 12; since++)
			walk_since(io, since);
		io_close(io);
		image_done(&image);
	}
}

/* --- each block in turn zeroed, and flipped --- */

static void repair_and_compare(const struct image *image, const struct bits *before)
{
	struct bp_era_repair_result res = { .size = sizeof(res) };
	struct io *from = image_io(image), *to;
	struct image out;

	image_new(&out, 1024 * IO_BLOCK);
	to = image_io(&out);
	assert_ok(era_repair_io(ctx, from, to, NULL, &res));
	io_close(from);
	io_close(to);
	assert_int_equal(nr_damages(&out), 0);
	for (uint32_t era = 1; era <= 5; era++) {
		struct bits after;

		image_written(&out, era, &after);
		assert_includes(&after, &before[era]);
		bits_done(&after);
	}
	image_done(&out);
}

static void sweep(const char *name, bool flip)
{
	struct bits before[6] = { 0 }, now;
	struct image image;
	uint8_t good[IO_BLOCK];

	image_load(&image, name);
	for (uint32_t era = 1; era <= 5; era++)
		image_written(&image, era, &before[era]);
	for (bp_mblock nr = 1; nr < 1024; nr++) {
		uint8_t *block = image_block(&image, nr);

		if (!image_used(&image, nr))
			continue;
		memcpy(good, block, IO_BLOCK);
		if (flip)
			block[100] ^= 4;
		else
			memset(block, 0, IO_BLOCK);
		assert_true(nr_damages(&image) > 0);
		for (uint32_t era = 1; era <= 5; era++) {
			image_written(&image, era, &now);
			assert_includes(&now, &before[era]);
			bits_done(&now);
		}
		repair_and_compare(&image, before);
		memcpy(block, good, IO_BLOCK);
	}
	assert_int_equal(nr_damages(&image), 0);
	for (uint32_t era = 1; era <= 5; era++)
		bits_done(&before[era]);
	image_done(&image);
}

static void each_block_damaged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sound); i++) {
		sweep(sound[i], false);
		sweep(sound[i], true);
	}
}

/* The only block of the array in era-several: its elements are of eras before the writeset's, 5. */
static void a_lost_array_is_older_than_the_writesets(void **state)
{
	struct bp_era_repair_result res = { .size = sizeof(res) };
	struct image image, out;
	struct bits before, after;
	struct era_sb sb;
	struct io *from, *to;

	(void)state;
	image_load(&image, "era-several");
	image_written(&image, 5, &before);
	assert_true(bits_weight(&before) > 0 && bits_weight(&before) < 1000);
	era_sb_decode(image.data, 0, &sb);
	memset(image_block(&image, sb.pub.era_root), 0, IO_BLOCK);
	image_new(&out, 1024 * IO_BLOCK);
	from = image_io(&image);
	to = image_io(&out);
	assert_ok(era_repair_io(ctx, from, to, NULL, &res));
	io_close(from);
	io_close(to);
	image_written(&out, 5, &after);
	assert_includes(&after, &before);
	assert_includes(&before, &after);
	bits_done(&after);
	image_written(&out, 4, &after);
	assert_int_equal(bits_weight(&after), 1000);
	bits_done(&after);
	bits_done(&before);
	image_done(&image);
	image_done(&out);
}

/* --- without a superblock --- */

static void the_snapshot_stands_in_for_the_superblock(void **state)
{
	struct bits before[6] = { 0 };
	struct image image;

	(void)state;
	image_load(&image, "era-msnap");
	for (uint32_t era = 1; era <= 5; era++)
		image_written(&image, era, &before[era]);
	memset(image.data, 0, IO_BLOCK);
	/* Eras after the snapshot's are forgotten. */
	bits_done(&before[4]);
	bits_done(&before[5]);
	assert_ok(bits_init(&before[4], MOST_BLOCKS));
	assert_ok(bits_init(&before[5], MOST_BLOCKS));
	repair_and_compare(&image, before);
	for (uint32_t era = 1; era <= 5; era++)
		bits_done(&before[era]);
	image_done(&image);
}

/* --- reads and writes that fail --- */

static struct io *failing(const struct image *image, enum io_fault_what what, uint64_t at)
{
	const struct io_fault_plan plan = { what, at, -EIO };
	struct io *io;

	assert_ok(io_fault_new(image_io(image), &plan, &io));
	return io;
}

static void each_read_fails(void **state)
{
	struct image image;

	(void)state;
	image_load(&image, "era-msnap");
	for (bp_mblock nr = 1; nr < 1024; nr++) {
		struct bp_era_check_result res = { .size = sizeof(res) };
		struct bits now;
		struct io *io;

		if (!image_used(&image, nr))
			continue;
		io = failing(&image, IO_FAULT_READ_BLOCK, nr);
		assert_ok(era_check_io(ctx, io, CHECK_ONLY, NULL, &res));
		assert_true(res.nr_fatal > 0);
		assert_ok(written_since(io, 2, &now));
		bits_done(&now);
		io_close(io);
	}
	image_done(&image);
}

static void each_write_of_a_repair_fails(void **state)
{
	struct image image, out;
	uint64_t n = 0;
	int r;

	(void)state;
	image_load(&image, "era-crash");
	do {
		struct bp_era_repair_result res = { .size = sizeof(res) };
		struct io *from = image_io(&image), *to;

		image_copy(&out, &image);
		to = failing(&out, IO_FAULT_WRITE_NTH, n++);
		r = era_repair_io(ctx, from, to, NULL, &res);
		io_close(from);
		io_close(to);
		if (r < 0 && n > 1)
			assert_int_not_equal(block_kind_of(out.data), BLOCK_ERA_SUPERBLOCK);
		assert_true(r == 0 || r == -EIO);
		image_done(&out);
	} while (r < 0);
	assert_true(n > 7);
	image_done(&image);
}

/* --- what the reference does not look at --- */

static void what_can_not_be_is_found(void **state)
{
	static const struct {
		const char *image;
		uint32_t at, bytes;
		uint64_t value;
	} rows[] = {
		{ "era-several", 180, 4, 999 },  /* nr_blocks: one less */
		{ "era-several", 180, 4, 5000 }, /* more than the array has */
		{ "era-several", 184, 4, 7 },    /* current_era: writesets 6, 7 are missing */
		{ "era-several", 184, 4, 4 },    /* 5 is archived, but in the future */
		{ "era-crash", 192, 8, 5000 },   /* current writeset: past the end */
		{ "era-crash", 192, 8, 0 },      /* there is none: era 3 is missing, a leak */
		{ "era-crash", 188, 4, 64 },     /* current writeset: of another size */
		{ "era-msnap", 216, 8, 0 },      /* the snapshot is gone: leaks */
		{ "era-msnap", 216, 8, 3 },      /* and is something else */
		{ "era-several", 172, 4, 7 },    /* data_block_size */
		{ "era-several", 40, 4, 2 },     /* version */
		{ "era-several", 8, 8, 1 },      /* blocknr */
		{ "era-several", 32, 8, 1 },     /* magic */
	};
	struct image image;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		image_load(&image, rows[i].image);
		image_patch(&image, 0, BLOCK_ERA_SUPERBLOCK, rows[i].at, rows[i].bytes,
			    rows[i].value);
		if (!nr_damages(&image))
			fail_msg("row %zu: nothing is found", i);
		image_done(&image);
	}
}

/* Block E was written in era E only, for each era from 1 to @nr. Enough for several leaves. */
static void make_many(const struct image *image, uint32_t nr)
{
	struct strbuf xml = { 0 };
	struct text text;
	const struct xml_source source = text_source(&text);
	struct io *io = image_io(image);

	strbuf_addf(
		&xml,
		"<superblock uuid=\"\" block_size=\"128\" nr_blocks=\"%u\" current_era=\"%u\">",
		nr + 1, nr + 1);
	for (uint32_t era = 1; era <= nr; era++)
		strbuf_addf(&xml,
			    "<writeset era=\"%u\" nr_bits=\"%u\">"
			    "<bit block=\"%u\" value=\"true\"/></writeset>",
			    era, nr + 1, era);
	strbuf_add(&xml, "<era_array>");
	for (uint32_t block = 0; block <= nr; block++)
		strbuf_addf(&xml, "<era block=\"%u\" era=\"0\"/>", block);
	strbuf_add(&xml, "</era_array></superblock>");
	text = (struct text){ xml.text, xml.len };
	assert_ok(era_restore_io(ctx, &source, io, NULL));
	io_close(io);
	strbuf_done(&xml);
}

/* Where a leaf of many writesets is lost, at whichever era it begins and ends, nothing is missing. */
static void lost_writesets_count_as_written(void **state)
{
	enum { NR = 300 };
	struct image image;
	unsigned nr_lost = 0;

	(void)state;
	image_new(&image, 1024 * IO_BLOCK);
	make_many(&image, NR);
	for (bp_mblock nr = 1; nr < 1024; nr++) {
		struct btree_node_disk *node = image_block(&image, nr);

		if (!image_used(&image, nr) || block_kind_of(node) != BLOCK_NODE ||
		    le32_get(node->value_size) != sizeof(struct era_writeset_disk))
			continue;
		node->csum = le32_make(le32_get(node->csum) ^ 1);
		for (uint32_t since = 1; since <= NR; since++) {
			struct bits written;

			image_written(&image, since, &written);
			assert_int_equal(bits_next(&written, since), since);
			bits_done(&written);
		}
		node->csum = le32_make(le32_get(node->csum) ^ 1);
		nr_lost++;
	}
	assert_true(nr_lost > 1);
	image_done(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_tells_what_was_written),
		cmocka_unit_test(each_block_damaged),
		cmocka_unit_test(a_lost_array_is_older_than_the_writesets),
		cmocka_unit_test(the_snapshot_stands_in_for_the_superblock),
		cmocka_unit_test(each_read_fails),
		cmocka_unit_test(each_write_of_a_repair_fails),
		cmocka_unit_test(what_can_not_be_is_found),
		cmocka_unit_test(lost_writesets_count_as_written),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
