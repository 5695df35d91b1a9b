/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set only: who mapped a block first is for callers to find out, where that matters. */
#include "formats/cache/origins.h"

#define NEAR_A_MAPPING 64u

int origins_init(struct origins *o, uint64_t nr_mappings)
{
	*o = (struct origins){ 0 };
	return bits_init(&o->near, nr_mappings * NEAR_A_MAPPING) < 0 ? -ENOMEM : 0;
}

void origins_done(struct origins *o)
{
	bits_done(&o->near);
	free(o->far);
	*o = (struct origins){ 0 };
}

static size_t slot_of(const struct origins *o, uint64_t entry)
{
	size_t mask = o->far_size - 1;
	size_t i = (size_t)(entry * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;

	while (o->far[i] && o->far[i] != entry)
		i = (i + 1) & mask;
	return i;
}

static int grow(struct origins *o)
{
	struct origins old = *o;

	o->far_size = old.far_size ? 2 * old.far_size : 1024;
	o->far = calloc(o->far_size, sizeof(*o->far));
	if (!o->far) {
		*o = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.far_size; i++)
		if (old.far[i])
			o->far[slot_of(o, old.far[i])] = old.far[i];
	free(old.far);
	return 0;
}

int origins_add_far(struct origins *o, uint64_t block, bool *ret_was)
{
	size_t i;

	if (2 * o->far_count >= o->far_size && grow(o) < 0)
		return -ENOMEM;
	i = slot_of(o, block + 1);
	*ret_was = o->far[i] != 0;
	o->far_count += !*ret_was;
	o->far[i] = block + 1;
	return 0;
}
