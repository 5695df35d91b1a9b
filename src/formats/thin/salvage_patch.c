/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parts that are lost of devices of which something is left: what an older tree of the same device
 * had at the same virtual blocks. Nothing proves that it still had it, so this makes the device
 * doubtful. What was freed and used again since can look like part of an older tree: one is
 * believed only if it is whole and has as many mappings as some details of the device say. Where
 * several devices share the lost part, each of them must have had the mapping.
 */
#include "formats/thin/salvage.h"

/* Nodes looked at, of all devices; beyond this, what is lost stays lost. */
#define STEPS_MAX 200000000u
/* Nodes of one entry each that a lost inner node can be made of, each a leaf below. */
#define FILLED_MAX ((uint32_t)(node_capacity(sizeof(le64)) * node_capacity(sizeof(le64))))

/* A part of a device that is lost. */
struct want {
	uint32_t place, device; /* indexes */
};

struct patcher {
	struct salvage *s;
	const struct salvage_devices *devices;
	VEC(struct want) wants;
	struct salvage_patches *to;
	uint64_t steps;
	void *block;
};

/* --- what devices lost --- */

static bool may_lack(const struct salvage *s, const struct salvage_place *p)
{
	return p->children.count == 0 || salvage_lacks(s, p);
}

static int look(struct patcher *p, uint32_t device, bp_mblock block, unsigned depth);

/* Places that may lack something, for each device that has them. */
static int look_at_place(struct patcher *p, uint32_t device, struct salvage_place *place,
			 unsigned depth)
{
	const struct want want = { (uint32_t)(place - p->s->places.items), device };
	int r = 0;

	if (place->kind != SALVAGE_MAPPINGS)
		return 0;
	if (may_lack(p->s, place) && place->begin <= place->end)
		r = vec_add(&p->wants, &want);
	for (size_t i = 0; r == 0 && i < place->children.count; i++)
		r = look(p, device, salvage_child(p->s, place, i)->block, depth + 1);
	return r;
}

/* STEPS_MAX bounds what shared trees can cost. */
static int look(struct patcher *p, uint32_t device, bp_mblock block, unsigned depth)
{
	const struct snode *n = snode_of_kind(p->s, block, SALVAGE_MAPPINGS);
	struct salvage_place *place = n ? NULL : salvage_place_at(p->s, block);
	int r = 0;

	if (depth >= BTREE_MAX_DEPTH || p->steps++ > STEPS_MAX)
		return 0;
	if (place)
		return look_at_place(p, device, place, depth);
	if (!n || (n->flags & SNODE_LEAF) || !(n->flags & (SNODE_BROKEN | SNODE_CLASH)))
		return 0;
	for (uint32_t i = 0; r == 0 && i < n->nr; i++)
		r = look(p, device, n->values[i], depth + 1);
	return r;
}

static int by_want(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* Several pointers of one device may lead to one place. */
static int find_wants(struct patcher *p)
{
	size_t to = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < p->devices->list.count; i++) {
		const struct salvage_device *d = &p->devices->list.items[i];

		if (d->has_root && !d->older)
			r = look(p, i, d->pub.root, 0);
	}
	if (p->wants.count)
		qsort(p->wants.items, p->wants.count, sizeof(p->wants.items[0]), by_want);
	for (size_t i = 0; i < p->wants.count; i++)
		if (!to || by_want(&p->wants.items[i], &p->wants.items[to - 1]))
			p->wants.items[to++] = p->wants.items[i];
	p->wants.count = to;
	return r;
}

/* --- what older trees had there --- */

static bool is_there(const struct salvage *s, const struct salvage_place *place, uint64_t key)
{
	for (size_t i = 0; i < place->children.count; i++)
		if (salvage_child(s, place, i)->first <= key &&
		    key <= salvage_child(s, place, i)->last)
			return true;
	return false;
}

/* Mappings of an older version that the place lacks. */
static int take_leaf(struct patcher *p, const struct want *want, bp_mblock block)
{
	const struct salvage *s = p->s;
	const struct salvage_place *place = &s->places.items[want->place];
	struct node leaf;
	int r = 0;

	if (io_read(s->meta.io, block, 1, p->block) < 0 ||
	    node_decode(p->block, block, sizeof(le64), &leaf) != NODE_OK)
		return -EIO; /* it was sound a moment ago */
	for (uint32_t i = 0; r == 0 && i < leaf.nr; i++) {
		uint64_t value = node_value64(&leaf, i);
		const struct salvage_patch patch = {
			.key = node_key(&leaf, i),
			.block = thin_mapping_block(value),
			.time = thin_mapping_time(value),
			.place = want->place,
		};

		if (patch.key >= place->begin && patch.key <= place->end &&
		    patch.block < s->nr_data_blocks && !is_there(s, place, patch.key))
			r = vec_add(&p->to->list, &patch);
	}
	return r;
}

/* Only where it meets the place. */
static int take_tree(struct patcher *p, const struct want *want, bp_mblock block,
		     unsigned depth)
{
	const struct snode *n = snode_of_kind(p->s, block, SALVAGE_MAPPINGS);
	const struct salvage_place *place = &p->s->places.items[want->place];
	int r = 0;

	if (!n || depth >= BTREE_MAX_DEPTH || p->steps++ > STEPS_MAX || n->first > n->last ||
	    n->last < place->begin || n->first > place->end)
		return 0;
	if (n->flags & SNODE_LEAF)
		return take_leaf(p, want, block);
	for (uint32_t i = 0; r == 0 && i < n->nr; i++)
		r = take_tree(p, want, n->values[i], depth + 1);
	return r;
}

