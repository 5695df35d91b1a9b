/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tests of mapped devices share: a kernel in memory with two disks, and looking at it. */
#ifndef LIB_DM_WORLD_H
#define LIB_DM_WORLD_H

#include "lib/fake_ctx.h"

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
};

static const struct fake_disk disks[] = {
	{ "/dev/sda", 1 << 20 },
	{ "/dev/sdb", 1 << 20 },
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

static inline int teardown(void **state)
{
	struct world *w = *state;

	bp_ctx_free(w->ctx);
	free(w);
	return 0;
}

static inline struct bp_table *table(struct world *w, const char *text)
{
	struct bp_table *t;

	assert_ok(bp_table_parse(w->ctx, text, 0, &t));
	return t;
}

static inline int create(struct world *w, const char *name, const char *text)
{
	struct bp_table *t = text ? table(w, text) : NULL;
	int r = bp_device_create(w->ctx, name, t, NULL, NULL);

	bp_table_free(t);
	return r;
}

static inline void assert_table(struct world *w, const char *name, uint32_t flags,
				const char *text)
{
	struct bp_selector which = { .name = name };
	struct bp_table *t;
	char *got;

	assert_ok(bp_device_table(w->ctx, &which, flags, &t));
	assert_ok(bp_table_format(w->ctx, t, &got));
	assert_string_equal(got, text);
	free(got);
	bp_table_free(t);
}

static inline void assert_state(struct world *w, const char *expected)
{
	char *got = fake_dump(w->fake);

	assert_string_equal(got, expected);
	free(got);
}

/* A test with a world of its own. */
#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
