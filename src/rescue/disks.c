/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of a pool's volumes lies on disks that are not here, or behind the end of an image that was
 * cut. Mappings that are all there say nothing of that: the page must not call such a volume whole
 * without a word. Reads metadata only.
 */
#include "rescue/rescue.h"

#include "io/map.h"

/* Piece by piece, without reading: it is asked of each volume of the group. */
static int count_missing(struct map *map, bp_bytes *ret)
{
	struct map_piece piece;
	int r = 0;

	*ret = 0;
	for (bp_bytes at = 0; r == 0 && at < map->size; at += piece.length) {
		r = map_locate(map, at, map->size - at, &piece);
		if (r == 0 && piece.kind == MAP_MISSING)
			*ret += piece.length;
	}
	return r;
}

/* A volume that can't be looked at has no note of this; the page says elsewhere why. */
static int look_at_volume(struct bp_rescue *r, struct bp_rescue_volume *volume)
{
	_cleanup_(map_freep) struct map *map = NULL;
	struct error_state *saved = error_save(r->source->ctx);
	char size[BP_SIZE_TEXT];
	bp_bytes missing = 0;
	int status = source_thin_map(r->source, volume->id, 0, 0, &map);

	if (status == 0)
		status = count_missing(map, &missing);
	error_restore(r->source->ctx, saved);
	if (status < 0 || !missing)
		return status == -ENOMEM ? status : 0;
	bp_size_format(missing, size);
	volume->note = rescue_words(
		r,
		r->source->group->nr_missing
			? "its mappings; %s of its data lie on disks that are not here"
			: "its mappings; %s of its data lie behind the end of the image",
		size);
	return volume->note ? 0 : -ENOMEM;
}

/* Only volumes that are whole otherwise: of those a loss is the missing disk's alone. */
int rescue_find_missing(struct bp_rescue *r)
{
	int status = 0;

	if (!r->source->group || (!r->source->group->nr_missing && !r->source->group->nr_cut))
		return 0;
	for (size_t i = 0; status == 0 && i < r->volumes.count; i++) {
		struct bp_rescue_volume *volume = &r->volumes.items[i];

		/* Of others what is lost with the metadata would count as well. */
		if (volume->verdict == BP_THIN_WHOLE || volume->verdict == BP_THIN_REBUILT)
			status = look_at_volume(r, volume);
	}
	return status;
}
