/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan says: a verdict for each device, what is lost, in words and as JSON. */
#include "core/strbuf.h"
#include "formats/thin/plan.h"

#include <inttypes.h>

static const char *const origins[] = {
	[BP_THIN_FROM_SUPERBLOCK] = "superblock", [BP_THIN_FROM_CALLER] = "caller",
	[BP_THIN_FROM_SNAPSHOT] = "snapshot",     [BP_THIN_FROM_TREES] = "trees",
	[BP_THIN_FROM_DAMAGED] = "damaged",
};

static const char *const verdicts[] = {
	[BP_THIN_WHOLE] = "whole", [BP_THIN_REBUILT] = "rebuilt",   [BP_THIN_PARTLY] = "partly",
	[BP_THIN_GONE] = "gone",   [BP_THIN_DOUBTFUL] = "doubtful",
};

const char *bp_thin_origin_name(enum bp_thin_origin origin)
{
	return (unsigned)origin < ARRAY_SIZE(origins) && origins[origin] ? origins[origin]
									 : "none";
}

const char *bp_thin_verdict_name(enum bp_thin_verdict verdict)
{
	return (unsigned)verdict < ARRAY_SIZE(verdicts) && verdicts[verdict] ? verdicts[verdict]
									     : "unknown";
}

/* --- devices --- */

/* One leaf is of one state; of two each may be of another, and the sum right by chance. */
static bool is_of_leaves(const struct bp_thin_plan *plan, const struct salvage_device *d)
{
	const struct snode *n = snode_of_kind(&plan->salvage, d->tree, SALVAGE_MAPPINGS);

	return !n || !(n->flags & SNODE_LEAF);
}

/* Where it is not known which nodes are in use, a root that was found may be an older one. */
static enum bp_thin_verdict verdict_of(const struct bp_thin_plan *plan,
				       const struct salvage_device *d)
{
	if (d->found && (plan->older || plan->unsure || d->older || d->patched ||
			 (d->root_found && (plan->mixed || !plan->salvage.count))))
		return BP_THIN_DOUBTFUL;
	if (!d->has_root)
		return d->has_details && d->pub.mapped_dblocks == 0 ? BP_THIN_WHOLE
								    : BP_THIN_GONE;
	if (!d->has_details) {
		if (!d->incomplete) /* its details would be the only witness against it */
			return plan->mixed ? BP_THIN_DOUBTFUL : BP_THIN_REBUILT;
		return d->found ? BP_THIN_PARTLY : BP_THIN_GONE;
	}
	if (d->found == d->pub.mapped_dblocks)
		return plan->crossed && is_of_leaves(plan, d) ? BP_THIN_DOUBTFUL
							      : BP_THIN_WHOLE;
	if (d->found > d->pub.mapped_dblocks || !d->incomplete)
		return BP_THIN_DOUBTFUL;
	return d->found ? BP_THIN_PARTLY : BP_THIN_GONE;
}

static struct bp_thin_plan_device sound_device(const struct bp_thin_device *details)
{
	return (struct bp_thin_plan_device){
		.device = *details,
		.verdict = BP_THIN_WHOLE,
		.expected_dblocks = details->mapped_dblocks,
	};
}

/* Metadata that needed no search: what its own lists say of the devices is all there is to say. */
static int add_sound(struct bp_thin_plan *plan)
{
	for (size_t i = 0; i < plan->devices.list.count; i++) {
		const struct bp_thin_plan_device device =
			sound_device(&plan->devices.list.items[i].details);

		plan->sum.nr_mappings += device.expected_dblocks;
		if (vec_add(&plan->list, &device) < 0)
			return bp_fail_memory(plan->ctx);
	}
	return 0;
}

/*
 * The details of a device say how many mappings it had: that number is the only witness of what is
 * missing. Without it a loss has no size, unless no leaf was lost and the device counts as rebuilt.
 */