/* The parts of one device: [begin, end) of wants. */
static int take_device(struct patcher *p, size_t begin, size_t end)
{
	const struct salvage_device *d = &p->devices->list.items[p->wants.items[begin].device];
	const struct snode *root = NULL;
	int r = 0;

	p->steps += p->s->nodes.count;
	if (p->steps <= STEPS_MAX && !salvage_is_reused(p->s, d))
		root = salvage_find_older(p->s, d, true);
	for (size_t i = begin; root && r == 0 && i < end; i++)
		r = take_tree(p, &p->wants.items[i], root->block, 0);
	return r;
}

/* --- parts that several devices share --- */

static uint32_t nr_wanting(const struct patcher *p, uint32_t place)
{
	uint32_t nr = 0;

	for (size_t i = 0; i < p->wants.count; i++)
		nr += p->wants.items[i].place == place;
	return nr;
}

/* The newest of one mapping first. */
static int by_key(const void *a, const void *b)
{
	const struct salvage_patch *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->time > y->time ? -1 : x->time < y->time;
}

/* Once each, where all devices that want it had it. */
static void keep_agreed(struct patcher *p)
{
	struct salvage_patch *items = p->to->list.items;
	size_t nr = p->to->list.count, to = 0, end;
	uint32_t place = UINT32_MAX, wanting = 0;

	if (nr)
		qsort(items, nr, sizeof(*items), by_key);
	for (size_t i = 0; i < nr; i = end) {
		if (items[i].place != place) {
			place = items[i].place;
			wanting = nr_wanting(p, place);
		}
		for (end = i + 1; end < nr && items[end].place == items[i].place &&
				  items[end].key == items[i].key &&
				  items[end].block == items[i].block;)
			end++;
		if (end - i >= wanting)
			items[to++] = items[i];
	}
	p->to->list.count = to;
}

/*
 * Device by device; keep_agreed() leaves out where two devices that share the place
 * disagree.
 */
int salvage_patch_find(struct salvage *s, const struct salvage_devices *devices,
		       struct salvage_patches *ret)
{
	struct patcher p = { .s = s, .devices = devices, .to = ret };
	int r = find_wants(&p);

	p.block = io_buffer_new(1);
	if (r == 0 && !p.block)
		r = -ENOMEM;
	for (size_t i = 0, end; r == 0 && i < p.wants.count; i = end) {
		for (end = i + 1; end < p.wants.count &&
				  p.wants.items[end].device == p.wants.items[i].device;)
			end++;
		r = take_device(&p, i, end);
	}
	if (r == 0)
		keep_agreed(&p);
	free(p.block);
	vec_done(&p.wants);
	return r;
}

/* --- putting them there --- */

/*
 * How many more there is room for. An older tree may have had more than the leaf that is lost can
 * have had; which of these are stale can't be told, so all are taken, in several leaves.
 */
static size_t room(const struct salvage_place *p)
{
	return FILLED_MAX - MIN(FILLED_MAX, p->nr_filled);
}

/*
 * Merge @nr patches, by key, into what is proven of a place, which counts where both know a key.
 * What there is no room for stays lost.
 */
static int merge(struct salvage *s, const struct salvage_patch *patches, size_t nr)
{
	struct salvage_place *p = &s->places.items[patches->place];
	uint64_t *keys = calloc(p->nr_filled + nr, sizeof(*keys));
	le64 *values = calloc(p->nr_filled + nr, sizeof(*values));
	uint32_t k = 0, to = 0;

	nr = MIN(nr, room(p));
	for (size_t i = 0; keys && values && (i < nr || k < p->nr_filled); to++) {
		if (k < p->nr_filled && (i == nr || p->keys[k] <= patches[i].key)) {
			i += i < nr && p->keys[k] == patches[i].key;
			keys[to] = p->keys[k];
			values[to] = p->values[k++];
			continue;
		}
		keys[to] = patches[i].key;
		values[to] = le64_make(thin_mapping_make(patches[i].block, patches[i].time));
		p->time_max = MAX(p->time_max, patches[i].time);
		i++;
		p->patched = true;
	}
	if (!keys || !values) {
		free(keys);
		free(values);
		return -ENOMEM;
	}
	free(p->keys);
	free(p->values);
	p->keys = keys;
	p->values = values;
	p->nr_filled = to;
	return 0;
}

/* What was taken meanwhile is left out. */
int salvage_patch_apply(struct salvage *s, struct salvage_patches *patches)
{
	struct salvage_patch *items = patches->list.items;
	size_t nr = 0, end;
	int r = 0;

	for (size_t i = 0; i < patches->list.count; i++)
		if (!salvage_is_taken(s, items[i].key, items[i].block))
			items[nr++] = items[i];
	for (size_t i = 0; r == 0 && i < nr; i = end) {
		for (end = i + 1; end < nr && items[end].place == items[i].place;)
			end++;
		r = merge(s, &items[i], end - i);
	}
	return r;
}
