/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How options of a target are spelled on a command line: with or without their unit, with the
 * last part of their name alone where that means only one. It knows no values.
 */
#include "commands/typed_names.h"

#include <bedplate/units.h>

bool typed_is_range(const char *name)
{
	return streq(name, "size") || streq(name, "start");
}

/*
 * What may be left out at the end of an option's name, and the unit that its value may then
 * have and counts where it is bare. In this order: the first that fits is meant.
 */
static const struct {
	const char *suffix;
	enum typed_unit unit;
	uint64_t bytes_or_ms;
} suffixes[] = {
	{ "", TYPED_NUMBER, 0 },     { "_sectors", TYPED_SIZE, BP_SECTOR_BYTES },
	{ "_bytes", TYPED_SIZE, 1 }, { "_mblocks", TYPED_SIZE, BP_MBLOCK_BYTES },
	{ "_ms", TYPED_TIME, 1 },    { "_seconds", TYPED_TIME, 1000 },
	{ "_dev", TYPED_NUMBER, 0 }, { "s", TYPED_NUMBER, 0 }, /* one more for a list: --leg */
};

/* "read-delay-ms" and "read.delay_ms" are the same; "device" is "dev". */
static void plain(const char *name, char buf[TYPED_NAME_MAX])
{
	size_t len = strnlen(name, TYPED_NAME_MAX - 1);

	for (size_t i = 0; i < len; i++)
		buf[i] = name[i] == '-' || name[i] == '.' ? '_' : name[i];
	buf[len] = '\0';
	if (len >= 6 && streq(buf + len - 6, "device") && (len == 6 || buf[len - 7] == '_'))
		buf[len - 3] = '\0';
}

/* Is @typed with the suffix behind it this option's name? A short one: only its last part. */
static bool names_option(const char *typed, size_t suffix, const struct bp_option *option,
			 bool is_short)
{
	const char *dot = strrchr(option->name, '.');
	char want[TYPED_NAME_MAX], full[TYPED_NAME_MAX * 2];

	if (is_short && !option->required)
		return false;
	if (streq(suffixes[suffix].suffix, "s") && option->kind != BP_OPTION_RECORDS)
		return false;
	plain(is_short && dot ? dot + 1 : option->name, want);
	snprintf(full, sizeof(full), "%s%s", typed, suffixes[suffix].suffix);
	/* Alone, "device" is also the only one that is needed: "origin_dev". */
	return streq(full, want) || (is_short && streq(typed, "dev") && suffix == 0 &&
				     option->kind == BP_OPTION_DEVICE);
}

/* Look through all options. Return: how many have the name so spelled, or -ENOMEM. */
static int find_spelled(const struct bp_target *target, const char *typed, size_t suffix,
			bool is_short, struct typed_option *ret)
{
	struct bp_option_iter *iter;
	struct bp_option option;
	int found = 0, r = bp_option_iter_new(target, &iter);

	if (r < 0)
		return r;
	while ((r = bp_option_next(iter, &option)) == 0) {
		if (!names_option(typed, suffix, &option, is_short))
			continue;
		found++;
		snprintf(ret->name, sizeof(ret->name), "%s", option.name);
		snprintf(ret->form, sizeof(ret->form), "%s", option.form ? option.form : "");
		ret->kind = option.kind;
		ret->unit = suffixes[suffix].unit;
		ret->bytes_or_ms = suffixes[suffix].bytes_or_ms;
	}
	bp_option_iter_free(iter);
	return r < 0 ? r : found;
}

/*
 * By its name, whole or without its unit; else by the last part of its name, where that can
 * mean only one of the options that are needed. Return: 0, 1 where there is none, -ENOMEM.
 */
static int find_typed(const struct bp_target *target, const char *typed,
		      struct typed_option *ret)
{
	for (int is_short = 0; is_short < 2; is_short++) {
		for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
			int r = find_spelled(target, typed, i, is_short, ret);

			if (r == 1 || r < 0)
				return r < 0 ? r : 0;
		}
	}
	return 1;
}

/* With or without the target's name in front, which tells options of several targets apart. */
int typed_option(const struct bp_target *target, const char *name, struct typed_option *ret)
{
	char typed[TYPED_NAME_MAX], prefix[TYPED_NAME_MAX];
	size_t len;
	int r;

	plain(name, typed);
	r = find_typed(target, typed, ret);
	plain(bp_target_name(target), prefix);
	len = strlen(prefix);
	if (r == 1 && strncmp(typed, prefix, len) == 0 && typed[len] == '_')
		r = find_typed(target, typed + len + 1, ret);
	return r;
}

/* Is the option meant by the first @len bytes of its name? */
static bool is_meant(const struct bp_target *target, const struct bp_option *option, size_t len)
{
	char name[TYPED_NAME_MAX];
	struct typed_option match;

	snprintf(name, sizeof(name), "%.*s", (int)len, option->name);
	return typed_option(target, name, &match) == 0 && streq(match.name, option->name);
}

/* A suffix that names a unit is left off: then the value takes any unit. */
size_t typed_best_name(const struct bp_target *target, const struct bp_option *option,
		       const char **ret_value)
{
	static const char *const values[] = {
		[BP_OPTION_DEVICE] = "DEVICE", [BP_OPTION_NUMBER] = "NUMBER",
		[BP_OPTION_SIGNED] = "NUMBER", [BP_OPTION_FLAG] = NULL,
		[BP_OPTION_CHOICE] = "WORD",   [BP_OPTION_TEXT] = "TEXT",
		[BP_OPTION_WORDS] = "WORDS",   [BP_OPTION_RECORD] = "WORDS",
		[BP_OPTION_RECORDS] = "WORDS",
	};
	size_t len = strlen(option->name);

	*ret_value = option->form ? option->form : values[option->kind];
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t tail = strlen(suffixes[i].suffix);

		if (suffixes[i].unit == TYPED_NUMBER || len <= tail ||
		    !streq(option->name + len - tail, suffixes[i].suffix) ||
		    !is_meant(target, option, len - tail))
			continue;
		*ret_value = suffixes[i].unit == TYPED_SIZE ? "SIZE" : "TIME";
		return len - tail;
	}
	return len;
}
