/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios, records and timed faults from end to end, on the kernel in memory and a machine that is a directory: what is told
 * and in which order, what is left when it is over. Files lie where the test says; mounts only seem to be. What faults do to a
 * file system that is mounted is for real kernels.
 */
#include "unit.h"

#include "machine/machine.h"

#include <bedplate/bedplate.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/endian.h"
#include "core/strbuf.h"
#include "fake/ops_fake.h"
#include "fault/fault.h"
#include "fault/scenario.h"
#include "lib/image.h"
#include "temp.h"

#define SECTOR 512

static struct bp_ctx *ctx, *keeper; /* as long as the latter lives the kernel does */
static struct fake *kernel;
static char dir[64], mounted[64];

/* Processes of their own have the same kernel as it was when they began. */
int __real_bp_ctx_new(struct bp_ctx **ret);
int __wrap_bp_ctx_new(struct bp_ctx **ret);

int __wrap_bp_ctx_new(struct bp_ctx **ret)
{
	int r = __real_bp_ctx_new(ret);

	return r < 0 || !kernel ? r : fake_share(*ret, kernel);
}

/* --- files behind devices --- */

static int disk_file, log_file;

/* What is larger than any disk here is the log; all else is one disk. */
static int opens(const char *path)
{
	struct bp_bdev bdev;
	int which = disk_file;
	char name[32];

	if (strncmp(path, "/dev/mapper/", 12) != 0) {
		if (bp_bdev_get(keeper, path, &bdev) < 0)
			return -1;
		which = bdev.size_bytes > 64 << 20 ? log_file : disk_file;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", which);
	return open(name, O_RDWR | O_CLOEXEC);
}

static struct fiemap_extent extents[2];
static uint32_t nr_extents;
static int fiemap_fails;

static int lies_there(int fd, unsigned long request, void *arg)
{
	struct fiemap *map = arg;

	(void)fd;
	if (request != FS_IOC_FIEMAP || fiemap_fails)
		return fiemap_fails ?: -ENOTTY;
	map->fm_mapped_extents = nr_extents;
	memcpy(map->fm_extents, extents, sizeof(extents));
	return 0;
}

static void script(const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/bin/%s", name);
	machine_file(path, "#!/bin/sh\n%s\n", text);
	assert_int_equal(chmod(machine_path(path), 0755), 0);
}

static int mounts(const char *what, const char *where)
{
	if (strcmp(what, "mount") == 0 && strcmp(where, "/") != 0 &&
	    strcmp(where, "/proc") != 0)
		snprintf(mounted, sizeof(mounted), "%s", where);
	if (strcmp(what, "umount") == 0)
		mounted[0] = '\0';
	return 0;
}

static int setup(void **state)
{
	char path[4096];

	(void)state;
	unsetenv("DM_DEV_DIR");
	machine_new();
	machine_file("/proc/self/ns/mnt", "%s", "");
	machine_file("/proc/self/ns/pid", "%s", "");
	machine_file("/dev/null", "%s", "");
	machine_file("/run/run/nothing", "%s", "");
	machine_ioctls = lies_there;
	machine_aways = mounts;
	machine_opens = opens;
	script("mkfs.ext4", "echo made > \"${0%/*}/made\"");
	script("mkfs.xfs", "true");
	script("mkfs.bad", "echo 'no room'; echo; echo 'Usage: mkfs.bad'; exit 3");
	script("e2fsck", "exit 0");
	snprintf(path, sizeof(path), "%s:%s", machine_path("/run/bin"), getenv("PATH"));
	setenv("PATH", path, 1);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/bedplate-run.XXXXXX");
	temp_dir(dir);
	setenv("BEDPLATE_STATE_DIR", dir, 1);
	disk_file = memfd_create("disk", MFD_CLOEXEC);
	log_file = memfd_create("log", MFD_CLOEXEC);
	assert_int_equal(ftruncate(disk_file, 64 << 20), 0);
	assert_ok(__real_bp_ctx_new(&keeper));
	assert_ok(fake_new(keeper, &kernel));
	assert_ok(bp_ctx_new(&ctx));
	nr_extents = 1;
	fiemap_fails = 0;
	extents[0] = (struct fiemap_extent){ .fe_physical = 65536,
					     .fe_length = 8192,
					     .fe_flags = FIEMAP_EXTENT_LAST };
	return 0;
}

static int end(void **state)
{
	(void)state;
	bp_ctx_free(ctx);
	bp_ctx_free(keeper);
	kernel = NULL;
	close(disk_file);
	close(log_file);
	temp_remove(dir);
	return 0;
}

/* --- scenarios --- */

static struct strbuf events;

static void on_event(void *user, const struct bp_scenario_event *e)
{
	(void)user;
	strbuf_addf(&events, "%u %s%s %s\n", e->line, e->what,
		    e->kind == BP_SCENARIO_CHECK ? e->passed ? ": ok" : ": not ok" : "",
		    e->detail);
}

static int run(const char *text, const char *program, struct bp_scenario_result *ret)
{
	const char *argv[] = { "/bin/sh", "-c", program, NULL };
	const struct bp_scenario_opts opts = {
		.size = sizeof(opts), .argv = argv, .fault_state_dir = dir, .event = on_event
	};
	struct bp_scenario *s;
	int r;

	ret->size = sizeof(*ret);
	strbuf_clear(&events);
	assert_ok(bp_scenario_parse(ctx, text, &s));
	r = bp_scenario_run(ctx, s, &opts, ret);
	bp_scenario_free(s);
	return r;
}

static void assert_told(const char *what)
{
	if (!strstr(strbuf_text(&events), what))
		fail_msg("'%s' is not in:\n%s", what, strbuf_text(&events));
}

/* Nothing is mounted, mapped or attached any more. */
static void assert_gone(void)
{
	char *state = fake_dump(kernel);

	assert_string_equal(mounted, "");
	assert_int_equal(fake_loops(kernel), 0);
	assert_null(strstr(state, "fault"));
	free(state);
}

static void load_image(const char *name)
{
	struct image image;

	image_load(&image, name);
	assert_int_equal(pwrite(disk_file, image.data, image.size, 0), image.size);
	image_done(&image);
}

/* Its time over, a file, classes, a range to the end, counted writes, a name that the program says. */
static void each_kind_of_rule(void **state)
{
	struct bp_scenario_result result;
	char program[512];

	(void)state;
	load_image("ext4-64");
	machine_file("/run/mnt/data", "on 254:0\n");
	machine_file("/sys/dev/block/254:0/stat", "1 2 3 4 5 6 7\n");
	snprintf(program, sizeof(program),
		 "echo hello; echo '1 2 3 4 95' > %s; sleep 0.3; exit 3",
		 machine_path("/sys/dev/block/254:0/stat"));
	assert_ok(run("device loop 64MiB\n"
		      "fs ext4\n"
		      "mount /run/mnt\n"
		      "at 10ms error file data range 0..4KiB for 30ms\n"
		      "at 20ms slow range 1MiB..\n"
		      "at 30ms error journal\n"
		      "after 50 writes drop range 0..8KiB\n"
		      "every 70ms bad-sectors range 2MiB..3MiB count 2\n"
		      "at 200ms heal\n"
		      "check true\n"
		      "check echo found; exit 2\n"
		      "expect exit 3\n"
		      "expect output hello\n"
		      "expect output goodbye\n"
		      "expect log EXT4-fs\n",
		      program, &result));
	assert_int_equal(result.status, 3);
	assert_int_equal(result.checks, 6);
	assert_int_equal(result.failed, 3);
	assert_told("4 error \n");
	assert_told("5 slow \n");
	assert_told("6 error \n");
	assert_told("7 drop \n");
	assert_told("8 bad-sectors \n");
	assert_told("9 heal \n");
	assert_told("0 heal \n"); /* of line 4, by its time */
	assert_told("10 true: ok \n");
	assert_told("11 echo found; exit 2: not ok exit status 2\n");
	assert_told("12 exit 3: ok \n");
	assert_told("13 output 'hello': ok \n");
	assert_told("14 output 'goodbye': not ok");
	assert_told("15 log 'EXT4-fs': not ok");
	assert_gone();
}

static void stopped_by_a_rule(void **state)
{
	struct bp_scenario_result result;

	(void)state;
	machine_log("4,7,1000,-;EXT4-fs (dm-0): mounted\n");
	assert_ok(run("device loop 1MiB\nat 20ms kill\nexpect log EXT4-fs\nexpect exit 0\n",
		      "sleep 20", &result));
	assert_int_equal(result.status, -1);
	assert_told("2 kill \n");
	assert_told("3 log 'EXT4-fs': ok");
	assert_told("4 exit 0: not ok the scenario stopped it\n");
	assert_ok(run("device loop 1MiB\nuntil 20ms\n", "sleep 20", &result));
	assert_int_equal(result.status, -1);
	assert_int_equal(result.checks, 0);
	assert_gone();
}

/* A rule that can't be carried out ends the run, and says which. */
static const struct {
	const char *rule, *why;
} wrong_rules[] = {
	{ "fs ext4\nmount /run/mnt\nat 1ms error file none\n",
	  "line 4, error: '/run/mnt/none': No such" },
	{ "fs ext4\nmount /run/mnt\nat 1ms error file elsewhere\n",
	  "does not lie on device 254:0" },
	{ "fs ext4\nmount /run/mnt\nat 1ms error file virtual\n",
	  "lies on no single block device" },
	{ "fs ext4\nmount /run/mnt\nat 1ms error file dir\n", "it is no regular file" },
	{ "fs ext4\nmount /run/mnt\nat 1ms error journal\n", "neither ext2" },
	{ "at 1ms error range 2MiB..\n", "line 2, error: the range lies beyond the device" },
	{ "at 1ms error range 0..3MiB\n", "line 2, error" },
};

static void rules_that_fail(void **state)
{
	struct bp_scenario_result result;
	char text[256];

	(void)state;
	machine_file("/run/mnt/elsewhere", "on 8:0\n");
	machine_file("/run/mnt/virtual", "on 0:40\n");
	machine_file("/run/mnt/dir/file", "%s", "");
	for (size_t i = 0; i < ARRAY_SIZE(wrong_rules); i++) {
		snprintf(text, sizeof(text), "device loop 1MiB\n%s", wrong_rules[i].rule);
		assert_true(run(text, "sleep 20", &result) < 0);
		if (!strstr(bp_errmsg(ctx), wrong_rules[i].why))
			fail_msg("'%s' is not in '%s'", wrong_rules[i].why, bp_errmsg(ctx));
		assert_gone();
	}
}

/* Of what is around it: each is told, and nothing stays. */
static int no_mounts(const char *what, const char *where)
{
	return strcmp(what, "mount") == 0 && strcmp(where, "/run/mnt") == 0 ? -ENODEV : 0;
}

static int no_namespace(const char *what, const char *where)
{
	(void)where;
	return strcmp(what, "unshare") == 0 ? -EPERM : 0;
}

static void runs_that_fail(void **state)
{
	struct bp_scenario_result result;

	(void)state;
	assert_err(run("device loop 1MiB\nfs bad\nmount /run/mnt\n", "true", &result), EIO);
	assert_string_equal(bp_errmsg(ctx), "mkfs.bad ended with 3: no room");
	machine_aways = no_mounts;
	assert_err(run("device loop 1MiB\nfs ext4\nmount /run/mnt\n", "true", &result), ENODEV);
	machine_aways = no_namespace;
	assert_err(run("device loop 1MiB\n", "true", &result), EPERM);
	assert_non_null(strstr(bp_error_get(ctx)->hint, "run it as root"));
	machine_aways = mounts;
	assert_err(run("device /dev/none\n", "true", &result), ENOENT);
	assert_gone();
}

/* Who is killed leaves it to the watchdog: the scope's directory goes, and what it kept of faults. */
static void killed_in_the_middle(void **state)
{
	struct bp_scenario_result result;
	char begun[128], scope[128], program[256];
	int status;
	pid_t pid;

	(void)state;
	snprintf(begun, sizeof(begun), "%s/begun", dir);
	snprintf(program, sizeof(program), "touch %s; sleep 20", begun);
	pid = fork();
	if (pid == 0) {
		run("device loop 1MiB\nat 1ms error range 0..4KiB\n", program, &result);
		_exit(1);
	}
	snprintf(scope, sizeof(scope), "%s/scopes/fault-%d", dir, (int)pid);
	for (int i = 0; i < 2000 && access(begun, F_OK) < 0; i++)
		clock_sleep_ms(5);
	assert_int_equal(access(scope, F_OK), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (int i = 0; i < 4000 && access(scope, F_OK) == 0; i++)
		clock_sleep_ms(5);
	assert_true(access(scope, F_OK) < 0);
}

/* A device that was there before: its mount point names it, and files in it. */
static void a_device_that_was_there(void **state)
{
	struct bp_scenario_result result;
	struct bp_device_info info;
	struct bp_table *table;

	(void)state;
	assert_ok(fake_add_bdev(kernel, "/dev/sda", 8, 0, 1 << 20));
	assert_ok(bp_table_parse(ctx, "0 2048 linear /dev/sda 0\n", 0, &table));
	assert_ok(bp_device_create(ctx, "there", table, NULL, &info));
	bp_table_free(table);
	assert_ok(run("device there\nat 1ms error range 0..4KiB\nexpect exit 0\n", "sleep 0.1",
		      &result));
	assert_told("2 error \n");
	assert_err(run("device there\nat 1ms error file relative\n", "sleep 1", &result),
		   EINVAL);
	assert_non_null(strstr(bp_errmsg(ctx), "is no mount point it could be in"));
}

/* --- the power --- */

struct entry_disk {
	le64 sector, nr_sectors, flags, data_len;
};

static void put_sector(off_t *at, const void *bytes, size_t len)
{
	assert_int_equal(pwrite(log_file, bytes, len, *at), len);
	*at += SECTOR;
}

/* A write of a sector, a flush, and a mark. */
static void write_log(const char *last)
{
	const struct {
		le64 magic, version, entries;
		le32 sector;
	} super = { le64_make(UINT64_C(0x6a736677736872)), le64_make(1), le64_make(3),
		    le32_make(SECTOR) };
	const struct entry_disk first = { le64_make(0), le64_make(1), le64_make(0),
					  le64_make(0) };
	const struct entry_disk flush = { le64_make(0), le64_make(0), le64_make(LOG_FLUSH),
					  le64_make(0) };
	const struct entry_disk mark = { le64_make(0), le64_make(0), le64_make(LOG_MARK),
					 le64_make(strlen(last)) };
	unsigned char data[SECTOR];
	off_t at = 0;

	memset(data, 'a', sizeof(data));
	put_sector(&at, &super, 28);
	put_sector(&at, &first, sizeof(first));
	put_sector(&at, data, sizeof(data));
	put_sector(&at, &flush, sizeof(flush));
	assert_int_equal(pwrite(log_file, last, strlen(last), at + (off_t)sizeof(mark)),
			 strlen(last));
	put_sector(&at, &mark, sizeof(mark));
	assert_int_equal(ftruncate(log_file, 128 << 20), 0);
}

static void the_power_goes(void **state)
{
	struct bp_scenario_result result;
	char byte = 0;

	(void)state;
	write_log("end");
	assert_ok(run(
		"device loop 1MiB\nfs ext4\nmount /run/mnt\nat 20ms power-cut\ncheck true\n",
		"sleep 20", &result));
	assert_told("4 power-cut \n");
	assert_told("4 power-cut: mounted again: ok 1 writes durable");
	assert_told("5 true: ok");
	assert_told("0 the file system is clean: ok");
	assert_int_equal(pread(disk_file, &byte, 1, 0), 1);
	assert_int_equal(byte, 'a');
	assert_gone();
	script("e2fsck", "echo damage; exit 4");
	assert_ok(run("device loop 1MiB\nfs ext4\nmount /run/mnt\nat 20ms power-cut\n",
		      "sleep 20", &result));
	assert_told("0 the file system is clean: not ok damage");
	script("e2fsck", "exit 0");
	assert_ok(run("device loop 1MiB\nat 20ms power-cut\n", "sleep 20", &result));
	assert_told("2 power-cut: ok 1 writes durable");
	fake_log_full(kernel, true);
	assert_err(run("device loop 1MiB\nat 20ms power-cut\n", "sleep 20", &result), ENOSPC);
	assert_int_equal(bp_error_get(ctx)->code, BP_E_NO_SPACE);
	assert_gone();
}

static bool cut;

static int only_once(const char *what, const char *where)
{
	int r = cut && strcmp(what, "mount") == 0 ? -EUCLEAN : 0;

	if (strcmp(what, "mount") == 0 && strcmp(where, "/run/mnt") == 0)
		cut = true;
	return r;
}

/* That it can't be mounted any more is a finding, and no failure. */
static void not_mounted_again(void **state)
{
	struct bp_scenario_result result;

	(void)state;
	write_log("end");
	machine_aways = only_once;
	assert_ok(run("device loop 1MiB\nfs xfs\nmount /run/mnt\nat 20ms power-cut\n",
		      "sleep 20", &result));
	machine_aways = mounts;
	assert_told("4 power-cut: mounted again: not ok '/run/mnt': xfs can't be mounted");
}

static void recorded(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "exit 5", NULL };
	struct bp_crash_record_opts opts = { .size = sizeof(opts), .argv = argv, .fs = "none" };
	struct bp_crash_record_result result = { .size = sizeof(result) };
	char path[128];
	struct stat st;

	(void)state;
	write_log("dm-log-writes-end");
	snprintf(path, sizeof(path), "%s/record", dir);
	assert_ok(bp_crash_record(ctx, path, &opts, &result));
	assert_int_equal(result.status, 5);
	assert_int_equal(result.entries, 3);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, result.record_bytes);
	assert_int_equal(result.record_bytes, 5 * SECTOR);
	/* Its device did not end it: it was full. */
	write_log("something else ..");
	assert_err(bp_crash_record(ctx, path, &opts, &result), ENOSPC);
	opts.fs = "ext4";
	opts.mount = "/run/mnt";
	write_log("dm-log-writes-end");
	assert_ok(bp_crash_record(ctx, path, &opts, &result));
	snprintf(path, sizeof(path), "%s/none/record", dir);
	assert_err(bp_crash_record(ctx, path, &opts, &result), ENOENT);
	assert_err(bp_crash_record(ctx, dir, &opts, &result), EINVAL);
	opts.fs = "e/x";
	assert_err(bp_crash_record(ctx, path, &opts, &result), EINVAL);
	opts.fs = NULL;
	opts.mount = "relative";
	assert_err(bp_crash_record(ctx, path, &opts, &result), EINVAL);
	opts.mount = NULL;
	opts.disk_bytes = 1000;
	assert_err(bp_crash_record(ctx, path, &opts, &result), EINVAL);
	assert_gone();
}

