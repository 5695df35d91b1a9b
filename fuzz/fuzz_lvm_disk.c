/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk with any bytes on it: partition tables, labels, metadata areas and their rings. The checksum
 * of a label at its usual place is put right first, or nothing would get past it.
 */
#include "fuzz.h"

#include <bedplate/probe.h>

#include "lvm/label.h"

#include <sys/mman.h>
#include <unistd.h>

#define DISK_BYTES (1u << 20)

static void put_u32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Label in sector 1, header of an area at 4096: as LVM lays them out. */
static void seal(uint8_t *disk)
{
	put_u32(disk + 512 + 16, lvm_crc(disk + 512 + 20, 492));
	put_u32(disk + 4096, lvm_crc(disk + 4096 + 4, 508));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	const char *paths[1];
	struct bp_probe *probe;
	struct bp_ctx *ctx;
	uint8_t *disk;
	char path[64];

	promise(fd >= 0 && ftruncate(fd, DISK_BYTES) == 0 && bp_ctx_new(&ctx) == 0);
	disk = mmap(NULL, DISK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	promise(disk != MAP_FAILED);
	memcpy(disk, data, size < DISK_BYTES ? size : DISK_BYTES);
	seal(disk);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	paths[0] = path;
	if (bp_probe(ctx, paths, 1, NULL, &probe) == 0) {
		for (size_t i = 0; i < bp_probe_count(probe); i++)
			promise(bp_probe_get(probe, i)->kind != 0);
		bp_probe_free(probe);
	}
	bp_ctx_free(ctx);
	munmap(disk, DISK_BYTES);
	close(fd);
	return 0;
}
