/* SPDX-License-Identifier: MIT */
/*
 * epoll_key.h - the source of an epoll event
 */
#ifndef DAEMON_SUPERVISOR_EPOLL_KEY_H
#define DAEMON_SUPERVISOR_EPOLL_KEY_H

#include <assert.h>
#include <stdint.h>
#include <sys/epoll.h>

enum epoll_source {
	SOURCE_CHANNEL, /* a child's messages, or room for some to it */
	SOURCE_EXIT,    /* a child has exited */
	SOURCE_LOG,     /* a child has written to its log */
	SOURCE_SIGNALS,
	SOURCE_CHECKER, /* the check of a new binary has ended */
};

/**
 * union epoll_key - the data of an event
 * @word:   as epoll keeps it
 * @source: enum epoll_source
 * @child:  SOURCE_CHANNEL, SOURCE_EXIT, SOURCE_LOG: whose
 */
union epoll_key {
	uint64_t word;
	struct {
		uint32_t source;
		uint32_t child;
	};
};
static_assert(sizeof(union epoll_key) == sizeof(uint64_t), "epoll keeps 64 bits");

static inline union epoll_key epoll_key_of(enum epoll_source source)
{
	return (union epoll_key){.source = source};
}

static inline union epoll_key epoll_key_of_child(enum epoll_source source, unsigned child)
{
	return (union epoll_key){.source = source, .child = child};
}

/* As epoll_ctl(2). */
static inline int epoll_watch(int epoll, int op, int fd, uint32_t events, union epoll_key key)
{
	struct epoll_event ev = {.events = events, .data.u64 = key.word};

	return epoll_ctl(epoll, op, fd, &ev);
}

#endif
