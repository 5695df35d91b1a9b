/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See loop.h. */
#include "dm/device/loop.h"

#include <sys/stat.h>

#define PAUSE_MS 20

/* -ENODEV says it better: what is missing is the driver. */
static int fail(struct bp_ctx *ctx, const char *path, const char *what, int r)
{
	bp_fail(ctx, r, "'%s': %s: %s", path, what, strerrordesc_np(-r));
	error_set_device(ctx, path);
	if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
		error_set_hint(ctx, "has this kernel loop devices? modprobe loop");
	return r == -ENOENT ? -ENODEV : r;
}

struct search {
	struct stat file;
	struct dm_loop *ret;
};

/* By device and inode: the path may have changed since. */
static int same_file(void *user, const struct dm_loop *loop)
{
	const struct search *s = user;

	if (loop->file_dev != s->file.st_dev || loop->file_ino != s->file.st_ino)
		return 0;
	*s->ret = *loop;
	return 1;
}

/* By inode, not by path: losetup may have been given another name of the file. */
int loop_find(struct bp_ctx *ctx, const char *path, int fd, struct dm_loop *ret)
{
	struct search search = { .ret = ret };
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0 && fstat(fd, &search.file) < 0)
		r = fail(ctx, path, "can't be looked at", -errno);
	if (r < 0)
		return r;
	r = dm->ops->loop_list(dm->self, same_file, &search);
	return r < 0 ? fail(ctx, path, "can't look at loop devices", r) : r ? 0 : -ENOENT;
}

/* Of the kernel's free ones; two that ask at once get two. */
int loop_attach(struct bp_ctx *ctx, const char *path, int fd, struct dm_loop *ret)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	r = dm->ops->loop_attach(dm->self, fd, path, ret);
	return r < 0 ? fail(ctx, path, "no loop device for it", r) : 0;
}

/* Who holds it is told, as for mapped devices. */
static int fail_busy(struct bp_ctx *ctx, const char *path, const struct dm_loop *loop)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	bp_fail(ctx, -EBUSY, "'%s': its loop device %u:%u is in use", path, loop->major,
		loop->minor);
	error_set_device(ctx, path);
	holders_explain(ctx, dm, loop->major, loop->minor);
	return -EBUSY;
}

/* All of them, as a file may have several. In use, it is tried until the time is over. */
int loop_detach(struct bp_ctx *ctx, const char *path, int fd, int64_t deadline)
{
	struct dm_loop loop;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	while (r == 0) {
		r = loop_find(ctx, path, fd, &loop);
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		r = dm->ops->loop_detach(dm->self, &loop);
		if (r == 0 || r == -ENXIO) {
			r = 0; /* and the next */
			continue;
		}
		if (r != -EBUSY)
			return fail(ctx, path, "its loop device can't be let go", r);
		if (deadline_left(deadline) == 0)
			return fail_busy(ctx, path, &loop);
		clock_sleep_ms(PAUSE_MS);
		r = 0;
	}
	return r;
}
