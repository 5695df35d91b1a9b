/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs of data blocks put in order, and the sets of their owners. */
#include "unit.h"

#include "formats/thin/owned.h"
#include "formats/thin/owner_sets.h"

#define WORKERS 3u

/* What comes, and what is expected of it. */
struct trial {
	uint64_t expected; /* data blocks */
	uint64_t spread;   /* how many there really are */
	size_t count;
};

static uint64_t next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 20;
}

/* By rising data block, each of which knows which it is. */
static void look(struct owned_list *list, uint8_t *seen, const uint64_t *blocks)
{
	uint64_t last = 0;

	for (size_t part = 0; part < OWNED_PARTS; part++) {
		size_t count;
		const struct owned *items = owned_part(list, part, &count);

		for (size_t i = 0; i < count; i++) {
			assert_true(items[i].data_begin >= last);
			last = items[i].data_begin;
			assert_int_equal(seen[items[i].virtual_begin]++, 0);
			assert_int_equal(blocks[items[i].virtual_begin], last);
		}
	}
}

static void put_in_order(const struct trial *trial, uint64_t seed)
{
	uint8_t *seen = calloc(trial->count + 1, 1);
	uint64_t *blocks = calloc(trial->count + 1, sizeof(*blocks));
	struct owned_list list;

	assert_non_null(seen);
	assert_non_null(blocks);
	assert_int_equal(owned_init(&list, WORKERS, trial->expected), 0);
	for (size_t i = 0; i < trial->count; i++) {
		const struct owned o = { next(&seed) % trial->spread, i, 1, 0 };

		blocks[i] = o.data_begin;
		assert_int_equal(owned_add(&list, (unsigned)(i % WORKERS), &o), 0);
	}
	assert_int_equal(owned_ready(&list), 0);
	look(&list, seen, blocks);
	for (size_t i = 0; i < trial->count; i++)
		assert_int_equal(seen[i], 1);
	owned_done(&list);
	free(blocks);
	free(seen);
}

/* Whether as many blocks were expected as there are, fewer, or many more; many and few of each. */
static void owned_are_put_in_order(void **state)
{
	static const struct trial trials[] = {
		{ 0, 1, 0 },
		{ 0, 1, 1 },
		{ 1000, 1000, 3000 },
		{ 1 << 20, 1 << 20, 100000 },
		{ 1 << 20, 1 << 20, 170 * 512 * 3 },
		{ 100, 1 << 30, 20000 },
		{ 0, UINT64_C(1) << 40, 5000 },
		{ UINT64_C(1) << 40, 4000, 5000 },
		{ UINT64_C(1) << 40, UINT64_C(1) << 40, 40000 },
		{ UINT64_MAX, UINT64_C(1) << 40, 2000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++)
		put_in_order(&trials[i], i + 1);
}

/* Leaves that the same devices have, have the same set; a device may have one twice. */
static void sets_are_shared(void **state)
{
	struct owner_sets sets = { 0 };
	uint32_t leaf[4] = { 0 }, count;
	const uint32_t *devices;

	(void)state;
	assert_int_equal(owner_sets_init(&sets, 3), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(owner_sets_add(&sets, &leaf[i], 0), 0);
	assert_int_equal(owner_sets_add(&sets, &leaf[0], 1), 0);
	assert_int_equal(owner_sets_add(&sets, &leaf[3], 1), 0);
	assert_int_equal(owner_sets_add(&sets, &leaf[1], 1), 0);
	assert_int_equal(owner_sets_add(&sets, &leaf[1], 2), 0);
	assert_int_equal(owner_sets_add(&sets, &leaf[2], 2), 0);
	assert_int_equal(owner_sets_add(&sets, &leaf[2], 2), 0);
	assert_int_equal(leaf[3], owner_set_of(1));
	assert_int_equal(owner_sets_ready(&sets), 0);
	devices = owner_sets_list(&sets, leaf[1], &count);
	assert_int_equal(count, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(devices[i], i);
	devices = owner_sets_list(&sets, leaf[2], &count);
	assert_int_equal(count, 3);
	assert_int_equal(devices[0], 0);
	assert_int_equal(devices[1], 2);
	assert_int_equal(devices[2], 2);
	devices = owner_sets_list(&sets, leaf[0], &count);
	assert_int_equal(count, 2);
	assert_int_equal(devices[1], 1);
	owner_sets_done(&sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owned_are_put_in_order),
		cmocka_unit_test(sets_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
