/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a status line says of a target's health: what a target's .judge is given. */
#ifndef TARGETS_JUDGE_H
#define TARGETS_JUDGE_H

#include "targets/grammar/rule.h"

struct judge {
	struct arena *arena; /* owns the meaning */
	enum bp_verdict verdict;
	const char *meaning, *next;
	bool no_memory;
};

/*
 * Say something of the health; the gravest counts, of equal ones the first. @next: what to do,
 * or NULL. The rest is the meaning, a sentence without full stop.
 */
void judge_say(struct judge *judge, enum bp_verdict verdict, const char *next, const char *fmt,
	       ...) _printf_(4, 5);

/* Percent of @total, rounded; 0 where there is nothing. */
unsigned judge_percent(uint64_t part, uint64_t total);

#endif
