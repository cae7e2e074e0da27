// SPDX-License-Identifier: MIT
/* memfd.c - make, check and map memory that processes share */
#include "daemon/common/memfd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int write_all(int fd, const char *p, size_t left)
{
	while (left) {
		const ssize_t n = write(fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

/* @fd: taken when @ret is an error.  Nobody may add seals later. */
static int seal(int fd, int seals, int ret)
{
	if (ret == 0 && fcntl(fd, F_ADD_SEALS, seals | F_SEAL_SEAL) < 0)
		ret = -errno;
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}

int memfd_sealed(const char *name, const void *mem, size_t bytes)
{
	const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? -errno : seal(fd, MEMFD_ALL_SEALS, write_all(fd, mem, bytes));
}

int memfd_zeroed(const char *name, size_t bytes)
{
	const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	return seal(fd, MEMFD_SHARED_SEALS, ftruncate(fd, (off_t)bytes) < 0 ? -errno : 0);
}

int memfd_reader(int fd)
{
	char path[32];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, O_RDONLY | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

int64_t memfd_size(int fd, int seals)
{
	const int have = fcntl(fd, F_GET_SEALS); /* fails for all but a memfd */
	off_t end;

	if (have < 0 || (have & seals) != seals)
		return -EPERM;
	end = lseek(fd, 0, SEEK_END);
	return end < 0 ? -errno : end;
}

static int map(int fd, size_t bytes, int seals, int prot, int flags, void **mem)
{
	const int64_t size = memfd_size(fd, seals);
	void *at;

	if (size < 0)
		return (int)size;
	if (!size || (uint64_t)size != bytes)
		return -EBADMSG;
	at = mmap(NULL, bytes, prot, MAP_SHARED | flags, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*mem = at;
	return 0;
}

int memfd_map(int fd, size_t bytes, const void **mem)
{
	return map(fd, bytes, MEMFD_ALL_SEALS, PROT_READ, 0, (void **)mem);
}

int memfd_map_page(int fd, size_t bytes, const void **mem)
{
	return map(fd, bytes, MEMFD_SHARED_SEALS, PROT_READ, 0, (void **)mem);
}

int memfd_map_shared(int fd, size_t bytes, int flags, void **mem)
{
	return map(fd, bytes, MEMFD_SHARED_SEALS, PROT_READ | PROT_WRITE, flags, mem);
}
