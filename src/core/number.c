/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/number.h"

#include "core/endian.h"

#define EIGHT_DIGITS 100000000u

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

/*
 * The eight digits of @v, which is below 10^8, a byte each, the first one lowest: halves, then
 * pairs, then single ones, all at once. Divided by multiplying: 10486 / 2^20 is near enough to 1 /
 * 100 for four digits, 103 / 2^10 to 1 / 10 for two.
 */
static inline uint64_t eight_digits(uint32_t v)
{
	uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32, tens;

	tens = x * 10486 >> 20 & UINT64_C(0x0000007f0000007f);
	x = tens | (x - 100 * tens) << 16;
	tens = x * 103 >> 10 & UINT64_C(0x000f000f000f000f);
	return tens | (x - 10 * tens) << 8;
}

static inline void put_eight(char *buf, uint64_t digits)
{
	const le64 text = le64_make(digits | UINT64_C(0x3030303030303030));

	memcpy(buf, &text, sizeof(text));
}

/* Apart from the short ones, which so need no stack. */
static __attribute__((noinline)) size_t format_long(char *buf, uint64_t v)
{
	size_t len = number_format(buf, v / EIGHT_DIGITS);

	put_eight(buf + len, eight_digits((uint32_t)(v % EIGHT_DIGITS)));
	return len + 8;
}

/* Numbers are most of what a dump writes. */
size_t number_format(char *buf, uint64_t v)
{
	uint64_t digits;
	unsigned zeros;

	if (v >= EIGHT_DIGITS)
		return format_long(buf, v);
	digits = eight_digits((uint32_t)v);
	/* Leading zeros, but for the last digit. */
	zeros = (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) / 8;
	put_eight(buf, digits >> 8 * zeros);
	return 8 - zeros;
}
