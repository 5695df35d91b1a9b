/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/context.h"
#include "core/hide.h"
#include "core/strbuf.h"
#include "core/vec.h"

#include <bedplate/json.h>

#include <stdio.h>

/* The texts of a struct bp_error, owned. In one place, so that clear and copy can't miss one.
 */
enum text {
	TEXT_MESSAGE,
	TEXT_VERB,
	TEXT_DEVICE,
	TEXT_TARGET,
	TEXT_ARGUMENT_NAME,
	TEXT_VALUE,
	TEXT_CAUSE,
	TEXT_HINT,
	TEXT_KERNEL_LOG,
	TEXTS,
};

struct error_state {
	enum bp_error_code code;
	int errnum, segment;
	unsigned argument;
	char *texts[TEXTS];
};

struct bp_ctx {
	struct error_state error;
	struct bp_error view; /* what bp_error_get() lends: points into error */
	struct strbuf line;   /* what bp_errmsg() lends */
	VEC(char *) warnings;
	bp_log_fn log;
	void *log_user;
	bp_progress_fn progress;
	void *progress_user;
	const char *debug; /* rooms that BEDPLATE_DEBUG names, or NULL */
	struct {
		void *data;
		void (*release)(void *);
	} rooms[CTX_ROOMS];
};

#define CODE_ROW(name, number, meaning, hint) [number] = { #name, meaning, hint },
static const struct {
	const char *name, *meaning, *hint;
} codes[] = { BP_ERROR_CODES(CODE_ROW) };
/* By number: none is left out. */
_Static_assert(ARRAY_SIZE(codes) == NR_ERROR_CODES, "numbers of error codes have a gap");

/* The code that an errno alone suggests. */
static enum bp_error_code code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOMEM:
		return BP_E_NO_MEMORY;
	case EIO:
		return BP_E_IO;
	case ECANCELED:
		return BP_E_CANCELED;
	case ETIMEDOUT:
		return BP_E_TIMEOUT;
	case EPERM:
	case EACCES:
		return BP_E_PERMISSION;
	case EBUSY:
		return BP_E_BUSY;
	case EEXIST:
		return BP_E_EXISTS;
	case ENOSPC:
		return BP_E_NO_SPACE;
	case EBADMSG:
	case EUCLEAN:
		return BP_E_DAMAGED;
	default:
		return BP_E_FAILED;
	}
}

static void error_clear(struct error_state *e)
{
	for (int i = 0; i < TEXTS; i++)
		free(e->texts[i]);
	*e = (struct error_state){ .segment = -1 };
}

int bp_ctx_new(struct bp_ctx **ret)
{
	struct bp_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return -ENOMEM;
	ctx->error.segment = -1;
	ctx->debug = getenv("BEDPLATE_DEBUG");
	*ret = ctx;
	return 0;
}

void bp_ctx_free(struct bp_ctx *ctx)
{
	if (!ctx)
		return;
	for (int i = 0; i < CTX_ROOMS; i++)
		ctx_room_set(ctx, (enum ctx_room)i, NULL, NULL);
	bp_warnings_clear(ctx);
	vec_done(&ctx->warnings);
	error_clear(&ctx->error);
	strbuf_done(&ctx->line);
	free(ctx);
}

const char *bp_version(void)
{
	return BP_VERSION;
}

/* --- failing --- */

/* A name that was given may be a line of a table, pasted into the wrong place. */
static void text_take(struct bp_ctx *ctx, enum text which, char *take_text)
{
	if (take_text && which != TEXT_KERNEL_LOG)
		hide_pasted_keys(take_text);
	free(ctx->error.texts[which]);
	ctx->error.texts[which] = take_text;
}

static void text_set(struct bp_ctx *ctx, enum text which, const char *text)
{
	if (ctx)
		text_take(ctx, which, text ? strdup(text) : NULL);
}

