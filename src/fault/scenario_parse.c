/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a scenario: lines of words, the first of which says how the others are read. Every refusal
 * names line and column. A word may stand in double quotes, in which a backslash takes the next
 * character literally; where a word could begin, # begins a comment.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/number.h"
#include "fault/scenario.h"

#define LINES_MAX 10000
#define WORDS_MAX 64
#define MS        1
#define SECOND    1000
#define MINUTE    60000

struct word {
	const char *text;
	unsigned column; /* from 1 */
};

struct line {
	struct bp_ctx *ctx;
	struct bp_scenario *scenario;
	unsigned number;
	char *buffer;           /* words, cut out */
	const char *raw, *rest; /* rest: behind the words */
	struct word words[WORDS_MAX];
	size_t count, next;
	uint32_t given; /* words of the action, bits of action_words */
};

static int fail(const struct line *l, unsigned column, const char *what, const char *word)
{
	bp_fail(l->ctx, -EINVAL, "line %u, column %u: %s%s%s%s", l->number, column, what,
		word ? " '" : "", word ? word : "", word ? "'" : "");
	error_set_code(l->ctx, BP_E_FORMAT);
	return -EINVAL;
}

static unsigned end_column(const struct line *l)
{
	return (unsigned)strlen(l->raw) + 1;
}

/* --- words --- */

/* One word from *@p on, to *@to, which both move. */
static int cut_word(struct line *l, const char **p, char **to)
{
	struct word *w = &l->words[l->count];
	bool quoted = **p == '"';

	w->column = (unsigned)(*p - l->raw) + 1;
	w->text = *to;
	*p += quoted;
	while (**p && (quoted ? **p != '"' : !strchr(" \t", **p))) {
		if (quoted && **p == '\\' && (*p)[1])
			++*p;
		*(*to)++ = *(*p)++;
	}
	if (quoted && **p != '"')
		return fail(l, w->column, "the quotes are not closed", NULL);
	*p += quoted;
	if (**p && !strchr(" \t", **p))
		return fail(l, (unsigned)(*p - l->raw) + 1, "a blank is missing", NULL);
	*(*to)++ = '\0';
	l->count++;
	return 0;
}

/* Of a check only the first: what follows is the shell's, which has quotes of its own. */
static int cut_line(struct line *l)
{
	const char *p = l->raw;
	char *to = l->buffer;
	int r = 0;

	for (;;) {
		p += strspn(p, " \t");
		l->rest = p;
		if (r < 0 || !*p || *p == '#' || (l->count && streq(l->words[0].text, "check")))
			return r;
		if (l->count == WORDS_MAX)
			return fail(l, (unsigned)(p - l->raw) + 1, "too many words", NULL);
		r = cut_word(l, &p, &to);
	}
}

static const struct word *take(struct line *l)
{
	return l->next < l->count ? &l->words[l->next++] : NULL;
}

static int need(struct line *l, const char *what, const struct word **ret)
{
	*ret = take(l);
	return *ret ? 0 : fail(l, end_column(l), what, NULL);
}

static int no_more(struct line *l)
{
	const struct word *w = take(l);

	return w ? fail(l, w->column, "not expected here:", w->text) : 0;
}

static int keep(struct line *l, const char *text, char **ret)
{
	free(*ret);
	*ret = strdup(text);
	return *ret ? 0 : bp_fail_memory(l->ctx);
}

/* --- values --- */

/* A unit is needed. */
static bool time_of(const char *text, uint64_t *ret)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "ms", MS }, { "s", SECOND }, { "min", MINUTE } };
	size_t digits = strspn(text, "0123456789");
	uint64_t n;

	if (!digits || number_parse_len(text, digits, UINT32_MAX, &n) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (streq(text + digits, units[i].unit)) {
			*ret = n * units[i].ms;
			return true;
		}
	return false;
}

static int need_time(struct line *l, uint64_t *ret)
{
	const struct word *w;
	int r = need(l, "a time is missing (500ms, 3s, 2min)", &w);

	if (r == 0 && !time_of(w->text, ret))
		r = fail(l, w->column, "no time (500ms, 3s, 2min):", w->text);
	return r;
}

static int need_number(struct line *l, uint64_t max, uint64_t *ret)
{
	const struct word *w;
	int r = need(l, "a number is missing", &w);

	if (r == 0 && number_parse(w->text, max, ret) < 0)
		r = fail(l, w->column, "no number that can be here:", w->text);
	return r;
}

