/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What regions of statistics have counted, and rates from two looks at them. Nothing is
 * cleared, so that two programs can look at one region. Memory grows with the areas shown, some
 * 250 bytes each.
 */
#include "commands/stats.h"

#include <time.h>

struct args {
	const char *name, *program;
	uint64_t region;
	bool clear;
	int64_t interval_ms, timeout_ms;
	struct out_opts out;
};

/* clang-format off */
#define OPT_REGIONS \
	OPT_OPERAND(name, "NAME", DEVICE_HELP), \
	OPT_OPERAND_NUMBER_OPTIONAL(region, 0, INT32_MAX, "REGION", REGION_HELP "; without: all of the device"), \
	OPT_STRING(program, 0, "program", "ID", PROGRAM_HELP), \
	OPT_TIMEOUT(timeout_ms), \
	OPT_OUTPUT(out), \
	OPT_CONFLICT("REGION", "program")

static const struct cmd_opt print_opts[] = {
	OPT_REGIONS,
	OPT_FLAG(clear, 0, "clear", "set what is printed to zero, in the same moment"),
	OPT_END
};

static const struct cmd_opt report_opts[] = {
	OPT_REGIONS,
	OPT_TIME(interval_ms, 0, "interval", "TIME", "between the two looks; default: 1s"),
	OPT_END
};

struct row {
	const char *name;
	uint64_t region, area, start_bytes, size_bytes;
	struct bp_stats_area counted;
	uint64_t read_bytes, written_bytes;
	struct out_json histogram;
	struct bp_stats_rates rates;
	uint64_t reads, writes;
};
#define COL_AREA \
	COL_TEXT(struct row, name, OUT_DEFAULT, "name of the device"), \
	COL_NUMBER(struct row, region, OUT_DEFAULT, "id of the region on that device"), \
	COL_NUMBER(struct row, area, OUT_DEFAULT, "number of the area in the region"), \
	COL_SIZE(struct row, start_bytes, OUT_DEFAULT, "where it begins"), \
	COL_SIZE(struct row, size_bytes, OUT_DEFAULT, "its size")
static const struct out_column print_columns[] = {
	COL_AREA,
	COL_NUMBER_AS("reads", struct row, counted.reads.requests, OUT_DEFAULT, "reads that ended"),
	COL_NUMBER_AS("reads_merged", struct row, counted.reads.merged, 0, "reads joined to others before they were sent"),
	COL_SIZE(struct row, read_bytes, OUT_DEFAULT, "what they read"),
	COL_NUMBER_AS("read_total_ns", struct row, counted.reads.total_ns, OUT_DEFAULT, "time they took, added up, in ns"),
	COL_NUMBER_AS("read_busy_ns", struct row, counted.reads.busy_ns, 0, "time in which there was one, in ns"),
	COL_NUMBER_AS("writes", struct row, counted.writes.requests, OUT_DEFAULT, "writes that ended"),
	COL_NUMBER_AS("writes_merged", struct row, counted.writes.merged, 0, "writes joined to others before they were sent"),
	COL_SIZE(struct row, written_bytes, OUT_DEFAULT, "what they wrote"),
	COL_NUMBER_AS("write_total_ns", struct row, counted.writes.total_ns, OUT_DEFAULT, "time they took, added up, in ns"),
	COL_NUMBER_AS("write_busy_ns", struct row, counted.writes.busy_ns, 0, "time in which there was one, in ns"),
	COL_NUMBER_AS("in_flight", struct row, counted.in_flight, OUT_DEFAULT, "requests begun and not finished"),
	COL_NUMBER_AS("busy_ns", struct row, counted.busy_ns, 0, "time in which there was any, in ns"),
	COL_NUMBER_AS("queue_ns", struct row, counted.queue_ns, 0, "time of all on their way, added up, in ns"),
	COL_JSON(struct row, histogram, NULL, OUT_MANY, "requests by latency, in the bins that the region has; null: it has none"),
	OUT_COLUMNS_END
};
static const struct out_schema print_schema = {
	.name = "bedplate.stats-print", .columns = print_columns,
	.none = "no regions of statistics",
};

