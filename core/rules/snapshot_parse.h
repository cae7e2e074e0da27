/* SPDX-License-Identifier: MIT */
/* snapshot_parse.h - the one reader of a snapshot */
#ifndef CORE_RULES_SNAPSHOT_PARSE_H
#define CORE_RULES_SNAPSHOT_PARSE_H

#include <stddef.h>

struct snapshot_view;

/**
 * snapshot_parse() - check a snapshot and give a view of it
 * @mem:        untrusted bytes, 8-byte aligned
 * @size_bytes: how many
 * @view:       filled on success
 *
 * Return: 0; -EBADMSG when anything is out of bounds or inconsistent, the stored
 * hash included; -EPROTO when it speaks another version.
 */
int snapshot_parse(const void *mem, size_t size_bytes, struct snapshot_view *view);

#endif
