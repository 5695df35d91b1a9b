/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "live.h"
#include "params.h"

#include <linux/fs.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#define TEST_SECONDS 30
#define SKIPPED      77

struct bp_ctx *ctx;

static char scratch_path[SCRATCH][32], scratch_dev[SCRATCH][BP_DEV_TEXT];

/* --- scratch devices: loops over sparse files in memory --- */

static void attach(unsigned n, const char *file)
{
	struct stat st;
	char command[160];

	snprintf(command, sizeof(command), "truncate -s %llu '%s' && losetup -f --show '%s'",
		 (unsigned long long)SCRATCH_SECTORS * 512, file, file);
	if (sscanf(shell(command), "%31s", scratch_path[n]) != 1)
		FAIL("no loop device");
	if (stat(scratch_path[n], &st) < 0)
		FAIL("%s: %s", scratch_path[n], strerror(errno));
	snprintf(scratch_dev[n], sizeof(scratch_dev[n]), "%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
}

static void attach_all(void)
{
	char file[32];

	/* Its first use lets the kernel load the module. */
	shell("[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237");
	for (unsigned n = 0; n < SCRATCH; n++) {
		snprintf(file, sizeof(file), "scratch%u", n);
		attach(n, file);
	}
}

/* All zeros again, and no page of it cached. */
static void wipe_all(void)
{
	for (unsigned n = 0; n < SCRATCH; n++) {
		uint64_t range[2] = { 0, (uint64_t)SCRATCH_SECTORS * 512 };
		int fd = open(scratch_path[n], O_RDWR | O_CLOEXEC);

		if (fd < 0 || ioctl(fd, BLKDISCARD, range) < 0)
			FAIL("cannot clear %s: %s", scratch_path[n], strerror(errno));
		close(fd);
	}
}

const char *dev(unsigned n)
{
	return scratch_dev[n];
}

const char *dev_path(unsigned n)
{
	return scratch_path[n];
}

const char *mapped_path(const char *name)
{
	char *path;

	if (asprintf(&path, "/dev/mapper/%s", name) < 0)
		FAIL("no memory");
	return path;
}

const char *mapped_dev(const char *name)
{
	struct bp_selector which = { .name = name };
	struct bp_device_info info;
	char *text;

	OK(bp_device_info(ctx, &which, &info));
	if (asprintf(&text, "%u:%u", info.major, info.minor) < 0)
		FAIL("no memory");
	return text;
}

int try_put(const char *path, uint64_t sector, const char *text)
{
	static _Alignas(4096) char buf[4096];
	int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	memset(buf, 0, sizeof(buf));
	strncpy(buf, text, 511);
	n = pwrite(fd, buf, sizeof(buf), (off_t)(sector * 512));
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

int try_get(const char *path, uint64_t sector)
{
	static _Alignas(4096) char buf[4096];
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pread(fd, buf, sizeof(buf), (off_t)(sector * 512));
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

/* --- what this kernel is --- */

void live_skip(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(SKIPPED);
}

uint32_t live_release(void)
{
	struct utsname name;
	unsigned a, b;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &a, &b) != 2)
		FAIL("no release");
	return a << 8 | b;
}

void need_release(uint32_t release)
{
	if (live_release() < release)
		live_skip("needs Linux %u.%u", release >> 8, release & 0xff);
}

void need_target(const char *target)
{
	struct bp_kernel_target entry;

	if (bp_kernel_target_version(ctx, target, &entry) < 0)
		live_skip("this kernel has no %s", target);
}

/* --- tables --- */

static int look(void *user, const char *word, struct bp_bdev *ret)
{
	return bp_bdev_get(user, word, ret);
}

static struct bp_table *typed_table(const char *target, bp_sector length_sectors,
				    const void *params)
{
	struct bp_table *table;

	OK(bp_table_new(ctx, &table));
	OK(bp_table_add(ctx, table, 0, length_sectors, target, params, params_size(target)));
	return table;
}

static void preflight(const struct bp_table *table, const char *name, bool read_only)
{
	struct bp_selector which = { .name = name };
	struct bp_findings *findings;

	OK(bp_device_check_table(ctx, table, name ? &which : NULL, read_only, &findings));
	for (size_t i = 0; i < bp_findings_count(findings); i++)
		printf("pre-flight: %s\n", bp_findings_get(findings, i)->message);
	CHECK(bp_findings_severity(findings) < BP_SEVERITY_REFUSED);
	bp_findings_free(findings);
}

static const struct bp_segment *read_back(const char *name, struct bp_table **ret)
{
	struct bp_selector which = { .name = name };
	const struct bp_segment *segment;

	OK(bp_device_table(ctx, &which, BP_TABLE_SHOW_KEYS, ret));
	CHECK(bp_table_count(*ret) == 1);
	segment = bp_table_get(*ret, 0);
	printf("%s: %s %s\n", name, segment->target, segment->args);
	if (segment->problem)
		FAIL("table not understood: %s", segment->problem);
	CHECK(segment->params && !segment->extra);
	return segment;
}

static void compare(const char *name, const struct bp_table *loaded)
{
	struct bp_table *printed;
	const struct bp_segment *segment = read_back(name, &printed);
	bool equal;

	OK(bp_table_is_loaded(ctx, printed, loaded, look, ctx, &equal));
	if (!equal) {
		char *text;

		OK(bp_table_format(ctx, loaded, &text));
		FAIL("loaded: %s", text);
	}
	CHECK(segment->length_sectors == bp_table_get(loaded, 0)->length_sectors);
	bp_table_free(printed);
	/* And its status, if there is one. */
	live_status(name);
}

void live_create_flags(const char *name, const char *target, bp_sector length_sectors,
		       const void *params, uint32_t flags)
{
	struct bp_table *table = typed_table(target, length_sectors, params);
	struct bp_create_opts opts = { .size = sizeof(opts), .flags = flags };

	need_target(target);
	preflight(table, NULL, flags & BP_CREATE_READ_ONLY);
	OK(bp_device_create(ctx, name, table, &opts, NULL));
	compare(name, table);
	bp_table_free(table);
}

void live_create(const char *name, const char *target, bp_sector length_sectors,
		 const void *params)
{
	live_create_flags(name, target, length_sectors, params, 0);
}

void live_reload(const char *name, const char *target, bp_sector length_sectors,
		 const void *params)
{
	struct bp_table *table = typed_table(target, length_sectors, params);
	struct bp_selector which = { .name = name };

	need_target(target);
	preflight(table, name, false);
	OK(bp_device_reload(ctx, &which, table, NULL));
	compare(name, table);
	bp_table_free(table);
}

void live_suspend(const char *name)
{
	OK(bp_device_suspend(ctx, &(struct bp_selector){ .name = name }, NULL));
}

void live_resume(const char *name)
{
	OK(bp_device_resume(ctx, &(struct bp_selector){ .name = name }, NULL));
}

void live_remove(const char *name)
{
	remove_named(ctx, name);
}

void live_once(const char *target, bp_sector length_sectors, const void *params)
{
	live_create("once", target, length_sectors, params);
	live_remove("once");
}

/* Not freed, as what it lends is used until this process ends. */
const void *live_params(const char *name)
{
	struct bp_table *table;

	return read_back(name, &table)->params;
}

/* --- status and messages --- */

static const struct bp_status *status_of(const char *name)
{
	struct bp_selector which = { .name = name };
	struct bp_device_status *status;
	const struct bp_status_line *line;
	struct bp_status *parsed;

	OK(bp_device_status(ctx, &which, BP_TABLE_FLUSH, &status));
	CHECK(bp_device_status_count(status) == 1);
	line = bp_device_status_get(status, 0);
	printf("%s: %s: %s\n", name, line->target, line->text);
	OK(bp_status_parse(ctx, line->target, line->text, &parsed));
	if (parsed->problem)
		FAIL("status not understood: %s", parsed->problem);
	CHECK(!parsed->extra);
	bp_device_status_free(status);
	return parsed;
}

const void *live_status(const char *name)
{
	const struct bp_status *status = status_of(name);
	struct bp_option_iter *fields;
	struct bp_option field;
	int r;

	/* A target with status fields has values, unless it is in a one-word state. */
	CHECK(bp_status_field_iter_new(bp_target_get(status->target), &fields) == 0);
	r = bp_option_next(fields, &field);
	CHECK(r >= 0);
	if (r == 0)
		CHECK(status->values || status->state);
	else
		CHECK(status->text[0] == '\0');
	bp_option_iter_free(fields);
	return status->values;
}

const char *live_state(const char *name)
{
	const char *state = status_of(name)->state;

	return state ? state : "";
}

static int send_message(const char *name, const char *message, const void *params,
			char **ret_reply)
{
	struct bp_selector which = { .name = name };
	const char *target;
	char *text;
	int r;

	target = status_of(name)->target;
	OK(bp_message_format(ctx, target, message, params, message_size(target, message),
			     &text));
	r = bp_device_message(ctx, &which, 0, text, 0, ret_reply);
	printf("%s: message %s: %s\n", name, text, r < 0 ? bp_errmsg(ctx) : *ret_reply);
	free(text);
	return r;
}

const char *live_message(const char *name, const char *message, const void *params)
{
	char *reply;

	OK(send_message(name, message, params, &reply));
	return reply;
}

void live_message_refused(const char *name, const char *message, const void *params, int errnum)
{
	char *reply;

	ERR(send_message(name, message, params, &reply), errnum);
}

/* --- refused tables --- */

static void with_scratch(const char *pattern, char *ret, size_t size)
{
	size_t n = 0;

	for (; *pattern; pattern++) {
		if (n + BP_DEV_TEXT >= size)
			FAIL("no room");
		if (pattern[0] == '@' && pattern[1] >= '0' && pattern[1] < '0' + SCRATCH)
			n += (size_t)snprintf(ret + n, size - n, "%s", dev(*++pattern - '0'));
		else
			ret[n++] = *pattern;
	}
	ret[n] = '\0';
}

static void preflight_refuses(const struct bp_table *table, unsigned argument)
{
	struct bp_findings *findings;
	bool named = argument == 0;

	OK(bp_device_check_table(ctx, table, NULL, false, &findings));
	for (size_t i = 0; i < bp_findings_count(findings); i++) {
		const struct bp_finding *f = bp_findings_get(findings, i);

		printf("pre-flight: %s\n", f->message);
		named |= f->severity >= BP_SEVERITY_REFUSED && f->argument == argument;
	}
	CHECK(bp_findings_severity(findings) == BP_SEVERITY_REFUSED);
	if (!named)
		FAIL("pre-flight does not name argument %u", argument);
	bp_findings_free(findings);
}

static uint32_t dm_major(void)
{
	unsigned major;

	if (sscanf(shell("grep ' device-mapper$' /proc/devices"), "%u", &major) != 1)
		FAIL("no device-mapper in /proc/devices");
	return major;
}

/* @index: of the row, for a number of its own: the kernel's lines about another are not mixed in. */
static void refuse(const struct live_reject *reject, unsigned index)
{
	struct bp_create_opts opts = { .size = sizeof(opts), .flags = BP_CREATE_PERSISTENT };

	char text[1024], target[16];
	const struct bp_error *e;
	struct bp_device_list *list;
	struct bp_table *table;

	with_scratch(reject->table, text, sizeof(text));
	if (sscanf(text, "%*s %*s %15s", target) != 1)
		FAIL("no target in '%s'", text);
	need_target(target);
	if (reject->since)
		need_release(reject->since);
	if (reject->to && live_release() > reject->to)
		live_skip("of kernels up to %u.%u", reject->to >> 8, reject->to & 0xff);
	table = table_of(ctx, text);
	opts.major = dm_major();
	opts.minor = 100 + index;
	CHECK(bp_device_create(ctx, "refused", table, &opts, NULL) < 0);
	e = bp_error_get(ctx);
	printf("%s\n", bp_errmsg(ctx));
	HAS(e->kernel_log, reject->log);
	if (e->argument != reject->argument)
		FAIL("the error is on argument %u instead of %u", e->argument,
		     reject->argument);
	OK(bp_device_list(ctx, &list));
	CHECK(bp_device_list_count(list) == 0);
	CHECK(access("/dev/mapper/refused", F_OK) < 0);
	if (!reject->kernel_only)
		preflight_refuses(table, reject->argument);
}

/* --- running --- */

static void show_log(FILE *log)
{
	char line[1024];

	rewind(log);
	while (fgets(line, sizeof(line), log))
		printf("# %s%s", line, strchr(line, '\n') ? "" : "\n");
}

static void last_line(FILE *log, char *ret, size_t size)
{
	char line[1024];

	ret[0] = '\0';
	rewind(log);
	while (fgets(line, sizeof(line), log)) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(ret, size, "%s", line);
	}
}

