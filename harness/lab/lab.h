/* SPDX-License-Identifier: MIT */
/*
 * lab.h - bring a lab up, and take it down
 *
 * A program that runs a generator and a sink in a lab (proc.h, traffic/report_read.h):
 *
 * 	lab_up(&lab, &topo, &error);
 * 	struct proc_spec spec = PROC_SPEC_INIT;
 * 	spec.argv = (const char *[]){"mcrsink", "--interface", "eth0", "--group", "239.1.1.1",
 * 				     "--port", "5000", "--json", "--ready-fd", "3", NULL};
 * 	spec.userns_fd = lab.userns_fd;
 * 	spec.netns_fd = lab.netns_fds[topology_node(&topo, "sink")];
 * 	spec.ready = spec.capture = true;
 * 	proc_spawn(&sink, &spec);
 * 	proc_wait_ready(&sink, deadline_in_ms(5000));
 * 	... the generator likewise, with spec.go and "--go-fd", "4" ...
 * 	pidfd_send_signal(sink.pidfd, SIGTERM, NULL, 0);
 * 	proc_collect(&sink, deadline_in_ms(5000), &text);
 * 	report_read_sink(&report, text);
 * 	proc_stop(&sink, 0, deadline_in_ms(5000), &status);
 * 	lab_down(&lab);
 */
#ifndef HARNESS_LAB_LAB_H
#define HARNESS_LAB_LAB_H

#include "harness/lab/state.h"

/**
 * lab_up() - build a lab and wait until every link has its carrier
 * @lab:   filled; lab_down() is due only after success
 * @topo:  borrowed as long as the lab exists
 * @error: filled on failure
 *
 * Return: 0; -ECHILD when the child that builds it died; what the failed step returned.
 */
int lab_up(struct lab *lab, const struct topology *topo, struct lab_error *error);

/**
 * lab_down() - kill what still runs in the lab's namespaces, and end it
 * @lab: from lab_up()
 */
void lab_down(struct lab *lab);

/**
 * lab_close() - close the descriptors of a lab that another process owns
 * @lab: from lab_ask_attach()
 */
void lab_close(struct lab *lab);

#endif
