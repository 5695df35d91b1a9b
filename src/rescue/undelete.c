/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removed volumes: which there are, which state to take one from, and what is left of it. Promises
 * to call a volume removed only where the pool's present state does not have that very one,
 * whatever has its number now.
 */
#include <bedplate/history.h>

#include "core/number.h"
#include "core/opts.h"
#include "rescue/image.h"
#include "rescue/output.h"
#include "rescue/removed.h"

#include <inttypes.h>
#include <stdio.h>

struct bp_undelete {
	struct bp_source *source;
	struct bp_history *history;
	struct bp_thin_plan *now;
	old_volumes names;
	struct io *io; /* the metadata as it is */
	struct meta meta;
	struct removed removed;
	struct bp_undelete_result result;
	const struct old_volume *old; /* in names, or NULL */
	uint64_t wanted_id;
};

void bp_undelete_free(struct bp_undelete *u)
{
	if (!u)
		return;
	bp_history_free(u->history);
	bp_thin_plan_free(u->now);
	old_volumes_done(&u->names);
	removed_done(&u->removed);
	io_close(u->io);
	free(u);
}

static void undelete_freep(struct bp_undelete **u)
{
	bp_undelete_free(*u);
}

/*
 * What the pool has now, what it had, and the names LVM gave: everything else compares
 * these.
 */
static int look_at_pool(struct bp_source *source, struct bp_undelete **ret)
{
	_cleanup_(undelete_freep) struct bp_undelete *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return bp_fail_memory(source->ctx);
	u->source = source;
	r = source_plan(source, NULL, &u->now);
	if (r == 0)
		r = bp_history(source, &u->history);
	if (r == 0)
		r = source_old_volumes(source, &u->names);
	if (r == 0)
		r = source_metadata_io(source, &u->io);
	if (r < 0)
		return r;
	u->meta = meta_of(source->ctx, u->io, 0);
	*ret = steal(u);
	return 0;
}

/* --- who is who --- */

typedef VEC(struct bp_thin_device) device_list;

static int add_device(void *user, const struct bp_thin_device *device)
{
	device_list *list = user;

	return vec_add(list, device);
}

static int devices_of(const struct bp_undelete *u, size_t state, device_list *ret)
{
	int r;

	ret->count = 0;
	r = bp_history_devices(u->history, state, add_device, ret);
	return r == -ENOMEM ? bp_fail_memory(u->source->ctx) : r;
}

/* Number, transaction and time together: numbers are given out again. */
static bool same_volume(const struct bp_thin_device *a, const struct bp_thin_device *b)
{
	return a->id == b->id && a->transaction_id == b->transaction_id &&
	       a->creation_time == b->creation_time;
}

static const struct bp_thin_plan_device *present_with(const struct bp_undelete *u, uint64_t id)
{
	for (size_t i = 0; i < bp_thin_plan_devices_count(u->now); i++)
		if (bp_thin_plan_device_get(u->now, i)->device.id == id)
			return bp_thin_plan_device_get(u->now, i);
	return NULL;
}

/* Details that were lost are guessed: then the number is all there is to go by. */
static bool is_present(const struct bp_undelete *u, const struct bp_thin_device *device)
{
	const struct bp_thin_plan_device *p = present_with(u, device->id);

	return p && (p->expected_dblocks == BP_NONE || same_volume(&p->device, device));
}

/* LVM's name of that time, if a text of then is left. */
static const struct old_volume *old_of(const struct bp_undelete *u,
				       const struct bp_thin_device *device)
{
	for (size_t i = 0; i < u->names.count; i++) {
		const struct old_volume *v = &u->names.items[i];

		if (v->id == device->id && v->transaction_id == device->transaction_id)
			return v;
	}
	return NULL;
}

/* --- which there are --- */

static bool is_listed(const device_list *list, const struct bp_thin_device *device)
{
	for (size_t i = 0; i < list->count; i++)
		if (same_volume(&list->items[i], device))
			return true;
	return false;
}

struct listing {
	struct bp_undelete *u;
	device_list told;
	int (*volume)(void *user, const struct bp_removed_volume *volume);
	void *user;
};

/* Told once, with the newest state that has it. */
static int tell(struct listing *l, const struct bp_thin_device *device,
		const struct bp_history_state *state)
{
	const struct old_volume *old = old_of(l->u, device);
	const struct bp_removed_volume volume = {
		.size = sizeof(volume),
		.name = old ? old->name : NULL,
		.id = device->id,
		.transaction_id = device->transaction_id,
		.size_bytes = old ? old->size : 0,
		.mapped_dblocks = device->mapped_dblocks,
		.mapping_root = state->mapping_root,
	};

	if (vec_add(&l->told, device) < 0)
		return bp_fail_memory(l->u->source->ctx);
	return l->volume(l->user, &volume);
}

