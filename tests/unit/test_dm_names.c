/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit.h"

#include <bedplate/bedplate.h>

static const struct {
	const char *name, *mangled, *why; /* why: NULL where it is right */
} names[] = {
	{ "plain", "plain", NULL },
	{ "a b", "a\\x20b", NULL },
	{ "a\\x20b", "a\\x20b", NULL },
	{ "vg-lv.1_2:3=4@5+6#7", "vg-lv.1_2:3=4@5+6#7", NULL },
	{ "\xc3\xa4", "\\xc3\\xa4", NULL },
	{ "back\\slash", "back\\x5cslash", NULL },
	{ "a\\x00b", "a\\x5cx00b", NULL },
	{ "..a", "..a", NULL },
	{ "", NULL, "name '': it is empty" },
	{ ".", NULL, "name '.': that is a directory" },
	{ "..", NULL, "name '..': that is a directory" },
	{ "a/b", NULL, "name 'a/b': it has a slash" },
	{ "control", NULL, "name 'control': its node would hide the control node" },
	{ "a\\x20 b", NULL,
	  "name 'a\\x20 b': it has \\xNN beside characters that need to be written so" },
};

static void mangle(void **state)
{
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char got[BP_NAME_SIZE] = "untouched";
		int r = bp_name_mangle(ctx, names[i].name, got);

		if (names[i].why) {
			assert_int_equal(r, -EINVAL);
			assert_int_equal(bp_error_get(ctx)->code, BP_E_NAME);
			assert_string_equal(bp_error_get(ctx)->message, names[i].why);
			assert_string_equal(got, "untouched");
		} else {
			assert_int_equal(r, 0);
			assert_string_equal(got, names[i].mangled);
		}
	}
	bp_ctx_free(ctx);
}

static void long_names(void **state)
{
	char name[200], got[BP_NAME_SIZE];
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	memset(name, 'a', sizeof(name));
	name[127] = '\0';
	assert_ok(bp_name_mangle(ctx, name, got));
	name[127] = 'a';
	name[128] = '\0';
	assert_err(bp_name_mangle(ctx, name, got), EINVAL);
	assert_non_null(strstr(bp_error_get(ctx)->hint, "127 bytes"));
	/* 31 odd bytes take 124; the 32nd does not fit any more */
	memset(name, ' ', sizeof(name));
	name[31] = '\0';
	assert_ok(bp_name_mangle(ctx, name, got));
	name[31] = ' ';
	name[32] = '\0';
	assert_err(bp_name_mangle(ctx, name, got), EINVAL);
	bp_ctx_free(ctx);
}

static void unmangle(void **state)
{
	char got[BP_NAME_SIZE];
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	assert_ok(bp_name_unmangle(ctx, "a\\x20b\\xC3\\xa4", got));
	assert_string_equal(got, "a b\xc3\xa4");
	assert_ok(bp_name_unmangle(ctx, "a b\\x2", got));
	assert_string_equal(got, "a b\\x2");
	bp_ctx_free(ctx);
}

static const struct {
	const char *name, *subsystem, *uuid;
	struct bp_name_parts parts;
} splits[] = {
	{ "vg-lv", NULL, "LVM-abc", { "LVM", "vg", "lv", "" } },
	{ "my--vg-my--lv-real", NULL, "LVM-abc", { "LVM", "my-vg", "my-lv", "real" } },
	{ "vg-pool-tpool", "LVM", NULL, { "LVM", "vg", "pool", "tpool" } },
	{ "secret", NULL, "CRYPT-LUKS2-x", { "CRYPT", "", "secret", "" } },
	{ "disk-part1", NULL, "part1-mpath-x", { "part", "", "disk-part1", "" } },
	{ "whatever", NULL, NULL, { "", "", "whatever", "" } },
	{ "vg-lv", NULL, NULL, { "LVM", "vg", "lv", "" } },
	{ "a--b", NULL, NULL, { "", "", "a--b", "" } },
	{ "vg-lv", NULL, "", { "", "", "vg-lv", "" } },
	{ "vg-a\\x20b", "LVM", NULL, { "LVM", "vg", "a b", "" } },
};

static void split(void **state)
{
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	for (size_t i = 0; i < ARRAY_SIZE(splits); i++) {
		struct bp_name_parts got;

		assert_ok(bp_name_split(ctx, splits[i].name, splits[i].subsystem,
					splits[i].uuid, &got));
		assert_string_equal(got.subsystem, splits[i].parts.subsystem);
		assert_string_equal(got.vg, splits[i].parts.vg);
		assert_string_equal(got.lv, splits[i].parts.lv);
		assert_string_equal(got.layer, splits[i].parts.layer);
	}
	bp_ctx_free(ctx);
}

static void selectors(void **state)
{
	struct bp_selector s;

	(void)state;
	bp_selector_parse("name", &s);
	assert_string_equal(s.name, "name");
	bp_selector_parse("/dev/mapper/x", &s);
	assert_string_equal(s.path, "/dev/mapper/x");
	bp_selector_parse("254:12", &s);
	assert_null(s.name);
	assert_int_equal(s.major, 254);
	assert_int_equal(s.minor, 12);
	bp_selector_parse("254:12x", &s);
	assert_string_equal(s.name, "254:12x");
	bp_selector_parse(":1", &s);
	assert_string_equal(s.name, ":1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mangle),    cmocka_unit_test(long_names),
		cmocka_unit_test(unmangle),  cmocka_unit_test(split),
		cmocka_unit_test(selectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
