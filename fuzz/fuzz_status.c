/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status lines, "START LENGTH TARGET STATUS", and messages of the same target, from any text.
 */
#include "fuzz.h"

#include <bedplate/bedplate.h>

/* Each field by name must be there to be asked for. */
static void ask_all(struct bp_ctx *ctx, const struct bp_status *status)
{
	const struct bp_target *target = bp_target_get(status->target);
	struct bp_option_iter *fields;
	struct bp_option field;

	if (!target)
		return;
	promise(bp_status_field_iter_new(target, &fields) == 0);
	while (bp_option_next(fields, &field) == 0) {
		char *value;

		promise(bp_status_get(ctx, status, field.name, &value) == 0);
		promise(status->values || !value);
		free(value);
	}
	bp_option_iter_free(fields);
}

static void try(struct bp_ctx *ctx, const char *target, const char *text)
{
	struct bp_status *status;
	struct bp_json *json;
	char *message;

	promise(bp_status_parse(ctx, target, text, &status) == 0);
	promise(!status->values + !status->state + !status->problem >= 2);
	ask_all(ctx, status);
	promise(bp_json_new(NULL, NULL, &json) == 0);
	promise(bp_status_json(ctx, status, json, NULL) == 0);
	promise(bp_json_end(json) == 0);
	bp_json_free(json);
	bp_status_free(status);
	if (bp_message_check(ctx, target, text, &message) == 0)
		free(message);
}

/* The next word of a line, cut out of it. */
static char *cut_word(char **rest)
{
	char *word = *rest;

	*rest += strcspn(*rest, " ");
	if (**rest)
		*(*rest)++ = '\0';
	return word;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text, *target;
	struct bp_ctx *ctx;

	promise(text && bp_ctx_new(&ctx) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	cut_word(&rest);
	cut_word(&rest);
	target = cut_word(&rest);
	try(ctx, target, rest);
	bp_ctx_free(ctx);
	free(text);
	return 0;
}
