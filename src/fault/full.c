/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device without space: a volume of a thin pool of a single block, which is used, with
 * error_if_no_space. No other target of kernels answers a write by ENOSPC; "error" and "flakey" say EIO.
 * Its metadata and its one block lie in memory, behind loop devices.
 *
 * Promised: it goes away by itself. Volume and pool are removed, and their loop devices let go, while
 * they are in use: the kernel does it once no table has the volume, whoever was killed. Not promised:
 * that nothing is left of who is killed in the milliseconds in which it is made; the next change of the
 * same device takes that.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <bedplate/device.h>
#include <bedplate/targets.h>

#include "core/clock.h"
#include "dm/device/loop.h"
#include "fault/fault.h"

#define METADATA_BYTES ((off_t)4 << 20) /* touched as it is used: some 100 KiB */
#define BLOCK_SECTORS  128              /* the smallest that a pool has: 64 KiB */
#define FORMAT         "fault-full-%" PRIu32 "-%" PRIu32 "%s"
#define UUID_FORMAT    "BEDPLATE-" FORMAT
#define GONE_TRIES     100
#define GONE_MS        20

static void name_of(const struct bp_devno *dev, const char *what, char *ret)
{
	snprintf(ret, BP_NAME_SIZE, FORMAT, dev->major, dev->minor, what);
}

/* In memory, with a loop device over it. */
static int memory_loop(struct bp_ctx *ctx, off_t size, int *ret_fd, struct dm_loop *ret)
{
	static const char name[] = "bedplate-fault-full";
	int fd = memfd_create(name, MFD_CLOEXEC), r;

	if (fd < 0 || ftruncate(fd, size) < 0)
		r = bp_fail(ctx, -errno, "full: no memory for it: %s", strerror(errno));
	else
		r = loop_attach(ctx, name, fd, ret);
	if (r < 0)
		closep(&fd);
	*ret_fd = fd;
	return r;
}

/* One of the two devices; the uuid says that it is ours. */
static int make(struct bp_ctx *ctx, const struct bp_devno *dev, const char *what,
		const struct bp_table *table, struct bp_device_info *ret)
{
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	const struct bp_create_opts how = { .size = sizeof(how), .uuid = uuid };

	name_of(dev, what, name);
	snprintf(uuid, sizeof(uuid), UUID_FORMAT, dev->major, dev->minor, what);
	return bp_device_create(ctx, name, table, &how, ret);
}

/* One segment. */
static int make_of(struct bp_ctx *ctx, const struct bp_devno *dev, const char *what,
		   bp_sector length, const char *target, const void *params, size_t params_size,
		   struct bp_device_info *ret)
{
	struct bp_table *table;
	int r = bp_table_new(ctx, &table);

	if (r < 0)
		return r;
	r = bp_table_append(ctx, table, length, target, params, params_size);
	if (r == 0)
		r = make(ctx, dev, what, table, ret);
	bp_table_free(table);
	return r;
}

/* error_if_no_space: writes fail at once instead of waiting a minute. */
static int make_pool(struct bp_ctx *ctx, const struct bp_devno *dev,
		     const struct dm_loop *loops, struct bp_device_info *ret)
{
	char metadata[32], data[32];
	const struct bp_thin_pool pool = {
		.metadata_dev = metadata,
		.data_dev = data,
		.data_block_sectors = BLOCK_SECTORS,
		.skip_block_zeroing = true,
		.ignore_discard = true, /* or one would seem to free something */
		.error_if_no_space = true,
	};
	struct bp_selector which = { 0 };
	int r;

	snprintf(metadata, sizeof(metadata), "%u:%u", loops[0].major, loops[0].minor);
	snprintf(data, sizeof(data), "%u:%u", loops[1].major, loops[1].minor);
	r = make_of(ctx, dev, "-pool", BLOCK_SECTORS, BP_PARAMS_THIN_POOL(&pool), ret);
	which.major = ret->major;
	which.minor = ret->minor;
	return r < 0 ? r
		     : bp_device_message(ctx, &which, 0, "create_thin 0", BP_TIMEOUT_DEFAULT_MS,
					 NULL);
}

/* One block more than is needed, and that is what takes all the space. */
static int make_volume(struct bp_ctx *ctx, const struct bp_devno *dev,
		       const struct bp_device_info *pool, bp_sector length,
		       struct bp_device_info *ret)
{
	char text[32];
	const struct bp_thin thin = { .pool_dev = text };

	snprintf(text, sizeof(text), "%" PRIu32 ":%" PRIu32, pool->major, pool->minor);
	return make_of(ctx, dev, "",
		       DIV_UP(length, BLOCK_SECTORS) * BLOCK_SECTORS + BLOCK_SECTORS,
		       BP_PARAMS_THIN(&thin), ret);
}