/* Newest state first, so that what is told of a volume is the last it was. */
static int list_all(struct listing *l)
{
	device_list devices = { 0 };
	int r = 0;

	for (size_t s = 0; r == 0 && s < bp_history_count(l->u->history); s++) {
		r = devices_of(l->u, s, &devices);
		for (size_t i = 0; r == 0 && i < devices.count; i++) {
			const struct bp_thin_device *d = &devices.items[i];

			if (d->root && !is_present(l->u, d) && !is_listed(&l->told, d))
				r = tell(l, d, bp_history_get(l->u->history, s));
		}
	}
	vec_done(&devices);
	return r;
}

/* Reads only. What the present pool has is not removed, whatever older states say. */
int bp_removed_volumes(struct bp_source *source,
		       int (*volume)(void *user, const struct bp_removed_volume *volume),
		       void *user)
{
	struct listing l = { .volume = volume, .user = user };
	int r = look_at_pool(source, &l.u);

	if (r < 0)
		return r;
	r = list_all(&l);
	vec_done(&l.told);
	bp_undelete_free(l.u);
	return r;
}

/* --- which is meant --- */

struct wanted {
	const char *name; /* NULL: by number */
	uint64_t id;
	const struct bp_undelete_opts *opts;
	const struct bp_thin_device *volume; /* once one was found: this very one */
};

/* By name, by number, or, once found, that very volume in other states. */
static bool is_wanted(const struct bp_undelete *u, const struct wanted *w,
		      const struct bp_thin_device *device)
{
	const struct old_volume *old;

	if (w->volume)
		return same_volume(w->volume, device);
	if (!device->root || is_present(u, device))
		return false;
	old = w->name ? old_of(u, device) : NULL;
	return w->name ? old && streq(old->name, w->name) : device->id == w->id;
}

/* What was asked for by root or transaction narrows the search. */
static bool state_allowed(const struct wanted *w, const struct bp_history_state *state)
{
	if (w->opts->mapping_root && state->mapping_root != w->opts->mapping_root)
		return false;
	return !(w->opts->flags & BP_UNDELETE_TRANSACTION) ||
	       state->transaction_id == w->opts->transaction_id;
}

static bool is_whole(const struct removed *removed)
{
	return removed->found == removed->device.mapped_dblocks && removed->gaps.count == 0;
}

/* Where nobody knows the size of the data, what the volume maps tells more of it. */
static bp_dblock nr_data_blocks(const struct bp_undelete *u)
{
	return u->now->sum.size_of_data == BP_THIN_FROM_TREES
		       ? THIN_DATA_BLOCKS_MAX
		       : u->now->sum.superblock.nr_data_blocks;
}

/*
 * The pool may have been larger then, or its superblock is guessed: blocks of the volume
 * must be within.
 */
static void raise_data_blocks(struct bp_undelete *u)
{
	bp_dblock *nr = &u->now->sum.superblock.nr_data_blocks;

	for (size_t i = 0; i < u->removed.runs.count; i++)
		*nr = MAX(*nr, u->removed.runs.items[i].data + u->removed.runs.items[i].length);
	u->now->tm.sb.pub.nr_data_blocks = *nr;
}

/* What a state has of it; better than what we have? */
static int try_state(struct bp_undelete *u, const struct bp_thin_device *device,
		     const struct bp_history_state *state)
{
	struct removed removed = { 0 };
	bool first = !u->result.mapping_root;
	int r;

	if (!first && device->root == u->removed.device.root)
		return 0;
	r = removed_read(&u->meta, device, nr_data_blocks(u), &removed);
	if (r == 0 && (first || removed.found > u->removed.found)) {
		removed_done(&u->removed);
		u->removed = removed;
		u->result.mapping_root = state->mapping_root;
		u->result.details_root = state->details_root;
		u->result.counted = state->counted;
	} else {
		removed_done(&removed);
	}
	return r;
}

/* The first state that has it whole ends the search; otherwise the one that has most. */
static int find_best(struct bp_undelete *u, struct wanted *w)
{
	struct bp_thin_device found;
	device_list devices = { 0 };
	int r = 0;

	for (size_t s = 0; r == 0 && s < bp_history_count(u->history); s++) {
		const struct bp_history_state *state = bp_history_get(u->history, s);

		if (!state_allowed(w, state))
			continue;
		r = devices_of(u, s, &devices);
		for (size_t i = 0; r == 0 && i < devices.count; i++) {
			if (!is_wanted(u, w, &devices.items[i]))
				continue;
			found = devices.items[i];
			w->volume = &found;
			r = try_state(u, &found, state);
		}
		if (u->result.mapping_root && is_whole(&u->removed))
			break;
	}
	vec_done(&devices);
	w->volume = NULL;
	return r;
}

