/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What calls about metadata are not to do: options that can't be are refused, with words, before anything is opened; whoever
 * asks for it is obeyed at the next step, and what was to be made is not there then.
 */
#include "context_test.h"

#include <bedplate/bedplate.h>
#include <fcntl.h>
#include <stdio.h>

#include "formats/xml/base64.h"
#include "image.h"
#include "temp.h"

/* --- options --- */

static char dir[] = "/tmp/bedplate-refused.XXXXXX";

static const char *sized(const char *name, off_t size)
{
	static char path[4][64];
	static unsigned nr;
	int fd;

	nr = (nr + 1) % 4;
	snprintf(path[nr], sizeof(path[nr]), "%s/%s", dir, name);
	fd = open(path[nr], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
	return path[nr];
}

static int cache_version(void)
{
	return bp_cache_generate(ctx, "none",
				 &(struct bp_cache_generate_opts){
					 sizeof(struct bp_cache_generate_opts), .version = 3 });
}

static int cache_block(void)
{
	return bp_cache_generate(
		ctx, "none",
		&(struct bp_cache_generate_opts){ sizeof(struct bp_cache_generate_opts),
						  .data_block_sectors = 65 });
}

static int cache_percent(void)
{
	return bp_cache_generate(
		ctx, "none",
		&(struct bp_cache_generate_opts){ sizeof(struct bp_cache_generate_opts),
						  .percent_dirty = 101 });
}

static int cache_origin(void)
{
	return bp_cache_generate(
		ctx, "none",
		&(struct bp_cache_generate_opts){ sizeof(struct bp_cache_generate_opts),
						  .nr_origin_blocks = UINT64_MAX });
}

static int era_blocks(void)
{
	return bp_era_generate(
		ctx, "none",
		&(struct bp_era_generate_opts){ sizeof(struct bp_era_generate_opts),
						.nr_blocks = UINT32_MAX });
}

static int hints(void)
{
	bp_bytes bytes;

	return bp_cache_metadata_size(ctx, 100, 129, &bytes);
}

static int restored_version(void)
{
	const struct bp_cache_restore_opts opts = { .size = sizeof(opts), .version = 3 };

	return bp_cache_restore(ctx, -1, "none.xml", "none", &opts);
}

static int verity(struct bp_verity_opts opts)
{
	struct bp_verity_tree tree = { .size = sizeof(tree) };

	opts.size = sizeof(opts);
	return bp_verity_format(ctx, sized("covered", 4096), sized("tree", 1 << 20), &opts,
				&tree);
}

static int verity_algorithm(void)
{
	return verity((struct bp_verity_opts){ .algorithm = "md5" });
}

static int shrink(bp_dblock blocks)
{
	return bp_thin_shrink(ctx, "none", "none2", NULL, blocks, NULL, NULL);
}

static int shrunk_input(void)
{
	return shrink(10);
}

static const char *cache(const char *name)
{
	const struct bp_cache_generate_opts opts = { .size = sizeof(opts),
						     .nr_cache_blocks = 64 };
	const char *path = sized(name, 4 << 20);

	assert_ok(bp_cache_generate(ctx, path, &opts));
	return path;
}

static int spoil_how(void)
{
	const struct bp_spoil_opts opts = { .size = sizeof(opts), .how = 99 };

	return bp_cache_spoil(ctx, cache("spoilt"), &opts);
}

static int leak_counts(void)
{
	return bp_cache_leak(ctx, cache("leaky"), 1, 3, 0);
}

static const struct {
	int (*call)(void);
	int errnum;
	const char *why;
} refused[] = {
	{ cache_version, EINVAL, "metadata version: there are 1 and 2" },
	{ cache_block, EINVAL, "a multiple of 64 sectors" },
	{ cache_percent, EINVAL, "percentages: at most 100" },
	{ cache_origin, EINVAL, "more than 2^48" },
	{ era_blocks, EINVAL, "blocks: at most 2147483647" },
	{ hints, EINVAL, "hints of 129 bytes: 128 is the most" },
	{ restored_version, EINVAL, "unsupported metadata version 3" },
	{ verity_algorithm, ENOTSUP, "hash 'md5' is not supported" },
	{ shrunk_input, ENOENT, "none" },
	{ spoil_how, EINVAL, "no such way of damaging" },
	{ leak_counts, EINVAL, "counts can be 0 to 2 here" },
};

static void options_that_can_not_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		assert_err(refused[i].call(), refused[i].errnum);
		assert_why(refused[i].why);
	}
}

/* Each kind has a name, and beyond the last there is none. */
static void kinds_have_names(void **state)
{
	(void)state;
	assert_non_null(bp_cache_spoil_what_name(0));
	assert_null(bp_cache_spoil_what_name(1000));
	assert_non_null(bp_era_spoil_what_name(0));
	assert_null(bp_era_spoil_what_name(1000));
	assert_non_null(bp_spoil_what_name(0));
	assert_null(bp_spoil_what_name(1000));
}

/* --- stopped --- */

static int stop(void *user, uint64_t done, uint64_t total)
{
	(void)user, (void)done, (void)total;
	return 1;
}

