/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables from options: each target is a segment, each option a parameter of it. Sizes and times
 * are taken in any unit; devices become numbers, so that they stay what they were.
 */
#include "commands/typed.h"

#include "commands/typed_names.h"

#include <bedplate/bdev.h>
#include <bedplate/targets.h>

#include <assert.h>
#include <inttypes.h>

/*
 * The option parser asks in the middle of the line: the last target before the option
 * decides.
 */
enum cmd_extra typed_extra(const struct cli_list *targets, const char *name)
{
	const struct bp_target *target;
	struct typed_option match;

	if (!targets->count)
		return CMD_EXTRA_EARLY;
	if (typed_is_range(name))
		return CMD_EXTRA_VALUE;
	target = bp_target_get(targets->words[targets->count - 1]);
	if (!target || typed_option(target, name, &match) != 0)
		return CMD_EXTRA_UNKNOWN;
	return match.kind == BP_OPTION_FLAG ? CMD_EXTRA_FLAG : CMD_EXTRA_VALUE;
}

static int lookup(void *user, const char *dev, struct bp_bdev *ret)
{
	struct cli *cli = user;

	return bp_bdev_get(cli->ctx, dev, ret);
}

/* What one segment is made from. */
struct typed {
	struct cli *cli;
	bool keep_missing;
	const char *target;
	struct bp_segment *segment;
	const char *size, *start; /* as typed, or NULL */
};

/* A device as a word of a table: by number, so that it stays the one it was when we looked. */
static int add_device(struct typed *t, const char *word, size_t len, FILE *to)
{
	_cleanup_(freep) char *name = strndup(word, len);
	struct bp_bdev bdev;
	int r = name ? bp_bdev_get(t->cli->ctx, name, &bdev) : -ENOMEM;

	if (r < 0 && r != -ENOMEM && t->keep_missing)
		fprintf(to, "%s", name);
	else if (r < 0)
		return cli_fail(t->cli, name, r);
	else
		fprintf(to, "%" PRIu32 ":%" PRIu32, bdev.major, bdev.minor);
	return 0;
}

/* Is the word of a form ("DEV", "READ_DEV") a device's? */
static bool is_device_word(const char *word, size_t len)
{
	return len >= 3 && memcmp(word + len - 3, "DEV", 3) == 0;
}

/* A record's words, those that are devices by number. */
static int add_record(struct typed *t, const struct typed_option *match, const char *value,
		      FILE *to)
{
	const char *form = match->form;
	int r = 0;

	while (!r && *value) {
		size_t len = strcspn(value, " "), form_len = strcspn(form, " ");

		if (is_device_word(form, form_len))
			r = add_device(t, value, len, to);
		else
			fprintf(to, "%.*s", (int)len, value);
		value += len + strspn(value + len, " ");
		form += form_len + strspn(form + form_len, " ");
		if (*value)
			fputc(' ', to);
	}
	return r;
}

/* "1GiB" or "2s" as a number of the option's unit; a bare number stays one. */
static int add_quantity(struct typed *t, const struct typed_option *match, const char *name,
			const char *value, FILE *to)
{
	_cleanup_(freep) char *hint = NULL;
	uint64_t amount;
	int r;

	if (match->unit == TYPED_TIME)
		r = cli_time_parse(value, match->bytes_or_ms, &amount);
	else
		r = bp_size_parse(t->cli->ctx, value, match->bytes_or_ms, 0, &amount);
	if (r < 0 && match->unit == TYPED_TIME)
		return cli_usage(t->cli, "--%s: '%s' is not a time", name, value);
	if (r < 0)
		return cli_usage(t->cli, "--%s: %s", name, bp_error_get(t->cli->ctx)->message);
	if (match->unit == TYPED_SIZE)
		hint = cli_binary_hint(value, amount);
	if (amount % match->bytes_or_ms)
		return cli_usage_hint(t->cli, hint,
				      "--%s: '%s' is no multiple of %" PRIu64 " %s", name,
				      value, match->bytes_or_ms,
				      match->unit == TYPED_TIME ? "milliseconds" : "bytes");
	fprintf(to, "%" PRIu64, amount / match->bytes_or_ms);
	return 0;
}

