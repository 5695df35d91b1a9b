/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A run: the stack made, the program started, and then one loop that waits for whatever comes next: a
 * moment of the scenario, the end of a fault, a line on the socket, output, the program's end. What
 * depends on chance comes from the seed; when something happens comes from the clock, and counts of
 * writes are looked at each ten milliseconds.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/opts.h"
#include "dm/scope/state.h"
#include "fault/run.h"

#define POLL_MS     10
#define OUTPUT_MOST ((size_t)16 << 20)
#define OWN_FDS     3

/* Events in order, with the time since the program began. */
static void tell(struct run *run, enum bp_scenario_event_kind kind, unsigned line,
		 const char *what, bool passed, const char *detail)
{
	const struct bp_scenario_event event = {
		.kind = kind,
		.line = line,
		.at_ms = run->started_ms ? clock_ms() - run->started_ms : 0,
		.what = what,
		.passed = passed,
		.detail = detail ? detail : "",
	};

	if (kind == BP_SCENARIO_CHECK) {
		run->result.checks++;
		run->result.failed += !passed;
	}
	if (run->opts.event)
		run->opts.event(run->opts.user, &event);
}

void run_tell_check(struct run *run, unsigned line, const char *what, bool passed,
		    const char *detail)
{
	tell(run, BP_SCENARIO_CHECK, line, what, passed, detail);
}

/* --- actions --- */

/* NULL: there is none. A device that was there before may be named by its mount point. */
static const char *mount_point(const struct run *run)
{
	const char *target = run->scenario->target;
	struct stat st;

	if (run->scenario->mount || !target)
		return run->scenario->mount;
	return stat(target, &st) == 0 && S_ISDIR(st.st_mode) ? target : NULL;
}

/* A relative name is one below the mount point. */
static int file_path(struct run *run, const char *name, char **ret)
{
	const char *mount = mount_point(run);
	int n;

	if (*name != '/' && !mount)
		return bp_fail(run->ctx, -EINVAL, "'%s': '%s' is no mount point it could be in",
			       name, run->scenario->target);
	n = *name == '/' ? asprintf(ret, "%s", name) : asprintf(ret, "%s/%s", mount, name);
	if (n >= 0)
		return 0;
	*ret = NULL;
	return bp_fail_memory(run->ctx);
}

/* Where the file lies now: it may have moved since the last rule. */
static int file_ranges(struct run *run, const struct action *a, struct fault_ranges *ret)
{
	struct bp_devno dev = { run->stack.top.major, run->stack.top.minor };
	_cleanup_(freep) char *path = NULL;

	int r = file_path(run, a->file, &path);

	if (r < 0)
		return r;
	return fault_file_ranges(run->ctx, &dev, path, a->from, a->to ? a->to - a->from : 0,
				 ret);
}

/* From an offset to the device's end: its size is known only now that it is made. */
static int to_the_end(struct run *run, struct bp_fault_range *range)
{
	struct bp_bdev bdev;
	int r = bp_bdev_get(run->ctx, run->stack.top.path, &bdev);

	if (r < 0)
		return r;
	if (bp_bytes_to_sector(bdev.size_bytes) <= range->start_sectors)
		return bp_fail(run->ctx, -ERANGE, "the range lies beyond the device");
	range->length_sectors = bp_bytes_to_sector(bdev.size_bytes) - range->start_sectors;
	return 0;
}

/* None: the whole device. */
static int ranges_of(struct run *run, const struct action *a, struct fault_ranges *ret)
{
	struct bp_fault_range range = { .start_sectors = bp_bytes_to_sector(a->from) };
	struct bp_devno dev = { run->stack.top.major, run->stack.top.minor };
	int r = 0;

	if (a->file)
		return file_ranges(run, a, ret);
	if (a->classes)
		return fault_class_ranges(run->ctx, &dev, a->classes, ret);
	if (!a->has_range)
		return 0;
	if (a->to)
		range.length_sectors = bp_bytes_to_sector(a->to) - range.start_sectors;
	else
		r = to_the_end(run, &range);
	if (r < 0)
		return r;
	return vec_add(ret, &range) < 0 ? bp_fail_memory(run->ctx) : 0;
}

