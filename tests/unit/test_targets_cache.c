/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The targets of <bedplate/targets_cache.h>: what lines of real kernels mean, what structs are
 * written as, messages, and what pre-flight finds.
 */
#include "lines.h"
#include "params.h"

/* clang-format off */
static const struct line_values tables[] = {
	{ "0 20480 snapshot-origin 7:0", "dev=7:0" },
	{ "0 20480 snapshot 7:0 7:1 P 16",
	  "origin_dev=7:0 cow_dev=7:1 store=P chunk_sectors=16 discard_zeroes_cow=false discard_passdown_origin=false" },
	{ "0 20480 snapshot 7:0 7:1 po 16", "store=PO" },
	{ "0 20480 snapshot 7:0 7:1 Nxyz 16", "store=N" },
	{ "0 20480 snapshot 7:0 7:2 P +16", "chunk_sectors=16" },
	{ "0 20480 snapshot 7:0 7:1 P 16 0 trailing words", "store=P chunk_sectors=16" },
	{ "0 20480 snapshot 7:0 7:1 P 512 2 discard_passdown_origin discard_zeroes_cow",
	  "discard_zeroes_cow=true discard_passdown_origin=true" },
	{ "0 20480 snapshot-merge 7:0 7:1 P 16", "origin_dev=7:0 cow_dev=7:1 store=P chunk_sectors=16" },
	{ "0 204800 cache 7:1 7:2 7:0 512 0 default 0",
	  "metadata_dev=7:1 cache_dev=7:2 origin_dev=7:0 block_sectors=512 io_mode= metadata2=false "
	  "no_discard_passdown=false policy=default migration_threshold_sectors= policy_args=" },
	{ "0 204800 cache 7:1 7:2 7:0 512 3 NO_DISCARD_PASSDOWN metadata2 WriteBack smq 0",
	  "io_mode=writeback metadata2=true no_discard_passdown=true policy=smq" },
	{ "0 204800 cache 7:1 7:2 7:0 512 1 passthrough smq 2 MIGRATION_THRESHOLD 10",
	  "io_mode=passthrough migration_threshold_sectors=10" },
	{ "0 204800 cache 7:1 7:2 7:0 512 1 writeback mq 4 sequential_threshold 1024 random_threshold 8",
	  "policy=mq policy_args.0.key=sequential_threshold policy_args.0.value=1024 "
	  "policy_args.1.key=random_threshold policy_args.1.value=8 migration_threshold_sectors=" },
	{ "0 204800 era 7:5 7:0 128", "metadata_dev=7:5 origin_dev=7:0 block_sectors=128" },
	{ "0 20480 writecache s 7:9 7:10 4096 0",
	  "kind=s origin_dev=7:9 cache_dev=7:10 block_bytes=4096 start_sector= high_watermark_percent= "
	  "autocommit_time_ms= cleaner=false fua= metadata_only=false pause_writeback_ms=" },
	{ "0 20480 writecache s 7:9 7:10 4096 18 start_sector 8 high_watermark 100 low_watermark 0 writeback_jobs 1 "
	  "autocommit_blocks 2 autocommit_time 3600000 max_age 86400000 cleaner metadata_only pause_writeback 60000",
	  "start_sector=8 high_watermark_percent=100 low_watermark_percent=0 writeback_jobs=1 autocommit_blocks=2 "
	  "autocommit_time_ms=3600000 max_age_ms=86400000 cleaner=true metadata_only=true pause_writeback_ms=60000" },
	{ "0 20480 writecache P 7:9 /dev/pmem0 4096 3 nofua high_watermark 55", "kind=p fua=nofua high_watermark_percent=55" },
	{ "0 20480 clone 7:6 7:7 7:8 8",
	  "metadata_dev=7:6 dest_dev=7:7 source_dev=7:8 region_sectors=8 no_hydration=false "
	  "hydration_threshold_regions= hydration_batch_size_regions=" },
	{ "0 20480 clone 7:6 7:7 7:8 16 1 no_hydration 2 hydration_batch_size 7",
	  "no_hydration=true no_discard_passdown=false hydration_threshold_regions= hydration_batch_size_regions=7" },
	{ "0 20480 clone 7:6 7:7 7:8 16 0 0 junk", "region_sectors=16 no_hydration=false" },
	{ "0 204800 pcache /dev/pmem0 7:9", "cache_dev=/dev/pmem0 backing_dev=7:9 cache_mode= data_crc=" },
	{ "0 204800 pcache /dev/pmem0 7:9 4 data_crc true cache_mode writeback", "cache_mode=writeback data_crc=true" },
	{ "0 2097152 vdo V4 /dev/loop0 1310720 4096 32768 16380",
	  "table_version=V4 storage_dev=/dev/loop0 physical_mblocks=1310720 minimum_io_bytes=4096 "
	  "block_map_cache_mblocks=32768 block_map_era=16380 ack= compression= deduplication= write_policy=" },
	{ "0 4194304 vdo V4 7:0 1310720 4096 32768 16380 maxDiscard 1500 ack 1 bio 2 bioRotationInterval 64 cpu 1 hash 1 "
	  "logical 1 physical 1 deduplication off compression on indexMemory 0.25 slabSize 8192",
	  "max_discard_mblocks=1500 ack=1 bio=2 bio_rotation_interval=64 cpu=1 hash=1 logical=1 physical=1 "
	  "deduplication=off compression=on index_memory_gib=0.25 slab_mblocks=8192" },
	{ "0 4194304 vdo V4 7:0 1310720 512 32768 16380 unknownThread 3",
	  "minimum_io_bytes=512 unknown.0.key=unknownThread unknown.0.value=3" },
	{ "0 4194304 vdo V3 7:0 1310720 4096 32768 16380 async", "table_version=V3 write_policy=async pool_name=" },
	{ "0 4194304 vdo V2 7:0 1310720 4096 32768 16380 on async poolname maxDiscard 10",
	  "table_version=V2 md_raid5=on write_policy=async pool_name=poolname max_discard_mblocks=10" },
	{ "0 4194304 vdo V1 7:0 1310720 4096 off 0 32768 16380 on async poolname .",
	  "table_version=V1 physical_mblocks=1310720 read_cache=off read_cache_blocks=0 block_map_cache_mblocks=32768 threads=." },
	{ "0 4194304 vdo 7:0 4096 off 0 32768 16380 on async poolname .",
	  "storage_dev=7:0 minimum_io_bytes=4096 block_map_era=16380 md_raid5=on pool_name=poolname threads=." },
};

