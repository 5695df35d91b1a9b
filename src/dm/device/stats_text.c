/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading what the kernel says of statistics, and rates made of its counters. Promises to end
 * on any text; says nothing of whether numbers are likely. Source: Linux,
 * Documentation/admin-guide/device-mapper/statistics.rst, and answers of 6.1.
 */
#include "dm/device/stats.h"

#include "core/number.h"

#include <string.h>

static int bad(struct bp_ctx *ctx, const char *line)
{
	bp_fail(ctx, -EINVAL, "an answer about statistics that can't be read: '%.*s'",
		(int)MIN(strcspn(line, "\n"), (size_t)200), line);
	error_set_code(ctx, BP_E_FORMAT);
	return -EINVAL;
}

/* A number and the character behind it, both passed over; false where it is something else. */
static bool take(const char **p, char end, uint64_t *ret)
{
	size_t len = strspn(*p, "0123456789");

	if ((*p)[len] != end || number_parse_len(*p, len, UINT64_MAX, ret) < 0)
		return false;
	*p += len + (end != '\0');
	return true;
}

/* --- the list --- */

/* "ID: START+LENGTH STEP ", with which each region begins. NULL: that is not here. */
static const char *head(const char *p, struct bp_stats_region *ret)
{
	uint64_t id;

	if (!take(&p, ':', &id) || id > INT32_MAX || *p++ != ' ' ||
	    !take(&p, '+', &ret->start_sectors) || !take(&p, ' ', &ret->length_sectors) ||
	    !take(&p, ' ', &ret->area_sectors) || !ret->area_sectors)
		return NULL;
	ret->region = (uint32_t)id;
	ret->nr_areas = ret->length_sectors / ret->area_sectors +
			(ret->length_sectors % ret->area_sectors != 0);
	return p;
}

/*
 * The end of a region: a newline before another region or the end of all. What somebody keeps with
 * a region is printed as it is, so it may have newlines of its own.
 */
static const char *record_end(const char *p)
{
	struct bp_stats_region other;

	for (;; p++) {
		p += strcspn(p, "\n");
		if (!*p || !p[1] || head(p + 1, &other))
			return p;
	}
}

/* The last word of @p[@len], where it begins so; NULL: it does not. */
static const char *last_word(const char *p, size_t len, const char *with)
{
	size_t at = len;

	while (at > 0 && p[at - 1] != ' ')
		at--;
	return at > 0 && len - at >= strlen(with) && strncmp(p + at, with, strlen(with)) == 0
		       ? p + at
		       : NULL;
}

/* "5,10,20": bounds in the unit that the region counts in. -EINVAL: it is something else. */
static int bounds(struct bp_stats_list *list, const char *p, size_t len, uint64_t unit_ns,
		  struct bp_stats_region *region)
{
	const char *end = p + len;
	size_t nr = 1;
	uint64_t *to;

	for (const char *c = p; c < end; c++)
		nr += *c == ',';
	to = arena_alloc(&list->arena, nr * sizeof(*to));
	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t digits = (size_t)((comma ? comma : end) - p);

		if (number_parse_len(p, digits, UINT64_MAX / unit_ns, &to[i]) < 0)
			return -EINVAL;
		to[i] *= unit_ns;
		p += digits + 1;
	}
	region->bounds_ns = to;
	region->nr_bounds = nr;
	return 0;
}

/*
 * "PROGRAM AUX [precise_timestamps] [histogram:...]". The options stand behind a text that may
 * hold blanks, so they are taken off from the end.
 */
static int rest(struct bp_stats_list *list, const char *p, size_t len,
		struct bp_stats_region *region)
{
	const char *histogram = last_word(p, len, "histogram:");
	size_t histogram_len = histogram ? (size_t)(p + len - histogram) - 10 : 0;
	const char *blank, *word;
	int r = 0;

