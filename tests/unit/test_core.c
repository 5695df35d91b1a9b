/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/arena.h"
#include "core/bits.h"
#include "core/clock.h"
#include "core/context.h"
#include "core/crc32c.h"
#include "core/endian.h"
#include "core/near.h"
#include "core/number.h"
#include "core/opts.h"
#include "core/strbuf.h"
#include "core/turns.h"
#include "core/utf8.h"
#include "core/vec.h"
#include "unit.h"

#include <stdio.h>

#include <bedplate/bedplate.h>

#define G (UINT64_C(1) << 30)

static const struct {
	const char *text;
	uint64_t unit, whole, want;
	int err;
} sizes[] = {
	{ "10G", 0, 0, 10 * G, 0 },
	{ "10GiB", 0, 0, 10 * G, 0 },
	{ "10GB", 0, 0, UINT64_C(10000000000), 0 },
	{ "2048s", 0, 0, 1048576, 0 },
	{ "17", 512, 0, 8704, 0 },
	{ "17", 0, 0, 0, EINVAL },
	{ "1.5g", 0, 0, G + G / 2, 0 },
	{ "0.3s", 0, 0, 0, EINVAL },
	{ "50%", 0, 1001, 500, 0 },
	{ "100%", 0, UINT64_MAX, UINT64_MAX, 0 },
	{ "12.5%", 0, 800, 100, 0 },
	{ "100%", 0, 0, 0, EINVAL },
	{ "16E", 0, 0, 0, ERANGE },
	{ "18446744073709551615B", 0, 0, UINT64_MAX, 0 },
	{ "18446744073709551616B", 0, 0, 0, ERANGE },
	{ "-1", 512, 0, 0, EINVAL },
	{ "+1", 512, 0, 0, EINVAL },
	{ "0x10", 512, 0, 0, EINVAL },
	{ "", 512, 0, 0, EINVAL },
	{ "1.", 512, 0, 0, EINVAL },
	{ "1 G", 512, 0, 0, EINVAL },
	{ "1Q", 512, 0, 0, EINVAL },
};

static void sizes_are_read_as_people_write_them(void **state)
{
	struct bp_ctx *ctx = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t got = 42;
		int r = bp_size_parse(ctx, sizes[i].text, sizes[i].unit, sizes[i].whole, &got);

		assert_int_equal(r, -sizes[i].err);
		assert_int_equal(got, sizes[i].err ? 42 : sizes[i].want);
		if (sizes[i].err)
			assert_non_null(strstr(bp_errmsg(ctx), sizes[i].text));
	}
}

static void sizes_are_written_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} rows[] = {
		{ 0, "0B" },
		{ 1023, "1023B" },
		{ 1024, "1KiB" },
		{ 1536, "1.50KiB" },
		{ 65536, "64KiB" },
		{ G + G / 4, "1.25GiB" },
		{ UINT64_MAX, "15.99EiB" },
	};
	char buf[BP_SIZE_TEXT];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(bp_size_format(rows[i].bytes, buf), rows[i].want);
}

/* RFC 3720 B.4 and the metadata formats' own test values. */
static void crc32c_gives_known_values(void **state)
{
	static const uint8_t zeros[4092];

	(void)state;
	assert_int_equal(crc32c(UINT32_MAX, "123456789", 9), 0x1cf96d7c);
	assert_int_equal(crc32c(UINT32_MAX, zeros, 4092), 0x58cda791);
	assert_int_equal(crc32c_table(UINT32_MAX, "123456789", 9), 0x1cf96d7c);
	assert_int_equal(crc32c_table(UINT32_MAX, zeros, 4092), 0x58cda791);
}

/* The definition, a bit at a time: what both fast ways must agree with. */
static uint32_t crc32c_slow(uint32_t reg, const uint8_t *p, size_t len)
{
	for (; len; p++, len--) {
		reg ^= *p;
		for (int i = 0; i < 8; i++)
			reg = reg >> 1 ^ (reg & 1 ? 0x82f63b78 : 0);
	}
	return reg;
}

static void crc32c_ways_agree(void **state)
{
	uint8_t data[300];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
	for (size_t from = 0; from < 9; from++) {
		for (size_t len = 0; from + len <= sizeof(data); len += 1 + len / 9) {
			uint32_t want = crc32c_slow(seed, data + from, len);

			assert_int_equal(crc32c(seed, data + from, len), want);
			assert_int_equal(crc32c_table(seed, data + from, len), want);
		}
	}
}

