/* SPDX-License-Identifier: MIT */
/*
 * show.h - the results of ListRules, GetStats, GetConfig and ListWorkers
 *
 * Each returns an object of the caller's, NULL when out of memory.  Counters are
 * written as integers of up to 64 bits, not as floating-point numbers.
 */
#ifndef DAEMON_CONTROL_SHOW_H
#define DAEMON_CONTROL_SHOW_H

#include <stdint.h>

struct cJSON;
struct complaint;
struct control;
struct request_page;

/*
 * With an error (enum rpc_error, as control_page_add() has them) in @error NULL and the
 * reason in @cpl.
 */
struct cJSON *control_show_rules(const struct control *c, const struct request_page *page,
				 int *error, struct complaint *cpl);
struct cJSON *control_show_stats(const struct control *c, const struct request_page *page,
				 uint64_t now_ns, int *error, struct complaint *cpl);
struct cJSON *control_show_config(const struct control *c, const struct request_page *page,
				  int *error, struct complaint *cpl);
struct cJSON *control_show_workers(const struct control *c, uint64_t now_ns);

#endif
