/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of caches: reading, damage in each of its blocks, repair, and writing back, each with
 * reads and writes that fail one after the other. What can be read is kept, what is told as done
 * is done, and what failed can be done again.
 */
#include <bedplate/cache_dump.h>

#include "context_test.h"
#include "image.h"

#include "formats/cache/check.h"
#include "formats/cache/meta.h"
#include "formats/cache/repair.h"
#include "formats/cache/writeback.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define ORIGIN_BLOCKS 1u << 14 /* of the images' origin; cache blocks are 32 KiB there */

static const char *const sound[] = {
	"cache-v1-dirty",   "cache-v2-dirty",   "cache-v2-crash",
	"cache-v2-discard", "cache-v1-cleaner", "cache-k7",
};

/* --- what a walk tells --- */

struct seen {
	uint64_t origin[1024]; /* + 1; 0: not mapped */
	bool dirty[1024], may_be_dirty[1024];
	uint64_t nr_mapped, nr_hints, nr_discards, nr_damages;
};

static int see_mapping(void *user, const struct bp_cache_mapping *m)
{
	struct seen *seen = user;

	assert_true(m->cache_block < 1024);
	seen->origin[m->cache_block] = m->origin_block + 1;
	seen->dirty[m->cache_block] = m->dirty;
	seen->may_be_dirty[m->cache_block] = m->may_be_dirty;
	seen->nr_mapped++;
	return 0;
}

static int see_hint(void *user, uint32_t cache_block, const uint8_t *hint)
{
	struct seen *seen = user;

	(void)hint;
	assert_true(cache_block < 1024);
	seen->nr_hints++;
	return 0;
}

static int see_discard(void *user, uint64_t begin, uint64_t end)
{
	struct seen *seen = user;

	seen->nr_discards += end - begin;
	return 0;
}

static int see_damage(void *user, const struct bp_damage *damage)
{
	struct seen *seen = user;

	assert_non_null(damage->what);
	seen->nr_damages++;
	return 0;
}

static int walk(struct io *io, struct seen *seen)
{
	const struct bp_cache_visitor visitor = {
		.mapping = see_mapping,
		.hint = see_hint,
		.discard = see_discard,
		.damage = see_damage,
		.user = seen,
	};
	struct bp_cache_meta *meta;
	int r = cache_meta_open_io(ctx, io, NULL, &meta);

	memset(seen, 0, sizeof(*seen));
	if (r < 0)
		return r;
	r = bp_cache_walk(meta, &visitor);
	free(meta);
	return r;
}

static void walk_image(const struct image *image, struct seen *seen)
{
	struct io *io = image_io(image);

	assert_ok(walk(io, seen));
	io_close(io);
}

static void walks_tell_all(void **state)
{
	static struct seen seen;
	struct image image;

	(void)state;
	image_load(&image, "cache-v2-dirty");
	walk_image(&image, &seen);
	assert_int_equal(seen.nr_mapped, 203);
	assert_int_equal(seen.nr_hints, 1024);
	assert_int_equal(seen.origin[0], 1);
	image_done(&image);
	image_load(&image, "cache-k7");
	walk_image(&image, &seen);
	assert_int_equal(seen.nr_discards, 50);
	image_done(&image);
	/* Not shut down cleanly: what is stored does not count. */
	image_load(&image, "cache-v2-crash");
	walk_image(&image, &seen);
	for (int i = 0; i < 1024; i++)
		assert_int_equal(seen.may_be_dirty[i], seen.origin[i] != 0);
	image_done(&image);
}

/* --- checking --- */

static void check_io(struct io *io, enum check_mode mode, struct bp_cache_check_result *ret)
{
	*ret = (struct bp_cache_check_result){ .size = sizeof(*ret) };
	assert_ok(cache_check_io(ctx, io, mode, NULL, ret));
}

static uint64_t nr_damages(const struct image *image)
{
	struct bp_cache_check_result res;
	struct io *io = image_io(image);

	check_io(io, CHECK_ONLY, &res);
	io_close(io);
	return res.nr_fatal + res.nr_nonfatal;
}

/* --- each block in turn zeroed, and flipped: everything readable is kept --- */

