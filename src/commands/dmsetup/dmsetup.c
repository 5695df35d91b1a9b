/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmsetup by name, or "bedplate dmsetup": its verbs, and the order in which it looks at things. Its
 * exit status is 0, or 1 for every failure, wrong usage too.
 */
#include "commands/dmsetup/dmsetup.h"

#define ANY (-1)

/* clang-format off */
const struct verb dmsetup_verbs[] = {
	{ "help", "[-c]", 0, 0, 0, verb_help },
	{ "create", "NAME [FILE]  [--table TABLE | --notable] [-u UUID] [-j MAJOR -m MINOR] [-r]\n"
	  "\t       [-U UID] [-G GID] [-M MODE] [--readahead SECTORS] [--addnodeoncreate]\n"
	  "\tcreate --concise [DEVICES]", 0, 2, 0, verb_create },
	{ "remove", "[--force] [--retry] [--deferred] DEVICE...", 0, ANY, 2, verb_remove },
	{ "remove_all", "[--force] [--deferred]", 0, 0, 0, verb_remove_all },
	{ "suspend", "[--noflush] [--nolockfs] DEVICE...", 0, ANY, 2, verb_suspend },
	{ "resume", "[--readahead SECTORS] [--addnodeoncreate] DEVICE...", 0, ANY, 2, verb_resume },
	{ "load", "DEVICE [FILE]  [--table TABLE] [-r]", 0, 2, 0, verb_load },
	{ "clear", "DEVICE...", 0, ANY, 2, verb_clear },
	{ "reload", "DEVICE [FILE]  [--table TABLE] [-r]", 0, 2, 0, verb_load },
	{ "wipe_table", "[--force] DEVICE...", 0, ANY, 2, verb_wipe_table },
	{ "rename", "DEVICE [--setuuid] NAME_OR_UUID", 1, 2, 0, verb_rename },
	{ "measure", "[DEVICE...]", 0, ANY, 2, verb_measure },
	{ "message", "DEVICE SECTOR MESSAGE...", 2, ANY, 0, verb_message },
	{ "ls", "[--target TARGET] [--exec COMMAND] [--tree] [-o OPTIONS]", 0, 0, 0, verb_ls },
	{ "info", "[DEVICE...]  or with -c, in columns", 0, ANY, 1, verb_info },
	{ "deps", "[-o OPTIONS] [DEVICE...]", 0, ANY, 2, verb_deps },
	{ "status", "[--target TARGET] [--noflush] [DEVICE...]", 0, ANY, 2, verb_status },
	{ "table", "[--target TARGET] [--showkeys] [--concise] [DEVICE...]", 0, ANY, 2, verb_table },
	{ "wait", "DEVICE [EVENT_NR]", 0, 2, 0, verb_wait },
	{ "mknodes", "[DEVICE...]", 0, ANY, 1, verb_mknodes },
	{ "mangle", "[DEVICE...]", 0, ANY, 1, verb_mangle },
	{ "udevcreatecookie", "", 0, 0, 0, verb_udevcreatecookie },
	{ "udevreleasecookie", "[COOKIE]", 0, 1, 0, verb_udevreleasecookie },
	{ "udevflags", "COOKIE", 1, 1, 0, verb_udevflags },
	{ "udevcomplete", "COOKIE", 1, 1, 0, verb_udevcomplete },
	{ "udevcomplete_all", "[MINUTES]", 0, 1, 0, verb_udevcomplete_all },
	{ "udevcookies", "", 0, 0, 0, verb_udevcookies },
	{ "target-version", "TARGET...", 1, ANY, 1, verb_target_version },
	{ "targets", "", 0, 0, 0, verb_targets },
	{ "version", "", 0, 0, 0, verb_version },
	{ "setgeometry", "DEVICE CYLINDERS HEADS SECTORS START", 5, 5, 0, verb_setgeometry },
	{ "splitname", "NAME [SUBSYSTEM]", 1, 2, 0, verb_splitname },
	{ "stats", "create|delete|clear|list|print|version [DEVICE...]", 1, ANY, 1, verb_stats },
	{ NULL, NULL, 0, 0, 0, NULL },
};
/* clang-format on */

