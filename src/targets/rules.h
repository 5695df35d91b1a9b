/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of what kernels say, by target. */
#ifndef TARGETS_RULES_H
#define TARGETS_RULES_H

#include "targets/grammar/rule.h"

/* rules_core.c */
extern const struct rule rules_core[], rules_linear[], rules_striped[], rules_zero[];
extern const struct rule rules_error[], rules_delay[], rules_flakey[], rules_dust[],
	rules_ebs[];
extern const struct rule rules_log_writes[], rules_unstriped[], rules_switch[], rules_zoned[];
/* rules_mirror.c */
extern const struct rule rules_mirror[], rules_raid[], rules_multipath[];
/* rules_crypt.c */
extern const struct rule rules_crypt[], rules_integrity[], rules_verity[], rules_inlinecrypt[];
/* rules_cache.c; rules_thin is of the pool as well, rules_snapshot of all three */
extern const struct rule rules_snapshot[], rules_thin[], rules_cache[], rules_era[];
extern const struct rule rules_writecache[], rules_clone[], rules_pcache[];
/* rules_vdo.c */
extern const struct rule rules_vdo[];

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
