/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images of metadata in memory: those of tests/data, made by kernels, and what tests do to
 * them. */
#ifndef LIB_IMAGE_H
#define LIB_IMAGE_H

#include "io/io.h"
#include "pdata/block.h"

struct image {
	uint8_t *data; /* aligned to a block */
	size_t size;   /* bytes */
	size_t mapped; /* what there is of memory, before a page that can't be touched */
};

/* All zero. Blocks that nothing is written to take no memory. */
void image_new(struct image *image, size_t size);

/* tests/data/NAME.img.xz, decompressed once a program. The test fails where that can't be done. */
void image_load(struct image *image, const char *name);
void image_copy(struct image *image, const struct image *from);
void image_done(struct image *image);

void *image_block(const struct image *image, bp_mblock nr);
/* Make the checksum of a changed block right again; @kind as it was before the change. */
void image_seal(const struct image *image, bp_mblock nr, enum block_kind kind);
/* Write the low @bytes bytes of @value at byte @at of a block, and seal it. */
void image_patch(const struct image *image, bp_mblock nr, enum block_kind kind, uint32_t at,
		 uint32_t bytes, uint64_t value);

/* Sealed btree nodes, into blocks that are zero: a leaf with keys from @first_key, a node above others. */
void image_put_leaf(const struct image *image, bp_mblock block, uint32_t value_size,
		    uint32_t nr, uint64_t first_key, const void *values);
void image_put_node(const struct image *image, bp_mblock block, uint32_t nr,
		    const uint64_t *keys, const le64 *children);

/* Is metadata block @nr in use, by a space map of one bitmap? */
bool image_used(const struct image *image, bp_mblock nr);

/* Read and written in place. Close it before the image is done. */
struct io *image_io(const struct image *image);
/* In a new file of its own; removed and freed by image_unlink(). */
char *image_file(const struct image *image);
void image_unlink(char *take_path);

/* An image in memory and the same in a file, for programs that are not ours. */
struct image_twin {
	struct image image;
	char *path;
	int fd;
};
void image_twin_load(struct image_twin *twin, const char *name);
/* Block @nr of the image is written to the file. */
void image_twin_write(const struct image_twin *twin, bp_mblock nr);
void image_twin_done(struct image_twin *twin);

#endif
