/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/opts.h"

static bool all_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

int opts_read(struct bp_ctx *ctx, void *to, size_t size, const void *from)
{
	size_t given;

	memset(to, 0, size);
	if (from) {
		memcpy(&given, from, sizeof(given));
		if (given < sizeof(given))
			return bp_fail(ctx, -EINVAL, "options: size is not set");
		if (given > size && !all_zero((const char *)from + size, given - size))
			return bp_fail(
				ctx, -E2BIG,
				"options: a member that this version does not know is set");
		memcpy(to, from, MIN(given, size));
	}
	memcpy(to, &size, sizeof(size));
	return 0;
}
