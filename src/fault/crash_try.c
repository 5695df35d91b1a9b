/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands on an image, each in a process of its own that ends with ours, in a mount namespace of
 * its own where something is mounted. Several go on beside each other, each with its own image; a
 * try that has ended leaves nothing but its outcome.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fault/crash.h"

#define OUTPUT_MOST ((off_t)16384)
#define JOBS_MOST   8

/* --- in the child --- */

static int set_number(const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return setenv(name, text, 1);
}

static int environment(const struct crash_bench *bench, const struct crash_try *try,
		       size_t told, const char *point)
{
	if (setenv("BEDPLATE_CRASH_IMAGE", try->path, 1) < 0 ||
	    setenv("BEDPLATE_CRASH_MARK", crash_mark_before(bench->crash, told), 1) < 0 ||
	    setenv("BEDPLATE_FAULT_MOUNT", bench->opts.mount ? point : "", 1) < 0 ||
	    set_number("BEDPLATE_CRASH_ENTRIES", told) < 0)
		return -errno;
	return 0;
}

/*
 * What it printed goes to the try's own file in memory: a child can't hand a string back, and its
 * output may be longer than a pipe holds. That it can't be kept changes no outcome.
 */
static int run(const struct crash_try *try, const char *const *argv)
{
	_cleanup_(strbuf_done) struct strbuf output = { 0 };
	int r = run_command(argv, &output);

	if (output.len)
		(void)!write(try->output, output.text, output.len);
	return r;
}

/* 0: it is good, or there is no such command. */
static int run_shell(const struct crash_try *try, enum crash_stage stage, const char *command,
		     const char *end)
{
	_cleanup_(freep) char *text = NULL;
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	int r;

	if (!command)
		return 0;
	if (asprintf(&text, "%s%s", command, end) < 0)
		return -ENOMEM;
	argv[2] = text;
	r = run(try, argv);
	if (r > 0)
		*try->outcome = (struct crash_outcome){ stage, r };
	return r;
}

/*
 * In a mount namespace of its own: nobody else sees the mount, and the kernel takes it down when
 * the last process in there has ended, however it ends. Private, since a shared root would pass it
 * on.
 */
static int mount_image(const struct crash_bench *bench, const struct crash_try *try,
		       const char *point)
{
	const char *argv[] = { "mount",        "-o",      "loop", "-t",
			       bench->opts.fs, try->path, point,  NULL };
	int r;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	r = run(try, argv);
	if (r > 0)
		*try->outcome = (struct crash_outcome){ STAGE_MOUNT, r };
	return r;
}

/* An unmount that fails is the file system's fault as well: it was told as "mounted" till then. */
static int verify_mounted(const struct crash_bench *bench, const struct crash_try *try,
			  const char *point)
{
	const char *argv[] = { "umount", point, NULL };
	int r = mount_image(bench, try, point), end;

	if (r)
		return r;
	r = run_shell(try, STAGE_VERIFY, bench->opts.verify, "");
	end = run(try, argv);
	if (r == 0 && end > 0)
		*try->outcome = (struct crash_outcome){ STAGE_MOUNT, end };
	return r ? r : end;
}

/*
 * With a mount the journal is replayed first, as after a real crash; fsck then sees what a running
 * system would have. Without one, fsck comes first, since @verify may read the image itself.
 */
static int all(const struct crash_bench *bench, const struct crash_try *try, size_t told)
{
	static const char image[] = " \"$BEDPLATE_CRASH_IMAGE\"";
	_cleanup_(freep) char *point = NULL;
	int r;

	if (asprintf(&point, "%s/mount", bench->dir) < 0)
		return -ENOMEM;
	r = environment(bench, try, told, point);
	if (r < 0)
		return r;
	if (bench->opts.mount) {
		r = verify_mounted(bench, try, point);
		return r ? r : run_shell(try, STAGE_FSCK, bench->opts.fsck, image);
	}
	r = run_shell(try, STAGE_FSCK, bench->opts.fsck, image);
	return r ? r : run_shell(try, STAGE_VERIFY, bench->opts.verify, "");
}

