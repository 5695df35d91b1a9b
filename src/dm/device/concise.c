/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stack in one line: NAME,UUID,MINOR,FLAGS,SEGMENT[,SEGMENT...][;...]. */
#include <bedplate/stack.h>
#include <bedplate/table.h>

#include "core/number.h"
#include "core/strbuf.h"
#include "dm/device/table_io.h"

#include <stdio.h>
#include <string.h>

enum {
	FIELD_NAME,
	FIELD_UUID,
	FIELD_MINOR,
	FIELD_FLAGS,
	FIELD_TABLE, /* and all behind it */
};

struct parser {
	struct bp_ctx *ctx;
	const char *at;
	unsigned device, field; /* from 1 */
	struct strbuf text;     /* the field just read */
};

static int fail(const struct parser *p, const char *why)
{
	bp_fail(p->ctx, -EINVAL, "device %u, field %u: '%s': %s", p->device, p->field,
		strbuf_text(&p->text), why);
	error_set_code(p->ctx, BP_E_FORMAT);
	return -EINVAL;
}

/* Read one field, up to an unescaped comma, semicolon or the end; @ret_end is that character.
 */
static int next_field(struct parser *p, char *ret_end)
{
	strbuf_clear(&p->text);
	p->field++;
	for (; *p->at && *p->at != ',' && *p->at != ';'; p->at++) {
		if (*p->at == '\\') {
			if (!p->at[1])
				return fail(p, "a backslash at the end escapes nothing");
			p->at++;
		}
		strbuf_add_char(&p->text, *p->at);
	}
	*ret_end = *p->at;
	if (*p->at)
		p->at++;
	return p->text.error ? bp_fail_memory(p->ctx) : 0;
}

struct fields {
	struct strbuf name, uuid, table;
	bool use_minor;
	uint32_t minor;
	bool read_only, has_table;
};

static void fields_done(struct fields *f)
{
	strbuf_done(&f->name);
	strbuf_done(&f->uuid);
	strbuf_done(&f->table);
}

/* An empty field is "any minor". */
static int take_minor(struct parser *p, struct fields *f)
{
	uint64_t minor;

	if (!p->text.len)
		return 0;
	if (number_parse(strbuf_text(&p->text), DEVNO_MINOR_MAX, &minor) < 0)
		return fail(p, "not a minor number (empty, or 0 to 1048575)");
	f->use_minor = true;
	f->minor = (uint32_t)minor;
	return 0;
}

/* Nothing means rw. */
static int take_flags(struct parser *p, struct fields *f)
{
	const char *text = strbuf_text(&p->text);

	f->read_only = streq(text, "ro");
	if (!f->read_only && !streq(text, "rw") && text[0])
		return fail(p, "flags are 'ro', 'rw' or nothing");
	return 0;
}

/* Fields in their order; behind the flags each is a segment of the table. */
static int take_field(struct parser *p, unsigned number, struct fields *f)
{
	switch (number) {
	case FIELD_NAME:
		if (!p->text.len)
			return fail(p, "no name");
		strbuf_add(&f->name, strbuf_text(&p->text));
		return 0;
	case FIELD_UUID:
		strbuf_add(&f->uuid, strbuf_text(&p->text));
		return 0;
	case FIELD_MINOR:
		return take_minor(p, f);
	case FIELD_FLAGS:
		return take_flags(p, f);
	default:
		/* A lone empty field is how a device without a table is written too. */
		f->has_table |= p->text.len > 0;
		if (number > FIELD_TABLE && !p->text.len)
			return fail(p, "an empty segment");
		strbuf_add(&f->table, strbuf_text(&p->text));
		strbuf_add_char(&f->table, '\n');
		return 0;
	}
}

/* Up to ";" or the end; "," parts fields, a backslash takes the next byte as it is. */
static int read_fields(struct parser *p, struct fields *f)
{
	unsigned number = 0;
	char end = ',';
	int r = 0;

	p->field = 0;
	while (r == 0 && end == ',') {
		r = next_field(p, &end);
		if (r == 0)
			r = take_field(p, number++, f);
	}
	if (r == 0 && number <= FIELD_TABLE)
		return fail(p,
			    "a device needs name, uuid, minor, flags and a table (which may be "
			    "empty)");
	if (r == 0 && (f->name.error || f->uuid.error || f->table.error))
		return bp_fail_memory(p->ctx);
	return r;
}

