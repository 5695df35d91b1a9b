/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Regions of statistics: made, asked, cleared and deleted by messages that the kernel itself
 * takes, in front of any target. What can be known to be wrong is refused here: the kernel has
 * one errno for all.
 */
#include "dm/device/stats.h"

#include "core/opts.h"
#include "dm/kernel/engine.h"
#include "targets/grammar/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BOUNDS_MAX 1024
#define TEXT_MAX   512 /* with its NUL */
/*
 * Longest line of an area without its bins; a bin; what answers are asked for at once, and
 * without a large buffer.
 */
#define LINE_BYTES  352
#define BIN_BYTES   21
#define CHUNK_BYTES ((size_t)1 << 20)
#define SMALL_BYTES ((size_t)48 << 10)

static int refuse(struct bp_ctx *ctx, const char *fmt, ...) _printf_(2, 3);

static int refuse(struct bp_ctx *ctx, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	bp_failv(ctx, -EINVAL, fmt, args);
	va_end(args);
	error_set_code(ctx, BP_E_USAGE);
	return -EINVAL;
}

/* Send a message about @region (NULL: none) and have its answer. */
static int send(struct bp_ctx *ctx, const char *verb, const struct which *which,
		const char *text, uint32_t flags, int64_t deadline, const uint32_t *region,
		struct dm_reply *reply)
{
	struct dm_request rq = {
		.op = OP_MESSAGE,
		.flags = flags,
		.text = text,
		.deadline = deadline,
	};
	int r = dm_ask(ctx, verb, which, &rq, reply);

	if (r != -ENOENT || !region)
		return r;
	bp_fail(ctx, r, "%s '%s': no region %u of statistics", verb, which->label, *region);
	error_set_code(ctx, BP_E_USAGE);
	error_set_verb(ctx, verb);
	error_set_device(ctx, which->label);
	return r;
}

/* A text that is kept with a region: none, or one line. */
static int check_text(struct bp_ctx *ctx, const char *what, const char *text, bool one_word)
{
	if (!text)
		return 0;
	if (!word_valid(text) || strlen(text) >= TEXT_MAX)
		return refuse(ctx, "statistics: %s: not one line of 1 to %d bytes", what,
			      TEXT_MAX - 1);
	if (one_word && strpbrk(text, " \t\v\f\r"))
		return refuse(ctx, "statistics: %s '%s': it has blanks", what, text);
	return 0;
}

/* --- making one --- */

/* In whole milliseconds unless precise: that is the kernel's own clock for these. */
static int check_bound(struct bp_ctx *ctx, const struct bp_stats_opts *o, size_t i)
{
	uint64_t bound = o->bounds_ns[i];

	if (bound <= (i ? o->bounds_ns[i - 1] : 0))
		return refuse(ctx,
			      "statistics: bounds of a histogram rise: %" PRIu64
			      " ns is not more than the one before",
			      bound);
	if (!o->precise && bound % MS_NS)
		return refuse(ctx,
			      "statistics: bound %" PRIu64
			      " ns is no whole millisecond; that needs precise times",
			      bound);
	return 0;
}

/* BOUNDS_MAX keeps the message within what the kernel takes. */
static int check_bounds(struct bp_ctx *ctx, const struct bp_stats_opts *o)
{
	int r = 0;

	if (o->nr_bounds > BOUNDS_MAX || (o->nr_bounds && !o->bounds_ns))
		return refuse(ctx, "statistics: a histogram has at most %d bounds", BOUNDS_MAX);
	for (size_t i = 0; r == 0 && i < o->nr_bounds; i++)
		r = check_bound(ctx, o, i);
	return r;
}

/* Before the message: the kernel answers all of these with EINVAL alone. */
static int check(struct bp_ctx *ctx, const struct bp_stats_opts *o)
{
	int r = 0;

	if (o->area_sectors && o->nr_areas)
		r = refuse(ctx, "statistics: both a size and a number of areas");
	else if (o->start_sectors > UINT64_MAX - o->length_sectors)
		r = refuse(ctx, "statistics: the range ends behind all sectors");
	if (r == 0)
		r = check_bounds(ctx, o);
	if (r == 0)
		r = check_text(ctx, "program id", o->program_id, true);
	return r < 0 ? r : check_text(ctx, "text", o->aux_data, false);
}