static int fill(struct bp_ctx *ctx, const struct bp_device_info *info, bp_sector length,
		int *ret_fd)
{
	_Alignas(4096) static const uint8_t block[4096];
	bp_sector last = DIV_UP(length, BLOCK_SECTORS) * BLOCK_SECTORS;
	int fd = open(info->path, O_RDWR | O_CLOEXEC | O_DIRECT);
	ssize_t n = -1;
	int r;

	if (fd >= 0)
		n = pwrite(fd, block, sizeof(block), (off_t)bp_sector_to_bytes(last));
	if (n != (ssize_t)sizeof(block)) {
		r = n < 0 ? -errno : -EIO; /* a write cut short has no errno of its own */
		closep(&fd);
		return bp_fail(ctx, r, "full: '%s' can't be filled: %s", info->path,
			       strerror(-r));
	}
	*ret_fd = fd;
	return 0;
}

/* Removed once nothing has it open: -ENXIO where it is not there, or not ours. */
static int let_go_one(struct bp_ctx *ctx, const struct bp_devno *dev, const char *what)
{
	const struct bp_remove_opts how = { .size = sizeof(how), .flags = BP_REMOVE_DEFERRED };
	struct bp_device_info info;
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	const struct bp_selector which = { .name = name };
	int r;

	name_of(dev, what, name);
	snprintf(uuid, sizeof(uuid), UUID_FORMAT, dev->major, dev->minor, what);
	r = bp_device_info(ctx, &which, &info);
	if (r == 0 && !strstr(info.uuid, uuid)) /* behind a scope's, where it is in one */
		r = -ENXIO;
	return r < 0 ? r : bp_device_remove(ctx, &which, &how, NULL);
}

static bool let_go(struct bp_ctx *ctx, const struct bp_devno *dev)
{
	int volume = let_go_one(ctx, dev, ""), pool = let_go_one(ctx, dev, "-pool");

	return volume == -ENXIO && pool == -ENXIO;
}

/* The kernel notes it, and lets them go with the pool. */
static void let_go_loops(struct bp_ctx *ctx, const struct dm_loop *loops)
{
	struct dm *dm;

	for (int i = 0; i < 2 && dm_get(ctx, &dm) == 0; i++)
		if (loops[i].major)
			(void)dm->ops->loop_detach(dm->self, &loops[i]);
}

/*
 * Two loop devices in memory, a pool of one block, a volume that fills it: the kernel's own
 * ENOSPC.
 */
static int make_all(struct bp_ctx *ctx, const struct bp_devno *dev, bp_sector length,
		    struct fault_full *ret)
{
	struct dm_loop loops[2] = { 0 };
	struct bp_device_info pool = { 0 }, volume = { 0 };
	struct error_state *saved = NULL;
	int files[2] = { -1, -1 };
	int r = memory_loop(ctx, METADATA_BYTES, &files[0], &loops[0]);

	if (r == 0)
		r = memory_loop(ctx, BLOCK_SECTORS * BP_SECTOR_BYTES, &files[1], &loops[1]);
	if (r == 0)
		r = make_pool(ctx, dev, loops, &pool);
	if (r == 0)
		r = make_volume(ctx, dev, &pool, length, &volume);
	if (r == 0)
		r = fill(ctx, &volume, length, &ret->hold);
	if (r < 0)
		saved = error_save(ctx);
	let_go(ctx, dev);
	let_go_loops(ctx, loops);
	if (saved)
		error_restore(ctx, saved);
	closep(&files[0]);
	closep(&files[1]);
	ret->dev = (struct bp_devno){ volume.major, volume.minor };
	return r;
}

/*
 * The one that the device's table has: that can't go meanwhile, the device is locked. One that nobody has
 * open was left by who was killed: it may not be full.
 */
static int find(struct bp_ctx *ctx, const struct bp_devno *dev, struct fault_full *ret)
{
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	const struct bp_selector which = { .name = name };
	struct bp_device_info info;
	int r;

	name_of(dev, "", name);
	snprintf(uuid, sizeof(uuid), UUID_FORMAT, dev->major, dev->minor, "");
	r = bp_device_info(ctx, &which, &info);
	if (r < 0)
		return r;
	if (!strstr(info.uuid, uuid))
		return bp_fail(ctx, -EEXIST, "device '%s' is in the way: it is not ours", name);
	if (info.open_count == 0) {
		fault_full_gone(ctx, dev);
		return -ENXIO;
	}
	ret->dev = (struct bp_devno){ info.major, info.minor };
	return 0;
}

/* One a device: made with its first fault, found again by its name. */
int fault_full_get(struct bp_ctx *ctx, const struct bp_devno *dev, bp_sector length,
		   struct fault_full *ret)
{
	int r = find(ctx, dev, ret);

	if (r != -ENXIO)
		return r;
	r = make_all(ctx, dev, length, ret);
	if (r < 0)
		error_set_hint(
			ctx, "a device without space is a volume of a full thin pool: it takes "
			     "the kernel's thin-pool and loop devices");
	return r;
}

void fault_full_release(struct fault_full *full)
{
	closep(&full->hold);
}

void fault_full_gone(struct bp_ctx *ctx, const struct bp_devno *dev)
{
	for (int i = 0; i < GONE_TRIES && !let_go(ctx, dev); i++)
		clock_sleep_ms(GONE_MS);
}
