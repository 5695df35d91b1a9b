/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The verbs that look at a broken pool, whole, on any area: blocks of any kind with any content, their
 * checksums right. Input: for each block one byte for its kind, one for how much of it follows, then
 * that much. Everything ends; what is grafted or rebuilt checks clean; the area is as it was.
 */
#include "fuzz.h"

#include <bedplate/history.h>
#include <bedplate/rescue.h>
#include <bedplate/thin_cells.h>
#include <bedplate/undelete.h>

#include "io/io.h"
#include "pdata/block.h"

#include <sys/mman.h>
#include <unistd.h>

#define BLOCKS      48u
#define AREA_BYTES  ((size_t)BLOCKS * IO_BLOCK)
#define REMOVED_MAX 4u /* volumes to undelete of one area */

static void fill(uint8_t *area, const uint8_t *data, size_t size)
{
	static const enum block_kind kinds[] = { BLOCK_NODE,  BLOCK_NODE,
						 BLOCK_NODE,  BLOCK_THIN_SUPERBLOCK,
						 BLOCK_INDEX, BLOCK_BITMAP };

	for (uint32_t b = 0; b < BLOCKS && size >= 2; b++) {
		uint8_t *block = area + (size_t)b * IO_BLOCK;
		size_t len = MIN((size_t)data[1] * 4, size - 2);

		memcpy(block + 4, data + 2, len);
		if (data[0] < 128)
			block_seal(block, kinds[data[0] % ARRAY_SIZE(kinds)], b);
		data += 2 + len;
		size -= 2 + len;
	}
}

static void clean(struct bp_ctx *ctx, const char *path)
{
	struct bp_thin_check_result res = { .size = sizeof(res) };

	promise(bp_thin_check(ctx, path, NULL, &res) == 0);
	promise(res.nr_fatal == 0 && res.nr_nonfatal == 0);
}

static void try_rescue(struct bp_ctx *ctx, struct bp_source *source, const char *output)
{
	struct bp_thin_check_result res = { .size = sizeof(res) };
	struct bp_rescue *rescue;

	if (bp_rescue(source, &rescue) < 0) {
		promise(strlen(bp_errmsg(ctx)) > 0);
		return;
	}
	for (size_t i = 0; i < bp_rescue_troubles_count(rescue); i++)
		promise(strcmp(bp_trouble_name(bp_rescue_trouble_get(rescue, i)->kind),
			       "unknown") != 0);
	for (size_t i = 0; i < bp_rescue_plans_count(rescue); i++) {
		if (bp_rescue_apply(rescue, i, output, &res) == 0)
			promise(res.nr_fatal == 0 && res.nr_nonfatal == 0);
		unlink(output);
	}
	bp_rescue_free(rescue);
}

struct removed {
	struct bp_ctx *ctx;
	struct bp_source *source;
	const char *output;
	unsigned nr;
};

static int on_missing(void *user, const struct bp_undelete_range *range)
{
	(void)user;
	promise(range->length > 0);
	return 0;
}

static int on_removed(void *user, const struct bp_removed_volume *volume)
{
	struct removed *removed = user;
	struct bp_undelete_result res = { .size = sizeof(res) };
	struct bp_undelete *undelete;
	char id[24];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)volume->id);
	if (bp_undelete_new(removed->source, id, NULL, &undelete) == 0) {
		bp_undelete_get(undelete, &res);
		promise(res.survival_percent <= 10000);
		promise(res.reused_dblocks <= res.found_dblocks);
		bp_undelete_missing(undelete, on_missing, NULL);
		if (bp_undelete_write(undelete, removed->output) == 0)
			clean(removed->ctx, removed->output);
		unlink(removed->output);
		bp_undelete_free(undelete);
	}
	return ++removed->nr >= REMOVED_MAX;
}

static int on_device(void *user, const struct bp_thin_device *device)
{
	(void)device;
	++*(uint64_t *)user;
	return 0;
}

static void try_history(struct bp_ctx *ctx, struct bp_source *source)
{
	struct bp_history *history;
	uint64_t devices = 0;

	if (bp_history(source, &history) < 0) {
		promise(strlen(bp_errmsg(ctx)) > 0);
		return;
	}
	for (size_t i = 0; i < bp_history_count(history); i++)
		bp_history_devices(history, i, on_device, &devices);
	bp_history_free(history);
}

static int on_cell(void *user, const struct bp_thin_cell *cell)
{
	(void)user;
	promise(cell->dblocks > 0);
	return 0;
}

static void try_map(struct bp_source *source)
{
	const struct bp_thin_cells_opts cells = { .size = sizeof(cells), .nr_cells = 16 };
	struct bp_thin_meta *meta;

	if (bp_source_thin_open(source, NULL, &meta) < 0)
		return;
	bp_thin_cells(meta, &cells, on_cell, NULL);
	bp_thin_close(meta);
}

static void try_all(struct bp_ctx *ctx, const char *path, const char *output)
{
	const struct bp_source_opts opts = { .size = sizeof(opts), .data_block_sectors = 128 };
	struct removed removed = { .ctx = ctx, .output = output };

	if (bp_source_open(ctx, path, &opts, &removed.source) < 0) {
		promise(strlen(bp_errmsg(ctx)) > 0);
		return;
	}
	try_rescue(ctx, removed.source, output);
	try_history(ctx, removed.source);
	bp_removed_volumes(removed.source, on_removed, &removed);
	try_map(removed.source);
	bp_source_close(removed.source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("metadata", MFD_CLOEXEC);
	char path[64], output[64];
	struct bp_ctx *ctx;
	uint8_t *area;
	char *before;

	promise(fd >= 0 && ftruncate(fd, AREA_BYTES) == 0 && bp_ctx_new(&ctx) == 0);
	area = mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	before = malloc(AREA_BYTES);
	promise(area != MAP_FAILED && before);
	fill(area, data, size);
	memcpy(before, area, AREA_BYTES);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(output, sizeof(output), "/tmp/bp-fuzz-rescue-%ld", (long)getpid());
	try_all(ctx, path, output);
	promise(memcmp(before, area, AREA_BYTES) == 0);
	bp_ctx_free(ctx);
	munmap(area, AREA_BYTES);
	free(before);
	close(fd);
	return 0;
}
