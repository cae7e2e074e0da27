/* SPDX-License-Identifier: MIT */
/*
 * memfd.h - memory that processes share, and the seals that it must have
 *
 * There are two kinds (memfd_create(2), fcntl(2)):
 *
 *   sealed   its content and size are fixed, so it is checked once.  Snapshots,
 *            filter programs, the state over an exec.
 *   shared   its size is fixed, its content changes: a process that maps it never gets SIGBUS.
 *            Pages, arenas.
 *
 * Every process makes and maps them here, and checks what another has sent.  The size comes
 * from lseek(2): a sealed child has no fstat(3), which newer C libraries make a newfstatat(2).
 */
#ifndef DAEMON_COMMON_MEMFD_H
#define DAEMON_COMMON_MEMFD_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>

#define MEMFD_SHARED_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define MEMFD_ALL_SEALS    (MEMFD_SHARED_SEALS | F_SEAL_WRITE)

/**
 * memfd_sealed() - memory whose content is fixed
 * @name:  shown in /proc
 * @mem:   @bytes that it holds
 *
 * Return: descriptor (close-on-exec), or a negative errno of memfd_create(2), write(2) or
 * fcntl(2).
 */
int memfd_sealed(const char *name, const void *mem, size_t bytes);

/**
 * memfd_zeroed() - memory of zeroes whose size is fixed
 *
 * Return: descriptor (close-on-exec), or a negative errno of memfd_create(2), ftruncate(2) or
 * fcntl(2).
 */
int memfd_zeroed(const char *name, size_t bytes);

/* The same memory, for a reader.  Return: descriptor (close-on-exec) or negative errno. */
int memfd_reader(int fd);

/**
 * memfd_size() - how large the memory behind a descriptor is, if it is sealed
 * @fd:    untrusted, borrowed
 * @seals: MEMFD_ALL_SEALS or MEMFD_SHARED_SEALS: those that it must have
 *
 * Return: bytes; -EPERM when it lacks a seal or is no memfd; a negative errno of lseek(2).
 */
int64_t memfd_size(int fd, int seals);

/**
 * memfd_map() - map memory whose content is fixed, to read
 * @fd:    untrusted, borrowed
 * @bytes: that it must have, more than 0
 * @mem:   filled; munmap(2) it
 *
 * Return: 0; -EPERM when it is not sealed or no memfd; -EBADMSG when it has another size; a
 * negative errno of mmap(2).
 */
int memfd_map(int fd, size_t bytes, const void **mem);

/**
 * memfd_map_page() - map memory whose content another process changes, to read
 *
 * As memfd_map(), but only the size must be fixed.
 */
int memfd_map_page(int fd, size_t bytes, const void **mem);

/**
 * memfd_map_shared() - map memory whose size is fixed, to read and write
 * @flags: of mmap(2) beside MAP_SHARED
 *
 * Otherwise as memfd_map().
 */
int memfd_map_shared(int fd, size_t bytes, int flags, void **mem);

#endif