static const struct status_values statuses[] = {
	{ "snapshot", "32/4096 32", "used_sectors=32 total_sectors=4096 metadata_sectors=32" },
	{ "snapshot", "0/4096 0", "used_sectors=0 metadata_sectors=0" },
	{ "snapshot", "Invalid", "state=Invalid" },
	{ "snapshot", "Overflow", "state=Overflow" },
	{ "snapshot-merge", "Merge failed", "state=Merge_failed" },
	{ "snapshot-merge", "32/4096 32", "used_sectors=32 total_sectors=4096 metadata_sectors=32" },
	{ "cache", "8 7/1024 512 1/64 117 11 3 64 4 5 6 1 writeback 2 migration_threshold 4096 smq 0 rw - ",
	  "metadata_block_sectors=8 used_metadata_blocks=7 total_metadata_blocks=1024 block_sectors=512 used_dblocks=1 "
	  "total_dblocks=64 read_hits=117 read_misses=11 write_hits=3 write_misses=64 demotions=4 promotions=5 "
	  "dirty_dblocks=6 metadata2=false io_mode=writeback no_discard_passdown=false migration_threshold_sectors=4096 "
	  "policy=smq policy_args= access=rw needs_check=false" },
	{ "cache", "8 7/1024 512 0/64 0 0 0 0 0 0 0 1 writeback 2 migration_threshold 2048 mq 10 random_threshold 0 "
	  "sequential_threshold 0 discard_promote_adjustment 0 read_promote_adjustment 0 write_promote_adjustment 0 rw - ",
	  "policy=mq policy_args.0.key=random_threshold policy_args.4.value=0" },
	{ "cache", "8 9/1024 512 0/64 0 0 0 0 0 0 0 3 metadata2 passthrough no_discard_passdown 2 migration_threshold 2048 smq 0 ro needs_check ",
	  "metadata2=true io_mode=passthrough no_discard_passdown=true access=ro needs_check=true" },
	{ "cache", "8 7/1024 512 0/64 0 0 0 0 0 0 0 1 writeback 4 migration_threshold 2048 new_knob 7 smq 0 rw - more",
	  "migration_threshold_sectors=2048 core_args.0.key=new_knob core_args.0.value=7 policy=smq extra=more" },
	{ "cache", "Fail", "state=Fail" },
	{ "cache", "Error", "state=Error" },
	{ "era", "8 10/1024 1 -",
	  "metadata_block_sectors=8 used_metadata_blocks=10 total_metadata_blocks=1024 current_era=1 held_root_mblock=" },
	{ "era", "8 13/1024 3 36", "current_era=3 held_root_mblock=36" },
	{ "era", "Error", "state=Error" },
	{ "writecache", "0 1020 956 1 2 3 4 5 6 7 8 9 10 11",
	  "error=0 total_blocks=1020 free_blocks=956 writeback_blocks=1 counters.reads=2 counters.read_hits=3 counters.writes=4 "
	  "counters.write_hits_uncommitted=5 counters.write_hits_committed=6 counters.writes_around=7 "
	  "counters.writes_allocate=8 counters.writes_blocked=9 counters.flushes=10 counters.discards=11" },
	{ "writecache", "-5 1020 956 0", "error=-5 free_blocks=956 counters= counters.reads=" },
	{ "clone", "8 6/1024 16 1063/1280 1 0 4 hydration_threshold 10 hydration_batch_size 2 rw",
	  "metadata_block_sectors=8 used_metadata_blocks=6 total_metadata_blocks=1024 region_sectors=16 hydrated_regions=1063 "
	  "total_regions=1280 hydrating_regions=1 no_hydration=false hydration_threshold_regions=10 "
	  "hydration_batch_size_regions=2 mode=rw" },
	{ "clone", "8 6/1024 16 0/1280 0 2 no_hydration no_discard_passdown 4 hydration_threshold 1 hydration_batch_size 1 ro",
	  "no_hydration=true no_discard_passdown=true mode=ro" },
	{ "clone", "Fail", "state=Fail" },
	{ "clone", "Error", "state=Error" },
	{ "pcache", "0 31 31 2 70 1183 0:2584 1:7 2:8",
	  "superblock_flags=0 segments=31 cache_segments=31 used_segments=2 gc_percent=70 flags=1183 head.segment=0 "
	  "head.offset_bytes=2584 dirty_tail.segment=1 dirty_tail.offset_bytes=7 tail.segment=2 tail.offset_bytes=8" },
	{ "vdo", "/dev/loop0 normal - opening offline 729202 1310720",
	  "dev=/dev/loop0 mode=normal recovering=false index=opening compression=offline used_mblocks=729202 total_mblocks=1310720" },
	{ "vdo", "/dev/loop0 read-only recovering error online 1 2",
	  "mode=read-only recovering=true index=error compression=online" },
};

