/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How devices lie on one another, from the list and each one's dependencies. */
#include "dm/kernel/engine.h"

#include <stdio.h>
#include <string.h>

struct edges {
	VEC(size_t) below, above;
};

struct bp_tree {
	VEC(struct bp_tree_node) nodes;
	VEC(struct edges) edges; /* of each node */
	VEC(uint64_t) numbers;   /* of each node: what is looked through for every edge */
};

static void edges_done(struct edges *edges)
{
	vec_done(&edges->below);
	vec_done(&edges->above);
}

void bp_tree_free(struct bp_tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->edges.count; i++)
		edges_done(&tree->edges.items[i]);
	vec_done(&tree->edges);
	vec_done(&tree->numbers);
	vec_done(&tree->nodes);
	free(tree);
}

static void tree_freep(struct bp_tree **tree)
{
	bp_tree_free(*tree);
}

size_t bp_tree_count(const struct bp_tree *tree)
{
	return tree->nodes.count;
}

const struct bp_tree_node *bp_tree_get(const struct bp_tree *tree, size_t index)
{
	return index < tree->nodes.count ? &tree->nodes.items[index] : NULL;
}

static uint64_t number_of(uint32_t major, uint32_t minor)
{
	return (uint64_t)major << 32 | minor;
}

/* Three arrays of one index: what is public, what is looked for, what is linked. */
static int add_node(struct bp_tree *tree, const struct bp_tree_node *node)
{
	uint64_t number = number_of(node->major, node->minor);
	struct edges none = { 0 };
	int r = vec_add(&tree->nodes, node);

	if (r == 0)
		r = vec_add(&tree->numbers, &number);
	return r < 0 ? r : vec_add(&tree->edges, &none);
}

/* Names and uuids are decoded: the tree is for people. */
static int add_mapped(struct bp_ctx *ctx, struct bp_tree *tree)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_LIST, .deadline = DEADLINE_NEVER };
	int r = dm_ask(ctx, "list", NULL, &rq, &reply);

	for (size_t i = 0; r == 0 && i < reply.entries.count; i++) {
		const struct dm_entry *entry = &reply.entries.items[i];
		struct bp_tree_node node = {
			.major = entry->major,
			.minor = entry->minor,
			.mapped = true,
		};

		name_decode(entry->name, node.name, sizeof(node.name));
		name_decode(entry->uuid, node.uuid, sizeof(node.uuid));
		if (add_node(tree, &node) < 0)
			return bp_fail_memory(ctx);
	}
	return r;
}

static size_t find(const struct bp_tree *tree, const struct bp_devno *dev)
{
	uint64_t number = number_of(dev->major, dev->minor);
	size_t i = 0;

	while (i < tree->numbers.count && tree->numbers.items[i] != number)
		i++;
	return i;
}

/* Devices that aren't mapped come in when one lies on them. */
static int add_edge(struct dm *dm, struct bp_tree *tree, size_t from,
		    const struct bp_devno *dev)
{
	size_t to = find(tree, dev);
	int r = 0;

	if (to == tree->nodes.count) {
		struct bp_tree_node node = { .major = dev->major, .minor = dev->minor };

		if (dm->ops->bdev_name(dm->self, dev->major, dev->minor, node.name) < 0)
			snprintf(node.name, sizeof(node.name), "%u:%u", dev->major, dev->minor);
		r = add_node(tree, &node);
	}
	if (r == 0)
		r = vec_add(&tree->edges.items[from].below, &to);
	if (r == 0)
		r = vec_add(&tree->edges.items[to].above, &from);
	return r;
}

static int add_deps(struct bp_ctx *ctx, struct dm *dm, struct bp_tree *tree, size_t from)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_DEPS, .deadline = DEADLINE_NEVER };
	struct which which = {
		.major = tree->nodes.items[from].major,
		.minor = tree->nodes.items[from].minor,
	};
	int r;

	snprintf(which.label, sizeof(which.label), "%s", tree->nodes.items[from].name);
	r = dm_ask(ctx, "deps", &which, &rq, &reply);
	if (r == -ENXIO) /* gone since it was listed */
		return 0;
	for (size_t i = 0; r == 0 && i < reply.deps.count; i++)
		if (add_edge(dm, tree, from, &reply.deps.items[i]) < 0)
			return bp_fail_memory(ctx);
	return r;
}

/* Can @to be reached from @from, by one step at least? @seen: one flag a node, all false. */
static bool reaches(const struct bp_tree *tree, size_t from, size_t to, bool *seen)
{
	const struct edges *edges = &tree->edges.items[from];

	for (size_t i = 0; i < edges->below.count; i++) {
		size_t next = edges->below.items[i];

		if (next == to)
			return true;
		if (seen[next])
			continue;
		seen[next] = true;
		if (reaches(tree, next, to, seen))
			return true;
	}
	return false;
}

/* Circles are marked: a walk from the top would not end. */
static int finish(struct bp_ctx *ctx, struct bp_tree *tree)
{
	bool *seen = calloc(tree->nodes.count + 1, sizeof(*seen));

	if (!seen)
		return bp_fail_memory(ctx);
	for (size_t i = 0; i < tree->nodes.count; i++) {
		struct bp_tree_node *node = &tree->nodes.items[i];

		node->below = tree->edges.items[i].below.items;
		node->nr_below = tree->edges.items[i].below.count;
		node->above = tree->edges.items[i].above.items;
		node->nr_above = tree->edges.items[i].above.count;
		/* Something lies above and below: else it can't be in a circle. */
		if (!node->nr_below || !node->nr_above)
			continue;
		memset(seen, 0, tree->nodes.count * sizeof(*seen));
		node->in_cycle = reaches(tree, i, i, seen);
	}
	free(seen);
	return 0;
}

/* One ioctl for the list and one a device. Devices that go meanwhile are left out. */
int bp_tree_read(struct bp_ctx *ctx, struct bp_tree **ret)
{
	_cleanup_(tree_freep) struct bp_tree *tree = calloc(1, sizeof(*tree));
	struct dm *dm;
	size_t mapped;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	if (!tree)
		return bp_fail_memory(ctx);
	r = add_mapped(ctx, tree);
	mapped = tree->nodes.count;
	for (size_t i = 0; r == 0 && i < mapped; i++)
		r = add_deps(ctx, dm, tree, i);
	if (r == 0)
		r = finish(ctx, tree);
	if (r < 0)
		return r;
	*ret = steal(tree);
	return 0;
}
