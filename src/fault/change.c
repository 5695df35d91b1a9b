/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One change of one device, from beginning to end: hold its lock, compare what is kept of it with the
 * kernel, keep its own table, change the live one, and say so in the log. Whoever ends in
 * between leaves a device whose table is one of those kept.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/opts.h"
#include "dm/kernel/engine.h"
#include "fault/fault.h"

#define STATE_DIR "/run/bedplate/fault"

int fault_opts_read(struct bp_ctx *ctx, const struct bp_fault_opts *from,
		    struct bp_fault_opts *ret)
{
	int r = opts_read(ctx, ret, sizeof(*ret), from);

	if (r == 0 && !ret->state_dir)
		ret->state_dir = STATE_DIR;
	return r;
}

static struct bp_selector selector(const struct bp_devno *dev)
{
	return (struct bp_selector){ .major = dev->major, .minor = dev->minor };
}

/* --- what is there --- */

/* @text, kept, against the live table. */
static int same(struct bp_ctx *ctx, const char *text, const struct bp_table *live, bool *ret)
{
	struct bp_table *table;
	int r;

	*ret = false;
	if (!text)
		return 0;
	r = bp_table_parse(ctx, text, BP_TABLE_PRINTED, &table);
	if (r < 0)
		return r;
	r = bp_table_is_loaded(ctx, live, table, NULL, NULL, ret);
	bp_table_free(table);
	return r;
}

/* Is it the device's own, one of ours, or somebody else's? As tables: kernels print another form. */
static int recognise(struct bp_ctx *ctx, const struct fault_state *state,
		     const struct bp_table *table, enum fault_live *ret)
{
	bool own = false, set = false, before = false;
	int r = same(ctx, state->original, table, &own);

	if (r == 0)
		r = same(ctx, state->set, table, &set);
	if (r == 0)
		r = same(ctx, state->before, table, &before);
	*ret = own      ? FAULT_LIVE_OWN
	       : set    ? FAULT_LIVE_SET
	       : before ? FAULT_LIVE_BEFORE
			: FAULT_LIVE_FOREIGN;
	return r;
}

/*
 * Killed between load and resume, a change leaves its table loaded, and mostly the device suspended.
 * We hold the lock: nobody is at it now.
 */
static int find_cut(struct bp_ctx *ctx, struct fault_change *c)
{
	struct bp_selector which = selector(&c->dev);
	enum fault_live loaded = FAULT_LIVE_FOREIGN;
	struct bp_table *table;
	int r;

	if (!c->info.inactive_table)
		return 0;
	r = bp_device_table(ctx, &which, BP_TABLE_INACTIVE | BP_TABLE_SHOW_KEYS, &table);
	if (r < 0)
		return r;
	r = recognise(ctx, &c->state, table, &loaded);
	if (r == 0 && loaded == FAULT_LIVE_FOREIGN)
		r = same(ctx, c->state.loaded, table, &c->cut);
	c->cut |= loaded != FAULT_LIVE_FOREIGN;
	c->unfinished |= c->cut;
	free(c->state.loaded);
	c->state.loaded = NULL;
	if (r == 0 && c->cut)
		r = bp_table_format(ctx, table, &c->state.loaded);
	bp_table_free(table);
	return r;
}

/* What is kept of another device that had the number before is nobody's any more. */
static int read_kept(struct bp_ctx *ctx, struct fault_change *c)
{
	int r = fault_state_read(ctx, c->path, &c->state);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	c->kept =
		streq(c->state.name, c->info.kernel_name) && streq(c->state.uuid, c->info.uuid);
	if (!c->kept)
		fault_state_done(&c->state);
	r = c->kept ? recognise(ctx, &c->state, c->live, &c->found) : 0;
	c->unfinished = c->kept && c->found == FAULT_LIVE_BEFORE;
	return r == 0 && c->kept ? find_cut(ctx, c) : r;
}

/* Kept as lines: a name with a line break would forge one. */
static int begin_state(struct bp_ctx *ctx, struct fault_change *c)
{
	if (strchr(c->info.kernel_name, '\n') || strchr(c->info.uuid, '\n'))
		return bp_fail(ctx, -EINVAL, "device '%s': a name or uuid of several lines",
			       c->info.name);
	c->state.major = c->dev.major;
	c->state.minor = c->dev.minor;
	c->state.name = strdup(c->info.kernel_name);
	c->state.uuid = strdup(c->info.uuid);
	if (!c->state.name || !c->state.uuid)
		return bp_fail_memory(ctx);
	c->state.next_id = 1;
	c->found = FAULT_LIVE_OWN;
	return bp_table_format(ctx, c->live, &c->state.original);
}

