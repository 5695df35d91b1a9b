/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define MACHINE_ITSELF
#include "machine/machine.h"

#include "temp.h"
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static char root[] = "/tmp/bedplate-machine.XXXXXX";
static int refused, log_ends[2] = { -1, -1 };

int (*machine_ioctls)(int fd, unsigned long request, void *arg);
int (*machine_opens)(const char *path);
int (*machine_aways)(const char *what, const char *where);

/* --- where what lies --- */

const char *machine_path(const char *path)
{
	static const char *const tops[] = { "/proc/", "/sys/", "/dev/", "/run/", "/etc/" };
	static char found[4][PATH_MAX];
	static unsigned nr;

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++)
		if (strncmp(path, tops[i], strlen(tops[i])) == 0 ||
		    (strncmp(path, tops[i], strlen(path)) == 0 && strlen(path) > 1)) {
			nr = (nr + 1) % ARRAY_SIZE(found);
			snprintf(found[nr], sizeof(found[nr]), "%s%.3000s", root, path);
			return found[nr];
		}
	return path;
}

static struct {
	ino_t inode;
	dev_t number;
} device;

void machine_device(int fd, unsigned major, unsigned minor)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	device.inode = st.st_ino;
	device.number = makedev(major, minor);
}

/* What a file says that it is. */
static void take_kind(int fd, struct stat *st)
{
	unsigned major, minor;
	char text[32] = "";

	if (device.number && st->st_ino == device.inode) {
		st->st_mode = (st->st_mode & 07777) | S_IFBLK;
		st->st_rdev = device.number;
		st->st_size = 0;
		return;
	}
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return;
	if (sscanf(text, "on %u:%u", &major, &minor) == 2)
		st->st_dev = makedev(major, minor);
	if (sscanf(text, "block %u:%u", &major, &minor) == 2 ||
	    sscanf(text, "char %u:%u", &major, &minor) == 2) {
		st->st_mode = (st->st_mode & 07777) | (text[0] == 'b' ? S_IFBLK : S_IFCHR);
		st->st_rdev = makedev(major, minor);
	}
}

int machine_is(int fd, const char *what)
{
	char path[32], text[32] = "";
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	if (again >= 0 && pread(again, text, sizeof(text) - 1, 0) < 0)
		text[0] = '\0';
	closep(&again);
	text[strcspn(text, "\n")] = '\0';
	return streq(text, what);
}

/* --- calls --- */

int machine_access(const char *path, int mode)
{
	return access(machine_path(path), mode);
}

int machine_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_un there = { .sun_family = AF_UNIX };

	(void)len;
	snprintf(there.sun_path, sizeof(there.sun_path), "%s",
		 machine_path(((const struct sockaddr_un *)addr)->sun_path));
	return connect(fd, (const struct sockaddr *)&there, sizeof(there));
}

FILE *machine_fopen(const char *path, const char *mode)
{
	return fopen(machine_path(path), mode);
}

int machine_fstat(int fd, struct stat *st)
{
	int r = fstat(fd, st);

	if (r == 0)
		take_kind(fd, st);
	return r;
}

int machine_fstatat(int dir, const char *path, struct stat *st, int flags)
{
	int r = fstatat(dir, machine_path(path), st, flags);
	int fd = r == 0 && S_ISREG(st->st_mode)
			 ? openat(dir, machine_path(path), O_RDONLY | O_CLOEXEC)
			 : -1;

	if (fd >= 0)
		take_kind(fd, st);
	closep(&fd);
	return r;
}

/* The root lies on no device, unless /sys/root says on which. */
int machine_stat(const char *path, struct stat *st)
{
	if (streq(path, "/") && machine_fstatat(AT_FDCWD, "/sys/root", st, 0) < 0) {
		st->st_dev = 0;
		return 0;
	}
	return streq(path, "/") ? 0 : machine_fstatat(AT_FDCWD, path, st, 0);
}

int machine_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int r;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	r = machine_ioctls ? machine_ioctls(fd, request, arg) : -ENOTTY;
	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}

int machine_away(const char *what, const char *where)
{
	int r = machine_aways ? machine_aways(what, where) : 0;

	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}

int machine_mkdir(const char *path, mode_t mode)
{
	return mkdir(machine_path(path), mode);
}

/* A file that says what it would be. */
int machine_mknod(const char *path, mode_t mode, dev_t dev)
{
	FILE *f;

	if (refused) {
		errno = refused;
		return -1;
	}
	f = fopen(machine_path(path), "wxe");
	if (!f)
		return -1;
	fprintf(f, "%s %u:%u\n", S_ISBLK(mode) ? "block" : "char", major(dev), minor(dev));
	return fclose(f);
}

static void log_open(void)
{
	if (log_ends[0] < 0)
		assert_int_equal(socketpair(AF_UNIX,
					    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
					    log_ends),
				 0);
}

int machine_open(const char *path, int flags, ...)
{
	int fd = machine_opens && strncmp(path, "/dev/", 5) == 0 ? machine_opens(path) : -1;

	if (fd >= 0)
		return fd;
	if (refused && strncmp(path, "/dev/", 5) == 0) {
		errno = refused;
		return -1;
	}
	if (streq(path, "/dev/kmsg")) {
		log_open();
		return dup(log_ends[0]);
	}
	return open(machine_path(path), flags, 0600);
}

int machine_openat(int dir, const char *path, int flags)
{
	return openat(dir, machine_path(path), flags);
}

DIR *machine_opendir(const char *path)
{
	return opendir(machine_path(path));
}

ssize_t machine_readlink(const char *path, char *to, size_t size)
{
	return readlink(machine_path(path), to, size);
}

int machine_unlink(const char *path)
{
	return unlink(machine_path(path));
}

/* --- what is there --- */

void machine_new(void)
{
	temp_dir(root);
}

static void make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

static const char *made_path(const char *path)
{
	static char made[PATH_MAX];

	snprintf(made, sizeof(made), "%s", machine_path(path));
	make_parents(made);
	unlink(made);
	return made;
}

void machine_file(const char *path, const char *fmt, ...)
{
	FILE *f = fopen(made_path(path), "we");
	va_list args;

	assert_non_null(f);
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	assert_int_equal(fclose(f), 0);
}

void machine_link(const char *path, const char *to)
{
	assert_int_equal(symlink(to, made_path(path)), 0);
}

void machine_gone(const char *path)
{
	temp_remove(machine_path(path));
}

void machine_refuse(int errnum)
{
	refused = errnum;
}

void machine_log(const char *fmt, ...)
{
	char text[8192];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_open();
	assert_int_equal(send(log_ends[1], text, (size_t)n, 0), n);
}
