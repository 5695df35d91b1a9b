/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An area of blocks of any kind with any content. Input: for each block one byte for its kind, one
 * for how much of it follows, in 4 bytes, then that much.
 */
#ifndef FUZZ_BLOCKS_H
#define FUZZ_BLOCKS_H

#include "core/util.h"
#include "io/io.h"
#include "pdata/block.h"

#include <string.h>

/* A checksum that is wrong ends everything at once: half of the kinds' bytes get a right one. */
static inline void blocks_fill(uint8_t *area, uint32_t nr_blocks, const enum block_kind *kinds,
			       size_t nr_kinds, const uint8_t *data, size_t size)
{
	for (uint32_t b = 0; b < nr_blocks && size >= 2; b++) {
		uint8_t *block = area + (size_t)b * IO_BLOCK;
		enum block_kind kind = kinds[data[0] % nr_kinds];
		size_t len = MIN((size_t)data[1] * 4, size - 2);

		memcpy(block + 4, data + 2, len);
		if (data[0] < 128)
			block_seal(block, kind, b);
		data += 2 + len;
		size -= 2 + len;
	}
}

#endif
