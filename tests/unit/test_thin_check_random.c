/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* thin_check against chance: fields and bytes changed at random, damage hidden behind thousands of leaks. */
#include "context_test.h"
#include "draw.h"
#include "verdict.h"

#include <inttypes.h>
#include <stdio.h>

/* --- every field, at random --- */

static bp_mblock draw_block(const struct image *image)
{
	bp_mblock nr;

	do
		nr = 1 + draw(image->size / IO_BLOCK - 1);
	while (!image_used(image, nr));
	return nr;
}

/* Change a field of a node whose change must be found, whatever it becomes. */
static bool break_node(struct btree_node_disk *node)
{
	uint32_t nr = le32_get(node->nr_entries), max = le32_get(node->max_entries);
	uint32_t size = le32_get(node->value_size), i;
	le64 *value;

	switch (draw(6)) {
	case 0:
		node->flags = le32_make(le32_get(node->flags) ^ (1u << draw(32)));
		return true;
	case 1:
		/* What an empty leaf had before is there again: in a tree of counts it does no harm. */
		node->nr_entries = le32_make(nr ^ (1u << draw(32)));
		return nr > 0;
	case 2:
		/* By threes: keys and values come apart. */
		node->max_entries = le32_make(max ^ (1u << draw(32)));
		return nr > 0;
	case 3:
		node->value_size = le32_make(size ^ (1u << draw(32)));
		return true;
	case 4:
		node->blocknr = le64_make(le64_get(node->blocknr) ^ (UINT64_C(1) << draw(64)));
		return true;
	default:
		if (nr == 0 || size != 8)
			return false;
		/* A pointer, or the data block of a mapping: counts can't be right any more. */
		i = (uint32_t)draw(nr);
		value = &node->keys[max + i];
		*value = le64_make(le64_get(*value) ^ (UINT64_C(1) << (24 + draw(40))));
		return true;
	}
}

static bool break_bitmap(struct sm_bitmap_disk *bitmap)
{
	uint64_t i = draw(1024), word = le64_get(bitmap->words[i / 32]);

	bitmap->words[i / 32] = le64_make(word ^ (1 + draw(3)) << (2 * (i % 32)));
	return true;
}

static bool break_index(struct sm_index_disk *index)
{
	index->entries[0].blocknr =
		le64_make(le64_get(index->entries[0].blocknr) ^ (UINT64_C(1) << draw(64)));
	return true;
}

/* Returns false where nothing was changed that must be found. */
static bool break_block(const struct image *image, bp_mblock nr)
{
	void *block = image_block(image, nr);
	enum block_kind kind = block_kind_of(block);
	bool must = false;

	switch (kind) {
	case BLOCK_NODE:
		must = break_node(block);
		break;
	case BLOCK_BITMAP:
		must = break_bitmap(block);
		break;
	case BLOCK_INDEX:
		must = break_index(block);
		break;
	case BLOCK_UNKNOWN:
	case BLOCK_THIN_SUPERBLOCK:
	case BLOCK_CACHE_SUPERBLOCK:
	case BLOCK_ERA_SUPERBLOCK:
	case BLOCK_ARRAY:
	case BLOCK_KINDS:
		return false;
	}
	image_seal(image, nr, kind);
	return must;
}

static void broken_fields_are_found(void **state)
{
	static const char *const names[] = { "thin-refs", "thin-small", "thin-msnap" };
	struct image good, bad;
	struct verdict v;
	bp_mblock nr;
	bool must;

	(void)state;
	draw_seed();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		image_load(&good, names[i]);
		for (int n = 0; n < 150; n++) {
			image_copy(&bad, &good);
			nr = draw_block(&bad);
			must = break_block(&bad, nr);
			verdict_check(&v, ctx, &bad, CHECK_ONLY, 0);
			if (v.r || (must && !v.res.nr_fatal && !v.res.nr_nonfatal))
				fail_msg("%s, round %d, block %" PRIu64 ": not found (%d: %s)",
					 names[i], n, nr, v.r, v.text);
			verdict_done(&v);
			image_done(&bad);
		}
		image_done(&good);
	}
}

/* --- quantity must not matter --- */

#define PLANTED_FROM 8000u
#define PLANTED_TO   16000u

/* Leaks in thousands: every other data block of a stretch that is free is counted. */
static void plant_leaks(const struct image *image, const struct image *good)
{
	for (bp_mblock nr = 1; nr < image->size / IO_BLOCK; nr++) {
		struct sm_bitmap_disk *bitmap = image_block(image, nr);

		/* The metadata's bitmap too: counts for blocks past its end are no more harm. */
		if (block_kind_of(bitmap) != BLOCK_BITMAP || !image_used(good, nr) ||
		    block_number(bitmap, BLOCK_BITMAP) != nr)
			continue;
		for (uint32_t i = PLANTED_FROM; i < PLANTED_TO; i += 2) {
			uint64_t word = le64_get(bitmap->words[i / 32]);
			unsigned shift = i % 32 * 2;

			if (!(word >> shift & 3))
				bitmap->words[i / 32] = le64_make(word | UINT64_C(2) << shift);
		}
		image_seal(image, nr, BLOCK_BITMAP);
	}
}

