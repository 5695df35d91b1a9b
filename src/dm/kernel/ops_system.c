/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control node, nodes, kernel log, udev, sysfs of the real system. */
#include "dm/kernel/ops_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>

#include "core/dir.h"
#include "core/number.h"

#define MISC_MAJOR      10
#define MAPPER_MINOR    236 /* reserved for the control node; opening it loads the module */
#define UDEV_CONTROL    "/run/udev/control"
#define NODE_MODE       0600
#define LOG_RECORD_SIZE 8192

/* As libdevmapper's DM_DEV_DIR, an absolute path; without it /dev. */
const char *system_dev_dir(char *buf, size_t size)
{
	const char *dir = getenv("DM_DEV_DIR");
	size_t len;

	if (!dir || dir[0] != '/' || strlen(dir) >= size)
		dir = "/dev";
	len = strlen(dir);
	while (len > 1 && dir[len - 1] == '/')
		len--;
	memcpy(buf, dir, len);
	buf[len] = '\0';
	return buf;
}

/* The line "NUMBER NAME" of a file of such lines: its number. */
static int number_of_line(const char *path, const char *section, const char *name,
			  uint32_t *ret)
{
	bool in = section == NULL;
	char line[128], word[64];
	unsigned number;
	int r = -ENOENT;
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	while (r < 0 && fgets(line, sizeof(line), f)) {
		if (section && strncmp(line, section, strlen(section)) == 0)
			in = true;
		if (in && sscanf(line, "%u %63s", &number, word) == 2 && streq(word, name)) {
			*ret = number;
			r = 0;
		}
	}
	fclose(f);
	return r;
}

int system_dm_major(void *self, uint32_t *ret)
{
	(void)self;
	return number_of_line("/proc/devices", "Block devices", "device-mapper", ret);
}

/* Open the misc device by a node of our own, which nobody else needs to see. */
static int open_private(dev_t dev)
{
	char dir[] = "/tmp/bedplate.XXXXXX";
	char path[sizeof(dir) + 8];
	int fd = -1, r = 0;

	if (!mkdtemp(dir))
		return -errno;
	snprintf(path, sizeof(path), "%s/control", dir);
	if (mknod(path, S_IFCHR | 0600, dev) < 0)
		r = -errno;
	if (r == 0 && (fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		r = -errno;
	unlink(path);
	rmdir(dir);
	return r < 0 ? r : fd;
}

/* What is found must be the device that was meant: /dev may have leftovers. */
static int open_node(const char *path, dev_t expected)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) ||
	    (expected && st.st_rdev != expected)) {
		close(fd);
		return -ENODEV;
	}
	return fd;
}

/*
 * In a bare system (initrd, container) there is no udev to make the node: it is made here,
 * and as the last way a private one.
 */
int system_open_control(const char *dir, const char *node)
{
	char dev_dir[PATH_MAX / 2], mapper[PATH_MAX - 64], path[PATH_MAX];
	uint32_t minor = MAPPER_MINOR;
	dev_t dev;
	int r;

	snprintf(mapper, sizeof(mapper), "%s/%s", system_dev_dir(dev_dir, sizeof(dev_dir)),
		 dir);
	snprintf(path, sizeof(path), "%s/%s", mapper, node);
	r = open_node(path, 0);
	/* Opening the node can have loaded the module; a node can be left from another number.
	 */
	if (r >= 0 || r == -EACCES || r == -EPERM)
		return r;
	if (number_of_line("/proc/misc", NULL, "device-mapper", &minor) < 0)
		minor = MAPPER_MINOR;
	dev = makedev(MISC_MAJOR, minor);
	mkdir(mapper, 0755);
	if (r != -ENOENT)
		unlink(path);
	if (mknod(path, S_IFCHR | NODE_MODE, dev) == 0 || errno == EEXIST)
		r = open_node(path, dev);
	if (r < 0)
		r = open_private(dev);
	return r;
}

/* --- nodes --- */

/* -ESTALE: the name is another device's. */
static int node_check(const struct dm_node *node)
{
	struct stat st;

	if (stat(node->path, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode) || st.st_rdev != makedev(node->major, node->minor))
		return -ESTALE;
	return 0;
}

