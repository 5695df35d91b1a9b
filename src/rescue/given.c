/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was given as a pool, or as a disk of one, and is something else. Promises to say what it is and, where
 * one line makes a disk of it, that line, as a shell takes it. Runs none, and unpacks nothing.
 */
#include "rescue/foreign.h"
#include "rescue/source.h"

#include "core/word.h"

/*
 * A file that is no pool: what it is, where something says so. Damaged metadata has no superblock to
 * know it by, and what wrote over its beginning may have left a signature there.
 */
int source_refuse_foreign(struct bp_source *source, const char *path)
{
	struct foreign is;
	_cleanup_(strbuf_done) struct strbuf what = { 0 }, hint = { 0 };
	int r = foreign_look(source->image, &is), blocks = 0;

	if (r == 0 && !is.metadata)
		blocks = foreign_has_blocks(source->image);
	if (r == -ENOMEM || blocks == -ENOMEM)
		return bp_fail_memory(source->ctx);
	if (r < 0)
		return 0;
	foreign_add_what(&is, &what);
	foreign_add_hint(&is, path, &hint);
	if (what.error || hint.error)
		return bp_fail_memory(source->ctx);
	if (blocks) {
		bp_warn(source->ctx,
			"%s begins like %s, and has blocks of a pool's metadata behind "
			"that: it is taken for a pool whose beginning is overwritten",
			path, strbuf_text(&what));
		return 0;
	}
	bp_fail(source->ctx, -EINVAL,
		"'%s' is no thin pool's metadata and holds no volumes: it is %s", path,
		strbuf_text(&what));
	error_set_code(source->ctx, BP_E_NOT_METADATA);
	if (is.hint)
		error_set_hint(source->ctx, "%s", strbuf_text(&hint));
	return -EINVAL;
}

/* The same of a whole disk without LVM: what is in its partitions is for 'probe' to say. */
int source_refuse_disk(struct bp_source *source, const char *path,
		       const struct probe_table *table)
{
	_cleanup_(strbuf_done) struct strbuf word = { 0 };
	int blocks = table->partitions.count ? foreign_has_blocks(source->image) : 1;

	if (blocks > 0)
		return 0;
	word_add_path(&word, path);
	if (blocks < 0 || word.error)
		return bp_fail_memory(source->ctx);
	bp_fail(source->ctx, -EINVAL,
		"'%s' is no thin pool's metadata and holds no volumes: it is a disk with %zu "
		"partitions (%s), none of which has a label of LVM",
		path, table->partitions.count, table->type);
	error_set_code(source->ctx, BP_E_NOT_METADATA);
	error_set_hint(
		source->ctx,
		"bedplate probe %s tells what they are; losetup --read-only --find "
		"--partscan --show %s makes devices of them; where LVM's labels are lost, "
		"give --lvm-backup FILE too",
		strbuf_text(&word), strbuf_text(&word));
	return -EINVAL;
}

static bool has_volumes(const struct lvm_scan *scan, const struct raw_image *image)
{
	for (size_t i = 0; i < scan->found.count; i++)
		if (scan->found.items[i]->image == image)
			return true;
	return false;
}

/* Of several disks one that is no disk yet: the others are read, and this one is told. */
int source_warn_foreign(struct bp_source *source)
{
	for (size_t i = 0; i < source->scan->disks.count; i++) {
		const struct raw_image *image = source->scan->disks.items[i].image;
		_cleanup_(strbuf_done) struct strbuf what = { 0 }, hint = { 0 };
		struct foreign is;

		if (has_volumes(source->scan, image) || foreign_look(image, &is) < 0)
			continue;
		foreign_add_what(&is, &what);
		foreign_add_hint(&is, image->path, &hint);
		if (what.error || hint.error)
			return bp_fail_memory(source->ctx);
		bp_warn(source->ctx, "'%s' holds no volumes: it is %s%s%s", image->path,
			strbuf_text(&what), is.hint ? "; " : "", strbuf_text(&hint));
	}
	return 0;
}
