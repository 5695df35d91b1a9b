/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"
#include "io/ahead.h"
#include "io/behind.h"
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#define BLOCKS 300

/* An image whose blocks begin with their own number. */
static void numbered(struct image *image, size_t nr)
{
	image_new(image, nr * IO_BLOCK);
	memset(image->data, 0xab, image->size);
	for (size_t i = 0; i < nr; i++)
		*(uint64_t *)image_block(image, i) = i;
}

/* Open a file of @size bytes that begins with @text. */
static int open_text(struct bp_ctx *ctx, const char *text, size_t size, unsigned flags)
{
	char path[] = "/tmp/bedplate-test-XXXXXX";
	int fd = mkstemp(path), r;
	struct io *io = NULL;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
	r = io_open(ctx, path, flags, &io);
	io_close(io);
	unlink(path);
	return r;
}

static const struct {
	const char *text;
	size_t size;
	unsigned flags;
	int r;
	enum bp_error_code code;
	const char *message;
} contents[] = {
	{ "", 4096, 0, 0, 0, NULL },
	{ "", 5000, 0, 0, 0, NULL },
	{ "", 0, 0, -EINVAL, BP_E_TOO_SMALL,
	  "Metadata device/file too small.  Is this binary metadata?" },
	{ "junk", 4095, 0, -EINVAL, BP_E_TOO_SMALL,
	  "Metadata device/file too small.  Is this binary metadata?" },
	{ "<superblock uuid=\"\">", 8192, 0, -EINVAL, BP_E_NOT_METADATA,
	  "This looks like XML.  This tool only supports the binary metadata format." },
	{ "<superblock uuid=\"\">", 20, 0, -EINVAL, BP_E_NOT_METADATA,
	  "This looks like XML.  This tool only supports the binary metadata format." },
	{ "\xef\xbb\xbf\n <?xml version=\"1.0\"?>", 8192, 0, -EINVAL, BP_E_NOT_METADATA,
	  "This looks like XML.  This tool only supports the binary metadata format." },
	{ "<super", 8192, 0, 0, 0, NULL },
	{ "", 40960, IO_OUTPUT, 0, 0, NULL },
	{ "<superblock", 40960, IO_OUTPUT, 0, 0, NULL },
	{ "", 40959, IO_OUTPUT, -EINVAL, BP_E_TOO_SMALL, "Output file too small." },
};

static void content_is_looked_at(void **state)
{
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
		int r = open_text(ctx, contents[i].text, contents[i].size, contents[i].flags);

		assert_int_equal(r, contents[i].r);
		if (!contents[i].message)
			continue;
		assert_string_equal(bp_error_get(ctx)->message, contents[i].message);
		assert_int_equal(bp_error_get(ctx)->code, contents[i].code);
	}
	bp_ctx_free(ctx);
}

static const struct {
	const char *path;
	unsigned flags;
	int r;
	const char *message;
} paths[] = {
	{ "/nonexistent/x", 0, -ENOENT, "Couldn't find input file '/nonexistent/x'" },
	{ "/nonexistent/x", IO_OUTPUT, -ENOENT, "Couldn't find output file '/nonexistent/x'" },
	{ "/tmp", 0, -EINVAL, "Not a block device or regular file '/tmp'." },
	{ "/dev/null", 0, -EINVAL, "Not a block device or regular file '/dev/null'." },
	{ "/tmp", IO_OUTPUT, -EINVAL,
	  "Invalid output file: Not a block device or regular file '/tmp'." },
};

static void paths_are_refused(void **state)
{
	struct bp_ctx *ctx;
	struct io *io;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(io_open(ctx, paths[i].path, paths[i].flags, &io), paths[i].r);
		assert_string_equal(bp_errmsg(ctx), paths[i].message);
		assert_string_equal(bp_error_get(ctx)->device, paths[i].path);
	}
	bp_ctx_free(ctx);
}

static void read_and_write(struct io *io, bp_mblock nr)
{
	uint8_t *buf = io_buffer_new(4);

	assert_int_equal(io->nr_blocks, nr);
	assert_ok(io_read(io, nr - 3, 3, buf));
	assert_int_equal(*(uint64_t *)(void *)buf, nr - 3);
	assert_int_equal(*(uint64_t *)(void *)(buf + 2 * (size_t)IO_BLOCK), nr - 1);
	assert_err(io_read(io, nr, 1, buf), ERANGE);
	assert_err(io_read(io, nr - 1, 2, buf), ERANGE);
	assert_err(io_read(io, UINT64_MAX, 2, buf), ERANGE);

	memset(buf, 0x55, IO_BLOCK);
	assert_ok(io_write(io, 7, 1, buf));
	assert_err(io_write(io, nr, 1, buf), ERANGE);
	assert_ok(io_flush(io));
	memset(buf, 0, IO_BLOCK);
	assert_ok(io_read(io, 7, 1, buf));
	assert_int_equal(buf[4095], 0x55);
	free(buf);
}

