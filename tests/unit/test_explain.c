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

/* --- lines of targets in use --- */

/* A line as @text has it, with something for each '*'. */
static void make_line(char *buf, size_t size, const char *prefix, const char *text)
{
	size_t len = (size_t)snprintf(buf, size, "kernel: device-mapper: %s: ", prefix);

	for (; *text && len < size - 3; text++)
		len += (size_t)snprintf(buf + len, size - len, *text == '*' ? "7" : "%c",
					*text);
}

static bool is_state(const struct bp_target *target, const char *text)
{
	for (const char *const *s = target ? target->states : NULL; s && *s; s++)
		if (streq(*s, text))
			return true;
	return false;
}

/* Kernels put the device in front of some of a target's lines, and not of others. */
static void log_line_is_known(const struct bp_target *target, const char *prefix,
			      const struct rule *rule)
{
	struct bp_explanation *e;
	char line[512], with_device[64];

	snprintf(with_device, sizeof(with_device), "%s: 253:11", prefix);
	for (int device = 0; device < 2; device++) {
		make_line(line, sizeof(line), device ? with_device : prefix, rule->text);
		if (bp_explain_kernel_line(ctx, line, NULL, &e) != 0)
			fail_msg("%s: %s", line, bp_errmsg(ctx));
		if (!streq(e->rule, rule->rule) || e->verdict != rule->verdict)
			fail_msg("%s: taken for '%s'", line, e->rule);
		if (target && (!e->target || !streq(e->target, target->name)) &&
		    target->log_names)
			fail_msg("%s: of %s", line, e->target);
		if (e->verdict != BP_VERDICT_HARMLESS && strlen(e->rule) < 10)
			fail_msg("%s: '%s'", line, e->rule);
		bp_explanation_free(e);
	}
}

static void state_is_known(const struct bp_target *target, const struct rule *rule)
{
	struct bp_advices *advices;
	char line[128];

	snprintf(line, sizeof(line), "0 8 %s %s", target->name, rule->text);
	assert_ok(bp_explain(ctx, line, &advices));
	assert_int_equal(bp_advices_count(advices), 1);
	assert_string_equal(bp_advices_get(advices, 0)->meaning, rule->rule);
	bp_advices_free(advices);
}

/* Each line of a target in use, and each of its states, is found, and by its own row. */
static void every_log_line_is_known(void **state)
{
	size_t lines = 0;

	(void)state;
	for (size_t i = 0; i < targets_count; i++) {
		const struct bp_target *t = targets[i];

		for (const struct rule *r = t->log; r && r->text; r++, lines++)
			if (r->state != is_state(t, r->text))
				fail_msg("%s: state %s", t->name, r->text);
			else if (r->state)
				state_is_known(t, r);
			else
				log_line_is_known(t, t->log_names ? t->log_names[0] : t->name,
						  r);
		for (const char *const *s = t->states; s && *s; s++)
			if (!t->log || !rule_find(t->name, *s))
				fail_msg("%s: state %s", t->name, *s);
	}
	for (const struct rule *r = rules_shared; r->text; r++, lines++)
		log_line_is_known(NULL, "ioctl", r);
	for (const struct rule *r = rules_any; r->text; r++, lines++) {
		log_line_is_known(NULL, "delay", r);
		log_line_is_known(NULL, "snapshot exception stores", r);
	}
	assert_true(lines > 640);
}

/* All lines of a real log are known; what destroys is only advised with what it costs. */
static void real_logs(void **state)
{
	FILE *f = fopen(TEST_DATA "/kernel-log.txt", "re");
	struct bp_advices *advices;
	char text[16384];

	(void)state;
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_ok(bp_explain(ctx, text, &advices));
	assert_true(bp_advices_count(advices) > 30);
	for (size_t i = 0; i < bp_advices_count(advices); i++) {
		const struct bp_advice *a = bp_advices_get(advices, i);

		if (a->verdict == BP_VERDICT_UNKNOWN)
			fail_msg("line %zu: %s", a->line, a->text);
	}
	assert_int_equal(bp_advices_verdict(advices), BP_VERDICT_STOP);
	bp_advices_free(advices);
}

/* What the kernels 6.1 to 7.2 can log, with values in it: how grave it is, and never unknown. */
static void lines_of_kernels(void **state)
{
	struct tsv rows = tsv_read("kernel-lines.tsv");

	(void)state;
	for (size_t i = 0; i < rows.nr_rows; i++) {
		char **f = rows.rows[i].fields;
		struct bp_advices *advices;

		tsv_unescape(f[1]);
		assert_ok(bp_explain(ctx, f[1], &advices));
		if (bp_advices_count(advices) != 1 ||
		    !streq(bp_verdict_name(bp_advices_verdict(advices)), f[0]))
			fail_msg("%s: %s", f[1], bp_verdict_name(bp_advices_verdict(advices)));
		bp_advices_free(advices);
	}
	assert_true(rows.nr_rows > 1000);
	tsv_free(&rows);
}

