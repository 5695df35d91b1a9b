/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A log of writes from any bytes: replayed inside of the disk, or refused; the same by one seed. */
#include "fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/scenario.h"

#define DISK_BYTES ((uint64_t)1 << 20)

struct bytes {
	const uint8_t *data;
	size_t size;
};

static int read_bytes(void *user, void *buf, size_t len, uint64_t offset)
{
	const struct bytes *bytes = user;

	promise(offset <= bytes->size && len <= bytes->size - offset);
	memcpy(buf, bytes->data + offset, len);
	return 0;
}

static void replay(struct bp_ctx *ctx, const struct writes_log *log,
		   const struct log_source *source, struct fates *ret)
{
	struct log_disk disk = { memfd_create("disk", MFD_CLOEXEC), DISK_BYTES };
	struct stat st;

	promise(disk.fd >= 0);
	if (writes_log_replay(ctx, log, source, &disk, 5, ret) == 0)
		promise(ret->durable + ret->kept + ret->lost + ret->torn <= log->entries.count);
	promise(fstat(disk.fd, &st) == 0 && (uint64_t)st.st_size <= DISK_BYTES);
	close(disk.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	const struct log_source source = { read_bytes, &bytes, size };
	struct writes_log log;
	struct fates one, two;
	struct bp_ctx *ctx;

	promise(bp_ctx_new(&ctx) == 0);
	if (writes_log_read(ctx, &source, &log) == 0) {
		replay(ctx, &log, &source, &one);
		replay(ctx, &log, &source, &two);
		promise(one.kept == two.kept && one.lost == two.lost && one.torn == two.torn);
		writes_log_done(&log);
	}
	bp_ctx_free(ctx);
	return 0;
}
