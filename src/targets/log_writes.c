/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log-writes DEV LOG_DEV. Source: Linux, drivers/md/dm-log-writes.c. */
#include "targets/grammar/rule.h"

static const struct arg args[] = {
	ARG_DEV(struct bp_log_writes, dev, "the device mapped to"),
	ARG_DEV(struct bp_log_writes, log_dev, "where all writes are recorded"),
	ARG_END,
};

static const struct arg status[] = {
	ARG_NUMBER(struct bp_log_writes_status, entries, 0, UINT64_MAX, "what was recorded"),
	ARG_NUMBER(struct bp_log_writes_status, last_sector, 0, UINT64_MAX,
		   "the last one used of the log device"),
	ARG_FLAG(struct bp_log_writes_status, logging_disabled,
		 "nothing is recorded any more: the log device is full or failed",
		 .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg mark_args[] = {
	ARG_TEXT(struct bp_log_writes_mark, text, "one word, to be found by later"),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "mark", "TEXT", "record a mark", sizeof(struct bp_log_writes_mark), mark_args },
	{ NULL },
};

/* A log on the device itself would log its own writes. */
static void check(struct check *c, const void *params)
{
	const struct bp_log_writes *log = params;

	check_distinct(c, "log_dev", log->log_dev, "dev", log->dev);
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Invalid argument count", NULL, "log-writes has two arguments", "DEV LOG_DEV" },
	RULE_NO_MEMORY("Cannot allocate context"),
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	RULE_NO_DEVICE("Log device lookup failed", "log_dev"),
	RULE_NO_MEMORY("Couldn't alloc kthread"),
	{ NULL },
};
/* clang-format on */

static const struct brief brief[] = {
	{ "entries", "entries", NULL },
	{ "not logging", "logging_disabled", NULL },
	{ NULL },
};

/* clang-format off */
static const struct rule log_lines[] = {
	LOG_ACT("Error writing log block, error=*",
		"the log's device can't be written: I/O goes on, but is not logged from here on",
		"a new log, on a device that works"),
	LOG_ACT("Ran out of space on the logdev",
		"the log's device is full: I/O goes on, but is not logged from here on",
		"a new log, on a larger device"),
	LOG_ACT("Couldn't write super",
		"the log's header could not be written: I/O goes on, but is not logged from here on",
		"a new log, on a device that works"),
	LOG_ACT("Couldn't add page *",
		"a write could not be put into the log: logging stops",
		"a new log"),
	LOG_ACT("Couldn't alloc *",
		"the kernel had no memory to log a write: logging stops",
		"free memory; then a new log"),
	LOG_ACT("Error alloc*",
		"the kernel had no memory to log a write: that write fails",
		"free memory, and try again"),
	LOG_ACT("Error copying mark data",
		"a mark could not be logged",
		"bedplate message NAME 0 mark TEXT, once more"),
	LOG_ACT("Invalid log-writes message arguments, *",
		"the target has one message, of two words",
		"bedplate message NAME 0 mark TEXT"),
	LOG_ACT("Unrecognised log writes target message received: *",
		"the target has no such message",
		"bedplate message NAME 0 mark TEXT"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_log_writes = {
	.name = "log-writes",
	.summary = "record all writes on a second device",
	.module = "dm-log-writes",
	.since = "4.1",
	.size = sizeof(struct bp_log_writes),
	.args = args,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_log_writes_status),
	.status = status,
	.brief = brief,
	.messages = messages,
	.maps = MAPS_WHOLE(struct bp_log_writes, dev),
	.check = check,
	.rules = rules,
	.log = BP_RESCUE ? NULL : log_lines,
};
