/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mapping trees of all devices: one forest, each node once. What is wrong is then told
 * with the devices and virtual blocks that it concerns.
 */
#include "formats/thin/check.h"
#include "pdata/refcounts_run.h"

#include <inttypes.h>
#include <stdio.h>

static const struct check_tree mapping_tree = {
	.place = BP_PLACE_MAPPINGS,
	.name = "mapping tree",
	.keys = "virtual blocks",
};

/* A leaf that has mappings which can't be right. */
struct bad_leaf {
	uint32_t node;
	uint32_t nr_beyond; /* data blocks past the end: how many, and the first */
	uint64_t beyond_key, beyond_block;
	uint32_t time; /* the newest above the superblock's; 0: none */
	uint64_t time_key;
};

/* What one worker counts. */
struct tally {
	struct refcounts counts;
	uint64_t nr_mappings;
	VEC(struct bad_leaf) bad;
};

/* One damage: of a node, an edge, or of values in a leaf. */
struct finding {
	struct walk_lost lost;
	const struct bad_leaf *bad; /* NULL: lost */
	uint64_t device, last_device, nr_devices;
	bool live; /* concerns live devices */
};

struct mappings {
	struct thin_check *c;
	struct tally *tallies;
	unsigned nr_tallies;
	VEC(uint64_t) roots;
	VEC(struct bad_leaf) bad;
	VEC(struct finding) findings;
	uint32_t *of_edge; /* by edge: index in findings + 1 */
	/* The device being looked at. */
	uint64_t device;
	bool live;
	uint64_t budget; /* steps left for finding out which devices are concerned */
};

/*
 * More than any honest pool needs; keeps made-up ones from taking hours. Beyond it findings are
 * told without their devices, or with fewer.
 */
#define ATTRIBUTION_STEPS 4000000

/* --- counting, in the workers --- */

/* One note a leaf, as a damaged one may hold hundreds of bad entries. */
static int note_bad(struct mappings *m, struct tally *t, uint32_t node, const struct node *leaf,
		    uint32_t pool_time)
{
	struct bad_leaf bad = { .node = node };
	uint64_t limit = m->c->live.data_sm.nr_blocks;

	for (uint32_t i = 0; i < leaf->nr; i++) {
		uint64_t value = node_value64(leaf, i);
		uint32_t time = thin_mapping_time(value);

		if (thin_mapping_block(value) >= limit && bad.nr_beyond++ == 0) {
			bad.beyond_key = node_key(leaf, i);
			bad.beyond_block = thin_mapping_block(value);
		}
		if (time > pool_time && time > bad.time) {
			bad.time = time;
			bad.time_key = node_key(leaf, i);
		}
	}
	m->c->maps.nodes.items[node].flags |= WALK_IS_BROKEN;
	return vec_add(&t->bad, &bad);
}

/* Count those mappings that lead to data blocks which exist. */
static int count_inside(struct tally *t, const struct node *leaf, uint64_t limit)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++) {
		bp_dblock block = thin_mapping_block(node_value64(leaf, i));

		if (block < limit)
			r = refcounts_inc(&t->counts, block);
	}
	return r;
}

/* Decode and count all mappings of a leaf while it is hot. */
static int count_leaf(void *user, unsigned worker, uint32_t index, const struct node *leaf)
{
	struct mappings *m = user;
	struct tally *t = &m->tallies[worker];
	uint64_t limit = m->c->live.data_sm.nr_blocks, highest = 0;
	uint32_t pool_time = MIN(m->c->sb.pub.time, THIN_TIME_MAX), newest = 0;
	const le64 *values = (const void *)leaf->values;
	bool beyond;
	int r;

	for (uint32_t i = 0; i < leaf->nr; i++) {
		highest = MAX(highest, le64_get(values[i]));
		newest = MAX(newest, thin_mapping_time(le64_get(values[i])));
	}
	m->c->maps.nodes.items[index].mark = newest; /* for thin_check_times() */
	t->nr_mappings += leaf->nr;
	beyond = leaf->nr > 0 && thin_mapping_block(highest) >= limit;
	if (beyond)
		r = count_inside(t, leaf, limit);
	else
		r = refcounts_inc_many(&t->counts, values, leaf->nr, THIN_TIME_BITS);
	if (r == 0 && (beyond || newest > pool_time))
		r = note_bad(m, t, index, leaf, pool_time);
	return r;
}

