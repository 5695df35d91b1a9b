/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables of lines and what they must mean, for the tests of targets: values by name in a table
 * or status line, what a struct is written as, what a message comes to, what pre-flight finds.
 */
#ifndef LIB_LINES_H
#define LIB_LINES_H

#include "params.h"
#include "unit.h"

#include <stdio.h>

#include <bedplate/bedplate.h>

/* "START LENGTH TARGET ARGS", and the values it must have: "name=value name=value". */
struct line_values {
	const char *line;
	const char *values; /* blanks in a value are '_'; an empty one is not set */
};

/* The same for a status, without start and length. A state is "state=Fail" alone. */
struct status_values {
	const char *target, *text, *values;
};

/* What a struct is written as. */
struct built {
	const char *target;
	const void *params;
	const char *args;
};

/* A message, and what comes of it: text if it is right, else a part of the error. */
struct message_case {
	const char *target, *text;
	int error; /* 0: right; else e.g. ERANGE */
	const char *expected;
};

/* What pre-flight must find in a line: one finding at least as grave, on this argument. */
struct finding_case {
	const char *line;
	uint32_t release; /* 0: not known */
	enum bp_severity severity;
	const char *argument; /* NULL: the segment */
	const char *message;  /* part of it; NULL: no finding graver than unknown at all */
};

static struct bp_ctx *ctx;

static inline int lines_setup(void **state)
{
	(void)state;
	return bp_ctx_new(&ctx);
}

static inline int lines_teardown(void **state)
{
	(void)state;
	bp_ctx_free(ctx);
	ctx = NULL;
	return 0;
}

static inline struct bp_table *lines_parse(const char *line)
{
	struct bp_table *table = NULL;

	if (bp_table_parse(ctx, line, 0, &table) != 0)
		fail_msg("'%s': %s", line, bp_errmsg(ctx));
	return table;
}

/* Compare "name=value" with what @get gives; @what is for messages. */
static inline void lines_compare(const char *what, const char *name, char *value,
				 const char *expected)
{
	for (char *p = value; p && *p; p++)
		if (*p == ' ')
			*p = '_';
	if (!streq(expected, value ? value : ""))
		fail_msg("'%s': %s is '%s', not '%s'", what, name, value ? value : "",
			 expected);
	free(value);
}

static inline void assert_line_values(const struct line_values *cases, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct bp_table *table = lines_parse(cases[i].line);
		char *values = strdup(cases[i].values), *rest = values;

		for (char *name = strsep(&rest, " "); name; name = strsep(&rest, " ")) {
			char *expected = strchr(name, '='), *value = NULL;

			*expected++ = '\0';
			if (bp_segment_get(ctx, bp_table_get(table, 0), name, &value) != 0)
				fail_msg("'%s': %s: %s", cases[i].line, name, bp_errmsg(ctx));
			lines_compare(cases[i].line, name, value, expected);
		}
		free(values);
		bp_table_free(table);
	}
}

static inline void assert_status_values(const struct status_values *cases, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		char *values = strdup(cases[i].values), *rest = values;
		struct bp_status *status;

		assert_ok(bp_status_parse(ctx, cases[i].target, cases[i].text, &status));
		if (status->problem)
			fail_msg("'%s': %s", cases[i].text, status->problem);
		for (char *name = strsep(&rest, " "); name; name = strsep(&rest, " ")) {
			char *expected = strchr(name, '='), *value = NULL;

			*expected++ = '\0';
			if (streq(name, "state")) {
				assert_null(status->values);
				value = status->state ? strdup(status->state) : NULL;
			} else if (streq(name, "extra")) {
				value = status->extra ? strdup(status->extra) : NULL;
			} else if (bp_status_get(ctx, status, name, &value) != 0) {
				fail_msg("'%s': %s: %s", cases[i].text, name, bp_errmsg(ctx));
			}
			lines_compare(cases[i].text, name, value, expected);
		}
		free(values);
		bp_status_free(status);
	}
}

static inline void assert_built(const struct built *cases, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct bp_table *table;

		assert_ok(bp_table_new(ctx, &table));
		if (bp_table_append(ctx, table, 8, cases[i].target, cases[i].params,
				    params_size(cases[i].target)) != 0)
			fail_msg("%s %s: %s", cases[i].target, cases[i].args, bp_errmsg(ctx));
		assert_string_equal(bp_table_get(table, 0)->args, cases[i].args);
		bp_table_free(table);
	}
}

