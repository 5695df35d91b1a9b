/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding the rule behind a kernel's text, and reporting it before the kernel does. */
#include "targets/grammar/rule.h"

#include <assert.h>

const struct rule *rules_of(const char *target)
{
	const struct bp_target *t = bp_target_get(target);

	if (!*target)
		return rules_table;
	return t ? t->rules : NULL;
}

/* The first place in @text with @len bytes of @part; NULL: nowhere. */
static const char *find_part(const char *text, const char *part, size_t len)
{
	for (; strlen(text) >= len; text++)
		if (strncmp(text, part, len) == 0)
			return text;
	return NULL;
}

/*
 * The kernel's format with "*" for each conversion. The result is how many letters matched:
 * of several rules the most exact one is taken.
 */
static size_t matches(const char *pattern, const char *text)
{
	size_t letters = strcspn(pattern, "*");

	if (strncmp(pattern, text, letters) != 0)
		return 0;
	pattern += letters;
	text += letters;
	while (*pattern == '*') {
		size_t len = strcspn(++pattern, "*");

		text = find_part(text, pattern, len);
		if (!text)
			return 0;
		letters += len;
		pattern += len;
		text += len;
	}
	return letters;
}

size_t rule_matches(const char *pattern, const char *text)
{
	size_t letters = matches(pattern, text);

	if (letters == 0 && pattern[0] == '*' && pattern[1] == ' ')
		letters = matches(pattern + 2, text);
	return letters;
}

/* The one of @rules with the most letters that fit; states of one word fit as a whole only. */
static void find_in(const struct rule *rules, const char *text, size_t *best_len,
		    const struct rule **best)
{
	for (const struct rule *rule = rules; rule && rule->text; rule++) {
		size_t len = rule_matches(rule->text, text);

		if (rule->state && text[len])
			len = 0;

		if (len > *best_len) {
			*best = rule;
			*best_len = len;
		}
	}
}

/* The longest text that matches, in all lists: it is the most exact. */
static const struct rule *find_of(const struct bp_target *target, const char *text)
{
	const struct rule *best = NULL;
	size_t len = 0;

	find_in(target->rules, text, &len, &best);
	find_in(target->log, text, &len, &best);
	find_in(rules_any, text, &len, &best);
	return best;
}

const struct rule *rule_find_shared(const char *text)
{
	const struct rule *best = NULL;
	size_t len = 0;

	find_in(rules_shared, text, &len, &best);
	find_in(rules_any, text, &len, &best);
	return best;
}

/* Targets of one module share texts ("snapshot" and "snapshot-origin"): looked at last. */
const struct rule *rule_find(const char *target, const char *text)
{
	const struct bp_target *of = bp_target_get(target);
	const struct rule *rule = NULL;
	size_t len = 0;

	if (of)
		rule = find_of(of, text);
	else
		find_in(rules_of(target), text, &len, &rule);
	for (size_t i = 0; !rule && of && i < targets_count; i++)
		if (streq(targets[i]->module, of->module))
			rule = find_of(targets[i], text);
	return rule;
}

/*
 * Named by the kernel's own text, so that rule and explanation can't drift apart. One that
 * isn't listed is a bug of ours.
 */
void check_rule(struct check *check, const char *name, const char *expected, const char *text)
{
	const struct rule *rule = rule_find(check->target ? check->target->name : "", text);

	assert(rule);
	check_refuse(check, name ? name : rule->argument, expected ? expected : rule->expected,
		     "%s", rule->rule);
}
