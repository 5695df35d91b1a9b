/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Key material in every place that can have it, and every way of the library to print it. */
#include "unit.h"

#include <bedplate/bedplate.h>

#include <stdio.h>
#include <sys/random.h>

#include "core/arena.h"
#include "fake/ops_fake.h"
#include "targets/grammar/secret.h"

/* KEY is 8 random bytes in hex. A line is printed as it is, but for keys. */
#define KEY "@@@@@@@@@@@@@@@@"
static const char *const lines[] = {
	"crypt aes-cbc-plain64 " KEY " 0 8:16 0",
	"crypt aes-xts-plain64 " KEY KEY KEY KEY " 0 8:16 0 1 sector_size:512",
	"crypt capi:authenc(hmac(sha256),xts(aes))-random " KEY KEY
	" 0 8:16 0 1 integrity:48:aead",
	"integrity 8:16 0 32 J 1 internal_hash:hmac(sha256):" KEY,
	"integrity 8:16 0 32 J 2 internal_hash:hmac(sha256):" KEY " journal_mac:hmac(md5):" KEY,
	"integrity 8:16 0 - J 3 journal_crypt:cbc(aes):" KEY KEY
	" internal_hash:crc32c journal_mac:hmac(sha1):" KEY,
	"inlinecrypt aes-xts-plain64 " KEY KEY KEY KEY " 0 8:16 0",
	"verity 1 8:16 8:32 4096 4096 1 1 sha256 "
	"1111111111111111111111111111111111111111111111111111111111111111 - 2 "
	"root_hash_sig_key_desc " KEY,
	/* Not understood: what looks like a key is one. */
	"crypt aes-cbc-plain64 " KEY " 0 8:16 0 1 future_option:" KEY,
	"integrity 8:16 0 32 J 2 internal_hash:hmac(sha256):" KEY " future_mac:x:" KEY,
	"default-key aes-xts-plain64 " KEY KEY " 0 8:16 0",
	/* Swapped, or behind what it belongs to. */
	"crypt " KEY KEY KEY KEY " aes-xts-plain64 0 8:16 0",
	"inlinecrypt " KEY KEY KEY KEY " aes-xts-plain64 0 8:16 0",
	"crypt aes-xts-plain64:" KEY " - 0 8:16 0",
};

/* References, and digests that are meant to be seen. */
static const char *const shown[] = {
	"crypt aes-xts-plain64 :64:logon:cryptsetup:uuid-d0 0 8:16 0",
	"crypt aes-xts-plain64 - 0 8:16 0",
	"inlinecrypt aes-xts-plain64 :64:logon:deadbeefdeadbeefdeadbeefdeadbeef 0 8:16 0",
	"verity 1 8:16 8:32 4096 4096 1 1 sha256 "
	"4392712ba01368efdf14b05c76f9e4df0d53664630b5d48632ed17a137f39076 "
	"1234000000000000000000000000000000000000000000000000000000000000 2 "
	"root_hash_sig_key_desc cryptsetup:uuid-name",
	"linear /dev/disk/by-id/1234567890abcdef1234567890abcdef 0",
	"unknown-target 18446744073709551615 8:16",
};

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	char key[17];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	uint64_t random = 0;

	assert_non_null(w);
	assert_ok(bp_ctx_new(&w->ctx));
	assert_ok(fake_new(w->ctx, &w->fake));
	assert_ok(fake_add_bdev(w->fake, "/dev/b", 8, 16, 64 << 20));
	assert_ok(fake_add_bdev(w->fake, "/dev/c", 8, 32, 64 << 20));
	assert_int_equal(getrandom(&random, sizeof(random), 0), sizeof(random));
	/* A letter at both ends: never a decimal number. */
	snprintf(w->key, sizeof(w->key), "a%014llxf", (unsigned long long)random >> 8);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bp_ctx_free(w->ctx);
	free(w);
	return 0;
}

