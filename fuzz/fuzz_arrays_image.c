/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of caches and eras that a kernel made, with any changes, and all checksums right. Input:
 * which image, then any number of changes: block (an index into those in use), two bytes of offset,
 * one of length, bytes. Whatever is read, what is repaired is sound, and after writing back nothing is
 * dirty.
 */
#include "fuzz.h"

#include "formats/cache/check.h"
#include "formats/cache/meta.h"
#include "formats/cache/repair.h"
#include "formats/cache/writeback.h"
#include "formats/era/check.h"
#include "formats/era/meta.h"
#include "formats/era/repair.h"

#include <bedplate/era_dump.h>

#include <stdio.h>

#define BLOCKS 1024u

static const char *const names[] = { "cache-v1-dirty", "cache-v2-discard", "cache-k7",
				     "era-msnap", "era-crash" };
#define FIRST_ERA 3u

struct base {
	uint8_t *data, *work;
	uint32_t used[256]; /* blocks with something in them */
	enum block_kind kinds[256];
	size_t nr_used;
};
static struct base bases[ARRAY_SIZE(names)];
static uint8_t *out;

static void load(struct base *base, const char *name)
{
	char command[512];
	FILE *xz;
	size_t n;

	base->data = io_buffer_new(BLOCKS);
	base->work = io_buffer_new(BLOCKS);
	promise(base->data && base->work);
	snprintf(command, sizeof(command), "xz -dc '%s/%s.img.xz'", TEST_DATA, name);
	xz = popen(command, "r");
	promise(xz);
	n = fread(base->data, 1, BLOCKS * IO_BLOCK, xz);
	promise(n == BLOCKS * IO_BLOCK && pclose(xz) == 0);
	memcpy(base->work, base->data, BLOCKS * IO_BLOCK);
	for (uint32_t b = 0; b < BLOCKS && base->nr_used < 256; b++) {
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

/* --- caches --- */

static int no_mapping(void *user, const struct bp_cache_mapping *m)
{
	(void)user;
	return m->cache_block == UINT32_MAX; /* look at it */
}

static int no_matter(void *user, const struct bp_damage *damage)
{
	(void)user;
	promise(damage->what && *damage->what);
	return 0;
}

static uint64_t check_cache(struct bp_ctx *ctx, struct io *io)
{
	struct bp_cache_check_result res = { .size = sizeof(res) };

	promise(cache_check_io(ctx, io, CHECK_ONLY, NULL, &res) == 0);
	return res.nr_fatal + res.nr_nonfatal;
}

/* Devices that all blocks fit, with nothing in them. */
static int nowhere_read(struct io *io, const struct io_run *runs, size_t nr)
{
	(void)io;
	(void)runs;
	(void)nr;
	return 0;
}

static int nowhere_write(struct io *io, const struct io_run *run)
{
	(void)io;
	(void)run;
	return 0;
}

static int nowhere_flush(struct io *io)
{
	(void)io;
	return 0;
}

static const struct io_ops nowhere_ops = {
	.name = "nowhere",
	.read = nowhere_read,
	.write = nowhere_write,
	.flush = nowhere_flush,
};

static int not_dirty(void *user, const struct bp_cache_mapping *m)
{
	(void)user;
	promise(!m->may_be_dirty);
	return 0;
}

/* Last, as it changes the image. Cache blocks larger than 64 KiB are too much memory here. */
static void try_writeback(struct bp_ctx *ctx, struct io *io, const void *superblock)
{
	const struct cache_superblock_disk *sb = superblock;
	const struct bp_cache_writeback_opts opts = { .size = sizeof(opts),
						      .buffer_bytes = 1u << 16 };
	const struct bp_cache_visitor visitor = { .mapping = not_dirty };
	struct bp_cache_writeback_result res = { .size = sizeof(res) };
	struct io nowhere = { .ops = &nowhere_ops,
			      .nr_blocks = UINT64_C(1) << 56,
			      .writable = true,
			      .aligned = true,
			      .batch_runs = 1,
			      .workers = 1 };
	const struct cache_devices devices = { io, &nowhere, &nowhere };
	struct bp_cache_meta *meta;
	int r;

	if (le32_get(sb->data_block_size) > 128)
		return;
	r = cache_writeback_io(ctx, &devices, &opts, &res);
	promise(res.nr_copied + res.nr_read_errors + res.nr_write_errors <= res.nr_blocks);
	if (r < 0 || !res.metadata_updated)
		return;
	promise(cache_meta_open_io(ctx, io, NULL, &meta) == 0);
	promise(bp_cache_walk(meta, &visitor) == 0);
	free(meta);
}

static void try_cache(struct bp_ctx *ctx, struct io *io, struct io *to, const void *superblock)
{
	const struct bp_cache_visitor visitor = { .mapping = no_mapping, .damage = no_matter };
	struct bp_cache_repair_result res = { .size = sizeof(res) };
	struct bp_cache_meta *meta;

	check_cache(ctx, io);
	if (cache_meta_open_io(ctx, io, NULL, &meta) == 0) {
		bp_cache_walk(meta, &visitor);
		free(meta);
	}
	if (cache_repair_io(ctx, io, to, NULL, &res) == 0)
		promise(check_cache(ctx, to) == 0);
	try_writeback(ctx, io, superblock);
}

/* --- eras --- */

static int no_writeset(void *user, uint32_t era, uint32_t nr_bits, bool current)
{
	(void)user;
	(void)era;
	(void)nr_bits;
	(void)current;
	return 0;
}

static int no_blocks(void *user, uint32_t begin, uint32_t end)
{
	(void)user;
	promise(begin < end);
	return 0;
}

static int no_text(void *user, const char *text, size_t len)
{
	*(size_t *)user += len;
	promise(len && *text);
	return 0;
}

/* What is not known counts as written, so damage or not there is an answer. */
static void try_since(struct bp_era_meta *meta)
{
	uint32_t now = bp_era_superblock_get(meta)->current_era;
	const uint32_t since[] = { 0, 2, now, UINT32_MAX };
	uint64_t damages;
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(since); i++)
		promise(bp_era_written_since(meta, since[i], no_blocks, no_matter, NULL) == 0);
	promise(bp_era_blocks_text(meta, now, NULL, NULL, no_text, &len, &damages) == 0);
	promise(len > 0);
}

static uint64_t check_era(struct bp_ctx *ctx, struct io *io)
{
	struct bp_era_check_result res = { .size = sizeof(res) };

	promise(era_check_io(ctx, io, CHECK_ONLY, NULL, &res) == 0);
	return res.nr_fatal + res.nr_nonfatal;
}

static void try_era(struct bp_ctx *ctx, struct io *io, struct io *to)
{
	const struct bp_era_open_opts snap = { .size = sizeof(snap),
					       .flags = BP_ERA_OPEN_SNAP };
	const struct bp_era_visitor visitor = {
		.writeset = no_writeset,
		.written = no_blocks,
		.damage = no_matter,
	};
	struct bp_era_repair_result res = { .size = sizeof(res) };
	struct bp_era_meta *meta;

	check_era(ctx, io);
	if (era_meta_open_io(ctx, io, NULL, &meta) == 0) {
		bp_era_walk(meta, &visitor);
		if (bp_era_superblock_get(meta)->nr_blocks < 1u << 20)
			try_since(meta);
		free(meta);
	}
	if (era_meta_open_io(ctx, io, &snap, &meta) == 0) {
		bp_era_walk(meta, &visitor);
		free(meta);
	}
	if (era_repair_io(ctx, io, to, NULL, &res) == 0)
		promise(check_era(ctx, to) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t which = size ? data[0] % ARRAY_SIZE(names) : 0;
	struct base *base = &bases[which];
	struct io *io, *to;
	struct bp_ctx *ctx;

	if (!base->data)
		load(base, names[which]);
	if (!out)
		out = io_buffer_new(BLOCKS);
	promise(out);
	if (size)
		change(base, data + 1, size - 1);
	seal(base);
	promise(bp_ctx_new(&ctx) == 0);
	promise(io_memory_new(base->work, BLOCKS * IO_BLOCK, &io) == 0);
	promise(io_memory_new(out, BLOCKS * IO_BLOCK, &to) == 0);
	if (which < FIRST_ERA)
		try_cache(ctx, io, to, base->work);
	else
		try_era(ctx, io, to);
	io_close(io);
	io_close(to);
	bp_ctx_free(ctx);
	for (size_t i = 0; i < base->nr_used; i++)
		memcpy(base->work + (size_t)base->used[i] * IO_BLOCK,
		       base->data + (size_t)base->used[i] * IO_BLOCK, IO_BLOCK);
	return 0;
}
