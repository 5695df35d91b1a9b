/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the bytes of a logical volume are: linear, striped, mirrored and raid segments, down to
 * images. Promises to take no memory for each extent, and to end on texts that refer to themselves.
 * It does not look into caches, snapshots and thin pools: who can is asked.
 *
 * Layouts of raid4 to raid6 as Linux has them (drivers/md/raid5.c), raid10 "near" (raid10.c).
 */
#include "lvm/vg.h"

#include <inttypes.h>

#define DEPTH_MAX 16
#define MAPS_MAX  65536u /* of one volume with all below: far beyond what LVM makes */

struct builder {
	struct bp_ctx *ctx;
	lvm_other_fn other;
	void *user;
	unsigned depth, maps;
};

/* Where chunk @chunk of the data lies: in which child, in which row. */
struct chunk_place {
	unsigned child;
	uint64_t row;
	unsigned parity, second; /* children that hold P and Q; UINT_MAX: none */
};

struct layout {
	const char *type;
	unsigned nr_parity;
	/* Fills parity, second and child from the row, which is set, and the number in it. */
	void (*place)(unsigned n, unsigned index, struct chunk_place *place);
};

struct part {
	const struct lvm_segment *seg;
	const struct layout *layout;
	bp_bytes begin, end; /* in the volume */
	struct map **children;
	size_t nr_children;
	bp_bytes *starts; /* in each child */
	unsigned copies;  /* of raid10 */
};

struct lv_map {
	struct map map;
	struct part *parts;
	size_t nr_parts;
};

/* --- a physical volume --- */

struct pv_map {
	struct map map;
	const struct raw_image *image; /* NULL: not there */
	bp_bytes offset;
};

static void missing(struct map_piece *ret, bp_bytes length, const char *why)
{
	*ret = (struct map_piece){ .kind = MAP_MISSING, .length = length, .why = why };
}

/*
 * Extents begin at pe_start, m->offset; bytes that an image lacks are missing, not an
 * error: other volumes are whole.
 */
static int pv_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	const struct pv_map *m = (const struct pv_map *)(const void *)map;
	bp_bytes offset;

	if (!m->image)
		missing(ret, max, "on a missing PV");
	else if (add_overflow(m->offset, at, &offset) || offset >= m->image->size)
		missing(ret, max, "behind the end of the image");
	else {
		*ret = (struct map_piece){ .kind = MAP_DATA, .nr_places = 1 };
		ret->length = MIN(max, m->image->size - offset);
		ret->places[0] = (struct map_place){ m->image, offset };
	}
	return 0;
}

static void pv_map_free(struct map *map)
{
	free(map);
}

static const struct map_ops pv_ops = { .locate = pv_locate, .free = pv_map_free };

/*
 * A size that overflows is that of a damaged text: the map is then empty, and all in it out
 * of range.
 */
static int pv_map_new(const struct lvm_vg *vg, const struct lvm_pv *pv, struct map **ret)
{
	struct pv_map *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->map.ops = &pv_ops;
	if (mul_overflow(pv->pe_count, vg->extent_bytes, &m->map.size))
		m->map.size = 0;
	if (pv->found && !pv->found->ambiguous &&
	    !add_overflow(pv->found->offset, pv->pe_start, &m->offset))
		m->image = pv->found->image;
	*ret = &m->map;
	return 0;
}

/* --- raid layouts --- */

/* The images in order, without those of parity. */
static unsigned skip_parity(unsigned index, unsigned p, unsigned q)
{
	unsigned low = MIN(p, q), high = MAX(p, q);

	if (index >= low)
		index++;
	if (index >= high)
		index++;
	return index;
}

static void raid4(unsigned n, unsigned index, struct chunk_place *place)
{
	(void)n;
	place->parity = 0;
	place->child = index + 1;
}

static void raid5_n(unsigned n, unsigned index, struct chunk_place *place)
{
	place->parity = n - 1;
	place->child = index;
}

static void raid5_ls(unsigned n, unsigned index, struct chunk_place *place)
{
	place->parity = n - 1 - (unsigned)(place->row % n);
	place->child = (place->parity + 1 + index) % n;
}

