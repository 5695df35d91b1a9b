/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the fake kernel: ops_fake.c and its targets. */
#ifndef FAKE_FAKE_H
#define FAKE_FAKE_H

#include <pthread.h>

#include "core/strbuf.h"
#include "fake/ops_fake.h"

#define FAKE_MAJOR      254
#define FAKE_HEAD       4096
#define FAKE_LOOP_MAJOR 7

/* What a pool keeps on its metadata device: it outlives the mapped devices. */
struct fake_volume {
	uint32_t id;
	uint32_t origin; /* its own id: none */
	bp_sector mapped;
};

struct fake_meta {
	bool formatted;
	uint64_t transaction, held_root;
	bp_sector block_sectors;
	bp_dblock data_blocks;
	VEC(struct fake_volume) volumes;
};

struct fake_bdev {
	char path[128];
	uint32_t major, minor;
	bp_bytes size_bytes;
	unsigned char head[FAKE_HEAD];
	struct fake_meta meta;
};

struct fake_segment {
	bp_sector start, length;
	char target[16];
	char *args;
	struct bp_devno devs[8];
	size_t nr_devs;
	/* thin-pool and thin */
	struct fake_meta *meta;
	uint32_t thin_id;
	bool error_if_no_space;
	const char *discards; /* as a pool's status says it */
};

struct fake_table {
	VEC(struct fake_segment) segments;
	bool read_only;
};

struct fake_region; /* of statistics: fake_stats.c */

struct fake_dev {
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	uint32_t minor, event_nr;
	struct fake_table *live, *inactive;
	bool suspended, deferred;
	int opens;
	enum bp_holder_kind holder;
	char pool_mode[24];
	uint64_t read_ahead_kb;
	char *says; /* see fake_says() */
	VEC(struct fake_region *) regions;
};

struct fake_node {
	char path[BP_NODE_SIZE];
	uint32_t major, minor;
};

struct fake_loop {
	struct dm_loop loop;
	char path[32];
	int fd; /* of its file */
};

struct fake_log {
	int64_t time_us;
	char *line;
};

struct fake {
	pthread_mutex_t lock;
	unsigned users;
	VEC(struct fake_dev *) devs;
	VEC(struct fake_bdev *) bdevs;
	VEC(struct fake_node) nodes;
	VEC(struct fake_log) log;
	VEC(struct fake_loop) loops;
	uint32_t next_loop;
	uint32_t next_minor, events;
	const char *udev_why_not;
	bool udev_silent;                 /* see fake_udev_silent() */
	unsigned cache_dirty, cache_step; /* see fake_cache_dirty() */
	bool snapshots_lost;              /* see fake_snapshots_lost() */
	int absent;                       /* see fake_absent() */
	bool log_full;                    /* see fake_log_full() */
	char *vdo_stats, *vdo_config;     /* see fake_vdo() */
	bool vdo_compresses, vdo_index_off;
	/* faults */
	int fault_kind, fault_errnum;
	unsigned fault_in, counts[FAKE_KINDS];
	uint32_t flags[OPS];     /* of the last request of each */
	const char *fault_lines; /* or NULL */
	bool failed, fault_lasts;
	int failed_kind; /* of the last that did */
	/* disturbances */
	unsigned signal_in, linger_in;
	int signal_number;
	bool linger_done, disturbed;
};

/* What a context holds: its own event state on a kernel that others may share. */
struct handle {
	struct fake *fake;
	uint32_t armed;
	bool left;
	int left_result;
};

/* --- fake_find.c --- */

struct fake_dev *fake_find_name(struct fake *fake, const char *name);
struct fake_volume *fake_find_volume(const struct fake_meta *meta, uint64_t id);
struct fake_dev *fake_find_number(struct fake *fake, uint32_t major, uint32_t minor);
struct fake_bdev *fake_find_bdev(struct fake *fake, uint32_t major, uint32_t minor);
struct fake_bdev *fake_find_path(struct fake *fake, const char *path);
/* Any device's size in sectors, mapped or not: 0 or -ENXIO, -ENOENT. */
int fake_find_size(struct fake *fake, const char *word, struct bp_devno *ret_dev,
		   bp_sector *ret_sectors);
