/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pasted text explained line by line: logs, lines of status and of tables, states of one word.
 * What a line is, is told by its form; what it means, by the target's data.
 */
#include "targets/grammar/judge.h"

#include "core/context.h"
#include "core/number.h"
#include "targets/grammar/secret.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

struct bp_advices {
	struct arena arena; /* owns all texts */
	VEC(struct bp_advice) list;
};

const char *bp_verdict_name(enum bp_verdict verdict)
{
	static const char *const names[] = { "unknown", "harmless", "act", "stop" };

	return (size_t)verdict < ARRAY_SIZE(names) ? names[verdict] : "unknown";
}

size_t bp_advices_count(const struct bp_advices *advices)
{
	return advices->list.count;
}

const struct bp_advice *bp_advices_get(const struct bp_advices *advices, size_t index)
{
	return index < advices->list.count ? &advices->list.items[index] : NULL;
}

/* The worst of all; unknown is below harmless. */
enum bp_verdict bp_advices_verdict(const struct bp_advices *advices)
{
	enum bp_verdict worst = BP_VERDICT_UNKNOWN;

	for (size_t i = 0; i < advices->list.count; i++)
		worst = MAX(worst, advices->list.items[i].verdict);
	return worst;
}

void bp_advices_free(struct bp_advices *advices)
{
	if (!advices)
		return;
	vec_done(&advices->list);
	arena_done(&advices->arena);
	free(advices);
}

static void advice_json(const struct bp_advice *a, struct bp_json *json)
{
	static const char *const kinds[] = { NULL, "log", "status", "table", "code" };

	bp_json_object(json, NULL);
	bp_json_uint(json, "line", a->line);
	bp_json_uint(json, "count", a->count);
	bp_json_string(json, "kind", kinds[a->kind]);
	bp_json_string(json, "text", a->text);
	bp_json_string(json, "device", a->device);
	bp_json_string(json, "target", a->target);
	bp_json_string(json, "verdict", bp_verdict_name(a->verdict));
	bp_json_string(json, "meaning", a->meaning);
	bp_json_string(json, "next", a->next);
	bp_json_object_close(json);
}

int bp_advices_json(const struct bp_advices *advices, struct bp_json *json, const char *key)
{
	bp_json_array(json, key);
	for (size_t i = 0; i < advices->list.count; i++)
		advice_json(&advices->list.items[i], json);
	bp_json_array_close(json);
	return 0;
}

/* --- judging --- */

/*
 * Only a graver verdict takes the place of what was said: targets say the gravest first, or
 * not, and the result is the same.
 */
void judge_say(struct judge *judge, enum bp_verdict verdict, const char *next, const char *fmt,
	       ...)
{
	struct strbuf s = { 0 };
	va_list args;

	if (judge->meaning && verdict <= judge->verdict)
		return;
	va_start(args, fmt);
	strbuf_addv(&s, fmt, args);
	va_end(args);
	judge->verdict = verdict;
	judge->next = next;
	judge->meaning = s.error ? NULL : arena_strdup(judge->arena, strbuf_text(&s));
	judge->no_memory |= !judge->meaning;
	strbuf_done(&s);
}

/* Doubles, as the product of two counts of blocks need not fit 64 bits. */
unsigned judge_percent(uint64_t part, uint64_t total)
{
	unsigned percent;

	if (part >= total)
		return total ? 100 : 0;
	percent = (unsigned)((double)part * 100 / (double)total + 0.5);
	/* Rounded, but something left is not nothing. */
	return percent == 0 && part ? 1 : percent == 100 ? 99 : percent;
}

/* --- one line --- */

struct explainer {
	struct bp_ctx *ctx;
	struct bp_advices *out;
	size_t line;
};

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

/* Add what was found, unless a line like it was there before. */
static int add(struct explainer *e, struct bp_advice *a)
{
	if (!a->text || !a->meaning)
		return -ENOMEM;
	for (size_t i = 0; i < e->out->list.count; i++) {
		struct bp_advice *other = &e->out->list.items[i];

		if (streq(other->text, a->text) && same_text(other->device, a->device)) {
			other->count++;
			return 0;
		}
	}
	a->size = sizeof(*a);
	a->line = e->line;
	a->count = 1;
	return vec_add(&e->out->list, a);
}

static const char *keep(struct explainer *e, const char *text)
{
	return text ? arena_strdup(&e->out->arena, text) : NULL;
}

