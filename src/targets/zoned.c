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

/* clang-format off */
static const struct rule log_lines[] = {
	LOG_ACT("(*): Backing device offline",
		"a device below is gone: all I/O fails",
		"bring the device back; then load the table again"),
	LOG_ACT("(*): Backing device queue dying",
		"a device below is going: all I/O fails",
		"bring the device back; then load the table again"),
	LOG_ACT("(*): BIO op *, can't process chunk *",
		"an I/O failed, as its zone or the metadata could not be used",
		"the lines in front say which; look at the devices"),
	LOG_HARMLESS("(*): BIO op * => chunk *",
		"an I/O, as it was divided"),
	LOG_STOP("(*): Metadata flush failed, rc=*",
		"the metadata can't be written: newest writes are not safe",
		"look at the devices; copy the data off"),
	LOG_ACT("(*): Unsupported BIO operation *",
		"an I/O came of a kind that zoned does not take",
		"the program that sent it"),
	LOG_ACT("unrecognized message *",
		"the target has no such message",
		"bedplate targets zoned shows those it has"),
	LOG_HARMLESS("(*): DISCARD chunk *",
		"an I/O, and the zone it went to"),
	LOG_HARMLESS("(*): READ chunk *",
		"an I/O, and the zone it went to"),
	LOG_HARMLESS("(*): WRITE chunk *",
		"an I/O, and the zone it went to"),
	LOG_HARMLESS("(*): Target device: *",
		"how large the device is"),
	LOG_ACT("(*): Get zone * report failed",
		"the state of a zone can't be read",
		"look at the device"),
	LOG_STOP("(*): Invalid checksum *",
		"one of the two sets of metadata is damaged: the other is used if it is whole",
		"look for \"recovering\" or \"No valid super block\" behind it"),
	LOG_STOP("(*): Invalid *",
		"one of the two sets of metadata is damaged, or not of dm-zoned: the other is used if it is whole",
		"look for \"recovering\" or \"No valid super block\" behind it"),
	LOG_ACT("(*): NULL *uuid",
		"the metadata lack the names of the set or of the device: they were not made whole",
		"dmzadm --check"),
	LOG_ACT("(*): mismatching DM-Zoned *",
		"the devices are not of one set",
		"the devices that were formatted together"),
	LOG_ACT("(*): Metadata set * invalid: recovering",
		"one of the two copies of the metadata is bad, and is made again from the other",
		"look at the device: why it was bad"),
	LOG_STOP("(*): Recovery of superblock * failed",
		"a bad copy of the metadata could not be made again",
		"look at the device; dmzadm --check"),
	LOG_STOP("(*): Read * super block failed",
		"a copy of the metadata can't be read",
		"look at the device"),
	LOG_STOP("(*): No valid super block found",
		"neither copy of the metadata is whole: the device can't be used",
		"dmzadm --check; the right devices, in their order"),
	LOG_ACT("(*): Processing zone * write error *",
		"a write to a zone failed: where it stands is asked from the device",
		"look at the device"),
	LOG_ACT("(*): Reset zone * failed *",
		"a zone can't be emptied",
		"look at the device"),
	LOG_ACT("(*): Tertiary super*",
		"the superblock of a device is not where or what it should be",
		"the devices that were formatted together"),
	LOG_ACT("(*): Broken zone *",
		"a zone does not do what a zone should, and is not used",
		"look at the device"),
	LOG_STOP("(*): Chunk * mapping: *",
		"the metadata name zones that are not there: they are damaged",
		"dmzadm --check; copy the data off"),
	LOG_ACT("(*): Failed to * zones, error *",
		"the zones of the device can't be read",
		"look at the device"),
	LOG_ACT("(*): No zones found",
		"the device tells no zones",
		"a zoned device"),
	LOG_ACT("(*): Primary super block zone not set",
		"the metadata have no place: no zone for them was found",
		"the devices that were formatted together"),
	LOG_ACT("(*): Unable to get zone *",
		"the state of a zone can't be read",
		"look at the device"),
	LOG_ACT("(*): Allocate metadata cache shrinker failed",
		"the kernel has no memory for it",
		"free memory, and try again"),
	LOG_ACT("(*): Zone * has metadata",
		"the metadata would use a zone twice: they are damaged",
		"dmzadm --check"),
	LOG_ACT("(*): Zone * is offline",
		"a zone of the device has failed: what lay there is lost",
		"restore what lies there; look at the device"),
	LOG_ACT("(*): Zone *: *",
		"what the metadata say of a zone is not what the device says",
		"dmzadm --check"),
	LOG_ACT("(*): metadata zone * not *",
		"a zone of the metadata is not one that can be written at random",
		"the devices that were formatted together"),
	LOG_ACT("(*): metadata zone * is not random",
		"a zone of the metadata is not one that can be written at random",
		"the devices that were formatted together"),
	LOG_HARMLESS("(*): Host-* zoned block device",
		"what kind of device it is"),
	LOG_HARMLESS("(*): Regular block device",
		"what kind of device it is"),
	LOG_HARMLESS("(*): Using *",
		"which metadata are used, or how much memory"),
	LOG_HARMLESS("(*): DM-Zoned metadata version *",
		"of which version the metadata are"),
	LOG_HARMLESS("(*): Format:",
		"what the device looks like, in the lines behind it"),
	LOG_HARMLESS("(*):   *",
		"what the device looks like"),
	LOG_HARMLESS("(*): * metadata blocks per set *",
		"what the device looks like"),
	LOG_HARMLESS("(*): read superblock set *",
		"which metadata are read"),
	LOG_HARMLESS("(*): => *VALIDATE zone *",
		"which blocks of a zone are in use"),
	LOG_ACT("(*): mblock * still in *",
		"a fault of the kernel: a block of metadata was not given back",
		"report it to those who made the kernel"),
	LOG_ACT("(*): Align zone * failed *",
		"a zone could not be written where it stands, so it is not reclaimed",
		"look at the device"),
	LOG_ACT("(*): Failed to reclaim zone *, err *",
		"a zone could not be freed: when none is free, writes fail",
		"look at the devices"),
	LOG_STOP("(*): Metadata flush for zone * failed, err *",
		"the metadata can't be written: newest writes are not safe",
		"look at the devices; copy the data off"),
	LOG_ACT("(*): No zone found to reclaim",
		"no zone can be freed: when none is free, writes fail",
		"bedplate message NAME 0 reclaim; discard what is not needed"),
	LOG_HARMLESS("(*): *eclaim*",
		"zones are being freed"),
	LOG_HARMLESS("(*): Chunk *, move * zone *",
		"zones are being freed"),
	{ NULL },
};
/* clang-format on */

static const char *const log_names[] = { "zoned metadata", "zoned reclaim", NULL };

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
	.log_names = log_names,
	.log = BP_RESCUE ? NULL : log_lines,
};
