/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * target_pages TSV DIR: write docs/targets, a page a target and an index, from the grammars.
 * Examples come from TSV, the lines that kernels took and printed.
 */
#include "core/number.h"
#include "targets/grammar/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- arguments --- */

/* What of an enclosing grammar matters for a row. */
struct where {
	const char *prefix;      /* "legs.N." */
	const char *condition;   /* "where log is disk", or NULL */
	const struct arg *scope; /* the grammar of the struct that it is in */
	bool option;             /* known by its word, not by its place */
	bool status;
};

static void rows(FILE *f, const struct arg *args, const struct where *where);

static void put_range(FILE *f, const struct arg *arg)
{
	const char *unit = arg_unit(arg);

	if (arg->flags & ARG_HEX_NUMBER)
		fputs("hexadecimal, ", f);
	if (arg->kind == KIND_SIGNED)
		fprintf(f, "-%" PRIu64 " to %" PRIu64, arg->max, arg->max);
	else if (arg->max >= UINT64_MAX)
		fprintf(f, arg->min ? "%" PRIu64 " or more" : "a number", arg->min);
	else
		fprintf(f, "%" PRIu64 " to %" PRIu64, arg->min, arg->max);
	if (arg->flags & ARG_POWER_OF_2)
		fputs(", a power of two", f);
	if (arg->step > 1)
		fprintf(f, ", a multiple of %" PRIu64, arg->step);
	if (unit)
		fprintf(f, "; %s", unit);
}

static void put_words(FILE *f, const struct arg *arg)
{
	const char *comma = "";

	for (const struct arg_word *w = arg->words; w->word; w++) {
		if (!w->value)
			continue;
		fprintf(f, "%s`%s`", comma, w->word);
		comma = ", ";
	}
}

static void put_value(FILE *f, const struct arg *arg, bool status)
{
	switch (arg->kind) {
	case KIND_DEV:
		fputs(status ? "device" : "device: path or MAJOR:MINOR", f);
		break;
	case KIND_NUMBER:
	case KIND_MAYBE:
	case KIND_SIGNED:
		put_range(f, arg);
		break;
	case KIND_CHOICE:
		put_words(f, arg);
		break;
	case KIND_FLAG:
		fputs("there or not", f);
		break;
	case KIND_TEXT:
		fputs(arg->flags & ARG_HEX ? "hex digits" : "a word", f);
		break;
	case KIND_WORDS:
		fputs("words", f);
		break;
	case KIND_PAIRS:
		fputs("pairs of words", f);
		break;
	case KIND_EACH:
		if (arg->args->name && arg->args[1].kind == KIND_END &&
		    streq(arg->args->name, "value"))
			put_range(f, arg->args);
		else
			fputs("a list", f);
		break;
	case KIND_POINTER:
	case KIND_RECORD:
		fputs("several words", f);
		break;
	case KIND_COUNT:
		put_range(f, arg);
		break;
	case KIND_LITERAL:
	case KIND_GROUP:
	case KIND_OPTIONS:
	case KIND_SPLIT:
	case KIND_WHEN:
	case KIND_END:
	case KINDS:
		break;
	}
}

static void put_place(FILE *f, const struct arg *arg, const struct where *where)
{
	if (!where->option) {
		fputs(arg->flags & ARG_OPTIONAL ? "may be missing" : "", f);
		return;
	}
	if (arg->flags & ARG_BARE)
		fputs("its value alone", f);
	else if (arg->kind == KIND_PAIRS)
		fputs("`KEY VALUE`", f);
	else if (arg->kind == KIND_FLAG)
		fprintf(f, "`%s`", arg_word(arg));
	else
		fprintf(f, "`%s%sVALUE`", arg_word(arg), arg->flags & ARG_JOINED ? ":" : " ");
}

static void put_row(FILE *f, const struct arg *arg, const struct where *where)
{
	fprintf(f, "| `%s%s` | ", where->prefix, arg->name);
	put_place(f, arg, where);
	fputs(" | ", f);
	put_value(f, arg, where->status);
	if (!where->status) {
		fprintf(f, " | %s",
			arg->def                  ? arg->def
			: arg->flags & ARG_CHOSEN ? "the kernel's choice"
						  : "");
		if (arg->since)
			fprintf(f, " | %u.%u", arg->since >> 8u, arg->since & 0xffu);
		else
			fputs(" | ", f);
	}
	fprintf(f, " | %s", arg->help ? arg->help : "");
	if (where->condition)
		fprintf(f, "; %s", where->condition);
	fputs(" |\n", f);
}

/* The count in front of a list or group. */
static void put_count(FILE *f, const char *of, const struct where *where)
{
	fprintf(f,
		where->status ? "| `#%s` | | a count | how many words follow |\n"
			      : "| `#%s` | | a count | | | computed: how many words follow |\n",
		of);
}

