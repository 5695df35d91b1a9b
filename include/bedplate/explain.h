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
 */
struct bp_explanation {
	const char *target, *device, *text;
	int segment;
	unsigned argument;
	const char *argument_name, *value;
	const char *rule, *expected;
};

/**
 * bp_explain_kernel_line() - Explain one line of the kernel's log.
 * @line: e.g. "device-mapper: table: 254:0: linear: Invalid device sector (-EINVAL)"; what is
 *	in front of "device-mapper: " does not matter.
 * @table: the table that was being loaded, or NULL: segment, argument number and value come
 *	from it.
 *
 * Return: 0; -ENOENT (not a line of device-mapper, or not one that is known); -ENOMEM.
 */
BP_API int bp_explain_kernel_line(struct bp_ctx *ctx, const char *line,
				  const struct bp_table *table, struct bp_explanation **ret);
BP_API void bp_explanation_free(struct bp_explanation *explanation);

#ifdef __cplusplus
}
#endif

#endif
