/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The calls that begin a check, the same for every format: options in, a result out, on an io or on
 * what lies at a path. What a format's check consists of is a row, struct check_format.
 *
 * Results and options are the format's public structs. Of the first the three totals of harm are
 * filled in here, of the second nothing is known: the format hands over what all have.
 */
#ifndef FORMATS_CHECK_RUN_H
#define FORMATS_CHECK_RUN_H

#include "formats/check/call.h"
#include "formats/check/check.h"

/* A format's check. Its state begins with a struct check, and has the options and the result. */
struct check_format {
	struct call_shape shape;
	size_t totals;             /* where in the result its struct check_totals lies */
	const char *const *places; /* words, by enum bp_damage_place */

	/* What the options say of things that all formats have, and of what they have in common. */
	struct check_how (*how)(const struct check *c);
	/* May metadata that is in use be read? NULL: never. */
	bool (*shared)(const struct check *c);
	/* Options that don't go with how.mode: false, and it is refused. */
	bool (*may_write)(const struct check *c);
	int (*steps)(struct check *c);
	void (*done)(struct check *c);
};

/* clang-format off */
/* The first members of a row: the state has members opts and res of these types. */
#define CHECK_FORMAT_STRUCTS(state, opts_type, result_type) \
	.shape = CALL_SHAPE(state, opts_type, result_type), \
	.totals = offsetof(result_type, nr_fatal)

/* What all options have by the same names. */
#define CHECK_HOW(o, strict_flag) (struct check_how){ \
		.strict = ((o)->flags & (strict_flag)) != 0, .workers = (o)->workers, \
		.damage = (o)->damage, .progress = (o)->progress, .user = (o)->user, \
	}
/* clang-format on */

/* @ret is of the size that its caller knows, and untouched on failure. */
int check_io(const struct check_format *format, struct bp_ctx *ctx, struct io *io,
	     enum check_mode mode, const void *opts, void *ret);
int check_path(const struct check_format *format, struct bp_ctx *ctx, const char *path,
	       enum check_mode mode, const void *opts, void *ret);

#endif