/* The choice that an ARG_WHEN looks at, among the members of one struct. */
static const struct arg *find_choice(const struct arg *args, size_t offset)
{
	for (const struct arg *a = args; a->kind != KIND_END; a++) {
		const struct arg *found = NULL;

		if (a->kind == KIND_CHOICE && a->offset == offset)
			return a;
		if (arg_is_transparent(a) && a->args)
			found = find_choice(a->args, offset);
		if (found)
			return found;
	}
	return NULL;
}

static void condition_of(const struct where *where, const struct arg *when, char *ret,
			 size_t size)
{
	const struct arg *choice = find_choice(where->scope, when->offset);
	const char *word = choice ? arg_choice_word(choice, when->value) : NULL;

	if (word)
		snprintf(ret, size, "where `%s` is `%s`", choice->name, word);
	else if (choice)
		snprintf(ret, size, "where there is no `%s`", choice->name);
	else
		snprintf(ret, size, "not always there");
}

static void put_inner(FILE *f, const struct arg *arg, const struct where *where)
{
	struct where inner = *where;
	char text[160];

	if (!arg->args || arg->kind == KIND_PAIRS)
		return;
	if (arg->kind == KIND_WHEN) {
		condition_of(where, arg, text, sizeof(text));
		inner.condition = text;
	} else if (arg->kind == KIND_EACH || arg->kind == KIND_RECORD ||
		   arg->kind == KIND_POINTER) {
		if (arg->kind == KIND_EACH && arg->args[1].kind == KIND_END &&
		    arg->args->name && streq(arg->args->name, "value"))
			return;
		snprintf(text, sizeof(text), "%s%s%s", where->prefix, arg->name,
			 arg->kind == KIND_EACH ? ".N." : ".");
		inner.prefix = text;
		inner.scope = arg->args;
		inner.option = false;
	} else {
		inner.option = arg->kind == KIND_OPTIONS;
	}
	rows(f, arg->args, &inner);
}

static void rows(FILE *f, const struct arg *args, const struct where *where)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		if (arg->kind == KIND_GROUP || (arg->kind == KIND_OPTIONS && !arg->uncounted))
			put_count(f, arg->name, where);
		else if (arg->kind == KIND_LITERAL)
			fprintf(f,
				where->status ? "| | | `%s` | always |\n"
					      : "| | | `%s` | | | always |\n",
				arg->word);
		else if (arg->kind == KIND_COUNT)
			put_count(f, arg->name, where);
		else if (!arg_is_transparent(arg) && arg->kind != KIND_RECORD)
			put_row(f, arg, where);
		put_inner(f, arg, where);
	}
}

/* --- examples --- */

#define COLUMNS 5
struct row {
	char *column[COLUMNS]; /* kernel, target, kind, text, note */
};

static struct row *tsv;
static size_t nr_rows;

static void read_tsv(const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	if (!f) {
		perror(path);
		exit(1);
	}
	while (getline(&line, &room, f) > 0) {
		char *rest = line;
		struct row row = { 0 };

		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < COLUMNS && rest; i++)
			row.column[i] = strsep(&rest, "\t");
		tsv = realloc(tsv, (nr_rows + 1) * sizeof(*tsv));
		if (!tsv || !row.column[4])
			exit(1);
		tsv[nr_rows++] = row;
		line = NULL; /* the row has it */
	}
	fclose(f);
}

static bool same_case(const struct row *a, const struct row *b)
{
	size_t len = strcspn(a->column[4], ";");

	return streq(a->column[0], b->column[0]) && strcspn(b->column[4], ";") == len &&
	       strncmp(a->column[4], b->column[4], len) == 0;
}

/* The next row of @kind in the case of @first. */
static const char *find_kind(const struct row *first, const char *kind)
{
	for (const struct row *r = first; r < tsv + nr_rows && same_case(first, r); r++)
		if (streq(r->column[1], first->column[1]) && streq(r->column[2], kind))
			return r->column[3];
	return NULL;
}

static void put_line(FILE *f, const char *what, const char *line)
{
	size_t len = strlen(line);

	while (len && line[len - 1] == ' ')
		len--;
	fprintf(f, "%-8s %.*s\n", what, (int)len, line);
}

/* The first case of a kernel, in this order of kernels, whose table is one line. */
static void put_example(FILE *f, const char *target)
{
	static const char *const kernels[] = { "6.12.117", "6.1.176", "7.2.13" };

	for (size_t k = 0; k < ARRAY_SIZE(kernels); k++) {
		for (const struct row *r = tsv; r < tsv + nr_rows; r++) {
			const char *out, *status;

			if (!streq(r->column[0], kernels[k]) || !streq(r->column[1], target) ||
			    !streq(r->column[2], "table_in") || strstr(r->column[3], "\\n") ||
			    !(out = find_kind(r, "table_out")))
				continue;
			status = find_kind(r, "status");
			fprintf(f,
				"\n## Example\n\nAs given, and as Linux %s prints "
				"table%s:\n\n```\n",
				kernels[k], status ? " and status" : "");
			put_line(f, "given", r->column[3]);
			put_line(f, "table", out);
			if (status)
				put_line(f, "status", status);
			fputs("```\n", f);
			return;
		}
	}
}