static int count_child(void *user, bp_mblock block)
{
	struct mappings *m = user;

	return check_count(&m->c->check, block);
}

static int add_roots(struct mappings *m, const struct thin_devices *devices)
{
	for (size_t i = 0; i < devices->list.count; i++)
		if (devices->list.items[i].has_root &&
		    vec_add(&m->roots, &devices->list.items[i].root) < 0)
			return -ENOMEM;
	return 0;
}

/* A tally a worker: counts are merged behind the walk, without locks in it. */
static int walk(struct mappings *m)
{
	struct thin_check *c = m->c;
	int r;

	c->maps = (struct forest){
		.meta = &c->check.meta,
		.value_size = sizeof(le64),
		.leaf = count_leaf,
		.child = count_child,
		.user = m,
	};
	r = forest_init(&c->maps);
	m->nr_tallies = forest_workers(&c->maps);
	m->tallies = calloc(m->nr_tallies, sizeof(*m->tallies));
	if (!m->tallies)
		return -ENOMEM;
	for (unsigned i = 0; r == 0 && i < m->nr_tallies; i++)
		r = refcounts_init(&m->tallies[i].counts, c->live.data_sm.nr_blocks);
	if (r == 0)
		r = add_roots(m, &c->devices);
	if (r == 0)
		r = add_roots(m, &c->snap_devices);
	return r < 0 ? r : forest_walk(&c->maps, m->roots.items, m->roots.count);
}

static int by_node(const void *a, const void *b)
{
	const struct bad_leaf *x = a, *y = b;

	return x->node < y->node ? -1 : x->node > y->node;
}

/* Sorted, so that the report doesn't depend on which worker read what. */
static int gather(struct mappings *m)
{
	struct thin_check *c = m->c;
	int r = 0;

	c->data_counts = m->tallies[0].counts;
	m->tallies[0].counts = (struct refcounts){ 0 };
	for (unsigned i = 0; r == 0 && i < m->nr_tallies; i++) {
		struct tally *t = &m->tallies[i];

		if (i > 0)
			r = refcounts_merge(&c->data_counts, &t->counts);
		c->res.nr_mappings += t->nr_mappings;
		for (size_t k = 0; r == 0 && k < t->bad.count; k++)
			r = vec_add(&m->bad, &t->bad.items[k]);
	}
	if (m->bad.count)
		qsort(m->bad.items, m->bad.count, sizeof(*m->bad.items), by_node);
	for (size_t i = 0; i < m->bad.count; i++)
		c->newest = MAX(c->newest, m->bad.items[i].time);
	c->res.nr_nodes = c->maps.nodes.count;
	for (size_t i = 0; i < c->maps.nodes.count; i++)
		c->res.nr_leaves += c->maps.nodes.items[i].flags & WALK_IS_LEAF;
	return r;
}

/* --- whom it concerns --- */

static int add_finding(struct mappings *m, uint32_t *slot, const struct walk_lost *lost,
		       const struct bad_leaf *bad)
{
	/* Until a device is found that has it. */
	struct finding new = { .lost = *lost, .bad = bad, .device = BP_NONE, .live = true };

	*slot = (uint32_t)m->findings.count + 1;
	return vec_add(&m->findings, &new);
}

/* All that is wrong, before it is known with whom: how long that takes must not matter. */
static int add_findings(struct mappings *m)
{
	struct forest *f = &m->c->maps;
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->nodes.count; i++) {
		struct walk_lost lost = {
			.block = f->nodes.items[i].block,
			.error = (enum node_error)f->nodes.items[i].error,
			.end = UINT64_MAX,
		};

		if (lost.error)
			r = add_finding(m, &f->nodes.items[i].mark, &lost, NULL);
	}
	for (size_t i = 0; r == 0 && i < f->edges.count; i++) {
		const struct walk_edge *e = &f->edges.items[i];
		struct walk_lost lost = {
			.block = e->child,
			.error = (enum node_error)e->error,
			.end = UINT64_MAX,
			.edge = e,
		};

		/* A root that leads nowhere is its device's own affair: see tell_device(). */
		if (e->parent != WALK_NONE)
			r = add_finding(m, &m->of_edge[i], &lost, NULL);
	}
	for (size_t i = 0; r == 0 && i < m->bad.count; i++) {
		struct walk_node *n = &f->nodes.items[m->bad.items[i].node];
		struct walk_lost lost = { .block = n->block };

		r = add_finding(m, &n->mark, &lost, &m->bad.items[i]);
	}
	return r;
}

