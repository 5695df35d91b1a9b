/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Times and sharing. A kernel takes a mapping for shared, and copies its block before it writes,
 * where the mapping is older than its device's snapshotted_time. So what is shared with another
 * live device must be older, or a write to one changes the other. (Metadata snapshots keep
 * metadata, not data: what is shared with one only is written in place, rightly.)
 *
 * Each node is looked at once, however many devices share it: limits go down from the devices, the
 * newest shared time comes up. Only leaves that no other device has, with mappings not older than
 * their device's snapshotted_time, have to be read again for what they share by data blocks
 * alone; and they only where any block is counted twice.
 *
 * Memory: 12 bytes for each node of the mapping trees.
 */
#include "formats/thin/check.h"

#include <inttypes.h>

struct share {
	uint32_t limit; /* the lowest snapshotted_time of the live devices that have it */
	uint32_t
		need; /* what it should be: above the newest shared time; 0: anything will do */
	bool live;    /* some live device has it ... */
	bool several; /* ... or more than one */
};

struct times {
	struct thin_check *c;
	struct forest *f;
	struct share *shares;  /* by node; its mark is the newest time in a leaf */
	uint8_t height;        /* of the highest node */
	struct refcounts held; /* data blocks, by leaves that only the metadata snapshot has */
	uint64_t nr_again;     /* leaves to read again */
};

static void reach(struct times *t, const struct walk_node *n, uint32_t limit, bool several)
{
	struct share *s = &t->shares[n - t->f->nodes.items];

	s->several |= s->live || several;
	s->limit = s->live ? MIN(s->limit, limit) : limit;
	s->live = true;
}

/* Where each live tree begins, with the time of its last snapshot. */
static void from_devices(struct times *t)
{
	const struct thin_devices *devices = &t->c->devices;

	for (size_t i = 0; i < devices->list.count; i++) {
		const struct thin_device *d = &devices->list.items[i];
		const struct walk_node *n =
			d->has_root && d->has_details ? forest_node(t->f, d->root) : NULL;

		if (n && !n->error)
			reach(t, n, d->details.snapshotted_time, false);
	}
}

/* The child of entry @i, if it can be used and is really below. */
static struct walk_node *child_of(const struct times *t, const struct walk_node *n, uint32_t i)
{
	uint32_t block = forest_inner(t->f, n)->children[i];
	struct walk_node *child = block ? forest_node(t->f, block) : NULL;

	return child && !child->error && child->height < n->height ? child : NULL;
}

static bool is_inner(const struct walk_node *n)
{
	return !n->error && !(n->flags & WALK_IS_LEAF);
}

/* Parents before children, whatever the order in which they were met. */
static void down(struct times *t)
{
	for (int height = t->height; height > 0; height--)
		for (size_t i = 0; i < t->f->nodes.count; i++) {
			const struct walk_node *n = &t->f->nodes.items[i];
			const struct share *s = &t->shares[i];

			if (n->height != height || !is_inner(n) || !s->live)
				continue;
			for (uint32_t k = 0; k < n->nr; k++) {
				const struct walk_node *child = child_of(t, n, k);

				if (child)
					reach(t, child, s->limit, s->several);
			}
		}
}

/* Needs of children, by height, so that each is final when it is used. */
static void up(struct times *t)
{
	for (int height = 1; height <= t->height; height++)
		for (size_t i = 0; i < t->f->nodes.count; i++) {
			const struct walk_node *n = &t->f->nodes.items[i];

			if (n->height != height || !is_inner(n))
				continue;
			for (uint32_t k = 0; k < n->nr; k++) {
				const struct walk_node *child = child_of(t, n, k);
				uint32_t need =
					child ? t->shares[child - t->f->nodes.items].need : 0;

				t->shares[i].need = MAX(t->shares[i].need, need);
			}
		}
}

/* --- leaves whose mappings are to be looked at singly --- */

/* io_block_fn: a leaf that only the metadata snapshot has. One worker. */
static int count_held(void *user, unsigned worker, size_t index, bp_mblock block,
		      const void *data, int error)
{
	struct times *t = user;
	struct node leaf;
	int r = 0;

	(void)worker, (void)index;
	if (error || node_decode(data, block, sizeof(le64), &leaf) != NODE_OK)
		return 0;
	for (uint32_t i = 0; r == 0 && i < leaf.nr; i++) {
		bp_dblock to = thin_mapping_block(node_value64(&leaf, i));

		if (to < t->held.nr_blocks)
			r = refcounts_inc(&t->held, to);
	}
	return r;
}

