/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the text of a value to the member of the args; and the rules between options. */
#include "cli/internal.h"

#include <bedplate/device.h>
#include <ctype.h>

#include <inttypes.h>

/* A whole number, decimal or 0x hexadecimal, nothing else around it. Return: 0 or an errno. */
static int parse_number(const char *text, uint64_t *ret)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	size_t len = strlen(digits);
	unsigned long long value;

	if (!len || strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != len)
		return EINVAL;
	errno = 0;
	value = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno)
		return errno;
	*ret = value;
	return 0;
}

/* Decimal only, without a sign: no tool here takes others. */
static int store_number(struct cli *cli, const struct cmd_opt *opt, uint64_t *ret,
			const char *text, const char *spelled)
{
	uint64_t value = 0;
	int r = parse_number(text, &value);

	if (r == EINVAL)
		return cli_usage(cli, "%s: '%s' is not a number", spelled, text);
	if (r || value < opt->min || value > opt->max)
		return cli_usage(cli, "%s: '%s' is out of range: %" PRIu64 " to %" PRIu64,
				 spelled, text, opt->min, opt->max);
	*ret = value;
	return 0;
}

/* A bare 0 needs no unit; opt->min is the unit of a bare number, 0 where one must be given. */
static int store_size(struct cli *cli, const struct cmd_opt *opt, uint64_t *ret,
		      const char *text, const char *spelled)
{
	bp_bytes bytes;

	if (streq(text, "0")) {
		*ret = 0;
		return 0;
	}
	if (bp_size_parse(cli->ctx, text, opt->min, 0, &bytes) < 0)
		return cli_usage(cli, "%s: %s", spelled, bp_error_get(cli->ctx)->message);
	*ret = bytes;
	return 0;
}

/* "10kB" is 10000 bytes; who wrote that often means 10KiB. */
char *cli_binary_hint(const char *text, bp_bytes bytes)
{
	size_t len = strlen(text);
	char *hint;

	if (len < 3 || !strchr("bB", text[len - 1]) || !strchr("kKmMgGtTpPeE", text[len - 2]))
		return NULL;
	if (asprintf(&hint, "%s is %" PRIu64 " bytes; %.*s%ciB counts by 1024", text, bytes,
		     (int)(len - 2), text, toupper((unsigned char)text[len - 2])) < 0)
		return NULL;
	return hint;
}

/* Whole sectors: nothing is rounded. */
static int store_sectors(struct cli *cli, const struct cmd_opt *opt, uint64_t *ret,
			 const char *text, const char *spelled)
{
	_cleanup_(freep) char *hint = NULL;
	bp_bytes bytes = 0;
	uint64_t most = opt->max ? opt->max : UINT64_MAX / BP_SECTOR_BYTES;
	int r = store_size(cli, opt, &bytes, text, spelled);

	if (r)
		return r;
	hint = cli_binary_hint(text, bytes);
	if (bytes % BP_SECTOR_BYTES)
		return cli_usage_hint(cli, hint,
				      "%s: '%s' is no whole number of 512-byte sectors",
				      spelled, text);
	if (bp_bytes_to_sector(bytes) > most)
		return cli_usage(cli, "%s: '%s' is too large: at most %" PRIu64 " sectors",
				 spelled, text, most);
	*ret = bp_bytes_to_sector(bytes);
	return 0;
}

/* "+N" is "at least". */
static int store_read_ahead(struct cli *cli, const struct cmd_opt *opt,
			    struct cli_read_ahead *ret, const char *text, const char *spelled)
{
	uint64_t sectors = 0;
	int r;

	*ret = (struct cli_read_ahead){ 0 };
	if (streq(text, "auto"))
		return 0;
	if (streq(text, "none")) {
		ret->sectors = BP_READ_AHEAD_NONE;
		return 0;
	}
	ret->minimum = text[0] == '+';
	r = store_sectors(cli, opt, &sectors, text + ret->minimum, spelled);
	if (r)
		return r;
	/* 0 would be taken for "auto". */
	ret->sectors = sectors ? (uint32_t)sectors : BP_READ_AHEAD_NONE;
	return 0;
}

/* Milliseconds, from a number with or without a unit. */
int cli_time_parse(const char *text, uint64_t unit_ms, uint64_t *ret_ms)
{
	const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "", unit_ms }, { "s", 1000 }, { "ms", 1 }, { "min", 60000 } };
	size_t digits = strspn(text, "0123456789");
	_cleanup_(freep) char *number = strndup(text, digits);
	uint64_t value;
	int r;

	for (size_t i = 0; number && i < ARRAY_SIZE(units); i++) {
		if (!streq(text + digits, units[i].unit))
			continue;
		r = parse_number(number, &value);
		if (r)
			return -r;
		return __builtin_mul_overflow(value, units[i].ms, ret_ms) ? -ERANGE : 0;
	}
	return -EINVAL;
}

static int store_time(struct cli *cli, int64_t *ret, const char *text, const char *spelled)
{
	uint64_t ms;
	int r;

	if (streq(text, "none")) {
		*ret = -1;
		return 0;
	}
	r = cli_time_parse(text, 1000, &ms);
	if (r == -EINVAL)
		return cli_usage_hint(cli, "such as 500ms, 30s, 5min, none",
				      "%s: '%s' is not a time", spelled, text);
	if (r < 0 || ms > INT64_MAX)
		return cli_usage(cli, "%s: '%s' is too long", spelled, text);
	/* No time at all would be taken for the default. */
	*ret = ms ? (int64_t)ms : 1;
	return 0;
}