static int add_device(struct bp_thin_plan *plan, const struct salvage_device *d)
{
	struct bp_thin_plan_device device = {
		.device = d->pub,
		.verdict = verdict_of(plan, d),
		.expected_dblocks = d->has_details ? d->pub.mapped_dblocks : BP_NONE,
	};

	const struct plan_old old = { d->pub.id, d->older };

	device.device.mapped_dblocks = d->found;
	plan->sum.lost_unknown |= d->older || d->patched;
	if ((d->older || d->patched) && vec_add(&plan->olds, &old) < 0)
		return bp_fail_memory(plan->ctx);
	plan->sum.nr_mappings += d->found;
	if (d->has_details && d->pub.mapped_dblocks > d->found)
		plan->sum.nr_lost += d->pub.mapped_dblocks - d->found;
	else if (!d->has_details && device.verdict != BP_THIN_REBUILT)
		plan->sum.lost_unknown = true;
	return vec_add(&plan->list, &device) < 0 ? bp_fail_memory(plan->ctx) : 0;
}

/* Plans list devices by rising id, whatever order they were found in. */
static const struct bp_thin_plan_device *find_device(const struct bp_thin_plan *plan,
						     uint64_t id)
{
	size_t low = vec_bisect(&plan->list, item, item->device.id < id);

	return low < plan->list.count && plan->list.items[low].device.id == id
		       ? &plan->list.items[low]
		       : NULL;
}

/* --- losses --- */

static void describe_range(struct strbuf *s, const char *what, uint64_t begin, uint64_t end)
{
	strbuf_addf(s, "%s %" PRIu64, what, begin);
	if (end == UINT64_MAX)
		strbuf_add(s, " and higher");
	else if (end != begin)
		strbuf_addf(s, " to %" PRIu64, end);
}

static const char *describe_why(const struct salvage_lost *lost)
{
	return lost->error == NODE_OK ? "mapped to a data block past the end"
				      : node_error_name(lost->error);
}

static int add_loss(struct bp_thin_plan *plan, const struct bp_thin_plan_loss *from,
		    struct strbuf *words)
{
	struct bp_thin_plan_loss loss = *from;

	loss.what = words->error ? NULL : arena_strdup(&plan->words, strbuf_text(words));
	if (!loss.what || vec_add(&plan->losses, &loss) < 0)
		return bp_fail_memory(plan->ctx);
	return 0;
}

/* Which device lacks which range, and by which block. */
static int tell_loss(struct bp_thin_plan *plan, const struct salvage_lost *lost)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	const struct bp_thin_plan_loss loss = {
		.device = lost->device,
		.begin = lost->begin,
		.end = lost->end == UINT64_MAX ? BP_NONE : lost->end + 1,
		.block = lost->block,
	};

	if (lost->device != BP_NONE) {
		strbuf_addf(&s, "device %" PRIu64 ": ", lost->device);
		describe_range(&s,
			       lost->begin == lost->end ? "virtual block" : "virtual blocks",
			       lost->begin, lost->end);
	} else {
		describe_range(&s,
			       lost->kind == SALVAGE_DETAILS ? "details of devices"
							     : "roots of devices",
			       lost->begin, lost->end);
	}
	strbuf_addf(&s, ": block %" PRIu32 ": %s", lost->block, describe_why(lost));
	return add_loss(plan, &loss, &s);
}

/* Lists of devices: nothing is lost where the other list has all of them. */
static bool matters(const struct bp_thin_plan *plan, const struct salvage_lost *lost)
{
	const struct bp_thin_plan_device *d;

	if (lost->device == BP_NONE)
		return true;
	d = find_device(plan, lost->device);
	return !d || d->expected_dblocks == BP_NONE ||
	       d->expected_dblocks != d->device.mapped_dblocks;
}

static int by_device(const void *a, const void *b)
{
	const struct salvage_lost *x = a, *y = b;

	/* Lists of devices come first: BP_NONE + 1 is 0. */
	if (x->device != y->device)
		return x->device + 1 < y->device + 1 ? -1 : 1;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block;
}

