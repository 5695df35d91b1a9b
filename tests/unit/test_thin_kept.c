/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leaves that are kept as runs make the text that they make themselves. */
#include "formats/thin/kept.h"
#include "formats/thin/text.h"
#include "unit.h"

#include <stdio.h>

#define STEP     (UINT64_C(1) << THIN_TIME_BITS)
#define LEAF_MAX 252u

struct made {
	le64 keys[LEAF_MAX], values[LEAF_MAX];
	struct node leaf;
};

/* @nr runs of @length mappings each; @how the next one does not continue the one before. */
enum how { JUMP_VIRTUAL, JUMP_DATA, JUMP_TIME, JUMP_NOT };

static void make(struct made *m, uint64_t key, uint64_t value, uint32_t nr, uint32_t length,
		 enum how how)
{
	uint32_t i = 0;

	assert_true(nr * length <= LEAF_MAX);
	for (uint32_t run = 0; run < nr; run++) {
		for (uint32_t k = 0; k < length; k++, i++, key++, value += STEP) {
			m->keys[i] = le64_make(key);
			m->values[i] = le64_make(value);
		}
		key += how == JUMP_VIRTUAL;
		value += how == JUMP_DATA ? STEP : how == JUMP_TIME;
	}
	m->leaf = (struct node){
		.leaf = true,
		.nr = i,
		.max = LEAF_MAX,
		.value_size = 8,
		.keys = m->keys,
		.values = (const void *)m->values,
	};
}

static const struct {
	uint64_t key, value;
	uint32_t nr, length;
	enum how how;
	uint32_t kept; /* runs; 0: is not kept */
} leaves[] = {
	{ 0, 7 * STEP + 3, 1, 252, JUMP_NOT, 1 },
	{ 252, 259 * STEP + 3, 1, 200, JUMP_NOT, 1 }, /* continues the one before */
	{ 1000, 1, 1, 1, JUMP_NOT, 1 },
	{ 1001, STEP + 1, 4, 1, JUMP_DATA, 4 },
	{ 1005, 9 * STEP, 5, 1, JUMP_DATA, 0 },
	{ 2000, 10 * STEP, 2, 126, JUMP_TIME, 2 },
	{ 3000, 10 * STEP, 3, 84, JUMP_VIRTUAL, 3 },
	{ 4000, 10 * STEP, 252, 1, JUMP_VIRTUAL, 0 },
	{ 5000, 10 * STEP, 4, 63, JUMP_DATA, 4 },
	{ 6000, 0, 0, 0, JUMP_NOT, 0 },
	/* Data blocks that wrap around are two runs. */
	{ 7000, UINT64_MAX - 100 * STEP + 1, 1, 200, JUMP_NOT, 2 },
	{ 8000, UINT64_MAX - 252 * STEP + 1, 1, 252, JUMP_NOT, 1 },
	{ 8252, 0, 1, 252, JUMP_NOT, 1 }, /* nor does this one continue the one before */
	{ UINT64_MAX - 251, 5 * STEP, 1, 252, JUMP_NOT, 1 },
};

static int collect(void *user, const char *text, size_t len)
{
	return fwrite(text, 1, len, user) == len ? 0 : -EIO;
}

static uint32_t put_kept(struct thin_text *text, const struct kept_run *run)
{
	uint32_t nr = 0;
	bool last;

	do {
		thin_text_run(text, run->virtual_begin, run->value, run->length);
		last = run->last;
		nr++;
		run++;
	} while (!last);
	return nr;
}

static void kept_leaves_read_alike(void **state)
{
	struct thin_text plain, kept;
	char *a, *b;
	size_t a_len, b_len;
	FILE *plain_file = open_memstream(&a, &a_len), *kept_file = open_memstream(&b, &b_len);
	struct thin_kept k;
	struct made m;
	uint32_t mark;

	(void)state;
	assert_ok(thin_kept_init(&k, 3));
	assert_ok(thin_text_init(&plain, false, collect, plain_file));
	assert_ok(thin_text_init(&kept, false, collect, kept_file));
	for (unsigned i = 0; i < ARRAY_SIZE(leaves); i++) {
		make(&m, leaves[i].key, leaves[i].value, leaves[i].nr, leaves[i].length,
		     leaves[i].how);
		assert_ok(thin_kept_add(&k, i % 3, &m.leaf, &mark));
		assert_int_equal(mark != 0, leaves[i].kept != 0);
		thin_text_leaf(&plain, &m.leaf);
		if (mark)
			assert_int_equal(put_kept(&kept, thin_kept_get(&k, mark)),
					 leaves[i].kept);
		else
			thin_text_leaf(&kept, &m.leaf);
	}
	assert_ok(thin_text_end(&plain, 0));
	assert_ok(thin_text_end(&kept, 0));
	fclose(plain_file);
	fclose(kept_file);
	assert_string_equal(a, b);
	assert_non_null(strstr(a, "<range_mapping origin_begin=\"0\" data_begin=\"7\" "
				  "length=\"452\" time=\"3\"/>"));
	thin_text_done(&plain);
	thin_text_done(&kept);
	thin_kept_done(&k);
	free(a);
	free(b);
}

/* What was kept stays where it was found, however much comes behind it. */
static void marks_last(void **state)
{
	uint32_t marks[1000];
	struct thin_kept k;
	struct made m;

	(void)state;
	assert_ok(thin_kept_init(&k, 2));
	for (unsigned i = 0; i < ARRAY_SIZE(marks); i++) {
		make(&m, i, i * STEP, 1 + i % 4, 3, JUMP_TIME);
		assert_ok(thin_kept_add(&k, i / 3 % 2, &m.leaf, &marks[i]));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(marks); i++) {
		const struct kept_run *run = thin_kept_get(&k, marks[i]);

		assert_int_equal(run->virtual_begin, i);
		assert_int_equal(run->value, i * STEP);
		assert_int_equal(run->length, 3);
		assert_true(run[i % 4].last);
	}
	thin_kept_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_leaves_read_alike),
		cmocka_unit_test(marks_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
