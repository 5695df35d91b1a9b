/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a line of the kernel's log to the rule behind it, and to the word of the table. */
#include "targets/grammar/rule.h"
#include "targets/grammar/secret.h"

#include "core/context.h"

#include <bedplate/explain.h>

#include <ctype.h>
#include <stdio.h>

struct explanation {
	struct bp_explanation pub; /* first: what is lent is this */
	struct arena arena;
};

void bp_explanation_free(struct bp_explanation *explanation)
{
	struct explanation *e = (struct explanation *)explanation;

	if (!e)
		return;
	arena_done(&e->arena);
	free(e);
}

static void explanation_freep(struct explanation **e)
{
	if (*e)
		bp_explanation_free(&(*e)->pub);
}

/* --- taking a line apart --- */

struct line {
	const char *device, *text; /* not terminated; device may be NULL */
	size_t device_len, text_len;
	char target[BP_TARGET_NAME_MAX + 1]; /* "": of the table */
	bool shared;                         /* of a part that several targets have */
};

/* Parts that targets share speak of names and uuids, which have long rows of digits, and never of keys. */
static const char *line_public(const struct line *line, const char *text, struct arena *arena)
{
	if (line->shared)
		return arena_strdup(arena, text);
	return log_public(bp_target_get(line->target), text, arena);
}

/* Is @text "PREFIX: ..."? Then the length of the prefix, else 0. */
static size_t prefix_len(const char *text)
{
	const char *colon = strstr(text, ": ");

	return colon ? (size_t)(colon - text) : 0;
}

/* Length of "254:0" or "dm-0" at @text, in front of ": "; else 0. */
static size_t device_len(const char *text)
{
	size_t major = strspn(text, "0123456789"), minor, dash = 0;

	if (text[0] == 'd' && text[1] == 'm' && text[2] == '-')
		dash = strspn(text + 3, "0123456789");
	if (dash && strncmp(text + 3 + dash, ": ", 2) == 0)
		return 3 + dash;
	if (!major || text[major] != ':')
		return 0;
	minor = strspn(text + major + 1, "0123456789");
	if (!minor || strncmp(text + major + 1 + minor, ": ", 2) != 0)
		return 0;
	return major + 1 + minor;
}

/* "253:3: " or "name: " in front of a text, as DMERR_LIMIT writes it. */
static void skip_device(struct line *line)
{
	size_t len = device_len(line->text);

	if (!len)
		return;
	line->device = line->text;
	line->device_len = len;
	line->text += len + 2;
}

/* Take "TARGET: " from the front, if it is a target with rules. */
static bool take_target(struct line *line)
{
	size_t len = prefix_len(line->text);

	if (!len || len > BP_TARGET_NAME_MAX)
		return false;
	memcpy(line->target, line->text, len);
	line->target[len] = '\0';
	if (!rules_of(line->target)) {
		line->target[0] = '\0';
		return false;
	}
	line->text += len + 2;
	return true;
}

/* Length of one word with ": " behind it; 0: there is none. */
static size_t word_len(const char *text)
{
	size_t len = prefix_len(text);

	return len && strcspn(text, " ") > len ? len + 2 : 0;
}

/* "vdo0:dmsetup: ", "vdo[SI]: ", "vdo: dmsetup: ": the instance and its thread, or what was interrupted. */
static void take_vdo(struct line *line)
{
	const char *text = line->text;

	if (strncmp(text, "vdo", 3) == 0 && (isdigit((unsigned char)text[3]) || text[3] == '['))
		memcpy(line->target, "vdo", 4);
	else if (!streq(line->target, "vdo") || rule_find("vdo", text))
		return;
	line->text += word_len(text);
}

static bool is_one_of(const char *const *names, const char *text, size_t len)
{
	for (; names && *names; names++)
		if (strlen(*names) == len && strncmp(*names, text, len) == 0)
			return true;
	return false;
}

/* The same for what is in front of a target's own lines. */
static void take_prefix(struct line *line)
{
	size_t len = prefix_len(line->text);

	for (size_t i = 0; i < targets_count; i++) {
		if (!is_one_of(targets[i]->log_names, line->text, len))
			continue;
		memcpy(line->target, targets[i]->name, strlen(targets[i]->name) + 1);
		line->text += len + 2;
		return;
	}
	line->shared = is_one_of(rules_shared_prefixes, line->text, len);
	if (line->shared)
		line->text += len + 2;
	else
		take_target(line);
	take_vdo(line);
}

