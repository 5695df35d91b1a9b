/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inspecting: what leads to each block agrees with the space map, on kernel-made metadata. */
#include "context_test.h"

#include "formats/thin/inspect.h"
#include "image.h"

static struct bp_inspect *inspect(const struct image *image)
{
	struct bp_inspect *in = NULL;

	assert_ok(inspect_new_io(ctx, image_io(image), &in));
	return in;
}

static int count(void *user, const struct bp_inspect_ref *ref)
{
	assert_true(ref->field || ref->key != BP_NONE);
	++*(uint64_t *)user;
	return 0;
}

/* A way goes from block 0, each step leading to the next. */
struct way {
	bp_mblock at;
	struct bp_inspect *in;
	uint64_t steps;
};

static int step(void *user, const struct bp_inspect_ref *ref)
{
	struct way *w = user;

	assert_int_equal(ref->parent == 0, w->steps == 0);
	w->at = ref->parent;
	w->steps++;
	return 0;
}

static int count_entry(void *user, const struct bp_inspect_entry *entry)
{
	assert_true(entry->kind >= BP_ENTRY_CHILD && entry->kind <= BP_ENTRY_OTHER);
	++*(uint64_t *)user;
	return 0;
}

static void look_at_block(struct bp_inspect *in, bp_mblock block)
{
	struct way way = { .in = in };
	struct bp_inspected b;
	uint64_t refs = 0, entries = 0;

	assert_ok(bp_inspect_block(in, block, &b));
	assert_ok(bp_inspect_refs(in, block, count, &refs));
	assert_ok(bp_inspect_path(in, block, step, &way));
	assert_ok(bp_inspect_entries(in, count_entry, &entries));
	if (block == 0) {
		assert_int_equal(b.kind, BP_BLOCK_THIN_SUPERBLOCK);
		return;
	}
	assert_int_equal(refs, b.ref_count);
	assert_int_equal(b.reachable, refs > 0);
	assert_int_equal(way.steps > 0, refs > 0);
	if (b.kind == BP_BLOCK_NODE && b.reachable) {
		assert_null(b.node_error);
		assert_int_equal(entries, b.nr_entries);
		assert_int_equal(b.stored_csum, b.expected_csum);
		assert_int_equal(b.stored_number, block);
	}
}

static void pointers_are_as_many_as_counted(void **state)
{
	static const char *const names[] = { "thin-small", "thin-refs", "thin-msnap",
					     "thin-many", "thin-big" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct image image;
		struct bp_inspect *in;
		struct bp_inspected b;

		image_load(&image, names[i]);
		in = inspect(&image);
		for (bp_mblock nr = 0; nr < MIN(bp_inspect_blocks(in), 700); nr++)
			look_at_block(in, nr);
		assert_err(bp_inspect_block(in, bp_inspect_blocks(in), &b), ERANGE);
		bp_inspect_free(in);
		image_done(&image);
	}
}

/* Every block damaged in turn: nothing breaks, and the block says so. */
static void damage_is_shown(void **state)
{
	struct image image;

	(void)state;
	image_load(&image, "thin-refs");
	for (bp_mblock nr = 0; nr < 200; nr++) {
		uint8_t *block = image_block(&image, nr), saved = block[100];
		struct bp_inspect *in;
		struct bp_inspected b;
		uint64_t n = 0;

		block[100] ^= 4;
		in = inspect(&image);
		assert_ok(bp_inspect_block(in, nr, &b));
		assert_int_equal(b.kind, BP_BLOCK_UNKNOWN);
		if (b.tree && !b.zero)
			assert_string_equal(b.node_error, "bad checksum in btree node");
		assert_ok(bp_inspect_entries(in, count_entry, &n));
		assert_ok(bp_inspect_path(in, nr, count, &n));
		bp_inspect_free(in);
		block[100] = saved;
	}
	image_done(&image);
}

static void failing_reads_are_survived(void **state)
{
	struct io_fault_plan plan = { .what = IO_FAULT_READ_NTH, .error = -EIO };
	struct image image;

	(void)state;
	image_load(&image, "thin-small");
	for (;; plan.at++) {
		struct bp_inspect *in;
		struct bp_inspected b;
		uint64_t read;
		struct io *fault;
		int r;

		assert_ok(io_fault_new(image_io(&image), &plan, &fault));
		assert_ok(inspect_new_io(ctx, fault, &in));
		r = bp_inspect_block(in, 17, &b);
		assert_true(r == 0 || r == -EIO);
		read = io_fault_counts_get(fault).blocks_read;
		bp_inspect_free(in);
		if (read <= plan.at)
			break;
	}
	image_done(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pointers_are_as_many_as_counted),
		cmocka_unit_test(damage_is_shown),
		cmocka_unit_test(failing_reads_are_survived),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
