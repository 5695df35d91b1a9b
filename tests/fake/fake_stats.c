/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Statistics of the kernel in memory: its messages, their grammar and answers, and requests that count.
 * Source: Linux, Documentation/admin-guide/device-mapper/statistics.rst, and answers of 6.1.
 */
#include "fake/fake.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/strbuf.h"

#define ARGS_MAX 12
#define BINS_MAX 64

/* The counters of one area, in the order in which they are printed. */
enum { REQUESTS, MERGED, SECTORS, TICKS, DIRECTION };
struct area {
	uint64_t io[2][DIRECTION]; /* read, write */
	uint64_t bins[BINS_MAX];
};

struct fake_region {
	int id;
	uint64_t start, end, step, nr;
	bool precise;
	uint64_t bounds[BINS_MAX];
	size_t nr_bounds;
	char program[64], aux[128];
	struct area *areas;
};

/* Words as the kernel cuts a message: a backslash takes what follows as it is. */
static int cut(char *text, char **argv)
{
	int argc = 0;
	char *to;

	for (;;) {
		text += strspn(text, " \t\n");
		if (!*text || argc == ARGS_MAX)
			return argc;
		argv[argc++] = to = text;
		while (*text && !strchr(" \t\n", *text)) {
			text += *text == '\\' && text[1];
			*to++ = *text++;
		}
		text += *text != '\0';
		*to = '\0';
	}
}

static struct fake_region *find(struct fake_dev *dev, const char *id)
{
	char dummy;
	int number;

	if (sscanf(id, "%d%c", &number, &dummy) != 1 || number < 0)
		return NULL;
	for (size_t i = 0; i < dev->regions.count; i++)
		if (dev->regions.items[i]->id == number)
			return dev->regions.items[i];
	return NULL;
}

static void region_free(struct fake_region *region)
{
	free(region->areas);
	free(region);
}

void fake_stats_done(struct fake_dev *dev)
{
	for (size_t i = 0; i < dev->regions.count; i++)
		region_free(dev->regions.items[i]);
	vec_done(&dev->regions);
}

/* --- create --- */

static int parse_bounds(const char *text, struct fake_region *region)
{
	uint64_t last = 0, bound;
	int len;

	for (;; text += len + 1) {
		if (sscanf(text, "%" SCNu64 "%n", &bound, &len) != 1 || bound <= last ||
		    region->nr_bounds == BINS_MAX - 1)
			return -EINVAL;
		region->bounds[region->nr_bounds++] = last = bound;
		if (!text[len])
			return 0;
		if (text[len] != ',')
			return -EINVAL;
	}
}

static int parse_options(int *argc, char ***argv, struct fake_region *region)
{
	unsigned options;
	char dummy;
	int r = 0;

	/* What is no number is the program's id already. */
	if (!*argc || sscanf(**argv, "%u%c", &options, &dummy) != 1)
		return 0;
	for (++*argv, --*argc; r == 0 && options > 0; options--, ++*argv, --*argc) {
		if (!*argc)
			return -EINVAL;
		if (strcasecmp(**argv, "precise_timestamps") == 0)
			region->precise = true;
		else if (strncasecmp(**argv, "histogram:", 10) == 0 && !region->nr_bounds)
			r = parse_bounds(**argv + 10, region);
		else
			r = -EINVAL;
	}
	return r;
}

static int parse_range(struct fake_dev *dev, char **argv, struct fake_region *region)
{
	uint64_t length = 0;
	unsigned parts;
	char dummy;

	if (streq(argv[0], "-"))
		length = dev->live ? fake_table_length(dev->live) : 1;
	else if (sscanf(argv[0], "%" SCNu64 "+%" SCNu64 "%c", &region->start, &length,
			&dummy) != 2)
		return -EINVAL;
	region->end = region->start + length;
	if (region->end <= region->start)
		return -EINVAL;
	if (sscanf(argv[1], "/%u%c", &parts, &dummy) == 1)
		region->step = parts ? (length + parts - 1) / parts : 0;
	else if (sscanf(argv[1], "%" SCNu64 "%c", &region->step, &dummy) != 1)
		return -EINVAL;
	if (!region->step)
		return -EINVAL;
	region->nr = (length + region->step - 1) / region->step;
	return region->nr > SIZE_MAX / sizeof(*region->areas) ? -ENOMEM : 0;
}

