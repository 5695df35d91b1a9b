/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The context every call works in, and the error that the last call left there. */
#ifndef BEDPLATE_CONTEXT_H
#define BEDPLATE_CONTEXT_H

#include <bedplate/error_codes.h>

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BP_API               __attribute__((visibility("default")))
#define BP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define BP_API
#define BP_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct bp_ctx;
struct bp_json;

/**
 * struct bp_error - The last failure of a context. Read-only; members are only added.
 * @code: what went wrong.
 * @errnum: positive errno, as the failed call returned it with a minus; 0: no error.
 * @message: one line: what, which one, why.
 * @verb: what was being done ("create", "reload", "thin_check"), or NULL.
 * @device: name of the mapped device or path concerned, or NULL.
 * @segment: number of the table segment concerned, from 0; -1: none.
 * @target: that segment's target, or NULL.
 * @argument: number of the argument in it, from 1; 0: none.
 * @argument_name: that argument's name in the grammar, or NULL.
 * @value: the argument as it was given, or NULL.
 * @cause: the deeper reason where one is known (the kernel text explained), or NULL.
 * @hint: what to do, or NULL.
 * @kernel_log: lines of the kernel log that the failed call caused, each ended by a
 *	newline; NULL where there are none or the log can't be read.
 */
struct bp_error {
	enum bp_error_code code;
	int errnum;
	const char *message, *verb, *device;
	int segment;
	const char *target;
	unsigned argument;
	const char *argument_name, *value;
	const char *cause, *hint, *kernel_log;
};

/**
 * bp_ctx_new() - Make a context. Allocates only; the kernel is asked on first need.
 * @ret: the context; free it with bp_ctx_free().
 *
 * A context is for one thread at a time; contexts never meet, so each thread can have
 * one of its own.
 *
 * Return: 0 or -ENOMEM.
 */
BP_API int bp_ctx_new(struct bp_ctx **ret);

/* bp_ctx_free() - Free a context and close what it holds. NULL is allowed. */
BP_API void bp_ctx_free(struct bp_ctx *ctx);

/**
 * bp_errmsg() - The last failure in one line, hint and kernel text included. Never NULL.
 *
 * Lent: valid until the next call that works in this context.
 */
BP_API const char *bp_errmsg(struct bp_ctx *ctx);

/* bp_error_get() - The last failure with all that is known of it. Lent, as bp_errmsg(). */
BP_API const struct bp_error *bp_error_get(struct bp_ctx *ctx);

/* bp_error_name() - "BP_E_POOL_IN_USE" for a code; "BP_E_FAILED" for one not known. */
BP_API const char *bp_error_name(enum bp_error_code code);

/**
 * bp_error_meaning(), bp_error_hint() - What a code means, and what to do where an error has no
 * hint of its own. Static texts; those of BP_E_FAILED for a number that is none.
 */
BP_API const char *bp_error_meaning(enum bp_error_code code);
BP_API const char *bp_error_hint(enum bp_error_code code);

/**
 * bp_error_json() - Write the last failure as a JSON object.
 * @key: the member's name in the enclosing object; NULL in an array or at the top.
 *
 * Return: 0 or the writer's error (see json.h).
 */
BP_API int bp_error_json(struct bp_ctx *ctx, struct bp_json *json, const char *key);

/**
 * bp_warnings_count(), bp_warning_get() - What went not quite right in successful calls
 * (a udev deadline, a deferred removal). Kept until bp_warnings_clear(). The text is lent.
 */
BP_API size_t bp_warnings_count(struct bp_ctx *ctx);
BP_API const char *bp_warning_get(struct bp_ctx *ctx, size_t index);
BP_API void bp_warnings_clear(struct bp_ctx *ctx);

/**
 * typedef bp_log_fn - Takes one debug line, without newline.
 * @room: the part of the library that speaks ("dm", "pdata" ...).
 */
typedef void (*bp_log_fn)(void *user, const char *room, const char *line);

/**
 * bp_ctx_set_log() - Where debug lines go. Default: to stderr for the rooms listed in the
 * environment variable BEDPLATE_DEBUG ("dm,pdata" or "all"), nowhere else.
 * @log: NULL restores the default.
 */
BP_API void bp_ctx_set_log(struct bp_ctx *ctx, bp_log_fn log, void *user);

/**
 * typedef bp_progress_fn - How far something has come: @done of @total, in whatever it counts; at its end @done is
 * @total. A @total of 0 is not known. Where something is done in several steps each begins anew.
 *
 * Return: 0; non-zero asks to stop.
 */
typedef int (*bp_progress_fn)(void *user, uint64_t done, uint64_t total);

/**
 * bp_ctx_set_progress() - Be told of long reading of metadata, whichever call does it.
 * @progress: called now and then, in the thread that called. Where it is not 0 that call ends with -ECANCELED. It
 *	must not use the context. NULL: nobody is told.
 *
 * Where the options of a call have a progress() of their own and it is set, that one counts.
 */
BP_API void bp_ctx_set_progress(struct bp_ctx *ctx, bp_progress_fn progress, void *user);

/* bp_version() - The library's version, "MAJOR.MINOR.PATCH". */
BP_API const char *bp_version(void);

#ifdef __cplusplus
}
#endif

#endif
