/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking answers of the kernel: right ones, and every way to be wrong. */
#include "unit.h"

#include "dm/kernel/reply.h"

/* An answer under construction; integers in the machine's order, as the kernel writes them. */
struct answer {
	char data[512];
	size_t len;
};

static void put(struct answer *a, const void *from, size_t len)
{
	assert_true(a->len + len <= sizeof(a->data));
	memcpy(a->data + a->len, from, len);
	a->len += len;
}

static void put32(struct answer *a, uint32_t v)
{
	put(a, &v, sizeof(v));
}

static void put64(struct answer *a, uint64_t v)
{
	put(a, &v, sizeof(v));
}

static void put_text(struct answer *a, const char *s)
{
	put(a, s, strlen(s) + 1);
}

static void pad8(struct answer *a)
{
	while (a->len % 8)
		put(a, "", 1);
}

static void put_name(struct answer *a, uint64_t dev, const char *name, uint32_t event,
		     const char *uuid, bool last)
{
	size_t start = a->len;
	uint32_t next;

	put64(a, dev);
	put32(a, 0);
	put_text(a, name);
	pad8(a);
	put32(a, event);
	put32(a, uuid ? 1 : 2);
	if (uuid)
		put_text(a, uuid);
	pad8(a);
	next = (uint32_t)(a->len - start);
	if (!last)
		memcpy(a->data + start + 8, &next, sizeof(next));
}

static int decode(enum dm_op op, const struct answer *a, uint32_t targets,
		  struct dm_reply *reply)
{
	struct reply_data in = {
		.len = a->len,
		.nr_targets = targets,
		.has_data = true,
	};
	/* Exactly as long as the answer, so that a sanitizer sees a step beyond its end. */
	char *data = malloc(a->len ? a->len : 1);
	int r;

	assert_non_null(data);
	memcpy(data, a->data, a->len);
	in.data = data;
	*reply = (struct dm_reply){ 0 };
	r = reply_decode(op, &in, reply);
	free(data);
	return r;
}

static int decode_only(enum dm_op op, const struct answer *a, uint32_t targets)
{
	struct dm_reply reply;
	int r = decode(op, a, targets, &reply);

	dm_reply_done(&reply);
	return r;
}

static void lists(void **state)
{
	struct answer a = { 0 };
	struct dm_reply reply;

	(void)state;
	put_name(&a, devno_encode(254, 0), "one", 3, NULL, false);
	put_name(&a, devno_encode(254, 300), "two\\x20", 0, "LVM-xyz", true);
	assert_ok(decode(OP_LIST, &a, 0, &reply));
	assert_int_equal(reply.entries.count, 2);
	assert_string_equal(reply.entries.items[0].name, "one");
	assert_string_equal(reply.entries.items[0].uuid, "");
	assert_int_equal(reply.entries.items[0].event_nr, 3);
	assert_string_equal(reply.entries.items[1].name, "two\\x20");
	assert_string_equal(reply.entries.items[1].uuid, "LVM-xyz");
	assert_int_equal(reply.entries.items[1].major, 254);
	assert_int_equal(reply.entries.items[1].minor, 300);
	dm_reply_done(&reply);
}

static void empty_lists(void **state)
{
	struct answer none = { 0 }, zero = { 0 };

	(void)state;
	assert_ok(decode_only(OP_LIST, &none, 0));
	put64(&zero, 0);
	assert_ok(decode_only(OP_LIST, &zero, 0));
	assert_ok(decode_only(OP_DEPS, &none, 0));
	assert_ok(decode_only(OP_TABLE, &none, 0));
}

static void wrong_lists(void **state)
{
	struct answer good = { 0 };
	uint32_t next;

	(void)state;
	put_name(&good, devno_encode(254, 0), "one", 3, NULL, false);
	put_name(&good, devno_encode(254, 1), "two", 0, "u", true);
	memcpy(&next, good.data + 8, sizeof(next));
	/* Cut anywhere: never a step beyond the end; within the first record always refused. */
	for (size_t len = 1; len < good.len; len++) {
		struct answer cut = good;
		int r;

		cut.len = len;
		r = decode_only(OP_LIST, &cut, 0);
		assert_true(r == 0 || r == -EPROTO);
		if (len < next + 12)
			assert_int_equal(r, -EPROTO);
	}
	/* A way to the next record that does not advance, is crooked, or leads out. */
	for (uint32_t v = 1; v < 16; v++) {
		struct answer bad = good;

		memcpy(bad.data + 8, &v, sizeof(v));
		assert_err(decode_only(OP_LIST, &bad, 0), EPROTO);
	}
	for (size_t i = 0; i < 3; i++) {
		static const uint32_t far[] = { 4096, UINT32_MAX, UINT32_MAX - 7 };
		struct answer bad = good;

		memcpy(bad.data + 8, &far[i], 4);
		assert_err(decode_only(OP_LIST, &bad, 0), EPROTO);
	}
}

