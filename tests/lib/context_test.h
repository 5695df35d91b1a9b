/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests that work in one context: ctx, and the group's setup and teardown. */
#ifndef LIB_CONTEXT_TEST_H
#define LIB_CONTEXT_TEST_H

#include "unit.h"

#include <bedplate/context.h>

static struct bp_ctx *ctx;

static int setup(void **state)
{
	(void)state;
	return bp_ctx_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	bp_ctx_free(ctx);
	return 0;
}

/* The last failure must say @why, somewhere. */
static inline void assert_why(const char *why)
{
	const char *message = bp_error_get(ctx)->message;

	if (!message || !strstr(message, why))
		fail_msg("the message is '%s', not '%s'", message ? message : "", why);
}

#endif