/* Before Linux 2.6.39 and in some vendors' kernels: "linear: dm-linear: Device lookup failed". */
static void skip_own_name(struct line *line)
{
	const size_t len = strlen(line->target);

	if (len && strncmp(line->text, "dm-", 3) == 0 &&
	    strncmp(line->text + 3, line->target, len) == 0 &&
	    strncmp(line->text + 3 + len, ": ", 2) == 0)
		line->text += len + 5;
}

/* Without " (-EINVAL)" and white space at the end. */
static void trim(struct line *line)
{
	size_t len = strlen(line->text), open;

	while (len && isspace((unsigned char)line->text[len - 1]))
		len--;
	if (len && line->text[len - 1] == ')') {
		for (open = len - 1; open && line->text[open] != '('; open--)
			;
		if (open && strncmp(line->text + open, "(-", 2) == 0)
			len = open - (line->text[open - 1] == ' ');
	}
	line->text_len = len;
}

/* "md/raid:mdX: TEXT", "md/raid1:mdX: TEXT": the part that raid shares with md. */
static bool take_md(const char *text, struct line *ret)
{
	const char *at = strstr(text, "md/raid"), *colon = at ? strstr(at, ": ") : NULL;

	if (!colon || !strstr(at, ":mdX: "))
		return false;
	memcpy(ret->target, "raid", 5);
	ret->text = colon + 2;
	trim(ret);
	return true;
}

/* A line of the log: what it is about, and its text. false: not of device-mapper. */
static bool take_apart(const char *text, struct line *ret)
{
	static const char mark[] = "device-mapper: ";
	const char *at = strstr(text, mark);

	*ret = (struct line){ 0 };
	if (!at)
		return take_md(text, ret);
	ret->text = at + strlen(mark);
	if (strncmp(ret->text, "table: ", 7) == 0) {
		ret->text += 7;
		skip_device(ret);
		take_target(ret);
		skip_own_name(ret);
	} else {
		take_prefix(ret);
		skip_device(ret);
	}
	trim(ret);
	return true;
}

const char *log_line_public(const char *text, struct arena *arena)
{
	struct line line;

	take_apart(text, &line);
	return line_public(&line, text, arena);
}

/* --- finding the rule --- */

/* Lines about tables have names in front or in the middle: the longest text that is in one. */
static const struct rule *find_core(const char *text)
{
	const struct rule *best = NULL;

	for (const struct rule *rule = rules_of(""); rule->text; rule++)
		if (strstr(text, rule->text) &&
		    (!best || strlen(rule->text) > strlen(best->text)))
			best = rule;
	return best;
}

/*
 * Without a target in the line only what all targets share is known, and device-mapper's
 * own texts.
 */
static const struct rule *find_rule(struct line *line)
{
	const struct rule *rule = NULL;

	if (line->target[0])
		rule = rule_find(line->target, line->text);
	else
		rule = rule_find_shared(line->text);
	return rule ? rule : find_core(line->text);
}

/* --- the table --- */

/* Is @name, "legs.1.dev" or "rebuild.0.value", what @without, "legs.dev" or "rebuild", means?
 */
static bool same_argument(const char *name, const char *without)
{
	while (*name && *without) {
		size_t digits = strspn(name, "0123456789"), len;

		if (digits && name[digits] == '.') {
			name += digits + 1;
			continue;
		}
		len = strcspn(name, ".");
		if (len != strcspn(without, ".") || strncmp(name, without, len) != 0)
			return false;
		name += len + (name[len] == '.');
		without += len + (without[len] == '.');
	}
	name += strspn(name, "0123456789.");
	return !*without && (!*name || streq(name, "value"));
}

/* Two segments may be of the target: then none is certain. */
static int find_segment(const struct bp_table *table, const char *target)
{
	int found = -1;

	for (size_t i = 0; i < table->segments.count; i++) {
		if (!streq(table->segments.items[i]->pub.target, target))
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	return found;
}

/* Pre-flight says which one it is, where the rule is one of its own. */
static int find_finding(struct bp_ctx *ctx, const struct bp_table *table,
			const struct rule *rule, struct explanation *e)
{
	struct bp_findings *findings;
	int r = bp_table_check(ctx, table, NULL, &findings);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_findings_count(findings); i++) {
		const struct bp_finding *f = bp_findings_get(findings, i);

		if (!streq(f->rule, rule->rule) || !f->target || !f->argument_name ||
		    !streq(f->target, e->pub.target))
			continue;
		e->pub.segment = f->segment;
		e->pub.argument = f->argument;
		e->pub.argument_name = arena_strdup(&e->arena, f->argument_name);
		e->pub.value = f->value ? arena_strdup(&e->arena, f->value) : NULL;
		if (f->expected)
			e->pub.expected = arena_strdup(&e->arena, f->expected);
		break;
	}
	bp_findings_free(findings);
	return 0;
}

