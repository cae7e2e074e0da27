/* SPDX-License-Identifier: MIT */
/*
 * capture.h - captures: the packets of an interface, in a file, by libpcap
 *
 * A capture is complete: all packets before the order to end are in the file, and those for which
 * the kernel had no room are counted.
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
 * capture_open() - start to capture on an interface of the caller's network namespace
 * @interface:     its name
 * @snaplen_bytes: of each packet, 1 to 65535
 * @buffer_bytes:  in the kernel
 * @filter:        a libpcap expression, or NULL
 * @error:         CAPTURE_ERROR_SIZE bytes, filled on failure
 *
 * Return: the capture, for pcap_close(); NULL on failure.
 */
struct pcap *capture_open(const char *interface, int snaplen_bytes, int buffer_bytes,
			  const char *filter, char *error);

/**
 * capture_to_file() - write packets until told to end
 * @pcap:    from capture_open()
 * @path:    the file, made or overwritten
 * @limit:   end after as many packets; 0: no limit
 * @stop_fd: end when it is readable; -1: never
 * @ready:   called once the file is open: packets from now on will be in it
 * @result:  filled on success
 * @error:   CAPTURE_ERROR_SIZE bytes, filled on failure
 *
 * Return: 0 or -1.
 */
int capture_to_file(struct pcap *pcap, const char *path, uint64_t limit, int stop_fd,
		    void (*ready)(void), struct capture_result *result, char *error);

#endif
