/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layers of disks: images, partitions, signatures, PVs; then groups with their volumes, removed ones
 * too. Promises to tell of everything that was looked at, also where nothing was found on it, and to
 * take no number for a volume's unless both transaction ids are shown beside it.
 */
#include <bedplate/probe.h>

#include "rescue/foreign.h"
#include "rescue/source.h"

#include <inttypes.h>
#include <stdio.h>

struct bp_probe {
	struct bp_ctx *ctx;
	struct arena arena;
	VEC(struct bp_probe_layer) layers;
	struct bp_source source; /* only its scan and opened pools are used */
};

static const char *const kind_names[] = {
	[BP_PROBE_IMAGE] = "image",
	[BP_PROBE_PARTITION] = "partition",
	[BP_PROBE_SIGNATURE] = "signature",
	[BP_PROBE_METADATA] = "metadata",
	[BP_PROBE_PV] = "pv",
	[BP_PROBE_VG] = "vg",
	[BP_PROBE_VG_PV] = "vg-pv",
	[BP_PROBE_LV] = "lv",
	[BP_PROBE_UNKNOWN_VOLUME] = "unknown-volume",
	[BP_PROBE_REMOVED] = "removed",
};

const char *bp_probe_kind_name(enum bp_probe_kind kind)
{
	if ((unsigned)kind >= ARRAY_SIZE(kind_names) || !kind_names[kind])
		return "unknown";
	return kind_names[kind];
}

size_t bp_probe_count(const struct bp_probe *probe)
{
	return probe->layers.count;
}

const struct bp_probe_layer *bp_probe_get(const struct bp_probe *probe, size_t index)
{
	return index < probe->layers.count ? &probe->layers.items[index] : NULL;
}

/* --- layers --- */

/* All that is not known is BP_NONE, as 0 means something for each of them. */
static struct bp_probe_layer layer(enum bp_probe_kind kind, unsigned depth, const char *name)
{
	return (struct bp_probe_layer){
		.size = sizeof(struct bp_probe_layer),
		.kind = kind,
		.depth = depth,
		.name = name,
		.offset_bytes = BP_NONE,
		.size_bytes = BP_NONE,
		.id = BP_NONE,
		.lvm_transaction_id = BP_NONE,
		.transaction_id = BP_NONE,
		.mapped_dblocks = BP_NONE,
		.seqno = BP_NONE,
	};
}

static int add(struct bp_probe *p, const struct bp_probe_layer *l)
{
	return vec_add(&p->layers, l) < 0 ? bp_fail_memory(p->ctx) : 0;
}

static const char *keep(struct bp_probe *p, const char *text)
{
	return text && *text ? arena_strdup(&p->arena, text) : NULL;
}

_printf_(2, 3) static const char *keepf(struct bp_probe *p, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return arena_strdup(&p->arena, text);
}

/* --- a stretch of an image --- */

static const struct lvm_found *found_at(const struct lvm_scan *scan,
					const struct raw_image *image, bp_bytes offset)
{
	for (size_t i = 0; i < scan->found.count; i++)
		if (scan->found.items[i]->image == image &&
		    scan->found.items[i]->offset == offset)
			return scan->found.items[i];
	return NULL;
}

/* The group that a PV belongs to, by its uuid. */
static const struct lvm_vg *group_of_pv(const struct lvm_scan *scan, const char *uuid)
{
	for (size_t g = 0; g < scan->groups.count; g++)
		for (size_t i = 0; i < scan->groups.items[g].vg->nr_pvs; i++)
			if (streq(scan->groups.items[g].vg->pvs[i].uuid, uuid))
				return scan->groups.items[g].vg;
	return NULL;
}

/* An ignored area is one that LVM keeps out of use; it may have an old text. */
static int add_pv(struct bp_probe *p, const struct lvm_found *found, unsigned depth)
{
	const struct lvm_vg *vg = group_of_pv(p->source.scan, found->label.uuid);
	struct bp_probe_layer l = layer(BP_PROBE_PV, depth, keep(p, found->label.uuid));

	l.type = "LVM2 001";
	l.uuid = l.name;
	l.file = keep(p, found->image->path);
	l.offset_bytes = found->offset;
	l.size_bytes = found->label.device_size;
	l.note =
		keepf(p, "%s%s%s, %u metadata area%s%s", vg ? "of VG " : "of no VG",
		      vg ? vg->name : "", found->ambiguous ? ", given twice" : "",
		      found->label.nr_mdas, found->label.nr_mdas == 1 ? "" : "s",
		      found->label.nr_mdas && found->label.mdas[0].ignored ? " (ignored)" : "");
	return add(p, &l);
}