/* The other tool is named that does what was meant. */
static int not_removed(const struct bp_undelete *u, const char *volume, uint64_t id)
{
	struct bp_ctx *ctx = u->source->ctx;

	bp_fail(ctx, -ENODATA, "volume '%s' was not removed: the pool has it as %" PRIu64,
		volume, id);
	error_set_code(ctx, BP_E_NO_THIN);
	error_set_hint(ctx, "'export' gets its bytes; 'export --root' those of an older state, "
			    "see 'history'");
	return -ENODATA;
}

/* Whether it is there still is the most likely reason, so it is looked at first. */
static int not_found(struct bp_undelete *u, const struct wanted *w, const char *volume)
{
	struct bp_ctx *ctx = u->source->ctx;
	bool narrowed = w->opts->mapping_root || w->opts->flags;

	for (size_t i = 0; w->name && i < u->names.count; i++) {
		const struct old_volume *v = &u->names.items[i];
		const struct bp_thin_plan_device *p =
			streq(v->name, w->name) ? present_with(u, v->id) : NULL;

		if (p && p->device.transaction_id == v->transaction_id)
			return not_removed(u, volume, v->id);
	}
	if (!w->name && present_with(u, w->id))
		return not_removed(u, volume, w->id);
	bp_fail(ctx, -ENODATA, "no %sstate of the pool that is left has a removed volume '%s'",
		narrowed ? "such " : "", volume);
	error_set_code(ctx, BP_E_NO_THIN);
	error_set_hint(ctx, "'undelete %s' without a volume lists all that are left",
		       u->source->name);
	return -ENODATA;
}

/* A number is a number, unless a volume is called like it. */
static int find_volume(struct bp_undelete *u, const char *volume,
		       const struct bp_undelete_opts *opts)
{
	struct wanted w = { .name = volume, .opts = opts };
	bool number = number_parse(volume, UINT64_MAX, &w.id) == 0;
	bool named = false;
	int r;

	for (size_t i = 0; i < u->names.count; i++)
		named |= streq(u->names.items[i].name, volume);
	if (number && !named)
		w.name = NULL;
	r = find_best(u, &w);
	if (r == 0 && !u->result.mapping_root)
		r = not_found(u, &w, volume);
	return r;
}

/* --- what is left of it --- */

/* Roots of the other volumes of the state. */
static int others_of(const struct bp_undelete *u, uint64_t **ret, size_t *ret_nr)
{
	device_list devices = { 0 };
	uint64_t *roots;
	int r = 0;

	*ret_nr = 0;
	for (size_t s = 0; r == 0 && s < bp_history_count(u->history); s++) {
		const struct bp_history_state *state = bp_history_get(u->history, s);

		if (state->mapping_root != u->result.mapping_root ||
		    state->details_root != u->result.details_root)
			continue;
		r = devices_of(u, s, &devices);
		break;
	}
	roots = calloc(devices.count + 1, sizeof(*roots));
	if (r == 0 && !roots)
		r = bp_fail_memory(u->source->ctx);
	for (size_t i = 0; r == 0 && i < devices.count; i++)
		if (devices.items[i].root && devices.items[i].id != u->removed.device.id)
			roots[(*ret_nr)++] = devices.items[i].root;
	vec_done(&devices);
	*ret = roots;
	return r;
}

static bool id_in_use(const struct bp_undelete *u, uint64_t id)
{
	if (present_with(u, id))
		return true;
	/* Of the names only the present text's, which lie first, are in use. */
	for (size_t i = 0; i < u->names.count; i++)
		if (u->names.items[i].id == id &&
		    u->names.items[i].seqno == u->source->group->vg->seqno)
			return true;
	return false;
}

/* Its own again if nobody has it now; else behind all that are known, and only then a gap. */
static uint64_t free_id(const struct bp_undelete *u)
{
	uint64_t id = u->removed.device.id;

	if (!id_in_use(u, id))
		return id;
	for (size_t i = 0; i < bp_thin_plan_devices_count(u->now); i++)
		id = MAX(id, bp_thin_plan_device_get(u->now, i)->device.id);
	for (size_t i = 0; i < u->names.count; i++)
		if (u->names.items[i].id <= THIN_DEVICE_ID_MAX)
			id = MAX(id, u->names.items[i].id);
	if (id < THIN_DEVICE_ID_MAX)
		return id + 1;
	for (id = 1; id < THIN_DEVICE_ID_MAX && id_in_use(u, id);)
		id++;
	return id;
}

