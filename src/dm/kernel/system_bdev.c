/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block devices of the real system. */
#include "dm/kernel/ops_system.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/number.h"

/* Of <linux/fs.h>, which the C library's <sys/mount.h> can't stand beside it. */
#ifndef BLKDISCARD
#define BLKDISCARD _IO(0x12, 119)
#endif

/* MAJOR:MINOR as two numbers. */
static bool parse_number(const char *which, uint32_t *ret_major, uint32_t *ret_minor)
{
	const char *colon = strchr(which, ':');
	uint64_t major, minor;

	if (!colon || number_parse_len(which, (size_t)(colon - which), 4095, &major) < 0 ||
	    number_parse(colon + 1, 0xfffff, &minor) < 0)
		return false;
	*ret_major = (uint32_t)major;
	*ret_minor = (uint32_t)minor;
	return true;
}

/* The kernel's own name, from the link in sysfs. */
int system_bdev_name(void *self, uint32_t major, uint32_t minor, char *ret)
{
	char link[64], target[PATH_MAX];
	const char *name;
	ssize_t n;

	(void)self;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major, minor);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT ? -ENXIO : -errno;
	target[n] = '\0';
	name = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
	if (strlen(name) >= BP_NAME_SIZE)
		return -ENAMETOOLONG;
	for (size_t i = 0; i <= strlen(name); i++)
		ret[i] = name[i] == '!' ? '/' : name[i];
	return 0;
}

/* A node of the device, by its kernel name, if that is there and right. */
static void find_path(struct bp_bdev *bdev)
{
	char dev_dir[PATH_MAX / 2], name[BP_NAME_SIZE];
	struct stat st;

	if (system_bdev_name(NULL, bdev->major, bdev->minor, name) < 0)
		return;
	if (snprintf(bdev->path, sizeof(bdev->path), "%s/%s",
		     system_dev_dir(dev_dir, sizeof(dev_dir)),
		     name) >= (int)sizeof(bdev->path) ||
	    stat(bdev->path, &st) < 0 || !S_ISBLK(st.st_mode) ||
	    st.st_rdev != makedev(bdev->major, bdev->minor))
		bdev->path[0] = '\0';
}

/* By sysfs: needs neither a node nor rights, and opens nothing. */
static int look_sysfs(struct bp_bdev *bdev)
{
	uint64_t sectors, block = 0, ro = 0;
	int r;

	r = system_attr_get(NULL, bdev->major, bdev->minor, "size", &sectors);
	if (r < 0)
		return r == -ENOENT ? -ENXIO : r;
	/* A partition has no queue of its own. */
	if (system_attr_get(NULL, bdev->major, bdev->minor, "queue/logical_block_size",
			    &block) < 0)
		system_attr_get(NULL, bdev->major, bdev->minor, "../queue/logical_block_size",
				&block);
	system_attr_get(NULL, bdev->major, bdev->minor, "ro", &ro);
	if (sectors > BP_SECTOR_MAX)
		return -ERANGE;
	bdev->size_bytes = bp_sector_to_bytes(sectors);
	bdev->logical_block_bytes = block ? (uint32_t)block : BP_SECTOR_BYTES;
	bdev->read_only = ro;
	return 0;
}

/* By ioctls on the node, where there is no sysfs. */
static int look_ioctl(struct bp_bdev *bdev)
{
	_cleanup_(closep) int fd = open(bdev->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int block = 0, ro = 0;
	uint64_t bytes;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, BLKGETSIZE64, &bytes) < 0 || ioctl(fd, BLKSSZGET, &block) < 0 ||
	    ioctl(fd, BLKROGET, &ro) < 0)
		return -errno;
	bdev->size_bytes = bytes;
	bdev->logical_block_bytes = (uint32_t)block;
	bdev->read_only = ro;
	return 0;
}

/* Sysfs needs no rights and no open; an ioctl is for what has no entry there. */
int system_bdev(void *self, const char *which, struct bp_bdev *ret)
{
	struct bp_bdev bdev = { 0 };
	struct stat st;
	int r;

	(void)self;
	if (parse_number(which, &bdev.major, &bdev.minor)) {
		find_path(&bdev);
	} else {
		if (stat(which, &st) < 0)
			return -errno;
		if (!S_ISBLK(st.st_mode))
			return -ENOTBLK;
		if (strlen(which) >= sizeof(bdev.path))
			return -ENAMETOOLONG;
		strcpy(bdev.path, which);
		bdev.major = major(st.st_rdev);
		bdev.minor = minor(st.st_rdev);
	}
	r = look_sysfs(&bdev);
	if (r < 0 && bdev.path[0])
		r = look_ioctl(&bdev);
	if (r == 0)
		*ret = bdev;
	return r;
}

/* Open it by its node, or by one of our own where it has none, for as long as it takes. */
static int open_bdev(const struct bp_bdev *bdev, int flags)
{
	char dir[] = "/tmp/bedplate.XXXXXX";
	char path[sizeof(dir) + 8];
	int fd, r = 0;

	if (bdev->path[0]) {
		fd = open(bdev->path, flags | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (!mkdtemp(dir))
		return -errno;
	snprintf(path, sizeof(path), "%s/dev", dir);
	if (mknod(path, S_IFBLK | 0600, makedev(bdev->major, bdev->minor)) < 0)
		r = -errno;
	fd = r == 0 ? open(path, flags | O_CLOEXEC) : -1;
	if (r == 0 && fd < 0)
		r = -errno;
	unlink(path);
	rmdir(dir);
	return r < 0 ? r : fd;
}

/* All of @len or -EIO: a device that is shorter is none that the caller can use. */
int system_bdev_read(void *self, const struct bp_bdev *bdev, void *buf, size_t len)
{
	_cleanup_(closep) int fd = open_bdev(bdev, O_RDONLY);
	ssize_t n;

	(void)self;
	if (fd < 0)
		return fd;
	n = pread(fd, buf, len, 0);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

/* All or -EIO, and on the disk when it returns. */
int system_bdev_write(void *self, const struct bp_bdev *bdev, const void *buf, size_t len)
{
	/* Exclusive: whoever mounted or mapped it keeps it. */
	int fd = open_bdev(bdev, O_RDWR | O_EXCL);
	ssize_t n;
	int r = 0;

	(void)self;
	if (fd < 0)
		return fd;
	n = pwrite(fd, buf, len, 0);
	if (n < 0)
		r = -errno;
	else if ((size_t)n != len)
		r = -EIO;
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

/* Exclusive, as a discard destroys. */
int system_bdev_discard(void *self, const struct bp_bdev *bdev, uint64_t offset,
			uint64_t length)
{
	_cleanup_(closep) int fd = open_bdev(bdev, O_WRONLY | O_EXCL);
	uint64_t range[2] = { offset, length };

	(void)self;
	if (fd < 0)
		return fd;
	return ioctl(fd, BLKDISCARD, range) < 0 ? -errno : 0;
}
