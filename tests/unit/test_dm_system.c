/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the dm room asks of a system: users of devices, block and loop devices, nodes, the log, udev; on a machine that is a
 * directory, with what no machine has at once: a swap file, another namespace, a node of another device, refusals.
 */
#include "unit.h"

#include "machine/machine.h"

#include <bedplate/bedplate.h>
#include <linux/loop.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "core/strbuf.h"
#include "dm/kernel/ops_system.h"

#define SDA "/sys/block/sda"

static void disk(const char *name, unsigned major, unsigned minor)
{
	char path[128], to[64];

	snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
	machine_file(path, "%u:%u\n", major, minor);
	snprintf(path, sizeof(path), "/sys/block/%s/size", name);
	machine_file(path, "2048\n");
	snprintf(to, sizeof(to), "../../block/%s", name);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
	machine_link(path, to);
	snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	machine_link(path, to);
	snprintf(path, sizeof(path), "/dev/%s", name);
	machine_file(path, "block %u:%u\n", major, minor);
}

static int setup(void **state)
{
	(void)state;
	unsetenv("DM_DEV_DIR");
	unsetenv("DM_DISABLE_UDEV");
	machine_new();
	disk("sda", 8, 0);
	machine_file(SDA "/queue/logical_block_size", "4096\n");
	machine_file(SDA "/sda1/partition", "1\n");
	machine_file(SDA "/sda1/dev", "8:1\n");
	machine_file(SDA "/sda1/size", "100\n");
	machine_link("/sys/dev/block/8:1", "../../block/sda/sda1");
	return 0;
}

/* --- users --- */

