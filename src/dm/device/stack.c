/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several devices at once: in the order they need, or none. */
#include <bedplate/stack.h>

#include "core/opts.h"
#include "core/strbuf.h"
#include "dm/device/device.h"
#include "targets/grammar/segment.h"

#include <stdio.h>
#include <string.h>

struct member {
	struct bp_stack_device view; /* points into the rest */
	char *name, *uuid;
	struct bp_table *table;
};

/* Texts of the members, sorted, so that a second one of each is found soon. */
struct texts {
	VEC(const char *) sorted;
};

struct bp_stack {
	struct bp_ctx *ctx;
	VEC(struct member *) members;
	struct texts names, uuids;
};

static void member_free(struct member *m)
{
	if (!m)
		return;
	free(m->name);
	free(m->uuid);
	bp_table_free(m->table);
	free(m);
}

static void member_freep(struct member **m)
{
	member_free(*m);
}

static void stack_freep(struct bp_stack **stack)
{
	bp_stack_free(*stack);
}

int bp_stack_new(struct bp_ctx *ctx, struct bp_stack **ret)
{
	struct bp_stack *stack = calloc(1, sizeof(*stack));

	if (!stack)
		return bp_fail_memory(ctx);
	stack->ctx = ctx;
	*ret = stack;
	return 0;
}

void bp_stack_free(struct bp_stack *stack)
{
	if (!stack)
		return;
	for (size_t i = 0; i < stack->members.count; i++)
		member_free(stack->members.items[i]);
	vec_done(&stack->members);
	vec_done(&stack->names.sorted);
	vec_done(&stack->uuids.sorted);
	free(stack);
}

size_t bp_stack_count(const struct bp_stack *stack)
{
	return stack->members.count;
}

const struct bp_stack_device *bp_stack_get(const struct bp_stack *stack, size_t index)
{
	return index < stack->members.count ? &stack->members.items[index]->view : NULL;
}

static int fail_twice(struct bp_ctx *ctx, const char *what, const char *text)
{
	bp_fail(ctx, -EEXIST, "%s '%s' is in the stack twice", what, text);
	error_set_code(ctx, BP_E_EXISTS);
	error_set_device(ctx, text);
	return -EEXIST;
}

/* Where it is, or has to go. */
static size_t text_place(const struct texts *texts, const char *text)
{
	return vec_bisect(&texts->sorted, item, strcmp(*item, text) < 0);
}

static bool text_there(const struct texts *texts, const char *text)
{
	size_t at = text_place(texts, text);

	return at < texts->sorted.count && streq(texts->sorted.items[at], text);
}

/* There is room for it. */
static void text_add(struct texts *texts, const char *text)
{
	size_t at = text_place(texts, text);
	const char **items = texts->sorted.items;

	memmove(&items[at + 1], &items[at], (texts->sorted.count - at) * sizeof(*items));
	items[at] = text;
	texts->sorted.count++;
}

/* Nothing can fail once there is room. */
static int keep_member(struct bp_stack *stack, struct member *m)
{
	if (vec_reserve(&stack->members, 1) < 0 || vec_reserve(&stack->names.sorted, 1) < 0 ||
	    vec_reserve(&stack->uuids.sorted, 1) < 0)
		return bp_fail_memory(stack->ctx);
	text_add(&stack->names, m->name);
	if (m->uuid[0])
		text_add(&stack->uuids, m->uuid);
	stack->members.items[stack->members.count++] = m;
	return 0;
}