/* Whole sectors. */
static int size_of(struct line *l, const struct word *w, const char *text, size_t len,
		   bp_bytes *ret)
{
	_cleanup_(freep) char *copy = strndup(text, len);
	int r = copy ? bp_size_parse(l->ctx, copy, BP_SECTOR_BYTES, 0, ret)
		     : bp_fail_memory(l->ctx);

	if (r == -EINVAL || r == -ERANGE || (r == 0 && *ret % BP_SECTOR_BYTES))
		r = fail(l, w->column, "no size of whole sectors:", w->text);
	return r;
}

/* --- actions --- */

/* "A..B" in sizes, either end may be missing. */
static int need_range(struct line *l, struct action *a)
{
	const struct word *w;
	const char *dots;
	int r = need(l, "a range is missing (A..B)", &w);

	if (r < 0)
		return r;
	dots = strstr(w->text, "..");
	if (!dots)
		return fail(l, w->column, "a range is written A..B:", w->text);
	if (dots > w->text)
		r = size_of(l, w, w->text, (size_t)(dots - w->text), &a->from);
	if (r == 0 && dots[2])
		r = size_of(l, w, dots + 2, strlen(dots + 2), &a->to);
	if (r == 0 && dots[2] && a->to <= a->from)
		r = fail(l, w->column, "the range is empty:", w->text);
	a->has_range = true;
	return r;
}

static int word_reads(struct line *l, struct action *a)
{
	(void)l;
	a->fault.io |= BP_FAULT_READS;
	return 0;
}

static int word_writes(struct line *l, struct action *a)
{
	(void)l;
	a->fault.io |= BP_FAULT_WRITES;
	return 0;
}

static int word_flushes(struct line *l, struct action *a)
{
	(void)l;
	a->fault.io |= BP_FAULT_FLUSHES;
	return 0;
}

static int word_file(struct line *l, struct action *a)
{
	const struct word *w;
	int r = need(l, "a file of the mount is missing", &w);

	return r < 0 ? r : keep(l, w->text, &a->file);
}

static int word_journal(struct line *l, struct action *a)
{
	(void)l;
	a->classes |= BP_FAULT_JOURNAL;
	return 0;
}

static int word_metadata(struct line *l, struct action *a)
{
	(void)l;
	a->classes |= BP_FAULT_METADATA;
	return 0;
}

/* 0 would be "until it is healed". */
static int lasting(struct line *l, const struct word *w, uint64_t ms, struct action *a)
{
	if (!ms)
		return fail(l, w->column, "no time that a fault lasts:", w->text);
	a->fault.for_ms = (int64_t)ms;
	return 0;
}

static int word_for(struct line *l, struct action *a)
{
	uint64_t ms;
	int r = need_time(l, &ms);

	return r < 0 ? r : lasting(l, &l->words[l->next - 1], ms, a);
}

static int word_count(struct line *l, struct action *a)
{
	uint64_t n;
	int r = need_number(l, FAULT_BAD_MAX, &n);

	if (r == 0 && !n)
		r = fail(l, l->words[l->next - 1].column, "no number that can be here:", "0");
	if (r == 0)
		a->fault.bad_count = (uint32_t)n;
	return r;
}

/* Each once in an action; the last is a time without a word of its own: slow's delay, else how long. */
static const struct {
	const char *name;
	int (*parse)(struct line *l, struct action *a);
} action_words[] = {
	{ "reads", word_reads },       { "writes", word_writes }, { "flushes", word_flushes },
	{ "range", need_range },       { "file", word_file },     { "journal", word_journal },
	{ "metadata", word_metadata }, { "count", word_count },   { "for", word_for },
};
#define BIT_FOR   (1u << (ARRAY_SIZE(action_words) - 1))
#define BIT_DELAY (1u << ARRAY_SIZE(action_words))

static int once(struct line *l, const struct word *w, uint32_t bit)
{
	if (l->given & bit)
		return fail(l, w->column, "it is said twice:", w->text);
	l->given |= bit;
	return 0;
}

