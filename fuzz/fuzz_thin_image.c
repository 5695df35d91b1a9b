/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of a kernel with any changes, and all checksums right. Input: which image, then any
 * number of changes: block (an index into those in use), two bytes of offset, one of length,
 * bytes.
 */
#include "thin_image.h"

static const char *const names[] = { "thin-msnap", "thin-refs", "thin-data-leak" };

struct base {
	uint8_t *data, *work;
	size_t size;
	uint32_t used[256]; /* blocks with something in them */
	enum block_kind kinds[256];
	size_t nr_used;
};
static struct base bases[ARRAY_SIZE(names)];

static void load(struct base *base, const char *name)
{
	char command[512];
	FILE *xz;
	size_t n;

	base->size = 1024 * IO_BLOCK;
	base->data = io_buffer_new(1024);
	base->work = io_buffer_new(1024);
	promise(base->data && base->work);
	snprintf(command, sizeof(command), "xz -dc '%s/%s.img.xz'", TEST_DATA, name);
	xz = popen(command, "r");
	promise(xz);
	n = fread(base->data, 1, base->size, xz);
	promise(n == base->size && pclose(xz) == 0);
	memcpy(base->work, base->data, base->size);
	for (uint32_t b = 0; b < 1024 && base->nr_used < 256; b++) {
		enum block_kind kind = block_kind_of(base->data + b * IO_BLOCK);

		if (kind == BLOCK_UNKNOWN)
			continue;
		base->kinds[base->nr_used] = kind;
		base->used[base->nr_used++] = b;
	}
}

static void change(struct base *base, const uint8_t *data, size_t size)
{
	while (size >= 5) {
		uint8_t *block =
			base->work + (size_t)base->used[data[0] % base->nr_used] * IO_BLOCK;
		size_t at = (data[1] | (size_t)data[2] << 8) % IO_BLOCK;
		size_t len = MIN(MIN((size_t)data[3] % 16 + 1, size - 4), IO_BLOCK - at);

		memcpy(block + at, data + 4, len);
		data += 4 + len;
		size -= 4 + len;
	}
}

static void seal(struct base *base)
{
	for (size_t i = 0; i < base->nr_used; i++) {
		uint8_t *block = base->work + (size_t)base->used[i] * IO_BLOCK;

		block_seal(block, base->kinds[i], block_number(block, base->kinds[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base *base = &bases[size ? data[0] % ARRAY_SIZE(names) : 0];
	struct bp_ctx *ctx;
	struct io *io;

	if (!base->data)
		load(base, names[base - bases]);
	if (size)
		change(base, data + 1, size - 1);
	seal(base);
	promise(bp_ctx_new(&ctx) == 0);
	promise(io_memory_new(base->work, base->size, &io) == 0);
	thin_try_all(ctx, io);
	io_close(io);
	bp_ctx_free(ctx);
	for (size_t i = 0; i < base->nr_used; i++)
		memcpy(base->work + (size_t)base->used[i] * IO_BLOCK,
		       base->data + (size_t)base->used[i] * IO_BLOCK, IO_BLOCK);
	return 0;
}
