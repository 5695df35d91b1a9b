/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Columns and trees by our own printer are what libsmartcols makes of the same rows. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/out_data.h"

int plain_table_print(struct out *out);

/* The printers need none, what is beside them does. */
const struct cmd *const commands[] = { NULL };

struct row {
	const char *name, *note;
	uint64_t size_bytes, count;
};

/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT | OUT_TREE, "a name"),
	COL_SIZE(struct row, size_bytes, OUT_DEFAULT, "a size"),
	COL_TEXT(struct row, note, OUT_DEFAULT, "a note"),
	COL_NUMBER(struct row, count, OUT_DEFAULT, "a number"),
	COL_TEXT_AS("last", struct row, note, OUT_DEFAULT, "the note again"),
	OUT_COLUMNS_END
};
/* clang-format on */
static const struct out_schema schema = { .name = "test.rows", .columns = columns };

static const struct row rows[] = {
	{ "one", "first", 1 << 20, 7 },
	{ "a longer name", NULL, 512, 12345 },
	{ "grün", "a note with blanks ", OUT_UNKNOWN, OUT_UNKNOWN },
	{ "tab\there", "", 0, 0 },
	{ "5", "x", 1ULL << 40, 1 },
	{ "6", "", 4096, 3 },
	{ "7", "the longest note of all of them", 1, 2 },
};

/* Where each row hangs, by shape: its parent's index; -1: none. */
static const int shapes[][7] = {
	{ -1, -1, -1, -1, -1, -1, -1 },
	{ -1, 0, 0, -1, 3, 4, -1 },
	{ -1, 0, 1, 2, 3, 4, 5 },
	{ -1, 0, 1, 0, 3, 3, 0 },
};

static char *printed(struct cli *cli, struct out *out, int (*print)(struct out *out))
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	cli->out = to;
	assert_int_equal(print(out), 0);
	fclose(to);
	return text;
}

static void compare(const int *shape, size_t nr_rows, const struct out_opts *opts)
{
	struct cli cli = { 0 };
	struct out_row *made[7];
	struct out *out;
	char *ours, *theirs;

	assert_int_equal(out_open(&cli, opts, &schema, &out), 0);
	for (size_t i = 0; i < nr_rows; i++)
		made[i] = out_add(out, shape[i] < 0 ? NULL : made[shape[i]], &rows[i]);
	theirs = printed(&cli, out, out_table_print);
	ours = printed(&cli, out, plain_table_print);
	assert_string_equal(ours, theirs);
	assert_true(strlen(ours) > 0);
	free(ours);
	free(theirs);
	out_free(out);
}

static void test_all(void **state)
{
	static const char *const sorts[] = { NULL, "name", "size", "-size", "count", "-note" };
	static const char *const shown[] = { NULL, "name", "count,name", "note,size", "last" };

	(void)state;
	for (size_t s = 0; s < 4; s++)
		for (size_t n = 1; n <= 7; n++)
			for (size_t c = 0; c < 5; c++)
				for (size_t o = 0; o < 24; o++)
					compare(shapes[s], n,
						&(struct out_opts){ .columns = shown[c],
								    .sort = sorts[o / 2 % 6],
								    .ascii = o / 12,
								    .no_headings = o % 2 });
}

static void test_utf8(void **state)
{
	/* Where the locale is not there everything is told in ASCII, as before. */
	setlocale(LC_ALL, "C.UTF-8");
	test_all(state);
	setlocale(LC_ALL, "C");
}

/* Variables for shells: quoted, sizes as numbers, unknown ones empty. */
static void test_pairs(void **state)
{
	static const struct row odd = { "it's; $(rm)", "a\tb", 4096, OUT_UNKNOWN };
	struct out_opts opts = { .pairs = true, .columns = "name,size,note,count" };
	struct cli cli = { 0 };
	struct out *out;
	char *text;

	(void)state;
	assert_int_equal(out_open(&cli, &opts, &schema, &out), 0);
	out_add(out, NULL, &rows[0]);
	out_add(out, NULL, &odd);
	text = printed(&cli, out, out_print);
	assert_string_equal(
		text, "DM_NAME='one' DM_SIZE_BYTES='1048576' DM_NOTE='first' DM_COUNT='7'\n"
		      "DM_NAME='it'\\''s; $(rm)' DM_SIZE_BYTES='4096' DM_NOTE='a\\x09b' "
		      "DM_COUNT=''\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