/* io_block_fn: a leaf of one live device. */
static int look_again(void *user, unsigned worker, size_t index, bp_mblock block,
		      const void *data, int error)
{
	struct times *t = user;
	struct share *s = &t->shares[forest_node(t->f, block) - t->f->nodes.items];
	struct node leaf;

	(void)worker, (void)index;
	if (error || node_decode(data, block, sizeof(le64), &leaf) != NODE_OK)
		return 0;
	for (uint32_t i = 0; i < leaf.nr; i++) {
		uint64_t value = node_value64(&leaf, i);
		uint32_t time = thin_mapping_time(value);
		bp_dblock to = thin_mapping_block(value);

		if (time < s->limit || time < s->need)
			continue;
		if (refcounts_get(&t->c->data_counts, to) >=
		    2 + (t->held.pieces ? refcounts_get(&t->held, to) : 0))
			s->need = time + 1;
	}
	return 0;
}

/* Does any data block have a count above one? */
static bool any_shared(const struct refcounts *counts)
{
	uint64_t high = 0;

	for (uint64_t p = 0; !high && p < DIV_UP(counts->nr_blocks, REFCOUNTS_PIECE); p++)
		for (unsigned w = 0; counts->pieces[p] && w < REFCOUNTS_WORDS; w++)
			high |= counts->pieces[p][w] & UINT64_C(0xaaaaaaaaaaaaaaaa);
	return high != 0;
}

/* Sort the leaves: shared ones are judged by their newest time, others perhaps read again. */
static void judge_leaves(struct times *t, struct bits *held, struct bits *again)
{
	for (size_t i = 0; i < t->f->nodes.count; i++) {
		struct walk_node *n = &t->f->nodes.items[i];
		struct share *s = &t->shares[i];

		if (n->error || !(n->flags & WALK_IS_LEAF))
			continue;
		if (!s->live) {
			bits_set(held, n->block);
		} else if (n->nr > 0 && n->mark >= s->limit) {
			if (s->several)
				s->need = n->mark + 1;
			else
				bits_set(again, n->block);
			t->nr_again += !s->several;
		}
	}
}

/* Only leaves that the first pass could not judge by their header. */
static int read_again(struct times *t)
{
	struct thin_check *c = t->c;
	struct meta *meta = &c->check.meta;
	_cleanup_(bits_done) struct bits held = { 0 }, again = { 0 };
	int r = bits_init(&held, meta->nr_blocks);

	if (r == 0)
		r = bits_init(&again, meta->nr_blocks);
	if (r != 0)
		return r;
	judge_leaves(t, &held, &again);
	if (!t->nr_again || !any_shared(&c->data_counts))
		return 0;
	if (c->has_snap) {
		r = refcounts_init(&t->held, c->data_counts.nr_blocks);
		if (r == 0)
			r = meta_stream(meta, &held, 1, count_held, t);
	}
	return r < 0 ? r : meta_stream(meta, &again, meta->workers, look_again, t);
}

/* --- devices --- */

/* A write would not copy the block first: other devices would change with it. */
static int tell(struct times *t, struct thin_device *d)
{
	const struct walk_node *n =
		d->has_root && d->has_details ? forest_node(t->f, d->root) : NULL;
	uint32_t need = n && !n->error ? t->shares[n - t->f->nodes.items].need : 0;
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_SNAPSHOTTED_TIME, .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_DEVICE_DETAILS, .device = d->id, .nr_devices = 1,
		       .expected = need, .actual = d->details.snapshotted_time);
	struct thin_raise raise = { .id = d->id, .time = need };

	if (d->details.snapshotted_time >= need)
		return 0;
	(thin_check_may_raise(t->c, need) ? check_report_mendable : check_report)(
		&t->c->check, damage,
		"thin device %" PRIu64 ": its snapshotted time %u is not above %u, when blocks "
		"that it shares were mapped: a write to it would change other devices",
		d->id, d->details.snapshotted_time, need - 1);
	return vec_add(&t->c->raises, &raise);
}

/* Down with what is promised, up with what is needed, and compared at the roots. */
int thin_check_times(struct thin_check *c)
{
	struct times t = { .c = c, .f = &c->maps };
	int r;

	t.shares = calloc(MAX(c->maps.nodes.count, 1), sizeof(*t.shares));
	if (!t.shares)
		return -ENOMEM;
	for (size_t i = 0; i < c->maps.nodes.count; i++)
		t.height = MAX(t.height, c->maps.nodes.items[i].height);
	from_devices(&t);
	down(&t);
	r = read_again(&t);
	if (r == 0)
		up(&t);
	for (size_t i = 0; r == 0 && i < c->devices.list.count; i++)
		r = tell(&t, &c->devices.list.items[i]);
	for (size_t i = 0; i < c->maps.nodes.count; i++)
		c->maps.nodes.items[i].mark = 0; /* it is of use to others from here on */
	refcounts_done(&t.held);
	free(t.shares);
	return r;
}