/* Dies with its parent: checks must not outlive who asked for them. */
static _Noreturn void child(const struct crash_bench *bench, const struct crash_try *try,
			    size_t told, pid_t parent)
{
	int r;

	process_end_with(parent);
	r = all(bench, try, told);
	if (r < 0)
		*try->outcome = (struct crash_outcome){ STAGE_OWN, r };
	_exit(0);
}

/* --- in ours --- */

/*
 * The outcome lies in memory shared with the child, and is good until the child says otherwise;
 * that it was killed before it could is seen from its status.
 */
int crash_try_start(struct crash_bench *bench, struct crash_try *try,
		    const struct crash_state *state, size_t told)
{
	const pid_t self = getpid();
	int r = crash_image_make(bench->crash, &bench->base, state, try->image);

	if (r < 0)
		return r;
	if (ftruncate(try->output, 0) < 0 || lseek(try->output, 0, SEEK_SET) < 0)
		return bp_fail(bench->crash->ctx, -errno, "output: %s", strerror(errno));
	*try->outcome = (struct crash_outcome){ STAGE_GOOD, 0 };
	try->pid = fork();
	if (try->pid == 0)
		child(bench, try, told, self);
	if (try->pid < 0) {
		r = -errno;
		try->pid = 0;
		return bp_fail(bench->crash->ctx, r, "no process for a check: %s",
			       strerror(-r));
	}
	return 0;
}

/* The first OUTPUT_MOST bytes. */
static int read_output(const struct bp_crash *crash, const struct crash_try *try, char **ret)
{
	off_t end = lseek(try->output, 0, SEEK_END);
	size_t len = (size_t)MIN(MAX(end, (off_t)0), OUTPUT_MOST);
	char *text = calloc(1, len + 1);
	ssize_t n;

	if (!text)
		return bp_fail_memory(crash->ctx);
	n = pread(try->output, text, len, 0);
	text[MAX(n, (ssize_t)0)] = '\0';
	*ret = text;
	return 0;
}

/* A check that can't be run is a failure; one that says "bad" is a result. */
int crash_try_end(struct crash_bench *bench, struct crash_try *try, struct crash_outcome *ret,
		  char **ret_output)
{
	struct bp_ctx *ctx = bench->crash->ctx;
	int status = 0;

	while (waitpid(try->pid, &status, 0) < 0 && errno == EINTR)
		;
	try->pid = 0;
	if (WIFSIGNALED(status))
		return bp_fail(ctx, -EIO, "a check was killed by signal %d", WTERMSIG(status));
	*ret = *try->outcome;
	if (ret->stage == STAGE_OWN) {
		bp_fail(ctx, ret->status, "a check can't be run: %s", strerror(-ret->status));
		if (ret->status == -EPERM)
			error_set_hint(ctx,
				       "to mount an image needs root: leave it out, or run it "
				       "in the lab: bedplate lab run");
		return ret->status;
	}
	return ret_output ? read_output(bench->crash, try, ret_output) : 0;
}

/* One state, waited for. */
int crash_try(struct crash_bench *bench, const struct crash_state *state, size_t told,
	      bool *ret_good)
{
	struct crash_outcome outcome = { STAGE_OWN, 0 };
	int r = crash_try_start(bench, &bench->tries[0], state, told);

	if (r == 0)
		r = crash_try_end(bench, &bench->tries[0], &outcome, NULL);
	*ret_good = outcome.stage == STAGE_GOOD;
	return r;
}

/* --- the bench --- */

/* In TMPDIR; images are as large as the disk, but sparse. */
static int make_dir(struct crash_bench *bench)
{
	const char *where = bench->opts.work_dir;
	_cleanup_(freep) char *point = NULL;

	if (!where)
		where = getenv("TMPDIR");
	if (!where || !*where)
		where = "/tmp";
	if (snprintf(bench->dir, sizeof(bench->dir), "%s/bedplate-crash.XXXXXX", where) >=
	    (int)sizeof(bench->dir)) {
		bench->dir[0] = '\0';
		return bp_fail(bench->crash->ctx, -ENAMETOOLONG, "'%s': too long", where);
	}
	if (!mkdtemp(bench->dir)) {
		bench->dir[0] = '\0';
		return bp_fail(bench->crash->ctx, -errno, "'%s': %s", where, strerror(errno));
	}
	if (asprintf(&point, "%s/mount", bench->dir) < 0)
		return bp_fail_memory(bench->crash->ctx);
	if (bench->opts.mount && mkdir(point, 0755) < 0)
		return bp_fail(bench->crash->ctx, -errno, "'%s': %s", point, strerror(errno));
	return 0;
}

