/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any text as a dump of a cache, and of an era: what can be restored is sound; what can't leaves no
 * superblock. The first byte chooses which.
 */
#include "../tests/lib/xml_text.h"
#include "fuzz.h"

#include "formats/cache/check.h"
#include "formats/cache/restore.h"
#include "formats/era/check.h"
#include "formats/era/restore.h"

#define BLOCKS 256u

static int restore(struct bp_ctx *ctx, bool era, const struct xml_source *source, struct io *io)
{
	const struct bp_cache_restore_opts opts = { .size = sizeof(opts), .version = 1 };

	return era ? era_restore_io(ctx, source, io, NULL)
		   : cache_restore_io(ctx, source, io, &opts);
}

static uint64_t check(struct bp_ctx *ctx, bool era, struct io *io)
{
	struct bp_cache_check_result cache = { .size = sizeof(cache) };
	struct bp_era_check_result eras = { .size = sizeof(eras) };

	if (era)
		promise(era_check_io(ctx, io, CHECK_ONLY, NULL, &eras) == 0);
	else
		promise(cache_check_io(ctx, io, CHECK_ONLY, NULL, &cache) == 0);
	return cache.nr_fatal + cache.nr_nonfatal + cache.nr_remarks + eras.nr_fatal +
	       eras.nr_nonfatal + eras.nr_remarks;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool era = size && data[0] == 'e';
	struct text text = { (const char *)data + (size ? 1 : 0), size ? size - 1 : 0 };
	const struct xml_source source = { .read = read_text, .user = &text, .name = "x" };
	uint8_t *area = io_buffer_new(BLOCKS);
	struct bp_ctx *ctx;
	struct io *io;

	promise(area && bp_ctx_new(&ctx) == 0);
	promise(io_memory_new(area, BLOCKS * IO_BLOCK, &io) == 0);
	if (restore(ctx, era, &source, io) == 0)
		promise(check(ctx, era, io) == 0);
	else
		promise(block_is_zero(area));
	io_close(io);
	bp_ctx_free(ctx);
	free(area);
	return 0;
}
