/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dust DEV OFFSET BLOCK_BYTES. Source: Linux, drivers/md/dm-dust.c. */
#include "targets/grammar/rule.h"

#include <inttypes.h>

/* 2^21 sectors. */
#define BLOCK_MAX (UINT64_C(1) << 30)

static const struct arg args[] = {
	ARG_DEV(struct bp_dust, dev, "the device mapped to"),
	ARG_NUMBER(struct bp_dust, offset_sectors, 0, UINT64_MAX, "where in it to begin"),
	ARG_NUMBER(struct bp_dust, block_bytes, 512, BLOCK_MAX, "what is bad at a time",
		   .flags = ARG_PLUS | ARG_POWER_OF_2),
	ARG_END,
};

static const struct arg_word reads[] = {
	{ "bypass", BP_DUST_BYPASS },
	{ "fail_read_on_bad_block", BP_DUST_FAIL_READ_ON_BAD_BLOCK },
	{ NULL },
};

static const struct arg_word logs[] = {
	{ "verbose", BP_DUST_VERBOSE },
	{ "quiet", BP_DUST_QUIET },
	{ NULL },
};

static const struct arg status[] = {
	ARG_DEV(struct bp_dust_status, dev, "the device mapped to"),
	ARG_CHOICE(struct bp_dust_status, reads, reads, "do reads of bad blocks fail?"),
	ARG_CHOICE(struct bp_dust_status, log, logs, "are messages logged?",
		   .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg add_args[] = {
	ARG_NUMBER(struct bp_dust_add, block, 0, UINT64_MAX, "which block", .flags = ARG_PLUS),
	ARG_MAYBE(struct bp_dust_add, write_fails, 0, 255,
		  "so many writes fail before one repairs it",
		  .flags = ARG_OPTIONAL | ARG_PLUS),
	ARG_END,
};

static const struct arg block_args[] = {
	ARG_NUMBER(struct bp_dust_block, block, 0, UINT64_MAX, "which block",
		   .flags = ARG_PLUS),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "addbadblock", "BLOCK [WRITE_FAILS]", "make a block bad", sizeof(struct bp_dust_add),
	  add_args },
	{ "removebadblock", "BLOCK", "make a block good", sizeof(struct bp_dust_block),
	  block_args },
	{ "queryblock", "BLOCK", "answer whether a block is bad", sizeof(struct bp_dust_block),
	  block_args },
	{ "countbadblocks", "", "answer how many blocks are bad", 0, NULL },
	{ "listbadblocks", "", "answer which blocks are bad", 0, NULL },
	{ "clearbadblocks", "", "make all blocks good", 0, NULL },
	{ "enable", "", "let reads of bad blocks fail", 0, NULL },
	{ "disable", "", "let reads of bad blocks pass", 0, NULL },
	{ "quiet", "", "log no messages, or log them again", 0, NULL },
	{ NULL },
};

/* Source: Linux, drivers/md/dm-dust.c, dust_ctr(). */
static void check(struct check *c, const void *params)
{
	const struct bp_dust *dust = params;
	bp_sector block = bp_bytes_to_sector(dust->block_bytes);

	if (block > c->length_sectors)
		check_refuse(c, "block_bytes", NULL,
			     "a block is larger than the segment, %" PRIu64 " sectors",
			     c->length_sectors);
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Invalid argument count", NULL, "dust has three arguments", "DEV OFFSET BLOCK" },
	{ "Invalid block size parameter", "block_bytes", "it must be a number of bytes",
	  "a power of two, 512 or more" },
	{ "Block size must be at least 512", "block_bytes", "a block has 512 bytes or more",
	  "a power of two, 512 or more" },
	{ "Block size must be a power of 2", "block_bytes", "a block must be a power of two",
	  "a power of two, 512 or more" },
	{ "Block size is too large", "block_bytes", "a block must not be longer than the segment",
	  "a smaller block" },
	RULE_SECTOR("Invalid device offset sector", "offset_sectors"),
	RULE_NO_MEMORY("Cannot allocate context"),
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	{ NULL },
};
/* clang-format on */

/* clang-format off */
static const struct rule log_lines[] = {
	LOG_HARMLESS("* badblock added at block * with write fail count *",
		"a block was made bad, as a message asked"),
	LOG_HARMLESS("* badblock removed at block *",
		"a block was made good again, as a message asked"),
	LOG_HARMLESS("block * removed from badblocklist by write",
		"a bad block was written, and is good again"),
	LOG_HARMLESS("enabling read failures on bad sectors",
		"reads of bad blocks fail from now on, as a message asked"),
	LOG_HARMLESS("disabling read failures on bad sectors",
		"reads of bad blocks pass from now on, as a message asked"),
	LOG_ACT("* block * already in badblocklist",
		"the block is bad already: nothing has changed",
		"bedplate message NAME 0 listbadblocks"),
	LOG_ACT("* block * not found in badblocklist",
		"the block is not bad: nothing has changed",
		"bedplate message NAME 0 listbadblocks"),
	LOG_ACT("selected block value out of range",
		"a message names a block behind the end",
		"a smaller number: blocks are of the size in the table"),
	LOG_ACT("selected write fail count out of range",
		"a message wants more failing writes than can be counted",
		"0 to 255"),
	LOG_ACT("* requires an additional argument",
		"a message lacks the number of its block",
		"bedplate targets dust shows what each takes"),
	LOG_ACT("invalid number of arguments '*'",
		"a message has too many or too few words",
		"bedplate targets dust shows what each takes"),
	LOG_ACT("unrecognized message '*' received",
		"the target has no such message",
		"bedplate targets dust shows those it has"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_dust = {
	.name = "dust",
	.summary = "simulate bad sectors",
	.reprint = "the bad blocks and whether they fail are not printed",
	.module = "dm-dust",
	.since = "5.2",
	.size = sizeof(struct bp_dust),
	.args = args,
	.status_size = sizeof(struct bp_dust_status),
	.status = status,
	.messages = messages,
	.maps = MAPS(struct bp_dust, dev, offset_sectors),
	.check = check,
	.rules = rules,
	.log = BP_RESCUE ? NULL : log_lines,
};