static const struct out_column report_columns[] = {
	COL_AREA,
	COL_NUMBER(struct row, reads, OUT_DEFAULT, "reads in a second"),
	COL_NUMBER(struct row, writes, OUT_DEFAULT, "writes in a second"),
	COL_SIZE_AS("read_bytes", struct row, rates.read_bytes_per_s, OUT_DEFAULT, "read in a second"),
	COL_SIZE_AS("written_bytes", struct row, rates.write_bytes_per_s, OUT_DEFAULT, "written in a second"),
	COL_SIZE_AS("request_bytes", struct row, rates.request_bytes, 0, "mean size of a request"),
	COL_NUMBER_AS("read_wait_ns", struct row, rates.read_wait_ns, OUT_DEFAULT, "mean time of a read in ns"),
	COL_NUMBER_AS("write_wait_ns", struct row, rates.write_wait_ns, OUT_DEFAULT, "mean time of a write in ns"),
	COL_NUMBER_AS("queue_hundredths", struct row, rates.queue_hundredths, 0, "requests on their way on the average, times 100"),
	COL_PERCENT_AS("busy_percent", struct row, rates.busy_percent, OUT_DEFAULT, "time with a request on its way"),
	OUT_COLUMNS_END
};
static const struct out_schema report_schema = {
	.name = "bedplate.stats-report",
	.help = "Rates between two looks, --interval apart.",
	.columns = report_columns, .none = "no regions of statistics",
};
/* clang-format on */

/* The regions that are meant: one by its id, or all that are the program's. */
struct walk {
	struct cli *cli;
	const struct args *args;
	struct bp_selector which;
	struct bp_device_info info;
	struct bp_stats_list *list;
	struct out *out;
	uint32_t region; /* at which the walk is */
	/* of a report: the first look */
	struct look *looks;
	size_t nr, size, at;
	uint64_t elapsed_ns;
};

struct look {
	uint32_t region;
	struct bp_stats_area area;
};

static int walk_begin(struct cli *cli, const struct args *args, struct walk *w)
{
	*w = (struct walk){ .cli = cli, .args = args, .which = device_named(args->name) };
	return bp_device_info(cli->ctx, &w->which, &w->info);
}

/* Is it meant? */
static bool wanted(const struct walk *w, const struct bp_stats_region *region)
{
	return !cli_given(w->cli, "REGION") || region->region == w->args->region;
}

/* A region that was asked for and isn't there is a failure; none at all is not. */
static int walk_areas(struct walk *w, int (*area)(void *user, const struct bp_stats_area *area))
{
	struct bp_stats_print_opts how = {
		.size = sizeof(how),
		.clear = w->args->clear,
		.timeout_ms = w->args->timeout_ms,
	};
	bool found = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < bp_stats_list_count(w->list); i++) {
		const struct bp_stats_region *region = bp_stats_list_get(w->list, i);

		if (!wanted(w, region))
			continue;
		found = true;
		w->region = region->region;
		r = bp_stats_print(w->cli->ctx, &w->which, region, &how, area, w);
	}
	return r < 0 || found || !cli_given(w->cli, "REGION") ? r : -ENOENT;
}

/* What was told before a failure isn't printed: half a table would look whole. */
static int walk_end(struct walk *w, int r)
{
	if (r == -ENOENT && cli_given(w->cli, "REGION"))
		r = cli_failf(w->cli, w->args->name, "'bedplate stats list' has those it has",
			      "no region %u of statistics", (unsigned)w->args->region);
	else if (r < 0)
		r = cli_fail(w->cli, w->args->name, r);
	else
		r = out_print(steal(w->out));
	out_free(w->out);
	bp_stats_list_free(w->list);
	free(w->looks);
	return r;
}

/* Counters as the kernel has them; only sectors become bytes. */
static struct row row_of(const struct walk *w, const struct bp_stats_area *area)
{
	return (struct row){
		.name = w->info.name,
		.region = w->region,
		.area = area->area,
		.start_bytes = bp_sector_to_bytes(area->start_sectors),
		.size_bytes = bp_sector_to_bytes(area->length_sectors),
		.counted = *area,
		.read_bytes = bp_sector_to_bytes(area->reads.sectors),
		.written_bytes = bp_sector_to_bytes(area->writes.sectors),
	};
}

