/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* half METADATA: a table, an error, a check; in C99. See docs/languages.md. */
#include <bedplate/bedplate.h>

#include <stdio.h>
#include <stdlib.h>

static int build(struct bp_ctx *ctx)
{
	const struct bp_linear half = { .dev = "8:16", .offset_sectors = 2048 };
	struct bp_table *table = NULL;
	char *text = NULL;
	int r = bp_table_new(ctx, &table);

	if (r == 0)
		r = bp_table_append(ctx, table, 1048576, BP_PARAMS_LINEAR(&half));
	if (r == 0)
		r = bp_table_format(ctx, table, &text);
	if (r == 0)
		printf("%s", text); /* or: bp_device_create(ctx, "half", table, NULL, NULL) */
	free(text);
	bp_table_free(table);
	return r;
}

static void fail(struct bp_ctx *ctx)
{
	struct bp_table *table = NULL;

	if (bp_table_parse(ctx, "0 8 linear 8:16 -1", 0, &table) < 0) {
		const struct bp_error *error = bp_error_get(ctx);

		printf("%s: argument %u, %s\n", bp_error_name(error->code), error->argument,
		       error->argument_name);
	}
	bp_table_free(table);
}

static void print_damage(void *user, const struct bp_damage *damage)
{
	(void)user;
	printf("%s: %s\n", bp_harm_name(damage->harm), bp_damage_kind_name(damage->kind));
}

static int check(struct bp_ctx *ctx, const char *path)
{
	struct bp_thin_check_result result = { .size = sizeof(result) };
	struct bp_thin_check_opts opts = { .size = sizeof(opts), .damage = print_damage };
	int r = bp_thin_check(ctx, path, &opts, &result);

	if (r == 0)
		printf("%s\n", result.nr_fatal ? "damaged" : "good");
	return r;
}

int main(int argc, char **argv)
{
	struct bp_ctx *ctx = NULL;
	int r = bp_ctx_new(&ctx);

	if (r == 0)
		r = build(ctx);
	if (r == 0)
		fail(ctx);
	if (r == 0 && argc > 1)
		r = check(ctx, argv[1]);
	if (r < 0)
		fprintf(stderr, "half: %s\n", ctx ? bp_errmsg(ctx) : "out of memory");
	bp_ctx_free(ctx);
	return r < 0;
}
