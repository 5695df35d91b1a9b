/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statistics: regions made, listed, read and cleared on the kernel in memory; answers that can't be read. */
#include "dm_world.h"

#include "dm/device/stats.h"

static const struct bp_selector x = { .name = "x" };

static const struct bp_stats_region *at(const struct bp_stats_list *list, size_t index)
{
	const struct bp_stats_region *region = bp_stats_list_get(list, index);

	assert_non_null(region);
	return region;
}

static struct bp_stats_list *regions(struct world *w, const char *program, size_t count)
{
	struct bp_stats_list *list;

	assert_ok(bp_stats_list(w->ctx, &x, program, &list));
	assert_int_equal(bp_stats_list_count(list), count);
	assert_null(bp_stats_list_get(list, count));
	return list;
}

static void make_and_list(void **state)
{
	struct world *w = *state;
	static const uint64_t bounds[] = { 5, 1000, 2000000 };
	static const uint64_t wide[] = { 1000000, 20000000 };
	struct bp_stats_opts opts = {
		.size = sizeof(opts),
		.area_sectors = 300,
		.precise = true,
		.bounds_ns = bounds,
		.nr_bounds = 3,
		.program_id = "42",
		.aux_data = "two words \\ and one",
	};
	struct bp_stats_list *list;
	uint32_t id;

	assert_ok(create(w, "x", "0 1000 zero\n"));
	bp_stats_list_free(regions(w, NULL, 0));
	assert_ok(bp_stats_create(w->ctx, &x, &opts, &id));
	assert_int_equal(id, 0);
	opts = (struct bp_stats_opts){
		.size = sizeof(opts),
		.start_sectors = 10,
		.nr_areas = 4,
		.bounds_ns = wide,
		.nr_bounds = 2,
	};
	assert_ok(bp_stats_create(w->ctx, &x, &opts, &id));
	assert_ok(bp_stats_create(w->ctx, &x, NULL, NULL));
	list = regions(w, NULL, 3);
	assert_string_equal(at(list, 0)->program_id, "42");
	assert_string_equal(at(list, 0)->aux_data, "two words \\ and one");
	assert_true(at(list, 0)->precise && at(list, 0)->nr_areas == 4);
	assert_int_equal(at(list, 0)->nr_bounds, 3);
	assert_int_equal(at(list, 0)->bounds_ns[2], 2000000);
	assert_string_equal(at(list, 1)->program_id, "");
	assert_string_equal(at(list, 1)->aux_data, "");
	assert_int_equal(at(list, 1)->start_sectors, 10);
	assert_int_equal(at(list, 1)->length_sectors, 990);
	assert_int_equal(at(list, 1)->area_sectors, 248);
	assert_int_equal(at(list, 1)->bounds_ns[1], 20000000);
	assert_true(at(list, 2)->length_sectors == 1000 && at(list, 2)->nr_areas == 1);
	assert_true(!at(list, 2)->precise && !at(list, 2)->nr_bounds);
	bp_stats_list_free(list);
	list = regions(w, "42", 1);
	bp_stats_list_free(list);
	assert_ok(bp_stats_set_aux(w->ctx, &x, 1, "new text", 0));
	assert_ok(bp_stats_delete(w->ctx, &x, 0, 0));
	list = regions(w, NULL, 2);
	assert_int_equal(at(list, 0)->region, 1);
	assert_string_equal(at(list, 0)->aux_data, "new text");
	bp_stats_list_free(list);
	bp_stats_list_free(NULL);
}

struct seen {
	uint64_t count, stop_at, writes, bins[4];
	struct bp_stats_area last;
};

static int see(void *user, const struct bp_stats_area *area)
{
	struct seen *s = user;

	assert_int_equal(area->area, s->count + s->last.area);
	s->writes += area->writes.requests;
	for (size_t i = 0; i < area->nr_bins && i < 4; i++)
		s->bins[i] += area->bins[i];
	if (++s->count == s->stop_at)
		return -ECANCELED;
	return 0;
}

static int keep(void *user, const struct bp_stats_area *area)
{
	*(struct bp_stats_area *)user = *area;
	return 0;
}

