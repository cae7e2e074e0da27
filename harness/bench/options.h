/* SPDX-License-Identifier: MIT */
/* options.h - the command line of mcrbench */
#ifndef HARNESS_BENCH_OPTIONS_H
#define HARNESS_BENCH_OPTIONS_H

#include "harness/bench/measure.h"
#include "harness/bench/set.h"

/**
 * struct bench_options - what is to be done
 * @profile:  its name
 * @rounds:   1 to BENCH_MAX_ROUNDS
 * @plan:     the profile's, with what was put in its place
 * @settings: all but @stop; @mcr_extra is owned by the caller
 * @set:      what to measure
 * @json, @svg, @reference: a file, a directory and a file, or NULL
 * @check:    hold the ratios to the reference
 */
struct bench_options {
	const char *profile;
	unsigned rounds;
	struct bench_plan plan;
	struct bench_settings settings;
	struct bench_set set;
	const char *json;
	const char *svg;
	const char *reference;
	bool check;
};

/**
 * bench_options_parse() - read the command line, or die()
 * @options: filled
 * @argc:    of main()
 * @argv:    of main()
 *
 * Ends the program after --help and --list.
 */
void bench_options_parse(struct bench_options *options, int argc, char **argv);

#endif
