/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zoned DEV [DEV...]: a zoned device, or a regular one and zoned ones. The kernel replaces the
 * segment's length. Source: Linux, drivers/md/dm-zoned-target.c, dm-zoned-metadata.c.
 */
#include "targets/grammar/rule.h"

#include <stdio.h>

static const struct arg dev[] = {
	ARG_DEV(struct bp_zoned_dev, dev, "a device that was formatted for it"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_EACH(struct bp_zoned, devs, nr_devs, dev,
		 "one zoned device; or a regular one first, then zoned ones",
		 .flags = ARG_REST),
	ARG_END,
};

static const struct arg cache_use[] = {
	ARG_NUMBER(struct bp_zoned_status, free_cache_zones, 0, UINT32_MAX,
		   "free zones of the regular device"),
	ARG_NUMBER(struct bp_zoned_status, cache_zones, 0, UINT32_MAX,
		   "zones of the regular device"),
	ARG_END,
};

static const struct arg random_use[] = {
	ARG_NUMBER(struct bp_zoned_dev_status, free_random_zones, 0, UINT32_MAX,
		   "free zones for random writes"),
	ARG_NUMBER(struct bp_zoned_dev_status, random_zones, 0, UINT32_MAX,
		   "zones for random writes"),
	ARG_END,
};

static const struct arg sequential_use[] = {
	ARG_NUMBER(struct bp_zoned_dev_status, free_sequential_zones, 0, UINT32_MAX,
		   "free sequential zones"),
	ARG_NUMBER(struct bp_zoned_dev_status, sequential_zones, 0, UINT32_MAX,
		   "sequential zones"),
	ARG_END,
};

static const struct arg dev_status[] = {
	ARG_SPLIT('/', random_use),
	ARG_LITERAL("random"),
	ARG_SPLIT('/', sequential_use),
	ARG_LITERAL("sequential"),
	ARG_END,
};

static const struct arg status[] = {
	ARG_NUMBER(struct bp_zoned_status, zones, 0, UINT32_MAX, "zones there are"),
	ARG_LITERAL("zones"),
	ARG_SPLIT('/', cache_use),
	ARG_LITERAL("cache"),
	ARG_EACH(struct bp_zoned_status, devs, nr_devs, dev_status, "each zoned device",
		 .flags = ARG_REST),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "reclaim", "", "begin to free zones", 0, NULL },
	{ NULL },
};

/*
 * Whether the disks are zoned, and were formatted, isn't looked at: that is said as
 * unknown, not left out.
 */
static void check(struct check *c, const void *params)
{
	const struct bp_zoned *zoned = params;
	char name[48];

	if (zoned->nr_devs == 0) {
		check_refuse(c, "devs", "DEV...", "at least one device must be given");
		return;
	}
	for (size_t i = 1; i < zoned->nr_devs; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!check_same_dev(c, zoned->devs[i].dev, zoned->devs[k].dev))
				continue;
			snprintf(name, sizeof(name), "devs.%zu.dev", i);
			check_refuse(c, name, "another device", "it is given twice");
			break;
		}
	}
	check_found(c, BP_SEVERITY_UNKNOWN, "devs.0.dev", NULL,
		    "whether the devices are zoned and were formatted was not looked at: Linux "
		    "6.12 and 7.2 crash on a zoned device that was not");
}

/* clang-format off */
static const struct rule rules[] = {
	RULE_NO_DEVICE("Get target device failed", "devs"),
	{ "Invalid regular device", "devs", "the regular device's zones must fit the metadata", NULL },
	{ "First device must be a regular device", "devs", "the first of several devices is regular",
	  "a device without zones first" },
	{ "Too many regular devices", "devs", "there is one regular device at most",
	  "one device without zones" },
	{ "Too many zoned devices", "devs", "there are too many devices", "fewer devices" },
	{ "Partial mapping is not supported", "length", "the segment must be the whole device",
	  "the device's size" },
	{ "Primary disk is not a regular device", "devs", "the first of several devices is regular",
	  "a device without zones first" },
	{ "Secondary disk is not a zoned device", "devs", "all devices but the first are zoned",
	  "zoned devices" },
	{ "Zone nr sectors mismatch", "devs", "all zoned devices must have zones of one size",
	  "devices with the same zones" },
	{ "Disk is not a zoned device", "devs", "a single device must be zoned", "a zoned device" },
	{ "Invalid argument count", "devs", "zoned needs a device", "DEV..." },
	RULE_NO_MEMORY("Unable to allocate the zoned target descriptor"),
	RULE_NO_MEMORY("Unable to allocate the zoned device descriptors"),
	RULE_NO_MEMORY("Unable to allocate the dm device descriptors"),
	{ "Metadata initialization failed", "devs", "the devices have no metadata of dm-zoned",
	  "devices formatted with dmzadm" },
	RULE_NO_MEMORY("Create BIO set failed"),
	RULE_NO_MEMORY("Create chunk workqueue failed"),
	RULE_NO_MEMORY("Create flush workqueue failed"),
	RULE_NO_MEMORY("Zone reclaim initialization failed"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_zoned = {
	.name = "zoned",
	.summary = "random writes to host-managed zoned devices",
	.module = "dm-zoned",
	.since = "4.13",
	.flags = BP_TARGET_SINGLETON,
	.size = sizeof(struct bp_zoned),
	.args = args,
	.status_size = sizeof(struct bp_zoned_status),
	.status = status,
	.messages = messages,
	.check = check,
	.rules = rules,
};
