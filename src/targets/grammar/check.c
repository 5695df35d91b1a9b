/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pre-flight: the list of findings, and the walk over a table. */
#include "targets/grammar/check.h"
#include "targets/grammar/secret.h"

#include "core/context.h"
#include "core/near.h"
#include "core/opts.h"

#include <bedplate/json.h>

#include <inttypes.h>

struct bp_findings {
	struct arena arena; /* owns all texts */
	VEC(struct bp_finding) list;
};

/* --- findings --- */

size_t bp_findings_count(const struct bp_findings *findings)
{
	return findings->list.count;
}

const struct bp_finding *bp_findings_get(const struct bp_findings *findings, size_t index)
{
	return index < findings->list.count ? &findings->list.items[index] : NULL;
}

enum bp_severity bp_findings_severity(const struct bp_findings *findings)
{
	enum bp_severity worst = BP_SEVERITY_UNKNOWN;

	for (size_t i = 0; i < findings->list.count; i++)
		worst = MAX(worst, findings->list.items[i].severity);
	return worst;
}

void bp_findings_free(struct bp_findings *findings)
{
	if (!findings)
		return;
	vec_done(&findings->list);
	arena_done(&findings->arena);
	free(findings);
}

/* The first of the gravest. */
static const struct bp_finding *gravest(const struct bp_findings *findings)
{
	const struct bp_finding *found = NULL;

	for (size_t i = 0; i < findings->list.count; i++)
		if (!found || findings->list.items[i].severity > found->severity)
			found = &findings->list.items[i];
	return found;
}

/*
 * The gravest finding as a failure, with its segment and argument, as if the kernel had
 * refused.
 */
int bp_findings_fail(struct bp_ctx *ctx, const struct bp_findings *findings)
{
	const struct bp_finding *f = gravest(findings);

	if (!f || f->severity < BP_SEVERITY_REFUSED)
		return 0;
	bp_fail(ctx, -EINVAL, "%s: %s",
		f->severity == BP_SEVERITY_CRASH ? "kernels are known to crash on this table"
						 : "the kernel would refuse this table",
		f->message);
	error_set_code(ctx, BP_E_TABLE);
	if (f->segment >= 0)
		error_set_segment(ctx, f->segment, f->target);
	if (f->argument_name)
		error_set_argument(ctx, f->argument, f->argument_name, f->value);
	return -EINVAL;
}

static const char *severity_name(enum bp_severity severity)
{
	static const char *const names[] = { "unknown", "warning", "refused", "crash" };

	return names[severity];
}

/* What a finding of the whole table doesn't have is left out. */
static void finding_json(const struct bp_finding *f, struct bp_json *json)
{
	bp_json_object(json, NULL);
	bp_json_string(json, "severity", severity_name(f->severity));
	if (f->segment >= 0) {
		bp_json_int(json, "segment", f->segment);
		bp_json_string(json, "target", f->target);
	}
	if (f->argument)
		bp_json_uint(json, "argument", f->argument);
	if (f->argument_name)
		bp_json_string(json, "argument_name", f->argument_name);
	if (f->value)
		bp_json_string(json, "value", f->value);
	bp_json_string(json, "rule", f->rule);
	if (f->expected)
		bp_json_string(json, "expected", f->expected);
	bp_json_string(json, "message", f->message);
	bp_json_object_close(json);
}

int bp_findings_json(const struct bp_findings *findings, struct bp_json *json, const char *key)
{
	bp_json_array(json, key);
	for (size_t i = 0; i < findings->list.count; i++)
		finding_json(&findings->list.items[i], json);
	bp_json_array_close(json);
	return 0;
}

/* --- reporting --- */

struct arena *check_arena(struct check *check)
{
	return &check->findings->arena;
}

/* Where the argument @name stands in the line, from 1; 0: not there. */
static unsigned find_word(const struct check *check, const char *name, const char **ret_text)
{
	const struct written *items = check->words.list.items;
	unsigned option = 0;

	for (size_t i = 0; name && i < check->words.list.count; i++) {
		if (!items[i].name || !streq(items[i].name, name))
			continue;
		*ret_text = segment_word_public(check->table->segments.items[check->segment],
						&items[i], &check->findings->arena);
		if (items[i].role != WRITTEN_OPTION)
			return (unsigned)i + 1;
		option = (unsigned)i + 1; /* its value, if there is one, says more */
	}
	return option;
}