struct losses {
	struct bits lost; /* cache blocks */
};

static void note_loss(void *user, const struct bp_damage *damage)
{
	struct losses *losses = user;

	if (damage->place != BP_PLACE_MAPPINGS || damage->begin == BP_NONE)
		return;
	for (uint64_t i = damage->begin; i < damage->end; i++)
		bits_set(&losses->lost, i);
}

static void repair_and_compare(const struct image *image, const struct seen *before,
			       bool lost_hints_only)
{
	static struct seen after;
	struct losses losses = { 0 };
	struct bp_cache_repair_opts opts = {
		.size = sizeof(opts),
		.damage = note_loss,
		.user = &losses,
	};
	struct bp_cache_repair_result res = { .size = sizeof(res) };
	struct io *from = image_io(image), *to;
	struct image out;

	image_new(&out, 1024 * IO_BLOCK);
	to = image_io(&out);
	assert_ok(bits_init(&losses.lost, 1024));
	assert_ok(cache_repair_io(ctx, from, to, &opts, &res));
	io_close(from);
	io_close(to);
	assert_int_equal(nr_damages(&out), 0);
	walk_image(&out, &after);
	for (uint32_t i = 0; i < 1024; i++) {
		if (bits_test(&losses.lost, i))
			continue;
		assert_int_equal(after.origin[i], before->origin[i]);
		if (before->may_be_dirty[i])
			assert_true(after.may_be_dirty[i]);
	}
	assert_int_equal(res.nr_kept, after.nr_mapped);
	if (lost_hints_only)
		assert_int_equal(after.nr_mapped, before->nr_mapped);
	bits_done(&losses.lost);
	image_done(&out);
}

