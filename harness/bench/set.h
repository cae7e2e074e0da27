/* SPDX-License-Identifier: MIT */
/*
 * set.h - the set of one run: scenarios, relays and burst sizes, chosen by name
 *
 * Scenarios and relays that are named must fit together, or the choice is an error; those of a
 * profile are narrowed to the ones that fit.  A burst size makes a scenario of its own ("gro@8")
 * out of each, so that rounds, table, JSON and charts know nothing of sweeps.
 */
#ifndef HARNESS_BENCH_SET_H
#define HARNESS_BENCH_SET_H

#include "harness/bench/scenario.h"

#define BENCH_MAX_BURSTS 8
#define BENCH_MAX_SET    (BENCH_MAX_SCENARIOS * BENCH_MAX_BURSTS)

struct lab_error;

/* Rows of the table of scenarios that a profile has. */
enum bench_rows {
	BENCH_ROWS_CLAIMS, /* those that carry the project's claims */
	BENCH_ROWS_TABLE,  /* those of the comparison with the kernel's own forwarding */
	BENCH_ROWS_ALL,
};

/**
 * struct bench_choice - as typed; every list has commas between its items, and counts a repeated
 * item once
 * @scenarios: names, or NULL: those of the profile
 * @backends:  names, or NULL: those of the profile
 * @bursts:    datagrams at a time, 1 to 64 each, or NULL: no sweep
 * @rows:      of the profile
 * @relays:    of the profile, a bit mask of enum bench_backend; 0: every relay
 */
struct bench_choice {
	const char *scenarios;
	const char *backends;
	const char *bursts;
	enum bench_rows rows;
	unsigned relays;
};

/**
 * struct bench_set - what is measured
 * @n: scenarios in use, at least 1
 * @sweep: made by burst sizes
 * @scenarios: in the order they are measured in; @backends of each are those chosen
 */
struct bench_set {
	unsigned n;
	bool sweep;
	struct bench_scenario scenarios[BENCH_MAX_SET];
};

/**
 * bench_set_choose() - choose scenarios, relays and burst sizes
 * @set:    filled on success
 * @choice: borrowed
 * @error:  filled on failure: one line that begins with the option at fault
 *
 * Return: 0; -EINVAL for a name or number that there is not, a relay that no scenario can use, a
 * scenario that no relay can carry or that has no bursts; -ENOMEM.
 */
int bench_set_choose(struct bench_set *set, const struct bench_choice *choice,
		     struct lab_error *error);

/**
 * bench_set_find() - find a scenario of the set
 * @set:  borrowed
 * @name: of the scenario
 *
 * Return: its index, or -ENOENT.
 */
int bench_set_find(const struct bench_set *set, const char *name);

/**
 * bench_set_backends() - the relays that some scenario of the set uses
 * @set: borrowed
 *
 * Return: a bit mask.
 */
unsigned bench_set_backends(const struct bench_set *set);

#endif