static char *holder_text(const struct bp_holder *h)
{
	static const char *const kinds[] = {
		[BP_HOLDER_MAPPED] = "mapped",       [BP_HOLDER_RAID] = "raid",
		[BP_HOLDER_BCACHE] = "bcache",       [BP_HOLDER_OTHER] = "other",
		[BP_HOLDER_LOOP] = "loop",           [BP_HOLDER_LOOP_FILE] = "loop-file",
		[BP_HOLDER_MOUNT] = "mount",         [BP_HOLDER_SWAP] = "swap",
		[BP_HOLDER_SWAP_FILE] = "swap-file", [BP_HOLDER_PROCESS] = "process",
		[BP_HOLDER_FILE] = "file",           [BP_HOLDER_ABOVE] = "above",
	};
	struct strbuf s = { 0 };
	char *text;

	strbuf_addf(&s, "%s %s %d%s%s%s", kinds[h->kind], h->name, h->pid,
		    h->partition[0] ? " on " : "", h->partition,
		    h->suspended ? " suspended" : "");
	if (h->user[0])
		strbuf_addf(&s, " of %s", h->user);
	if (h->command[0])
		strbuf_addf(&s, " runs %s", h->command);
	assert_ok(strbuf_take(&s, &text));
	return text;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* By line: directories have no order. */
static void assert_holders(uint32_t major, uint32_t minor, const char *wanted)
{
	struct bp_holder *holders = NULL;
	struct strbuf all = { 0 };
	char *lines[16];
	size_t count = 0;

	assert_ok(system_holders(NULL, major, minor, &holders, &count));
	assert_true(count <= ARRAY_SIZE(lines));
	for (size_t i = 0; i < count; i++)
		lines[i] = holder_text(&holders[i]);
	free(holders);
	qsort(lines, count, sizeof(lines[0]), compare);
	for (size_t i = 0; i < count; i++) {
		strbuf_addf(&all, "%s\n", lines[i]);
		free(lines[i]);
	}
	assert_string_equal(strbuf_text(&all), wanted);
	strbuf_done(&all);
}

static int loops(int fd, unsigned long request, void *arg)
{
	struct loop_info64 *info = arg;

	if (request != LOOP_GET_STATUS64)
		return -ENOTTY;
	*info = (struct loop_info64){ 0 };
	if (machine_is(fd, "block 7:0"))
		info->lo_rdevice = makedev(8, 0);
	else if (machine_is(fd, "block 7:1"))
		info->lo_device = makedev(8, 0);
	else
		return -ENXIO;
	return 0;
}

static void loop(unsigned minor, const char *backing)
{
	char name[16], path[64];

	snprintf(name, sizeof(name), "loop%u", minor);
	disk(name, 7, minor);
	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", name);
	machine_file(path, "%s\n", backing);
}

/* What lies on it: a mapped device with one above that is suspended, an array, one of a kind that nobody knows. */
static void devices_on_it(void **state)
{
	(void)state;
	disk("dm-3", 254, 3);
	machine_file("/sys/block/dm-3/dm/name", "vg-lv\n");
	machine_file("/sys/block/dm-3/dm/suspended", "0\n");
	disk("dm-4", 254, 4);
	machine_file("/sys/block/dm-4/dm/name", "top\n");
	machine_file("/sys/block/dm-4/dm/suspended", "1\n");
	disk("dm-5", 254, 5);
	machine_file("/sys/block/dm-5/dm/name", "works\n");
	disk("md0", 9, 0);
	disk("bcache1", 252, 0);
	disk("drbd0", 147, 0);
	machine_file("/sys/block/dm-3/holders/dm-4", "%s", "");
	machine_file("/sys/block/dm-4/holders/dm-5", "%s", "");
	machine_file(SDA "/holders/dm-3", "%s", "");
	machine_file(SDA "/holders/bcache1", "%s", "");
	machine_file(SDA "/holders/drbd0", "%s", "");
	machine_file(SDA "/sda1/holders/md0", "%s", "");
	assert_holders(8, 0,
		       "above top 0 suspended\n"
		       "bcache bcache1 0\n"
		       "mapped vg-lv 0\n"
		       "other drbd0 0\n"
		       "raid md0 0 on sda1\n");
	assert_holders(8, 1, "raid md0 0\n");
	assert_holders(9, 0, "");
	machine_gone(SDA "/holders");
	machine_gone(SDA "/sda1/holders");
}

/* However they stand on one another, it ends. */
static void devices_in_a_circle(void **state)
{
	(void)state;
	machine_file("/sys/block/dm-5/holders/dm-4", "%s", "");
	machine_file(SDA "/holders/dm-5", "%s", "");
	machine_file("/sys/block/dm-4/dm/suspended", "0\n");
	assert_holders(8, 0, "mapped works 0\n");
	machine_gone(SDA "/holders");
	machine_gone("/sys/block/dm-5/holders");
}

/* A loop device over it, one over a file on it, and two that have nothing to do with it. */
static void loop_devices(void **state)
{
	(void)state;
	machine_ioctls = loops;
	loop(0, "/dev/sda");
	loop(1, "/mnt/file");
	loop(2, "/elsewhere");
	disk("loop3", 7, 3);
	assert_holders(8, 0, "loop loop0 0\nloop-file loop1 0\n");
	/* Who may not ask them goes by the paths. */
	machine_refuse(EACCES);
	assert_holders(8, 0, "loop loop0 0\n");
	machine_refuse(0);
	machine_gone("/sys/block/loop0");
	machine_gone("/sys/block/loop1");
}

/* In names of mounts and of swap a blank is \040; btrfs has a number of its own. */
#define MOUNTS                                                                                 \
	"20 1 8:0 / /mnt/a\\040b rw shared:1 - ext4 /dev/sda rw\n"                             \
	"21 1 0:40 / /mnt/c rw - btrfs /dev/sda rw\n"                                          \
	"22 1 0:41 / /proc rw - proc proc rw\n"                                                \
	"23 1 0:42 / /mnt/d rw - btrfs /dev/sdz rw\n"                                          \
	"no line of it\n"

static void mounts_and_swap(void **state)
{
	(void)state;
	machine_file("/proc/self/ns/mnt", "%s", "");
	machine_file("/proc/self/mountinfo", MOUNTS);
	machine_file("/dev/swap one", "block 8:0\n");
	machine_file("/run/swapfile", "on 8:0\n");
	machine_file("/proc/swaps", "Filename Type Size Used Priority\n"
				    "/dev/swap\\040one partition 1 0 -2\n"
				    "/run/swapfile file 1 0 -3\n"
				    "/run/none file 1 0 -3\n");
	/* One in our namespace, one in another, where it is mounted once more. */
	machine_link("/proc/100/ns/mnt", "../../self/ns/mnt");
	machine_file("/proc/100/mountinfo", MOUNTS);
	machine_file("/proc/300/ns/mnt", "%s", "");
	machine_file("/proc/300/mountinfo", "20 1 8:0 / /other rw - ext4 /dev/sda rw\n");
	assert_holders(8, 0,
		       "mount /mnt/a b 0\n"
		       "mount /mnt/c 0\n"
		       "mount /other 300\n"
		       "swap /dev/swap one 0\n"
		       "swap-file /run/swapfile 0\n");
	machine_gone("/proc/300");
	machine_gone("/proc/swaps");
	machine_file("/proc/self/mountinfo", "%s", "");
}

/* The same by the library, in words. */
static void assert_words(void)
{
	struct bp_holders *holders;
	bool reader = false;
	struct bp_ctx *ctx;

	assert_ok(bp_ctx_new(&ctx));
	assert_ok(bp_holders_find(ctx, 8, 0, &holders));
	for (size_t i = 0; i < bp_holders_count(holders); i++)
		reader |= strcmp(bp_holders_text(holders, i),
				 "process reader (100, tester: reader --all one two)") == 0;
	if (!reader)
		fail_msg("%s", bp_holders_text(holders, 0));
	bp_holders_free(holders);
	bp_ctx_free(ctx);
}

/* By descriptors, directories and programs; of whom it is, and what it was called as. */
static void processes(void **state)
{
	char wanted[512], owner[64];

	(void)state;
	snprintf(owner, sizeof(owner), "tester");
	machine_file("/etc/passwd",
		     "short\nother:x:4294967295:1::/:/bin/sh\n%s:x:%u:1::/:/bin/sh\n", owner,
		     (unsigned)getuid());
	machine_file("/proc/100/fd/0", "char 1:3\n");
	machine_file("/proc/100/fd/3", "block 8:0\n");
	machine_file("/proc/100/comm", "reader\n");
	machine_file("/proc/100/cmdline", "reader%c--all%cone\ntwo%c", 0, 0, 0);
	machine_file("/proc/200/cwd", "on 8:0\n");
	machine_file("/proc/400/root", "%s", "");
	machine_file("/proc/99999999999/exe", "block 8:0\n");
	snprintf(wanted, sizeof(wanted),
		 "file ? 200 of %s\nprocess reader 100 of %s runs reader --all one two\n",
		 owner, owner);
	assert_holders(8, 0, wanted);
	assert_words();
	/* Where its file system is mounted that it has a file open says nothing more. */
	machine_file("/proc/self/mountinfo", "20 1 8:0 / /mnt rw - ext4 /dev/sda rw\n");
	snprintf(wanted, sizeof(wanted),
		 "mount /mnt 0\nprocess reader 100 of %s runs reader --all one two\n", owner);
	assert_holders(8, 0, wanted);
	machine_gone("/etc/passwd");
	machine_gone("/proc/100/cmdline");
	assert_holders(8, 0, "mount /mnt 0\nprocess reader 100\n");
	machine_gone("/proc");
	assert_holders(8, 0, "");
}

/* --- block devices --- */

static int refuses_all(int fd, unsigned long request, void *arg)
{
	(void)fd, (void)request, (void)arg;
	return -EIO;
}

static int asked(int fd, unsigned long request, void *arg)
{
	(void)fd;
	if (request == BLKGETSIZE64)
		*(uint64_t *)arg = 4096;
	else
		*(int *)arg = request == BLKSSZGET ? 512 : 1;
	return 0;
}

static void block_devices(void **state)
{
	char name[BP_NAME_SIZE], way[BP_NODE_SIZE + 16];
	struct bp_bdev b;

	(void)state;
	assert_ok(system_bdev(NULL, "8:0", &b));
	assert_string_equal(b.path, "/dev/sda");
	assert_int_equal(b.size_bytes, 2048 * 512);
	assert_int_equal(b.logical_block_bytes, 4096);
	machine_file(SDA "/ro", "1\n");
	assert_ok(system_bdev(NULL, "/dev/sda", &b));
	assert_true(b.read_only);
	/* A partition has its disk's blocks; a node that is another's is none. */
	machine_file("/dev/sda1", "block 8:7\n");
	assert_ok(system_bdev(NULL, "8:1", &b));
	assert_string_equal(b.path, "");
	assert_int_equal(b.logical_block_bytes, 4096);
	assert_err(system_bdev(NULL, "8:9", &b), ENXIO);
	assert_err(system_bdev(NULL, "/dev/none", &b), ENOENT);
	machine_file("/dev/text", "text\n");
	assert_err(system_bdev(NULL, "/dev/text", &b), ENOTBLK);
	memset(way, '/', sizeof(way));
	memcpy(way, "/dev", 4);
	strcpy(way + sizeof(way) - 4, "sda");
	assert_err(system_bdev(NULL, way, &b), ENAMETOOLONG);
	machine_file("/sys/block/big/size", "36028797018963968\n");
	machine_link("/sys/dev/block/8:48", "../../block/big");
	assert_err(system_bdev(NULL, "8:48", &b), ERANGE);
	machine_file("/sys/block/c!d0/size", "8\n");
	machine_link("/sys/dev/block/104:0", "../../block/c!d0");
	assert_ok(system_bdev_name(NULL, 104, 0, name));
	assert_string_equal(name, "c/d0");
	assert_err(system_bdev_name(NULL, 104, 1, name), ENXIO);
}

/* Where there is no sysfs the node is asked. */
static void asked_by_its_node(void **state)
{
	struct bp_bdev b;

	(void)state;
	machine_file("/dev/odd", "block 240:0\n");
	machine_ioctls = asked;
	assert_ok(system_bdev(NULL, "/dev/odd", &b));
	assert_int_equal(b.size_bytes, 4096);
	assert_int_equal(b.logical_block_bytes, 512);
	assert_true(b.read_only);
	machine_ioctls = refuses_all;
	assert_err(system_bdev(NULL, "/dev/odd", &b), EIO);
	machine_refuse(EACCES);
	assert_err(system_bdev(NULL, "/dev/odd", &b), EACCES);
	machine_refuse(0);
}

/* By its node, or by one of ours; all of what is asked for, or nothing. */
static void first_bytes(void **state)
{
	struct bp_bdev named = { .path = "/dev/sda", .major = 8 }, bare = { .major = 8 };
	struct bp_bdev gone = { .path = "/dev/none" };
	char buf[64];

	(void)state;
	machine_file("/dev/sda", "block 8:0\nof it");
	assert_ok(system_bdev_read(NULL, &named, buf, 15));
	assert_memory_equal(buf, "block 8:0\nof it", 15);
	assert_err(system_bdev_read(NULL, &named, buf, 16), EIO);
	assert_err(system_bdev_read(NULL, &gone, buf, 1), ENOENT);
	assert_ok(system_bdev_read(NULL, &bare, buf, 10));
	assert_memory_equal(buf, "block 8:0\n", 10);
	machine_refuse(EPERM);
	assert_err(system_bdev_read(NULL, &bare, buf, 10), EPERM);
	assert_err(system_bdev_write(NULL, &named, buf, 10), EPERM);
	assert_err(system_bdev_discard(NULL, &named, 0, 512), EPERM);
	machine_refuse(0);
	assert_ok(system_bdev_write(NULL, &named, "block 8:0\nan", 12));
	assert_ok(system_bdev_read(NULL, &named, buf, 15));
	assert_memory_equal(buf, "block 8:0\nan it", 15);
	machine_ioctls = refuses_all;
	assert_err(system_bdev_discard(NULL, &named, 0, 512), EIO);
	machine_ioctls = asked;
	assert_ok(system_bdev_discard(NULL, &named, 0, 512));
}

/* --- loop devices --- */

static struct {
	bool old, status_fails, cleared, taken_twice;
	unsigned sizes;
	int fd;
} kernel;

static int loop_kernel(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case LOOP_CTL_GET_FREE:
		return machine_is(fd, "char 10:237") ? 5 : -ENOTTY;
	case LOOP_CONFIGURE:
		if (kernel.taken_twice)
			return kernel.taken_twice = false, -EBUSY;
		return kernel.old ? -EINVAL : 0;
	case LOOP_SET_FD:
		kernel.fd = (int)(intptr_t)arg;
		return kernel.old ? 0 : -ENOTTY;
	case LOOP_SET_STATUS64:
		return kernel.status_fails ? -EIO : 0;
	case LOOP_CLR_FD:
		kernel.cleared = true;
		return 0;
	case LOOP_SET_CAPACITY:
		kernel.sizes++;
		return 0;
	case LOOP_GET_STATUS64:
		*(struct loop_info64 *)arg = (struct loop_info64){
			.lo_device = 42, .lo_inode = 43, .lo_flags = LO_FLAGS_READ_ONLY
		};
		return 0;
	default:
		return -ENOTTY;
	}
}

