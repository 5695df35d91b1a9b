/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of what kernels say, by target. */
#ifndef TARGETS_RULES_H
#define TARGETS_RULES_H

#include "targets/rule.h"

struct target_rules {
	const char *target; /* "" of the table as a whole */
	const struct rule *rules;
};

extern const struct target_rules target_rules[];
extern const size_t target_rules_count;

extern const struct rule rules_mirror[], rules_raid[], rules_multipath[];
extern const struct rule rules_crypt[], rules_integrity[], rules_verity[], rules_inlinecrypt[];

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

#endif
