/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dm/device/table_io.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/near.h"
#include "targets/grammar/secret.h"

void table_freep(struct bp_table **table)
{
	bp_table_free(*table);
}

/* Arguments may hold keys: overwritten before they are freed. */
void load_done(struct load *load)
{
	for (size_t i = 0; i < load->segments.count; i++) {
		char *args = (char *)(uintptr_t)load->segments.items[i].args;

		explicit_bzero(args, strlen(args));
		free(args);
		free((char *)(uintptr_t)load->segments.items[i].shown);
	}
	vec_done(&load->segments);
}

/* @shown is the same without keys, for logs and plans. */
int load_from_table(struct bp_ctx *ctx, const struct bp_table *table, struct load *ret)
{
	_cleanup_(load_done) struct load load = { 0 };

	for (size_t i = 0; i < bp_table_count(table); i++) {
		const struct bp_segment *segment = bp_table_get(table, i);
		struct dm_segment to = {
			.start = segment->start_sectors,
			.length = segment->length_sectors,
			.target = segment->target,
		};
		_cleanup_(freep) char *args = NULL, *shown = NULL;
		int r = bp_segment_format_args(ctx, segment, &args);

		if (r == 0)
			r = segment_format_public(ctx, segment, &shown);
		if (r < 0)
			return r;
		to.args = args;
		to.shown = shown;
		if (vec_add(&load.segments, &to) < 0)
			return bp_fail_memory(ctx);
		args = shown = NULL;
	}
	*ret = load;
	memset(&load, 0, sizeof(load)); /* handed over: nothing left to clean up */
	return 0;
}

/* Lenient, as kernels newer than this library print words that it does not know. */
int table_from_reply(struct bp_ctx *ctx, const struct dm_reply *reply, bool show_keys,
		     struct bp_table **ret)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	int r = bp_table_new(ctx, &table);

	for (size_t i = 0; r == 0 && i < reply->segments.count; i++) {
		const struct dm_segment *segment = &reply->segments.items[i];

		r = table_add_printed(ctx, table, segment->start, segment->length,
				      segment->target, segment->args);
	}
	if (r == 0 && !show_keys)
		r = bp_table_hide_keys(ctx, table);
	if (r == 0)
		*ret = steal(table);
	return r;
}

/* An inactive or the live table. Without "show keys" none is read from the kernel at all. */
int table_read(struct bp_ctx *ctx, const char *verb, const struct which *which, uint32_t flags,
	       struct bp_table **ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_TABLE, .deadline = DEADLINE_NEVER };
	int r;

	if (flags & BP_TABLE_INACTIVE)
		rq.flags |= RQ_INACTIVE;
	if (flags & BP_TABLE_SHOW_KEYS)
		rq.flags |= RQ_SECURE;
	r = dm_ask(ctx, verb, which, &rq, &reply);
	if (r < 0)
		return r;
	return table_from_reply(ctx, &reply, flags & BP_TABLE_SHOW_KEYS, ret);
}

/* --- pre-flight with this system's answers --- */

int table_lookup(void *user_ctx, const char *dev, struct bp_bdev *ret)
{
	struct dm *dm;
	int r = dm_get(user_ctx, &dm);

	return r < 0 ? r : dm->ops->bdev(dm->self, dev, ret);
}

/*
 * Does anybody but device-mapper hold it? Mapped devices share what they lie on. Of a process
 * that has it open nobody can tell whether it shares; to try would disturb others who do.
 */
static enum bp_answer busy(void *user, const struct bp_bdev *bdev)
{
	_cleanup_(freep) struct bp_holder *holders = NULL;
	enum bp_answer answer = BP_ANSWER_NO;
	size_t count = 0;
	struct dm *dm;