/* The word that is the argument, if there is only one. */
static int find_value(struct bp_ctx *ctx, const struct bp_table *table, struct explanation *e)
{
	const struct segment *s = table->segments.items[e->pub.segment];
	const struct written *found = NULL;
	struct written_list words = { 0 };
	int r = segment_write(ctx, s, WRITE_HALF_MADE, &e->arena, &words);
	size_t n = 0, at = 0;

	for (size_t i = 0; r == 0 && i < words.list.count; i++) {
		const struct written *w = &words.list.items[i];

		if (!w->name || !same_argument(w->name, e->pub.argument_name))
			continue;
		/* An option's word and its value have one name: the value says more. */
		n += !(found && found->role == WRITTEN_OPTION && streq(found->name, w->name));
		found = w;
		at = i;
	}
	if (r == 0 && n == 1) {
		e->pub.argument = (unsigned)at + 1;
		e->pub.argument_name = found->name;
		e->pub.value = segment_word_public(s, found, &e->arena);
	}
	vec_done(&words.list);
	return r;
}

/* Of a segment that is not understood, what its problem says: "argument 2 (NAME): ...". */
static void take_problem(const struct segment *s, struct explanation *e)
{
	unsigned number;
	int end = 0;

	if (!s->pub.problem || sscanf(s->pub.problem, "argument %u (%n", &number, &end) != 1 ||
	    !end || number == 0 || number > s->extra.count)
		return;
	e->pub.argument = number;
	e->pub.value = word_public(s->type, s->extra.items[number - 1], &e->arena);
}

/* The kernel names no argument: the rule says which kind, the table which word that is. */
static int look_into_table(struct bp_ctx *ctx, const struct bp_table *table,
			   const struct rule *rule, struct explanation *e)
{
	int r;

	e->pub.segment = find_segment(table, e->pub.target);
	r = find_finding(ctx, table, rule, e);
	if (r == 0 && e->pub.segment >= 0 && !e->pub.argument && e->pub.argument_name) {
		take_problem(table->segments.items[e->pub.segment], e);
		if (!e->pub.argument)
			r = find_value(ctx, table, e);
	}
	return r;
}

static int fail_unknown(struct bp_ctx *ctx, const char *line, struct arena *arena)
{
	const char *shown = log_line_public(line, arena);

	if (!shown)
		return bp_fail_memory(ctx);
	return bp_fail(ctx, -ENOENT, "not a line of the kernel that is known: '%s'", shown);
}

/* Known texts only; -ENOENT leaves the caller to show the line as it is. */
int bp_explain_kernel_line(struct bp_ctx *ctx, const char *line, const struct bp_table *table,
			   struct bp_explanation **ret)
{
	_cleanup_(explanation_freep) struct explanation *e = NULL;
	const struct rule *rule;
	struct line parts;
	int r = 0;

	e = calloc(1, sizeof(*e));
	if (!e)
		return bp_fail_memory(ctx);
	rule = take_apart(line, &parts) ? find_rule(&parts) : NULL;
	if (!rule)
		return fail_unknown(ctx, line, &e->arena);
	e->pub.segment = -1;
	e->pub.text = arena_strndup(&e->arena, parts.text, parts.text_len);
	if (e->pub.text)
		e->pub.text = line_public(&parts, e->pub.text, &e->arena);
	if (parts.device)
		e->pub.device = arena_strndup(&e->arena, parts.device, parts.device_len);
	if (parts.target[0])
		e->pub.target = arena_strdup(&e->arena, parts.target);
	if (!e->pub.text || (parts.device && !e->pub.device) ||
	    (parts.target[0] && !e->pub.target))
		return bp_fail_memory(ctx);
	e->pub.argument_name = rule->argument;
	e->pub.rule = rule->rule;
	e->pub.expected = rule->expected;
	e->pub.verdict = rule->verdict ? rule->verdict : BP_VERDICT_ACT;
	e->pub.next = rule->next;
	e->pub.vague = rule->vague;
	if (table && e->pub.target)
		r = look_into_table(ctx, table, rule, e);
	if (r == 0)
		*ret = &steal(e)->pub;
	return r;
}
