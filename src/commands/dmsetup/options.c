/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options, which may stand anywhere. The table is ours; the C library's getopt reads it, so
 * that beginnings, "--", errors and POSIXLY_CORRECT are as the programs that call dmsetup know
 * them.
 */
#include "commands/dmsetup/dmsetup.h"

#include <getopt.h>
#include <stdarg.h>
#include <strings.h>

#define LONG_ONLY 256 /* getopt's values from here on are rows of the table */

/* clang-format off */
const struct cmd_opt dmsetup_opts[] = {
	OPT_OPERAND(table, "VERB", "what to do: 'help' lists them"),
	OPT_OPERAND_OPTIONAL(table, "OPERAND", "devices, mostly: by name or path"),
	OPT_COUNT(add_on_create, 0, "addnodeoncreate", "create: make the node at once; resume: leave it alone"),
	OPT_COUNT(add_on_resume, 0, "addnodeonresume", "make the node when the device is resumed (as without it)"),
	OPT_STRING(alias, 0, "alias", "NAME", "stats create --segments: how the group is called"),
	OPT_COUNT(alldevices, 0, "alldevices", "stats: of all devices"),
	OPT_COUNT(allprograms, 0, "allprograms", "stats: regions of all programs"),
	OPT_COUNT(allregions, 0, "allregions", "stats: all regions of a device"),
	OPT_COUNT(area, 0, "area", "stats list: areas"),
	OPT_STRING(areas, 0, "areas", "N", "stats create: parts that are counted on their own"),
	OPT_STRING(areasize, 0, "areasize", "SIZE", "stats create: or how large they are"),
	OPT_STRING(bounds, 0, "bounds", "TIMES", "stats create: bounds of a histogram of latencies, by commas"),
	OPT_COUNT(checks, 0, "checks", "accepted; what the library checks it always does"),
	OPT_COUNT(clear, 0, "clear", "stats print: set what is printed to zero"),
	OPT_COUNT(columns, 'c', "columns", "info: a report in columns"),
	OPT_COUNT(columns, 'C', NULL, NULL),
	OPT_COUNT(concise, 0, "concise", "create, table: devices in one line"),
	OPT_STRING(count, 0, "count", "N", "print the report so often, 0: until interrupted"),
	OPT_COUNT(deferred, 0, "deferred", "remove: when the last user has closed it"),
	OPT_STRING(exec, 0, "exec", "COMMAND", "run this with the path of each device behind it"),
	OPT_COUNT(force, 'f', "force", "remove: answer I/O with errors first; wipe_table: don't flush"),
	OPT_STRING(gid, 'G', "gid", "GID", "group of the node"),
	OPT_COUNT(group, 0, "group", "stats list: groups"),
	OPT_STRING(groupid, 0, "groupid", "ID", "stats delete: a group with its regions"),
	OPT_COUNT(help, 'h', "help", "list verbs and options"),
	OPT_COUNT(inactive, 0, "inactive", "tell of the inactive table"),
	OPT_STRING(interval, 0, "interval", "SECONDS", "between two reports"),
	OPT_STRING(length, 0, "length", "SIZE", "stats create: how long the region is"),
	OPT_STRING(major, 'j', "major", "MAJOR", "the device's number"),
	OPT_STRING(manglename, 0, "manglename", "MODE", "names to and from the kernel: auto, hex or none"),
	OPT_STRING(minor, 'm', "minor", "MINOR", "the device's number"),
	OPT_STRING(mode, 'M', "mode", "MODE", "mode of the node, octal"),
	OPT_COUNT(nameprefixes, 0, "nameprefixes", "report: DM_NAME='value'"),
	OPT_COUNT(noflush, 0, "noflush", "don't flush: I/O on suspend, metadata on status"),
	OPT_COUNT(nogroup, 0, "nogroup", "stats create --segments: don't group them"),
	OPT_COUNT(noheadings, 0, "noheadings", "report: without headings, separated by ':'"),
	OPT_COUNT(nolockfs, 0, "nolockfs", "suspend: don't freeze the file system"),
	OPT_COUNT(noopencount, 0, "noopencount", "accepted; kernels tell the open count all the same"),
	OPT_COUNT(nosuffix, 0, "nosuffix", "accepted; where units are chosen sizes have none"),
	OPT_COUNT(notable, 'n', "notable", "create: without a table"),
	OPT_COUNT(noudevrules, 0, "noudevrules", "make nodes ourselves, not by udev's rules"),
	OPT_COUNT(noudevsync, 0, "noudevsync", "don't wait for udev"),
	OPT_STRING(options, 'o', "options", "FIELDS", "fields of a report; how to name devices; what a tree shows"),
	OPT_COUNT(precise, 0, "precise", "stats create: count nanoseconds"),
	OPT_STRING(programid, 0, "programid", "ID", "stats: whose regions; default: dmstats"),
	OPT_STRING(readahead, 0, "readahead", "SECTORS", "auto, none, a number, or +number: at least that"),
	OPT_COUNT(read_only, 'r', "readonly", "load the table read-only"),
	OPT_COUNT(region, 0, "region", "stats list: regions"),
	OPT_STRING(regionid, 0, "regionid", "ID", "stats: one region"),
	OPT_COUNT(retry, 0, "retry", "remove: try for five seconds while it is in use"),
	OPT_COUNT(rows, 0, "rows", "report: a line for each field"),
	OPT_COUNT(segments, 0, "segments", "stats create: a region for each segment of the table"),
	OPT_STRING(select, 'S', "select", "SELECTION", "only devices whose fields are so; 'help' explains"),
	OPT_STRING(separator, 0, "separator", "TEXT", "report: between fields"),
	OPT_COUNT(setuuid, 0, "setuuid", "rename: give it a uuid, not a name"),
	OPT_COUNT(showkeys, 0, "showkeys", "table: with keys of encryption"),
	OPT_STRING(sort, 'O', "sort", "FIELDS", "report: by these; -FIELD: falling"),
	OPT_STRING(start, 0, "start", "SIZE", "stats create: where the region begins"),
	OPT_STRING(table, 0, "table", "TABLE", "the table's lines"),
	OPT_STRING(target, 0, "target", "TARGET", "only segments of this target, or devices with one"),
	OPT_COUNT(tree, 0, "tree", "ls: what lies on what"),
	OPT_STRING(udevcookie, 0, "udevcookie", "COOKIE", "have udev's answers counted on it, and don't wait"),
	OPT_STRING(uid, 'U', "uid", "UID", "owner of the node"),
	OPT_COUNT(unbuffered, 0, "unbuffered", "report: each line when it is known"),
	OPT_STRING(units, 0, "units", "UNIT", "stats list: h, b, s, k, m, g, t, p, e; capitals: of 1000"),
	OPT_COUNT(unquoted, 0, "unquoted", "with --nameprefixes: values without quotes"),
	OPT_STRING(userdata, 0, "userdata", "TEXT", "stats create: keep this with the region"),
	OPT_STRING(uuid, 'u', "uuid", "UUID", "the device's uuid"),
	OPT_COUNT(verbose, 'v', NULL, "say more: what 'info' tells of the device"),
	OPT_STRING(long_verbose, 0, "verbose", "WORD", "the same; the word is passed over"),
	OPT_COUNT(verifyudev, 0, "verifyudev", "accepted; nodes are always looked after"),
	OPT_COUNT(version, 0, "version", "print the versions"),
	OPT_COUNT(yes, 'y', "yes", "udevcomplete_all: without asking"),
	OPT_END
};
/* clang-format on */