/* Whole words; the index in the table is what the command gets. */
static int store_choice(struct cli *cli, const struct cmd_opt *opt, unsigned *ret,
			const char *text, const char *spelled)
{
	_cleanup_(freep) char *list = NULL;
	size_t len = 0;
	FILE *f;

	for (unsigned i = 0; opt->choices[i]; i++) {
		if (streq(opt->choices[i], text)) {
			*ret = i;
			return 0;
		}
	}
	f = open_memstream(&list, &len);
	for (unsigned i = 0; f && opt->choices[i]; i++)
		fprintf(f, "%s%s", i ? ", " : "one of: ", opt->choices[i]);
	cli_text_end(f, &list);
	return cli_usage_hint(cli, list, "%s: '%s' is not a choice", spelled, text);
}

/* By the kind of the row. OPT_KIND_LIST has room for all words: args_new() made it so. */
int opt_store(struct cli *cli, const struct cmd_opt *opt, void *args, const char *text,
	      const char *spelled)
{
	void *member = (char *)args + opt->offset;
	struct cli_list *list = member;

	switch (opt->kind) {
	case OPT_KIND_FLAG:
		*(bool *)member = true;
		return 0;
	case OPT_KIND_BIT:
		*(uint32_t *)member |= (uint32_t)opt->min;
		return 0;
	case OPT_KIND_COUNT:
		++*(unsigned *)member;
		return 0;
	case OPT_KIND_STRING:
	case OPT_KIND_OPTIONAL:
		*(const char **)member = text ? text : "";
		return 0;
	case OPT_KIND_NUMBER:
		return store_number(cli, opt, member, text, spelled);
	case OPT_KIND_SIZE:
		return store_size(cli, opt, member, text, spelled);
	case OPT_KIND_SECTORS:
		return store_sectors(cli, opt, member, text, spelled);
	case OPT_KIND_READ_AHEAD:
		return store_read_ahead(cli, opt, member, text, spelled);
	case OPT_KIND_TIME:
		return store_time(cli, member, text, spelled);
	case OPT_KIND_CHOICE:
		return store_choice(cli, opt, member, text, spelled);
	case OPT_KIND_LIST:
		list->words[list->count++] = text;
		return 0;
	case OPT_KIND_END:
	case OPT_KIND_EXTRA:
	case OPT_KIND_SYNONYM:
	case OPT_KIND_CONFLICT:
	case OPT_KIND_REQUIRES:
	case OPT_KIND_ANY:
		break;
	}
	return 0;
}

static bool given(const struct cli *cli, const char *name, size_t len)
{
	const struct cmd_opt *opt = opt_by_name(cli->cmd->opts, name, len);

	return opt && cli->given && cli->given[opt - cli->cmd->opts];
}

bool cli_given(const struct cli *cli, const char *name)
{
	return given(cli, name, strlen(name));
}

/* "--" goes before options, not before operands, which are capitals. */
static const char *dashes(const struct cli *cli, const char *name, size_t len)
{
	const struct cmd_opt *opt = opt_by_name(cli->cmd->opts, name, len);

	return opt && is_operand(opt) ? "" : "--";
}

/* Walk the blank-separated names of a rule. */
#define FOR_EACH_NAME(p, len, names)                                                           \
	for (const char *p = (names); (len = strcspn(p, " ")) > 0;                             \
	     p += len, p += strspn(p, " "))

/* The first of the options that is given with @rule's. */
static int check_conflict(struct cli *cli, const struct cmd_opt *rule)
{
	size_t len;

	if (!cli_given(cli, rule->name))
		return 0;
	FOR_EACH_NAME(p, len, rule->names)
	if (given(cli, p, len))
		return cli_usage(cli, "%s%s and %s%.*s exclude each other",
				 dashes(cli, rule->name, strlen(rule->name)), rule->name,
				 dashes(cli, p, len), (int)len, p);
	return 0;
}

/* All of them. */
static int check_requires(struct cli *cli, const struct cmd_opt *rule)
{
	size_t len;

	if (!cli_given(cli, rule->name))
		return 0;
	FOR_EACH_NAME(p, len, rule->names)
	if (!given(cli, p, len))
		return cli_usage(cli, "%s%s needs %s%.*s",
				 dashes(cli, rule->name, strlen(rule->name)), rule->name,
				 dashes(cli, p, len), (int)len, p);
	return 0;
}

/* One of them at least. */
static int check_any(struct cli *cli, const struct cmd_opt *rule)
{
	char text[256] = "";
	size_t len, used = 0;

	FOR_EACH_NAME(p, len, rule->names)
	{
		int n;

		if (given(cli, p, len))
			return 0;
		n = snprintf(text + used, sizeof(text) - used, "%s%s%.*s", used ? " or " : "",
			     dashes(cli, p, len), (int)len, p);
		if (n > 0 && (size_t)n < sizeof(text) - used)
			used += (size_t)n;
	}
	return cli_usage(cli, "%s not specified", text);
}

/* Rules stand in the table among the options, in the order in which they are told. */
int rules_check(struct cli *cli)
{
	int r = 0;

	for (const struct cmd_opt *opt = cli->cmd->opts; !r && opt->kind != OPT_KIND_END;
	     opt++) {
		if (opt->kind == OPT_KIND_CONFLICT)
			r = check_conflict(cli, opt);
		else if (opt->kind == OPT_KIND_REQUIRES)
			r = check_requires(cli, opt);
		else if (opt->kind == OPT_KIND_ANY)
			r = check_any(cli, opt);
		else if (is_operand(opt) && opt->place == OPT_PLACE_OPERAND &&
			 !cli->given[opt - cli->cmd->opts])
			r = cli_usage(cli, "operand %s is missing", opt->arg);
	}
	return r;
}
