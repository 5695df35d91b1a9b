/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be done about a broken pool: what became of each volume, and plans, the best first. A
 * plan is carried out to a new place only, and what was written is checked by the check that
 * everybody uses. An active pool is looked at, no more.
 */
#include "rescue/rescue.h"

#include "core/strbuf.h"
#include "io/map.h"
#include "rescue/output.h"

#include <inttypes.h>

static const char *const ways[] = {
	[BP_RESCUE_REBUILD] = "rebuild",
	[BP_RESCUE_OLDER] = "older",
	[BP_RESCUE_EXPORT] = "export",
};

const char *bp_rescue_way_name(enum bp_rescue_way way)
{
	return (unsigned)way < ARRAY_SIZE(ways) && ways[way] ? ways[way] : "unknown";
}

void bp_rescue_free(struct bp_rescue *r)
{
	if (!r)
		return;
	bp_history_free(r->history);
	bp_thin_plan_free(r->rebuild);
	old_volumes_done(&r->names);
	vec_done(&r->troubles);
	vec_done(&r->volumes);
	vec_done(&r->suspects);
	vec_done(&r->found.uncounted);
	vec_done(&r->plans);
	arena_done(&r->words);
	io_close(r->io);
	free(r);
}

static void rescue_freep(struct bp_rescue **r)
{
	bp_rescue_free(*r);
}

/* --- what there is --- */

/* Where LVM expects another transaction than the pool has, new metadata gets LVM's. */
static void choose_transaction(const struct bp_rescue *r, struct bp_thin_repair_opts *opts)
{
	uint64_t expected, has = r->found.sb.pub.transaction_id;
	bool pending;

	if (bp_source_expected_transaction(r->source, &expected, &pending) < 0)
		return;
	if (r->found.sound && (has == expected || (pending && has + 1 == expected)))
		return;
	opts->flags |= BP_THIN_REPAIR_TRANSACTION;
	opts->transaction_id = expected;
}

/*
 * Without a block size the plan is made for the smallest one, to look at only: applying it
 * is refused.
 */
static int plan_rebuild(struct bp_rescue *r)
{
	struct bp_thin_repair_opts opts = { .size = sizeof(opts) };
	struct error_state *saved = error_save(r->source->ctx);
	int status;

	choose_transaction(r, &opts);
	status = source_plan(r->source, &opts, &r->rebuild);
	if (status < 0 && status != -ENOMEM) {
		/* To look, any size will do. */
		opts.data_block_sectors = THIN_DATA_BLOCK_SECTORS_MIN;
		r->assumed = source_plan(r->source, &opts, &r->rebuild) == 0;
		if (r->assumed) {
			error_restore(r->source->ctx, saved);
			return 0;
		}
	}
	if (status < 0 && status != -ENOMEM) {
		r->why = rescue_words(r, "%s", bp_errmsg(r->source->ctx));
		status = r->why ? 0 : -ENOMEM;
	}
	error_restore(r->source->ctx, saved);
	return status;
}

/* The same number made in the same transaction is the same volume. */
static const char *name_of(const struct bp_rescue *r, const struct bp_thin_device *device)
{
	const char *by_id = NULL;

	for (size_t i = 0; i < r->names.count; i++) {
		const struct old_volume *v = &r->names.items[i];

		if (v->id != device->id)
			continue;
		if (v->transaction_id == device->transaction_id)
			return v->name;
		by_id = by_id ? by_id : v->name;
	}
	/* Details that were lost say nothing of when it was made. */
	return device->transaction_id == 0 ? by_id : NULL;
}

/* Which of its blocks are missing, the first few. */
static const char *describe_losses(struct bp_rescue *r, uint64_t id)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	unsigned nr = 0;

	for (size_t i = 0; i < r->rebuild->losses.count; i++) {
		const struct bp_thin_plan_loss *loss = &r->rebuild->losses.items[i];

		if (loss->device != id || loss->block == BP_NONE)
			continue;
		if (nr++ >= 3)
			continue;
		strbuf_addf(&s, "%sblocks %" PRIu64, nr > 1 ? ", " : "", loss->begin);
		if (loss->end == BP_NONE)
			strbuf_add(&s, " to the last");
		else
			strbuf_addf(&s, " to %" PRIu64, loss->end - 1);
	}
	if (nr > 3)
		strbuf_addf(&s, " and %u more", nr - 3);
	if (!nr || s.error)
		return NULL;
	return rescue_words(r, "missing within %s", strbuf_text(&s));
}

