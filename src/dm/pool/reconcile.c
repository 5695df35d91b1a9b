/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a pool holds, what of it is active, and what is wanted: told as one list, and made equal where
 * asked. Promises to decide by one reading of the metadata, and to delete nothing by an old one. Devices
 * are made and taken away as one transaction; volumes are deleted after it, one by one.
 */
#include <string.h>

#include "core/arena.h"
#include "core/opts.h"
#include "dm/pool/ids.h"

struct bp_pool_difference_list {
	VEC(struct bp_pool_difference) list;
	struct arena arena; /* names */
};

/* What is compared: three lists, each by its own order. */
struct comparison {
	struct bp_pool *pool;
	const struct bp_pool_wanted *wanted;
	size_t nr;
	struct bp_pool_reconcile_opts opts;
	int64_t deadline;
	struct pool_ids ids;
	struct volumes active;
	bp_sector block_sectors;
	struct bp_pool_difference_list *ret;
};

static void comparison_done(struct comparison *c)
{
	pool_ids_done(&c->ids);
	volumes_done(&c->active);
	bp_pool_differences_free(c->ret);
}

static int refuse(struct comparison *c, int r, enum bp_error_code code, const char *what,
		  const char *why)
{
	bp_fail(c->pool->ctx, r, "reconcile '%s': %s%s%s", c->pool->info.name, what,
		*what ? ": " : "", why);
	error_set_code(c->pool->ctx, code);
	error_set_verb(c->pool->ctx, "reconcile");
	error_set_device(c->pool->ctx, c->pool->info.name);
	return r;
}

/* --- the three lists --- */

/* Before anything is read. */
static int check_wanted(struct comparison *c)
{
	char mangled[BP_NAME_SIZE];
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->nr; i++) {
		const struct bp_pool_wanted *w = &c->wanted[i];

		if (!w->name || !*w->name)
			return refuse(c, -EINVAL, BP_E_USAGE, "",
				      "a wanted volume has no name");
		if (w->thin_id > BP_THIN_ID_MAX && w->thin_id != BP_THIN_ID_ANY)
			return refuse(c, -EINVAL, BP_E_USAGE, w->name, "ids go up to 16777215");
		for (size_t k = 0; k < i; k++)
			if (streq(c->wanted[k].name, w->name))
				return refuse(c, -EINVAL, BP_E_USAGE, w->name,
					      "it is wanted twice");
		r = bp_name_mangle(c->pool->ctx, w->name, mangled);
	}
	return r;
}

/*
 * What the metadata holds and what is active: two lists that only together say what is
 * unwanted.
 */
static int read_lists(struct comparison *c)
{
	struct bp_pool_status status;
	int r = bp_pool_status(c->pool, 0, &status);

	if (r == 0)
		r = pool_ids_read(c->pool, "reconcile", c->deadline, &c->ids);
	if (r == 0)
		r = find_volumes(c->pool, &c->active);
	if (r < 0)
		return r;
	c->block_sectors = status.data_block_sectors;
	if (!c->ids.known)
		return refuse(c, c->ids.reading < 0 ? c->ids.reading : -EOPNOTSUPP,
			      BP_E_POOL_STATE, "",
			      "what it holds can't be read: it is suspended, read-only or "
			      "failed, or its "
			      "metadata is damaged");
	if (c->ids.foreign && c->opts.flags & BP_POOL_RECONCILE_DELETE) {
		refuse(c, -EBUSY, BP_E_POOL_STATE, "",
		       "it has a metadata snapshot already: nothing is deleted by what may be "
		       "old");
		error_set_hint(c->pool->ctx, "wait for whoever reserved it, or release it");
		return -EBUSY;
	}
	return 0;
}

/* Which of the volumes that are only held is it? Then none can be told to be nobody's. */
static int check_ids_known(struct comparison *c)
{
	if (!(c->opts.flags & BP_POOL_RECONCILE_DELETE))
		return 0;
	for (size_t i = 0; i < c->ret->list.count; i++)
		if (c->ret->list.items[i].kind == BP_POOL_MISSING &&
		    c->ret->list.items[i].thin_id == BP_THIN_ID_ANY)
			return refuse(
				c, -EINVAL, BP_E_USAGE, c->ret->list.items[i].name,
				"it is not active and has no id: it may be one of those that "
				"would be deleted");
	return 0;
}