const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = dmsetup_verbs; v->name; v++)
		if (streq(v->name, name))
			return v;
	return NULL;
}

/* --- usage --- */

static void print_option(const struct front *f, const struct cmd_opt *opt)
{
	char left[64], letter[] = { '-', opt->letter, '\0' };

	snprintf(left, sizeof(left), "%s%s%s%s%s%s", opt->letter ? letter : "  ",
		 opt->letter && opt->name ? ", " : "  ", opt->name ? "--" : "",
		 opt->name ? opt->name : "", opt->arg ? " " : "", opt->arg ? opt->arg : "");
	cli_explain(f->err, left, opt->help);
}

/* From the tables of verbs and options: it can't forget one. */
void usage(struct front *f)
{
	fputs("Usage:\n\ndmsetup VERB [OPTION]... [OPERAND]...\n\n", f->err);
	for (const struct verb *v = dmsetup_verbs; v->name; v++)
		if (v->usage)
			fprintf(f->err, "\t%s %s\n", v->name, v->usage);
	fputs("\nDEVICE is a name or a path; instead of one -u UUID or -j MAJOR -m MINOR will "
	      "do.\n"
	      "Tables come from --table, FILE or standard input, a segment a line.\n"
	      "OPTIONS of ls and deps: devno, devname, blkdevname; of ls --tree: ascii, utf, "
	      "vt100,\n"
	      "compact, inverted, notrunc, device, nodevice, blkdevname, active, open, rw, "
	      "uuid.\n\n",
	      f->err);
	for (const struct cmd_opt *opt = dmsetup_opts; opt->kind != OPT_KIND_END; opt++)
		if (opt->place == OPT_PLACE_OPTION && opt->help)
			print_option(f, opt);
	fputs("\n", f->err);
}

/* With -c the fields of reports, too. */
int verb_help(struct front *f, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	usage(f);
	if (f->args.columns) {
		f->args.options = "help";
		return report_begin(f, false) < 0 ? -1 : 0;
	}
	return 0;
}

/* --- running --- */

/* What chooses the devices of -S. */
static const struct verb info_verb = { "info", NULL, 0, ANY, 1, verb_info };

/* The same letter means columns, a tree's options, or how names of devices are printed. */
static int read_dev_names(struct front *f)
{
	static const char *const names[] = { "devno", "blkdevname", "devname" };
	const char *s = f->args.options;

	if (f->args.tree)
		return tree_options_check(f, s);
	if (f->args.columns || !s)
		return 0;
	while (*s) {
		size_t len = strcspn(s, ","), i = 0;

		while (i < ARRAY_SIZE(names) && strncmp(names[i], s, len) != 0)
			i++;
		if (i == ARRAY_SIZE(names))
			return say(f, "Option not recognised: %s.", s);
		f->dev_names = (enum dev_names)i;
		s += len + (s[len] == ',');
	}
	return 0;
}

/* The option goes before the environment. */
static int use_udev(struct front *f)
{
	const char *env = getenv("DM_UDEV_COOKIE");
	struct bp_udev_opts opts = { .size = sizeof(opts), .no_wait = f->args.noudevsync };

	if (!f->cookie && !f->args.udevcookie && env && *env)
		f->cookie = cookie_parse(f, env);
	opts.cookie = f->cookie;
	if (f->args.noudevrules)
		opts.rule_flags = BP_UDEV_NO_DM_RULES | BP_UDEV_NO_SUBSYSTEM_RULES;
	if (!f->args.verifyudev)
		opts.rule_flags |= BP_UDEV_NO_FALLBACK;
	return bp_udev_use(f->ctx, &opts);
}

/* The verb for each operand, until one fails. */
static int run_each(struct front *f, const struct verb *v, int argc, char **argv)
{
	do {
		if (v->run(f, argc, argv) < 0) {
			say(f, "Command failed.");
			return -1;
		}
		argv++;
	} while (v->repeat && argc-- > 1);
	return 0;
}

