/* SPDX-License-Identifier: MIT */
/* sink_report.h - the sink's report: one line of text, or JSON; mcrsink(1) describes the fields */
#ifndef HARNESS_TRAFFIC_SINK_REPORT_H
#define HARNESS_TRAFFIC_SINK_REPORT_H

struct sink;

/**
 * sink_report_json() - the report as one line of JSON
 * @sink: borrowed
 *
 * Return: text for sink_report_free(); NULL without memory.
 */
char *sink_report_json(const struct sink *sink);

/**
 * sink_report_free() - free a report
 * @text: from sink_report_json(); NULL is allowed
 */
void sink_report_free(char *text);

/**
 * sink_report_line() - print the report as one line of text
 * @sink: borrowed
 */
void sink_report_line(const struct sink *sink);

/**
 * sink_report_interval() - print the line of an interval, and begin the next
 * @sink: running
 */
void sink_report_interval(struct sink *sink);

#endif
