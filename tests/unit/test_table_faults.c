/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables that are not understood, explained: each table that a kernel took (tests/data/targets.tsv),
 * cut short behind each word, and with each word spoiled in turn. All its words come back in order,
 * those in front of the fault by the names they have in the whole table.
 */
#include "tsv.h"

#include <bedplate/bedplate.h>

#define MOST 96

static struct bp_ctx *ctx;

/* What was told of a table's words. */
struct told {
	size_t count;
	char text[MOST][128], name[MOST][64], meaning[MOST][160];
};

static int take(void *user, const struct bp_word *word)
{
	struct told *told = user;

	assert_int_equal(word->number, told->count + 1);
	assert_non_null(word->public_text);
	if (told->count == MOST)
		return 1;
	snprintf(told->text[told->count], sizeof(told->text[0]), "%s", word->text);
	snprintf(told->name[told->count], sizeof(told->name[0]), "%s",
		 word->name ? word->name : "");
	snprintf(told->meaning[told->count++], sizeof(told->meaning[0]), "%s",
		 word->meaning ? word->meaning : "");
	return 0;
}

/* Explain a line; false: it was understood, or is too long for us. */
static bool explain(const char *line, bool whole, struct told *told)
{
	struct bp_table *table;
	bool is;

	told->count = 0;
	if (bp_table_parse(ctx, line, BP_TABLE_KEEP, &table) < 0)
		return false;
	is = bp_table_count(table) == 1 && !bp_table_get(table, 0)->problem == whole &&
	     bp_table_explain(ctx, table, take, told) == 0;
	bp_table_free(table);
	return is;
}

/* Words of @line but the last @less, with word @at (of the arguments) changed; at 0: none. */
static void change(const char *line, size_t words, size_t at, char *buf, size_t size)
{
	size_t n = 0, len = 0;

	buf[0] = '\0';
	while (*line && n < words + 3) {
		size_t word = strcspn(line, " ");
		bool bad = at && n == at + 2;

		if (word == 0) {
			line++;
			continue;
		}
		len += (size_t)snprintf(buf + len, size - len, "%s%.*s", n ? " " : "",
					bad ? 1 : (int)word, bad ? "\"" : line);
		assert_true(len < size);
		line += word + (line[word] == ' ');
		n++;
	}
}

/* Up to the word with a fault each has the name it had. Returns whether one was found. */
static bool agrees(const struct told *whole, const struct told *half, size_t words,
		   const char *line)
{
	size_t named = 0;

	if (half->count != words)
		fail_msg("%s: %zu words of %zu", line, half->count, words);
	for (size_t i = 0; i < words; i++) {
		if (strncmp(half->meaning[i], "argument ", 9) == 0)
			return true;
		/* A word that was spoiled may be what says how the rest is read. */
		if (half->name[i][0] && streq(half->text[i], whole->text[i]) &&
		    streq(half->name[i], whole->name[i]))
			named++;
	}
	return named > 0;
}

/* Arguments in a line; a count that is left out is no word of it. */
static size_t arguments(const char *line)
{
	size_t n = 0;

	for (; *line; line += strcspn(line, " ")) {
		line += strspn(line, " ");
		n += *line != '\0';
	}
	return n > 3 ? n - 3 : 0;
}

static void faults_of(const char *line, size_t *ret_faults, size_t *ret_named)
{
	static struct told whole, half;
	const size_t nr = arguments(line);
	char buf[2048];

	if (!explain(line, true, &whole) || nr > MOST)
		return;
	for (size_t words = 0; words < nr; words++) {
		change(line, words, 0, buf, sizeof(buf));
		if (!explain(buf, false, &half))
			continue;
		++*ret_faults;
		*ret_named += words == 0 || agrees(&whole, &half, words, buf);
	}
	for (size_t at = 1; at <= nr; at++) {
		change(line, nr, at, buf, sizeof(buf));
		if (!explain(buf, false, &half))
			continue;
		++*ret_faults;
		*ret_named += agrees(&whole, &half, nr, buf);
	}
}

static void words_up_to_the_fault(void **state)
{
	struct tsv lines = tsv_read("targets.tsv");
	size_t faults = 0, named = 0;

	(void)state;
	for (size_t i = 0; i < lines.nr_rows; i++) {
		tsv_unescape(lines.rows[i].fields[3]);
		if (streq(lines.rows[i].fields[2], "table_in") &&
		    !strchr(lines.rows[i].fields[3], '\n'))
			faults_of(lines.rows[i].fields[3], &faults, &named);
	}
	tsv_free(&lines);
	print_message("# %zu faults, %zu with words that have names\n", faults, named);
	assert_true(faults > 1000);
	/* Some end in front of their first word, or in one that is all there is. */
	assert_true(named * 100 > faults * 95);
}

/* The names themselves, where lists are cut. */
static void words_of_lists(void **state)
{
	static const struct {
		const char *line;
		size_t at;
		const char *name, *meaning;
	} rows[] = {
		{ "0 8 linear 7:0 x", 0, "dev", "the device mapped to" },
		{ "0 8 linear 7:0 x", 1, "offset_sectors",
		  "argument 2 (offset_sectors): 'x' is not a number" },
		{ "0 8 striped 2 128 8:0 0 8:16", 2, "legs.0.dev", "the leg's device" },
		{ "0 8 striped 2 128 8:0 0 8:16", 4, "legs.1.dev", "the leg's device" },
		{ "0 8 multipath 0 0 2 1 rr 0 1 1 8:0 1 rr 0 x 1 8:16 1", 8,
		  "groups.0.paths.0.dev", "device of the path" },
		{ "0 8 multipath 0 0 2 1 rr 0 1 1 8:0 1 rr 0 x 1 8:16 1", 13, "", "" },
		{ "0 8 thin-pool 8:0 8:16 128 0 2 skip_block_zeroing foo", 5,
		  "skip_block_zeroing", "don't zero new blocks" },
		{ "0 8 raid raid5_ls 3 64 region_size x 3 - 8:0", 3, "", "" },
	};
	struct told told;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(explain(rows[i].line, false, &told));
		assert_true(told.count > rows[i].at);
		assert_string_equal(told.name[rows[i].at], rows[i].name);
		assert_string_equal(told.meaning[rows[i].at], rows[i].meaning);
	}
}

static int setup(void **state)
{
	(void)state;
	return bp_ctx_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	bp_ctx_free(ctx);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_up_to_the_fault),
		cmocka_unit_test(words_of_lists),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
