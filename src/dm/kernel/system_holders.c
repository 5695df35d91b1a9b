/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who uses a block device: what lies on it or on its partitions by sysfs, loop devices, mounts in
 * every mount namespace, swap; users.c has the processes. Promised: what this process may see, at
 * that moment. Only looked at when asked, or after a failure: it reads all of /proc.
 */
#include "dm/kernel/users.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* How far up is looked for what is suspended. */
#define MOST_DEPTH 16

void found_add(struct found *found, const struct bp_holder *holder, const char *name)
{
	struct bp_holder h = *holder;

	snprintf(h.name, sizeof(h.name), "%s", name);
	snprintf(h.partition, sizeof(h.partition), "%s", found->partition);
	if (found->error == 0)
		found->error = vec_add(&found->list, &h);
}

static void add(struct found *found, enum bp_holder_kind kind, int32_t pid, const char *name)
{
	found_add(found, &(struct bp_holder){ .kind = kind, .pid = pid, .uid = BP_NO_UID },
		  name);
}

/* Without its line's end; false where there is none. */
bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(buf, (int)size, f) != NULL;
	fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

/* --- devices on it --- */

static bool read_devno(const char *dir, uint32_t *ret_major, uint32_t *ret_minor)
{
	char path[PATH_MAX + 8], text[32];

	snprintf(path, sizeof(path), "%s/dev", dir);
	return read_line(path, text, sizeof(text)) &&
	       sscanf(text, "%u:%u", ret_major, ret_minor) == 2;
}

/* Kinds of devices by the kernel's names for them. */
static enum bp_holder_kind kind_of(const char *name)
{
	static const struct {
		const char *prefix;
		enum bp_holder_kind kind;
	} kinds[] = {
		{ "dm-", BP_HOLDER_MAPPED },
		{ "md", BP_HOLDER_RAID },
		{ "bcache", BP_HOLDER_BCACHE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return kinds[i].kind;
	return BP_HOLDER_OTHER;
}

static void find_above(struct found *found, const char *dir, unsigned depth);

/*
 * A holder in sysfs is named dm-3, md0 ...: say the mapped device's own name. Further up only those
 * count that are suspended.
 */
static void add_block(struct found *found, const char *name, unsigned depth)
{
	struct bp_holder h = { .kind = kind_of(name), .uid = BP_NO_UID };
	char dir[NAME_MAX + 32], path[NAME_MAX + 64], dm_name[BP_NAME_SIZE], text[8];
	bool named;

	snprintf(dir, sizeof(dir), "/sys/class/block/%s", name);
	(void)read_devno(dir, &h.major, &h.minor);
	snprintf(path, sizeof(path), "%s/dm/suspended", dir);
	h.suspended = read_line(path, text, sizeof(text)) && streq(text, "1");
	snprintf(path, sizeof(path), "%s/dm/name", dir);
	named = read_line(path, dm_name, sizeof(dm_name));
	if (depth)
		h.kind = BP_HOLDER_ABOVE;
	if (!depth || h.suspended)
		found_add(found, &h, named ? dm_name : name);
	find_above(found, dir, depth + 1);
}

/* Devices on devices: sysfs "holders", depth first. */
static void find_above(struct found *found, const char *dir, unsigned depth)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	if (depth > MOST_DEPTH)
		return;
	snprintf(path, sizeof(path), "%s/holders", dir);
	d = opendir(path);
	if (!d)
		return;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			add_block(found, e->d_name, depth);
	closedir(d);
}

static bool is_device(const char *path, dev_t dev)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == dev;
}

/* Loop devices by the paths of their files, for who may not ask them. */
static void find_loop_paths(struct found *found, dev_t dev)
{
	char path[PATH_MAX], backing[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir("/sys/block");

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, "loop", 4) != 0)
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", e->d_name);
		if (read_line(path, backing, sizeof(backing)) && is_device(backing, dev))
			add(found, BP_HOLDER_LOOP, 0, e->d_name);
	}
	closedir(d);
}

struct loop_search {
	struct found *found;
	dev_t dev;
};

/* A loop device over the device itself, or over a file on a file system that lies on it. */
static int see_loop(void *user, const struct dm_loop *loop)
{
	const struct loop_search *s = user;
	struct bp_holder h = { .uid = BP_NO_UID, .major = loop->major, .minor = loop->minor };
	char name[BP_NAME_SIZE];

	if (loop->file_rdev == s->dev)
		h.kind = BP_HOLDER_LOOP;
	else if (!loop->file_rdev && loop->file_dev == s->dev)
		h.kind = BP_HOLDER_LOOP_FILE;
	else
		return 0;
	if (system_bdev_name(NULL, loop->major, loop->minor, name) == 0)
		found_add(s->found, &h, name);
	return 0;
}