/* A killed change that healed nothing put the newest one in. */
void fault_change_settle(struct fault_change *c)
{
	bool own = c->kept && c->found == FAULT_LIVE_OWN;

	if (c->unfinished && c->found == FAULT_LIVE_BEFORE && !c->state.gone.count &&
	    c->state.faults.count)
		fault_record_done(&c->state.faults.items[--c->state.faults.count]);
	if (own)
		fault_state_remove(&c->state, 0, 0);
	if (own || !c->unfinished)
		fault_state_forget_gone(&c->state);
}

/* Whoever only looks ahead leaves nothing behind, not even a lock. */
static int hold(struct bp_ctx *ctx, struct fault_change *c)
{
	int64_t timeout_ms = c->opts.timeout_ms ? c->opts.timeout_ms : BP_TIMEOUT_DEFAULT_MS;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	c->dir = c->opts.state_dir;
	if (r < 0 || planning(dm))
		return r;
	r = fault_dir_make(ctx, c->dir);
	return r < 0 ? r : fault_lock(ctx, c->dir, &c->dev, timeout_ms, &c->lock);
}

/* Under the device's lock: two changes of one device would lose one of them. */
int fault_change_begin(struct bp_ctx *ctx, const struct bp_devno *dev,
		       const struct bp_fault_opts *opts, struct fault_change *ret)
{
	struct bp_selector which = selector(dev);
	int r;

	*ret = (struct fault_change){ .lock = -1, .dev = *dev };
	r = fault_opts_read(ctx, opts, &ret->opts);
	if (r == 0)
		r = hold(ctx, ret);
	if (r < 0)
		return r;
	fault_state_path(ret->dir, dev->major, dev->minor, ret->path, sizeof(ret->path));
	r = bp_device_info(ctx, &which, &ret->info);
	if (r == 0)
		r = bp_device_table(ctx, &which, BP_TABLE_SHOW_KEYS, &ret->live);
	if (r == 0)
		r = read_kept(ctx, ret);
	return r < 0 || ret->kept ? r : begin_state(ctx, ret);
}

void fault_change_end(struct fault_change *change)
{
	fault_state_done(&change->state);
	bp_table_free(change->live);
	closep(&change->lock);
}

/* What is healed is told of afterwards, and kept until it is. Without memory it is only not told. */
static void put_away(struct fault_state *state, struct fault_record *f)
{
	if (vec_add(&state->gone, f) < 0)
		fault_record_done(f);
}

void fault_state_forget_gone(struct fault_state *state)
{
	for (size_t i = 0; i < state->gone.count; i++)
		fault_record_done(&state->gone.items[i]);
	vec_done(&state->gone);
}

size_t fault_state_count(const struct fault_state *state, uint64_t id)
{
	size_t n = 0;

	for (size_t i = 0; i < state->faults.count; i++)
		n += !id || state->faults.items[i].id == id;
	for (size_t i = 0; i < state->gone.count; i++)
		n += !id || state->gone.items[i].id == id;
	return n;
}

/* By id and time: a keeper must not heal a later fault that got its number. */
size_t fault_state_remove(struct fault_state *state, uint64_t id, int64_t since_ms)
{
	size_t n = 0, removed = 0;

	for (size_t i = 0; i < state->faults.count; i++) {
		struct fault_record *f = &state->faults.items[i];

		if ((!id || f->id == id) && (!since_ms || f->since_ms == since_ms)) {
			put_away(state, f);
			removed++;
		} else {
			state->faults.items[n++] = *f;
		}
	}
	state->faults.count = n;
	return removed;
}

/* Those whose keeper was killed: whoever comes next heals them. */
size_t fault_state_remove_overdue(struct fault_state *state, int64_t now_ms)
{
	size_t n = 0, removed = 0;

	for (size_t i = 0; i < state->faults.count; i++) {
		struct fault_record *f = &state->faults.items[i];

		if (f->until_ms && f->until_ms <= now_ms) {
			put_away(state, f);
			removed++;
		} else {
			state->faults.items[n++] = *f;
		}
	}
	state->faults.count = n;
	return removed;
}

/* --- the change --- */

/*
 * A table that others have loaded meanwhile is not overwritten: the state file may be old. One
 * that a killed change of ours has loaded is, and the device is resumed.
 */
static int refuse_state(struct bp_ctx *ctx, const struct fault_change *c)
{
	const char *why = !c->info.live_table ? "it has no live table"
			  : c->cut            ? NULL
			  : c->info.suspended ? "it is suspended: resume it first"
			  : c->info.inactive_table
				  ? "it has a table loaded: resume or clear it first"
				  : NULL;

	if (why) {
		bp_fail(ctx, -EBUSY, "device '%s': %s", c->info.name, why);
		error_set_code(ctx, BP_E_BUSY);
		return -EBUSY;
	}
	if (c->found != FAULT_LIVE_FOREIGN)
		return 0;
	bp_fail(ctx, -EBUSY, "device '%s': others gave it another table since it has faults",
		c->info.name);
	error_set_code(ctx, BP_E_EXISTS);
	error_set_hint(
		ctx,
		"nothing was changed; '%s' has its own table; see that the device has the "
		"right one, then: bedplate fault heal --forget",
		c->path);
	return -EBUSY;
}