/* What is behind "device-mapper: ", without white space at the end, and without keys. */
static const char *log_text(struct explainer *e, const char *line)
{
	const char *shown = log_line_public(line, &e->out->arena), *at;
	size_t len;

	if (!shown)
		return NULL;
	at = strstr(shown, "device-mapper: ");
	at = at ? at + strlen("device-mapper: ") : strstr(shown, "md/raid");
	len = strlen(at);
	while (len && isspace((unsigned char)at[len - 1]))
		len--;
	return arena_strndup(&e->out->arena, at, len);
}

/* A line of the kernel log: what it means stands in the rules of its target (.log, .rules). */
static int explain_log(struct explainer *e, const char *line)
{
	struct bp_advice a = { .kind = BP_ADVICE_LOG, .text = log_text(e, line) };
	struct bp_explanation *x;
	int r = bp_explain_kernel_line(e->ctx, line, NULL, &x);

	if (r == -ENOENT) {
		a.meaning = "a line of device-mapper that is not known here";
		return add(e, &a);
	}
	if (r < 0)
		return r;
	a.device = keep(e, x->device);
	a.target = keep(e, x->target);
	a.verdict = x->verdict;
	a.meaning = x->rule;
	a.next = x->next ? x->next : x->expected;
	bp_explanation_free(x);
	return add(e, &a);
}

/* A state of one word: of @target, or of any that has it. */
static const struct rule *find_state(const struct bp_target *target, const char *word)
{
	for (const struct rule *r = target->log; r && r->text; r++)
		if (r->state && streq(r->text, word))
			return r;
	return NULL;
}

/* Words that stand for a whole status: "Fail", "Error", "Invalid". 1: it is none. */
static int add_state(struct explainer *e, struct bp_advice *a, const struct bp_target *target,
		     const char *word)
{
	const struct rule *rule = find_state(target, word);

	if (!rule)
		return 1;
	a->kind = BP_ADVICE_STATUS;
	a->target = target->name;
	a->verdict = rule->verdict;
	a->meaning = rule->rule;
	a->next = rule->next;
	return add(e, a);
}

/* Do targets of more than one module have this state? Then it says nothing of one of them. */
static bool is_shared_state(const char *word)
{
	const char *module = NULL;

	for (size_t i = 0; i < targets_count; i++) {
		if (!targets[i]->states || !find_state(targets[i], word))
			continue;
		if (module && !streq(module, targets[i]->module))
			return true;
		module = targets[i]->module;
	}
	return false;
}

/* A code of this library's errors, "BP_E_BUSY". 1: it is none. */
static int explain_code(struct explainer *e, const char *word)
{
	struct bp_advice a = { .kind = BP_ADVICE_CODE,
			       .text = keep(e, word),
			       .verdict = BP_VERDICT_ACT };

	for (int code = 0; word && code < NR_ERROR_CODES; code++) {
		if (!streq(word, bp_error_name((enum bp_error_code)code)))
			continue;
		a.meaning = bp_error_meaning((enum bp_error_code)code);
		a.next = bp_error_hint((enum bp_error_code)code);
	}
	return a.meaning ? add(e, &a) : 1;
}

/* The line is one word. 1: no state. */
static int explain_word(struct explainer *e, const char *word)
{
	struct bp_advice a = { .kind = BP_ADVICE_STATUS, .text = keep(e, word) };
	int r = explain_code(e, word);

	if (r != 1)
		return r;

	if (is_shared_state(word)) {
		a.verdict = BP_VERDICT_STOP;
		a.meaning = "the target (a pool, volume, cache or clone) has failed, as its "
			    "metadata can't be used: its I/O fails";
		a.next = "the kernel's log says why; bedplate explain takes it";
		return add(e, &a);
	}
	for (size_t i = 0; r == 1 && i < targets_count; i++)
		if (targets[i]->states)
			r = add_state(e, &a, targets[i], word);
	return r;
}

/* --- status and table lines --- */

struct pasted {
	const char *name; /* in front of the line, or NULL */
	const char *start, *length, *target;
	const char *rest; /* "" where there is nothing */
};

/* The next word of @at, ended by a NUL; NULL: none. */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \t");
	size_t len = strcspn(word, " \t\r");

	*at = word + len + (word[len] != '\0');
	word[len] = '\0';
	return len ? word : NULL;
}

static bool is_number(const char *text)
{
	uint64_t value;

	return text && number_parse(text, UINT64_MAX, &value) == 0;
}

