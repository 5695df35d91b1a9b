/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disk images and devices as bytes. Promises that what it opens is never written to. */
#include "io/raw_image.h"

#include "io/io.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Size, and which file it is: two paths to one image must not be two disks. */
static int look(struct bp_ctx *ctx, const char *path, int fd, struct raw_image *image)
{
	struct stat st;
	off_t size;

	if (fstat(fd, &st) < 0)
		return bp_fail(ctx, -errno, "cannot look at '%s': %s", path,
			       strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return bp_fail(ctx, -EINVAL, "Not a block device or regular file '%s'.", path);
	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return bp_fail(ctx, -errno, "cannot find the size of '%s': %s", path,
			       strerrordesc_np(errno));
	image->size = (bp_bytes)size;
	image->device = S_ISBLK(st.st_mode);
	image->dev = image->device ? st.st_rdev : st.st_dev;
	image->ino = image->device ? 0 : st.st_ino;
	/* What mapped devices have written below the cache since it was filled must be seen. */
	if (image->device)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

int raw_image_open(struct bp_ctx *ctx, const char *path, struct raw_image **ret)
{
	_cleanup_(raw_image_closep) struct raw_image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return bp_fail_memory(ctx);
	/* Not blocking: a FIFO must not hold us before it is refused. */
	image->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (image->fd < 0) {
		r = -errno;
		if (r == -ENOENT || r == -ENOTDIR)
			bp_fail(ctx, r, "Couldn't find input file '%s'", path);
		else
			bp_fail(ctx, r, "cannot open '%s': %s", path, strerrordesc_np(-r));
		error_set_device(ctx, path);
		return r;
	}
	image->path = strdup(path);
	if (!image->path)
		return bp_fail_memory(ctx);
	r = look(ctx, path, image->fd, image);
	if (r < 0) {
		error_set_device(ctx, path);
		return r;
	}
	*ret = steal(image);
	return 0;
}

void raw_image_close(struct raw_image *image)
{
	if (!image)
		return;
	closep(&image->fd);
	free(image->path);
	free(image);
}

bool raw_image_same(const struct raw_image *a, const struct raw_image *b)
{
	return a->device == b->device && a->dev == b->dev && a->ino == b->ino;
}

/* The cursor is not used: images are read by several threads. */
int raw_image_read(const struct raw_image *image, bp_bytes offset, size_t len, void *buf)
{
	uint8_t *p = buf;

	if (offset > image->size || len > image->size - offset)
		return -ERANGE;
	while (len) {
		ssize_t n = pread(image->fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* it was longer when it was opened */
		p += n;
		offset += (bp_bytes)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Where the descriptor stands is nobody's concern: reading is by offset. */
void raw_image_data_next(const struct raw_image *image, bp_bytes offset, bp_bytes len,
			 bp_bytes *ret_begin, bp_bytes *ret_end)
{
	off_t begin, end;

	*ret_begin = 0;
	*ret_end = len;
	if (image->device || offset > image->size || len > image->size - offset)
		return; /* what lies behind the end is no hole: reading it fails */
	begin = lseek(image->fd, (off_t)offset, SEEK_DATA);
	if (begin < 0 && errno == ENXIO)
		*ret_begin = len;
	if (begin < (off_t)offset)
		return;
	*ret_begin = MIN((bp_bytes)begin - offset, len);
	end = lseek(image->fd, begin, SEEK_HOLE);
	if (end > begin)
		*ret_end = MIN((bp_bytes)end - offset, len);
}
