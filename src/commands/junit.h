/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Results as JUnit's XML, which CI systems read: one suite a file. Not promised: text that is
 * not ASCII, which becomes question marks.
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

/* A document in the making: in memory, so that what stood in its place stays until it is whole. */
struct junit {
	FILE *f;
	char *text;
	size_t size;
};

/* Both 0 or an exit status that was told. End is called after each begin that succeeded. */
int junit_begin(struct cli *cli, const char *suite, unsigned tests, unsigned failures,
		struct junit *ret);
void junit_case(FILE *f, const struct junit_case *c);
/*
 * Write it, guarded as text_put() is. @inputs: what it must not replace, NULL at the end; or
 * NULL.
 */
int junit_end(struct cli *cli, struct junit *junit, const char *path,
	      const char *const *inputs);

#endif
