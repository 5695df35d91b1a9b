/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool with all its volumes away from the kernel, none of them deleted. Promised: all of it, or
 * everything as it was. Not promised: that a volume brought back is the same to a program that had
 * looked at it.
 */
#include <bedplate/table.h>

#include "core/opts.h"
#include "dm/pool/pool.h"

#include <stdio.h>
#include <string.h>

/* How a volume that has gone is brought back. */
struct undo_volume {
	struct undo undo; /* device: its name */
	struct which pool;
	struct bp_volume volume;
	struct bp_table *table;
};

static void undo_volume_done(const struct undo *undo)
{
	bp_table_free(((const struct undo_volume *)undo)->table);
}

/* Is there nothing to bring back: it is still there, or its pool has gone as well? */
static int nothing_gone(struct bp_ctx *ctx, const struct undo_volume *u, bool *ret)
{
	struct which which = { .major = u->volume.major, .minor = u->volume.minor };
	struct dm_state state;
	int r = dm_state(ctx, "undo remove", &which, &state);

	*ret = r == 0;
	if (r != -ENXIO)
		return r;
	r = dm_state(ctx, "undo remove", &u->pool, &state);
	*ret = r == -ENXIO;
	return *ret ? 0 : r;
}

/* With its name, uuid and number: whoever used it by either finds it again. */
static int bring_back(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_volume *u = (const struct undo_volume *)undo;
	struct bp_create_opts opts = {
		.size = sizeof(opts),
		.uuid = u->volume.uuid[0] ? u->volume.uuid : NULL,
		.flags = BP_CREATE_PERSISTENT | (u->volume.read_only ? BP_CREATE_READ_ONLY : 0),
		.major = u->volume.major,
		.minor = u->volume.minor,
		.timeout_ms = deadline == DEADLINE_NEVER ? -1 : UNDO_MS,
	};
	bool nothing;
	int r = nothing_gone(ctx, u, &nothing);

	return r < 0 || nothing ? r
				: bp_device_create(ctx, u->volume.name, u->table, &opts, NULL);
}

/* The table is read before the removal: afterwards nobody has it. */
int volume_remember(struct bp_pool *pool, struct dm *dm, const struct bp_volume *volume)
{
	struct bp_selector which = { .major = volume->major, .minor = volume->minor };
	const struct undo undo = {
		.run = bring_back,
		.done = undo_volume_done,
		.remains = "could not be activated again",
	};
	struct undo_volume *u = tx_undo(pool->ctx, dm, sizeof(*u), &undo, volume->name);
	int r;

	if (!u)
		return -ENOMEM;
	u->pool = pool->which;
	u->volume = *volume;
	r = bp_device_table(pool->ctx, &which, 0, &u->table);
	u->undo.armed = r == 0;
	return r;
}

/* --- which goes first --- */

/* By an external origin: the one above has to go first. */
static bool lies_on(const struct bp_volume *above, const struct bp_volume *below)
{
	return above->external_origin.major == below->major &&
	       above->external_origin.minor == below->minor;
}

/* Volumes of the pool that lie on this one, at or behind @from. */
static int32_t users(const struct volumes *v, size_t from, const struct bp_volume *below)
{
	int32_t count = 0;

	for (size_t i = from; i < v->list.count; i++)
		count += lies_on(&v->list.items[i], below);
	return count;
}

/*
 * Those that lie on others of the pool before these. A circle can't be: ids only name older ones.
 */
static void arrange(struct volumes *v)
{
	for (size_t i = 0; i < v->list.count; i++) {
		size_t at = i;
		struct bp_volume next;

		while (at + 1 < v->list.count && users(v, i, &v->list.items[at]))
			at++;
		next = v->list.items[at];
		memmove(&v->list.items[i + 1], &v->list.items[i], (at - i) * sizeof(next));
		v->list.items[i] = next;
	}
}

/* --- removing --- */

static int fail_open(struct bp_pool *pool, struct dm *dm, const struct bp_volume *volume)
{
	bp_fail(pool->ctx, -EBUSY, "remove '%s': volume '%s' is in use", pool->info.name,
		volume->name);
	error_set_verb(pool->ctx, "remove");
	error_set_device(pool->ctx, volume->name);
	holders_explain(pool->ctx, dm, volume->major, volume->minor);
	return -EBUSY;
}

/* Held by others than volumes of this pool, where nobody is to wait for that to end. */
static int refuse_open(struct bp_pool *pool, struct dm *dm, const struct volumes *v)
{
	for (size_t i = 0; i < v->list.count; i++)
		if (v->list.items[i].open_count > users(v, 0, &v->list.items[i]))
			return fail_open(pool, dm, &v->list.items[i]);
	return 0;
}

/* Volumes from the top down, then the pool; those gone come back where one can't be removed. */
static int tear_down(struct bp_pool *pool, struct dm *dm, const struct volumes *v,
		     const struct bp_remove_opts *opts)
{
	struct bp_selector self = { .major = pool->info.major, .minor = pool->info.minor };
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->list.count; i++)
		r = volume_remember(pool, dm, &v->list.items[i]);
	for (size_t i = 0; r == 0 && i < v->list.count; i++) {
		struct bp_selector which = {
			.major = v->list.items[i].major,
			.minor = v->list.items[i].minor,
		};

		r = bp_device_remove(pool->ctx, &which, opts, NULL);
	}
	return r < 0 ? r : bp_device_remove(pool->ctx, &self, opts, NULL);
}

/* In use: said before the first is removed, unless the caller wants to wait. */
int bp_pool_remove(struct bp_pool *pool, const struct bp_remove_opts *opts)
{
	_cleanup_(volumes_done) struct volumes v = { 0 };
	struct bp_remove_opts o;
	struct level level;
	struct dm *dm;
	int r = opts_read(pool->ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = dm_get(pool->ctx, &dm);
	if (r == 0)
		r = find_volumes(pool, &v);
	if (r == 0 && !(o.flags & (BP_REMOVE_RETRY | BP_REMOVE_DEFERRED)))
		r = refuse_open(pool, dm, &v);
	if (r < 0)
		return r;
	arrange(&v);
	tx_begin(dm, &level);
	r = tear_down(pool, dm, &v, &o);
	return tx_end(pool->ctx, dm, &level, r);
}