/* The seed is the run's plus the line, so that two rules choose other blocks. */
static int put_fault(struct run *run, const struct rule *rule)
{
	struct bp_devno dev = { run->stack.top.major, run->stack.top.minor };
	struct fault_ranges ranges = { 0 };
	struct bp_fault fault = rule->action.fault;
	struct ending ending = { 0 };
	_cleanup_(freep) char *path = NULL;
	int r = ranges_of(run, &rule->action, &ranges);

	fault.ranges = ranges.items;
	fault.nr_ranges = ranges.count;
	fault.seed = run->result.seed + rule->line;
	fault.whole_file = !rule->action.has_range;
	if (r == 0 && rule->action.file)
		r = file_path(run, rule->action.file, &path);
	fault.file = path;
	if (r == 0)
		r = bp_fault_set(run->ctx, &dev, &fault, &run->stack.faults, &ending.id);
	vec_done(&ranges);
	if (r < 0 || !fault.for_ms)
		return r;
	ending.at_ms = clock_ms() + fault.for_ms;
	return vec_add(&run->endings, &ending) < 0 ? bp_fail_memory(run->ctx) : 0;
}

/* Of a file that has no place, or another one by now. */
static void tell_warnings(struct run *run)
{
	for (size_t i = 0; i < bp_warnings_count(run->ctx); i++)
		tell(run, BP_SCENARIO_DID, 0, "warning", true, bp_warning_get(run->ctx, i));
	bp_warnings_clear(run->ctx);
}

static int heal(struct run *run, uint64_t id)
{
	struct bp_devno dev = { run->stack.top.major, run->stack.top.minor };

	return bp_fault_heal(run->ctx, &dev, id, &run->stack.faults, NULL);
}

static const char *action_name(const struct action *a)
{
	switch (a->kind) {
	case ACTION_FAULT:
		return bp_fault_kind_name(a->fault.kind);
	case ACTION_HEAL:
		return "heal";
	case ACTION_CUT:
		return "power-cut";
	case ACTION_KILL:
		break;
	}
	return "kill";
}

/* A rule that can't be carried out ends the run: it would test something else. */
static int act(struct run *run, const struct rule *rule)
{
	int r = 0;

	switch (rule->action.kind) {
	case ACTION_FAULT:
		r = put_fault(run, rule);
		break;
	case ACTION_HEAL:
		r = heal(run, 0);
		run->endings.count = 0;
		break;
	case ACTION_CUT:
		r = stack_cut(&run->stack);
		run->cut = r == 0;
		run->cut_line = rule->line;
		run->stop = true;
		break;
	case ACTION_KILL:
		run->stop = true;
		break;
	}
	if (r == 0)
		tell(run, BP_SCENARIO_DID, rule->line, action_name(&rule->action), true, NULL);
	else
		error_prefix(run->ctx, "line %u, %s", rule->line, action_name(&rule->action));
	tell_warnings(run);
	return r;
}

/* --- what is due --- */

static uint64_t writes_done(const struct run *run)
{
	char path[96];
	uint64_t writes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/dev/block/%" PRIu32 ":%" PRIu32 "/stat",
		 run->stack.top.major, run->stack.top.minor);
	f = fopen(path, "re");
	/* Reads, merged, sectors, time; then writes. */
	if (f && fscanf(f, "%*u %*u %*u %*u %" SCNu64, &writes) != 1)
		writes = 0;
	if (f)
		fclose(f);
	return writes;
}

/* When a rule is next due, in ms since the start; INT64_MAX: not by the clock, or not again. */
static int64_t due_at(const struct run *run, size_t i)
{
	const struct rule *rule = &run->scenario->rules.items[i];
	uint64_t done = run->done[i];

	if (rule->trigger == TRIGGER_AT)
		return done ? INT64_MAX : (int64_t)rule->amount;
	if (rule->trigger == TRIGGER_EVERY)
		return (int64_t)(rule->amount * (done + 1));
	return INT64_MAX;
}