	if (dm_get(user, &dm) < 0 ||
	    dm->ops->holders(dm->self, bdev->major, bdev->minor, &holders, &count) < 0)
		return BP_ANSWER_UNKNOWN;
	for (size_t i = 0; i < count; i++)
		if (holders[i].kind == BP_HOLDER_PROCESS)
			answer = BP_ANSWER_UNKNOWN;
		else if ((holders[i].kind != BP_HOLDER_MAPPED &&
			  holders[i].kind != BP_HOLDER_LOOP &&
			  holders[i].kind != BP_HOLDER_ABOVE) ||
			 holders[i].partition[0])
			return BP_ANSWER_YES;
	/* One mapped device on it: so no process has it alone. */
	for (size_t i = 0; i < count; i++)
		if (holders[i].kind == BP_HOLDER_MAPPED)
			answer = BP_ANSWER_NO;
	return answer;
}

/* Loads its module where that can be: a table would do so as well. */
static enum bp_answer has_target(void *user, const char *target, uint32_t version[3])
{
	struct error_state *saved = error_save(user);
	struct bp_kernel_target entry;
	int r = bp_kernel_target_version(user, target, &entry);
	enum bp_error_code code = bp_error_get(user)->code;

	error_restore(user, saved);
	if (r == 0)
		memcpy(version, entry.version, sizeof(entry.version));
	if (r == 0)
		return BP_ANSWER_YES;
	return code == BP_E_UNKNOWN_TARGET ? BP_ANSWER_NO : BP_ANSWER_UNKNOWN;
}

static uint32_t kernel_release(void)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return (major & 0xff) << 8 | (minor & 0xff);
}

/*
 * The questions of a check, answered by this kernel. As many members as the caller's struct
 * has.
 */
void bp_device_check_opts(struct bp_ctx *ctx, struct bp_table_check_opts *ret)
{
	const size_t size = MIN(ret->size, sizeof(*ret));
	struct bp_table_check_opts opts = {
		.lookup = table_lookup,
		.busy = busy,
		.has_target = has_target,
		.lies_on = table_lies_on,
		.runs = table_runs,
		.used_as = table_used_as,
		.is_blank = table_is_blank,
		.user = ctx,
		.kernel_release = kernel_release(),
		.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
	};

	opts.size = size;
	memcpy(ret, &opts, size);
}

/* @live makes it a reload: rules on changes hold. */
static int check(struct bp_ctx *ctx, const struct bp_table *table, const char *device,
		 const struct bp_table *live, bool read_only, struct bp_findings **ret)
{
	struct bp_table_check_opts opts = { .size = sizeof(opts) };

	bp_device_check_opts(ctx, &opts);
	opts.read_only = read_only;
	opts.device = device;
	opts.live = live;
	return bp_table_check(ctx, table, &opts, ret);
}

/* @selector: the device that is to get the table. */
int bp_device_check_table(struct bp_ctx *ctx, const struct bp_table *table,
			  const struct bp_selector *selector, bool read_only,
			  struct bp_findings **ret)
{
	_cleanup_(table_freep) struct bp_table *live = NULL;
	struct dm_state state;
	struct which which;
	char device[32];
	int r;

	if (!selector)
		return check(ctx, table, NULL, NULL, read_only, ret);
	r = which_resolve(ctx, selector, &which);
	if (r == 0)
		r = dm_state(ctx, "check-table", &which, &state);
	if (r == 0)
		r = table_read(ctx, "check-table", &which, 0, &live);
	if (r < 0)
		return r;
	snprintf(device, sizeof(device), "%u:%u", state.major, state.minor);
	return check(ctx, table, device, bp_table_count(live) ? live : NULL, read_only, ret);
}

/* --- loading --- */

/*
 * The finding that the refusal is about: the one on the argument that the kernel's words led to, or
 * the first of the segment, or of the table where they led to none.
 */
static const struct bp_finding *find_refused(const struct bp_findings *findings,
					     const struct bp_error *e)
{
	const struct bp_finding *first = NULL, *f;

	for (size_t i = 0; (f = bp_findings_get(findings, i)); i++) {
		if (f->severity < BP_SEVERITY_REFUSED ||
		    (e->segment >= 0 && f->segment != e->segment))
			continue;
		if (e->argument && f->argument == e->argument)
			return f;
		if (e->argument && !f->argument)
			continue;
		if (!first)
			first = f;
	}
	return first;
}

