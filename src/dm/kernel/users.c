/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes that use a block device: by descriptors, directories and programs, whose device numbers
 * tell also what paths no longer do. Promised: each mount namespace is looked into once, and each
 * process that may be looked at. Not promised: what maps a file and has closed it.
 */
#include "dm/kernel/users.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/number.h"

#define PASSWD "/etc/passwd" /* read by hand: the C library's way would load modules */

/* Mount namespaces that have been looked at. */
struct seen {
	VEC(ino_t) namespaces;
};

static bool is_known(const struct seen *seen, ino_t namespace)
{
	for (size_t i = 0; i < seen->namespaces.count; i++)
		if (seen->namespaces.items[i] == namespace)
			return true;
	return false;
}

/* Which mount namespace a process is in; false where it can't be known. */
static bool new_namespace(struct seen *seen, const char *pid)
{
	char path[NAME_MAX + 32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", pid);
	if (stat(path, &st) < 0 || is_known(seen, st.st_ino))
		return false;
	return vec_add(&seen->namespaces, &st.st_ino) == 0;
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

/*
 * Working directory, root, program, open files: a device that is open as itself or as a
 * file on it.
 */
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

/* "NAME:x:UID:..." of the user database. */
static void read_user(uint32_t uid, char *ret, size_t size)
{
	FILE *f = fopen(PASSWD, "re");
	char *line = NULL;
	size_t line_size = 0;

	ret[0] = '\0';
	while (f && !ret[0] && getline(&line, &line_size, f) > 0) {
		size_t name = strcspn(line, ":");
		const char *second = line[name] ? strchr(line + name + 1, ':') : NULL;
		uint64_t number;

		if (second && name < size &&
		    number_parse_len(second + 1, strcspn(second + 1, ":"), UINT32_MAX,
				     &number) == 0 &&
		    number == uid) {
			memcpy(ret, line, name);
			ret[name] = '\0';
		}
	}
	free(line);
	if (f)
		fclose(f);
}

/* Words of a command line are parted by NULs. */
static void read_command(int proc, const char *pid, char *ret, size_t size)
{
	char path[NAME_MAX + 16];
	ssize_t len = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/cmdline", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		len = read(fd, ret, size - 1);
	closep(&fd);
	len = MAX(len, (ssize_t)0);
	while (len > 0 && ret[len - 1] == '\0')
		len--;
	for (ssize_t i = 0; i < len; i++)
		if (ret[i] == '\0' || ret[i] == '\n')
			ret[i] = ' ';
	ret[len] = '\0';
}

/* Its owner and command, as whoever reads it has to end it. */
static void add_process(struct found *found, int proc, const char *pid, int32_t number,
			bool device)
{
	struct bp_holder h = {
		.kind = device ? BP_HOLDER_PROCESS : BP_HOLDER_FILE,
		.pid = number,
		.uid = BP_NO_UID,
	};
	char path[NAME_MAX + 32], name[64];
	struct stat st;

	if (fstatat(proc, pid, &st, 0) == 0) {
		h.uid = st.st_uid;
		read_user(h.uid, h.user, sizeof(h.user));
	}
	read_command(proc, pid, h.command, sizeof(h.command));
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	found_add(found, &h, read_line(path, name, sizeof(name)) ? name : "?");
}

/* A mount namespace is looked at once, by the first process in it. */
static void look_at_process(struct found *found, struct seen *seen, int proc, const char *pid,
			    dev_t dev)
{
	struct use use = process_use(proc, pid, dev);
	char path[NAME_MAX + 32];
	uint64_t number;

	if (number_parse(pid, INT32_MAX, &number) < 0)
		return;
	if (new_namespace(seen, pid)) {
		snprintf(path, sizeof(path), "/proc/%s/mountinfo", pid);
		find_mounts(found, path, (int32_t)number, dev);
	}
	if (use.device || use.file)
		add_process(found, proc, pid, (int32_t)number, use.device);
}

/* Without rights others' files can't be seen: what is found is what this user can see. */
void find_processes(struct found *found, dev_t dev)
{
	struct seen seen = { 0 };
	struct dirent *e;
	DIR *d = opendir("/proc");

	new_namespace(&seen, "self");
	find_mounts(found, "/proc/self/mountinfo", 0, dev);
	while (d && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]))
			look_at_process(found, &seen, dirfd(d), e->d_name, dev);
	if (d)
		closedir(d);
	vec_done(&seen.namespaces);
}
