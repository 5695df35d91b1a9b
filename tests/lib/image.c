/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>

#include "formats/thin/disk.h"

static void read_all(struct image *image, FILE *from)
{
	size_t room = 0, n;
	uint8_t *bigger;

	do {
		if (image->size == room) {
			room = room ? room * 2 : 4u << 20;
			bigger = aligned_alloc(IO_BLOCK, room);
			assert_non_null(bigger);
			if (image->data)
				memcpy(bigger, image->data, image->size);
			free(image->data);
			image->data = bigger;
		}
		n = fread(image->data + image->size, 1, room - image->size, from);
		image->size += n;
	} while (n);
	assert_false(ferror(from));
}

void image_load(struct image *image, const char *name)
{
	char command[512];
	FILE *xz;

	snprintf(command, sizeof(command), "xz -dc '%s/%s.img.xz'", TEST_DATA, name);
	xz = popen(command, "re");
	assert_non_null(xz);
	*image = (struct image){ 0 };
	read_all(image, xz);
	assert_int_equal(pclose(xz), 0);
	assert_true(image->size >= IO_BLOCK);
}

void image_copy(struct image *image, const struct image *from)
{
	image->size = from->size;
	image->data = aligned_alloc(IO_BLOCK, DIV_UP(from->size, IO_BLOCK) * IO_BLOCK);
	assert_non_null(image->data);
	memcpy(image->data, from->data, from->size);
}

void image_done(struct image *image)
{
	free(image->data);
	*image = (struct image){ 0 };
}

void *image_block(const struct image *image, bp_mblock nr)
{
	assert_true((nr + 1) * IO_BLOCK <= image->size);
	return image->data + nr * IO_BLOCK;
}

void image_seal(const struct image *image, bp_mblock nr, enum block_kind kind)
{
	void *block = image_block(image, nr);

	/* The number the block has is kept: it may be what was changed. */
	block_seal(block, kind, block_number(block, kind));
}

bool image_used(const struct image *image, bp_mblock nr)
{
	const struct thin_superblock_disk *sb = image_block(image, 0);
	const struct sm_index_disk *index;
	const struct sm_bitmap_disk *bitmap;
	struct sm_root_disk root;

	memcpy(&root, sb->metadata_space_map_root, sizeof(root));
	index = image_block(image, le64_get(root.bitmap_root));
	bitmap = image_block(image, le64_get(index->entries[0].blocknr));
	return le64_get(bitmap->words[nr / 32]) >> (2 * (nr % 32)) & 3;
}

struct io *image_io(const struct image *image)
{
	struct io *io;

	assert_ok(io_memory_new(image->data, image->size, &io));
	return io;
}

char *image_file(const struct image *image)
{
	char *path = strdup("/tmp/bedplate-test-XXXXXX");
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)image->size), 0);
	for (size_t at = 0; at < image->size; at += IO_BLOCK) {
		size_t len = MIN(IO_BLOCK, image->size - at);

		if (len == IO_BLOCK && !*(uint64_t *)(void *)(image->data + at) &&
		    !memcmp(image->data + at, image->data + at + 8, len - 8))
			continue; /* a hole */
		assert_int_equal(pwrite(fd, image->data + at, len, (off_t)at), len);
	}
	close(fd);
	return path;
}

void image_unlink(char *take_path)
{
	unlink(take_path);
	free(take_path);
}
