/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Volumes and pools that the present metadata of LVM does not have under the name that was asked for:
 * removed ones, renamed ones, those of a group in whose place there is another. Promises to say so
 * whenever an older text is used, and never to prefer one to what is there now. Reads only.
 */
#include "rescue/source.h"

#include <inttypes.h>

/* Of an older text: the volume of this name, or where it is NULL its only pool. */
static const struct lvm_lv *wanted_of(const struct lvm_vg *vg, const char *text)
{
	const struct lvm_lv *found = NULL;
	size_t nr = 0;

	for (size_t i = 0; i < vg->nr_lvs; i++) {
		const struct lvm_lv *lv = &vg->lvs[i];

		if (text ? !source_lv_is_called(lv, text)
			 : !streq(lvm_lv_type(lv), "thin-pool"))
			continue;
		found = lv;
		nr++;
	}
	return nr == 1 ? found : NULL;
}

/* What an older text has under that name may have another one now, or its group may. */
static const struct lvm_lv *renamed(const struct lvm_vg *now, const struct lvm_lv *then)
{
	for (size_t i = 0; i < now->nr_lvs; i++) {
		const struct lvm_lv *lv = &now->lvs[i];

		if (streq(lv->uuid, then->uuid) &&
		    !(streq(lv->name, then->name) && streq(now->name, then->vg->name)))
			return lv;
	}
	return NULL;
}

/*
 * The newest older text of @group that has it; or where the volume is still there by another name,
 * @ret_now. NULL: there is none.
 */
static struct lvm_vg *text_with(struct bp_source *source, const struct lvm_group *group,
				const lvm_old_texts *old, const char *text,
				const struct lvm_lv **ret_then, const struct lvm_lv **ret_now)
{
	for (size_t i = old->count; i-- > 0;) {
		struct lvm_vg *vg;

		if (lvm_vg_parse(source->ctx, old->items[i].text, old->items[i].size, &vg) < 0)
			continue;
		*ret_then = wanted_of(vg, text);
		*ret_now = *ret_then ? renamed(group->vg, *ret_then) : NULL;
		if (*ret_then)
			return vg;
		lvm_vg_free(vg);
	}
	return NULL;
}

static void tell_renamed(struct bp_ctx *ctx, const struct lvm_lv *then,
			 const struct lvm_lv *now)
{
	bp_warn(ctx, "%s/%s was renamed: it is %s/%s now", then->vg->name, then->name,
		now->vg->name, now->name);
}

/* An older text that has it counts from here on. @ret: untouched where there is none. */
static int find_removed(struct bp_source *source, struct lvm_group *group, const char *text,
			const struct lvm_lv **ret)
{
	const struct lvm_lv *then = NULL, *now = NULL;
	struct error_state *saved;
	lvm_old_texts old = { 0 };
	struct lvm_vg *vg;
	int r = lvm_scan_old_texts(source->scan, group->vg, &old);

	if (r < 0)
		return r;
	saved = error_save(source->ctx);
	vg = text_with(source, group, &old, text, &then, &now);
	lvm_old_texts_done(&old);
	error_restore(source->ctx, saved);
	if (!vg)
		return 0;
	if (now) {
		tell_renamed(source->ctx, then, now);
		lvm_vg_free(vg);
		*ret = now;
		return 0;
	}
	lvm_scan_use(source->scan, group, vg);
	bp_warn(source->ctx,
		"%s/%s was removed: the newest metadata text that has it, number %" PRIu64
		", is used",
		then->vg->name, then->name, then->vg->seqno);
	*ret = then;
	return 0;
}

/* Groups as they are first; then their older texts, as far as the rings have them. */
int source_find_removed(struct bp_source *source, const char *text,
			const struct lvm_group **ret_group, const struct lvm_lv **ret_lv)
{
	int r = 0;

	for (size_t g = 0; r == 0 && !*ret_lv && g < source->scan->groups.count; g++) {
		*ret_group = &source->scan->groups.items[g];
		r = find_removed(source, &source->scan->groups.items[g], text, ret_lv);
	}
	return r;
}

/* The only pool of groups that were replaced by one in which nothing is yet. */
static int find_replaced_pool(struct bp_source *source, const struct lvm_group **ret_group,
			      const struct lvm_lv **ret_lv)
{
	size_t before = source->scan->groups.count, nr = 0;
	int r = lvm_scan_replaced(source->scan);

	for (size_t g = before; r == 0 && g < source->scan->groups.count; g++) {
		struct lvm_group *group = &source->scan->groups.items[g];
		const struct lvm_lv *lv = wanted_of(group->vg, NULL);

		if (!lv && !group->vg->nr_lvs)
			r = find_removed(source, group, NULL, &lv);
		if (!lv || nr++)
			continue;
		*ret_group = group;
		*ret_lv = lv;
	}
	if (nr > 1)
		*ret_lv = NULL; /* 'probe' lists them */
	return r;
}

/*
 * Only where a group has no volume left: one with volumes was not removed, and its old
 * pools are old.
 */
int source_find_removed_pool(struct bp_source *source, const struct lvm_group *only,
			     const struct lvm_group **ret_group, const struct lvm_lv **ret_lv)
{
	bool empty = false;
	int r = 0;

	for (size_t g = 0; r == 0 && !*ret_lv && g < source->scan->groups.count; g++) {
		struct lvm_group *group = &source->scan->groups.items[g];

		if ((only && only != group) || group->vg->nr_lvs)
			continue;
		empty = true;
		r = find_removed(source, group, NULL, ret_lv);
		*ret_group = group;
	}
	return r < 0 || *ret_lv || !empty ? r : find_replaced_pool(source, ret_group, ret_lv);
}