static void sweep(const char *name, bool flip)
{
	static struct seen before, seen;
	struct image image;
	uint8_t good[IO_BLOCK];

	image_load(&image, name);
	walk_image(&image, &before);
	for (bp_mblock nr = 1; nr < 1024; nr++) {
		uint8_t *block = image_block(&image, nr);
		const struct cache_superblock_disk *sb = image_block(&image, 0);

		if (!image_used(&image, nr))
			continue;
		memcpy(good, block, IO_BLOCK);
		if (flip)
			block[100] ^= 4;
		else
			memset(block, 0, IO_BLOCK);
		assert_true(nr_damages(&image) > 0);
		walk_image(&image, &seen);
		repair_and_compare(&image, &before, nr == le64_get(sb->hint_root));
		memcpy(block, good, IO_BLOCK);
	}
	assert_int_equal(nr_damages(&image), 0);
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

/* --- reads that fail --- */

static struct io *failing(const struct image *image, enum io_fault_what what, uint64_t at)
{
	const struct io_fault_plan plan = { what, at, -EIO };
	struct io *io;

	assert_ok(io_fault_new(image_io(image), &plan, &io));
	return io;
}

static void each_read_fails(void **state)
{
	static struct seen seen;
	struct bp_cache_check_result res;
	struct image image;

	(void)state;
	image_load(&image, "cache-v2-discard");
	for (bp_mblock nr = 1; nr < 1024; nr++) {
		struct io *io;

		if (!image_used(&image, nr))
			continue;
		io = failing(&image, IO_FAULT_READ_BLOCK, nr);
		check_io(io, CHECK_ONLY, &res);
		assert_true(res.nr_fatal > 0);
		assert_ok(walk(io, &seen));
		io_close(io);
	}
	image_done(&image);
}

/* --- repair: each write fails, and no superblock is left --- */

static int repair_to(const struct image *from, struct io *to)
{
	struct bp_cache_repair_result res = { .size = sizeof(res) };
	struct io *io = image_io(from);
	int r = cache_repair_io(ctx, io, to, NULL, &res);

	io_close(io);
	return r;
}

static void each_write_of_a_repair_fails(void **state)
{
	struct image image, out;
	struct io *io;
	uint64_t n = 0;
	int r;

	(void)state;
	image_load(&image, "cache-v2-dirty");
	do {
		image_copy(&out, &image);
		io = failing(&out, IO_FAULT_WRITE_NTH, n++);
		r = repair_to(&image, io);
		io_close(io);
		if (r < 0 && n > 1)
			assert_int_not_equal(block_kind_of(out.data), BLOCK_CACHE_SUPERBLOCK);
		assert_true(r == 0 || r == -EIO);
		image_done(&out);
	} while (r < 0);
	assert_true(n > 10);
	image_done(&image);
}

/* --- leaks are given back, with each write failing --- */

static void each_write_of_auto_repair_fails(void **state)
{
	struct bp_cache_check_result res;
	struct image image;
	struct io *io;
	uint64_t n = 0;
	int r;

	(void)state;
	do {
		image_load(&image, "cache-meta-leak");
		io = failing(&image, IO_FAULT_WRITE_NTH, n++);
		res = (struct bp_cache_check_result){ .size = sizeof(res) };
		r = cache_check_io(ctx, io, CHECK_AUTO_REPAIR, NULL, &res);
		io_close(io);
		/* As sound as before, and the next run ends it. */
		io = image_io(&image);
		check_io(io, CHECK_ONLY, &res);
		assert_int_equal(res.nr_fatal, 0);
		check_io(io, CHECK_AUTO_REPAIR, &res);
		check_io(io, CHECK_ONLY, &res);
		assert_int_equal(res.nr_fatal + res.nr_nonfatal + res.nr_remarks, 0);
		io_close(io);
		image_done(&image);
	} while (r < 0);
	assert_true(n > 2);
}

/* --- needs_check --- */

static void needs_check_is_cleared_where_nothing_is_fatal(void **state)
{
	static const struct {
		const char *image;
		uint32_t flags;
		bool cleared;
	} rows[] = {
		{ "cache-v2-dirty", 0, true },
		{ "cache-v2-dirty", BP_CACHE_CHECK_SUPER_ONLY, true },
		{ "cache-v2-dirty", BP_CACHE_CHECK_SKIP_MAPPINGS, true },
		{ "cache-v2-dirty", BP_CACHE_CHECK_SKIP_HINTS, true },
		{ "cache-v2-dirty", BP_CACHE_CHECK_SKIP_DISCARDS, true },
		{ "cache-v1-crash", 0, true },
		{ "cache-meta-leak", 0, true },
		{ "cache-array-csum", 0, false },
		{ "cache-array-csum", BP_CACHE_CHECK_SKIP_MAPPINGS, true },
		{ "cache-dup-oblock", 0, false },
		{ "cache-dirty-unmapped", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bp_cache_check_opts opts = { .size = sizeof(opts),
						    .flags = rows[i].flags };
		struct bp_cache_check_result res = { .size = sizeof(res) };
		struct cache_superblock_disk *sb;
		struct image image;
		uint32_t flags;
		struct io *io;

		image_load(&image, rows[i].image);
		sb = image_block(&image, 0);
		flags = le32_get(sb->flags) & BP_CACHE_CLEAN;
		image_patch(&image, 0, BLOCK_CACHE_SUPERBLOCK, 4, 4,
			    flags | BP_CACHE_NEEDS_CHECK);
		io = image_io(&image);
		/* Alone it is no damage, and nothing is written by a check. */
		assert_ok(cache_check_io(ctx, io, CHECK_ONLY, &opts, &res));
		assert_int_equal(res.nr_fatal == 0, rows[i].cleared);
		assert_int_equal(le32_get(sb->flags), flags | BP_CACHE_NEEDS_CHECK);
		assert_ok(cache_check_io(ctx, io, CHECK_CLEAR, &opts, &res));
		assert_int_equal(res.cleared_needs_check, rows[i].cleared);
		assert_int_equal(le32_get(sb->flags),
				 rows[i].cleared ? flags : flags | BP_CACHE_NEEDS_CHECK);
		io_close(io);
		image_done(&image);
	}
}

/* --- writing back --- */

/* 1024 cache blocks of 32 KiB, each full of its number; an origin of zeros. */
struct stage {
	struct image metadata, fast, origin;
};
#define BLOCK_BYTES (32u << 10)

static void stage_init(struct stage *s, const char *name)
{
	image_load(&s->metadata, name);
	image_new(&s->fast, 1024 * (size_t)BLOCK_BYTES);
	image_new(&s->origin, (ORIGIN_BLOCKS) * (size_t)BLOCK_BYTES);
	for (uint32_t i = 0; i < 1024; i++)
		memcpy(s->fast.data + (size_t)i * BLOCK_BYTES + 8000, &i, sizeof(i));
}

static void stage_done(struct stage *s)
{
	image_done(&s->metadata);
	image_done(&s->fast);
	image_done(&s->origin);
}

static int writeback(struct stage *s, enum io_fault_what what, uint64_t at, int which,
		     const struct bp_cache_writeback_opts *opts,
		     struct bp_cache_writeback_result *res)
{
	struct io *ios[3];
	int r;

	ios[0] = which == 0 ? failing(&s->metadata, what, at) : image_io(&s->metadata);
	ios[1] = which == 1 ? failing(&s->fast, what, at) : image_io(&s->fast);
	ios[2] = which == 2 ? failing(&s->origin, what, at) : image_io(&s->origin);
	*res = (struct bp_cache_writeback_result){ .size = sizeof(*res) };
	r = cache_writeback_io(ctx, &(struct cache_devices){ ios[0], ios[1], ios[2] }, opts,
			       res);
	for (int i = 0; i < 3; i++)
		io_close(ios[i]);
	return r;
}

static void assert_dirty_is_on_origin(const struct stage *s, const struct seen *before)
{
	for (uint32_t i = 0; i < 1024; i++) {
		uint32_t found;

		if (!before->may_be_dirty[i])
			continue;
		memcpy(&found, s->origin.data + (before->origin[i] - 1) * BLOCK_BYTES + 8000,
		       sizeof(found));
		assert_int_equal(found, i);
	}
}

/* What has to be on the origin is there, and no block is dirty any more. */
static void assert_written_back(struct stage *s, const struct seen *before)
{
	static struct seen after;

	assert_dirty_is_on_origin(s, before);
	walk_image(&s->metadata, &after);
	assert_memory_equal(after.origin, before->origin, sizeof(after.origin));
	for (uint32_t i = 0; i < 1024; i++)
		assert_false(after.may_be_dirty[i]);
	assert_int_equal(nr_damages(&s->metadata), 0);
}

/* Whatever fails, what is dirty and not on the origin must be dirty still. */
static void assert_nothing_lost(struct stage *s, const struct seen *before)
{
	static struct seen now;

	walk_image(&s->metadata, &now);
	for (uint32_t i = 0; i < 1024; i++) {
		uint32_t found;

		if (!before->may_be_dirty[i] || now.may_be_dirty[i])
			continue;
		memcpy(&found, s->origin.data + (before->origin[i] - 1) * BLOCK_BYTES + 8000,
		       sizeof(found));
		assert_int_equal(found, i);
	}
}

static void dirty_blocks_are_written_back(void **state)
{
	static const char *const names[] = { "cache-v1-dirty", "cache-v2-dirty",
					     "cache-v1-crash", "cache-v2-crash" };
	static struct seen before;
	struct bp_cache_writeback_result res;
	struct stage s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		stage_init(&s, names[i]);
		walk_image(&s.metadata, &before);
		assert_ok(writeback(&s, IO_FAULT_NONE, 0, 0, NULL, &res));
		assert_true(res.metadata_updated);
		assert_true(res.nr_copied > 100 && res.nr_copied == res.nr_blocks);
		assert_written_back(&s, &before);
		stage_done(&s);
	}
}

/* While some states are cleared and others not, none may be believed: only the flag says so. */
static bool says_clean(const struct stage *s)
{
	const struct cache_superblock_disk *sb = image_block(&s->metadata, 0);

	return le32_get(sb->flags) & BP_CACHE_CLEAN;
}

static void write_back_interrupted(const char *name, int which, enum io_fault_what what,
				   uint64_t step)
{
	static struct seen before;
	struct bp_cache_writeback_result res;
	uint64_t at = 0;
	bool whole;

	do {
		struct stage s;

		stage_init(&s, name);
		walk_image(&s.metadata, &before);
		whole = writeback(&s, what, at, which, NULL, &res) == 0 && res.metadata_updated;
		if (which == 0 && what == IO_FAULT_WRITE_NTH && at > 0)
			assert_int_equal(says_clean(&s), whole);
		at += step;
		assert_nothing_lost(&s, &before);
		/* And run again. */
		assert_ok(writeback(&s, IO_FAULT_NONE, 0, 0, NULL, &res));
		assert_true(res.metadata_updated);
		assert_written_back(&s, &before);
		stage_done(&s);
	} while (!whole);
	assert_true(at > step);
}

static void writing_back_can_be_interrupted(void **state)
{
	(void)state;
	write_back_interrupted("cache-v1-dirty", 0, IO_FAULT_WRITE_NTH, 1);
	write_back_interrupted("cache-v2-dirty", 0, IO_FAULT_WRITE_NTH, 1);
	write_back_interrupted("cache-v2-crash", 0, IO_FAULT_FLUSH_NTH, 1);
	write_back_interrupted("cache-v1-dirty", 2, IO_FAULT_WRITE_NTH, 97);
	write_back_interrupted("cache-v2-crash", 2, IO_FAULT_FLUSH_NTH, 1);
}

struct failures {
	uint32_t nr, block;
	bool writing;
};

static void note_failed(void *user, const struct bp_cache_writeback_failed *failed)
{
	struct failures *failures = user;

	failures->nr++;
	failures->block = failed->cache_block;
	failures->writing = failed->writing;
}

static void blocks_that_fail_are_told(void **state)
{
	static struct seen before, now;
	struct failures failures = { 0 };
	struct bp_cache_writeback_opts opts = { .size = sizeof(opts),
						.retries = 2,
						.buffer_bytes = 1 << 20,
						.failed = note_failed,
						.user = &failures };
	struct bp_cache_writeback_result res;
	uint32_t dirty = 0;
	struct stage s;

	(void)state;
	stage_init(&s, "cache-v2-dirty");
	walk_image(&s.metadata, &before);
	while (!before.may_be_dirty[dirty])
		dirty++;
	/* One block of the fast device can't be read: all others are copied. */
	assert_ok(writeback(&s, IO_FAULT_READ_BLOCK, dirty * 8 + 3, 1, &opts, &res));
	assert_int_equal(res.nr_read_errors, 1);
	assert_int_equal(res.nr_copied, res.nr_blocks - 1);
	assert_false(res.metadata_updated);
	assert_int_equal(failures.nr, 1);
	assert_int_equal(failures.block, dirty);
	assert_false(failures.writing);
	walk_image(&s.metadata, &now);
	assert_memory_equal(&now, &before, sizeof(now));
	/* And one of the origin's can't be written. */
	assert_ok(writeback(&s, IO_FAULT_WRITE_BLOCK, (before.origin[dirty] - 1) * 8 + 5, 2,
			    &opts, &res));
	assert_int_equal(res.nr_write_errors, 1);
	assert_true(failures.writing);
	assert_false(res.metadata_updated);
	stage_done(&s);
}

/*
 * Whatever block of the metadata is damaged: what may be dirty is copied, and the metadata, of which
 * something is not known, is left as it is.
 */
static void damage_does_not_clear_what_is_dirty(void **state)
{
	static struct seen before;
	struct bp_cache_writeback_result res;
	unsigned nr_unknown = 0;
	struct stage s;
	struct image whole;

	(void)state;
	image_load(&whole, "cache-v2-dirty");
	for (bp_mblock b = 1; b < whole.size / IO_BLOCK; b++) {
		if (block_is_zero(image_block(&whole, b)))
			continue;
		stage_init(&s, "cache-v2-dirty");
		((uint8_t *)image_block(&s.metadata, b))[100] ^= 1;
		walk_image(&s.metadata, &before);
		assert_ok(writeback(&s, IO_FAULT_NONE, 0, 0, NULL, &res));
		assert_int_equal(res.nr_copied, res.nr_blocks);
		assert_true(res.metadata_updated == !res.nr_damages);
		nr_unknown += res.nr_damages && res.nr_blocks > 203 / 2;
		assert_dirty_is_on_origin(&s, &before);
		stage_done(&s);
	}
	assert_true(nr_unknown > 0);
	image_done(&whole);
}

/* The last block that is dirty must lie on the fast device with its last byte. */
static void a_block_beyond_the_fast_device(void **state)
{
	static struct seen before;
	struct bp_cache_writeback_result res;
	uint32_t last = 1023;
	struct stage s;

	(void)state;
	stage_init(&s, "cache-v2-dirty");
	walk_image(&s.metadata, &before);
	while (!before.may_be_dirty[last])
		last--;
	s.fast.size = (last + 1) * (size_t)BLOCK_BYTES - IO_BLOCK;
	assert_err(writeback(&s, IO_FAULT_NONE, 0, 0, NULL, &res), EINVAL);
	assert_why("fast device is too small");
	s.fast.size += IO_BLOCK;
	assert_ok(writeback(&s, IO_FAULT_NONE, 0, 0, NULL, &res));
	assert_written_back(&s, &before);
	stage_done(&s);
}

/* --- progress of a restore: by the text --- */

/* A cache of which all is mapped, as text in a file that has no name. */
static int text_fd(uint64_t *ret_bytes)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	off_t end;

	assert_true(fd >= 0);
	dprintf(fd, "<superblock uuid=\"\" block_size=\"128\" nr_cache_blocks=\"9000\" "
		    "policy=\"smq\" hint_width=\"4\">\n<mappings>\n");
	for (unsigned i = 0; i < 9000; i++)
		dprintf(fd,
			"<mapping cache_block=\"%u\" origin_block=\"%u\" dirty=\"false\"/>\n",
			i, 2 * i);
	dprintf(fd, "</mappings>\n<hints>\n</hints>\n</superblock>\n");
	end = lseek(fd, 0, SEEK_END);
	assert_true(end > 0 && lseek(fd, 0, SEEK_SET) == 0);
	*ret_bytes = (uint64_t)end;
	return fd;
}

