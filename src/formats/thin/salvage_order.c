/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of two pairs of roots comes first by what is known of the pairs alone: a wish where nothing
 * is proven, used by salvage_pairs() after times and allocation have said nothing.
 */
#include "formats/thin/salvage.h"

/* Does it have both roots, and every device as many mappings as its details say? */
static bool is_whole(const struct salvage_pair *p)
{
	return p->mapping && p->details && p->nr_devices && p->nr_equal == p->nr_devices;
}

/*
 * Of two that share a root, the one that is whole, where the other lost its own; else the one that
 * a space map names belongs together. 0: they share none, or nothing tells.
 */
int salvage_order_sharing(const struct salvage_pair *a, const struct salvage_pair *b)
{
	if (a->mapping != b->mapping && a->details != b->details)
		return 0;
	if (is_whole(a) && (!b->mapping || !b->details))
		return 1;
	if (is_whole(b) && (!a->mapping || !a->details))
		return -1;
	return !a->index != !b->index ? (a->index ? 1 : -1) : 0;
}

/* By where their roots lie, of which either may be lost. */
int salvage_order_blocks(const struct salvage_pair *a, const struct salvage_pair *b)
{
	bool by_details = a->mapping == b->mapping ||
			  ((!a->mapping || !b->mapping) && a->details && b->details);

	if (by_details && a->details != b->details)
		return a->details > b->details ? 1 : -1;
	return a->mapping > b->mapping ? 1 : -1;
}