/* Of the same argument pre-flight may know more: "key and cipher are swapped". */
static void hint_finding(struct bp_ctx *ctx, const struct bp_finding *f)
{
	const char *cause = bp_error_get(ctx)->cause;
	const bool said = !f->expected || text_says(f->rule, f->expected);

	if (cause && !text_says(cause, f->rule))
		error_set_hint(ctx, "%s%s%s%s", f->rule,
			       said ? "" : " (right: ", said ? "" : f->expected,
			       said ? "" : ")");
}

/*
 * Say where in the table the kernel's refusal lies. Its own words may fit several arguments, or
 * several segments, or be about a group of them; pre-flight knows the rules one by one, and looks
 * at the devices.
 */
static void locate(struct bp_ctx *ctx, const struct bp_table *table, bool read_only)
{
	struct error_state *first = error_save(ctx);
	struct bp_findings *findings = NULL;
	const struct bp_finding *f = NULL;
	const struct bp_error *e;
	int r = check(ctx, table, NULL, NULL, read_only, &findings);

	error_restore(ctx, first);
	e = bp_error_get(ctx);
	if (r == 0)
		f = find_refused(findings, e);
	if (f && e->segment >= 0 && e->argument && f->argument == e->argument) {
		hint_finding(ctx, f);
	} else if (f) {
		if (f->segment >= 0)
			error_set_segment(ctx, f->segment, f->target);
		if (f->argument_name)
			error_set_argument(ctx, f->argument, f->argument_name, f->value);
		error_set_hint(ctx, "%s", f->message);
	}
	bp_findings_free(findings);
}

/* The worst finding of a table that a kernel like this one is known to crash on; NULL: none. */
static const struct bp_finding *find_crash(struct bp_ctx *ctx, const struct bp_table *table,
					   struct bp_findings **ret)
{
	struct bp_table_check_opts opts = { .size = sizeof(opts) };
	struct error_state *saved = error_save(ctx);
	const struct bp_finding *f = NULL;
	int r;

	bp_device_check_opts(ctx, &opts);
	/* Neither matters here, and they take longer than a load. */
	opts.busy = NULL;
	opts.has_target = NULL;
	opts.used_as = NULL;
	r = bp_table_check(ctx, table, &opts, ret);
	error_restore(ctx, saved);
	if (r < 0)
		return NULL;
	for (size_t i = 0; (f = bp_findings_get(*ret, i)); i++)
		if (f->severity == BP_SEVERITY_CRASH)
			break;
	return f;
}

/* The kernel has the last word; but not where the question might crash it. */
static int refuse_crash(struct bp_ctx *ctx, const char *verb, const struct which *which,
			const struct bp_table *table)
{
	/* Targets that have such tables: others are not looked at. */
	static const char *const suspects[] = { "snapshot", "snapshot-merge", "writecache" };
	struct bp_findings *findings = NULL;
	const struct bp_finding *f = NULL;
	bool suspect = false;

	for (size_t i = 0; i < bp_table_count(table); i++)
		for (size_t k = 0; k < ARRAY_SIZE(suspects); k++)
			suspect |= streq(bp_table_get(table, i)->target, suspects[k]);
	if (suspect)
		f = find_crash(ctx, table, &findings);
	if (f) {
		bp_fail(ctx, -EINVAL, "%s '%s': kernels are known to crash on this table", verb,
			which->label);
		error_set_code(ctx, BP_E_TABLE);
		error_set_verb(ctx, verb);
		error_set_device(ctx, which->label);
		error_set_segment(ctx, f->segment, f->target);
		error_set_argument(ctx, f->argument, f->argument_name, f->value);
		error_set_hint(ctx, "%s", f->message);
	}
	bp_findings_free(findings);
	return f ? -EINVAL : 0;
}

