/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libblkid makes of a stretch of a file or device: the signature on it, and its partitions.
 * The only place that uses libblkid. Only reads.
 */
#ifndef IO_PROBE_H
#define IO_PROBE_H

#include "core/vec.h"

#include <bedplate/units.h>

struct probe_signature {
	char type[40];  /* "ext4", "LVM2_member", "vdo", "crypto_LUKS" ...; "" none */
	char usage[24]; /* "filesystem", "raid", "crypto", "other" */
	char label[128], uuid[64];
};

/*
 * The signature in @size bytes at @offset of an open file or device. 0, -ENODATA (none), -EILSEQ
 * (several that contradict each other), -EIO, -ENOMEM.
 */
int probe_signature(int fd, bp_bytes offset, bp_bytes size, struct probe_signature *ret);

/*
 * Call @found for each signature on a file or device, and its partition table: "ext4", "partition
 * table dos" ... All that would be lost if it were overwritten. 0, what @found returned to stop
 * it, -EIO, -ENOMEM, or why it can't be opened.
 */
int probe_each(const char *path, int (*found)(void *user, const char *what), void *user);

struct probe_partition {
	int number;
	bp_bytes offset, size;
	char type[40]; /* of the partition, as its table has it: "0x8e", a GUID */
};

struct probe_table {
	char type[16]; /* "gpt", "dos" ...; "" none */
	VEC(struct probe_partition) partitions;
};

/*
 * The partition table of a whole disk, with logical sectors of 512 bytes, or 4096 where that shows
 * more. 0 (with type "" and no partitions where there is no table), -EIO, -ENOMEM.
 */
int probe_partitions(int fd, struct probe_table *ret);
void probe_table_done(struct probe_table *table);

#endif