/* Did a change make a reference to a block that gets a count by the planting? */
static bool meets_planted(const struct verdict *v)
{
	const char *at = v->text;

	while ((at = strstr(at, " data block"))) {
		unsigned long block = strtoul(at + strcspn(at, "0123456789\n"), NULL, 10);

		if (block >= PLANTED_FROM && block < PLANTED_TO)
			return true;
		at++;
	}
	return false;
}

static bool break_some(const struct image *image, const struct image *good)
{
	bool any = false;

	for (uint64_t changes = 1 + draw(3); changes; changes--) {
		bp_mblock nr = draw_block(good);

		/* Each block once: what is broken can't be taken for what it was. */
		any |= block_kind_of(image_block(image, nr)) != BLOCK_BITMAP &&
		       memcmp(image_block(image, nr), image_block(good, nr), IO_BLOCK) == 0 &&
		       break_block(image, nr);
	}
	return any;
}

/* How many rounds compared verdicts; in the others nothing was broken, or what was met the planting. */
static unsigned compared, compared_fatal;

static void one_of_many(const struct image *good, unsigned round)
{
	struct image bare, planted;
	struct verdict a, b;

	image_copy(&bare, good);
	if (break_some(&bare, good)) {
		image_copy(&planted, &bare);
		plant_leaks(&planted, good);
		verdict_check(&a, ctx, &bare, CHECK_ONLY, 0);
		verdict_check(&b, ctx, &planted, CHECK_CLEAR, 0);
		assert_ok(a.r);
		assert_ok(b.r);
		if (!meets_planted(&a) && (a.res.nr_fatal != b.res.nr_fatal ||
					   (a.res.nr_fatal && b.res.cleared_needs_check)))
			fail_msg("round %u: %" PRIu64 " fatal without leaks, %" PRIu64
				 " with: %s",
				 round, a.res.nr_fatal, b.res.nr_fatal, a.text);
		compared += !meets_planted(&a);
		compared_fatal += !meets_planted(&a) && a.res.nr_fatal;
		verdict_done(&a);
		verdict_done(&b);
		image_done(&planted);
	}
	image_done(&bare);
}

/*
 * The verdict beside thousands of leaks is that without them. BEDPLATE_ROUNDS=2000 and
 * BEDPLATE_SEED make more and others of it.
 */
static void leaks_hide_nothing(void **state)
{
	static const char *const names[] = { "thin-refs", "thin-small", "thin-needs-check" };
	const char *rounds = getenv("BEDPLATE_ROUNDS"), *other = getenv("BEDPLATE_SEED");
	unsigned nr = rounds ? (unsigned)atoi(rounds) : 150;
	struct image good;

	(void)state;
	compared = compared_fatal = 0;
	draw_state = other ? strtoull(other, NULL, 10) : 521288629;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		image_load(&good, names[i]);
		for (unsigned n = 0; n < nr / ARRAY_SIZE(names); n++)
			one_of_many(&good, n);
		image_done(&good);
	}
	print_message("# %u rounds, %u compared, %u of them fatal\n", nr, compared,
		      compared_fatal);
	assert_true(compared_fatal > nr / 4);
}

/* Any bytes at all, of any blocks: nothing to be found, but nothing may break. */
static void no_bytes_do_harm(void **state)
{
	struct image good, bad;
	struct verdict v;

	(void)state;
	draw_state = 362436069362436069;
	image_load(&good, "thin-msnap");
	for (int n = 0; n < 300; n++) {
		image_copy(&bad, &good);
		for (uint64_t changes = 1 + draw(6); changes; changes--) {
			bp_mblock nr = draw(4) ? draw_block(&good) : 0;
			enum block_kind kind = block_kind_of(image_block(&good, nr));
			uint8_t *at = (uint8_t *)image_block(&bad, nr) + draw(100);

			memset(at, (int)draw(256), 1 + (size_t)draw(8));
			if (kind)
				image_seal(&bad, nr, kind);
		}
		verdict_check(&v, ctx, &bad, CHECK_AUTO_REPAIR, 0);
		verdict_done(&v);
		verdict_check(&v, ctx, &bad, CHECK_ONLY, BP_THIN_CHECK_SNAP);
		verdict_done(&v);
		image_done(&bad);
	}
	image_done(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_fields_are_found),
		cmocka_unit_test(leaks_hide_nothing),
		cmocka_unit_test(no_bytes_do_harm),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
