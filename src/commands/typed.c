// SPDX-License-Identifier: LGPL-2.1-or-later
#include "commands/typed.h"

#include <bedplate/bdev.h>
#include <bedplate/targets.h>

#include <assert.h>
#include <inttypes.h>

#define OPTION_NAME_MAX 64u

/*
 * What may be left out at the end of an option's name, and the unit that its value may then
 * have and counts where it is bare. In this order: the first that fits is meant.
 */
static const struct {
	const char *suffix;
	enum unit { UNIT_NONE, UNIT_SIZE, UNIT_TIME } unit;
	uint64_t bytes_or_ms;
} suffixes[] = {
	{ "", UNIT_NONE, 0 },       { "_sectors", UNIT_SIZE, BP_SECTOR_BYTES },
	{ "_bytes", UNIT_SIZE, 1 }, { "_mblocks", UNIT_SIZE, BP_MBLOCK_BYTES },
	{ "_ms", UNIT_TIME, 1 },    { "_seconds", UNIT_TIME, 1000 },
	{ "_dev", UNIT_NONE, 0 },   { "s", UNIT_NONE, 0 }, /* one more for a list: --leg */
};

/* How a word of the command line names an option of a target. */
struct match {
	char name[OPTION_NAME_MAX]; /* for bp_segment_set() */
	enum bp_option_kind kind;
	enum unit unit;
	uint64_t bytes_or_ms;
	char form[128]; /* of a record: its words' names */
};

/* "read-delay-ms" and "read.delay_ms" are the same; "device" is "dev". */
static void plain(const char *name, char buf[OPTION_NAME_MAX])
{
	size_t len = strnlen(name, OPTION_NAME_MAX - 1);

	for (size_t i = 0; i < len; i++)
		buf[i] = name[i] == '-' || name[i] == '.' ? '_' : name[i];
	buf[len] = '\0';
	if (len >= 6 && streq(buf + len - 6, "device") && (len == 6 || buf[len - 7] == '_'))
		buf[len - 3] = '\0';
}

/* Is @typed with the suffix behind it this option's name? A short one: only its last part. */
static bool names_option(const char *typed, size_t suffix, const struct bp_option *option,
			 bool is_short)
{
	const char *dot = strrchr(option->name, '.');
	char want[OPTION_NAME_MAX], full[OPTION_NAME_MAX * 2];

	if (is_short && !option->required)
		return false;
	if (streq(suffixes[suffix].suffix, "s") && option->kind != BP_OPTION_RECORDS)
		return false;
	plain(is_short && dot ? dot + 1 : option->name, want);
	snprintf(full, sizeof(full), "%s%s", typed, suffixes[suffix].suffix);
	/* Alone, "device" is also the only one that is needed: "origin_dev". */
	return streq(full, want) || (is_short && streq(typed, "dev") && suffix == 0 &&
				     option->kind == BP_OPTION_DEVICE);
}

/* Look through all options. Return: how many have the name so spelled, or -ENOMEM. */
static int find_spelled(const struct bp_target *target, const char *typed, size_t suffix,
			bool is_short, struct match *ret)
{
	struct bp_option_iter *iter;
	struct bp_option option;
	int found = 0, r = bp_option_iter_new(target, &iter);

	if (r < 0)
		return r;
	while ((r = bp_option_next(iter, &option)) == 0) {
		if (!names_option(typed, suffix, &option, is_short))
			continue;
		found++;
		snprintf(ret->name, sizeof(ret->name), "%s", option.name);
		snprintf(ret->form, sizeof(ret->form), "%s", option.form ? option.form : "");
		ret->kind = option.kind;
		ret->unit = suffixes[suffix].unit;
		ret->bytes_or_ms = suffixes[suffix].bytes_or_ms;
	}
	bp_option_iter_free(iter);
	return r < 0 ? r : found;
}

/*
 * By its name, whole or without its unit; else by the last part of its name, where that can
 * mean only one of the options that are needed. Return: 0, 1 where there is none, -ENOMEM.
 */