static void numbers_are_strict(void **state)
{
	uint64_t v = 7;
	char buf[20];

	(void)state;
	assert_ok(number_parse("00010", 100, &v));
	assert_int_equal(v, 10);
	assert_ok(number_parse("18446744073709551615", UINT64_MAX, &v));
	assert_int_equal(v, UINT64_MAX);
	assert_err(number_parse("18446744073709551616", UINT64_MAX, &v), ERANGE);
	assert_err(number_parse("101", 100, &v), ERANGE);
	assert_err(number_parse("", 100, &v), EINVAL);
	assert_err(number_parse("1x", 100, &v), EINVAL);
	assert_err(number_parse("99999999999999999999x", 100, &v), EINVAL);

	for (v = 1; v; v *= 10) {
		char want[21];

		for (uint64_t d = v - 1; d <= v; d++) {
			snprintf(want, sizeof(want), "%llu", (unsigned long long)d);
			assert_int_equal(number_format(buf, d), strlen(want));
			assert_memory_equal(buf, want, strlen(want));
		}
		if (v > UINT64_MAX / 10)
			break;
	}
	for (uint64_t i = 0, d = 1; i < 20000; i++, d = d * 6364136223846793005 + i) {
		char want[21];

		v = d >> i % 64;
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		assert_int_equal(number_format(buf, v), strlen(want));
		assert_memory_equal(buf, want, strlen(want));
	}
}

static void bits_find_what_was_set(void **state)
{
	struct bits b;

	(void)state;
	assert_ok(bits_init(&b, 130));
	assert_int_equal(bits_next(&b, 0), 130);
	assert_false(bits_test_and_set(&b, 0));
	assert_true(bits_test_and_set(&b, 0));
	bits_set(&b, 63);
	bits_set(&b, 129);
	assert_int_equal(bits_weight(&b), 3);
	assert_int_equal(bits_next(&b, 1), 63);
	assert_int_equal(bits_next(&b, 64), 129);
	bits_clear(&b, 129);
	assert_int_equal(bits_next(&b, 64), 130);
	bits_done(&b);
	/* 2^58 words: more than can be had, or than can be said. */
	assert_err(bits_init(&b, UINT64_MAX),
		   sizeof(size_t) < sizeof(uint64_t) ? ERANGE : ENOMEM);
}