static struct bp_crash_result *checked(const struct bp_crash *crash)
{
	const struct bp_crash_check_opts opts = {
		.size = sizeof(opts),
		.fs = "ext4",
		.mount = true,
		.verify = "[ -n \"$BEDPLATE_FAULT_MOUNT\" ] && test ! -e \"${PATH%%:*}/bad\"",
		.fsck = "true",
		.work_dir = dir,
		.jobs = 1,
	};
	struct bp_crash_result *result;

	if (bp_crash_check(crash, &opts, &result) < 0)
		fail_msg("%s", bp_errmsg(ctx));
	return result;
}

/* Each of them is what a state is bad for: the mount, what is looked at there, and the unmount. */
static void states_are_mounted(void **state)
{
	struct bp_crash_result *result;
	struct bp_crash *crash;
	char path[128], link[128];

	(void)state;
	write_log("bedplate:begin,disk=8192,fs=ext4");
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), log_file);
	snprintf(link, sizeof(link), "%s/log", dir);
	assert_int_equal(symlink(path, link), 0);
	script("mount", "exit 0");
	script("umount", "exit 0");
	assert_ok(bp_crash_open(ctx, link, &crash));
	result = checked(crash);
	assert_false(bp_crash_result_verdict(result)->bad);
	bp_crash_result_free(result);
	script("umount", "echo busy; exit 32");
	result = checked(crash);
	assert_true(bp_crash_result_verdict(result)->bad);
	assert_string_equal(bp_crash_result_verdict(result)->what, "mount");
	assert_int_equal(bp_crash_result_verdict(result)->status, 32);
	bp_crash_result_free(result);
	script("umount", "exit 0");
	machine_file("/run/bin/bad", "%s", "");
	result = checked(crash);
	assert_string_equal(bp_crash_result_verdict(result)->what, "verify");
	bp_crash_result_free(result);
	script("mount", "echo 'no ext4'; exit 31");
	result = checked(crash);
	assert_string_equal(bp_crash_result_verdict(result)->what, "mount");
	assert_int_equal(bp_crash_result_verdict(result)->status, 31);
	assert_non_null(strstr(bp_crash_result_verdict(result)->output, "no ext4"));
	bp_crash_result_free(result);
	bp_crash_close(crash);
	machine_gone("/run/bin/bad");
}

