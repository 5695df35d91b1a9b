/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include "core/vec.h"
#include "temp.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* By words: valgrind's memcmp() goes by bytes, and images have hundreds of megabytes. */
static bool is_zero(const uint8_t *data, size_t len)
{
	uint64_t word, any = 0;

	for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		any |= word;
	}
	while (len > 0)
		any |= data[--len];
	return !any;
}

void image_new(struct image *image, size_t size)
{
	size_t mapped = DIV_UP(size, IO_BLOCK) * IO_BLOCK;
	void *data = mmap(NULL, mapped + IO_BLOCK, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(data != MAP_FAILED);
	assert_int_equal(mprotect((uint8_t *)data + mapped, IO_BLOCK, PROT_NONE), 0);
	*image = (struct image){ .data = data, .size = size, .mapped = mapped };
}

/* Copy what is not zero to memory that is. */
static void copy(uint8_t *to, const uint8_t *from, size_t size)
{
	for (size_t at = 0; at < size; at += IO_BLOCK) {
		size_t len = MIN(IO_BLOCK, size - at);

		if (!is_zero(from + at, len))
			memcpy(to + at, from + at, len);
	}
}

#include "formats/cache/disk.h"
#include "formats/era/disk.h"
#include "formats/thin/disk.h"

/* xz leaves holes in the file where the image is zero: they are not read. */
static void read_data(struct image *image, int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);

	assert_true(end >= IO_BLOCK);
	image_new(image, (size_t)end);
	for (off_t at = 0, hole; (at = lseek(fd, at, SEEK_DATA)) >= 0; at = hole) {
		hole = lseek(fd, at, SEEK_HOLE);
		assert_true(hole > at);
		assert_int_equal(pread(fd, image->data + at, (size_t)(hole - at), at),
				 hole - at);
	}
	assert_int_equal(errno, ENXIO);
}

static void unpack(struct image *image, const char *name)
{
	char command[512];
	int fd = memfd_create("image", 0);

	assert_true(fd >= 0);
	snprintf(command, sizeof(command), "xz -dc '%s/%s.img.xz' > /dev/fd/%d", TEST_DATA,
		 name, fd);
	assert_int_equal(system(command), 0);
	read_data(image, fd);
	close(fd);
}

/* Images as they were unpacked: those of their blocks that are not zero, and where they are. */
static struct unpacked {
	char name[32];
	size_t size;
	uint8_t *blocks;
	VEC(size_t) data; /* offsets in the image */
} unpacked[48];

/* All of them at once would not fit the addresses of a 32-bit processor. */
static void keep_data(struct unpacked *u, const struct image *image)
{
	u->size = image->size;
	for (size_t at = 0; at < image->size; at += IO_BLOCK)
		if (!is_zero(image->data + at, IO_BLOCK))
			assert_ok(vec_add(&u->data, &at));
	u->blocks = malloc((u->data.count + 1) * IO_BLOCK);
	assert_non_null(u->blocks);
	for (size_t i = 0; i < u->data.count; i++)
		memcpy(u->blocks + i * IO_BLOCK, image->data + u->data.items[i], IO_BLOCK);
}

static struct unpacked *find(const char *name)
{
	struct unpacked *u = unpacked;
	struct image image;

	while (u->name[0] && strcmp(u->name, name) != 0)
		u++;
	assert_true(u < unpacked + ARRAY_SIZE(unpacked) - 1);
	if (u->name[0])
		return u;
	unpack(&image, name);
	keep_data(u, &image);
	image_done(&image);
	assert_true(snprintf(u->name, sizeof(u->name), "%s", name) < (int)sizeof(u->name));
	return u;
}

void image_load(struct image *image, const char *name)
{
	const struct unpacked *u = find(name);

	image_new(image, u->size);
	for (size_t i = 0; i < u->data.count; i++)
		memcpy(image->data + u->data.items[i], u->blocks + i * IO_BLOCK, IO_BLOCK);
}

void image_copy(struct image *image, const struct image *from)
{
	image_new(image, from->size);
	copy(image->data, from->data, from->size);
}