/* What seems whole, and may be half of one state and half of another. */
static bool is_suspect(const struct bp_rescue *r, const struct bp_thin_plan_device *d)
{
	if (d->verdict != BP_THIN_WHOLE && d->verdict != BP_THIN_REBUILT)
		return false;
	/* One leaf is of one state; of two each may be of another. */
	if (r->found.nr_strange && d->device.mapped_dblocks > node_capacity(sizeof(le64)))
		return true;
	for (size_t i = 0; i < r->suspects.count; i++)
		if (r->suspects.items[i] == d->device.id)
			return true;
	return false;
}

/* A note only where something is lost or guessed. */
static int add_volume(struct bp_rescue *r, const struct bp_thin_plan_device *d)
{
	struct bp_rescue_volume volume = {
		.size = sizeof(volume),
		.name = name_of(r, &d->device),
		.id = d->device.id,
		.verdict = d->verdict,
		.mapped_dblocks = d->expected_dblocks,
		.intact_dblocks = d->device.mapped_dblocks,
	};

	if (d->verdict != BP_THIN_WHOLE)
		volume.note = describe_losses(r, d->device.id);
	if (d->verdict == BP_THIN_DOUBTFUL)
		volume.note = "its tree is sound, but may be that of another volume";
	if (d->verdict == BP_THIN_REBUILT)
		volume.note = "all mappings; its details were lost and are guessed";
	if (is_suspect(r, d)) {
		volume.verdict = BP_THIN_DOUBTFUL;
		volume.note =
			"some of it may be of another state: of two hosts that had the pool, "
			"or of another time";
	}
	return vec_add(&r->volumes, &volume);
}

/* What LVM has now and the pool has not. */
static int add_absent(struct bp_rescue *r)
{
	int status = 0;

	for (size_t i = 0; status == 0 && i < r->names.count; i++) {
		const struct old_volume *v = &r->names.items[i];
		const struct bp_rescue_volume volume = {
			.size = sizeof(volume),
			.name = v->name,
			.id = v->id,
			.mapped_dblocks = BP_NONE,
			.note = r->rebuild ? "the pool has no such volume"
					   : "nothing that tells of it can be read",
		};
		bool known = v->seqno != r->source->group->vg->seqno;

		for (size_t k = 0; k < r->volumes.count; k++)
			known |= r->volumes.items[k].id == v->id;
		if (!known)
			status = vec_add(&r->volumes, &volume);
	}
	return status;
}

static int find_volumes(struct bp_rescue *r)
{
	int status = source_old_volumes(r->source, &r->names);

	for (size_t i = 0; status == 0 && r->rebuild && i < r->rebuild->list.count; i++)
		status = add_volume(r, &r->rebuild->list.items[i]);
	return status < 0 ? status : add_absent(r);
}

/* --- plans --- */

static bool has_trouble(const struct bp_rescue *r, uint32_t kinds)
{
	for (size_t i = 0; i < r->troubles.count; i++)
		if (kinds & 1u << r->troubles.items[i].kind)
			return true;
	return false;
}

#define BIT(kind) (1u << (kind))
/* What new metadata mends. */
#define MENDED                                                                                 \
	(BIT(BP_TROUBLE_OVERWRITTEN) | BIT(BP_TROUBLE_SUPERBLOCK) | BIT(BP_TROUBLE_NODES) |    \
	 BIT(BP_TROUBLE_SPACE_MAPS) | BIT(BP_TROUBLE_LEAKS) | BIT(BP_TROUBLE_TIMES) |          \
	 BIT(BP_TROUBLE_NEEDS_CHECK) | BIT(BP_TROUBLE_BEHIND) | BIT(BP_TROUBLE_AHEAD) |        \
	 BIT(BP_TROUBLE_METADATA_FULL) | BIT(BP_TROUBLE_TWO_HOSTS) |                           \
	 BIT(BP_TROUBLE_FORMATTED) | BIT(BP_TROUBLE_MIRROR) | BIT(BP_TROUBLE_OTHER_POOL))
/* Where there is nothing to mend, and the bytes may be wanted. */
#define EXPORT_HELPS                                                                           \
	(BIT(BP_TROUBLE_DATA_SMALLER) | BIT(BP_TROUBLE_VOLUMES) |                              \
	 BIT(BP_TROUBLE_MISSING_DISK) | BIT(BP_TROUBLE_NOTHING_LEFT))

