/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules of pre-flight that are not one target's: of the table as a whole, and those that follow
 * from the grammar alone (what is missing, ranges, devices, words of newer kernels).
 * Source: Linux, drivers/md/dm-table.c, and what kernels 6.1, 6.12 and 7.2 were seen to do.
 */
#include "core/context.h"
#include "core/number.h"
#include "targets/grammar/rule.h"
#include "targets/grammar/secret.h"

#include <inttypes.h>
#include <stdio.h>

/* --- the table as a whole --- */

/* Segments lie one behind the other, from 0, none of them empty. */
static void check_layout(struct check *check)
{
	bp_sector expected = 0;

	for (size_t i = 0; i < check->table->segments.count; i++) {
		const struct bp_segment *s = &check->table->segments.items[i]->pub;
		char right[24];
		bp_sector end;

		check->segment = (int)i;
		snprintf(right, sizeof(right), "%" PRIu64, expected);
		if (s->start_sectors != expected)
			check_refuse(check, "start", right,
				     i == 0 ? "the first segment must begin at 0, not %" PRIu64
				     : s->start_sectors > expected
					     ? "a gap: the segment begins at %" PRIu64
					       ", behind the end of the one before"
					     : "an overlap: the segment begins at %" PRIu64
					       ", before the end of the one before",
				     s->start_sectors);
		if (s->length_sectors == 0)
			check_refuse(check, "length", "1 or more", "the segment is empty");
		if (add_overflow(s->start_sectors, s->length_sectors, &end) ||
		    end > BP_TABLE_SECTOR_MAX) {
			check_refuse(check, "length", NULL,
				     "too large: a device ends at sector %" PRIu64 " at most",
				     (uint64_t)BP_TABLE_SECTOR_MAX);
			end = BP_TABLE_SECTOR_MAX;
		}
		expected = end;
	}
	check->segment = -1;
}

/* Must this target be alone, in the kernel at hand? */
static enum bp_answer is_singleton(const struct check *check, const struct bp_target *target)
{
	if (target->flags & BP_TARGET_SINGLETON)
		return BP_ANSWER_YES;
	if (target->flags & BP_TARGET_SINGLETON_6_12)
		return check_release(check, 0x060c);
	return BP_ANSWER_NO;
}

/* Is there a segment of another target? */
static bool is_mixed(const struct check *check, const struct bp_target *target)
{
	for (size_t i = 0; i < check->table->segments.count; i++)
		if (!streq(check->table->segments.items[i]->pub.target, target->name))
			return true;
	return false;
}

/* Which targets go together, and with a read-only table. */
static void check_mixture(struct check *check, const struct segment *s)
{
	const struct bp_target *t = s->type;
	const bool alone = check->table->segments.count == 1;

	if (!alone && is_singleton(check, t) == BP_ANSWER_YES)
		check_refuse(check, NULL, NULL, "%s must be the only segment of its table",
			     t->name);
	else if ((t->flags & BP_TARGET_IMMUTABLE) && is_mixed(check, t))
		check_refuse(check, NULL, NULL, "%s can't be mixed with other targets",
			     t->name);
	if (check->opts.read_only && (t->flags & BP_TARGET_NEVER_READ_ONLY))
		check_refuse(check, NULL, NULL, "a table of %s can't be read-only", t->name);
	if (!check->opts.read_only && (t->flags & BP_TARGET_ONLY_READ_ONLY))
		check_refuse(check, NULL, NULL, "a table of %s must be read-only", t->name);
}

/* A name that neither the kernel nor we know may be a slip. */
static void refuse_target(struct check *check, const struct segment *s)
{
	const char *near = s->type ? NULL : target_near(s->pub.target);

	if (near)
		check_refuse(check, NULL, near,
			     "this kernel has no target '%s'; did you mean '%s'?",
			     s->pub.target, near);
	else
		check_refuse(check, NULL, NULL, "this kernel has no target '%s'%s%s",
			     s->pub.target, s->type ? ": module " : "",
			     s->type ? s->type->module : "");
}

