/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as a line of the kernel's log; behind a NUL byte the table that was being loaded. */
#include "fuzz.h"

#include <bedplate/bedplate.h>

static void look(const struct bp_explanation *e, const struct bp_table *table)
{
	promise(e->text && e->rule);
	promise(e->segment == -1 || (table && e->segment < (int)bp_table_count(table)));
	promise(!e->argument || (e->segment >= 0 && e->argument_name));
	promise(!e->value || e->argument);
}

static void try(struct bp_ctx *ctx, const char *line, const struct bp_table *table)
{
	struct bp_explanation *e;
	int r = bp_explain_kernel_line(ctx, line, table, &e);

	promise(r == 0 || (r == -2 && strlen(bp_errmsg(ctx)) > 0));
	if (r == 0) {
		look(e, table);
		bp_explanation_free(e);
	}
}

/* The same as pasted text: whatever it is, each line is judged, and no line is told twice. */
static void paste(struct bp_ctx *ctx, const char *text)
{
	struct bp_advices *advices;
	size_t lines = 1;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	promise(bp_explain(ctx, text, &advices) == 0);
	promise(bp_advices_count(advices) <= lines);
	for (size_t i = 0; i < bp_advices_count(advices); i++) {
		const struct bp_advice *a = bp_advices_get(advices, i);

		promise(a->text && a->meaning && a->line >= 1 && a->line <= lines &&
			a->count >= 1);
		promise(a->kind >= BP_ADVICE_LOG && a->kind <= BP_ADVICE_CODE);
	}
	bp_advices_free(advices);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct bp_table *table;
	struct bp_ctx *ctx;
	size_t len;

	promise(text && bp_ctx_new(&ctx) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	len = strlen(text);
	try(ctx, text, NULL);
	paste(ctx, text);
	if (len < size && bp_table_parse(ctx, text + len + 1, BP_TABLE_PRINTED, &table) == 0) {
		try(ctx, text, table);
		bp_table_free(table);
	}
	bp_ctx_free(ctx);
	free(text);
	return 0;
}