/* --- a fault with a time of its own --- */

static bool is_kept(const struct bp_device_info *info)
{
	char path[128];

	fault_state_path(dir, info->major, info->minor, path, sizeof(path));
	return access(path, F_OK) == 0;
}

static void make(const char *name, const char *text, struct bp_device_info *ret)
{
	struct bp_table *table;

	assert_ok(bp_table_parse(ctx, text, 0, &table));
	assert_ok(bp_device_create(ctx, name, table, NULL, ret));
	bp_table_free(table);
}

static int put_in(const struct bp_device_info *info, int64_t for_ms)
{
	const struct bp_fault_opts opts = { .size = sizeof(opts), .state_dir = dir };
	const struct bp_fault fault = { .size = sizeof(fault),
					.kind = BP_FAULT_ERROR,
					.for_ms = for_ms };
	const struct bp_devno dev = { info->major, info->minor };

	return bp_fault_set(ctx, &dev, &fault, &opts, NULL);
}

/* The process that heals it has the kernel as it was when it began: what it lets go of is the file that it was kept in. */
static void healed_in_time(void **state)
{
	struct bp_device_info info;

	(void)state;
	assert_ok(fake_add_bdev(kernel, "/dev/sda", 8, 0, 1 << 20));
	make("timed", "0 2048 linear /dev/sda 0\n", &info);
	assert_ok(put_in(&info, 50));
	assert_true(is_kept(&info));
	for (int i = 0; i < 2000 && is_kept(&info); i++)
		clock_sleep_ms(5);
	assert_false(is_kept(&info));
}