/* Metadata of ours by its first block; NULL: none. */
static const char *metadata_type(const struct raw_image *image, bp_bytes offset)
{
	_Alignas(IO_BLOCK) uint8_t block[IO_BLOCK];

	if (raw_image_read(image, offset, IO_BLOCK, block) < 0)
		return NULL;
	switch (block_kind_of(block)) {
	case BLOCK_THIN_SUPERBLOCK:
		return "thin-pool";
	case BLOCK_CACHE_SUPERBLOCK:
		return "cache";
	case BLOCK_ERA_SUPERBLOCK:
		return "era";
	case BLOCK_UNKNOWN:
	case BLOCK_NODE:
	case BLOCK_BITMAP:
	case BLOCK_INDEX:
	case BLOCK_ARRAY:
	case BLOCK_KINDS:
		break;
	}
	if (memcmp(block, "<superblock", 11) == 0)
		return "xml dump";
	return NULL;
}

/* What it is, and what to do with it. */
static const char *foreign_note(struct bp_probe *p, const struct foreign *is,
				const struct raw_image *image, bp_bytes offset)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };

	strbuf_add(&s, is->what);
	if (is->hint && !offset) { /* its commands are for the whole, not for a partition */
		strbuf_add(&s, "; ");
		foreign_add_hint(is, image->path, &s);
	}
	return s.error ? is->what : keep(p, strbuf_text(&s));
}

/* What libblkid has no word for. */
static int add_foreign(struct bp_probe *p, const struct raw_image *image, bp_bytes offset,
		       bp_bytes size, unsigned depth)
{
	struct bp_probe_layer l = layer(BP_PROBE_SIGNATURE, depth, NULL);
	struct foreign is;

	foreign_look_at(image, offset, &is);
	if (!is.what)
		return 0;
	l.type = keep(p, is.type);
	l.file = keep(p, image->path);
	l.offset_bytes = offset;
	l.size_bytes = size;
	l.note = foreign_note(p, &is, image, offset);
	return add(p, &l);
}

/* Contradicting signatures are told as such; what can't be read at all has no row. */
static int add_signature(struct bp_probe *p, const struct raw_image *image, bp_bytes offset,
			 bp_bytes size, unsigned depth)
{
	struct probe_signature sig;
	struct bp_probe_layer l;
	struct foreign is;
	int r = probe_signature(image->fd, offset, size, &sig);

	if (r == -ENOMEM)
		return bp_fail_memory(p->ctx);
	if (r == -ENODATA)
		return add_foreign(p, image, offset, size, depth);
	if (r < 0 && r != -EILSEQ)
		return 0;
	l = layer(BP_PROBE_SIGNATURE, depth, keep(p, sig.label));
	l.type = r == -EILSEQ ? "several" : keep(p, sig.type);
	l.uuid = keep(p, sig.uuid);
	l.file = keep(p, image->path);
	l.offset_bytes = offset;
	l.size_bytes = size;
	foreign_signature(&sig, &is);
	if (r == -EILSEQ)
		l.note = "several signatures that contradict each other";
	else if (is.hint)
		l.note = foreign_note(p, &is, image, offset);
	else
		l.note = keep(p, sig.usage);
	return add(p, &l);
}

/*
 * PV, then metadata, then what libblkid knows: the last one knows PVs too, but not where
 * they lie.
 */
static int add_content(struct bp_probe *p, const struct raw_image *image, bp_bytes offset,
		       bp_bytes size, unsigned depth)
{
	const struct lvm_found *found = found_at(p->source.scan, image, offset);
	const char *type = metadata_type(image, offset);
	struct bp_probe_layer l;

	if (found)
		return add_pv(p, found, depth);
	if (!type)
		return add_signature(p, image, offset, size, depth);
	l = layer(BP_PROBE_METADATA, depth, NULL);
	l.type = type;
	l.file = keep(p, image->path);
	l.offset_bytes = offset;
	l.size_bytes = size;
	return add(p, &l);
}

/* Depth 1, its content 2: the tree of the output. */
static int add_partition(struct bp_probe *p, const struct lvm_disk *disk,
			 const struct probe_partition *part)
{
	struct bp_probe_layer l = layer(BP_PROBE_PARTITION, 1, keepf(p, "%d", part->number));
	int r;

	l.type = keep(p, part->type);
	l.file = keep(p, disk->image->path);
	l.offset_bytes = part->offset;
	l.size_bytes = part->size;
	r = add(p, &l);
	return r < 0 ? r : add_content(p, disk->image, part->offset, part->size, 2);
}

