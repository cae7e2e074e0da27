/* SPDX-License-Identifier: MIT */
/*
 * capture_ring.h - the last few thousand packets of an interface, in memory
 *
 * They are written to a file only when somebody asks for them.
 *
 * There are two halves.  One is filled; when it is full, the other is emptied and filled next.  So
 * at any moment the memory holds the latest packets of between one and two halves.
 */
#ifndef HARNESS_CAPTURE_CAPTURE_RING_H
#define HARNESS_CAPTURE_CAPTURE_RING_H

#include <stdbool.h>
#include <stddef.h>

#define CAPTURE_RING_HALF (2 << 20) /* bytes */

struct pcap;

struct capture_ring {
	struct pcap *pcap;        /* owned */
	unsigned char *halves[2]; /* owned */
	size_t used[2];
	unsigned filling;
};

/**
 * capture_ring_open() - start on an interface of the caller's network namespace
 * @ring:          filled; capture_ring_close() is due after success
 * @interface:     its name
 * @snaplen_bytes: of each packet, 1 to 65535
 * @error:         CAPTURE_ERROR_SIZE bytes, filled on failure
 *
 * Return: 0 or -1.
 */
int capture_ring_open(struct capture_ring *ring, const char *interface, int snaplen_bytes,
		      char *error);

/**
 * capture_ring_fd() - the descriptor that becomes readable when packets have come
 * @ring: open
 */
int capture_ring_fd(const struct capture_ring *ring);

/**
 * capture_ring_take() - take the packets that have come
 * @ring: open
 *
 * Return: how many; -1 when the interface has been deleted.
 */
int capture_ring_take(struct capture_ring *ring);

/**
 * capture_ring_save() - write the packets of both halves to a file
 * @ring: open
 * @path: the file, made or overwritten
 *
 * Return: 0, or -1 when it cannot be written.
 */
int capture_ring_save(struct capture_ring *ring, const char *path);

/**
 * capture_ring_close() - close and free
 * @ring: a zeroed struct is allowed
 */
void capture_ring_close(struct capture_ring *ring);

#endif
