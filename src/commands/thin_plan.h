/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A repair plan told to people and programs: what thin_repair and thin_dump --repair share. */
#ifndef COMMANDS_THIN_PLAN_H
#define COMMANDS_THIN_PLAN_H

#include "cli/out.h"

#include <bedplate/thin_repair.h>

extern const struct out_schema thin_plan_schema;

/* Make a plan, with progress. @opts: size, progress and user are set here. */
int thin_plan_make(struct cli *cli, const char *path, struct bp_thin_repair_opts *opts,
		   struct bp_thin_plan **ret);
/* All of it on standard output, or as JSON. Return: an exit status. */
int thin_plan_print(struct cli *cli, const char *path, const struct bp_thin_plan *plan);
/* What is lost, loudly, on standard error; EXIT_FAILED if anything is. */
int thin_plan_report(struct cli *cli, const struct bp_thin_plan *plan);

#endif