/* The delay for "slow", the length for all others. */
static int word_time(struct line *l, const struct word *w, struct action *a)
{
	bool slow = a->fault.kind == BP_FAULT_SLOW;
	uint64_t ms;
	int r;

	if (!time_of(w->text, &ms))
		return fail(l, w->column, "no word of an action:", w->text);
	r = once(l, w, slow ? BIT_DELAY : BIT_FOR);
	if (r < 0 || !slow)
		return r < 0 ? r : lasting(l, w, ms, a);
	if (!ms || ms > UINT32_MAX)
		return fail(l, w->column, "no delay:", w->text);
	a->fault.delay_ms = (uint32_t)ms;
	return 0;
}

/* Words behind the action's name, in any order. */
static int fault_word(struct line *l, const struct word *w, struct action *a)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(action_words); i++) {
		if (!streq(w->text, action_words[i].name) ||
		    (action_words[i].parse == word_count &&
		     a->fault.kind != BP_FAULT_BAD_SECTORS))
			continue;
		return once(l, w, 1u << i) < 0 ? -EINVAL : action_words[i].parse(l, a);
	}
	return word_time(l, w, a);
}

/* What each kind can do, and what it does when nothing is said. */
/* What this fault can't be of: known now, and not when its time has come. */
static int check_fault(struct line *l, const struct word *kind, const struct action *a)
{
	bool part = a->file || a->has_range || a->classes;
	_cleanup_(freep) char *why = NULL;
	uint32_t io;

	if (a->classes && (a->file || a->has_range))
		return fail(l, end_column(l),
			    "journal and metadata are no parts of a file or range", NULL);
	if (fault_io_of(l->ctx, a->fault.kind, a->fault.io, part, &io) == 0)
		return 0;
	why = strdup(bp_errmsg(l->ctx));
	return why ? fail(l, kind->column, why, NULL) : bp_fail_memory(l->ctx);
}

static const struct {
	const char *name;
	enum action_kind kind;
} other_actions[] = {
	{ "heal", ACTION_HEAL },
	{ "power-cut", ACTION_CUT },
	{ "kill", ACTION_KILL },
};

static int parse_action(struct line *l, struct action *a)
{
	const struct word *kind, *w;
	int r = need(l, "an action is missing (slow, stall, error, drop, ...)", &kind);

	*a = (struct action){ .fault.size = sizeof(a->fault) };
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(other_actions); i++)
		if (streq(kind->text, other_actions[i].name)) {
			a->kind = other_actions[i].kind;
			return no_more(l);
		}
	for (int i = BP_FAULT_SLOW; i <= BP_FAULT_FULL; i++)
		if (streq(kind->text, bp_fault_kind_name((enum bp_fault_kind)i)))
			a->fault.kind = (enum bp_fault_kind)i;
	if (!a->fault.kind)
		return fail(l, kind->column, "no action there is:", kind->text);
	while (r == 0 && (w = take(l)))
		r = fault_word(l, w, a);
	return r < 0 ? r : check_fault(l, kind, a);
}

/* Several rules may come due at once: they are done in the order of the file. */
static int parse_rule(struct line *l, enum trigger trigger)
{
	struct rule rule = { .line = l->number, .trigger = trigger };
	const struct word *w;
	int r = 0;

	if (trigger == TRIGGER_AT || trigger == TRIGGER_EVERY)
		r = need_time(l, &rule.amount);
	if (r == 0 && trigger == TRIGGER_EVERY && !rule.amount)
		r = fail(l, l->words[1].column, "every so often is never at once", NULL);
	if (trigger == TRIGGER_WRITES) {
		r = need_number(l, UINT64_MAX, &rule.amount);
		if (r == 0)
			r = need(l, "'writes' is missing", &w);
		if (r == 0 && !streq(w->text, "writes"))
			r = fail(l, w->column, "only writes are counted, not", w->text);
	}
	if (trigger == TRIGGER_ON) {
		r = need(l, "a name is missing", &w);
		if (r == 0)
			r = keep(l, w->text, &rule.name);
	}
	if (r == 0)
		r = parse_action(l, &rule.action);
	if (r == 0 && vec_add(&l->scenario->rules, &rule) < 0)
		r = bp_fail_memory(l->ctx);
	if (r < 0) {
		free(rule.name);
		free(rule.action.file);
	} else {
		l->scenario->cuts |= rule.action.kind == ACTION_CUT;
	}
	return r;
}

/* --- statements --- */

static int parse_at(struct line *l)
{
	return parse_rule(l, TRIGGER_AT);
}

static int parse_every(struct line *l)
{
	return parse_rule(l, TRIGGER_EVERY);
}