/* PVs that begin where no partition table tells of them. */
static int add_lost_pvs(struct bp_probe *p, const struct raw_image *image)
{
	const struct lvm_scan *scan = p->source.scan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < scan->found.count; i++)
		if (scan->found.items[i]->image == image && scan->found.items[i]->offset)
			r = add_pv(p, scan->found.items[i], 1);
	return r;
}

/*
 * A label on the whole disk beside a table is told: LVM does not use it, people are misled
 * by it.
 */
static int add_disk(struct bp_probe *p, const struct lvm_disk *disk)
{
	struct bp_probe_layer l = layer(BP_PROBE_IMAGE, 0, keep(p, disk->image->path));
	int r;

	l.type = keep(p, disk->table.type);
	l.size_bytes = disk->image->size;
	l.file = l.name;
	l.offset_bytes = 0;
	if (disk->stale_label)
		l.note = "an old LVM label on the whole disk is left over";
	r = add(p, &l);
	for (size_t i = 0; r == 0 && i < disk->table.partitions.count; i++)
		r = add_partition(p, disk, &disk->table.partitions.items[i]);
	if (r == 0 && !disk->table.partitions.count)
		r = add_lost_pvs(p, disk->image);
	if (r == 0 &&
	    (disk->table.partitions.count == 0 || found_at(p->source.scan, disk->image, 0)))
		r = add_content(p, disk->image, 0, disk->image->size, 1);
	return r;
}

/* --- groups --- */

/* The device it was on says which disk to look for. */
static int add_group_pv(struct bp_probe *p, const struct lvm_pv *pv)
{
	struct bp_probe_layer l = layer(BP_PROBE_VG_PV, 1, keep(p, pv->name));

	l.uuid = keep(p, pv->uuid);
	l.size_bytes = pv->dev_size;
	l.missing = !pv->found || pv->found->ambiguous;
	if (!l.missing) {
		l.file = keep(p, pv->found->image->path);
		l.offset_bytes = pv->found->offset;
	}
	if (l.missing && pv->device_hint)
		l.note = keepf(p, "was %s when LVM wrote this", pv->device_hint);
	else if (pv->missing_flag)
		l.note = "was missing at an earlier commit: what it has may be old";
	return add(p, &l);
}

/* Can all of it be read; and where does it begin, where that is one place? */
static void locate_lv(struct bp_probe *p, const struct lvm_lv *lv, struct bp_probe_layer *l)
{
	struct error_state *saved = error_save(p->ctx);
	_cleanup_(map_freep) struct map *map = NULL;
	struct map_piece piece;

	if (source_lv_map(&p->source, lv, &map) < 0) {
		l->note = keep(p, bp_errmsg(p->ctx));
		l->missing = true;
	} else {
		for (bp_bytes at = 0; at < map->size && !l->missing; at += piece.length) {
			if (map_locate(map, at, map->size - at, &piece) < 0)
				piece = (struct map_piece){ .kind = MAP_MISSING,
							    .length = map->size - at,
							    .why = "its place can't be told" };
			l->missing = piece.kind == MAP_MISSING;
			if (l->missing)
				l->note = keepf(p, "byte %" PRIu64 ": %s", at, piece.why);
			if (at == 0 && piece.length == map->size && piece.kind == MAP_DATA &&
			    piece.nr_places == 1) {
				l->file = keep(p, piece.places[0].image->path);
				l->offset_bytes = piece.places[0].offset;
			}
		}
	}
	error_restore(p->ctx, saved);
}

/* Where it begins, if it lies in one piece. */
static int add_lv(struct bp_probe *p, const struct lvm_lv *lv, unsigned depth)
{
	struct bp_probe_layer l = layer(BP_PROBE_LV, depth, keep(p, lv->name));

	l.type = keep(p, lvm_lv_type(lv));
	l.uuid = keep(p, lv->uuid);
	l.size_bytes = lv->size;
	l.visible = lv->visible;
	locate_lv(p, lv, &l);
	return add(p, &l);
}

/* What the pool itself says of its volumes, beside what LVM says. */
static int add_pool_volume(struct bp_probe *p, const struct lvm_lv *pool,
			   const struct bp_source_volume *v, bool readable)
{
	struct bp_probe_layer l =
		layer(v->name ? BP_PROBE_LV : BP_PROBE_UNKNOWN_VOLUME, 2, keep(p, v->name));
	const struct lvm_lv *lv = lvm_lv_find(pool->vg, v->name);

	l.type = "thin";
	l.uuid = keep(p, v->uuid);
	l.size_bytes = v->size_bytes;
	l.visible = v->visible;
	l.id = v->id;
	if (v->name)
		l.lvm_transaction_id = v->lvm_transaction_id;
	if (v->in_pool) {
		l.transaction_id = v->transaction_id;
		l.mapped_dblocks = v->mapped_dblocks;
	}
	if (lv)
		locate_lv(p, lv, &l);
	if (!readable)
		l.note = "'rescue' tells what is left of it";
	else if (v->name && !v->in_pool)
		l.note = "not in the pool's metadata";
	else if (v->name && v->lvm_transaction_id != v->transaction_id)
		l.note = "the number is the same, the volume is not: made in another "
			 "transaction";
	return add(p, &l);
}