/* Does the kernel have the target? */
static void check_known(struct check *check, const struct segment *s)
{
	uint32_t version[3] = { 0 };
	enum bp_answer has = BP_ANSWER_UNKNOWN;
	const char *near;

	if (check->opts.has_target)
		has = check->opts.has_target(check->opts.user, s->pub.target, version);
	near = s->type || has != BP_ANSWER_UNKNOWN ? NULL : target_near(s->pub.target);
	if (has == BP_ANSWER_NO)
		refuse_target(check, s);
	else if (near)
		check_found(check, BP_SEVERITY_UNKNOWN, NULL, near,
			    "the target '%s' is not known here; did you mean '%s'?",
			    s->pub.target, near);
	else if (!s->type && has == BP_ANSWER_UNKNOWN)
		check_found(check, BP_SEVERITY_UNKNOWN, NULL, NULL,
			    "the target '%s' is not known here", s->pub.target);
	else if (!s->type)
		check_found(check, BP_SEVERITY_UNKNOWN, NULL, NULL,
			    "the target is not known here: its arguments were not checked");
}

/* Does the kernel hand it I/O as requests, not as bios? */
static bool by_requests(const struct segment *s)
{
	const struct bp_multipath *multipath = s->params;

	return s->type && s->params && streq(s->pub.target, "multipath") &&
	       multipath->queue_mode != BP_MULTIPATH_BIO;
}

/* Who uses a device does not expect its end to come nearer. */
static void check_shorter(struct check *check)
{
	const bp_sector now = bp_table_length(check->opts.live);
	const bp_sector next = bp_table_length(check->table);

	if (next < now)
		check_found(check, BP_SEVERITY_WARNING, "length", NULL,
			    "the device gets shorter, %" PRIu64 " sectors instead of %" PRIu64
			    ": what lies behind is lost to whoever uses it",
			    next, now);
}

/* A live device keeps an immutable target, and its way of passing on I/O. */
static void check_replacement(struct check *check)
{
	const struct bp_table *live = check->opts.live;
	const struct segment *now, *next;

	if (!live || live->segments.count == 0 || check->table->segments.count == 0)
		return;
	check_shorter(check);
	if (live->segments.count != 1)
		return;
	now = live->segments.items[0];
	next = check->table->segments.items[0];
	if (now->type && (now->type->flags & BP_TARGET_IMMUTABLE) &&
	    !streq(now->pub.target, next->pub.target)) {
		check->segment = 0;
		check_refuse(check, NULL, now->pub.target,
			     "the live device is a %s and can't become anything else",
			     now->pub.target);
		check->segment = -1;
	}
	if (by_requests(now) != by_requests(next)) {
		check->segment = 0;
		check_rule(check, NULL, NULL, "can't change device type");
		check->segment = -1;
	}
}

void check_table_rules(struct check *check)
{
	if (check->table->segments.count == 0)
		check_refuse(check, NULL, "START LENGTH TARGET ...", "the table is empty");
	check_layout(check);
	check_replacement(check);
}

/* --- what the grammar says --- */

/* The number in a word. */
static bool number_in(const struct written *w, uint64_t *ret)
{
	return number_parse(written_value(w), UINT64_MAX, ret) == 0;
}

/* The range of a number, for people. */
static void check_number_range(struct check *check, const struct written *w)
{
	const struct arg *arg = w->arg;
	const char *unit = arg_unit(arg);
	char right[64];

	if (arg->max == UINT64_MAX)
		snprintf(right, sizeof(right), "%" PRIu64 " or more", arg->min);
	else
		snprintf(right, sizeof(right), "%" PRIu64 " to %" PRIu64, arg->min, arg->max);
	check_refuse(check, w->name, right, "out of range%s%s", unit ? ", in " : "",
		     unit ? unit : "");
}

/* Range, then power of two, then step: a value far off needs no word about steps. */
static void check_number(struct check *check, const struct written *w)
{
	const struct arg *arg = w->arg;
	char right[64];
	uint64_t value;

	if (!number_in(w, &value))
		return;
	if (value < arg->min || value > arg->max) {
		check_number_range(check, w);
	} else if ((arg->flags & ARG_POWER_OF_2) && value && (value & (value - 1))) {
		check_refuse(check, w->name, "a power of two", "not a power of two");
	} else if (arg->step && value % arg->step) {
		snprintf(right, sizeof(right), "a multiple of %" PRIu64, arg->step);
		check_refuse(check, w->name, right, "not a multiple of %" PRIu64, arg->step);
	}
}

