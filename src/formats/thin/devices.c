/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The devices of a pool: keys of two trees, which must be the same. */
#include "formats/thin/meta.h"

#include <inttypes.h>

void thin_devices_done(struct thin_devices *devices)
{
	vec_done(&devices->list);
}

void thin_details_decode(const void *value, struct bp_thin_device *ret)
{
	const struct thin_details_disk *disk = value;

	ret->mapped_dblocks = le64_get(disk->mapped_blocks);
	ret->transaction_id = le64_get(disk->transaction_id);
	ret->creation_time = le32_get(disk->creation_time);
	ret->snapshotted_time = le32_get(disk->snapshotted_time);
}

struct collect {
	const struct forest *f;
	struct thin_devices *to;
	bool roots; /* values are roots, not details */
};

/* Either half of a device; the other comes from the other tree. */
static int collect_leaf(void *user, const struct walk_node *leaf)
{
	const struct collect *c = user;
	const struct walk_inner *inner = forest_inner(c->f, leaf);
	const uint8_t *values = inner->values;

	for (uint32_t i = 0; i < leaf->nr; i++) {
		struct thin_device d = { .id = inner->keys[i], .details.id = inner->keys[i] };
		const uint8_t *value = values + (size_t)i * c->f->value_size;

		d.has_root = c->roots;
		d.has_details = !c->roots;
		if (c->roots)
			d.root = d.details.root = le64_get(*(const le64 *)(const void *)value);
		else
			thin_details_decode(value, &d.details);
		if (vec_add(&c->to->list, &d) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Both in one: what is only in one of them stays as it is. */
static int merge(const struct thin_devices *roots, const struct thin_devices *details,
		 struct thin_devices *ret)
{
	size_t a = 0, b = 0;
	struct thin_device d = { 0 };

	while (a < roots->list.count || b < details->list.count) {
		bool has_x = a < roots->list.count, has_y = b < details->list.count;
		const struct thin_device *x = has_x ? &roots->list.items[a] : NULL;
		const struct thin_device *y = has_y ? &details->list.items[b] : NULL;

		if (x && (!y || x->id < y->id)) {
			d = *x;
			a++;
		} else if (y) {
			d = *y;
			b++;
			if (x && x->id == y->id) {
				d.has_root = true;
				d.root = d.details.root = x->root;
				a++;
			}
		}
		if (vec_add(&ret->list, &d) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Sorted by id; a device may have one half only. */
int thin_devices_join(const struct forest *top, bp_mblock mapping_root,
		      const struct forest *details, bp_mblock details_root,
		      struct thin_devices *ret)
{
	_cleanup_(thin_devices_done) struct thin_devices a = { 0 }, b = { 0 };
	struct collect from_top = { .f = top, .to = &a, .roots = true };
	struct collect from_details = { .f = details, .to = &b };
	struct forest_visitor visitor = { .leaf = collect_leaf, .user = &from_top };
	int r = forest_visit(top, mapping_root, &visitor);

	visitor.user = &from_details;
	if (r == 0)
		r = forest_visit(details, details_root, &visitor);
	*ret = (struct thin_devices){ 0 };
	if (r == 0)
		r = merge(&a, &b, ret);
	if (r < 0)
		thin_devices_done(ret);
	return r;
}

/* Say what is wrong with a tree, by its first damage. */
static int tree_failed(struct meta *meta, const struct forest *f, const char *tree)
{
	const struct walk_edge *edge = f->edges.count ? f->edges.items : NULL;

	for (size_t i = 0; i < f->nodes.count; i++) {
		const struct walk_node *n = &f->nodes.items[i];

		if (n->error)
			return bp_fail(meta->ctx, n->error == NODE_CSUM ? -EBADMSG : -EUCLEAN,
				       "%s, block %" PRIu32 ": %s", tree, n->block,
				       node_error_name((enum node_error)n->error));
	}
	return bp_fail(meta->ctx, -EUCLEAN, "%s, block %" PRIu64 ": %s", tree,
		       edge ? edge->child : 0,
		       node_error_name(edge ? (enum node_error)edge->error : NODE_IO));
}

/* Any damage is a failure here: for those who need all devices. */
static int walk_tree(struct forest *f, bp_mblock root, const char *tree)
{
	int r = forest_init(f);

	if (r == 0)
		r = forest_walk(f, &root, 1);
	if (r < 0)
		return r == -ENOMEM ? bp_fail_memory(f->meta->ctx) : r;
	return f->nr_errors ? tree_failed(f->meta, f, tree) : 0;
}

/* A device without one half can't be listed nor dumped. */
static int all_complete(struct bp_ctx *ctx, const struct thin_devices *devices)
{
	for (size_t i = 0; i < devices->list.count; i++) {
		const struct thin_device *d = &devices->list.items[i];

		if (!d->has_root || !d->has_details)
			return bp_fail(ctx, -EUCLEAN, "device %" PRIu64 " has no %s", d->id,
				       d->has_root ? "details" : "mapping tree");
	}
	return 0;
}

/* Both small trees as a whole: 24 and 8 bytes a device. */
int thin_devices_read(struct bp_thin_meta *m, struct thin_devices *ret)
{
	struct forest top = { .meta = &m->meta,
			      .value_size = sizeof(le64),
			      .keep_leaves = true };
	struct forest details = {
		.meta = &m->meta,
		.value_size = sizeof(struct thin_details_disk),
		.keep_leaves = true,
	};
	_cleanup_(thin_devices_done) struct thin_devices devices = { 0 };
	int r = walk_tree(&details, m->sb.pub.details_root, "device details tree");

	if (r == 0)
		r = walk_tree(&top, m->sb.pub.mapping_root, "mapping tree (top level)");
	if (r == 0) {
		r = thin_devices_join(&top, m->sb.pub.mapping_root, &details,
				      m->sb.pub.details_root, &devices);
		if (r < 0)
			bp_fail_memory(m->meta.ctx);
	}
	if (r == 0)
		r = all_complete(m->meta.ctx, &devices);
	forest_done(&details);
	forest_done(&top);
	if (r < 0)
		return r;
	*ret = devices;
	devices = (struct thin_devices){ 0 };
	return 0;
}

int bp_thin_devices(struct bp_thin_meta *meta,
		    int (*device)(void *user, const struct bp_thin_device *device), void *user)
{
	_cleanup_(thin_devices_done) struct thin_devices devices = { 0 };
	int r = thin_devices_read(meta, &devices);

	for (size_t i = 0; r == 0 && i < devices.list.count; i++)
		r = device(user, &devices.list.items[i].details);
	return r;
}

static int no_device(struct bp_thin_meta *m, int r, uint64_t id, const char *what)
{
	if (r != -ENODATA)
		return r;
	bp_fail(m->meta.ctx, r, "device %" PRIu64 " %s", id, what);
	error_set_code(m->meta.ctx, BP_E_NO_THIN);
	return r;
}

/* Two lookups, no walk. */
int bp_thin_device_find(struct bp_thin_meta *m, uint64_t id, struct bp_thin_device *ret)
{
	struct thin_details_disk details;
	struct bp_thin_device d = { .id = id };
	le64 root;
	int r = btree_lookup(&m->meta, m->sb.pub.mapping_root, sizeof(root), id, &root);

	if (r < 0)
		return no_device(m, r, id, "is not in the pool");
	r = btree_lookup(&m->meta, m->sb.pub.details_root, sizeof(details), id, &details);
	if (r == -ENODATA)
		return bp_fail(m->meta.ctx, -EUCLEAN, "device %" PRIu64 " has no details", id);
	if (r < 0)
		return r;
	thin_details_decode(&details, &d);
	d.root = le64_get(root);
	*ret = d;
	return 0;
}
