/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lines that real kernels took, printed and refused (tests/data/targets.tsv) against the
 * grammars: each row is used for what its kind says. Counts a target are printed as comments;
 * BEDPLATE_TEST_VERBOSE=1 prints the report on refused lines, docs/targets/REJECTS.md, which
 * BEDPLATE_TEST_UPDATE=1 writes anew.
 */
#include "tsv.h"

#include <bedplate/bedplate.h>

#include "core/strbuf.h"
#include "targets/grammar/target.h"

static struct bp_ctx *ctx;
static struct tsv lines;

enum { KERNEL, TARGET, KIND, TEXT, NOTE };

static int setup(void **state)
{
	(void)state;
	lines = tsv_read("targets.tsv");
	for (size_t i = 0; i < lines.nr_rows; i++) {
		assert_int_equal(lines.rows[i].nr_fields, 5);
		tsv_unescape(lines.rows[i].fields[TEXT]);
	}
	return bp_ctx_new(&ctx);
}

static int teardown(void **state)
{
	(void)state;
	tsv_free(&lines);
	bp_ctx_free(ctx);
	return 0;
}

/* --- rows --- */

static char **row(size_t i)
{
	return lines.rows[i].fields;
}

static bool is_kind(size_t i, const char *kind)
{
	return streq(row(i)[KIND], kind);
}

/* "basic/lin-mm" of "case=basic/lin-mm; ...". */
static const char *case_of(size_t i)
{
	static char name[128];
	const char *note = strstr(row(i)[NOTE], "case=");

	assert_non_null(note);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(note + 5, ";"), note + 5);
	return name;
}

static bool same_case(size_t a, size_t b)
{
	char first[128];

	snprintf(first, sizeof(first), "%s", case_of(a));
	return streq(row(a)[KERNEL], row(b)[KERNEL]) && streq(first, case_of(b));
}

/* 6.12.117 is 0x060c. */
static uint32_t release_of(size_t i)
{
	unsigned major, minor;

	assert_int_equal(sscanf(row(i)[KERNEL], "%u.%u", &major, &minor), 2);
	return major << 8 | minor;
}

/* Rows that are known to be special: by case and what else their note says (NULL: any). */
struct special {
	const char *name, *note;
	const char *why;
};

static const struct special *find_special(const struct special *list, size_t i)
{
	for (; list->name; list++)
		if (streq(list->name, case_of(i)) &&
		    (!list->note || strstr(row(i)[NOTE], list->note)))
			return list;
	return NULL;
}

/* --- devices as they were --- */

/* Sizes that are known from what became of the devices; by the experiment's group. */
static const struct {
	const char *group;
	unsigned loop;
	uint64_t sectors;
} loop_sizes[] = {
	{ "cache/", 0, 204800 }, { "cache/", 2, 32768 },  { "mirror/", 7, 20480 },
	{ "mirror/", 8, 20480 }, { "mirror/", 10, 8192 }, { "mirror/", 11, 8 },
	{ "mirror/", 5, 2 },     { "crypt/", 1, 20480 },  { "crypt/", 3, 16 },
	{ "raid/", 0, 40960 },   { "raid/", 1, 40960 },   { "verity/", 1, 24 },
	{ "vdo/", 0, 10485760 },
};

/* What a row's log says of a device's size; else large enough for everything. */
static uint64_t sectors_of(size_t i, unsigned loop)
{
	char name[32];
	const char *log, *size;

	for (size_t k = 0; k < ARRAY_SIZE(loop_sizes); k++)
		if (loop_sizes[k].loop == loop &&
		    strncmp(case_of(i), loop_sizes[k].group, strlen(loop_sizes[k].group)) == 0)
			return loop_sizes[k].sectors;
	snprintf(name, sizeof(name), "loop%u too small", loop);
	log = strstr(row(i)[NOTE], name);
	size = log ? strstr(log, "dev_size=") : NULL;
	return size ? strtoull(size + 9, NULL, 10) : UINT64_C(1) << 40;
}

