/* SPDX-License-Identifier: MIT */
/*
 * epoll_key.h - the source of an epoll event
 */
#ifndef DAEMON_CONTROL_EPOLL_KEY_H
#define DAEMON_CONTROL_EPOLL_KEY_H

#include <assert.h>
#include <stdint.h>
#include <sys/epoll.h>

enum epoll_source {
	SOURCE_CLIENT,
	SOURCE_CHANNEL,
	SOURCE_LINKS,
	SOURCE_ROUTES,
	SOURCE_APPLIED,
	SOURCE_CONTROL_LISTENER,
	SOURCE_STATUS_LISTENER,
};

/**
 * union epoll_key - the data of an event
 * @word:   as epoll keeps it
 * @source: enum epoll_source
 * @place:  of a client, below CLIENTS_MAX
 * @serial: of a client: tells two users of the same place apart
 */
union epoll_key {
	uint64_t word;
	struct {
		uint16_t source;
		uint16_t place;
		uint32_t serial;
	};
};
static_assert(sizeof(union epoll_key) == sizeof(uint64_t), "epoll keeps 64 bits");

static inline union epoll_key epoll_key_of(enum epoll_source source)
{
	return (union epoll_key){.source = (uint16_t)source};
}

static inline union epoll_key epoll_key_of_client(unsigned place, uint32_t serial)
{
	return (union epoll_key){
		.source = SOURCE_CLIENT, .place = (uint16_t)place, .serial = serial};
}

/* As epoll_ctl(2). */
static inline int epoll_watch(int epoll, int op, int fd, uint32_t events, union epoll_key key)
{
	struct epoll_event ev = {.events = events, .data.u64 = key.word};

	return epoll_ctl(epoll, op, fd, &ev);
}

#endif