static int region_parse(struct fake_dev *dev, int argc, char **argv, struct fake_region *region)
{
	int r = argc < 3 ? -EINVAL : parse_range(dev, argv + 1, region);

	argc -= 3;
	argv += 3;
	if (r == 0)
		r = parse_options(&argc, &argv, region);
	if (r < 0 || argc > 2)
		return -EINVAL;
	snprintf(region->program, sizeof(region->program), "%s", argc > 0 ? argv[0] : "-");
	snprintf(region->aux, sizeof(region->aux), "%s", argc > 1 ? argv[1] : "-");
	region->areas = calloc((size_t)region->nr, sizeof(*region->areas));
	return region->areas ? 0 : -ENOMEM;
}

/* The lowest free id; regions lie in the order of their ids. */
static int create(struct fake_dev *dev, int argc, char **argv, struct strbuf *s)
{
	struct fake_region *region = calloc(1, sizeof(*region));
	size_t at = 0;
	int r = region ? region_parse(dev, argc, argv, region) : -ENOMEM;

	if (r == 0)
		r = vec_reserve(&dev->regions, 1);
	if (r < 0) {
		if (region)
			region_free(region);
		return r;
	}
	while (at < dev->regions.count && dev->regions.items[at]->id == (int)at)
		at++;
	memmove(&dev->regions.items[at + 1], &dev->regions.items[at],
		(dev->regions.count++ - at) * sizeof(*dev->regions.items));
	dev->regions.items[at] = region;
	region->id = (int)at;
	strbuf_addf(s, "%d", region->id);
	return 0;
}

/* --- the others --- */

static int destroy(struct fake_dev *dev, struct fake_region *region)
{
	for (size_t i = 0; i < dev->regions.count; i++)
		if (dev->regions.items[i] == region) {
			memmove(&dev->regions.items[i], &dev->regions.items[i + 1],
				(--dev->regions.count - i) * sizeof(*dev->regions.items));
			break;
		}
	region_free(region);
	return 0;
}

static void clear(struct fake_region *region, uint64_t first, uint64_t end)
{
	memset(region->areas + first, 0, (size_t)(end - first) * sizeof(*region->areas));
}

static int list(struct fake_dev *dev, int argc, char **argv, struct strbuf *s)
{
	for (size_t i = 0; i < dev->regions.count; i++) {
		const struct fake_region *region = dev->regions.items[i];

		if (argc > 1 && !streq(argv[1], region->program))
			continue;
		strbuf_addf(s, "%d: %" PRIu64 "+%" PRIu64 " %" PRIu64 " %s %s%s", region->id,
			    region->start, region->end - region->start, region->step,
			    region->program, region->aux,
			    region->precise ? " precise_timestamps" : "");
		for (size_t b = 0; b < region->nr_bounds; b++)
			strbuf_addf(s, "%s%" PRIu64,
				    b ? "," : " histogram:", region->bounds[b]);
		strbuf_add_char(s, '\n');
	}
	return argc > 2 ? -EINVAL : 0;
}