static void raid5_la(unsigned n, unsigned index, struct chunk_place *place)
{
	place->parity = n - 1 - (unsigned)(place->row % n);
	place->child = index + (index >= place->parity);
}

static void raid5_rs(unsigned n, unsigned index, struct chunk_place *place)
{
	place->parity = (unsigned)(place->row % n);
	place->child = (place->parity + 1 + index) % n;
}

static void raid5_ra(unsigned n, unsigned index, struct chunk_place *place)
{
	place->parity = (unsigned)(place->row % n);
	place->child = index + (index >= place->parity);
}

static void raid6_zr(unsigned n, unsigned index, struct chunk_place *place)
{
	place->parity = (unsigned)(place->row % n);
	place->second = (place->parity + 1) % n;
	place->child = skip_parity(index, place->parity, place->second);
}

static void raid6_nr(unsigned n, unsigned index, struct chunk_place *place)
{
	place->parity = n - 1 - (unsigned)((place->row + 1) % n);
	place->second = (place->parity + 1) % n;
	place->child = skip_parity(index, place->parity, place->second);
}

static void raid6_nc(unsigned n, unsigned index, struct chunk_place *place)
{
	place->parity = n - 1 - (unsigned)(place->row % n);
	place->second = (place->parity + n - 1) % n;
	place->child = (place->parity + 1 + index) % n;
}

static void raid6_n_6(unsigned n, unsigned index, struct chunk_place *place)
{
	place->parity = n - 2;
	place->second = n - 1;
	place->child = index;
}

/* raid5 on all images but the last, which has Q. */
#define RAID6_ON_RAID5(name, of)                                                               \
	static void name(unsigned n, unsigned index, struct chunk_place *place)                \
	{                                                                                      \
		of(n - 1, index, place);                                                       \
		place->second = n - 1;                                                         \
	}
RAID6_ON_RAID5(raid6_ls_6, raid5_ls)
RAID6_ON_RAID5(raid6_la_6, raid5_la)
RAID6_ON_RAID5(raid6_rs_6, raid5_rs)
RAID6_ON_RAID5(raid6_ra_6, raid5_ra)

static const struct layout layouts[] = {
	{ "raid4", 1, raid4 },           { "raid5", 1, raid5_ls },
	{ "raid5_ls", 1, raid5_ls },     { "raid5_la", 1, raid5_la },
	{ "raid5_rs", 1, raid5_rs },     { "raid5_ra", 1, raid5_ra },
	{ "raid5_n", 1, raid5_n },       { "raid6", 2, raid6_zr },
	{ "raid6_zr", 2, raid6_zr },     { "raid6_nr", 2, raid6_nr },
	{ "raid6_nc", 2, raid6_nc },     { "raid6_n_6", 2, raid6_n_6 },
	{ "raid6_ls_6", 2, raid6_ls_6 }, { "raid6_la_6", 2, raid6_la_6 },
	{ "raid6_rs_6", 2, raid6_rs_6 }, { "raid6_ra_6", 2, raid6_ra_6 },
};

static const struct layout *find_layout(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		if (streq(layouts[i].type, type))
			return &layouts[i];
	return NULL;
}

/* Types whose bytes lie in place on PVs; pools and caches need their metadata for that. */
bool lvm_type_is_plain(const char *type)
{
	static const char *const plain[] = { "striped", "linear",    "mirror",    "raid1",
					     "raid0",   "raid10",    "integrity", "error",
					     "zero",    "raid0_meta" };

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (streq(plain[i], type))
			return true;
	return find_layout(type) != NULL;
}

/* --- locating --- */

static int child_locate(const struct part *part, size_t i, bp_bytes at, bp_bytes max,
			struct map_piece *ret)
{
	if (add_overflow(part->starts[i], at, &at))
		return -ERANGE;
	return map_locate(part->children[i], at, max, ret);
}