/* From @o->start_sectors to the device's end. */
static int find_length(struct bp_ctx *ctx, const struct which *which, struct bp_stats_opts *o)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_TABLE, .deadline = DEADLINE_NEVER };
	bp_sector end = 0;
	int r = dm_ask(ctx, "stats create", which, &rq, &reply);

	for (size_t i = 0; r == 0 && i < reply.segments.count; i++)
		end = MAX(end, reply.segments.items[i].start + reply.segments.items[i].length);
	if (r == 0 && end <= o->start_sectors)
		r = refuse(ctx,
			   "statistics: sector %" PRIu64 " is not before '%s's end, %" PRIu64,
			   o->start_sectors, which->label, end);
	if (r == 0)
		o->length_sectors = end - o->start_sectors;
	return r;
}

/* Source: Linux, Documentation/admin-guide/device-mapper/statistics.rst. */
static void describe(const struct bp_stats_opts *o, struct strbuf *s)
{
	strbuf_add(s, "@stats_create ");
	if (o->length_sectors)
		strbuf_addf(s, "%" PRIu64 "+%" PRIu64, o->start_sectors, o->length_sectors);
	else
		strbuf_add(s, "-");
	if (o->area_sectors)
		strbuf_addf(s, " %" PRIu64, o->area_sectors);
	else
		strbuf_addf(s, " /%u", MAX(o->nr_areas, 1u));
	/* Always told how many options follow: a program id could be a number. */
	strbuf_addf(s, " %d%s", o->precise + (o->nr_bounds > 0),
		    o->precise ? " precise_timestamps" : "");
	for (size_t i = 0; i < o->nr_bounds; i++)
		strbuf_addf(s, "%s%" PRIu64, i ? "," : " histogram:",
			    o->precise ? o->bounds_ns[i] : o->bounds_ns[i] / MS_NS);
	word_add_ioctl(s, o->program_id ? o->program_id : "-");
	word_add_ioctl(s, o->aux_data ? o->aux_data : "-");
}

static int take_id(struct bp_ctx *ctx, const char *text, uint32_t *ret)
{
	char *end = NULL;
	unsigned long id = text ? strtoul(text, &end, 10) : 0; /* NULL: it was only planned */

	if (text && (end == text || (*end && *end != '\n') || id > INT32_MAX)) {
		bp_fail(ctx, -EINVAL, "statistics: the kernel answers '%s', which is no region",
			text);
		error_set_code(ctx, BP_E_FORMAT);
		return -EINVAL;
	}
	*ret = (uint32_t)id;
	return 0;
}

/* The region's number is the kernel's answer; a freed one is given again. */
int bp_stats_create(struct bp_ctx *ctx, const struct bp_selector *selector,
		    const struct bp_stats_opts *opts, uint32_t *ret_region)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	struct bp_stats_opts o;
	struct which which;
	uint32_t id = 0;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = check(ctx, &o);
	if (r == 0)
		r = which_resolve(ctx, selector, &which);
	if (r == 0 && o.start_sectors && !o.length_sectors)
		r = find_length(ctx, &which, &o);
	if (r < 0)
		return r;
	describe(&o, &s);
	if (s.error)
		return bp_fail_memory(ctx);
	r = send(ctx, "stats create", &which, s.text, 0, dm_deadline(o.timeout_ms), NULL,
		 &reply);
	if (r == 0)
		r = take_id(ctx, reply.message, &id);
	if (r == 0 && ret_region)
		*ret_region = id;
	return r;
}

/* --- orders --- */

/* A message about one region. */
static int order(struct bp_ctx *ctx, const char *verb, const struct bp_selector *selector,
		 const char *message, uint32_t region, const char *aux_data, int64_t timeout_ms)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	struct which which;
	int r = which_resolve(ctx, selector, &which);

	if (r < 0)
		return r;
	strbuf_addf(&s, "%s %u", message, region);
	if (aux_data)
		word_add_ioctl(&s, aux_data);
	if (s.error)
		return bp_fail_memory(ctx);
	return send(ctx, verb, &which, s.text, 0, dm_deadline(timeout_ms), &region, &reply);
}

int bp_stats_delete(struct bp_ctx *ctx, const struct bp_selector *which, uint32_t region,
		    int64_t timeout_ms)
{
	return order(ctx, "stats delete", which, "@stats_delete", region, NULL, timeout_ms);
}

int bp_stats_clear(struct bp_ctx *ctx, const struct bp_selector *which, uint32_t region,
		   int64_t timeout_ms)
{
	return order(ctx, "stats clear", which, "@stats_clear", region, NULL, timeout_ms);
}

int bp_stats_set_aux(struct bp_ctx *ctx, const struct bp_selector *which, uint32_t region,
		     const char *aux_data, int64_t timeout_ms)
{
	int r = check_text(ctx, "text", aux_data, false);

	return r < 0 ? r
		     : order(ctx, "stats set-aux", which, "@stats_set_aux", region,
			     aux_data ? aux_data : "-", timeout_ms);
}