/* One level: DIR/mapper. */
static int make_parents(const char *path)
{
	char dir[BP_NODE_SIZE];
	const char *end = strrchr(path, '/');

	if (!end || end == path || (size_t)(end - path) >= sizeof(dir))
		return 0;
	memcpy(dir, path, (size_t)(end - path));
	dir[end - path] = '\0';
	return mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Another one who made the same node meanwhile is as good. */
static int node_make(const struct dm_node *node)
{
	mode_t mode = S_IFBLK | (node->with_mode ? node->mode & 07777 : NODE_MODE);
	dev_t dev = makedev(node->major, node->minor);
	int r = node_check(node);

	if (r == 0)
		return 0;
	if (r == -ESTALE && unlink(node->path) < 0)
		return -errno;
	/* Never open to others, not even for a moment: the umask only takes away. */
	r = mknod(node->path, mode, dev) < 0 ? -errno : 0;
	if (r == -ENOENT) {
		r = make_parents(node->path);
		if (r == 0)
			r = mknod(node->path, mode, dev) < 0 ? -errno : 0;
	}
	if (r < 0)
		return r == -EEXIST ? node_check(node) : r;
	if (node->with_mode && (chown(node->path, node->uid, node->gid) < 0 ||
				chmod(node->path, node->mode & 07777) < 0))
		return -errno;
	return 0;
}

int system_node(void *self, enum dm_node_op op, const struct dm_node *node)
{
	struct stat st;

	(void)self;
	if (op == NODE_CHECK)
		return node_check(node);
	if (op == NODE_MAKE)
		return node_make(node);
	/* The name may belong to another device by now. */
	if (node->major && stat(node->path, &st) == 0 && S_ISBLK(st.st_mode) &&
	    st.st_rdev != makedev(node->major, node->minor))
		return 0;
	return unlink(node->path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Hidden names and the control node are no devices. */
int system_node_list(void *self, const char *dir, void (*name)(void *user, const char *name),
		     void *user)
{
	struct dirent *e;
	DIR *d = opendir(dir);
	int r = 0;

	(void)self;
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while ((e = dir_next(d, &r)))
		if (e->d_name[0] != '.' && !streq(e->d_name, "control"))
			name(user, e->d_name);
	closedir(d);
	return r;
}

/* --- the kernel log --- */

int64_t clock_log_us(void)
{
	struct timespec t;

	/* The log's clock runs free, as this one does; they differ by when they were started.
	 */
	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A record is "PRIORITY,SEQUENCE,TIME_US,FLAGS[,...];TEXT\n KEY=VALUE\n...". */
static void take_record(char *record, int64_t since_us, dm_log_fn line, void *user)
{
	char *text = strchr(record, ';');
	uint64_t fields[3] = { 0 };
	char *at = record;

	if (!text)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields) && at && at < text; i++) {
		size_t len = strcspn(at, ",;");

		if (number_parse_len(at, len, INT64_MAX, &fields[i]) < 0)
			return;
		at += len + 1;
	}
	if ((int64_t)fields[2] < since_us)
		return;
	text++;
	text[strcspn(text, "\n")] = '\0';
	line(user, fields[1] + 1, text);
}

void system_log_mark(int *fd)
{
	/* Where it can't be read errors are told without it. */
	if (*fd < 0)
		*fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (*fd >= 0)
		(void)lseek(*fd, 0, SEEK_END);
}

int system_log(int fd, int64_t since_us, dm_log_fn line, void *user)
{
	char record[LOG_RECORD_SIZE];
	ssize_t n;

	if (fd < 0)
		return -EBADF;
	for (;;) {
		n = read(fd, record, sizeof(record) - 1);
		/* EPIPE: the record was overwritten before it was read; the next read goes on.
		 */
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0)
			return 0;
		record[n] = '\0';
		take_record(record, since_us, line, user);
	}
}

/* --- udev --- */

/*
 * Is the process at the other end in our namespace of this kind? Yes where it can't be known: a
 * daemon that went to the background is not the one that began to listen, and that one is gone.
 */
static bool same_namespace(pid_t pid, const char *kind)
{
	struct stat ours, theirs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	if (stat(path, &ours) < 0)
		return true; /* no such namespaces here */
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	return stat(path, &theirs) < 0 || ours.st_ino == theirs.st_ino;
}

/*
 * Asked by what decides whether a cookie is ever answered: the variable, the socket, the
 * container.
 */
const char *system_udev_why_not(void *self)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = UDEV_CONTROL };
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	_cleanup_(closep) int fd = -1;

	(void)self;
	if (getenv("DM_DISABLE_UDEV"))
		return "DM_DISABLE_UDEV is set";
	if (access(UDEV_CONTROL, F_OK) < 0)
		return "there is no " UDEV_CONTROL;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return "nobody listens at " UDEV_CONTROL;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid == 0)
		return "udev runs outside of this container";
	/* Cookies are System V semaphores: they are only seen in one IPC namespace. */
	if (!same_namespace(peer.pid, "ipc"))
		return "udev runs in another IPC namespace";
	return NULL;
}

/* --- sysfs --- */

/* A file of sysfs with one number. */
int system_read_number_at(int dir, const char *path, uint64_t *ret)
{
	_cleanup_(closep) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n;
	size_t len;

	if (fd < 0)
		return -errno;
	/* An attribute is given whole by the first read: no stream around it, no look for its end. */
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	len = (size_t)n;
	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	return number_parse_len(text, len, UINT64_MAX, ret);
}

int system_read_number(const char *path, uint64_t *ret)
{
	return system_read_number_at(AT_FDCWD, path, ret);
}

static void attr_path(char *path, size_t size, uint32_t major, uint32_t minor, const char *name)
{
	snprintf(path, size, "/sys/dev/block/%u:%u/%s", major, minor, name);
}

int system_attr_get(void *self, uint32_t major, uint32_t minor, const char *name, uint64_t *ret)
{
	char path[128];

	(void)self;
	attr_path(path, sizeof(path), major, minor, name);
	return system_read_number(path, ret);
}

/* Older kernels have fewer: those are 0. */
int system_io_counters(void *self, uint32_t major, uint32_t minor, uint64_t ret[DM_IO_COUNTERS])
{
	char path[128];
	FILE *f;

	(void)self;
	attr_path(path, sizeof(path), major, minor, "stat");
	f = fopen(path, "re");
	if (!f)
		return -errno;
	for (size_t i = 0; i < DM_IO_COUNTERS; i++)
		if (fscanf(f, "%" SCNu64, &ret[i]) != 1)
			ret[i] = 0;
	fclose(f);
	return 0;
}

/* Sysfs takes a value in one write. */
int system_attr_set(void *self, uint32_t major, uint32_t minor, const char *name,
		    uint64_t value)
{
	_cleanup_(closep) int fd = -1;
	char path[128], text[24];
	size_t len;

	(void)self;
	attr_path(path, sizeof(path), major, minor, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = number_format(text, value);
	return write(fd, text, len) < 0 ? -errno : 0;
}
