/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Regions of statistics: made, listed, cleared, deleted. stats_print.c reads what they count.
 * Whatever is not named by its id is a region of the program that is named: others may count on
 * the same device.
 */
#include "commands/stats.h"

#include <inttypes.h>

struct args {
	const char *name, *program, *aux, *bounds;
	struct cli_list names;
	uint64_t region, start_sectors, length_sectors, area_sectors, areas;
	bool all, precise;
	int64_t timeout_ms;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt create_opts[] = {
	OPT_OPERAND(name, "NAME", DEVICE_HELP),
	OPT_SECTORS(start_sectors, 0, 0, 0, "start", "SIZE", "where the region begins; default: 0"),
	OPT_SECTORS(length_sectors, 1, 0, 0, "length", "SIZE", "its size; default: to the end of the device"),
	OPT_SECTORS(area_sectors, 1, 0, 0, "area-size", "SIZE", "count each part of this size on its own"),
	OPT_RANGE(areas, 1, UINT32_MAX, 0, "areas", "NUMBER", "count so many parts of one size on their own; default: 1"),
	OPT_FLAG(precise, 0, "precise", "count times in nanoseconds, not milliseconds"),
	OPT_STRING(bounds, 0, "bounds", "TIMES", "a histogram of latencies: upper bounds of its bins, by commas: 100us,1ms,10ms"),
	OPT_STRING(program, 0, "program", "ID", "whose the region is: one word; default: bedplate"),
	OPT_STRING(aux, 0, "aux", "TEXT", "keep this text with it"),
	OPT_TIMEOUT(timeout_ms),
	OPT_CONFLICT("area-size", "areas"),
	OPT_END
};

#define OPT_REGIONS \
	OPT_OPERAND(name, "NAME", DEVICE_HELP), \
	OPT_OPERAND_NUMBER_OPTIONAL(region, 0, INT32_MAX, "REGION", REGION_HELP), \
	OPT_FLAG(all, 0, "all", "all regions of the device"), \
	OPT_STRING(program, 0, "program", "ID", "with --all: " PROGRAM_HELP), \
	OPT_TIMEOUT(timeout_ms), \
	OPT_CONFLICT("REGION", "all"), \
	OPT_REQUIRES("program", "all"), \
	OPT_ANY("REGION all")

static const struct cmd_opt delete_opts[] = {
	OPT_REGIONS,
	OPT_END
};

static const struct cmd_opt list_opts[] = {
	OPT_OPERANDS(names, "NAME", "devices (without: all): " DEVICE_HELP),
	OPT_STRING(program, 0, "program", "ID", PROGRAM_HELP),
	OPT_OUTPUT(out),
	OPT_END
};

struct row {
	const char *name, *program, *aux;
	uint64_t region, start_bytes, size_bytes, area_bytes, areas;
	bool precise;
	struct out_json bounds_ns;
};
static const struct out_column columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT, "name of the device"),
	COL_NUMBER(struct row, region, OUT_DEFAULT, "id of the region on that device"),
	COL_SIZE(struct row, start_bytes, OUT_DEFAULT, "where it begins"),
	COL_SIZE(struct row, size_bytes, OUT_DEFAULT, "its size"),
	COL_SIZE(struct row, area_bytes, OUT_DEFAULT, "size of an area, each counted on its own"),
	COL_NUMBER(struct row, areas, OUT_DEFAULT, "how many of them it has"),
	COL_TEXT(struct row, program, OUT_DEFAULT, "whose it is"),
	COL_BOOL(struct row, precise, 0, "times are counted in nanoseconds"),
	COL_JSON(struct row, bounds_ns, NULL, OUT_MANY, "upper bounds of its histogram in ns; null: it has none"),
	COL_TEXT(struct row, aux, 0, "text kept with it"),
	OUT_COLUMNS_END
};
static const struct out_schema list_schema = {
	.name = "bedplate.stats-list", .columns = columns, .none = "no regions of statistics",
};

struct created {
	const char *name;
	uint64_t region;
};
static const struct out_column created_columns[] = {
	COL_TEXT(struct created, name, OUT_DEFAULT, "name of the device"),
	COL_NUMBER(struct created, region, OUT_DEFAULT, "id of the new region"),
	OUT_COLUMNS_END
};
static const struct out_schema created_schema = {
	.name = "bedplate.stats-create", .columns = created_columns,
	.flags = OUT_RECORD | OUT_ONE,
};
/* clang-format on */

