/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A volume of a source as bytes: finding it by name or number, reading it, telling where it lies.
 * Promises never to give zeros for what can't be read.
 */
#include "rescue/image.h"

#include "core/number.h"
#include "core/strbuf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void image_freep(struct bp_image **image)
{
	bp_image_close(*image);
}

void bp_image_close(struct bp_image *image)
{
	if (!image)
		return;
	map_free(image->map);
	map_free(image->data);
	free(image->name);
	free(image);
}

/* --- finding --- */

/* Names what there is, twenty of them: a typing error is the most common reason. */
static int no_volume(struct bp_source *source, const char *volume)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	struct bp_source_volumes *volumes;
	size_t n, shown = 0;
	int r = bp_source_volumes(source, &volumes);

	if (r < 0)
		return r;
	n = bp_source_volumes_count(volumes);
	for (size_t i = 0; i < n; i++) {
		const struct bp_source_volume *v = bp_source_volumes_get(volumes, i);

		if (!v->visible || shown++ >= 20)
			continue;
		strbuf_add(&s, shown > 1 ? ", " : "");
		if (v->has_id)
			strbuf_addf(&s, "%" PRIu64 "%s", v->id, v->name ? " " : "");
		strbuf_add(&s, v->name ? v->name : "");
	}
	if (shown > 20)
		strbuf_addf(&s, " and %zu more", shown - 20);
	bp_source_volumes_free(volumes);
	if (s.error)
		return bp_fail_memory(source->ctx);
	bp_fail(source->ctx, -ENODATA, "'%s' has no volume '%s'; it has %s", source->name,
		volume, shown ? strbuf_text(&s) : "none");
	error_set_code(source->ctx, BP_E_NO_THIN);
	return -ENODATA;
}

/* A volume of the group by its plain name; of a pool only its own, unless the group was meant. */
static const struct lvm_lv *by_name(const struct bp_source *source, const char *volume)
{
	const struct lvm_lv *lv;

	if (!source->group)
		return NULL;
	lv = lvm_lv_find(source->group->vg, volume);
	return lv && lv != source->lv ? lv : NULL;
}

/* The size of the volume with this number, as LVM has it; 0: LVM does not know it. */
static bp_bytes size_of_id(const struct bp_source *source, uint64_t id)
{
	const struct lvm_vg *vg = source->group ? source->group->vg : NULL;

	for (size_t i = 0; vg && source->kind == BP_SOURCE_POOL && i < vg->nr_lvs; i++) {
		const struct lvm_lv *lv = &vg->lvs[i];

		if (lv->nr_segments && streq(lvm_lv_type(lv), "thin") &&
		    lvm_lv_named_by(lv, "thin_pool") == source->lv &&
		    text_number(lv->segments[0].node, "device_id", UINT64_MAX) == id)
			return lv->size;
	}
	return 0;
}

/* What the newest text that has it says of a volume: by @name, or where that is NULL by *@id. */
static int find_old(struct bp_source *source, const char *name, uint64_t *id,
		    bp_bytes *ret_size)
{
	old_volumes volumes = { 0 };
	int r = source_old_volumes(source, &volumes);

	if (r == 0)
		r = -ENODATA;
	for (size_t i = 0; r == -ENODATA && i < volumes.count; i++) {
		const struct old_volume *v = &volumes.items[i];

		if (name ? !streq(v->name, name) : v->id != *id)
			continue;
		*id = v->id;
		*ret_size = v->size;
		r = 0;
	}
	old_volumes_done(&volumes);
	return r;
}

/* The size is LVM's, now or once; without either the mappings say how far it reaches. */
static int open_by_id(struct bp_source *source, uint64_t id, bp_mblock root, struct map **ret)
{
	bp_bytes size = size_of_id(source, id);
	int r = size ? 0 : find_old(source, NULL, &id, &size);

	return r < 0 && r != -ENODATA ? r : source_thin_map(source, id, size, root, ret);
}

/* A volume that LVM has no more, below a root of the time when it was there. */
static int open_removed(struct bp_source *source, const char *volume, bp_mblock root,
			struct map **ret)
{
	bp_bytes size = 0;
	uint64_t id = 0;
	int r = find_old(source, volume, &id, &size);

	return r < 0 ? r : source_thin_map(source, id, size, root, ret);
}

/*
 * By LVM's name, then by the pool's id; a state of the history (@root) only knows ids, and
 * names that old texts give.
 */
static int open_map(struct bp_source *source, const char *volume, bp_mblock root,
		    struct map **ret)
{
	const struct lvm_lv *lv;
	uint64_t id;

	if (!volume) {
		if (!source->lv)
			return bp_fail(source->ctx, -EINVAL, "'%s': which volume of it?",
				       source->name);
		return source_lv_map(source, source->lv, ret);
	}
	lv = root ? NULL : by_name(source, volume);
	if (lv)
		return source_lv_map(source, lv, ret);
	if (source->kind != BP_SOURCE_VOLUMES && number_parse(volume, UINT64_MAX, &id) == 0) {
		int r = open_by_id(source, id, root, ret);

		return r == -ENODATA ? no_volume(source, volume) : r;
	}
	if (root) {
		int r = open_removed(source, volume, root, ret);

		return r == -ENODATA ? no_volume(source, volume) : r;
	}
	return no_volume(source, volume);
}