/*
 * Name, uuid, minor, flags, table: the form of the kernel's dm-mod.create=. Source: Linux,
 * Documentation/admin-guide/device-mapper/dm-init.rst.
 */
static int parse_device(struct parser *p, struct bp_stack *stack)
{
	_cleanup_(fields_done) struct fields f = { 0 };
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct bp_stack_device device;
	int r = read_fields(p, &f);

	if (r < 0)
		return r;
	if (f.has_table) {
		r = bp_table_parse(p->ctx, strbuf_text(&f.table), 0, &table);
		if (r < 0) {
			error_prefix(p->ctx, "device %u ('%s')", p->device,
				     strbuf_text(&f.name));
			return r;
		}
	}
	device = (struct bp_stack_device){
		.name = strbuf_text(&f.name),
		.uuid = strbuf_text(&f.uuid),
		.use_minor = f.use_minor,
		.minor = f.minor,
		.read_only = f.read_only,
		.table = table,
	};
	return bp_stack_add(stack, &device);
}

#define BLANKS " \t\n" /* between devices they say nothing */

static bool only_blanks(const char *s)
{
	return s[strspn(s, BLANKS)] == '\0';
}

/* All or nothing; devices are numbered for messages. */
int bp_concise_parse(struct bp_ctx *ctx, const char *text, struct bp_stack **ret)
{
	struct parser p = { .ctx = ctx, .at = text };
	struct bp_stack *stack;
	int r = bp_stack_new(ctx, &stack);

	if (r < 0)
		return r;
	if (only_blanks(text))
		r = bp_fail(ctx, -EINVAL, "no device is described");
	while (r == 0 && !only_blanks(p.at)) {
		p.device++;
		p.at += strspn(p.at, BLANKS);
		r = parse_device(&p, stack);
	}
	strbuf_done(&p.text);
	if (r < 0)
		bp_stack_free(stack);
	else
		*ret = stack;
	return r;
}

/* --- writing --- */

/* The characters that end fields and devices. */
static void add_escaped(struct strbuf *s, const char *text)
{
	for (; *text; text++) {
		if (strchr(",;\\", *text))
			strbuf_add_char(s, '\\');
		strbuf_add_char(s, *text);
	}
}

/* Segments are fields of their own: line breaks become commas. */
static int add_table(struct bp_ctx *ctx, struct strbuf *s, const struct bp_table *table)
{
	char *text, *save = NULL;
	int r;

	/* Without segments its field is empty: a description that ends before it is refused. */
	if (!table || bp_table_count(table) == 0) {
		strbuf_add_char(s, ',');
		return 0;
	}
	r = bp_table_format(ctx, table, &text);
	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		strbuf_add_char(s, ',');
		add_escaped(s, line);
	}
	free(text);
	return 0;
}

/* What is written parses back to the same stack. */
int bp_concise_format(struct bp_ctx *ctx, const struct bp_stack *stack, char **ret_text)
{
	struct strbuf s = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < bp_stack_count(stack); i++) {
		const struct bp_stack_device *device = bp_stack_get(stack, i);

		if (i)
			strbuf_add_char(&s, ';');
		if (strspn(device->name, BLANKS))
			strbuf_add_char(&s, '\\');
		add_escaped(&s, device->name);
		strbuf_add_char(&s, ',');
		add_escaped(&s, device->uuid);
		strbuf_add_char(&s, ',');
		if (device->use_minor)
			strbuf_add_uint(&s, device->minor);
		strbuf_addf(&s, ",%s", device->read_only ? "ro" : "rw");
		r = add_table(ctx, &s, device->table);
	}
	if (r < 0) {
		strbuf_done(&s);
		return r;
	}
	return strbuf_take(&s, ret_text) < 0 ? bp_fail_memory(ctx) : 0;
}