struct told {
	uint64_t nr, done, total;
	int answer;
};

static int note_progress(void *user, uint64_t done, uint64_t total)
{
	struct told *told = user;

	assert_true(told->nr == 0 || done >= told->done);
	told->done = done;
	told->total = total;
	told->nr++;
	return told->answer;
}

static void restores_tell_how_far_they_are(void **state)
{
	struct told told = { 0 };
	const struct bp_cache_restore_opts opts = { .size = sizeof(opts),
						    .progress = note_progress,
						    .user = &told };
	struct image image;
	struct bp_cache_meta *meta;
	uint64_t bytes;
	char *path;
	int fd = text_fd(&bytes);

	(void)state;
	image_new(&image, 1 << 20);
	path = image_file(&image);
	assert_ok(bp_cache_restore(ctx, fd, "text", path, &opts));
	assert_true(told.nr > 1);
	assert_int_equal(told.done, bytes);
	assert_int_equal(told.total, bytes);
	/* Over that, and given up: nothing is left that looks valid. */
	told = (struct told){ .answer = 1 };
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(bp_cache_restore(ctx, fd, "text", path, &opts), -ECANCELED);
	assert_int_equal(told.nr, 1);
	assert_true(bp_cache_open(ctx, path, NULL, &meta) < 0);
	close(fd);
	image_unlink(path);
	image_done(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_tell_all),
		cmocka_unit_test(each_block_damaged),
		cmocka_unit_test(damage_does_not_clear_what_is_dirty),
		cmocka_unit_test(a_block_beyond_the_fast_device),
		cmocka_unit_test(each_read_fails),
		cmocka_unit_test(each_write_of_a_repair_fails),
		cmocka_unit_test(each_write_of_auto_repair_fails),
		cmocka_unit_test(needs_check_is_cleared_where_nothing_is_fatal),
		cmocka_unit_test(dirty_blocks_are_written_back),
		cmocka_unit_test(writing_back_can_be_interrupted),
		cmocka_unit_test(blocks_that_fail_are_told),
		cmocka_unit_test(restores_tell_how_far_they_are),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