/* Copies on several children: all places that have data. */
static int copies_locate(const struct part *part, const size_t *which, size_t nr, bp_bytes at,
			 bp_bytes max, struct map_piece *ret)
{
	missing(ret, max, "all copies are missing");
	for (size_t i = 0; i < nr; i++) {
		struct map_piece one;
		int r = child_locate(part, which[i], at, ret->length, &one);

		if (r < 0)
			return r;
		if (one.kind == MAP_MISSING || (one.kind != MAP_DATA && ret->nr_places)) {
			ret->length = one.length;
			continue;
		}
		if (ret->kind != MAP_DATA) {
			*ret = one;
			continue;
		}
		ret->length = one.length;
		for (unsigned p = 0; p < one.nr_places && ret->nr_places < MAP_COPIES_MAX; p++)
			ret->places[ret->nr_places++] = one.places[p];
	}
	return 0;
}

static int mirror_locate(const struct part *part, bp_bytes at, bp_bytes max,
			 struct map_piece *ret)
{
	size_t which[MAP_COPIES_MAX], nr = 0;

	/* Those that were not complete are no copies; those slow to write come last. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < part->nr_children && nr < MAP_COPIES_MAX; i++) {
			const struct lvm_lv *lv = part->seg->refs[i].lv;
			bool later = lv && text_has(lv->node, "status", "WRITEMOSTLY");

			if (lv && text_has(lv->node, "status", "REBUILD"))
				continue;
			if (later == (pass == 1))
				which[nr++] = i;
		}
	return copies_locate(part, which, nr, at, max, ret);
}

static int stripe_locate(const struct part *part, bp_bytes at, bp_bytes max,
			 struct map_piece *ret)
{
	bp_bytes size = part->seg->stripe_bytes, chunk = at / size, in = at % size;
	uint64_t n = part->nr_children;

	return child_locate(part, (size_t)(chunk % n), chunk / n * size + in,
			    MIN(max, size - in), ret);
}

/*
 * LVM's "near" layout: copies of a chunk lie side by side, chunk c's first in child c *
 * copies mod n. Source: Linux, drivers/md/raid10.c.
 */
static int raid10_locate(const struct part *part, bp_bytes at, bp_bytes max,
			 struct map_piece *ret)
{
	bp_bytes size = part->seg->stripe_bytes, chunk = at / size, in = at % size;
	size_t which[MAP_COPIES_MAX];
	uint64_t n = part->nr_children, first = chunk * part->copies;

	/* The copies of a chunk may lie in two rows: ask for each row's of them by itself. */
	missing(ret, MIN(max, size - in), "all copies are missing");
	for (unsigned c = 0; c < part->copies; c++) {
		struct map_piece one;
		int r;

		which[0] = (size_t)((first + c) % n);
		r = copies_locate(part, which, 1, (first + c) / n * size + in, ret->length,
				  &one);
		if (r < 0)
			return r;
		if (one.kind == MAP_DATA && ret->kind == MAP_DATA) {
			ret->length = one.length;
			if (ret->nr_places < MAP_COPIES_MAX)
				ret->places[ret->nr_places++] = one.places[0];
		} else if (one.kind != MAP_MISSING && ret->kind == MAP_MISSING) {
			*ret = one;
		} else {
			ret->length = MIN(ret->length, one.length);
		}
	}
	return 0;
}

/* A lost chunk is the exclusive or of the others in its row, Q left aside. */
static int rebuild(const struct part *part, const struct chunk_place *place, bp_bytes at,
		   bp_bytes max, struct map_piece *ret)
{
	struct map_piece sum = { .kind = MAP_XOR, .length = max };

	for (unsigned i = 0; i < part->nr_children; i++) {
		struct map_piece one;
		int r;

		if (i == place->child || i == place->second)
			continue;
		r = child_locate(part, i, at, sum.length, &one);
		if (r < 0)
			return r;
		sum.length = one.length;
		if (one.kind == MAP_ZERO)
			continue;
		if (one.kind != MAP_DATA || sum.nr_places == MAP_COPIES_MAX) {
			missing(ret, one.length,
				"more images are missing than the raid can lose");
			return 0;
		}
		sum.places[sum.nr_places++] = one.places[0];
	}
	*ret = sum;
	return 0;
}

/*
 * A chunk that is missing comes back as the xor of its row; two of them can't, as the
 * second parity is not used here.
 */
static int parity_locate(const struct part *part, bp_bytes at, bp_bytes max,
			 struct map_piece *ret)
{
	bp_bytes size = part->seg->stripe_bytes, chunk = at / size, in = at % size;
	unsigned n = (unsigned)part->nr_children, data = n - part->layout->nr_parity;
	struct chunk_place place = { .row = chunk / data, .second = UINT32_MAX };
	bp_bytes in_child;
	int r;