/* Copies all. Names and uuids are unique in a stack, as they are in the kernel. */
int bp_stack_add(struct bp_stack *stack, const struct bp_stack_device *device)
{
	_cleanup_(member_freep) struct member *m = calloc(1, sizeof(*m));
	char mangled[BP_NAME_SIZE];
	int r;

	if (!m)
		return bp_fail_memory(stack->ctx);
	r = bp_name_mangle(stack->ctx, device->name, mangled);
	if (r < 0)
		return r;
	if (text_there(&stack->names, device->name))
		return fail_twice(stack->ctx, "name", device->name);
	if (device->uuid && device->uuid[0] && text_there(&stack->uuids, device->uuid))
		return fail_twice(stack->ctx, "uuid", device->uuid);
	m->name = strdup(device->name);
	m->uuid = strdup(device->uuid ? device->uuid : "");
	if (!m->name || !m->uuid)
		return bp_fail_memory(stack->ctx);
	r = device->table ? bp_table_copy(stack->ctx, device->table, &m->table) : 0;
	if (r < 0)
		return r;
	m->view = *device;
	m->view.name = m->name;
	m->view.uuid = m->uuid;
	m->view.table = m->table;
	r = keep_member(stack, m);
	if (r == 0)
		m = NULL;
	return r;
}

/* --- apply --- */

/* Persistent means: with this minor. */
static int create_member(struct bp_ctx *ctx, const struct member *m,
			 const struct bp_create_opts *opts)
{
	struct bp_create_opts o = *opts;

	o.uuid = m->uuid[0] ? m->uuid : NULL;
	o.flags &= ~(uint32_t)(BP_CREATE_PERSISTENT);
	if (m->view.read_only)
		o.flags |= BP_CREATE_READ_ONLY;
	if (m->view.use_minor) {
		o.flags |= BP_CREATE_PERSISTENT;
		o.major = 0;
		o.minor = m->view.minor;
	}
	return bp_device_create(ctx, m->name, m->table, &o, NULL);
}

/* One transaction: the lowest device first, and all or none. */
int bp_stack_apply(struct bp_ctx *ctx, const struct bp_stack *stack,
		   const struct bp_create_opts *opts)
{
	_cleanup_(freep) size_t *in_order = calloc(stack->members.count + 1, sizeof(size_t));
	struct bp_create_opts o;
	struct level level;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = opts_read(ctx, &o, sizeof(o), opts);
	if (r < 0)
		return r;
	if (!in_order)
		return bp_fail_memory(ctx);
	tx_begin(dm, &level);
	r = stack_order(ctx, dm, stack, in_order);
	for (size_t i = 0; r == 0 && i < stack->members.count; i++)
		r = create_member(ctx, stack->members.items[in_order[i]], &o);
	return tx_end(ctx, dm, &level, r);
}

/* --- read --- */

_Static_assert(TABLE_DEV_SIZE >= BP_NODE_SIZE, "a node's path is a device's name");

/* Devices that are going to be described. */
struct wanted {
	struct dm *dm;
	const struct bp_tree *tree;
	const bool *wanted; /* one for each node */
	uint32_t flags;
};

/* Numbers of devices of the stack don't last: say their nodes instead. */
static int node_of(void *user, const char *dev, char ret[TABLE_DEV_SIZE])
{
	const struct wanted *w = user;
	unsigned major, minor;
	int end = 0;

	if (sscanf(dev, "%u:%u%n", &major, &minor, &end) != 2 || dev[end])
		return 0;
	for (size_t i = 0; i < bp_tree_count(w->tree); i++) {
		const struct bp_tree_node *node = bp_tree_get(w->tree, i);
		char mangled[BP_NAME_SIZE];

		if (!w->wanted[i] || node->major != major || node->minor != minor ||
		    name_encode(node->name, mangled, sizeof(mangled)) < 0)
			continue;
		dm_node_path(w->dm, mangled, ret);
		return 1;
	}
	return 0;
}

