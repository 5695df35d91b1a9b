/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a failed request means. The kernel says an errno, and the rest, if anything, in its log.
 */
#include "dm/kernel/engine.h"

#include <string.h>

#include <bedplate/explain.h>

#include "core/near.h"
#include "core/strbuf.h"

/* The first row that fits counts. OPS stands for any request. */
static const struct {
	enum dm_op op;
	int errnum;
	enum bp_error_code code;
	const char *text, *hint;
} meanings[] = {
	{ OP_CREATE, EBUSY, BP_E_EXISTS, "the name, uuid or number is taken", NULL },
	{ OP_CREATE, ENXIO, BP_E_EXISTS, "the number is taken", NULL },
	{ OP_RENAME, EBUSY, BP_E_EXISTS, "the new name is taken, or is the old one", NULL },
	{ OP_SET_UUID, EBUSY, BP_E_EXISTS, "the uuid is taken", NULL },
	{ OP_SET_UUID, EINVAL, BP_E_EXISTS, "it has a uuid already",
	  "a device keeps its first uuid for life" },
	{ OP_TARGET_VERSION, EINVAL, BP_E_UNKNOWN_TARGET, "the kernel has no such target",
	  NULL },
	{ OP_TARGET_VERSION, ENOTTY, BP_E_UNKNOWN_FEATURE,
	  "this kernel can't be asked for one target", "list all of them instead" },
	{ OP_REMOVE, EBUSY, BP_E_BUSY, "it is in use", NULL },
	{ OP_RESUME, ENXIO, BP_E_NO_DEVICE, "no such mapped device", NULL },
	{ OP_LOAD, EBUSY, BP_E_BUSY, "a device of the table is in use", NULL },
	{ OP_LOAD, EPERM, BP_E_KERNEL, "the kernel refused the table", NULL },
	{ OP_LOAD, EACCES, BP_E_KERNEL,
	  "the kernel refused the table: a device of it is read-only", NULL },
	{ OP_LOAD, ENOMEM, BP_E_NO_MEMORY,
	  "the kernel refused the table for want of memory, as it says", NULL },
	{ OP_MESSAGE, EOVERFLOW, BP_E_FAILED,
	  "the message was carried out, but its answer is too long", NULL },
	{ OP_LOAD, ENODATA, BP_E_NO_THIN, "the pool has no volume with this id", NULL },
	{ OP_MESSAGE, EEXIST, BP_E_EXISTS, "the id is taken",
	  "perhaps by a volume without a device, as a killed program leaves it: 'pool list "
	  "--all' lists them; 'pool activate' and 'pool delete --id' take it" },
	{ OP_MESSAGE, ENODATA, BP_E_NO_THIN, "the pool has no volume with this id", NULL },
	{ OP_MESSAGE, EOPNOTSUPP, BP_E_POOL_STATE,
	  "the pool takes no changes: it is read-only or has failed",
	  "look at the pool's status" },
	{ OP_MESSAGE, EINVAL, BP_E_KERNEL, "the target refused the message", NULL },
	{ OP_MESSAGE, ENOTTY, BP_E_KERNEL, "the target takes no messages", NULL },
	{ OP_INFO, ENXIO, BP_E_NO_DEVICE, "no such mapped device", NULL },
	{ OPS, ENOTTY, BP_E_UNKNOWN_FEATURE, "this kernel's device-mapper is too old for that",
	  NULL },
	{ OPS, EPROTO, BP_E_KERNEL, "the kernel's answer makes no sense", NULL },
	{ OPS, EINTR, BP_E_CANCELED, "interrupted by a signal", NULL },
	{ OPS, ETIMEDOUT, BP_E_TIMEOUT, "not done within the time limit", NULL },
	{ OPS, EACCES, BP_E_PERMISSION, "not allowed", "run as root" },
	{ OPS, EPERM, BP_E_PERMISSION, "not allowed", "run as root" },
	{ OPS, EBUSY, BP_E_BUSY, "it is in use", NULL },
};

/*
 * What kernel texts mean for programs. The text is looked for anywhere in a line. Hints are for
 * lines of which explain.h knows none.
 */
static const struct {
	const char *text;
	enum bp_error_code code;
	const char *hint;
} kernel_texts[] = {
	{ "unknown target type", BP_E_UNKNOWN_TARGET, NULL },
	{ "Device lookup failed", BP_E_TABLE, NULL },
	{ "too small for target", BP_E_TOO_SMALL, NULL },
	{ "metadata device already in use by a pool", BP_E_POOL_IN_USE, NULL },
	{ "Couldn't open thin internal device", BP_E_NO_THIN, NULL },
	{ "Pool is in fail mode", BP_E_POOL_STATE, NULL },
	{ "while pool is suspended", BP_E_POOL_STATE, NULL },
	{ "in READ_ONLY or FAIL mode", BP_E_POOL_STATE, "look at the pool's status" },
	{ "Error creating metadata object", BP_E_NOT_METADATA, NULL },
	{ "mismatched transaction id", BP_E_POOL_STATE, NULL },
	{ "already exists: release this", BP_E_EXISTS, NULL },
};

/*
 * What an errno means for this request: by its row, else by its kind. strerror() is the
 * last resort.
 */
