/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signatures and partition tables, by libblkid. Promises to bound what it takes over from a table
 * to the size of the disk; what a signature means is for others to say.
 */
#include "io/probe.h"

#include <blkid/blkid.h>
#include <fcntl.h>
#include <stdio.h>

static void free_probe(blkid_probe *pr)
{
	if (*pr)
		blkid_free_probe(*pr);
}

static void copy_value(blkid_probe pr, const char *name, char *ret, size_t size)
{
	const char *data = NULL;

	if (blkid_probe_lookup_value(pr, name, &data, NULL) == 0 && data)
		snprintf(ret, size, "%s", data);
}

static int new_probe(int fd, bp_bytes offset, bp_bytes size, blkid_probe *ret)
{
	*ret = blkid_new_probe();
	if (!*ret)
		return -ENOMEM;
	if (blkid_probe_set_device(*ret, fd, (blkid_loff_t)offset, (blkid_loff_t)size) != 0)
		return -EIO;
	return 0;
}

/*
 * A "safe" probe: it fails where two signatures contradict each other (-EILSEQ), and
 * doesn't guess.
 */
int probe_signature(int fd, bp_bytes offset, bp_bytes size, struct probe_signature *ret)
{
	_cleanup_(free_probe) blkid_probe pr = NULL;
	int r = new_probe(fd, offset, size, &pr);

	*ret = (struct probe_signature){ 0 };
	if (r < 0)
		return r;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
						      BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID);
	r = blkid_do_safeprobe(pr);
	if (r != 0)
		return r == 1 ? -ENODATA : r == -2 ? -EILSEQ : -EIO;
	copy_value(pr, "TYPE", ret->type, sizeof(ret->type));
	copy_value(pr, "USAGE", ret->usage, sizeof(ret->usage));
	copy_value(pr, "LABEL", ret->label, sizeof(ret->label));
	copy_value(pr, "UUID", ret->uuid, sizeof(ret->uuid));
	return ret->type[0] ? 0 : -ENODATA;
}

/* Hand over what the probe stands at. */
static int tell(blkid_probe pr, int (*found)(void *user, const char *what), void *user)
{
	char type[40] = "", table[40] = "", what[80];

	copy_value(pr, "TYPE", type, sizeof(type));
	copy_value(pr, "PTTYPE", table, sizeof(table));
	if (!type[0] && !table[0])
		return 0;
	snprintf(what, sizeof(what), "%s%s", type[0] ? "" : "partition table ",
		 type[0] ? type : table);
	return found(user, what);
}

/*
 * Every signature, not the first: a disk that is to be overwritten may have several, and
 * each is somebody's.
 */
int probe_each(const char *path, int (*found)(void *user, const char *what), void *user)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(free_probe) blkid_probe pr = NULL;
	int r = fd < 0 ? -errno : new_probe(fd, 0, 0, &pr), more = 0;

	if (r < 0 || !pr)
		return r < 0 ? r : -EIO;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	while (r == 0 && (more = blkid_do_probe(pr)) == 0)
		r = tell(pr, found, user);
	return r == 0 && more < 0 ? -EIO : r;
}

/*
 * A partition that begins behind the end of the disk is one of an image that was cut: it is
 * left out.
 */
static int add_partition(blkid_partition part, bp_bytes disk, struct probe_table *table)
{
	blkid_loff_t start = blkid_partition_get_start(part);
	blkid_loff_t size = blkid_partition_get_size(part);
	const char *type = blkid_partition_get_type_string(part);
	struct probe_partition p = { .number = blkid_partition_get_partno(part) };

	/* The container of logical partitions is no place for data. */
	if (start < 0 || size <= 0 || blkid_partition_is_extended(part) ||
	    (bp_sector)start > BP_SECTOR_MAX || (bp_sector)size > BP_SECTOR_MAX)
		return 0;
	p.offset = bp_sector_to_bytes((bp_sector)start);
	p.size = bp_sector_to_bytes((bp_sector)size);
	if (p.offset >= disk)
		return 0;
	if (type)
		snprintf(p.type, sizeof(p.type), "%s", type);
	else
		snprintf(p.type, sizeof(p.type), "0x%02x",
			 (unsigned)blkid_partition_get_type(part));
	return vec_add(&table->partitions, &p);
}

static int read_table(int fd, unsigned sector_bytes, struct probe_table *ret)
{
	_cleanup_(free_probe) blkid_probe pr = NULL;
	blkid_parttable table;
	blkid_partlist list;
	int r = new_probe(fd, 0, 0, &pr);

	if (r < 0)
		return r;
	blkid_probe_enable_superblocks(pr, 0);
	blkid_probe_enable_partitions(pr, 1);
	if (sector_bytes)
		blkid_probe_set_sectorsize(pr, sector_bytes);
	list = blkid_probe_get_partitions(pr);
	table = list ? blkid_partlist_get_table(list) : NULL;
	if (!table)
		return 0;
	snprintf(ret->type, sizeof(ret->type), "%s", blkid_parttable_get_type(table));
	for (int i = 0; r == 0 && i < blkid_partlist_numof_partitions(list); i++)
		r = add_partition(blkid_partlist_get_partition(list, i),
				  (bp_bytes)blkid_probe_get_size(pr), ret);
	return r;
}

int probe_partitions(int fd, struct probe_table *ret)
{
	int r;

	*ret = (struct probe_table){ 0 };
	r = read_table(fd, 0, ret);
	/*
	 * An image of a disk with sectors of 4096 bytes has only a protective table at first sight.
	 */
	if (r == 0 && (ret->type[0] == '\0' || streq(ret->type, "PMBR"))) {
		struct probe_table large = { 0 };

		r = read_table(fd, 4096, &large);
		if (r == 0 && large.partitions.count && streq(large.type, "gpt")) {
			probe_table_done(ret);
			*ret = large;
		} else {
			probe_table_done(&large);
		}
	}
	if (r < 0)
		probe_table_done(ret);
	return r;
}

void probe_table_done(struct probe_table *table)
{
	vec_done(&table->partitions);
	table->type[0] = '\0';
}
