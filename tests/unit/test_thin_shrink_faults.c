/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bp_thin_shrink() on files, with each thing that it asks of them failing in turn: opening, reading,
 * writing and flushing, of metadata and of data. The linker puts the functions below before those of
 * the library (--wrap). Whatever fails, the old metadata finds its data, and no new metadata is there;
 * nothing of it is written before the data was flushed.
 */
#include "context_test.h"

#include <bedplate/output.h>
#include <bedplate/thin_dump.h>
#include <bedplate/thin_shrink.h>

#include "formats/thin/meta.h"
#include "formats/thin/shrink_meta.h"
#include "io/data.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK     65536u
#define NR_BEFORE 40u
#define NR_WANTED 9u
#define META_SIZE (1u << 20)

static const char text[] =
	"<superblock uuid=\"\" time=\"2\" transaction=\"5\" version=\"2\" "
	"data_block_size=\"128\" nr_data_blocks=\"40\">\n"
	"<device dev_id=\"0\" mapped_blocks=\"5\" transaction=\"0\" creation_time=\"0\" "
	"snap_time=\"2\">\n"
	"<single_mapping origin_block=\"9\" data_block=\"39\" time=\"1\"/>\n"
	"<range_mapping origin_begin=\"12\" data_begin=\"1\" length=\"2\" time=\"1\"/>\n"
	"<range_mapping origin_begin=\"20\" data_begin=\"18\" length=\"2\" time=\"1\"/>\n"
	"</device>\n"
	"<device dev_id=\"1\" mapped_blocks=\"2\" transaction=\"0\" creation_time=\"1\" "
	"snap_time=\"2\">\n"
	"<range_mapping origin_begin=\"5\" data_begin=\"37\" length=\"2\" time=\"1\"/>\n"
	"</device>\n"
	"</superblock>\n";

/* What devices map before: device, virtual block, data block. */
static const uint8_t mapped[][3] = {
	{ 0, 9, 39 },  { 0, 12, 1 }, { 0, 13, 2 }, { 0, 20, 18 },
	{ 0, 21, 19 }, { 1, 5, 37 }, { 1, 6, 38 },
};

static char dir[] = "/tmp/bedplate-shrink-XXXXXX";

/* --- what fails --- */

enum place { CALLS, INPUT, OUTPUT };

static struct {
	enum place place;
	struct io_fault_plan plan; /* of INPUT and OUTPUT; of CALLS the number */
	uint64_t calls;
	bool dirty; /* data was written, and not flushed yet */
} now;

static bool fails(void)
{
	return now.calls++ == now.plan.at && now.place == CALLS;
}

static int fail_call(void)
{
	return bp_fail(ctx, -EIO, "made to fail");
}

int __real_data_open(struct bp_ctx *in, const char *path, unsigned flags, struct data **ret);
int __wrap_data_open(struct bp_ctx *in, const char *path, unsigned flags, struct data **ret);
int __wrap_data_open(struct bp_ctx *in, const char *path, unsigned flags, struct data **ret)
{
	return fails() ? fail_call() : __real_data_open(in, path, flags, ret);
}

int __real_data_read(struct bp_ctx *in, const struct data *d, bp_bytes offset, size_t len,
		     void *buf);
int __wrap_data_read(struct bp_ctx *in, const struct data *d, bp_bytes offset, size_t len,
		     void *buf);
int __wrap_data_read(struct bp_ctx *in, const struct data *d, bp_bytes offset, size_t len,
		     void *buf)
{
	return fails() ? fail_call() : __real_data_read(in, d, offset, len, buf);
}

int __real_data_write(struct bp_ctx *in, const struct data *d, bp_bytes offset, size_t len,
		      const void *buf);
int __wrap_data_write(struct bp_ctx *in, const struct data *d, bp_bytes offset, size_t len,
		      const void *buf);
/* One that fails has written half. */
int __wrap_data_write(struct bp_ctx *in, const struct data *d, bp_bytes offset, size_t len,
		      const void *buf)
{
	bool failing = fails();
	int r = __real_data_write(in, d, offset, failing ? len / 2 : len, buf);

	now.dirty = true;
	return failing ? fail_call() : r;
}

int __real_data_flush(struct bp_ctx *in, const struct data *d);
int __wrap_data_flush(struct bp_ctx *in, const struct data *d);
int __wrap_data_flush(struct bp_ctx *in, const struct data *d)
{
	if (fails())
		return fail_call();
	now.dirty = false;
	return __real_data_flush(in, d);
}

