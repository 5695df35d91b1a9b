/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices in numbers. What a target's status has is known from its grammar (src/targets): each
 * field becomes a family by its own name, so that a new target needs nothing here.
 */
#include <bedplate/metrics.h>

#include "core/opts.h"
#include "dm/device/metrics.h"
#include "dm/kernel/engine.h"

#include <bedplate/table.h>
#include <bedplate/targets.h>
#include <bedplate/targets_raid.h>

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 160u

struct reading {
	struct bp_ctx *ctx;
	struct metrics metrics;
};

/* --- I/O --- */

/* Without a message. */
static int read_io(struct bp_ctx *ctx, const struct bp_devno *dev, struct bp_device_io *ret)
{
	uint64_t n[DM_IO_COUNTERS] = { 0 };
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = dm->ops->io_counters(dm->self, dev->major, dev->minor, n);
	if (r < 0)
		return r;
	/* In the order of the kernel's Documentation/block/stat.rst. */
	*ret = (struct bp_device_io){
		.reads = n[0],
		.read_bytes = bp_sector_to_bytes(n[2]),
		.read_ms = n[3],
		.writes = n[4],
		.write_bytes = bp_sector_to_bytes(n[6]),
		.write_ms = n[7],
		.in_flight = n[8],
		.busy_ms = n[9],
		.discards = n[11],
		.discard_bytes = bp_sector_to_bytes(n[13]),
		.flushes = n[15],
	};
	return 0;
}

int bp_device_io(struct bp_ctx *ctx, const struct bp_devno *dev, struct bp_device_io *ret)
{
	int r = read_io(ctx, dev, ret);

	return r == 0 ? 0
		      : bp_fail(ctx, r, "%u:%u: cannot read its I/O counters: %s", dev->major,
				dev->minor, strerror(-r));
}

/* A counter: "_total" is added to its name. */
static void count(struct reading *rd, const struct metric_subject *of, const char *name,
		  const char *help, uint64_t value)
{
	metrics_add_uint(&rd->metrics, METRIC_COUNTER, name, help, of, value);
}

/* OpenMetrics wants seconds; the kernel has milliseconds. */
static void seconds(struct reading *rd, const struct metric_subject *of, const char *name,
		    const char *help, uint64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu.%03u", (unsigned long long)(ms / 1000),
		 (unsigned)(ms % 1000));
	metrics_add(&rd->metrics, METRIC_COUNTER, name, help, of, NULL, NULL, text);
}

/* Counters of the block layer; times in seconds, as OpenMetrics wants base units. */
static void add_io(struct reading *rd, const struct metric_subject *of,
		   const struct bp_device_io *io)
{
	count(rd, of, "bedplate_device_reads", "Reads finished.", io->reads);
	count(rd, of, "bedplate_device_read_bytes", "What they moved.", io->read_bytes);
	seconds(rd, of, "bedplate_device_read_seconds", "Time that they took, added up.",
		io->read_ms);
	count(rd, of, "bedplate_device_writes", "Writes finished.", io->writes);
	count(rd, of, "bedplate_device_written_bytes", "What they moved.", io->write_bytes);
	seconds(rd, of, "bedplate_device_write_seconds", "Time that they took, added up.",
		io->write_ms);
	count(rd, of, "bedplate_device_discards", "Discards finished.", io->discards);
	count(rd, of, "bedplate_device_discarded_bytes", "What they covered.",
	      io->discard_bytes);
	count(rd, of, "bedplate_device_flushes", "Flushes finished.", io->flushes);
	seconds(rd, of, "bedplate_device_busy_seconds", "Time with a request in flight.",
		io->busy_ms);
	metrics_add_uint(&rd->metrics, METRIC_GAUGE, "bedplate_device_in_flight",
			 "Requests in flight.", of, io->in_flight);
}

/* --- fields of a status --- */

