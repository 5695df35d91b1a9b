/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Putting right what a check found mendable, in place. Nothing is written beside anything worse,
 * and each step leaves metadata as sound as before: interrupted at any point, the next run goes on.
 */
#include "formats/check/check.h"

/*
 * Counts that are too high, index entries and totals: what can be put right without
 * guessing.
 */
static bool needs_repair(const struct check_map *m)
{
	if (!m->open)
		return false;
	if (m->report.nr_leaked || m->report.nr_beyond)
		return true;
	for (uint64_t i = 0; i < m->sm.nr_bitmaps; i++)
		if (!sm_nr_free_right(&m->sm.bitmaps[i]) ||
		    !sm_none_free_before_right(&m->sm.bitmaps[i]))
			return true;
	return m->root.nr_allocated != m->report.nr_allocated;
}

/* Read again, so that only the fields of @mend change. */
static int write_superblock(struct check *c, const struct check_mend *mend)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? io_read(c->meta.io, 0, 1, buf) : -ENOMEM;

	if (r == 0) {
		mend->fill(mend->user, buf);
		block_seal(buf, mend->superblock, 0);
		r = io_write(c->meta.io, 0, 1, buf);
	}
	if (r == 0)
		r = io_flush(c->meta.io);
	return r < 0 ? bp_fail(c->meta.ctx, r, "cannot write the superblock: %s",
			       strerrordesc_np(-r))
		     : 0;
}

static void forget(struct check *c)
{
	c->found.nr_fatal -= c->mendable.nr_fatal;
	c->found.nr_nonfatal -= c->mendable.nr_nonfatal;
	c->found.nr_remarks -= c->mendable.nr_remarks;
	c->mendable = (struct check_totals){ 0 };
}

/*
 * Never with damage left that it can't mend, nor where parts could not be read: a count
 * would be too low.
 */
int check_repair(struct check *c, struct check_map *maps, size_t nr,
		 const struct check_mend *mend, bool *ret_written)
{
	bool needed = mend->flagged || mend->superblock_wrong || mend->values;
	int r = 0;

	*ret_written = false;
	if (c->how.mode == CHECK_ONLY || c->found.nr_fatal > c->mendable.nr_fatal ||
	    c->incomplete)
		return 0;
	for (size_t i = 0; i < nr; i++)
		needed |= needs_repair(&maps[i]);
	if (!needed)
		return 0;

	if (mend->values)
		r = mend->values(mend->user);
	for (size_t i = 0; r == 0 && i < nr; i++) {
		if (!needs_repair(&maps[i]))
			continue;
		r = space_map_repair(&maps[i].sm, maps[i].expected, &maps[i].report,
				     &maps[i].mended_root);
		maps[i].mended = r == 0;
	}
	if (r == 0)
		r = write_superblock(c, mend);
	if (r < 0)
		return r;
	forget(c);
	*ret_written = true;
	return 0;
}

/* Into the superblock's field, as it lies there. */
void check_put_map_root(uint8_t *field, const struct check_map *map)
{
	struct sm_root_disk disk;

	if (!map->mended)
		return;
	memcpy(&disk, field, sizeof(disk));
	disk.nr_allocated = le64_make(map->mended_root.nr_allocated);
	memcpy(field, &disk, sizeof(disk));
}

bool check_mended_accounting(const struct check_map *map)
{
	if (!map->mended)
		return false;
	if (map->root.nr_allocated != map->report.nr_allocated || map->report.nr_beyond)
		return true;
	return map->nr_wrong_entries > 0;
}