/* Other members are named in its table, so that the text can be used on another machine. */
static int read_member(struct bp_ctx *ctx, struct bp_stack *stack, struct wanted *w, size_t i)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	const struct bp_tree_node *node = bp_tree_get(w->tree, i);
	struct which which = { .major = node->major, .minor = node->minor };
	struct bp_stack_device device = {
		.name = node->name,
		.uuid = node->uuid,
		.use_minor = w->flags & BP_STACK_WITH_MINOR,
		.minor = node->minor,
	};
	char mangled[BP_NAME_SIZE];
	struct dm_state state;
	int r;

	snprintf(which.label, sizeof(which.label), "%s", node->name);
	r = dm_state(ctx, "table", &which, &state);
	if (r == 0)
		r = table_read(ctx, "table", &which,
			       w->flags & BP_STACK_SHOW_KEYS ? BP_TABLE_SHOW_KEYS : 0, &table);
	if (r == 0)
		r = table_map_devs(ctx, table, node_of, w);
	if (r < 0)
		return r;
	/* A plain name that does not lead back to the device: as the kernel holds it. */
	if (name_encode(node->name, mangled, sizeof(mangled)) < 0 ||
	    !streq(mangled, state.name) || strchr(node->name, '/'))
		device.name = state.name;
	device.read_only = state.flags & ST_READ_ONLY;
	device.table = bp_table_count(table) ? table : NULL;
	return bp_stack_add(stack, &device);
}

/* By number, as a device may be selected by name, uuid or path. */
static int mark_one(struct bp_ctx *ctx, const struct bp_tree *tree,
		    const struct bp_selector *which, bool *ret)
{
	struct bp_device_info info;
	int r = bp_device_info(ctx, which, &info);

	for (size_t i = 0; r == 0 && i < bp_tree_count(tree); i++)
		ret[i] |= bp_tree_get(tree, i)->major == info.major &&
			  bp_tree_get(tree, i)->minor == info.minor;
	return r;
}

/* Without a selection all mapped devices. */
static int mark_wanted(struct bp_ctx *ctx, const struct bp_tree *tree,
		       const struct bp_selector *which, size_t count, bool *ret)
{
	int r = 0;

	for (size_t i = 0; !which && i < bp_tree_count(tree); i++)
		ret[i] = bp_tree_get(tree, i)->mapped;
	for (size_t w = 0; which && r == 0 && w < count; w++)
		r = mark_one(ctx, tree, &which[w], ret);
	return r;
}

/* Those below first; in a circle in the order of numbers. */
static int read_in_order(struct bp_ctx *ctx, struct bp_stack *stack, struct wanted *w,
			 bool *done)
{
	bool progress = true, force = false;
	int r = 0;

	while (r == 0 && (progress || !force)) {
		force = !progress;
		progress = false;
		for (size_t i = 0; r == 0 && i < bp_tree_count(w->tree); i++) {
			const struct bp_tree_node *node = bp_tree_get(w->tree, i);
			bool ready = w->wanted[i] && !done[i];

			for (size_t b = 0; !force && b < node->nr_below; b++)
				ready &= !w->wanted[node->below[b]] || done[node->below[b]];
			if (!ready)
				continue;
			done[i] = progress = true;
			r = read_member(ctx, stack, w, i);
			if (force)
				break;
		}
	}
	return r;
}

/* Devices that others lie on come before those. */
int bp_stack_read(struct bp_ctx *ctx, const struct bp_selector *which, size_t count,
		  uint32_t how, struct bp_stack **ret)
{
	_cleanup_(stack_freep) struct bp_stack *stack = NULL;
	struct wanted w = { .flags = how };
	struct bp_tree *tree;
	bool *flags;
	int r = dm_get(ctx, &w.dm);

	if (r == 0)
		r = bp_tree_read(ctx, &tree);
	if (r < 0)
		return r;
	flags = calloc(bp_tree_count(tree) + 1, 2 * sizeof(*flags));
	r = flags ? bp_stack_new(ctx, &stack) : bp_fail_memory(ctx);
	if (r == 0)
		r = mark_wanted(ctx, tree, which, count, flags);
	w.tree = tree;
	w.wanted = flags;
	if (r == 0)
		r = read_in_order(ctx, stack, &w, flags + bp_tree_count(tree) + 1);
	free(flags);
	bp_tree_free(tree);
	if (r < 0)
		return r;
	*ret = steal(stack);
	return 0;
}
