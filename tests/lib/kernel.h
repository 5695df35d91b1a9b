/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For kernel test cases in C: checks that say what they saw, the scratch disks, sectors. */
#ifndef LIB_KERNEL_H
#define LIB_KERNEL_H

#include <bedplate/bedplate.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAIL(...)                                                                              \
	do {                                                                                   \
		fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                \
		fprintf(stderr, __VA_ARGS__);                                                  \
		fprintf(stderr, "\n");                                                         \
		exit(1);                                                                       \
	} while (0)

#define CHECK(cond)                                                                            \
	do {                                                                                   \
		if (!(cond))                                                                   \
			FAIL("%s", #cond);                                                     \
	} while (0)

/* A call of the library on the context ctx that succeeds, or fails with this errno. */
#define OK(call)                                                                               \
	do {                                                                                   \
		if ((call) != 0)                                                               \
			FAIL("%s: %s", #call, bp_errmsg(ctx));                                 \
	} while (0)
#define ERR(call, errnum)                                                                      \
	do {                                                                                   \
		int r_ = (call);                                                               \
		if (r_ != -(errnum))                                                           \
			FAIL("%s: %d (%s) instead of %d", #call, r_, bp_errmsg(ctx),           \
			     -(errnum));                                                       \
	} while (0)

#define HAS(text, part)                                                                        \
	do {                                                                                   \
		const char *text_ = (text);                                                    \
		if (!text_ || !strstr(text_, part))                                            \
			FAIL("no '%s' in '%s'", part, text_ ? text_ : "(null)");               \
	} while (0)

static inline const char *disk(int which)
{
	const char *path = getenv(which ? "LAB_DISK1" : "LAB_DISK0");

	if (!path)
		FAIL("not in the lab");
	return path;
}

/* A text with the disks for @0 and @1. @size: of @ret. */
static inline const char *with_disks(const char *pattern, char *ret, size_t size)
{
	size_t n = 0;

	for (; *pattern && n + 1 < size; pattern++) {
		if (pattern[0] == '@' && (pattern[1] == '0' || pattern[1] == '1'))
			n += (size_t)snprintf(ret + n, size - n, "%s", disk(*++pattern == '1'));
		else
			ret[n++] = *pattern;
	}
	if (n >= size)
		FAIL("no room");
	ret[n] = '\0';
	return ret;
}

/* Write or read one sector, past the page cache. */
static inline void sector_io(const char *path, uint64_t sector, char *buf, int write)
{
	int fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		FAIL("open %s: %s", path, strerror(errno));
	n = write ? pwrite(fd, buf, 512, (off_t)(sector * 512))
		  : pread(fd, buf, 512, (off_t)(sector * 512));
	if (n != 512)
		FAIL("%s of sector %" PRIu64 " of %s: %s", write ? "write" : "read", sector,
		     path, strerror(errno));
	close(fd);
}

static inline void put_sector(const char *path, uint64_t sector, const char *text)
{
	static _Alignas(4096) char buf[512];

	memset(buf, 0, sizeof(buf));
	strncpy(buf, text, sizeof(buf) - 1);
	sector_io(path, sector, buf, 1);
}

static inline const char *get_sector(const char *path, uint64_t sector)
{
	static _Alignas(4096) char buf[513];

	sector_io(path, sector, buf, 0);
	return buf;
}

static inline void wipe_start(const char *path, unsigned sectors)
{
	for (unsigned i = 0; i < sectors; i++)
		put_sector(path, i, "");
}

/* The output of a shell command that succeeds. Lent until the next call. */
static inline const char *shell(const char *command)
{
	static char out[65536];
	FILE *f = popen(command, "r");
	size_t n;

	if (!f)
		FAIL("popen: %s", strerror(errno));
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	if (pclose(f) != 0)
		FAIL("'%s' failed: %s", command, out);
	return out;
}

static inline struct bp_table *table_of(struct bp_ctx *ctx, const char *text)
{
	struct bp_table *table;

	OK(bp_table_parse(ctx, text, 0, &table));
	return table;
}

/* Create a device from text; the call's result. */
static inline int create_from(struct bp_ctx *ctx, const char *name, const char *text,
			      struct bp_device_info *ret)
{
	struct bp_table *table = table_of(ctx, text);
	int r = bp_device_create(ctx, name, table, NULL, ret);

	bp_table_free(table);
	return r;
}

static inline void remove_named(struct bp_ctx *ctx, const char *name)
{
	struct bp_selector which = { .name = name };
	struct bp_remove_opts opts = {
		.size = sizeof(opts),
		.flags = BP_REMOVE_RETRY,
		.timeout_ms = 5000,
	};

	OK(bp_device_remove(ctx, &which, &opts, NULL));
}

#endif
