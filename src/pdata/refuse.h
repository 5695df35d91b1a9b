/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What it is that lies where a superblock was wanted, by its first bytes. */
#ifndef PDATA_REFUSE_H
#define PDATA_REFUSE_H

#include <bedplate/context.h>

#include <stddef.h>

/* Where the first bytes of @data tell what it is: cause and hint of the error that the context has. */
void superblock_cause(struct bp_ctx *ctx, const void *data);

/* The same as a remark behind a finding: " (something else: compressed by gzip)", or "" where nothing is known. */
const char *superblock_remark(const void *data, char *buf, size_t size);

#endif