/* Small things and large ones, aligned, zeroed and apart; sizes that overflow are refused. */
static void arenas_lend_memory(void **state)
{
	struct arena a = { 0 };
	char *last = NULL;

	(void)state;
	for (size_t size = 1; size < 5000; size += 37) {
		char *p = arena_alloc(&a, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
		assert_true(p != last);
		last = p;
	}
	assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
	assert_null(arena_array(&a, SIZE_MAX / 2, 3));
	assert_null(arena_alloc(&a, SIZE_MAX));
	arena_done(&a);
	arena_done(&a);
}

static void vectors_grow(void **state)
{
	VEC(int) v = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_ok(vec_add(&v, &i));
	assert_int_equal(v.count, 1000);
	assert_int_equal(v.items[999], 999);
	assert_err(vec_reserve(&v, SIZE_MAX), ENOMEM);
	assert_int_equal(v.items[999], 999);
	vec_done(&v);
}

struct opts_v1 {
	size_t size;
	uint64_t a;
};
struct opts_v2 {
	size_t size;
	uint64_t a, b;
};

static void options_grow_at_their_end(void **state)
{
	struct bp_ctx *ctx = *state;
	struct opts_v1 old = { .size = sizeof(old), .a = 5 }, old_copy;
	struct opts_v2 new = { .size = sizeof(new), .a = 6 }, new_copy;

	assert_ok(opts_read(ctx, &new_copy, sizeof(new_copy), &old));
	assert_int_equal(new_copy.a, 5);
	assert_int_equal(new_copy.b, 0);
	assert_int_equal(new_copy.size, sizeof(new_copy));

	assert_ok(opts_read(ctx, &old_copy, sizeof(old_copy), &new));
	assert_int_equal(old_copy.a, 6);
	new.b = 1;
	assert_err(opts_read(ctx, &old_copy, sizeof(old_copy), &new), E2BIG);
	new.size = 0;
	assert_err(opts_read(ctx, &new_copy, sizeof(new_copy), &new), EINVAL);
	assert_ok(opts_read(ctx, &new_copy, sizeof(new_copy), NULL));
}

static void errors_carry_what_is_known(void **state)
{
	struct bp_ctx *ctx = *state;
	const struct bp_error *e;

	assert_err(bp_fail(ctx, -EINVAL, "argument %d: '%s' is not a number", 2, "x"), EINVAL);
	error_set_code(ctx, BP_E_TABLE);
	error_set_segment(ctx, 1, "linear");
	error_set_argument(ctx, 2, "offset_sectors", "x");
	error_set_hint(ctx, "use digits");
	error_add_kernel_line(ctx, "one");
	error_add_kernel_line(ctx, "two");
	error_prefix(ctx, "segment %d", 1);

	e = bp_error_get(ctx);
	assert_int_equal(e->code, BP_E_TABLE);
	assert_int_equal(e->errnum, EINVAL);
	assert_int_equal(e->segment, 1);
	assert_string_equal(e->target, "linear");
	assert_int_equal(e->argument, 2);
	assert_string_equal(e->kernel_log, "one\ntwo\n");
	assert_string_equal(bp_errmsg(ctx), "segment 1: argument 2: 'x' is not a number "
					    "[kernel: one; two]; hint: use digits");

	/* A new failure knows nothing of the old one. */
	bp_fail(ctx, -EBUSY, "held");
	e = bp_error_get(ctx);
	assert_int_equal(e->code, BP_E_BUSY);
	assert_int_equal(e->segment, -1);
	assert_null(e->hint);
	assert_null(e->kernel_log);
}

/* One line makes a code: its name, what it means, what to do. */
static void codes_are_whole(void **state)
{
	(void)state;
	for (int i = 0; i < NR_ERROR_CODES; i++) {
		enum bp_error_code code = (enum bp_error_code)i;
		const char *texts[] = { bp_error_meaning(code), bp_error_hint(code) };

		assert_int_equal(strncmp(bp_error_name(code), "BP_E_", 5), 0);
		for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
			assert_true(strlen(texts[k]) > 5);
			assert_true(texts[k][strlen(texts[k]) - 1] != '\n');
		}
		for (int k = 0; k < i; k++)
			assert_string_not_equal(bp_error_name(code),
						bp_error_name((enum bp_error_code)k));
	}
	assert_string_equal(bp_error_name(BP_E_BUSY), "BP_E_BUSY");
	assert_string_equal(bp_error_name((enum bp_error_code)9999), "BP_E_FAILED");
	assert_string_equal(bp_error_hint((enum bp_error_code)9999),
			    bp_error_hint(BP_E_FAILED));
}

static void undo_does_not_hide_the_first_error(void **state)
{
	struct bp_ctx *ctx = *state;
	struct error_state *saved;

	bp_fail(ctx, -EIO, "first");
	saved = error_save(ctx);
	bp_fail(ctx, -EBUSY, "undo failed too");
	error_restore(ctx, saved);
	assert_string_equal(bp_errmsg(ctx), "first");
	assert_int_equal(bp_error_get(ctx)->errnum, EIO);
}

static void take_line(void *user, const char *room, const char *line)
{
	strbuf_addf(user, "%s: %s\n", room, line);
}

static void debug_lines_go_to_the_callback(void **state)
{
	struct bp_ctx *ctx = *state;
	struct strbuf lines = { 0 };

	bp_ctx_set_log(ctx, take_line, &lines);
	bp_debug(ctx, "dm", "asked %d", 1);
	assert_string_equal(strbuf_text(&lines), "dm: asked 1\n");
	bp_ctx_set_log(ctx, NULL, NULL);
	strbuf_done(&lines);
}

