/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of LVM from any text: what is taken for a volume group has volumes without gaps, and each
 * of their maps ends, tells a length for every place, and stays inside.
 */
#include "fuzz.h"

#include "lvm/vg.h"

#define PIECES_MAX 200 /* of one volume: enough to meet every kind of segment */

static void walk(struct map *map)
{
	bp_bytes at = 0;

	for (unsigned i = 0; at < map->size && i < PIECES_MAX; i++) {
		struct map_piece piece;

		if (map_locate(map, at, map->size - at, &piece) < 0)
			return;
		promise(piece.length > 0 && piece.length <= map->size - at);
		promise(piece.kind != MAP_MISSING || piece.why);
		promise(piece.nr_places <= MAP_COPIES_MAX);
		at += piece.length;
	}
}

static void look_at(struct bp_ctx *ctx, const struct lvm_vg *vg)
{
	for (size_t i = 0; i < vg->nr_lvs && i < 64; i++) {
		const struct lvm_lv *lv = &vg->lvs[i];
		uint64_t next = 0;
		struct map *map;

		for (size_t s = 0; s < lv->nr_segments; s++) {
			promise(lv->segments[s].start_extent == next);
			next += lv->segments[s].extent_count;
		}
		promise(lv->size == next * vg->extent_bytes);
		if (lvm_lv_map(ctx, lv, NULL, NULL, &map) < 0)
			continue;
		walk(map);
		map_free(map);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lvm_vg *vg;
	struct bp_ctx *ctx;

	promise(bp_ctx_new(&ctx) == 0);
	if (lvm_vg_parse(ctx, (const char *)data, size, &vg) == 0) {
		look_at(ctx, vg);
		lvm_vg_free(vg);
	}
	bp_ctx_free(ctx);
	return 0;
}