/* As large as the old one; twice that, where it was full. */
static bp_bytes needed_bytes(const struct bp_rescue *r)
{
	bp_mblock nr = r->io->nr_blocks;

	if (has_trouble(r, BIT(BP_TROUBLE_METADATA_FULL)))
		nr = MIN(2 * nr, (bp_mblock)META_MAX_BLOCKS);
	return nr * IO_BLOCK;
}

/* What the plan costs, in mappings and volumes: that is what two plans are compared by. */
static const char *rebuild_loses(struct bp_rescue *r)
{
	const struct bp_thin_plan *plan = r->rebuild;
	uint64_t partly = 0, gone = 0;

	if (bp_thin_plan_is_whole(plan))
		return "nothing";
	for (size_t i = 0; i < plan->list.count; i++) {
		enum bp_thin_verdict verdict = plan->list.items[i].verdict;

		partly += verdict == BP_THIN_PARTLY || verdict == BP_THIN_DOUBTFUL;
		gone += verdict == BP_THIN_GONE;
	}
	return rescue_words(r,
			    "%" PRIu64 "%s of %" PRIu64 " mappings; volumes in part: %" PRIu64
			    ", wholly: %" PRIu64,
			    plan->sum.nr_lost, plan->sum.lost_unknown ? " or more" : "",
			    plan->sum.nr_lost + plan->sum.nr_mappings, partly, gone);
}

/* needs_bytes is for a place that holds the new metadata with room to grow. */
static int add_rebuild(struct bp_rescue *r)
{
	const struct bp_thin_superblock *sb = &r->rebuild->sum.superblock;
	struct bp_rescue_plan plan = {
		.size = sizeof(plan),
		.way = BP_RESCUE_REBUILD,
		.whole = bp_thin_plan_is_whole(r->rebuild),
		.loses = rebuild_loses(r),
		.needs_bytes = needed_bytes(r),
		.transaction_id = sb->transaction_id,
		.mapping_root = sb->mapping_root,
	};

	plan.what = rescue_words(r,
				 "rebuild: new metadata of all that is there; volumes: %" PRIu64
				 ", transaction %" PRIu64,
				 r->rebuild->sum.nr_devices, sb->transaction_id);
	return plan.what && plan.loses ? vec_add(&r->plans, &plan) : -ENOMEM;
}

/* Of the volumes that LVM has and the pool has not, how many a state has. */
struct absent_count {
	const struct bp_rescue *r;
	uint64_t nr;
};

/* By id and name: an id that was given again is another volume. */
static int count_absent(void *user, const struct bp_thin_device *device)
{
	struct absent_count *count = user;
	const struct bp_rescue *r = count->r;

	for (size_t i = 0; device->root && i < r->volumes.count; i++)
		if (!r->volumes.items[i].verdict && r->volumes.items[i].id == device->id) {
			const char *name = name_of(r, device);

			count->nr += name && streq(name, r->volumes.items[i].name);
		}
	return 0;
}

/* A whole older state that isn't what the rebuilding gives anyway. */
static bool is_candidate(const struct bp_rescue *r, const struct bp_history_state *state)
{
	bool same =
		r->rebuild && state->mapping_root == r->rebuild->sum.superblock.mapping_root;

	return !state->nr_broken && !same && !state->current && state->nr_devices;
}

/*
 * The newest state that is whole, and is not what a rebuild begins with; of these one that has
 * most of the volumes that LVM misses.
 */
static int find_older(struct bp_rescue *r)
{
	uint64_t most = 0;
	int status = bp_history(r->source, &r->history);

	if (status < 0)
		return status == -ENOMEM ? status : 0;
	for (size_t i = 0; status == 0 && i < bp_history_count(r->history); i++) {
		const struct bp_history_state *state = bp_history_get(r->history, i);
		struct absent_count count = { .r = r };

		if (!is_candidate(r, state))
			continue;
		status = bp_history_devices(r->history, i, count_absent, &count);
		if (status == 0 && (!r->older || count.nr > most)) {
			r->older = state;
			most = count.nr;
		}
	}
	/* Of a whole pool only what it lacks is of use. */
	if (r->found.sound && r->rebuild && bp_thin_plan_is_whole(r->rebuild) && !most &&
	    !r->nr_clashes && !rescue_is_empty(r))
		r->older = NULL;
	return status;
}