static int lookup(void *user, const char *dev, struct bp_bdev *ret)
{
	const size_t i = *(const size_t *)user;
	unsigned major = 0, minor = 0;
	char tail;

	*ret = (struct bp_bdev){ .size_bytes = UINT64_C(1) << 49, .logical_block_bytes = 512 };
	if (strstr(dev, "nosuch") || strstr(dev, "/zz") || strstr(dev, "lo\\op0") ||
	    streq(dev, "/dev/z") || streq(dev, "/dev/q") || streq(dev, "/dev/none") ||
	    strstr(dev, "nu-self"))
		return -ENOENT;
	if (streq(dev, "/dev/null"))
		return -ENOTBLK;
	if (sscanf(dev, "%u:%u%c", &major, &minor, &tail) == 2) {
		if (major > 4095)
			return -EOVERFLOW;
		if (major != 7 && major < 250 && major > 5)
			return -ENXIO;
	} else if (sscanf(dev, "/dev/loop%u%c", &minor, &tail) == 1 ||
		   sscanf(dev, "../dev/loop%u%c", &minor, &tail) == 1) {
		major = 7;
	} else if (*dev != '/') {
		/* Linux before 6.12 takes more than paths and numbers. */
		if (release_of(i) >= 0x060c || (!streq(dev, "0700") && !streq(dev, "7:0:1")))
			return -ENOENT;
		major = 7;
		minor = 0;
	}
	/* What the others were called is not known: all of them are one. */
	ret->major = major == 7 ? major : 0;
	ret->minor = major == 7 ? minor : 0;
	if (major == 7)
		ret->size_bytes = bp_sector_to_bytes(sectors_of(i, minor));
	return 0;
}

/* --- counts --- */

struct count {
	const char *target;
	unsigned all, raw, hits;
};

static struct count counts[64];

static struct count *count_of(const char *target)
{
	struct count *c = counts;

	while (c->target && !streq(c->target, target))
		c++;
	assert_true(c < counts + ARRAY_SIZE(counts) - 1);
	c->target = target;
	return c;
}

static void print_counts(const char *what, const char *hits)
{
	print_message("# %s:", what);
	for (struct count *c = counts; c->target; c++)
		print_message(" %s %u%s%s", c->target, c->all, c->raw ? " (all raw)" : "",
			      c[1].target ? "," : "\n");
	if (hits) {
		print_message("# %s:", hits);
		for (struct count *c = counts; c->target; c++)
			print_message(" %s %u/%u%s", c->target, c->hits, c->all,
				      c[1].target ? "," : "\n");
	}
	memset(counts, 0, sizeof(counts));
}

/* --- taken by a kernel --- */

/* Lines that kernels take by cutting a number down, which we refuse instead. */
static const struct special cut_down[] = {
	{ "num/nu-lin-wrap", NULL, "offset of 2^64 + 8" },
	{ "num/nu-fl-wrap", NULL, "2^32 + 1 seconds" },
	{ "num/nu-del-wrap", NULL, "2^32 + 1 milliseconds" },
	{ "num/nu-era-wrap", NULL, "blocks of 2^32 + 8 sectors" },
	{ NULL },
};

/* Lines that one kernel ignores and the next one refuses. */
static const struct special ignored_by_old[] = {
	{ "basic/err-e-off", NULL, "error: 6.1 ignores the offset that is none" },
	{ NULL },
};

static struct bp_table *parse_taken(size_t i)
{
	struct bp_table *table = NULL;
	int r = bp_table_parse(ctx, row(i)[TEXT], 0, &table);

	if (find_special(cut_down, i) || find_special(ignored_by_old, i)) {
		assert_int_equal(r, -EINVAL);
		return NULL;
	}
	if (r != 0)
		fail_msg("%s %s: '%s': %s", row(i)[KERNEL], case_of(i), row(i)[TEXT],
			 bp_errmsg(ctx));
	return table;
}

static void assert_same(struct bp_table *a, struct bp_table *b, size_t i)
{
	bool equal = false;

	assert_ok(bp_table_equal(ctx, a, b, lookup, &i, &equal));
	if (!equal)
		fail_msg("%s %s: '%s' is not '%s'", row(i)[KERNEL], case_of(i),
			 bp_table_get(a, 0)->args, bp_table_get(b, 0)->args);
}