void image_done(struct image *image)
{
	if (image->data)
		munmap(image->data, image->mapped + IO_BLOCK);
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

void image_patch(const struct image *image, bp_mblock nr, enum block_kind kind, uint32_t at,
		 uint32_t bytes, uint64_t value)
{
	le64 v = le64_make(value);

	memcpy((uint8_t *)image_block(image, nr) + at, &v, bytes);
	image_seal(image, nr, kind);
}

/* All but keys and values. */
static struct btree_node_disk *put_head(const struct image *image, bp_mblock block,
					uint32_t flags, uint32_t value_size, uint32_t nr)
{
	struct btree_node_disk *disk = image_block(image, block);

	assert_true(is_zero((const uint8_t *)disk, IO_BLOCK));
	assert_true(nr <= node_capacity(value_size));
	disk->flags = le32_make(flags);
	disk->nr_entries = le32_make(nr);
	disk->max_entries = le32_make(node_capacity(value_size));
	disk->value_size = le32_make(value_size);
	return disk;
}

void image_put_leaf(const struct image *image, bp_mblock block, uint32_t value_size,
		    uint32_t nr, uint64_t first_key, const void *values)
{
	struct btree_node_disk *disk = put_head(image, block, NODE_LEAF, value_size, nr);

	for (uint32_t i = 0; i < nr; i++)
		disk->keys[i] = le64_make(first_key + i);
	memcpy(disk->keys + node_capacity(value_size), values, (size_t)nr * value_size);
	block_seal(disk, BLOCK_NODE, block);
}

void image_put_node(const struct image *image, bp_mblock block, uint32_t nr,
		    const uint64_t *keys, const le64 *children)
{
	struct btree_node_disk *disk = put_head(image, block, NODE_INTERNAL, sizeof(le64), nr);

	for (uint32_t i = 0; i < nr; i++)
		disk->keys[i] = le64_make(keys[i]);
	memcpy(disk->keys + node_capacity(sizeof(le64)), children, nr * sizeof(le64));
	block_seal(disk, BLOCK_NODE, block);
}

/* Where a superblock has the root of the metadata space map. */
static size_t map_root_offset(const void *superblock)
{
	const le64 *magic = (const le64 *)superblock + 4;

	if (le64_get(*magic) == CACHE_MAGIC)
		return offsetof(struct cache_superblock_disk, metadata_space_map_root);
	if (le64_get(*magic) == ERA_MAGIC)
		return offsetof(struct era_superblock_disk, metadata_space_map_root);
	return offsetof(struct thin_superblock_disk, metadata_space_map_root);
}

bool image_used(const struct image *image, bp_mblock nr)
{
	const uint8_t *sb = image_block(image, 0);
	const struct sm_index_disk *index;
	const struct sm_bitmap_disk *bitmap;
	struct sm_root_disk root;

	memcpy(&root, sb + map_root_offset(sb), sizeof(root));
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
	temp_later(path);
	assert_int_equal(ftruncate(fd, (off_t)image->size), 0);
	for (size_t at = 0; at < image->size; at += IO_BLOCK) {
		size_t len = MIN(IO_BLOCK, image->size - at);

		if (len == IO_BLOCK && is_zero(image->data + at, len))
			continue; /* a hole */
		assert_int_equal(pwrite(fd, image->data + at, len, (off_t)at), len);
	}
	close(fd);
	return path;
}

void image_unlink(char *take_path)
{
	temp_remove(take_path);
	free(take_path);
}

void image_twin_load(struct image_twin *twin, const char *name)
{
	image_load(&twin->image, name);
	twin->path = image_file(&twin->image);
	twin->fd = open(twin->path, O_RDWR | O_CLOEXEC);
	assert_true(twin->fd >= 0);
}

void image_twin_write(const struct image_twin *twin, bp_mblock nr)
{
	assert_int_equal(pwrite(twin->fd, image_block(&twin->image, nr), IO_BLOCK,
				(off_t)(nr * IO_BLOCK)),
			 IO_BLOCK);
}

void image_twin_done(struct image_twin *twin)
{
	close(twin->fd);
	image_unlink(twin->path);
	image_done(&twin->image);
}