static void print_area(const struct fake_region *region, uint64_t number, struct strbuf *s)
{
	const struct area *a = &region->areas[number];
	uint64_t start = region->start + number * region->step,
		 unit = region->precise ? 1 : 1000000;
	uint64_t reads = a->io[0][TICKS] / unit, writes = a->io[1][TICKS] / unit;

	strbuf_addf(s, "%" PRIu64 "+%" PRIu64, start, MIN(region->step, region->end - start));
	for (int d = 0; d < 2; d++)
		strbuf_addf(s, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
			    a->io[d][REQUESTS], a->io[d][MERGED], a->io[d][SECTORS],
			    a->io[d][TICKS] / unit);
	/* One request at a time: what they took together is what the device was busy. */
	strbuf_addf(s, " 0 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, reads + writes,
		    reads + writes, reads, writes);
	for (size_t b = 0; region->nr_bounds && b <= region->nr_bounds; b++)
		strbuf_addf(s, "%c%" PRIu64, b ? ':' : ' ', a->bins[b]);
	strbuf_add_char(s, '\n');
}

static int print(struct fake_region *region, int argc, char **argv, bool clears,
		 struct strbuf *s)
{
	uint64_t first = 0, nr = UINT32_MAX, end;

	if (argc != 2 && argc != 4)
		return -EINVAL;
	if (argc == 4 &&
	    (sscanf(argv[2], "%" SCNu64, &first) != 1 || sscanf(argv[3], "%" SCNu64, &nr) != 1))
		return -EINVAL;
	end = MIN(first + nr, region->nr);
	first = MIN(first, end);
	for (uint64_t i = first; i < end; i++)
		print_area(region, i, s);
	if (clears)
		clear(region, first, end);
	return 0;
}

static int on_region(struct fake_dev *dev, int argc, char **argv, struct strbuf *s)
{
	struct fake_region *region;
	const char *verb = argv[0];

	if (argc < 2)
		return -EINVAL;
	region = find(dev, argv[1]);
	if (!region)
		return -ENOENT;
	if (strcasecmp(verb, "@stats_delete") == 0)
		return argc == 2 ? destroy(dev, region) : -EINVAL;
	if (strcasecmp(verb, "@stats_clear") == 0) {
		clear(region, 0, region->nr);
		return argc == 2 ? 0 : -EINVAL;
	}
	if (strcasecmp(verb, "@stats_set_aux") == 0) {
		if (argc != 3)
			return -EINVAL;
		snprintf(region->aux, sizeof(region->aux), "%s", argv[2]);
		return 0;
	}
	if (strcasecmp(verb, "@stats_print") == 0 ||
	    strcasecmp(verb, "@stats_print_clear") == 0)
		return print(region, argc, argv, verb[12] != '\0', s);
	return -EINVAL;
}

int fake_stats_message(struct fake_dev *dev, const char *text, struct dm_reply *reply)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	_cleanup_(freep) char *copy = strdup(text);
	char *argv[ARGS_MAX];
	int argc = copy ? cut(copy, argv) : 0, r;

	if (!argc)
		return -ENOMEM;
	if (strcasecmp(argv[0], "@stats_create") == 0)
		r = create(dev, argc, argv, &s);
	else if (strcasecmp(argv[0], "@stats_list") == 0)
		r = list(dev, argc, argv, &s);
	else
		r = on_region(dev, argc, argv, &s);
	if (r == 0 && !s.error) {
		reply->message = dm_reply_keep(reply, strbuf_text(&s), s.len);
		r = reply->message ? 0 : -ENOMEM;
	}
	return r;
}

/* --- requests --- */

void fake_io(struct fake *fake, const char *name, bool write, bp_sector sector,
	     bp_sector sectors, uint64_t ns)
{
	struct fake_dev *dev = fake_find_name(fake, name);

	assert(dev);
	for (size_t i = 0; i < dev->regions.count; i++) {
		struct fake_region *region = dev->regions.items[i];
		uint64_t unit = region->precise ? 1 : 1000000;
		struct area *a;
		size_t bin = 0;

		if (sector < region->start || sector >= region->end)
			continue;
		a = &region->areas[(sector - region->start) / region->step];
		a->io[write][REQUESTS]++;
		a->io[write][SECTORS] += sectors;
		a->io[write][TICKS] += ns;
		while (bin < region->nr_bounds && ns / unit >= region->bounds[bin])
			bin++;
		a->bins[bin]++;
	}
}