/* Devices and sizes are taken as people write them, and stored as the table needs them. */
static int convert(struct typed *t, const struct typed_option *match, const char *name,
		   const char *value, FILE *to)
{
	if (!value)
		fputs("true", to);
	else if (match->kind == BP_OPTION_DEVICE && *value)
		return add_device(t, value, strlen(value), to);
	else if (match->form[0])
		return add_record(t, match, value, to);
	else if (match->unit != TYPED_NUMBER && *value)
		return add_quantity(t, match, name, value, to);
	else
		fputs(value, to);
	return 0;
}

/* Records add up, everything else is set once. */
static int set_option(struct typed *t, const char *name, const char *value)
{
	_cleanup_(freep) char *text = NULL;
	struct typed_option match;
	size_t len;
	FILE *f;
	int r;

	if (typed_is_range(name)) {
		*(streq(name, "size") ? &t->size : &t->start) = value;
		return 0;
	}
	r = typed_option(bp_target_get(t->target), name, &match);
	f = r < 0 ? NULL : open_memstream(&text, &len);
	if (!f)
		return cli_fail(t->cli, NULL, -ENOMEM);
	r = convert(t, &match, name, value, f);
	if (!cli_text_end(f, &text) && r == 0)
		return cli_fail(t->cli, NULL, -ENOMEM);
	if (r)
		return r;
	if (match.kind == BP_OPTION_RECORDS)
		r = bp_segment_add(t->cli->ctx, t->segment, match.name, text);
	else
		r = bp_segment_set(t->cli->ctx, t->segment, match.name, text);
	return r < 0 ? cli_fail(t->cli, t->target, r) : 0;
}

/* Whole sectors; a unit by 1000 gets a hint, as it is the usual reason. */
static int parse_range(struct typed *t, const char *option, const char *text, bp_sector *ret)
{
	_cleanup_(freep) char *hint = NULL;
	bp_bytes bytes;

	if (bp_size_parse(t->cli->ctx, text, BP_SECTOR_BYTES, 0, &bytes) < 0)
		return cli_usage(t->cli, "--%s: %s", option,
				 bp_error_get(t->cli->ctx)->message);
	hint = cli_binary_hint(text, bytes);
	if (bytes % BP_SECTOR_BYTES)
		return cli_usage_hint(t->cli, hint, "--%s: '%s' is no multiple of 512 bytes",
				      option, text);
	*ret = bp_bytes_to_sector(bytes);
	return 0;
}

/* Where the segment goes, and how long it is: what its devices have, if not told. */
static int find_range(struct typed *t, const struct bp_table *table, bp_sector *ret_start,
		      bp_sector *ret_length)
{
	int r = 0;

	*ret_start = bp_table_length(table);
	if (t->start)
		r = parse_range(t, "start", t->start, ret_start);
	if (r)
		return r;
	if (t->size)
		return parse_range(t, "size", t->size, ret_length);
	assert(t->segment); /* fill() made it */
	r = bp_target_length(t->cli->ctx, t->target, t->segment->params,
			     t->segment->params_size, lookup, t->cli, ret_length);
	if (r == -ENODATA)
		return cli_usage(t->cli, "%s: --size not specified", t->target);
	return r < 0 ? cli_fail(t->cli, t->target, r) : 0;
}

/* Was the option given to the segment? */
static bool is_given(const struct typed *t, const struct cli_list *options, const char *word,
		     const char *name)
{
	const struct bp_target *target = bp_target_get(t->target);
	struct typed_option match;

	for (size_t i = 0; i < options->count; i += CLI_EXTRA_WORDS)
		if (options->words[i + CLI_EXTRA_OPERAND] == word &&
		    !typed_is_range(options->words[i + CLI_EXTRA_NAME]) &&
		    typed_option(target, options->words[i + CLI_EXTRA_NAME], &match) == 0 &&
		    streq(match.name, name))
			return true;
	return false;
}