static void check_advice(const char *target, const struct rule *rules)
{
	for (const struct rule *r = rules; r && r->text; r++) {
		const char *to_do = r->expected ? r->expected : r->next;

		if (to_do && (strstr(to_do, "zeros") || strstr(to_do, "zero the")) &&
		    !strstr(to_do, "needed") && !strstr(to_do, "give up"))
			fail_msg("%s: %s: %s", target, r->text, to_do);
	}
}

static void no_careless_advice(void **state)
{
	(void)state;
	check_advice("", rules_shared);
	check_advice("", rules_any);
	for (size_t i = 0; i < targets_count; i++) {
		check_advice(targets[i]->name, targets[i]->rules);
		check_advice(targets[i]->name, targets[i]->log);
	}
}

/* --- pasted text --- */

static const struct {
	const char *text;
	enum bp_advice_kind kind;
	enum bp_verdict verdict;
	const char *device, *meaning; /* meaning: a part of it */
} pasted[] = {
	{ "0 8 thin-pool 1 130/4161 5/6400 - rw discard_passdown queue_if_no_space - 1024",
	  BP_ADVICE_STATUS, BP_VERDICT_HARMLESS, NULL, "3 % of its metadata" },
	{ "p: 0 8 thin-pool 1 130/4161 6399/6400 - rw discard_passdown queue_if_no_space - "
	  "1024",
	  BP_ADVICE_STATUS, BP_VERDICT_ACT, "p", "99 % of the data" },
	{ "0 8 thin-pool 1 130/4161 90/100 - rw discard_passdown queue_if_no_space - 1024",
	  BP_ADVICE_STATUS, BP_VERDICT_ACT, NULL, "90 % of the data" },
	{ "0 8 thin-pool 1 130/4161 89/100 - rw discard_passdown queue_if_no_space - 1024",
	  BP_ADVICE_STATUS, BP_VERDICT_HARMLESS, NULL, "89 % of its data" },
	{ "0 8 thin-pool 1 90/100 5/6400 - rw discard_passdown queue_if_no_space - 1024",
	  BP_ADVICE_STATUS, BP_VERDICT_ACT, NULL, "90 % of the metadata" },
	{ "0 8 thin-pool 1 130/4161 5/6400 - ro discard_passdown queue_if_no_space needs_check "
	  "1024",
	  BP_ADVICE_STATUS, BP_VERDICT_ACT, NULL, "must be checked" },
	{ "0 8 thin-pool 254:0 254:1 128 0", BP_ADVICE_TABLE, BP_VERDICT_HARMLESS, NULL, "" },
	{ "0 8 thin 254:0 1", BP_ADVICE_TABLE, BP_VERDICT_HARMLESS, NULL, "" },
	{ "0 8 thin 8 7", BP_ADVICE_STATUS, BP_VERDICT_HARMLESS, NULL, "nothing in it" },
	{ "0 8 snapshot 6000/8192 16", BP_ADVICE_STATUS, BP_VERDICT_HARMLESS, NULL, "73 %" },
	{ "0 8 snapshot 7000/8192 16", BP_ADVICE_STATUS, BP_VERDICT_ACT, NULL, "85 %" },
	{ "0 8 snapshot Overflow", BP_ADVICE_STATUS, BP_VERDICT_STOP, NULL, "full" },
	{ "Invalid", BP_ADVICE_STATUS, BP_VERDICT_STOP, NULL, "lost for good" },
	{ "  Fail \r", BP_ADVICE_STATUS, BP_VERDICT_STOP, NULL, "a pool, volume, cache or" },
	{ "0 8 verity V", BP_ADVICE_STATUS, BP_VERDICT_HARMLESS, NULL, "signed" },
	{ "0 8 integrity 3 800 -", BP_ADVICE_STATUS, BP_VERDICT_STOP, NULL, "3 times" },
	{ "0 8 raid raid1 2 AA 8/8 idle 0 0 -", BP_ADVICE_STATUS, BP_VERDICT_HARMLESS, NULL,
	  "in sync" },
	{ "0 8 striped 2 8:0 8:16 1 AD", BP_ADVICE_STATUS, BP_VERDICT_STOP, NULL, "no other" },
	{ "0 8 linear 8:16 -1", BP_ADVICE_TABLE, BP_VERDICT_ACT, NULL, "is not a number" },
	{ "0 8 striped 2 100 8:0 0 8:16 0", BP_ADVICE_TABLE, BP_VERDICT_ACT, NULL, "2 legs" },
	{ "0 8 cache 8 930/1024 512 1/64 0 0 0 0 0 0 0 1 writeback 2 migration_threshold 2048 "
	  "smq 0 rw -",
	  BP_ADVICE_STATUS, BP_VERDICT_ACT, NULL, "91 % of the metadata" },
	{ "0 8 clone 8 6/1024 16 5/10 0 0 4 hydration_threshold 1 hydration_batch_size 1 Fail",
	  BP_ADVICE_STATUS, BP_VERDICT_STOP, NULL, "clone has failed" },
	{ "0 8 clone 8 6/1024 16 5/10 0 0 4 hydration_threshold 1 hydration_batch_size 1 ro",
	  BP_ADVICE_STATUS, BP_VERDICT_ACT, NULL, "nothing more is copied" },
	{ "0 8 writecache -5 1020 956 0", BP_ADVICE_STATUS, BP_VERDICT_STOP, NULL,
	  "an error (-5)" },
	{ "0 8 vdo 8:16 read-only - online online 1 20", BP_ADVICE_STATUS, BP_VERDICT_STOP,
	  NULL, "takes no writes" },
	{ "0 8 vdo 8:16 recovering - online online 1 20", BP_ADVICE_STATUS, BP_VERDICT_HARMLESS,
	  NULL, "counts its blocks" },
	{ "0 8 vdo 8:16 normal - online online 19 20", BP_ADVICE_STATUS, BP_VERDICT_ACT, NULL,
	  "95 % of the storage" },
	{ "0 8 liner 8:16 0", BP_ADVICE_TABLE, BP_VERDICT_UNKNOWN, NULL, "" },
	{ "<3>[1.0] device-mapper: verity: 253:2: data block 9 is corrupted", BP_ADVICE_LOG,
	  BP_VERDICT_STOP, "253:2", "not what was signed" },
	{ "device-mapper: linear: Something new", BP_ADVICE_LOG, BP_VERDICT_UNKNOWN, NULL,
	  "not known here" },
};