/* Where the fault could not be put in nobody waits for its end. */
static void nothing_to_heal(void **state)
{
	struct bp_device_info info;

	(void)state;
	assert_ok(fake_add_bdev(kernel, "/dev/sda", 8, 0, 1 << 20));
	make("timed", "0 2048 linear /dev/sda 0\n", &info);
	fake_fail(kernel, OP_LOAD, 1, EIO);
	assert_err(put_in(&info, 50), EIO);
	assert_false(is_kept(&info));
}

/* What the machine runs from, or what that lies on, gets no fault. */
static void not_below_the_root(void **state)
{
	struct bp_device_info low, top, other;

	(void)state;
	assert_ok(fake_add_bdev(kernel, "/dev/sda", 8, 0, 1 << 20));
	make("low", "0 2048 linear /dev/sda 0\n", &low);
	make("top", "0 8 linear /dev/mapper/low 0\n", &top);
	make("other", "0 8 zero\n", &other);
	machine_file("/sys/root", "on 254:1\n");
	assert_err(put_in(&top, 0), EBUSY);
	assert_non_null(
		strstr(bp_errmsg(ctx), "device 'top': the root file system lies on it"));
	assert_err(put_in(&low, 0), EBUSY);
	assert_ok(put_in(&other, 0));
	machine_gone("/sys/root");
	assert_ok(put_in(&low, 0));
}