/* "bedplate_thin_pool_", then @field without what stands for its unit, then @unit. */
static void family_name(char *to, const char *target, const char *field, size_t keep,
			const char *unit)
{
	snprintf(to, NAME_SIZE, "bedplate_%s_%.*s%s", target, (int)keep, field, unit);
	for (; *to; to++)
		if (!((*to >= 'a' && *to <= 'z') || (*to >= '0' && *to <= '9')))
			*to = '_';
}

/* How long @name is without @suffix; 0: it does not end with it. */
static size_t without(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);

	return len > end && streq(name + len - end, suffix) ? len - end : 0;
}

/* Units that a field's name ends with, told in bytes. */
static const struct {
	const char *suffix, *unit;
	uint64_t bytes;
} in_bytes[] = {
	{ "_sectors", "sectors", BP_SECTOR_BYTES },
	{ "_sector", "sectors", BP_SECTOR_BYTES },
	{ "_mblocks", "4096-byte blocks", BP_MBLOCK_BYTES },
	{ "_blocks", "4096-byte blocks", BP_MBLOCK_BYTES },
};

/* Sizes become bytes, their unit goes into the name. */
static void add_number(struct reading *rd, const struct metric_subject *of, const char *target,
		       const struct bp_option *field, const char *text)
{
	size_t keep = strlen(field->name);
	const char *unit = "";
	char name[NAME_SIZE], *end;
	uint64_t value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end)
		return; /* flags in hexadecimal count nothing */
	for (size_t i = 0; field->unit && i < ARRAY_SIZE(in_bytes); i++) {
		size_t shorter = without(field->name, in_bytes[i].suffix);

		if (shorter && streq(field->unit, in_bytes[i].unit) &&
		    value <= UINT64_MAX / in_bytes[i].bytes) {
			keep = shorter;
			unit = "_bytes";
			value *= in_bytes[i].bytes;
			break;
		}
	}
	family_name(name, target, field->name, keep, unit);
	metrics_add_uint(&rd->metrics, METRIC_GAUGE, name, field->help, of, value);
}

/* All that it may be, with 1 at what it is. */
static void add_choice(struct reading *rd, const struct metric_subject *of, const char *target,
		       const struct bp_option *field, const char *text)
{
	char name[NAME_SIZE];

	family_name(name, target, field->name, strlen(field->name), "");
	for (const char *const *word = field->choices; *word; word++)
		metrics_add(&rd->metrics, METRIC_STATESET, name, field->help, of, name, *word,
			    streq(*word, text) ? "1" : "0");
}

/* "AAD": how many legs have each letter that is there. */
static void add_legs(struct reading *rd, const struct metric_subject *of, const char *target,
		     const char *letters, const char *help)
{
	char name[NAME_SIZE], value[24];

	family_name(name, target, "legs", strlen("legs"), "");
	for (const char *at = letters; *at; at++) {
		char letter[2] = { *at, '\0' };
		unsigned nr = 0;

		if (memchr(letters, *at, (size_t)(at - letters)))
			continue;
		for (const char *other = at; *other; other++)
			nr += *other == *at;
		snprintf(value, sizeof(value), "%u", nr);
		metrics_add(&rd->metrics, METRIC_GAUGE, name, help, of, "health", letter,
			    value);
	}
}

static void add_flag(struct reading *rd, const struct metric_subject *of, const char *target,
		     const struct bp_option *field, bool is)
{
	char name[NAME_SIZE];

	family_name(name, target, field->name, strlen(field->name), "");
	metrics_add(&rd->metrics, METRIC_GAUGE, name, field->help, of, NULL, NULL,
		    is ? "1" : "0");
}

/* @text: NULL where the line has no such field. */
static void add_field(struct reading *rd, const struct metric_subject *of, const char *target,
		      const struct bp_option *field, const char *text)
{
	if (field->kind == BP_OPTION_FLAG)
		add_flag(rd, of, target, field, text && streq(text, "true"));
	else if (!text)
		return;
	else if (field->kind == BP_OPTION_NUMBER || field->kind == BP_OPTION_SIGNED)
		add_number(rd, of, target, field, text);
	else if (field->kind == BP_OPTION_CHOICE && field->choices)
		add_choice(rd, of, target, field, text);
	else if (streq(field->name, "health"))
		add_legs(rd, of, target, text, field->help);
}

