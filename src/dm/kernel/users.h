/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two halves of looking for a device's users share: system_holders.c, users.c. */
#ifndef DM_KERNEL_USERS_H
#define DM_KERNEL_USERS_H

#include "dm/kernel/ops_system.h"

#include <sys/types.h>

struct found {
	VEC(struct bp_holder) list;
	char partition[32]; /* of those that are found now; "": the device itself */
	int error;
};

void found_add(struct found *found, const struct bp_holder *holder, const char *name);
/* One line of a small file, without its newline. */
bool read_line(const char *path, char *buf, size_t size);
/* Mounts of the device in one mountinfo: each mount point to @found, as of @pid. */
void find_mounts(struct found *found, const char *path, int32_t pid, dev_t dev);
/* Processes that have it open, and mounts in their namespaces, our own among them. */
void find_processes(struct found *found, dev_t dev);

#endif