static void memory_and_files(void **state)
{
	struct image image = { 0 };
	struct bp_ctx *ctx;
	struct io *io;
	char *path;
	uint8_t *buf = io_buffer_new(2);

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	numbered(&image, 20);
	path = image_file(&image);
	assert_ok(io_open(ctx, path, IO_WRITE, &io));
	read_and_write(io, 20);
	io_close(io);

	assert_ok(io_open(ctx, path, 0, &io));
	assert_err(io_write(io, 7, 1, buf), EBADF);
	/* The file shrinks below us: an error, not old bytes. */
	assert_int_equal(truncate(path, 10 * IO_BLOCK), 0);
	assert_ok(io_read(io, 9, 1, buf));
	assert_err(io_read(io, 9, 2, buf), EIO);
	io_close(io);
	image_unlink(path);

	io = image_io(&image);
	read_and_write(io, 20);
	io_close(io);
	io_close(NULL);
	image_done(&image);
	free(buf);
	bp_ctx_free(ctx);
}

static void holes_are_found(void **state)
{
	char path[] = "/tmp/bedplate-test-XXXXXX";
	int fd = mkstemp(path);
	bp_mblock begin, end;
	struct bp_ctx *ctx;
	struct io *io;
	uint64_t data = 0;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	assert_int_equal(ftruncate(fd, 1000 * IO_BLOCK), 0);
	assert_int_equal(pwrite(fd, "x", 1, 500 * IO_BLOCK + 17), 1);
	close(fd);
	assert_ok(io_open(ctx, path, 0, &io));
	for (bp_mblock at = 0; at < io->nr_blocks; at = end) {
		assert_ok(io_data_next(io, at, &begin, &end));
		assert_true(begin >= at && end >= begin && end <= io->nr_blocks);
		if (begin <= 500 && 500 < end)
			data += 1000;
		data += end - begin;
		if (begin == end)
			assert_int_equal(begin, io->nr_blocks);
	}
	assert_true(data >= 1001); /* it is there, however much a file system keeps around it */
	assert_ok(io_data_next(io, io->nr_blocks, &begin, &end));
	assert_int_equal(begin, 1000);
	io_close(io);
	unlink(path);
	bp_ctx_free(ctx);
}

/* --- streams --- */

struct seen {
	const struct bits *wanted;
	pthread_mutex_t lock;
	unsigned times[BLOCKS + 10];
	size_t count;
	bp_mblock stop_at;
	unsigned errors;
};

static size_t rank_of(const struct bits *wanted, bp_mblock block)
{
	size_t n = 0;

	for (bp_mblock i = 0; i < block; i++)
		n += bits_test(wanted, i);
	return n;
}

static int on_block(void *user, unsigned worker, size_t index, bp_mblock block,
		    const void *data, int error)
{
	struct seen *seen = user;
	int r = block == seen->stop_at ? 42 : 0;

	pthread_mutex_lock(&seen->lock);
	if (worker >= 8 || index != rank_of(seen->wanted, block) ||
	    (data && *(const uint64_t *)data != block) || !data != (error != 0))
		r = -EINVAL;
	seen->errors += error != 0;
	seen->times[block]++;
	seen->count++;
	pthread_mutex_unlock(&seen->lock);
	return r;
}

static int stream(struct io *io, const struct bits *wanted, unsigned workers, struct seen *seen)
{
	*seen = (struct seen){ .wanted = wanted, .stop_at = seen->stop_at };
	pthread_mutex_init(&seen->lock, NULL);
	return io_stream(io, wanted, workers, on_block, seen);
}

static void streams_give_each_block_once(void **state)
{
	struct seen seen = { .stop_at = UINT64_MAX };
	struct image image = { 0 };
	struct bits wanted;
	struct io *io;

	(void)state;
	numbered(&image, BLOCKS);
	io = image_io(&image);
	for (unsigned step = 1; step < 40; step++)
		for (unsigned workers = 0; workers < 4; workers++) {
			assert_ok(bits_init(&wanted, BLOCKS + 10));
			for (bp_mblock b = step / 2; b < BLOCKS; b += step)
				bits_set(&wanted, b);
			assert_ok(stream(io, &wanted, workers, &seen));
			assert_int_equal(seen.count, bits_weight(&wanted));
			for (bp_mblock b = 0; b < BLOCKS; b++)
				assert_int_equal(seen.times[b], bits_test(&wanted, b));
			bits_done(&wanted);
		}
	io_close(io);
	image_done(&image);
}

