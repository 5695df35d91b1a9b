/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables from any text: what parses must format, parse again and mean the same. Behind a NUL
 * byte the input may have "NAME=VALUE", which is set in the first segment.
 */
#include "fuzz.h"

#include <bedplate/bedplate.h>

static int look(void *user, const struct bp_word *word)
{
	size_t *letters = user;

	*letters += strlen(word->text) + (word->name ? strlen(word->name) : 0);
	return 0;
}

static int lookup(void *user, const char *dev, struct bp_bdev *ret)
{
	(void)user;
	*ret = (struct bp_bdev){ .major = (uint32_t)strlen(dev), .size_bytes = 1 << 20 };
	return 0;
}

/* All that only looks at a table. */
static void view(struct bp_ctx *ctx, const struct bp_table *table)
{
	struct bp_table_check_opts opts = { .size = sizeof(opts), .lookup = lookup };
	struct bp_findings *findings;
	struct bp_json *json;
	size_t letters = 0;

	promise(bp_table_explain(ctx, table, look, &letters) == 0);
	promise(bp_json_new(NULL, NULL, &json) == 0);
	promise(bp_table_json(ctx, table, true, json, NULL) == 0);
	promise(bp_json_end(json) == 0);
	bp_json_free(json);
	promise(bp_table_check(ctx, table, &opts, &findings) == 0);
	bp_findings_free(findings);
	opts.kernel_release = 0x0601;
	promise(bp_table_check(ctx, table, &opts, &findings) == 0);
	bp_findings_free(findings);
	for (size_t i = 0; i < bp_table_count(table); i++) {
		char *args;

		if (bp_segment_format_args(ctx, bp_table_get(table, i), &args) == 0)
			free(args);
	}
}

/* A table from a kernel may have segments that nobody understands. */
static bool has_problem(const struct bp_table *table)
{
	for (size_t i = 0; i < bp_table_count(table); i++)
		if (bp_table_get(table, i)->problem)
			return true;
	return false;
}

/* What is written is what a kernel would be given, even if it was read from one. */
static void round_trip(struct bp_ctx *ctx, const struct bp_table *table)
{
	struct bp_table *again;
	char *text, *text_again;
	bool equal;

	promise(bp_table_format(ctx, table, &text) == 0);
	if (has_problem(table)) {
		free(text);
		return;
	}
	promise(bp_table_parse(ctx, text, 0, &again) == 0);
	promise(bp_table_equal(ctx, table, again, NULL, NULL, &equal) == 0);
	promise(equal);
	promise(bp_table_format(ctx, again, &text_again) == 0);
	promise(strcmp(text, text_again) == 0);
	free(text);
	free(text_again);
	bp_table_free(again);
}

/* Change the first segment by "NAME=VALUE", and look what became of it. */
static void change(struct bp_ctx *ctx, struct bp_table *table, char *pair)
{
	struct bp_segment *segment = bp_table_get(table, 0);
	char *value = strchr(pair, '='), *got;

	if (!segment || !value)
		return;
	*value++ = '\0';
	if (bp_segment_set(ctx, segment, pair, value) == 0) {
		promise(bp_segment_get(ctx, segment, pair, &got) == 0);
		free(got);
	}
	if (bp_segment_add(ctx, segment, pair, value) == 0)
		view(ctx, table);
	if (bp_table_format(ctx, table, &got) == 0)
		free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct bp_table *table;
	struct bp_ctx *ctx;

	promise(text && bp_ctx_new(&ctx) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	for (uint32_t flags = 0; flags <= BP_TABLE_KEEP; flags++) {
		int r = bp_table_parse(ctx, text, flags, &table);

		if (r != 0) {
			promise(r == -22 && strlen(bp_errmsg(ctx)) > 0);
			continue;
		}
		view(ctx, table);
		round_trip(ctx, table);
		if (flags && strlen(text) < size)
			change(ctx, table, text + strlen(text) + 1);
		bp_table_free(table);
	}
	bp_ctx_free(ctx);
	free(text);
	return 0;
}
