/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block devices: what tables are built from. */
#ifndef BEDPLATE_BDEV_H
#define BEDPLATE_BDEV_H

#include <bedplate/units.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_bdev - A block device, as it was when it was looked at.
 * @path: its node, as given or found; "" where it has none. Tables name it by number.
 * @major, @minor: its device number.
 * @size_bytes: its size.
 * @logical_block_bytes: smallest unit of I/O: 512 or 4096, mostly. Never the unit of a table,
 *	which counts 512-byte sectors on every device.
 * @read_only: the device refuses writes.
 *
 * Callers may fill it by hand, to build a table for devices that are not there.
 */
struct bp_bdev {
	char path[256];
	uint32_t major, minor;
	bp_bytes size_bytes;
	uint32_t logical_block_bytes;
	bool read_only;
};

#ifdef __cplusplus
}
#endif

#endif