static int last_of(void *user, const struct dm_loop *loop)
{
	*(struct dm_loop *)user = *loop;
	return 1;
}

static void loops_are_attached(void **state)
{
	struct dm_loop loop = { 0 }, listed = { 0 };

	(void)state;
	machine_ioctls = loop_kernel;
	kernel.taken_twice = true;
	/* The nodes are made, where the system has none. */
	disk("loop5", 7, 5);
	machine_gone("/dev/loop5");
	assert_ok(system_loop_attach(NULL, 99, "file", &loop));
	assert_int_equal(loop.major, 7);
	assert_int_equal(loop.minor, 5);
	assert_int_equal(loop.file_ino, 43);
	assert_true(loop.read_only);
	kernel.old = true;
	assert_ok(system_loop_attach(NULL, 99, "file", &loop));
	assert_int_equal(kernel.fd, 99);
	kernel.status_fails = true;
	assert_err(system_loop_attach(NULL, 99, "file", &loop), EIO);
	assert_true(kernel.cleared);
	machine_file("/sys/block/loop5/loop/backing_file", "/file\n");
	assert_int_equal(system_loop_list(NULL, last_of, &listed), 1);
	assert_int_equal(listed.file_dev, 42);
	assert_ok(system_loop_resize(NULL, &loop));
	assert_int_equal(kernel.sizes, 1);
	/* Others have it open: the kernel has noted it. */
	assert_err(system_loop_detach(NULL, &loop), EBUSY);
	machine_gone("/sys/block/loop5/loop");
	assert_ok(system_loop_detach(NULL, &loop));
	/* It has another file by now; or is gone. */
	loop.file_ino++;
	assert_err(system_loop_detach(NULL, &loop), ENXIO);
	assert_err(system_loop_resize(NULL, &loop), ENXIO);
	machine_file("/sys/block/loop5/dev", "no number\n");
	assert_err(system_loop_resize(NULL, &loop), EIO);
	machine_gone("/sys/block/loop5");
	assert_err(system_loop_attach(NULL, 99, "file", &loop), ENOENT);
	machine_ioctls = refuses_all;
	assert_err(system_loop_attach(NULL, 99, "file", &loop), EIO);
	machine_refuse(EACCES);
	assert_err(system_loop_attach(NULL, 99, "file", &loop), EACCES);
	machine_refuse(0);
}