static int parse_after(struct line *l)
{
	return parse_rule(l, TRIGGER_WRITES);
}

static int parse_on(struct line *l)
{
	return parse_rule(l, TRIGGER_ON);
}

/* The word that was taken last. */
static unsigned column(const struct line *l)
{
	return l->words[l->next - 1].column;
}

/* A loop device is the scenario's own; another one belongs to somebody. */
static int parse_device(struct line *l)
{
	const struct word *w;
	int r = need(l, "'loop SIZE' or a device is missing", &w);

	if (r < 0)
		return r;
	if (!streq(w->text, "loop"))
		return keep(l, w->text, &l->scenario->target);
	r = need(l, "a size is missing", &w);
	if (r == 0)
		r = size_of(l, w, w->text, strlen(w->text), &l->scenario->size_bytes);
	if (r == 0 && !l->scenario->size_bytes)
		r = fail(l, w->column, "a disk of no size", NULL);
	return r;
}

static int parse_text(struct line *l, const char *what, char **ret)
{
	const struct word *w;
	int r = need(l, what, &w);

	return r < 0 ? r : keep(l, w->text, ret);
}

/* It becomes part of "mkfs.NAME": letters and digits only. */
static int parse_fs(struct line *l)
{
	int r = parse_text(l, "a file system's name is missing (ext4)", &l->scenario->fs);

	if (r == 0 && (strspn(l->scenario->fs, "abcdefghijklmnopqrstuvwxyz0123456789") !=
			       strlen(l->scenario->fs) ||
		       strlen(l->scenario->fs) > 32))
		r = fail(l, column(l), "no file system's name:", l->scenario->fs);
	return r;
}

static int parse_mount(struct line *l)
{
	int r = parse_text(l, "a mount point is missing", &l->scenario->mount);

	if (r == 0 && l->scenario->mount[0] != '/')
		r = fail(l, column(l),
			 "a mount point begins with a slash:", l->scenario->mount);
	return r;
}

static int parse_seed(struct line *l)
{
	int r = need_number(l, UINT64_MAX, &l->scenario->seed);

	return r < 0 ? r : no_more(l);
}

static int parse_until(struct line *l)
{
	int r = need_time(l, &l->scenario->until_ms);

	if (r == 0 && !l->scenario->until_ms)
		r = fail(l, l->words[1].column, "the program would never run", NULL);
	return r < 0 ? r : no_more(l);
}

static int add_expect(struct line *l, struct expect *e)
{
	e->line = l->number;
	if (vec_add(&l->scenario->expects, e) == 0)
		return 0;
	free(e->text);
	return bp_fail_memory(l->ctx);
}

/* All of the rest of the line, as a shell takes it. */
static int parse_check(struct line *l)
{
	struct expect e = { .kind = EXPECT_CHECK };
	int r = 0;

	if (!*l->rest || *l->rest == '#')
		r = fail(l, end_column(l), "a command is missing", NULL);
	if (r == 0)
		r = keep(l, l->rest, &e.text);
	return r < 0 ? r : add_expect(l, &e);
}

/* A program has one exit status; texts and checks there may be many. */
static bool ends_twice(const struct line *l)
{
	for (size_t i = 0; i < l->scenario->expects.count; i++)
		if (l->scenario->expects.items[i].kind == EXPECT_EXIT)
			return true;
	return false;
}

/* Checked when the program has ended, in the order of the file. */
static int parse_expect(struct line *l)
{
	struct expect e = { 0 };
	const struct word *w;
	int r = need(l, "'exit', 'output' or 'log' is missing", &w);

	if (r < 0)
		return r;
	if (streq(w->text, "exit")) {
		r = ends_twice(l) ? fail(l, w->column, "it is said twice:", w->text)
				  : need_number(l, UINT8_MAX, &e.status);
		if (r == 0)
			r = no_more(l);
	} else if (streq(w->text, "output") || streq(w->text, "log")) {
		e.kind = streq(w->text, "log") ? EXPECT_LOG : EXPECT_OUTPUT;
		r = parse_text(l, "a text is missing", &e.text);
		if (r == 0)
			r = no_more(l);
	} else {
		r = fail(l, w->column, "exit, output or log can be expected, not", w->text);
	}
	if (r < 0) {
		free(e.text);
		return r;
	}
	return add_expect(l, &e);
}