/* "[NAME: ]START LENGTH TARGET [WORDS]". */
static bool take_pasted(char *line, struct pasted *ret)
{
	char *at = line, *word = next_word(&at);
	size_t len = word ? strlen(word) : 0;

	*ret = (struct pasted){ 0 };
	if (len > 1 && word[len - 1] == ':') {
		word[len - 1] = '\0';
		ret->name = word;
		word = next_word(&at);
	}
	ret->start = word;
	ret->length = next_word(&at);
	ret->target = next_word(&at);
	ret->rest = at + strspn(at, " \t\r");
	return is_number(ret->start) && is_number(ret->length) && ret->target &&
	       isalpha((unsigned char)*ret->target);
}

/* Is a word one that names a device: a path, or MAJOR:MINOR? */
static int is_no_device(void *user, const struct arg *arg, const char **text)
{
	unsigned major, minor;
	int end = 0;

	(void)user;
	if (arg->kind != KIND_DEV || **text == '/' || streq(*text, "-"))
		return 0;
	return sscanf(*text, "%u:%u%n", &major, &minor, &end) != 2 || (*text)[end];
}

/* Does the line read as a table, with devices where there must be some? */
static bool is_table(const struct bp_table *table)
{
	const struct segment *s = table->segments.items[0];

	return !s->type || !s->params ||
	       args_texts(s->type->args, s->params, NULL, is_no_device, NULL) == 0;
}

/*
 * The table as we write it, so that a line that was pasted with a name or in other spacing
 * is shown as it was understood. NULL without memory.
 */
static const char *shown_line(struct explainer *e, const struct bp_table *table)
{
	char *text = NULL;
	const char *copy = NULL;

	if (bp_table_format(e->ctx, table, &text) == 0) {
		text[strcspn(text, "\n")] = '\0';
		copy = keep(e, text);
	}
	free(text);
	return copy;
}

#define UNKNOWN_TARGET "a target that is not known here"

/* What to do about a target that nobody knows: where it may be a slip, write the other. */
static const char *near_target(struct explainer *e, const char *name)
{
	const char *near = target_near(name), *text;
	struct strbuf s = { 0 };

	if (!near)
		return NULL;
	strbuf_addf(&s, "perhaps '%s' was meant", near);
	text = s.error ? NULL : keep(e, strbuf_text(&s));
	strbuf_done(&s);
	return text;
}

/* Pre-flight without devices says whether it can be right. */
static int explain_table(struct explainer *e, const struct pasted *p, struct bp_table *table)
{
	const struct bp_target *target = bp_target_get(p->target);
	struct bp_advice a = {
		.kind = BP_ADVICE_TABLE,
		.device = keep(e, p->name),
		.target = keep(e, p->target),
		.verdict = BP_VERDICT_HARMLESS,
		.next = "bedplate table --explain --table LINE tells what each word means",
	};
	struct bp_findings *findings;
	int r = bp_table_check(e->ctx, table, NULL, &findings);

	if (r == 0)
		r = bp_table_hide_keys(e->ctx, table);
	if (r < 0)
		return r;
	a.text = shown_line(e, table);
	a.meaning = target ? target->summary : UNKNOWN_TARGET;
	if (!target) {
		a.verdict = BP_VERDICT_UNKNOWN;
		a.next = near_target(e, p->target);
	}
	for (size_t i = 0; i < bp_findings_count(findings); i++) {
		const struct bp_finding *f = bp_findings_get(findings, i);

		/* Where it begins in its device can't be told from one line. */
		if (f->severity < BP_SEVERITY_REFUSED ||
		    (f->argument_name && streq(f->argument_name, "start")))
			continue;
		a.verdict = BP_VERDICT_ACT;
		a.meaning = keep(e, f->message);
		a.next = "bedplate check-table --table LINE lists all that is wrong with it";
		break;
	}
	bp_findings_free(findings);
	return add(e, &a);
}

/* The line as it would be without its name, whatever blanks it was pasted with. */
static const char *status_text(struct explainer *e, const struct pasted *p)
{
	struct strbuf s = { 0 };
	const char *text;

	strbuf_addf(&s, "%s %s %s%s%s", p->start, p->length, p->target, *p->rest ? " " : "",
		    p->rest);
	text = s.error ? NULL
		       : status_public(bp_target_get(p->target), strbuf_text(&s),
				       &e->out->arena);
	strbuf_done(&s);
	return text;
}