/* --- from a file down to the device --- */

static const struct {
	const char *file;
	int errnum; /* 0: from @start, @length sectors */
	uint64_t start, length;
	const char *why;
} ways[] = {
	{ "on 254:0\n", 0, 128, 16, NULL },
	{ "on 254:1\n", 0, 328, 16, NULL },                     /* linear, from 200 on */
	{ "on 254:2\n", ENOTSUP, 0, 0, "can't be told: zero" }, /* another target */
	{ "on 259:1\n", 0, 1128, 16, NULL },                    /* a partition */
	{ "on 259:2\n", ENOTSUP, 0, 0, "where the partition begins" },
	{ "on 259:3\n", ENOTSUP, 0, 0, "its whole disk is not known" },
	{ "on 7:0\n", 0, 0, 16, NULL }, /* a loop device over a file */
	{ "on 7:1\n", ENOENT, 0, 0, "/run/loops/none" },
	{ "on 7:2\n", ENOTSUP, 0, 0, "where it lies can't be told" },
	{ "on 7:3\n", ENOTSUP, 0, 0, "too many layers" },
	{ "on 8:0\n", EINVAL, 0, 0, "does not lie on device" },
};

static void layers(void)
{
	machine_file("/sys/dev/block/254:1/dm/name", "above\n");
	machine_file("/sys/dev/block/254:2/dm/name", "zero\n");
	machine_file("/sys/block/disk/dev", "254:0\n");
	machine_file("/sys/block/disk/p1/partition", "1\n");
	machine_file("/sys/block/disk/p1/start", "1000\n");
	machine_file("/sys/block/disk/p2/partition", "2\n");
	machine_link("/sys/dev/block/259:1", "../../block/disk/p1");
	machine_link("/sys/dev/block/259:2", "../../block/disk/p2");
	machine_file("/sys/dev/block/259:3/partition", "1\n");
	machine_file("/sys/dev/block/259:3/start", "1\n");
	machine_file("/sys/dev/block/7:0/loop/backing_file", "/run/loops/file\n");
	machine_file("/sys/dev/block/7:0/loop/offset", "0\n");
	machine_file("/run/loops/file", "on 254:0\n");
	machine_file("/sys/dev/block/7:1/loop/backing_file", "/run/loops/none\n");
	machine_file("/sys/dev/block/7:2/loop/backing_file", "/run/loops/virtual\n");
	machine_file("/run/loops/virtual", "on 0:9\n");
	machine_file("/sys/dev/block/7:3/loop/backing_file", "/run/loops/itself\n");
	machine_file("/run/loops/itself", "on 7:3\n");
}

