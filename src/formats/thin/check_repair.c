/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting a pool's metadata right in place, where nothing worse was found. */
#include "formats/thin/check.h"

static void put_root(uint8_t *field, const struct check_map *map)
{
	struct sm_root_disk disk;

	if (!map->mended)
		return;
	memcpy(&disk, field, sizeof(disk));
	disk.nr_allocated = le64_make(map->mended_root.nr_allocated);
	memcpy(field, &disk, sizeof(disk));
}

static void fill(void *user, void *superblock)
{
	const struct thin_check *c = user;
	struct thin_superblock_disk *disk = superblock;

	put_root(disk->data_space_map_root, &c->space_maps[THIN_MAP_DATA]);
	put_root(disk->metadata_space_map_root, &c->space_maps[THIN_MAP_METADATA]);
	disk->flags = le32_make(le32_get(disk->flags) & ~(uint32_t)THIN_FLAG_NEEDS_CHECK);
}

/* Index entries or totals that are written right now. */
static bool had_wrong_accounting(const struct check_map *map)
{
	if (!map->mended)
		return false;
	if (map->root.nr_allocated != map->report.nr_allocated || map->report.nr_beyond)
		return true;
	return map->nr_wrong_entries > 0;
}

int thin_check_repair(struct thin_check *c)
{
	const struct check_mend mend = {
		.superblock = BLOCK_THIN_SUPERBLOCK,
		.flagged = c->live.pub.flags & THIN_FLAG_NEEDS_CHECK,
		.fill = fill,
		.user = c,
	};
	struct bp_thin_check_result *res = c->res;
	bool written;
	int r = check_repair(&c->check, c->space_maps, THIN_MAPS, &mend, &written);

	if (r < 0 || !written)
		return r;
	res->cleared_needs_check = mend.flagged;
	res->repaired_data_leaks = res->nr_data_leaked;
	res->repaired_metadata_leaks = res->nr_metadata_leaked;
	for (int i = 0; i < THIN_MAPS; i++)
		res->repaired_accounting |= had_wrong_accounting(&c->space_maps[i]);
	if (c->space_maps[THIN_MAP_METADATA].mended)
		res->nr_metadata_free =
			c->live.metadata_sm.nr_blocks -
			c->space_maps[THIN_MAP_METADATA].mended_root.nr_allocated;
	return 0;
}
