/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks as one text: read and written, made from the bottom up, or not at all; on the kernel in memory. */
#include "dm_world.h"

#include "core/strbuf.h"

#include <stdio.h>

static const struct {
	const char *text, *back, *why; /* why: NULL where it is right */
} lines[] = {
	{ "a,,,rw,0 8 zero", "a,,,rw,0 8 zero", NULL },
	{ "a,uuid,3,ro,0 8 zero,8 8 error;b,,,rw,0 8 zero;",
	  "a,uuid,3,ro,0 8 zero,8 8 error;b,,,rw,0 8 zero", NULL },
	{ "a\\,b,,,rw,0 8 linear /dev/d\\;x 0", "a\\,b,,,rw,0 8 linear /dev/d\\;x 0", NULL },
	{ "none,,,rw,", "none,,,rw,", NULL },
	{ "none,,,rw,# nothing", "none,,,rw,", NULL },
	{ "a,,,,0 8 zero", "a,,,rw,0 8 zero", NULL },
	{ "none,,,rw", NULL,
	  "device 1, field 4: 'rw': a device needs name, uuid, minor, flags and a table (which "
	  "may be empty)" },
	{ "", NULL, "no device is described" },
	{ "a,,", NULL,
	  "device 1, field 3: '': a device needs name, uuid, minor, flags and a table (which "
	  "may be empty)" },
	{ ",,,rw,0 8 zero", NULL, "device 1, field 1: '': no name" },
	{ "a,,x,rw,0 8 zero", NULL,
	  "device 1, field 3: 'x': not a minor number (empty, or 0 to 1048575)" },
	{ "a,,,wo,0 8 zero", NULL, "device 1, field 4: 'wo': flags are 'ro', 'rw' or nothing" },
	{ "a,,,rw,0 8 zero;a,,,rw,0 8 zero", NULL, "name 'a' is in the stack twice" },
	{ "a,,,rw,0 8 zero,,8 8 zero", NULL, "device 1, field 6: '': an empty segment" },
	{ "a,,,rw,0 8 zero\\", NULL,
	  "device 1, field 5: '0 8 zero': a backslash at the end escapes nothing" },
};

static void concise(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct bp_stack *stack;
		char *back;
		int r = bp_concise_parse(w->ctx, lines[i].text, &stack);

		if (lines[i].why) {
			assert_true(r < 0);
			assert_string_equal(bp_error_get(w->ctx)->message, lines[i].why);
			continue;
		}
		assert_int_equal(r, 0);
		assert_ok(bp_concise_format(w->ctx, stack, &back));
		assert_string_equal(back, lines[i].back);
		free(back);
		bp_stack_free(stack);
	}
}

static const char stack_text[] = "top,,,rw,0 8 linear /dev/mapper/mid\\\\x20dle 0;"
				 "mid dle,,,rw,0 8 linear /dev/mapper/low 0;"
				 "low,u-low,,rw,0 8 linear /dev/sdb 8";

/* Written top first, made bottom first; read back bottom first, with names for numbers. */
static void stacks(void **state)
{
	struct world *w = *state;
	struct bp_stack *stack;
	char *text;

	assert_ok(bp_concise_parse(w->ctx, stack_text, &stack));
	assert_ok(bp_stack_apply(w->ctx, stack, NULL));
	bp_stack_free(stack);
	assert_ok(bp_stack_read(w->ctx, NULL, 0, 0, &stack));
	assert_ok(bp_concise_format(w->ctx, stack, &text));
	assert_string_equal(text, "low,u-low,,rw,0 8 linear 8:16 8;"
				  "mid dle,,,rw,0 8 linear /dev/mapper/low 0;"
				  "top,,,rw,0 8 linear /dev/mapper/mid\\\\x20dle 0");
	bp_stack_free(stack);
	assert_ok(bp_device_remove_all(w->ctx, NULL, NULL));
	assert_ok(bp_concise_parse(w->ctx, text, &stack));
	assert_ok(bp_stack_apply(w->ctx, stack, NULL));
	bp_stack_free(stack);
	free(text);
}

static void stack_in_a_circle(void **state)
{
	struct world *w = *state;
	struct bp_stack *stack;

	assert_ok(bp_concise_parse(w->ctx,
				   "a,,,rw,0 8 linear /dev/mapper/b 0;"
				   "b,,,rw,0 8 linear /dev/mapper/a 0",
				   &stack));
	assert_err(bp_stack_apply(w->ctx, stack, NULL), ELOOP);
	assert_int_equal(fake_count(w->fake, OP_CREATE), 0);
	bp_stack_free(stack);
}

