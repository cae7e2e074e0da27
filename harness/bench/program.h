/* SPDX-License-Identifier: MIT */
/* program.h - the programs of a benchmark: where they are, and which are missing */
#ifndef HARNESS_BENCH_PROGRAM_H
#define HARNESS_BENCH_PROGRAM_H

#include "harness/bench/scenario.h"

/* The relay of experiments/, as bench_program() finds it. */
#define BENCH_RECV_SEND_PROGRAM "../experiments/poc_relay_recv_send/relay"

/**
 * bench_program() - the path of a file that was built or installed with this program
 * @name: relative to this program's directory
 * @path: filled: there; or in ../sbin of it, when that is where it can be executed
 */
void bench_program(const char *name, char path[static 512]);

/**
 * bench_program_missing() - the program that a relay lacks, beside this program or in PATH
 * @id: the relay
 *
 * Return: the name of the first program that is not there; NULL when the relay is installed.
 */
const char *bench_program_missing(enum bench_backend id);

#endif
