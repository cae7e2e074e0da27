/* SPDX-License-Identifier: MIT */
/*
 * capture_ring.h - the last few thousand packets of an interface, in memory
 *
 * They are written to a file only when somebody asks for them.
 *
 * There are two halves.  One is filled; when it is full, the other is emptied and filled next.  So
 * at any moment what is kept is between one and two halves of the most recent past.
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
 * capture_ring_open() - start on an interface of the caller's network namespace.
 * @error: CAPTURE_ERROR_SIZE bytes, filled on failure
 *
 * Return: 0 or -1.
 */
int capture_ring_open(struct capture_ring *ring, const char *interface, int snaplen_bytes,
		      char *error);

/** capture_ring_fd() - becomes readable when there is something to take. */
int capture_ring_fd(const struct capture_ring *ring);

/** capture_ring_take() - take what has come.  Return: packets; -1 when there can be no more. */
int capture_ring_take(struct capture_ring *ring);

/** capture_ring_save() - write what is kept.  Return: 0 or -1 when it cannot be written. */
int capture_ring_save(struct capture_ring *ring, const char *path);

/** capture_ring_close() - let go of it; a zeroed struct is allowed. */
void capture_ring_close(struct capture_ring *ring);

#endif
