/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes from outside: every operand is looked for before it is read, and nothing is written past
 * the block. Instructions that make nothing are limited in number, so every input ends.
 */
#include "formats/pack/code.h"
#include "io/io.h"

#define TIME_BITS 24
#define TIME_MASK UINT64_C(0xffffff)

/* Instructions in a block, and numbers in half of a shifted run. */
#define MAX_INSTRUCTIONS 8192u
#define MAX_SHIFTED      (IO_BLOCK / 8)

struct decoder {
	const uint8_t *at, *end;
	uint8_t *data;       /* NULL: only whether there is a block is asked */
	size_t out, out_end; /* in it */
	uint64_t reg;
	uint32_t times; /* of the next instruction; 0: not said */
	unsigned instructions;
};

static bool take(struct decoder *d, uint64_t len, const uint8_t **ret)
{
	if (len > (uint64_t)(d->end - d->at))
		return false;
	*ret = d->at;
	d->at += len;
	return true;
}

/* Little-endian, and no other width than the format has. */
static bool take_wide(struct decoder *d, unsigned bytes, uint64_t *ret)
{
	const uint8_t *p;
	le64 disk = { 0 };

	if ((bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) || !take(d, bytes, &p))
		return false;
	memcpy(&disk, p, bytes);
	*ret = le64_get(disk);
	return true;
}

/* n * 256 + b */
static bool take_count(struct decoder *d, unsigned n, uint32_t *ret)
{
	const uint8_t *p;

	if (!take(d, 1, &p))
		return false;
	*ret = n << 8 | *p;
	return true;
}

/* Two numbers side by side: most of a block is rows of them. */
typedef uint64_t pair __attribute__((vector_size(16)));

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PAIRS 1
#else
#define PAIRS 0
#endif

/* Two at a time where the machine has such registers: nearly all of a pack are numbers. */
static void put_numbers(uint8_t *out, uint32_t count, uint64_t number, uint64_t step)
{
	pair two = { number, number + step };
	uint32_t i = 0;

	for (; PAIRS && i + 2 <= count; i += 2) {
		memcpy(out + i * sizeof(uint64_t), &two, sizeof(two));
		two += 2 * step;
	}
	for (; i < count; i++) {
		le64 disk = le64_make(number + i * step);

		memcpy(out + i * sizeof(disk), &disk, sizeof(disk));
	}
}

/* Emit @count times, stepping by @step before each. */
static bool emit(struct decoder *d, uint32_t count, uint64_t step)
{
	if (count > (d->out_end - d->out) / sizeof(le64))
		return false;
	if (d->data)
		put_numbers(d->data + d->out, count, d->reg + step, step);
	d->out += count * sizeof(le64);
	d->reg += count * step;
	return true;
}

/* Both ends are checked; without @data it only counts. */
static bool copy(struct decoder *d, uint64_t len)
{
	const uint8_t *p;

	if (len > d->out_end - d->out || !take(d, len, &p))
		return false;
	if (d->data)
		memcpy(d->data + d->out, p, (size_t)len);
	d->out += (size_t)len;
	return true;
}

/* Instructions 0 to 4, which may be done several times. */
static bool step(struct decoder *d, unsigned tag, unsigned n)
{
	uint32_t times = d->times ? d->times : 1;
	uint64_t number = n;

	d->times = 0;
	if (tag != 1 && tag != 3 && !take_wide(d, n, &number))
		return false;
	if (tag == 0) {
		d->reg = number;
		return emit(d, times, 0);
	}
	return emit(d, times, tag <= 2 ? number : -number);
}

static bool run(struct decoder *d, size_t len, bool nested);

/* @out: the upper parts; they get their lower ones. */
static void add_low(uint8_t *out, const le64 *low, uint32_t count)
{
	uint32_t i = 0;

	for (; PAIRS && i + 2 <= count; i += 2) {
		pair up, down;

		memcpy(&up, out + i * sizeof(*low), sizeof(up));
		memcpy(&down, low + i, sizeof(down));
		up = (up << TIME_BITS) + (down & TIME_MASK);
		memcpy(out + i * sizeof(*low), &up, sizeof(up));
	}
	for (; i < count; i++) {
		le64 value;

		memcpy(&value, out + i * sizeof(value), sizeof(value));
		value = le64_make((le64_get(value) << TIME_BITS) +
				  (le64_get(low[i]) & TIME_MASK));
		memcpy(out + i * sizeof(value), &value, sizeof(value));
	}
}

/* The upper parts where numbers go, the lower ones to @low, which is NULL where data is. */
static bool both_parts(struct decoder *d, size_t len, le64 *low)
{
	uint8_t *data = d->data;
	size_t out = d->out;

	if (!run(d, len, true))
		return false;
	d->data = (uint8_t *)low;
	d->out = 0;
	if (!run(d, len, true))
		return false;
	d->data = data;
	d->out = out + len;
	return true;
}

/* Two lists, low bits and high bits, are one list of mappings. */
static bool shifted_numbers(struct decoder *d, uint32_t count)
{
	uint8_t *out = d->data + d->out;
	le64 low[MAX_SHIFTED];

	if (!both_parts(d, count * sizeof(*low), low))
		return false;
	add_low(out, low, count);
	return true;
}

static bool shifted(struct decoder *d, unsigned n)
{
	uint32_t count;

	if (!take_count(d, n, &count) || count > (d->out_end - d->out) / sizeof(le64))
		return false;
	return d->data ? shifted_numbers(d, count) : both_parts(d, count * sizeof(le64), NULL);
}

static bool set_times(struct decoder *d, unsigned n, bool wide)
{
	uint32_t times = n;

	if (d->times || (wide && !take_count(d, n, &times)) || times == 0)
		return false;
	d->times = times;
	return true;
}

/* False is damage: tags and lengths are the file's. */
static bool instruction(struct decoder *d, unsigned tag, unsigned n, bool nested)
{
	uint64_t len;
	uint32_t count;

	if (tag <= 4)
		return step(d, tag, n);
	if (tag == 7 || tag == 8)
		return set_times(d, n, tag == 8);
	if (d->times)
		return false;
	switch (tag) {
	case 5:
		return emit(d, n, 0);
	case 6:
		return take_count(d, n, &count) && emit(d, count, 0);
	case 9:
		return copy(d, n);
	case 10:
		return take_wide(d, n, &len) && copy(d, len);
	case 11:
		return !nested && shifted(d, n);
	default:
		return false;
	}
}

/* Until there are @len bytes more, and not one above that. */
static bool run(struct decoder *d, size_t len, bool nested)
{
	size_t outer_end = d->out_end;
	const uint8_t *p;
	bool ok = true;

	d->out_end = d->out + len;
	while (ok && d->out < d->out_end)
		ok = d->instructions++ < MAX_INSTRUCTIONS && take(d, 1, &p) &&
		     instruction(d, *p >> 4, *p & 15, nested);
	d->out_end = outer_end;
	return ok && d->times == 0;
}

size_t code_decode(const uint8_t *from, size_t len, void *data)
{
	struct decoder d = { .at = from, .end = from + len, .data = data };

	return run(&d, IO_BLOCK, false) ? (size_t)(d.at - from) : 0;
}
