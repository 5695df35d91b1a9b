/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Start a guest, pass on what its command writes, and see how it ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#if __has_include(<sys/pidfd.h>)
#include <sys/pidfd.h>
#endif
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/util.h"
#include "lab/lab.h"

#define CONSOLE_MAX    (1u << 20)
#define KERNEL_LOG_MAX (16u << 20)
#define TAIL_LINES     20
#define POWER_OFF_MS   10000  /* from the command's end to the guest's */
#define INPUT_MS       50     /* how often is looked whether the guest has taken its input */
#define BOOT_MS        180000 /* generous: an emulated machine on a busy one */

/* A running guest, seen from outside. */
struct guest {
	struct lab *lab;
	pid_t pid;
	int pidfd, notify, signals; /* what is waited for */
	int out[2];                 /* the command's output and error output, being written */
	int processor, place;      /* where a user-mode kernel runs, and what holds it; or -1 */
	int64_t started, deadline; /* ms; deadline 0: none */
	bool booted;
	sigset_t old_mask;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool exists(const struct lab *lab, const char *name)
{
	char path[LAB_LONG_PATH];

	snprintf(path, sizeof(path), "%s/%s", lab->dir, name);
	return access(path, F_OK) == 0;
}

/* In the child: nothing of ours but the console, and death with the parent. */
static void __attribute__((noreturn)) become_guest(struct guest *guest, pid_t parent)
{
	const struct lab *lab = guest->lab;
	char path[LAB_LONG_PATH];
	int null, console;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	setpgid(0, 0); /* the terminal's Ctrl-C is for us alone */
	sigprocmask(SIG_SETMASK, &guest->old_mask, NULL);
	snprintf(path, sizeof(path), "%s/console", lab->dir);
	null = open("/dev/null", O_RDONLY);
	console = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (dup2(null, 0) < 0 || dup2(console, 1) < 0 || dup2(console, 2) < 0)
		_exit(127);
	closefrom(3);
	if (lab->opts->kernel == LAB_UML) {
		setenv("TMPDIR", lab->memory, 1);
		snprintf(path, sizeof(path), "%s/" LAB_PRELOAD, lab->dir);
		setenv("LD_PRELOAD", path, 1);
	}
	if (guest->processor >= 0)
		lab_processor_stay(guest->processor);
	execvp(lab->args[0], lab->args);
	dprintf(2, "%s: %s\n", lab->args[0], strerror(errno));
	_exit(127);
}

/* Followed by inotify: the guest writes into files, there is no pipe through its kernel. */
static int open_output(struct guest *guest, const char *name, int *ret)
{
	char path[LAB_LONG_PATH];

	snprintf(path, sizeof(path), "%s/%s", guest->lab->dir, name);
	*ret = open(path, O_RDONLY | O_CLOEXEC);
	if (*ret < 0 || inotify_add_watch(guest->notify, path, IN_MODIFY) < 0)
		return lab_why(guest->lab, "cannot watch %s: %s", path, strerror(errno));
	return 0;
}

/* Watches are set before the guest exists: nothing it does can be missed. */
static int start(struct guest *guest)
{
	struct lab *lab = guest->lab;
	pid_t parent = getpid();
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGQUIT);
	sigprocmask(SIG_BLOCK, &mask, &guest->old_mask);
	guest->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	guest->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (guest->signals < 0 || guest->notify < 0)
		return lab_why(lab, "cannot watch the guest: %s", strerror(errno));
	if (inotify_add_watch(guest->notify, lab->dir, IN_CREATE | IN_CLOSE_WRITE) < 0)
		return lab_why(lab, "cannot watch %s: %s", lab->dir, strerror(errno));
	if (open_output(guest, "out", &guest->out[0]) < 0 ||
	    open_output(guest, "err", &guest->out[1]) < 0)
		return -1;

	if (lab->opts->kernel == LAB_UML)
		guest->processor = lab_processor_hold(&guest->place);
	guest->pid = fork();
	if (guest->pid == 0)
		become_guest(guest, parent);
	if (guest->pid < 0)
		return lab_why(lab, "cannot start the guest: %s", strerror(errno));
	guest->pidfd = pidfd_open(guest->pid, 0);
	if (guest->pidfd < 0)
		return lab_why(lab, "cannot watch the guest: %s", strerror(errno));
	return 0;
}

/* Pass on what is new in both outputs. */
static int drain(struct guest *guest)
{
	const struct lab_opts *opts = guest->lab->opts;
	char buf[65536];
	ssize_t len;
	int r;

	for (int i = 0; i < 2; i++) {
		while ((len = read(guest->out[i], buf, sizeof(buf))) > 0) {
			r = opts->output(opts->user, i + 1, buf, (size_t)len);
			if (r < 0)
				return lab_why(guest->lab, "cannot write %s: %s",
					       i ? "error output" : "output", strerror(-r));
		}
	}
	return 0;
}

/* The guest tells its progress by files: set what is waited for next. */
static void look_at_progress(struct guest *guest)
{
	struct lab *lab = guest->lab;

	if (!guest->booted && exists(lab, "started")) {
		guest->booted = true;
		lab_terminal_take(lab);
		guest->deadline = 0;
		if (lab->opts->timeout_s)
			guest->deadline = guest->started + lab->opts->timeout_s * INT64_C(1000);
	}
}

