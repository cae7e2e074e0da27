/* SPDX-License-Identifier: MIT */
/* What the sink says: one line for people, or JSON; the fields are in mcrsink(1). */
#ifndef HARNESS_TRAFFIC_SINK_REPORT_H
#define HARNESS_TRAFFIC_SINK_REPORT_H

struct sink;

/** sinkreport_json() - the report as one line of JSON.  Return: owned text, or NULL. */
char *sinkreport_json(const struct sink *sink);

/** sinkreport_free() - free what sinkreport_json() returned; NULL is allowed. */
void sinkreport_free(char *text);

/** sinkreport_line() - print the report as one line for people. */
void sinkreport_line(const struct sink *sink);

/** sinkreport_interval() - print the line of one second, and start the next. */
void sinkreport_interval(struct sink *sink);

#endif