static void down_to_the_device(void **state)
{
	struct bp_fault_range_list *list;
	const struct bp_devno dev = { 254, 0 };
	struct bp_device_info info;

	(void)state;
	layers();
	extents[0].fe_logical = 0;
	assert_ok(fake_add_bdev(kernel, "/dev/sda", 8, 0, 8 << 20));
	make("disk", "0 4096 linear /dev/sda 0\n", &info);
	make("above", "0 1000 linear /dev/mapper/disk 200\n1000 8 zero\n", &info);
	make("zero", "0 2048 zero\n", &info);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		int r;

		machine_file("/run/file", "%s", ways[i].file);
		/* A loop device's file lies where that file lies, from its own offset on. */
		extents[0].fe_physical = strncmp(ways[i].file, "on 7:", 5) == 0 ? 0 : 65536;
		r = bp_fault_file_ranges(ctx, &dev, "/run/file", 0, 0, &list);
		if (ways[i].errnum) {
			assert_err(r, ways[i].errnum);
			if (!strstr(bp_errmsg(ctx), ways[i].why))
				fail_msg("'%s' is not in '%s'", ways[i].why, bp_errmsg(ctx));
			continue;
		}
		assert_ok(r);
		assert_int_equal(bp_fault_range_list_count(list), 1);
		assert_int_equal(bp_fault_range_list_get(list, 0)->start_sectors,
				 ways[i].start);
		assert_int_equal(bp_fault_range_list_get(list, 0)->length_sectors,
				 ways[i].length);
		assert_null(bp_fault_range_list_get(list, 1));
		bp_fault_range_list_free(list);
	}
}

