/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pre-flight from the inside: what a target's .check is given, and how it reports. */
#ifndef TARGETS_CHECK_H
#define TARGETS_CHECK_H

#include "targets/grammar/segment.h"

/* A device, or a range of it, that a segment uses. */
struct device_use {
	int segment;
	const char *name, *dev;
	uint32_t major, minor;
	bool found; /* major and minor are known */
	bool alone; /* no range: all of it must be nobody else's in the segment */
	bp_sector start, end;
};

struct check {
	struct bp_ctx *ctx;
	const struct bp_table *table;
	struct bp_table_check_opts opts;
	const struct bp_target *target; /* of the segment at hand */
	int segment;                    /* its index; -1: the table as a whole */
	bp_sector length_sectors;       /* its length */
	struct written_list words;      /* its arguments */
	uint32_t smallest_block,
		largest_block;       /* logical blocks of its devices; 0: none seen */
	VEC(struct device_use) uses; /* of all segments so far: check_uses.c */
	struct bp_findings *findings;
	int error; /* 0 or -ENOMEM: looked at once, at the end */
};

/* Owns what findings say. */
struct arena *check_arena(struct check *check);

/*
 * Report a finding on argument @name ("legs.0.dev"; NULL: on the segment). @expected: what
 * would be right, or NULL. The rest is the rule, a sentence without full stop.
 */
void check_found(struct check *check, enum bp_severity severity, const char *name,
		 const char *expected, const char *rule, ...) _printf_(5, 6);

/* The kernel refuses it. */
#define check_refuse(check, name, expected, ...)                                               \
	check_found(check, BP_SEVERITY_REFUSED, name, expected, __VA_ARGS__)

/*
 * Device @dev, the argument @name, is used from @start for @length sectors: it must be that
 * large and both must be multiples of its logical blocks. Nothing where the device can't be
 * looked at, which is said once for each device argument anyhow.
 */
void check_range(struct check *check, const char *name, const char *dev, bp_sector start,
		 bp_sector length);

/*
 * Device @dev, the argument @name, must be another one than all for which this was said in the
 * same segment: what is lost with one leg must not be lost with the other.
 */
void check_alone(struct check *check, const char *name, const char *dev);

/* check_range() has looked: warn where the same sectors are used already. */
void check_use(struct check *check, const char *name, const char *dev, bp_sector start,
	       bp_sector length);

/* What is live on the device, where that is one segment of this target; else NULL. */
const void *check_live_params(const struct check *check, bp_sector *ret_length);

/* Look at a device: true, or false where there is no lookup or it found none. */
bool check_bdev(struct check *check, const char *dev, struct bp_bdev *ret);
/* The kernel asks that argument @name, @sectors, is a multiple of the logical blocks of @dev. */
void check_block_multiple(struct check *check, const char *name, bp_sector sectors,
			  const char *dev);

/* Do two words name one device, as far as can be known? */
bool check_same_dev(struct check *check, const char *a, const char *b);

/*
 * Warn where a live table of @target has @dev as its argument @name already: kernels take a second
 * one, and what both write there is lost for both.
 */
void check_not_live(struct check *check, const char *target, const char *name, const char *dev);

/*
 * Warn where @dev, the argument @name, is the device @other of argument @other_name as well:
 * the kernel does not see that, but it is surely not meant.
 */
void check_distinct(struct check *check, const char *name, const char *dev,
		    const char *other_name, const char *other);

/* Is the kernel known to be at least 0xMMmm? */
enum bp_answer check_release(const struct check *check, uint32_t release);

/* Of the kernel the table is for; 4096 where not said. */
uint32_t check_page_bytes(const struct check *check);

/* Rules every segment has from its grammar, and those of the table: check_rules.c. */
void check_table_rules(struct check *check);
void check_grammar_rules(struct check *check, const struct segment *s);

#endif
