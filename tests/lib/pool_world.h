/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What tests of thin pools share: a kernel in memory with a pool on two disks, two more disks, and
 * looking at all of it. Include it once.
 */
#ifndef LIB_POOL_WORLD_H
#define LIB_POOL_WORLD_H

#include "lib/fake_ctx.h"

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	struct bp_pool *pool;
};

static const struct fake_disk disks[] = {
	{ "/dev/meta", 4 * MIB },
	{ "/dev/data", 64 * MIB },
	{ "/dev/other", 64 * MIB },
	{ "/dev/meta2", 4 * MIB },
	{ NULL, 0 },
};

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	fake_ctx(&w->ctx, &w->fake, disks);
	*state = w;
	return 0;
}

static inline int setup_pool(void **state)
{
	struct world *w;

	setup(state);
	w = *state;
	assert_ok(bp_pool_create(w->ctx, "pool", "/dev/meta", "/dev/data", NULL, &w->pool));
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	bp_pool_close(w->pool);
	bp_ctx_free(w->ctx);
	free(w);
	return 0;
}

static inline void assert_state(struct world *w, const char *expected)
{
	char *got = fake_dump(w->fake);

	assert_string_equal(got, expected);
	free(got);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define P(f) cmocka_unit_test_setup_teardown(f, setup_pool, teardown)

#endif
