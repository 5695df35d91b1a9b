/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose a data block is: what a set of devices holds alone, and what two devices share. */
#include <bedplate/history.h>

#include "formats/thin/meta.h"

struct owners {
	struct bits mine, others; /* by data block */
	uint64_t nr;
	bool mark_mine;
};

/* Two bits a data block. */
static int owners_init(struct owners *o, struct bp_thin_meta *meta)
{
	bp_dblock nr = meta->sb.pub.nr_data_blocks;

	*o = (struct owners){ 0 };
	if (nr > THIN_DATA_BLOCKS_MAX || bits_init(&o->mine, nr) < 0 ||
	    bits_init(&o->others, nr) < 0)
		return bp_fail_memory(meta->meta.ctx);
	return 0;
}

static void owners_done(struct owners *o)
{
	bits_done(&o->mine);
	bits_done(&o->others);
}

/* Blocks past the end are nobody's: a check tells of them. */
static int mark(void *user, const struct bp_thin_run *run)
{
	struct owners *o = user;
	struct bits *bits = o->mark_mine ? &o->mine : &o->others;

	for (bp_dblock b = run->data_begin; b < run->data_begin + run->length; b++)
		if (b < bits->count)
			bits_set(bits, b);
	return 0;
}

static bool is_one_of(uint64_t id, const uint64_t *ids, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* Blocks of the volumes in question that no other one maps. */
static uint64_t count_alone(const struct owners *o)
{
	uint64_t nr = 0;

	for (uint64_t b = bits_next(&o->mine, 0); b < o->mine.count;
	     b = bits_next(&o->mine, b + 1))
		nr += !bits_test(&o->others, b);
	return nr;
}

/*
 * Blocks that only the volumes in @ids have: what deleting all of them would free. Deleting
 * one of two snapshots frees less.
 */
int bp_thin_freed(struct bp_thin_meta *meta, const uint64_t *ids, size_t nr, bp_dblock *ret)
{
	struct thin_devices devices = { 0 };
	struct bp_thin_device device;
	struct owners o = { 0 };
	int r = owners_init(&o, meta);

	for (size_t i = 0; r == 0 && i < nr; i++)
		r = bp_thin_device_find(meta, ids[i], &device);
	if (r == 0)
		r = thin_devices_read(meta, &devices);
	for (size_t i = 0; r == 0 && i < devices.list.count; i++) {
		uint64_t id = devices.list.items[i].id;

		o.mark_mine = is_one_of(id, ids, nr);
		r = bp_thin_mappings(meta, id, 0, UINT64_MAX, mark, &o);
	}
	if (r == 0)
		*ret = count_alone(&o);
	thin_devices_done(&devices);
	owners_done(&o);
	return r;
}

/* A block that this device maps twice is shared once. */
static int count_shared(void *user, const struct bp_thin_run *run)
{
	struct owners *o = user;

	for (bp_dblock b = run->data_begin; b < run->data_begin + run->length; b++)
		if (b < o->mine.count && bits_test(&o->mine, b) &&
		    !bits_test_and_set(&o->others, b))
			o->nr++;
	return 0;
}

/* One volume at a time: bits of the others are used again. */
static int share_with(struct bp_thin_meta *meta, struct owners *o, uint64_t id)
{
	o->nr = 0;
	memset(o->others.words, 0, (size_t)DIV_UP(o->others.count, 64) * sizeof(uint64_t));
	return bp_thin_mappings(meta, id, 0, UINT64_MAX, count_shared, o);
}

/* One pass over each other volume: what it has in common with @id. */
int bp_thin_shared_with(struct bp_thin_meta *meta, uint64_t id,
			int (*other)(void *user, uint64_t id, bp_dblock dblocks), void *user)
{
	struct thin_devices devices = { 0 };
	struct owners o = { 0 };
	int r = owners_init(&o, meta);

	o.mark_mine = true;
	if (r == 0)
		r = bp_thin_mappings(meta, id, 0, UINT64_MAX, mark, &o);
	if (r == 0)
		r = thin_devices_read(meta, &devices);
	for (size_t i = 0; r == 0 && i < devices.list.count; i++) {
		uint64_t one = devices.list.items[i].id;

		if (one == id)
			continue;
		r = share_with(meta, &o, one);
		if (r == 0 && o.nr)
			r = other(user, one, o.nr);
	}
	thin_devices_done(&devices);
	owners_done(&o);
	return r;
}
