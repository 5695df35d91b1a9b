/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * I/O statistics of mapped devices. The kernel counts in regions, ranges of sectors that
 * somebody asked it to count in; a region is divided into areas of one size, each with its own
 * counters and, if wanted, a histogram of latencies. Any program may make regions on any
 * device; a program id tells whose they are. Regions belong to the device and end with it, and
 * counting costs memory of the kernel and a little time of each request.
 */
#ifndef BEDPLATE_STATS_H
#define BEDPLATE_STATS_H

#include <bedplate/damage.h>
#include <bedplate/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_stats_opts - What to count. Zero in a member is its default.
 * @start_sectors, @length_sectors: the range; length 0: to the end of the device.
 * @area_sectors: size of an area; the last may be smaller. Default: one area.
 * @nr_areas: that many areas instead, of a size that the kernel finds.
 * @precise: count times in nanoseconds; else they are whole milliseconds.
 * @bounds_ns, @nr_bounds: a histogram: rising upper bounds of its bins but the last, which has
 *	none. Whole milliseconds unless @precise. At most 1024.
 * @program_id: whose it is: one word; NULL: nobody's.
 * @aux_data: any text to keep with it, of one line; NULL: none.
 */
struct bp_stats_opts {
	size_t size;
	bp_sector start_sectors, length_sectors, area_sectors;
	uint32_t nr_areas;
	bool precise;
	const uint64_t *bounds_ns;
	size_t nr_bounds;
	const char *program_id, *aux_data;
	int64_t timeout_ms;
};

/**
 * bp_stats_create() - Make a region, all counters zero.
 * @ret_region: its id on this device.
 *
 * Return: 0, -EINVAL (an option that can't be, a range with no sectors; BP_E_USAGE), -ENXIO
 * (BP_E_NO_DEVICE), -ENOMEM (also the kernel's: too many areas), -EOPNOTSUPP (the device does
 * not go through the kernel's own counting: request-based multipath).
 */
BP_API int bp_stats_create(struct bp_ctx *ctx, const struct bp_selector *which,
			   const struct bp_stats_opts *opts, uint32_t *ret_region);

/**
 * bp_stats_delete(), bp_stats_clear() - Remove a region; set its counters to zero, but those of
 * requests on their way.
 *
 * Return: 0, -ENOENT (BP_E_USAGE: the device has no such region), -ENXIO (BP_E_NO_DEVICE).
 */
BP_API int bp_stats_delete(struct bp_ctx *ctx, const struct bp_selector *which, uint32_t region,
			   int64_t timeout_ms);
BP_API int bp_stats_clear(struct bp_ctx *ctx, const struct bp_selector *which, uint32_t region,
			  int64_t timeout_ms);
/**
 * bp_stats_set_aux() - Keep another text with a region; NULL: none.
 *
 * Return: as bp_stats_delete(); -EINVAL (BP_E_USAGE: it can't be kept on one line).
 */
BP_API int bp_stats_set_aux(struct bp_ctx *ctx, const struct bp_selector *which,
			    uint32_t region, const char *aux_data, int64_t timeout_ms);

/**
 * struct bp_stats_region - A region, as the kernel lists it. Texts are lent by the list.
 * @region: its id.
 * @nr_areas: how many areas of @area_sectors it has.
 * @program_id, @aux_data: "" where there is none.
 * @bounds_ns, @nr_bounds: as it was made; nr_bounds 0: it has no histogram.
 */
struct bp_stats_region {
	uint32_t region;
	bp_sector start_sectors, length_sectors, area_sectors;
	uint64_t nr_areas;
	bool precise;
	const char *program_id, *aux_data;
	const uint64_t *bounds_ns;
	size_t nr_bounds;
};

struct bp_stats_list;

/**
 * bp_stats_list() - The regions of a device, in the kernel's order.
 * @program_id: only those that have it; NULL: all.
 * @ret: free it with bp_stats_list_free().
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL (BP_E_FORMAT: an answer that can't be read).
 */
