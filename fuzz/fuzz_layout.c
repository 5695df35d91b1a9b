/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file system from any bytes: what is named lies in the device, or it is refused. The device is larger
 * than the input, which it repeats, so that few bytes make all blocks there are.
 */
#include "fuzz.h"

#include "fault/fault.h"

#define DISK_BYTES ((uint64_t)1 << 20)

struct bytes {
	const uint8_t *data;
	size_t size;
};

static int read_bytes(void *user, void *buf, size_t len, uint64_t offset)
{
	const struct bytes *bytes = user;
	uint8_t *to = buf;

	promise(offset <= DISK_BYTES && len <= DISK_BYTES - offset);
	for (size_t i = 0; i < len; i++)
		to[i] = bytes->data[(offset + i) % bytes->size];
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	const struct layout_disk disk = { read_bytes, &bytes, DISK_BYTES };
	struct bp_ctx *ctx;

	if (!size)
		return 0;
	promise(bp_ctx_new(&ctx) == 0);
	for (uint32_t classes = 1; classes <= 3; classes++) {
		struct fault_ranges ranges = { 0 };
		int r = fault_layout(ctx, &disk, classes, &ranges);

		promise(r == 0 || *bp_errmsg(ctx));
		fault_ranges_unite(&ranges);
		for (size_t i = 0; i < ranges.count; i++) {
			const struct bp_fault_range *range = &ranges.items[i];

			promise(range->length_sectors &&
				range->start_sectors + range->length_sectors <=
					DISK_BYTES / 512);
		}
		vec_done(&ranges);
	}
	bp_ctx_free(ctx);
	return 0;
}