struct fake_dev *fake_find_uuid(struct fake *fake, const char *uuid);
const struct fake_node *fake_find_node(const struct fake *fake, const char *path);
bp_sector fake_table_length(const struct fake_table *table);
/* 1 if the table uses the device, else 0. */
int fake_holds(const struct fake_table *table, const struct fake_dev *dev);
int fake_open_count(const struct fake *fake, const struct fake_dev *dev);
void fake_logf(struct fake *fake, const char *fmt, ...) _printf_(2, 3);
/* The other device, if any, whose table holds a pool with this metadata. */
const struct fake_dev *fake_pool_user(struct fake *fake, const struct fake_meta *meta,
				      const struct fake_dev *except);

bool fake_volume_open(struct fake *fake, const struct fake_meta *meta, uint64_t thin_id);

/* --- ops_fake.c --- */

/* Count a call; -errno if it is the one to fail. */
int fake_fault(struct fake *fake, int kind);
void fake_destroy(struct fake *fake, struct fake_dev *dev);

/* --- fake_system.c: the seam but for its requests --- */

int fake_wait(void *self, int64_t deadline);
int fake_event_fd(void *self, int *ret_fd);
int fake_major(void *self, uint32_t *ret);
int fake_node(void *self, enum dm_node_op op, const struct dm_node *node);
int fake_node_list(void *self, const char *dir, void (*name)(void *user, const char *name),
		   void *user);
int fake_read_log(void *self, int64_t since_us, dm_log_fn line, void *user);
const char *fake_udev_why_not(void *self);
/* As the system's rules do when those of a uevent have run. */
void fake_answer_cookie(const struct fake *fake, const struct dm_request *rq,
			const struct dm_reply *reply);
int fake_attr_get(void *self, uint32_t major, uint32_t minor, const char *name, uint64_t *ret);
int fake_io_counters(void *self, uint32_t major, uint32_t minor, uint64_t ret[DM_IO_COUNTERS]);
int fake_attr_set(void *self, uint32_t major, uint32_t minor, const char *name, uint64_t value);
int fake_bdev(void *self, const char *which, struct bp_bdev *ret);
int fake_holders(void *self, uint32_t major, uint32_t minor, struct bp_holder **ret,
		 size_t *ret_count);
int fake_bdev_read(void *self, const struct bp_bdev *which, void *buf, size_t len);
int fake_thin_devices(void *self, struct bp_ctx *ctx, const char *metadata,
		      int (*device)(void *user, const struct bp_thin_device *device),
		      void *user);
int fake_bdev_discard(void *self, const struct bp_bdev *which, uint64_t offset,
		      uint64_t length);
int fake_bdev_write(void *self, const struct bp_bdev *which, const void *buf, size_t len);
int fake_bdev_name(void *self, uint32_t major, uint32_t minor, char *ret);

/* --- fake_loop.c --- */

int fake_loop_attach(void *self, int fd, const char *name, struct dm_loop *ret);
int fake_loop_resize(void *self, const struct dm_loop *which);
int fake_loop_detach(void *self, const struct dm_loop *which);
int fake_loop_list(void *self, int (*each)(void *user, const struct dm_loop *loop), void *user);

/* --- fake_stats.c --- */

/* A message that begins with "@stats_". */
int fake_stats_message(struct fake_dev *dev, const char *text, struct dm_reply *reply);
void fake_stats_done(struct fake_dev *dev);

/* --- fake_vdo.c --- */

void fake_vdo_status(const struct fake *fake, const struct fake_segment *segment,
		     struct strbuf *s);
int fake_vdo_message(struct fake *fake, const char *text, struct dm_reply *reply);

/* --- fake_targets.c --- */

#define WORDS_MAX 16

/* The words of a table line or a message. */
struct fake_words {
	char *text; /* owned, cut up */
	char *word[WORDS_MAX];
	size_t count;
};

int fake_split(const char *args, struct fake_words *ret);
void fake_words_done(struct fake_words *w);

/* Constructor of a segment: 0 or -errno, with the kernel's words in the log. */
int fake_construct(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		   bool read_only, bool alone);
/* What stops a resume: 0 or -errno. */
int fake_preresume(struct fake *fake, const struct fake_dev *dev,
		   const struct fake_table *table);
/* The status text of a segment; free() it. */
char *fake_status(struct fake *fake, const struct fake_dev *dev,
		  const struct fake_segment *segment);
/* A volume of a failed pool: "Fail" is its status, and its table as well. */
bool fake_volume_failed(struct fake *fake, const struct fake_segment *segment);
int fake_message(struct fake *fake, const struct fake_dev *dev, struct fake_segment *segment,
		 const char *text);

#endif