static int find_typed(const struct bp_target *target, const char *typed, struct match *ret)
{
	for (int is_short = 0; is_short < 2; is_short++) {
		for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
			int r = find_spelled(target, typed, i, is_short, ret);

			if (r == 1 || r < 0)
				return r < 0 ? r : 0;
		}
	}
	return 1;
}

/* The target's name may stand in front: "integrity-mode", where create has a --mode. */
static int find_option(const struct bp_target *target, const char *name, struct match *ret)
{
	char typed[OPTION_NAME_MAX], prefix[OPTION_NAME_MAX];
	size_t len;
	int r;

	plain(name, typed);
	r = find_typed(target, typed, ret);
	plain(bp_target_name(target), prefix);
	len = strlen(prefix);
	if (r == 1 && strncmp(typed, prefix, len) == 0 && typed[len] == '_')
		r = find_typed(target, typed + len + 1, ret);
	return r;
}

/* Options of a segment itself. */
static bool is_range(const char *name)
{
	return streq(name, "size") || streq(name, "start");
}

enum cmd_extra typed_extra(const struct cli_list *targets, const char *name)
{
	const struct bp_target *target;
	struct match match;

	if (!targets->count)
		return CMD_EXTRA_EARLY;
	if (is_range(name))
		return CMD_EXTRA_VALUE;
	target = bp_target_get(targets->words[targets->count - 1]);
	if (!target || find_option(target, name, &match) != 0)
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
static int add_record(struct typed *t, const struct match *match, const char *value, FILE *to)
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
static int add_quantity(struct typed *t, const struct match *match, const char *name,
			const char *value, FILE *to)
{
	uint64_t amount;
	int r;

	if (match->unit == UNIT_TIME)
		r = cli_time_parse(value, match->bytes_or_ms, &amount);
	else
		r = bp_size_parse(t->cli->ctx, value, match->bytes_or_ms, 0, &amount);
	if (r < 0 && match->unit == UNIT_TIME)
		return cli_usage(t->cli, "--%s: '%s' is not a time", name, value);
	if (r < 0)
		return cli_usage(t->cli, "--%s: %s", name, bp_error_get(t->cli->ctx)->message);
	if (amount % match->bytes_or_ms)
		return cli_usage(t->cli, "--%s: '%s' is no multiple of %" PRIu64 " %s", name,
				 value, match->bytes_or_ms,
				 match->unit == UNIT_TIME ? "milliseconds" : "bytes");
	fprintf(to, "%" PRIu64, amount / match->bytes_or_ms);
	return 0;
}

static int convert(struct typed *t, const struct match *match, const char *name,
		   const char *value, FILE *to)
{
	if (!value)
		fputs("true", to);
	else if (match->kind == BP_OPTION_DEVICE && *value)
		return add_device(t, value, strlen(value), to);
	else if (match->form[0])
		return add_record(t, match, value, to);
	else if (match->unit != UNIT_NONE && *value)
		return add_quantity(t, match, name, value, to);
	else
		fputs(value, to);
	return 0;
}

static int set_option(struct typed *t, const char *name, const char *value)
{
	_cleanup_(freep) char *text = NULL;
	struct match match;
	size_t len;
	FILE *f;
	int r;

	if (is_range(name)) {
		*(streq(name, "size") ? &t->size : &t->start) = value;
		return 0;
	}
	r = find_option(bp_target_get(t->target), name, &match);
	f = r < 0 ? NULL : open_memstream(&text, &len);
	if (!f)
		return cli_fail(t->cli, NULL, -ENOMEM);
	r = convert(t, &match, name, value, f);
	fclose(f);
	if (r)
		return r;
	if (!text)
		return cli_fail(t->cli, NULL, -ENOMEM);
	if (match.kind == BP_OPTION_RECORDS)
		r = bp_segment_add(t->cli->ctx, t->segment, match.name, text);
	else
		r = bp_segment_set(t->cli->ctx, t->segment, match.name, text);
	return r < 0 ? cli_fail(t->cli, t->target, r) : 0;
}

static int parse_range(struct typed *t, const char *option, const char *text, bp_sector *ret)
{
	bp_bytes bytes;

	if (bp_size_parse(t->cli->ctx, text, BP_SECTOR_BYTES, 0, &bytes) < 0)
		return cli_usage(t->cli, "--%s: %s", option,
				 bp_error_get(t->cli->ctx)->message);
	if (bytes % BP_SECTOR_BYTES)
		return cli_usage(t->cli, "--%s: '%s' is no multiple of 512 bytes", option,
				 text);
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
	r = bp_target_length(t->cli->ctx, t->target, t->segment->params, lookup, t->cli,
			     ret_length);
	if (r == -ENODATA)
		return cli_usage(t->cli, "%s: --size not specified", t->target);
	return r < 0 ? cli_fail(t->cli, t->target, r) : 0;
}

/* Was the option given to the segment? */
static bool is_given(const struct typed *t, const struct cli_list *options, const char *word,
		     const char *name)
{
	const struct bp_target *target = bp_target_get(t->target);
	struct match match;

	for (size_t i = 0; i < options->count; i += CLI_EXTRA_WORDS)
		if (options->words[i + CLI_EXTRA_OPERAND] == word &&
		    !is_range(options->words[i + CLI_EXTRA_NAME]) &&
		    find_option(target, options->words[i + CLI_EXTRA_NAME], &match) == 0 &&
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
	int r = bp_table_add(t->cli->ctx, scratch, 0, 1, t->target, NULL);

	if (r < 0)
		return cli_fail(t->cli, t->target, r);
	t->segment = bp_table_get(scratch, 0);
	for (size_t i = 0; !r && i < options->count; i += CLI_EXTRA_WORDS)
		if (options->words[i + CLI_EXTRA_OPERAND] == word)
			r = set_option(t, options->words[i + CLI_EXTRA_NAME],
				       options->words[i + CLI_EXTRA_VALUE]);
	return r ? r : complete(t, options, word);
}

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
		r = bp_table_add(cli->ctx, table, start, length, target, t.segment->params);
		r = r < 0 ? cli_fail(cli, target, r) : 0;
	}
	bp_table_free(scratch);
	return r;
}

