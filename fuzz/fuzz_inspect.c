/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inspecting any block of any area: blocks of any kind with any content, their checksums right.
 * Input: two bytes for a block number, then for each block one byte for its kind, one for how much
 * of it follows, and that much. Every entry, pointer and way comes to an end.
 */
#include "blocks.h"
#include "fuzz.h"

#include "formats/thin/inspect.h"

#define BLOCKS 64u
/* A block has no more entries than bytes; a way no more steps than trees are deep, twice over. */
#define ENTRIES_MAX 65280u
#define STEPS_MAX   32u

static const enum block_kind kinds[] = { BLOCK_NODE,  BLOCK_THIN_SUPERBLOCK,
					 BLOCK_NODE,  BLOCK_CACHE_SUPERBLOCK,
					 BLOCK_INDEX, BLOCK_ERA_SUPERBLOCK,
					 BLOCK_ARRAY, BLOCK_BITMAP };

static int on_entry(void *user, const struct bp_inspect_entry *entry)
{
	promise(entry->kind >= BP_ENTRY_CHILD && entry->kind <= BP_ENTRY_OTHER);
	promise(entry->length > 0);
	promise(++*(uint64_t *)user <= ENTRIES_MAX);
	return 0;
}

static int on_ref(void *user, const struct bp_inspect_ref *ref)
{
	promise(ref->parent < BLOCKS);
	++*(uint64_t *)user;
	return 0;
}

static void look(struct bp_inspect *in, bp_mblock block)
{
	struct bp_inspected b;
	uint64_t entries = 0, refs = 0, steps = 0;

	if (bp_inspect_block(in, block, &b) < 0)
		return;
	promise(block < BLOCKS && b.block == block && b.kind_name);
	bp_inspect_entries(in, on_entry, &entries);
	bp_inspect_refs(in, block, on_ref, &refs);
	bp_inspect_path(in, block, on_ref, &steps);
	promise(steps <= STEPS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *area;
	struct bp_inspect *in;
	struct bp_ctx *ctx;
	struct io *io;
	bp_mblock block;

	if (size < 2)
		return 0;
	if (!area)
		area = io_buffer_new(BLOCKS);
	promise(area);
	memset(area, 0, (size_t)BLOCKS * IO_BLOCK);
	block = data[0] | (bp_mblock)data[1] << 56;
	blocks_fill(area, BLOCKS, kinds, ARRAY_SIZE(kinds), data + 2, size - 2);
	promise(bp_ctx_new(&ctx) == 0);
	promise(io_memory_new(area, (size_t)BLOCKS * IO_BLOCK, &io) == 0);
	if (inspect_new_io(ctx, io, &in) == 0) {
		look(in, block);
		for (bp_mblock b = 0; b < BLOCKS; b++)
			look(in, b);
		bp_inspect_free(in);
	} else {
		promise(strlen(bp_errmsg(ctx)) > 0);
		io_close(io);
	}
	bp_ctx_free(ctx);
	return 0;
}