/* --- print --- */

static int add_counters(void *user, const struct bp_stats_area *area)
{
	struct walk *w = user;
	struct row row = row_of(w, area);
	int r = stats_numbers(area->bins, area->nr_bins, &row.histogram);

	if (r == 0)
		out_add(w->out, NULL, &row);
	stats_numbers_done(&row.histogram);
	return r;
}

/* Rows of @schema for the areas that are asked for, as @look has them. */
static int run_looks(struct cli *cli, const struct args *args, const struct out_schema *schema,
		     int (*look)(struct walk *w))
{
	struct walk w = { 0 };
	struct out *out;
	int r = out_open(cli, &args->out, schema, &out);

	if (r || !out)
		return r;
	r = walk_begin(cli, args, &w);
	w.out = out;
	if (r == 0)
		r = bp_stats_list(cli->ctx, &w.which, args->program, &w.list);
	if (r == 0)
		r = look(&w);
	return walk_end(&w, r);
}

static int one_look(struct walk *w)
{
	return walk_areas(w, add_counters);
}

static int run_print(struct cli *cli, const void *p)
{
	return run_looks(cli, p, &print_schema, one_look);
}

/* --- report --- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The first look of two, by region and area. */
static int remember(void *user, const struct bp_stats_area *area)
{
	struct walk *w = user;

	if (w->nr == w->size) {
		size_t size = w->size ? 2 * w->size : 64;
		void *looks = realloc(w->looks, size * sizeof(*w->looks));

		if (!looks)
			return -ENOMEM;
		w->looks = looks;
		w->size = size;
	}
	w->looks[w->nr++] = (struct look){ w->region, *area };
	return 0;
}

/* Both looks go by the same list, so their areas come in one order. */
static int add_rates(void *user, const struct bp_stats_area *area)
{
	struct walk *w = user;
	struct row row = row_of(w, area);
	int r;

	if (w->at == w->nr)
		return 0;
	row.rates.size = sizeof(row.rates);
	r = bp_stats_rates(w->cli->ctx, &w->looks[w->at++].area, area, w->elapsed_ns,
			   &row.rates);
	row.reads = (row.rates.reads_per_ks + 500) / 1000;
	row.writes = (row.rates.writes_per_ks + 500) / 1000;
	if (r == 0)
		out_add(w->out, NULL, &row);
	return r;
}

static void wait_ms(int64_t ms)
{
	struct timespec ts = { .tv_sec = (time_t)(ms / 1000),
			       .tv_nsec = (long)(ms % 1000 * 1000000) };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* Counters are not cleared: rates come from differences, so other readers are not disturbed. */
static int two_looks(struct walk *w)
{
	int64_t interval_ms = w->args->interval_ms;
	uint64_t before = now_ns();
	int r = walk_areas(w, remember);

	if (r < 0 || !w->nr)
		return r;
	wait_ms(interval_ms > 0 ? interval_ms : 1000);
	w->elapsed_ns = now_ns() - before;
	return walk_areas(w, add_rates);
}

static int run_report(struct cli *cli, const void *p)
{
	const struct args *args = p;

	if (args->interval_ms < 0)
		return cli_usage(cli, "--interval: there is no second look without an end");
	return run_looks(cli, args, &report_schema, two_looks);
}

const struct cmd cmd_stats_print = {
	.name = "stats print",
	.group = "Statistics",
	.summary = "What was counted, area by area.",
	.examples = "  bedplate stats print data 0\n",
	.opts = print_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&print_schema),
	.run = run_print,
};

const struct cmd cmd_stats_report = {
	.name = "stats report",
	.group = "Statistics",
	.summary = "Rates and mean times, from two looks at what is counted.",
	.examples = "  bedplate stats report data --interval 5s\n",
	.opts = report_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&report_schema),
	.run = run_report,
};