static bool is_option(const struct cmd_opt *opt)
{
	return opt->place == OPT_PLACE_OPTION;
}

static bool has_value(const struct cmd_opt *opt)
{
	return opt->kind == OPT_KIND_STRING;
}

/* getopt's arrays, made of the table. */
struct getopt_tables {
	struct option longs[ARRAY_SIZE(dmsetup_opts)];
	char letters[2 * ARRAY_SIZE(dmsetup_opts)];
};

/* getopt's form of the same table that the help is made of. */
static void fill(struct getopt_tables *t)
{
	size_t longs = 0, letters = 0;

	memset(t, 0, sizeof(*t));
	for (int i = 0; dmsetup_opts[i].kind != OPT_KIND_END; i++) {
		const struct cmd_opt *opt = &dmsetup_opts[i];

		if (is_option(opt) && opt->name)
			t->longs[longs++] = (struct option){
				.name = opt->name,
				.has_arg = has_value(opt) ? required_argument : no_argument,
				.val = LONG_ONLY + i,
			};
		if (is_option(opt) && opt->letter) {
			t->letters[letters++] = opt->letter;
			if (has_value(opt))
				t->letters[letters++] = ':';
		}
	}
}

static const struct cmd_opt *row(int c)
{
	if (c >= LONG_ONLY)
		return &dmsetup_opts[c - LONG_ONLY];
	for (const struct cmd_opt *opt = dmsetup_opts; opt->kind != OPT_KIND_END; opt++)
		if (is_option(opt) && opt->letter == c)
			return opt;
	return NULL;
}

