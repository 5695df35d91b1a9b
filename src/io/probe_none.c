/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In place of probe.c where the library is built without libblkid (-Dblkid=disabled). Promises
 * nothing: no signature is recognised and no partition table is read, as if the disk had none. So
 * what lies on a disk is found where it is named (a partition, a file), and what is about to be
 * overwritten is not recognised as somebody's.
 */
#include "io/probe.h"

int probe_signature(int fd, bp_bytes offset, bp_bytes size, struct probe_signature *ret)
{
	(void)fd, (void)offset, (void)size;
	*ret = (struct probe_signature){ 0 };
	return -ENODATA;
}

int probe_each(const char *path, int (*found)(void *user, const char *what), void *user)
{
	(void)path, (void)found, (void)user;
	return 0;
}

int probe_partitions(int fd, struct probe_table *ret)
{
	(void)fd;
	*ret = (struct probe_table){ 0 };
	return 0;
}

void probe_table_done(struct probe_table *table)
{
	vec_done(&table->partitions);
	table->type[0] = '\0';
}
