/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What devices take: their mappings, and of these the blocks that nobody else maps. */
#include <bedplate/thin_ls.h>

#include "formats/thin/owning.h"

struct ls {
	struct thin_owning own;
	uint64_t *exclusive; /* by device */
};

/* Workers share the sum of a device: hence atomic. */
static int count_exclusive(void *user, const struct node *leaf, uint32_t owner)
{
	struct ls *ls = user;
	uint64_t nr = 0;

	for (uint32_t i = 0; i < leaf->nr; i++)
		nr += thin_owning_is_exclusive(&ls->own,
					       thin_mapping_block(node_value64(leaf, i)));
	__atomic_fetch_add(&ls->exclusive[owner - 1], nr, __ATOMIC_RELAXED);
	return 0;
}

/* Does any data block have more than one mapping? Bit 1 of its count says so. */
static bool any_shared(const struct refcounts *c)
{
	for (uint64_t p = 0; p < DIV_UP(c->nr_blocks, REFCOUNTS_PIECE); p++) {
		for (unsigned w = 0; c->pieces[p] && w < REFCOUNTS_WORDS; w++) {
			if (c->pieces[p][w] & UINT64_C(0xaaaaaaaaaaaaaaaa))
				return true;
		}
	}
	return false;
}

/* Without any sharing the counts of the trees are the answer, and nothing is read again. */
static int find_exclusive(struct ls *ls)
{
	const struct thin_owning *own = &ls->own;

	ls->exclusive = calloc(own->devices.list.count + 1, sizeof(*ls->exclusive));
	if (!ls->exclusive)
		return bp_fail_memory(own->tm->meta.ctx);
	if (any_shared(&own->counts[0]))
		return thin_owning_again(&ls->own, THIN_OWNED_BY_ONE, own->tm->meta.workers,
					 count_exclusive, ls);
	for (size_t i = 0; i < own->devices.list.count; i++)
		ls->exclusive[i] =
			forest_entries(&own->forest, own->devices.list.items[i].root);
	return 0;
}

static int look(struct ls *ls, uint32_t flags)
{
	bool sharing = flags & BP_THIN_LS_SHARING;
	int r = flags ? thin_owning_read(&ls->own, sharing) : 0;

	return r == 0 && sharing ? find_exclusive(ls) : r;
}

/* By the flags: what was not counted stays 0. */
static struct bp_thin_usage usage_of(const struct ls *ls, size_t i, uint32_t flags)
{
	const struct thin_device *device = &ls->own.devices.list.items[i];
	struct bp_thin_usage usage = {
		.device = device->details,
		.highest_dblock = BP_NONE,
	};
	const struct walk_node *root;

	usage.device.id = device->id;
	usage.device.root = device->root;
	if (!flags)
		return usage;
	root = forest_node(&ls->own.forest, device->root);
	if (root->key_min <= root->key_max)
		usage.highest_dblock = root->key_max;
	if (flags & BP_THIN_LS_SHARING) {
		usage.exclusive_dblocks = ls->exclusive[i];
		usage.shared_dblocks =
			forest_entries(&ls->own.forest, device->root) - ls->exclusive[i];
	}
	return usage;
}

int bp_thin_ls(struct bp_thin_meta *meta, uint32_t flags,
	       int (*usage)(void *user, const struct bp_thin_usage *usage), void *user)
{
	struct ls ls = { 0 };
	int r = thin_owning_init(&ls.own, meta);

	if (r == 0)
		r = look(&ls, flags);
	for (size_t i = 0; r == 0 && i < ls.own.devices.list.count; i++) {
		struct bp_thin_usage u = usage_of(&ls, i, flags);

		r = usage(user, &u);
	}
	thin_owning_done(&ls.own);
	free(ls.exclusive);
	return r;
}
