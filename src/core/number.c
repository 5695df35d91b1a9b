/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/number.h"

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

/* How many digits @v has. Source: Hacker's Delight, 11-4, by the position of the top bit. */
static size_t digits(uint64_t v)
{
	static const uint64_t powers[] = {
		0,
		UINT64_C(10),
		UINT64_C(100),
		UINT64_C(1000),
		UINT64_C(10000),
		UINT64_C(100000),
		UINT64_C(1000000),
		UINT64_C(10000000),
		UINT64_C(100000000),
		UINT64_C(1000000000),
		UINT64_C(10000000000),
		UINT64_C(100000000000),
		UINT64_C(1000000000000),
		UINT64_C(10000000000000),
		UINT64_C(100000000000000),
		UINT64_C(1000000000000000),
		UINT64_C(10000000000000000),
		UINT64_C(100000000000000000),
		UINT64_C(1000000000000000000),
		UINT64_C(10000000000000000000),
	};
	/* 1233 / 4096 is just above the logarithm of 2. */
	unsigned t = (64u - (unsigned)__builtin_clzll(v | 1)) * 1233u >> 12;

	return t + (v >= powers[t]);
}

/* Two digits a division, straight to their place: numbers are most of what a dump writes. */
size_t number_format(char *buf, uint64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	size_t len = digits(v);
	char *at = buf + len;

	while (v >= 100) {
		at -= 2;
		memcpy(at, pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10)
		memcpy(at - 2, pairs + 2 * v, 2);
	else
		at[-1] = (char)('0' + v);
	return len;
}