static _printf_(3, 0) void text_setv(struct bp_ctx *ctx, enum text which, const char *fmt,
				     va_list args)
{
	struct strbuf s = { 0 };
	char *text = NULL;

	if (!ctx)
		return;
	strbuf_addv(&s, fmt, args);
	if (strbuf_take(&s, &text) == 0)
		text_take(ctx, which, text);
}

/*
 * A new failure takes the place of the last one with all that was said about it: cause,
 * hint and kernel log belong to one failure only.
 */
int bp_failv(struct bp_ctx *ctx, int r, const char *fmt, va_list args)
{
	if (!ctx)
		return r;
	error_clear(&ctx->error);
	ctx->error.errnum = -r;
	ctx->error.code = code_of_errno(-r);
	text_setv(ctx, TEXT_MESSAGE, fmt, args);
	return r;
}

int(bp_fail)(struct bp_ctx *ctx, int r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	bp_failv(ctx, r, fmt, args);
	va_end(args);
	return r;
}

int(bp_fail_memory)(struct bp_ctx *ctx)
{
	if (ctx) {
		error_clear(&ctx->error);
		ctx->error.errnum = ENOMEM;
		ctx->error.code = BP_E_NO_MEMORY;
	}
	return -ENOMEM;
}

void error_set_code(struct bp_ctx *ctx, enum bp_error_code code)
{
	if (ctx)
		ctx->error.code = code;
}

void error_set_verb(struct bp_ctx *ctx, const char *verb)
{
	text_set(ctx, TEXT_VERB, verb);
}

void error_set_device(struct bp_ctx *ctx, const char *device)
{
	text_set(ctx, TEXT_DEVICE, device);
}

void error_set_segment(struct bp_ctx *ctx, int segment, const char *target)
{
	if (ctx)
		ctx->error.segment = segment;
	text_set(ctx, TEXT_TARGET, target);
}

void error_set_argument(struct bp_ctx *ctx, unsigned number, const char *name,
			const char *value)
{
	if (ctx)
		ctx->error.argument = number;
	text_set(ctx, TEXT_ARGUMENT_NAME, name);
	text_set(ctx, TEXT_VALUE, value);
}

void error_set_cause(struct bp_ctx *ctx, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_setv(ctx, TEXT_CAUSE, fmt, args);
	va_end(args);
}

void error_set_hint(struct bp_ctx *ctx, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_setv(ctx, TEXT_HINT, fmt, args);
	va_end(args);
}

void error_add_kernel_line(struct bp_ctx *ctx, const char *line)
{
	struct strbuf s = { 0 };
	char *text;

	if (!ctx)
		return;
	if (ctx->error.texts[TEXT_KERNEL_LOG])
		strbuf_add(&s, ctx->error.texts[TEXT_KERNEL_LOG]);
	strbuf_addf(&s, "%s\n", line);
	if (strbuf_take(&s, &text) == 0)
		text_take(ctx, TEXT_KERNEL_LOG, text);
}

/*
 * Callers that know more of the place put it in front; where nothing was said there is
 * nothing to complete.
 */
void error_prefix(struct bp_ctx *ctx, const char *fmt, ...)
{
	struct strbuf s = { 0 };
	va_list args;
	char *text;

	if (!ctx || !ctx->error.texts[TEXT_MESSAGE])
		return;
	va_start(args, fmt);
	strbuf_addv(&s, fmt, args);
	va_end(args);
	strbuf_addf(&s, ": %s", ctx->error.texts[TEXT_MESSAGE]);
	if (strbuf_take(&s, &text) == 0)
		text_take(ctx, TEXT_MESSAGE, text);
}

/*
 * For work on the way out, which must not lose why it is done: the context is left without
 * a failure. NULL, and the failure stays, where there is no memory.
 */
struct error_state *error_save(struct bp_ctx *ctx)
{
	struct error_state *state = ctx ? malloc(sizeof(*state)) : NULL;

	if (state) {
		*state = ctx->error;
		ctx->error = (struct error_state){ .segment = -1 };
	}
	return state;
}

