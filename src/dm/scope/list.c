/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which scopes there are, and removing those whose owners have ended. */
#include "core/opts.h"
#include "dm/device/loop.h"
#include "dm/scope/state.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>

struct bp_scope_list {
	VEC(struct bp_scope_info) scopes;
};

size_t bp_scope_list_count(const struct bp_scope_list *list)
{
	return list->scopes.count;
}

const struct bp_scope_info *bp_scope_list_get(const struct bp_scope_list *list, size_t index)
{
	return index < list->scopes.count ? &list->scopes.items[index] : NULL;
}

void bp_scope_list_free(struct bp_scope_list *list)
{
	if (!list)
		return;
	vec_done(&list->scopes);
	free(list);
}

static void list_freep(struct bp_scope_list **list)
{
	bp_scope_list_free(*list);
}

/* --- asking --- */

/* A loop device that went meanwhile is none. */
static int count_loop(struct bp_ctx *ctx, const char *path, int fd, void *user)
{
	struct bp_scope_info *info = user;
	struct dm_loop loop;
	int r = loop_find(ctx, path, fd, &loop);

	info->nr_loops += r == 0;
	return r == -ENOENT ? 0 : r;
}

/* Dead until the caller has seen that its owner lives. */
static void tell(const struct place *place, struct bp_scope_info *ret)
{
	*ret = (struct bp_scope_info){ .state = BP_SCOPE_DEAD, .pid = place->who.pid };
	strcpy(ret->name, place->name);
	strcpy(ret->id, place->who.id);
	strcpy(ret->command, place->who.command);
}

/* Is the owner's lock held? Only asked with the lock of all scopes. */
static bool is_live(const struct place *place)
{
	if (place->owner < 0)
		return false;
	if (flock(place->owner, LOCK_SH | LOCK_NB) < 0)
		return true;
	flock(place->owner, LOCK_UN);
	return false;
}

/* A place that went while it was looked at is none. */
static int add_place(struct bp_ctx *ctx, const struct scopes *scopes, const char *name,
		     struct bp_scope_list *list)
{
	struct bp_scope_info info;
	struct place place;
	int r = place_open(ctx, scopes, name, &place);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	tell(&place, &info);
	if (is_live(&place))
		info.state = BP_SCOPE_LIVE;
	r = place_loops(ctx, scopes, &place, count_loop, &info);
	if (r == 0 && vec_add(&list->scopes, &info) < 0)
		r = bp_fail_memory(ctx);
	place_done(&place);
	return r;
}

/*
 * Under the lock of all scopes: one that is being made has its directory before it has its owner's
 * lock, and would look dead to whoever came between.
 */
static int add_places(struct bp_ctx *ctx, const struct scopes *scopes,
		      struct bp_scope_list *list)
{
	_cleanup_(closep) int all = scopes_lock(ctx, scopes);
	char **names = NULL;
	size_t count = 0;
	int r = all < 0 ? all : scopes_names(ctx, scopes, &names, &count);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_place(ctx, scopes, names[i], list);
	names_free(names, count);
	return r;
}

/* The scope that a device's uuid names, added where it is not known. */
static int count_device(struct bp_ctx *ctx, const char *uuid, struct bp_scope_list *list)
{
	struct bp_scope_info unknown = { .state = BP_SCOPE_UNKNOWN, .nr_devices = 1 };

	if (!scope_of_uuid(uuid, unknown.name, unknown.id))
		return 0;
	for (size_t i = 0; i < list->scopes.count; i++)
		if (streq(list->scopes.items[i].name, unknown.name) &&
		    streq(list->scopes.items[i].id, unknown.id)) {
			list->scopes.items[i].nr_devices++;
			return 0;
		}
	return vec_add(&list->scopes, &unknown) < 0 ? bp_fail_memory(ctx) : 0;
}

/*
 * Devices carry their scope in their uuid, so that they are found where its directory is lost. Old
 * kernels leave the uuid out of the list and have to be asked for each.
 */
static int count_devices(struct bp_ctx *ctx, struct bp_scope_list *list)
{
	struct bp_device_list *devices;
	int r = bp_device_list(ctx, &devices);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < bp_device_list_count(devices); i++) {
		const struct bp_device_entry *entry = bp_device_list_get(devices, i);
		struct bp_selector which = { .major = entry->major, .minor = entry->minor };
		struct bp_device_info info;

		if (entry->uuid[0])
			r = count_device(ctx, entry->uuid, list);
		else if (bp_device_info(ctx, &which, &info) == 0)
			r = count_device(ctx, info.uuid, list);
	}
	bp_device_list_free(devices);
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct bp_scope_info *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->id, y->id);
}

/*
 * Places of the state directory, and devices whose uuid names a scope that has no place any
 * more.
 */
