/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/thin/share.h"

/* What a leaf's neighbour may be beside a leaf. */
#define UNKNOWN UINT32_MAX       /* not met yet */
#define BORDER  (UINT32_MAX - 1) /* a device or a gap begins or ends here */
#define SEVERAL (UINT32_MAX - 2) /* it differs from device to device */

int thin_share_init(struct thin_share *s, const struct forest *f)
{
	size_t nr = MAX(f->nodes.count, (size_t)1);
	int r;

	*s = (struct thin_share){ .f = f };
	s->next = malloc(nr * sizeof(*s->next));
	s->prev = malloc(nr * sizeof(*s->prev));
	if (!s->next || !s->prev)
		return -ENOMEM;
	memset(s->next, 0xff, nr * sizeof(*s->next));
	memset(s->prev, 0xff, nr * sizeof(*s->prev));
	r = bits_init(&s->seen, nr);
	return r < 0 ? r : bits_init(&s->shared, nr);
}

void thin_share_done(struct thin_share *s)
{
	free(s->next);
	free(s->prev);
	bits_done(&s->seen);
	bits_done(&s->shared);
	bits_done(&s->silent);
	*s = (struct thin_share){ 0 };
}

static void neighbour(uint32_t *slot, uint32_t which)
{
	if (*slot == UNKNOWN)
		*slot = which;
	else if (*slot != which)
		*slot = SEVERAL;
}

static void step(struct thin_share *s, uint32_t to)
{
	if (s->at != BORDER)
		neighbour(&s->next[s->at], to);
	if (to != BORDER)
		neighbour(&s->prev[to], s->at);
	s->at = to;
}

/* The second device that comes by makes it shared. */
static int on_leaf(void *user, const struct walk_node *leaf)
{
	struct thin_share *s = user;
	uint32_t i = (uint32_t)(leaf - s->f->nodes.items);

	if (bits_test_and_set(&s->seen, i))
		bits_set(&s->shared, i);
	step(s, i);
	return 0;
}

static int on_lost(void *user, const struct walk_lost *lost)
{
	(void)lost;
	step(user, BORDER);
	return 0;
}

/*
 * The third time and later nothing new is inside: all is shared, and neighbours are who they were.
 * Only what is before and behind may differ.
 */
static bool pass(void *user, const struct walk_node *node)
{
	struct thin_share *s = user;
	uint64_t i = (uint64_t)(node - s->f->nodes.items);

	if (node->flags & WALK_IS_BROKEN)
		return false;
	if (!bits_test(&s->shared, i)) {
		if (bits_test_and_set(&s->seen, i))
			bits_set(&s->shared, i);
		return false;
	}
	step(s, (uint32_t)(forest_end_leaf(s->f, node, false) - s->f->nodes.items));
	s->at = (uint32_t)(forest_end_leaf(s->f, node, true) - s->f->nodes.items);
	return true;
}

/* Device after device: neighbours that are the same for all of them can be one def. */
int thin_share_add(struct thin_share *s, bp_mblock root)
{
	const struct forest_visitor visitor = {
		.leaf = on_leaf,
		.lost = on_lost,
		.pass = pass,
		.user = s,
	};
	int r;

	s->at = BORDER;
	r = forest_visit(s->f, root, &visitor);
	step(s, BORDER);
	return r;
}

bool thin_share_is_shared(const struct thin_share *s, const struct walk_node *leaf)
{
	return bits_test(&s->shared, (uint64_t)(leaf - s->f->nodes.items));
}

/*
 * Nothing below it has to be told again: all of it is shared and was told with its first
 * owner.
 */
static bool is_silent(const struct thin_share *s, const struct walk_node *n)
{
	const struct walk_inner *inner;
	bool silent = !(n->flags & WALK_IS_BROKEN);

	if (n->flags & WALK_IS_LEAF)
		return thin_share_is_shared(s, n) && !thin_share_is_first(s, n);
	inner = forest_inner(s->f, n);
	for (uint32_t i = 0; silent && i < n->nr; i++)
		silent =
			bits_test(&s->silent, (uint64_t)(forest_node(s->f, inner->children[i]) -
							 s->f->nodes.items));
	return silent;
}

/* Children first, whatever the order in which they were met. */
int thin_share_finish(struct thin_share *s)
{
	const struct forest *f = s->f;
	uint8_t top = 0;
	int r = bits_init(&s->silent, MAX(f->nodes.count, (size_t)1));

	for (size_t i = 0; i < f->nodes.count; i++)
		top = MAX(top, f->nodes.items[i].height);
	for (int height = 0; r == 0 && height <= top; height++)
		for (size_t i = 0; i < f->nodes.count; i++) {
			const struct walk_node *n = &f->nodes.items[i];

			if (n->height == height && !n->error && is_silent(s, n))
				bits_set(&s->silent, i);
		}
	return r;
}

bool thin_share_is_silent(const struct thin_share *s, const struct walk_node *node)
{
	return bits_test(&s->silent, (uint64_t)(node - s->f->nodes.items));
}

bool thin_share_is_first(const struct thin_share *s, const struct walk_node *leaf)
{
	uint32_t i = (uint32_t)(leaf - s->f->nodes.items), prev = s->prev[i];

	return prev >= SEVERAL || s->next[prev] != i;
}

const struct walk_node *thin_share_next(const struct thin_share *s,
					const struct walk_node *leaf)
{
	uint32_t i = (uint32_t)(leaf - s->f->nodes.items), next = s->next[i];

	return next >= SEVERAL || s->prev[next] != i ? NULL : &s->f->nodes.items[next];
}