void error_state_free(struct error_state *state)
{
	if (state)
		error_clear(state);
	free(state);
}

void error_restore(struct bp_ctx *ctx, struct error_state *take_state)
{
	if (!ctx || !take_state)
		return;
	error_clear(&ctx->error);
	ctx->error = *take_state;
	free(take_state);
}

/* --- what callers see of it --- */

static const char *message(const struct error_state *e)
{
	if (e->texts[TEXT_MESSAGE])
		return e->texts[TEXT_MESSAGE];
	return e->errnum ? strerrordesc_np(e->errnum) : "no error";
}

/* A view into the context: valid until the next failure in it. */
const struct bp_error *bp_error_get(struct bp_ctx *ctx)
{
	const struct error_state *e = &ctx->error;

	ctx->view = (struct bp_error){
		.code = e->code,
		.errnum = e->errnum,
		.message = message(e),
		.verb = e->texts[TEXT_VERB],
		.device = e->texts[TEXT_DEVICE],
		.segment = e->segment,
		.target = e->texts[TEXT_TARGET],
		.argument = e->argument,
		.argument_name = e->texts[TEXT_ARGUMENT_NAME],
		.value = e->texts[TEXT_VALUE],
		.cause = e->texts[TEXT_CAUSE],
		.hint = e->texts[TEXT_HINT],
		.kernel_log = e->texts[TEXT_KERNEL_LOG],
	};
	return &ctx->view;
}

/* Kernel lines joined by "; ": a message is one line. */
static void add_joined(struct strbuf *s, const char *lines)
{
	for (const char *end; (end = strchr(lines, '\n')); lines = end + 1) {
		strbuf_add_len(s, lines, (size_t)(end - lines));
		if (end[1])
			strbuf_add(s, "; ");
	}
}

/*
 * All of a failure in one line, for programs that print only that. Without memory the
 * message alone.
 */
const char *bp_errmsg(struct bp_ctx *ctx)
{
	const struct error_state *e = &ctx->error;
	struct strbuf *s = &ctx->line;

	s->error = 0;
	strbuf_clear(s);
	strbuf_add(s, message(e));
	if (e->texts[TEXT_CAUSE])
		strbuf_addf(s, " (%s)", e->texts[TEXT_CAUSE]);
	if (e->texts[TEXT_KERNEL_LOG]) {
		strbuf_add(s, " [kernel: ");
		add_joined(s, e->texts[TEXT_KERNEL_LOG]);
		strbuf_add(s, "]");
	}
	if (e->texts[TEXT_HINT])
		strbuf_addf(s, "; hint: %s", e->texts[TEXT_HINT]);
	return s->error ? message(e) : strbuf_text(s);
}

static size_t code_index(enum bp_error_code code)
{
	return (size_t)code < ARRAY_SIZE(codes) ? (size_t)code : BP_E_FAILED;
}

const char *bp_error_name(enum bp_error_code code)
{
	return codes[code_index(code)].name;
}

const char *bp_error_meaning(enum bp_error_code code)
{
	return codes[code_index(code)].meaning;
}

const char *bp_error_hint(enum bp_error_code code)
{
	return codes[code_index(code)].hint;
}

static void string_if_any(struct bp_json *json, const char *key, const char *value)
{
	if (value)
		bp_json_string(json, key, value);
}

static void kernel_lines_json(struct bp_json *json, const char *lines)
{
	bp_json_array(json, "kernel_log");
	for (const char *end; lines && (end = strchr(lines, '\n')); lines = end + 1)
		bp_json_string_len(json, NULL, lines, (size_t)(end - lines));
	bp_json_array_close(json);
}