/* Each line that a kernel took parses, and formats to what parses equal. */
static void taken_lines_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < lines.nr_rows; i++) {
		struct bp_table *table, *again;
		char *text;

		if (!is_kind(i, "table_in"))
			continue;
		table = parse_taken(i);
		if (!table)
			continue;
		assert_ok(bp_table_format(ctx, table, &text));
		assert_ok(bp_table_parse(ctx, text, 0, &again));
		assert_same(table, again, i);
		count_of(row(i)[TARGET])->all++;
		if (!bp_target_get(row(i)[TARGET]))
			count_of(row(i)[TARGET])->raw++;
		free(text);
		bp_table_free(table);
		bp_table_free(again);
	}
	print_counts("lines taken", NULL);
}

/* A line that works is not complained about. */
static void taken_lines_pass_the_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < lines.nr_rows; i++) {
		struct bp_table_check_opts opts = {
			.size = sizeof(opts),
			.lookup = lookup,
			.user = &i,
			.kernel_release = 0,
			.read_only = streq(row(i)[TARGET], "verity"),
		};
		struct bp_findings *findings;
		struct bp_table *table;

		if (!is_kind(i, "table_in"))
			continue;
		table = parse_taken(i);
		if (!table)
			continue;
		opts.kernel_release = release_of(i);
		assert_ok(bp_table_check(ctx, table, &opts, &findings));
		for (size_t f = 0; f < bp_findings_count(findings); f++)
			if (bp_findings_get(findings, f)->severity == BP_SEVERITY_REFUSED)
				fail_msg("%s %s: '%s': %s", row(i)[KERNEL], case_of(i),
					 row(i)[TEXT], bp_findings_get(findings, f)->message);
		bp_findings_free(findings);
		bp_table_free(table);
	}
}

/* --- printed by a kernel --- */

/* Tables that a kernel printed but that are no tables. */
static const struct special no_tables[] = {
	{ "thinst/th-fail", NULL, "a thin volume of a failed pool prints 'Fail'" },
	{ NULL },
};

/* What was printed differs from what was given in more than form. */
static const struct special changed[] = {
	{ "thin/tp-min", "other block size", "the pool keeps the one it has" },
	{ "thinst/tp-oods", "reloaded with", "the line that was loaded was not captured" },
	{ "num/nu-lin-wrap", NULL, "offset of 2^64 + 8" },
	{ "snap/sn-po2", NULL, "the chunk size in the store's header wins" },
	{ "zoned/zo-len", NULL, "the kernel puts its own length" },
	{ "crypt/cr-xts", "key hidden", "dmsetup puts zeros in place of a key" },
	{ "crypt/cr-msg", "note=wiped", "the key was wiped by a message" },
	{ "crypt2/cr-logon", "note=wiped", "the key was wiped by a message" },
	{ "mpath/mp-2", "queue_if_no_path by message", "a message changed the table" },
	{ NULL },
};

/* The line that a printed one answers: the last one taken before it in its experiment. */
static bool find_taken(size_t printed, size_t *ret)
{
	for (size_t i = printed; i-- > 0;)
		if (is_kind(i, "table_in") && streq(row(i)[TARGET], row(printed)[TARGET]) &&
		    same_case(i, printed)) {
			*ret = i;
			return true;
		}
	return false;
}

/* What a kernel prints is understood, and means what it was given. */
static void printed_lines_mean_what_was_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < lines.nr_rows; i++) {
		struct bp_table *printed, *taken;
		size_t from;

		if (!is_kind(i, "table_out"))
			continue;
		assert_ok(bp_table_parse(ctx, row(i)[TEXT], BP_TABLE_PRINTED, &printed));
		count_of(row(i)[TARGET])->all++;
		if (bp_table_get(printed, 0)->problem && !find_special(no_tables, i))
			fail_msg("%s %s: '%s': %s", row(i)[KERNEL], case_of(i), row(i)[TEXT],
				 bp_table_get(printed, 0)->problem);
		if (!bp_target_get(row(i)[TARGET])) {
			count_of(row(i)[TARGET])->raw++;
		} else if (!bp_table_get(printed, 0)->problem && !find_special(changed, i) &&
			   find_taken(i, &from)) {
			taken = parse_taken(from);
			if (taken) {
				assert_same(taken, printed, i);
				count_of(row(i)[TARGET])->hits++;
				bp_table_free(taken);
			}
		}
		bp_table_free(printed);
	}
	print_counts("lines printed", "of them compared with what was given");
}