/* To be freed; NULL: no memory. */
static char *join(const uint64_t *numbers, size_t count, const char *before, char between,
		  const char *after)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	fputs(before, to);
	for (size_t i = 0; i < count; i++) {
		if (i)
			fputc(between, to);
		fprintf(to, "%" PRIu64, numbers[i]);
	}
	fputs(after, to);
	return cli_text_end(to, &text) ? text : NULL;
}

/* A list is an array for programs and a word with colons for people. */
int stats_numbers(const uint64_t *numbers, size_t count, struct out_json *ret)
{
	*ret = (struct out_json){ 0 };
	if (!count)
		return 0;
	ret->json = join(numbers, count, "[", ',', "]");
	ret->text = join(numbers, count, "", ':', "");
	if (ret->json && ret->text)
		return 0;
	stats_numbers_done(ret);
	return -ENOMEM;
}

void stats_numbers_done(struct out_json *json)
{
	free((void *)(uintptr_t)json->json);
	free((void *)(uintptr_t)json->text);
	*json = (struct out_json){ 0 };
}

/* --- create --- */

/* "100us": a number and a unit; bare: milliseconds. false: it is none. */
static bool bound_parse(const char *text, const char **ret_end, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "ns", 1 },
		      { "us", 1000 },
		      { "ms", 1000000 },
		      { "s", 1000000000 },
		      { "", 1000000 } };
	char *end;

	errno = 0;
	if (*text < '0' || *text > '9')
		return false;
	*ret_ns = strtoull(text, &end, 10);
	if (errno)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t len = strlen(units[i].name);

		if (strcspn(end, ",") != len || strncmp(end, units[i].name, len) != 0)
			continue;
		*ret_end = end + len;
		return !__builtin_mul_overflow(*ret_ns, units[i].ns, ret_ns);
	}
	return false;
}

/* @ret: free() it. Return: 0 or an exit status. */
static int bounds_parse(struct cli *cli, const char *text, uint64_t **ret, size_t *ret_count)
{
	size_t count = 0, most = text ? strlen(text) + 1 : 1;

	*ret = calloc(most, sizeof(**ret));
	if (!*ret)
		return cli_failf(cli, NULL, NULL, "out of memory");
	for (const char *p = text, *from = p; p; from = p) {
		if (!bound_parse(p, &p, &(*ret)[count]))
			return cli_usage_hint(cli, "units are ns, us, ms and s",
					      "--bounds: '%s' does not begin with a time",
					      from);
		count++;
		p = *p ? p + 1 : NULL;
	}
	*ret_count = count;
	return EXIT_OK;
}

/* To the library zero is "not said": given as a number it is refused here. */
static int run_create(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(freep) uint64_t *bounds = NULL;
	struct bp_selector which = device_named(args->name);
	struct bp_stats_opts how = {
		.size = sizeof(how),
		.start_sectors = args->start_sectors,
		.length_sectors = args->length_sectors,
		.area_sectors = args->area_sectors,
		.nr_areas = (uint32_t)args->areas,
		.precise = args->precise,
		.program_id = args->program ? args->program : "bedplate",
		.aux_data = args->aux,
		.timeout_ms = args->timeout_ms,
	};
	uint32_t region = 0;
	struct out *out;
	int r;

	/* To the library zero is "not said"; who says it means something else. */
	if (cli_given(cli, "length") && !args->length_sectors)
		return cli_usage(cli, "--length: a region of 0 sectors counts nothing");
	if (cli_given(cli, "area-size") && !args->area_sectors)
		return cli_usage(cli, "--area-size: 0 can't be");
	r = bounds_parse(cli, args->bounds, &bounds, &how.nr_bounds);

	if (!r)
		r = change_begin(cli);
	if (r)
		return r;
	how.bounds_ns = bounds;
	r = bp_stats_create(cli->ctx, &which, &how, &region);
	if (r < 0 || cli->dry_run)
		return change_done(cli, args->name, r, "created");
	r = out_open(cli, NULL, &created_schema, &out);
	if (r)
		return r;
	out_add(out, NULL, &(struct created){ args->name, region });
	return out_print(out);
}

/* --- delete and clear --- */

