/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loop devices of the real system. Promised: a device is only let go or resized after it has told,
 * through the descriptor that does it, that its file is the one that was meant. Not promised: that
 * it is free at once: what has it open keeps it until it closes it.
 */
#include "dm/kernel/ops_system.h"

#include "core/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LOOP_MISC_MINOR 237 /* reserved for its control node; opening that loads the module */
#define MISC_MAJOR      10
#define ATTEMPTS        64 /* others may take the free device that we were told of */

/* Open "loop-control" or "loopN", making the node where nobody has. */
static int open_node(const char *name, mode_t type, dev_t dev, int flags)
{
	char dir[PATH_MAX / 2], path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", system_dev_dir(dir, sizeof(dir)), name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && dev && mknod(path, type | 0600, dev) == 0)
		fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* From sysfs: a node in /dev may be missing or another's. */
static int read_devno(const char *name, uint32_t *ret_major, uint32_t *ret_minor)
{
	char path[NAME_MAX + 32], text[32] = "";
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	ok = fgets(text, sizeof(text), f) && sscanf(text, "%u:%u", ret_major, ret_minor) == 2;
	fclose(f);
	return ok ? 0 : -EIO;
}

static int open_loop(const char *name, int flags, struct dm_loop *ret)
{
	int r = read_devno(name, &ret->major, &ret->minor);

	return r < 0 ? r : open_node(name, S_IFBLK, makedev(ret->major, ret->minor), flags);
}

/* What the device says of itself: -ENXIO where it has no file. */
static int ask(int fd, struct dm_loop *loop)
{
	struct loop_info64 info;

	if (ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
		return -errno;
	loop->file_dev = info.lo_device;
	loop->file_ino = info.lo_inode;
	loop->file_rdev = info.lo_rdevice;
	loop->read_only = info.lo_flags & LO_FLAGS_READ_ONLY;
	return 0;
}

/* Give it the file; kernels before 5.8 take that in two steps. */
static int configure(int loop, int fd, const char *name)
{
	struct loop_config config = { .fd = (uint32_t)fd };
	int r;

	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", name);
	if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOTTY)
		return -errno;
	if (ioctl(loop, LOOP_SET_FD, fd) < 0)
		return -errno;
	if (ioctl(loop, LOOP_SET_STATUS64, &config.info) == 0)
		return 0;
	r = -errno;
	(void)ioctl(loop, LOOP_CLR_FD);
	return r;
}

/* Between GET_FREE and the configuration somebody else may take it: -EBUSY, and again. */
static int attach_free(int control, int fd, const char *name, struct dm_loop *ret)
{
	int number = ioctl(control, LOOP_CTL_GET_FREE), loop, r;
	char node[32];

	if (number < 0)
		return -errno;
	snprintf(node, sizeof(node), "loop%d", number);
	loop = open_loop(node, O_RDWR, ret);
	if (loop < 0)
		return loop;
	r = configure(loop, fd, name);
	if (r == 0)
		r = ask(loop, ret);
	close(loop);
	return r;
}

/* ATTEMPTS times. */
int system_loop_attach(void *self, int fd, const char *name, struct dm_loop *ret)
{
	int control = open_node("loop-control", S_IFCHR, makedev(MISC_MAJOR, LOOP_MISC_MINOR),
				O_RDWR);
	int r = -EBUSY;

	(void)self;
	if (control < 0)
		return control;
	for (int i = 0; i < ATTEMPTS && r == -EBUSY; i++)
		r = attach_free(control, fd, name, ret);
	close(control);
	return r;
}

/* "loopN" of a device, from its number. */
static int name_of(const struct dm_loop *loop, char *ret)
{
	return system_bdev_name(NULL, loop->major, loop->minor, ret);
}

/* Open it, if it still has the file that is meant. */
static int open_same(const struct dm_loop *loop, const char *name)
{
	struct dm_loop now;
	int fd = open_loop(name, O_RDONLY, &now);
	int r = fd < 0 ? fd : ask(fd, &now);

	if (r == 0 && (now.file_dev != loop->file_dev || now.file_ino != loop->file_ino))
		r = -ENXIO;
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* The number may be another file's by now: open_same() looks. */
int system_loop_resize(void *self, const struct dm_loop *loop)
{
	char name[BP_NAME_SIZE];
	int fd, r = name_of(loop, name);

	(void)self;
	fd = r < 0 ? r : open_same(loop, name);
	if (fd < 0)
		return fd;
	r = ioctl(fd, LOOP_SET_CAPACITY, 0) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int system_loop_detach(void *self, const struct dm_loop *loop)
{
	char name[BP_NAME_SIZE], path[BP_NAME_SIZE + 64];
	int fd, r = name_of(loop, name);

	(void)self;
	fd = r < 0 ? r : open_same(loop, name);
	if (fd < 0)
		return fd;
	r = ioctl(fd, LOOP_CLR_FD) < 0 ? -errno : 0;
	close(fd);
	if (r < 0)
		return r;
	/* Where others have it open the kernel has only noted that it is to go. */
	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", name);
	return access(path, F_OK) == 0 ? -EBUSY : 0;
}

/* Ends with the first result that isn't 0. */
int system_loop_list(void *self, int (*each)(void *user, const struct dm_loop *loop),
		     void *user)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	int r = 0;

	(void)self;
	/* Without sysfs nobody can tell that a file is in none: not to be taken for "none". */
	if (!d)
		return -errno;
	while (r == 0 && (e = dir_next(d, &r))) {
		char path[NAME_MAX + 64];
		struct dm_loop loop;
		int fd;

		snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", e->d_name);
		if (strncmp(e->d_name, "loop", 4) != 0 || access(path, F_OK) < 0)
			continue;
		fd = open_loop(e->d_name, O_RDONLY, &loop);
		if (fd < 0 && fd != -EACCES && fd != -EPERM)
			continue; /* it has gone meanwhile */
		r = fd < 0 ? fd : ask(fd, &loop) < 0 ? 0 : each(user, &loop);
		if (fd >= 0)
			close(fd);
	}
	closedir(d);
	return r;
}
