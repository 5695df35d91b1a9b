/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * States of a segment that somebody may wait for, as its status tells them: what a target's
 * .conditions is given. An event is a condition that is there and was not before, or the other way
 * round.
 */
#ifndef TARGETS_CONDITION_H
#define TARGETS_CONDITION_H

#include <bedplate/events.h>
#include <bedplate/table.h>

#include "core/arena.h"
#include "core/vec.h"

#define EVENT_KINDS (BP_EVENT_CORRUPTION + 1)

struct condition {
	enum bp_event_kind kind;
	const char *target, *about, *what; /* about: "" where there is only one of a kind */
	bp_sector start;
};

struct conditions {
	struct arena arena; /* owns all texts */
	VEC(struct condition) list;
	const char *target; /* of the segment being looked at */
	bp_sector start;
	bool no_memory;
};

void conditions_done(struct conditions *c);

/*
 * Say that this is so. @about: which of several, or NULL. The rest: a sentence without full stop.
 */
void condition_add(struct conditions *c, enum bp_event_kind kind, const char *about,
		   const char *fmt, ...) _printf_(4, 5);

/* Has this target any? */
bool conditions_known(const char *target);
/*
 * Add those of one segment. @params: of its live table, or NULL where it is not known. 0 or
 * -ENOMEM; a status that is not understood has none.
 */
int conditions_of(struct bp_ctx *ctx, const char *target, bp_sector start, const char *text,
		  const void *params, struct conditions *ret);

/* The same thing, whatever its words? */
bool condition_same(const struct condition *a, const struct condition *b);
/* Is its end worth telling? Not of a mode: its end is the beginning of another. */
bool condition_ends(enum bp_event_kind kind);

/* 'A' .. a letter a leg, as raid and mirror have it: one condition each that is not in @good. */
void conditions_of_legs(struct conditions *c, const char *health, const char *good);

#endif
