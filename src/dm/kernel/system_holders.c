/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who uses a block device: sysfs, mounts in every mount namespace, swap, processes. Promised: what
 * this process may see, at that moment. Only looked at after a failure: it reads all of /proc.
 */
#include "dm/kernel/ops_system.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/number.h"

struct found {
	VEC(struct bp_holder) list;
	int error;
};

static void add(struct found *found, enum bp_holder_kind kind, int32_t pid, const char *name)
{
	struct bp_holder h = { .kind = kind, .pid = pid };

	snprintf(h.name, sizeof(h.name), "%s", name);
	if (found->error == 0)
		found->error = vec_add(&found->list, &h);
}

/* One line of a small file, without its newline. */
static bool read_line(const char *path, char *buf, size_t size)
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

/* A holder in sysfs is named dm-3, md0 ...: say the mapped device's own name. */
static void add_block(struct found *found, const char *name)
{
	char path[PATH_MAX], dm_name[BP_NAME_SIZE];

	if (strncmp(name, "dm-", 3) == 0) {
		snprintf(path, sizeof(path), "/sys/class/block/%s/dm/name", name);
		add(found, BP_HOLDER_MAPPED, 0,
		    read_line(path, dm_name, sizeof(dm_name)) ? dm_name : name);
	} else {
		add(found, strncmp(name, "md", 2) == 0 ? BP_HOLDER_RAID : BP_HOLDER_OTHER, 0,
		    name);
	}
}

static void find_block(struct found *found, uint32_t major, uint32_t minor)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major, minor);
	d = opendir(path);
	if (!d)
		return;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			add_block(found, e->d_name);
	closedir(d);
}

static bool is_device(const char *path, dev_t dev)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == dev;
}

/* A loop device tells the path of its backing file, which is a block device here. */
static void find_loop(struct found *found, dev_t dev)
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

/* Mounts of the device in one mountinfo: each mount point to @found, as of @pid. */
static void read_mounts(struct found *found, const char *path, int32_t pid, uint32_t major,
			uint32_t minor)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		unsigned maj, min;
		char where[PATH_MAX];

		if (sscanf(line, "%*u %*u %u:%u %*s %4095s", &maj, &min, where) == 3 &&
		    maj == major && min == minor) {
			unescape(where);
			add(found, BP_HOLDER_MOUNT, pid, where);
		}
	}
	free(line);
	fclose(f);
}

/* Mount namespaces that have been looked at. */
struct seen {
	VEC(ino_t) namespaces;
};

/* Which mount namespace a process is in; false where it can't be known. */
static bool new_namespace(struct seen *seen, const char *pid)
{
	char path[NAME_MAX + 32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", pid);
	if (stat(path, &st) < 0)
		return false;
	for (size_t i = 0; i < seen->namespaces.count; i++)
		if (seen->namespaces.items[i] == st.st_ino)
			return false;
	return vec_add(&seen->namespaces, &st.st_ino) == 0;
}

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

/* What of the device a descriptor is: itself, or a file on it. */
struct use {
	bool device, file;
};

static void see_use(const struct stat *st, dev_t dev, struct use *use)
{
	use->device |= S_ISBLK(st->st_mode) && st->st_rdev == dev;
	use->file |= st->st_dev == dev;
}

static struct use process_use(int proc, const char *pid, dev_t dev)
{
	static const char *const places[] = { "cwd", "root", "exe" };
	char path[NAME_MAX + 8];
	struct use use = { 0 };
	struct dirent *e;
	struct stat st;
	DIR *d;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/%s", pid, places[i]);
		if (fstatat(proc, path, &st, 0) == 0)
			see_use(&st, dev, &use);
	}
	snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		if (fd >= 0)
			close(fd);
		return use;
	}
	while ((e = readdir(d)))
		if (fstatat(fd, e->d_name, &st, 0) == 0)
			see_use(&st, dev, &use);
	closedir(d);
	return use;
}

static void look_at_process(struct found *found, struct seen *seen, int proc, const char *pid,
			    dev_t dev)
{
	struct use use = process_use(proc, pid, dev);
	char path[NAME_MAX + 32], name[64];
	uint64_t number;

	if (number_parse(pid, INT32_MAX, &number) < 0)
		return;
	if (new_namespace(seen, pid)) {
		snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
		read_mounts(found, path, (int32_t)number, major(dev), minor(dev));
	}
	if (!use.device && !use.file)
		return;
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	add(found, use.device ? BP_HOLDER_PROCESS : BP_HOLDER_FILE, (int32_t)number,
	    read_line(path, name, sizeof(name)) ? name : "?");
}

static void find_processes(struct found *found, struct seen *seen, dev_t dev)
{
	struct dirent *e;
	DIR *d = opendir("/proc");

	if (!d)
		return;
	while ((e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]))
			look_at_process(found, seen, dirfd(d), e->d_name, dev);
	closedir(d);
}

/* Files that are open say nothing new where their file system is mounted. */
static void drop_files_of_mounts(struct found *found)
{
	size_t kept = 0;
	bool mounted = false;

	for (size_t i = 0; i < found->list.count; i++)
		mounted |= found->list.items[i].kind == BP_HOLDER_MOUNT;
	for (size_t i = 0; i < found->list.count; i++)
		if (!mounted || found->list.items[i].kind != BP_HOLDER_FILE)
			found->list.items[kept++] = found->list.items[i];
	found->list.count = kept;
}

int system_holders(void *self, uint32_t major, uint32_t minor, struct bp_holder **ret,
		   size_t *ret_count)
{
	dev_t dev = makedev(major, minor);
	struct found found = { 0 };
	struct seen seen = { 0 };

	(void)self;
	find_block(&found, major, minor);
	find_loop(&found, dev);
	new_namespace(&seen, "self");
	read_mounts(&found, "/proc/self/mountinfo", 0, major, minor);
	find_swap(&found, dev);
	find_processes(&found, &seen, dev);
	vec_done(&seen.namespaces);
	drop_files_of_mounts(&found);
	if (found.error < 0) {
		vec_done(&found.list);
		return found.error;
	}
	*ret = found.list.items;
	*ret_count = found.list.count;
	return 0;
}