/* By device and block, not in the order of the search, which depends on where blocks lie. */
static int tell_losses(struct bp_thin_plan *plan)
{
	struct salvage *s = &plan->salvage;
	int r = 0;

	if (s->lost.count)
		qsort(s->lost.items, s->lost.count, sizeof(s->lost.items[0]), by_device);
	for (size_t i = 0; r == 0 && i < s->lost.count; i++)
		if (matters(plan, &s->lost.items[i]))
			r = tell_loss(plan, &s->lost.items[i]);
	return r;
}

/* Why a device that seems whole may not be: said in full, as its user has to decide. */
static const char *why_doubtful(const struct bp_thin_plan *plan,
				const struct bp_thin_plan_device *d)
{
	if (plan->older || plan->unsure)
		return ", which may be those of an older transaction";
	for (size_t i = 0; i < plan->olds.count; i++)
		if (plan->olds.items[i].id == d->device.id)
			return plan->olds.items[i].all
				       ? ", all of an older transaction: nothing else is left "
					 "of it"
				       : ", those of what is lost as an older transaction had "
					 "them";
	if (!plan->sum.counted && d->expected_dblocks == d->device.mapped_dblocks)
		return ", which may be those of an older transaction: its root was lost, and "
		       "no space map tells which is the newest";
	return ", though nothing of its tree is damaged: it may be the tree of something else";
}

/* That all of them may be older was said once. */
static bool is_told(const struct bp_thin_plan *plan, const struct bp_thin_plan_device *d)
{
	bool older = plan->older || plan->unsure;

	return d->verdict != BP_THIN_WHOLE && d->verdict != BP_THIN_REBUILT &&
	       !(older && d->verdict == BP_THIN_DOUBTFUL &&
		 d->expected_dblocks == d->device.mapped_dblocks);
}

/* Devices of which something is missing that no place can be named for. */
static int tell_counts(struct bp_thin_plan *plan)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->list.count; i++) {
		const struct bp_thin_plan_device *d = &plan->list.items[i];
		const struct bp_thin_plan_loss loss = {
			.device = d->device.id,
			.end = BP_NONE,
			.block = BP_NONE,
		};
		_cleanup_(strbuf_done) struct strbuf s = { 0 };

		if (!is_told(plan, d))
			continue;
		strbuf_addf(&s, "device %" PRIu64 ": ", d->device.id);
		if (d->expected_dblocks == BP_NONE)
			strbuf_addf(&s,
				    "%" PRIu64 " mappings are left, nobody knows of how many",
				    d->device.mapped_dblocks);
		else
			strbuf_addf(&s, "%" PRIu64 " of %" PRIu64 " mappings are left",
				    d->device.mapped_dblocks, d->expected_dblocks);
		if (d->verdict == BP_THIN_DOUBTFUL)
			strbuf_add(&s, why_doubtful(plan, d));
		r = add_loss(plan, &loss, &s);
	}
	return r;
}

/* Is every device of the list that lost these known from the other list? */
static void weigh_lists(struct bp_thin_plan *plan)
{
	/*
	 * There are two lists of devices: their roots and their details. What one lost the other
	 * may have; only where both lost something can a device be gone without a trace.
	 */
	struct salvage *s = &plan->salvage;
	bool top = false, details = false;
	size_t to = 0;

	for (size_t i = 0; i < s->lost.count; i++) {
		top |= s->lost.items[i].kind == SALVAGE_TOP;
		details |= s->lost.items[i].kind == SALVAGE_DETAILS;
	}
	for (size_t i = 0; i < s->lost.count; i++) {
		const struct salvage_lost *lost = &s->lost.items[i];

		if (lost->device == BP_NONE && !(top && details))
			continue; /* told of each device by itself */
		plan->sum.lost_unknown |= lost->device == BP_NONE;
		s->lost.items[to++] = *lost;
	}
	s->lost.count = to;
}