static bool is_due(const struct run *run, size_t i, int64_t now, uint64_t writes)
{
	const struct rule *rule = &run->scenario->rules.items[i];

	return rule->trigger == TRIGGER_WRITES ? !run->done[i] && writes >= rule->amount
					       : due_at(run, i) <= now;
}

/* Faults with an end of their own. */
static int end_faults(struct run *run)
{
	int64_t now = clock_ms();
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < run->endings.count; i++) {
		if (run->endings.items[i].at_ms > now) {
			run->endings.items[n++] = run->endings.items[i];
		} else if (r == 0) {
			r = heal(run, run->endings.items[i].id);
			if (r == 0)
				tell(run, BP_SCENARIO_DID, 0, "heal", true, NULL);
			tell_warnings(run);
		}
	}
	run->endings.count = n;
	return r;
}

/* Endings first: a rule may put a fault where one just ended. */
static int do_due(struct run *run)
{
	int64_t now = clock_ms() - run->started_ms;
	uint64_t writes = run->counts_writes ? writes_done(run) - run->writes_before : 0;
	int r = end_faults(run);

	for (size_t i = 0; r == 0 && !run->stop && i < run->scenario->rules.count; i++)
		if (is_due(run, i, now, writes)) {
			run->done[i]++;
			r = act(run, &run->scenario->rules.items[i]);
		}
	if (run->scenario->until_ms && now >= (int64_t)run->scenario->until_ms)
		run->stop = true;
	return r;
}

/* In ms; counting writes has no event to wait for, and is polled. */
static int next_wait(const struct run *run)
{
	int64_t next = run->scenario->until_ms ? (int64_t)run->scenario->until_ms : INT64_MAX;
	int64_t now = clock_ms();

	for (size_t i = 0; i < run->scenario->rules.count; i++)
		next = MIN(next, due_at(run, i));
	if (next != INT64_MAX)
		next += run->started_ms;
	for (size_t i = 0; i < run->endings.count; i++)
		next = MIN(next, run->endings.items[i].at_ms);
	next = MIN(next, control_due(&run->control));
	if (run->counts_writes)
		next = MIN(next, now + POLL_MS);
	if (next == INT64_MAX)
		return -1;
	return (int)MIN(MAX(next - now, (int64_t)0), (int64_t)INT32_MAX);
}

/* --- the socket --- */

/* Several rules may have the name. */
static int on_name(void *user, const char *name, const char **ret_answer)
{
	struct run *run = user;
	int r = 0;

	*ret_answer = run->stop ? "the run has ended\n" : "no such name\n";
	for (size_t i = 0; r == 0 && !run->stop && i < run->scenario->rules.count; i++) {
		const struct rule *rule = &run->scenario->rules.items[i];

		if (rule->trigger != TRIGGER_ON || !streq(rule->name, name))
			continue;
		r = act(run, rule);
		*ret_answer = r == 0 ? "ok\n" : "failed\n";
	}
	return r;
}

/* In the scope's directory: who is killed leaves it to what cleans that. */
static int open_socket(struct run *run)
{
	char path[PATH_MAX];

	scope_path(run->stack.scope, SOCKET_FILE, path);
	return control_open(run->ctx, path, &run->control);
}

/* --- the program --- */

/* Kept and passed on; EOF closes it. */
static void take_output(struct run *run)
{
	char buf[4096];
	ssize_t n = read(run->program.output, buf, sizeof(buf));

	if (n <= 0 && !(n < 0 && errno == EINTR)) {
		close(run->program.output);
		run->program.output = -1;
	} else if (n > 0) {
		run_output(run, buf, (size_t)n);
	}
}