static void streams_stop_and_report(void **state)
{
	struct io_fault_plan plan = { IO_FAULT_READ_BLOCK, 130, -EIO };
	struct seen seen = { .stop_at = UINT64_MAX };
	struct image image = { 0 };
	struct bits wanted;
	struct io *io;

	(void)state;
	numbered(&image, BLOCKS);
	assert_ok(io_fault_new(image_io(&image), &plan, &io));
	assert_ok(bits_init(&wanted, BLOCKS + 10));
	for (bp_mblock b = 0; b < BLOCKS + 3; b++)
		bits_set(&wanted, b);

	/* One bad block, and three that are past the end: all others are there. */
	assert_ok(stream(io, &wanted, 2, &seen));
	assert_int_equal(seen.count, BLOCKS + 3);
	assert_int_equal(seen.errors, 4);
	assert_int_equal(seen.times[130], 1);

	seen.stop_at = 20;
	assert_int_equal(stream(io, &wanted, 1, &seen), 42);
	assert_int_equal(seen.count, 21);
	bits_done(&wanted);
	io_close(io);
	image_done(&image);
}

static void many_blocks_in_any_order(void **state)
{
	struct io_fault_plan plan = { IO_FAULT_READ_BLOCK, 31, -EIO };
	struct io_request q[BLOCKS + 1];
	struct image image = { 0 };
	uint8_t *buf = io_buffer_new(BLOCKS + 1);
	struct io *io;

	(void)state;
	numbered(&image, BLOCKS);
	assert_ok(io_fault_new(image_io(&image), &plan, &io));
	for (size_t i = 0; i <= BLOCKS; i++)
		q[i] = (struct io_request){ .block = i * 7 % (BLOCKS - 1),
					    .buf = buf + i * IO_BLOCK };
	q[3].block = BLOCKS + 5;
	assert_ok(io_read_many(io, q, BLOCKS + 1));
	for (size_t i = 0; i <= BLOCKS; i++) {
		if (q[i].block == 31)
			assert_err(q[i].error, EIO);
		else if (q[i].block >= BLOCKS)
			assert_err(q[i].error, ERANGE);
		else if (q[i].error || *(uint64_t *)q[i].buf != q[i].block)
			fail();
	}
	assert_ok(io_read_many(io, q, 0));

	/* One block over and over, then others, several runs at once. */
	io->batch_runs = 4;
	for (size_t i = 0; i <= BLOCKS; i++)
		q[i].block = i < 290 ? 50 : 60 + 2 * (i - 290);
	assert_ok(io_read_many(io, q, BLOCKS + 1));
	for (size_t i = 0; i <= BLOCKS; i++)
		assert_true(q[i].error == 0 && *(uint64_t *)q[i].buf == q[i].block);
	io_close(io);
	image_done(&image);
	free(buf);
}

static void faults_are_as_planned(void **state)
{
	struct image image = { 0 };
	uint8_t *buf = io_buffer_new(4);
	struct io *io;

	(void)state;
	numbered(&image, 10);
	memset(buf, 0x11, 4 * (size_t)IO_BLOCK);

	assert_ok(io_fault_new(image_io(&image),
			       &(struct io_fault_plan){ IO_FAULT_WRITE_NTH, 2, -ENOSPC }, &io));
	assert_err(io_write(io, 0, 4, buf), ENOSPC);
	assert_err(io_write(io, 9, 1, buf), ENOSPC);
	assert_int_equal(*image.data, 0x11);
	assert_int_equal(*(uint64_t *)image_block(&image, 2), 2);
	assert_int_equal(*(uint64_t *)image_block(&image, 9), 9);
	io_close(io);

	assert_ok(io_fault_new(image_io(&image),
			       &(struct io_fault_plan){ IO_FAULT_READ_NTH, 1, -EIO }, &io));
	assert_ok(io_read(io, 5, 1, buf));
	assert_err(io_read(io, 6, 1, buf), EIO);
	assert_err(io_read(io, 6, 1, buf), EIO);
	assert_ok(io_read(io, 7, 1, buf));
	io_close(io);

	assert_ok(io_fault_new(image_io(&image),
			       &(struct io_fault_plan){ IO_FAULT_FLUSH_NTH, 1, -EIO }, &io));
	assert_ok(io_flush(io));
	assert_err(io_flush(io), EIO);
	assert_ok(io_flush(io));
	assert_int_equal(io_fault_counts_get(io).flushes, 3);
	io_close(io);
	image_done(&image);
	free(buf);
}

/* Blocks 0 .. @nr - 1 with their own number, as many at once as fit. */
static int write_behind(struct io_behind *b, size_t nr)
{
	int r = 0;

	for (size_t first = 0, count; r == 0 && first < nr; first += count) {
		uint8_t *buf = io_behind_buffer(b);

		count = MIN(nr - first, (size_t)IO_BEHIND_BLOCKS);
		for (size_t i = 0; i < count; i++)
			*(uint64_t *)(void *)(buf + i * IO_BLOCK) = first + i;
		r = io_behind_write(b, first, count);
	}
	return r;
}

