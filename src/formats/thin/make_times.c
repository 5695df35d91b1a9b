/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What devices share must be older than their snapshotted_time: a kernel takes it for their own
 * otherwise, and a write to one changes the other. Promised: no mapping of a block that is counted
 * twice has a time that its device's snapshotted_time is not above, unless that would go beyond
 * what a mapping can hold. A higher one makes kernels copy more, never less.
 *
 * While mappings are added (map.h) leaves are noted in which some are not older; only those are
 * read again, and only where any block is counted twice. Memory: one bit for 32 data blocks.
 */
#include "formats/thin/make.h"

#include "core/bits.h"

#include <inttypes.h>

#define WORD 32u /* blocks in a word of counts */

struct again {
	struct thin_make *m;
	struct bits words; /* those of counts in which a block is counted twice */
	void *block;
};

/*
 * A block that is shared must not be younger than the device's last snapshot: the kernel
 * would take it for unshared and write to it in place. The first one is told with its
 * device, the rest by number.
 */
void thin_make_raise(struct thin_make *m, struct thin_made_device *device, uint32_t need)
{
	uint32_t time = le32_get(device->details.snapshotted_time);

	if (time >= need || need > THIN_TIME_MAX)
		return;
	if (m->nr_raised++ == 0)
		bp_warn(m->ctx,
			"device %" PRIu64 ": snap_time %" PRIu32
			" is not above the times of blocks that it shares: %" PRIu32
			" is written",
			device->id, time, need);
	device->details.snapshotted_time = le32_make(need);
}

/* Whether there are any; -ENOMEM. */
static int find_shared(struct again *a)
{
	const struct refcounts *counts = &a->m->map.data;
	uint64_t nr_pieces = DIV_UP(counts->nr_blocks, REFCOUNTS_PIECE);

	for (uint64_t p = 0; p < nr_pieces; p++) {
		const uint64_t *piece = refcounts_piece(counts, p);

		for (uint64_t w = 0; piece && w < REFCOUNTS_WORDS; w++) {
			if (!(piece[w] & UINT64_C(0xaaaaaaaaaaaaaaaa)))
				continue;
			if (!a->words.words &&
			    bits_init(&a->words, nr_pieces * REFCOUNTS_WORDS) < 0)
				return bp_fail_memory(a->m->ctx);
			bits_set(&a->words, p * REFCOUNTS_WORDS + w);
		}
	}
	return a->words.words != NULL;
}

static bool is_shared(const struct again *a, bp_dblock block)
{
	return bits_test(&a->words, block / WORD) && refcounts_get(&a->m->map.data, block) > 1;
}

/* What the snapshotted_time has to be for a leaf; @need at least. */
static int look_at(struct again *a, bp_mblock nr, uint32_t *need)
{
	struct node leaf;
	int r;

	if (refcounts_get(&a->m->build.counts, nr) == 0) /* it was replaced */
		return 0;
	r = thin_map_read(&a->m->map, nr, a->block, &leaf);
	for (uint32_t i = 0; r == 0 && i < leaf.nr; i++) {
		uint64_t value = node_value64(&leaf, i);
		uint32_t time = thin_mapping_time(value);

		if (time >= *need && is_shared(a, thin_mapping_block(value)))
			*need = time + 1;
	}
	return r;
}

/* Only devices with fresh mappings, and of those only leaves with a shared block in them. */
static int look_again(struct again *a)
{
	struct thin_make *m = a->m;
	int r = 0;

	a->block = io_buffer_new(1);
	if (!a->block)
		return bp_fail_memory(m->ctx);
	for (size_t i = 0; i < m->devices.count; i++) {
		struct thin_made_device *device = &m->devices.items[i];
		uint32_t need = le32_get(device->details.snapshotted_time);

		for (size_t n = 0; r == 0 && n < device->nr_fresh; n++)
			r = look_at(a, m->map.fresh.items[device->first_fresh + n], &need);
		if (r < 0)
			return r;
		thin_make_raise(m, device, need);
	}
	return 0;
}

/* After all counts are right: which blocks are shared is not known before. */
int thin_make_raise_shared(struct thin_make *m)
{
	struct again a = { .m = m };
	int r = 0;

	if (m->map.lowered)
		bp_warn(m->ctx,
			"mappings have time %u, above which nothing can be: %u is written",
			THIN_TIME_MAX, THIN_MAPPING_TIME_MAX);
	if (m->map.fresh.count > 0)
		r = find_shared(&a);
	if (r > 0)
		r = look_again(&a);
	bits_done(&a.words);
	free(a.block);
	if (r == 0 && m->nr_raised > 1)
		bp_warn(m->ctx, "%" PRIu64 " more devices have a snap_time that is too low",
			m->nr_raised - 1);
	return r;
}