static const char *next_target(void *user)
{
	const struct bp_target *target;

	return bp_target_next(user, &target) == 0 ? bp_target_name(target) : NULL;
}

/* A device or a number behind a target is meant to be one of its arguments. */
static int not_by_name(struct cli *cli, const char *target, const char *word)
{
	_cleanup_(freep) char *hint = NULL;
	bool device = *word == '/' || strchr(word, ':');

	if (asprintf(
		    &hint,
		    "--help behind '%s' lists them; --table takes a line as the kernel has it: "
		    "'START LENGTH %s ...'",
		    target, target) < 0)
		hint = NULL;
	return cli_usage_hint(cli, hint, "'%s': options of %s are given by name, such as --%s",
			      word, target, device ? "device" : "size");
}

static int unknown_target(struct cli *cli, const char *name)
{
	static const char general[] = "'bedplate targets' lists the targets; --table and "
				      "--table-file take whole tables";
	_cleanup_(freep) char *hint = NULL;
	size_t it = 0;
	const char *near = cli_nearest(name, next_target, &it);

	if (near && asprintf(&hint, "did you mean '%s'?\n%s", near, general) < 0)
		hint = NULL;
	return cli_usage_hint(cli, hint ? hint : general, "unknown target '%s'", name);
}

int typed_build(struct cli *cli, const struct cli_list *targets, const struct cli_list *options,
		bool keep_missing, struct bp_table **ret)
{
	struct bp_table *table;
	int r = 0;

	for (size_t i = 0; i < targets->count; i++)
		if (!bp_target_get(targets->words[i]))
			return i && strspn(targets->words[i], "/0123456789")
				       ? not_by_name(cli, targets->words[i - 1],
						     targets->words[i])
				       : unknown_target(cli, targets->words[i]);
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

/* Is the option meant by the first @len bytes of its name? */
static bool is_meant(const struct bp_target *target, const struct bp_option *option, size_t len)
{
	char name[OPTION_NAME_MAX];
	struct match match;

	snprintf(name, sizeof(name), "%.*s", (int)len, option->name);
	return find_option(target, name, &match) == 0 && streq(match.name, option->name);
}

/* "offset", SIZE: an option as it is best typed. Return: the length of its name. */
static size_t best_name(const struct bp_target *target, const struct bp_option *option,
			const char **ret_value)
{
	static const char *const values[] = {
		[BP_OPTION_DEVICE] = "DEVICE", [BP_OPTION_NUMBER] = "NUMBER",
		[BP_OPTION_SIGNED] = "NUMBER", [BP_OPTION_FLAG] = NULL,
		[BP_OPTION_CHOICE] = "WORD",   [BP_OPTION_TEXT] = "TEXT",
		[BP_OPTION_WORDS] = "WORDS",   [BP_OPTION_RECORD] = "WORDS",
		[BP_OPTION_RECORDS] = "WORDS",
	};
	size_t len = strlen(option->name);

	*ret_value = option->form ? option->form : values[option->kind];
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t tail = strlen(suffixes[i].suffix);

		if (suffixes[i].unit == UNIT_NONE || len <= tail ||
		    !streq(option->name + len - tail, suffixes[i].suffix) ||
		    !is_meant(target, option, len - tail))
			continue;
		*ret_value = suffixes[i].unit == UNIT_SIZE ? "SIZE" : "TIME";
		return len - tail;
	}
	return len;
}