/* --- pages --- */

static const struct {
	uint32_t flag;
	const char *text;
} flags[] = {
	{ BP_TARGET_SINGLETON, "It must be the only segment of its table." },
	{ BP_TARGET_SINGLETON_6_12,
	  "Since Linux 6.12 it must be the only segment of its table." },
	{ BP_TARGET_IMMUTABLE, "A live device keeps it: no other target can replace it." },
	{ BP_TARGET_NEVER_READ_ONLY, "The table can't be read-only." },
	{ BP_TARGET_ONLY_READ_ONLY, "The table must be read-only." },
	{ BP_TARGET_WILDCARD, "It may stand in for any other target, and beside it." },
	{ BP_TARGET_FORMATS, "Loading it formats a blank device." },
};

static void put_rules(FILE *f, const struct bp_target *t)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!(t->flags & flags[i].flag))
			continue;
		fprintf(f, "%s- %s\n", any ? "" : "\n", flags[i].text);
		any = true;
	}
	if (t->ignores_extra)
		fprintf(f, "%s- Words behind the last argument are ignored by the kernel.\n",
			any ? "" : "\n");
}

static void put_status(FILE *f, const struct bp_target *t)
{
	const struct where where = { .prefix = "", .scope = t->status, .status = true };

	fputs("\n## Status\n\n", f);
	if (!t->status) {
		fputs("None.\n", f);
		return;
	}
	fputs("| Field | In the line | Value | Meaning |\n|---|---|---|---|\n", f);
	rows(f, t->status, &where);
	if (!t->states)
		return;
	fputs("\nStates, instead of all that:", f);
	for (const char *const *s = t->states; *s; s++)
		fprintf(f, "%s `%s`", s == t->states ? "" : ",", *s);
	fputs(".\n", f);
}

static void put_messages(FILE *f, const struct bp_target *t)
{
	fputs("\n## Messages\n\n", f);
	if (!t->messages) {
		fputs("None.\n", f);
		return;
	}
	for (const struct target_message *m = t->messages; m->name; m++)
		fprintf(f, "- `%s%s%s`: %s\n", m->name, m->form[0] ? " " : "", m->form,
			m->summary);
}

static void put_page(FILE *f, const struct bp_target *t)
{
	const struct where where = { .prefix = "", .scope = t->args };

	fprintf(f,
		"# %s\n\nMade by scripts/target-pages from src/targets.\n\nPurpose: %s. "
		"Module %s, since Linux %s.\n",
		t->name, t->summary, t->module, t->since);
	put_rules(f, t);
	fputs("\n## Arguments\n\n", f);
	if (t->args && t->args->kind != KIND_END) {
		fputs("| Parameter | In the line | Value | Default | Since | Meaning |\n"
		      "|---|---|---|---|---|---|\n",
		      f);
		rows(f, t->args, &where);
	} else {
		fputs("None.\n", f);
	}
	if (t->reprint)
		fprintf(f, "\nPrinted and loaded again: %s.\n", t->reprint);
	put_status(f, t);
	put_messages(f, t);
	put_example(f, t->name);
}

static FILE *create(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.md", dir, name);
	f = fopen(path, "we");
	if (!f) {
		perror(path);
		exit(1);
	}
	return f;
}

static void finish(FILE *f)
{
	if (fclose(f) != 0) {
		perror("write");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	FILE *index;

	if (argc != 3) {
		fprintf(stderr, "usage: target_pages TSV DIR\n");
		return 64;
	}
	read_tsv(argv[1]);
	index = create(argv[2], "README");
	fputs("# Targets\n\nMade by scripts/target-pages from src/targets. A page each: "
	      "arguments with "
	      "units, ranges and\ndefaults, status fields, messages. Parameter names are those "
	      "of the "
	      "structs in\n`<bedplate/targets.h>`, of `bedplate create NAME TARGET --option` "
	      "and of "
	      "JSON.\n\n| Target | Purpose | Module | Since |\n|---|---|---|---|\n",
	      index);
	for (size_t i = 0; i < targets_count; i++) {
		const struct bp_target *t = targets[i];
		FILE *page = create(argv[2], t->name);

		put_page(page, t);
		finish(page);
		fprintf(index, "| [%s](%s.md) | %s | %s | %s |\n", t->name, t->name, t->summary,
			t->module, t->since);
	}
	finish(index);
	for (size_t i = 0; i < nr_rows; i++)
		free(tsv[i].column[0]);
	free(tsv);
	return 0;
}