	if (histogram)
		len = (size_t)(histogram - p) - 1;
	word = last_word(p, len, "precise_timestamps");
	region->precise = word && (size_t)(p + len - word) == 18;
	if (region->precise)
		len = (size_t)(word - p) - 1;
	if (histogram)
		r = bounds(list, histogram + 10, histogram_len, region->precise ? 1 : MS_NS,
			   region);
	blank = memchr(p, ' ', len);
	if (r == 0 && !blank)
		return -EINVAL;
	if (r < 0)
		return r;
	region->program_id = arena_strndup(&list->arena, p, (size_t)(blank - p));
	region->aux_data =
		arena_strndup(&list->arena, blank + 1, len - (size_t)(blank + 1 - p));
	return region->program_id && region->aux_data ? 0 : -ENOMEM;
}

static const char *dash_is_none(const char *text)
{
	return streq(text, "-") ? "" : text;
}

/* A line a region; aux data comes last and may hold blanks and line breaks. */
int stats_list_parse(struct bp_ctx *ctx, const char *text, struct bp_stats_list *list)
{
	while (*text) {
		struct bp_stats_region region = { 0 };
		const char *p = head(text, &region), *end;
		int r = -EINVAL;

		if (p) {
			end = record_end(p);
			r = rest(list, p, (size_t)(end - p), &region);
		}
		if (r == -EINVAL)
			return bad(ctx, text);
		region.program_id = r == 0 ? dash_is_none(region.program_id) : NULL;
		region.aux_data = r == 0 ? dash_is_none(region.aux_data) : NULL;
		if (r < 0 || vec_add(&list->regions, &region) < 0)
			return bp_fail_memory(ctx);
		text = end + (*end == '\n');
	}
	return 0;
}

/* --- areas --- */

/*
 * The thirteen counters in the order in which they are printed; the ninth is taken apart, it
 * may be negative.
 */
static const struct counter {
	size_t offset;
	bool time;
} counters[] = {
	{ offsetof(struct bp_stats_area, reads.requests), false },
	{ offsetof(struct bp_stats_area, reads.merged), false },
	{ offsetof(struct bp_stats_area, reads.sectors), false },
	{ offsetof(struct bp_stats_area, reads.total_ns), true },
	{ offsetof(struct bp_stats_area, writes.requests), false },
	{ offsetof(struct bp_stats_area, writes.merged), false },
	{ offsetof(struct bp_stats_area, writes.sectors), false },
	{ offsetof(struct bp_stats_area, writes.total_ns), true },
	{ offsetof(struct bp_stats_area, in_flight), false },
	{ offsetof(struct bp_stats_area, busy_ns), true },
	{ offsetof(struct bp_stats_area, queue_ns), true },
	{ offsetof(struct bp_stats_area, reads.busy_ns), true },
	{ offsetof(struct bp_stats_area, writes.busy_ns), true },
};

/*
 * One number behind a blank. A sum of what several processors count may be below zero for a
 * moment: 0.
 */
static bool counter(const char **p, uint64_t unit_ns, uint64_t *to)
{
	size_t len;
	bool negative;

	if (*(*p)++ != ' ')
		return false;
	negative = **p == '-';
	*p += negative;
	len = strspn(*p, "0123456789");
	if (number_parse_len(*p, len, UINT64_MAX, to) < 0)
		return false;
	*p += len;
	if (negative)
		*to = 0;
	*to = *to > UINT64_MAX / unit_ns ? UINT64_MAX : *to * unit_ns;
	return true;
}

/* " A:B:C", or nothing. */
static int histogram(const char **p, struct stats_line *ret)
{
	if (**p != ' ')
		return 0;
	do {
		size_t len;
		uint64_t bin;

		++*p;
		len = strspn(*p, "0123456789");
		if (number_parse_len(*p, len, UINT64_MAX, &bin) < 0)
			return -EINVAL;
		if (vec_add(&ret->bins, &bin) < 0)
			return -ENOMEM;
		*p += len;
	} while (**p == ':');
	return 0;
}

