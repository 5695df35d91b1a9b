/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines of the kernel's log: each text that a kernel can refuse a target with leads to its rule
 * (tests/data/target-errors.tsv), and so does each line that one was seen to log
 * (tests/data/targets.tsv).
 */
#include "context_test.h"
#include "tsv.h"

#include <bedplate/bedplate.h>

#include "targets/grammar/rule.h"

static struct bp_table *parse(const char *text)
{
	struct bp_table *table;

	if (bp_table_parse(ctx, text, 0, &table) != 0)
		fail_msg("'%s': %s", text, bp_errmsg(ctx));
	return table;
}

static void every_text_is_known(void **state)
{
	struct tsv texts = tsv_read("target-errors.tsv");
	size_t known = 0;

	(void)state;
	for (size_t i = 0; i < texts.nr_rows; i++) {
		const char *target = texts.rows[i].fields[0], *text = texts.rows[i].fields[1];
		const bool core = streq(target, "(core)");
		struct bp_explanation *e;
		const struct rule *rule;
		char line[512];

		snprintf(line, sizeof(line),
			 "<3>[ 7.1] device-mapper: table: 254:0: %s%s%s (-EINVAL)\n",
			 core ? "" : target, core ? "" : ": ", text);
		if (bp_explain_kernel_line(ctx, line, NULL, &e) != 0)
			fail_msg("%s: %s", line, bp_errmsg(ctx));
		assert_string_equal(e->text, text);
		assert_string_equal(e->device, "254:0");
		assert_int_equal(e->segment, -1);
		assert_true(strlen(e->rule) > 5);
		rule = core ? NULL : rule_find(target, text);
		if (core)
			assert_null(e->target);
		else if (!rule || !streq(rule->text, text) || !streq(e->target, target))
			fail_msg("%s: %s: taken for '%s'", target, text,
				 rule ? rule->text : "");
		bp_explanation_free(e);
		known++;
	}
	assert_int_equal(known, 706);
	tsv_free(&texts);
}

/* --- names --- */

static bool has_name(const struct arg *args, const char *name);

/* @name is of this argument, or of one within it. */
static bool is_name(const struct arg *arg, const char *name)
{
	size_t len;

	if (arg->kind == KIND_GROUP || arg->kind == KIND_OPTIONS) {
		if (*name == '#' && streq(name + 1, arg->name))
			return true;
	}
	if (arg_is_transparent(arg))
		return has_name(arg->args, name);
	if (!arg->name)
		return false;
	len = strlen(arg->name);
	if (strncmp(arg->name, name, len) != 0)
		return false;
	if (!name[len])
		return true;
	return name[len] == '.' && arg->args && has_name(arg->args, name + len + 1);
}

static bool has_name(const struct arg *args, const char *name)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++)
		if (is_name(arg, name))
			return true;
	return false;
}

/* Tables are shared: the name must be of one of the targets that have this table. */
static bool is_known_name(const struct rule *rules, const char *name)
{
	if (streq(name, "start") || streq(name, "length"))
		return true;
	for (size_t i = 0; i < targets_count; i++)
		if (targets[i]->rules == rules && has_name(targets[i]->args, name))
			return true;
	return false;
}

static bool is_sentence(const char *text)
{
	return !text || (*text && text[strlen(text) - 1] != '.');
}

static void check_rules(const char *target, const struct rule *rules)
{
	for (const struct rule *r = rules; r->text; r++) {
		if (r->argument && !is_known_name(rules, r->argument))
			fail_msg("%s: %s: no argument '%s'", target, r->text, r->argument);
		if (!r->rule || !is_sentence(r->rule))
			fail_msg("%s: %s: '%s'", target, r->text, r->rule);
		for (const struct rule *k = rules; k < r; k++)
			if (streq(k->text, r->text))
				fail_msg("%s: %s: twice", target, r->text);
	}
}

static void rules_name_arguments(void **state)
{
	(void)state;
	check_rules("", rules_table);
	for (size_t i = 0; i < targets_count; i++)
		check_rules(targets[i]->name, targets[i]->rules);
}

