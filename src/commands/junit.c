/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See junit.h. */
#include "commands/junit.h"

#include "commands/text_out.h"

#include <inttypes.h>

#define OUTPUT_MOST ((size_t)64 << 10)

static void put_char(FILE *f, unsigned char c)
{
	const char *entity = c == '<'   ? "&lt;"
			     : c == '>' ? "&gt;"
			     : c == '&' ? "&amp;"
			     : c == '"' ? "&quot;"
					: NULL;

	if (entity)
		fputs(entity, f);
	else /* what XML can't have, and what may not be UTF-8 */
		putc((c < ' ' && c != '\n' && c != '\t') || c >= 0x7f ? '?' : c, f);
}

static void put_text_len(FILE *f, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_char(f, (unsigned char)text[i]);
}

static void put_text(FILE *f, const char *text)
{
	put_text_len(f, text, strlen(text));
}

/* The end of it, where the reason usually is; OUTPUT_MOST bytes. */
static void put_output(FILE *f, const char *element, const char *text, size_t len)
{
	size_t skip = len > OUTPUT_MOST ? len - OUTPUT_MOST : 0;

	if (!text || !len)
		return;
	fprintf(f, "      <%s>", element);
	put_text_len(f, text + skip, len - skip);
	fprintf(f, "</%s>\n", element);
}

/* In memory, as a half written file must not be taken for a result. */
int junit_begin(struct cli *cli, const char *suite, unsigned tests, unsigned failures,
		struct junit *ret)
{
	*ret = (struct junit){ NULL };
	ret->f = open_memstream(&ret->text, &ret->size);
	if (!ret->f)
		return cli_fail(cli, NULL, -ENOMEM);
	fprintf(ret->f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		"  <testsuite name=\"%s\" tests=\"%u\" failures=\"%u\">\n",
		suite, tests, failures);
	return EXIT_OK;
}

/* No failure and no output: the short form. */
void junit_case(FILE *f, const struct junit_case *c)
{
	fputs("    <testcase classname=\"", f);
	put_text(f, c->class_name);
	fputs("\" name=\"", f);
	put_text(f, c->name);
	fprintf(f, "\" time=\"%" PRId64 ".%03d\"", c->ms / 1000, (int)(c->ms % 1000));
	if (!c->failure && !c->out && !c->err) {
		fputs("/>\n", f);
		return;
	}
	fputs(">\n", f);
	if (c->failure) {
		fputs("      <failure message=\"", f);
		put_text(f, c->failure);
		fputs("\"/>\n", f);
	}
	put_output(f, "system-out", c->out, c->out_len);
	put_output(f, "system-err", c->err, c->err_len);
	fputs("    </testcase>\n", f);
}

/* Replaces the file in one step, and never an input. */
int junit_end(struct cli *cli, struct junit *junit, const char *path, const char *const *inputs)
{
	int r;

	fputs("  </testsuite>\n</testsuites>\n", junit->f);
	r = cli_text_end(junit->f, &junit->text) ? text_put(cli, path, inputs, junit->text)
						 : cli_fail(cli, NULL, -ENOMEM);
	free(junit->text);
	return r;
}
