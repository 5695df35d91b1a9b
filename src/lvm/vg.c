/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a text's tree to a volume group: types, units, and references resolved by name. Promises
 * that every reference it hands out lies inside of the group, and that segments cover their volume
 * without gaps, in order. Unknown words in status and flags are left to whoever shows them.
 */
#include "lvm/vg.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define EXTENT_MAX_SECTORS (UINT64_C(1) << 32)

static int wrong(struct bp_ctx *ctx, const struct text_node *where, const char *what)
{
	bp_fail(ctx, -EINVAL, "LVM metadata: '%s': %s", where->key, what);
	error_set_code(ctx, BP_E_FORMAT);
	return -EINVAL;
}

static size_t count_sections(const struct text_node *section)
{
	size_t n = 0;

	for (const struct text_node *s = section ? section->child : NULL; s; s = s->next)
		n += s->kind == TEXT_SECTION;
	return n;
}

/* Sectors of the text as bytes; false: they do not fit. */
static bool sectors(const struct text_node *section, const char *key, bp_bytes *ret)
{
	uint64_t n = text_number(section, key, 0);

	return !mul_overflow(n, BP_SECTOR_BYTES, ret);
}

/* Sizes in the text are sectors, here bytes. */
static int read_pv(struct bp_ctx *ctx, const struct text_node *node, struct lvm_pv *pv)
{
	*pv = (struct lvm_pv){
		.name = node->key,
		.uuid = text_string(node, "id"),
		.device_hint = text_string(node, "device"),
		.pe_count = text_number(node, "pe_count", 0),
		.missing_flag = text_has(node, "flags", "MISSING") ||
				text_has(node, "status", "MISSING"),
		.node = node,
	};
	if (!pv->uuid)
		return wrong(ctx, node, "a physical volume without id");
	if (!sectors(node, "pe_start", &pv->pe_start) ||
	    !sectors(node, "dev_size", &pv->dev_size))
		return wrong(ctx, node, "a size beyond all bounds");
	return 0;
}