int __real_bp_output_new(struct bp_ctx *in, const char *path, const struct bp_output_opts *opts,
			 struct bp_output **ret);
int __wrap_bp_output_new(struct bp_ctx *in, const char *path, const struct bp_output_opts *opts,
			 struct bp_output **ret);
int __wrap_bp_output_new(struct bp_ctx *in, const char *path, const struct bp_output_opts *opts,
			 struct bp_output **ret)
{
	return fails() ? fail_call() : __real_bp_output_new(in, path, opts, ret);
}

int __real_bp_output_write(void *output, const char *bytes, size_t len);
int __wrap_bp_output_write(void *output, const char *bytes, size_t len);
int __wrap_bp_output_write(void *output, const char *bytes, size_t len)
{
	assert_false(now.dirty);
	return fails() ? fail_call() : __real_bp_output_write(output, bytes, len);
}

int __real_bp_output_commit(struct bp_output *output);
int __wrap_bp_output_commit(struct bp_output *output);
int __wrap_bp_output_commit(struct bp_output *output)
{
	return fails() ? fail_call() : __real_bp_output_commit(output);
}

int __real_shrink_meta_write(struct shrink_meta *s, const struct shrink_plan *p, struct io *io);
int __wrap_shrink_meta_write(struct shrink_meta *s, const struct shrink_plan *p, struct io *io);
int __wrap_shrink_meta_write(struct shrink_meta *s, const struct shrink_plan *p, struct io *io)
{
	assert_false(now.dirty);
	return fails() ? fail_call() : __real_shrink_meta_write(s, p, io);
}

int __real_io_open(struct bp_ctx *in, const char *path, unsigned flags, struct io **ret);
int __wrap_io_open(struct bp_ctx *in, const char *path, unsigned flags, struct io **ret);
int __wrap_io_open(struct bp_ctx *in, const char *path, unsigned flags, struct io **ret)
{
	struct io *io;
	int r = fails() ? fail_call() : __real_io_open(in, path, flags, &io);

	if (r < 0)
		return r;
	if (now.place == (flags & IO_WRITE ? OUTPUT : INPUT))
		assert_ok(io_fault_new(io, &now.plan, &io));
	*ret = io;
	return 0;
}

/* --- files --- */

