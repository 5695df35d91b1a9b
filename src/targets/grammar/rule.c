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

/* The longest of @rules that @text is, or begins with. */
static const struct rule *find_in(const struct rule *rules, const char *text)
{
	const struct rule *best = NULL;
	size_t best_len = 0;

	for (const struct rule *rule = rules; rule && rule->text; rule++) {
		size_t len = strlen(rule->text);

		if (len > best_len && strncmp(text, rule->text, len) == 0) {
			best = rule;
			best_len = len;
		}
	}
	return best;
}

const struct rule *rule_find(const char *target, const char *text)
{
	const struct bp_target *of = bp_target_get(target);
	const struct rule *rule = find_in(rules_of(target), text);

	for (size_t i = 0; !rule && of && i < targets_count; i++)
		if (streq(targets[i]->module, of->module))
			rule = find_in(targets[i]->rules, text);
	return rule;
}

void check_rule(struct check *check, const char *name, const char *expected, const char *text)
{
	const struct rule *rule = rule_find(check->target ? check->target->name : "", text);

	assert(rule);
	check_refuse(check, name ? name : rule->argument, expected ? expected : rule->expected,
		     "%s", rule->rule);
}