	part->layout->place(n, (unsigned)(chunk % data), &place);
	in_child = place.row * size + in;
	r = child_locate(part, place.child, in_child, MIN(max, size - in), ret);
	if (r == 0 && ret->kind == MAP_MISSING)
		r = rebuild(part, &place, in_child, ret->length, ret);
	return r;
}

static int part_locate(const struct part *part, bp_bytes at, bp_bytes max,
		       struct map_piece *ret)
{
	const char *type = part->seg->type;

	if (streq(type, "zero")) {
		*ret = (struct map_piece){ .kind = MAP_ZERO, .length = max };
		return 0;
	}
	if (part->nr_children == 0) {
		missing(ret, max, "an error segment");
		return 0;
	}
	if (part->layout)
		return parity_locate(part, at, max, ret);
	if (streq(type, "mirror") || streq(type, "raid1"))
		return mirror_locate(part, at, max, ret);
	if (streq(type, "raid10"))
		return raid10_locate(part, at, max, ret);
	if (part->nr_children == 1)
		return child_locate(part, 0, at, max, ret);
	return stripe_locate(part, at, max, ret);
}

/* Parts are sorted and leave no gap (lvm_vg_parse() sees to that): there is always one. */
static const struct part *part_at(const struct lv_map *m, bp_bytes at)
{
	size_t low = 0, high = m->nr_parts;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (m->parts[mid].begin <= at)
			low = mid;
		else
			high = mid;
	}
	return &m->parts[low];
}

static int lv_locate(struct map *map, bp_bytes at, bp_bytes max, struct map_piece *ret)
{
	const struct lv_map *m = (const struct lv_map *)(const void *)map;
	const struct part *part = part_at(m, at);

	return part_locate(part, at - part->begin, MIN(max, part->end - at), ret);
}

static void lv_map_free(struct map *map)
{
	struct lv_map *m = (struct lv_map *)(void *)map;

	for (size_t i = 0; i < m->nr_parts; i++) {
		for (size_t c = 0; c < m->parts[i].nr_children; c++)
			map_free(m->parts[i].children[c]);
		free(m->parts[i].children);
		free(m->parts[i].starts);
	}
	free(m->parts);
	free(m);
}

static const struct map_ops lv_ops = { .locate = lv_locate, .free = lv_map_free };

/* --- building --- */

static int build_lv(struct builder *b, const struct lvm_lv *lv, struct map **ret);

static int build_ref(struct builder *b, const struct lvm_vg *vg, const struct lvm_ref *ref,
		     struct map **ret)
{
	int r;

	if (ref->pv) {
		r = pv_map_new(vg, ref->pv, ret);
		return r < 0 ? bp_fail_memory(b->ctx) : 0;
	}
	return build_lv(b, ref->lv, ret);
}

/* What stands in a key of its own, not in a list. */
static void single_ref(const struct lvm_lv *lv, const struct lvm_segment *seg,
		       struct lvm_ref *ret)
{
	if (streq(seg->type, "integrity"))
		ret->lv = lvm_lv_find(lv->vg, text_string(seg->node, "origin"));
}

static int refuse(struct builder *b, const struct lvm_lv *lv, const char *why)
{
	bp_fail(b->ctx, -ENOTSUP, "LV '%s': %s", lv->name, why);
	error_set_code(b->ctx, BP_E_FORMAT);
	return -ENOTSUP;
}

/* What would lead us astray if it were taken for more usual. */
static int check_part(struct builder *b, const struct lvm_lv *lv, const struct part *part,
		      size_t nr)
{
	const struct lvm_segment *seg = part->seg;
	bool striped = part->layout || streq(seg->type, "raid10") || nr > 1;

	if (text_number(seg->node, "data_offset", 0) ||
	    text_number(seg->node, "reshape_count", 0))
		return refuse(b, lv,
			      "a reshape is under way: its data can't be found from here");
	if (streq(seg->type, "mirror") || streq(seg->type, "raid1") || nr == 0)
		return 0;
	if (striped && !seg->stripe_bytes)
		return refuse(b, lv, "stripes without a size");
	if (part->layout && nr <= part->layout->nr_parity + (part->layout->nr_parity == 2))
		return refuse(b, lv, "fewer images than its raid type needs");
	if (streq(seg->type, "raid10") && (part->copies < 1 || part->copies > nr))
		return refuse(b, lv, "more copies than images");
	return 0;
}