/* --- nodes --- */

static void add_name(void *user, const char *name)
{
	strcat(user, name);
	strcat(user, " ");
}

static void nodes(void **state)
{
	struct dm_node n = { .path = "/dev/mapper/x", .major = 254, .minor = 1 };
	struct dm_node top = { .path = "/dev/y", .major = 254, .minor = 1 };
	char names[64] = "";

	(void)state;
	assert_ok(system_node_list(NULL, "/dev/mapper", add_name, names));
	assert_err(system_node(NULL, NODE_CHECK, &n), ENOENT);
	assert_ok(system_node(NULL, NODE_MAKE, &n)); /* with its directory */
	assert_ok(system_node(NULL, NODE_CHECK, &n));
	assert_ok(system_node(NULL, NODE_MAKE, &n));
	n.minor = 2;
	assert_err(system_node(NULL, NODE_CHECK, &n), ESTALE);
	assert_ok(system_node(NULL, NODE_REMOVE, &n)); /* another's: it stays */
	assert_ok(system_node(NULL, NODE_MAKE, &n));
	assert_ok(system_node(NULL, NODE_CHECK, &n));
	machine_file("/dev/mapper/control", "char 10:236\n");
	assert_ok(system_node_list(NULL, "/dev/mapper", add_name, names));
	assert_string_equal(names, "x ");
	assert_ok(system_node(NULL, NODE_REMOVE, &n));
	assert_ok(system_node(NULL, NODE_REMOVE, &n));
	assert_err(system_node(NULL, NODE_CHECK, &n), ENOENT);
	machine_refuse(EPERM);
	assert_err(system_node(NULL, NODE_MAKE, &top), EPERM);
	machine_refuse(0);
	machine_file("/dev/dir/file", "%s", "");
	assert_err(system_node_list(NULL, "/dev/dir/file", add_name, names), ENOTDIR);
	n.path = "/dev/dir/file/x";
	assert_err(system_node(NULL, NODE_MAKE, &n), ENOTDIR);
}