/* The name tells states apart: nbdkit shows it. */
int bp_image_open(struct bp_source *source, const char *volume, bp_mblock mapping_root,
		  struct bp_image **ret)
{
	_cleanup_(image_freep) struct bp_image *image = calloc(1, sizeof(*image));
	unsigned nr_doubts = source->nr_doubts;
	int r;

	if (!image)
		return bp_fail_memory(source->ctx);
	image->source = source;
	r = asprintf(&image->name, "%s:%s:%" PRIu64, source->name, volume ? volume : "",
		     mapping_root);
	if (r < 0) {
		image->name = NULL;
		return bp_fail_memory(source->ctx);
	}
	r = open_map(source, volume, mapping_root, &image->map);
	if (r < 0)
		return r;
	/* Its own, or of what lies below it: an external origin in a damaged pool. */
	image->doubtful = source->nr_doubts != nr_doubts;
	*ret = steal(image);
	return 0;
}

/* Takes the maps, whether it fails or not. */
int image_new(struct bp_source *source, const struct image_parts *take_parts,
	      struct bp_image **ret, const char *fmt, ...)
{
	struct bp_image *image = calloc(1, sizeof(*image));
	va_list ap;
	int r = -1;

	va_start(ap, fmt);
	if (image)
		r = vasprintf(&image->name, fmt, ap);
	va_end(ap);
	if (r < 0) {
		free(image);
		map_free(take_parts->map);
		map_free(take_parts->data);
		return bp_fail_memory(source->ctx);
	}
	image->source = source;
	image->map = take_parts->map;
	image->data = take_parts->data;
	*ret = image;
	return 0;
}

bp_bytes bp_image_size(const struct bp_image *image)
{
	return image->map->size;
}

bool bp_image_is_doubtful(const struct bp_image *image)
{
	return image->doubtful;
}

/* No message: it is called from threads that share the context. */
int bp_image_read(struct bp_image *image, bp_bytes offset, size_t len, void *buf)
{
	return map_read(image->map, offset, len, buf);
}

/* --- ranges --- */

/* The first place stands for all copies. */
void image_range(const struct map_piece *piece, bp_bytes offset, struct bp_image_range *ret)
{
	*ret = (struct bp_image_range){
		.size = sizeof(*ret),
		.kind = piece->kind == MAP_ZERO      ? BP_IMAGE_ZERO
			: piece->kind == MAP_MISSING ? BP_IMAGE_MISSING
						     : BP_IMAGE_DATA,
		.offset = offset,
		.length = piece->length,
		.why = piece->kind == MAP_MISSING ? piece->why : NULL,
	};
	if (piece->kind == MAP_DATA && piece->nr_places) {
		ret->file = piece->places[0].image->path;
		ret->file_offset = piece->places[0].offset;
	}
}

/* Neighbours in the volume and in the file, and of one kind. */
static bool joins(const struct bp_image_range *a, const struct bp_image_range *b)
{
	if (a->kind != b->kind || a->offset + a->length != b->offset)
		return false;
	if (a->kind == BP_IMAGE_MISSING)
		return a->why && b->why && streq(a->why, b->why);
	return a->kind == BP_IMAGE_ZERO ||
	       (a->file && a->file == b->file && a->file_offset + a->length == b->file_offset);
}

/* *@ret_failed: where it could not be told, after a failure that is not @range's. */
static int map_part(struct bp_image *image, bp_bytes at, bp_bytes end,
		    int (*range)(void *user, const struct bp_image_range *range), void *user,
		    bp_bytes *ret_failed)
{
	struct bp_image_range held = { 0 }, next;
	struct map_piece piece;
	int r = 0;

	while (r == 0 && at < end) {
		r = map_locate(image->map, at, end - at, &piece);
		if (r < 0) {
			*ret_failed = at;
			return r;
		}
		image_range(&piece, at, &next);
		at += piece.length;
		if (held.length && joins(&held, &next)) {
			held.length += next.length;
			continue;
		}
		r = held.length ? range(user, &held) : 0;
		held = next;
	}
	return r == 0 && held.length ? range(user, &held) : r;
}

/* No data is read, but the trees of thin volumes are. */
int bp_image_map(struct bp_image *image,
		 int (*range)(void *user, const struct bp_image_range *range), void *user)
{
	bp_bytes failed = BP_NONE;
	int r = map_part(image, 0, image->map->size, range, user, &failed);

	if (failed == BP_NONE)
		return r;
	return bp_fail(image->source->ctx, r, "byte %" PRIu64 ": cannot tell where it lies",
		       failed);
}

/* For those who ask piece by piece, such as a server of block devices. */
int bp_image_map_part(struct bp_image *image, bp_bytes offset, bp_bytes len,
		      int (*range)(void *user, const struct bp_image_range *range), void *user)
{
	bp_bytes failed;

	if (offset > image->map->size || len > image->map->size - offset)
		return -ERANGE;
	return map_part(image, offset, offset + len, range, user, &failed);
}
