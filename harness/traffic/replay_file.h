/* SPDX-License-Identifier: MIT */
/*
 * replay_file.h - a capture file (pcap or pcapng, by libpcap), read whole into memory before
 * sending starts
 *
 * A slow disk, or damage in the middle of the file, must not show as jitter.
 */
#ifndef HARNESS_TRAFFIC_REPLAY_FILE_H
#define HARNESS_TRAFFIC_REPLAY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/traffic/replay_frame.h"

#define REPLAY_MAX_BYTES (2ull << 30) /* of all packets kept */

/* One packet to send: a UDP payload, or with raw the whole frame. */
struct replay_packet {
	uint64_t at_ns; /* since the first packet of the file; never falls */
	size_t offset;  /* into bytes */
	uint32_t length;
	uint16_t port; /* 0 with raw */
	struct in_addr group;
};

struct replay_file {
	struct replay_packet *packets; /* owned */
	size_t n_packets;
	uint8_t *bytes; /* owned */
	size_t n_bytes;
	uint64_t verdicts[REPLAY_N_VERDICTS]; /* packets of the file by what they are */
	uint64_t in_file;
	uint64_t backwards; /* kept packets with an earlier time than one before them */
};

struct replay_error {
	char text[320]; /* one line */
};

/**
 * replay_file_load() - read the datagrams of a capture
 * @file:  filled; replay_file_free() is due even after an error
 * @path:  of the capture; "-" is standard input
 * @raw:   take whole Ethernet frames, whatever is in them
 * @error: filled on failure
 *
 * Return: 0; -EINVAL when it is no capture, damaged, of a link type without IPv4 or holds nothing
 * to send; -E2BIG above REPLAY_MAX_BYTES; -ENOMEM; what opening it fails with.
 */
int replay_file_load(struct replay_file *file, const char *path, bool raw,
		     struct replay_error *error);

/**
 * replay_file_free() - free
 * @file: a half-built object is allowed
 */
void replay_file_free(struct replay_file *file);

/**
 * replay_file_period_ns() - the time from the start of one loop to the start of the next
 * @file: borrowed
 *
 * Return: nanoseconds: the length of the capture and one mean gap more.
 */
uint64_t replay_file_period_ns(const struct replay_file *file);

#endif