BP_API int bp_stats_list(struct bp_ctx *ctx, const struct bp_selector *which,
			 const char *program_id, struct bp_stats_list **ret);
BP_API size_t bp_stats_list_count(const struct bp_stats_list *list);
/* NULL past the end. Lent. */
BP_API const struct bp_stats_region *bp_stats_list_get(const struct bp_stats_list *list,
						       size_t index);
BP_API void bp_stats_list_free(struct bp_stats_list *list);

/* Of one direction. Merged requests were joined to others before they were sent. */
struct bp_stats_io {
	uint64_t requests, merged, sectors;
	uint64_t busy_ns;  /* during which at least one was on its way */
	uint64_t total_ns; /* of all of them, added up */
};

/**
 * struct bp_stats_area - The counters of an area, since they were last zero.
 * @area: its number in the region, from 0.
 * @in_flight: requests on their way now.
 * @busy_ns: during which any was on its way.
 * @queue_ns: time on the way of all of them, added up while they are there.
 * @bins, @nr_bins: of the histogram: one more than it has bounds, or 0. Lent for the call.
 *
 * Times are whole milliseconds, told in ns, unless the region is precise.
 */
struct bp_stats_area {
	uint64_t area;
	bp_sector start_sectors, length_sectors;
	struct bp_stats_io reads, writes;
	uint64_t in_flight, busy_ns, queue_ns;
	const uint64_t *bins;
	size_t nr_bins;
};

/**
 * struct bp_stats_print_opts - Which areas. Zero in a member is its default.
 * @first_area, @nr_areas: default: all.
 * @clear: set them to zero, in the same moment as they are read; of many areas each few
 * thousand on their own.
 */
struct bp_stats_print_opts {
	size_t size;
	uint64_t first_area, nr_areas;
	bool clear;
	int64_t timeout_ms;
};

/**
 * bp_stats_print() - Read the counters of a region, area by area.
 * @region: of bp_stats_list(): its id and whether it is precise are used.
 * @area: called for each; a result other than 0 ends the walk and is returned.
 *
 * Return: 0, -ENOENT (BP_E_USAGE: no such region), -ENXIO, -EINVAL (BP_E_FORMAT), or what @area
 * returned.
 */
BP_API int bp_stats_print(struct bp_ctx *ctx, const struct bp_selector *which,
			  const struct bp_stats_region *region,
			  const struct bp_stats_print_opts *opts,
			  int (*area)(void *user, const struct bp_stats_area *area),
			  void *user);

/**
 * struct bp_stats_rates - What happened between two looks at an area.
 * @reads_per_ks, @writes_per_ks: requests in 1000 seconds.
 * @read_bytes_per_s, @write_bytes_per_s.
 * @read_wait_ns, @write_wait_ns: mean time of a request; BP_NONE: there were none.
 * @request_bytes: mean size of a request; BP_NONE: there were none.
 * @busy_percent: hundredths of a percent of the time during which any was on its way; at most
 * 10000.
 * @queue_hundredths: requests on their way, on the average, times 100.
 */
struct bp_stats_rates {
	size_t size;
	uint64_t reads_per_ks, writes_per_ks, read_bytes_per_s, write_bytes_per_s;
	uint64_t read_wait_ns, write_wait_ns, request_bytes;
	uint64_t busy_percent, queue_hundredths;
};

/**
 * bp_stats_rates() - Of two looks at the same area, @elapsed_ns apart.
 * @before: NULL: from zero. Counters that fell were cleared between: they are taken from zero.
 * @ret: set its size first.
 *
 * Return: 0, -EINVAL (no time between them).
 */
BP_API int bp_stats_rates(struct bp_ctx *ctx, const struct bp_stats_area *before,
			  const struct bp_stats_area *after, uint64_t elapsed_ns,
			  struct bp_stats_rates *ret);

#ifdef __cplusplus
}
#endif

#endif