/* A number with a sign: no farther from 0 than the argument's maximum. */
static void check_signed(struct check *check, const struct written *w)
{
	char right[64];
	uint64_t distance;

	if (number_parse(w->text + (*w->text == '-'), UINT64_MAX, &distance) < 0 ||
	    distance <= w->arg->max)
		return;
	snprintf(right, sizeof(right), "-%" PRIu64 " to %" PRIu64, w->arg->max, w->arg->max);
	check_refuse(check, w->name, right, "out of range");
}

/* A group announces no more words than its target reads. */
static void check_group(struct check *check, const struct written *w)
{
	char right[64];
	uint64_t value;

	if (w->arg->max == 0 || !number_in(w, &value) || value <= w->arg->max)
		return;
	snprintf(right, sizeof(right), "0 to %" PRIu64, w->arg->max);
	check_refuse(check, w->name, right, "more words than the target takes");
}

/* Kernels claim devices for their tables; mapped devices share. */
static void check_free(struct check *check, const struct written *w, const struct bp_bdev *bdev)
{
	if (!check->opts.busy)
		return;
	switch (check->opts.busy(check->opts.user, bdev)) {
	case BP_ANSWER_YES:
		check_refuse(check, w->name, NULL, "the device is held by someone else");
		break;
	case BP_ANSWER_UNKNOWN:
		check_found(check, BP_SEVERITY_UNKNOWN, w->name, NULL,
			    "it can't be told whether someone has the device for himself "
			    "alone");
		break;
	case BP_ANSWER_NO:
		break;
	}
}

/* Kernels take it, and fail each write. */
static void check_writable(struct check *check, const struct written *w,
			   const struct bp_bdev *bdev)
{
	if (bdev->read_only && !check->opts.read_only && !(w->arg->flags & ARG_ONLY_READ) &&
	    !(check->target->flags & BP_TARGET_ONLY_READ_ONLY))
		check_found(check, BP_SEVERITY_WARNING, w->name, "a read-only table",
			    "the device is read-only, and the table is not: writes will fail");
}

/*
 * A table over devices of different logical blocks has the largest of them; what is not a
 * multiple of it fails.
 */
static void note_block(struct check *check, const struct bp_bdev *bdev)
{
	const uint32_t bytes = bdev->logical_block_bytes;

	if (!bytes)
		return;
	if (!check->smallest_block || bytes < check->smallest_block)
		check->smallest_block = bytes;
	check->largest_block = MAX(check->largest_block, bytes);
}

/* A device argument: is it there, a block device, another one, free? */
static void check_device(struct check *check, const struct written *w)
{
	const char *dev = written_value(w);
	struct bp_bdev bdev = { 0 };
	char number[BP_DEV_TEXT];
	int r;

	/* Kernels that don't know the argument don't look at it. */
	if (streq(dev, "-") || check_release(check, w->arg->since) == BP_ANSWER_NO)
		return;
	if (!check->opts.lookup) {
		check_found(check, BP_SEVERITY_UNKNOWN, w->name, NULL,
			    "the device was not looked at");
		return;
	}
	r = check->opts.lookup(check->opts.user, dev, &bdev);
	if (r == -ENOTBLK) {
		check_refuse(check, w->name, "a block device", "not a block device");
	} else if (r == -ENOENT || r == -ENXIO || r == -ENODEV || r == -EOVERFLOW) {
		check_refuse(check, w->name, NULL, "no such device");
	} else if (r < 0) {
		check_found(check, BP_SEVERITY_UNKNOWN, w->name, NULL,
			    "the device could not be looked at: %s", strerror(-r));
	} else if (check->opts.device &&
		   streq(bp_dev_format(&bdev, number), check->opts.device)) {
		check_refuse(check, w->name, NULL, "a device can't lie on itself");
	} else if (check->opts.device && check->opts.lies_on &&
		   check->opts.lies_on(check->opts.user, &bdev, check->opts.device) ==
			   BP_ANSWER_YES) {
		check_refuse(check, w->name, NULL,
			     "a circle: the device lies on the one that the table is for, and "
			     "I/O to it would never end");
	} else {
		check_free(check, w, &bdev);
		check_writable(check, w, &bdev);
		note_block(check, &bdev);
	}
}