/* Return: the pool's metadata can be read. */
static bool pool_facts(struct bp_source *view, struct bp_probe *p, struct bp_probe_layer *l)
{
	struct error_state *saved = error_save(p->ctx);
	struct bp_thin_meta *meta = NULL;
	uint64_t expected;
	bool pending, readable;

	if (bp_source_expected_transaction(view, &expected, &pending) == 0)
		l->lvm_transaction_id = expected;
	readable = bp_source_thin_open(view, NULL, &meta) == 0;
	if (!readable) {
		l->note = keep(p, bp_errmsg(p->ctx));
	} else {
		const struct bp_thin_superblock *sb = bp_thin_superblock_get(meta);

		l->transaction_id = sb->transaction_id;
		l->mapped_dblocks = sb->nr_data_allocated;
		if (sb->flags & BP_THIN_NEEDS_CHECK)
			l->note = "needs a check";
		bp_thin_close(meta);
	}
	error_restore(p->ctx, saved);
	return readable;
}

/*
 * A source as bp_source_open() would make it, for this pool alone: volumes are then read
 * the same way.
 */
static int add_pool(struct bp_probe *p, const struct lvm_group *group, const struct lvm_lv *lv)
{
	struct bp_source view = {
		.ctx = p->ctx,
		.kind = BP_SOURCE_POOL,
		.scan = p->source.scan,
		.group = group,
		.lv = lv,
	};
	struct bp_probe_layer l = layer(BP_PROBE_LV, 1, keep(p, lv->name));
	struct bp_source_volumes *volumes;
	char name[300];
	bool readable;
	int r;

	snprintf(name, sizeof(name), "%s/%s", lv->vg->name, lv->name);
	view.name = name;
	l.type = "thin-pool";
	l.uuid = keep(p, lv->uuid);
	l.size_bytes = lv->size;
	l.visible = lv->visible;
	locate_lv(p, lv, &l);
	readable = pool_facts(&view, p, &l);
	r = add(p, &l);
	if (r == 0)
		r = bp_source_volumes(&view, &volumes);
	source_pools_done(&view);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < bp_source_volumes_count(volumes); i++)
		r = add_pool_volume(p, lv, bp_source_volumes_get(volumes, i), readable);
	bp_source_volumes_free(volumes);
	return r;
}

/* --- removed volumes, from older texts --- */

/* By UUID: a name may have been given again. */
static bool is_removed(const struct lvm_vg *now, const struct lvm_lv *then)
{
	if (!then->nr_segments || !streq(lvm_lv_type(then), "thin") || !then->uuid)
		return false;
	for (size_t i = 0; i < now->nr_lvs; i++)
		if (now->lvs[i].uuid && streq(now->lvs[i].uuid, then->uuid))
			return false;
	return true;
}

/* The same volume stands in many older texts. */
static bool told_already(const struct bp_probe *p, size_t first, const char *uuid)
{
	for (size_t i = first; i < p->layers.count; i++)
		if (p->layers.items[i].kind == BP_PROBE_REMOVED &&
		    streq(p->layers.items[i].uuid, uuid))
			return true;
	return false;
}

/* Volumes of an older text that the newest lacks, each once, by uuid. */
static int add_removed(struct bp_probe *p, const struct lvm_vg *now, const struct lvm_vg *then,
		       size_t first)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < then->nr_lvs; i++) {
		const struct lvm_lv *lv = &then->lvs[i];
		struct bp_probe_layer l;

		if (!is_removed(now, lv) || told_already(p, first, lv->uuid))
			continue;
		l = layer(BP_PROBE_REMOVED, 1, keep(p, lv->name));
		l.type = "thin";
		l.uuid = keep(p, lv->uuid);
		l.size_bytes = lv->size;
		l.id = text_number(lv->segments[0].node, "device_id", BP_NONE);
		l.lvm_transaction_id =
			text_number(lv->segments[0].node, "transaction_id", BP_NONE);
		l.seqno = then->seqno;
		l.note = keepf(p, "in pool %s; last named by metadata %" PRIu64,
			       text_string(lv->segments[0].node, "thin_pool")
				       ? text_string(lv->segments[0].node, "thin_pool")
				       : "?",
			       then->seqno);
		r = add(p, &l);
	}
	return r;
}

