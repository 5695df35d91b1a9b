/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See metrics.h. The format is OpenMetrics 1.0: a family's samples follow its description. */
#include "dm/device/metrics.h"

#include "core/number.h"
#include "core/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word, *suffix; /* of the type, and of its samples' names */
} types[] = {
	[METRIC_GAUGE] = { "gauge", "" },
	[METRIC_COUNTER] = { "counter", "_total" },
	[METRIC_STATESET] = { "stateset", "" },
	[METRIC_INFO] = { "info", "_info" },
};

static void family_free(struct metric_family *family)
{
	strbuf_done(&family->samples);
	free(family->name);
	free(family);
}

void metrics_done(struct metrics *m)
{
	for (size_t i = 0; i < m->families.count; i++)
		family_free(m->families.items[i]);
	vec_done(&m->families);
}

/* There are a few dozen at most. NULL: no memory, noted. */
static struct metric_family *family_of(struct metrics *m, enum metric_type type,
				       const char *name, const char *help)
{
	struct metric_family *family;

	for (size_t i = 0; i < m->families.count; i++)
		if (streq(m->families.items[i]->name, name))
			return m->families.items[i];
	family = calloc(1, sizeof(*family));
	if (family) {
		*family = (struct metric_family){
			.name = strdup(name),
			.help = help,
			.type = type,
		};
		if (family->name && vec_add(&m->families, &family) == 0)
			return family;
		family_free(family);
	}
	m->error = -ENOMEM;
	return NULL;
}

/* "\xff", as a byte that is not UTF-8 is written: a name that has just that as text must not look the same. */
static bool looks_escaped(const char *text)
{
	return text[0] == '\\' && text[1] == 'x' && isxdigit((unsigned char)text[2]) &&
	       isxdigit((unsigned char)text[3]);
}

/* One character: @len bytes of it, or 0 where they are not UTF-8. */
static void add_escaped_char(struct strbuf *to, const char *text, size_t len)
{
	if (*text == '\n')
		strbuf_add(to, "\\n");
	else if (len == 0 || looks_escaped(text))
		strbuf_addf(to, "\\\\x%02x", (unsigned char)*text);
	else if (*text == '\\' || *text == '"')
		strbuf_addf(to, "\\%c", *text);
	else
		strbuf_add_len(to, text, len);
}

/*
 * Label values and helps: backslash, quote and end of line escaped. A byte that is not UTF-8, which
 * names may have, becomes \x and two digits: two devices never have one name, which would make their
 * samples one series.
 */
static void add_escaped(struct strbuf *to, const char *text)
{
	uint32_t c;

	while (*text) {
		size_t len = utf8_decode(text, strlen(text), &c);

		add_escaped_char(to, text, len);
		text += len ? len : 1;
	}
}

/* Quotes, backslashes and line breaks are the format's own. */
static void add_label(struct strbuf *to, const char *name, const char *value)
{
	strbuf_addf(to, "%s=\"", name);
	add_escaped(to, value);
	strbuf_add_char(to, '"');
}

/* Samples of a family have to stand together in OpenMetrics, however devices come. */
void metrics_add(struct metrics *m, enum metric_type type, const char *name, const char *help,
		 const struct metric_subject *of, const char *label, const char *label_value,
		 const char *value)
{
	struct metric_family *family = family_of(m, type, name, help);
	struct strbuf *to;

	if (!family)
		return;
	to = &family->samples;
	strbuf_addf(to, "%s%s{", name, types[type].suffix);
	add_label(to, "device", of->device);
	if (of->segment >= 0)
		strbuf_addf(to, ",segment=\"%" PRId64 "\"", of->segment);
	if (label) {
		strbuf_add_char(to, ',');
		add_label(to, label, label_value);
	}
	strbuf_addf(to, "} %s\n", value);
	if (to->error)
		m->error = to->error;
}

void metrics_add_uint(struct metrics *m, enum metric_type type, const char *name,
		      const char *help, const struct metric_subject *of, uint64_t value)
{
	char text[24];

	text[number_format(text, value)] = '\0';
	metrics_add(m, type, name, help, of, NULL, NULL, text);
}

static void add_family(struct strbuf *text, const struct metric_family *family)
{
	strbuf_addf(text, "# TYPE %s %s\n# HELP %s ", family->name, types[family->type].word,
		    family->name);
	add_escaped(text, family->help);
	strbuf_add_char(text, '\n');
	strbuf_add(text, strbuf_text(&family->samples));
	text->error = text->error ? text->error : family->samples.error;
}

/* "# EOF" is the last line: a reader knows by it that the text was not cut. */
int metrics_write(const struct metrics *m, bp_write_fn write, void *user)
{
	struct strbuf text = { 0 };
	int r = m->error;

	for (size_t i = 0; i < m->families.count; i++)
		add_family(&text, m->families.items[i]);
	strbuf_add(&text, "# EOF\n");
	if (r == 0)
		r = text.error ? text.error : write(user, text.text, text.len);
	strbuf_done(&text);
	return r;
}