static const struct message_case messages[] = {
	{ "cache", "migration_threshold 4096", 0, "migration_threshold 4096" },
	{ "cache", "migration_threshold x", EINVAL, "argument 1 (migration_threshold_sectors): 'x' is not a number" },
	{ "cache", "nosuch 1", ENOENT, "takes no message 'nosuch'" },
	{ "cache", "invalidate_cblocks", 0, "invalidate_cblocks" },
	{ "cache", "invalidate_cblocks 0-10 12 14-15", 0, "invalidate_cblocks 0-10 12 14-15" },
	{ "cache", "invalidate_cblocks abc", EINVAL, "(ranges.0.begin_dblock): 'abc' is not a number" },
	{ "era", "checkpoint", 0, "checkpoint" },
	{ "era", "take_metadata_snap", 0, "take_metadata_snap" },
	{ "era", "drop_metadata_snap", 0, "drop_metadata_snap" },
	{ "era", "checkpoint now", EINVAL, "'now' is one word too many" },
	{ "writecache", "flush", 0, "flush" },
	{ "writecache", "flush_on_suspend", 0, "flush_on_suspend" },
	{ "writecache", "cleaner", 0, "cleaner" },
	{ "writecache", "clear_stats", 0, "clear_stats" },
	{ "writecache", "flush now", EINVAL, "'now' is one word too many" },
	{ "clone", "enable_hydration", 0, "enable_hydration" },
	{ "clone", "disable_hydration", 0, "disable_hydration" },
	{ "clone", "hydration_threshold 64", 0, "hydration_threshold 64" },
	{ "clone", "hydration_batch_size 128", 0, "hydration_batch_size 128" },
	{ "clone", "hydration_threshold x", EINVAL, "'x' is not a number" },
	{ "pcache", "gc_percent 80", 0, "gc_percent 80" },
	{ "pcache", "gc_percent 91", ERANGE, "'91' is not 0 to 90" },
	{ "vdo", "stats", 0, "stats" },
	{ "vdo", "config", 0, "config" },
	{ "vdo", "compression on", 0, "compression on" },
	{ "vdo", "compression maybe", EINVAL, "'maybe' is none of its words" },
	{ "vdo", "index-close", 0, "index-close" },
	{ "vdo", "dump", 0, "dump" },
	{ "vdo", "dump viopool vdo", 0, "dump viopool vdo" },
	{ "vdo", "dump VIOPOOL", 0, "dump viopool" },
	{ "vdo", "dump nosuch", EINVAL, "argument 1 (parts.0.part): 'nosuch' is none of its words" },
	{ "vdo", "dump-on-shutdown", 0, "dump-on-shutdown" },
	{ "vdo", "bogus", ENOENT, "takes no message 'bogus'" },
};