static void print_option(struct cli *cli, const struct bp_target *target,
			 const struct bp_option *option)
{
	_cleanup_(freep) char *left = NULL, *help = NULL;
	size_t left_size, help_size;
	const char *value;
	size_t len = best_name(target, option, &value);
	char name[OPTION_NAME_MAX];
	FILE *f = open_memstream(&left, &left_size);

	if (!f)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)len, option->name);
	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	/* The command's own option goes first: then the target's name must stand in front. */
	fprintf(f, "    --%s%s%s", cli_has_option(cli, name) ? bp_target_name(target) : "",
		cli_has_option(cli, name) ? "-" : "", name);
	if (value)
		fprintf(f, option->form ? "='%s'" : "=%s", value);
	fclose(f);

	f = open_memstream(&help, &help_size);
	if (!f)
		return;
	fprintf(f, "%s", option->help ? option->help : "");
	for (size_t i = 0; option->choices && option->choices[i]; i++)
		fprintf(f, "%s%s", i ? ", " : ": ", option->choices[i]);
	if (option->default_value)
		fprintf(f, "; default %s", option->default_value);
	if (option->usual_value && option->usual_value[0] == '%')
		fprintf(f, "; default: the size of %s", strchr(option->usual_value, ':') + 1);
	else if (option->required && option->usual_value)
		fprintf(f, "; default %s", option->usual_value);
	else
		fprintf(f, "%s", option->required ? " (needed)" : "");
	fclose(f);
	if (left && help)
		cli_explain(cli->out, left, help);
}

void typed_help(struct cli *cli, const struct cli_list *targets)
{
	const char *name = targets->count ? targets->words[targets->count - 1] : NULL;
	const struct bp_target *target = name ? bp_target_get(name) : NULL;
	struct bp_option_iter *iter;
	struct bp_option option;
	size_t it = 0;

	if (!target) {
		fprintf(cli->out, "\nTargets ('--help' behind one tells its options):\n");
		while (bp_target_next(&it, &target) == 0)
			cli_explain(cli->out, bp_target_name(target),
				    bp_target_summary(target));
		return;
	}
	fprintf(cli->out, "\nOptions of %s (%s):\n", name, bp_target_summary(target));
	cli_explain(cli->out, "    --size=SIZE",
		    "length of the segment; without it, what its devices have");
	cli_explain(cli->out, "    --start=SIZE",
		    "where it begins; without it, behind the last one");
	if (bp_option_iter_new(target, &iter) < 0)
		return;
	while (bp_option_next(iter, &option) == 0)
		print_option(cli, target, &option);
	bp_option_iter_free(iter);
}