/* The superblock is sound, and its roots are of no use. */
static int tell_older(struct bp_thin_plan *plan)
{
	const struct bp_thin_plan_loss loss = {
		.device = BP_NONE,
		.end = BP_NONE,
		.block = plan->live.pub.mapping_root,
	};
	_cleanup_(strbuf_done) struct strbuf s = { 0 };

	if (!plan->older && !plan->unsure)
		return 0;
	plan->sum.lost_unknown = true;
	if (plan->unsure)
		strbuf_addf(
			&s,
			"the superblock is lost, and blocks that may have held newer roots: "
			"the mapping root %" PRIu64
			" is taken, and it may be that of an older transaction",
			plan->sum.superblock.mapping_root);
	else
		strbuf_addf(&s,
			    "the superblock's roots lead to nothing: the mapping root %" PRIu64
			    " of an older transaction is taken, and what changed since is lost",
			    plan->sum.superblock.mapping_root);
	return add_loss(plan, &loss, &s);
}

/*
 * Guessed details err on the side of sharing: the kernel copies once too often then, and
 * loses nothing.
 */
static void warn_rebuilt(struct bp_thin_plan *plan)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < plan->list.count; i++)
		nr += plan->list.items[i].verdict == BP_THIN_REBUILT;
	if (nr)
		bp_warn(plan->ctx,
			"the details of %" PRIu64
			" devices are lost: their transaction ids and times are guessed, such "
			"that nothing of them is taken for unshared",
			nr);
}

/* Verdicts, losses, counts: all that a person or program decides by. */
int plan_judge(struct bp_thin_plan *plan, const struct salvage_devices *devices)
{
	const struct salvage *s = &plan->salvage;
	int r = plan->sum.scanned ? 0 : add_sound(plan);

	if (r == 0)
		r = plan_find_mixed(plan, devices);
	for (size_t i = 0; r == 0 && i < devices->list.count; i++)
		r = add_device(plan, &devices->list.items[i]);
	plan->sum.nr_devices = plan->list.count;
	plan->sum.nr_damaged = s->nr_damaged;
	plan->sum.counted = s->count;
	plan->sum.nr_refilled = s->nr_filled;
	for (size_t i = 0; i < s->places.count; i++)
		plan->sum.nr_recovered += s->places.items[i].children.count;
	for (size_t i = 0; i < devices->list.count; i++)
		plan->sum.nr_recovered += devices->list.items[i].root_found;
	weigh_lists(plan);
	if (r == 0)
		r = tell_older(plan);
	if (r == 0)
		r = tell_counts(plan);
	if (r == 0)
		r = tell_losses(plan);
	warn_rebuilt(plan);
	return r;
}

/* --- looking at it --- */

int bp_thin_plan_summary_get(const struct bp_thin_plan *plan, struct bp_thin_plan_summary *ret)
{
	struct bp_thin_plan_summary sum = plan->sum;

	sum.size = ret->size;
	memcpy(ret, &sum, MIN(ret->size, sizeof(sum)));
	return 0;
}

bool bp_thin_plan_is_whole(const struct bp_thin_plan *plan)
{
	return plan->losses.count == 0 && plan->sum.nr_lost == 0 && !plan->sum.lost_unknown;
}

size_t bp_thin_plan_devices_count(const struct bp_thin_plan *plan)
{
	return plan->list.count;
}

const struct bp_thin_plan_device *bp_thin_plan_device_get(const struct bp_thin_plan *plan,
							  size_t index)
{
	return index < plan->list.count ? &plan->list.items[index] : NULL;
}

size_t bp_thin_plan_losses_count(const struct bp_thin_plan *plan)
{
	return plan->losses.count;
}

const struct bp_thin_plan_loss *bp_thin_plan_loss_get(const struct bp_thin_plan *plan,
						      size_t index)
{
	return index < plan->losses.count ? &plan->losses.items[index] : NULL;
}

/* --- JSON --- */

static void json_number(struct bp_json *json, const char *key, uint64_t value)
{
	if (value == BP_NONE)
		bp_json_null(json, key);
	else
		bp_json_uint(json, key, value);
}

