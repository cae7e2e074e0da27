/* SPDX-License-Identifier: MIT */
/* file.h - topologies in files */
#ifndef HARNESS_TOPOLOGY_FILE_H
#define HARNESS_TOPOLOGY_FILE_H

#include "harness/topology/state.h"

struct json_error;

/**
 * topology_read() - find a topology by name or path, and read its text
 * @what:  a path when it has a '/' or ends in .json; "-" is standard input; else the name of one
 *         of the topologies that come with the harness, looked for in $MCR_TOPOLOGIES and beside
 *         the running program
 * @text:  filled on success, NUL-terminated, the caller's to free
 * @path:  PATH_MAX bytes, filled with the name of the file for messages
 * @error: filled on failure
 *
 * Return: 0; -ENOENT when there is no such topology; -EFBIG from 1 MiB on; -ENOMEM; what reading
 * fails with.
 */
int topology_read(const char *what, char **text, char *path, struct json_error *error);

/**
 * topology_load() - find a topology, and parse it
 * @topo:  as for topology_parse()
 * @what:  as for topology_read()
 * @error: filled on failure
 *
 * Return: as topology_read() and topology_parse().
 */
int topology_load(struct topology *topo, const char *what, struct json_error *error);

/**
 * topology_list() - the topologies that come with the harness
 * @found: called with the name of each, in alphabetical order
 *
 * Return: how many; -ENOENT when there is no directory of them.
 */
int topology_list(void (*found)(const char *name));

#endif