/* Always from the device's own table, so that nothing of earlier faults is left. */
static int wanted(struct bp_ctx *ctx, const struct fault_change *c, struct bp_table **ret)
{
	struct bp_table *original;
	int r = bp_table_parse(ctx, c->state.original, BP_TABLE_PRINTED, &original);

	if (r < 0 || !c->state.faults.count) {
		if (r == 0)
			*ret = original;
		return r;
	}
	r = fault_compose(ctx, original, c->state.faults.items, c->state.faults.count, ret);
	bp_table_free(original);
	return r;
}

/* Without flush and freeze: a device with faults may never answer those. */
static int reload(struct bp_ctx *ctx, const struct fault_change *c,
		  const struct bp_table *table)
{
	const struct bp_change_opts how = {
		.size = sizeof(how),
		.flags = BP_CHANGE_NO_FLUSH | BP_CHANGE_NO_LOCKFS | BP_CHANGE_SECURE |
			 (c->info.read_only ? BP_CHANGE_READ_ONLY : 0),
		.timeout_ms = c->opts.timeout_ms,
	};
	struct bp_selector which = selector(&c->dev);

	return bp_device_reload(ctx, &which, table, &how);
}

/* The file that says what is kept is as it was, where it was. */
static void put_back(struct bp_ctx *ctx, struct fault_change *c, bool kept,
		     const struct fault_state *old)
{
	struct error_state *saved = error_save(ctx);

	if (!kept)
		unlink(c->path);
	else
		fault_state_write(ctx, c->path, old);
	error_restore(ctx, saved);
}

/*
 * What was set before stays beside the new one: killed in between, either may be live. Where a killed change has never
 * set what it kept, what it found is.
 */
static int keep_tables(struct bp_ctx *ctx, struct fault_change *c, const struct bp_table *table)
{
	char *text;
	int r = bp_table_format(ctx, table, &text);

	if (r < 0)
		return r;
	if (c->found == FAULT_LIVE_BEFORE) {
		free(c->state.set);
	} else {
		free(c->state.before);
		c->state.before = c->state.set;
	}
	c->state.set = text;
	return fault_state_write(ctx, c->path, &c->state);
}

/* Own table kept, keeper there, table changed: in this order. */
static int commit(struct bp_ctx *ctx, struct fault_change *c, const struct bp_table *table,
		  int64_t for_ms)
{
	struct fault_keeper keeper = { .fd = -1 };
	struct fault_state old = { 0 };
	bool kept = c->kept;
	int r = kept ? fault_state_read(ctx, c->path, &old) : 0;

	if (r == 0)
		r = keep_tables(ctx, c, table);
	if (r < 0) {
		fault_state_done(&old);
		return r;
	}
	if (for_ms && !(c->opts.flags & BP_FAULT_NO_KEEPER))
		r = fault_keeper_start(ctx, &c->dev,
				       &c->state.faults.items[c->state.faults.count - 1],
				       for_ms, &c->opts, &keeper);
	if (r == 0)
		r = reload(ctx, c, table);
	fault_keeper_release(&keeper, r == 0);
	if (r < 0)
		put_back(ctx, c, kept, &old);
	else if (!c->state.faults.count)
		r = fault_state_unlink(ctx, c->path);
	fault_state_done(&old);
	return r;
}

/* What has no space, for the faults that need it. */
static int get_full(struct bp_ctx *ctx, struct fault_change *c, struct fault_full *full)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->state.faults.count; i++) {
		struct fault_record *f = &c->state.faults.items[i];

		if (f->kind != BP_FAULT_FULL)
			continue;
		if (!full->dev.major)
			r = fault_full_get(ctx, &c->dev, bp_table_length(c->live), full);
		f->full = full->dev;
	}
	return r;
}

/*
 * The state is written before the table: after a kill there is always a record of what may
 * be live.
 */
int fault_change_apply(struct bp_ctx *ctx, struct fault_change *c, int64_t for_ms,
		       const char *action, const struct fault_record *about)
{
	struct fault_full full = { .hold = -1 };
	struct bp_table *table = NULL;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = refuse_state(ctx, c);
	if (r == 0 && !planning(dm))
		r = get_full(ctx, c, &full);
	if (r == 0)
		r = wanted(ctx, c, &table);
	if (r == 0 && planning(dm))
		r = reload(ctx, c, table);
	else if (r == 0) {
		r = commit(ctx, c, table, for_ms);
		if (r == 0)
			fault_log(ctx, c, action, about);
		if (r == 0 && !full.dev.major)
			fault_full_gone(ctx, &c->dev);
		for (size_t i = 0; r == 0 && i < c->state.gone.count; i++)
			fault_tell_moved(ctx, c, &c->state.gone.items[i]);
	}
	fault_full_release(&full);
	bp_table_free(table);
	return r;
}