/* Hundredths of a percent. */
static uint32_t survival(uint64_t left, uint64_t of)
{
	if (of == 0 || left >= of)
		return 10000;
	/* Never said to be all while something is missing. */
	return (uint32_t)((long double)left * 10000 / (long double)of);
}

/*
 * Doubtful: more or less is found than the details of then say, without damage that
 * explains it.
 */
static void fill_result(struct bp_undelete *u)
{
	struct bp_undelete_result *res = &u->result;
	const struct removed *removed = &u->removed;
	uint64_t mapped = removed->device.mapped_dblocks;
	bool any_lost = false;

	for (size_t i = 0; i < removed->gaps.count; i++)
		any_lost |= removed->gaps.items[i].holder == BP_NONE;
	u->old = old_of(u, &removed->device);
	res->name = u->old ? u->old->name : NULL;
	res->device = removed->device;
	res->block_bytes = bp_sector_to_bytes(u->now->sum.superblock.data_block_sectors);
	res->found_dblocks = removed->found;
	res->lost_dblocks = mapped > removed->found ? mapped - removed->found : 0;
	res->doubtful = removed->found > mapped || (removed->found < mapped && !any_lost);
	res->reused_dblocks = removed->reused;
	res->shared_dblocks = removed->shared;
	res->survival_percent =
		survival(removed->found - removed->reused, MAX(mapped, removed->found));
	res->free_id = free_id(u);
}

/* Up to where the volume reaches, in blocks; what is reused at its end counts as well. */
static void fill_size(struct bp_undelete *u)
{
	struct bp_undelete_result *res = &u->result;
	bp_dblock end = removed_end(&u->removed);

	for (size_t i = 0; i < u->removed.gaps.count; i++)
		if (u->removed.gaps.items[i].holder != BP_NONE)
			end = MAX(end, u->removed.gaps.items[i].begin + 1);
	if (u->old)
		res->size_bytes = u->old->size;
	else if (mul_overflow(end, res->block_bytes, &res->size_bytes))
		res->size_bytes = 0;
	removed_finish(&u->removed, DIV_UP(res->size_bytes, res->block_bytes));
}

/* What was never written to the volume itself is no part of what is found of it. */
static void tell_external(const struct bp_undelete *u)
{
	if (u->old && u->old->external_origin)
		bp_warn(u->source->ctx,
			"volume '%s' lay on the external origin '%s': what was never written "
			"to it is zeros here, and still stands in '%s', at the same place",
			u->old->name, u->old->external_origin, u->old->external_origin);
}

/* Finding first, then comparing with all others: whose blocks are lost is known only so. */
int bp_undelete_new(struct bp_source *source, const char *volume,
		    const struct bp_undelete_opts *opts, struct bp_undelete **ret)
{
	_cleanup_(undelete_freep) struct bp_undelete *u = NULL;
	_cleanup_(freep) uint64_t *others = NULL;
	struct bp_undelete_opts o;
	size_t nr = 0;
	int r = opts_read(source->ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = look_at_pool(source, &u);
	if (r == 0)
		r = find_volume(u, volume, &o);
	if (r == 0) {
		raise_data_blocks(u);
		r = others_of(u, &others, &nr);
	}
	if (r == 0)
		r = removed_compare(&u->removed, &u->meta, others, nr, u->now);
	if (r < 0 || !u)
		return r;
	fill_result(u);
	fill_size(u);
	tell_external(u);
	*ret = steal(u);
	return 0;
}

void bp_undelete_get(const struct bp_undelete *u, struct bp_undelete_result *ret)
{
	struct bp_undelete_result result = u->result;

	result.size = ret->size;
	memcpy(ret, &result, MIN(ret->size, sizeof(result)));
}

/* Both kinds of gaps in order: taken by others, and unreadable. */
int bp_undelete_missing(const struct bp_undelete *u,
			int (*range)(void *user, const struct bp_undelete_range *range),
			void *user)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->removed.gaps.count; i++) {
		const struct removed_gap *gap = &u->removed.gaps.items[i];
		const struct bp_undelete_range one = {
			.size = sizeof(one),
			.begin = gap->begin,
			.length = gap->length,
			.reused = gap->holder != BP_NONE,
			.holder = gap->holder,
		};

		r = range(user, &one);
	}
	return r;
}

/* --- the bytes --- */

