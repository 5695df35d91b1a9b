/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thin POOL ID [EXTERNAL_ORIGIN]. In a failed pool the table line is "Fail", as the status is.
 * Source: Linux, drivers/md/dm-thin.c.
 */
#include "targets/grammar/condition.h"
#include "targets/grammar/rule.h"

static const struct arg args[] = {
	ARG_DEV(struct bp_thin, pool_dev, "the pool's mapped device"),
	ARG_NUMBER(struct bp_thin, id, 0, BP_THIN_ID_MAX, "number of the volume in the pool",
		   .flags = ARG_PLUS),
	ARG_DEV(struct bp_thin, external_origin_dev, "read-only device for what is not mapped",
		.flags = ARG_OPTIONAL | ARG_ONLY_READ),
	ARG_END,
};

static const struct arg status[] = {
	ARG_NUMBER(struct bp_thin_status, mapped_sectors, 0, UINT64_MAX,
		   "how much the pool holds for it"),
	ARG_MAYBE(struct bp_thin_status, highest_mapped_sector, 0, UINT64_MAX,
		  "last mapped sector; not there if nothing is mapped", .flags = ARG_DASH),
	ARG_END,
};

static const char *const states[] = { "Fail", "Error", "-", NULL };

/* Only where the kernel is asked: a path may lead to anything. */
static void check_pool(struct check *c, const char *pool)
{
	struct bp_bdev bdev;

	if (pool && c->opts.runs && check_bdev(c, pool, &bdev) &&
	    c->opts.runs(c->opts.user, &bdev, "thin-pool") == BP_ANSWER_NO)
		check_rule(c, NULL, NULL, "Couldn't find pool object");
}

static void check(struct check *c, const void *params)
{
	const struct bp_thin *thin = params;
	const char *origin = thin->external_origin_dev;
	struct bp_bdev bdev;

	check_pool(c, thin->pool_dev);
	if (!origin || !thin->pool_dev)
		return;
	if (check_same_dev(c, origin, thin->pool_dev))
		check_refuse(c, "external_origin_dev", "another device",
			     "it is the pool itself");
	/* Whatever lies behind a shorter origin's end reads as zeros. */
	if (check_bdev(c, origin, &bdev) && bdev.size_bytes == 0)
		check_found(c, BP_SEVERITY_WARNING, "external_origin_dev", NULL,
			    "the device is empty");
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Invalid argument count", NULL, "thin has two or three arguments", "POOL ID [ORIGIN]" },
	RULE_NO_MEMORY("Out of memory"),
	{ "Error setting origin device", "external_origin_dev",
	  "the external origin must be another device than the pool", "another device" },
	RULE_NO_DEVICE("Error opening origin device", "external_origin_dev"),
	RULE_NO_DEVICE("Error opening pool device", "pool_dev"),
	{ "Invalid device id", "id", "it is out of range", "0 to 16777215" },
	{ "Couldn't get pool mapped device", "pool_dev", "the device is no device-mapper device",
	  "the pool's mapped device" },
	{ "Couldn't find pool object", "pool_dev", "the device is no active thin pool",
	  "the pool's mapped device, resumed" },
	{ "Couldn't open thin device, Pool is in fail mode", "pool_dev", "the pool has failed",
	  "repair its metadata first" },
	{ "Couldn't open thin internal device", "id",
	  "the pool has no volume of this number, or it is open already",
	  "create_thin ID first, or another number" },
	{ "Unable to activate thin device while pool is suspended", "pool_dev",
	  "the pool is suspended", "resume it first" },
	{ NULL },
};
/* clang-format on */

/* clang-format off */
/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_STATE("Fail", BP_VERDICT_STOP,
		"the volume's pool has failed: all its I/O fails",
		"bedplate pool status POOL"),
	LOG_STATE("Error", BP_VERDICT_STOP,
		"the pool's metadata can't say what the volume has",
		"bedplate pool status POOL"),
	LOG_STATE("-", BP_VERDICT_HARMLESS,
		"nothing is known of the volume", NULL),
	{ NULL },
};
/* clang-format on */

static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	(void)p;
	if (!now->values)
		condition_add(c, BP_EVENT_VOLUME_FAILED, NULL,
			      "the volume can't be used: its pool has failed");
}

static const struct brief brief[] = {
	{ "mapped", "mapped_sectors", NULL },
	{ NULL },
};

const struct bp_target target_thin = {
	.name = "thin",
	.summary = "a volume or snapshot of a thin pool",
	.reprint = "a volume of a failed pool prints Fail in place of its arguments",
	.module = "dm-thin-pool",
	.since = "3.2",
	.size = sizeof(struct bp_thin),
	.args = args,
	.status_size = sizeof(struct bp_thin_status),
	.status = status,
	.brief = brief,
	.states = states,
	.conditions = conditions,
	.check = check,
	.rules = rules,
	.log = log_lines,
};