static void json_is_escaped_and_nested(void **state)
{
	struct bp_json *json;

	(void)state;
	assert_ok(bp_json_new(NULL, NULL, &json));
	bp_json_object(json, NULL);
	bp_json_string(json, "s", "a\"b\\c\n\x01\xff\xc3\xa9");
	bp_json_int(json, "i", INT64_MIN);
	bp_json_array(json, "list");
	bp_json_uint(json, NULL, UINT64_MAX);
	bp_json_bool(json, NULL, true);
	bp_json_null(json, NULL);
	bp_json_array_close(json);
	bp_json_array(json, "none");
	bp_json_array_close(json);
	bp_json_object_close(json);
	assert_ok(bp_json_end(json));
	assert_string_equal(bp_json_text(json, NULL),
			    "{\n"
			    "  \"s\": \"a\\\"b\\\\c\\n\\u0001\xef\xbf\xbd\xc3\xa9\",\n"
			    "  \"i\": -9223372036854775808,\n"
			    "  \"list\": [\n"
			    "    18446744073709551615,\n"
			    "    true,\n"
			    "    null\n"
			    "  ],\n"
			    "  \"none\": []\n"
			    "}\n");
	bp_json_free(json);
}

static int refuse(void *user, const char *text, size_t len)
{
	(void)user, (void)text, (void)len;
	return -ENOSPC;
}

static void json_keeps_the_write_error(void **state)
{
	struct bp_json *json;

	(void)state;
	assert_ok(bp_json_new(refuse, NULL, &json));
	bp_json_array(json, NULL);
	bp_json_array_close(json);
	assert_err(bp_json_end(json), ENOSPC);
	bp_json_free(json);
}

static void deadlines_end(void **state)
{
	(void)state;
	assert_int_equal(deadline_left(deadline_in(-1)), -1);
	assert_int_equal(deadline_left(deadline_in(0)), 0);
	assert_true(deadline_left(deadline_in(60000)) > 50000);
	assert_int_equal(deadline_in(INT64_MAX), DEADLINE_NEVER);
}

static void little_endian_is_little_endian(void **state)
{
	le64 v = le64_make(UINT64_C(0x0102030405060708));

	(void)state;
	assert_int_equal(((uint8_t *)&v)[0], 8);
	assert_int_equal(le64_get(v), UINT64_C(0x0102030405060708));
	assert_int_equal(le32_get(le32_make(77)), 77);
}

static int setup(void **state)
{
	return bp_ctx_new((struct bp_ctx **)state);
}

static int teardown(void **state)
{
	bp_ctx_free(*state);
	return 0;
}

static void powers_of_two(void **state)
{
	(void)state;
	assert_false(is_power_of_two(0));
	assert_true(is_power_of_two(1));
	assert_true(is_power_of_two(4096));
	assert_false(is_power_of_two(4095));
	assert_true(is_power_of_two(UINT64_C(1) << 63));
	assert_false(is_power_of_two(UINT64_MAX));
}

static const char *next_word(void *user)
{
	const char *const **at = user;

	return **at ? *(*at)++ : NULL;
}

/* One slip in three letters, no more; of words as near the first. */
static void slips_are_forgiven(void **state)
{
	static const struct {
		const char *word, *words[4], *want;
	} rows[] = {
		{ "linxar", { "striped", "linear", NULL }, "linear" },
		{ "abc", { "abd", "abe", NULL }, "abd" },
		{ "abc", { "ade", NULL }, NULL },
		{ "abcde", { "abcxy", "xbcde", NULL }, "xbcde" },
		{ "", { "a", NULL }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *const *at = rows[i].words;
		const char *got = near_word(rows[i].word, next_word, &at);

		assert_string_equal(got ? got : "none", rows[i].want ? rows[i].want : "none");
	}
}

struct sums {
	uint64_t slots[TURNS_SLOTS_MAX], results[TURNS_SLOTS_MAX];
};

static void square(void *user, unsigned slot)
{
	struct sums *sums = user;

	/* Some take longer. */
	for (uint64_t i = 0; i < sums->slots[slot] % 7 * 1000; i++)
		__asm__ volatile("");
	sums->results[slot] = sums->slots[slot] * sums->slots[slot];
}

/* @nr squares, in order; with @give_back each slot is free again at once. */
static void take_turns(unsigned nr_slots, unsigned threads, uint64_t nr, bool give_back)
{
	struct sums sums = { 0 };
	uint64_t given = 0, taken = 0;
	struct turns *t;
	int slot;

	assert_ok(turns_new(nr_slots, threads, square, &sums, &t));
	while (taken < nr) {
		for (; given < nr && (slot = turns_slot(t)) >= 0; given++) {
			sums.slots[slot] = given;
			turns_ask(t);
		}
		slot = turns_take(t);
		assert_true(slot >= 0);
		assert_int_equal(sums.results[slot], taken * taken);
		taken++;
		if (give_back) {
			turns_give_back(t);
			assert_true(turns_slot(t) >= 0);
		}
	}
	assert_int_equal(turns_take(t), -1);
	turns_free(t);
}

static void turns_come_in_order(void **state)
{
	static const unsigned slots[] = { 2, 3, 4, 32 };
	struct sums sums = { 0 };
	struct turns *t;

	(void)state;
	for (unsigned threads = 1; threads < 6; threads++)
		for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
			take_turns(slots[i], threads, 1, true);
			take_turns(slots[i], threads, 500, false);
			take_turns(slots[i], threads, 500, true);
		}
	/* What was asked for need not be taken. */
	assert_ok(turns_new(4, 3, square, &sums, &t));
	while (turns_slot(t) >= 0)
		turns_ask(t);
	turns_free(t);
	turns_free(NULL);
}