static void find_loop(struct found *found, dev_t dev)
{
	struct loop_search search = { .found = found, .dev = dev };

	if (system_loop_list(NULL, see_loop, &search) < 0)
		find_loop_paths(found, dev);
}

/* --- mounts and swap --- */

/* mountinfo writes blanks as \040 and so on. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (s[0] == '\\' && isdigit((unsigned char)s[1]) &&
		    isdigit((unsigned char)s[2]) && isdigit((unsigned char)s[3])) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	*to = '\0';
}

/*
 * Does a line of mountinfo tell of the device? Some file systems (btrfs) have numbers of their own:
 * theirs is told by the source, behind the blank-enclosed hyphen and the type.
 */
static bool is_mount_of(const char *line, dev_t dev, char where[PATH_MAX])
{
	char source[PATH_MAX] = "";
	const char *rest = strstr(line, " - ");
	unsigned maj, min;

	if (sscanf(line, "%*u %*u %u:%u %*s %4095s", &maj, &min, where) != 3)
		return false;
	unescape(where);
	if (maj == major(dev) && min == minor(dev))
		return true;
	if (maj != 0 || !rest || sscanf(rest, " - %*s %4095s", source) != 1)
		return false;
	unescape(source);
	return source[0] == '/' && is_device(source, dev);
}

/* One file of mountinfo is one mount namespace. */
void find_mounts(struct found *found, const char *path, int32_t pid, dev_t dev)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		char where[PATH_MAX];

		if (is_mount_of(line, dev, where))
			add(found, BP_HOLDER_MOUNT, pid, where);
	}
	free(line);
	fclose(f);
}

/* Paths in /proc/swaps are escaped as in mountinfo. */
static void find_swap(struct found *found, dev_t dev)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen("/proc/swaps", "re");
	struct stat st;

	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, " \t\n")] = '\0';
		unescape(line);
		if (line[0] != '/' || stat(line, &st) < 0)
			continue;
		if (S_ISBLK(st.st_mode) && st.st_rdev == dev)
			add(found, BP_HOLDER_SWAP, 0, line);
		else if (S_ISREG(st.st_mode) && st.st_dev == dev)
			add(found, BP_HOLDER_SWAP_FILE, 0, line);
	}
	free(line);
	fclose(f);
}

/* --- all of it --- */

/* Files that are open say nothing new where their file system is mounted. */
static void drop_files_of_mounts(struct found *found, size_t from)
{
	size_t kept = from;
	bool mounted = false;

	for (size_t i = from; i < found->list.count; i++)
		mounted |= found->list.items[i].kind == BP_HOLDER_MOUNT;
	for (size_t i = from; i < found->list.count; i++) {
		enum bp_holder_kind kind = found->list.items[i].kind;

		if (!mounted || (kind != BP_HOLDER_FILE && kind != BP_HOLDER_LOOP_FILE))
			found->list.items[kept++] = found->list.items[i];
	}
	found->list.count = kept;
}

/* Sysfs first, as it needs no rights; processes last, as they cost most. */
static void find_users(struct found *found, const char *dir, dev_t dev)
{
	size_t from = found->list.count;

	find_above(found, dir, 0);
	find_loop(found, dev);
	find_swap(found, dev);
	find_processes(found, dev);
	drop_files_of_mounts(found, from);
}

/* Who uses a part of a disk keeps all of it from others. */
static void find_partitions(struct found *found, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		char below[PATH_MAX], path[PATH_MAX + 16];
		uint32_t major, minor;

		snprintf(below, sizeof(below), "%s/%s", dir, e->d_name);
		snprintf(path, sizeof(path), "%s/partition", below);
		if (e->d_name[0] == '.' || access(path, F_OK) < 0 ||
		    !read_devno(below, &major, &minor))
			continue;
		snprintf(found->partition, sizeof(found->partition), "%.31s", e->d_name);
		find_users(found, below, makedev(major, minor));
	}
	found->partition[0] = '\0';
	closedir(d);
}

/* Partitions' users are users of the disk. */
int system_holders(void *self, uint32_t major, uint32_t minor, struct bp_holder **ret,
		   size_t *ret_count)
{
	struct found found = { 0 };
	char dir[64];

	(void)self;
	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major, minor);
	find_users(&found, dir, makedev(major, minor));
	find_partitions(&found, dir);
	if (found.error < 0) {
		vec_done(&found.list);
		return found.error;
	}
	*ret = found.list.items;
	*ret_count = found.list.count;
	return 0;
}
