/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All mapped devices in numbers, for monitoring. */
#ifndef BEDPLATE_METRICS_H
#define BEDPLATE_METRICS_H

#include <bedplate/device.h>
#include <bedplate/json.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_device_io - What went through a device since it was made, as the kernel counts it.
 * Members are only added.
 * @reads, @writes, @discards, @flushes: finished requests. @flushes is 0 before Linux 5.5.
 * @read_bytes, @write_bytes, @discard_bytes: what they moved.
 * @read_ms, @write_ms: time that they took, all added up.
 * @in_flight: requests begun and not finished.
 * @busy_ms: time in which there was any.
 */
struct bp_device_io {
	uint64_t reads, writes, discards, flushes;
	bp_bytes read_bytes, write_bytes, discard_bytes;
	uint64_t read_ms, write_ms;
	uint64_t in_flight, busy_ms;
};

/**
 * bp_device_io() - Read them (from sysfs; no ioctl).
 * Return: 0; -ENOENT: no such device, or no sysfs.
 */
BP_API int bp_device_io(struct bp_ctx *ctx, const struct bp_devno *dev,
			struct bp_device_io *ret);

/**
 * struct bp_metrics_opts - Which devices. Zero in a member is its default.
 * @size: sizeof(struct bp_metrics_opts). Members are only added at the end.
 * @names, @nr_names: these, by plain name, each once however often it is given; none: all
 *	there are.
 */
struct bp_metrics_opts {
	size_t size;
	const char *const *names;
	size_t nr_names;
};

/**
 * bp_metrics() - Write the numbers of devices as OpenMetrics text (the format of
 * openmetrics.io, version 1.0, which Prometheus reads).
 * @opts: NULL for the defaults.
 * @write: gets the text in one piece or several; non-zero ends it and is returned.
 *
 * Families are named bedplate_device_* (state and I/O of every device, with "device" as label) and
 * bedplate_TARGET_FIELD (fields of a target's status as docs/targets names them, with "device" and
 * "segment", the number of the segment from 0). A dash in the target's name becomes "_". Sizes in
 * sectors and in blocks of 4096 bytes are told in bytes. A field with words is a state set, a
 * letter for each leg is told as how many legs have each letter. No status is flushed: the numbers
 * are those of the target's last commit. A byte of a name that is not UTF-8 is told as \xHH.
 *
 * A device that goes away meanwhile is left out, unless it was named.
 *
 * Return: 0; -ENXIO: no device of that name; else as bp_device_status().
 */
BP_API int bp_metrics(struct bp_ctx *ctx, const struct bp_metrics_opts *opts, bp_write_fn write,
		      void *user);

#ifdef __cplusplus
}
#endif

#endif
