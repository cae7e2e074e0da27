/* SPDX-License-Identifier: MIT */
/*
 * capture.h - captures: the packets of an interface, in a file, by libpcap
 *
 * A capture is complete: what had passed when it was told to end is in the file, and what the
 * kernel had no room for is counted.
 */
#ifndef HARNESS_CAPTURE_CAPTURE_H
#define HARNESS_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_ERROR_SIZE 320

struct pcap;

struct capture_result {
	uint64_t packets; /* in the file */
	uint64_t dropped; /* passed and are not in the file */
};

/**
 * capture_open() - start to capture on an interface of the caller's network namespace.
 * @snaplen_bytes: of each packet, 1 to 65535
 * @buffer_bytes: in the kernel
 * @filter: a libpcap expression, or NULL
 * @error: CAPTURE_ERROR_SIZE bytes, filled on failure
 *
 * Return: the capture, for pcap_close(); NULL on failure.
 */
struct pcap *capture_open(const char *interface, int snaplen_bytes, int buffer_bytes,
			  const char *filter, char *error);

/**
 * capture_to_file() - write packets until told to end.
 * @path: the file, made or overwritten
 * @limit: end after as many packets; 0: no limit
 * @stop_fd: end when it is readable; -1: never
 * @ready: called once the file is open: what passes from now on will be in it
 *
 * Return: 0 with @result filled; -1 with @error filled.
 */
int capture_to_file(struct pcap *pcap, const char *path, uint64_t limit, int stop_fd,
		    void (*ready)(void), struct capture_result *result, char *error);

#endif