static void counters(void **state)
{
	struct world *w = *state;
	static const uint64_t bounds[] = { 2000000, 4000000 };
	struct bp_stats_opts opts = {
		.size = sizeof(opts), .area_sectors = 10, .bounds_ns = bounds, .nr_bounds = 2
	};
	struct bp_stats_print_opts how = { .size = sizeof(how),
					   .first_area = 3,
					   .nr_areas = 1 };
	struct bp_stats_area area = { 0 };
	struct bp_stats_list *list;
	struct seen seen = { 0 };

	assert_ok(create(w, "x", "0 100000 zero\n"));
	assert_ok(bp_stats_create(w->ctx, &x, &opts, NULL));
	fake_io(w->fake, "x", true, 35, 8, 3000000);
	fake_io(w->fake, "x", true, 99999, 1, 9000000);
	fake_io(w->fake, "x", false, 30, 2, 1000000);
	list = regions(w, NULL, 1);
	/* Many areas: asked for in parts, each told once. */
	assert_ok(bp_stats_print(w->ctx, &x, at(list, 0), NULL, see, &seen));
	assert_int_equal(seen.count, 10000);
	assert_int_equal(seen.writes, 2);
	assert_true(seen.bins[0] == 1 && seen.bins[1] == 1 && seen.bins[2] == 1);
	assert_true(fake_count(w->fake, OP_MESSAGE) > 4);
	seen = (struct seen){ .stop_at = 5 };
	assert_err(bp_stats_print(w->ctx, &x, at(list, 0), NULL, see, &seen), ECANCELED);
	assert_int_equal(seen.count, 5);
	assert_ok(bp_stats_print(w->ctx, &x, at(list, 0), &how, keep, &area));
	assert_true(area.area == 3 && area.start_sectors == 30 && area.length_sectors == 10);
	assert_true(area.writes.requests == 1 && area.writes.sectors == 8);
	assert_true(area.reads.requests == 1 && area.reads.sectors == 2);
	assert_true(area.reads.total_ns == 1000000 && area.writes.total_ns == 3000000);
	assert_true(area.busy_ns == 4000000 && area.in_flight == 0 && area.nr_bins == 3);
	/* Past the end there is nothing, and nothing is wrong. */
	how.first_area = 10000;
	assert_ok(bp_stats_print(w->ctx, &x, at(list, 0), &how, see, &seen));
	how = (struct bp_stats_print_opts){ .size = sizeof(how), .nr_areas = 4, .clear = true };
	seen = (struct seen){ 0 };
	assert_ok(bp_stats_print(w->ctx, &x, at(list, 0), &how, see, &seen));
	assert_int_equal(seen.writes, 1);
	seen = (struct seen){ 0 };
	assert_ok(bp_stats_print(w->ctx, &x, at(list, 0), NULL, see, &seen));
	assert_int_equal(seen.writes, 1);
	assert_ok(bp_stats_clear(w->ctx, &x, 0, 0));
	seen = (struct seen){ 0 };
	assert_ok(bp_stats_print(w->ctx, &x, at(list, 0), NULL, see, &seen));
	assert_int_equal(seen.writes, 0);
	bp_stats_list_free(list);
}

