/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks as one text: read and written, made from the bottom up, or not at all; on the kernel in memory. */
#include "dm_world.h"

static const struct {
	const char *text, *back, *why; /* why: NULL where it is right */
} lines[] = {
	{ "a,,,rw,0 8 zero", "a,,,rw,0 8 zero", NULL },
	{ "a,uuid,3,ro,0 8 zero,8 8 error;b,,,rw,0 8 zero;",
	  "a,uuid,3,ro,0 8 zero,8 8 error;b,,,rw,0 8 zero", NULL },
	{ "a\\,b,,,rw,0 8 linear /dev/d\\;x 0", "a\\,b,,,rw,0 8 linear /dev/d\\;x 0", NULL },
	{ "none,,,rw,", "none,,,rw,", NULL },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(concise),
		IN_WORLD(stacks),
		IN_WORLD(stack_in_a_circle),
		cmocka_unit_test(stack_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