static int read_pvs(struct bp_ctx *ctx, struct lvm_vg *vg)
{
	const struct text_node *section = text_section(vg->node, "physical_volumes");
	size_t n = count_sections(section);

	vg->pvs = arena_array(&vg->arena, n, sizeof(*vg->pvs));
	if (!vg->pvs)
		return bp_fail_memory(ctx);
	for (const struct text_node *s = section ? section->child : NULL; s; s = s->next) {
		int r = s->kind == TEXT_SECTION ? read_pv(ctx, s, &vg->pvs[vg->nr_pvs++]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

const struct lvm_lv *lvm_lv_find(const struct lvm_vg *vg, const char *name)
{
	for (size_t i = 0; name && i < vg->nr_lvs; i++)
		if (streq(vg->lvs[i].name, name))
			return &vg->lvs[i];
	return NULL;
}

/* A name in a segment is a PV's ("pv0") or a volume's; PVs are looked through first. */
static bool resolve(const struct lvm_vg *vg, const char *name, struct lvm_ref *ret)
{
	for (size_t i = 0; i < vg->nr_pvs; i++)
		if (streq(vg->pvs[i].name, name)) {
			ret->pv = &vg->pvs[i];
			return true;
		}
	ret->lv = lvm_lv_find(vg, name);
	return ret->lv != NULL;
}

/* The list of each type that has one; pairs are name and first extent. */
static const struct {
	const char *type, *key;
	bool pairs;
} lists[] = {
	{ "striped", "stripes", true },   { "mirror", "mirrors", true },
	{ "raid0", "raid0_lvs", false },  { "raid0", "stripes", true },
	{ "raid0_meta", "raids", false }, { "raid", "raids", false },
};

/*
 * Which list holds the parts depends on the type: "stripes" are pairs of name and first
 * extent, "raids" names only.
 */
static const struct text_node *find_list(const struct lvm_segment *seg, bool *ret_pairs)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct text_node *items = text_items(seg->node, lists[i].key);
		bool raid = streq(lists[i].type, "raid") && strncmp(seg->type, "raid", 4) == 0;

		if (items && (raid || streq(lists[i].type, seg->type))) {
			*ret_pairs = lists[i].pairs;
			return items;
		}
	}
	return NULL;
}

static int read_refs(struct bp_ctx *ctx, struct lvm_vg *vg, struct lvm_segment *seg)
{
	bool pairs = false;
	const struct text_node *items = find_list(seg, &pairs);
	size_t n = 0;

	for (const struct text_node *i = items; i; i = i->next)
		n++;
	seg->refs = arena_array(&vg->arena, n, sizeof(*seg->refs));
	if (!seg->refs)
		return bp_fail_memory(ctx);
	for (const struct text_node *i = items; i; i = i->next) {
		struct lvm_ref ref = { 0 };

		/* LVM itself knows the metadata parts of a raid by their names. */
		if (i->kind == TEXT_STRING && !pairs && strstr(i->string, "_rmeta_"))
			continue;
		if (i->kind != TEXT_STRING || !resolve(vg, i->string, &ref))
			return wrong(ctx, seg->node, "refers to what is not there");
		if (pairs) {
			i = i->next;
			if (!i || i->kind != TEXT_NUMBER || i->number < 0)
				return wrong(ctx, seg->node, "a first extent is missing");
			ref.start_extent = (uint64_t)i->number;
		}
		seg->refs[seg->nr_refs++] = ref;
	}
	return 0;
}

/* "cache+CACHE_USES_CACHEVOL" is a cache. */
static const char *type_word(struct lvm_vg *vg, const struct text_node *node)
{
	const char *type = text_string(node, "type");

	if (!type)
		return "striped";
	return arena_strndup(&vg->arena, type, strcspn(type, "+"));
}

/* Bounds are checked here once, so that sums of extents in bytes can't overflow later. */
static int read_segment(struct bp_ctx *ctx, struct lvm_vg *vg, const struct text_node *node,
			struct lvm_segment *seg)
{
	uint64_t end, bytes;

	*seg = (struct lvm_segment){
		.node = node,
		.start_extent = text_number(node, "start_extent", UINT64_MAX),
		.extent_count = text_number(node, "extent_count", 0),
		.type = type_word(vg, node),
	};
	if (!seg->type)
		return bp_fail_memory(ctx);
	if (seg->start_extent == UINT64_MAX || !seg->extent_count)
		return wrong(ctx, node, "a segment without extents");
	if (add_overflow(seg->start_extent, seg->extent_count, &end) ||
	    mul_overflow(end, vg->extent_bytes, &bytes) ||
	    !sectors(node, "stripe_size", &seg->stripe_bytes))
		return wrong(ctx, node, "a size beyond all bounds");
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct lvm_segment *x = a, *y = b;

	return x->start_extent < y->start_extent ? -1 : x->start_extent > y->start_extent;
}

/* Sorted, without gaps or overlaps, from extent 0: every later search relies on that. */
static int read_segments(struct bp_ctx *ctx, struct lvm_vg *vg, struct lvm_lv *lv)
{
	uint64_t next = 0;

	assert(lv->node); /* what it was made of */
	lv->segments = arena_array(&vg->arena, count_sections(lv->node), sizeof(*lv->segments));
	if (!lv->segments)
		return bp_fail_memory(ctx);
	for (const struct text_node *s = lv->node->child; s; s = s->next) {
		int r = 0;

		if (s->kind == TEXT_SECTION && strncmp(s->key, "segment", 7) == 0)
			r = read_segment(ctx, vg, s, &lv->segments[lv->nr_segments++]);
		if (r < 0)
			return r;
	}
	if (lv->nr_segments)
		qsort(lv->segments, lv->nr_segments, sizeof(*lv->segments), by_start);
	for (size_t i = 0; i < lv->nr_segments; i++) {
		if (lv->segments[i].start_extent != next)
			return wrong(ctx, lv->node, "its segments leave a gap, or overlap");
		next += lv->segments[i].extent_count;
	}
	lv->size = next * vg->extent_bytes;
	return 0;
}

/* In two passes: all names first, then what they refer to. */
static int read_lvs(struct bp_ctx *ctx, struct lvm_vg *vg)
{
	const struct text_node *section = text_section(vg->node, "logical_volumes");
	int r = 0;

	vg->lvs = arena_array(&vg->arena, count_sections(section), sizeof(*vg->lvs));
	if (!vg->lvs)
		return bp_fail_memory(ctx);
	for (const struct text_node *s = section ? section->child : NULL; s; s = s->next)
		if (s->kind == TEXT_SECTION)
			vg->lvs[vg->nr_lvs++] = (struct lvm_lv){
				.vg = vg,
				.name = s->key,
				.uuid = text_string(s, "id"),
				.node = s,
			};
	for (size_t i = 0; r == 0 && i < vg->nr_lvs; i++)
		r = read_segments(ctx, vg, &vg->lvs[i]);
	/* References may be to volumes that come later. */
	for (size_t i = 0; r == 0 && i < vg->nr_lvs; i++)
		for (size_t s = 0; r == 0 && s < vg->lvs[i].nr_segments; s++)
			r = read_refs(ctx, vg, &vg->lvs[i].segments[s]);
	return r;
}

/*
 * What a user sees: what the text calls visible, but not the carriers of old snapshots; and the
 * store of such a snapshot, which has the snapshot's name.
 */
static void mark_visible(struct lvm_vg *vg)
{
	for (size_t i = 0; i < vg->nr_lvs; i++)
		vg->lvs[i].visible = text_has(vg->lvs[i].node, "status", "VISIBLE") &&
				     !streq(lvm_lv_type(&vg->lvs[i]), "snapshot");
	for (size_t i = 0; i < vg->nr_lvs; i++) {
		const struct lvm_lv *store = NULL;

		if (streq(lvm_lv_type(&vg->lvs[i]), "snapshot"))
			store = lvm_lv_named_by(&vg->lvs[i], "cow_store");
		if (store)
			vg->lvs[store - vg->lvs].visible = true;
	}
}

/* The group is the section with an id: its name is not known before. */
static int read_vg(struct bp_ctx *ctx, struct lvm_vg *vg)
{
	bp_bytes extent;
	int r;

	for (const struct text_node *n = vg->top->child; n && !vg->node; n = n->next)
		if (n->kind == TEXT_SECTION && text_string(n, "id"))
			vg->node = n;
	if (!vg->node)
		return wrong(ctx, vg->top, "there is no volume group in it");
	vg->name = vg->node->key;
	vg->uuid = text_string(vg->node, "id");
	vg->seqno = text_number(vg->node, "seqno", 0);
	vg->description = text_string(vg->top, "description");
	vg->creation_time = text_number(vg->top, "creation_time", 0);
	if (!sectors(vg->node, "extent_size", &extent) || !extent ||
	    extent > bp_sector_to_bytes(EXTENT_MAX_SECTORS))
		return wrong(ctx, vg->node, "an extent size that can't be");
	vg->extent_bytes = extent;
	r = read_pvs(ctx, vg);
	if (r == 0)
		r = read_lvs(ctx, vg);
	if (r == 0)
		mark_visible(vg);
	return r;
}

/* What is parsed lies in the group's arena and lives as long as it; @text may go. */
int lvm_vg_parse(struct bp_ctx *ctx, const char *text, size_t len, struct lvm_vg **ret)
{
	_cleanup_(lvm_vg_freep) struct lvm_vg *vg = calloc(1, sizeof(*vg));
	struct text_error error = { 0 };
	int r;

	if (!vg)
		return bp_fail_memory(ctx);
	r = text_parse(&vg->arena, text, len, &vg->top, NULL, &error);
	if (r == -ENOMEM)
		return bp_fail_memory(ctx);
	if (r < 0) {
		bp_fail(ctx, r, "LVM metadata: line %u: %s", error.line, error.what);
		error_set_code(ctx, BP_E_FORMAT);
		return r;
	}
	r = read_vg(ctx, vg);
	if (r == 0)
		*ret = steal(vg);
	return r;
}

void lvm_vg_free(struct lvm_vg *vg)
{
	if (!vg)
		return;
	arena_done(&vg->arena);
	free(vg);
}

const struct lvm_lv *lvm_lv_named_by(const struct lvm_lv *lv, const char *key)
{
	if (!lv->nr_segments)
		return NULL;
	return lvm_lv_find(lv->vg, text_string(lv->segments[0].node, key));
}

const char *lvm_lv_type(const struct lvm_lv *lv)
{
	return lv->nr_segments ? lv->segments[0].type : "";
}

/* Of striped segments, the only ones that lie on PVs and have several: each has its share. */
static uint64_t on_pvs(const struct lvm_segment *seg)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < seg->nr_refs; i++)
		nr += seg->refs[i].pv ? seg->extent_count / seg->nr_refs : 0;
	return nr;
}

uint64_t lvm_vg_free_extents(const struct lvm_vg *vg)
{
	uint64_t all = 0, used = 0;

	for (size_t i = 0; i < vg->nr_pvs; i++)
		if (add_overflow(all, vg->pvs[i].pe_count, &all))
			return 0;
	for (size_t l = 0; l < vg->nr_lvs; l++)
		for (size_t s = 0; s < vg->lvs[l].nr_segments; s++)
			if (add_overflow(used, on_pvs(&vg->lvs[l].segments[s]), &used))
				return 0;
	return all - MIN(all, used);
}
