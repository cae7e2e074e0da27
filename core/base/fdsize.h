/* SPDX-License-Identifier: MIT */
/*
 * fdsize.h - how large the memory behind a descriptor is
 *
 * A sealed child has no fstat(3): newer C libraries make it a newfstatat(2), and that call
 * takes a path, which a system call filter cannot look into.  lseek(2) tells the size as
 * well.  It moves the offset, which nobody uses: memory is mapped, or read with pread(2).
 */
#ifndef CORE_BASE_FDSIZE_H
#define CORE_BASE_FDSIZE_H

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

/**
 * fd_size() - size of a file or memfd
 * @fd: borrowed
 *
 * Return: bytes, or a negative errno of lseek(2).
 */
static inline int64_t fd_size(int fd)
{
	const off_t end = lseek(fd, 0, SEEK_END);

	return end < 0 ? -errno : end;
}

#endif
