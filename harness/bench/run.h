/* SPDX-License-Identifier: MIT */
/*
 * run.h - a lab with one relay running in its middle node
 *
 *   gen eth0 ---- eth0 relay eth1 ---- eth0 sink
 *                            eth2 ---- eth1         with several output interfaces
 *
 * The relay's egress keeps UDP segmentation, as a network card with the offload does; the
 * generator's is off, so that single packets arrive at the relay, unless the scenario has whole
 * super-datagrams.  rp_filter is off and the source
 * is routable, because the rivals are subject to the RPF check.
 */
#ifndef HARNESS_BENCH_RUN_H
#define HARNESS_BENCH_RUN_H

#include <cjson/cJSON.h>
#include <signal.h>

#include "harness/bench/scenario.h"
#include "harness/lab/proc.h"
#include "harness/lab/state.h"

/* Streams go to consecutive ports of one group, and so do their outputs. */
#define BENCH_IN_GROUP     "239.1.1.1"
#define BENCH_IN_PORT      5000u
#define BENCH_OUT_GROUP    "239.2.2.2"
#define BENCH_OUT_PORT     6000u
#define BENCH_SOURCE       "10.20.0.2"
#define BENCH_OUT_ADDRESS  "10.90.1.1" /* the relay's, towards the sink */
#define BENCH_SINK_ADDRESS "10.90.1.2"
#define BENCH_NOISE_GROUP  "239.66.0.1"
/* Rules that see no traffic, and the groups of a capacity run, begin here. */
#define BENCH_IDLE_GROUP 0xef0a0000u /* 239.10.0.0 */
#define BENCH_READY_MS   10000

/**
 * struct bench_settings - how a whole bench is run
 * @gen_cpu, @sink_cpu: where generator and sink stay; -1: where the scheduler puts them
 * @stop:      set by a signal: end after the trial that runs, and clean up
 * @mcr_extra: members put over those of MCR's configuration, or NULL; not for per-packet
 */
struct bench_settings {
	int gen_cpu;
	int sink_cpu;
	const volatile sig_atomic_t *stop;
	const cJSON *mcr_extra;
};

struct bench_run;

/**
 * struct bench_relay - what a run must know of its relay
 * @takes_super: reads super-datagrams; one that reads single packets into small buffers needs
 *               single packets
 * @translates:  sends to bench_out_group() and BENCH_OUT_PORT, not to where it received
 * @user_space:  its work is the CPU time of its processes
 * @kernel_path: MCR with --path auto, and every rule in the kernel
 * @per_packet:  MCR without GRO, GSO and gathering
 * @start:       start it and wait until it is ready.  Return: 0; negative errno with error filled
 * @rule_add, @rule_remove: switch the one stream while it runs; NULL: it cannot.  Return: 0 once it
 *               has answered; negative errno with error filled
 */
struct bench_relay {
	bool takes_super;
	bool translates;
	bool user_space;
	bool per_packet;
	bool kernel_path;
	int (*start)(struct bench_run *run, struct lab_error *error);
	int (*rule_add)(struct bench_run *run, struct lab_error *error);
	int (*rule_remove)(struct bench_run *run, struct lab_error *error);
};

/* Made by bench_run_start() out of its first five members; they are borrowed. */
struct bench_run {
	const struct bench_scenario *scenario;
	const struct bench_settings *settings;
	const struct bench_relay *kind;
	uint32_t groups; /* more than 1: a rule for each, to one output (capacity) */
	bool no_rule;    /* start without the rule (join) */
	struct topology *topo;
	struct lab lab;
	struct proc relay;
	char dir[64]; /* of its own; removed by bench_run_stop() */
	bool lab_is_up;
};

/**
 * bench_run_start() - build the lab, start the relay and wait until it is ready.
 * @run: scenario, settings, kind, groups and no_rule are set, the rest zero;
 *       bench_run_stop() is due even after an error
 * @error: filled on failure, one line
 *
 * Return: 0; -EINTR when stopped; -ETIMEDOUT or -ECHILD when the relay does not get ready; other
 * negative errno of what could not be made or started.
 */
int bench_run_start(struct bench_run *run, struct lab_error *error);

/**
 * bench_run_stop() - end the relay and the lab, and remove the files
 * @run: zero afterwards
 */
void bench_run_stop(struct bench_run *run);

/**
 * bench_run_node() - a node's network namespace
 * @run:  with a lab
 * @node: "gen", "relay" or "sink"
 *
 * Return: its descriptor, owned by the lab.
 */
int bench_run_node(const struct bench_run *run, const char *node);

/**
 * bench_run_path() - the path of a file in the run's directory
 * @run:  started
 * @name: of the file
 * @path: filled
 */
void bench_run_path(const struct bench_run *run, const char *name, char path[static 96]);

/**
 * bench_run_spawn() - start a program in the relay's node, as the relay
 * @run:     its relay is filled
 * @argv:    NULL at the end
 * @capture: its standard output is read by the caller
 *
 * Return: as proc_spawn().
 */
int bench_run_spawn(struct bench_run *run, const char *const *argv, bool capture);

/**
 * bench_fail() - fill an error
 * @error: filled with "what: strerror(err)"
 * @err:   a positive errno
 * @what:  what failed
 *
 * Return: -@err.
 */
int bench_fail(struct lab_error *error, int err, const char *what);

/**
 * bench_interfaces() - the number of output interfaces
 * @run: its scenario is set
 *
 * Return: 1 or more.
 */
uint32_t bench_interfaces(const struct bench_run *run);

/**
 * bench_out_group() - the group that the sink joins, or the host that it is
 * @run: its scenario and relay are set
 *
 * Return: an IPv4 address.
 */
const char *bench_out_group(const struct bench_run *run);

/**
 * bench_out_port() - the port of the first stream at the sink
 * @run: its scenario and relay are set
 *
 * Return: the port.
 */
uint16_t bench_out_port(const struct bench_run *run);

#endif