int bp_error_json(struct bp_ctx *ctx, struct bp_json *json, const char *key)
{
	const struct bp_error *e = bp_error_get(ctx);

	bp_json_object(json, key);
	bp_json_string(json, "code", bp_error_name(e->code));
	bp_json_int(json, "errno", e->errnum);
	string_if_any(json, "errno_name", e->errnum ? strerrorname_np(e->errnum) : NULL);
	bp_json_string(json, "message", e->message);
	string_if_any(json, "verb", e->verb);
	string_if_any(json, "device", e->device);
	if (e->segment >= 0)
		bp_json_int(json, "segment", e->segment);
	string_if_any(json, "target", e->target);
	if (e->argument)
		bp_json_uint(json, "argument", e->argument);
	string_if_any(json, "argument_name", e->argument_name);
	string_if_any(json, "value", e->value);
	string_if_any(json, "cause", e->cause);
	string_if_any(json, "hint", e->hint);
	kernel_lines_json(json, e->kernel_log);
	bp_json_object_close(json);
	return 0;
}

/* --- warnings --- */

/* A warning lost for want of memory is no failure: what it warns of was done all the same. */
void bp_warn(struct bp_ctx *ctx, const char *fmt, ...)
{
	struct strbuf s = { 0 };
	va_list args;
	char *text;

	if (!ctx)
		return;
	va_start(args, fmt);
	strbuf_addv(&s, fmt, args);
	va_end(args);
	if (strbuf_take(&s, &text) < 0)
		return;
	if (vec_add(&ctx->warnings, &text) < 0)
		free(text);
}

size_t bp_warnings_count(struct bp_ctx *ctx)
{
	return ctx->warnings.count;
}

const char *bp_warning_get(struct bp_ctx *ctx, size_t index)
{
	return index < ctx->warnings.count ? ctx->warnings.items[index] : NULL;
}

void bp_warnings_clear(struct bp_ctx *ctx)
{
	for (size_t i = 0; i < ctx->warnings.count; i++)
		free(ctx->warnings.items[i]);
	ctx->warnings.count = 0;
}

/* --- debug lines --- */

void bp_ctx_set_progress(struct bp_ctx *ctx, bp_progress_fn progress, void *user)
{
	ctx->progress = progress;
	ctx->progress_user = user;
}

int ctx_progress(struct bp_ctx *ctx, uint64_t done, uint64_t total)
{
	if (!ctx || !ctx->progress || ctx->progress(ctx->progress_user, done, total) == 0)
		return 0;
	return bp_fail(ctx, -ECANCELED, "canceled");
}

void bp_ctx_set_log(struct bp_ctx *ctx, bp_log_fn log, void *user)
{
	ctx->log = log;
	ctx->log_user = user;
}

/* Is @room one of the comma-separated words of @list, or is one of them "all"? */
static bool listed(const char *list, const char *room)
{
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if ((len == strlen(room) && strncmp(list, room, len) == 0) ||
		    (len == 3 && strncmp(list, "all", 3) == 0))
			return true;
	}
	return false;
}

bool log_enabled(struct bp_ctx *ctx, const char *room)
{
	return ctx && (ctx->log || (ctx->debug && listed(ctx->debug, room)));
}

void bp_debug(struct bp_ctx *ctx, const char *room, const char *fmt, ...)
{
	_cleanup_(strbuf_done) struct strbuf s = { 0 };
	va_list args;

	if (!log_enabled(ctx, room))
		return;
	va_start(args, fmt);
	strbuf_addv(&s, fmt, args);
	va_end(args);
	if (ctx->log)
		ctx->log(ctx->log_user, room, strbuf_text(&s));
	else
		fprintf(stderr, "bedplate: %s: %s\n", room, strbuf_text(&s));
}

/* --- rooms --- */

void *ctx_room_get(struct bp_ctx *ctx, enum ctx_room room)
{
	return ctx->rooms[room].data;
}

void ctx_room_set(struct bp_ctx *ctx, enum ctx_room room, void *take_data,
		  void (*release)(void *))
{
	if (ctx->rooms[room].release)
		ctx->rooms[room].release(ctx->rooms[room].data);
	ctx->rooms[room].data = take_data;
	ctx->rooms[room].release = release;
}
