/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A record of writes that was sent by somebody: opened, listed, and disks made of it at its points, in order and
 * by chance. What is made has the size that the record tells, and the same seed makes the same.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/crash.h"

#define DISK_MOST  ((uint64_t)1 << 22)
#define POINTS     8
#define READ_BYTES 4096

static uint64_t sum(int fd)
{
	unsigned char buf[READ_BYTES];
	uint64_t sum = 0, at = 0;
	ssize_t n;

	for (; (n = pread(fd, buf, sizeof(buf), (off_t)at)) > 0; at += (uint64_t)n)
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + buf[i];
	return sum;
}

/* What the commands of a check would find; 0: it can't be made. */
static uint64_t disk_at(const struct bp_crash *crash, struct crash_base *base, size_t end,
			uint32_t reorder)
{
	const struct bp_crash_check_opts opts = { .seed = 7, .atomic_bytes = 4096 };
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct crash_state state;
	struct stat st;
	uint64_t ret = 0;

	promise(fd >= 0);
	if (reorder)
		promise(crash_state_reorder(crash, &opts, end, reorder, &state) == 0);
	else
		crash_state_in_order(crash, end, &state);
	promise(state.safe <= end);
	if (crash_image_make(crash, base, &state, fd) == 0) {
		promise(fstat(fd, &st) == 0 && (uint64_t)st.st_size == crash->info.disk_bytes);
		ret = 1 + sum(fd);
	}
	crash_state_done(&state);
	close(fd);
	return ret;
}

static void make_disks(const struct bp_crash *crash)
{
	struct crash_base base = { .fd = memfd_create("base", MFD_CLOEXEC) };
	size_t count = (size_t)bp_crash_count(crash);

	promise(base.fd >= 0 && ftruncate(base.fd, (off_t)crash->info.disk_bytes) == 0);
	for (size_t i = 0; i < POINTS; i++) {
		size_t end = count * i / (POINTS - 1);
		uint32_t reorder = (uint32_t)(i % 3);
		uint64_t first = disk_at(crash, &base, end, reorder);

		/* From a base that had been further on it is the same. */
		disk_at(crash, &base, count, 0);
		promise(disk_at(crash, &base, end, reorder) == first);
	}
	close(base.fd);
}

static void look(const struct bp_crash *crash)
{
	struct bp_crash_info info = { .size = sizeof(info) };
	struct bp_crash_entry entry;

	promise(bp_crash_info(crash, &info) == 0 && info.disk_bytes <= INT64_MAX);
	promise(info.first <= info.entries && info.marks <= info.entries);
	for (uint64_t i = 0; i < bp_crash_count(crash); i++) {
		promise(bp_crash_get(crash, i, &entry) == 0);
		promise(strlen(entry.mark) < BP_CRASH_MARK_SIZE);
		promise(entry.kind == BP_CRASH_MARK || !*entry.mark);
	}
	promise(strlen(crash_mark_before(crash, (size_t)info.entries)) < BP_CRASH_MARK_SIZE);
	if (info.disk_bytes <= DISK_MOST)
		make_disks(crash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("record", MFD_CLOEXEC);
	struct bp_crash *crash;
	struct bp_ctx *ctx;
	char path[64];

	promise(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	promise(bp_ctx_new(&ctx) == 0);
	if (bp_crash_open(ctx, path, &crash) == 0) {
		look(crash);
		bp_crash_close(crash);
	} else {
		promise(*bp_errmsg(ctx));
	}
	bp_ctx_free(ctx);
	close(fd);
	return 0;
}
