/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/line.h"

/* Nobody but the program's own thread writes to its output. */
void line_flush(struct line *line, FILE *out)
{
	fwrite_unlocked(line->text, 1, line->len, out);
	line->len = 0;
}