/*
 * nr_children grows with each that is whole, so that lv_map_free() frees those and no
 * others.
 */
static int build_children(struct builder *b, const struct lvm_lv *lv, struct part *part,
			  const struct lvm_ref *refs, size_t nr)
{
	if (nr == 0)
		return 0;
	part->children = calloc(nr, sizeof(struct map *));
	part->starts = calloc(nr, sizeof(*part->starts));
	if (!part->children || !part->starts)
		return bp_fail_memory(b->ctx);
	for (size_t i = 0; i < nr; i++) {
		int r;

		if (mul_overflow(refs[i].start_extent, lv->vg->extent_bytes, &part->starts[i]))
			return refuse(b, lv, "an extent beyond all bounds");
		r = build_ref(b, lv->vg, &refs[i], &part->children[i]);
		if (r < 0)
			return r;
		part->nr_children++;
	}
	return 0;
}

/* data_copies is raid10's; 2 is what LVM leaves out. */
static int build_part(struct builder *b, const struct lvm_lv *lv, const struct lvm_segment *seg,
		      struct part *part)
{
	bp_bytes extent = lv->vg->extent_bytes;
	struct lvm_ref single = { 0 };
	size_t nr = seg->nr_refs;
	int r;

	part->seg = seg;
	part->layout = find_layout(seg->type);
	part->begin = seg->start_extent * extent;
	part->end = part->begin + seg->extent_count * extent;
	part->copies = (unsigned)MIN(text_number(seg->node, "data_copies", 2), UINT32_MAX);
	single_ref(lv, seg, &single);
	if (single.lv)
		nr = 1;
	r = check_part(b, lv, part, nr);
	return r < 0 ? r : build_children(b, lv, part, single.lv ? &single : seg->refs, nr);
}

static bool is_plain(const struct lvm_lv *lv)
{
	for (size_t i = 0; i < lv->nr_segments; i++)
		if (!lvm_type_is_plain(lv->segments[i].type))
			return false;
	return lv->nr_segments > 0;
}

static int build_parts(struct builder *b, const struct lvm_lv *lv, struct map **ret)
{
	struct lv_map *m = calloc(1, sizeof(*m));
	struct part *parts = calloc(lv->nr_segments, sizeof(*parts));
	int r = 0;

	if (!m || !parts) {
		free(m);
		free(parts);
		return bp_fail_memory(b->ctx);
	}
	m->map = (struct map){ .ops = &lv_ops, .size = lv->size };
	m->parts = parts;
	for (size_t i = 0; r == 0 && i < lv->nr_segments; i++)
		r = build_part(b, lv, &lv->segments[i], &m->parts[m->nr_parts++]);
	if (r < 0)
		lv_map_free(&m->map);
	else
		*ret = &m->map;
	return r;
}

/* Depth and number are bounded: a damaged text can make volumes of each other. */
static int build_lv(struct builder *b, const struct lvm_lv *lv, struct map **ret)
{
	int r;

	if (b->depth >= DEPTH_MAX || b->maps >= MAPS_MAX)
		return refuse(b, lv, "its parts lie on one another without end");
	b->depth++;
	b->maps++;
	if (is_plain(lv))
		r = build_parts(b, lv, ret);
	else if (b->other)
		r = b->other(b->user, lv, ret);
	else
		r = refuse(b, lv, "a type that can't be read from here");
	b->depth--;
	return r;
}

int lvm_lv_map(struct bp_ctx *ctx, const struct lvm_lv *lv, lvm_other_fn other, void *user,
	       struct map **ret)
{
	struct builder b = { .ctx = ctx, .other = other, .user = user };

	return build_lv(&b, lv, ret);
}