/* Every target has rules. */
static void targets_have_rules(void **state)
{
	const struct bp_target *target;
	size_t it = 0;

	(void)state;
	while (bp_target_next(&it, &target) == 0)
		if (!rules_of(bp_target_name(target)))
			fail_msg("%s", bp_target_name(target));
}

/* --- lines as they were --- */

/* One line of those that a note has, "log=LINE | LINE; note=...": is it explained? */
static bool is_explained(const char *line, const struct bp_table *table)
{
	struct bp_explanation *e;

	if (bp_explain_kernel_line(ctx, line, table, &e) != 0)
		return false;
	assert_true(e->segment < (int)bp_table_count(table));
	if (e->argument)
		assert_true(e->segment >= 0 && e->value && *e->value);
	bp_explanation_free(e);
	return true;
}

static bool is_any_explained(const char *note, const struct bp_table *table)
{
	char *log = strdup(strstr(note, "log=") + 4), *end = strstr(log, "; note="),
	     *line = log;
	bool any = false;

	if (end)
		*end = '\0';
	while (line) {
		char *next = strstr(line, " | ");

		if (next) {
			*next = '\0';
			next += 3;
		}
		any |= is_explained(line, table);
		line = next;
	}
	free(log);
	return any;
}

/* Of the lines that a kernel logged for a table it refused, one at least is explained. */
static void lines_of_refused_tables(void **state)
{
	struct tsv rows = tsv_read("targets.tsv");
	size_t all = 0;

	(void)state;
	for (size_t i = 0; i < rows.nr_rows; i++) {
		char **f = rows.rows[i].fields;
		struct bp_table *table = NULL;

		tsv_unescape(f[3]);
		if (!streq(f[2], "reject") || !strstr(f[4], "log="))
			continue;
		all++;
		assert_ok(bp_table_parse(ctx, f[3], BP_TABLE_PRINTED, &table));
		if (!is_any_explained(f[4], table))
			fail_msg("%s", f[4]);
		bp_table_free(table);
	}
	assert_true(all > 1000);
	tsv_free(&rows);
}

/* --- what exactly --- */

static const struct {
	const char *line, *table; /* table: NULL: none */
	const char *target;
	int segment;
	unsigned argument;
	const char *name, *value, *rule, *expected; /* rule, expected: a part of it */
} cases[] = {
	{ "device-mapper: table: 254:0: linear: Invalid device sector (-EINVAL)", NULL,
	  "linear", -1, 0, "offset_sectors", NULL, "512-byte sectors", "without sign" },
	{ "kernel: device-mapper: table: 254:0: linear: Device lookup failed (-ENOENT)",
	  "0 8 zero\n8 8 linear 8:0 7", "linear", 1, 1, "dev", "8:0", "must exist",
	  "nobody else" },
	{ "device-mapper: table: 254:0: linear: Device lookup failed (-ENOENT)",
	  "0 8 linear 8:0 7\n8 8 linear 8:16 0", "linear", -1, 0, "dev", NULL, "must exist",
	  "" },
	{ "device-mapper: table: 254:0: mirror: Device lookup failure (-ENOENT)",
	  "0 8 mirror core 1 2 2 8:0 0 8:16 0", "mirror", 0, 0, "legs.dev", NULL, "must exist",
	  "" },
	{ "device-mapper: dirty region log: invalid region size 3",
	  "0 8 mirror core 1 3 2 8:0 0 8:16 0", "mirror", 0, 3, "region_sectors", "3",
	  "power of two", NULL },
	{ "device-mapper: table: 254:0: raid: Invalid rebuild index given (-EINVAL)",
	  "0 8 raid raid1 5 0 rebuild 1 rebuild 9 2 - 8:0 - 8:1", "raid", 0, 7,
	  "rebuild.1.value", "9", "no leg of this number", "0 to 1" },
	{ "device-mapper: table: 254:0: raid: Invalid 'journal_mode' argument (-EINVAL)",
	  "0 64 raid raid4 5 8 journal_dev 8:3 journal_mode writeback 3 - 8:0 - 8:1 - 8:2",
	  "raid", 0, 7, "journal_mode", "writeback", "two modes", "writethrough" },
	{ "device-mapper: verity: Unrecognized verity feature request: nosuch", NULL, "verity",
	  -1, 0, "#options", NULL, "none of the options", "" },
	{ "trusted_key: device-mapper: table: 254:0: crypt: Error decoding and setting key "
	  "(-EINVAL)",
	  "0 8 crypt aes-xts-plain64 00 0 8:0 0", "crypt", 0, 2, "key", "-", "hex",
	  "16, 24 or 32" },
	{ "device-mapper: table: 254:0: integrity: Invalid internal hash (-ENOENT)",
	  "0 8 integrity 8:0 0 4 J 1 internal_hash:hmac(x):0123", "integrity", 0, 6,
	  "internal_hash", "internal_hash:hmac(x):-", "no such hash", "/proc/crypto" },
	{ "device-mapper: thin: 254:3: Couldn't open thin internal device", NULL, "thin-pool",
	  -1, 0, "id", NULL, "no volume of this number", "create_thin" },
	{ "device-mapper: vdo0:dmsetup: Could not load geometry block", NULL, "vdo", -1, 0,
	  "storage_dev", NULL, "first block", "" },
	{ "device-mapper: table: 254:0: multipath: singleton target type must appear alone in "
	  "table",
	  NULL, "multipath", -1, 0, NULL, NULL, "only segment", "one segment" },
	{ "device-mapper: table: 254:0: loop0 too small for target: start=1, len=8, dev_size=4",
	  NULL, NULL, -1, 0, NULL, NULL, "smaller than what is used", "" },
	{ "device-mapper: ioctl: can't replace immutable target type thin-pool", NULL, NULL, -1,
	  0, NULL, NULL, "keeps its target", "" },
	{ "device-mapper: table: 254:0: nosuch: unknown target type", NULL, NULL, -1, 0, NULL,
	  NULL, "no such target", "" },
};

