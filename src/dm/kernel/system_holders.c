/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who uses a block device: sysfs, mounts, swap, processes. Only looked at after a failure. */
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

static void find_mounts(struct found *found, uint32_t major, uint32_t minor)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		unsigned maj, min;
		char where[PATH_MAX];

		if (sscanf(line, "%*u %*u %u:%u %*s %4095s", &maj, &min, where) == 3 &&
		    maj == major && min == minor) {
			unescape(where);
			add(found, BP_HOLDER_MOUNT, 0, where);
		}
	}
	free(line);
	fclose(f);
}

static void find_swap(struct found *found, dev_t dev)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen("/proc/swaps", "re");

	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, " \t\n")] = '\0';
		unescape(line);
		if (line[0] == '/' && is_device(line, dev))
			add(found, BP_HOLDER_SWAP, 0, line);
	}
	free(line);
	fclose(f);
}

static bool process_holds(int proc, const char *pid, dev_t dev)
{
	char path[NAME_MAX + 8];
	struct dirent *e;
	bool holds = false;
	struct stat st;
	DIR *d;
	int fd;

	snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return false;
	}
	while (!holds && (e = readdir(d)))
		holds = fstatat(fd, e->d_name, &st, 0) == 0 && S_ISBLK(st.st_mode) &&
			st.st_rdev == dev;
	closedir(d);
	return holds;
}

static void find_processes(struct found *found, dev_t dev)
{
	char path[NAME_MAX + 32], name[64];
	struct dirent *e;
	uint64_t pid;
	DIR *d = opendir("/proc");

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (number_parse(e->d_name, INT32_MAX, &pid) < 0 ||
		    !process_holds(dirfd(d), e->d_name, dev))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		add(found, BP_HOLDER_PROCESS, (int32_t)pid,
		    read_line(path, name, sizeof(name)) ? name : "?");
	}
	closedir(d);
}

int system_holders(void *self, uint32_t major, uint32_t minor, struct bp_holder **ret,
		   size_t *ret_count)
{
	dev_t dev = makedev(major, minor);
	struct found found = { 0 };

	(void)self;
	find_block(&found, major, minor);
	find_loop(&found, dev);
	find_mounts(&found, major, minor);
	find_swap(&found, dev);
	find_processes(&found, dev);
	if (found.error < 0) {
		vec_done(&found.list);
		return found.error;
	}
	*ret = found.list.items;
	*ret_count = found.list.count;
	return 0;
}