/*
 * Regions that somebody else deletes meanwhile are no failure; only our program's are
 * touched.
 */
static int each_region(struct cli *cli, const struct args *args, const char *done,
		       int (*one)(struct bp_ctx *ctx, const struct bp_selector *which,
				  uint32_t region, int64_t timeout_ms))
{
	_cleanup_(stats_list_freep) struct bp_stats_list *list = NULL;
	struct bp_selector which = device_named(args->name);
	int r = change_begin(cli);

	if (r)
		return r;
	if (!args->all)
		return change_done(
			cli, args->name,
			one(cli->ctx, &which, (uint32_t)args->region, args->timeout_ms), done);
	r = bp_stats_list(cli->ctx, &which, args->program, &list);
	for (size_t i = 0; r == 0 && i < bp_stats_list_count(list); i++) {
		r = one(cli->ctx, &which, bp_stats_list_get(list, i)->region, args->timeout_ms);
		if (r == -ENOENT) /* somebody deleted it meanwhile */
			r = 0;
	}
	return change_done(cli, args->name, r, done);
}

static int run_delete(struct cli *cli, const void *p)
{
	return each_region(cli, p, "deleted", bp_stats_delete);
}

static int run_clear(struct cli *cli, const void *p)
{
	return each_region(cli, p, "cleared", bp_stats_clear);
}

/* --- list --- */

struct listing {
	const struct args *args;
	struct out *out;
};

/* Bytes for people; the kernel has sectors. */
static int add_region(struct out *out, const char *name, const struct bp_stats_region *region)
{
	struct row row = {
		.name = name,
		.program = region->program_id[0] ? region->program_id : NULL,
		.aux = region->aux_data[0] ? region->aux_data : NULL,
		.region = region->region,
		.start_bytes = bp_sector_to_bytes(region->start_sectors),
		.size_bytes = bp_sector_to_bytes(region->length_sectors),
		.area_bytes = bp_sector_to_bytes(region->area_sectors),
		.areas = region->nr_areas,
		.precise = region->precise,
	};
	int r = stats_numbers(region->bounds_ns, region->nr_bounds, &row.bounds_ns);

	if (r == 0)
		out_add(out, NULL, &row);
	stats_numbers_done(&row.bounds_ns);
	return r;
}

static int add_device(struct cli *cli, const struct bp_selector *which, void *user)
{
	struct listing *l = user;
	_cleanup_(stats_list_freep) struct bp_stats_list *list = NULL;
	struct bp_device_info info;
	int r = bp_device_info(cli->ctx, which, &info);

	if (r == 0)
		r = bp_stats_list(cli->ctx, which, l->args->program, &list);
	for (size_t i = 0; r == 0 && i < bp_stats_list_count(list); i++)
		r = add_region(l->out, info.name, bp_stats_list_get(list, i));
	return r;
}

static int run_list(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct listing l = { .args = args };
	int r = out_open(cli, &args->out, &list_schema, &l.out);

	if (r || !l.out)
		return r;
	r = print_each(cli, &args->names, &l.out, add_device, &l);
	out_free(l.out);
	return r;
}

const struct cmd cmd_stats_create = {
	.name = "stats create",
	.group = "Statistics",
	.summary = "Begin to count a device's I/O, in areas, with latencies.",
	.examples =
		"  bedplate stats create data --areas 4 --precise --bounds 100us,1ms,10ms\n",
	.opts = create_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&created_schema, &plan_schema),
	.run = run_create,
};

const struct cmd cmd_stats_delete = {
	.name = "stats delete",
	.group = "Statistics",
	.summary = "Stop counting, and forget what was counted.",
	.examples = "  bedplate stats delete data --all\n",
	.opts = delete_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.stats-delete"),
	.run = run_delete,
};

const struct cmd cmd_stats_clear = {
	.name = "stats clear",
	.group = "Statistics",
	.summary = "Set what was counted to zero.",
	.examples = "  bedplate stats clear data 0\n",
	.opts = delete_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.stats-clear"),
	.run = run_clear,
};

const struct cmd cmd_stats_list = {
	.name = "stats list",
	.group = "Statistics",
	.summary = "What is counted, by whom.",
	.examples = "  bedplate stats list\n",
	.opts = list_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&list_schema),
	.run = run_list,
};