/* There; left from another number; none, with a number in /proc/misc; and nobody may make one. */
static void control_node(void **state)
{
	int fd;

	(void)state;
	machine_file("/dev/mapper/control", "char 10:60\n");
	fd = system_open_control("mapper", "control");
	assert_true(fd >= 0 && machine_is(fd, "char 10:60"));
	close(fd);
	machine_file("/dev/mapper/control", "no node\n");
	machine_file("/proc/misc", " 61 device-mapper\n");
	fd = system_open_control("mapper", "control");
	assert_true(fd >= 0 && machine_is(fd, "char 10:61"));
	close(fd);
	machine_gone("/dev/mapper");
	machine_gone("/proc/misc");
	fd = system_open_control("mapper", "control");
	assert_true(fd >= 0 && machine_is(fd, "char 10:236"));
	close(fd);
	/* A directory that nothing can be made in: one of our own. */
	machine_gone("/dev/mapper");
	machine_file("/dev/mapper", "%s", "");
	fd = system_open_control("mapper", "control");
	assert_true(fd >= 0 && machine_is(fd, "char 10:236"));
	close(fd);
	machine_refuse(ENODEV);
	assert_err(system_open_control("mapper", "control"), ENODEV);
	machine_refuse(EACCES);
	assert_err(system_open_control("mapper", "control"), EACCES);
	machine_refuse(0);
	machine_gone("/dev/mapper");
}

