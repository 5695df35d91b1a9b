/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A status in a few words, by what its target says of it. No judgement: that is judge.h. */
#include "targets/grammar/target.h"

#include <inttypes.h>

#include "core/context.h"
#include "core/strbuf.h"
#include "core/util.h"

/* The unit of a field is its name's end, here as in the public structs. */
static bool is_sectors(const char *field)
{
	static const char end[] = "_sectors";
	size_t len = strlen(field), tail = strlen(end);

	return len >= tail && streq(field + len - tail, end);
}

static void add_label(struct strbuf *to, const struct brief *part, const char *blank)
{
	strbuf_addf(to, "%s%s%s", to->len ? ", " : "", part->label ? part->label : "",
		    part->label ? blank : "");
}

/* "data 12.50%", in hundredths. */
static void add_share(struct strbuf *to, const struct brief *part, uint64_t some, uint64_t all)
{
	uint64_t share = bp_share(some, all);

	add_label(to, part, " ");
	strbuf_addf(to, "%" PRIu64 ".%02u%%", share / 100, (unsigned)(share % 100));
}

/* An older kernel may not tell a number: then there is no word of it. */
static int add_number(struct bp_ctx *ctx, const struct bp_status *status,
		      const struct brief *part, struct strbuf *to)
{
	struct bp_number number, of = { 0 };
	char size[BP_SIZE_TEXT];
	int r = bp_status_number(ctx, status, part->field, &number);

	if (r == 0 && part->of)
		r = bp_status_number(ctx, status, part->of, &of);
	if (r < 0 || !number.is_set || (part->of && !of.is_set))
		return r;
	if (part->of) {
		add_share(to, part, number.value, of.value);
	} else {
		add_label(to, part, " ");
		strbuf_add(to, bp_size_format(bp_sector_to_bytes(number.value), size));
	}
	return 0;
}

/* A flag that is not set says nothing. */
static int add_word(struct bp_ctx *ctx, const struct bp_status *status,
		    const struct brief *part, struct strbuf *to)
{
	_cleanup_(freep) char *value = NULL;
	int r = bp_status_get(ctx, status, part->field, &value);

	if (r < 0 || !value || streq(value, "false"))
		return r;
	if (streq(value, "true")) {
		add_label(to, part, "");
	} else {
		add_label(to, part, " ");
		strbuf_add(to, value);
	}
	return 0;
}

/* What .brief of the target lists, else the status itself. */
int bp_status_summary(struct bp_ctx *ctx, const struct bp_status *status, char **ret)
{
	const struct bp_target *target = bp_target_get(status->target);
	_cleanup_(strbuf_done) struct strbuf text = { 0 };
	int r = 0;

	if (!target || !target->brief || !status->values)
		strbuf_add(&text, status->text);
	else
		for (const struct brief *part = target->brief; r == 0 && part->field; part++)
			r = part->of || is_sectors(part->field)
				    ? add_number(ctx, status, part, &text)
				    : add_word(ctx, status, part, &text);
	if (r < 0)
		return r;
	return strbuf_take(&text, ret) < 0 ? bp_fail_memory(ctx) : 0;
}
