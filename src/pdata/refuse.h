/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What it is that lies where a superblock was wanted, by what that begins with. */
#ifndef PDATA_REFUSE_H
#define PDATA_REFUSE_H

#include <bedplate/context.h>

#include "io/io.h"

#include <stddef.h>

/* Where @data, a block, tells what it is: cause and hint of the error that the context has. */
void superblock_cause(struct bp_ctx *ctx, const void *data);

/* The same of block 0 of @io, where that can be read. */
void superblock_cause_of(struct bp_ctx *ctx, struct io *io);

/* As a warning, where nothing has failed. */
void superblock_warn(struct bp_ctx *ctx, struct io *io);

/* The same as a remark behind a finding: " (something else: compressed by gzip)", or "" where nothing is known. */
const char *superblock_remark(const void *data, char *buf, size_t size);

#endif