/* Milliseconds to wait for the next event; -1: no end. Nothing tells that a piece was taken. */
static int time_left(const struct guest *guest, bool input_wanted)
{
	int64_t left = guest->deadline - now_ms();

	if (!input_wanted && !guest->lab->input.ended)
		return INPUT_MS;
	if (!guest->deadline)
		return -1;
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static int take_signal(struct guest *guest)
{
	struct signalfd_siginfo info;

	if (read(guest->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	guest->lab->result->signal = (int)info.ssi_signo;
	return lab_why(guest->lab, "interrupted");
}

static int out_of_time(struct guest *guest, bool done)
{
	const struct lab_opts *opts = guest->lab->opts;

	if (done) /* its command ended: what hangs is only the way down */
		return 1;
	if (!guest->booted &&
	    !(opts->timeout_s && now_ms() - guest->started >= opts->timeout_s * INT64_C(1000)))
		return lab_why(guest->lab, "the guest did not start within %d s",
			       BOOT_MS / 1000);
	guest->lab->result->exit_status = LAB_EXIT_TIMEOUT;
	return lab_why(guest->lab, "time is up: the command was ended after %u s",
		       opts->timeout_s);
}

/* 0: the guest ended by itself. 1: its command ended, it hangs. -1: it must be ended. */
static int watch(struct guest *guest)
{
	struct pollfd fds[] = { { .fd = guest->pidfd, .events = POLLIN },
				{ .fd = guest->notify, .events = POLLIN },
				{ .fd = guest->signals, .events = POLLIN },
				{ .fd = -1, .events = POLLIN } };
	char events[4096];
	bool done = false;
	int r;

	for (;;) {
		bool wanted = lab_input_wanted(guest->lab);

		fds[3].fd = wanted ? STDIN_FILENO : -1;
		fds[3].revents = 0;
		r = poll(fds, 4, time_left(guest, wanted));
		if (r < 0 && errno != EINTR)
			return lab_why(guest->lab, "cannot watch the guest: %s",
				       strerror(errno));
		while (read(guest->notify, events, sizeof(events)) > 0)
			;
		if (drain(guest) < 0)
			return -1;
		if (fds[2].revents && take_signal(guest) < 0)
			return -1;
		if (fds[3].revents && lab_input_take(guest->lab) < 0)
			return -1;
		if (fds[0].revents)
			return 0;
		look_at_progress(guest);
		if (!done && exists(guest->lab, "rc")) {
			done = true;
			guest->deadline = now_ms() + POWER_OFF_MS;
		}
		if (guest->deadline && now_ms() >= guest->deadline)
			return out_of_time(guest, done);
	}
}

/* End what is still there of the guest, and collect it. */
static int stop(struct guest *guest)
{
	int status = 0;

	if (guest->pid <= 0)
		return 0;
	if (waitpid(guest->pid, &status, WNOHANG) == 0) {
		kill(guest->pid, SIGKILL);
		waitpid(guest->pid, &status, 0);
	}
	kill(-guest->pid, SIGKILL); /* processes that it traced */
	return status;
}

/* The mask comes back last. */
static void close_all(struct guest *guest)
{
	const int fds[] = { guest->pidfd,  guest->notify, guest->signals,
			    guest->out[0], guest->out[1], guest->place };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	sigprocmask(SIG_SETMASK, &guest->old_mask, NULL);
}

/* The last lines of a console: enough to see what it died of. */
static char *tail(const char *console)
{
	size_t len = strlen(console), lines = 0;

	while (len && console[len - 1] == '\n')
		len--;
	for (size_t i = len; i > 0; i--) {
		if (console[i - 1] == '\n' && ++lines == TAIL_LINES)
			return strndup(console + i, len - i);
	}
	return len ? strndup(console, len) : NULL;
}

/* Read what the guest left: status and kernel log, or the reasons of its death. */
static void collect(struct lab *lab, int wait_status)
{
	struct lab_result *result = lab->result;
	char *status = lab_file_read(lab, "rc", 16, NULL);
	char *console = lab_file_read(lab, "console", CONSOLE_MAX, NULL);
	const char *said = console ? console : "";

	if (status && !result->why[0])
		result->exit_status = atoi(status);
	else if (!result->why[0] && !lab_kernel_explain(lab, wait_status, said))
		result->console_tail = tail(said);
	result->kernel_log = lab_file_read(lab, "dmesg", KERNEL_LOG_MAX, NULL);
	if (!result->kernel_log)
		result->kernel_log = steal(console);
	free(status);
	free(console);
}

/* The time limit of the boot holds until the command has begun. */
static void boot(struct lab *lab)
{
	struct guest guest = {
		.lab = lab,
		.pidfd = -1,
		.notify = -1,
		.signals = -1,
		.out = { -1, -1 },
		.processor = -1,
		.place = -1,
	};
	int status;

	guest.started = now_ms();
	guest.deadline = guest.started + BOOT_MS;
	if (lab->opts->timeout_s && lab->opts->timeout_s < BOOT_MS / 1000)
		guest.deadline = guest.started + lab->opts->timeout_s * INT64_C(1000);
	sigprocmask(SIG_SETMASK, NULL, &guest.old_mask);
	if (start(&guest) == 0)
		watch(&guest);
	status = stop(&guest);
	lab_terminal_give(lab);
	if (guest.out[1] >= 0)
		drain(&guest);
	collect(lab, status);
	close_all(&guest);
}

/* Always with a result: why it failed, and what to do, stand in it. */
void lab_run(const struct lab_opts *opts, struct lab_result *ret)
{
	struct lab lab = { .opts = opts, .result = ret };
	int64_t started = now_ms();

	memset(ret, 0, sizeof(*ret));
	ret->exit_status = LAB_EXIT_FAILED;
	if (lab_files_make(&lab) == 0 && lab_kernel_prepare(&lab) == 0)
		boot(&lab);
	lab_files_remove(&lab);
	for (size_t i = 0; i < lab.nr_args; i++)
		free(lab.args[i]);
	ret->ms = now_ms() - started;
}

void lab_result_done(struct lab_result *result)
{
	free(result->kernel_log);
	free(result->console_tail);
	result->kernel_log = result->console_tail = NULL;
}
