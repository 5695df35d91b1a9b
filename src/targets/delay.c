/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * delay DEV OFFSET MS [DEV OFFSET MS [DEV OFFSET MS]]: for reads, writes, flushes.
 * Source: Linux, drivers/md/dm-delay.c.
 */
#include "targets/grammar/rule.h"

static const struct arg path[] = {
	ARG_DEV(struct bp_delay_path, dev, "the device mapped to"),
	ARG_NUMBER(struct bp_delay_path, offset_sectors, 0, UINT64_MAX, "where in it to begin"),
	ARG_NUMBER(struct bp_delay_path, delay_ms, 0, UINT32_MAX, "how long to hold back"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_RECORD(struct bp_delay, read, path),
	ARG_POINTER(struct bp_delay, write, path, "for writes; where not given, as for reads",
		    .flags = ARG_OPTIONAL),
	ARG_POINTER(struct bp_delay, flush, path, "for flushes; where not given, as for writes",
		    .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg status[] = {
	ARG_NUMBER(struct bp_delay_status, reads, 0, UINT32_MAX, "reads held back now"),
	ARG_NUMBER(struct bp_delay_status, writes, 0, UINT32_MAX, "writes held back now"),
	ARG_NUMBER(struct bp_delay_status, flushes, 0, UINT32_MAX, "flushes held back now"),
	ARG_END,
};

static void check_path(struct check *c, const char *name, const struct bp_delay_path *p)
{
	if (p)
		check_range(c, name, p->dev, p->offset_sectors, c->length_sectors);
}

/* Writes and flushes may have devices of their own; without one they take that of reads. */
static void check(struct check *c, const void *params)
{
	const struct bp_delay *delay = params;

	check_path(c, "read.dev", &delay->read);
	check_path(c, "write.dev", delay->write);
	check_path(c, "flush.dev", delay->flush);
}

/* All of the devices must have what is mapped. */
static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_delay *delay = params;
	const struct bp_delay_path *const paths[] = { &delay->read, delay->write,
						      delay->flush };
	bp_sector shortest = UINT64_MAX, one;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r;

		if (!paths[i])
			continue;
		r = length_of(query, paths[i]->dev, paths[i]->offset_sectors, &one);
		if (r < 0)
			return r;
		shortest = MIN(shortest, one);
	}
	*ret = shortest;
	return 0;
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Invalid device sector", "read.offset_sectors",
	  "an offset must be a number of 512-byte sectors", "decimal digits, without sign or unit" },
	{ "Invalid delay", "read.delay_ms", "a delay must be a number of milliseconds",
	  "0 to 4294967295" },
	RULE_NO_DEVICE("Device lookup failed", "read.dev"),
	{ "Requires exactly 3, 6 or 9 arguments", NULL,
	  "delay has three arguments each for reads, writes and flushes, or fewer of those",
	  "DEV OFFSET MS, once, twice or three times" },
	RULE_NO_MEMORY("Cannot allocate context"),
	{ NULL },
};
/* clang-format on */

static const struct brief brief[] = {
	{ "reads", "reads", NULL },
	{ "writes", "writes", NULL },
	{ "flushes", "flushes", NULL },
	{ NULL },
};

/* clang-format off */
static const struct rule log_lines[] = {
	LOG_ACT("Couldn't start kdelayd",
		"the kernel could not start the queue of delayed I/O: it has no memory",
		"free memory, and try again"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_delay = {
	.name = "delay",
	.summary = "hold back reads, writes and flushes",
	.module = "dm-delay",
	.since = "2.6.22",
	.size = sizeof(struct bp_delay),
	.args = args,
	.status_size = sizeof(struct bp_delay_status),
	.status = status,
	.brief = brief,
	.check = check,
	.length = length,
	.rules = rules,
	.log = BP_RESCUE ? NULL : log_lines,
};