static const struct {
	const char *name;
	int (*parse)(struct line *l);
	bool once, disk; /* disk: such lines can be one */
} statements[] = {
	{ "device", parse_device, true, true },
	{ "fs", parse_fs, true, true },
	{ "mount", parse_mount, true, true },
	{ "seed", parse_seed, true },
	{ "until", parse_until, true },
	{ "at", parse_at },
	{ "every", parse_every },
	{ "after", parse_after },
	{ "on", parse_on },
	{ "check", parse_check },
	{ "expect", parse_expect },
};

static int parse_statement(struct line *l, const struct word *w, uint32_t i)
{
	if (statements[i].once && l->scenario->said & 1u << i)
		return fail(l, w->column, "there is such a line already:", w->text);
	l->scenario->said |= 1u << i;
	return statements[i].parse(l);
}

/* What the disk is may stand in one line, the device first or not. */
static int parse_words(struct line *l)
{
	bool disk = true;
	int r = 0;

	while (r == 0 && l->next < l->count) {
		const struct word *w = take(l);
		uint32_t i = 0;

		while (i < ARRAY_SIZE(statements) && !streq(w->text, statements[i].name))
			i++;
		if (w != l->words &&
		    (!disk || i == ARRAY_SIZE(statements) || !statements[i].disk))
			return fail(l, w->column, "not expected here:", w->text);
		if (i == ARRAY_SIZE(statements))
			return fail(l, w->column, "no line begins with", w->text);
		disk = statements[i].disk;
		r = parse_statement(l, w, i);
	}
	return r;
}

/* @raw without its line's end. */
static int parse_line(struct bp_ctx *ctx, struct bp_scenario *scenario, unsigned number,
		      const char *raw, size_t len)
{
	_cleanup_(freep) char *text = strndup(raw, len), *buffer = malloc(len + 2);
	struct line l = {
		.ctx = ctx,
		.scenario = scenario,
		.number = number,
		.buffer = buffer,
		.raw = text,
	};
	int r;

	if (!text || !buffer)
		return bp_fail_memory(ctx);
	r = cut_line(&l);
	return r < 0 ? r : parse_words(&l);
}

/* --- what goes together --- */

static int refuse(struct bp_ctx *ctx, const char *what)
{
	bp_fail(ctx, -EINVAL, "%s", what);
	error_set_code(ctx, BP_E_FORMAT);
	return -EINVAL;
}

/* What no single line can tell. */
static int check_whole(struct bp_ctx *ctx, const struct bp_scenario *s)
{
	if (!s->target && !s->size_bytes)
		return refuse(ctx, "no line 'device': where shall the program run?");
	if (s->target && (s->fs || s->mount || s->cuts))
		return refuse(
			ctx, "fs, mount and power-cut are for 'device loop': others' data stay "
			     "as they are");
	if (!!s->fs != !!s->mount)
		return refuse(ctx, "fs and mount go together");
	for (size_t i = 0; i < s->rules.count; i++)
		if (s->rules.items[i].action.file && !s->mount && !s->target)
			return refuse(ctx, "a fault on a file needs fs and mount");
	return 0;
}

/* LINES_MAX bounds it, as it may come from anywhere. */
int bp_scenario_parse(struct bp_ctx *ctx, const char *text, struct bp_scenario **ret)
{
	struct bp_scenario *s = calloc(1, sizeof(*s));
	int r = s ? 0 : bp_fail_memory(ctx);

	for (unsigned number = 1; r == 0 && *text; number++) {
		size_t len = strcspn(text, "\n");

		r = number > LINES_MAX ? refuse(ctx, "more lines than a scenario has")
				       : parse_line(ctx, s, number, text, len);
		text += len + (text[len] == '\n');
	}
	if (r == 0)
		r = check_whole(ctx, s);
	if (r < 0) {
		bp_scenario_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void bp_scenario_free(struct bp_scenario *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->rules.count; i++) {
		free(s->rules.items[i].name);
		free(s->rules.items[i].action.file);
	}
	for (size_t i = 0; i < s->expects.count; i++)
		free(s->expects.items[i].text);
	vec_done(&s->rules);
	vec_done(&s->expects);
	free(s->target);
	free(s->fs);
	free(s->mount);
	free(s);
}

uint64_t bp_scenario_seed(const struct bp_scenario *scenario)
{
	return scenario->seed;
}
