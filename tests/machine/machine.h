/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In front of each source that asks the system: calls that see a directory of a test as the system's own. /proc, /sys,
 * /dev, /run and /etc lie there, and a file in it that begins with "block 8:0", "char 10:236" or "on 8:0" is such a device,
 * or a file that lies on that one. What ioctl() does the test says. All else is as it is.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int machine_access(const char *path, int mode);
int machine_connect(int fd, const struct sockaddr *addr, socklen_t len);
FILE *machine_fopen(const char *path, const char *mode);
int machine_fstat(int fd, struct stat *st);
int machine_fstatat(int dir, const char *path, struct stat *st, int flags);
int machine_ioctl(int fd, unsigned long request, ...);
int machine_away(const char *what, const char *where);
int machine_mkdir(const char *path, mode_t mode);
int machine_mknod(const char *path, mode_t mode, dev_t dev);
int machine_open(const char *path, int flags, ...);
int machine_openat(int dir, const char *path, int flags);
DIR *machine_opendir(const char *path);
ssize_t machine_readlink(const char *path, char *to, size_t size);
int machine_stat(const char *path, struct stat *st);
int machine_unlink(const char *path);

#ifndef MACHINE_ITSELF
#define access(path, mode)            machine_access(path, mode)
#define connect(fd, addr, len)        machine_connect(fd, addr, len)
#define fopen(path, mode)             machine_fopen(path, mode)
#define fstat(fd, st)                 machine_fstat(fd, st)
#define fstatat(dir, path, st, flags) machine_fstatat(dir, path, st, flags)
#define ioctl(fd, ...)                machine_ioctl(fd, __VA_ARGS__)
#define mkdir(path, mode)             machine_mkdir(path, mode)
#define mknod(path, mode, dev)        machine_mknod(path, mode, dev)
#define open(path, ...)               machine_open(path, __VA_ARGS__)
#define openat(dir, path, flags)      machine_openat(dir, path, flags)
#define opendir(path)                 machine_opendir(path)
#define readlink(path, to, size)      machine_readlink(path, to, size)
#define stat(path, st)                machine_stat(path, st)
#define unlink(path)                  machine_unlink(path)
#endif

/* Mounts and namespaces, which nobody but root may have: done where MACHINE_ROOT is defined, by doing nothing. */
#if defined(MACHINE_ROOT) && !defined(MACHINE_ITSELF)
#include <sched.h>
#include <sys/mount.h>
#define mount(source, point, ...) machine_away("mount", point)
#define umount(point)             machine_away("umount", point)
#define umount2(point, flags)     machine_away("umount", point)
#define unshare(what)             machine_away("unshare", "")
#define setns(fd, what)           machine_away("setns", "")
#endif

/* --- what a test says of it --- */

/* An empty machine, below /tmp; it goes with the process. */
void machine_new(void);
/* A file with this text, and the directories that lead to it. */
void machine_file(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A symbolic link. */
void machine_link(const char *path, const char *to);
/* No such thing any more. */
void machine_gone(const char *path);
/* Where it lies; good until the third next call. */
const char *machine_path(const char *path);
/* Of a device's file: does it say @what ("block 7:0")? */
int machine_is(int fd, const char *what);
/* All calls of open() and mknod() fail with it; 0: they don't. */
void machine_refuse(int errnum);
/* A record of the kernel log, for who has opened it, and who opens it first. */
void machine_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A file that is a block device of this number, where it is open. */
void machine_device(int fd, unsigned major, unsigned minor);
/* What comes of open() of a device: a descriptor, or -1 for what lies there. NULL: that. */
extern int (*machine_opens)(const char *path);
/* What comes of a mount, and so on, by its name: 0 or -errno. NULL: 0. */
extern int (*machine_aways)(const char *what, const char *where);
/* What ioctl() does: 0 or -errno. NULL: ENOTTY. */
extern int (*machine_ioctls)(int fd, unsigned long request, void *arg);

#endif
