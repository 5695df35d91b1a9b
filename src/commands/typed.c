// SPDX-License-Identifier: LGPL-2.1-or-later
#include "commands/typed.h"

#include <bedplate/bdev.h>
#include <bedplate/targets.h>

#include <inttypes.h>

#define OPTION_NAME_MAX 64u

/* Units in which options may be given with another unit behind the number. */
static const struct {
	const char *suffix;
	bp_bytes bytes;
} size_units[] = {
	{ "", 0 },
	{ "_sectors", BP_SECTOR_BYTES },
	{ "_bytes", 1 },
};

/* How a word of the command line names an option of a target. */
struct match {
	char name[OPTION_NAME_MAX]; /* for bp_segment_set() */
	enum bp_option_kind kind;
	bp_bytes unit_bytes; /* not 0: the value may be a size, in this unit where bare */
	char form[128];      /* of a record: its words' names */
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

/* Does @typed name the option, bare or without its unit? "leg" is one more of "legs". */
static bool names_option(const char *typed, const struct bp_option *option,
			 bp_bytes *ret_unit_bytes)
{
	char want[OPTION_NAME_MAX], full[OPTION_NAME_MAX * 2];

	plain(option->name, want);
	for (size_t i = 0; i < ARRAY_SIZE(size_units); i++) {
		snprintf(full, sizeof(full), "%s%s", typed, size_units[i].suffix);
		*ret_unit_bytes = size_units[i].bytes;
		if (streq(full, want))
			return true;
	}
	*ret_unit_bytes = 0;
	snprintf(full, sizeof(full), "%ss", typed);
	return option->kind == BP_OPTION_RECORDS && streq(full, want);
}

/* Return: 0 and *@ret, 1 where the target has no such option, -ENOMEM. */
static int find_option(const struct bp_target *target, const char *name, struct match *ret)
{
	struct bp_option_iter *iter;
	struct bp_option option;
	char typed[OPTION_NAME_MAX];
	int r = bp_option_iter_new(target, &iter);

	if (r < 0)
		return r;
	plain(name, typed);
	while ((r = bp_option_next(iter, &option)) == 0) {
		if (!names_option(typed, &option, &ret->unit_bytes))
			continue;
		snprintf(ret->name, sizeof(ret->name), "%s", option.name);
		snprintf(ret->form, sizeof(ret->form), "%s", option.form ? option.form : "");
		ret->kind = option.kind;
		break;
	}
	bp_option_iter_free(iter);
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

/* "1GiB" as a number of the option's unit; a bare number stays one. */
static int add_size(struct typed *t, const struct match *match, const char *name,
		    const char *value, FILE *to)
{
	bp_bytes bytes;

	if (bp_size_parse(t->cli->ctx, value, match->unit_bytes, 0, &bytes) < 0)
		return cli_usage(t->cli, "--%s: %s", name, bp_error_get(t->cli->ctx)->message);
	if (bytes % match->unit_bytes)
		return cli_usage(t->cli, "--%s: '%s' is no multiple of %" PRIu64 " bytes", name,
				 value, match->unit_bytes);
	fprintf(to, "%" PRIu64, bytes / match->unit_bytes);
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
	else if (match->unit_bytes && *value)
		return add_size(t, match, name, value, to);
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
	r = bp_target_length(t->cli->ctx, t->target, t->segment->params, lookup, t->cli,
			     ret_length);
	if (r == -ENODATA)
		return cli_usage(t->cli, "%s: --size not specified", t->target);
	return r < 0 ? cli_fail(t->cli, t->target, r) : 0;
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
	return r;
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
			return unknown_target(cli, targets->words[i]);
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

/* "--offset=SIZE": as it is best typed. */
static void print_option(struct cli *cli, const struct bp_option *option)
{
	static const char *const values[] = {
		[BP_OPTION_DEVICE] = "DEVICE", [BP_OPTION_NUMBER] = "NUMBER",
		[BP_OPTION_SIGNED] = "NUMBER", [BP_OPTION_FLAG] = NULL,
		[BP_OPTION_CHOICE] = "WORD",   [BP_OPTION_TEXT] = "TEXT",
		[BP_OPTION_WORDS] = "WORDS",   [BP_OPTION_RECORD] = "WORDS",
		[BP_OPTION_RECORDS] = "WORDS",
	};
	size_t len = strlen(option->name);
	const char *value = option->form ? option->form : values[option->kind];
	int n;

	for (size_t i = 1; i < ARRAY_SIZE(size_units); i++) {
		size_t tail = strlen(size_units[i].suffix);

		if (len > tail && streq(option->name + len - tail, size_units[i].suffix)) {
			len -= tail;
			value = "SIZE";
			break;
		}
	}
	n = fprintf(cli->out, "      --");
	for (size_t i = 0; i < len; i++)
		fputc(option->name[i] == '_' ? '-' : option->name[i], cli->out);
	n += (int)len;
	if (value)
		n += fprintf(cli->out, option->form ? "='%s'" : "=%s", value);
	fprintf(cli->out, "%*s %s%s", n < 29 ? 29 - n : 0, "", option->help ? option->help : "",
		option->required ? " (needed)" : "");
	for (size_t i = 0; option->choices && option->choices[i]; i++)
		fprintf(cli->out, "%s%s", i ? ", " : ": ", option->choices[i]);
	fprintf(cli->out, "%s%s\n", option->default_value ? "; default " : "",
		option->default_value ? option->default_value : "");
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
			fprintf(cli->out, "  %-27s %s\n", bp_target_name(target),
				bp_target_summary(target));
		return;
	}
	fprintf(cli->out, "\nOptions of %s (%s):\n", name, bp_target_summary(target));
	fprintf(cli->out,
		"      --size=SIZE             length of the segment; without it, what "
		"its devices have\n"
		"      --start=SIZE            where it begins; without it, behind the "
		"last one\n");
	if (bp_option_iter_new(target, &iter) < 0)
		return;
	while (bp_option_next(iter, &option) == 0)
		print_option(cli, &option);
	bp_option_iter_free(iter);
}
