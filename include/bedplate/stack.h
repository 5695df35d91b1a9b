/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several mapped devices at once: described, made in the order they need, or not at all. */
#ifndef BEDPLATE_STACK_H
#define BEDPLATE_STACK_H

#include <bedplate/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_stack_device - One device of a stack.
 * @name, @uuid: plain; "" for no uuid.
 * @use_minor, @minor: the one it shall have; default: any.
 * @read_only: its table is.
 * @table: NULL: none. Lent.
 */
struct bp_stack_device {
	const char *name, *uuid;
	bool use_minor;
	uint32_t minor;
	bool read_only;
	const struct bp_table *table;
};

struct bp_stack;

/**
 * bp_stack_new() - An empty one. @ret: free it with bp_stack_free(), before @ctx. Return: 0,
 * -ENOMEM.
 */
BP_API int bp_stack_new(struct bp_ctx *ctx, struct bp_stack **ret);
BP_API void bp_stack_free(struct bp_stack *stack);
/* Everything is copied. -EEXIST: a name or uuid is in the stack already. */
BP_API int bp_stack_add(struct bp_stack *stack, const struct bp_stack_device *device);
BP_API size_t bp_stack_count(const struct bp_stack *stack);
BP_API const struct bp_stack_device *bp_stack_get(const struct bp_stack *stack, size_t index);

/**
 * enum bp_stack_read_flags - How to describe devices.
 * @BP_STACK_WITH_MINOR: pin their minor numbers too.
 * @BP_STACK_SHOW_KEYS: with keys of encryption, which are zeros else. A stack without them is
 *	for printing: applied, it gives other data.
 */
enum bp_stack_read_flags {
	BP_STACK_WITH_MINOR = 1 << 0,
	BP_STACK_SHOW_KEYS = 1 << 1,
};

/**
 * bp_stack_read() - Describe existing devices, what lies below first.
 * @which: the devices, @count of them; NULL: all there are.
 * @flags: enum bp_stack_read_flags, or 0.
 * @ret: free it with bp_stack_free().
 *
 * Return: 0, or as bp_device_list() and bp_device_table().
 */
BP_API int bp_stack_read(struct bp_ctx *ctx, const struct bp_selector *which, size_t count,
			 uint32_t flags, struct bp_stack **ret);

/**
 * bp_concise_parse(), bp_concise_format() - A stack in one line:
 *
 *	name,uuid,minor,flags,start length target args[,next segment ...][;next device ...]
 *
 * A backslash takes a comma, semicolon or backslash literally. Minor may be empty; flags is
 * "ro" or "rw", which empty means too; a device without a table has an empty field for it.
 * @ret_text: free() it.
 *
 * Return: 0, -EINVAL (BP_E_FORMAT; BP_E_TABLE: the message says which device and field).
 */
BP_API int bp_concise_parse(struct bp_ctx *ctx, const char *text, struct bp_stack **ret);
BP_API int bp_concise_format(struct bp_ctx *ctx, const struct bp_stack *stack, char **ret_text);

/**
 * bp_stack_apply() - Create all devices of a stack, those below first, or none.
 * @opts: for each of them (uuid and number are the device's own); NULL for the defaults.
 *
 * Tables may name devices of the stack by their nodes (/dev/mapper/NAME).
 * Return: 0, -ELOOP (they lie on one another in a circle), or as bp_device_create().
 */
BP_API int bp_stack_apply(struct bp_ctx *ctx, const struct bp_stack *stack,
			  const struct bp_create_opts *opts);

#ifdef __cplusplus
}
#endif

#endif
