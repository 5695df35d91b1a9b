/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of several disks without a label is a PV of a text: by what begins where the text says that
 * something begins. Promises to name a disk only for what has a magic number of its own there, and
 * to read no more than those blocks, and of metadata without its first one 64.
 *
 * Sources: Linux, drivers/md/dm-thin-metadata.c (superblock), drivers/md/dm-raid.c (struct
 * dm_raid_superblock).
 */
#include "lvm/looks.h"
#include "core/crc32c.h"
#include "core/endian.h"

#include "lvm/scan.h"

#define THIN_MAGIC UINT64_C(27022010)
#define RAID_MAGIC UINT32_C(0x64526D44)
#define LOOK_BYTES (UINT64_C(64) * BP_MBLOCK_BYTES) /* of metadata without a superblock */

/* The first sector of either. */
union start {
	struct {
		uint8_t before[32];
		le64 magic;
	} thin;
	struct {
		le32 magic, features, nr_devices;
		le32 position; /* which image of the raid it belongs to */
	} raid;
	uint8_t bytes[BP_SECTOR_BYTES];
};

/* Metadata of a thin pool, by itself. */
static bool is_pool_metadata(const struct lvm_lv *lv)
{
	for (size_t i = 0; i < lv->vg->nr_lvs; i++)
		if (streq(lvm_lv_type(&lv->vg->lvs[i]), "thin-pool") &&
		    lvm_lv_named_by(&lv->vg->lvs[i], "metadata") == lv)
			return true;
	return false;
}

/* "..._rmeta_N": N, or -1. */
static long raid_position(const struct lvm_lv *lv)
{
	const char *at = strstr(lv->name, "_rmeta_");
	char *end;
	long n;

	if (!at || at[7] < '0' || at[7] > '9')
		return -1;
	n = strtol(at + 7, &end, 10);
	return *end ? -1 : n;
}

enum look { LOOK_NOTHING, LOOK_SAME, LOOK_OTHER };

/* Is @start how @lv begins? A superblock may be lost: its absence says nothing. */
static enum look look(const struct lvm_lv *lv, const union start *start)
{
	long position = raid_position(lv);

	if (position >= 0 && le32_get(start->raid.magic) == RAID_MAGIC)
		return le32_get(start->raid.position) == (uint32_t)position ? LOOK_SAME
									    : LOOK_OTHER;
	if (position < 0 && is_pool_metadata(lv) && le64_get(start->thin.magic) == THIN_MAGIC)
		return LOOK_SAME;
	return LOOK_NOTHING;
}

/*
 * A block of a pool's metadata at its own place: its number is in it, and its checksum says which kind it is. Salts of
 * superblocks, nodes, bitmaps and indexes. Source: Linux, drivers/md/persistent-data.
 */
static bool is_block(const uint8_t *block, uint64_t number)
{
	static const uint32_t salts[] = { 160774, 121107, 240779, 160478 };
	uint32_t salt = crc32c(UINT32_MAX, block + 4, BP_MBLOCK_BYTES - 4) ^
			le32_get(*(const le32 *)(const void *)block);

	for (size_t i = 0; i < ARRAY_SIZE(salts); i++)
		if (salts[i] == salt)
			return le64_get(*(const le64 *)(const void *)(block + 8)) == number;
	return false;
}

/* Of metadata whose first block is lost the next ones tell: they are handed out from the front. */
static bool has_blocks(const struct lvm_lv *lv, const struct raw_image *image, bp_bytes at)
{
	uint8_t block[BP_MBLOCK_BYTES];
	bp_bytes len = 0;

	if (mul_overflow(lv->segments[0].extent_count, lv->vg->extent_bytes, &len))
		return false;
	len = MIN(len, LOOK_BYTES);
	for (size_t i = 1; (i + 1) * sizeof(block) <= len; i++)
		if (raw_image_read(image, at + i * sizeof(block), sizeof(block), block) == 0 &&
		    is_block(block, i))
			return true;
	return false;
}

/* Where @lv begins in an image, if it begins on this PV at all. */
static bool place_of(const struct lvm_lv *lv, const struct lvm_pv *pv, bp_bytes offset,
		     bp_bytes *ret)
{
	const struct lvm_segment *seg = lv->nr_segments ? &lv->segments[0] : NULL;

	return seg && seg->nr_refs && seg->refs[0].pv == pv &&
	       !mul_overflow(seg->refs[0].start_extent, lv->vg->extent_bytes, ret) &&
	       !add_overflow(*ret, pv->pe_start, ret) && !add_overflow(*ret, offset, ret);
}

/*
 * One volume that begins with something else refutes it; at least one that begins as
 * expected is needed: a disk of zeros proves nothing.
 */
bool lvm_pv_looks_so(const struct lvm_vg *vg, const struct lvm_pv *pv,
		     const struct raw_image *image, bp_bytes offset)
{
	bool same = false;

	for (size_t i = 0; i < vg->nr_lvs; i++) {
		union start start;
		enum look found;
		bp_bytes at;

		if (!place_of(&vg->lvs[i], pv, offset, &at) ||
		    raw_image_read(image, at, sizeof(start), &start) < 0)
			continue;
		found = look(&vg->lvs[i], &start);
		if (found == LOOK_NOTHING && is_pool_metadata(&vg->lvs[i]) &&
		    has_blocks(&vg->lvs[i], image, at))
			found = LOOK_SAME;
		if (found == LOOK_OTHER)
			return false;
		same |= found == LOOK_SAME;
	}
	return same;
}
