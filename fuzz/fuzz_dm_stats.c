/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as what a kernel answers to @stats_list and @stats_print. */
#include "fuzz.h"

#include "dm/device/stats.h"

static void read_list(struct bp_ctx *ctx, const char *text)
{
	struct bp_stats_list *list = calloc(1, sizeof(*list));

	promise(list != NULL);
	if (stats_list_parse(ctx, text, list) < 0)
		promise(bp_error_get(ctx)->code == BP_E_FORMAT);
	for (size_t i = 0; i < bp_stats_list_count(list); i++) {
		const struct bp_stats_region *region = bp_stats_list_get(list, i);

		promise(region->program_id && region->aux_data);
		promise(region->area_sectors && !region->bounds_ns == !region->nr_bounds);
		promise(!region->length_sectors ||
			(region->nr_areas - 1) * region->area_sectors < region->length_sectors);
	}
	bp_stats_list_free(list);
}

static void read_areas(struct bp_ctx *ctx, const char *text, bool precise)
{
	struct bp_stats_rates rates = { .size = sizeof(rates) };
	struct stats_line line = { 0 };
	const char *next;

	while (*text && stats_area_parse(ctx, text, precise, &line, &next) == 0) {
		promise(next > text);
		promise(bp_stats_rates(ctx, NULL, &line.area, 1, &rates) == 0);
		promise(rates.busy_percent <= 10000);
		text = next;
	}
	vec_done(&line.bins);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct bp_ctx *ctx;

	promise(text && bp_ctx_new(&ctx) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	read_list(ctx, text);
	read_areas(ctx, text, false);
	read_areas(ctx, text, true);
	bp_ctx_free(ctx);
	free(text);
	return 0;
}