/* First and last of each length, and what lies next to them. */
static const struct {
	const char *bytes;
	size_t left, len; /* 0: no character */
	uint32_t c;
} characters[] = {
	{ "\x00", 1, 1, 0 },
	{ "\x7f", 1, 1, 0x7f },
	{ "\x80", 1, 0, 0 },
	{ "\xc1\xbf", 2, 0, 0 }, /* 0x7f, too long */
	{ "\xc2\x80", 2, 2, 0x80 },
	{ "\xdf\xbf", 2, 2, 0x7ff },
	{ "\xdf\xc0", 2, 0, 0 },
	{ "\xe0\x9f\xbf", 3, 0, 0 },
	{ "\xe0\xa0\x80", 3, 3, 0x800 },
	{ "\xed\x9f\xbf", 3, 3, 0xd7ff },
	{ "\xed\xa0\x80", 3, 0, 0 }, /* surrogates */
	{ "\xed\xbf\xbf", 3, 0, 0 },
	{ "\xee\x80\x80", 3, 3, 0xe000 },
	{ "\xef\xbf\xbf", 3, 3, 0xffff },
	{ "\xf0\x8f\xbf\xbf", 4, 0, 0 },
	{ "\xf0\x90\x80\x80", 4, 4, 0x10000 },
	{ "\xf0\x9f\x92\xbe", 4, 4, 0x1f4be },
	{ "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
	{ "\xf4\x90\x80\x80", 4, 0, 0 },
	{ "\xf5\x80\x80\x80", 4, 0, 0 },
	{ "\xf0\x9f\x92\xbe", 3, 0, 0 }, /* cut off */
	{ "a", 0, 0, 0 },
};

static void characters_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(characters); i++) {
		uint32_t c = 0;
		size_t len = utf8_decode(characters[i].bytes, characters[i].left, &c);

		if (len != characters[i].len || c != characters[i].c)
			fail_msg("row %zu: %zu bytes, U+%04X", i, len, c);
	}
	assert_true(utf8_acts(0x1f) && utf8_acts(0x7f) && utf8_acts(0x9f));
	assert_true(utf8_acts(0x200b) && utf8_acts(0x202e) && utf8_acts(0xe007f));
	assert_false(utf8_acts(0x20) || utf8_acts(0x7e) || utf8_acts(0xa0));
	assert_false(utf8_acts(0x2010) || utf8_acts(0x202f) || utf8_acts(0x1f4be));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read_as_people_write_them),
		cmocka_unit_test(sizes_are_written_for_people),
		cmocka_unit_test(crc32c_gives_known_values),
		cmocka_unit_test(crc32c_ways_agree),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(slips_are_forgiven),
		cmocka_unit_test(bits_find_what_was_set),
		cmocka_unit_test(arenas_lend_memory),
		cmocka_unit_test(vectors_grow),
		cmocka_unit_test(options_grow_at_their_end),
		cmocka_unit_test(errors_carry_what_is_known),
		cmocka_unit_test(codes_are_whole),
		cmocka_unit_test(undo_does_not_hide_the_first_error),
		cmocka_unit_test(debug_lines_go_to_the_callback),
		cmocka_unit_test(json_is_escaped_and_nested),
		cmocka_unit_test(json_keeps_the_write_error),
		cmocka_unit_test(deadlines_end),
		cmocka_unit_test(powers_of_two),
		cmocka_unit_test(little_endian_is_little_endian),
		cmocka_unit_test(characters_are_told),
		cmocka_unit_test(turns_come_in_order),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
