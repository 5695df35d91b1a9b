/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * With a real udev: it makes the nodes, answers cookies; and when it hangs or is dead, nothing
 * hangs with it. Needs package udev; UDEVADM names its program where it is not installed.
 */
#include "kernel.h"

#include <signal.h>
#include <time.h>

static pid_t udevd;

/* The daemon is the program udevadm by another name. In the foreground, it is our child. */
static int start_udevd(void)
{
	const char *program = getenv("UDEVADM");
	char ping[512];

	if (!program)
		program = access("/usr/bin/udevadm", X_OK) == 0 ? "/usr/bin/udevadm"
								: "/bin/udevadm";
	if (access(program, X_OK) < 0)
		return -1;
	mkdir("/run/udev", 0755);
	udevd = fork();
	if (udevd == 0) {
		setpgid(0, 0); /* its workers die with it: they hold its socket too */
		execl(program, "systemd-udevd", (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 100 && access("/run/udev/control", F_OK) < 0; i++)
		usleep(20000);
	/* Its socket is there before it hears the kernel: an event in between is lost. */
	snprintf(ping, sizeof(ping), "%s control --ping --timeout=60", program);
	CHECK(system(ping) == 0);
	return 0;
}

static void stop_udevd(void)
{
	if (udevd > 0) {
		kill(-udevd, SIGKILL);
		waitpid(udevd, NULL, 0);
	}
	if (system("rm -rf /run/udev") != 0)
		perror("rm");
}

static int is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static size_t cookies(struct bp_ctx *ctx)
{
	struct bp_cookie_list *list;
	size_t count;

	OK(bp_cookie_list(ctx, &list));
	count = bp_cookie_list_count(list);
	bp_cookie_list_free(list);
	return count;
}

static void answers(struct bp_ctx *ctx)
{
	struct bp_selector which = { .name = "u v" };
	struct bp_udev_state state;
	struct bp_device_info info;

	OK(bp_udev_probe(ctx, &state));
	if (!state.runs)
		FAIL("udev does not run: %s", state.why);
	OK(create_from(ctx, "u v", "0 8 zero\n", &info));
	CHECK(is_link(info.path));
	OK(bp_device_rename(ctx, &which, "other", NULL));
	CHECK(is_link("/dev/mapper/other") && access(info.path, F_OK) < 0);
	remove_named(ctx, "other");
	CHECK(access("/dev/mapper/other", F_OK) < 0);
	CHECK(cookies(ctx) == 0 && bp_warnings_count(ctx) == 0);
}

/* It hangs: the limit holds, the node is there all the same, the cookie is gone. */
static void hangs(struct bp_ctx *ctx)
{
	struct bp_create_opts opts = { .size = sizeof(opts), .timeout_ms = 700 };
	struct bp_table *table = table_of(ctx, "0 8 zero\n");
	struct timespec begin, end;
	struct bp_device_info info;

	kill(udevd, SIGSTOP);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	OK(bp_device_create(ctx, "slow", table, &opts, &info));
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(end.tv_sec - begin.tv_sec <= 3);
	CHECK(access(info.path, F_OK) == 0 && cookies(ctx) == 0);
	CHECK(bp_warnings_count(ctx) == 1);
	HAS(bp_warning_get(ctx, 0), "udev did not answer");
	/* From then on it is not waited for any more. */
	OK(bp_device_create(ctx, "next", table, &opts, &info));
	CHECK(bp_warnings_count(ctx) == 1 && access(info.path, F_OK) == 0);
	kill(udevd, SIGCONT);
	remove_named(ctx, "slow");
	remove_named(ctx, "next");
	bp_table_free(table);
}

/* It is dead, and its socket is still there. */
static void dead(struct bp_ctx *ctx)
{
	struct bp_udev_state state;
	struct bp_device_info info;

	kill(-udevd, SIGKILL);
	waitpid(udevd, NULL, 0);
	udevd = 0;
	usleep(200000);
	CHECK(access("/run/udev/control", F_OK) == 0);
	OK(bp_udev_probe(ctx, &state));
	CHECK(!state.runs);
	HAS(state.why, "nobody listens");
	OK(create_from(ctx, "dead", "0 8 zero\n", &info));
	CHECK(access(info.path, F_OK) == 0);
	remove_named(ctx, "dead");
}

static void cookies_by_hand(struct bp_ctx *ctx)
{
	struct bp_cookie_list *list;
	uint32_t value;
	size_t count;
	char *flags;

	OK(bp_cookie_create(ctx, &value));
	OK(bp_cookie_list(ctx, &list));
	CHECK(bp_cookie_list_count(list) == 1);
	CHECK(bp_cookie_list_get(list, 0)->value == value);
	CHECK(bp_cookie_list_get(list, 0)->count == 1);
	bp_cookie_list_free(list);
	OK(bp_cookie_release(ctx, value, 1000));
	ERR(bp_cookie_complete(ctx, value), ENOENT);
	ERR(bp_cookie_complete(ctx, 0x12345678), EINVAL);
	OK(bp_cookie_create(ctx, &value));
	OK(bp_cookie_destroy_old(ctx, 3600, &count));
	CHECK(count == 0);
	OK(bp_cookie_destroy_old(ctx, 0, &count));
	CHECK(count == 1 && cookies(ctx) == 0);
	OK(bp_udev_flags_text(ctx, 0x0161d123, &flags));
	CHECK(strcmp(flags, "DISABLE_DM_RULES DISABLE_LIBRARY_FALLBACK PRIMARY_SOURCE "
			    "SUBSYSTEM_FLAG0") == 0);
	free(flags);
}

int main(void)
{
	struct bp_ctx *ctx;

	unsetenv("DM_DISABLE_UDEV");
	if (start_udevd() < 0) {
		puts("package udev is not installed");
		return 77;
	}
	atexit(stop_udevd);
	CHECK(bp_ctx_new(&ctx) == 0);
	answers(ctx);
	hangs(ctx);
	bp_ctx_free(ctx);
	CHECK(bp_ctx_new(&ctx) == 0);
	dead(ctx);
	cookies_by_hand(ctx);
	bp_ctx_free(ctx);
	return 0;
}