static const struct finding_case findings[] = {
	/* snapshot */
	{ "0 20480 snapshot-origin 8:16", 0, 0, NULL, NULL },
	{ "0 9999999 snapshot-origin 8:16", 0, BP_SEVERITY_REFUSED, "dev", "too small" },
	{ "0 20480 snapshot 8:16 8:32 P 16", 0, 0, NULL, NULL },
	{ "0 20480 snapshot 8:16 8:32 P 0", 0, 0, NULL, NULL },
	{ "0 20480 snapshot 8:16 8:32 N 0", 0, BP_SEVERITY_REFUSED, "chunk_sectors", "no header" },
	{ "0 20480 snapshot 8:16 8:32 P 12", 0, BP_SEVERITY_REFUSED, "chunk_sectors", "power of two" },
	{ "0 20480 snapshot 8:16 8:32 P 4194304", 0, BP_SEVERITY_REFUSED, "chunk_sectors", "0 to 2097152" },
	{ "0 20480 snapshot 8:16 8:48 P 4", 0, BP_SEVERITY_REFUSED, "chunk_sectors", "logical blocks of 8:48, 8 sectors" },
	{ "0 20480 snapshot 8:16 /dev/sdb P 16", 0, BP_SEVERITY_REFUSED, "cow_dev", "the origin as well" },
	{ "0 20480 snapshot 8:16 8:32 P 16 1 discard_passdown_origin", 0x0601, BP_SEVERITY_REFUSED, "discard_passdown_origin", "needs discard_zeroes_cow" },
	{ "0 20480 snapshot 8:16 8:32 P 16 1 discard_zeroes_cow", 0x060c, 0, NULL, NULL },
	{ "0 20480 snapshot 8:16 8:32 P 16 1 discard_zeroes_cow", 0x0702, BP_SEVERITY_CRASH, "chunk_sectors", "divides by zero" },
	{ "0 20480 snapshot 8:16 8:32 P 16 1 discard_zeroes_cow", 0, BP_SEVERITY_CRASH, "chunk_sectors", "divides by zero" },
	{ "0 20480 snapshot 8:16 8:32 P 512 1 discard_zeroes_cow", 0x0702, 0, NULL, NULL },
	{ "0 20480 snapshot-merge 8:16 8:32 N 16", 0x0601, BP_SEVERITY_CRASH, "store", "6.1 crashes" },
	{ "0 20480 snapshot-merge 8:16 8:32 N 16", 0x060c, BP_SEVERITY_REFUSED, "store", "can't be merged" },
	/* cache */
	{ "0 204800 cache 8:32 259:0 8:16 512 1 writeback default 0", 0, 0, NULL, NULL },
	{ "0 204800 cache 8:32 259:0 8:16 96 0 smq 0", 0, BP_SEVERITY_REFUSED, "block_sectors", "a multiple of 64" },
	{ "0 204800 cache 8:32 259:0 8:16 32 0 smq 0", 0, BP_SEVERITY_REFUSED, "block_sectors", "64 to 2097152" },
	{ "0 204800 cache 8:32 259:0 8:16 262144 0 smq 0", 0, BP_SEVERITY_REFUSED, "block_sectors", "larger than the cache device" },
	{ "0 9999999 cache 8:32 259:0 8:16 512 0 smq 0", 0, BP_SEVERITY_REFUSED, "origin_dev", "too small" },
	{ "0 204800 cache 8:32 259:0 8:16 512 0 nosuch 0", 0, BP_SEVERITY_REFUSED, "policy", "no such policy" },
	{ "0 204800 cache 8:32 259:0 8:16 512 0 smq 2 mq_hit_threshold 5", 0, BP_SEVERITY_REFUSED, "policy_args.0.key", "knows no 'mq_hit_threshold'" },
	{ "0 204800 cache 8:32 259:0 8:16 512 0 mq 2 random_threshold 5", 0, BP_SEVERITY_WARNING, "policy_args.0.value", "ignores" },
	{ "0 204800 cache 8:32 259:0 8:16 512 0 mq 2 random_threshold x", 0, BP_SEVERITY_REFUSED, "policy_args.0.value", "not a number" },
	{ "0 204800 cache 8:32 8:16 8:16 512 0 smq 0", 0, BP_SEVERITY_WARNING, "origin_dev", "it is cache_dev as well" },
	/* era */
	{ "0 204800 era 8:32 8:16 24", 0, 0, NULL, NULL },
	{ "0 204800 era 8:32 8:16 12", 0, BP_SEVERITY_REFUSED, "block_sectors", "a multiple of 8" },
	{ "0 204800 era 8:32 8:16 0", 0, BP_SEVERITY_REFUSED, "block_sectors", "8 to 4294967295" },
	/* writecache */
	{ "0 20480 writecache s 8:16 8:32 4096 0", 0, 0, NULL, NULL },
	{ "0 20480 writecache s 8:16 8:32 1000 0", 0, BP_SEVERITY_REFUSED, "block_bytes", "power of two" },
	{ "0 20480 writecache s 8:16 8:32 8192 0", 0, BP_SEVERITY_REFUSED, "block_bytes", "larger than a page" },
	{ "0 20480 writecache s 8:48 8:32 512 0", 0, BP_SEVERITY_REFUSED, "block_bytes", "logical blocks of 8:48, 4096 bytes" },
	{ "0 20480 writecache s 8:16 8:32 4096 1 fua", 0, BP_SEVERITY_REFUSED, "fua", "only for persistent memory" },
	{ "0 20480 writecache p 8:16 259:0 4096 2 pause_writeback 100", 0, BP_SEVERITY_REFUSED, "pause_writeback_ms", "only for an SSD" },
	{ "0 20480 writecache s 8:16 8:32 4096 2 high_watermark 101", 0, BP_SEVERITY_REFUSED, "high_watermark_percent", "0 to 100" },
	{ "0 20480 writecache s 8:16 8:32 4096 4 high_watermark 10 low_watermark 20", 0, BP_SEVERITY_REFUSED, "low_watermark_percent", "the high one only 10" },
	{ "0 20480 writecache s 8:16 8:32 4096 2 high_watermark 40", 0, BP_SEVERITY_REFUSED, "high_watermark_percent", "low watermark is 45" },
	{ "0 20480 writecache s 8:16 8:32 4096 2 start_sector 99999999", 0, BP_SEVERITY_REFUSED, "start_sector", "behind the end" },
	{ "0 20480 writecache s 8:16 8:32 4096 2 start_sector 6291448", 0, BP_SEVERITY_REFUSED, "cache_dev", "8192 bytes are needed" },
	{ "0 20480 writecache p 8:16 259:0 4096 0", 0x0702, 0, NULL, NULL },
	{ "0 20480 writecache p 8:16 8:32 4096 0", 0x0702, BP_SEVERITY_CRASH, "cache_dev", "7.2 crashes" },
	{ "0 20480 writecache p 8:16 8:32 4096 0", 0x060c, BP_SEVERITY_REFUSED, "cache_dev", "no DAX" },
	{ "0 20480 writecache p 8:16 254:0 4096 0", 0, BP_SEVERITY_UNKNOWN, "cache_dev", "not found out" },
	/* clone */
	{ "0 20480 clone 259:0 8:16 8:32 8", 0, 0, NULL, NULL },
	{ "0 20480 clone 259:0 8:16 8:32 12", 0, BP_SEVERITY_REFUSED, "region_sectors", "power of two" },
	{ "0 20480 clone 259:0 8:16 8:32 4", 0, BP_SEVERITY_REFUSED, "region_sectors", "8 to 2097152" },
	{ "0 9999999 clone 259:0 8:16 8:32 8", 0, BP_SEVERITY_REFUSED, "dest_dev", "too small" },
	{ "0 9999999 clone 259:0 8:16 8:32 8", 0, BP_SEVERITY_REFUSED, "source_dev", "too small" },
	{ "0 17179869192 clone 259:0 8:16 8:32 8", 0, BP_SEVERITY_REFUSED, "region_sectors", "more than 2147483648 regions" },
	{ "0 20480 clone 259:0 8:16 /dev/sdb 8", 0, BP_SEVERITY_WARNING, "source_dev", "it is dest_dev as well" },
	/* pcache */
	{ "0 20480 pcache 259:0 8:16 2 data_crc true", 0, 0, NULL, NULL },
	{ "0 9999999 pcache 259:0 8:16", 0, BP_SEVERITY_REFUSED, "backing_dev", "too small" },
	/* vdo */
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380", 0, 0, NULL, NULL },
	{ "0 2097153 vdo V4 8:16 262144 4096 32768 16380", 0, BP_SEVERITY_REFUSED, "length", "whole blocks" },
	{ "0 8796093022216 vdo V4 8:16 262144 4096 32768 16380", 0x0702, BP_SEVERITY_REFUSED, "length", "4 PiB" },
	{ "0 8796093022216 vdo V4 8:16 262144 4096 32768 16380", 0x060c, 0, NULL, NULL },
	{ "0 2097152 vdo V4 8:16 262145 4096 32768 16380", 0, BP_SEVERITY_REFUSED, "storage_dev", "too small" },
	{ "0 2097152 vdo V4 8:16 262144 1024 32768 16380", 0, BP_SEVERITY_REFUSED, "minimum_io_bytes", "512 or 4096" },
	{ "0 2097152 vdo V4 8:16 262144 4096 127 16380", 0, BP_SEVERITY_WARNING, "block_map_cache_mblocks", "documented minimum" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16381", 0, BP_SEVERITY_WARNING, "block_map_era", "documented maximum" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 0", 0, BP_SEVERITY_REFUSED, "block_map_era", "'0'" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 logical 1", 0, BP_SEVERITY_REFUSED, "logical", "all be 0, or none" },
	{ "0 2097152 vdo V4 8:16 262144 4096 4096 16380 logical 2 physical 1 hash 1", 0, BP_SEVERITY_REFUSED, "block_map_cache_mblocks", "2 logical zones need 4096 blocks each" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 bio 0", 0, BP_SEVERITY_REFUSED, "bio", "1 to 100" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 bioRotationInterval 1025", 0, BP_SEVERITY_REFUSED, "bio_rotation_interval", "1 to 1024" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 maxDiscard 0", 0, BP_SEVERITY_REFUSED, "max_discard_mblocks", "1 to 1048575" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 bogus 1", 0, BP_SEVERITY_WARNING, "unknown.0.key", "no option 'bogus'" },
	{ "0 2097152 vdo V4 8:16 18446744073709551615 4096 32768 16380", 0, BP_SEVERITY_REFUSED, "physical_mblocks", "larger than any device" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 bogus x", 0, BP_SEVERITY_REFUSED, "unknown.0.key", "no option 'bogus'" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 indexMemory 0.3", 0x0702, BP_SEVERITY_REFUSED, "index_memory_gib", "out of range" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 indexMemory 0.25", 0x0702, 0, NULL, NULL },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 indexMemory 0.25", 0x060c, BP_SEVERITY_REFUSED, "index_memory_gib", "has no 'indexMemory'" },
	{ "0 2097152 vdo V4 8:16 262144 4096 32768 16380 slabSize 10000", 0x0702, BP_SEVERITY_REFUSED, "slab_mblocks", "power of two" },
};

/* Beside a live volume of V4 8:16 131072 4096 32768 16380, 2097152 sectors long. */
static const struct finding_case beside_vdo[] = {
	{ "0 4194304 vdo V4 8:16 262144 4096 32768 16380 maxDiscard 100 compression on deduplication off", 0, 0, NULL, NULL },
	{ "0 2097152 vdo V4 /dev/sdb 131072 4096 32768 16380 ack 1 bio 4", 0, 0, NULL, NULL },
	{ "0 1048576 vdo V4 8:16 131072 4096 32768 16380", 0, BP_SEVERITY_REFUSED, "length", "can't shrink" },
	{ "0 2097152 vdo V4 8:16 131071 4096 32768 16380", 0, BP_SEVERITY_REFUSED, "physical_mblocks", "can't shrink" },
	{ "0 2097152 vdo V4 8:32 131072 4096 32768 16380", 0, BP_SEVERITY_REFUSED, "storage_dev", "keeps its storage" },
	{ "0 2097152 vdo V4 8:16 131072 512 32768 16380", 0, BP_SEVERITY_REFUSED, "minimum_io_bytes", "can't change" },
	{ "0 2097152 vdo V4 8:16 131072 4096 65536 16380", 0, BP_SEVERITY_REFUSED, "block_map_cache_mblocks", "can't change" },
	{ "0 2097152 vdo V4 8:16 131072 4096 32768 16379", 0, BP_SEVERITY_REFUSED, "block_map_era", "can't change" },
	{ "0 2097152 vdo V4 8:16 131072 4096 32768 16380 ack 2", 0, BP_SEVERITY_REFUSED, NULL, "threads and zones can't change" },
};

static const struct finding_case beside_anything[] = {
	{ "0 20480 pcache 259:0 8:16", 0, BP_SEVERITY_REFUSED, NULL, "a live device can't get this table" },
};
/* clang-format on */

static void lines_have_values(void **state)
{
	(void)state;
	assert_line_values(tables, ARRAY_SIZE(tables));
}

static void statuses_have_values(void **state)
{
	(void)state;
	assert_status_values(statuses, ARRAY_SIZE(statuses));
}

static void messages_are_understood(void **state)
{
	(void)state;
	assert_messages(messages, ARRAY_SIZE(messages));
}

static void rules_are_checked(void **state)
{
	(void)state;
	assert_findings(findings, ARRAY_SIZE(findings));
}

/* 2^31 regions are just not too many: what is refused then is only the devices' size. */
static void a_clone_of_most_regions(void **state)
{
	struct bp_table *table = lines_parse("0 17179869184 clone 259:0 8:16 8:32 8");
	const struct bp_table_check_opts opts = { .size = sizeof(opts),
						  .lookup = lines_lookup };
	struct bp_findings *found;

	(void)state;
	assert_ok(bp_table_check(ctx, table, &opts, &found));
	for (size_t i = 0; i < bp_findings_count(found); i++)
		assert_string_not_equal(bp_findings_get(found, i)->argument_name,
					"region_sectors");
	bp_findings_free(found);
	bp_table_free(table);
}

/* The threshold may be given as a pair as well. */
static void a_pair_may_be_the_threshold(void **state)
{
	static const char *const pairs[] = { "migration_threshold 4096",
					     "migration_threshold lots" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct bp_table *table = lines_parse("0 8 cache 8:32 259:0 8:16 512 0 smq 0");
		struct bp_findings *found;

		assert_ok(bp_segment_add(ctx, bp_table_get(table, 0), "policy_args", pairs[i]));
		assert_ok(bp_table_check(ctx, table, NULL, &found));
		assert_int_equal(bp_findings_severity(found),
				 i ? BP_SEVERITY_REFUSED : BP_SEVERITY_UNKNOWN);
		bp_findings_free(found);
		bp_table_free(table);
	}
}

static void rules_of_reloading_are_checked(void **state)
{
	struct bp_table *live =
		lines_parse("0 2097152 vdo V4 8:16 131072 4096 32768 16380 maxDiscard 7");

	(void)state;
	assert_findings_beside(beside_vdo, ARRAY_SIZE(beside_vdo), live);
	assert_findings_beside(beside_anything, ARRAY_SIZE(beside_anything), live);
	bp_table_free(live);
}

static const struct bp_snapshot snapshot = { "8:16", "8:32", BP_SNAPSHOT_PERSISTENT_OVERFLOW,
					     16, .discard_zeroes_cow = true };
static const struct bp_cache plain = { "8:0", "8:16", "8:32", 512, .policy = "smq" };
static const struct bp_cache full = {
	.metadata_dev = "8:0",
	.cache_dev = "8:16",
	.origin_dev = "8:32",
	.block_sectors = 1856,
	.io_mode = BP_CACHE_PASSTHROUGH,
	.metadata2 = true,
	.no_discard_passdown = true,
	.policy = "cleaner",
	.migration_threshold_sectors = BP_SET(9923),
};
static const struct bp_writecache writecache = {
	.kind = BP_WRITECACHE_PMEM,
	.origin_dev = "8:16",
	.cache_dev = "259:0",
	.block_bytes = 4096,
	.high_watermark_percent = BP_SET(0),
	.fua = BP_WRITECACHE_NOFUA,
	.cleaner = true,
};
static const struct bp_clone clone = {
	.metadata_dev = "8:0",
	.dest_dev = "8:16",
	.source_dev = "8:32",
	.region_sectors = 8,
	.hydration_batch_size_regions = BP_SET(2),
};
static const struct bp_vdo vdo = {
	.storage_dev = "8:16",
	.physical_mblocks = 262144,
	.minimum_io_bytes = 512,
	.block_map_cache_mblocks = 32768,
	.block_map_era = 1935,
	.bio = BP_SET(3),
	.cpu = BP_SET(5),
	.hash = BP_SET(1),
	.logical = BP_SET(2),
	.physical = BP_SET(1),
	.max_discard_mblocks = BP_SET(694),
	.compression = BP_ON,
	.deduplication = BP_OFF,
};

/* What designated initialisers are written as: words are counted, and left out where unset. */
static void structs_are_written(void **state)
{
	const struct built cases[] = {
		{ "snapshot-origin", &(struct bp_snapshot_origin){ "8:16" }, "8:16" },
		{ "snapshot", &snapshot, "8:16 8:32 PO 16 1 discard_zeroes_cow" },
		{ "snapshot-merge", &snapshot, "8:16 8:32 PO 16 1 discard_zeroes_cow" },
		{ "cache", &plain, "8:0 8:16 8:32 512 0 smq 0" },
		{ "cache", &full,
		  "8:0 8:16 8:32 1856 3 passthrough metadata2 no_discard_passdown cleaner 2 "
		  "migration_threshold 9923" },
		{ "era", &(struct bp_era){ "8:0", "8:16", 8 }, "8:0 8:16 8" },
		{ "writecache", &writecache,
		  "p 8:16 259:0 4096 4 high_watermark 0 cleaner nofua" },
		{ "clone", &clone, "8:0 8:16 8:32 8 0 2 hydration_batch_size 2" },
		{ "pcache", &(struct bp_pcache){ "259:0", "8:16" }, "259:0 8:16" },
		{ "pcache", &(struct bp_pcache){ "259:0", "8:16", BP_PCACHE_WRITEBACK, BP_ON },
		  "259:0 8:16 4 cache_mode writeback data_crc true" },
		{ "vdo", &vdo,
		  "V4 8:16 262144 512 32768 1935 bio 3 cpu 5 hash 1 logical 2 physical 1 "
		  "maxDiscard 694 compression on deduplication off" },
	};

	(void)state;
	assert_built(cases, ARRAY_SIZE(cases));
}

static void assert_message(const char *target, const char *name, const void *params,
			   const char *expected)
{
	char *text = NULL;

	if (bp_message_format(ctx, target, name, params, message_size(target, name), &text) !=
	    0)
		fail_msg("%s: %s", name, bp_errmsg(ctx));
	assert_string_equal(text, expected);
	free(text);
}

static void messages_are_written(void **state)
{
	const struct bp_cache_range ranges[] = { { 5, BP_SET(9) }, { .begin_dblock = 12 } };
	const struct bp_vdo_dump_part dumps[] = { { BP_VDO_PART_POOLS },
						  { BP_VDO_PART_QUEUES } };
	char *text;

	(void)state;
	assert_message("cache", "invalidate_cblocks",
		       &(struct bp_cache_invalidate){ ranges, 2 }, "invalidate_cblocks 5-9 12");
	assert_message("cache", "migration_threshold", &(struct bp_cache_threshold){ 4096 },
		       "migration_threshold 4096");
	assert_message("clone", "hydration_threshold", &(struct bp_clone_regions){ 3 },
		       "hydration_threshold 3");
	assert_message("vdo", "compression", &(struct bp_vdo_compress){ BP_OFF },
		       "compression off");
	assert_message("vdo", "dump", &(struct bp_vdo_dump){ dumps, 2 }, "dump pools queues");
	assert_message("era", "checkpoint", NULL, "checkpoint");
	assert_err(bp_message_format(ctx,
				     BP_MESSAGE_PCACHE_GC_PERCENT(&(struct bp_pcache_gc){ 91 }),
				     &text),
		   ERANGE);
	assert_err(bp_message_format(ctx,
				     BP_MESSAGE_VDO_COMPRESSION(&(struct bp_vdo_compress){ 0 }),
				     &text),
		   EINVAL);
}

/* Do two lines mean the same? */
static bool same(const char *a, const char *b, uint32_t flags)
{
	struct bp_table *x, *y;
	bool equal = false;

	assert_ok(bp_table_parse(ctx, a, flags, &x));
	assert_ok(bp_table_parse(ctx, b, flags, &y));
	assert_null(bp_table_get(x, 0)->problem);
	assert_null(bp_table_get(y, 0)->problem);
	assert_ok(bp_table_equal(ctx, x, y, NULL, NULL, &equal));
	bp_table_free(x);
	bp_table_free(y);
	return equal;
}

static void defaults_make_no_difference(void **state)
{
	(void)state;
	assert_true(same("0 8 cache 8:0 8:1 8:2 512 0 default 0",
			 "0 8 cache 8:0 8:1 8:2 512 1 writeback smq 2 migration_threshold 2048",
			 0));
	assert_false(same("0 8 cache 8:0 8:1 8:2 512 0 default 0",
			  "0 8 cache 8:0 8:1 8:2 512 1 writethrough smq 0", 0));
	assert_true(same("0 8 clone 8:0 8:1 8:2 8",
			 "0 8 clone 8:0 8:1 8:2 8 0 2 hydration_threshold 1", 0));
	assert_true(same("0 8 snapshot 8:0 8:1 P 0", "0 8 snapshot 8:0 8:1 p 32", 0));
	assert_false(same("0 8 snapshot 8:0 8:1 P 0", "0 8 snapshot 8:0 8:1 N 32", 0));
	assert_true(same("0 8 pcache 8:0 8:1",
			 "0 8 pcache 8:0 8:1 4 cache_mode writeback crc false",
			 BP_TABLE_PRINTED));
	assert_false(same("0 8 pcache 8:0 8:1",
			  "0 8 pcache 8:0 8:1 4 cache_mode writeback crc true",
			  BP_TABLE_PRINTED));
	assert_true(same("0 8 vdo V4 8:0 1 512 1 1",
			 "0 8 vdo V4 8:0 1 512 1 1 bio 4 ack 1 "
			 "hash 0 compression off",
			 0));
	assert_false(same("0 8 vdo V4 8:0 1 512 1 1", "0 8 vdo V3 8:0 1 512 1 1 async", 0));
}

/* What pcache prints is taken as printed only, and written as what a kernel takes. */
static void printed_pcache_is_made_right(void **state)
{
	const char *line = "0 8 pcache 8:0 8:1 4 cache_mode writeback crc true";
	struct bp_table *table;

	(void)state;
	assert_err(bp_table_parse(ctx, line, 0, &table), EINVAL);
	assert_non_null(strstr(bp_errmsg(ctx), "unknown option 'crc'"));
	assert_ok(bp_table_parse(ctx, line, BP_TABLE_PRINTED, &table));
	assert_string_equal(bp_table_get(table, 0)->args,
			    "8:0 8:1 4 cache_mode writeback data_crc true");
	bp_table_free(table);
}

/* Ignored words stay behind the counts they were behind. */
static void ignored_words_stay_ignored(void **state)
{
	static const char *const lines[] = {
		"7:6 7:7 7:8 16 0 0 junk",
		"7:0 7:1 P 16 0 trailing words",
		"7:0 0 1 1 0 junk",
	};
	static const char *const names[] = { "clone", "snapshot", "flakey" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct bp_table *table;

		assert_ok(bp_table_new(ctx, &table));
		assert_ok(bp_table_add_raw(ctx, table, 0, 8, names[i], lines[i]));
		assert_string_equal(bp_table_get(table, 0)->args, lines[i]);
		bp_table_free(table);
	}
}

/* Lengths come from the device that is shown, in sectors, whatever its logical blocks are. */
static void lengths_follow_from_devices(void **state)
{
	bp_sector length;

	(void)state;
	assert_length("snapshot-origin", &(struct bp_snapshot_origin){ "8:48" }, 2097152);
	assert_length("snapshot", &(struct bp_snapshot){ "8:16", "8:32" }, 2097152);
	assert_length("snapshot-merge", &(struct bp_snapshot){ "8:16", "8:32" }, 2097152);
	assert_length("cache", &(struct bp_cache){ "8:16", "259:0", "8:32" }, 6291456);
	assert_length("era", &(struct bp_era){ "259:0", "8:32", 8 }, 6291456);
	assert_length("writecache",
		      &(struct bp_writecache){ .origin_dev = "8:32", .cache_dev = "8:16" },
		      6291456);
	assert_length("clone", &(struct bp_clone){ "259:0", "8:32", "8:16" }, 2097152);
	assert_length("pcache", &(struct bp_pcache){ "259:0", "8:16" }, 2097152);
	assert_err(bp_target_length(ctx,
				    BP_PARAMS_VDO(&(struct bp_vdo){ .storage_dev = "8:16" }),
				    lines_lookup, NULL, &length),
		   ENODATA);
	assert_err(bp_target_length(ctx, BP_PARAMS_ERA(&(struct bp_era){ "259:0", "9:9", 8 }),
				    lines_lookup, NULL, &length),
		   ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_have_values),
		cmocka_unit_test(statuses_have_values),
		cmocka_unit_test(messages_are_understood),
		cmocka_unit_test(messages_are_written),
		cmocka_unit_test(rules_are_checked),
		cmocka_unit_test(a_pair_may_be_the_threshold),
		cmocka_unit_test(a_clone_of_most_regions),
		cmocka_unit_test(rules_of_reloading_are_checked),
		cmocka_unit_test(structs_are_written),
		cmocka_unit_test(defaults_make_no_difference),
		cmocka_unit_test(printed_pcache_is_made_right),
		cmocka_unit_test(ignored_words_stay_ignored),
		cmocka_unit_test(lengths_follow_from_devices),
	};

	return cmocka_run_group_tests(tests, lines_setup, lines_teardown);
}
