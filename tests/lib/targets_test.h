/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tests of single targets share: lines in, typed values out, and what pre-flight says. */
#ifndef LIB_TARGETS_TEST_H
#define LIB_TARGETS_TEST_H

#include "params.h"
#include "unit.h"

#include <stdio.h>

#include <bedplate/bedplate.h>

static struct bp_ctx *ctx;
static struct bp_table *last_table;
static struct bp_status *last_status;

static int setup(void **state)
{
	(void)state;
	return bp_ctx_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	bp_table_free(last_table);
	bp_status_free(last_status);
	bp_ctx_free(ctx);
	return 0;
}

static inline struct bp_table *parsed(const char *line, uint32_t flags)
{
	struct bp_table *table = NULL;

	if (bp_table_parse(ctx, line, flags, &table) != 0)
		fail_msg("'%s': %s", line, bp_errmsg(ctx));
	if (bp_table_get(table, 0)->problem)
		fail_msg("'%s': %s", line, bp_table_get(table, 0)->problem);
	return table;
}

/* The parameters of a line, until the next one. */
static inline const void *typed(const char *line)
{
	bp_table_free(last_table);
	last_table = NULL;
	last_table = parsed(line, 0);
	return bp_table_get(last_table, 0)->params;
}

/* The values of a status line, until the next one. */
static inline const void *status(const char *target, const char *line)
{
	bp_status_free(last_status);
	last_status = NULL;
	assert_ok(bp_status_parse(ctx, target, line, &last_status));
	if (!last_status->values)
		fail_msg("'%s': %s", line, last_status->problem);
	assert_null(last_status->extra);
	return last_status->values;
}

/* These parameters make this line, which means them. */
static inline void assert_built(const char *target, const void *params, const char *args)
{
	struct bp_table *table;

	assert_ok(bp_table_new(ctx, &table));
	if (bp_table_add(ctx, table, 0, 8, target, params, params_size(target)) != 0)
		fail_msg("%s: %s", args, bp_errmsg(ctx));
	assert_string_equal(bp_table_get(table, 0)->args, args);
	bp_table_free(table);
}

/* Is what a kernel printed what it was given? */
static inline bool is_same(const char *given, const char *printed)
{
	struct bp_table *a = parsed(given, 0), *b = parsed(printed, BP_TABLE_PRINTED);
	bool same, swapped;

	assert_ok(bp_table_equal(ctx, a, b, NULL, NULL, &same));
	assert_ok(bp_table_equal(ctx, b, a, NULL, NULL, &swapped));
	assert_int_equal(same, swapped);
	bp_table_free(a);
	bp_table_free(b);
	return same;
}

static inline void assert_same(const char *given, const char *printed)
{
	if (!is_same(given, printed))
		fail_msg("'%s' is not '%s'", given, printed);
}

static inline void assert_differs(const char *given, const char *printed)
{
	if (is_same(given, printed))
		fail_msg("'%s' is taken for '%s'", given, printed);
}

/* Loop devices are of 1 MiB, but 7:9 of 1 KiB; 8:0 is of 1 MiB with blocks of 4 KiB. */
static inline int lookup_loop(void *user, const char *dev, struct bp_bdev *ret)
{
	unsigned major, minor;

	(void)user;
	if (sscanf(dev, "%u:%u", &major, &minor) != 2)
		return -ENOENT;
	*ret = (struct bp_bdev){
		.major = major,
		.minor = minor,
		.size_bytes = major == 7 && minor == 9 ? 1024 : 1 << 20,
		.logical_block_bytes = major == 8 ? 4096 : 512,
	};
	return 0;
}

static inline struct bp_findings *checked(const char *line, uint32_t release)
{
	struct bp_table_check_opts opts = {
		.size = sizeof(opts),
		.lookup = lookup_loop,
		.kernel_release = release,
		.read_only = strstr(line, " verity ") != NULL,
	};
	struct bp_table *table = parsed(line, 0);
	struct bp_findings *findings;

	assert_ok(bp_table_check(ctx, table, &opts, &findings));
	bp_table_free(table);
	return findings;
}

/* A line that pre-flight refuses, for this argument and with these words in the message. */
struct refused {
	const char *line, *argument, *words; /* argument, words: NULL: any */
	uint32_t release;                    /* of the kernel; 0: 7.2 */
};

static inline void assert_refused(const struct refused *r)
{
	struct bp_findings *findings = checked(r->line, r->release ? r->release : 0x0702);
	bool found = false;

	for (size_t i = 0; i < bp_findings_count(findings); i++) {
		const struct bp_finding *f = bp_findings_get(findings, i);

		if (f->severity != BP_SEVERITY_REFUSED)
			continue;
		found |= (!r->argument ||
			  (f->argument_name && streq(f->argument_name, r->argument))) &&
			 (!r->words || strstr(f->message, r->words));
		if (!found)
			print_message("# instead: %s\n", f->message);
	}
	if (!found)
		fail_msg("'%s': not refused for %s: %s", r->line, r->argument, r->words);
	bp_findings_free(findings);
}

static inline void assert_accepted(const char *line)
{
	struct bp_findings *findings = checked(line, 0x0702);

	for (size_t i = 0; i < bp_findings_count(findings); i++)
		if (bp_findings_get(findings, i)->severity >= BP_SEVERITY_REFUSED)
			fail_msg("'%s': %s", line, bp_findings_get(findings, i)->message);
	bp_findings_free(findings);
}

/* Taken, but with a warning about this argument (NULL: about the segment), or with severity @severity. */
static inline void assert_told(const char *line, const char *argument,
			       enum bp_severity severity)
{
	struct bp_findings *findings = checked(line, 0x0702);
	bool found = false;

	for (size_t i = 0; i < bp_findings_count(findings); i++) {
		const struct bp_finding *f = bp_findings_get(findings, i);

		if (f->severity >= BP_SEVERITY_REFUSED)
			fail_msg("'%s': %s", line, f->message);
		found |= f->severity == severity &&
			 (argument ? f->argument_name && streq(f->argument_name, argument)
				   : !f->argument_name);
	}
	if (!found)
		fail_msg("'%s': nothing is said of %s", line, argument);
	bp_findings_free(findings);
}

static inline void assert_warned(const char *line, const char *argument)
{
	assert_told(line, argument, BP_SEVERITY_WARNING);
}

/* How long a segment with these parameters can be. */
static inline void assert_length(const char *line, bp_sector expected)
{
	struct bp_table *table = parsed(line, 0);
	const struct bp_segment *s = bp_table_get(table, 0);
	bp_sector sectors = 0;

	if (bp_target_length(ctx, s->target, s->params, s->params_size, lookup_loop, NULL,
			     &sectors) != 0)
		fail_msg("'%s': %s", line, bp_errmsg(ctx));
	assert_int_equal(sectors, expected);
	bp_table_free(table);
}

#endif
