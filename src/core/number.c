/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/number.h"

/*
 * Reads on behind an overflow, so that "99999999999999999999x" is no number rather than one
 * that is too large.
 */
int number_parse_len(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		over |= mul_overflow(v, 10, &v) ||
			add_overflow(v, (uint64_t)(text[i] - '0'), &v);
	}
	if (over || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int number_parse(const char *text, uint64_t max, uint64_t *ret)
{
	return number_parse_len(text, strlen(text), max, ret);
}

/* Numbers are most of what a dump writes; long ones are rare. */
size_t number_format(char *buf, uint64_t v)
{
	size_t len;

	if (v < NUMBER_EIGHT_DIGITS)
		return number_format_here(buf, v);
	len = number_format(buf, v / NUMBER_EIGHT_DIGITS);
	number_put_eight(buf + len, number_eight_digits((uint32_t)(v % NUMBER_EIGHT_DIGITS)));
	return len + 8;
}
