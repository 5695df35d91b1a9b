/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenarios from any text: taken, or refused with a place; what is taken holds together. */
#include "fuzz.h"

#include "fault/scenario.h"

static void look_at(const struct bp_scenario *s)
{
	promise(s->target || s->size_bytes);
	promise(!s->cuts || !s->target);
	for (size_t i = 0; i < s->rules.count; i++) {
		const struct rule *rule = &s->rules.items[i];

		promise(rule->line > 0);
		promise((rule->trigger == TRIGGER_ON) == !!rule->name);
		promise(rule->trigger != TRIGGER_EVERY || rule->amount);
		promise(rule->action.kind != ACTION_FAULT || rule->action.fault.kind);
		promise(!rule->action.file || s->mount || s->target);
	}
	for (size_t i = 0; i < s->expects.count; i++)
		promise(s->expects.items[i].kind == EXPECT_EXIT || s->expects.items[i].text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bp_scenario *scenario;
	struct bp_ctx *ctx;
	char *text = calloc(1, size + 1);
	int r;

	promise(text && bp_ctx_new(&ctx) == 0);
	memcpy(text, data, size);
	r = bp_scenario_parse(ctx, text, &scenario);
	if (r == 0) {
		look_at(scenario);
		bp_scenario_free(scenario);
	} else {
		promise(r == -EINVAL && *bp_errmsg(ctx));
	}
	bp_ctx_free(ctx);
	free(text);
	return 0;
}