/* The line of a table, with the key in it. Freed by the caller. */
static char *plant(const struct world *w, const char *line)
{
	char *text, *at;

	assert_true(asprintf(&text, "0 2048 %s", line) > 0);
	while ((at = strstr(text, KEY)))
		memcpy(at, w->key, 16);
	return text;
}

static void assert_hidden(const struct world *w, const char *what, const char *text)
{
	if (text && strcasestr(text, w->key))
		fail_msg("%s tells the key: %s", what, text);
}

/* What was written, freed by the caller. */
static char *json_take(struct bp_json *json)
{
	char *text;

	assert_ok(bp_json_end(json));
	text = strdup(bp_json_text(json, NULL));
	bp_json_free(json);
	assert_non_null(text);
	return text;
}

static char *json_of(struct world *w, const struct bp_table *table)
{
	struct bp_json *json;

	assert_ok(bp_json_new(NULL, NULL, &json));
	assert_ok(bp_table_json(w->ctx, table, false, json, NULL));
	return json_take(json);
}

static void assert_error_hides(struct world *w, const char *what)
{
	struct bp_json *json;
	char *text;

	assert_hidden(w, what, bp_errmsg(w->ctx));
	assert_ok(bp_json_new(NULL, NULL, &json));
	assert_ok(bp_error_json(w->ctx, json, NULL));
	text = json_take(json);
	assert_hidden(w, what, text);
	free(text);
}

static int explain_hides(void *user, const struct bp_word *word)
{
	assert_hidden(user, "explain", word->public_text);
	return 0;
}

static void check_hides(struct world *w, const struct bp_table *table)
{
	struct bp_table_check_opts opts = { .size = sizeof(opts) };
	struct bp_findings *findings;
	struct bp_json *json;
	char *text;

	bp_device_check_opts(w->ctx, &opts);
	assert_ok(bp_table_check(w->ctx, table, &opts, &findings));
	assert_ok(bp_json_new(NULL, NULL, &json));
	assert_ok(bp_findings_json(findings, json, NULL));
	text = json_take(json);
	assert_hidden(w, "check", text);
	free(text);
	bp_findings_free(findings);
}

/* As JSON, and as text once the keys are hidden. */
static void printed_hides(struct world *w, const struct bp_table *table)
{
	struct bp_table *copy;
	char *text = json_of(w, table);

	assert_hidden(w, "json", text);
	free(text);
	assert_ok(bp_table_copy(w->ctx, table, &copy));
	assert_ok(bp_table_hide_keys(w->ctx, copy));
	assert_ok(bp_table_format(w->ctx, copy, &text));
	assert_hidden(w, "format", text);
	free(text);
	text = json_of(w, copy);
	assert_hidden(w, "json of hidden", text);
	free(text);
	bp_table_free(copy);
}

/* --- pasted --- */

static void advice_hides(struct world *w, const char *text)
{
	struct bp_advices *advices;
	struct bp_json *json;
	char *told;

	assert_ok(bp_explain(w->ctx, text, &advices));
	assert_ok(bp_json_new(NULL, NULL, &json));
	bp_json_object(json, NULL);
	assert_ok(bp_advices_json(advices, json, "data"));
	bp_json_object_close(json);
	told = json_take(json);
	assert_hidden(w, text, told);
	free(told);
	bp_advices_free(advices);
}

