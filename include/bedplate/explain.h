/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a line of the kernel's log means. The ioctl that loads a table answers with an errno
 * only; why is said in the log, in a few words. Here they become a target, an argument, the
 * rule behind them and what would be right. Works on any line of Linux 6.1 to 7.2, from
 * /dev/kmsg, journalctl or dmesg, without a device or a kernel.
 */
#ifndef BEDPLATE_EXPLAIN_H
#define BEDPLATE_EXPLAIN_H

#include <bedplate/table.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_verdict - How grave a line, a status or a table is.
 * @BP_VERDICT_UNKNOWN: not known here.
 * @BP_VERDICT_HARMLESS: as it should be, or of no consequence.
 * @BP_VERDICT_ACT: something has to be done; data that are there stay readable meanwhile.
 * @BP_VERDICT_STOP: data are lost or about to be: stop using it, and do nothing that writes.
 */
enum bp_verdict {
	BP_VERDICT_UNKNOWN = 0,
	BP_VERDICT_HARMLESS = 1,
	BP_VERDICT_ACT = 2,
	BP_VERDICT_STOP = 3,
};

/* "unknown", "harmless", "act", "stop". */
BP_API const char *bp_verdict_name(enum bp_verdict verdict);

/**
 * struct bp_explanation - What a line means. Free it with bp_explanation_free().
 * @target: the target it is about; NULL: the table as a whole.
 * @device: "MAJOR:MINOR" of the mapped device, where the line has it, or NULL.
 * @text: the kernel's words, without what is in front of and behind them.
 * @segment: the segment it is about; -1: not known, or none.
 * @argument: its argument, from 1; 0: not known which.
 * @argument_name: as bp_target_option_next() has it, with an index only where it is known which
 *	("legs.1.dev", "legs.dev"); "#features" for a count; "start" and "length" for what every
 *	segment has. NULL: no argument, or not one alone.
 * @value: the argument's word in the table, or NULL. Keys are not shown.
 * @rule: the rule that was broken, or what went wrong: a sentence without full stop.
 * @expected: what would be right, or what to do; or NULL.
 * @verdict: how grave it is.
 * @next: the command that comes next, with NAME and the like in capitals; or NULL.
 * @vague: the line only says that something failed; another one, in front of it, says what.
 */
struct bp_explanation {
	const char *target, *device, *text;
	int segment;
	unsigned argument;
	const char *argument_name, *value;
	const char *rule, *expected;
	enum bp_verdict verdict;
	const char *next;
	bool vague;
};

/**
 * bp_explain_kernel_line() - Explain one line of the kernel's log.
 * @line: e.g. "device-mapper: table: 254:0: linear: Invalid device sector (-EINVAL)"; what is
 *	in front of "device-mapper: " does not matter.
 * @table: the table that was being loaded, or NULL: segment, argument number and value come
 *	from it.
 * @ret: free it with bp_explanation_free().
 *
 * Return: 0; -ENOENT (not a line of device-mapper, or not one that is known); -ENOMEM.
 */
BP_API int bp_explain_kernel_line(struct bp_ctx *ctx, const char *line,
				  const struct bp_table *table, struct bp_explanation **ret);
BP_API void bp_explanation_free(struct bp_explanation *explanation);

/**
 * enum bp_advice_kind - What a line was taken for.
 * @BP_ADVICE_LOG: a line of the kernel's log.
 * @BP_ADVICE_STATUS: a line of status, or a state of one word ("Fail").
 * @BP_ADVICE_TABLE: a line of a table.
 * @BP_ADVICE_CODE: the name of an error code, "BP_E_BUSY".
 */
enum bp_advice_kind {
	BP_ADVICE_LOG = 1,
	BP_ADVICE_STATUS = 2,
	BP_ADVICE_TABLE = 3,
	BP_ADVICE_CODE = 4,
};

/**
 * struct bp_advice - What to make of one line. Lent by its list.
 * @size: sizeof(struct bp_advice), as the library knows it.
 * @kind: what the line was taken for.
 * @line: its number in the text, from 1. @count: how many like it there are.
 * @text: the line, without what is in front of it in a log. Keys of encryption are not shown.
 * @device: "MAJOR:MINOR", "dm-0", or the name in front of the line; or NULL.
 * @target: the target it is about, or NULL.
 * @verdict: how grave it is; BP_VERDICT_UNKNOWN: the line is of device-mapper, but not known.
 * @meaning: what it means: a sentence or two.
 * @next: the command, or the thing to do, that comes next; NULL: nothing.
 */
struct bp_advice {
	size_t size;
	enum bp_advice_kind kind;
	size_t line, count;
	const char *text, *device, *target;
	enum bp_verdict verdict;
	const char *meaning, *next;
};

struct bp_advices;

/**
 * bp_explain() - Say what pasted text means, line by line: a kernel's log (from /dev/kmsg,
 *	journalctl or dmesg), lines of status and of tables (as this program or dmsetup prints
 *	them), states of one word ("Invalid", "Fail").
 * @text: any number of lines. Lines of neither kind are passed over.
 * @ret: free it with bp_advices_free().
 *
 * Works without a device or a kernel. Equal lines are told once, with their count. What a line
 * of status says is judged as it stands: what was before is not known.
 *
 * Return: 0, whatever was found; -ENOMEM.
 */
BP_API int bp_explain(struct bp_ctx *ctx, const char *text, struct bp_advices **ret);

BP_API size_t bp_advices_count(const struct bp_advices *advices);
/* Advice @index, in the order of the lines; NULL behind the last. */
BP_API const struct bp_advice *bp_advices_get(const struct bp_advices *advices, size_t index);
/* The gravest verdict there. */
BP_API enum bp_verdict bp_advices_verdict(const struct bp_advices *advices);
BP_API int bp_advices_json(const struct bp_advices *advices, struct bp_json *json,
			   const char *key);
BP_API void bp_advices_free(struct bp_advices *advices);

#ifdef __cplusplus
}
#endif

#endif
