/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool that is active, where a command reads metadata: its metadata snapshot stands for it. */
#ifndef COMMANDS_ACTIVE_H
#define COMMANDS_ACTIVE_H

#include "cli/cli.h"

#include <bedplate/bdev.h>
#include <bedplate/source.h>

/* Nodes of the pool's devices, while its metadata snapshot is reserved. metadata "": not active. */
struct active_pool {
	char metadata[sizeof(((struct bp_bdev *)0)->path)];
	char data[sizeof(((struct bp_bdev *)0)->path)];
	bool by_device; /* it was named by its metadata device, or is no pool of LVM */
};

/*
 * Is @text an active pool ("vg/pool", a mapper name, a node; with @devices its metadata device,
 * too)? Then reserve its metadata snapshot, unless there is one, and go on in a child: whatever
 * ends that, its parent releases what it has reserved, and ends as the child did. A snapshot that
 * was there before is used and stays; a warning says so. A file is never an active pool.
 *
 * Return: 0 or an exit status. Call it before any thread is made and anything is printed.
 */
int active_pool_read(struct cli *cli, const char *text, bool devices, struct active_pool *ret);

/*
 * The same for a pool that is open already; the child goes on with it. Where its metadata can't
 * change nothing is reserved, and ret->metadata is "".
 */
struct bp_pool;
int active_pool_hold(struct cli *cli, struct bp_pool *pool, struct active_pool *ret);

/* For verbs that read a source: put that into @opts; *@pool may become another name. */
int active_source(struct cli *cli, struct active_pool *active, const char **pool,
		  struct bp_source_opts *opts);

/* For verbs that open metadata: *@path becomes the device, and *@snap is given. */
int active_metadata(struct cli *cli, struct active_pool *active, const char **path,
		    const char **snap);

#endif
