/* SPDX-License-Identifier: MIT */
/* sink_control.h - the sink's control channel: ask for its progress, or end it */
#ifndef HARNESS_TRAFFIC_SINK_CONTROL_H
#define HARNESS_TRAFFIC_SINK_CONTROL_H

#include <stdbool.h>

struct sink;

/**
 * sink_control_input() - serve the control channel, which has become readable
 * @sink: with a control channel
 *
 * Return: false when it was closed by the other side.
 */
bool sink_control_input(struct sink *sink);

#endif