void run_output(struct run *run, const char *text, size_t len)
{
	if (run->output.len < OUTPUT_MOST)
		strbuf_add_len(&run->output, text, len);
	if (run->opts.output)
		run->opts.output(run->opts.user, text, len);
}

/* What a program under test may know of its run. */
static int environment(struct run *run)
{
	const char *mount = mount_point(run);
	char seed[32];

	snprintf(seed, sizeof(seed), "%" PRIu64, run->result.seed);
	if (setenv("BEDPLATE_FAULT_SOCKET", run->control.path, 1) < 0 ||
	    setenv("BEDPLATE_FAULT_DEVICE", run->stack.top.path, 1) < 0 ||
	    setenv("BEDPLATE_FAULT_SEED", seed, 1) < 0 ||
	    setenv("BEDPLATE_FAULT_MOUNT", mount ? mount : "", 1) < 0)
		return bp_fail_memory(run->ctx);
	return 0;
}

/* Output is read before anything else, as a full pipe would stop the program. */
static int loop(struct run *run)
{
	bool ended = false;
	int r = 0;

	while (r == 0 && !run->stop && !ended) {
		struct pollfd fds[OWN_FDS + CONTROL_FDS] = {
			{ .fd = run->program.pidfd, .events = POLLIN },
			{ .fd = run->program.output, .events = POLLIN },
			{ .fd = run->signals, .events = POLLIN },
		};
		int n;

		control_poll(&run->control, fds + OWN_FDS);
		n = poll(fds, ARRAY_SIZE(fds), next_wait(run));
		if (n < 0 && errno != EINTR)
			return bp_fail(run->ctx, -errno, "poll: %s", strerror(errno));
		if (run_interrupted(run))
			return bp_fail(run->ctx, -EINTR, "interrupted by a signal");
		if (n > 0 && fds[1].revents)
			take_output(run);
		if (n >= 0)
			r = control_serve(&run->control, fds + OWN_FDS, on_name, run);
		ended = n > 0 && fds[0].revents;
		if (r == 0 && !ended)
			r = do_due(run);
	}
	return r;
}

/* After its end: what is in the pipe still. */
static void drain(struct run *run)
{
	struct pollfd fd = { .fd = run->program.output, .events = POLLIN };

	while (fd.fd >= 0 && poll(&fd, 1, 0) > 0) {
		take_output(run);
		fd.fd = run->program.output;
	}
}

/*
 * What a fault holds back would hold the program's end back too: healed before it is waited
 * for.
 */
int run_program(struct run *run)
{
	int r = environment(run);

	for (size_t i = 0; i < run->scenario->rules.count; i++)
		run->counts_writes |= run->scenario->rules.items[i].trigger == TRIGGER_WRITES;
	run->writes_before = writes_done(run);
	if (r == 0)
		r = program_start(run->ctx, run->opts.argv, &run->program);
	run->started_ms = clock_ms();
	if (r == 0)
		r = loop(run);
	/* What the disk holds back would hold its end back. */
	if ((run->stop || r < 0) && !run->cut) {
		struct error_state *saved = r < 0 ? error_save(run->ctx) : NULL;

		program_kill(&run->program);
		heal(run, 0);
		if (saved)
			error_restore(run->ctx, saved);
	}
	program_kill(&run->program);
	run->result.status = program_wait(&run->program);
	if (run->stop)
		run->result.status = -1;
	run->result.run_ms = clock_ms() - run->started_ms;
	/* A check that says a name would wait for ever. */
	control_close(&run->control);
	unsetenv("BEDPLATE_FAULT_SOCKET");
	drain(run);
	closep(&run->program.output);
	run->program.output = -1;
	return r;
}

int run_open(struct run *run)
{
	run->done = calloc(run->scenario->rules.count + 1, sizeof(*run->done));
	return run->done ? open_socket(run) : bp_fail_memory(run->ctx);
}

void run_close(struct run *run)
{
	control_close(&run->control);
	vec_done(&run->endings);
	strbuf_done(&run->output);
	free(run->done);
}
