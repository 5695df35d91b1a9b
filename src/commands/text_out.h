/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands whose result is a text: to standard output or to a file, guarded as bp_output is, and
 * what is said where parts of it are missing. And the XML that restoring commands read.
 */
#ifndef COMMANDS_TEXT_OUT_H
#define COMMANDS_TEXT_OUT_H

#include "cli/cli.h"

#include <bedplate/damage.h>

struct text_out {
	struct cli *cli;
	const char *input, *output; /* output NULL: standard output */
	const char *checker;        /* the tool that tells more of damage */
	bool whole;                 /* a text with parts missing is whole all the same */
	/* Make the text. @ret_damages: parts that could not be read. */
	int (*make)(struct cli *cli, const void *args, bp_write_fn write, void *user,
		    uint64_t *ret_damages);
	/* In its place, for what prints to a FILE: the text is held in memory. 0 or -errno. */
	int (*print)(FILE *f, const void *args);
	const void *args;
	/*
	 * How many of the damages are no missing parts, but values that no restore takes; or NULL.
	 */
	const uint64_t *nr_values;
};

/* Return: an exit status. */
int text_out(const struct text_out *to);

/*
 * A short text as a file of its own beside what a command makes; guarded alike: none of the
 * inputs (NULL at the end), no device in use, whole or not at all. @text: NULL: only refuse
 * what would be refused, before the work. Return: an exit status.
 */
int text_put(struct cli *cli, const char *path, const char *const *inputs, const char *text);

/* A damage callback whose user is the struct cli: a warning. */
void text_out_damage(void *user, const struct bp_damage *damage);

/*
 * Open XML to read, "-" is standard input, and let @restore make metadata of it: 0 or -errno, with a
 * message that names its files itself, since two are in play. Return: an exit status.
 */
int text_in(struct cli *cli, const char *path,
	    int (*restore)(struct cli *cli, const void *args, int fd, const char *name),
	    const void *args);

#endif
