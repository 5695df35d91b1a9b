/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is around a run: a mount namespace of its own, a watchdog for the case that it is killed,
 * and afterwards everything that has to hold, looked at in the order in which it is written. All is
 * taken down in any case; what failed first is what is told.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/signalfd.h>

#include "core/opts.h"
#include "fault/run.h"

#define RECORD_MOST 8192

/* --- what has to hold --- */

/*
 * A disk after a power cut: what was certain, some of the rest; then the journal's work at
 * the mount.
 */
static int revive(struct run *run)
{
	_cleanup_(freep) char *what = NULL;
	int r = stack_revive(&run->stack, run->result.seed, &what);

	if (r < 0)
		return r;
	r = stack_mount(&run->stack);
	if (r < 0 && run->scenario->mount) {
		run_tell_check(run, run->cut_line, "power-cut: mounted again", false,
			       bp_error_get(run->ctx)->message);
		return 0;
	}
	run_tell_check(run, run->cut_line,
		       run->scenario->mount ? "power-cut: mounted again" : "power-cut", true,
		       what);
	return r;
}

/* Records of the kernel log since the run began. EPIPE: some were lost, read on. */
static bool log_has(struct run *run, const char *text)
{
	char record[RECORD_MOST];
	bool found = false;
	ssize_t n;

	while (run->kernel_log >= 0 &&
	       ((n = read(run->kernel_log, record, sizeof(record) - 1)) > 0 ||
		(n < 0 && errno == EPIPE))) {
		record[MAX(n, (ssize_t)0)] = '\0';
		found |= n > 0 && strstr(record, text);
	}
	return found;
}

/* By the shell, as the line stands. Its status decides. */
static int check_command(struct run *run, const struct expect *e)
{
	const char *argv[] = { "/bin/sh", "-c", e->text, NULL };
	_cleanup_(strbuf_done) struct strbuf output = { 0 };
	char detail[64];
	int status = run_command(argv, &output);

	if (status < 0)
		return bp_fail(run->ctx, status, "check: %s", strerror(-status));
	if (output.len)
		run_output(run, output.text, output.len);
	snprintf(detail, sizeof(detail), "exit status %d", status);
	run_tell_check(run, e->line, e->text, status == 0, status ? detail : "");
	return 0;
}

/* One expectation; what was found instead is its detail. */
static int look(struct run *run, const struct expect *e)
{
	_cleanup_(freep) char *what = NULL;
	char detail[64] = "";
	bool passed = false;
	int n = 0;

	switch (e->kind) {
	case EXPECT_CHECK:
		return check_command(run, e);
	case EXPECT_EXIT:
		n = asprintf(&what, "exit %" PRIu64, e->status);
		passed = run->result.status == (int)e->status;
		if (run->result.status < 0)
			snprintf(detail, sizeof(detail), "the scenario stopped it");
		else
			snprintf(detail, sizeof(detail), "exit %d", run->result.status);
		break;
	case EXPECT_OUTPUT:
		n = asprintf(&what, "output '%s'", e->text);
		passed = strstr(strbuf_text(&run->output), e->text) != NULL;
		break;
	case EXPECT_LOG:
		n = asprintf(&what, "log '%s'", e->text);
		passed = log_has(run, e->text);
		break;
	}
	if (n < 0)
		return bp_fail_memory(run->ctx);
	run_tell_check(run, e->line, what, passed, passed ? "" : detail);
	return 0;
}

/* After a cut only: otherwise nothing could have harmed it. */
static int check_file_system(struct run *run)
{
	_cleanup_(strbuf_done) struct strbuf output = { 0 };
	int r = stack_unmount(&run->stack);

	if (r < 0)
		return r;
	r = stack_fsck(&run->stack, &output);
	if (r >= 0)
		run_tell_check(run, 0, "the file system is clean", r == 0,
			       r ? strbuf_text(&output) : "");
	return 0;
}

/* Without an "exit" of the scenario's own the program has to end with 0. */
int run_checks(struct run *run)
{
	bool exits = false;
	int r = run->cut ? revive(run) : 0;

	for (size_t i = 0; r == 0 && i < run->scenario->expects.count; i++) {
		exits |= run->scenario->expects.items[i].kind == EXPECT_EXIT;
		r = look(run, &run->scenario->expects.items[i]);
	}
	if (r == 0 && !exits && !run->stop)
		r = look(run, &(struct expect){ .kind = EXPECT_EXIT });
	return r < 0 || !run->cut || !run->stack.mounted ? r : check_file_system(run);
}

/* --- where it runs --- */

struct place {
	int mounts, root, directory; /* of the caller */
};