/* A target without a judge of its own has nothing in its status that could be wrong. */
static int judge_status(struct explainer *e, struct bp_advice *a,
			const struct bp_target *target, const struct bp_status *status)
{
	struct judge judge = { .arena = &e->out->arena };

	if (target->judge && status->values)
		target->judge(&judge, status->values);
	if (judge.no_memory)
		return -ENOMEM;
	a->verdict = judge.meaning ? judge.verdict : BP_VERDICT_HARMLESS;
	a->meaning =
		judge.meaning ? judge.meaning : "nothing in it says that something is wrong";
	a->next = judge.next;
	return add(e, a);
}

/* The words of a target without status are no table of it either: why. */
static int explain_no_table(struct explainer *e, struct bp_advice *a)
{
	const struct bp_error *error = e->ctx ? bp_error_get(e->ctx) : NULL;
	const char *why = error && error->errnum ? error->message
			  : e->ctx ? "a device of it is neither a path nor MAJOR:MINOR"
				   : "it can't be read as a table";

	a->kind = BP_ADVICE_TABLE;
	a->verdict = BP_VERDICT_ACT;
	a->meaning = status_public(bp_target_get(a->target), why, &e->out->arena);
	a->next = "bedplate targets TARGET shows what it takes";
	return add(e, a);
}

/*
 * A status of a target that has none, "0 100 linear", is empty; with words behind it, it is
 * a table that was not understood.
 */
static int explain_status(struct explainer *e, const struct pasted *p)
{
	const struct bp_target *target = bp_target_get(p->target);
	struct bp_advice a = {
		.kind = BP_ADVICE_STATUS,
		.text = status_text(e, p),
		.device = keep(e, p->name),
		.target = keep(e, p->target),
	};
	struct bp_status *status;
	int r;

	if (!target) {
		a.meaning = UNKNOWN_TARGET;
		a.next = near_target(e, p->target);
		return add(e, &a);
	}
	if (!target->status_size && *p->rest)
		return explain_no_table(e, &a);
	r = bp_status_parse(e->ctx, p->target, p->rest, &status);
	if (r < 0)
		return r;
	if (status->state)
		r = add_state(e, &a, target, status->state);
	else
		r = status->problem ? 1 : judge_status(e, &a, target, status);
	if (r == 1) {
		a.meaning = keep(e, status->problem ? status->problem : status->text);
		r = add(e, &a);
	}
	bp_status_free(status);
	return r;
}

/* Table and status lines begin alike: what reads as a table is one. */
static int explain_pasted(struct explainer *e, const struct pasted *p)
{
	struct bp_table *table = NULL;
	int r = bp_table_new(e->ctx, &table);
	uint64_t start = 0, length = 0;
	bool is;

	if (r < 0)
		return r;
	number_parse(p->start, UINT64_MAX, &start);
	number_parse(p->length, UINT64_MAX, &length);
	r = bp_table_add_raw(e->ctx, table, start, length, p->target, p->rest);
	is = r == 0 && is_table(table);
	if (r == 0 && is)
		r = explain_table(e, p, table);
	bp_table_free(table);
	if (r == -ENOMEM || is)
		return r;
	return explain_status(e, p);
}

/*
 * A line of the log is known by its prefix, a table or status by two numbers; what is left
 * may be the name of an error code.
 */
static int explain_line(struct explainer *e, const char *text, size_t len)
{
	_cleanup_(freep) char *line = strndup(text, len), *copy = strndup(text, len);
	struct pasted pasted;
	int r = 0;

	if (!line || !copy)
		return -ENOMEM;
	if (strstr(line, "device-mapper: ") || strstr(line, "md/raid"))
		return explain_log(e, line);
	if (take_pasted(copy, &pasted))
		return explain_pasted(e, &pasted);
	while (len && isspace((unsigned char)line[len - 1]))
		line[--len] = '\0';
	r = explain_word(e, line + strspn(line, " \t"));
	return r == 1 ? 0 : r;
}

/*
 * The context's last failure stays as it was: explaining is no failure, whatever the text
 * is.
 */
int bp_explain(struct bp_ctx *ctx, const char *text, struct bp_advices **ret)
{
	struct bp_advices *out = calloc(1, sizeof(*out));
	struct error_state *saved = error_save(ctx);
	struct explainer e = { .ctx = ctx, .out = out };
	int r = out ? 0 : -ENOMEM;

	while (r == 0 && *text) {
		size_t len = strcspn(text, "\n");

		e.line++;
		r = explain_line(&e, text, len);
		text += len + (text[len] == '\n');
	}
	error_restore(ctx, saved);
	if (r < 0) {
		bp_advices_free(out);
		return bp_fail_memory(ctx);
	}
	*ret = out;
	return 0;
}