int bp_scope_list(struct bp_ctx *ctx, const struct bp_scope_opts *opts,
		  struct bp_scope_list **ret)
{
	_cleanup_(list_freep) struct bp_scope_list *list = calloc(1, sizeof(*list));
	struct bp_scope_opts o;
	struct scopes scopes;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	if (!list)
		return bp_fail_memory(ctx);
	r = scopes_open(ctx, o.state_dir, false, &scopes);
	if (r == 0)
		r = add_places(ctx, &scopes, list);
	scopes_done(&scopes);
	if (r == 0 || r == -ENOENT)
		r = count_devices(ctx, list);
	if (r < 0)
		return r;
	if (list->scopes.count)
		qsort(list->scopes.items, list->scopes.count, sizeof(*list->scopes.items),
		      by_name);
	*ret = steal(list);
	return 0;
}

/* --- gc --- */

struct collection {
	struct bp_ctx *ctx;
	struct bp_scope_opts opts;
	struct scopes scopes;
	bp_scope_gone_fn each;
	void *user;
	bool found;
	struct error_state *first; /* of the first failure */
	int r;
};

/* The first failure is kept; the others go on, as each scope is its own. */
static void done(struct collection *c, const struct bp_scope_info *info, int r)
{
	c->found = true;
	if (c->each)
		c->each(c->user, info, r);
	if (r < 0 && c->r == 0) {
		c->r = r;
		c->first = error_save(c->ctx);
	}
}

/* Take it over from its dead owner: the locks are ours while it is cleaned. */
static int take_over(struct collection *c, const char *name, struct place *ret)
{
	_cleanup_(closep) int all = scopes_lock(c->ctx, &c->scopes);
	int r = all < 0 ? all : place_open(c->ctx, &c->scopes, name, ret);

	return r < 0 ? r : place_take(c->ctx, ret);
}

/* Taken over by its owner's lock: who has it is the only one to clean. */
static int collect_one(struct collection *c, const char *name, bool named)
{
	struct place place = PLACE_NONE;
	struct bp_scope_info info;
	int r = take_over(c, name, &place);

	/* Of all: those that live, or have gone meanwhile, are none of ours. */
	if (r == -ENOENT || (r == -EBUSY && !named)) {
		place_done(&place);
		return 0;
	}
	if (r == 0) {
		tell(&place, &info);
		r = place_clean(c->ctx, &c->scopes, &place, c->opts.flags,
				dm_deadline(c->opts.timeout_ms));
		done(c, &info, r);
		r = 0;
	}
	c->found = true;
	place_done(&place);
	return r;
}

/* A name is one; none is all. */
static int collect_known(struct collection *c, const char *name)
{
	char **names = NULL;
	size_t count = 0;
	int r;

	if (name)
		return scope_name_ok(name) ? collect_one(c, name, true) : 0;
	r = scopes_names(c->ctx, &c->scopes, &names, &count);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = collect_one(c, names[i], false);
	names_free(names, count);
	return r;
}

/*
 * Scopes by devices alone: their place was lost, as with a state directory in memory after
 * a reboot.
 */
static int collect_unknown(struct collection *c, const char *name)
{
	struct bp_scope_list *list;
	int r = bp_scope_list(c->ctx, &c->opts, &list);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list->scopes.count; i++) {
		const struct bp_scope_info *info = &list->scopes.items[i];
		char prefix[SCOPE_PREFIX_SIZE];

		if (info->state != BP_SCOPE_UNKNOWN || (name && !streq(name, info->name)))
			continue;
		scope_uuid_prefix(info->name, info->id, prefix);
		done(c, info,
		     devices_clean(c->ctx, begins_with, prefix, c->opts.flags,
				   dm_deadline(c->opts.timeout_ms)));
	}
	bp_scope_list_free(list);
	return 0;
}

/* Without a state directory there is nothing known, which is no failure. */
static int collect(struct collection *c, const char *name)
{
	int r = scopes_open(c->ctx, c->opts.state_dir, false, &c->scopes);

	if (r == 0)
		r = collect_known(c, name);
	scopes_done(&c->scopes);
	if ((r == 0 || r == -ENOENT) && c->opts.flags & BP_SCOPE_UNOWNED)
		r = collect_unknown(c, name);
	return r == -ENOENT ? 0 : r;
}

/* What could not be collected stays, and is told; what was is gone in any case. */
int bp_scope_gc(struct bp_ctx *ctx, const char *name, const struct bp_scope_opts *opts,
		bp_scope_gone_fn each, void *user)
{
	struct collection c = { .ctx = ctx, .each = each, .user = user };
	int r = opts_read(ctx, &c.opts, sizeof(c.opts), opts);

	c.opts.size = sizeof(c.opts);
	if (r == 0)
		r = collect(&c, name);
	if (r == 0 && name && !c.found) {
		bp_fail(ctx, -ENOENT, "scope '%s': there is none of this name", name);
		error_set_device(ctx, name);
		r = -ENOENT;
	}
	if (r < 0) {
		error_state_free(c.first);
		return r;
	}
	if (c.r < 0)
		error_restore(ctx, c.first);
	return c.r;
}
