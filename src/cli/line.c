/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/line.h"

#include "core/number.h"

void line_number(struct line *line, uint64_t number)
{
	if (LINE_MAX_BYTES - line->len >= 20)
		line->len += number_format(line->text + line->len, number);
}

/* Nobody but the program's own thread writes to its output. */
void line_print(struct line *line, FILE *out)
{
	line->text[line->len++] = '\n';
	fwrite_unlocked(line->text, 1, line->len, out);
	line->len = 0;
}