/* The device being looked at has the finding in @slot. Stops when it takes too long. */
static int add_device(struct mappings *m, uint32_t slot, const struct walk_lost *lost)
{
	struct finding *finding;

	if (m->budget == 0)
		return 1;
	m->budget--;
	if (!slot)
		return 0;
	finding = &m->findings.items[slot - 1];
	if (!finding->nr_devices) {
		finding->lost = *lost;
		finding->device = m->device;
		finding->live = false;
	}
	if (!finding->nr_devices || finding->last_device != m->device)
		finding->nr_devices++;
	finding->last_device = m->device;
	finding->live |= m->live;
	return 0;
}

static int on_lost(void *user, const struct walk_lost *lost)
{
	struct mappings *m = user;
	const struct walk_node *n = forest_node(&m->c->maps, lost->block);

	if (lost->edge)
		return add_device(m, m->of_edge[lost->edge - m->c->maps.edges.items], lost);
	return n ? add_device(m, n->mark, lost) : 0;
}

static int on_leaf(void *user, const struct walk_node *leaf)
{
	struct walk_lost none = { .block = leaf->block };

	return leaf->mark ? add_device(user, leaf->mark, &none) : 0;
}

/* Only along what is broken: sound subtrees need no name. */
static int attribute(struct mappings *m, const struct thin_devices *devices, bool live)
{
	struct forest_visitor visitor = {
		.leaf = on_leaf,
		.lost = on_lost,
		.user = m,
		.broken_only = true,
	};
	int r = 0;

	m->live = live;
	for (size_t i = 0; r == 0 && i < devices->list.count; i++) {
		m->device = devices->list.items[i].id;
		if (devices->list.items[i].has_root)
			r = forest_visit(&m->c->maps, devices->list.items[i].root, &visitor);
	}
	return r < 0 ? r : 0;
}

/* --- telling --- */

static int by_block(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->lost.block != y->lost.block)
		return x->lost.block < y->lost.block ? -1 : 1;
	return x->lost.begin < y->lost.begin ? -1 : x->lost.begin > y->lost.begin;
}

#define DEVICES_BYTES 64
/* "thin device 3 (and 4 others)" */
static const char *devices_text(char *buf, const struct finding *f)
{
	const char *what = f->live ? "thin device" : "metadata snap, thin device";

	if (!f->nr_devices)
		return "some thin device";
	if (f->nr_devices > 1)
		snprintf(buf, DEVICES_BYTES, "%s %" PRIu64 " (and %" PRIu64 " others)", what,
			 f->device, f->nr_devices - 1);
	else
		snprintf(buf, DEVICES_BYTES, "%s %" PRIu64, what, f->device);
	return buf;
}

/* Whose it is, which block, why, and which virtual blocks are gone. */
static void tell_lost(struct thin_check *c, const struct finding *f)
{
	const struct walk_lost *l = &f->lost;
	struct bp_damage damage =
		DAMAGE(.kind = check_kind_of(l->error), .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_MAPPINGS, .block = l->block, .device = f->device,
		       .nr_devices = f->nr_devices, .begin = l->begin, .in_snapshot = !f->live);
	char who[DEVICES_BYTES], range[64], why[96] = "";

	damage.end = l->end == UINT64_MAX ? BP_NONE : l->end + 1;
	if (l->edge) {
		damage.parent = c->maps.nodes.items[l->edge->parent].block;
		snprintf(why, sizeof(why), ", below node %" PRIu64, damage.parent);
	}
	if (l->edge && l->error == NODE_KEY_RANGE) {
		damage.expected = l->begin;
		damage.actual = l->edge->first;
		snprintf(why, sizeof(why),
			 " in node %" PRIu64 ": has keys %" PRIu64 "..%" PRIu64, damage.parent,
			 l->edge->first, l->edge->last);
	}
	if (l->end == UINT64_MAX)
		snprintf(range, sizeof(range), "from %" PRIu64 " on", l->begin);
	else
		snprintf(range, sizeof(range), "%" PRIu64 "..%" PRIu64, l->begin, l->end);
	check_report(&c->check, damage,
		     "%s: mapping tree block %" PRIu64 ": %s%s; virtual blocks %s",
		     devices_text(who, f), l->block, node_error_name(l->error), why, range);
}