/* From the newest of the older texts backwards, so that each is told by its last mention. */
static int add_all_removed(struct bp_probe *p, const struct lvm_vg *vg)
{
	struct error_state *saved = error_save(p->ctx);
	size_t first = p->layers.count;
	lvm_old_texts old = { 0 };
	int r = lvm_scan_old_texts(p->source.scan, vg, &old);

	for (size_t i = old.count; r == 0 && i-- > 0;) {
		struct lvm_vg *then;

		if (old.items[i].seqno >= vg->seqno ||
		    lvm_vg_parse(p->ctx, old.items[i].text, old.items[i].size, &then) < 0)
			continue;
		r = add_removed(p, vg, then, first);
		lvm_vg_free(then);
	}
	lvm_old_texts_done(&old);
	error_restore(p->ctx, saved);
	return r;
}

/* What makes the text less than certain: where it comes from, whose it is, what is missing. */
static const char *group_note(struct bp_probe *p, const struct lvm_group *group)
{
	static const char *const origins[] = {
		[LVM_ORIGIN_CURRENT] = "",
		[LVM_ORIGIN_IGNORED] = "only from an ignored area; ",
		[LVM_ORIGIN_REMOVED] = "removed; ",
		[LVM_ORIGIN_FILE] = "from a backup file; ",
	};
	const char *host = text_string(group->vg->node, "system_id");

	return keepf(p, "%smetadata %" PRIu64 "%s%s%s%s%s", origins[group->origin],
		     group->vg->seqno,
		     text_has(group->vg->node, "status", "EXPORTED") ? ", exported" : "",
		     host ? ", of host " : "", host ? host : "",
		     group->nr_missing ? ", PVs are missing" : "",
		     group->split ? ", two hosts have written" : "");
}

/* Hidden parts of pools are told with their pool; thin volumes by add_pool(). */
static int add_group(struct bp_probe *p, const struct lvm_group *group)
{
	const struct lvm_vg *vg = group->vg;
	struct bp_probe_layer l = layer(BP_PROBE_VG, 0, keep(p, vg->name));
	bp_bytes size = 0;
	int r;

	for (size_t i = 0; i < vg->nr_pvs; i++)
		size += vg->pvs[i].pe_count * vg->extent_bytes;
	l.type = "lvm2";
	l.uuid = keep(p, vg->uuid);
	l.size_bytes = size;
	l.seqno = vg->seqno;
	l.missing = group->nr_missing > 0;
	l.note = group_note(p, group);
	r = add(p, &l);
	for (size_t i = 0; r == 0 && i < vg->nr_pvs; i++)
		r = add_group_pv(p, &vg->pvs[i]);
	for (size_t i = 0; r == 0 && i < vg->nr_lvs; i++) {
		const struct lvm_lv *lv = &vg->lvs[i];

		if (streq(lvm_lv_type(lv), "thin-pool"))
			r = add_pool(p, group, lv);
		else if (!streq(lvm_lv_type(lv), "thin"))
			r = add_lv(p, lv, 1);
	}
	return r < 0 ? r : add_all_removed(p, vg);
}

/* --- all --- */

void bp_probe_free(struct bp_probe *probe)
{
	if (!probe)
		return;
	source_pools_done(&probe->source);
	lvm_scan_free(probe->source.scan);
	vec_done(&probe->layers);
	arena_done(&probe->arena);
	free(probe);
}

/* Disks first, then what groups make of them. */
static int fill(struct bp_probe *p)
{
	const struct lvm_scan *scan = p->source.scan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < scan->disks.count; i++)
		r = add_disk(p, &scan->disks.items[i]);
	for (size_t i = 0; r == 0 && i < scan->groups.count; i++)
		r = add_group(p, &scan->groups.items[i]);
	return r;
}

/* Reads labels, texts and superblocks; of the data nothing but its first bytes. */
int bp_probe(struct bp_ctx *ctx, const char *const *paths, size_t nr_paths,
	     const char *text_path, struct bp_probe **ret)
{
	struct bp_probe *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return bp_fail_memory(ctx);
	p->ctx = p->source.ctx = ctx;
	p->source.kind = BP_SOURCE_VOLUMES;
	r = source_scan(&p->source, paths, nr_paths, text_path);
	if (r == 0)
		r = fill(p);
	if (r < 0) {
		bp_probe_free(p);
		return r;
	}
	*ret = p;
	return 0;
}
