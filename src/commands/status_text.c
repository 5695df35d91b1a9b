// SPDX-License-Identifier: LGPL-2.1-or-later
#include "commands/status_text.h"

#include "commands/common.h"

#include <inttypes.h>

#define PARTS_MAX 6u

/*
 * What is told of a target, in this order. A field alone is told as it is, sectors as a size,
 * a flag by its label; one @of another as a share.
 */
struct part {
	const char *label, *field, *of;
};
/* clang-format off */
static const struct summary {
	const char *target;
	struct part parts[PARTS_MAX];
} summaries[] = {
	{ "cache", { { NULL, "access", NULL }, { "used", "used_dblocks", "total_dblocks" },
		     { "dirty blocks", "dirty_dblocks", NULL },
		     { "metadata", "used_metadata_blocks", "total_metadata_blocks" },
		     { "needs a check", "needs_check", NULL } } },
	{ "clone", { { NULL, "mode", NULL }, { "filled", "hydrated_regions", "total_regions" },
		     { "metadata", "used_metadata_blocks", "total_metadata_blocks" } } },
	{ "delay", { { "reads", "reads", NULL }, { "writes", "writes", NULL },
		     { "flushes", "flushes", NULL } } },
	{ "era", { { "era", "current_era", NULL },
		   { "metadata", "used_metadata_blocks", "total_metadata_blocks" } } },
	{ "integrity", { { "mismatches", "mismatches", NULL } } },
	{ "log-writes", { { "entries", "entries", NULL }, { "not logging", "logging_disabled", NULL } } },
	{ "mirror", { { "legs", "health", NULL }, { "in sync", "synced_regions", "total_regions" } } },
	{ "pcache", { { "used", "used_segments", "cache_segments" } } },
	{ "raid", { { NULL, "type", NULL }, { NULL, "action", NULL }, { "devices", "health", NULL },
		    { "in sync", "synced_sectors", "total_sectors" },
		    { "mismatches", "mismatches", NULL } } },
	{ "snapshot", { { "used", "used_sectors", "total_sectors" } } },
	{ "snapshot-merge", { { "left", "used_sectors", "total_sectors" } } },
	{ "striped", { { "stripes", "health", NULL } } },
	{ "thin", { { "mapped", "mapped_sectors", NULL } } },
	{ "thin-pool", { { NULL, "mode", NULL }, { "data", "used_data_dblocks", "total_data_dblocks" },
			 { "metadata", "used_metadata_blocks", "total_metadata_blocks" },
			 { "needs a check", "needs_check", NULL } } },
	{ "vdo", { { NULL, "mode", NULL }, { "used", "used_mblocks", "total_mblocks" },
		   { "recovering", "recovering", NULL } } },
	{ "verity", { { NULL, "state", NULL }, { "corrected blocks", "corrected_blocks", NULL } } },
	{ "writecache", { { "free", "free_blocks", "total_blocks" },
			  { "blocks being written back", "writeback_blocks", NULL } } },
};
/* clang-format on */

static const struct summary *summary_of(const char *target)
{
	for (size_t i = 0; i < ARRAY_SIZE(summaries); i++)
		if (streq(summaries[i].target, target))
			return &summaries[i];
	return NULL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);

	return len >= tail && streq(text + len - tail, end);
}

static void print_value(const struct part *part, const char *value, const char *of, FILE *to)
{
	char size[BP_SIZE_TEXT];
	uint64_t share = of ? share_of(strtoull(value, NULL, 10), strtoull(of, NULL, 10)) : 0;

	if (of)
		fprintf(to, "%" PRIu64 ".%02u%%", share / 100, (unsigned)(share % 100));
	else if (ends_with(part->field, "_sectors"))
		fputs(bp_size_format(bp_sector_to_bytes(strtoull(value, NULL, 10)), size), to);
	else if (!streq(value, "true"))
		fputs(value, to);
}

