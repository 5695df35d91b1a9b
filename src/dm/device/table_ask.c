/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What pre-flight asks of this system beyond a device's size: what runs on a mapped device, who
 * uses a device as what, and whether one is blank. A question that can't be asked is answered by
 * "unknown", never by an error.
 */
#include "dm/device/table_io.h"

#include <stdio.h>

#define BLANK_BYTES 4096

/* Ask for the live table of a device by number. */
static int ask_table(struct bp_ctx *ctx, const struct bp_bdev *bdev, struct dm_reply *ret)
{
	struct dm_request rq = { .op = OP_TABLE, .deadline = DEADLINE_NEVER };
	struct which which = { .major = bdev->major, .minor = bdev->minor };

	snprintf(which.label, sizeof(which.label), "%u:%u", bdev->major, bdev->minor);
	return dm_ask(ctx, "check-table", &which, &rq, ret);
}

/* Yes, if any segment of it is @target. Other devices than mapped ones run nothing. */
enum bp_answer table_runs(void *user, const struct bp_bdev *bdev, const char *target)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct error_state *saved = error_save(user);
	enum bp_answer answer = BP_ANSWER_NO;
	uint32_t major = 0;
	struct dm *dm;
	int r = dm_get(user, &dm);

	if (r == 0)
		dm->ops->major(dm->self, &major);
	if (r == 0 && bdev->major == major)
		r = ask_table(user, bdev, &reply);
	error_restore(user, saved);
	if (r < 0 && r != -ENXIO)
		return BP_ANSWER_UNKNOWN;
	for (size_t i = 0; i < reply.segments.count; i++)
		if (streq(reply.segments.items[i].target, target))
			answer = BP_ANSWER_YES;
	return answer;
}

struct asked {
	const struct bp_bdev *bdev;
	const char *target, *argument, *except;
};

/* Is the word of a table the device? Kernels print numbers. */
static bool is_device(const char *word, const struct bp_bdev *bdev)
{
	unsigned major, minor;
	int end = 0;

	return sscanf(word, "%u:%u%n", &major, &minor, &end) == 2 && !word[end] &&
	       major == bdev->major && minor == bdev->minor;
}

/* 1: one segment of the table uses it so. */
static int table_uses(struct bp_ctx *ctx, const struct asked *asked,
		      const struct dm_reply *reply)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	int r = table_from_reply(ctx, reply, false, &table);

	for (size_t i = 0; r == 0 && i < bp_table_count(table); i++) {
		const struct bp_segment *segment = bp_table_get(table, i);
		_cleanup_(freep) char *word = NULL;

		if (streq(segment->target, asked->target) &&
		    bp_segment_get(ctx, segment, asked->argument, &word) == 0 && word)
			r = is_device(word, asked->bdev);
	}
	return r;
}

/* The same for a mapped device; of one that vanishes meanwhile, 0. */
static int device_uses(struct bp_ctx *ctx, const struct asked *asked, uint32_t major,
		       uint32_t minor)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	const struct bp_bdev self = { .major = major, .minor = minor };
	int r;

	if (asked->except && is_device(asked->except, &self))
		return 0;
	r = ask_table(ctx, &self, &reply);
	if (r < 0)
		return r == -ENXIO ? 0 : r;
	return table_uses(ctx, asked, &reply);
}

/* Asks every live table: a metadata device in two pools is lost. */
enum bp_answer table_used_as(void *user, const struct bp_bdev *bdev, const char *target,
			     const char *argument, const char *except)
{
	_cleanup_(dm_reply_done) struct dm_reply list = { 0 };
	const struct asked asked = { bdev, target, argument, except };
	struct dm_request rq = { .op = OP_LIST, .deadline = DEADLINE_NEVER };
	struct error_state *saved = error_save(user);
	int r = dm_ask(user, "check-table", NULL, &rq, &list);

	for (size_t i = 0; r == 0 && i < list.entries.count; i++)
		r = device_uses(user, &asked, list.entries.items[i].major,
				list.entries.items[i].minor);
	error_restore(user, saved);
	if (r < 0)
		return BP_ANSWER_UNKNOWN;
	return r ? BP_ANSWER_YES : BP_ANSWER_NO;
}

/* All zeros, as the kernel looks at it before it formats. */
enum bp_answer table_is_blank(void *user, const struct bp_bdev *bdev)
{
	struct error_state *saved = error_save(user);
	unsigned char head[BLANK_BYTES];
	struct dm *dm;
	int r = dm_get(user, &dm);

	if (r == 0)
		r = dm->ops->bdev_read(dm->self, bdev, head, sizeof(head));
	error_restore(user, saved);
	if (r < 0)
		return BP_ANSWER_UNKNOWN;
	for (size_t i = 0; i < sizeof(head); i++)
		if (head[i])
			return BP_ANSWER_NO;
	return BP_ANSWER_YES;
}