/* The three words that begin a status line, and the rest of it. */
static const char *status_of(const char *line)
{
	for (int i = 0; i < 3; i++) {
		line += strcspn(line, " ");
		line += *line == ' ';
	}
	return line;
}

static void check_status(size_t i, const char *line)
{
	const struct bp_target *target = bp_target_get(row(i)[TARGET]);
	struct bp_option_iter *fields;
	struct bp_status *status;
	struct bp_option field;

	assert_ok(bp_status_parse(ctx, row(i)[TARGET], status_of(line), &status));
	if (status->problem || (target && status->extra))
		fail_msg("%s %s: '%s': %s", row(i)[KERNEL], case_of(i), line,
			 status->problem ? status->problem : status->extra);
	if (target && !status->state) {
		assert_ok(bp_status_field_iter_new(target, &fields));
		/* A target with fields has values; one without has an empty line. */
		if (bp_option_next(fields, &field) == 0)
			assert_non_null(status->values);
		else
			assert_string_equal(status->text, "");
		bp_option_iter_free(fields);
	}
	bp_status_free(status);
}

static void status_lines_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < lines.nr_rows; i++) {
		char *text, *rest;

		if (!is_kind(i, "status") || streq(row(i)[TARGET], "core"))
			continue;
		count_of(row(i)[TARGET])->all++;
		if (!bp_target_get(row(i)[TARGET]))
			count_of(row(i)[TARGET])->raw++;
		rest = text = strdup(row(i)[TEXT]);
		assert_non_null(text);
		for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
			check_status(i, line);
		free(text);
	}
	print_counts("status lines", NULL);
}

/* --- targets --- */

/* Whoever adds a target shows that a kernel took it. No disk of the lab encrypts inline. */
static void each_target_was_taken(void **state)
{
	(void)state;
	for (size_t t = 0; t < targets_count; t++) {
		bool any = streq(targets[t]->name, "inlinecrypt");

		for (size_t i = 0; i < lines.nr_rows; i++)
			any |= is_kind(i, "table_in") &&
			       streq(row(i)[TARGET], targets[t]->name);
		if (!any)
			fail_msg("targets.tsv: no kernel took a line of %s", targets[t]->name);
	}
}

/* --- messages --- */

/* Messages that were taken pass; those refused for their form don't. */
static void messages_are_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < lines.nr_rows; i++) {
		const char *note = row(i)[NOTE];
		int r;

		if (!is_kind(i, "message") || !bp_target_get(row(i)[TARGET]))
			continue;
		count_of(row(i)[TARGET])->all++;
		r = bp_message_check(ctx, row(i)[TARGET], row(i)[TEXT], NULL);
		if (strstr(note, "; ok") && r != 0)
			fail_msg("%s %s: '%s': %s", row(i)[KERNEL], case_of(i), row(i)[TEXT],
				 bp_errmsg(ctx));
		count_of(row(i)[TARGET])->hits += r != 0;
	}
	print_counts("messages", "of them refused before the kernel");
}

/* --- refused by a kernel --- */

/* Why a line is left to the kernel: no reading of it could tell. */
enum why { ON_DISK, STATE, BUILT, KEYRING, ABLE, WHYS };

static const char *const whys[WHYS] = {
	[ON_DISK] =
		"what lies on the device decides: metadata, a superblock, their age or damage",
	[STATE] = "what else is there decides: another device's table or state, a daemon",
	[BUILT] = "how the kernel was built decides: its ciphers, hashes, modules and options",
	[KEYRING] = "what the keyring has decides",
	[ABLE] = "what the device can decides: zones, tuples, persistent memory, SCSI",
};