static void pasted_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pasted); i++) {
		const struct bp_advice *a;
		struct bp_advices *advices;

		assert_ok(bp_explain(ctx, pasted[i].text, &advices));
		a = bp_advices_get(advices, 0);
		if (!a)
			fail_msg("%s: nothing", pasted[i].text);
		if (a->kind != pasted[i].kind || a->verdict != pasted[i].verdict)
			fail_msg("%s: kind %d, %s: %s", pasted[i].text, a->kind,
				 bp_verdict_name(a->verdict), a->meaning);
		assert_text(pasted[i].text, "meaning", a->meaning, pasted[i].meaning);
		assert_text(pasted[i].text, "device", a->device, pasted[i].device);
		bp_advices_free(advices);
	}
}

/* Lines of others are passed over, equal ones counted, and where they stood is told. */
static void pasted_text(void **state)
{
	const struct bp_advice *a;
	struct bp_advices *advices;

	(void)state;
	assert_ok(bp_explain(ctx, "EXT4-fs: hello\n\nInvalid\nx: 1 2\nInvalid\n", &advices));
	assert_int_equal(bp_advices_count(advices), 1);
	a = bp_advices_get(advices, 0);
	assert_int_equal(a->line, 3);
	assert_int_equal(a->count, 2);
	assert_null(bp_advices_get(advices, 1));
	bp_advices_free(advices);
	assert_ok(bp_explain(ctx, "", &advices));
	assert_int_equal(bp_advices_count(advices), 0);
	assert_int_equal(bp_advices_verdict(advices), BP_VERDICT_UNKNOWN);
	bp_advices_free(advices);
	bp_advices_free(NULL);
}

static void other_lines_are_not(void **state)
{
	static const char *const lines[] = {
		"",
		"device-mapper",
		"device-mapper: ",
		"device-mapper: table: 254:0: linear: Something new (-EINVAL)",
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
		cmocka_unit_test(every_log_line_is_known),
		cmocka_unit_test(real_logs),
		cmocka_unit_test(lines_of_kernels),
		cmocka_unit_test(no_careless_advice),
		cmocka_unit_test(pasted_lines),
		cmocka_unit_test(pasted_text),
		cmocka_unit_test(other_lines_are_not),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