static void writing_behind(void **state)
{
	const size_t sizes[] = { 0, 1, 128, 129, 1000 };
	struct image image = { 0 };
	struct io_behind *b;
	struct io *io;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		image_new(&image, 1001 * IO_BLOCK);
		io = image_io(&image);
		assert_ok(io_behind_new(io, &b));
		assert_ok(write_behind(b, sizes[i]));
		assert_ok(io_behind_wait(b));
		for (bp_mblock nr = 0; nr < 1001; nr++)
			assert_int_equal(*(uint64_t *)image_block(&image, nr),
					 nr < sizes[i] ? nr : 0);
		io_behind_free(b);
		io_close(io);
		image_done(&image);
	}
	io_behind_free(NULL);
}

/* Nothing comes after what failed, and it is not forgotten. */
static void writing_behind_stops(void **state)
{
	struct io_fault_plan plan = { IO_FAULT_WRITE_BLOCK, 300, -EIO };
	struct image image = { 0 };
	struct io_behind *b;
	struct io *io;

	(void)state;
	image_new(&image, 2000 * IO_BLOCK);
	assert_ok(io_fault_new(image_io(&image), &plan, &io));
	assert_ok(io_behind_new(io, &b));
	assert_err(write_behind(b, 2000), EIO);
	assert_err(io_behind_wait(b), EIO);
	assert_int_equal(io_behind_failed(b), 256);
	assert_err(io_behind_write(b, 1900, 1), EIO);
	assert_err(io_behind_wait(b), EIO);
	assert_int_equal(*(uint64_t *)image_block(&image, 255), 255);
	for (bp_mblock nr = 300; nr < 2000; nr++)
		assert_int_equal(*(uint64_t *)image_block(&image, nr), 0);
	io_behind_free(b);
	io_close(io);
	image_done(&image);
}

/* Is each block what it says it is? */
static void verify_numbers(const void *user, struct io_batch *batch)
{
	(void)user;
	for (size_t i = 0; i < batch->nr; i++)
		batch->verdicts[i] =
			batch->requests[i].error
				? batch->requests[i].error
				: *(uint64_t *)batch->requests[i].buf == batch->tags[i];
}

/* Take a batch: tags go on from @next, and only block 777 can't be read. */
static void take_ahead(struct io_ahead *a, uint64_t *next)
{
	const struct io_batch *batch = io_ahead_take(a);

	assert_non_null(batch);
	assert_int_equal(batch->error, 0);
	for (size_t i = 0; i < batch->nr; i++, ++*next) {
		assert_int_equal(batch->tags[i], *next);
		assert_int_equal(batch->verdicts[i], *next == 777 ? -EIO : 1);
	}
}

/* Blocks come in the order in which they were asked for, whoever reads them. */
static void reading_ahead(void **state)
{
	static const struct io_fault_plan plan = { IO_FAULT_READ_BLOCK, 777, -EIO };
	struct image image = { 0 };
	struct io_ahead *a;
	struct io *io;

	(void)state;
	numbered(&image, 1500);
	assert_ok(io_fault_new(image_io(&image), &plan, &io));
	for (unsigned threads = 1; threads <= 2; threads++) {
		uint64_t next = 0, asked = 0;

		assert_ok(io_ahead_new(io, threads, verify_numbers, NULL, &a));
		assert_null(io_ahead_take(a));
		while (asked < 1500) {
			struct io_batch *batch = io_ahead_batch(a);

			if (!batch) {
				take_ahead(a, &next);
				continue;
			}
			for (; batch->nr < IO_AHEAD_BLOCKS && asked < 1500; batch->nr++) {
				batch->requests[batch->nr].block = asked;
				batch->tags[batch->nr] = asked++;
			}
			io_ahead_ask(a);
		}
		while (next < 1500)
			take_ahead(a, &next);
		assert_null(io_ahead_take(a));
		io_ahead_free(a);
	}

	/* Nobody takes what was asked for. */
	assert_ok(io_ahead_new(io, 2, verify_numbers, NULL, &a));
	for (int i = 0; i < 3; i++) {
		io_ahead_batch(a)->nr = 1;
		io_ahead_ask(a);
	}
	io_ahead_free(a);
	io_ahead_free(NULL);
	io_close(io);
	image_done(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_is_looked_at),
		cmocka_unit_test(paths_are_refused),
		cmocka_unit_test(memory_and_files),
		cmocka_unit_test(holes_are_found),
		cmocka_unit_test(streams_give_each_block_once),
		cmocka_unit_test(streams_stop_and_report),
		cmocka_unit_test(many_blocks_in_any_order),
		cmocka_unit_test(faults_are_as_planned),
		cmocka_unit_test(reading_ahead),
		cmocka_unit_test(writing_behind),
		cmocka_unit_test(writing_behind_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
