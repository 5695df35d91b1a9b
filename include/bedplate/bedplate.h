/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All of libbedplate's public interface. */
#ifndef BEDPLATE_BEDPLATE_H
#define BEDPLATE_BEDPLATE_H

#include <bedplate/bdev.h>
#include <bedplate/cache_check.h>
#include <bedplate/cache_dump.h>
#include <bedplate/cache_meta.h>
#include <bedplate/cache_repair.h>
#include <bedplate/cache_writeback.h>
#include <bedplate/context.h>
#include <bedplate/damage.h>
#include <bedplate/device.h>
#include <bedplate/era_check.h>
#include <bedplate/era_dump.h>
#include <bedplate/era_meta.h>
#include <bedplate/era_repair.h>
#include <bedplate/explain.h>
#include <bedplate/export.h>
#include <bedplate/fault.h>
#include <bedplate/history.h>
#include <bedplate/inspect.h>
#include <bedplate/json.h>
#include <bedplate/metadata_generate.h>
#include <bedplate/output.h>
#include <bedplate/pool.h>
#include <bedplate/probe.h>
#include <bedplate/scope.h>
#include <bedplate/source.h>
#include <bedplate/stack.h>
#include <bedplate/table.h>
#include <bedplate/target_values.h>
#include <bedplate/targets.h>
#include <bedplate/targets_cache.h>
#include <bedplate/targets_crypt.h>
#include <bedplate/targets_raid.h>
#include <bedplate/targets_test.h>
#include <bedplate/thin.h>
#include <bedplate/thin_cells.h>
#include <bedplate/thin_delta.h>
#include <bedplate/thin_dump.h>
#include <bedplate/thin_generate.h>
#include <bedplate/thin_ls.h>
#include <bedplate/thin_migrate.h>
#include <bedplate/thin_pack.h>
#include <bedplate/thin_repair.h>
#include <bedplate/thin_shrink.h>
#include <bedplate/thin_stat.h>
#include <bedplate/thin_trim.h>
#include <bedplate/udev.h>
#include <bedplate/undelete.h>
#include <bedplate/units.h>
#include <bedplate/vdo.h>
#include <bedplate/vdo_device.h>
#include <bedplate/verity.h>

#endif
