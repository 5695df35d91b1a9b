/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios: a program runs on a disk, and at told moments the disk fails; then it is checked what
 * became of the program and of its data. The language is that of bedplate-fault(8).
 *
 * Whatever is made for a run (loop devices, mapped devices, a mount, processes) is gone when it
 * ends, also where the process that runs it is killed.
 */
#ifndef BEDPLATE_SCENARIO_H
#define BEDPLATE_SCENARIO_H

#include <bedplate/units.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bp_scenario;

/**
 * bp_scenario_parse() - Read a scenario.
 * @text: its lines. Copied.
 * @ret: free it with bp_scenario_free().
 *
 * Return: 0; -EINVAL (BP_E_FORMAT: the message begins with line and column), -ENOMEM.
 */
BP_API int bp_scenario_parse(struct bp_ctx *ctx, const char *text, struct bp_scenario **ret);
BP_API void bp_scenario_free(struct bp_scenario *scenario);
/* bp_scenario_seed() - The seed its file has; 0 where it has none. */
BP_API uint64_t bp_scenario_seed(const struct bp_scenario *scenario);

enum bp_scenario_event_kind {
	BP_SCENARIO_DID = 1,   /* an action was done */
	BP_SCENARIO_CHECK = 2, /* something that has to hold was looked at */
};

/**
 * struct bp_scenario_event - What happened. Lent for the call.
 * @line: of the scenario; 0: of none.
 * @at_ms: since the program was started.
 * @what: "stall", "power-cut", "check ./verify.sh" ...
 * @passed: of a check.
 * @detail: what was seen, how much was lost; "" where there is nothing more.
 */
struct bp_scenario_event {
	enum bp_scenario_event_kind kind;
	unsigned line;
	int64_t at_ms;
	const char *what;
	bool passed;
	const char *detail;
};

/**
 * struct bp_scenario_opts - How to run. Zero in a member is its default.
 * @argv: the program and its arguments, NULL at the end. Found by PATH.
 * @use_seed, @seed: instead of the file's own.
 * @fault_state_dir: as in struct bp_fault_opts.
 * @event: called for all that happens; may be NULL.
 * @output: takes what the program and the checks print, as it comes; NULL: nobody.
 * @user: passed to both.
 */
struct bp_scenario_opts {
	size_t size;
	const char *const *argv;
	bool use_seed;
	uint64_t seed;
	const char *fault_state_dir;
	void (*event)(void *user, const struct bp_scenario_event *event);
	void (*output)(void *user, const char *text, size_t len);
	void *user;
};

/**
 * struct bp_scenario_result - What came of it.
 * @seed: the one that chose.
 * @status: of the program as a shell has it (128 and the signal's number); -1: it was stopped by
 *	the scenario.
 * @checks, @failed: how many there were.
 * @run_ms: from the program's start to its end.
 */
struct bp_scenario_result {
	size_t size;
	uint64_t seed;
	int status;
	unsigned checks, failed;
	int64_t run_ms;
};

/**
 * bp_scenario_run() - Run a program by a scenario.
 * @ret: its size set before; filled on success, which says that the scenario could be carried out,
 *	not that the checks passed.
 *
 * Needs root. The calling thread is moved into a mount namespace of its own, so that nobody else
 * sees the mount, and makes no other devices meanwhile; processes are made by fork. Checks where
 * none is written: the program's exit status is 0, unless the scenario stops it; after a power cut
 * the file system is mounted again, and is clean at the end.
 *
 * The program has in its environment BEDPLATE_FAULT_MOUNT, BEDPLATE_FAULT_DEVICE,
 * BEDPLATE_FAULT_SEED and BEDPLATE_FAULT_SOCKET: a local stream socket that takes lines; a line
 * NAME does what the scenario has for "on NAME", and is answered by "ok" when it is done, or else
 * by why not.
 *
 * Return: 0; -EPERM; -ENOTSUP (no log-writes for a power cut ...); or what failed.
 */
BP_API int bp_scenario_run(struct bp_ctx *ctx, const struct bp_scenario *scenario,
			   const struct bp_scenario_opts *opts, struct bp_scenario_result *ret);

/**
 * bp_scenario_tell() - Say a line to a running scenario, from a test: "on NAME".
 * @socket: NULL: that of the environment.
 *
 * Return: 0: it is done; -ENOENT (no such name, or no scenario runs), -EIO (it could not be done).
 */
BP_API int bp_scenario_tell(struct bp_ctx *ctx, const char *socket, const char *name);

#ifdef __cplusplus
}
#endif

#endif