static void store(struct args *args, const struct cmd_opt *opt, const char *value)
{
	char *at = (char *)args + opt->offset;

	if (has_value(opt))
		memcpy(at, &value, sizeof(value));
	else
		++*(unsigned *)(void *)at;
}

/* --- what the values mean --- */

/* As the C library's atoi, but for what does not fit. */
int option_number(const char *text)
{
	long v = text ? strtol(text, NULL, 10) : 0;

	return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int)v;
}

/* 0 is refused: nobody could open the node. */
static int read_mode(struct front *f)
{
	char *end;
	long mode;

	if (!f->args.mode)
		return 0;
	errno = 0;
	mode = strtol(f->args.mode, &end, 8);
	if (errno || *end || !mode)
		return say(f, "Invalid argument for --mode: %s. %s", f->args.mode,
			   errno ? strerror(errno) : "");
	return 0;
}

/* --interval alone goes on without an end. */
static int read_repeat(struct front *f)
{
	f->count = 1;
	f->interval_s = f->args.interval ? option_number(f->args.interval) : 1;
	if (f->args.count && option_number(f->args.count) < 0)
		return say(f, "Count must be zero or greater.");
	if (f->interval_s <= 0)
		return say(f, "Interval must be a positive integer.");
	if (f->args.count && option_number(f->args.count))
		f->count = option_number(f->args.count);
	else if (f->args.count || f->args.interval)
		f->count = -1;
	return 0;
}

/* The option goes before the environment, of which an unknown word counts for nothing. */
static int read_mangling(struct front *f)
{
	static const char *const modes[] = { "auto", "hex", "none" };
	const char *env = getenv("DM_DEFAULT_NAME_MANGLING_MODE");

	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		if (f->args.manglename ? strcasecmp(f->args.manglename, modes[i]) == 0
				       : env && strcasecmp(env, modes[i]) == 0) {
			f->mangling = (enum mangling)i;
			return 0;
		}
	}
	return f->args.manglename ? say(f, "Unknown name mangling mode.") : 0;
}

static int read_readahead(struct front *f)
{
	const char *text = f->args.readahead;
	int n;

	if (!text || strcasecmp(text, "auto") == 0)
		return 0;
	text += strspn(text, " \t\n\v\f\r");
	n = option_number(text);
	f->read_ahead_minimum = *text == '+';
	if (strcasecmp(text, "none") != 0 && n < -1)
		return say(f, "Negative read ahead value (%d) is not understood.", n);
	/* -1 is what "auto" is there, 0 what "none" is. */
	if (strcasecmp(text, "none") == 0 || n == 0)
		f->read_ahead = BP_READ_AHEAD_NONE;
	else if (n > 0)
		f->read_ahead = (uint32_t)n;
	return 0;
}

/* What the options' values have to be, in the order in which the other tool complains. */
static int read_values(struct front *f)
{
	struct args *a = &f->args;

	if (read_mode(f) < 0 || read_repeat(f) < 0 || read_mangling(f) < 0 ||
	    read_readahead(f) < 0)
		return -1;
	if (!a->major != !a->minor)
		return say(f, "Please specify both major number and minor number.");
	f->major = (uint32_t)option_number(a->major);
	f->minor = (uint32_t)option_number(a->minor);
	if (a->table && a->notable)
		return say(f, "--table and --notable are incompatible.");
	if (a->add_on_resume && a->add_on_create)
		return say(f, "--addnodeonresume and --addnodeoncreate are incompatible.");
	if (a->udevcookie)
		f->cookie = cookie_parse(f, a->udevcookie);
	if (a->long_verbose)
		a->verbose++;
	return 0;
}

int options_read(struct front *f, int argc, char **argv, int *ret_first)
{
	struct getopt_tables t;
	int c;

	fill(&t);
	optind = 0; /* from the beginning, whoever used it before */
	/* One thread reads options. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((c = getopt_long(argc, argv, t.letters, t.longs, NULL)) != -1) {
		const struct cmd_opt *opt = c == '?' ? NULL : row(c);

		if (!opt)
			return -1;
		store(&f->args, opt, optarg);
	}
	*ret_first = optind;
	return read_values(f);
}