/* Inline data, delayed blocks, shared ones; file systems that do not tell. */
static void parts_without_a_place(void **state)
{
	struct bp_fault_range_list *list;
	const struct bp_devno dev = { 254, 0 };

	(void)state;
	make("disk", "0 4096 zero\n", &(struct bp_device_info){ 0 });
	machine_file("/run/file", "on 254:0\n");
	extents[0].fe_flags = FIEMAP_EXTENT_SHARED;
	extents[1] = (struct fiemap_extent){ .fe_logical = 8192,
					     .fe_length = 10,
					     .fe_flags = FIEMAP_EXTENT_DATA_INLINE |
							 FIEMAP_EXTENT_LAST };
	nr_extents = 2;
	bp_warnings_clear(ctx);
	assert_ok(bp_fault_file_ranges(ctx, &dev, "/run/file", 0, 0, &list));
	assert_int_equal(bp_fault_range_list_count(list), 1);
	bp_fault_range_list_free(list);
	assert_int_equal(bp_warnings_count(ctx), 2);
	extents[0] = extents[1];
	nr_extents = 1;
	assert_err(bp_fault_file_ranges(ctx, &dev, "/run/file", 0, 0, &list), ENODATA);
	fiemap_fails = -EOPNOTSUPP;
	assert_err(bp_fault_file_ranges(ctx, &dev, "/run/file", 0, 0, &list), ENOTSUP);
	fiemap_fails = -EIO;
	assert_err(bp_fault_file_ranges(ctx, &dev, "/run/file", 0, 0, &list), EIO);
}

