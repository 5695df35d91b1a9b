/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thin volumes of a pool in every metadata text of LVM that is left: the names of those that
 * were removed. Promises to take a text for one of the pool's only by the uuid of the pool, and
 * to tell volumes of one number apart by their transaction ids.
 */
#include "rescue/source.h"

#include <inttypes.h>

static void volume_done(struct old_volume *v)
{
	free((void *)(uintptr_t)v->name);
	free((void *)(uintptr_t)v->external_origin);
}

void old_volumes_done(old_volumes *volumes)
{
	for (size_t i = 0; i < volumes->count; i++)
		volume_done(&volumes->items[i]);
	vec_done(volumes);
}

/* The same volume stands in many texts; renamed, it is another row. */
static bool is_known(const old_volumes *volumes, const struct old_volume *v)
{
	for (size_t i = 0; i < volumes->count; i++) {
		const struct old_volume *other = &volumes->items[i];

		if (other->id == v->id && other->transaction_id == v->transaction_id &&
		    streq(other->name, v->name))
			return true;
	}
	return false;
}

/* The pool in another text of its group, whatever it was called then. */
static const struct lvm_lv *same_pool(const struct lvm_vg *vg, const struct lvm_lv *pool)
{
	for (size_t i = 0; i < vg->nr_lvs; i++)
		if (pool->uuid && vg->lvs[i].uuid && streq(vg->lvs[i].uuid, pool->uuid))
			return &vg->lvs[i];
	return NULL;
}

/* What LVM says of a thin volume is in its only segment. */
static int add_volume(const struct lvm_lv *lv, old_volumes *ret)
{
	const struct lvm_lv *external = lvm_lv_named_by(lv, "external_origin");
	const struct text_node *node = lv->segments[0].node;
	struct old_volume v = {
		.name = lv->name,
		.size = lv->size,
		.seqno = lv->vg->seqno,
		.id = text_number(node, "device_id", UINT64_MAX),
		.transaction_id = text_number(node, "transaction_id", 0),
	};

	if (v.id == UINT64_MAX || is_known(ret, &v))
		return 0;
	v.name = strdup(lv->name);
	v.external_origin = external ? strdup(external->name) : NULL;
	if (v.name && (v.external_origin || !external) && vec_add(ret, &v) == 0)
		return 0;
	volume_done(&v);
	return -ENOMEM;
}

/* Only of this pool: ids are its own, and another pool has the same ones. */
static int add_of_text(const struct lvm_vg *vg, const struct lvm_lv *pool, old_volumes *ret)
{
	const struct lvm_lv *then = same_pool(vg, pool);
	int r = 0;

	for (size_t i = 0; then && r == 0 && i < vg->nr_lvs; i++) {
		const struct lvm_lv *lv = &vg->lvs[i];

		if (lv->nr_segments && streq(lvm_lv_type(lv), "thin") &&
		    lvm_lv_named_by(lv, "thin_pool") == then)
			r = add_volume(lv, ret);
	}
	return r;
}

/* The newest text first, so that the newest size and name of a volume stand first. */
int source_old_volumes(struct bp_source *source, old_volumes *ret)
{
	struct error_state *saved;
	lvm_old_texts old = { 0 };
	int r;

	if (source->kind != BP_SOURCE_POOL)
		return 0;
	r = lvm_scan_old_texts(source->scan, source->group->vg, &old);
	if (r < 0)
		return r;
	saved = error_save(source->ctx);
	r = add_of_text(source->group->vg, source->lv, ret);
	for (size_t i = old.count; r == 0 && i-- > 0;) {
		struct lvm_vg *vg;
		int status =
			lvm_vg_parse(source->ctx, old.items[i].text, old.items[i].size, &vg);

		if (status < 0) {
			r = status == -ENOMEM ? status : 0;
			continue; /* else not a whole text after all */
		}
		r = add_of_text(vg, source->lv, ret);
		lvm_vg_free(vg);
	}
	lvm_old_texts_done(&old);
	error_restore(source->ctx, saved);
	return r < 0 ? bp_fail_memory(source->ctx) : 0;
}
