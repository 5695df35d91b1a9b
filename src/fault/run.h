/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one run of a scenario has; scenario_run.c is its loop, scenario.c what is around it. */
#ifndef FAULT_RUN_H
#define FAULT_RUN_H

#include "fault/control.h"
#include "fault/scenario.h"

/* A fault that ends at a moment of clock_ms(). */
struct ending {
	uint64_t id;
	int64_t at_ms;
};

struct run {
	struct bp_ctx *ctx;
	const struct bp_scenario *scenario;
	struct bp_scenario_opts opts;
	struct bp_scenario_result result;
	struct stack stack;
	struct program program;
	struct watchdog watchdog;
	struct control control;
	int kernel_log;
	int64_t started_ms;
	uint64_t *done; /* by rule: how often */
	uint64_t writes_before;
	VEC(struct ending) endings;
	struct strbuf output;
	bool counts_writes, stop, cut;
	unsigned cut_line;
	int signals; /* a signalfd, -1: none */
};

/*
 * All that is around a run: signals, a mount namespace, the watchdog, a scope @name and our number,
 * told of as of @command; @what is done in there, and then everything taken away.
 */
int run_carry_out(struct run *run, const char *name, const char *command,
		  int (*what)(struct run *run));
int run_open(struct run *run);
/* Start the program, do what the scenario says, and end it. */
int run_program(struct run *run);
void run_close(struct run *run);
/* Has a signal come that asks to end? */
bool run_interrupted(const struct run *run);
void run_output(struct run *run, const char *text, size_t len);
void run_tell_check(struct run *run, unsigned line, const char *what, bool passed,
		    const char *detail);
/* All that has to hold, once the program has ended. */
int run_checks(struct run *run);

#endif