/* Where a device holds its I/O back another process asks first. */
static void asked_by_another(void **state)
{
	struct bp_fault_range_list *list;
	const struct bp_devno dev = { 254, 0 };

	(void)state;
	assert_ok(fake_add_bdev(kernel, "/dev/sda", 8, 0, 64 << 20));
	make("held", "0 131072 delay /dev/sda 0 5000\n", &(struct bp_device_info){ 0 });
	machine_file("/run/file", "on 254:0\n");
	extents[0].fe_physical = 0;
	assert_ok(bp_fault_file_ranges(ctx, &dev, "/run/file", 0, 0, &list));
	bp_fault_range_list_free(list);
	load_image("ext4-64");
	assert_ok(bp_fault_class_ranges(ctx, &dev, BP_FAULT_JOURNAL, &list));
	bp_fault_range_list_free(list);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_kind_of_rule),  T(stopped_by_a_rule),       T(rules_that_fail),
		T(runs_that_fail),     T(a_device_that_was_there), T(killed_in_the_middle),
		T(the_power_goes),     T(not_mounted_again),       T(recorded),
		T(states_are_mounted), T(healed_in_time),          T(nothing_to_heal),
		T(not_below_the_root), T(down_to_the_device),      T(parts_without_a_place),
		T(asked_by_another),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
