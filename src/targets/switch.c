/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * switch #PATHS REGION 0 (DEV OFFSET)*#PATHS; the 0 counts options, of which there are none.
 * Source: Linux, drivers/md/dm-switch.c.
 */
#include "core/context.h"
#include "targets/grammar/rule.h"

#include <stdio.h>
#include <string.h>

static const struct arg path[] = {
	ARG_DEV(struct bp_switch_path, dev, "a path"),
	ARG_NUMBER(struct bp_switch_path, offset_sectors, 0, UINT64_MAX,
		   "where in it to begin"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_COUNT(struct bp_switch, nr_paths, 1, UINT32_MAX),
	ARG_NUMBER(struct bp_switch, region_sectors, 1, UINT32_MAX, "what takes one path"),
	ARG_LITERAL("0"),
	ARG_EACH(struct bp_switch, paths, nr_paths, path, "where regions can be"),
	ARG_END,
};

/* Hexadecimal digits, one or more, from @p on. NULL: none; else what is behind them. */
static const char *skip_hex(const char *p)
{
	size_t len = strspn(p, "0123456789abcdefABCDEF");

	return len ? p + len : NULL;
}

/*
 * "INDEX:PATH", ":PATH" for the next index, or "RN,M" to repeat M entries for N more; all
 * in hex.
 */
static bool is_mapping(const char *word)
{
	const char *p = word, separator = *word == 'R' ? ',' : ':';

	if (*p != ':') {
		p = skip_hex(*p == 'R' ? p + 1 : p);
		if (!p || *p != separator)
			return false;
	}
	p = skip_hex(p + 1);
	return p && !*p;
}

static const struct arg mappings_args[] = {
	ARG_WORDS(struct bp_switch_mappings, items, nr_items,
		  "REGION:PATH, :PATH (the next region) or RCYCLE,COUNT (the last CYCLE items "
		  "for "
		  "COUNT more regions), in hexadecimal",
		  .flags = ARG_REST, .valid = is_mapping),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "set_region_mappings", "REGION:PATH|:PATH|RCYCLE,COUNT...",
	  "say which paths regions take; what comes before a mistake stays in effect",
	  sizeof(struct bp_switch_mappings), mappings_args },
	{ NULL },
};

/* Source: Linux, drivers/md/dm-switch.c. */
static void check(struct check *c, const void *params)
{
	const struct bp_switch *sw = params;
	char name[48];

	for (size_t i = 0; i < sw->nr_paths; i++) {
		snprintf(name, sizeof(name), "paths.%zu.dev", i);
		check_range(c, name, sw->paths[i].dev, sw->paths[i].offset_sectors,
			    c->length_sectors);
	}
}

/* All paths lead to the same data: the shortest decides. */
static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_switch *sw = params;
	bp_sector shortest = UINT64_MAX, one;

	if (sw->nr_paths == 0)
		return bp_fail(query->ctx, -EINVAL, "no path given, so no length follows");
	for (size_t i = 0; i < sw->nr_paths; i++) {
		int r = length_of(query, sw->paths[i].dev, sw->paths[i].offset_sectors, &one);

		if (r < 0)
			return r;
		shortest = MIN(shortest, one);
	}
	*ret = shortest;
	return 0;
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Region table too large", "region_sectors", "there are more regions than the kernel can hold",
	  "a larger region" },
	RULE_NO_MEMORY("Cannot allocate region table"),
	RULE_NO_DEVICE("Device lookup failed", "paths.dev"),
	RULE_SECTOR("Invalid device starting offset", "paths.offset_sectors"),
	RULE_COUNT("Invalid number of paths", "nr_paths"),
	{ "Invalid region size", "region_sectors", "a region must be a number of sectors",
	  "1 to 4294967295" },
	{ "Invalid number of optional args", NULL, "switch has no options", "0" },
	{ "Incorrect number of path arguments", "nr_paths", "each path is a device and an offset",
	  "as many pairs of device and offset as were announced" },
	RULE_NO_MEMORY("Cannot allocate redirection context"),
	{ NULL },
};
/* clang-format on */

/* clang-format off */
static const struct rule log_lines[] = {
	LOG_ACT("invalid set_region_mappings argument: '*'",
		"a word of the message is no mapping",
		"INDEX:PATH, :PATH or RINDEX,COUNT, in hexadecimal"),
	LOG_ACT("invalid set_region_mappings cycle length: *",
		"a message repeats more mappings than it has given",
		"a cycle no longer than what was set before"),
	LOG_ACT("invalid set_region_mappings region number: *",
		"a message names a region behind the end",
		"a smaller region: the length divided by the region size"),
	LOG_ACT("invalid set_region_mappings device: *",
		"a message names a path that the table does not have",
		"a path from 0, less than their number"),
	LOG_ACT("Unrecognised message received.",
		"the target has no such message",
		"bedplate targets switch shows those it has"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_switch = {
	.name = "switch",
	.summary = "map each region to a path of its own",
	.reprint = "what messages mapped to paths is not printed",
	.module = "dm-switch",
	.since = "3.11",
	.size = sizeof(struct bp_switch),
	.args = args,
	.messages = messages,
	.check = check,
	.length = length,
	.rules = rules,
	.log = BP_RESCUE ? NULL : log_lines,
};
