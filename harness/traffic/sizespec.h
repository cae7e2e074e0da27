/* SPDX-License-Identifier: MIT */
/*
 * sizespec.h - payload sizes as given on a command line: "1400", "100,200,1400", "64-1400" or
 * "imix"
 *
 * Sizes are taken in turn, in the order given, and start over at the end.
 *
 * imix stands for seven, four and one IP packets of 64, 576 and 1500 bytes, evenly mixed: payloads
 * of 36, 548 and 1472 bytes, as IPv4 and UDP headers take 28.
 */
#ifndef HARNESS_TRAFFIC_SIZESPEC_H
#define HARNESS_TRAFFIC_SIZESPEC_H

#include <stdint.h>

#define SIZESPEC_MAX_ITEMS 64

struct sizespec_range {
	uint32_t low;
	uint32_t high;
};

struct sizespec {
	unsigned n_ranges;
	struct sizespec_range ranges[SIZESPEC_MAX_ITEMS];
	uint64_t period; /* sizes until the sequence starts over */
	uint32_t min_bytes;
	uint32_t max_bytes;
};

/**
 * sizespec_parse() - read a list of sizes, ranges and imix
 * @spec: filled on success
 * @text: sizes from 0 to 65507 bytes; a range counts upwards
 *
 * Return: 0; -EINVAL for anything malformed, -ERANGE for a size over 65507, a range that counts
 * down, or more than 64 items (imix is twelve).
 */
int sizespec_parse(struct sizespec *spec, const char *text);

/**
 * sizespec_at() - the size of a datagram
 * @spec:  borrowed
 * @index: of the datagram, from 0
 *
 * Return: bytes.
 */
uint32_t sizespec_at(const struct sizespec *spec, uint64_t index);

#endif