/* "segment 0 (linear): argument 2 (offset_sectors): '7': RULE". */
static const char *message_of(struct arena *arena, const struct bp_finding *f)
{
	struct strbuf s = { 0 };
	const char *text;

	if (f->segment >= 0)
		strbuf_addf(&s, "segment %d (%s): ", f->segment, f->target);
	if (f->argument)
		strbuf_addf(&s, "argument %u (%s): ", f->argument, f->argument_name);
	else if (f->argument_name)
		strbuf_addf(&s, "%s: ", f->argument_name);
	if (f->value)
		strbuf_addf(&s, "'%s': ", f->value);
	strbuf_add(&s, f->rule);
	/* Said twice it would look like two things. */
	if (f->expected && !text_says(f->rule, f->expected))
		strbuf_addf(&s, " (right: %s)", f->expected);
	text = s.error ? NULL : arena_strdup(arena, strbuf_text(&s));
	strbuf_done(&s);
	return text;
}

/*
 * Texts are copied: @rule's arguments and the words go with the check. Which word is at
 * fault is found by @name among those that were written.
 */
void check_found(struct check *check, enum bp_severity severity, const char *name,
		 const char *expected, const char *rule, ...)
{
	struct arena *arena = &check->findings->arena;
	struct bp_finding f = { .severity = severity, .segment = check->segment };
	struct strbuf s = { 0 };
	const char *value = NULL;
	va_list args;

	va_start(args, rule);
	strbuf_addv(&s, rule, args);
	va_end(args);
	f.rule = arena_strdup(arena, strbuf_text(&s));
	strbuf_done(&s);
	f.argument = find_word(check, name, &value);
	if (check->segment >= 0)
		f.target = check->table->segments.items[check->segment]->pub.target;
	f.target = f.target ? arena_strdup(arena, f.target) : NULL;
	f.argument_name = name ? arena_strdup(arena, name) : NULL;
	f.value = value ? arena_strdup(arena, value) : NULL;
	f.expected = expected ? arena_strdup(arena, expected) : NULL;
	f.message = f.rule ? message_of(arena, &f) : NULL;
	if (!f.message || vec_add(&check->findings->list, &f) < 0)
		check->error = -ENOMEM;
}

/* --- what rules ask --- */

/*
 * Only where the live table is one segment of the same target: then the new one replaces
 * it, and rules on changes hold.
 */
const void *check_live_params(const struct check *check, bp_sector *ret_length)
{
	const struct bp_table *live = check->opts.live;
	const struct segment *s = live && live->segments.count ? live->segments.items[0] : NULL;

	if (!s || live->segments.count != 1 || s->type != check->target)
		return NULL;
	*ret_length = s->pub.length_sectors;
	return s->params;
}

/* False also where nothing may be asked: then no rule that needs it applies. */
bool check_bdev(struct check *check, const char *dev, struct bp_bdev *ret)
{
	*ret = (struct bp_bdev){ 0 };
	return dev && check->opts.lookup && check->opts.lookup(check->opts.user, dev, ret) == 0;
}

/*
 * Lengths that the kernel hands to a device have to be whole logical blocks of it, or each
 * I/O fails.
 */
void check_block_multiple(struct check *check, const char *name, bp_sector sectors,
			  const char *dev)
{
	struct bp_bdev bdev;
	bp_sector block = check_bdev(check, dev, &bdev)
				  ? bp_bytes_to_sector(bdev.logical_block_bytes)
				  : 0;

	if (block && sectors % block)
		check_refuse(check, name, NULL,
			     "not a multiple of the logical blocks of %s, %" PRIu64 " sectors",
			     dev, block);
}

/* By name, or by number, since a device has several nodes. */
bool check_same_dev(struct check *check, const char *a, const char *b)
{
	struct bp_bdev x, y;

	if (streq(a, b))
		return true;
	return check_bdev(check, a, &x) && check_bdev(check, b, &y) && x.major == y.major &&
	       x.minor == y.minor;
}

/* A warning: the kernel takes it, and data are lost later. */
void check_distinct(struct check *check, const char *name, const char *dev,
		    const char *other_name, const char *other)
{
	if (dev && other && check_same_dev(check, dev, other))
		check_found(check, BP_SEVERITY_WARNING, name, "another device",
			    "it is %s as well, which the kernel does not see", other_name);
}