/* As a line of a kernel's log, of its own prefix or of another's. */
static void log_hides(struct world *w, const char *target, const char *words)
{
	static const char *const forms[][2] = {
		{ "device-mapper: ", ": " },
		{ "device-mapper: ", ": 254:3: " },
		{ "<3>[1.0] device-mapper: table: 254:3: ", ": " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct bp_explanation *e;
		char *line;

		assert_true(asprintf(&line, "%s%s%s%s", forms[i][0], target, forms[i][1],
				     words) > 0);
		advice_hides(w, line);
		if (bp_explain_kernel_line(w->ctx, line, NULL, &e) == 0) {
			assert_hidden(w, line, e->text);
			bp_explanation_free(e);
		} else {
			assert_error_hides(w, line);
		}
		free(line);
	}
}

static void status_hides(struct world *w, const char *target, const char *words)
{
	struct bp_status *status;
	struct bp_json *json;
	char *text;

	assert_ok(bp_status_parse(w->ctx, target, words, &status));
	assert_hidden(w, words, status->text);
	assert_hidden(w, words, status->problem);
	assert_ok(bp_json_new(NULL, NULL, &json));
	assert_ok(bp_status_json(w->ctx, status, json, NULL));
	text = json_take(json);
	assert_hidden(w, words, text);
	free(text);
	bp_status_free(status);
}

/* A whole line where a device or a target is to be named. */
static void names_hide(struct world *w, const char *text)
{
	struct bp_selector which = { .name = text };
	struct bp_table *table;
	char *formatted;

	assert_true(bp_device_table(w->ctx, &which, 0, &table) < 0);
	assert_error_hides(w, text);
	assert_err(bp_message_format(w->ctx, text, "key wipe", NULL, 0, &formatted), ENOENT);
	assert_error_hides(w, text);
}

/* The line wherever one may paste it: whatever it is taken for. */
static void pasted_hides(struct world *w, const char *text)
{
	char target[64], *named;
	int at = 0;

	advice_hides(w, text);
	assert_true(asprintf(&named, "vg-lv: %s", text) > 0);
	advice_hides(w, named);
	free(named);
	names_hide(w, text);
	if (sscanf(text, "%*s %*s %63s %n", target, &at) == 1 && at) {
		log_hides(w, target, text + at);
		status_hides(w, target, text + at);
	}
}

/* All ways to print a table that has keys in it, without asking for them. */
static void table_hides(struct world *w, struct bp_table *table)
{
	char *text;

	printed_hides(w, table);
	assert_ok(bp_table_explain(w->ctx, table, explain_hides, w));
	check_hides(w, table);
	/* The copy was one: the table still has its keys. */
	assert_ok(bp_table_format(w->ctx, table, &text));
	assert_non_null(strcasestr(text, w->key));
	free(text);
}

static void tables(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char *text = plant(w, lines[i]);
		struct bp_table *table;

		assert_ok(bp_table_parse(w->ctx, text, BP_TABLE_PRINTED, &table));
		table_hides(w, table);
		pasted_hides(w, text);
		bp_table_free(table);
		free(text);
	}
}

/* --- words beside that are wrong --- */

/* Words of @text, with @change at word @at: put instead, in front, or left out (NULL). */
static char *changed(const char *text, size_t at, const char *change, bool in_front)
{
	char *copy = strdup(text), *save = NULL, *result = strdup("");
	size_t n = 0;

	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *longer;
		const bool here = n++ == at;

		assert_true(asprintf(&longer, "%s%s%s%s%s", result, *result ? " " : "",
				     here && change ? change : "",
				     here && change && in_front ? " " : "",
				     here && !in_front ? "" : word) >= 0);
		free(result);
		result = longer;
	}
	free(copy);
	return result;
}

static void parse_hides(struct world *w, const char *text)
{
	struct bp_table *table = NULL;

	pasted_hides(w, text);
	for (uint32_t flags = 0; flags <= BP_TABLE_PRINTED; flags++) {
		int r = bp_table_parse(w->ctx, text, flags, &table);

		if (r < 0) {
			assert_error_hides(w, text);
			continue;
		}
		assert_ok(bp_table_explain(w->ctx, table, explain_hides, w));
		check_hides(w, table);
		printed_hides(w, table);
		bp_table_free(table);
	}
}

