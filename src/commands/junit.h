/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Results as JUnit's XML, which CI systems read: one suite a file. Not promised: text that is not ASCII,
 * which becomes question marks.
 */
#ifndef COMMANDS_JUNIT_H
#define COMMANDS_JUNIT_H

#include "cli/cli.h"

/**
 * struct junit_case - One thing that was tried.
 * @class_name, @name: it is told by both.
 * @failure: why it failed; NULL: it passed.
 * @ms: when it was done, or how long it took.
 * @out, @err: what it wrote; NULL: nothing. Their ends are kept.
 */
struct junit_case {
	const char *class_name, *name, *failure;
	int64_t ms;
	const char *out, *err;
	size_t out_len, err_len;
};

/* Each 0 or an exit status that was told. */
int junit_begin(struct cli *cli, const char *path, const char *suite, unsigned tests,
		unsigned failures, FILE **ret);
void junit_case(FILE *f, const struct junit_case *c);
int junit_end(struct cli *cli, const char *path, FILE *f);

#endif
