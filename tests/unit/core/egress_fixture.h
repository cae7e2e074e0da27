/* SPDX-License-Identifier: MIT */
/*
 * egress_fixture.h - a kernel that takes sends, for tests of egress and relay
 *
 * It reads each message as the kernel does: gathers the bytes, cuts them by UDP_SEGMENT,
 * and refuses what a kernel refuses.  A test may refuse more.  Datagrams that got through are kept
 * as datagrams in order, told apart by destination port.
 */
#ifndef TESTS_UNIT_CORE_EGRESS_FIXTURE_H
#define TESTS_UNIT_CORE_EGRESS_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/relay/egress.h"
#include "core/relay/egress_done.h"
#include "core/relay/gso_batch.h"
#include "core/relay/match_rule.h"

#define FAKE_LOG_MAX     20000u
#define FAKE_GOT_MAX     400000u
#define FAKE_UDP_SEGMENT 103
#define FAKE_SOCKETS     256

struct fake_send {
	int sock;
	uint16_t port;
	uint16_t segment; /* 0: no UDP_SEGMENT */
	uint32_t bytes;
	uint32_t datagrams;
	uint32_t n_iov;
	int ttl;              /* of the last IP_TTL; 0: none */
	size_t other_control; /* bytes of control messages beside UDP_SEGMENT */
	int res;
};

struct fake_datagram {
	uint16_t port;
	uint32_t bytes;
	uint64_t sum;
};

/**
 * struct fake_kernel
 * @refuse:       errno for this send, or 0; NULL refuses nothing
 * @segments_max: of UDP_SEGMENT, else EINVAL
 * @payload_max:  of one segment, else EMSGSIZE; 0: any
 * @bad:          what no caller may do was done; the text says what
 */
struct fake_kernel {
	struct egress *egress;
	int (*refuse)(struct fake_kernel *k, const struct fake_send *s);
	uint32_t segments_max, payload_max;
	unsigned drains;
	uint32_t n_queued, n_log, n_got;
	uint32_t units, units_most; /* datagrams in the sends queued; most that there were */
	const char *bad;
	uint16_t connected[FAKE_SOCKETS]; /* port that each socket is connected to, or 0 */
	struct {
		int sock;
		const struct msghdr *msg;
		struct egress_tag tag;
	} queued[EGRESS_SENDS];
	struct fake_send log[FAKE_LOG_MAX];
	struct fake_datagram got[FAKE_GOT_MAX];
	uint8_t bytes[2 * 65536];
};

static inline uint64_t fake_sum(const uint8_t *p, uint32_t len)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (uint32_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

static inline void fake_queue(void *ctx, int sock, const struct msghdr *msg, struct egress_tag tag)
{
	struct fake_kernel *k = ctx;

	if (k->n_queued == EGRESS_SENDS) {
		k->bad = "more sends queued than there are slots";
		return;
	}
	k->queued[k->n_queued].sock = sock;
	k->queued[k->n_queued].msg = msg;
	k->queued[k->n_queued++].tag = tag;
	k->units += tag.datagrams;
	if (k->units > k->units_most)
		k->units_most = k->units;
}

static inline void fake_read_control(struct fake_send *s, const struct msghdr *msg)
{
	struct msghdr m = *msg;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == FAKE_UDP_SEGMENT)
			memcpy(&s->segment, CMSG_DATA(c), sizeof(s->segment));
		else
			s->other_control += CMSG_SPACE(c->cmsg_len - CMSG_LEN(0));
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
			memcpy(&s->ttl, CMSG_DATA(c), sizeof(s->ttl));
	}
}

static inline int fake_verdict(struct fake_kernel *k, const struct fake_send *s)
{
	const int err = k->refuse ? k->refuse(k, s) : 0;

	if (err)
		return -err;
	if (s->sock < 0)
		return -EBADF;
	if (s->bytes > 65507 || (s->segment && k->payload_max && s->segment > k->payload_max))
		return -EMSGSIZE;
	if (s->segment && s->datagrams > k->segments_max)
		return -EINVAL;
	return (int)s->bytes;
}

static inline void fake_deliver(struct fake_kernel *k, const struct fake_send *s)
{
	uint32_t at = 0;

	do {
		uint32_t n = s->bytes - at;

		if (s->segment && n > s->segment)
			n = s->segment;
		if (k->n_got < FAKE_GOT_MAX)
			k->got[k->n_got++] =
				(struct fake_datagram){s->port, n, fake_sum(k->bytes + at, n)};
		at += n;
	} while (at < s->bytes);
}

static inline int fake_send_one(struct fake_kernel *k, int sock, const struct msghdr *msg)
{
	const struct sockaddr_in *to = msg->msg_name;
	struct fake_send s = {.sock = sock, .n_iov = (uint32_t)msg->msg_iovlen};

	if (to)
		s.port = ntohs(to->sin_port);
	else if (sock >= 0 && sock < FAKE_SOCKETS)
		s.port = k->connected[sock];
	if (!s.port)
		k->bad = "a send to nowhere";

	fake_read_control(&s, msg);
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		const struct iovec *v = &msg->msg_iov[i];

		if (s.bytes + v->iov_len > sizeof(k->bytes)) {
			k->bad = "a send of more than twice the limit";
			return -EMSGSIZE;
		}
		if (v->iov_len)
			memcpy(k->bytes + s.bytes, v->iov_base, v->iov_len);
		s.bytes += (uint32_t)v->iov_len;
	}
	s.datagrams = s.segment && s.bytes ? (s.bytes + s.segment - 1) / s.segment : 1;
	s.res = fake_verdict(k, &s);
	if (k->n_log < FAKE_LOG_MAX)
		k->log[k->n_log++] = s;
	if (s.res >= 0)
		fake_deliver(k, &s);
	return s.res;
}

static inline void fake_drain(void *ctx)
{
	struct fake_kernel *k = ctx;

	k->drains++;
	do {
		const uint32_t n = k->n_queued;

		for (uint32_t i = 0; i < n; i++)
			egress_done(k->egress, k->queued[i].tag.send,
				    fake_send_one(k, k->queued[i].sock, k->queued[i].msg));
		if (k->n_queued != n)
			k->bad = "egress_done() queued a send";
		k->n_queued = 0;
		k->units = 0;
	} while (egress_retry(k->egress) || egress_in_flight(k->egress));
}

static inline struct fake_kernel *fake_new(void)
{
	struct fake_kernel *k = calloc(1, sizeof(*k));

	if (k)
		k->segments_max = GSO_SEGMENTS_MAX;
	return k;
}

/* An engine that sends to @k; interfaces 0 to @ifaces - 1 have sockets.  false: out of memory. */
static inline bool fake_attach(struct fake_kernel *k, struct bufpool *pool,
			       struct worker_page *page, bool per_packet, uint32_t ifaces)
{
	const struct egress_io io = {k, fake_queue, fake_drain};

	k->egress = egress_new(pool, page, &io, per_packet);
	for (uint32_t i = 0; k->egress && i < ifaces; i++)
		egress_set_socket(k->egress, i, 100 + (int)i);
	return k->egress;
}

#endif
