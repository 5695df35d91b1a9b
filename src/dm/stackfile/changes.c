/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps from what is there to what is described, as they are told. Never with keys. */
#include "dm/stackfile/stackfile.h"

#include <string.h>

struct bp_stack_changes {
	VEC(struct bp_stack_change) list; /* texts are owned */
};

/* Texts belong to the change, though it shows them as const. */
static void change_done(struct bp_stack_change *change)
{
	free((void *)(uintptr_t)change->name);
	free((void *)(uintptr_t)change->before);
	free((void *)(uintptr_t)change->after);
}

void bp_stack_changes_free(struct bp_stack_changes *changes)
{
	if (!changes)
		return;
	for (size_t i = 0; i < changes->list.count; i++)
		change_done(&changes->list.items[i]);
	vec_done(&changes->list);
	free(changes);
}

static void changes_freep(struct bp_stack_changes **changes)
{
	bp_stack_changes_free(*changes);
}

size_t bp_stack_changes_count(const struct bp_stack_changes *changes)
{
	return changes->list.count;
}

const struct bp_stack_change *bp_stack_changes_get(const struct bp_stack_changes *changes,
						   size_t index)
{
	return index < changes->list.count ? &changes->list.items[index] : NULL;
}

int changes_new(struct bp_ctx *ctx, struct bp_stack_changes **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : bp_fail_memory(ctx);
}

/* Copies: a list outlives the comparison it came from. */
int changes_add(struct bp_ctx *ctx, struct bp_stack_changes *changes,
		enum bp_stack_change_kind kind, const char *name, const char *before,
		const char *after)
{
	struct bp_stack_change change = {
		.kind = kind,
		.name = strdup(name),
		.before = strdup(before),
		.after = strdup(after),
	};

	if (change.name && change.before && change.after &&
	    vec_add(&changes->list, &change) == 0)
		return 0;
	change_done(&change);
	return bp_fail_memory(ctx);
}

/* NULL is no table. */
static int table_text(struct bp_ctx *ctx, const struct bp_table *table, char **ret)
{
	_cleanup_(table_freep) struct bp_table *public = NULL;
	int r;

	if (!table) {
		*ret = strdup("");
		return *ret ? 0 : bp_fail_memory(ctx);
	}
	r = bp_table_copy(ctx, table, &public);
	if (r == 0)
		r = bp_table_hide_keys(ctx, public);
	return r < 0 ? r : bp_table_format(ctx, public, ret);
}

/* Tables before and after as text, for people and for diffs. */
static int add_device(const struct comparison *c, size_t i, struct bp_stack_changes *changes)
{
	const struct live_device *live = &c->devices[i];
	_cleanup_(freep) char *before = NULL, *after = NULL;
	int r = table_text(c->ctx, live->live, &before);

	if (r == 0)
		r = table_text(c->ctx, live->table, &after);
	if (r < 0)
		return r;
	return changes_add(c->ctx, changes,
			   live->create   ? BP_STACK_CREATE
			   : live->reload ? BP_STACK_RELOAD
					  : BP_STACK_RESUME,
			   c->file->devices.items[i].name, before, after);
}

/* Up to three changes: the file, its size, the device. */
static int add_loop(const struct comparison *c, size_t i, struct bp_stack_changes *changes)
{
	const struct file_loop *loop = &c->file->loops.items[i];
	const struct live_loop *live = &c->loops[i];
	int r = 0;

	if (!live->exists)
		r = changes_add(c->ctx, changes, BP_STACK_MAKE_FILE, loop->name, "",
				loop->path);
	if (r == 0 && live->grows)
		r = changes_add(c->ctx, changes, BP_STACK_GROW_FILE, loop->name, loop->path,
				loop->path);
	if (r == 0 && !live->attached)
		r = changes_add(c->ctx, changes, BP_STACK_ATTACH, loop->name, "", loop->path);
	return r;
}

/* Keys are hidden: the text is for reading. */
static int add_surplus(const struct comparison *c, const struct bp_device_info *info,
		       struct bp_stack_changes *changes)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	_cleanup_(freep) char *text = NULL;
	struct bp_selector which = { .major = info->major, .minor = info->minor };
	int r = bp_device_table(c->ctx, &which, 0, &table);

	if (r == 0)
		r = table_text(c->ctx, table, &text);
	return r < 0 ? r : changes_add(c->ctx, changes, BP_STACK_REMOVE, info->name, text, "");
}

/* In the order in which they are carried out: below first; those that shrink from the top. */
int changes_of(const struct comparison *c, struct bp_stack_changes **ret)
{
	_cleanup_(changes_freep) struct bp_stack_changes *changes = NULL;
	size_t count = c->file->devices.count;
	int r = changes_new(c->ctx, &changes);

	for (size_t i = 0; r == 0 && i < c->file->loops.count; i++)
		r = add_loop(c, i, changes);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct live_device *live = &c->devices[c->order[i]];

		if ((live->create || live->reload || live->resume) && !live->shrinks)
			r = add_device(c, c->order[i], changes);
	}
	for (size_t i = count; r == 0 && i-- > 0;)
		if (c->devices[c->order[i]].shrinks)
			r = add_device(c, c->order[i], changes);
	for (size_t i = 0; r == 0 && i < c->surplus.count; i++)
		r = add_surplus(c, &c->surplus.items[i], changes);
	if (r == 0)
		*ret = steal(changes);
	return r;
}