static const char *own_words(const struct dm_request *rq, int errnum, enum bp_error_code *code,
			     const char **hint)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if ((meanings[i].op == rq->op || meanings[i].op == OPS) &&
		    meanings[i].errnum == errnum) {
			*code = meanings[i].code;
			*hint = meanings[i].hint;
			return meanings[i].text;
		}
	if (errnum == ENXIO && op_is(rq->op, OP_DEVICE) && rq->op != OP_LOAD) {
		*code = BP_E_NO_DEVICE;
		return "no such mapped device";
	}
	if (rq->op == OP_LOAD) {
		*code = BP_E_TABLE;
		return "the kernel refused the table";
	}
	if (rq->op == OP_RESUME) {
		*code = BP_E_KERNEL;
		return "the kernel refused to resume it";
	}
	return strerrordesc_np(errnum);
}

/* How much a line says of why a request failed. */
static int worth(const struct bp_explanation *e)
{
	if (e->verdict == BP_VERDICT_HARMLESS)
		return 0;
	if (e->vague)
		return 1;
	return e->argument_name ? 3 : 2;
}

/*
 * The line that says most: those behind it often only point back to it ("Error creating metadata
 * object"). Of equal ones the first; of those that name an argument the last, which has it
 * from the table. NULL: none is known, or there is no memory. Free it.
 */
static struct bp_explanation *explain_log(struct bp_ctx *ctx, char *log,
					  const struct bp_table *table)
{
	struct bp_explanation *best = NULL, *e;

	while (*log) {
		char *line = strrchr(log, '\n');
		bool only = !line;

		if (bp_explain_kernel_line(ctx, only ? log : line + 1, table, &e) == 0) {
			if (!best || (worth(best) < 3 && worth(e) >= worth(best))) {
				bp_explanation_free(best);
				best = e;
			} else {
				bp_explanation_free(e);
			}
		}
		if (only)
			break;
		*line = '\0';
	}
	return best;
}

/* "segment 0 (linear): argument 2 (offset_sectors): '-1': ", as far as it is known. */
static void add_place(struct strbuf *s, const struct bp_table *table,
		      const struct bp_explanation *e)
{
	if (e->segment >= 0)
		strbuf_addf(s, "segment %d (%s): ", e->segment,
			    bp_table_get(table, (size_t)e->segment)->target);
	if (e->argument_name && e->argument)
		strbuf_addf(s, "argument %u (%s): ", e->argument, e->argument_name);
	else if (e->argument_name)
		strbuf_addf(s, "%s: ", e->argument_name);
	if (e->value)
		strbuf_addf(s, "'%s': ", e->value);
}

/* Cause, hint, segment and argument of the failure, from a text of the kernel that is known. */
static void tell(struct bp_ctx *ctx, const struct bp_table *table,
		 const struct bp_explanation *e)
{
	struct strbuf place = { 0 };

	add_place(&place, table, e);
	error_set_cause(ctx, "%s%s", strbuf_text(&place), e->rule);
	strbuf_done(&place);
	if (e->expected && !text_says(e->rule, e->expected))
		error_set_hint(ctx, "expected: %s", e->expected);
	if (e->segment >= 0)
		error_set_segment(ctx, e->segment,
				  bp_table_get(table, (size_t)e->segment)->target);
	if (e->argument_name)
		error_set_argument(ctx, e->argument, e->argument_name, e->value);
}

/* The failure that is being explained stays the context's, also where the log can't be. */
void explain_kernel_log(struct bp_ctx *ctx, const struct bp_table *table)
{
	const char *log = bp_error_get(ctx)->kernel_log;
	_cleanup_(freep) char *lines = log ? strdup(log) : NULL;
	struct error_state *saved = lines ? error_save(ctx) : NULL;
	struct bp_explanation *e;

	if (!saved)
		return;
	e = explain_log(ctx, lines, table);
	error_restore(ctx, saved);
	if (e)
		tell(ctx, table, e);
	bp_explanation_free(e);
}

/* Some texts name the fault more exactly than the errno: they decide the code. */
static void code_from_log(struct bp_ctx *ctx)
{
	const char *log = bp_error_get(ctx)->kernel_log;

	for (size_t i = 0; log && i < ARRAY_SIZE(kernel_texts); i++)
		if (strstr(log, kernel_texts[i].text)) {
			error_set_code(ctx, kernel_texts[i].code);
			if (kernel_texts[i].hint)
				error_set_hint(ctx, "%s", kernel_texts[i].hint);
			return;
		}
}

/*
 * Composed once: "verb 'device': why", code, hint, then the lines of the log that the call
 * caused.
 */
int explain(struct bp_ctx *ctx, struct dm *dm, const char *verb, const struct which *which,
	    const struct dm_request *rq, int r, int64_t since_us)
{
	const char *label = which                         ? which->label
			    : rq->op == OP_TARGET_VERSION ? rq->text
							  : NULL;
	enum bp_error_code code = BP_E_NONE;
	const char *hint = NULL;
	const char *text = own_words(rq, -r, &code, &hint);

	if (label)
		bp_fail(ctx, r, "%s '%s': %s", verb, label, text);
	else
		bp_fail(ctx, r, "%s: %s", verb, text);
	if (code)
		error_set_code(ctx, code);
	error_set_verb(ctx, verb);
	error_set_device(ctx, label);
	if (hint)
		error_set_hint(ctx, "%s", hint);
	if (!op_is(rq->op, OP_LOGS) || since_us == INT64_MAX)
		return r;
	kernel_log_attach(ctx, dm, since_us, which ? which->major : 0,
			  which ? which->minor : 0);
	code_from_log(ctx);
	/* The loader of a table says more: it has the table. */
	if (rq->op != OP_LOAD)
		explain_kernel_log(ctx, NULL);
	return r;
}
