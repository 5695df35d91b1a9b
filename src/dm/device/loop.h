/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loop devices on files of ours, found again by their files' inodes. Not promised: who else has
 * put the same file into a loop device.
 */
#ifndef DM_DEVICE_LOOP_H
#define DM_DEVICE_LOOP_H

#include "dm/kernel/engine.h"

/* Errors of these are recorded; @path is what they are about. */

/* The loop device that has this file, the first of several; -ENOENT: none (not recorded). */
int loop_find(struct bp_ctx *ctx, const char *path, int fd, struct dm_loop *ret);
int loop_attach(struct bp_ctx *ctx, const char *path, int fd, struct dm_loop *ret);
/*
 * Let go all loop devices that have the file; -EBUSY (with who holds it) where one still does then.
 */
int loop_detach(struct bp_ctx *ctx, const char *path, int fd, int64_t deadline);

#endif
