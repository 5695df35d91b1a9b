/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking: each of these is one ioctl. */
#include "dm/device/device.h"
#include "dm/device/table_io.h"
#include "targets/grammar/secret.h"

#include <string.h>

/* Of the ioctl interface, not of the kernel. */
int bp_dm_version(struct bp_ctx *ctx, struct bp_dm_version *ret)
{
	struct dm_request rq = { .op = OP_VERSION, .deadline = DEADLINE_NEVER };
	struct dm_state state;
	int r = dm_order(ctx, "version", NULL, &rq, &state);

	if (r == 0)
		*ret = (struct bp_dm_version){
			.major = state.version[0],
			.minor = state.version[1],
			.patch = state.version[2],
		};
	return r;
}

/* One ioctl. */
int bp_device_info(struct bp_ctx *ctx, const struct bp_selector *selector,
		   struct bp_device_info *ret)
{
	struct dm_state state;
	struct which which;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = which_resolve(ctx, selector, &which);
	if (r == 0)
		r = dm_state(ctx, "info", &which, &state);
	if (r == 0)
		dm_info_from_state(dm, &state, ret);
	return r;
}

/* --- lists --- */

struct bp_device_list {
	size_t count;
	struct bp_device_entry entries[];
};

static int by_kernel_name(const void *a, const void *b)
{
	return strcmp(((const struct bp_device_entry *)a)->kernel_name,
		      ((const struct bp_device_entry *)b)->kernel_name);
}

/* The kernel's name may lack its NUL. */
static void take_entry(const struct dm_entry *from, struct bp_device_entry *to)
{
	to->major = from->major;
	to->minor = from->minor;
	to->event_nr = from->event_nr;
	memcpy(to->kernel_name, from->name, strnlen(from->name, sizeof(to->kernel_name) - 1));
	name_decode(from->name, to->name, sizeof(to->name));
	name_decode(from->uuid, to->uuid, sizeof(to->uuid));
}

/* One piece of memory with its entries. */
struct bp_device_list *device_list_new(size_t count, struct bp_device_entry **ret_entries)
{
	struct bp_device_list *list =
		calloc(1, sizeof(*list) + count * sizeof(list->entries[0]));

	if (!list)
		return NULL;
	list->count = count;
	*ret_entries = list->entries;
	return list;
}

void device_list_sort(struct bp_device_list *list)
{
	if (list->count > 1)
		qsort(list->entries, list->count, sizeof(list->entries[0]), by_kernel_name);
}

static int entries_by_name(const void *a, const void *b)
{
	return strcmp(((const struct dm_entry *)a)->name, ((const struct dm_entry *)b)->name);
}

/* Kernels since 5.13 keep them in this order. */
static void sort_entries(struct dm_reply *reply)
{
	struct dm_entry *items = reply->entries.items;

	for (size_t i = 1; i < reply->entries.count; i++)
		if (strcmp(items[i - 1].name, items[i].name) > 0) {
			qsort(items, reply->entries.count, sizeof(*items), entries_by_name);
			return;
		}
}

int bp_device_visit(struct bp_ctx *ctx,
		    int (*device)(void *user, const struct bp_device_entry *entry), void *user)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_LIST, .deadline = DEADLINE_NEVER };
	int r = dm_ask(ctx, "list", NULL, &rq, &reply);

	if (r == 0)
		sort_entries(&reply);
	/* The answer is a copy: what @device asks of the kernel leaves it alone. */
	for (size_t i = 0; r == 0 && i < reply.entries.count; i++) {
		struct bp_device_entry entry = { 0 };

		take_entry(&reply.entries.items[i], &entry);
		r = device(user, &entry);
	}
	return r;
}

/* Sorted by name: the kernel's own order changes. */
int bp_device_list(struct bp_ctx *ctx, struct bp_device_list **ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_LIST, .deadline = DEADLINE_NEVER };
	struct bp_device_entry *entries;
	struct bp_device_list *list;
	int r = dm_ask(ctx, "list", NULL, &rq, &reply);

	if (r < 0)
		return r;
	list = device_list_new(reply.entries.count, &entries);
	if (!list)
		return bp_fail_memory(ctx);
	for (size_t i = 0; i < reply.entries.count; i++)
		take_entry(&reply.entries.items[i], &entries[i]);
	device_list_sort(list);
	*ret = list;
	return 0;
}

size_t bp_device_list_count(const struct bp_device_list *list)
{
	return list->count;
}

const struct bp_device_entry *bp_device_list_get(const struct bp_device_list *list,
						 size_t index)
{
	return index < list->count ? &list->entries[index] : NULL;
}