static int print_part(struct cli *cli, const struct bp_status *status, const struct part *part,
		      bool first, FILE *to)
{
	_cleanup_(freep) char *value = NULL, *of = NULL;
	int r = bp_status_get(cli->ctx, status, part->field, &value);

	if (r >= 0 && part->of)
		r = bp_status_get(cli->ctx, status, part->of, &of);
	/* An older kernel may not tell this; a flag that is not set says nothing. */
	if (r < 0 || !value || streq(value, "false") || (part->of && !of))
		return r;
	fprintf(to, "%s%s%s", first ? "" : ", ", part->label ? part->label : "",
		part->label && !streq(value, "true") ? " " : "");
	print_value(part, value, of, to);
	return 0;
}

int status_summary(struct cli *cli, const struct bp_status *status, char **ret)
{
	const struct summary *summary = summary_of(status->target);
	char *text = NULL;
	size_t size;
	int r = 0;
	FILE *to;

	if (!summary || !status->values) {
		*ret = strdup(status->text);
		return *ret ? 0 : -ENOMEM;
	}
	to = open_memstream(&text, &size);
	if (!to)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < PARTS_MAX && summary->parts[i].field; i++)
		r = print_part(cli, status, &summary->parts[i], ftell(to) == 0, to);
	if (fclose(to) != 0 && r >= 0)
		r = -ENOMEM;
	if (r < 0)
		free(text);
	else
		*ret = text;
	return r < 0 ? r : 0;
}

static size_t count_columns(const struct out_column *columns)
{
	size_t count = 0;

	while (columns[count].name)
		count++;
	return count;
}

void field_columns_free(struct out_column *columns, const struct out_column *base)
{
	if (!columns)
		return;
	for (size_t i = count_columns(base); columns[i].name; i++)
		free((char *)(uintptr_t)columns[i].name);
	free(columns);
}

static int add_column(struct out_column **columns, size_t count, const struct bp_option *field)
{
	struct out_column *more = realloc(*columns, (count + 2) * sizeof(*more));
	enum out_kind kind = field->kind == BP_OPTION_NUMBER ? OUT_NUMBER
			     : field->kind == BP_OPTION_FLAG ? OUT_BOOL
							     : OUT_TEXT;

	if (!more)
		return -ENOMEM;
	*columns = more;
	more[count] =
		(struct out_column){ strdup(field->name), kind, OUT_DEFAULT, field->help };
	more[count + 1] = (struct out_column)OUT_COLUMNS_END;
	return more[count].name ? 0 : -ENOMEM;
}

int field_columns_new(const struct bp_target *target, const struct out_column *base,
		      const char *defaults, struct out_column **ret)
{
	size_t count = count_columns(base), nr_base = count;
	struct out_column *columns = calloc(count + 1, sizeof(*columns));
	struct bp_option_iter *iter;
	struct bp_option field;
	int r = columns ? bp_status_field_iter_new(target, &iter) : -ENOMEM;

	if (r < 0) {
		free(columns);
		return r;
	}
	memcpy(columns, base, (count + 1) * sizeof(*columns));
	for (size_t i = 0; i < count; i++)
		columns[i].flags =
			word_in_list(defaults, columns[i].name, strlen(columns[i].name))
				? OUT_DEFAULT
				: 0;
	while (r == 0 && (r = bp_option_next(iter, &field)) == 0)
		if (field.kind != BP_OPTION_WORDS && field.kind != BP_OPTION_RECORD &&
		    field.kind != BP_OPTION_RECORDS)
			r = add_column(&columns, count++, &field);
	bp_option_iter_free(iter);
	if (r >= 0 && count == nr_base)
		r = -ENOENT;
	if (r < 0)
		field_columns_free(columns, base);
	else
		*ret = columns;
	return r < 0 ? r : 0;
}

int field_columns_set(struct cli *cli, const struct out_column *columns,
		      const struct out_column *base, const struct bp_status *status,
		      struct out_row *row)
{
	int r = 0;

	for (unsigned i = (unsigned)count_columns(base); r >= 0 && columns[i].name; i++) {
		_cleanup_(freep) char *value = NULL;

		if (!status->values)
			return 0;
		r = bp_status_get(cli->ctx, status, columns[i].name, &value);
		if (r < 0 || !value)
			continue;
		if (columns[i].kind == OUT_NUMBER)
			out_number(row, i, strtoull(value, NULL, 10));
		else if (columns[i].kind == OUT_BOOL)
			out_bool(row, i, streq(value, "true"));
		else
			out_text(row, i, value);
	}
	return r < 0 ? r : 0;
}
