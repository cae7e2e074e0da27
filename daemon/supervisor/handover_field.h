/* SPDX-License-Identifier: MIT */
/*
 * handover_field.h - single fields and descriptors of the state that outlives an exec
 *
 * For handover.c, handover_field.c and membership.c only.  Errors stick: whoever
 * puts or gets many fields looks at @error once, at the end.
 */
#ifndef DAEMON_SUPERVISOR_HANDOVER_FIELD_H
#define DAEMON_SUPERVISOR_HANDOVER_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state_writer {
	char *mem;
	size_t len, cap;
	int error;
};

#define STATE_FD_MAX (1u << 20) /* the kernel's own limit (fs.nr_open) unless it was raised */

/**
 * struct state_reader - what is left to read
 * @claimed: bit for each descriptor that a field has named: none may be named twice
 */
struct state_reader {
	const char *at;
	size_t left;
	uint8_t *claimed;
	int error;
};

enum state_fd {
	FD_PACKET,    /* AF_PACKET socket */
	FD_UDP,       /* AF_INET datagram socket */
	FD_LISTENER,  /* listening AF_UNIX stream socket */
	FD_CHANNEL,   /* AF_UNIX SOCK_SEQPACKET */
	FD_NOTIFY,    /* AF_UNIX datagram socket */
	FD_MEMORY,    /* memfd whose size is sealed */
	FD_FILE,      /* regular file */
	FD_ANONYMOUS, /* eventfd, pidfd, ring */
};

void state_put(struct state_writer *w, const void *from, size_t len);
/* -1 stays -1; any other loses close-on-exec. */
void state_put_fd(struct state_writer *w, int fd);

/* @to is zeroed on an error. */
void state_get(struct state_reader *r, void *to, size_t len);
/* @size_bytes: FD_MEMORY, 0: any.  Return: a descriptor of this kind, or -1 (none, or an error). */
int state_get_fd(struct state_reader *r, enum state_fd kind, size_t size_bytes);
/* The same, and there must be one. */
int state_need_fd(struct state_reader *r, enum state_fd kind, size_t size_bytes);
/* What was read cannot be: -EBADMSG from here on. */
void state_bad(struct state_reader *r);
void state_check(struct state_reader *r, bool holds);

#endif