/* Each word replaced, doubled, left out, or the key put in its place. */
static void wrong_words(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < 8; i++) {
		char *text = plant(w, lines[i]);

		for (size_t at = 3; at < 16; at++) {
			const char *const changes[] = { "wrong", NULL, "-1", w->key };

			for (size_t k = 0; k < 2 * ARRAY_SIZE(changes); k++) {
				char *bad = changed(text, at, changes[k / 2], k % 2);

				/* Where a key never stands it is not known for one. */
				if (i != 7 || k / 2 != 3)
					parse_hides(w, bad);
				free(bad);
			}
		}
		free(text);
	}
}

/* --- devices --- */

static void plan_hides(struct world *w)
{
	struct bp_plan *plan;

	assert_ok(bp_plan_take(w->ctx, &plan));
	for (size_t i = 0; i < bp_plan_count(plan); i++)
		assert_hidden(w, "plan", bp_plan_get(plan, i)->detail);
	assert_true(bp_plan_count(plan) > 0);
	bp_plan_free(plan);
}

static void devices_hide(struct world *w)
{
	struct bp_selector which = { .name = "d" };
	struct bp_table *table;
	struct bp_stack *stack;
	char *text;

	assert_ok(bp_device_table(w->ctx, &which, 0, &table));
	assert_ok(bp_table_format(w->ctx, table, &text));
	assert_hidden(w, "table", text);
	free(text);
	bp_table_free(table);
	assert_ok(bp_stack_read(w->ctx, NULL, 0, 0, &stack));
	assert_ok(bp_concise_format(w->ctx, stack, &text));
	assert_hidden(w, "concise", text);
	free(text);
	bp_stack_free(stack);
	assert_ok(bp_stack_read(w->ctx, NULL, 0, BP_STACK_SHOW_KEYS, &stack));
	assert_ok(bp_concise_format(w->ctx, stack, &text));
	assert_non_null(strcasestr(text, w->key));
	free(text);
	bp_stack_free(stack);
}

static void devices(void **state)
{
	struct world *w = *state;
	struct bp_selector which = { .name = "d" };

	for (size_t i = 0; i < 8; i++) {
		char *text = plant(w, lines[i]);
		struct bp_table *table;

		assert_ok(bp_table_parse(w->ctx, text, 0, &table));
		assert_ok(bp_plan_start(w->ctx));
		if (bp_device_create(w->ctx, "d", table, NULL, NULL))
			fail_msg("%s: %s", text, bp_errmsg(w->ctx));
		plan_hides(w);
		if (bp_device_create(w->ctx, "d", table, NULL, NULL))
			fail_msg("%s: %s", text, bp_errmsg(w->ctx));
		devices_hide(w);
		assert_ok(bp_device_remove(w->ctx, &which, NULL, NULL));
		bp_table_free(table);
		free(text);
	}
}

static void messages(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "key set " KEY, "key set 0000000000000000" },
		{ "KEY SET " KEY " " KEY, "KEY SET 0000000000000000 0000000000000000" },
		{ "key set :32:logon:name", "key set :32:logon:name" },
		{ "key wipe", "key wipe" },
		{ "create_thin 0", "create_thin 0" },
	};
	struct world *w = *state;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		text = message_public(rows[i].text);
		assert_string_equal(text, rows[i].shown);
		free(text);
	}
	assert_true(asprintf(&text, "key set %s %s", w->key, w->key) > 0);
	assert_err(bp_message_check(w->ctx, "crypt", text, NULL), EINVAL);
	assert_error_hides(w, "message");
	free(text);
}

static void references(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		char *text = plant(w, shown[i]), *back;
		struct bp_table *table;

		assert_ok(bp_table_parse(w->ctx, text, BP_TABLE_PRINTED, &table));
		assert_ok(bp_table_hide_keys(w->ctx, table));
		assert_ok(bp_table_format(w->ctx, table, &back));
		back[strlen(back) - 1] = '\0';
		assert_string_equal(back, text);
		free(back);
		back = json_of(w, table);
		assert_non_null(strstr(back, strchr(shown[i], ' ') + 1));
		free(back);
		bp_table_free(table);
		free(text);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(tables), T(wrong_words), T(devices), T(messages), T(references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
