/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes as people write them, to bytes and back: exact or refused, never rounded when read. */
#include <bedplate/units.h>

#include "core/context.h"
#include "core/number.h"

#include <stdio.h>
#include <strings.h>

static const struct unit {
	const char *name;
	uint64_t bytes;
} units[] = {
	{ "B", 1 },
	{ "s", BP_SECTOR_BYTES },
	{ "K", UINT64_C(1) << 10 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "KB", UINT64_C(1000) },
	{ "M", UINT64_C(1) << 20 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "MB", UINT64_C(1000000) },
	{ "G", UINT64_C(1) << 30 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "GB", UINT64_C(1000000000) },
	{ "T", UINT64_C(1) << 40 },
	{ "TiB", UINT64_C(1) << 40 },
	{ "TB", UINT64_C(1000000000000) },
	{ "P", UINT64_C(1) << 50 },
	{ "PiB", UINT64_C(1) << 50 },
	{ "PB", UINT64_C(1000000000000000) },
	{ "E", UINT64_C(1) << 60 },
	{ "EiB", UINT64_C(1) << 60 },
	{ "EB", UINT64_C(1000000000000000000) },
};

static const struct unit *unit_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strcasecmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/*
 * @a times @b, divided by @by (1 to 10^18), bit by bit: the product may have 128 bits, for which
 * not every processor's C has a type. False: the quotient does not fit 64.
 */
static bool mul_div(uint64_t a, uint64_t b, uint64_t by, uint64_t *ret, uint64_t *ret_rest)
{
	uint64_t quotient = 0, rest = 0;

	for (int bit = 63; bit >= 0; bit--) {
		bool one = a >> bit & 1;

		rest = 2 * rest + (one ? b % by : 0);
		if (mul_overflow(quotient, 2, &quotient) ||
		    add_overflow(quotient, rest / by, &quotient) ||
		    add_overflow(quotient, one ? b / by : 0, &quotient))
			return false;
		rest %= by;
	}
	*ret = quotient;
	*ret_rest = rest;
	return true;
}

/*
 * @whole.@digits times @scale, where @digits has at most 18 digits; the result must be whole and
 * fit 64 bits.
 */
static int scale_up(uint64_t whole, const char *digits, size_t nr_digits, uint64_t scale,
		    uint64_t *ret)
{
	uint64_t fraction = 0, ten = 1, part, rest;

	for (size_t i = 0; i < nr_digits; i++, ten *= 10)
		fraction = fraction * 10 + (uint64_t)(digits[i] - '0');
	if (!mul_div(fraction, scale, ten, &part, &rest))
		return -ERANGE;
	if (rest)
		return -EINVAL;
	return mul_overflow(whole, scale, &whole) || add_overflow(whole, part, ret) ? -ERANGE
										    : 0;
}

static int fail(struct bp_ctx *ctx, int r, const char *text, const char *why)
{
	bp_fail(ctx, r, "'%s' is not a size: %s", text, why);
	error_set_code(ctx, BP_E_USAGE);
	return r;
}

/* Percent of @whole: a hundredth of it a unit, computed before dividing. */
static int percent(struct bp_ctx *ctx, const char *text, uint64_t n, const char *digits,
		   size_t nr_digits, uint64_t whole, bp_bytes *ret)
{
	uint64_t ten = 1, fraction = 0, rest;

	if (!whole)
		return fail(ctx, -EINVAL, text, "a percentage has no meaning here");
	if (n > 100000 || nr_digits > 6)
		return fail(ctx, -ERANGE, text, "too large");
	for (size_t i = 0; i < nr_digits; i++, ten *= 10)
		fraction = fraction * 10 + (uint64_t)(digits[i] - '0');
	if (!mul_div(n * ten + fraction, whole, 100 * ten, ret, &rest))
		return fail(ctx, -ERANGE, text, "too large");
	return 0;
}

/*
 * The whole text has to be read and the result be whole bytes: nothing is rounded, as a
 * size that is a sector short may cost a file system its end.
 */
int bp_size_parse(struct bp_ctx *ctx, const char *text, uint64_t unit_bytes, bp_bytes whole,
		  bp_bytes *ret)
{
	size_t len = strspn(text, "0123456789"), nr_digits = 0;
	const char *digits = text + len, *name = digits;
	uint64_t n, scale = unit_bytes;
	int r;

	r = number_parse_len(text, len, UINT64_MAX, &n);
	if (r < 0)
		return fail(ctx, r, text,
			    r == -ERANGE ? "too large" : "it begins with no digit");
	if (*digits == '.') {
		digits++;
		nr_digits = strspn(digits, "0123456789");
		name = digits + nr_digits;
		if (nr_digits == 0 || nr_digits > 18)
			return fail(ctx, -EINVAL, text, "1 to 18 digits follow a point");
	}
	if (streq(name, "%"))
		return percent(ctx, text, n, digits, nr_digits, whole, ret);
	if (*name) {
		const struct unit *unit = unit_find(name);

		if (!unit)
			return fail(ctx, -EINVAL, text,
				    "the unit is none of B s K M G T P E, KiB ..., KB ...");
		scale = unit->bytes;
	} else if (!scale) {
		return fail(ctx, -EINVAL, text, "it has no unit");
	}
	r = scale_up(n, digits, nr_digits, scale, ret);
	if (r < 0)
		return fail(ctx, r, text,
			    r == -ERANGE ? "too large" : "not a whole number of bytes");
	return 0;
}

uint64_t bp_share(uint64_t part, uint64_t whole)
{
	uint64_t share;

	if (part >= whole)
		return whole ? 10000 : 0;
	share = (uint64_t)((double)part * 10000.0 / (double)whole + 0.5);
	return share == 0 && part ? 1 : share == 10000 ? 9999 : share;
}

/*
 * Two digits behind the point, cut and not rounded: what is printed is never more than
 * there is.
 */
const char *bp_size_format(bp_bytes bytes, char *buf)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned i = 0;
	uint64_t unit = 1;

	while (i + 1 < ARRAY_SIZE(names) && bytes >= unit << 10) {
		unit <<= 10;
		i++;
	}
	if (bytes % unit == 0)
		snprintf(buf, BP_SIZE_TEXT, "%llu%s", (unsigned long long)(bytes / unit),
			 names[i]);
	else
		snprintf(buf, BP_SIZE_TEXT, "%llu.%02u%s", (unsigned long long)(bytes / unit),
			 (unsigned)(((bytes % unit) >> (10 * (i - 1))) * 100 / 1024), names[i]);
	return buf;
}
