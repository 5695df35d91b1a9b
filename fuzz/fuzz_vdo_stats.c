/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as what a vdo volume answers to "stats" and "config". */
#include "fuzz.h"

#include <bedplate/vdo_device.h>

static void promise_derived(const struct bp_vdo_stats *s)
{
	struct bp_json *json;

	promise(!s->space_known || s->used_mblocks + s->free_mblocks == s->physical_mblocks);
	promise(s->space_known || (s->used_mblocks == BP_NONE && s->data_mblocks == BP_NONE));
	promise(s->saving_percent <= 10000 || s->saving_percent == BP_NONE);
	promise(bp_json_new(NULL, NULL, &json) == 0);
	bp_vdo_stats_json(json, NULL, s);
	promise(bp_json_end(json) == 0);
	bp_json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bp_vdo_stats stats = { .size = sizeof(stats) };
	struct bp_vdo_config config = { .size = sizeof(config) };
	char *text = malloc(size + 1);
	struct bp_ctx *ctx;

	promise(text && bp_ctx_new(&ctx) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	if (bp_vdo_stats_parse(ctx, text, &stats) == 0)
		promise_derived(&stats);
	else
		promise(bp_error_get(ctx)->code == BP_E_FORMAT);
	bp_vdo_config_parse(ctx, text, &config);
	bp_ctx_free(ctx);
	free(text);
	return 0;
}