/*
 * Two writers of one metadata device destroy it, and the kernel lets them: it is asked
 * before.
 */
void check_not_live(struct check *check, const char *target, const char *name, const char *dev)
{
	const struct bp_table_check_opts *opts = &check->opts;
	struct bp_bdev bdev;

	if (opts->used_as && check_bdev(check, dev, &bdev) &&
	    opts->used_as(opts->user, &bdev, target, name, opts->device) == BP_ANSWER_YES)
		check_found(check, BP_SEVERITY_WARNING, name, "another device",
			    "another live %s has it as its %s: both would write it, and the "
			    "data of both be lost",
			    target, name);
}

/* Unknown, if the kernel's release is not to be asked. */
enum bp_answer check_release(const struct check *check, uint32_t release)
{
	if (!check->opts.kernel_release)
		return BP_ANSWER_UNKNOWN;
	return check->opts.kernel_release >= release ? BP_ANSWER_YES : BP_ANSWER_NO;
}

uint32_t check_page_bytes(const struct check *check)
{
	return check->opts.page_bytes ? check->opts.page_bytes : 4096;
}

/* A multiple of the device's logical block? */
static void check_aligned(struct check *check, const char *name, const struct bp_bdev *bdev,
			  const char *what, bp_sector sectors)
{
	uint64_t block = bp_bytes_to_sector(bdev->logical_block_bytes);

	if (block > 1 && sectors % block)
		check_refuse(check, name, NULL,
			     "the %s, %" PRIu64 " sectors, must be a multiple of the device's "
			     "logical block, %" PRIu64 " sectors",
			     what, sectors, block);
}

/* Used sectors are noted, for overlaps between segments; then size, then alignment. */
void check_range(struct check *check, const char *name, const char *dev, bp_sector start,
		 bp_sector length)
{
	struct bp_bdev bdev;
	bp_sector size, end;

	check_use(check, name, dev, start, length);
	if (!check_bdev(check, dev, &bdev))
		return;
	/* The kernel lets a device of size 0 pass. */
	size = bp_bytes_to_sector(bdev.size_bytes);
	if (size && (add_overflow(start, length, &end) || start >= size || end > size)) {
		check_refuse(check, name, NULL,
			     "the device is too small: %" PRIu64 " sectors from %" PRIu64
			     " are used, it has %" PRIu64,
			     length, start, size);
		return;
	}
	check_aligned(check, name, &bdev, "offset", start);
	check_aligned(check, name, &bdev, "length", length);
}

/* --- the walk --- */

/* Grammar first, as a target's own rules may rely on what it has checked. */
static void check_segment(struct check *check, const struct segment *s, struct arena *arena)
{
	const struct bp_target *typed = s->params ? s->type : NULL;

	check->target = s->type;
	check->length_sectors = s->pub.length_sectors;
	check->smallest_block = check->largest_block = 0;
	if (segment_write(check->ctx, s, WRITE_HALF_MADE, arena, &check->words) < 0)
		check->error = -ENOMEM;
	check_grammar_rules(check, s);
	if (typed && typed->check)
		typed->check(check, s->params);
	if (typed && typed->maps.name)
		check_range(check, typed->maps.name, maps_dev(&typed->maps, s->params),
			    maps_offset(&typed->maps, s->params), s->pub.length_sectors);
	vec_done(&check->words.list);
}

/* Everything that is found, not the first only: kernels tell one fault a try. */
int bp_table_check(struct bp_ctx *ctx, const struct bp_table *table,
		   const struct bp_table_check_opts *opts, struct bp_findings **ret)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct check check = { .ctx = ctx, .table = table, .segment = -1 };
	struct error_state *saved;
	int r = opts_read(ctx, &check.opts, sizeof(check.opts), opts);

	if (r < 0)
		return r;
	check.findings = calloc(1, sizeof(*check.findings));
	if (!check.findings)
		return bp_fail_memory(ctx);
	saved = error_save(ctx); /* what comes up on the way is a finding, not a failure */
	check_table_rules(&check);
	for (size_t i = 0; i < table->segments.count; i++) {
		check.segment = (int)i;
		check_segment(&check, table->segments.items[i], &arena);
	}
	error_restore(ctx, saved);
	vec_done(&check.uses);
	if (check.error) {
		bp_findings_free(check.findings);
		return bp_fail_memory(ctx);
	}
	*ret = check.findings;
	return 0;
}
