// SPDX-License-Identifier: MIT
/*
 * memory.c - faults of memory, through /proc/PID/mem
 *
 * The process runs on meanwhile.  A pattern that it moves during the search may be missed.
 */
#include "harness/fault/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES (1 << 20)
#define PATTERN_MAX 4096
#define MAP_MAX     (1ull << 36) /* larger is reserved, not used: the shadow of a sanitizer */

struct search {
	int mem_fd;
	const char *pattern;
	const char *replacement;
	size_t length;
	ssize_t found;
	uint64_t *first;
	char *chunk;
};

static int open_proc(pid_t pid, const char *what, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

static int write_at(int fd, uint64_t address, const void *bytes, size_t length)
{
	ssize_t n = pwrite(fd, bytes, length, (off_t)address);

	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

int fault_write(pid_t pid, uint64_t address, const void *bytes, size_t length)
{
	int fd = open_proc(pid, "mem", O_RDWR);
	int ret;

	if (fd < 0)
		return fd;
	ret = write_at(fd, address, bytes, length);
	close(fd);
	return ret;
}

static int hit(struct search *search, uint64_t address)
{
	if (search->found++ == 0)
		*search->first = address;
	if (!search->replacement)
		return 0;
	return write_at(search->mem_fd, address, search->replacement, search->length);
}

/* Chunks overlap by what a pattern may stick out of one. */
static int search_map(struct search *search, uint64_t from, uint64_t to)
{
	while (from < to) {
		size_t room = to - from < CHUNK_BYTES ? (size_t)(to - from) : CHUNK_BYTES;
		ssize_t n = pread(search->mem_fd, search->chunk, room, (off_t)from);
		const char *at = search->chunk;
		const char *end = search->chunk + n;

		if (n < (ssize_t)search->length)
			return 0; /* unmapped meanwhile, or a device's memory */
		while ((at = memmem(at, (size_t)(end - at), search->pattern, search->length))) {
			int ret = hit(search, from + (uint64_t)(at - search->chunk));

			if (ret < 0)
				return ret;
			at += search->length;
		}
		if (from + (uint64_t)n >= to)
			return 0;
		from += (uint64_t)n - (search->length - 1);
	}
	return 0;
}

static int search_maps(struct search *search, FILE *file, enum fault_maps maps)
{
	char line[512];

	while (fgets(line, sizeof(line), file)) {
		uint64_t from;
		uint64_t to;
		char rights[5];
		bool shared;
		int ret;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &from, &to, rights) != 3 ||
		    rights[0] != 'r' || rights[1] != 'w' || to - from > MAP_MAX)
			continue;
		shared = rights[3] == 's';
		if ((maps == FAULT_MAPS_PRIVATE && shared) ||
		    (maps == FAULT_MAPS_SHARED && !shared))
			continue;
		ret = search_map(search, from, to);
		if (ret < 0)
			return ret;
	}
	return 0;
}

ssize_t fault_replace(pid_t pid, enum fault_maps maps, const void *pattern, const void *replacement,
		      size_t length, uint64_t *first)
{
	struct search search = {
		.pattern = pattern, .replacement = replacement, .length = length, .first = first};
	int maps_fd = -1;
	FILE *file = NULL;
	int ret = 0;

	if (length == 0 || length > PATTERN_MAX)
		return -EINVAL;
	search.mem_fd = open_proc(pid, "mem", O_RDWR);
	if (search.mem_fd < 0)
		return search.mem_fd;
	maps_fd = open_proc(pid, "maps", O_RDONLY);
	search.chunk = malloc(CHUNK_BYTES);
	if (maps_fd >= 0)
		file = fdopen(maps_fd, "r");
	if (maps_fd < 0)
		ret = maps_fd;
	else if (!file || !search.chunk)
		ret = -ENOMEM;
	else
		ret = search_maps(&search, file, maps);
	if (file)
		fclose(file);
	else if (maps_fd >= 0)
		close(maps_fd);
	free(search.chunk);
	close(search.mem_fd);
	return ret < 0 ? ret : search.found;
}
