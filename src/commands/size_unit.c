/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands/size_unit.h"

#include <ctype.h>
#include <inttypes.h>

static const struct size_unit units[] = {
	{ "b", "B", "byte", 1 },
	{ "s", "s", "sector", 512 },
	{ "k", "KiB", "kibibyte", UINT64_C(1) << 10 },
	{ "m", "MiB", "mebibyte", UINT64_C(1) << 20 },
	{ "g", "GiB", "gibibyte", UINT64_C(1) << 30 },
	{ "t", "TiB", "tebibyte", UINT64_C(1) << 40 },
	{ "p", "PiB", "pebibyte", UINT64_C(1) << 50 },
	{ "e", "EiB", "exbibyte", UINT64_C(1) << 60 },
	{ "K", "kB", "kilobyte", UINT64_C(1000) },
	{ "M", "MB", "megabyte", UINT64_C(1000000) },
	{ "G", "GB", "gigabyte", UINT64_C(1000000000) },
	{ "T", "TB", "terabyte", UINT64_C(1000000000000) },
	{ "P", "PB", "petabyte", UINT64_C(1000000000000000) },
	{ "E", "EB", "exabyte", UINT64_C(1000000000000000000) },
};

/* By letter, symbol or name, with or without the plural. */
const struct size_unit *size_unit_find(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t len = strlen(units[i].name);

		if (streq(text, units[i].letter) || streq(text, units[i].symbol) ||
		    (strncmp(text, units[i].name, len) == 0 &&
		     (!text[len] || streq(text + len, "s"))))
			return &units[i];
	}
	return NULL;
}

/* As the reference tools take it: a number without a unit is sectors. */
int size_unit_parse(struct cli *cli, const char *option, const char *text, uint64_t *ret_bytes)
{
	size_t digits = strspn(text, "0123456789");
	const struct size_unit *unit = size_unit_find(text[digits] ? text + digits : "s");
	unsigned long long number;

	if (digits == 0 || !unit)
		return cli_usage_hint(cli,
				      "a number, then b, s, k, m, g, t, p (powers of 1024), "
				      "K, M, G, T, P (of 1000), or nothing: sectors",
				      "--%s: '%s' is not a size", option, text);
	errno = 0;
	number = strtoull(text, NULL, 10);
	if (errno || __builtin_mul_overflow(number, unit->bytes, ret_bytes))
		return cli_usage(cli, "--%s: '%s' is too large", option, text);
	return 0;
}

/* Capitals count by 1000: the usual reason why a size is no multiple. */
int size_unit_fail(struct cli *cli, const char *text, uint64_t bytes, int r)
{
	size_t digits = strspn(text, "0123456789");
	_cleanup_(freep) char *hint = NULL;
	const char *letter = text + digits;

	if (r == -EINVAL && *letter >= 'A' && *letter <= 'Z' && !strchr(letter, 'i') &&
	    asprintf(&hint, "%s is %" PRIu64 " bytes here; %.*s%c counts by 1024", text, bytes,
		     (int)digits, text, tolower((unsigned char)*letter)) < 0)
		hint = NULL;
	return hint ? cli_usage_hint(cli, hint, "%s", bp_errmsg(cli->ctx))
		    : cli_fail(cli, NULL, r);
}

/* The shortest decimals that read back as the same number; of two as near, the higher. */
static void print_shortest(FILE *to, double value)
{
	const char *exponent;
	char text[64];
	int digits = 1;

	for (; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*Lg", digits, value * (1 + 1e-18L));
		if (strtod(text, NULL) == value)
			break;
	}
	/* The same digits, without an exponent. */
	exponent = strchr(text, 'e');
	if (exponent)
		snprintf(text, sizeof(text), "%.*f", digits - 1 - atoi(exponent + 1), value);
	fputs(text, to);
}

static void print_number(FILE *to, double value)
{
	if (value == (double)(uint64_t)value) /* below 2^64 */
		fprintf(to, "%.0f", value);
	else if (value >= 1)
		fprintf(to, "%.2f", value);
	else
		print_shortest(to, value);
}

/* One number, for use in scripts. */
int size_unit_print(struct cli *cli, uint64_t bytes, const struct size_unit *unit,
		    const char *style)
{
	const char *blank = "", *name = "", *plural = "";

	if (!style || streq(style, "long")) {
		blank = style ? "" : " ";
		name = unit->name;
		plural = "s";
	} else if (streq(style, "short")) {
		name = unit->letter;
	} else if (*style) {
		return cli_usage(cli, "--numeric-only: '%s' is neither 'short' nor 'long'",
				 style);
	}
	print_number(cli->out, (double)bytes / (double)unit->bytes);
	fprintf(cli->out, "%s%s%s\n", blank, name, plural);
	return EXIT_OK;
}