static void refused(void **state)
{
	struct world *w = *state;
	static const uint64_t falling[] = { 2000000, 1000000 }, fine[] = { 1500 };
	static const struct {
		struct bp_stats_opts opts;
		const char *message;
	} rows[] = {
		{ { .area_sectors = 8, .nr_areas = 2 },
		  "statistics: both a size and a number of areas" },
		{ { .start_sectors = 5, .length_sectors = UINT64_MAX },
		  "statistics: the range ends behind all sectors" },
		{ { .start_sectors = 1000 },
		  "statistics: sector 1000 is not before 'x's end, 1000" },
		{ { .bounds_ns = falling, .nr_bounds = 2 },
		  "statistics: bounds of a histogram rise: 1000000 ns is not more than the one "
		  "before" },
		{ { .bounds_ns = fine, .nr_bounds = 1 },
		  "statistics: bound 1500 ns is no whole millisecond; that needs precise "
		  "times" },
		{ { .bounds_ns = fine, .nr_bounds = 1025 },
		  "statistics: a histogram has at most 1024 bounds" },
		{ { .program_id = "a b" }, "statistics: program id 'a b': it has blanks" },
		{ { .program_id = "" },
		  "statistics: program id: not one line of 1 to 511 bytes" },
		{ { .aux_data = "a\nb" }, "statistics: text: not one line of 1 to 511 bytes" },
	};
	struct bp_stats_region region = { .region = 7, .nr_areas = 1 };
	const struct bp_selector nobody = { .name = "nobody" };
	struct bp_stats_list *list;
	unsigned before;

	assert_ok(create(w, "x", "0 1000 zero\n"));
	before = fake_count(w->fake, OP_MESSAGE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bp_stats_opts opts = rows[i].opts;

		opts.size = sizeof(opts);
		assert_err(bp_stats_create(w->ctx, &x, &opts, NULL), EINVAL);
		assert_string_equal(bp_error_get(w->ctx)->message, rows[i].message);
		assert_int_equal(bp_error_get(w->ctx)->code, BP_E_USAGE);
	}
	assert_int_equal(fake_count(w->fake, OP_MESSAGE), before);
	assert_err(bp_stats_set_aux(w->ctx, &x, 0, "", 0), EINVAL);
	assert_err(bp_stats_list(w->ctx, &x, "a b", &list), EINVAL);
	/* What the kernel says. */
	assert_err(bp_stats_delete(w->ctx, &x, 3, 0), ENOENT);
	assert_string_equal(bp_error_get(w->ctx)->message,
			    "stats delete 'x': no region 3 of statistics");
	assert_err(bp_stats_clear(w->ctx, &x, 3, 0), ENOENT);
	assert_err(bp_stats_print(w->ctx, &x, &region, NULL, keep, NULL), ENOENT);
	assert_err(bp_stats_create(w->ctx, &nobody, NULL, NULL), ENXIO);
	assert_err(bp_stats_list(w->ctx, &nobody, NULL, &list), ENXIO);
	fake_fail(w->fake, OP_MESSAGE, 1, ENOMEM);
	assert_err(bp_stats_create(w->ctx, &x, NULL, NULL), ENOMEM);
	bp_stats_list_free(regions(w, NULL, 0));
}

/* Looking ahead asks and does not change. */
static void planned(void **state)
{
	struct world *w = *state;
	struct bp_plan *plan;
	uint32_t id = 9;

	assert_ok(create(w, "x", "0 1000 zero\n"));
	assert_ok(bp_stats_create(w->ctx, &x, NULL, NULL));
	assert_ok(bp_plan_start(w->ctx));
	bp_stats_list_free(regions(w, NULL, 1));
	assert_ok(bp_stats_create(w->ctx, &x, NULL, &id));
	assert_ok(bp_stats_delete(w->ctx, &x, 0, 0));
	assert_ok(bp_plan_take(w->ctx, &plan));
	assert_int_equal(bp_plan_count(plan), 2);
	assert_string_equal(bp_plan_get(plan, 0)->detail, "@stats_create - /1 0 - -");
	bp_plan_free(plan);
	bp_stats_list_free(regions(w, NULL, 1));
}

/* --- answers --- */

static void lists_read(void **state)
{
	static const struct {
		const char *text;
		size_t count; /* SIZE_MAX: it can't be read */
		const char *aux;
	} rows[] = {
		{ "", 0, NULL },
		{ "0: 0+8 8 - -\n", 1, "" },
		{ "0: 0+8 8 - - precise_timestamps\n", 1, "" },
		{ "0: 0+8 8 - a b  c histogram:1\n", 1, "a b  c" },
		{ "0: 0+8 8 p a\nb\n1: 0+8 8 - -\n", 2, "a\nb" },
		{ "0: 0+8 8 -  precise_timestamps\n", 1, "" },
		{ "0: 0+8 8 - x precise_timestampsy\n", 1, "x precise_timestampsy" },
		{ "0: 0+8 0 - -\n", SIZE_MAX, NULL },
		{ "0: 0+8 8 -\n", SIZE_MAX, NULL },
		{ "0: 0+8 8 - - histogram:1,,2\n", SIZE_MAX, NULL },
		{ "0: 0+8 8 - - histogram:\n", SIZE_MAX, NULL },
		{ "0: 0+8 8 - - histogram:18446744073709551615\n", SIZE_MAX, NULL },
		{ "-1: 0+8 8 - -\n", SIZE_MAX, NULL },
		{ "4294967295: 0+8 8 - -\n", SIZE_MAX, NULL },
		{ "0: 0-8 8 - -\n", SIZE_MAX, NULL },
		{ "precise_timestamps", SIZE_MAX, NULL },
		{ "histogram:1", SIZE_MAX, NULL },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bp_stats_list *list = calloc(1, sizeof(*list));

		assert_non_null(list);
		if (rows[i].count == SIZE_MAX) {
			assert_err(stats_list_parse(w->ctx, rows[i].text, list), EINVAL);
			assert_int_equal(bp_error_get(w->ctx)->code, BP_E_FORMAT);
		} else {
			assert_ok(stats_list_parse(w->ctx, rows[i].text, list));
			assert_int_equal(bp_stats_list_count(list), rows[i].count);
			if (rows[i].aux)
				assert_string_equal(at(list, 0)->aux_data, rows[i].aux);
		}
		bp_stats_list_free(list);
	}
}