/* Rounds of --count and --interval; anything without a report is done once. */
static int run_reports(struct front *f, const struct verb *v, int argc, char **argv)
{
	int r;

	for (int i = 0;; i++) {
		r = run_each(f, v, argc, argv);
		if (f->concise_begun)
			fputc('\n', f->out);
		if (f->report && !f->as_info)
			report_end(f);
		if (r < 0 || !f->report || (f->count > 0 && i + 1 == f->count))
			return r;
		fputc('\n', f->out);
		fflush(f->out);
		sleep((unsigned)f->interval_s);
	}
}

/* --select makes some verbs a list of what info would select. */
static int run_verb(struct front *f, int argc, char **argv)
{
	const struct verb *v = f->verb;
	int r = 0;

	if (!v)
		return -1;
	f->many = v->repeat && argc != 1 && (argc || (!f->args.uuid && !f->args.major));
	if (f->args.select && v->repeat == 2) {
		f->as_info = true;
		f->args.columns = 1;
		v = &info_verb;
	}
	if (f->args.columns &&
	    (streq(v->name, "info") || streq(v->name, "splitname") || f->stats))
		r = report_begin(f, streq(v->name, "splitname"));
	if (r)
		return r < 0 ? -1 : 0;
	return run_reports(f, v, argc, argv);
}

/* With its number of operands: NULL was told already. */
static const struct verb *find_verb(struct front *f, int argc, char **argv)
{
	const struct verb *v;

	if (f->args.help || f->args.version)
		return verb_find(f->args.help ? "help" : "version");
	if (!argc) {
		usage(f);
		return NULL;
	}
	v = verb_find(argv[0]);
	if (v && argc - 1 >= v->min && (v->max == ANY || argc - 1 <= v->max))
		return v;
	say(f, v ? "Incorrect number of arguments." : "Unknown command.");
	usage(f);
	return NULL;
}

/* Options are read before the verb, as they may stand anywhere. */
static int start(struct front *f, int argc, char **argv)
{
	const char *dev = getenv("DM_DEV_DIR");
	int first;

	if (dev && *dev && *dev != '/')
		return say(f, "Invalid DM_DEV_DIR environment variable value.");
	if (options_read(f, argc, argv, &first) < 0)
		return say(f, "Couldn't process command line.");
	argc -= first;
	argv += first;
	f->verb = find_verb(f, argc, argv);
	if (!f->verb)
		return -1;
	if (f->args.help || f->args.version)
		return f->args.help ? verb_help(f, 0, argv) : run_each(f, f->verb, 0, argv);
	if (streq(f->verb->name, "stats")) {
		f->stats = *++argv;
		argc--;
	}
	if (streq(f->verb->name, "splitname") || f->stats)
		f->args.columns = !f->stats || streq(f->stats, "list");
	if (read_dev_names(f) < 0)
		return say(f, "Couldn't process command line.");
	if (use_udev(f) < 0)
		return -1;
	return run_verb(f, argc - 1, argv + 1);
}

static int raw(struct cli *cli, int argc, char **argv)
{
	struct front f = { .cli = cli, .ctx = cli->ctx, .out = cli->out, .err = cli->err };
	int r = start(&f, argc, argv);

	/* A node that could not be removed, udev that does not answer: the status is none the worse. */
	for (size_t i = 0; i < bp_warnings_count(cli->ctx); i++)
		say(&f, "%s", bp_warning_get(cli->ctx, i));
	report_free(f.report);
	tree_free(f.tree);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

const struct cmd cmd_dmsetup = {
	.name = "dmsetup",
	.group = "Devices",
	.summary = "Speak dmsetup's words, for programs that know them.",
	.opts = dmsetup_opts,
	.exits = "0 done, 1 failed or wrong usage",
	.args_size = sizeof(struct args),
	.raw = raw,
};