/* May an older state be the better one? Known before anything is told. */
static bool older_may_help(const struct bp_rescue *r)
{
	bool whole = r->rebuild && bp_thin_plan_is_whole(r->rebuild);
	bool absent = false;

	for (size_t i = 0; i < r->volumes.count; i++)
		absent |= !r->volumes.items[i].verdict;
	return !whole || absent || r->nr_clashes || !r->found.sound || rescue_is_empty(r);
}

/*
 * An older state is whole, but all that was written since is gone, and blocks freed since
 * may be overwritten.
 */
static int add_older(struct bp_rescue *r)
{
	const struct bp_history_state *state = r->older;
	struct bp_thin_repair_opts opts = { .size = sizeof(opts) };
	struct bp_rescue_plan plan = {
		.size = sizeof(plan),
		.way = BP_RESCUE_OLDER,
		.needs_bytes = needed_bytes(r),
		.mapping_root = state->mapping_root,
		.transaction_id = r->rebuild ? r->rebuild->sum.superblock.transaction_id : 0,
	};

	choose_transaction(r, &opts);
	if (opts.flags & BP_THIN_REPAIR_TRANSACTION)
		plan.transaction_id = opts.transaction_id;
	plan.what = rescue_words(r,
				 "older state: root %" PRIu64 ", volumes: %" PRIu64
				 ", mappings: %" PRIu64 ", all nodes sound%s",
				 state->mapping_root, state->nr_devices, state->nr_mappings,
				 state->counted ? "" : "; nothing proves it complete");
	plan.loses = "what was written or made since; blocks that were freed since may have "
		     "been written over";
	return plan.what ? vec_add(&r->plans, &plan) : -ENOMEM;
}

/* Offered with every trouble that it helps with: it repairs nothing, and so breaks nothing. */
static int add_export(struct bp_rescue *r)
{
	const struct lvm_group *group = r->source->group;
	const struct bp_rescue_plan plan = {
		.size = sizeof(plan),
		.way = BP_RESCUE_EXPORT,
		.what = "export volumes ('export', 'undelete'), repair nothing",
		.loses = group && group->nr_missing
				 ? "what lies on disks that are not here; each volume takes "
				   "room elsewhere"
			 : group && group->nr_cut
				 ? "what lies behind the end of the image; each volume takes "
				   "room elsewhere"
				 : "nothing; each volume takes room elsewhere",
	};

	if (!r->volumes.count || !has_trouble(r, MENDED | EXPORT_HELPS) ||
	    (!r->rebuild && !r->older))
		return 0;
	return vec_add(&r->plans, &plan);
}

/* Is there a volume of which a rebuild has anything? */
static bool rebuild_is_worth_it(const struct bp_rescue *r)
{
	return r->rebuild && (r->rebuild->sum.nr_mappings || !r->older);
}

/* The better one first: an older state only where a rebuild would lose more. */
static int make_plans(struct bp_rescue *r)
{
	int status = 0;

	if (!r->troubles.count)
		return 0;
	if (status == 0 && r->older && !rebuild_is_worth_it(r))
		status = add_older(r);
	/* LVM needs another place for metadata that lies in part on a disk which is gone. */
	if (status == 0 && r->rebuild && (has_trouble(r, MENDED) || !map_io_is_whole(r->io)))
		status = add_rebuild(r);
	if (status == 0 && r->older && rebuild_is_worth_it(r))
		status = add_older(r);
	return status < 0 ? status : add_export(r);
}

static int find_whose(struct bp_rescue *r)
{
	struct whose *whose;
	int status;

	if (r->source->kind != BP_SOURCE_POOL || r->source->snap)
		return 0;
	status = source_whose(r->source, r->source->lv, &whose);
	if (status == 0)
		r->whose = whose;
	return status;
}

/* Is all that there is another pool's? */
static bool is_only_others(const struct bp_rescue *r)
{
	return r->whose && r->whose->kind == WHOSE_OTHER && !r->whose->lies_in;
}

/*
 * Order matters: what the volumes lack is known by the plan, whether an older state helps
 * by the volumes.
 */
static int look(struct bp_rescue *r)
{
	int status;

	r->active = source_is_active(r->source);
	status = find_whose(r);
	if (status == 0)
		status = rescue_look(r);
	if (status == 0)
		status = plan_rebuild(r);
	if (status == 0 && r->rebuild && (r->found.nr_counts || r->found.nr_crossed))
		status = rescue_find_clashes(r);
	if (status == 0)
		status = find_volumes(r);
	if (status == 0)
		status = rescue_find_missing(r);
	if (status == 0 && !is_only_others(r) && older_may_help(r))
		status = find_older(r);
	if (status == 0)
		status = rescue_tell(r);
	return status < 0 ? status : make_plans(r);
}

