/* SPDX-License-Identifier: MIT */
/*
 * method_worker.h - methods about workers
 */
#ifndef DAEMON_CONTROL_METHOD_WORKER_H
#define DAEMON_CONTROL_METHOD_WORKER_H

struct call;

void method_list_workers(struct call *call);

#endif
