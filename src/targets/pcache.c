/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pcache CACHE_DEV BACKING_DEV [#OPTIONS OPTION...]. What kernels print is not what they take:
 * data_crc comes back as crc. Source: Linux, drivers/md/dm-pcache.
 */
#include "targets/grammar/rule.h"

#define OPTION_WORDS 4

static const struct arg_word modes[] = { { "writeback", BP_PCACHE_WRITEBACK }, { NULL } };

static const struct arg_word truth[] = {
	{ "true", BP_ON },
	{ "false", BP_OFF },
	{ NULL },
};

#define CACHE_MODE                                                                             \
	ARG_CHOICE(struct bp_pcache, cache_mode, modes,                                        \
		   "when writes reach the backing device", .def = "writeback")
#define DATA_CRC(...)                                                                          \
	ARG_CHOICE(struct bp_pcache, data_crc, truth, "keep checksums of the data",            \
		   .def = "false", __VA_ARGS__)
#define DEVICES                                                                                \
	ARG_DEV(struct bp_pcache, cache_dev, "persistent memory"),                             \
		ARG_DEV(struct bp_pcache, backing_dev, "the slow device")

static const struct arg options[] = { CACHE_MODE, DATA_CRC(), ARG_END };
static const struct arg printed_options[] = { CACHE_MODE, DATA_CRC(.word = "crc"), ARG_END };

static const struct arg args[] = {
	DEVICES,
	ARG_OPTIONS(options, .max = OPTION_WORDS, .flags = ARG_OPTIONAL | ARG_REPEAT),
	ARG_END,
};

static const struct arg printed[] = {
	DEVICES,
	ARG_OPTIONS(printed_options, .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg place_parts[] = {
	ARG_NUMBER(struct bp_pcache_place, segment, 0, UINT32_MAX, "number of the segment"),
	ARG_NUMBER(struct bp_pcache_place, offset_bytes, 0, UINT32_MAX, "where in it"),
	ARG_END,
};

static const struct arg place[] = { ARG_SPLIT(':', place_parts), ARG_END };

static const struct arg status[] = {
	ARG_NUMBER(struct bp_pcache_status, superblock_flags, 0, UINT32_MAX,
		   "flags of the cache device", .flags = ARG_HEX_NUMBER),
	ARG_NUMBER(struct bp_pcache_status, segments, 0, UINT32_MAX,
		   "segments of the cache device"),
	ARG_NUMBER(struct bp_pcache_status, cache_segments, 0, UINT32_MAX,
		   "segments that hold data"),
	ARG_NUMBER(struct bp_pcache_status, used_segments, 0, UINT32_MAX, "segments in use"),
	ARG_NUMBER(struct bp_pcache_status, gc_percent, 0, UINT32_MAX,
		   "free segments when so much is used"),
	ARG_NUMBER(struct bp_pcache_status, flags, 0, UINT32_MAX,
		   "bit 0: data_crc; 1: initialised; 2 to 5: mode; from 6 on: gc_percent",
		   .flags = ARG_HEX_NUMBER),
	ARG_RECORD(struct bp_pcache_status, head, place),
	ARG_RECORD(struct bp_pcache_status, dirty_tail, place),
	ARG_RECORD(struct bp_pcache_status, tail, place),
	ARG_END,
};

static const struct arg gc_args[] = {
	ARG_NUMBER(struct bp_pcache_gc, gc_percent, 0, 90, "free segments when so much is used",
		   .flags = ARG_PLUS),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "gc_percent", "GC_PERCENT", "free segments when so much is used",
	  sizeof(struct bp_pcache_gc), gc_args },
	{ NULL },
};

/* The kernel takes no second table for a device that is live. */
static void check(struct check *c, const void *params)
{
	const struct bp_pcache *pcache = params;

	if (c->opts.live)
		check_refuse(c, NULL, NULL,
			     "a live device can't get this table: remove it and make it anew");
	check_distinct(c, "backing_dev", pcache->backing_dev, "cache_dev", pcache->cache_dev);
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Insufficient args", NULL, "pcache has two arguments at least", "CACHE BACKING" },
	RULE_NO_DEVICE("Error opening cache device", "cache_dev"),
	RULE_NO_DEVICE("Error opening backing device", "backing_dev"),
	RULE_COUNT("Invalid number of cache option arguments", "#options"),
	{ "Missing value for cache_mode", "cache_mode", "the word has a value", "cache_mode writeback" },
	{ "Invalid cache mode parameter", "cache_mode", "there is one mode", "writeback" },
	{ "Missing value for data_crc", "data_crc", "the word has a value", "data_crc true or false" },
	{ "Invalid data crc parameter", "data_crc", "it is on or off", "true or false" },
	{ "Unrecognised cache option requested", "#options", "there are two options",
	  "cache_mode, data_crc" },
	{ "Failed to start cache dev", "cache_dev",
	  "the cache device must be persistent memory, empty or of pcache", NULL },
	{ "Failed to start backing dev", "backing_dev", "the backing device could not be opened", NULL },
	{ "Failed to start pcache", NULL, "the cache could not be started: its own lines say why", NULL, .vague = true },
	{ "Don't support table loading for live md", NULL, "a live pcache can't be reloaded",
	  "remove the device first" },
	{ NULL },
};
/* clang-format on */

static const struct brief brief[] = {
	{ "used", "used_segments", "cache_segments" },
	{ NULL },
};

const struct bp_target target_pcache = {
	.name = "pcache",
	.summary = "cache a slow device on persistent memory",
	.reprint = "data_crc is printed as crc, which no kernel takes",
	.module = "dm-pcache",
	.since = "6.18",
	.flags = BP_TARGET_SINGLETON | BP_TARGET_FORMATS,
	.size = sizeof(struct bp_pcache),
	.args = args,
	.printed = printed,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_pcache_status),
	.status = status,
	.brief = brief,
	.messages = messages,
	.maps = MAPS_WHOLE(struct bp_pcache, backing_dev),
	.check = check,
	.rules = rules,
};