static int take(void *user, const char *text, size_t len)
{
	(void)user, (void)text, (void)len;
	return 0;
}

static char *file_of(const char *name)
{
	struct image image;
	char *path;

	image_load(&image, name);
	path = image_file(&image);
	image_done(&image);
	return path;
}

static void dumps_stop(void **state)
{
	const struct bp_cache_dump_opts cache_opts = { .size = sizeof(cache_opts),
						       .progress = stop };
	const struct bp_era_dump_opts era_opts = { .size = sizeof(era_opts), .progress = stop };
	char *cache = file_of("cache-v2-dirty"), *era = file_of("era-several");
	struct bp_cache_meta *c;
	struct bp_era_meta *e;

	(void)state;
	assert_ok(bp_cache_open(ctx, cache, NULL, &c));
	assert_non_null(bp_cache_superblock_get(c));
	assert_err(bp_cache_dump(c, &cache_opts, take, NULL, NULL), ECANCELED);
	bp_cache_close(c);
	assert_ok(bp_era_open(ctx, era, NULL, &e));
	assert_err(bp_era_dump(e, &era_opts, take, NULL, NULL), ECANCELED);
	bp_era_close(e);
	image_unlink(cache);
	image_unlink(era);
}

static void copies_stop(void **state)
{
	const struct bp_thin_migrate_opts migrate = { .size = sizeof(migrate),
						      .id = 0,
						      .progress = stop };
	const struct bp_thin_trim_opts trim = { .size = sizeof(trim), .progress = stop };
	struct bp_thin_migrate_result moved = { .size = sizeof(moved) };
	struct bp_thin_trim_result trimmed = { .size = sizeof(trimmed) };
	struct bp_thin_generate_opts opts = { .size = sizeof(opts),
					      .nr_devices = 1,
					      .nr_mappings = 100 };
	struct bp_thin_meta *meta;
	const char *metadata = sized("meta", 4 << 20), *data = sized("data", 1 << 30);

	(void)state;
	assert_ok(bp_thin_generate(ctx, metadata, &opts));
	assert_ok(bp_thin_open(ctx, metadata, NULL, &meta));
	assert_err(bp_thin_migrate(meta, data, sized("dest", 1 << 30), &migrate, &moved),
		   ECANCELED);
	bp_thin_close(meta);
	assert_err(bp_thin_trim(ctx, metadata, data, &trim, &trimmed), ECANCELED);
}

/* Where something lies that has to be zeros. */
static void formatting_stops(void **state)
{
	const struct bp_vdo_format_opts opts = { .size = sizeof(opts),
						 .flags = BP_VDO_FORMAT_FORCE,
						 .progress = stop };
	struct bp_vdo_volume v = { .size = sizeof(v) };
	const char *path = sized("vdo", (off_t)5 << 30);
	int fd;

	(void)state;
	assert_ok(bp_vdo_format(ctx, path, NULL, &v));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)bp_mblock_to_bytes(v.journal_start_mblock)),
			 1);
	close(fd);
	assert_err(bp_vdo_format(ctx, path, &opts, NULL), ECANCELED);
}

static void writing_back_stops(void **state)
{
	const struct bp_cache_writeback_opts opts = { .size = sizeof(opts), .progress = stop };
	struct bp_cache_writeback_result result = { .size = sizeof(result) };
	char *cache = file_of("cache-v2-dirty");

	(void)state;
	assert_err(bp_cache_writeback(ctx, cache, sized("fast", 1 << 30),
				      sized("origin", 1 << 30), &opts, &result),
		   ECANCELED);
	assert_why("all blocks are dirty still");
	image_unlink(cache);
}

static void repairs_stop(void **state)
{
	const struct bp_cache_repair_opts cache_opts = { .size = sizeof(cache_opts),
							 .progress = stop };
	struct bp_cache_repair_result result = { .size = sizeof(result) };
	char *cache = file_of("cache-v2-dirty");

	(void)state;
	assert_err(bp_cache_repair(ctx, cache, sized("new", 4 << 20), &cache_opts, &result),
		   ECANCELED);
	image_unlink(cache);
}

/* --- texts --- */

/* All sixty-four digits, and texts that are none. */
static void base64(void **state)
{
	static const char *const wrong[] = { "AAAA!A==", "AAAAAA=A", "AAAAAB==" };
	uint8_t bytes[4], back[4];
	char text[9] = "";

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		bytes[1] = (uint8_t)(255 - i);
		base64_word_encode(text, bytes);
		assert_true(base64_word_decode(text, back));
		assert_memory_equal(bytes, back, sizeof(bytes));
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(base64_word_decode(wrong[i], back));
}

static int begin(void **state)
{
	temp_dir(dir);
	return setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_that_can_not_be),
		cmocka_unit_test(kinds_have_names),
		cmocka_unit_test(dumps_stop),
		cmocka_unit_test(copies_stop),
		cmocka_unit_test(formatting_stops),
		cmocka_unit_test(writing_back_stops),
		cmocka_unit_test(repairs_stop),
		cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, begin, teardown);
}