/* Reads only. What is found is a result; it fails where nothing could be looked at. */
int bp_rescue(struct bp_source *source, struct bp_rescue **ret)
{
	_cleanup_(rescue_freep) struct bp_rescue *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return bp_fail_memory(source->ctx);
	r->source = source;
	status = source_metadata_io(source, &r->io);
	if (status == 0)
		status = look(r);
	if (status < 0)
		return status == -ENOMEM ? bp_fail_memory(source->ctx) : status;
	*ret = steal(r);
	return 0;
}

/* --- looking at it --- */

const struct bp_thin_superblock *bp_rescue_superblock(const struct bp_rescue *r)
{
	return r->rebuild ? &r->rebuild->sum.superblock : NULL;
}

bp_bytes bp_rescue_metadata_bytes(const struct bp_rescue *r)
{
	return r->io->nr_blocks * IO_BLOCK;
}

size_t bp_rescue_troubles_count(const struct bp_rescue *r)
{
	return r->troubles.count;
}

const struct bp_rescue_trouble *bp_rescue_trouble_get(const struct bp_rescue *r, size_t index)
{
	return index < r->troubles.count ? &r->troubles.items[index] : NULL;
}

size_t bp_rescue_volumes_count(const struct bp_rescue *r)
{
	return r->volumes.count;
}

const struct bp_rescue_volume *bp_rescue_volume_get(const struct bp_rescue *r, size_t index)
{
	return index < r->volumes.count ? &r->volumes.items[index] : NULL;
}

size_t bp_rescue_plans_count(const struct bp_rescue *r)
{
	return r->plans.count;
}

const struct bp_rescue_plan *bp_rescue_plan_get(const struct bp_rescue *r, size_t index)
{
	return index < r->plans.count ? &r->plans.items[index] : NULL;
}

/* --- doing it --- */

/* By the roots of that state: the metadata is read once more. */
static int write_older(struct bp_rescue *r, const struct bp_rescue_plan *plan, const char *path)
{
	struct bp_thin_repair_opts opts = {
		.size = sizeof(opts),
		.mapping_root = r->older->mapping_root,
		.details_root = r->older->details_root,
	};
	struct bp_thin_plan *older;
	int status;

	choose_transaction(r, &opts);
	status = source_plan(r->source, &opts, &older);
	if (status < 0)
		return status;
	status = source_plan_write(r->source, older, path, plan->needs_bytes);
	bp_thin_plan_free(older);
	return status;
}

static int refuse(struct bp_rescue *r, int error, const char *why, const char *hint)
{
	bp_fail(r->source->ctx, error, "%s", why);
	error_set_code(r->source->ctx, BP_E_USAGE);
	error_set_hint(r->source->ctx, "%s", hint);
	return error;
}

/*
 * Never to where it was read from, never of an active pool, never with a guessed block
 * size; what was written is checked once more by its path.
 */
int bp_rescue_apply(struct bp_rescue *r, size_t index, const char *path,
		    struct bp_thin_check_result *ret)
{
	struct bp_thin_check_result check = { .size = sizeof(check) };
	const struct bp_rescue_plan *plan = bp_rescue_plan_get(r, index);
	int status;

	if (r->active)
		return refuse(r, -EBUSY,
			      "the pool is active: nothing is made of what may change",
			      "deactivate it first, or work on a copy of its disks");
	if (!plan || plan->way == BP_RESCUE_EXPORT)
		return refuse(r, -EINVAL, "this plan makes no metadata",
			      "'export' and 'undelete' carry it out");
	if (r->assumed)
		return refuse(r, -EINVAL, "nobody knows the pool's data block size",
			      "give it with --data-block-size");
	if (plan->way == BP_RESCUE_OLDER)
		status = write_older(r, plan, path);
	else
		status = source_plan_write(r->source, r->rebuild, path, plan->needs_bytes);
	if (status == 0)
		status = bp_thin_check(r->source->ctx, path, NULL, &check);
	if (status == 0 && ret) {
		size_t size = MIN(ret->size, sizeof(check));

		check.size = ret->size;
		memcpy(ret, &check, size);
	}
	return status;
}