/* The kernel would read behind the end of the data device. */
static void tell_beyond(struct thin_check *c, const struct finding *f, bp_mblock block)
{
	const struct bad_leaf *bad = f->bad;
	uint64_t limit = c->live.data_sm.nr_blocks;
	char who[DEVICES_BYTES], more[64] = "";

	if (bad->nr_beyond > 1)
		snprintf(more, sizeof(more), ", and %u more in this node", bad->nr_beyond - 1);
	check_report(&c->check,
		     DAMAGE(.kind = BP_DAMAGE_DATA_BLOCK, .harm = BP_HARM_FATAL,
			    .place = BP_PLACE_MAPPINGS, .block = block, .device = f->device,
			    .nr_devices = f->nr_devices, .begin = bad->beyond_key,
			    .end = bad->beyond_key + 1, .expected = limit,
			    .actual = bad->beyond_block, .in_snapshot = !f->live),
		     "%s: mapping tree block %" PRIu64 ": virtual block %" PRIu64
		     " is mapped to data block %" PRIu64 " of %" PRIu64 "%s",
		     devices_text(who, f), block, bad->beyond_key, bad->beyond_block, limit,
		     more);
}

/* Two findings, as either can be there alone. */
static void tell_bad_leaf(struct thin_check *c, const struct finding *f)
{
	const struct bad_leaf *bad = f->bad;
	bp_mblock block = f->lost.block;
	char who[DEVICES_BYTES];

	if (bad->nr_beyond)
		tell_beyond(c, f, block);
	if (bad->time)
		(thin_check_may_raise(c, bad->time) ? check_report_mendable : check_report)(
			&c->check,
			DAMAGE(.kind = BP_DAMAGE_MAPPING_TIME, .harm = BP_HARM_FATAL,
			       .place = BP_PLACE_MAPPINGS, .block = block, .device = f->device,
			       .nr_devices = f->nr_devices, .begin = bad->time_key,
			       .end = bad->time_key + 1, .expected = c->sb.pub.time,
			       .actual = bad->time, .in_snapshot = !f->live),
			"%s: mapping tree block %" PRIu64 ": virtual block %" PRIu64
			" was mapped at time %u, but the pool's time is %u: a snapshot would "
			"not keep "
			"it",
			devices_text(who, f), block, bad->time_key, bad->time, c->sb.pub.time);
}

/* Does what was read of the device's tree agree with its details? */
static void tell_device(struct thin_check *c, const struct thin_device *d, bool live)
{
	const struct walk_node *n = forest_node(&c->maps, d->root);
	uint64_t found = forest_entries(&c->maps, d->root), said = d->details.mapped_dblocks;
	const char *prefix = live ? "Thin" : "metadata snap: Thin";
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_DEVICE_LOST, .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_MAPPINGS, .device = d->id, .nr_devices = 1,
		       .expected = said, .actual = found, .in_snapshot = !live);

	if (!d->has_root || !d->has_details)
		return;
	if (!n) {
		damage.kind = BP_DAMAGE_POINTER;
		damage.block = d->root;
		check_report(&c->check, damage,
			     "%s device %" PRIu64 ": its mapping root, block %" PRIu64
			     ", is past the end of the metadata; %" PRIu64
			     " mappings are missing",
			     prefix, d->id, d->root, said);
	} else if ((n->flags & WALK_IS_BROKEN) && found < said) {
		check_report(&c->check, damage,
			     "%s device %" PRIu64 " has errors and is missing %" PRIu64
			     " mappings, while expected %" PRIu64,
			     prefix, d->id, said - found, said);
	} else if (found != said) {
		damage.kind = BP_DAMAGE_DEVICE_COUNT;
		check_report(&c->check, damage,
			     "%s device %" PRIu64
			     " has unexpected number of mappings, expected "
			     "%" PRIu64 ", actual %" PRIu64,
			     prefix, d->id, said, found);
	}
}