static void add_path_count(struct reading *rd, const struct metric_subject *of,
			   const char *state, uint64_t nr)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)nr);
	metrics_add(&rd->metrics, METRIC_GAUGE, "bedplate_multipath_paths", "Paths, by state.",
		    of, "state", state, text);
}

/* Whatever is not active can't be used now. */
static void count_paths(const struct bp_multipath_group_status *group, uint64_t *active,
			uint64_t *failed)
{
	for (size_t p = 0; p < group->nr_paths; p++) {
		bool ok = group->paths[p].state == BP_MULTIPATH_PATH_ACTIVE;

		*active += ok;
		*failed += !ok;
	}
}

/* Paths stand in lists of lists, which have no field of their own. */
static void add_paths(struct reading *rd, const struct metric_subject *of,
		      const struct bp_multipath_status *status)
{
	uint64_t active = 0, failed = 0;

	for (size_t g = 0; g < status->nr_groups; g++)
		count_paths(&status->groups[g], &active, &failed);
	add_path_count(rd, of, "active", active);
	add_path_count(rd, of, "failed", failed);
}

/*
 * Every number of a target's status grammar, without a list here: a new target has its
 * metrics at once.
 */
static int add_fields(struct reading *rd, const struct metric_subject *of,
		      const struct bp_status *status)
{
	const struct bp_target *target = bp_target_get(status->target);
	struct bp_option_iter *iter;
	struct bp_option field;
	int r;

	if (!target || !status->values)
		return 0;
	r = bp_status_field_iter_new(target, &iter);
	if (r < 0)
		return bp_fail_memory(rd->ctx);
	while ((r = bp_option_next(iter, &field)) == 0) {
		_cleanup_(freep) char *text = NULL;

		if (strstr(field.name, ".N."))
			continue;
		r = bp_status_get(rd->ctx, status, field.name, &text);
		if (r < 0)
			break;
		add_field(rd, of, status->target, &field, text);
	}
	bp_option_iter_free(iter);
	if (r >= 0 && streq(status->target, "multipath"))
		add_paths(rd, of, status->values);
	return r < 0 ? r : 0;
}

/* --- devices --- */

static void status_freep(struct bp_status **status)
{
	bp_status_free(*status);
}

/* The target is a label of its own sample, as are words that stand for a whole status. */
static int add_segment(struct reading *rd, const char *device, size_t index,
		       const struct bp_status_line *line)
{
	const struct metric_subject of = { device, (int64_t)index };
	_cleanup_(status_freep) struct bp_status *status = NULL;
	int r = bp_status_parse(rd->ctx, line->target, line->text, &status);

	if (r < 0)
		return r;
	metrics_add(&rd->metrics, METRIC_INFO, "bedplate_device_segment",
		    "The target of each segment.", &of, "target", line->target, "1");
	if (status->state)
		metrics_add(&rd->metrics, METRIC_GAUGE, "bedplate_device_segment_state",
			    "A target that has no numbers but a word, such as Fail.", &of,
			    "state", status->state, "1");
	return add_fields(rd, &of, status);
}

/* What a thin pool's blocks are, which its status does not say. */
static int add_block_size(struct reading *rd, const char *device,
			  const struct bp_selector *which)
{
	const struct metric_subject of = { device, 0 };
	const struct bp_segment *segment;
	struct bp_table *table;
	int r = bp_device_table(rd->ctx, which, 0, &table);

	if (r < 0)
		return r;
	segment = bp_table_count(table) ? bp_table_get(table, 0) : NULL;
	if (segment && segment->params && streq(segment->target, "thin-pool")) {
		const struct bp_thin_pool *pool = segment->params;

		metrics_add_uint(&rd->metrics, METRIC_GAUGE,
				 "bedplate_thin_pool_data_block_bytes",
				 "What one data block has.", &of,
				 bp_sector_to_bytes(pool->data_block_sectors));
	}
	bp_table_free(table);
	return 0;
}