/* By a text of the row's note. */
static const struct left_out {
	const char *text;
	enum why why;
	const char *release; /* NULL: any kernel; else only this one, "6.1." */
} left_out[] = {
	{ "already in use", STATE },
	{ "while pool is suspended", STATE },
	{ "fail mode", STATE },
	{ "Couldn't open thin internal device", ON_DISK },
	{ "Couldn't find pool object", STATE },
	{ "Error creating metadata object", ON_DISK },
	{ "could not resize cache metadata", ON_DISK },
	{ "handover until source is suspended", STATE },
	{ "unknown target type", BUILT },
	{ "Failed to read snapshot metadata", ON_DISK },
	{ "allocating crypto", BUILT },
	{ "changing the data block size", ON_DISK },
	{ "sb_check failed", ON_DISK },
	{ "until repaired", ON_DISK },
	{ "the ones in metadata", ON_DISK },
	{ "does not match superblock", ON_DISK },
	{ "Invalid magic in the superblock", ON_DISK },
	{ "DAX not supported", BUILT },
	{ "DAX", ABLE },
	{ "Failed to start", ON_DISK },
	{ "in the vdo super block", ON_DISK },
	{ "Could not load geometry block", ON_DISK },
	{ "Not enough space to make a VDO", ON_DISK },
	{ "Invalid regular device", ABLE },
	{ "the information in superblock", ON_DISK },
	{ "device is not initialized", ON_DISK },
	{ "Invalid internal hash (", BUILT },
	{ "Cannot initialize hash function", BUILT },
	{ "device without integrity metadata", ABLE },
	{ "ENOKEY", KEYRING },
	{ "keyring payload", KEYRING },
	{ "profile tag size mismatch", ABLE },
	{ "integrity tag in the profile", ABLE },
	{ "log server not found", STATE },
	{ "attaching hardware handler", ABLE },
	{ "inline mode on a device without", ABLE, "6.12." },
	{ "inline mode on a device without", ABLE, "7.2." },
	/* That 6.1 was built without these, though kernels of its age may have them. */
	{ "case=mpath/mp-hst; ", BUILT, "6.1." },
	{ "case=mpath/mp-hst2; ", BUILT, "6.1." },
	{ "case=mpath/mp-ioa; ", BUILT, "6.1." },
	{ "case=verity/ve-fec; ", BUILT, "6.1." },
	{ "case=verity/ve-fec24; ", BUILT, "6.1." },
	{ "case=verity/ve-e-sig; ", BUILT, "6.1." },
};

/* Is the reason one that only the running kernel, or what lies on a device, can know? */
static const struct left_out *find_left_out(size_t i)
{
	for (size_t k = 0; k < ARRAY_SIZE(left_out); k++)
		if (strstr(row(i)[NOTE], left_out[k].text) &&
		    (!left_out[k].release || strncmp(row(i)[KERNEL], left_out[k].release,
						     strlen(left_out[k].release)) == 0))
			return &left_out[k];
	return NULL;
}

/* Is this table refused before the kernel is asked? */
static bool is_caught(size_t i)
{
	struct bp_table_check_opts opts = {
		.size = sizeof(opts),
		.lookup = lookup,
		.user = &i,
		.kernel_release = release_of(i),
		.read_only = (streq(row(i)[TARGET], "verity") &&
			      !strstr(row(i)[NOTE], "read-write device")) ||
			     strstr(row(i)[NOTE], "(-r)"),
	};
	struct bp_table *table = NULL, *live = NULL;
	struct bp_findings *findings;
	bool caught;
	size_t from;

	if (bp_table_parse(ctx, row(i)[TEXT], 0, &table) != 0)
		return true;
	if (strstr(row(i)[NOTE], "reload of a live device") && find_taken(i, &from))
		live = parse_taken(from);
	opts.live = live;
	assert_ok(bp_table_check(ctx, table, &opts, &findings));
	caught = bp_findings_severity(findings) >= BP_SEVERITY_REFUSED;
	bp_findings_free(findings);
	bp_table_free(table);
	bp_table_free(live);
	return caught;
}

struct refused {
	const char *target;
	unsigned all, left_out, caught;
};

struct report {
	struct refused targets[64];
	unsigned whys[WHYS], unknown;
	struct strbuf let_pass;
};

static struct refused *refused_of(struct report *report, const char *target)
{
	struct refused *r = report->targets;

	while (r->target && !streq(r->target, target))
		r++;
	assert_true(r < report->targets + ARRAY_SIZE(report->targets) - 1);
	r->target = target;
	return r;
}

static void count_refused(struct report *report, size_t i)
{
	struct refused *r;
	const struct left_out *why;

	if (!bp_target_get(row(i)[TARGET])) {
		report->unknown++;
		return;
	}
	r = refused_of(report, row(i)[TARGET]);
	r->all++;
	why = find_left_out(i);
	if (why) {
		r->left_out++;
		report->whys[why->why]++;
	} else if (is_caught(i)) {
		r->caught++;
	} else {
		strbuf_addf(&report->let_pass, "- %s: `%s` (%s)\n", row(i)[KERNEL],
			    row(i)[TEXT], row(i)[NOTE]);
	}
}

