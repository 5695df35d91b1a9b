/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing block devices, on a machine that is a directory: a file that says it is one; calls that devices alone have. */
#include "unit.h"

#include "machine/machine.h"

#include <bedplate/bedplate.h>
#include <bedplate/output.h>
#include <linux/fs.h>

#include "core/context.h"
#include "io/data.h"
#include "io/io.h"
#include "io/output.h"
#include "temp.h"

#define BLOCKS 64

static struct bp_ctx *ctx;
static char dir[] = "/tmp/bedplate-device.XXXXXX";
static int file, asked_for, fails;
static uint64_t range[2];

#ifdef HAVE_URING
int machine_wait_fails;
#endif

/* /dev/disk is the file; /dev/busy is somebody's. */
static int opens(const char *path)
{
	char name[32];

	if (strcmp(path, "/dev/disk") != 0)
		return -1;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	return open(name, O_RDWR | O_CLOEXEC);
}

static int device_calls(int fd, unsigned long request, void *arg)
{
	(void)fd;
	asked_for++;
	if (fails)
		return -fails;
	if (request == BLKGETSIZE64)
		*(uint64_t *)arg = BLOCKS * IO_BLOCK;
	else if (request == BLKDISCARD || request == BLKZEROOUT)
		memcpy(range, arg, sizeof(range));
	else
		return -ENOTTY;
	return 0;
}

static int setup(void **state)
{
	char path[64];

	(void)state;
	machine_new();
	temp_dir(dir);
	snprintf(path, sizeof(path), "%s/disk", dir);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, BLOCKS * IO_BLOCK), 0);
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_int_equal(pwrite(file, &(char){ (char)('a' + i % 26) }, 1, i * IO_BLOCK),
				 1);
	machine_file("/dev/disk", "block 8:0\n");
	machine_file("/dev/loop3", "block 7:3\n");
	machine_device(file, 8, 0);
	machine_opens = opens;
	machine_ioctls = device_calls;
	return bp_ctx_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	bp_ctx_free(ctx);
	close(file);
	return 0;
}

/* Eight runs at a time, one block each, not in order. */
static void read_runs(struct io *io)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(8);
	struct io_run runs[8];

	/* What a ring's read fills, valgrind takes for unset. */
	memset(buf, 0xee, 8 * IO_BLOCK);
	for (unsigned i = 0; i < 8; i++)
		runs[i] = (struct io_run){ .first = i * 7 % BLOCKS,
					   .count = 1,
					   .buf = buf + i * IO_BLOCK };
	assert_ok(io->ops->read(io, runs, 8));
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(buf[i * IO_BLOCK], 'a' + i * 7 % BLOCKS % 26);
}

static void blocks(void **state)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(1);
	struct io *io;

	(void)state;
	assert_ok(io_open(ctx, "/dev/disk", IO_WRITE, &io));
	assert_int_equal(io->nr_blocks, BLOCKS);
	read_runs(io);
	read_runs(io); /* by the ring of before, where there is one */
#ifdef HAVE_URING
	machine_wait_fails = EINVAL;
	read_runs(io);
	machine_wait_fails = 0;
	read_runs(io);
#endif
	memset(buf, 'z', IO_BLOCK);
	assert_ok(io_write(io, 3, 1, buf));
	assert_ok(io_read(io, 3, 1, buf));
	assert_int_equal(buf[IO_BLOCK - 1], 'z');
	assert_ok(io_zero(io, 4, 2));
	assert_int_equal(range[0], 4 * IO_BLOCK);
	assert_int_equal(range[1], 2 * IO_BLOCK);
	io_close(io);
	assert_int_equal(pwrite(file, "d", 1, 3 * IO_BLOCK), 1);
}

/* Of a pool that is active: what to do depends on what was to be done. */
static void in_use(void **state)
{
	struct data *d;
	struct io *io;

	(void)state;
	machine_refuse(EBUSY);
	machine_opens = NULL;
	assert_err(io_open(ctx, "/dev/disk", 0, &io), EBUSY);
	assert_non_null(strstr(bp_error_get(ctx)->hint, "read its metadata snapshot"));
	assert_err(io_open(ctx, "/dev/disk", IO_WRITE, &io), EBUSY);
	assert_non_null(strstr(bp_error_get(ctx)->hint, "whatever uses it"));
	assert_err(data_open(ctx, "/dev/disk", 0, &d), EBUSY);
	assert_int_equal(bp_error_get(ctx)->code, BP_E_POOL_IN_USE);
	machine_refuse(0);
	machine_opens = opens;
}

static void bytes(void **state)
{
	char byte;
	struct data *d;

	(void)state;
	assert_ok(data_open(ctx, "/dev/disk", DATA_WRITE, &d));
	assert_int_equal(d->size, BLOCKS * IO_BLOCK);
	assert_ok(data_read(ctx, d, 2 * IO_BLOCK, 1, &byte));
	assert_int_equal(byte, 'c');
	assert_ok(data_discard(ctx, d, 512, 1024));
	assert_int_equal(range[0], 512);
	assert_ok(data_zero(ctx, d, 4096, 8192));
	assert_int_equal(range[1], 8192);
	/* Where a device can do neither it is written to. */
	fails = EOPNOTSUPP;
	assert_err(data_discard(ctx, d, 0, 512), ENOTSUP);
	assert_ok(data_zero(ctx, d, 0, 100000));
	assert_ok(data_read(ctx, d, 2 * IO_BLOCK, 1, &byte));
	assert_int_equal(byte, 0);
	data_close(d);
	assert_err(data_open(ctx, "/dev/disk", 0, &d), EOPNOTSUPP);
	fails = 0;
}

/* A device as output; and one that is a loop device over what is read. */
static void outputs(void **state)
{
	struct bp_output *o;
	char path[64];

	(void)state;
	assert_ok(bp_output_new(ctx, "/dev/disk", NULL, &o));
	assert_ok(bp_output_write(o, "text", 4));
	assert_ok(bp_output_commit(o));
	bp_output_free(o);
	snprintf(path, sizeof(path), "%s/disk", dir);
	machine_file("/sys/dev/block/7:3/loop/backing_file", "%s\n", path);
	assert_err(output_refuse_input(ctx, -1, "/dev/loop3", path), EINVAL);
	assert_err(output_refuse_input(ctx, -1, "/dev/disk", "/dev/disk"), EINVAL);
	machine_file("/dev/other", "block 8:16\n");
	assert_ok(output_refuse_input(ctx, -1, "/dev/loop3", "/dev/other"));
	machine_refuse(EBUSY);
	machine_opens = NULL;
	assert_ok(bp_output_new(ctx, "/dev/disk", NULL, &o));
	assert_err(bp_output_write(o, "text", 4), EBUSY);
	assert_err(bp_output_commit(o), EBUSY);
	assert_non_null(strstr(bp_error_get(ctx)->hint, "a device in use"));
	bp_output_free(o);
	machine_refuse(0);
	machine_opens = opens;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks),
		cmocka_unit_test(in_use),
		cmocka_unit_test(bytes),
		cmocka_unit_test(outputs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