void bp_device_list_free(struct bp_device_list *list)
{
	free(list);
}

/* --- tables and status --- */

int bp_device_table(struct bp_ctx *ctx, const struct bp_selector *selector, uint32_t flags,
		    struct bp_table **ret)
{
	struct which which;
	int r = which_resolve(ctx, selector, &which);

	return r < 0 ? r : table_read(ctx, "table", &which, flags, ret);
}

struct bp_device_status {
	struct bp_device_info info;
	struct dm_reply reply; /* owns the texts */
	VEC(char *) hidden;    /* but for these, written anew without keys */
	size_t count;
	struct bp_status_line lines[];
};

/* Takes the reply: lines lend their text from it. */
static int status_new(struct bp_ctx *ctx, struct dm_reply *take_reply,
		      struct bp_device_status **ret)
{
	size_t count = take_reply->segments.count;
	struct bp_device_status *status;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	status = calloc(1, sizeof(*status) + count * sizeof(status->lines[0]));
	if (!status)
		return bp_fail_memory(ctx);
	status->count = count;
	for (size_t i = 0; i < count; i++) {
		const struct dm_segment *segment = &take_reply->segments.items[i];

		status->lines[i] = (struct bp_status_line){
			.start_sectors = segment->start,
			.length_sectors = segment->length,
			.target = segment->target,
			.text = segment->args,
		};
	}
	dm_info_from_state(dm, &take_reply->state, &status->info);
	status->reply = *take_reply;
	*take_reply = (struct dm_reply){ 0 };
	*ret = status;
	return 0;
}

/* @rq's flags say which table, and whether devices are flushed. */
static int status_read(struct bp_ctx *ctx, const char *verb, const struct bp_selector *selector,
		       struct dm_request *rq, struct bp_device_status **ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct which which;
	int r = which_resolve(ctx, selector, &which);

	if (r == 0)
		r = dm_ask(ctx, verb, &which, rq, &reply);
	return r < 0 ? r : status_new(ctx, &reply, ret);
}

/* A flush may wait for I/O that never ends, so that it alone has a time limit. */
int bp_device_status(struct bp_ctx *ctx, const struct bp_selector *selector, uint32_t flags,
		     struct bp_device_status **ret)
{
	struct dm_request rq = {
		.op = OP_STATUS,
		.flags = flags & BP_TABLE_FLUSH ? 0 : RQ_NO_FLUSH,
		.deadline = DEADLINE_NEVER,
	};

	if (flags & BP_TABLE_FLUSH && !(flags & BP_TABLE_NO_LIMIT))
		rq.deadline = dm_deadline(0);
	if (flags & BP_TABLE_INACTIVE)
		rq.flags |= RQ_INACTIVE;
	return status_read(ctx, "status", selector, &rq, ret);
}

/* What IMA would measure of the table. */
int bp_device_measure(struct bp_ctx *ctx, const struct bp_selector *selector,
		      struct bp_device_status **ret)
{
	struct dm_request rq = {
		.op = OP_STATUS,
		.flags = RQ_MEASURE | RQ_NO_FLUSH,
		.deadline = DEADLINE_NEVER,
	};

	return status_read(ctx, "measure", selector, &rq, ret);
}

/* Only a line of a target that has keys is written anew, without them. */
static int hide_line(struct bp_ctx *ctx, struct bp_status_line *line, char **ret_hidden)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	const struct bp_target *target = bp_target_get(line->target);
	int r;

	if (target && !target_has_secrets(target))
		return 0;
	r = bp_table_new(ctx, &table);
	if (r == 0)
		r = table_add_printed(ctx, table, line->start_sectors, line->length_sectors,
				      line->target, line->text);
	if (r == 0)
		r = bp_table_hide_keys(ctx, table);
	if (r == 0)
		r = bp_segment_format_args(ctx, bp_table_get(table, 0), ret_hidden);
	if (r == 0)
		line->text = *ret_hidden;
	return r;
}

/* Unread, but for keys, which are hidden in place of their words. */
int bp_device_table_lines(struct bp_ctx *ctx, const struct bp_selector *selector,
			  uint32_t flags, struct bp_device_status **ret)
{
	struct dm_request rq = { .op = OP_TABLE, .deadline = DEADLINE_NEVER };
	struct bp_device_status *status;
	int r;

	if (flags & BP_TABLE_INACTIVE)
		rq.flags |= RQ_INACTIVE;
	if (flags & BP_TABLE_SHOW_KEYS)
		rq.flags |= RQ_SECURE;
	r = status_read(ctx, "table", selector, &rq, &status);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < status->count && !(flags & BP_TABLE_SHOW_KEYS); i++) {
		char *hidden = NULL;

		r = hide_line(ctx, &status->lines[i], &hidden);
		if (hidden && vec_add(&status->hidden, &hidden) < 0) {
			free(hidden);
			r = bp_fail_memory(ctx);
		}
	}
	if (r < 0)
		bp_device_status_free(status);
	else
		*ret = status;
	return r;
}