/* The device of a table that somebody else holds; where none is certain, one that may be. */
struct held_device {
	struct bp_ctx *ctx;
	struct bp_bdev device;
	enum bp_answer answer;
};

static int lookup_for_busy(void *user, const char *dev, struct bp_bdev *ret)
{
	const struct held_device *held = user;

	return table_lookup(held->ctx, dev, ret);
}

/* Remembers the first that is held for sure, else one of which nobody knows. */
static enum bp_answer look_who_holds(void *user, const struct bp_bdev *bdev)
{
	struct held_device *held = user;
	enum bp_answer answer = busy(held->ctx, bdev);

	if ((answer == BP_ANSWER_YES && held->answer != BP_ANSWER_YES) ||
	    (answer == BP_ANSWER_UNKNOWN && held->answer == BP_ANSWER_NO)) {
		held->device = *bdev;
		held->answer = answer;
	}
	return answer;
}

/* Which device of the table is in use, and by whom. */
static void tell_busy(struct bp_ctx *ctx, const struct bp_table *table)
{
	struct bp_table_check_opts opts = { .size = sizeof(opts) };
	struct held_device held = { .ctx = ctx, .answer = BP_ANSWER_NO };
	struct error_state *first = error_save(ctx);
	struct bp_findings *findings = NULL;
	_cleanup_(freep) char *who = NULL;
	struct dm *dm;
	int r;

	bp_device_check_opts(ctx, &opts);
	opts.lookup = lookup_for_busy;
	opts.lies_on = NULL;
	opts.has_target = NULL;
	opts.busy = look_who_holds;
	opts.user = &held;
	r = bp_table_check(ctx, table, &opts, &findings);
	bp_findings_free(findings);
	error_restore(ctx, first);
	if (r < 0 || held.answer == BP_ANSWER_NO || dm_get(ctx, &dm) < 0)
		return;
	holders_explain(ctx, dm, held.device.major, held.device.minor);
	who = strdup(bp_error_get(ctx)->cause);
	if (who)
		error_set_cause(ctx, "'%s' is %s", held.device.path, who);
}

static void explain_refusal(struct bp_ctx *ctx, const struct bp_table *table, bool read_only)
{
	explain_kernel_log(ctx, table);
	locate(ctx, table, read_only);
	if (bp_error_get(ctx)->errnum == EBUSY)
		tell_busy(ctx, table);
}

/*
 * Refused here is what would hang or crash the kernel; all else it may decide itself, and
 * is then explained.
 */
int table_load(struct bp_ctx *ctx, const char *verb, const struct which *which,
	       const struct bp_table *table, uint32_t flags, int64_t deadline)
{
	_cleanup_(load_done) struct load load = { 0 };
	struct dm_request rq = { .op = OP_LOAD, .flags = flags, .deadline = deadline };
	int r = 0;

	if (bp_table_count(table) == 0) {
		bp_fail(ctx, -EINVAL, "%s '%s': the table is empty", verb, which->label);
		error_set_code(ctx, BP_E_TABLE);
		return -EINVAL;
	}
	if (!(flags & RQ_UNCHECKED))
		r = table_refuse_circle(ctx, verb, which, table, flags & RQ_FRESH);
	if (r == 0 && !(flags & RQ_UNCHECKED))
		r = refuse_crash(ctx, verb, which, table);
	if (r == 0)
		r = load_from_table(ctx, table, &load);
	if (r < 0)
		return r;
	rq.segments = load.segments.items;
	rq.nr_segments = load.segments.count;
	r = dm_order(ctx, verb, which, &rq, NULL);
	/* What the kernel says in its log goes before its errno: a name too long is -ENOMEM. */
	if (r < 0 && r != -ETIMEDOUT && r != -EINTR &&
	    (r != -ENOMEM || bp_error_get(ctx)->kernel_log))
		explain_refusal(ctx, table, flags & RQ_READ_ONLY);
	return r;
}
