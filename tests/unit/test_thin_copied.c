/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Repair of what is whole: a copy; and of all that is not quite: made anew, never a copy of the fault. */
#include "context_test.h"
#include "verdict.h"

#include "formats/thin/plan.h"

static void write_plan(struct io *take_io, const struct bp_thin_repair_opts *opts, size_t size,
		       struct image *out)
{
	struct bp_thin_plan *plan;
	struct io *io;

	assert_ok(thin_plan_io(ctx, take_io, opts, &plan));
	image_new(out, size);
	io = image_io(out);
	assert_ok(thin_plan_write_io(plan, io));
	io_close(io);
	bp_thin_plan_free(plan);
}

/* Blocks in use, by the map of @in, that @out does not have where @in has them. */
static unsigned blocks_moved(const struct image *in, const struct image *out)
{
	unsigned moved = 0;

	for (bp_mblock b = 1; b < in->size / IO_BLOCK; b++)
		if (image_used(in, b) &&
		    memcmp(image_block(in, b), image_block(out, b), IO_BLOCK) != 0)
			moved++;
	return moved;
}

/* To the last byte, but for a flag that a repair answers. */
static void what_is_whole_is_copied(void **state)
{
	static const char *const names[] = { "thin-refs", "thin-small", "thin-resized" };
	struct image in, out;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		image_load(&in, names[i]);
		image_patch(&in, 0, BLOCK_THIN_SUPERBLOCK, 4, 4, 1);
		write_plan(image_io(&in), NULL, in.size, &out);
		assert_clean(ctx, &out);
		assert_int_equal(blocks_moved(&in, &out), 0);
		image_patch(&in, 0, BLOCK_THIN_SUPERBLOCK, 4, 4, 0);
		assert_memory_equal(image_block(&in, 0), image_block(&out, 0), IO_BLOCK);
		image_done(&in);
		image_done(&out);
	}
}

/* What is asked for otherwise, or does not fit as it is. */
static void what_is_to_be_otherwise_is_made(void **state)
{
	const struct bp_thin_repair_opts transaction = {
		.size = sizeof(transaction),
		.flags = BP_THIN_REPAIR_TRANSACTION,
		.transaction_id = 77,
	};
	const struct {
		const struct bp_thin_repair_opts *opts;
		const char *name;
		size_t more; /* bytes of the output */
	} cases[] = {
		{ &transaction, "thin-refs", 0 },
		{ NULL, "thin-refs", 16 * IO_BLOCK },
		{ NULL, "thin-msnap", 0 },
	};
	struct image in, out;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		image_load(&in, cases[i].name);
		write_plan(image_io(&in), cases[i].opts, in.size + cases[i].more, &out);
		assert_clean(ctx, &out);
		assert_true(blocks_moved(&in, &out) > 0);
		image_done(&in);
		image_done(&out);
	}
}

/* Each block of @name in turn can't be read, or is another one: what comes out is clean. */
static void no_fault_is_copied(void **state)
{
	struct image in, out;

	(void)state;
	image_load(&in, "thin-refs");
	for (bp_mblock b = 1; b < in.size / IO_BLOCK; b++) {
		const struct io_fault_plan fault = { IO_FAULT_READ_BLOCK, b, -EIO };
		struct image changed;
		struct io *io;

		if (!image_used(&in, b))
			continue;
		assert_ok(io_fault_new(image_io(&in), &fault, &io));
		write_plan(io, NULL, in.size, &out);
		assert_clean(ctx, &out);
		image_done(&out);
		image_copy(&changed, &in);
		*((uint8_t *)image_block(&changed, b) + 100) ^= 4;
		write_plan(image_io(&changed), NULL, in.size, &out);
		assert_clean(ctx, &out);
		image_done(&changed);
		image_done(&out);
	}
	image_done(&in);
}

/* Space maps that are sound blocks and count wrong, times that are too low. */
static void wrong_counts_are_put_right(void **state)
{
	static const char *const names[] = { "thin-data-leak", "thin-meta-leak",
					     "thin-data-ref-high", "thin-data-ref-zero",
					     "thin-overflow-missing" };
	struct image in, out;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		image_load(&in, names[i]);
		write_plan(image_io(&in), NULL, in.size, &out);
		assert_clean(ctx, &out);
		image_done(&in);
		image_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_whole_is_copied),
		cmocka_unit_test(what_is_to_be_otherwise_is_made),
		cmocka_unit_test(no_fault_is_copied),
		cmocka_unit_test(wrong_counts_are_put_right),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