/* Whatever lies on it may begin at the smaller block. */
static void check_blocks(struct check *check)
{
	if (check->smallest_block != check->largest_block)
		check_found(check, BP_SEVERITY_WARNING, NULL, NULL,
			    "its devices have logical blocks of %" PRIu32 " and %" PRIu32
			    " bytes: the mapped device has the larger, and what was made for "
			    "the smaller may not work on it",
			    check->smallest_block, check->largest_block);
}

/* Has the kernel an option that not every kernel has? By asking it, else by its release. */
static enum bp_answer has_option(const struct check *check, const struct arg *arg,
				 const char *word)
{
	if (check->opts.has_feature)
		return check->opts.has_feature(check->opts.user, check->target->name, word);
	if (arg->absent && check_release(check, arg->absent + 1u) == BP_ANSWER_YES &&
	    check_release(check, arg->since) == BP_ANSWER_NO)
		return BP_ANSWER_UNKNOWN;
	return check_release(check, arg->since);
}

/* Options that a release brought: .since of the grammar, in the target's own file. */
static void check_option(struct check *check, const struct written *w)
{
	const struct arg *arg = w->arg;
	const char *word = arg->flags & ARG_BARE ? w->text : arg_word(arg);

	if (!arg->since)
		return;
	switch (has_option(check, arg, word)) {
	case BP_ANSWER_NO:
		check_refuse(check, w->name, NULL, "this kernel's %s has no '%s'",
			     check->target->name, word);
		break;
	case BP_ANSWER_UNKNOWN:
		check_found(check, BP_SEVERITY_UNKNOWN, w->name, NULL,
			    "only kernels from %u.%u on are known to have '%s'",
			    arg->since >> 8, arg->since & 0xff, word);
		break;
	case BP_ANSWER_YES:
		break;
	}
}

/* Each kind of word has one rule; numbers among options are looked at with their option. */
static void check_word(struct check *check, const struct written *w)
{
	if (!w->arg)
		return;
	switch ((int)w->arg->kind) {
	case KIND_NUMBER:
	case KIND_MAYBE:
	case KIND_COUNT:
		if (w->role != WRITTEN_OPTION)
			check_number(check, w);
		break;
	case KIND_SIGNED:
		if (w->role != WRITTEN_OPTION)
			check_signed(check, w);
		break;
	case KIND_GROUP:
	case KIND_OPTIONS:
		check_group(check, w);
		break;
	case KIND_DEV:
		if (w->role != WRITTEN_OPTION)
			check_device(check, w);
		break;
	default:
		break;
	}
	if (w->role == WRITTEN_OPTION || (w->arg->flags & (ARG_JOINED | ARG_BARE)))
		check_option(check, w);
}

/* Something that must be given is not: what writing says of it. */
static void check_complete(struct check *check, const struct segment *s)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct written_list words = { 0 };
	int r = segment_write(check->ctx, s, 0, &arena, &words);
	const struct bp_error *why = check->ctx ? bp_error_get(check->ctx) : NULL;

	vec_done(&words.list);
	if (r == -ENOMEM)
		check->error = r;
	else if (r < 0)
		check_refuse(check, why ? why->argument_name : NULL, NULL, "%s",
			     why && why->message ? why->message : "something is not given");
}

/* Words behind the last argument: kernels ignore them, except those that read on. */
static void check_extra(struct check *check, const struct segment *s)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	const char *word =
		s->extra.count ? word_public(s->type, s->extra.items[0], &arena) : NULL;

	if (word)
		check_found(check, BP_SEVERITY_WARNING, NULL, NULL,
			    "the kernel ignores '%s' and all behind it", word);
	else if (s->extra.count)
		check->error = -ENOMEM;
}

/* What follows from the grammar alone, for every target. */
void check_grammar_rules(struct check *check, const struct segment *s)
{
	check_known(check, s);
	if (s->pub.problem)
		check_refuse(check, NULL, NULL, "not understood: %s", s->pub.problem);
	if (check->opts.printed && s->type && s->type->reprint)
		check_found(check, BP_SEVERITY_WARNING, NULL, NULL,
			    "what a kernel prints is not all it was given: %s",
			    s->type->reprint);
	if (!s->params)
		return;
	check_mixture(check, s);
	check_complete(check, s);
	for (size_t i = 0; i < check->words.list.count; i++)
		check_word(check, &check->words.list.items[i]);
	check_blocks(check);
	check_extra(check, s);
}
