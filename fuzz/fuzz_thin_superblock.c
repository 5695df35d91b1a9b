/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a superblock, with its checksum made right, before nodes of any bytes. */
#include "thin_image.h"

#define BLOCKS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *area = io_buffer_new(BLOCKS);
	size_t n = MIN(size, sizeof(struct thin_superblock_disk));
	struct bp_ctx *ctx;
	struct io *io;

	promise(area && bp_ctx_new(&ctx) == 0);
	memset(area, 0, BLOCKS * IO_BLOCK);
	memcpy(area, data, n);
	block_seal(area, BLOCK_THIN_SUPERBLOCK, block_number(area, BLOCK_THIN_SUPERBLOCK));
	for (size_t i = 1; i < BLOCKS; i++) {
		size_t len = MIN(size - n, 128);

		memcpy(area + i * IO_BLOCK, data + n, len);
		n += len;
		block_seal(area + i * IO_BLOCK, i == 9 ? BLOCK_THIN_SUPERBLOCK : BLOCK_NODE, i);
	}
	promise(io_memory_new(area, BLOCKS * IO_BLOCK, &io) == 0);
	thin_try_all(ctx, io);
	io_close(io);
	bp_ctx_free(ctx);
	free(area);
	return 0;
}