/* A mount namespace of its own: mounts go with it, whatever happens. */
static int place_enter(struct bp_ctx *ctx, struct place *ret)
{
	*ret = (struct place){
		.mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
		.root = open("/", O_PATH | O_CLOEXEC | O_DIRECTORY),
		.directory = open(".", O_PATH | O_CLOEXEC | O_DIRECTORY),
	};
	if (ret->mounts < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		int r = -errno;

		bp_fail(ctx, r, "a scenario can't have mounts of its own: %s", strerror(-r));
		if (r == -EPERM)
			error_set_hint(ctx,
				       "run it as root, or as anybody in the lab: bedplate lab "
				       "run -- bedplate fault run ...");
		return r;
	}
	return 0;
}

/* Who enters a mount namespace stands at its root, which in a chroot is not the caller's. */
static void place_leave(struct place *place)
{
	if (place->mounts >= 0 && setns(place->mounts, CLONE_NEWNS) == 0 && place->root >= 0 &&
	    fchdir(place->root) == 0)
		(void)!chroot(".");
	if (place->directory >= 0)
		(void)!fchdir(place->directory);
	closep(&place->mounts);
	closep(&place->root);
	closep(&place->directory);
}

/* Taken by signalfd: a signal ends the loop in order, with the faults healed. */
static void hold_signals(struct run *run, sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, old);
	run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool run_interrupted(const struct run *run)
{
	struct signalfd_siginfo info;

	return run->signals >= 0 && read(run->signals, &info, sizeof(info)) > 0;
}

/* --- all of it --- */

/* Disk, socket, program; checks when it has ended. */
static int run_scenario(struct run *run)
{
	int r = stack_make(&run->stack);

	if (r == 0)
		r = run_open(run);
	if (r == 0)
		r = run_program(run);
	return r < 0 ? r : run_checks(run);
}

/* The watchdog before what it cleans; the scope's lock is not for it to have. */
static int start_watchdog(struct run *run)
{
	struct bp_devno target = { 0 };
	int r = stack_find(&run->stack);

	if (r < 0)
		return r;
	if (run->scenario->target)
		target = (struct bp_devno){ run->stack.top.major, run->stack.top.minor };
	return watchdog_start(run->ctx, run->stack.scope_name, &target,
			      run->stack.faults.state_dir, &run->watchdog);
}

/* The stack is taken down also where it was only half made. */
static int run_within(struct run *run, int (*what)(struct run *run))
{
	struct error_state *saved = NULL;
	int r = start_watchdog(run);
	int end;

	if (r < 0)
		return r;
	r = what(run);
	if (r < 0)
		saved = error_save(run->ctx);
	end = stack_end(&run->stack);
	if (saved)
		error_restore(run->ctx, saved);
	if (end == 0)
		watchdog_end(&run->watchdog);
	else
		closep(&run->watchdog.fd); /* it goes on where this could not */
	return r < 0 ? r : end;
}

/* Signals, namespace, watchdog, stack: let go of in reverse. */
int run_carry_out(struct run *run, const char *name, const char *command,
		  int (*what)(struct run *run))
{
	struct place place;
	sigset_t old;
	int r;

	control_init(&run->control);
	run->program.output = run->program.pidfd = -1;
	run->stack = (struct stack){
		.ctx = run->ctx,
		.scenario = run->scenario,
		.command = command,
		.faults = {
			.size = sizeof(run->stack.faults),
			.state_dir = run->opts.fault_state_dir,
			.flags = BP_FAULT_NO_KEEPER,
		},
	};
	snprintf(run->stack.scope_name, sizeof(run->stack.scope_name), "%s-%d", name, getpid());
	run->kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (run->kernel_log >= 0)
		lseek(run->kernel_log, 0, SEEK_END);
	hold_signals(run, &old);
	r = place_enter(run->ctx, &place);
	if (r == 0)
		r = run_within(run, what);
	place_leave(&place);
	closep(&run->signals);
	closep(&run->kernel_log);
	run_close(run);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

/* A check that fails is a result; it fails where the scenario could not be run. */
int bp_scenario_run(struct bp_ctx *ctx, const struct bp_scenario *scenario,
		    const struct bp_scenario_opts *opts, struct bp_scenario_result *ret)
{
	struct run run = { .ctx = ctx, .scenario = scenario };
	size_t size = ret->size;
	int r = opts_read(ctx, &run.opts, sizeof(run.opts), opts);

	if (r < 0)
		return r;
	if (!run.opts.argv || !run.opts.argv[0])
		return bp_fail(ctx, -EINVAL, "scenario: no program");
	run.result.seed = run.opts.use_seed ? run.opts.seed : scenario->seed;
	r = run_carry_out(&run, "fault", "fault run", run_scenario);
	if (r == 0) {
		memcpy(ret, &run.result, MIN(size, sizeof(run.result)));
		ret->size = size;
	}
	return r;
}