static void put_segment(struct answer *a, uint64_t start, uint64_t length, const char *target,
			const char *args)
{
	char type[REPLY_SPEC_TYPE] = { 0 };
	size_t at = a->len;
	uint32_t next;

	memcpy(type, target, strlen(target));
	put64(a, start);
	put64(a, length);
	put32(a, 0);
	put32(a, 0);
	put(a, type, sizeof(type));
	put_text(a, args);
	pad8(a);
	next = (uint32_t)a->len;
	memcpy(a->data + at + 20, &next, sizeof(next));
}

static void segments(void **state)
{
	struct answer a = { 0 };
	struct dm_reply reply;

	(void)state;
	put_segment(&a, 0, 8, "linear", "8:0 0");
	put_segment(&a, 8, 16, "zero", "");
	assert_ok(decode(OP_TABLE, &a, 2, &reply));
	assert_int_equal(reply.segments.count, 2);
	assert_string_equal(reply.segments.items[0].args, "8:0 0");
	assert_int_equal(reply.segments.items[1].start, 8);
	assert_string_equal(reply.segments.items[1].target, "zero");
	dm_reply_done(&reply);
	/* More said than there is. */
	assert_err(decode_only(OP_TABLE, &a, 3), EPROTO);
	assert_err(decode_only(OP_TABLE, &a, UINT32_MAX), EPROTO);
	for (size_t len = 0; len < a.len - 8; len++) {
		struct answer cut = a;

		cut.len = len;
		assert_err(decode_only(OP_TABLE, &cut, 2), EPROTO);
	}
}

static void wrong_segments(void **state)
{
	static const uint32_t nexts[] = { 0, 39, 41, 4096, UINT32_MAX };
	struct answer good = { 0 };

	(void)state;
	put_segment(&good, 0, 8, "linear", "8:0 0");
	put_segment(&good, 8, 16, "zero", "");
	for (size_t i = 0; i < ARRAY_SIZE(nexts); i++) {
		struct answer bad = good;

		memcpy(bad.data + 20, &nexts[i], 4);
		assert_err(decode_only(OP_TABLE, &bad, 2), EPROTO);
	}
	/* A target's name without an end. */
	memset(good.data + 24, 'x', REPLY_SPEC_TYPE);
	assert_err(decode_only(OP_TABLE, &good, 2), EPROTO);
}

static void deps(void **state)
{
	struct answer a = { 0 };
	struct dm_reply reply;
	uint32_t many = 3;

	(void)state;
	put32(&a, 2);
	put32(&a, 0);
	put64(&a, devno_encode(8, 16));
	put64(&a, devno_encode(254, 0x12345));
	assert_ok(decode(OP_DEPS, &a, 0, &reply));
	assert_int_equal(reply.deps.count, 2);
	assert_int_equal(reply.deps.items[0].major, 8);
	assert_int_equal(reply.deps.items[1].minor, 0x12345);
	dm_reply_done(&reply);
	memcpy(a.data, &many, 4);
	assert_err(decode_only(OP_DEPS, &a, 0), EPROTO);
	many = UINT32_MAX;
	memcpy(a.data, &many, 4);
	assert_err(decode_only(OP_DEPS, &a, 0), EPROTO);
}

static void targets(void **state)
{
	struct answer a = { 0 };
	struct dm_reply reply;

	(void)state;
	put32(&a, 24);
	put32(&a, 1);
	put32(&a, 4);
	put32(&a, 0);
	put_text(&a, "linear");
	pad8(&a);
	put32(&a, 0);
	put32(&a, 2);
	put32(&a, 3);
	put32(&a, 4);
	put_text(&a, "thin-pool");
	assert_ok(decode(OP_TARGETS, &a, 0, &reply));
	assert_int_equal(reply.targets.count, 2);
	assert_string_equal(reply.targets.items[1].name, "thin-pool");
	assert_int_equal(reply.targets.items[1].version[2], 4);
	dm_reply_done(&reply);
	a.len--; /* no end of the name */
	assert_err(decode_only(OP_TARGETS, &a, 0), EPROTO);
}

static void messages(void **state)
{
	struct answer a = { 0 };
	struct dm_reply reply;

	(void)state;
	put_text(&a, "0: 0+8 8 - -\n");
	assert_ok(decode(OP_MESSAGE, &a, 0, &reply));
	assert_string_equal(reply.message, "0: 0+8 8 - -\n");
	dm_reply_done(&reply);
	a.len--;
	assert_err(decode_only(OP_MESSAGE, &a, 0), EPROTO);
}

static void numbers(void **state)
{
	static const uint32_t minors[] = { 0, 1, 255, 256, 0x1ff, 0xfffff };
	uint32_t major, minor;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		devno_decode(devno_encode(254, minors[i]), &major, &minor);
		assert_int_equal(major, 254);
		assert_int_equal(minor, minors[i]);
	}
	/* As the kernel writes 254:256: major in bits 8 to 19, minor's upper part above. */
	assert_int_equal(devno_encode(254, 256), 0x10fe00);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),          cmocka_unit_test(empty_lists),
		cmocka_unit_test(wrong_lists),    cmocka_unit_test(segments),
		cmocka_unit_test(wrong_segments), cmocka_unit_test(deps),
		cmocka_unit_test(targets),        cmocka_unit_test(messages),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