static void add_targets(const struct report *report, struct strbuf *s)
{
	struct refused sum = { .target = "all" };

	strbuf_add(s, "| target | refused by kernels | left to them | reason in the line | "
		      "caught |\n|---|--:|--:|--:|--:|\n");
	for (const struct refused *r = report->targets; r->target; r++) {
		strbuf_addf(s, "| %s | %u | %u | %u | %u |\n", r->target, r->all, r->left_out,
			    r->all - r->left_out, r->caught);
		sum.all += r->all;
		sum.left_out += r->left_out;
		sum.caught += r->caught;
	}
	strbuf_addf(s, "| **%s** | %u | %u | %u | %u |\n", sum.target, sum.all, sum.left_out,
		    sum.all - sum.left_out, sum.caught);
}

/* docs/targets/REJECTS.md. */
static void write_report(const struct report *report, struct strbuf *s)
{
	strbuf_add(s, "# Refused lines\n\n"
		      "Table lines that Linux 6.1, 6.12 and 7.2 were seen to refuse "
		      "(`tests/data/targets.tsv`), and how many\nof them pre-flight finds "
		      "before the kernel is asked. One line on three kernels counts three "
		      "times.\n`BEDPLATE_TEST_UPDATE=1` makes the test `target_lines` write "
		      "this page, which it otherwise compares.\n\n");
	add_targets(report, s);
	strbuf_addf(s,
		    "\nNot counted: %u lines whose target no kernel has, or that are no "
		    "target's.\n\n## Left to the kernel\n\nThese depend on more than the line, "
		    "the sizes of its devices and the live table. The kernel refuses\nthem; "
		    "its words are attached to the error and explained.\n\n",
		    report->unknown);
	for (size_t k = 0; k < WHYS; k++)
		strbuf_addf(s, "- %u: %s\n", report->whys[k], whys[k]);
	strbuf_addf(s, "\n## Let pass though the line has the reason\n\n%s",
		    report->let_pass.len ? strbuf_text(&report->let_pass) : "None.\n");
}

/* The page is what comes out now; or becomes it. */
static void compare_report(const char *text)
{
	static const char path[] = TEST_DATA "/../../docs/targets/REJECTS.md";
	char *now = calloc(1, strlen(text) + 2);
	FILE *f = fopen(path, getenv("BEDPLATE_TEST_UPDATE") ? "w+" : "r");

	assert_non_null(now);
	if (!f)
		fail_msg("%s: cannot open", path);
	if (getenv("BEDPLATE_TEST_UPDATE")) {
		assert_true(fputs(text, f) >= 0);
		rewind(f);
	}
	(void)!fread(now, 1, strlen(text) + 1, f);
	fclose(f);
	if (!streq(now, text))
		fail_msg("docs/targets/REJECTS.md is not what BEDPLATE_TEST_UPDATE=1 writes");
	free(now);
}

/* What the kernel refused for a reason in the line is refused before, but for very little. */
static void refused_lines_are_caught(void **state)
{
	static struct report report;
	struct strbuf s = { 0 };

	(void)state;
	for (size_t i = 0; i < lines.nr_rows; i++)
		if (is_kind(i, "reject"))
			count_refused(&report, i);
	for (const struct refused *r = report.targets; r->target; r++)
		if (r->caught * 10 < (r->all - r->left_out) * 8)
			fail_msg("%s: only %u of %u refused lines are caught", r->target,
				 r->caught, r->all - r->left_out);
	write_report(&report, &s);
	assert_int_equal(s.error, 0);
	if (getenv("BEDPLATE_TEST_VERBOSE"))
		print_message("%s", strbuf_text(&s));
	compare_report(strbuf_text(&s));
	strbuf_done(&s);
	strbuf_done(&report.let_pass);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_target_was_taken),
		cmocka_unit_test(taken_lines_round_trip),
		cmocka_unit_test(taken_lines_pass_the_check),
		cmocka_unit_test(printed_lines_mean_what_was_taken),
		cmocka_unit_test(status_lines_are_understood),
		cmocka_unit_test(messages_are_known),
		cmocka_unit_test(refused_lines_are_caught),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
