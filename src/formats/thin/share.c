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

int thin_share_add(struct thin_share *s, bp_mblock root)
{
	const struct forest_visitor visitor = {
		.leaf = on_leaf,
		.lost = on_lost,
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