size_t bp_device_status_count(const struct bp_device_status *status)
{
	return status->count;
}

const struct bp_status_line *bp_device_status_get(const struct bp_device_status *status,
						  size_t index)
{
	return index < status->count ? &status->lines[index] : NULL;
}

const struct bp_device_info *bp_device_status_info(const struct bp_device_status *status)
{
	return &status->info;
}

void bp_device_status_free(struct bp_device_status *status)
{
	if (!status)
		return;
	for (size_t i = 0; i < status->hidden.count; i++)
		free(status->hidden.items[i]);
	vec_done(&status->hidden);
	dm_reply_done(&status->reply);
	free(status);
}

struct bp_device_deps {
	struct bp_devno *items;
	size_t count;
};

/* Numbers of the devices that the table opened. */
int bp_device_deps(struct bp_ctx *ctx, const struct bp_selector *selector, uint32_t flags,
		   struct bp_device_deps **ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_DEPS, .deadline = DEADLINE_NEVER };
	struct bp_device_deps *deps;
	struct which which;
	int r = which_resolve(ctx, selector, &which);

	if (flags & BP_TABLE_INACTIVE)
		rq.flags |= RQ_INACTIVE;
	if (r == 0)
		r = dm_ask(ctx, "deps", &which, &rq, &reply);
	if (r < 0)
		return r;
	deps = calloc(1, sizeof(*deps));
	if (!deps)
		return bp_fail_memory(ctx);
	deps->count = reply.deps.count;
	deps->items = steal(reply.deps.items);
	*ret = deps;
	return 0;
}

size_t bp_device_deps_count(const struct bp_device_deps *deps)
{
	return deps->count;
}

const struct bp_devno *bp_device_deps_get(const struct bp_device_deps *deps, size_t index)
{
	return index < deps->count ? &deps->items[index] : NULL;
}

void bp_device_deps_free(struct bp_device_deps *deps)
{
	if (deps)
		free(deps->items);
	free(deps);
}

/* --- targets --- */

struct bp_kernel_target_list {
	struct bp_kernel_target *items;
	size_t count;
};

/* Modules that could be loaded are not among them. */
int bp_kernel_target_list(struct bp_ctx *ctx, struct bp_kernel_target_list **ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_TARGETS, .deadline = DEADLINE_NEVER };
	struct bp_kernel_target_list *list;
	int r = dm_ask(ctx, "targets", NULL, &rq, &reply);

	if (r < 0)
		return r;
	list = calloc(1, sizeof(*list));
	if (!list)
		return bp_fail_memory(ctx);
	list->count = reply.targets.count;
	list->items = steal(reply.targets.items);
	*ret = list;
	return 0;
}

size_t bp_kernel_target_list_count(const struct bp_kernel_target_list *list)
{
	return list->count;
}

const struct bp_kernel_target *
bp_kernel_target_list_get(const struct bp_kernel_target_list *list, size_t index)
{
	return index < list->count ? &list->items[index] : NULL;
}

void bp_kernel_target_list_free(struct bp_kernel_target_list *list)
{
	if (list)
		free(list->items);
	free(list);
}

/* The kernel answers with the one target; it may load a module for that. */
int bp_kernel_target_version(struct bp_ctx *ctx, const char *name, struct bp_kernel_target *ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = {
		.op = OP_TARGET_VERSION,
		.text = name,
		.deadline = DEADLINE_NEVER,
	};
	int r;

	if (!name[0] || strlen(name) >= sizeof(ret->name)) {
		bp_fail(ctx, -EINVAL, "target '%s': a name has 1 to %zu bytes", name,
			sizeof(ret->name) - 1);
		error_set_code(ctx, BP_E_UNKNOWN_TARGET);
		return -EINVAL;
	}
	r = dm_ask(ctx, "target-version", NULL, &rq, &reply);
	if (r < 0)
		return r;
	if (reply.targets.count != 1)
		return bp_fail(ctx, -EPROTO, "target '%s': the kernel's answer makes no sense",
			       name);
	*ret = reply.targets.items[0];
	return 0;
}