/* Times are ns here; the kernel has ms unless precise. */
int stats_area_parse(struct bp_ctx *ctx, const char *line, bool precise, struct stats_line *ret,
		     const char **ret_next)
{
	struct bp_stats_area area = { .area = ret->area.area };
	const char *p = line;
	size_t len;
	int r;

	ret->bins.count = 0;
	if (!take(&p, '+', &area.start_sectors))
		return bad(ctx, line);
	len = strspn(p, "0123456789");
	if (number_parse_len(p, len, UINT64_MAX, &area.length_sectors) < 0)
		return bad(ctx, line);
	p += len;
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		if (!counter(&p, counters[i].time && !precise ? MS_NS : 1,
			     (uint64_t *)(void *)((char *)&area + counters[i].offset)))
			return bad(ctx, line);
	r = histogram(&p, ret);
	if (r == -ENOMEM)
		return bp_fail_memory(ctx);
	if (r < 0 || (*p && *p != '\n'))
		return bad(ctx, line);
	area.bins = ret->bins.count ? ret->bins.items : NULL;
	area.nr_bins = ret->bins.count;
	ret->area = area;
	*ret_next = p + (*p == '\n');
	return 0;
}

/* --- rates --- */

/* A counter's growth; one that fell began anew. */
static double grown(uint64_t before, uint64_t after)
{
	return (double)(after >= before ? after - before : after);
}

static uint64_t whole(double v)
{
	return v >= 18446744073709549568.0 ? UINT64_MAX - 1 : (uint64_t)(v + 0.5);
}

static uint64_t mean(double sum, double count)
{
	return count > 0 ? whole(sum / count) : BP_NONE;
}

/*
 * From two readings; without @before from the region's beginning. Rates in thousandths
 * where they would be below one.
 */
int bp_stats_rates(struct bp_ctx *ctx, const struct bp_stats_area *before,
		   const struct bp_stats_area *after, uint64_t elapsed_ns,
		   struct bp_stats_rates *ret)
{
	static const struct bp_stats_area zero;
	const struct bp_stats_area *b = before ? before : &zero;
	double reads = grown(b->reads.requests, after->reads.requests);
	double writes = grown(b->writes.requests, after->writes.requests);
	double read_sectors = grown(b->reads.sectors, after->reads.sectors);
	double write_sectors = grown(b->writes.sectors, after->writes.sectors);
	double seconds = (double)elapsed_ns / 1e9;
	struct bp_stats_rates rates;

	if (ret->size < sizeof(ret->size))
		return bp_fail(ctx, -EINVAL, "rates: size is not set");
	if (!elapsed_ns)
		return bp_fail(ctx, -EINVAL, "rates: no time has passed");
	rates = (struct bp_stats_rates){
		.size = MIN(ret->size, sizeof(rates)),
		.reads_per_ks = whole(reads * 1000 / seconds),
		.writes_per_ks = whole(writes * 1000 / seconds),
		.read_bytes_per_s = whole(read_sectors * BP_SECTOR_BYTES / seconds),
		.write_bytes_per_s = whole(write_sectors * BP_SECTOR_BYTES / seconds),
		.read_wait_ns = mean(grown(b->reads.total_ns, after->reads.total_ns), reads),
		.write_wait_ns =
			mean(grown(b->writes.total_ns, after->writes.total_ns), writes),
		.request_bytes =
			mean((read_sectors + write_sectors) * BP_SECTOR_BYTES, reads + writes),
		.busy_percent = MIN(
			whole(grown(b->busy_ns, after->busy_ns) * 10000 / (double)elapsed_ns),
			(uint64_t)10000),
		.queue_hundredths =
			whole(grown(b->queue_ns, after->queue_ns) * 100 / (double)elapsed_ns),
	};
	memcpy(ret, &rates, rates.size);
	return 0;
}