static void assert_text(const char *line, const char *what, const char *is, const char *part)
{
	if (!part ? is != NULL : !is || !strstr(is, part))
		fail_msg("%s: %s is '%s', not '%s'", line, what, is ? is : "(none)",
			 part ? part : "(none)");
}

static void explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *line = cases[i].line;
		struct bp_table *table = cases[i].table ? parse(cases[i].table) : NULL;
		struct bp_explanation *e;

		if (bp_explain_kernel_line(ctx, line, table, &e) != 0)
			fail_msg("%s: %s", line, bp_errmsg(ctx));
		if (cases[i].target ? !e->target || !streq(e->target, cases[i].target)
				    : e->target != NULL)
			fail_msg("%s: target %s", line, e->target);
		if (e->segment != cases[i].segment || e->argument != cases[i].argument)
			fail_msg("%s: segment %d, argument %u", line, e->segment, e->argument);
		assert_text(line, "name", e->argument_name, cases[i].name);
		if (cases[i].name)
			assert_string_equal(e->argument_name, cases[i].name);
		assert_text(line, "value", e->value, cases[i].value);
		if (cases[i].value)
			assert_string_equal(e->value, cases[i].value);
		assert_text(line, "rule", e->rule, cases[i].rule);
		if (cases[i].expected)
			assert_text(line, "expected", e->expected, cases[i].expected);
		bp_explanation_free(e);
		bp_table_free(table);
	}
}

static void other_lines_are_not(void **state)
{
	static const char *const lines[] = {
		"",
		"device-mapper",
		"device-mapper: ",
		"device-mapper: table: 254:0: linear: Something new (-EINVAL)",
		"device-mapper: verity: sha256 using shash \"sha256-generic\"",
		"EXT4-fs (dm-0): mounted filesystem",
		"device-mapper: table: ",
		"device-mapper: table: 254:0: ",
	};
	struct bp_explanation *e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_err(bp_explain_kernel_line(ctx, lines[i], NULL, &e), ENOENT);
	assert_non_null(strstr(bp_errmsg(ctx), "not a line of the kernel that is known"));
	bp_explanation_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_text_is_known),
		cmocka_unit_test(rules_name_arguments),
		cmocka_unit_test(targets_have_rules),
		cmocka_unit_test(lines_of_refused_tables),
		cmocka_unit_test(explained),
		cmocka_unit_test(other_lines_are_not),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
