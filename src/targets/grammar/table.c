/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables: lists of segments, from text and to text. */
#include "core/context.h"
#include "core/number.h"
#include "targets/grammar/segment.h"

#include <inttypes.h>

int bp_table_new(struct bp_ctx *ctx, struct bp_table **ret)
{
	struct bp_table *table = calloc(1, sizeof(*table));

	if (!table)
		return bp_fail_memory(ctx);
	*ret = table;
	return 0;
}

void bp_table_free(struct bp_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->segments.count; i++)
		segment_free(table->segments.items[i]);
	vec_done(&table->segments);
	free(table);
}

static void table_freep(struct bp_table **table)
{
	bp_table_free(*table);
}

size_t bp_table_count(const struct bp_table *table)
{
	return table->segments.count;
}

struct bp_segment *bp_table_get(const struct bp_table *table, size_t index)
{
	return index < table->segments.count ? &table->segments.items[index]->pub : NULL;
}

/* The end of the last segment; whether they join is for bp_table_check(). */
bp_sector bp_table_length(const struct bp_table *table)
{
	const struct bp_segment *last;
	bp_sector end;

	if (!table->segments.count)
		return 0;
	last = &table->segments.items[table->segments.count - 1]->pub;
	return add_overflow(last->start_sectors, last->length_sectors, &end) ? UINT64_MAX : end;
}

/* An error of segment @index: say so. */
static int in_segment(struct bp_ctx *ctx, int r, size_t index, const char *target)
{
	if (r == -ENOMEM)
		return r;
	error_set_segment(ctx, (int)index, target);
	error_prefix(ctx, "segment %zu (%s)", index, target);
	return r;
}

/* --- adding --- */

/* Put a finished segment at the end of the table. */
static int take_segment(struct bp_ctx *ctx, struct bp_table *table, struct segment **take)
{
	if (vec_add(&table->segments, take) < 0)
		return bp_fail_memory(ctx);
	*take = NULL;
	return 0;
}

/* Typed: only for targets that are known, as the struct says nothing about others. */
int bp_table_add(struct bp_ctx *ctx, struct bp_table *table, bp_sector start_sectors,
		 bp_sector length_sectors, const char *target, const void *params,
		 size_t params_size)
{
	_cleanup_(segment_freep) struct segment *s = NULL;
	int r = segment_new(ctx, start_sectors, length_sectors, target, &s);

	if (r < 0)
		return r;
	if (!s->type) {
		bp_fail(ctx, -ENOENT, "unknown target '%s'", target);
		error_set_code(ctx, BP_E_UNKNOWN_TARGET);
		error_set_hint(ctx, "its arguments can be given as text");
		return -ENOENT;
	}
	r = segment_copy(ctx, s, params, params_size);
	if (r < 0)
		return in_segment(ctx, r, table->segments.count, target);
	return take_segment(ctx, table, &s);
}

int bp_table_append(struct bp_ctx *ctx, struct bp_table *table, bp_sector length_sectors,
		    const char *target, const void *params, size_t params_size)
{
	return bp_table_add(ctx, table, bp_table_length(table), length_sectors, target, params,
			    params_size);
}

/* Segment by segment, without a way through text: what was read leniently stays so. */
int bp_table_copy(struct bp_ctx *ctx, const struct bp_table *table, struct bp_table **ret)
{
	_cleanup_(table_freep) struct bp_table *copy = NULL;
	int r = bp_table_new(ctx, &copy);

	for (size_t i = 0; r == 0 && i < table->segments.count; i++) {
		_cleanup_(segment_freep) struct segment *s = NULL;

		r = segment_dup(ctx, table->segments.items[i], &s);
		if (r == 0)
			r = take_segment(ctx, copy, &s);
	}
	if (r == 0)
		*ret = steal(copy);
	return r;
}

static int fail_line_break(struct bp_ctx *ctx, const struct bp_table *table, const char *target)
{
	int r = bp_fail(ctx, -EINVAL, "a line break within arguments");

	return in_segment(ctx, r, table->segments.count, target);
}

/* Strict: words as a user writes them. A line break would be a second segment. */
int bp_table_add_raw(struct bp_ctx *ctx, struct bp_table *table, bp_sector start_sectors,
		     bp_sector length_sectors, const char *target, const char *args)
{
	_cleanup_(segment_freep) struct segment *s = NULL;
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct words words;
	int r = segment_new(ctx, start_sectors, length_sectors, target, &s);

	if (r < 0)
		return r;
	if (strchr(args, '\n'))
		return fail_line_break(ctx, table, target);
	if (words_split(&arena, args, strlen(args), &words) < 0)
		return bp_fail_memory(ctx);
	r = segment_read(ctx, s, &words, 0);
	if (r < 0)
		return in_segment(ctx, r, table->segments.count, target);
	return take_segment(ctx, table, &s);
}

