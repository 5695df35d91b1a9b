/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of lines for a shell: who writes one, and its words. A line that begins with # says what can't be
 * known here, or what the next one does that is not expected. Promises nothing of what the lines do.
 */
#ifndef RESCUE_STEPS_H
#define RESCUE_STEPS_H

#include "core/strbuf.h"

struct bp_source;

struct steps {
	struct bp_ctx *ctx;
	int (*line)(void *user, const char *line); /* non-zero ends it */
	void *user;
};

/* Hand out a line, and empty it. */
int steps_tell(const struct steps *steps, struct strbuf *s);
/* A line that is only to be read. */
int steps_say(const struct steps *steps, const char *fmt, ...) _printf_(2, 3);

/* What LVM needs before it takes new metadata for the source's pool: its group, and all disks of that. */
int steps_of_group(struct bp_source *source, const struct steps *steps);

#endif