/* Runs and gaps in one list. A gap of what can't be read may overlap nothing that can. */
static int join_runs(const struct removed *removed, struct thin_map_run **ret, size_t *ret_nr)
{
	struct thin_map_run *runs =
		calloc(removed->runs.count + removed->gaps.count + 1, sizeof(*runs));
	size_t i = 0, k = 0, nr = 0;

	if (!runs)
		return -ENOMEM;
	while (i < removed->runs.count || k < removed->gaps.count) {
		const struct removed_run *run =
			i < removed->runs.count ? &removed->runs.items[i] : NULL;
		const struct removed_gap *gap =
			k < removed->gaps.count ? &removed->gaps.items[k] : NULL;

		if (run && (!gap || run->begin < gap->begin)) {
			runs[nr++] = (struct thin_map_run){ run->begin, run->data, run->length,
							    NULL };
			i++;
		} else if (gap) {
			runs[nr++] = (struct thin_map_run){
				gap->begin, BP_NONE, gap->length,
				gap->holder == BP_NONE ? "its metadata can't be read"
						       : "given to another volume since"
			};
			k++;
		}
	}
	*ret = runs;
	*ret_nr = nr;
	return 0;
}

/* Needs data: metadata by itself has no bytes to show. */
int bp_undelete_image(struct bp_undelete *u, struct bp_image **ret)
{
	struct thin_map_opts opts = {
		.size = u->result.size_bytes,
		.block_bytes = u->result.block_bytes,
	};
	_cleanup_(freep) struct thin_map_run *runs = NULL;
	struct image_parts parts = { 0 };
	size_t nr = 0;
	int r = source_data_map(u->source, &parts.data);

	if (r < 0)
		return r;
	if (!parts.data)
		return bp_fail(u->source->ctx, -EINVAL,
			       "'%s' is metadata by itself: where is the pool's data?",
			       u->source->name);
	opts.data = parts.data;
	r = join_runs(&u->removed, &runs, &nr);
	if (r < 0)
		r = bp_fail_memory(u->source->ctx);
	if (r == 0)
		r = thin_map_of_runs(u->source->ctx, &opts, runs, nr, &parts.map);
	if (r < 0) {
		map_free(parts.data);
		return r;
	}
	return image_new(u->source, &parts, ret, "undeleted:%" PRIu64 ":%" PRIu64,
			 u->result.device.id, u->result.mapping_root);
}

/* --- new metadata --- */

/* Into the plan of the present pool, as one more device. */
static int graft_runs(void *user,
		      int (*run)(void *to, uint64_t begin, uint64_t data, uint64_t length,
				 uint32_t time),
		      void *to)
{
	const struct removed *removed = user;
	int r = 0;

	for (size_t i = 0; r == 0 && i < removed->runs.count; i++) {
		const struct removed_run *one = &removed->runs.items[i];

		r = run(to, one->begin, one->data, one->length, one->time);
	}
	return r;
}

/*
 * The new metadata are the present pool's, with the volume as one more device: nothing else
 * changes.
 */
int bp_undelete_write(struct bp_undelete *u, const char *path)
{
	struct plan_graft graft = {
		.device = u->removed.device,
		.runs = graft_runs,
		.user = &u->removed,
	};
	int r;

	if (source_is_active(u->source)) {
		bp_fail(u->source->ctx, -EBUSY,
			"the pool is active: nothing is made of what may change");
		error_set_code(u->source->ctx, BP_E_USAGE);
		error_set_hint(u->source->ctx,
			       "deactivate it first, or work on a copy of its disks");
		return -EBUSY;
	}
	/* What a snapshot shares with it must look older than the snapshot. */
	graft.device.id = u->result.free_id;
	graft.device.snapshotted_time =
		MAX(graft.device.snapshotted_time, u->removed.shared_time);
	u->now->graft = &graft;
	r = source_plan_write(u->source, u->now, path, 0);
	u->now->graft = NULL;
	return r;
}

/* The swap of the metadata, and a line that makes the volume visible. */
int bp_undelete_steps(const struct bp_undelete *u, const char *path,
		      int (*line)(void *user, const char *line), void *user)
{
	_cleanup_(freep) char *node = source_pool_node(u->source);
	_cleanup_(freep) char *text = NULL;
	int r = bp_source_swap_steps(u->source, path, line, user);

	if (r < 0)
		return r;
	if (!node ||
	    asprintf(&text,
		     "bedplate create undeleted --table '0 %" PRIu64 " thin %s %" PRIu64 "'",
		     bp_bytes_to_sector(u->result.size_bytes), node, u->result.free_id) < 0) {
		text = NULL;
		return bp_fail_memory(u->source->ctx);
	}
	return line(user, text);
}
