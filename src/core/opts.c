/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/opts.h"

static bool all_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/*
 * A program built against an older header gives less, one against a newer more: what is
 * missing is 0, and what is unknown must be 0, or it would be ignored without a word.
 */
int opts_copy(struct bp_ctx *ctx, const char *what, void *to, size_t size, const void *from,
	      size_t given)
{
	if (!given)
		return bp_fail(ctx, -EINVAL, "%s: size is not set", what);
	if (given > size && !all_zero((const char *)from + size, given - size))
		return bp_fail(ctx, -E2BIG,
			       "%s: a member that this version does not know is set", what);
	memset(to, 0, size);
	memcpy(to, from, MIN(given, size));
	return 0;
}

int opts_read(struct bp_ctx *ctx, void *to, size_t size, const void *from)
{
	size_t given;
	int r = 0;

	memset(to, 0, size);
	if (from) {
		memcpy(&given, from, sizeof(given));
		r = opts_copy(ctx, "options", to, size, from,
			      given < sizeof(given) ? 0 : given);
	}
	memcpy(to, &size, sizeof(size));
	return r;
}