static void areas_read(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ "0+8 1 2 3 4 5 6 7 8 -1 10 11 12 13\n", true },
		{ "0+8 1 2 3 4 5 6 7 8 9 10 11 12 13 1:2:3", true },
		{ "0+8 1 2 3 4 5 6 7 8 9 10 11 12\n", false },
		{ "0+8 1 2 3 4 5 6 7 8 9 10 11 12 13 1:\n", false },
		{ "0+8 1 2 3 4 5 6 7 8 9 10 11 12 13 x\n", false },
		{ "0+8 1 2 3 4 5 6 7 8 9 10 11 12 13x\n", false },
		{ "0 8 1 2 3\n", false },
		{ "0+\n", false },
		{ "", false },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stats_line line = { 0 };
		const char *next = NULL;
		int r = stats_area_parse(w->ctx, rows[i].text, i == 1, &line, &next);

		assert_int_equal(r, rows[i].ok ? 0 : -EINVAL);
		assert_true(!rows[i].ok || *next == '\0');
		if (i == 0)
			assert_true(line.area.in_flight == 0 && line.area.busy_ns == 10000000 &&
				    !line.area.nr_bins);
		if (i == 1)
			assert_true(line.area.writes.busy_ns == 13 && line.area.nr_bins == 3 &&
				    line.area.bins[2] == 3);
		vec_done(&line.bins);
	}
}

static void rates(void **state)
{
	struct world *w = *state;
	const struct bp_stats_area before = { .reads = { .requests = 10, .sectors = 80 } };
	const struct bp_stats_area after = {
		.reads = { .requests = 15, .sectors = 120, .total_ns = 50 },
		.writes = { .requests = 1, .sectors = 8, .total_ns = 7 },
		.busy_ns = 500000000,
		.queue_ns = 3000000000,
	};
	struct bp_stats_rates got = { .size = sizeof(got) };

	assert_ok(bp_stats_rates(w->ctx, &before, &after, 2000000000, &got));
	assert_true(got.reads_per_ks == 2500 && got.writes_per_ks == 500);
	assert_true(got.read_bytes_per_s == 10240 && got.write_bytes_per_s == 2048);
	assert_true(got.read_wait_ns == 10 && got.write_wait_ns == 7);
	assert_true(got.request_bytes == 4096 && got.busy_percent == 2500);
	assert_int_equal(got.queue_hundredths, 150);
	/* From zero; and cleared between. */
	assert_ok(bp_stats_rates(w->ctx, NULL, &after, 1000000000, &got));
	assert_int_equal(got.reads_per_ks, 15000);
	assert_ok(bp_stats_rates(w->ctx, &after, &before, 1000000000, &got));
	assert_true(got.reads_per_ks == 10000 && got.writes_per_ks == 0);
	assert_true(got.write_wait_ns == BP_NONE);
	assert_err(bp_stats_rates(w->ctx, NULL, &after, 0, &got), EINVAL);
	got.size = 0;
	assert_err(bp_stats_rates(w->ctx, NULL, &after, 1, &got), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(make_and_list), IN_WORLD(counters),   IN_WORLD(refused),
		IN_WORLD(planned),       IN_WORLD(lists_read), IN_WORLD(areas_read),
		IN_WORLD(rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