#define PATH_FORMAT "%s/image%u"

/* All that can be in there. */
static void remove_dir(const void *user)
{
	/*
	 * Called by the watchdog too, in a process that has only a copy of our memory: it goes by
	 * names that are known beforehand, not by what has been opened since.
	 */
	const struct crash_bench *bench = user;
	char path[sizeof(bench->dir) + 16];

	for (unsigned i = 0; i < JOBS_MOST; i++) {
		snprintf(path, sizeof(path), PATH_FORMAT, bench->dir, i);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/base", bench->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/mount", bench->dir);
	rmdir(path);
	rmdir(bench->dir);
}

/* The outcome is in shared memory, as an exit status has too few bits. */
static int make_try(struct crash_bench *bench, unsigned number, struct crash_try *ret)
{
	struct bp_ctx *ctx = bench->crash->ctx;
	void *shared = mmap(NULL, sizeof(*ret->outcome), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*ret = (struct crash_try){ .image = -1, .output = -1 };
	if (shared == MAP_FAILED)
		return bp_fail_memory(ctx);
	ret->outcome = shared;
	snprintf(ret->path, sizeof(ret->path), PATH_FORMAT, bench->dir, number);
	ret->image = open(ret->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ret->output = memfd_create("output", MFD_CLOEXEC);
	if (ret->image < 0 || ret->output < 0)
		return bp_fail(ctx, -errno, "'%s': %s", ret->path, strerror(errno));
	return 0;
}

static unsigned jobs_of(const struct bp_crash_check_opts *opts)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned jobs = opts->jobs ? opts->jobs : (unsigned)MAX(processors, 1L);

	return MIN(jobs, (unsigned)JOBS_MOST);
}

/* A watchdog removes the directory where we are killed. */
int crash_bench_open(const struct bp_crash *crash, const struct bp_crash_check_opts *opts,
		     struct crash_bench *ret)
{
	unsigned jobs = jobs_of(opts);
	int r;

	*ret = (struct crash_bench){
		.crash = crash,
		.opts = *opts,
		.base = { .fd = -1 },
		.watchdog = { .fd = -1 },
	};
	if (!ret->opts.fs)
		ret->opts.fs = crash->info.fs[0] ? crash->info.fs : "auto";
	ret->tries = calloc(jobs, sizeof(*ret->tries));
	r = ret->tries ? make_dir(ret) : bp_fail_memory(crash->ctx);
	if (r == 0)
		r = watchdog_fork(crash->ctx, remove_dir, ret, &ret->watchdog);
	for (; r == 0 && ret->nr_tries < jobs; ret->nr_tries++)
		r = make_try(ret, ret->nr_tries, &ret->tries[ret->nr_tries]);
	if (r == 0)
		r = crash_base_open(crash, ret->dir, &ret->base);
	if (r < 0)
		crash_bench_close(ret);
	return r;
}

/* Killed first, then its image. */
static void end_try(struct crash_try *try)
{
	if (try->pid) {
		kill(try->pid, SIGKILL);
		while (waitpid(try->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (try->image >= 0)
		unlink(try->path);
	closep(&try->image);
	closep(&try->output);
	if (try->outcome)
		munmap(try->outcome, sizeof(*try->outcome));
}

/* The watchdog goes last: until then it would clean up for us. */
void crash_bench_close(struct crash_bench *bench)
{
	for (unsigned i = 0; i < bench->nr_tries; i++)
		end_try(&bench->tries[i]);
	free(bench->tries);
	bench->tries = NULL;
	bench->nr_tries = 0;
	crash_base_close(&bench->base);
	if (bench->dir[0])
		remove_dir(bench);
	watchdog_end(&bench->watchdog);
}
