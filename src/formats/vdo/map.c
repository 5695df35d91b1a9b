/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The block map: 60 trees of five levels, of which logical block b has entry b % 812 of leaf
 * b / 812, and the leaves go round the trees. A page is read when an entry points to it, and
 * judged by its head alone; what entries mean is the visitor's. It is the visitor, too, who
 * keeps the walk from going in circles, by skipping pages it has seen.
 */
#include "formats/vdo/vdo.h"

#include <inttypes.h>

#define ROOT_HEIGHT 4

struct walk {
	struct bp_vdo_image *image;
	const struct vdo_map_visitor *visitor;
	unsigned tree;
	struct vdo_page_disk *pages; /* one for each height */
};

/* 36 bits of block number: four high ones beside the state, 32 behind. */
static struct vdo_mapping mapping_of(const uint8_t entry[5])
{
	le32 low;

	memcpy(&low, entry + 1, sizeof(low));
	return (struct vdo_mapping){
		.block = (bp_mblock)(entry[0] >> 4) << 32 | le32_get(low),
		.state = entry[0] & 0xf,
	};
}

/* The first logical block that entry @slot of a page leads to; @index: the page's, in its row. */
static bp_mblock logical_of(const struct walk *w, unsigned height, uint64_t index,
			    unsigned slot)
{
	uint64_t leaf = index;

	if (height == 0)
		return (index * VDO_ROOTS + w->tree) * VDO_PAGE_ENTRIES + slot;
	leaf = leaf * VDO_PAGE_ENTRIES + slot;
	for (unsigned i = 1; i < height; i++)
		leaf *= VDO_PAGE_ENTRIES;
	return (leaf * VDO_ROOTS + w->tree) * VDO_PAGE_ENTRIES;
}

static bool all_zero(const struct vdo_page_disk *page)
{
	const uint8_t *p = (const void *)page;

	return p[0] == 0 && memcmp(p, p + 1, IO_BLOCK - 1) == 0;
}

/* Kernels take a page without its volume's head as empty; so it is, unless it shows traces. */
static int judge(const struct walk *w, const struct vdo_page_disk *page, bp_mblock block,
		 bool *ret_empty, enum bp_damage_kind *ret_kind, const char **ret_why)
{
	bool version = le32_get(page->major) == 4 && le32_get(page->minor) == 1;
	bool nonce = le64_get(page->nonce) == w->image->volume.nonce;
	bool number = le64_get(page->block) == block;

	*ret_empty = !version || !nonce || !page->initialised;
	*ret_kind = BP_DAMAGE_WRONG_KIND;
	*ret_why = !version ? "it is of another version, and so taken as empty"
		   : !nonce ? "it has another volume's nonce, and so is taken as empty"
			    : "it is marked as never written, and so taken as empty";
	if (*ret_empty)
		return nonce || (number && version) ? -EUCLEAN : 0;
	*ret_kind = BP_DAMAGE_MISPLACED;
	*ret_why = "it says that it is another block";
	return number ? 0 : -EUCLEAN;
}

/* Read and judge. Sets @ret_usable; returns what stops the walk, or 0. */
static int page_read(struct walk *w, const struct vdo_place *parent, bp_mblock block,
		     struct vdo_page_disk *page, bool *ret_usable)
{
	const struct vdo_map_visitor *visitor = w->visitor;
	enum bp_damage_kind kind = BP_DAMAGE_IO;
	const char *why;
	bool empty = false;
	int r = vdo_read(w->image, block, 1, page);

	why = r < 0 ? strerrordesc_np(-r) : NULL;
	if (r == 0 && !all_zero(page))
		r = judge(w, page, block, &empty, &kind, &why);
	else if (r == 0)
		empty = true;
	*ret_usable = r == 0 && !empty;
	return r == 0 ? 0 : visitor->bad_page(visitor->user, parent, block, kind, why);
}

/* The entries of a page, and all below them. At most five deep. */
static int page_walk(struct walk *w, const struct vdo_place *parent, bp_mblock block,
		     unsigned height, uint64_t index)
{
	const struct vdo_map_visitor *visitor = w->visitor;
	struct vdo_page_disk *page = &w->pages[height];
	bool usable;
	int r = page_read(w, parent, block, page, &usable);

	for (unsigned slot = 0; r == 0 && usable && slot < VDO_PAGE_ENTRIES; slot++) {
		struct vdo_mapping to = mapping_of(page->entries[slot]);
		struct vdo_place place = { block, slot, height, 0, false };

		if (to.state == VDO_UNMAPPED)
			continue;
		place.logical = logical_of(w, height, index, slot);
		place.beyond = place.logical >= w->image->volume.logical_mblocks;
		r = visitor->entry(visitor->user, &place, &to);
		if (r == 0 && height)
			r = page_walk(w, &place, to.block, height - 1,
				      index * VDO_PAGE_ENTRIES + slot);
		else if (r > 0)
			r = 0;
	}
	return r;
}

/* Tree by tree, depth first: memory is one page a level. */
int vdo_map_walk(struct bp_vdo_image *image, const struct vdo_map_visitor *visitor)
{
	const struct bp_vdo_volume *v = &image->volume;
	_cleanup_(freep) struct vdo_page_disk *pages = io_buffer_new(ROOT_HEIGHT + 1);
	struct walk w = { .image = image, .visitor = visitor, .pages = pages };
	int r = pages ? 0 : bp_fail_memory(image->ctx);

	for (w.tree = 0; r == 0 && w.tree < v->nr_roots; w.tree++)
		r = page_walk(&w, NULL, v->root_start_mblock + w.tree, ROOT_HEIGHT, 0);
	return r;
}