/* Sorted by id. */
static const struct bp_thin_device *held(const struct comparison *c, uint32_t id)
{
	size_t low = 0, high = c->ids.list.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->ids.list.items[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->ids.list.count && c->ids.list.items[low].id == id
		       ? &c->ids.list.items[low]
		       : NULL;
}

/* By name, as the wanted ones have no number before they are made. */
static const struct bp_volume *active_as(const struct comparison *c, const char *name)
{
	for (size_t i = 0; i < c->active.list.count; i++)
		if (streq(c->active.list.items[i].name, name))
			return &c->active.list.items[i];
	return NULL;
}

/* Is this id, or this name, among what is wanted? A name without an id stands for what is active so. */
static bool is_wanted(const struct comparison *c, uint32_t id, const char *name)
{
	for (size_t i = 0; i < c->nr; i++)
		if (name ? streq(c->wanted[i].name, name) : c->wanted[i].thin_id == id)
			return true;
	return false;
}

/* --- comparing --- */

/* mapped_sectors and transaction are of the metadata: what deleting it would cost. */
static int add(struct comparison *c, enum bp_pool_difference_kind kind, uint32_t id,
	       const char *name, bp_sector size_sectors)
{
	const struct bp_thin_device *device = id == BP_THIN_ID_ANY ? NULL : held(c, id);
	struct bp_pool_difference d = {
		.kind = kind,
		.thin_id = id,
		.size_sectors = size_sectors,
		.mapped_sectors = device ? device->mapped_dblocks * c->block_sectors : 0,
		.transaction_id = device ? device->transaction_id : 0,
	};

	if (name) {
		d.name = arena_strndup(&c->ret->arena, name, strlen(name));
		if (!d.name)
			return bp_fail_memory(c->pool->ctx);
	}
	return vec_add(&c->ret->list, &d) < 0 ? bp_fail_memory(c->pool->ctx) : 0;
}

/* A name decides before an id: the user thinks in names. */
static int compare_wanted(struct comparison *c, const struct bp_pool_wanted *w)
{
	const struct bp_volume *volume = active_as(c, w->name);
	bool by_name = w->thin_id == BP_THIN_ID_ANY;

	if (volume && (by_name || volume->thin_id == w->thin_id))
		return add(c, BP_POOL_AS_WANTED, volume->thin_id, w->name,
			   volume->size_sectors);
	if (volume)
		return add(c, BP_POOL_OTHER, w->thin_id, w->name, w->size_sectors);
	return add(c, by_name || !held(c, w->thin_id) ? BP_POOL_MISSING : BP_POOL_INACTIVE,
		   w->thin_id, w->name, w->size_sectors);
}

/* What nobody wants: what is active, by its name, and what is held only. */
static int compare_rest(struct comparison *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->active.list.count; i++) {
		const struct bp_volume *v = &c->active.list.items[i];

		if (!is_wanted(c, 0, v->name))
			r = add(c, BP_POOL_UNWANTED_ACTIVE, v->thin_id, v->name,
				v->size_sectors);
	}
	for (size_t i = 0; r == 0 && i < c->ids.list.count; i++) {
		uint32_t id = (uint32_t)c->ids.list.items[i].id;
		bool active = false;

		for (size_t k = 0; !active && k < c->active.list.count; k++)
			active = c->active.list.items[k].thin_id == id;
		if (!active && !is_wanted(c, id, NULL))
			r = add(c, BP_POOL_UNWANTED, id, NULL, 0);
	}
	return r;
}

/* In order of what is wanted; what nobody wants comes behind. */
static int compare(struct comparison *c)
{
	int r = 0;

	c->ret = calloc(1, sizeof(*c->ret));
	if (!c->ret)
		return bp_fail_memory(c->pool->ctx);
	for (size_t i = 0; r == 0 && i < c->nr; i++)
		r = compare_wanted(c, &c->wanted[i]);
	return r < 0 ? r : compare_rest(c);
}

/* --- making it so --- */

/* Told as done only if it was. */
static int activate(struct comparison *c, struct bp_pool_difference *d)
{
	const struct bp_volume_opts opts = {
		.size = sizeof(opts),
		.timeout_ms = c->opts.timeout_ms,
	};
	int r = bp_pool_activate(c->pool, d->thin_id, d->name, d->size_sectors, &opts);

	d->done = r == 0;
	return r;
}

