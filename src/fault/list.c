/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which faults there are: what is kept, and whether the kernel has it so. */
#include "fault/fault.h"

struct bp_fault_list {
	VEC(struct bp_fault_entry) entries;
};

/*
 * The range told is from the first to the last sector; affected_sectors counts those in
 * between only.
 */
static void describe(const struct fault_change *c, const struct fault_record *f,
		     struct bp_fault_entry *ret)
{
	const struct bp_fault_range *last = &f->ranges.items[f->ranges.count - 1];

	*ret = (struct bp_fault_entry){
		.major = c->dev.major,
		.minor = c->dev.minor,
		.id = f->id,
		.kind = f->kind,
		.io = f->io,
		.since_ms = f->since_ms,
		.left_ms = f->until_ms ? f->until_ms - fault_clock_ms() : INT64_MAX,
		.delay_ms = f->kind == BP_FAULT_SLOW ? f->delay_ms : 0,
		.start_sectors = f->ranges.items[0].start_sectors,
		.length_sectors = last->start_sectors + last->length_sectors -
				  f->ranges.items[0].start_sectors,
		.nr_ranges = f->ranges.count,
	};
	memcpy(ret->device, c->info.name, sizeof(ret->device));
	for (size_t i = 0; i < f->ranges.count; i++)
		ret->affected_sectors += f->ranges.items[i].length_sectors;
	ret->state = c->found == FAULT_LIVE_FOREIGN ? BP_FAULT_LOST
		     : c->unfinished                ? BP_FAULT_UNFINISHED
		     : ret->left_ms < 0             ? BP_FAULT_OVERDUE
						    : BP_FAULT_ACTIVE;
}

static int add_records(struct bp_ctx *ctx, const struct fault_change *c,
		       const struct fault_record *records, size_t count,
		       struct bp_fault_list *list)
{
	for (size_t i = 0; i < count; i++) {
		struct bp_fault_entry entry;

		describe(c, &records[i], &entry);
		if (vec_add(&list->entries, &entry) < 0)
			return bp_fail_memory(ctx);
	}
	return 0;
}

/*
 * Begun as a change, so that the state is looked at under its lock. Of a change that was killed both what it put in
 * and what it healed.
 */
static int add_device(struct bp_ctx *ctx, const struct bp_devno *dev,
		      const struct bp_fault_opts *opts, struct bp_fault_list *list)
{
	struct fault_change c;
	int r = fault_change_begin(ctx, dev, opts, &c);

	if (!c.unfinished)
		fault_change_settle(&c);
	if (r == 0 && c.kept)
		r = add_records(ctx, &c, c.state.gone.items, c.state.gone.count, list);
	if (r == 0 && c.kept)
		r = add_records(ctx, &c, c.state.faults.items, c.state.faults.count, list);
	fault_change_end(&c);
	return r;
}

/* Devices that are gone have no faults any more. */
int bp_fault_list(struct bp_ctx *ctx, const struct bp_devno *dev,
		  const struct bp_fault_opts *opts, struct bp_fault_list **ret)
{
	_cleanup_(freep) struct bp_devno *devs = NULL;
	struct bp_fault_list *list = calloc(1, sizeof(*list));
	struct bp_fault_opts o;
	size_t count = 0;
	int r = list ? fault_opts_read(ctx, opts, &o) : bp_fail_memory(ctx);

	if (r == 0)
		r = fault_state_scan(ctx, o.state_dir, &devs, &count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (dev && (dev->major != devs[i].major || dev->minor != devs[i].minor))
			continue;
		r = add_device(ctx, &devs[i], opts, list);
		if (r == -ENXIO) /* gone, with its faults */
			r = 0;
	}
	if (r < 0) {
		bp_fault_list_free(list);
		return r;
	}
	*ret = list;
	return 0;
}

size_t bp_fault_list_count(const struct bp_fault_list *list)
{
	return list->entries.count;
}

const struct bp_fault_entry *bp_fault_list_get(const struct bp_fault_list *list, size_t index)
{
	return index < list->entries.count ? &list->entries.items[index] : NULL;
}

void bp_fault_list_free(struct bp_fault_list *list)
{
	if (!list)
		return;
	vec_done(&list->entries);
	free(list);
}