/* A device without a live table has size 0. */
static void add_state(struct reading *rd, const struct metric_subject *of,
		      const struct bp_device_info *info, bp_bytes size)
{
	metrics_add(&rd->metrics, METRIC_INFO, "bedplate_device", "The device.", of, "uuid",
		    info->uuid, "1");
	metrics_add_uint(&rd->metrics, METRIC_GAUGE, "bedplate_device_size_bytes",
			 "What its live table maps.", of, size);
	metrics_add_uint(&rd->metrics, METRIC_GAUGE, "bedplate_device_suspended",
			 "1 while I/O is held back.", of, info->suspended);
	metrics_add_uint(&rd->metrics, METRIC_GAUGE, "bedplate_device_read_only",
			 "1 if it can't be written to.", of, info->read_only);
	metrics_add_uint(&rd->metrics, METRIC_GAUGE, "bedplate_device_open_count",
			 "Users that have it open.", of, (uint64_t)MAX(info->open_count, 0));
	metrics_add_uint(&rd->metrics, METRIC_COUNTER, "bedplate_device_events",
			 "Events of its targets.", of, info->event_nr);
}

/* The pool's data block size is in its table, not in its status. */
static int add_status(struct reading *rd, const struct bp_selector *which,
		      const struct bp_device_status *status)
{
	const struct bp_device_info *info = bp_device_status_info(status);
	const struct metric_subject of = { info->name, -1 };
	const struct bp_devno dev = { info->major, info->minor };
	struct bp_device_io io;
	bp_sector size = 0;
	int r = 0;

	for (size_t i = 0; i < bp_device_status_count(status); i++)
		size += bp_device_status_get(status, i)->length_sectors;
	add_state(rd, &of, info, bp_sector_to_bytes(size));
	if (read_io(rd->ctx, &dev, &io) == 0)
		add_io(rd, &of, &io);
	for (size_t i = 0; r == 0 && i < bp_device_status_count(status); i++) {
		const struct bp_status_line *line = bp_device_status_get(status, i);

		r = add_segment(rd, info->name, i, line);
		if (r == 0 && i == 0 && streq(line->target, "thin-pool"))
			r = add_block_size(rd, info->name, which);
	}
	return r;
}

/* One request a device, without a flush. */
static int add_device(struct reading *rd, const struct bp_selector *which)
{
	struct bp_device_status *status;
	int r = bp_device_status(rd->ctx, which, 0, &status);

	if (r < 0)
		return r;
	r = add_status(rd, which, status);
	bp_device_status_free(status);
	return r;
}

/* A device that went since it was listed is no failure. */
static int add_all(struct reading *rd)
{
	struct bp_device_list *list;
	int r = bp_device_list(rd->ctx, &list);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < bp_device_list_count(list); i++) {
		const struct bp_selector which = {
			.name = bp_device_list_get(list, i)->name,
		};

		r = add_device(rd, &which);
		if (r == -ENXIO)
			r = 0; /* gone since it was listed */
	}
	bp_device_list_free(list);
	return r;
}

/* A name that is given twice: its samples come once, as no series may come twice. */
static bool came_before(const struct bp_metrics_opts *o, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (streq(o->names[k], o->names[i]))
			return true;
	return false;
}

/* All or nothing: half a text would look like devices that went. */
int bp_metrics(struct bp_ctx *ctx, const struct bp_metrics_opts *opts, bp_write_fn write,
	       void *user)
{
	struct reading rd = { .ctx = ctx };
	struct bp_metrics_opts o = { 0 };
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0 && o.nr_names == 0)
		r = add_all(&rd);
	for (size_t i = 0; r == 0 && i < o.nr_names; i++)
		if (!came_before(&o, i))
			r = add_device(&rd, &(struct bp_selector){ .name = o.names[i] });
	if (r == 0 && rd.metrics.error)
		r = bp_fail_memory(ctx);
	if (r == 0)
		r = metrics_write(&rd.metrics, write, user);
	metrics_done(&rd.metrics);
	return r;
}
