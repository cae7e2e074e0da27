/* SPDX-License-Identifier: MIT */
/*
 * handover_field.h - single fields and descriptors of the state that outlives an exec
 *
 * Errors stick: a caller that puts or gets many fields looks at @error once, at the end.
 */
#ifndef DAEMON_SUPERVISOR_HANDOVER_FIELD_H
#define DAEMON_SUPERVISOR_HANDOVER_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handover_writer {
	char *mem;
	size_t len, cap;
	int error;
};

#define HANDOVER_FD_MAX (1u << 20) /* the kernel's own limit (fs.nr_open) unless it was raised */

/**
 * struct handover_reader - what is left to read
 * @claimed: bit for each descriptor that a field has named: none may be named twice
 */
struct handover_reader {
	const char *at;
	size_t left;
	uint8_t *claimed;
	int error;
};

enum handover_fd {
	FD_PACKET,   /* AF_PACKET socket */
	FD_UDP,      /* AF_INET datagram socket */
	FD_LISTENER, /* listening AF_UNIX stream socket */
	FD_CHANNEL,  /* AF_UNIX SOCK_SEQPACKET */
	FD_NOTIFY,   /* AF_UNIX datagram socket */
	FD_MEMORY,   /* memfd whose size is sealed */
	FD_FILE,     /* regular file */
	FD_PIPE,
	FD_ANONYMOUS, /* eventfd, pidfd, ring */
};

void handover_put(struct handover_writer *w, const void *from, size_t len);
/* -1 stays -1; any other loses close-on-exec. */
void handover_put_fd(struct handover_writer *w, int fd);

/* @to is zeroed on an error. */
void handover_get(struct handover_reader *r, void *to, size_t len);
/* @size_bytes: FD_MEMORY, 0: any.  Return: a descriptor of this kind, or -1 (none, or an error). */
int handover_get_fd(struct handover_reader *r, enum handover_fd kind, size_t size_bytes);
/* The same, and there must be one. */
int handover_need_fd(struct handover_reader *r, enum handover_fd kind, size_t size_bytes);
/* A field is impossible: -EBADMSG from here on. */
void handover_bad(struct handover_reader *r);
void handover_check(struct handover_reader *r, bool holds);

#endif
