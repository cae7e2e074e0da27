/* SPDX-License-Identifier: MIT */
/* client.h - a client of a control socket that misbehaves */
#ifndef HARNESS_FAULT_CLIENT_H
#define HARNESS_FAULT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct fault_client_result - how far it came
 * @requests: whole ones that the socket took
 * @bytes:    that the socket took
 * @closed:   the daemon has closed the connection
 */
struct fault_client_result {
	uint64_t requests;
	uint64_t bytes;
	bool closed;
};

/**
 * fault_client() - connect to a control socket, and never read an answer
 * @path:    of the socket
 * @flood:   send requests as fast as the socket takes them; otherwise half a request, and silence
 * @stop_fd: return when it is readable
 * @ready:   called when connected and the first bytes are sent
 * @result:  filled on success
 *
 * Returns also when the daemon closes the connection.
 *
 * Return: 0, or what connecting fails with.
 */
int fault_client(const char *path, bool flood, int stop_fd, void (*ready)(void),
		 struct fault_client_result *result);

#endif
