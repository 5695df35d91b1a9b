/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A target: everything the library knows of it, as const data. One file a target defines one.
 */
#ifndef TARGETS_TARGET_H
#define TARGETS_TARGET_H

#include "targets/grammar/grammar.h"

#ifndef BP_RESCUE
#define BP_RESCUE 0 /* -Drescue=true */
#endif

struct check;      /* pre-flight of one segment: check.h */
struct rule;       /* what kernels say of it: rule.h */
struct judge;      /* of a status line: judge.h */
struct conditions; /* the same: condition.h */

/* A message the target takes; an array of them ends with a NULL name. */
struct target_message {
	const char *name, *form, *summary; /* form: "ID ORIGIN_ID", "" where nothing follows */
	size_t size;                       /* of its params struct; 0: none */
	const struct arg *args;            /* what follows the name; NULL: nothing */
};

/*
 * What is told of a status in a few words, in this order: a field as it is, sectors as a size, a
 * flag by its label, a number @of another as a share.
 */
struct brief {
	const char *label, *field, *of;
};

/* What .length may ask. */
struct length_query {
	struct bp_ctx *ctx;
	bp_lookup_fn lookup;
	void *user;
};

/*
 * The device that a segment is mapped to, sector by sector for as long as it is: its size and its
 * alignment are checked, the rest of it is bp_target_length(), and nobody else may have it.
 */
struct target_maps {
	const char *name; /* of the member; NULL: there is none such */
	size_t dev, offset;
	bool whole; /* from its beginning: there is no offset */
};

/* clang-format off */
#define MAPS_DEV_(type, member) \
	.name = #member, .dev = offsetof(type, member) + ARG_TYPED_(type, member, const char *: 1)
#define MAPS(type, member, offset_member) { MAPS_DEV_(type, member), \
	.offset = offsetof(type, offset_member) + ARG_TYPED_(type, offset_member, bp_sector: 1) }
#define MAPS_WHOLE(type, member) { MAPS_DEV_(type, member), .whole = true }
/* clang-format on */

/* What @params has of them. */
const char *maps_dev(const struct target_maps *maps, const void *params);
bp_sector maps_offset(const struct target_maps *maps, const void *params);

struct bp_target {
	const char *name;    /* the kernel's */
	const char *summary; /* one line of purpose */
	const char *module, *since;
	uint32_t flags; /* enum bp_target_flags */

	size_t size;            /* of the public struct */
	const struct arg *args; /* of a table line */
	const struct arg
		*printed; /* what kernels print, where that is another grammar; or NULL */
	/* What is lost or changed where what a kernel printed is loaded again, a sentence without
	 * full stop. NULL: nothing. */
	const char *reprint;
	bool ignores_extra; /* the kernel does not mind words behind the last argument */

	size_t status_size;       /* 0: the target has no status */
	const struct arg *status; /* older kernels stop earlier: ARG_OPTIONAL */
	const struct brief
		*brief; /* bp_status_summary(), ended by a NULL field; NULL: as it is */
	const char *const *states; /* lines that are one state, NULL-terminated; or NULL */

	const struct target_message *messages; /* or NULL */

	/* What was read from a kernel's text, where that says it otherwise than the same words
	 * mean to a kernel: bring it to what it means. May be NULL. */
	void (*from_printed)(void *params);
	/* Bring a copy of the params to the form that equal ones share; what it points to is not a
	 * copy, the arena has room for new. 0 or -ENOMEM. May be NULL. */
	int (*canonical)(void *params, struct arena *arena);
	/* Undo in a live segment, in that form, what its kernel may have changed by itself since it was
	 * given @table. May be NULL. */
	void (*settle)(void *live, const void *table);
	struct target_maps maps;
	/* Rules that neither the grammar nor .maps can say: check_*() of check.h reports. May be NULL. */
	void (*check)(struct check *check, const void *params);
	/* What kernels say when they refuse it, and what that means. */
	const struct rule *rules;
	/* What they say of it while it is in use, and of its states ("Fail"); or NULL. Long, so left out
	 * (BP_RESCUE ? NULL : ...) of what nobody activates from a rescue disk. */
	const struct rule *log;
	/* Names in front of its lines in the log, beside its own; NULL-terminated, or NULL. */
	const char *const *log_names;
	/* What its status says of its health, by judge_*() of judge.h. NULL: nothing. */
	void (*judge)(struct judge *judge, const void *status);
	/*
	 * States that somebody may wait for, by condition_add(). @status has values or a state;
	 * @params: of the live table, or NULL. NULL: none.
	 */
	void (*conditions)(struct conditions *c, const struct bp_status *status,
			   const void *params);
	/* bp_target_length(), by length_of(). NULL: as .maps; without that: not from devices. */
	int (*length)(const struct length_query *query, const void *params, bp_sector *ret);
};

/* All targets, by name. */
extern const struct bp_target *const targets[];
extern const size_t targets_count;

/* The target that an unknown name may have been meant to be, or NULL. */
const char *target_near(const char *name);

/*
 * Sectors of @dev behind @offset, for .length. -ERANGE where there are none; what the lookup
 * returned.
 */
int length_of(const struct length_query *query, const char *dev, bp_sector offset,
	      bp_sector *ret);
/* The same in whole blocks of @block_bytes (0: of any size), rounded down. */
int length_of_blocks(const struct length_query *query, const char *dev, bp_sector offset,
		     bp_bytes block_bytes, bp_sector *ret);
/* -ERANGE, with the reason why these parameters give no length. */
int length_none(const struct length_query *query, const char *why);

#endif
