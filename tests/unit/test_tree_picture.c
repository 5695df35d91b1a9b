/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees of devices as SVG: each box once, below what uses it and on no other; names that are no XML and
 * cycles do no harm. What it looks like is for people: nothing here compares whole documents.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "commands/svg.h"
#include "commands/tree_picture.h"
#include "core/util.h"

static char *draw(const struct tree_box *boxes, size_t count)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_int_equal(tree_print_svg(f, boxes, count), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

static size_t count_of(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		n++;
	return n;
}

struct at {
	unsigned x, y;
};

/* Where the boxes are, in the order of the document, which is that of the boxes. */
static void find_boxes(const char *text, struct at *ret, size_t count)
{
	text = strstr(text, "fill=\"#fff\"/>"); /* the ground, which is a box too */
	assert_non_null(text);
	for (size_t i = 0; i < count; i++) {
		text = strstr(text, "<rect ");
		assert_non_null(text);
		assert_int_equal(sscanf(text, "<rect x=\"%u\" y=\"%u\"", &ret[i].x, &ret[i].y),
				 2);
		text++;
	}
	assert_null(strstr(text, "<rect "));
}

static void check_apart(const struct at *at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(at[i].y != at[j].y || at[i].x >= at[j].x + 192 ||
				    at[j].x >= at[i].x + 192);
}

#define BOX(name, ...)                                                                         \
	{                                                                                      \
		.lines = { (char[]){ name } }, .mapped = true,                                 \
		.next = (const size_t[]){ __VA_ARGS__ },                                       \
		.nr_next = sizeof((const size_t[]){ __VA_ARGS__ }) / sizeof(size_t)            \
	}

/* Volumes, snapshots, their pool, its two parts, and a disk that one volume uses as well. */
static void test_pool(void **state)
{
	const struct tree_box boxes[] = {
		BOX("disk"), BOX("data", 0), BOX("meta", 0), BOX("pool", 1, 2),
		BOX("a", 3), BOX("b", 3),    BOX("c", 3),    BOX("snap", 3, 0),
	};
	struct at at[ARRAY_SIZE(boxes)];
	_cleanup_(freep) char *text = draw(boxes, ARRAY_SIZE(boxes));
	_cleanup_(freep) char *again = draw(boxes, ARRAY_SIZE(boxes));

	(void)state;
	assert_string_equal(text, again);
	find_boxes(text, at, ARRAY_SIZE(boxes));
	check_apart(at, ARRAY_SIZE(boxes));
	for (size_t i = 0; i < ARRAY_SIZE(boxes); i++)
		for (size_t j = 0; j < boxes[i].nr_next; j++)
			assert_true(at[boxes[i].next[j]].y > at[i].y);
	assert_int_equal(count_of(text, "<path "), 9);
	/* The pool is below the middle of its volumes, its parts are around its own middle. */
	assert_int_equal(2 * at[3].x, at[4].x + at[7].x);
	assert_int_equal(2 * at[3].x, at[1].x + at[2].x);
}

/* A box longer down by one way than by another is below the lower of its users. */
static void test_levels(void **state)
{
	const struct tree_box boxes[] = { BOX("top", 1, 2), BOX("last"), BOX("a", 3),
					  BOX("b", 1) };
	struct at at[ARRAY_SIZE(boxes)];
	_cleanup_(freep) char *text = draw(boxes, ARRAY_SIZE(boxes));

	(void)state;
	find_boxes(text, at, ARRAY_SIZE(boxes));
	assert_true(at[0].y < at[2].y && at[2].y < at[3].y && at[3].y < at[1].y);
}

static void test_cycle(void **state)
{
	struct tree_box boxes[] = { BOX("top", 1), BOX("a", 2), BOX("b", 1, 3), BOX("below"),
				    BOX("self", 4) };
	struct at at[ARRAY_SIZE(boxes)];
	_cleanup_(freep) char *text = NULL;

	(void)state;
	boxes[1].in_cycle = boxes[2].in_cycle = boxes[4].in_cycle = true;
	text = draw(boxes, ARRAY_SIZE(boxes));
	find_boxes(text, at, ARRAY_SIZE(boxes));
	check_apart(at, ARRAY_SIZE(boxes));
	assert_int_equal(count_of(text, "#c00"), 3);
	assert_int_equal(count_of(text, "<path "), 5);
}

static void test_nothing(void **state)
{
	_cleanup_(freep) char *text = draw(NULL, 0);

	(void)state;
	assert_non_null(strstr(text, "no devices"));
}

/* What stands in the text for what: a name, characters that fit, and what is printed. */
static const struct {
	const char *text;
	size_t width;
	const char *shown;
} texts[] = {
	{ "vg-root", 48, ">vg-root<" },
	{ "vg-roots", 53, ">vg-ro\xe2\x80\xa6<" },
	{ "a<b>&\"c'", 200, ">a&#60;b&#62;&#38;&#34;c&#39;<" },
	{ "a\x1b[31m\n", 200, ">a\xef\xbf\xbd[31m\xef\xbf\xbd<" },
	{ "\xc3\xa4\xc3\xb6\xc3\xbc", 29, ">\xc3\xa4\xc3\xb6\xc3\xbc<" },
	{ "\xc3\xa4\xc3\xb6\xc3\xbc.", 32, ">\xc3\xa4\xc3\xb6\xe2\x80\xa6<" },
	{ "\xff"
	  "a\xc3",
	  200,
	  ">\xef\xbf\xbd"
	  "a\xef\xbf\xbd<" },
	{ "\xef\xbf\xbf"
	  "a\xe2\x80\xae",
	  200,
	  ">\xef\xbf\xbd"
	  "a\xef\xbf\xbd<" },
	{ "", 3, "><" },
	{ "WWWW", 40, ">WW\xe2\x80\xa6<" }, /* wide ones are cut earlier */
	{ "iiiiiiii", 40, ">iiiiiiii<" },
	{ "WW", 5, ">\xe2\x80\xa6<" },
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(freep) char *out = NULL;
		size_t len;
		FILE *f = open_memstream(&out, &len);

		assert_non_null(f);
		svg_text_cut(f, 1, 2, texts[i].text, texts[i].width);
		assert_int_equal(fclose(f), 0);
		assert_non_null(strstr(out, texts[i].shown));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),  cmocka_unit_test(test_levels),
		cmocka_unit_test(test_cycle), cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
