/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs that ask: info, status, table, measure, deps, ls, targets, version. What a target prints is
 * passed on as the kernel gave it, byte for byte.
 */
#include "commands/dmsetup/dmsetup.h"

#include <bedplate/bdev.h>

#include <ctype.h>
#include <fcntl.h>
#include <sys/wait.h>

/* --- info --- */

/* As libdevmapper does where sysfs has no value yet: it opens the node, and says why it can't. */
bool read_ahead_of(struct front *f, const struct bp_device_info *info, uint32_t *ret)
{
	const struct bp_selector which = { .major = info->major, .minor = info->minor };
	_cleanup_(closep) int fd = -1;

	if (bp_device_get_read_ahead(f->ctx, &which, ret) == 0)
		return true;
	fd = open(info->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		say(f, "%s: open failed: %s", info->path, strerror(errno));
	return false;
}

/* Line by line what scripts parse: widths and words are the other tool's. */
int info_show(struct front *f, const struct bp_device_info *info)
{
	static const char *const tables[] = { "None", "LIVE", "INACTIVE", "LIVE & INACTIVE" };
	struct strbuf s = { 0 };
	char uuid[BP_UUID_SIZE];
	uint32_t read_ahead;

	strbuf_addf(&s, "Name:              %s\nState:             %s%s%s\n",
		    shown_name(f, info), info->suspended ? "SUSPENDED" : "ACTIVE",
		    info->read_only ? " (READ-ONLY)" : "",
		    info->deferred_remove ? " (DEFERRED REMOVE)" : "");
	if (read_ahead_of(f, info, &read_ahead))
		strbuf_addf(&s, "Read Ahead:        %u\n", read_ahead);
	strbuf_addf(&s,
		    "Tables present:    %s\nOpen count:        %d\n"
		    "Event number:      %u\nMajor, minor:      %u, %u\n"
		    "Number of targets: %u\n",
		    tables[info->live_table + 2 * info->inactive_table], info->open_count,
		    info->event_nr, info->major, info->minor, info->nr_segments);
	if (info->uuid[0])
		strbuf_addf(&s, "UUID: %s\n", shown_uuid(f, info, uuid));
	strbuf_add(&s, "\n");
	put_all(f, &s);
	strbuf_done(&s);
	return 0;
}

/* The number of segments is that of the table that was asked for. */
int info_ask(struct front *f, const struct device *device, struct bp_device_info *ret)
{
	struct bp_device_status *status;
	int r;

	if (!f->args.inactive)
		return bp_device_info(f->ctx, &device->which, ret);
	r = bp_device_table_lines(f->ctx, &device->which, BP_TABLE_INACTIVE, &status);
	if (r < 0)
		return r;
	*ret = *bp_device_status_info(status);
	ret->nr_segments = (uint32_t)bp_device_status_count(status);
	bp_device_status_free(status);
	return 0;
}

int info_of(struct front *f, const struct device *device)
{
	struct bp_device_info info;
	int r = info_ask(f, device, &info);

	return r < 0 ? not_told(f, "info", device, r) : info_show(f, &info);
}

/* -S on another verb: that verb, on this device, where it is selected. */
static int selected_only(struct front *f, const struct device *device,
			 const struct bp_device_info *info)
{
	int r = report_selects(f, info);
	char *words[] = { (char *)(uintptr_t)device->shown, NULL };
	char name[BP_NAME_SIZE];

	if (r <= 0)
		return r;
	if (!device->shown) {
		snprintf(name, sizeof(name), "%s", shown_name(f, info));
		words[0] = name;
	}
	f->many = true;
	return f->verb->run(f, 1, words);
}

/* As text, as a row of a report, or only to learn whether it is selected. */
static int info_one(struct front *f, const struct device *device)
{
	struct bp_device_info info;
	int r;

	if (!f->report)
		return info_of(f, device);
	r = info_ask(f, device, &info);
	if (r < 0)
		return not_told(f, "info", device, r);
	return f->as_info ? selected_only(f, device, &info) : report_add_device(f, &info);
}

int verb_info(struct front *f, int argc, char **argv)
{
	return each_device(f, argc, argv, info_one);
}

/* --- status, table, measure, and ls by target --- */

struct lines_verb {
	const char *ioctl;
	bool table, measure, ls;
};

/* Status without --noflush makes targets write out what they would count. */
static int ask_lines(struct front *f, const struct lines_verb *v, const struct device *device,
		     struct bp_device_status **ret)
{
	uint32_t flags = f->args.inactive ? BP_TABLE_INACTIVE : 0;

	if (v->measure)
		return bp_device_measure(f->ctx, &device->which, ret);
	if (v->table && f->args.showkeys)
		flags |= BP_TABLE_SHOW_KEYS;
	if (v->table)
		return bp_device_table_lines(f->ctx, &device->which, flags, ret);
	if (!f->args.noflush)
		flags |= BP_TABLE_FLUSH | BP_TABLE_NO_LIMIT;
	return bp_device_status(f->ctx, &device->which, flags, ret);
}

/* A comma, semicolon or backslash has a backslash in front where devices are in one line. */
static void add_quoted(struct strbuf *s, const char *text)
{
	for (; *text; text++) {
		if (strchr(",;\\", *text))
			strbuf_add_char(s, '\\');
		strbuf_add_char(s, *text);
	}
}

/* Devices are separated before the second one. */
static void add_concise(struct front *f, const struct bp_device_info *info, struct strbuf *s)
{
	char uuid[BP_UUID_SIZE];

	strbuf_add(s, f->concise_begun ? ";" : "");
	f->concise_begun = true;
	add_quoted(s, shown_name(f, info));
	strbuf_add_char(s, ',');
	add_quoted(s, shown_uuid(f, info, uuid));
	strbuf_addf(s, ",%u,%s", info->minor, info->read_only ? "ro" : "rw");
}

/* What stands in front of a line; @first: of the device. */
static void begin_line(struct front *f, const struct device *device,
		       const struct bp_device_info *info, bool concise, bool first,
		       struct strbuf *s)
{
	if (concise && first)
		add_concise(f, info, s);
	if (concise)
		return;
	if (first && f->args.verbose) {
		put_all(f, s);
		strbuf_clear(s);
		info_show(f, info);
	}
	if (f->many && !f->args.verbose)
		strbuf_addf(s, "%s: ", device->shown ? device->shown : shown_name(f, info));
}

/* NULL: a device without a table has an empty line. */
static void add_line(struct front *f, const struct bp_status_line *line, bool concise,
		     struct strbuf *s)
{
	(void)f;
	if (line) {
		strbuf_add(s, concise ? "," : "");
		strbuf_add_uint(s, line->start_sectors);
		strbuf_add_char(s, ' ');
		strbuf_add_uint(s, line->length_sectors);
		strbuf_addf(s, " %s ", line->target);
		if (concise)
			add_quoted(s, line->text);
		else
			strbuf_add(s, line->text);
	}
	strbuf_add(s, concise ? "" : "\n");
}

static bool wanted(const struct front *f, const struct bp_status_line *line)
{
	return !f->args.target || (line && streq(line->target, f->args.target));
}

/* A device without a table has one line, without anything in it. */
static bool print_lines(struct front *f, const struct lines_verb *v,
			const struct device *device, const struct bp_device_status *status)
{
	const struct bp_device_info *info = bp_device_status_info(status);
	bool concise = v->table && f->args.concise;
	bool quiet = f->args.exec && !f->args.verbose, matched = false;
	size_t count = MAX(bp_device_status_count(status), (size_t)1);
	struct strbuf s = { 0 };

	for (size_t i = 0; i < count; i++) {
		const struct bp_status_line *line = bp_device_status_get(status, i);

		if (!wanted(f, line))
			continue;
		if (v->ls && !quiet)
			strbuf_addf(&s, "%s\t(%u, %u)\n",
				    device->shown ? device->shown : shown_name(f, info),
				    info->major, info->minor);
		if (!v->ls && !quiet) {
			begin_line(f, device, info, concise, !matched, &s);
			add_line(f, line, concise, &s);
		}
		matched = true;
		if (v->ls)
			break;
	}
	if (f->many && f->args.verbose && matched && !v->ls &&
	    (!concise || f->args.verbose > 1))
		strbuf_add(&s, "\n");
	put_all(f, &s);
	strbuf_done(&s);
	return matched;
}

/* --- --exec --- */

#define EXEC_WORDS 256

/* The words of --exec, blanks between them, and the device's path. */
static int run_command(const struct front *f, const char *path)
{
	_cleanup_(freep) char *words = strdup(f->args.exec);
	char *argv[EXEC_WORDS + 2], *save = NULL;
	int n = 0;
	pid_t pid;

	if (!words)
		return say(f, "no memory");
	for (char *w = strtok_r(words, " \t\n\v\f\r", &save); w && n < EXEC_WORDS;
	     w = strtok_r(NULL, " \t\n\v\f\r", &save))
		argv[n++] = w;
	if (!n)
		return -1;
	if (n == EXEC_WORDS)
		return say(f, "Too many args to --exec.");
	argv[n++] = (char *)(uintptr_t)path;
	argv[n] = NULL;
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static int exec_on(struct front *f, const struct device *device,
		   const struct bp_device_info *info)
{
	char path[BP_NODE_SIZE];

	/* Where udev makes nodes this finds one. */
	if (bp_device_mknodes(f->ctx, &device->which) < 0)
		return -1;
	snprintf(path, sizeof(path), "%.*s%s",
		 (int)(strlen(info->path) - strlen(info->kernel_name)), info->path,
		 device->shown && !strchr(device->shown, '/') ? device->shown
							      : shown_name(f, info));
	return run_command(f, path);
}

/* --exec runs on devices whose lines were printed. */
static int lines_one(struct front *f, const struct lines_verb *v, const struct device *device)
{
	struct bp_device_status *status;
	int r = ask_lines(f, v, device, &status);

	if (r < 0)
		return v->table ? refused(f, v->ioctl, device->label, r)
				: not_told(f, v->ioctl, device, r);
	if (print_lines(f, v, device, status) && f->args.exec)
		r = exec_on(f, device, bp_device_status_info(status));
	bp_device_status_free(status);
	return r < 0 ? -1 : 0;
}

static int status_one(struct front *f, const struct device *device)
{
	return lines_one(f, &(struct lines_verb){ .ioctl = "status" }, device);
}

static int table_one(struct front *f, const struct device *device)
{
	return lines_one(f, &(struct lines_verb){ .ioctl = "table", .table = true }, device);
}

static int measure_one(struct front *f, const struct device *device)
{
	return lines_one(f, &(struct lines_verb){ .ioctl = "status", .measure = true }, device);
}

static int ls_one(struct front *f, const struct device *device)
{
	return lines_one(f, &(struct lines_verb){ .ioctl = "status", .ls = true }, device);
}

int verb_status(struct front *f, int argc, char **argv)
{
	return each_device(f, argc, argv, status_one);
}

int verb_table(struct front *f, int argc, char **argv)
{
	return each_device(f, argc, argv, table_one);
}

int verb_measure(struct front *f, int argc, char **argv)
{
	return each_device(f, argc, argv, measure_one);
}

/* --- deps, ls --- */

/* By number or by name, as -o has it. */
static void add_dep(struct front *f, const struct bp_devno *dev, struct strbuf *to)
{
	char name[BP_NAME_SIZE];

	dev_name(f, dev->major, dev->minor, name);
	if (name[0])
		strbuf_addf(to, " (%s)", name);
	else
		strbuf_addf(to, " (%u, %u)", dev->major, dev->minor);
}

/* The tab before the colon is the other tool's. */
static int deps_one(struct front *f, const struct device *device)
{
	_cleanup_(deps_freep) struct bp_device_deps *deps = NULL;
	struct strbuf s = { 0 };
	int r = bp_device_deps(f->ctx, &device->which, f->args.inactive ? BP_TABLE_INACTIVE : 0,
			       &deps);

	if (r < 0)
		return refused(f, "deps", device->label, r);
	if (f->args.verbose)
		info_of(f, device);
	else if (f->many)
		strbuf_addf(&s, "%s: ", device->shown ? device->shown : device->name);
	strbuf_addf(&s, "%zu dependencies\t:", bp_device_deps_count(deps));
	for (size_t i = 0; i < bp_device_deps_count(deps); i++)
		add_dep(f, bp_device_deps_get(deps, i), &s);
	strbuf_add(&s, f->many && f->args.verbose ? "\n\n" : "\n");
	put_all(f, &s);
	strbuf_done(&s);
	return 0;
}

int verb_deps(struct front *f, int argc, char **argv)
{
	return each_device(f, argc, argv, deps_one);
}

static int name_one(struct front *f, const struct device *device)
{
	struct strbuf s = { 0 };
	char name[BP_NAME_SIZE];

	dev_name(f, device->which.major, device->which.minor, name);
	if (name[0])
		strbuf_addf(&s, "%s\t(%s)\n", device->shown, name);
	else
		strbuf_addf(&s, "%s\t(%u:%u)\n", device->shown, device->which.major,
			    device->which.minor);
	put_all(f, &s);
	strbuf_done(&s);
	return 0;
}

int verb_ls(struct front *f, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (f->args.target || f->args.exec)
		return each_device(f, 0, NULL, ls_one);
	if (f->args.tree)
		return tree_show(f);
	f->args.uuid = f->args.major = NULL; /* it lists them all */
	return each_device(f, 0, NULL, name_one);
}

/* --- the kernel --- */

static void print_target(const struct front *f, const struct bp_kernel_target *target)
{
	fprintf(f->out, "%-16s v%u.%u.%u\n", target->name, target->version[0],
		target->version[1], target->version[2]);
}

int verb_targets(struct front *f, int argc, char **argv)
{
	struct bp_kernel_target_list *targets;
	int r = bp_kernel_target_list(f->ctx, &targets);

	(void)argc;
	(void)argv;
	if (r < 0)
		return refused(f, "versions", " ", r);
	for (size_t i = 0; i < bp_kernel_target_list_count(targets); i++)
		print_target(f, bp_kernel_target_list_get(targets, i));
	bp_kernel_target_list_free(targets);
	return 0;
}

int verb_target_version(struct front *f, int argc, char **argv)
{
	struct bp_kernel_target target;
	char label[BP_NAME_SIZE + 1];
	int r = bp_kernel_target_version(f->ctx, argv[0], &target);

	(void)argc;
	snprintf(label, sizeof(label), "%.*s ", BP_NAME_SIZE - 1, argv[0]);
	if (r < 0)
		return refused(f, "target-version", label, r);
	print_target(f, &target);
	return 0;
}

int verb_version(struct front *f, int argc, char **argv)
{
	struct bp_dm_version v;
	int r;

	(void)argc;
	(void)argv;
	fputs("Library version:   " DMSETUP_LEVEL "\n", f->out);
	r = bp_dm_version(f->ctx, &v);
	if (r < 0)
		return refused(f, "version", " ", r);
	fprintf(f->out, "Driver version:    %u.%u.%u\n", v.major, v.minor, v.patch);
	return 0;
}
