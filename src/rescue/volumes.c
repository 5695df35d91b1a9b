/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The volumes of a source: LVM's and the pool's lists joined. Promises not to take two volumes for
 * one because their numbers agree: the caller sees both transaction ids.
 */
#include "rescue/source.h"

#include <inttypes.h>

struct bp_source_volumes {
	VEC(struct bp_source_volume) list;
};

void bp_source_volumes_free(struct bp_source_volumes *volumes)
{
	if (!volumes)
		return;
	vec_done(&volumes->list);
	free(volumes);
}

size_t bp_source_volumes_count(const struct bp_source_volumes *volumes)
{
	return volumes->list.count;
}

const struct bp_source_volume *bp_source_volumes_get(const struct bp_source_volumes *volumes,
						     size_t index)
{
	return index < volumes->list.count ? &volumes->list.items[index] : NULL;
}

/* thin_id and transaction are LVM's view; the pool's own comes by join_device(). */
static struct bp_source_volume of_lv(const struct lvm_lv *lv)
{
	struct bp_source_volume v = {
		.size = sizeof(v),
		.name = lv->name,
		.uuid = lv->uuid,
		.type = lvm_lv_type(lv),
		.visible = lv->visible,
		.size_bytes = lv->size,
	};

	if (lv->nr_segments && streq(v.type, "thin")) {
		v.id = text_number(lv->segments[0].node, "device_id", UINT64_MAX);
		v.has_id = v.id != UINT64_MAX;
		v.lvm_transaction_id = text_number(lv->segments[0].node, "transaction_id", 0);
	}
	return v;
}

/* Metadata by itself has no group, so nothing is named. */
static int add_group_volumes(struct bp_source *source, struct bp_source_volumes *volumes)
{
	const struct lvm_vg *vg = source->group ? source->group->vg : NULL;
	int r = 0;

	for (size_t i = 0; vg && r == 0 && i < vg->nr_lvs; i++) {
		struct bp_source_volume v = of_lv(&vg->lvs[i]);

		/* Of a pool only its own. */
		if (source->kind == BP_SOURCE_POOL &&
		    !(v.has_id && lvm_lv_named_by(&vg->lvs[i], "thin_pool") == source->lv))
			continue;
		if (source->kind != BP_SOURCE_METADATA)
			r = vec_add(&volumes->list, &v);
	}
	return r;
}

static struct bp_source_volume *by_id(struct bp_source_volumes *volumes, uint64_t id)
{
	for (size_t i = 0; i < volumes->list.count; i++)
		if (volumes->list.items[i].has_id && volumes->list.items[i].id == id)
			return &volumes->list.items[i];
	return NULL;
}

struct joining {
	struct bp_source_volumes *volumes;
	struct bp_thin_meta *meta;
};

static int last_end(void *user, const struct bp_thin_run *run)
{
	*(bp_dblock *)user = run->virtual_begin + run->length;
	return 0;
}

/*
 * Behind its last mapping: one path down the tree tells, as a pool may have thousands of volumes that share theirs.
 * Where that path is damaged, what lies before the first damage.
 */
static bp_dblock mapped_end(struct bp_thin_meta *meta, uint64_t id)
{
	struct error_state *saved = error_save(meta->meta.ctx);
	struct bp_thin_device device;
	bp_dblock end = 0;
	uint64_t last;
	int r = bp_thin_device_find(meta, id, &device);

	if (r == 0)
		r = btree_last(&meta->meta, device.root, sizeof(le64), &last);
	if (r == 0)
		end = last + 1;
	else if (r != -ENODATA)
		bp_thin_mappings(meta, id, 0, UINT64_MAX, last_end, &end);
	error_restore(meta->meta.ctx, saved);
	return end;
}

/* One that LVM doesn't know is as long as its last mapping. */
static int join_device(void *user, const struct bp_thin_device *device)
{
	struct joining *j = user;
	struct bp_source_volume *v = by_id(j->volumes, device->id);
	struct bp_source_volume bare = {
		.size = sizeof(bare),
		.type = "thin",
		.has_id = true,
		.id = device->id,
		.visible = true,
	};

	if (!v) {
		bp_bytes bytes;

		if (!mul_overflow(mapped_end(j->meta, device->id),
				  bp_sector_to_bytes(j->meta->sb.pub.data_block_sectors),
				  &bytes))
			bare.size_bytes = bytes;
		if (vec_add(&j->volumes->list, &bare) < 0)
			return -ENOMEM;
		v = &j->volumes->list.items[j->volumes->list.count - 1];
	}
	v->in_pool = true;
	v->transaction_id = device->transaction_id;
	v->mapped_dblocks = device->mapped_dblocks;
	return 0;
}

/* A pool that can't be read leaves LVM's list, with a warning. */
static int join_pool(struct bp_source *source, struct bp_source_volumes *volumes)
{
	struct error_state *saved = error_save(source->ctx);
	struct joining j = { .volumes = volumes };
	int r = bp_source_thin_open(source, NULL, &j.meta);

	if (r == 0)
		r = bp_thin_devices(j.meta, join_device, &j);
	if (r < 0 && r != -ENOMEM)
		bp_warn(source->ctx, "%s: the pool's own list of volumes can't be read: %s",
			source->name, bp_errmsg(source->ctx));
	if (j.meta)
		bp_thin_close(j.meta);
	error_restore(source->ctx, saved);
	return r == -ENOMEM ? bp_fail_memory(source->ctx) : 0;
}

static int compare_id(const void *a, const void *b)
{
	const struct bp_source_volume *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* By id where the pool is known. */
int bp_source_volumes(struct bp_source *source, struct bp_source_volumes **ret)
{
	struct bp_source_volumes *volumes = calloc(1, sizeof(*volumes));
	int r;

	if (!volumes)
		return bp_fail_memory(source->ctx);
	r = add_group_volumes(source, volumes);
	if (r < 0)
		r = bp_fail_memory(source->ctx);
	if (r == 0 && source->kind != BP_SOURCE_VOLUMES) {
		r = join_pool(source, volumes);
		if (volumes->list.count)
			qsort(volumes->list.items, volumes->list.count,
			      sizeof(*volumes->list.items), compare_id);
	}
	if (r < 0) {
		bp_source_volumes_free(volumes);
		return r;
	}
	*ret = volumes;
	return 0;
}