static void device_directory(void **state)
{
	char dir[16];

	(void)state;
	assert_string_equal(system_dev_dir(dir, sizeof(dir)), "/dev");
	setenv("DM_DEV_DIR", "/run/dev//", 1);
	assert_string_equal(system_dev_dir(dir, sizeof(dir)), "/run/dev");
	setenv("DM_DEV_DIR", "relative", 1);
	assert_string_equal(system_dev_dir(dir, sizeof(dir)), "/dev");
	setenv("DM_DEV_DIR", "/longer than there is room", 1);
	assert_string_equal(system_dev_dir(dir, sizeof(dir)), "/dev");
	unsetenv("DM_DEV_DIR");
}

static void major_number(void **state)
{
	uint32_t major;

	(void)state;
	assert_err(system_dm_major(NULL, &major), ENOENT);
	machine_file("/proc/devices", "Character devices:\n  7 device-mapper\n\n"
				      "Block devices:\n  8 sd\n254 device-mapper\n");
	assert_ok(system_dm_major(NULL, &major));
	assert_int_equal(major, 254);
	machine_file("/proc/devices", "Character devices:\n  7 device-mapper\n");
	assert_err(system_dm_major(NULL, &major), ENOENT);
}

/* --- the log --- */

static void add_line(void *user, uint64_t number, const char *line)
{
	strbuf_addf(user, "%llu %s\n", (unsigned long long)number, line);
}