static char *file(const char *name)
{
	static char paths[4][sizeof(dir) + 16];
	static unsigned next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void make_file(const char *name, const void *bytes, size_t len, size_t size)
{
	int fd = open(file(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_ok(ftruncate(fd, (off_t)size));
	close(fd);
}

/* Each data block full of its number + 1; the metadata as text and in binary. */
static void make_files(void)
{
	static uint8_t data[NR_BEFORE * BLOCK];
	static bool made;

	for (unsigned i = 0; i < NR_BEFORE; i++)
		memset(data + (size_t)i * BLOCK, (int)i + 1, BLOCK);
	make_file("data", data, sizeof(data), sizeof(data));
	make_file("new", "", 0, META_SIZE);
	unlink(file("new.xml"));
	if (made)
		return;
	make_file("old.xml", text, strlen(text), strlen(text));
	make_file("old", "", 0, META_SIZE);
	made = true;
}

static void restore_old(void)
{
	int fd = open(file("old.xml"), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_ok(bp_thin_restore(ctx, fd, "old.xml", file("old"), NULL));
	close(fd);
}

static int shrink(bool binary, const char *data)
{
	const struct bp_thin_shrink_opts opts = {
		.size = sizeof(opts),
		.flags = binary ? BP_THIN_SHRINK_BINARY : 0,
	};

	now.calls = 0;
	now.dirty = false;
	return bp_thin_shrink(ctx, file(binary ? "old" : "old.xml"),
			      file(binary ? "new" : "new.xml"), data, NR_WANTED, &opts, NULL);
}

static void check_block(int fd, uint64_t at, unsigned number)
{
	static uint8_t block[BLOCK];

	assert_int_equal(pread(fd, block, BLOCK, (off_t)(at * BLOCK)), BLOCK);
	for (size_t i = 0; i < BLOCK; i += 511)
		assert_int_equal(block[i], number + 1);
}

static void check_old(void)
{
	int fd = open(file("data"), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(mapped); i++)
		check_block(fd, mapped[i][2], mapped[i][2]);
	close(fd);
}

/* A failure leaves the old pool, and no new one. */
static void check_nothing_new(bool binary)
{
	uint8_t block[IO_BLOCK];
	struct stat st;
	int fd;

	assert_true(strlen(bp_errmsg(ctx)) > 0);
	check_old();
	assert_true(stat(file("new.xml"), &st) < 0 && errno == ENOENT);
	if (!binary)
		return;
	fd = open(file("new"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, block, sizeof(block)), sizeof(block));
	close(fd);
	assert_true(block_is_zero(block));
}

/* Every block of every device is where the new metadata says, and below what was wanted. */
static void check_new(bool binary)
{
	struct bp_thin_meta *meta;
	int fd = open(file("data"), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	check_old();
	if (!binary) {
		int xml = open(file("new.xml"), O_RDONLY | O_CLOEXEC);

		assert_true(xml >= 0);
		assert_ok(bp_thin_restore(ctx, xml, "new.xml", file("new"), NULL));
		close(xml);
	}
	assert_ok(bp_thin_open(ctx, file("new"), NULL, &meta));
	assert_int_equal(bp_thin_superblock_get(meta)->nr_data_blocks, NR_WANTED);
	for (size_t i = 0; i < ARRAY_SIZE(mapped); i++) {
		bp_dblock at;
		uint32_t time;

		assert_ok(bp_thin_lookup(meta, mapped[i][0], mapped[i][1], &at, &time));
		assert_true(at < NR_WANTED);
		check_block(fd, at, mapped[i][2]);
	}
	bp_thin_close(meta);
	close(fd);
}

/* --- each in turn --- */

/* How many failed, until nothing did. */
static uint64_t fail_each(bool binary, enum place place, enum io_fault_what what)
{
	uint64_t at = 0;

	for (;; at++) {
		now.place = place;
		now.plan = (struct io_fault_plan){ what, at, -EIO };
		make_files();
		if (shrink(binary, file("data")) == 0)
			break;
		now.plan = (struct io_fault_plan){ .at = UINT64_MAX };
		check_nothing_new(binary);
	}
	if (place == CALLS)
		assert_int_equal(now.calls, at);
	now.plan = (struct io_fault_plan){ .at = UINT64_MAX };
	check_new(binary);
	print_message("# place %d, kind %d: %u failures\n", place, what, (unsigned)at);
	return at;
}

static void each_failure_is_told(void **state)
{
	(void)state;
	now.plan = (struct io_fault_plan){ .at = UINT64_MAX };
	make_files();
	restore_old();
	/* Five blocks in three runs are moved: 2 calls each, the data opened and flushed, the output. */
	assert_in_range(fail_each(false, CALLS, IO_FAULT_NONE), 9, 20);
	assert_in_range(fail_each(true, CALLS, IO_FAULT_NONE), 9, 20);
	assert_in_range(fail_each(true, INPUT, IO_FAULT_READ_NTH), 5, 60);
	assert_in_range(fail_each(true, OUTPUT, IO_FAULT_WRITE_NTH), 5, 60);
	assert_in_range(fail_each(true, OUTPUT, IO_FAULT_FLUSH_NTH), 2, 10);
}

static void data_that_will_not_do_is_refused(void **state)
{
	static const struct {
		const char *name;
		int error;
	} rows[] = {
		{ "missing", ENOENT }, { ".", EISDIR },       { "short", EINVAL },
		{ "old", EINVAL },     { "old.xml", EINVAL },
	};

	(void)state;
	now.plan = (struct io_fault_plan){ .at = UINT64_MAX };
	for (unsigned binary = 0; binary < 2; binary++) {
		make_files();
		restore_old();
		make_file("short", "", 0, (NR_BEFORE - 1) * (size_t)BLOCK);
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			assert_err(shrink(binary, file(rows[i].name)), rows[i].error);
			check_nothing_new(binary);
		}
		assert_err(shrink(binary, NULL), EINVAL);
		assert_why("data device is needed");
		check_nothing_new(binary);
	}
}

static int make_dir(void **state)
{
	return setup(state) ?: mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {
		"data", "new", "new.xml", "old", "old.xml", "short"
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(file(names[i]));
	/* Nothing else was left there. */
	return teardown(state) ?: rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_is_told),
		cmocka_unit_test(data_that_will_not_do_is_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