static void stack_fails(void **state)
{
	unsigned nth = 1;
	bool failed = true;

	(void)state;
	while (failed) {
		struct bp_stack *stack;
		struct world *w;
		void *inner;
		int r;

		setup(&inner);
		w = inner;
		assert_ok(bp_concise_parse(w->ctx, stack_text, &stack));
		fake_fail(w->fake, FAKE_ANY, nth++, EIO);
		r = bp_stack_apply(w->ctx, stack, NULL);
		failed = fake_failed(w->fake);
		assert_int_equal(r, failed ? -EIO : 0);
		if (failed)
			assert_state(w, "");
		bp_stack_free(stack);
		teardown(&inner);
	}
	assert_true(nth > 12);
}

/* Requests of a kind for @what, at most @most for each of @nr devices. */
static void assert_few(struct world *w, unsigned before[OPS], unsigned nr, unsigned most,
		       const char *what)
{
	for (int op = 0; op < OPS; op++) {
		unsigned now = fake_count(w->fake, op);

		if (now - before[op] > most * nr + 8)
			fail_msg("%s: %u requests of kind %d for %u devices", what,
				 now - before[op], op, nr);
		before[op] = now;
	}
}

/* Many devices: each is asked for a few times, never once for each of the others. */
static void many(void **state)
{
	enum { NR = 400 };
	struct world *w = *state;
	unsigned before[OPS] = { 0 };
	struct strbuf text = { 0 };
	struct bp_device_list *list;
	struct bp_stack *stack;

	/* The last lies on all, each other on a disk. */
	strbuf_add(&text, "top,,,rw");
	for (unsigned i = 0; i < NR; i++)
		strbuf_addf(&text, ",%u 8 linear /dev/mapper/d%u 0", 8 * i, i);
	for (unsigned i = 0; i < NR; i++)
		strbuf_addf(&text, ";d%u,u%u,,rw,0 8 linear /dev/sda 0", i, i);
	assert_ok(bp_concise_parse(w->ctx, text.text, &stack));
	assert_ok(bp_stack_apply(w->ctx, stack, NULL));
	bp_stack_free(stack);
	assert_few(w, before, NR, 3, "apply");
	assert_ok(bp_device_list(w->ctx, &list));
	assert_int_equal(bp_device_list_count(list), NR + 1);
	bp_device_list_free(list);
	assert_few(w, before, NR, 0, "list");
	assert_ok(bp_stack_read(w->ctx, NULL, 0, 0, &stack));
	assert_int_equal(bp_stack_count(stack), NR + 1);
	assert_string_equal(bp_stack_get(stack, NR)->name, "top");
	bp_stack_free(stack);
	assert_few(w, before, NR, 3, "read");
	assert_ok(bp_device_remove_all(w->ctx, NULL, NULL));
	assert_few(w, before, NR, 5, "remove all");
	strbuf_done(&text);
}

/* Of names and uuids that are there twice the second is found, wherever they stand. */
static void many_names(void **state)
{
	enum { NR = 20000 };
	struct world *w = *state;
	struct bp_stack *stack;
	char name[16], uuid[16];
	struct bp_stack_device device = { .name = name, .uuid = uuid };

	assert_ok(bp_stack_new(w->ctx, &stack));
	for (unsigned i = 0; i < NR; i++) {
		unsigned mixed = i * 7919 % NR;

		snprintf(name, sizeof(name), "d%u", mixed);
		/* Every third has no uuid. */
		uuid[0] = '\0';
		if (mixed % 3)
			snprintf(uuid, sizeof(uuid), "u%u", mixed);
		assert_ok(bp_stack_add(stack, &device));
	}
	for (unsigned i = 1; i < NR; i += 999) {
		snprintf(name, sizeof(name), "d%u", i);
		uuid[0] = '\0';
		assert_err(bp_stack_add(stack, &device), EEXIST);
		snprintf(name, sizeof(name), "e%u", i);
		snprintf(uuid, sizeof(uuid), "u%u", i);
		assert_err(i % 3 ? bp_stack_add(stack, &device) : -EEXIST, EEXIST);
	}
	assert_int_equal(bp_stack_count(stack), NR);
	bp_stack_free(stack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(many),   IN_WORLD(many_names),        IN_WORLD(concise),
		IN_WORLD(stacks), IN_WORLD(stack_in_a_circle), cmocka_unit_test(stack_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
