/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk of holes with labels of PVs anywhere on it, and no table of partitions. What is found must be the same whether
 * holes are passed over or read, lie on the disk, and be a PV by itself; then a pool is looked for on it.
 * Input: pieces of three bytes for the sector, one for its kind, two for the length, then that much.
 */
#include "fuzz.h"

#include <bedplate/source.h>

#include "lvm/label.h"

#include <sys/mman.h>
#include <unistd.h>

#define SECTOR     512u
#define DISK_BYTES (UINT64_C(66) << 20) /* a little behind where every sector is looked at */
#define FOUND_MAX  64u

static void put_u32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* A sector as a label with that number of its own, the input as header of the PV; or as a metadata area's header. */
static void seal(uint8_t *sector, uint8_t kind, size_t len)
{
	static const char uuid[] = "abcdefghijklmnopqrstuvwxyz012345";

	if ((kind & 3) == 1) {
		memmove(sector + 64, sector, len < SECTOR - 64 ? len : SECTOR - 64);
		memset(sector, 0, 32);
		memcpy(sector, "LABELONE", 8);
		sector[8] = kind >> 2 & 7;
		put_u32(sector + 20, 32);
		memcpy(sector + 24, "LVM2 001", 8);
		memcpy(sector + 32, uuid, 32);
		put_u32(sector + 16, lvm_crc(sector + 20, SECTOR - 20));
	} else if ((kind & 3) == 2) {
		put_u32(sector, lvm_crc(sector + 4, SECTOR - 4));
	}
}

static void fill(int fd, const uint8_t *data, size_t size)
{
	while (size >= 6) {
		uint64_t at = (data[0] | (uint64_t)data[1] << 8 | (uint64_t)data[2] << 16) %
			      (DISK_BYTES / SECTOR) * SECTOR;
		size_t len = data[4] | (size_t)data[5] << 8;
		uint8_t sector[65536 + SECTOR] = { 0 };

		if (len > size - 6)
			len = size - 6;
		memcpy(sector, data + 6, len);
		seal(sector, data[3], len);
		if (data[3] & 3 && len < SECTOR)
			len = SECTOR;
		if (at + len > DISK_BYTES)
			len = (size_t)(DISK_BYTES - at);
		promise(pwrite(fd, sector, len, (off_t)at) == (ssize_t)len);
		len = data[4] | (size_t)data[5] << 8;
		len = len > size - 6 ? size - 6 : len;
		data += 6 + len;
		size -= 6 + len;
	}
}

struct places {
	const struct raw_image *image;
	bp_bytes at[FOUND_MAX], end; /* of the last one: none lies in another */
	unsigned nr;
};

static int on_found(void *user, bp_bytes offset)
{
	struct places *p = user;
	struct lvm_label label;

	promise(offset < p->image->size && offset % SECTOR == 0);
	promise(lvm_label_read(p->image, offset, &label) == 0);
	promise(offset + label.sector * SECTOR >= p->end);
	if (add_overflow(offset, label.device_size, &p->end))
		p->end = UINT64_MAX;
	p->at[p->nr++] = offset;
	return p->nr == FOUND_MAX;
}

static void search(const struct raw_image *image, struct places *ret)
{
	const struct lvm_lost_visitor visitor = { on_found, ret };

	*ret = (struct places){ .image = image };
	promise(lvm_lost_search(image, &visitor) >= 0);
}

/* A device has no holes that are known. */
static void compare(struct raw_image *image)
{
	struct places sparse, dense;

	search(image, &sparse);
	image->device = true;
	search(image, &dense);
	image->device = false;
	promise(sparse.nr == dense.nr);
	promise(memcmp(sparse.at, dense.at, sparse.nr * sizeof(sparse.at[0])) == 0);
}

static void try_source(struct bp_ctx *ctx, const char *path)
{
	struct bp_source *source;

	if (bp_source_open(ctx, path, NULL, &source) == 0)
		bp_source_close(source);
	else
		promise(strlen(bp_errmsg(ctx)) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	struct raw_image *image;
	struct bp_ctx *ctx;
	char path[64];

	promise(fd >= 0 && ftruncate(fd, (off_t)DISK_BYTES) == 0 && bp_ctx_new(&ctx) == 0);
	fill(fd, data, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	promise(raw_image_open(ctx, path, &image) == 0);
	compare(image);
	raw_image_close(image);
	try_source(ctx, path);
	bp_ctx_free(ctx);
	close(fd);
	return 0;
}
