/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tests of vdo volumes share: a directory of their own, with volumes that kernels have used. */
#ifndef LIB_VDO_FILES_H
#define LIB_VDO_FILES_H

#include "context_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

static char dir[] = "/tmp/test-vdo.XXXXXX";

static inline void shell(const char *fmt, ...) _printf_(1, 2);

static inline void shell(const char *fmt, ...)
{
	char command[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static inline const char *path_of(const char *name)
{
	static char path[4][128];
	static unsigned i;

	i = (i + 1) % 4; /* some are used at a time */
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

/* One of the used volumes, unpacked once. */
static inline const char *used(const char *name)
{
	char file[64];

	snprintf(file, sizeof(file), "used-%s.img", name);
	if (access(path_of(file), F_OK) < 0)
		shell("tar -xJSf " TEST_DATA "/vdo-used-%s.img.tar.xz -C %s", name, dir);
	return path_of(file);
}

static inline const char *sparse(const char *name, uint64_t bytes)
{
	const char *path = path_of(name);
	int fd;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	if (ftruncate(fd, (off_t)bytes) < 0)
		path = NULL; /* more than this file system takes */
	close(fd);
	return path;
}

static inline int prepare(void **state)
{
	return mkdtemp(dir) ? setup(state) : -1;
}

static inline int finish(void **state)
{
	shell("rm -rf %s", dir);
	return teardown(state);
}

#endif
