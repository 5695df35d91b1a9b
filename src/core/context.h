/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the context: failing, warning, debug lines, and what rooms keep in it. */
#ifndef CORE_CONTEXT_H
#define CORE_CONTEXT_H

#include <bedplate/context.h>

#include "core/util.h"

#include <stdarg.h>

#define CODE_ONE_(name, number, meaning, hint) +1
#define NR_ERROR_CODES                         (0 BP_ERROR_CODES(CODE_ONE_))

/*
 * Record why a call fails, and return @r (a negative errno). The first who knows says so;
 * callers above return what they got. Starts a new error: what was known of the last one is
 * gone. A NULL context is allowed and records nothing.
 */
int bp_fail(struct bp_ctx *ctx, int r, const char *fmt, ...) _printf_(3, 4);
int bp_failv(struct bp_ctx *ctx, int r, const char *fmt, va_list args) _printf_(3, 0);
/* -ENOMEM, recorded without allocating. */
int bp_fail_memory(struct bp_ctx *ctx);

/*
 * What these return, said where the compiler and analysers see it: they would else follow the
 * path on which a call that failed has set its result.
 */
#define bp_fail(ctx, r, ...)                                                                   \
	__extension__({                                                                        \
		const int fail_r_ = (r);                                                       \
		(bp_fail)(ctx, fail_r_, __VA_ARGS__);                                          \
		fail_r_;                                                                       \
	})
#define bp_fail_memory(ctx)                                                                    \
	__extension__({                                                                        \
		(bp_fail_memory)(ctx);                                                         \
		-ENOMEM;                                                                       \
	})

/* What more is known of the error just recorded. All texts are copied. */
void error_set_code(struct bp_ctx *ctx, enum bp_error_code code);
void error_set_verb(struct bp_ctx *ctx, const char *verb);
void error_set_device(struct bp_ctx *ctx, const char *device);
void error_set_segment(struct bp_ctx *ctx, int segment, const char *target);
void error_set_argument(struct bp_ctx *ctx, unsigned number, const char *name,
			const char *value);
void error_set_cause(struct bp_ctx *ctx, const char *fmt, ...) _printf_(2, 3);
void error_set_hint(struct bp_ctx *ctx, const char *fmt, ...) _printf_(2, 3);
void error_add_kernel_line(struct bp_ctx *ctx, const char *line);
/* Put @fmt and ": " before the message, where a caller knows which thing it was about. */
void error_prefix(struct bp_ctx *ctx, const char *fmt, ...) _printf_(2, 3);

/*
 * Undo that follows a failure may fail, or succeed and say more: it must not overwrite the
 * first error. Save before, restore after. NULL-safe; a failed save loses the details only.
 */
struct error_state;
struct error_state *error_save(struct bp_ctx *ctx);
void error_restore(struct bp_ctx *ctx, struct error_state *take_state);
void error_state_free(struct error_state *state);

void bp_warn(struct bp_ctx *ctx, const char *fmt, ...) _printf_(2, 3);

/* One debug line of @room; costs one branch where nobody listens. */
bool log_enabled(struct bp_ctx *ctx, const char *room);
void bp_debug(struct bp_ctx *ctx, const char *room, const char *fmt, ...) _printf_(3, 4);

/* For long work without a progress() of its own, in the calling thread: 0 or -ECANCELED. */
int ctx_progress(struct bp_ctx *ctx, uint64_t done, uint64_t total);

/* What a room keeps for the life of a context: a pointer and how to free it. */
enum ctx_room {
	CTX_ROOM_DM,
	CTX_ROOM_TARGETS,
	CTX_ROOM_SOURCES, /* a struct io_resolver */
	CTX_ROOMS,
};
void *ctx_room_get(struct bp_ctx *ctx, enum ctx_room room);
void ctx_room_set(struct bp_ctx *ctx, enum ctx_room room, void *take_data,
		  void (*release)(void *));

#endif
