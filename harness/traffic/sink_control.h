/* SPDX-License-Identifier: MIT */
/* The sink's control channel: how far it is, and when it is to end. */
#ifndef HARNESS_TRAFFIC_SINK_CONTROL_H
#define HARNESS_TRAFFIC_SINK_CONTROL_H

#include <stdbool.h>

struct sink;

/**
 * sinkcontrol_input() - serve the control channel, which has become readable.
 *
 * Return: false when it was closed by the other side.
 */
bool sinkcontrol_input(struct sink *sink);

#endif