/* Records that are none, and older ones, are passed over. */
static void kernel_log(void **state)
{
	struct strbuf s = { 0 };
	int fd = -1;

	(void)state;
	assert_err(system_log(fd, 0, add_line, &s), EBADF);
	system_log_mark(&fd);
	assert_true(fd >= 0);
	system_log_mark(&fd);
	machine_log("4,7,1000,-;too old\n");
	machine_log("4,8,2000,-;device-mapper: table: it is so\n SUBSYSTEM=block\n");
	machine_log("no record");
	machine_log("x,9,2000,-;no number\n");
	machine_log("4,10,3000,-,caller=T1;more fields\n");
	assert_ok(system_log(fd, 2000, add_line, &s));
	assert_string_equal(strbuf_text(&s),
			    "9 device-mapper: table: it is so\n11 more fields\n");
	strbuf_clear(&s);
	assert_ok(system_log(fd, 0, add_line, &s));
	assert_string_equal(strbuf_text(&s), "");
	strbuf_done(&s);
	close(fd);
	machine_refuse(EPERM);
	fd = -1;
	system_log_mark(&fd);
	assert_int_equal(fd, -1);
	machine_refuse(0);
}

/* --- udev --- */

static void assert_udev(const char *why)
{
	const char *got = system_udev_why_not(NULL);

	if (why)
		assert_string_equal(got, why);
	else
		assert_null(got);
}

static void udev(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char path[64];
	int fd;

	(void)state;
	assert_udev("there is no /run/udev/control");
	machine_file("/run/udev/control", "%s", "");
	assert_udev("nobody listens at /run/udev/control");
	machine_gone("/run/udev/control");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", machine_path("/run/udev/control"));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_ok(bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	assert_ok(listen(fd, 8));
	assert_udev(NULL); /* no such namespaces here */
	machine_file("/proc/self/ns/ipc", "%s", "");
	assert_udev(NULL); /* it can't be known */
	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", (int)getpid());
	machine_file(path, "%s", "");
	assert_udev("udev runs in another IPC namespace");
	machine_gone(path);
	machine_link(path, "../../self/ns/ipc");
	assert_udev(NULL);
	setenv("DM_DISABLE_UDEV", "1", 1);
	assert_udev("DM_DISABLE_UDEV is set");
	unsetenv("DM_DISABLE_UDEV");
	close(fd);
}

/* --- sysfs --- */

static void attributes(void **state)
{
	uint64_t value, counters[DM_IO_COUNTERS];

	(void)state;
	machine_file(SDA "/queue/read_ahead_kb", "128\n");
	assert_ok(system_attr_get(NULL, 8, 0, "queue/read_ahead_kb", &value));
	assert_int_equal(value, 128);
	assert_ok(system_attr_set(NULL, 8, 0, "queue/read_ahead_kb", 256));
	assert_ok(system_attr_get(NULL, 8, 0, "queue/read_ahead_kb", &value));
	assert_int_equal(value, 256);
	assert_err(system_attr_set(NULL, 8, 0, "queue/none", 1), ENOENT);
	assert_err(system_attr_get(NULL, 8, 0, "queue", &value), EISDIR);
	machine_file(SDA "/stat", "1 2 3 4 5 6 7 8 9 10 11\n");
	assert_ok(system_io_counters(NULL, 8, 0, counters));
	assert_int_equal(counters[10], 11);
	assert_int_equal(counters[11], 0); /* of an older kernel */
	assert_err(system_io_counters(NULL, 8, 9, counters), ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_on_it),
		cmocka_unit_test(devices_in_a_circle),
		cmocka_unit_test(loop_devices),
		cmocka_unit_test(mounts_and_swap),
		cmocka_unit_test(processes),
		cmocka_unit_test(block_devices),
		cmocka_unit_test(asked_by_its_node),
		cmocka_unit_test(first_bytes),
		cmocka_unit_test(loops_are_attached),
		cmocka_unit_test(nodes),
		cmocka_unit_test(control_node),
		cmocka_unit_test(device_directory),
		cmocka_unit_test(major_number),
		cmocka_unit_test(kernel_log),
		cmocka_unit_test(udev),
		cmocka_unit_test(attributes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