/* Does a live device have the same tree and details? Then it has been told already. */
static bool same_live(const struct thin_check *c, const struct thin_device *d, size_t *at)
{
	const struct thin_device *live;

	while (*at < c->devices.list.count && c->devices.list.items[*at].id < d->id)
		++*at;
	live = *at < c->devices.list.count ? &c->devices.list.items[*at] : NULL;
	return live && live->id == d->id && live->has_root && live->root == d->root &&
	       live->details.mapped_dblocks == d->details.mapped_dblocks;
}

/* By block, and devices behind that. */
static void tell_all(struct mappings *m)
{
	struct thin_check *c = m->c;
	size_t at = 0;

	if (m->findings.count)
		qsort(m->findings.items, m->findings.count, sizeof(*m->findings.items),
		      by_block);
	for (size_t i = 0; i < m->findings.count; i++) {
		if (m->findings.items[i].bad)
			tell_bad_leaf(c, &m->findings.items[i]);
		else
			tell_lost(c, &m->findings.items[i]);
	}
	check_report_shapes(&c->check, &c->maps, &mapping_tree);
	for (size_t i = 0; i < c->devices.list.count; i++)
		tell_device(c, &c->devices.list.items[i], true);
	for (size_t i = 0; i < c->snap_devices.list.count; i++)
		if (!same_live(c, &c->snap_devices.list.items[i], &at))
			tell_device(c, &c->snap_devices.list.items[i], false);
}

static void done(struct mappings *m)
{
	for (unsigned i = 0; m->tallies && i < m->nr_tallies; i++) {
		refcounts_done(&m->tallies[i].counts);
		vec_done(&m->tallies[i].bad);
	}
	free(m->tallies);
	vec_done(&m->roots);
	vec_done(&m->bad);
	vec_done(&m->findings);
	free(m->of_edge);
}

/* More data blocks than bitmaps could count: then the number itself is wrong. */
static bool check_data_size(struct thin_check *c)
{
	struct sm_root *sm = &c->live.data_sm;
	uint64_t most = MIN(c->check.meta.nr_blocks * SM_BITMAP_ENTRIES, THIN_DATA_BLOCKS_MAX);

	if (sm->nr_blocks <= most)
		return true;
	check_report(&c->check,
		     DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = BP_HARM_FATAL,
			    .place = BP_PLACE_DATA_SPACE_MAP, .block = 0, .expected = most,
			    .actual = sm->nr_blocks),
		     "data space map: %" PRIu64
		     " data blocks are more than this metadata could count (%" PRIu64 ")",
		     sm->nr_blocks, most);
	sm->nr_blocks = most;
	c->check.incomplete = true;
	return false;
}

/* Counts need all trees, reports only the broken ones: hence two passes. */
int thin_check_mappings(struct thin_check *c)
{
	struct mappings m = { .c = c, .budget = ATTRIBUTION_STEPS };
	int r;

	check_data_size(c);
	r = walk(&m);
	if (r == 0)
		r = gather(&m);
	if (r == 0) {
		check_claim_forest(&c->check, &c->maps, BP_PLACE_MAPPINGS);
		c->check.incomplete |= c->maps.nr_unread > 0;
		m.of_edge = calloc(c->maps.edges.count + 1, sizeof(*m.of_edge));
		r = m.of_edge ? thin_check_times(c) : -ENOMEM;
	}
	if (r == 0)
		r = add_findings(&m);
	if (r == 0)
		r = attribute(&m, &c->devices, true);
	if (r == 0)
		r = attribute(&m, &c->snap_devices, false);
	if (r == 0)
		tell_all(&m);
	done(&m);
	return r;
}
