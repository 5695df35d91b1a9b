/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of the states that are left a removed volume is taken from, and which number it gets: pools
 * that have trees of older states beside their own.
 */
#include "thin_area.h"

#include <bedplate/history.h>
#include <bedplate/undelete.h>

#include "image.h"

#define DEVICE(id, mapped, created)                                                            \
	"<device dev_id=\"" id "\" mapped_blocks=\"" mapped "\" transaction=\"" created        \
	"\" creation_time=\"" created "\" snap_time=\"" created "\">\n"
#define ONE(id, data) DEVICE(id, "1", "3") AT("0", data, "3") "</device>"
/* What has the number of the volume that is looked for, since. */
#define SINCE  ONE("1", "900")
#define SB_END "</superblock>"

/*
 * A state with volume 1, made in transaction 1: a row of leaves, of which one may be lost. And with
 * volume 2, which is whole: a state in which nothing is comes behind those in which something is.
 */
struct state {
	uint32_t time; /* of its mappings: what is newest is told by that */
	uint32_t leaves[3];
	unsigned lost; /* which of them, from 1; 0: none */
};

static bp_mblock put_volume_1(struct image *image, bp_mblock at, const struct state *state,
			      uint64_t *ret_mapped)
{
	le64 values[252], children[3];
	uint64_t keys[3], mapped = 0;
	uint32_t nr = 0;

	for (; nr < ARRAY_SIZE(keys) && state->leaves[nr]; nr++) {
		for (uint32_t i = 0; i < state->leaves[nr]; i++)
			values[i] = le64_make(thin_mapping_make(mapped + i, state->time));
		image_put_leaf(image, at, sizeof(le64), state->leaves[nr], mapped, values);
		if (state->lost == nr + 1)
			memset(image_block(image, at), 0xa5, IO_BLOCK);
		children[nr] = le64_make(at++);
		keys[nr] = mapped;
		mapped += state->leaves[nr];
	}
	image_put_node(image, at, nr, keys, children);
	*ret_mapped = mapped;
	return at + 1;
}

/* At the end of the area, where the pool's own blocks do not reach. Returns the next place. */
static bp_mblock put_state(struct image *image, bp_mblock at, const struct state *state)
{
	const le64 value = le64_make(thin_mapping_make(950, state->time));
	struct thin_details_disk details[2] = { 0 };
	uint64_t mapped[2] = { 0, 1 };
	le64 roots[2];

	at = put_volume_1(image, at, state, &mapped[0]);
	roots[0] = le64_make(at - 1);
	image_put_leaf(image, at, sizeof(le64), 1, 0, &value);
	roots[1] = le64_make(at);
	for (size_t i = 0; i < ARRAY_SIZE(details); i++)
		details[i] = (struct thin_details_disk){
			.mapped_blocks = le64_make(mapped[i]),
			.transaction_id = le64_make(1),
			.creation_time = le32_make(1),
			.snapshotted_time = le32_make(1),
		};
	image_put_leaf(image, at + 1, sizeof(le64), ARRAY_SIZE(roots), 1, roots);
	image_put_leaf(image, at + 2, sizeof(details[0]), ARRAY_SIZE(details), 1, details);
	return at + 3;
}

/* A pool as @xml has it, and @states in the rest of its area. */
static char *make_pool(const char *xml, const struct state *states, size_t nr)
{
	bp_mblock at = META_BLOCKS / 2;
	struct image image;
	struct area area;
	char *path;

	area_init(&area);
	memset(area.data, 0, META_BLOCKS * IO_BLOCK);
	assert_ok(restore(&area, xml));
	image_new(&image, META_BLOCKS * IO_BLOCK);
	memcpy(image.data, area.data, image.size);
	for (size_t i = 0; i < nr; i++)
		at = put_state(&image, at, &states[i]);
	path = image_file(&image);
	image_done(&image);
	area_done(&area);
	return path;
}

/* Volume 1, as it was. */
static struct bp_undelete_result undelete(const char *xml, const struct state *states,
					  size_t nr)
{
	struct bp_undelete_result res = { .size = sizeof(res) };
	char *path = make_pool(xml, states, nr);
	struct bp_undelete *undelete;
	struct bp_source *source;
	struct bp_ctx *ctx;
	int r;

	assert_ok(bp_ctx_new(&ctx));
	assert_ok(bp_source_open(ctx, path, NULL, &source));
	r = bp_undelete_new(source, "1", NULL, &undelete);
	if (r < 0)
		print_message("# %s\n", bp_error_get(ctx)->message);
	assert_ok(r);
	bp_undelete_get(undelete, &res);
	bp_undelete_free(undelete);
	bp_source_close(source);
	bp_ctx_free(ctx);
	image_unlink(path);
	return res;
}

static const struct {
	struct state states[2];
	uint64_t found, mapped;
} choices[] = {
	/* The newest that is whole, though an older one has more. */
	{ { { 7, { 120, 120 }, 0 }, { 5, { 150, 150 }, 0 } }, 240, 240 },
	/* Of the newest too little is left: the older one has more, and all of it. */
	{ { { 7, { 120, 150 }, 2 }, { 5, { 100, 100 }, 0 } }, 200, 200 },
	/* What is left of the newest is more than the older one ever had. */
	{ { { 7, { 150, 150, 120 }, 3 }, { 5, { 100, 100 }, 0 } }, 300, 420 },
	/* Neither is whole. */
	{ { { 7, { 120, 150 }, 2 }, { 5, { 100, 100, 90 }, 1 } }, 190, 290 },
	{ { { 7, { 150, 150 }, 1 }, { 5, { 100, 40 }, 2 } }, 150, 300 },
};

static void the_newest_whole_state_or_the_fullest(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		struct bp_undelete_result res = undelete(SB SINCE SB_END, choices[i].states,
							 ARRAY_SIZE(choices[i].states));

		print_message("# %zu: %u of %u\n", i, (unsigned)res.found_dblocks,
			      (unsigned)res.device.mapped_dblocks);
		assert_int_equal(res.found_dblocks, choices[i].found);
		assert_int_equal(res.device.mapped_dblocks, choices[i].mapped);
	}
}

/* Its own; behind the highest; where that is the highest there can be, the first that is free. */
static const struct {
	const char *xml;
	uint64_t id;
} numbers[] = {
	{ SB ONE("5", "905") SB_END, 1 },
	{ SB SINCE ONE("5", "905") SB_END, 6 },
	{ SB SINCE ONE("16777214", "905") SB_END, 16777215 },
	{ SB SINCE ONE("16777215", "905") SB_END, 2 },
	{ SB SINCE ONE("2", "902") ONE("16777215", "905") SB_END, 3 },
};

static void a_number_that_the_kernel_takes(void **state)
{
	static const struct state old = { 5, { 100, 100 }, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_int_equal(undelete(numbers[i].xml, &old, 1).free_id, numbers[i].id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_whole_state_or_the_fullest),
		cmocka_unit_test(a_number_that_the_kernel_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