/* Members as in struct bp_thin_plan_device. */
static void json_device(struct bp_json *json, const struct bp_thin_plan_device *d)
{
	bp_json_object(json, NULL);
	bp_json_uint(json, "id", d->device.id);
	bp_json_string(json, "verdict", bp_thin_verdict_name(d->verdict));
	bp_json_uint(json, "mapped_dblocks", d->device.mapped_dblocks);
	json_number(json, "expected_dblocks", d->expected_dblocks);
	bp_json_uint(json, "transaction_id", d->device.transaction_id);
	bp_json_uint(json, "creation_time", d->device.creation_time);
	bp_json_uint(json, "snapshotted_time", d->device.snapshotted_time);
	bp_json_object_close(json);
}

/* BP_NONE is null: it goes on to the end. */
static void json_loss(struct bp_json *json, const struct bp_thin_plan_loss *loss)
{
	bp_json_object(json, NULL);
	json_number(json, "device", loss->device);
	bp_json_uint(json, "begin", loss->begin);
	json_number(json, "end", loss->end);
	json_number(json, "block", loss->block);
	bp_json_string(json, "what", loss->what);
	bp_json_object_close(json);
}

/* Each value beside where it is from: a guess must not look like a fact. */
static void json_superblock(struct bp_json *json, const struct bp_thin_plan_summary *sum)
{
	const struct bp_thin_superblock *sb = &sum->superblock;

	bp_json_object(json, "superblock");
	bp_json_bool(json, "damaged", sum->superblock_damaged);
	bp_json_uint(json, "time", sb->time);
	bp_json_uint(json, "transaction_id", sb->transaction_id);
	bp_json_string(json, "transaction_id_from", bp_thin_origin_name(sum->transaction));
	bp_json_uint(json, "data_block_sectors", sb->data_block_sectors);
	bp_json_string(json, "data_block_sectors_from", bp_thin_origin_name(sum->block_size));
	bp_json_uint(json, "nr_data_blocks", sb->nr_data_blocks);
	bp_json_string(json, "nr_data_blocks_from", bp_thin_origin_name(sum->size_of_data));
	bp_json_uint(json, "mapping_root", sb->mapping_root);
	bp_json_uint(json, "details_root", sb->details_root);
	bp_json_string(json, "roots_from", bp_thin_origin_name(sum->roots));
	bp_json_object_close(json);
}

/* The same that the text of a plan has. */
void bp_thin_plan_json(const struct bp_thin_plan *plan, struct bp_json *json, const char *key)
{
	const struct bp_thin_plan_summary *sum = &plan->sum;

	bp_json_object(json, key);
	json_superblock(json, sum);
	bp_json_bool(json, "whole", bp_thin_plan_is_whole(plan));
	bp_json_bool(json, "area_read", sum->scanned);
	bp_json_bool(json, "space_map_used", sum->counted);
	bp_json_uint(json, "nr_devices", sum->nr_devices);
	bp_json_uint(json, "nr_mappings", sum->nr_mappings);
	bp_json_uint(json, "nr_lost", sum->nr_lost);
	bp_json_bool(json, "lost_unknown", sum->lost_unknown);
	bp_json_uint(json, "nr_damaged_blocks", sum->nr_damaged);
	bp_json_uint(json, "nr_recovered_subtrees", sum->nr_recovered);
	bp_json_uint(json, "nr_refilled_mappings", sum->nr_refilled);
	bp_json_uint(json, "nr_root_pairs", sum->nr_pairs);
	bp_json_array(json, "devices");
	for (size_t i = 0; i < plan->list.count; i++)
		json_device(json, &plan->list.items[i]);
	bp_json_array_close(json);
	bp_json_array(json, "losses");
	for (size_t i = 0; i < plan->losses.count; i++)
		json_loss(json, &plan->losses.items[i]);
	bp_json_array_close(json);
	bp_json_object_close(json);
}