/* Devices that a test left; removed as well as may be. How many there were. */
static size_t left_behind(void)
{
	struct bp_device_list *list;
	size_t count;

	OK(bp_device_list(ctx, &list));
	count = bp_device_list_count(list);
	for (size_t i = 0; i < count; i++) {
		struct bp_selector which = { .name = bp_device_list_get(list, i)->name };

		printf("# left behind: %s\n", which.name);
		bp_device_wipe_table(ctx, &which, NULL);
	}
	bp_device_list_free(list);
	if (count > 0 && system("dmsetup remove_all --force > /dev/null 2>&1") != 0)
		printf("# some can't be removed\n");
	return count;
}

/* Returns whether it passed (or was skipped). */
static bool run_one(const char *name, const struct live *test, const struct live_reject *reject,
		    unsigned index)
{
	FILE *log = fopen("output", "w+");
	char why[1024];
	int status;
	pid_t pid;

	if (!log)
		FAIL("output: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(TEST_SECONDS);
		dup2(fileno(log), STDOUT_FILENO);
		dup2(fileno(log), STDERR_FILENO);
		setvbuf(stdout, NULL, _IOLBF, 0);
		if (test)
			test->run();
		else
			refuse(reject, index);
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		FAIL("fork: %s", strerror(errno));
	last_line(log, why, sizeof(why));
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		printf("ok - %s # SKIP %s\n", name, why);
		left_behind();
	} else if (left_behind() == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		printf("ok - %s\n", name);
	} else {
		printf("not ok - %s\n", name);
		if (WIFSIGNALED(status))
			printf("# ended by signal %d\n", WTERMSIG(status));
		show_log(log);
		fclose(log);
		return false;
	}
	fclose(log);
	return true;
}

int live_main(const struct live *tests, size_t nr_tests, const struct live_reject *rejects,
	      size_t nr_rejects)
{
	const char *only = getenv("LIVE_ONLY");
	bool passed = true;

	CHECK(bp_ctx_new(&ctx) == 0);
	attach_all();
	for (size_t i = 0; i < nr_tests; i++) {
		if (only && !strstr(tests[i].name, only))
			continue;
		wipe_all();
		passed &= run_one(tests[i].name, &tests[i], NULL, 0);
	}
	wipe_all();
	for (size_t i = 0; i < nr_rejects; i++) {
		char name[256];

		snprintf(name, sizeof(name), "refused: %.200s", rejects[i].table);
		for (char *p = name; *p; p++)
			if (*p == '#' || *p == '\n')
				*p = '/';
		if (!only || strstr(name, only))
			passed &= run_one(name, NULL, &rejects[i], (unsigned)i);
	}
	bp_ctx_free(ctx);
	return !passed;
}
