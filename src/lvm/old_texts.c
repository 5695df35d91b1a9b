/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history of a group: every text of it that its PVs' rings still hold, each number once, by number.
 * Promises nothing of those in between: a ring comes around, and has as many as fit it.
 */
#include "lvm/scan.h"

#include <stdlib.h>

/* Is the old text one of this group? */
static bool is_of(const struct lvm_old_text *old, const struct lvm_vg *vg)
{
	struct arena arena = { 0 };
	const struct text_node *top;
	bool same = false;

	if (text_parse(&arena, old->text, old->size, &top, NULL, NULL) == 0)
		for (const struct text_node *n = top->child; n; n = n->next) {
			const char *id = text_string(n, "id");

			same |= n->kind == TEXT_SECTION && id && streq(id, vg->uuid);
		}
	arena_done(&arena);
	return same;
}

static int by_seqno(const void *a, const void *b)
{
	const struct lvm_old_text *x = a, *y = b;

	return x->seqno < y->seqno ? -1 : x->seqno > y->seqno;
}

/* Each PV has all texts of its group: one of each number is enough. Sorted by number. */
static void drop_repeated(lvm_old_texts *texts)
{
	size_t kept = 0;

	if (texts->count)
		qsort(texts->items, texts->count, sizeof(*texts->items), by_seqno);
	for (size_t i = 0; i < texts->count; i++) {
		if (kept && texts->items[kept - 1].seqno == texts->items[i].seqno)
			free(texts->items[i].text);
		else
			texts->items[kept++] = texts->items[i];
	}
	texts->count = kept;
}

/* Those of @ring that are of @vg move to @ret; the rest is freed. */
static int take_own(lvm_old_texts *ring, const struct lvm_vg *vg, lvm_old_texts *ret)
{
	int r = 0;

	for (size_t i = 0; i < ring->count; i++) {
		if (r == 0 && is_of(&ring->items[i], vg)) {
			r = vec_add(ret, &ring->items[i]);
			if (r == 0)
				continue;
		}
		free(ring->items[i].text);
	}
	vec_done(ring);
	return r;
}

/*
 * Numbers rise with each change of the group: the result is its history, as far as the
 * rings go back.
 */
int lvm_scan_old_texts(const struct lvm_scan *scan, const struct lvm_vg *vg, lvm_old_texts *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < vg->nr_pvs; i++) {
		const struct lvm_found *f = vg->pvs[i].found;

		for (unsigned m = 0; r == 0 && f && m < f->label.nr_mdas; m++) {
			lvm_old_texts ring = { 0 };

			r = lvm_ring_read(f->image, f->offset, &f->label.mdas[m], &ring);
			if (r == 0)
				r = take_own(&ring, vg, ret);
		}
	}
	drop_repeated(ret);
	if (r < 0)
		lvm_old_texts_done(ret);
	return r < 0 ? bp_fail(scan->ctx, r, "VG '%s': cannot read its old metadata: %s",
			       vg->name, strerrordesc_np(-r))
		     : 0;
}