/* Lenient: a newer kernel may print words that are not known here. */
int table_add_printed(struct bp_ctx *ctx, struct bp_table *table, bp_sector start,
		      bp_sector length, const char *target, const char *args)
{
	_cleanup_(segment_freep) struct segment *s = NULL;
	struct words words;
	int r = segment_new(ctx, start, length, target, &s);

	if (r < 0)
		return in_segment(ctx, r, table->segments.count, target);
	if (strchr(args, '\n'))
		return fail_line_break(ctx, table, target);
	if (words_split(&s->arena, args, strlen(args), &words) < 0)
		return bp_fail_memory(ctx);
	r = segment_take(ctx, s, &words, BP_TABLE_PRINTED);
	if (r < 0)
		return in_segment(ctx, r, table->segments.count, target);
	return take_segment(ctx, table, &s);
}

/* --- text --- */

/* One of the two numbers that begin a line. */
static int parse_sectors(struct bp_ctx *ctx, size_t index, const char *name, const char *word,
			 bp_sector *ret)
{
	int r = number_parse(word, UINT64_MAX, ret);

	if (r == 0)
		return 0;
	bp_fail(ctx, -EINVAL, "segment %zu: %s: '%s' is %s", index, name, word,
		r == -ERANGE ? "too large" : "not a number");
	error_set_code(ctx, BP_E_TABLE);
	error_set_segment(ctx, (int)index, NULL);
	error_set_argument(ctx, 0, name, word);
	return -EINVAL;
}

/* @words has three at least. */
static int parse_words(struct bp_ctx *ctx, struct bp_table *table, const struct words *words,
		       uint32_t flags)
{
	_cleanup_(segment_freep) struct segment *s = NULL;
	const size_t index = table->segments.count;
	const struct words args = { words->items + 3, words->count - 3 };
	bp_sector start, length;
	int r;

	r = parse_sectors(ctx, index, "start", words->items[0], &start);
	if (r == 0)
		r = parse_sectors(ctx, index, "length", words->items[1], &length);
	if (r == 0)
		r = segment_new(ctx, start, length, words->items[2], &s);
	if (r < 0)
		return r;
	r = segment_read(ctx, s, &args, flags);
	if (r < 0)
		return in_segment(ctx, r, index, words->items[2]);
	return take_segment(ctx, table, &s);
}

/* "NAME:", as in front of a line where the tables of several devices are printed. */
static bool is_name(const char *word)
{
	const size_t len = strlen(word);

	return len > 1 && word[len - 1] == ':';
}

/*
 * "NAME: START LENGTH TARGET ...", as dmsetup table prints it for several devices, is taken
 * too. Empty lines and comments are none.
 */
static int parse_line(struct bp_ctx *ctx, struct bp_table *table, const char *line, size_t len,
		      uint32_t flags)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct words words;

	if (words_split(&arena, line, len, &words) < 0)
		return bp_fail_memory(ctx);
	if (words.count == 0 || words.items[0][0] == '#')
		return 0;
	if (words.count > 1 && is_name(words.items[0])) {
		words.items++;
		words.count--;
	}
	if (words.count < 3) {
		bp_fail(ctx, -EINVAL, "segment %zu: '%.*s' is no START LENGTH TARGET",
			table->segments.count, (int)MIN(len, (size_t)60), line);
		error_set_code(ctx, BP_E_TABLE);
		error_set_segment(ctx, (int)table->segments.count, NULL);
		return -EINVAL;
	}
	return parse_words(ctx, table, &words, flags);
}

/* All or nothing: the first line that is wrong is told with its segment. */
int bp_table_parse(struct bp_ctx *ctx, const char *text, uint32_t flags, struct bp_table **ret)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	int r = bp_table_new(ctx, &table);

	while (r == 0 && *text) {
		size_t len = strcspn(text, "\n");

		r = parse_line(ctx, table, text, len, flags);
		text += len + (text[len] == '\n');
	}
	if (r < 0)
		return r;
	*ret = steal(table);
	return 0;
}

/* One line, without the newline. */
static int format_segment(struct bp_ctx *ctx, const struct segment *s, struct strbuf *out)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct written_list words = { 0 };
	struct strbuf args = { 0 };
	int r = segment_write(ctx, s, 0, &arena, &words);

	for (size_t i = 0; r == 0 && i < words.list.count; i++)
		word_add_text(&args, words.list.items[i].text);
	if (r == 0) {
		strbuf_addf(out, "%" PRIu64 " %" PRIu64 " %s", s->pub.start_sectors,
			    s->pub.length_sectors, s->pub.target);
		if (args.len)
			strbuf_addf(out, " %s", args.text);
		if (args.error)
			r = bp_fail_memory(ctx);
	}
	strbuf_done(&args);
	vec_done(&words.list);
	return r;
}

/* What parses to the same table again, with one line a segment. */
int bp_table_format(struct bp_ctx *ctx, const struct bp_table *table, char **ret)
{
	struct strbuf text = { 0 };

	for (size_t i = 0; i < table->segments.count; i++) {
		const struct segment *s = table->segments.items[i];
		int r = format_segment(ctx, s, &text);

		if (r < 0) {
			strbuf_done(&text);
			return in_segment(ctx, r, i, s->pub.target);
		}
		strbuf_add_char(&text, '\n');
	}
	return strbuf_take(&text, ret) < 0 ? bp_fail_memory(ctx) : 0;
}