/* Remembered before, so that a later failure brings it back. */
static int deactivate(struct comparison *c, struct dm *dm, struct bp_pool_difference *d)
{
	const struct bp_volume *volume = active_as(c, d->name);
	const struct bp_remove_opts opts = {
		.size = sizeof(opts),
		.timeout_ms = c->opts.timeout_ms,
	};
	struct bp_selector which = { 0 };
	int r = volume ? volume_remember(c->pool, dm, volume) : -ENXIO;

	if (r < 0)
		return r;
	which.major = volume->major;
	which.minor = volume->minor;
	r = bp_device_remove(c->pool->ctx, &which, &opts, NULL);
	d->done = r == 0;
	return r;
}

static bool asked(const struct comparison *c, const struct bp_pool_difference *d,
		  enum bp_pool_difference_kind kind, uint32_t flag)
{
	return d->kind == kind && c->opts.flags & flag;
}

/* What can't be done is found before anything is. */
static int check_sizes(struct comparison *c)
{
	for (size_t i = 0; i < c->ret->list.count; i++) {
		const struct bp_pool_difference *d = &c->ret->list.items[i];

		if (asked(c, d, BP_POOL_INACTIVE, BP_POOL_RECONCILE_ACTIVATE) &&
		    !d->size_sectors)
			return refuse(c, -EINVAL, BP_E_USAGE, d->name,
				      "it is to be activated, and has no size");
	}
	return 0;
}

/* Away first: a name may become free. */
static int change_devices(struct comparison *c, struct dm *dm)
{
	struct bp_pool_difference *d = c->ret->list.items, *end = d + c->ret->list.count;
	int r = 0;

	for (struct bp_pool_difference *at = d; r == 0 && at < end; at++)
		if (asked(c, at, BP_POOL_UNWANTED_ACTIVE, BP_POOL_RECONCILE_DEACTIVATE))
			r = deactivate(c, dm, at);
	for (struct bp_pool_difference *at = d; r == 0 && at < end; at++)
		if (asked(c, at, BP_POOL_INACTIVE, BP_POOL_RECONCILE_ACTIVATE))
			r = activate(c, at);
	return r;
}

/* Only what was not active when it was compared, and that nobody wants by its id either. */
static int delete_unwanted(struct comparison *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->ret->list.count; i++) {
		struct bp_pool_difference *d = &c->ret->list.items[i];

		if (d->kind != BP_POOL_UNWANTED)
			continue;
		r = bp_pool_delete(c->pool, d->thin_id, c->opts.timeout_ms);
		d->done = r == 0;
	}
	return r;
}

/* Devices in one transaction; deletions after it, as nothing brings back what was deleted. */
static int change(struct comparison *c)
{
	struct level level;
	struct dm *dm;
	int r = dm_get(c->pool->ctx, &dm);

	if (r == 0)
		r = check_sizes(c);
	if (r < 0)
		return r;
	tx_begin(dm, &level);
	r = tx_end(c->pool->ctx, dm, &level, change_devices(c, dm));
	if (r == 0 && c->opts.flags & BP_POOL_RECONCILE_DELETE)
		r = delete_unwanted(c);
	return r;
}

/* Without flags only compares. */
int bp_pool_reconcile(struct bp_pool *pool, const struct bp_pool_wanted *wanted, size_t nr,
		      const struct bp_pool_reconcile_opts *opts,
		      struct bp_pool_difference_list **ret)
{
	_cleanup_(comparison_done) struct comparison c = {
		.pool = pool,
		.wanted = wanted,
		.nr = nr,
	};
	int r = opts_read(pool->ctx, &c.opts, sizeof(c.opts), opts);

	if (r == 0)
		r = check_wanted(&c);
	if (r < 0)
		return r;
	c.deadline = dm_deadline(c.opts.timeout_ms);
	r = read_lists(&c);
	if (r == 0)
		r = compare(&c);
	if (r == 0)
		r = check_ids_known(&c);
	if (r == 0 && c.opts.flags)
		r = change(&c);
	if (r == 0)
		*ret = steal(c.ret);
	return r;
}

size_t bp_pool_differences_count(const struct bp_pool_difference_list *list)
{
	return list->list.count;
}

const struct bp_pool_difference *
bp_pool_differences_get(const struct bp_pool_difference_list *list, size_t index)
{
	return index < list->list.count ? &list->list.items[index] : NULL;
}

void bp_pool_differences_free(struct bp_pool_difference_list *list)
{
	if (!list)
		return;
	vec_done(&list->list);
	arena_done(&list->arena);
	free(list);
}
