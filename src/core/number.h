/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers from text: decimal digits only, no sign, no blank, no prefix, no silent wrap. */
#ifndef CORE_NUMBER_H
#define CORE_NUMBER_H

#include "core/endian.h"
#include "core/util.h"

/* 0, -EINVAL (not [0-9]+) or -ERANGE (over @max). Leading zeros are decimal. */
int number_parse(const char *text, uint64_t max, uint64_t *ret);
/* The same for @len bytes that need not end in NUL. */
int number_parse_len(const char *text, size_t len, uint64_t max, uint64_t *ret);
#define NUMBER_MAX_BYTES 20u
/*
 * Write @v in decimal at @buf, without NUL; returns how many bytes. @buf has NUMBER_MAX_BYTES, all
 * of which may be written to.
 */
size_t number_format(char *buf, uint64_t v);

#define NUMBER_EIGHT_DIGITS 100000000u

/*
 * The eight digits of @v, which is below 10^8, a byte each, the first one lowest: halves, then
 * pairs, then single ones, all at once. Divided by multiplying: 10486 / 2^20 is near enough to 1 /
 * 100 for four digits, 103 / 2^10 to 1 / 10 for two.
 */
static inline uint64_t number_eight_digits(uint32_t v)
{
	uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32, tens;

	tens = x * 10486 >> 20 & UINT64_C(0x0000007f0000007f);
	x = tens | (x - 100 * tens) << 16;
	tens = x * 103 >> 10 & UINT64_C(0x000f000f000f000f);
	return tens | (x - 10 * tens) << 8;
}

static inline void number_put_eight(char *buf, uint64_t digits)
{
	const le64 text = le64_make(digits | UINT64_C(0x3030303030303030));

	memcpy(buf, &text, sizeof(text));
}

/* As number_format(), where the call is most of what that takes: in lines of numbers. */
static inline size_t number_format_here(char *buf, uint64_t v)
{
	uint64_t digits;
	unsigned zeros;

	if (v < 10) {
		*buf = (char)('0' + v);
		return 1;
	}
	if (v >= NUMBER_EIGHT_DIGITS)
		return number_format(buf, v);
	digits = number_eight_digits((uint32_t)v);
	/* Leading zeros, but for the last digit. */
	zeros = (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) / 8;
	number_put_eight(buf, digits >> 8 * zeros);
	return 8 - zeros;
}

#endif