/* --- asking --- */

/* Of one program, or all. */
int bp_stats_list(struct bp_ctx *ctx, const struct bp_selector *selector,
		  const char *program_id, struct bp_stats_list **ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	struct bp_stats_list *list;
	struct which which;
	int r = check_text(ctx, "program id", program_id, true);

	if (r == 0)
		r = which_resolve(ctx, selector, &which);
	if (r < 0)
		return r;
	strbuf_add(&s, "@stats_list");
	if (program_id)
		word_add_ioctl(&s, program_id);
	list = calloc(1, sizeof(*list));
	if (s.error || !list) {
		free(list);
		return bp_fail_memory(ctx);
	}
	r = send(ctx, "stats list", &which, s.text, RQ_REPEATABLE | RQ_ASKS, dm_deadline(0),
		 NULL, &reply);
	if (r == 0 && reply.message)
		r = stats_list_parse(ctx, reply.message, list);
	if (r < 0)
		bp_stats_list_free(list);
	else
		*ret = list;
	return r;
}

size_t bp_stats_list_count(const struct bp_stats_list *list)
{
	return list->regions.count;
}

const struct bp_stats_region *bp_stats_list_get(const struct bp_stats_list *list, size_t index)
{
	return index < list->regions.count ? &list->regions.items[index] : NULL;
}

void bp_stats_list_free(struct bp_stats_list *list)
{
	if (!list)
		return;
	vec_done(&list->regions);
	arena_done(&list->arena);
	free(list);
}

/* A walk over areas. */
struct reading {
	struct bp_ctx *ctx;
	const struct which *which;
	const struct bp_stats_region *region;
	const struct bp_stats_print_opts *opts;
	int64_t deadline;
	int (*area)(void *user, const struct bp_stats_area *area);
	void *user;
	struct stats_line line;
};

/* At most @nr areas from @first on; @ret_nr: how many there were. */
static int read_chunk(struct reading *rd, uint64_t first, uint64_t nr, uint64_t *ret_nr)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	size_t bytes = (size_t)nr * (LINE_BYTES + BIN_BYTES * (rd->region->nr_bounds + 1));
	/* What does not fit is not cleared either: to ask again loses nothing. */
	uint32_t flags = RQ_REPEATABLE | (bytes > SMALL_BYTES ? RQ_LARGE_REPLY : 0);
	char text[96];
	const char *p;
	int r;

	snprintf(text, sizeof(text), "%s %u %" PRIu64 " %" PRIu64,
		 rd->opts->clear ? "@stats_print_clear" : "@stats_print", rd->region->region,
		 first, nr);
	r = send(rd->ctx, "stats print", rd->which, text,
		 flags | (rd->opts->clear ? 0 : RQ_ASKS), rd->deadline, &rd->region->region,
		 &reply);
	*ret_nr = 0;
	p = reply.message ? reply.message : "";
	while (r == 0 && *p && *ret_nr < nr) {
		r = stats_area_parse(rd->ctx, p, rd->region->precise, &rd->line, &p);
		rd->line.area.area = first + (*ret_nr)++;
		if (r == 0)
			r = rd->area(rd->user, &rd->line.area);
	}
	return r;
}

/*
 * In chunks: the kernel's answer has to fit its buffer, and a region may have millions of
 * areas.
 */
int bp_stats_print(struct bp_ctx *ctx, const struct bp_selector *selector,
		   const struct bp_stats_region *region, const struct bp_stats_print_opts *opts,
		   int (*area)(void *user, const struct bp_stats_area *area), void *user)
{
	struct reading rd = { .ctx = ctx, .region = region, .area = area, .user = user };
	struct bp_stats_print_opts o;
	struct which which;
	uint64_t chunk, at, end, got;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = which_resolve(ctx, selector, &which);
	if (r < 0)
		return r;
	rd.which = &which;
	rd.opts = &o;
	rd.deadline = dm_deadline(o.timeout_ms);
	chunk = CHUNK_BYTES / (LINE_BYTES + BIN_BYTES * (region->nr_bounds + 1)) + 1;
	/* The kernel counts areas in 32 bits. */
	end = o.nr_areas ? MIN(o.first_area + o.nr_areas, (uint64_t)UINT32_MAX) : UINT32_MAX;
	if (region->nr_areas)
		end = MIN(end, region->nr_areas);
	got = chunk;
	for (at = o.first_area; r == 0 && at < end && got == chunk; at += got) {
		chunk = MIN(chunk, end - at);
		r = read_chunk(&rd, at, chunk, &got);
	}
	vec_done(&rd.line.bins);
	return r;
}