static inline void assert_messages(const struct message_case *cases, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		char *text = NULL;
		int r = bp_message_check(ctx, cases[i].target, cases[i].text, &text);

		if (r != -cases[i].error)
			fail_msg("%s '%s': %d, %s", cases[i].target, cases[i].text, r,
				 r ? bp_errmsg(ctx) : "right");
		if (r == 0)
			assert_string_equal(text, cases[i].expected);
		else if (!strstr(bp_errmsg(ctx), cases[i].expected))
			fail_msg("%s '%s': '%s', not '%s'", cases[i].target, cases[i].text,
				 bp_errmsg(ctx), cases[i].expected);
		free(text);
	}
}

/*
 * The devices of these tests: 8:16 1 GiB, 8:32 3 GiB, 8:48 1 GiB in blocks of 4096 bytes, 259:0
 * persistent memory, 254:0 a mapped device, both of 64 MiB.
 */
static inline int lines_lookup(void *user, const char *dev, struct bp_bdev *ret)
{
	static const struct bp_bdev bdevs[] = {
		{ .path = "/dev/sdb",
		  .major = 8,
		  .minor = 16,
		  .size_bytes = UINT64_C(1) << 30,
		  .logical_block_bytes = 512 },
		{ .path = "/dev/sdc",
		  .major = 8,
		  .minor = 32,
		  .size_bytes = UINT64_C(3) << 30,
		  .logical_block_bytes = 512 },
		{ .path = "/dev/sdd",
		  .major = 8,
		  .minor = 48,
		  .size_bytes = UINT64_C(1) << 30,
		  .logical_block_bytes = 4096 },
		{ .path = "/dev/pmem0",
		  .major = 259,
		  .minor = 0,
		  .size_bytes = UINT64_C(64) << 20,
		  .logical_block_bytes = 512 },
		{ .path = "/dev/dm-0",
		  .major = 254,
		  .minor = 0,
		  .size_bytes = UINT64_C(64) << 20,
		  .logical_block_bytes = 512 },
	};
	char number[BP_DEV_TEXT];

	(void)user;
	for (size_t i = 0; i < ARRAY_SIZE(bdevs); i++)
		if (streq(dev, bdevs[i].path) || streq(dev, bp_dev_format(&bdevs[i], number))) {
			*ret = bdevs[i];
			return 0;
		}
	return -ENOENT;
}

/* Is there a finding like this one? */
static inline bool lines_found(const struct bp_findings *findings, const struct finding_case *c)
{
	for (size_t i = 0; i < bp_findings_count(findings); i++) {
		const struct bp_finding *f = bp_findings_get(findings, i);

		if (!c->message && f->severity > BP_SEVERITY_UNKNOWN)
			fail_msg("'%s': %s", c->line, f->message);
		if (c->message && f->severity == c->severity &&
		    strstr(f->message, c->message) &&
		    (c->argument ? f->argument_name && streq(f->argument_name, c->argument)
				 : !f->argument_name))
			return true;
	}
	return !c->message;
}

/* @live: the table that is live where these would go; NULL: none. */
static inline void assert_findings_beside(const struct finding_case *cases, size_t nr,
					  const struct bp_table *live)
{
	for (size_t i = 0; i < nr; i++) {
		const struct bp_table_check_opts opts = {
			.size = sizeof(opts),
			.lookup = lines_lookup,
			.kernel_release = cases[i].release,
			.live = live,
		};
		struct bp_table *table = lines_parse(cases[i].line);
		struct bp_findings *findings;

		assert_ok(bp_table_check(ctx, table, &opts, &findings));
		if (!lines_found(findings, &cases[i])) {
			for (size_t f = 0; f < bp_findings_count(findings); f++)
				print_message("# severity %d: %s\n",
					      (int)bp_findings_get(findings, f)->severity,
					      bp_findings_get(findings, f)->message);
			fail_msg("'%s', release %x: no finding on %s: '%s'", cases[i].line,
				 cases[i].release,
				 cases[i].argument ? cases[i].argument : "the segment",
				 cases[i].message);
		}
		bp_findings_free(findings);
		bp_table_free(table);
	}
}

static inline void assert_findings(const struct finding_case *cases, size_t nr)
{
	assert_findings_beside(cases, nr, NULL);
}

/* The length that a target with @params gets from the devices that it lies on. */
static inline void assert_length(const char *target, const void *params, uint64_t expected)
{
	bp_sector length = 0;

	if (bp_target_length(ctx, target, params, params_size(target), lines_lookup, NULL,
			     &length) != 0)
		fail_msg("%s: %s", target, bp_errmsg(ctx));
	assert_int_equal(length, expected);
}

#endif
