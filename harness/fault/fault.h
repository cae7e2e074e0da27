/* SPDX-License-Identifier: MIT */
/*
 * Faults: what goes wrong in life, done to a program in a lab from outside.
 *
 * A program is not asked to take part in its own fault.  Processes are found by /proc and must
 * belong to the lab, so a mistyped pid harms nobody else.
 */
#ifndef HARNESS_FAULT_FAULT_H
#define HARNESS_FAULT_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct lab;
struct topo_address;

/**
 * fault_find() - a process of a relay by its role.
 * @node: index in the topology
 * @role: "supervisor", "control" or "worker"
 * @number: of the worker; for the others it does not matter
 *
 * Return: the pid; -ESRCH when there is none; -EEXIST when the node has several relays.
 */
pid_t fault_find(const struct lab *lab, unsigned int node, const char *role, unsigned int number);

/** fault_belongs() - does the process live in this node, or descend from one that does? */
bool fault_belongs(const struct lab *lab, unsigned int node, pid_t pid);

/** fault_signal() - send a signal.  Return: 0 or negative errno. */
int fault_signal(pid_t pid, int signo);

/** fault_limit() - lower or raise a soft limit; @resource as for setrlimit(). */
int fault_limit(pid_t pid, int resource, uint64_t limit);

/**
 * fault_write() - overwrite memory of a process.
 * @address: in its address space
 *
 * Return: 0; -EIO when nothing is mapped there; or negative errno.
 */
int fault_write(pid_t pid, uint64_t address, const void *bytes, size_t length);

enum fault_maps {
	FAULT_MAPS_ALL,
	FAULT_MAPS_PRIVATE, /* nobody else sees the change */
	FAULT_MAPS_SHARED,
};

/**
 * fault_replace() - look for bytes in the writable maps of a process, and overwrite each of them.
 * @pattern: @length of them, 1 to 4096
 * @replacement: as many; NULL only counts
 * @first: filled with the address of the first place, if there is one
 *
 * Return: the number of places, or negative errno.
 */
ssize_t fault_replace(pid_t pid, enum fault_maps maps, const void *pattern, const void *replacement,
		      size_t length, uint64_t *first);

/*
 * Faults of interfaces.  The caller is in the node (lab_call()).  Return: 0 or negative errno;
 * -ENODEV when there is no such interface.
 */
int fault_link_down(const char *interface);
int fault_link_up(const char *interface); /* and wait for its carrier */
int fault_link_delete(const char *interface);
int fault_link_rename(const char *interface, const char *name);
int fault_link_readdress(const char *interface, const struct topo_address *address);

/**
 * fault_hog() - use up a CPU; does not return before @stop_fd is readable.
 * @ready: called once it has begun
 *
 * Return: 0 or negative errno.
 */
int fault_hog(unsigned int cpu, int stop_fd, void (*ready)(void));

/** fault_cpu_of() - the only CPU a process may run on.  Return: it, or -ENOTUNIQ, or -errno. */
int fault_cpu_of(pid_t pid);

/* What became of a client that misbehaves. */
struct fault_client_result {
	uint64_t requests; /* whole ones that the socket took */
	uint64_t bytes;
	bool closed; /* the daemon has closed the connection */
};

/**
 * fault_client() - be a bad client of a control socket.
 * @flood: send requests as fast as the socket takes them; otherwise half a request, and silence.
 *         Answers are never read.
 * @stop_fd: end when it is readable; it ends by itself when the daemon closes the connection
 * @ready: called when connected and the first bytes are sent
 *
 * Return: 0 with @result filled, or negative errno.
 */
int fault_client(const char *path, bool flood, int stop_fd, void (*ready)(void),
		 struct fault_client_result *result);

#endif
