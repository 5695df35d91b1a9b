/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What kernels say when they refuse a target, and what it means. One table serves both ends:
 * pre-flight reports a broken rule in the words that explain the kernel's line about it.
 */
#ifndef TARGETS_RULE_H
#define TARGETS_RULE_H

#include <bedplate/explain.h>

#include "targets/grammar/check.h"

/*
 * A text of the kernel; an array of them ends with a NULL text. Those that refuse a table are a
 * target's .rules; what it says later, while it is in use, is its .log.
 */
struct rule {
	/*
	 * The kernel's; a line that only begins with it matches as well, '*' is anything. With "* " in front, what
	 * stands there (the name of a function, of a device) may be missing.
	 */
	const char *text;
	const char *argument; /* its name in the target's grammar; NULL: none, or none alone */
	const char *rule; /* what must be, or what went wrong: a sentence without full stop */
	const char *expected; /* what would be right, or what to do; NULL: the rule says it */
	enum bp_verdict verdict; /* 0: BP_VERDICT_ACT */
	const char *next;        /* the command that comes next, or NULL */
	enum bp_error_code code; /* of a failed call that caused the line; 0: none of its own */
	bool state;              /* one of the target's .states */
	bool vague;              /* another line, in front of it, says more */
};

/* Lines of a target in use. */
#define LOG_HARMLESS(text_, meaning)                                                           \
	{                                                                                      \
		.text = text_, .rule = meaning, .verdict = BP_VERDICT_HARMLESS                 \
	}
#define LOG_ACT(text_, meaning, next_)                                                         \
	{                                                                                      \
		.text = text_, .rule = meaning, .verdict = BP_VERDICT_ACT, .next = next_       \
	}
#define LOG_STATE(text_, verdict_, meaning, next_)                                             \
	{                                                                                      \
		.text = text_, .rule = meaning, .verdict = verdict_, .next = next_,            \
		.state = true                                                                  \
	}
#define LOG_STOP(text_, meaning, next_)                                                        \
	{                                                                                      \
		.text = text_, .rule = meaning, .verdict = BP_VERDICT_STOP, .next = next_      \
	}

/* Rules that many targets' tables share. */
#define RULE_NO_MEMORY(text)                                                                   \
	{                                                                                      \
		text, NULL, "the kernel has no memory for it", "free memory, and try again"    \
	}
#define RULE_NO_DEVICE(text, argument)                                                         \
	{                                                                                      \
		text, argument, "the device must exist, be a block device, and be free",       \
			"the path or MAJOR:MINOR of a block device nobody else holds"          \
	}
#define RULE_SECTOR(text, argument)                                                            \
	{                                                                                      \
		text, argument, "it must be a number of 512-byte sectors",                     \
			"decimal digits, without sign or unit"                                 \
	}
#define RULE_COUNT(text, argument)                                                             \
	{                                                                                      \
		text, argument,                                                                \
			"the count must be a number, no larger than the target takes "         \
			"and than the words that follow it",                                   \
			"the number of words that follow it"                                   \
	}

/* Long texts that rules are reported by. */
#define RULE_RECALCULATE_KEYED                                                                 \
	"Recalculating with HMAC is disabled for security reasons - if you really need it, "   \
	"use "                                                                                 \
	"the argument \"legacy_recalculate\""

/* What kernels say of tables as a whole: rules_table.c. */
extern const struct rule rules_table[];
/* What the parts say that several targets share, by the names in front of their lines. */
extern const struct rule rules_shared[];
extern const char *const rules_shared_prefixes[];
/* What the modules of all of them say alike. */
extern const struct rule rules_any[];

/* A line of a log as it may be shown: without what looks like a key. Owned by the arena; NULL: no memory. */
const char *log_line_public(const char *text, struct arena *arena);

/* The rules of a target, by its name; of the table as a whole, by "". NULL: not known. */
const struct rule *rules_of(const char *target);

/*
 * The rule of @target that @text is, or begins with; the longest such. Targets of one module,
 * such as thin and its pool, have one name in front of their lines: theirs are looked at too.
 * NULL: none.
 */
const struct rule *rule_find(const char *target, const char *text);
/* The same for lines of the parts that targets share. */
const struct rule *rule_find_shared(const char *text);
/* How many letters of @pattern the beginning of @text has; 0: it does not fit. */
size_t rule_matches(const char *pattern, const char *text);

/*
 * Report that the kernel will refuse argument @name with the text @text, which must be in the
 * target's rules, or in those of the table before a segment is looked at. @name, @expected: NULL
 * for the rule's own.
 */
void check_rule(struct check *check, const char *name, const char *expected, const char *text);

#endif
