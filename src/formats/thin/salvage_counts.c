/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a data space map, as far as it can be read, counts of a block. Allocates one bitmap. */
#include "formats/thin/salvage.h"

static int count_nothing(void *user, bp_mblock block)
{
	(void)user;
	(void)block;
	return 0;
}

/* The superblock is lost: the only tree of index entries in use that nothing points to. */
static bool find_map(const struct salvage *s, struct sm_root *ret)
{
	size_t nr = 0;

	*ret = (struct sm_root){ .nr_blocks = s->meta.nr_blocks * SM_BITMAP_ENTRIES };
	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		if (n->kind != SALVAGE_INDEX || !salvage_in_use(s, n) ||
		    s->pointers[n->block] > 0)
			continue;
		ret->bitmap_root = n->block;
		nr++;
	}
	return nr == 1;
}

/*
 * @root NULL: the superblock is lost, and a map is looked for in the area. Without one
 * nothing is counted.
 */
int salvage_counts_init(struct salvage_counts *c, struct salvage *s, const struct sm_root *root)
{
	struct sm_root found;
	int r;

	*c = (struct salvage_counts){ .s = s };
	c->bitmap = io_buffer_new(1);
	if (!c->bitmap)
		return -ENOMEM;
	if (!root)
		root = find_map(s, &found) ? &found : NULL;
	r = root ? space_map_init(&c->map, &s->meta, root, true) : -EUCLEAN;
	c->has_map = r == 0;
	if (r == 0)
		r = space_map_read(&c->map, count_nothing, NULL);
	return r == -EUCLEAN ? 0 : r;
}

bool salvage_counts_has(const struct salvage_counts *c, bp_mblock block)
{
	if (!c->has_map)
		return false;
	for (uint64_t i = 0; i < c->map.nr_bitmaps; i++)
		if (c->map.bitmaps[i].block == block)
			return true;
	return block == c->map.root.bitmap_root || block == c->map.root.ref_count_root;
}

/* A count above two, from the tree below @block; what can't be read is as small as can be. */
static uint32_t large_count(struct salvage_counts *c, uint64_t key)
{
	bp_mblock block = c->map.root.ref_count_root;

	for (int depth = 0; depth < BTREE_MAX_DEPTH; depth++) {
		const struct snode *n = snode_of_kind(c->s, block, SALVAGE_COUNTS);
		uint32_t i = 0;

		while (n && i < n->nr && n->keys[i] <= key)
			i++;
		if (!n || i == 0)
			break;
		if (n->flags & SNODE_LEAF) {
			c->exact = n->keys[i - 1] == key;
			return c->exact ? le32_get(n->counts[i - 1]) : 3;
		}
		block = n->values[i - 1];
	}
	c->exact = false;
	return 3;
}

void salvage_counts_done(struct salvage_counts *c)
{
	if (c->has_map)
		space_map_done(&c->map);
	free(c->bitmap);
	*c = (struct salvage_counts){ 0 };
}

/* COUNT_UNKNOWN where the bitmap is lost; .exact only where the count itself was read. */
uint32_t salvage_counts_get(struct salvage_counts *c, bp_dblock block)
{
	uint64_t nr = block / SM_BITMAP_ENTRIES, entry = block % SM_BITMAP_ENTRIES;
	const struct sm_bitmap *b;
	uint32_t count;

	if (!c->has_map || nr >= c->map.nr_bitmaps)
		return COUNT_UNKNOWN;
	b = &c->map.bitmaps[nr];
	if (c->bitmap_nr != nr + 1) {
		c->bitmap_nr = 0;
		if (b->error || io_read(c->s->meta.io, b->block, 1, c->bitmap) < 0 ||
		    sm_block_check(c->bitmap, BLOCK_BITMAP, b->block) != SM_OK)
			return COUNT_UNKNOWN;
		c->bitmap_nr = nr + 1;
	}
	c->exact = true;
	count = sm_word_swap(le64_get(c->bitmap->words[entry / 32])) >> (2 * (entry % 32)) & 3;
	return count < 3 ? count : large_count(c, block);
}