/* "%size:NAME": what device NAME has, in 4096-byte blocks. Nothing where it can't be looked at. */
static int set_device_size(struct typed *t, const struct bp_option *option)
{
	const char *device = strchr(option->usual_value, ':') + 1;
	_cleanup_(freep) char *word = NULL;
	struct bp_bdev bdev;
	char text[24];
	int r = bp_segment_get(t->cli->ctx, t->segment, device, &word);

	if (r < 0 || !word || bp_bdev_get(t->cli->ctx, word, &bdev) < 0)
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64, bdev.size_bytes / BP_MBLOCK_BYTES);
	r = bp_segment_set(t->cli->ctx, t->segment, option->name, text);
	return r < 0 ? cli_fail(t->cli, t->target, r) : 0;
}

/* Something that must be given is not: what it usually is, or a mistake. */
static int set_usual(struct typed *t, const struct bp_option *option)
{
	int r;

	if (option->usual_value && option->usual_value[0] == '%')
		return set_device_size(t, option);
	if (option->usual_value) {
		r = bp_segment_set(t->cli->ctx, t->segment, option->name, option->usual_value);
		return r < 0 ? cli_fail(t->cli, t->target, r) : 0;
	}
	return option->kind == BP_OPTION_NUMBER
		       ? cli_usage(t->cli, "%s: %s is not given", t->target, option->name)
		       : 0; /* the library says so of the others */
}

/* A number that is not given would reach the kernel as 0. */
static int complete(struct typed *t, const struct cli_list *options, const char *word)
{
	struct bp_option_iter *iter;
	struct bp_option option;
	int r = bp_option_iter_new(bp_target_get(t->target), &iter), end = 0;

	if (r < 0)
		return cli_fail(t->cli, t->target, r);
	while (!r && (end = bp_option_next(iter, &option)) == 0)
		if (option.required && !is_given(t, options, word, option.name))
			r = set_usual(t, &option);
	bp_option_iter_free(iter);
	return end < 0 ? cli_fail(t->cli, t->target, end) : r;
}

/* Fill the segment of @scratch from the options behind the operand @word. */
static int fill(struct typed *t, struct bp_table *scratch, const struct cli_list *options,
		const char *word)
{
	int r = bp_table_add(t->cli->ctx, scratch, 0, 1, t->target, NULL, 0);

	if (r < 0)
		return cli_fail(t->cli, t->target, r);
	t->segment = bp_table_get(scratch, 0);
	for (size_t i = 0; !r && i < options->count; i += CLI_EXTRA_WORDS)
		if (options->words[i + CLI_EXTRA_OPERAND] == word)
			r = set_option(t, options->words[i + CLI_EXTRA_NAME],
				       options->words[i + CLI_EXTRA_VALUE]);
	return r ? r : complete(t, options, word);
}

/* A scratch table holds the options until the range is known, which may follow from them. */
static int add_segment(struct cli *cli, const char *target, const struct cli_list *options,
		       bool keep_missing, struct bp_table *table)
{
	struct typed t = { .cli = cli, .keep_missing = keep_missing, .target = target };
	struct bp_table *scratch;
	bp_sector start, length;
	int r = bp_table_new(cli->ctx, &scratch);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	r = fill(&t, scratch, options, target);
	if (!r)
		r = find_range(&t, table, &start, &length);
	if (!r) {
		r = bp_table_add(cli->ctx, table, start, length, target, t.segment->params,
				 t.segment->params_size);
		r = r < 0 ? cli_fail(cli, target, r) : 0;
	}
	bp_table_free(scratch);
	return r;
}

/* All targets are known before the first is built. */
int typed_build(struct cli *cli, const struct cli_list *targets, const struct cli_list *options,
		bool keep_missing, struct bp_table **ret)
{
	struct bp_table *table;
	int r = 0;

	for (size_t i = 0; i < targets->count; i++)
		if (!bp_target_get(targets->words[i]))
			return typed_no_target(cli, targets, i);
	r = bp_table_new(cli->ctx, &table);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	for (size_t i = 0; !r && i < targets->count; i++)
		r = add_segment(cli, targets->words[i], options, keep_missing, table);
	if (r) {
		bp_table_free(table);
		return r;
	}
	*ret = table;
	return 0;
}
