/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks in one line, from any text: what is read writes to a text that reads the same. */
#include "fuzz.h"

#include <bedplate/bedplate.h>

static void again(struct bp_ctx *ctx, const struct bp_stack *stack)
{
	char *first, *second;
	struct bp_stack *back;

	if (bp_concise_format(ctx, stack, &first) < 0)
		return;
	promise(bp_concise_parse(ctx, first, &back) == 0);
	promise(bp_concise_format(ctx, back, &second) == 0);
	promise(strcmp(first, second) == 0);
	promise(bp_stack_count(stack) == bp_stack_count(back));
	free(first);
	free(second);
	bp_stack_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct bp_stack *stack;
	struct bp_ctx *ctx;

	promise(text && bp_ctx_new(&ctx) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	if (bp_concise_parse(ctx, text, &stack) == 0) {
		again(ctx, stack);
		bp_stack_free(stack);
	}
	bp_ctx_free(ctx);
	free(text);
	return 0;
}
