/* SPDX-License-Identifier: MIT */
/* gen_report.h - the generator's report, as a line and as JSON; mcrgen(1) describes the fields */
#ifndef HARNESS_TRAFFIC_GEN_REPORT_H
#define HARNESS_TRAFFIC_GEN_REPORT_H

#include <stdbool.h>

struct gen;
struct replay;

/**
 * gen_report_print() - print the report of a generator to standard output
 * @gen:  has run
 * @json: one line of JSON instead of one line of text
 */
void gen_report_print(const struct gen *gen, bool json);

/**
 * gen_report_replay() - print the report of a replay, with its timing error
 * @replay: has run
 * @json:   one line of JSON instead of one line of text
 */
void gen_report_replay(const struct replay *replay, bool json);

#endif
