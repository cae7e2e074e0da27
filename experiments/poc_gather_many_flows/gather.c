// SPDX-License-Identifier: MIT
/*
 * Does coalescing pay when streams interleave, and how far must a worker that
 * is behind gather before it sends?
 *
 *   gen0 ---- in0 [packet socket with DATAGRAMS frames] worker out0 ---- sink0
 *
 * FLOWS streams of 200-byte payloads take turns, datagram by datagram.  Each
 * round queues all frames first, so that the worker is behind from the start,
 * then times how long it takes to forward them.  A multishot receive delivers
 * at most 32 completions in a go; the worker asks for more until it has its
 * limit or has caught up, sorts by flow, and sends each run with UDP_SEGMENT.
 *
 *   gather [on]    "on": out0 takes whole super-datagrams, the order is not looked at
 */
#include "../poc.h"

#include <liburing.h>

#define FLOWS        64
#define DATAGRAMS    32768
#define PAYLOAD      200
#define BUFFERS      4096
#define BUFFER_BYTES 512
#define MAX_BATCH    1024
#define MAX_SEGMENTS 64
#define ROUNDS       7
#define FIRST_PORT   5000
#define RECEIVE      UINT64_MAX

struct datagram {
	uint8_t *payload;
	uint16_t bid;
	int16_t next; /* of the same flow in this batch, or -1 */
};

struct send {
	struct msghdr msg;
	struct sockaddr_in to;
	struct iovec iov[MAX_SEGMENTS];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))];
};

struct worker {
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	int in, out, limit, max_segments;
	int batch_len, sends, all_sends, received, sent, errors;
	struct datagram batch[MAX_BATCH];
	int16_t head[FLOWS], tail[FLOWS];
	struct send send[MAX_BATCH];
	uint8_t pool[BUFFERS][BUFFER_BYTES];
};

static struct worker w;

static void arm(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&w.ring);

	io_uring_prep_recv_multishot(sqe, w.in, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	io_uring_sqe_set_data64(sqe, RECEIVE);
	io_uring_submit(&w.ring);
}

static void start(int in, int out)
{
	struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
						  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
					 .cq_entries = 4 * MAX_BATCH};
	struct io_uring_buf_reg reg = {.ring_entries = BUFFERS};
	void *mem;

	w.in = in;
	w.out = out;
	poc_must(io_uring_queue_init_params(2 * MAX_BATCH, &w.ring, &params), "io_uring_setup");
	poc_must(posix_memalign(&mem, 4096, BUFFERS * sizeof(struct io_uring_buf)) ? -1 : 0,
		 "buffer ring");
	memset(mem, 0, BUFFERS * sizeof(struct io_uring_buf));
	reg.ring_addr = (uintptr_t)mem;
	poc_must(io_uring_register_buf_ring(&w.ring, &reg, 0), "buffer ring");
	w.buffers = mem;
	for (int i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(w.buffers, w.pool[i], BUFFER_BYTES, (unsigned short)i,
				      BUFFERS - 1, i);
	io_uring_buf_ring_advance(w.buffers, BUFFERS);
	arm();
}

static void add_to_batch(const struct io_uring_cqe *cqe)
{
	struct datagram *d = &w.batch[w.batch_len];
	int flow;

	d->bid = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	d->payload = w.pool[d->bid] + POC_HDR_LEN;
	d->next = -1;
	flow = (d->payload[-6] << 8 | d->payload[-5]) - FIRST_PORT;
	if (w.head[flow] < 0)
		w.head[flow] = (int16_t)w.batch_len;
	else
		w.batch[w.tail[flow]].next = (int16_t)w.batch_len;
	w.tail[flow] = (int16_t)w.batch_len++;
	w.received++;
}

/* Fills the batch up to the limit, or with all that there is. */
static void reap(void)
{
	while (w.batch_len < w.limit) {
		struct io_uring_cqe *cqe;
		unsigned int head, n = 0;
		bool rearm = false;

		if (!io_uring_cq_ready(&w.ring))
			io_uring_get_events(&w.ring);
		if (!io_uring_cq_ready(&w.ring))
			return;
		io_uring_for_each_cqe(&w.ring, head, cqe) {
			if (w.batch_len == w.limit)
				break;
			n++;
			if (cqe->user_data != RECEIVE) {
				w.sent += cqe->res >= 0 ? (int)cqe->user_data : 0;
				w.errors += cqe->res < 0;
				continue;
			}
			rearm |= !(cqe->flags & IORING_CQE_F_MORE);
			if (cqe->res == POC_HDR_LEN + PAYLOAD)
				add_to_batch(cqe);
		}
		io_uring_cq_advance(&w.ring, n);
		if (rearm)
			arm();
	}
}

/* One send of up to max_segments datagrams of @flow, from @at; returns the next one. */
static int queue_send(int flow, int at)
{
	struct send *s = &w.send[w.sends++];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&w.ring);
	uint16_t segment = PAYLOAD;
	size_t n = 0;

	for (; at >= 0 && n < (size_t)w.max_segments; at = w.batch[at].next)
		s->iov[n++] = (struct iovec){w.batch[at].payload, PAYLOAD};
	s->to = poc_addr("239.2.2.2", FIRST_PORT + flow);
	s->msg = (struct msghdr){.msg_name = &s->to,
				 .msg_namelen = sizeof(s->to),
				 .msg_iov = s->iov,
				 .msg_iovlen = n};
	if (n > 1) {
		struct cmsghdr *cmsg = (void *)s->control;

		s->msg.msg_control = s->control;
		s->msg.msg_controllen = sizeof(s->control);
		cmsg->cmsg_level = IPPROTO_UDP;
		cmsg->cmsg_type = UDP_SEGMENT;
		cmsg->cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(cmsg), &segment, sizeof(segment));
	}
	io_uring_prep_sendmsg(sqe, w.out, &s->msg, MSG_DONTWAIT);
	io_uring_sqe_set_data64(sqe, n);
	return at;
}

/* Sends complete inline (poc_egress_recverr), so the buffers are free again at the end. */
static void flush(void)
{
	for (int flow = 0; flow < FLOWS; flow++) {
		for (int at = w.head[flow]; at >= 0;)
			at = queue_send(flow, at);
		w.head[flow] = -1;
	}
	io_uring_submit(&w.ring);
	for (int i = 0; i < w.batch_len; i++)
		io_uring_buf_ring_add(w.buffers, w.pool[w.batch[i].bid], BUFFER_BYTES,
				      w.batch[i].bid, BUFFERS - 1, i);
	io_uring_buf_ring_advance(w.buffers, w.batch_len);
	w.batch_len = 0;
	w.all_sends += w.sends;
	w.sends = 0;
}

static void fill_socket(int gen)
{
	static uint8_t payload[PAYLOAD];

	for (int i = 0; i < DATAGRAMS; i++) {
		struct sockaddr_in to = poc_addr("239.1.1.1", FIRST_PORT + i % FLOWS);
		int number = i / FLOWS;

		memcpy(payload, &number, sizeof(number));
		poc_must(poc_send(gen, payload, sizeof(payload), &to), "send");
	}
}

/* Nanoseconds per datagram; w.all_sends tells in how many sends. */
static double round_ns(int gen, int limit, int max_segments)
{
	uint64_t begin;

	fill_socket(gen);
	w.limit = limit;
	w.max_segments = max_segments;
	w.received = w.sent = w.errors = w.all_sends = 0;
	memset(w.head, -1, sizeof(w.head));
	begin = poc_now_ns();
	while (w.sent < DATAGRAMS && !w.errors) {
		reap();
		flush();
	}
	if (w.received != DATAGRAMS || w.errors)
		poc_check(false, "%d received, %d sent, %d errors", w.received, w.sent, w.errors);
	return (double)(poc_now_ns() - begin) / DATAGRAMS;
}

/* Every flow must leave complete and in order; out0 segments in software here. */
static void order_case(int gen)
{
	int sink = poc_packet_socket("sink0", ETH_P_IP, 128 << 20), wrong = 0, n = 0;
	uint8_t frame[BUFFER_BYTES];
	int next[FLOWS] = {0};

	round_ns(gen, MAX_BATCH, MAX_SEGMENTS);
	while (poc_readable(sink, n < DATAGRAMS ? 1000 : 0) &&
	       recv(sink, frame, sizeof(frame), 0) == POC_HDR_LEN + PAYLOAD) {
		int flow = (frame[36] << 8 | frame[37]) - FIRST_PORT, number;

		memcpy(&number, frame + POC_HDR_LEN, sizeof(number));
		wrong += number != next[flow]++;
		n++;
	}
	poc_check(n == DATAGRAMS && wrong == 0,
		  "gathering up to %d: %d of %d single datagrams at the sink, %d out of order",
		  MAX_BATCH, n, DATAGRAMS, wrong);
	close(sink);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int limit, max_segments;
	} rows[] = {
		{"batches of 32, one datagram a send", 32, 1},
		{"batches of 32", 32, MAX_SEGMENTS},
		{"gathering up to 256", 256, MAX_SEGMENTS},
		{"gathering up to 1024", 1024, MAX_SEGMENTS},
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	double ns[ROWS][ROUNDS], ratio[ROWS][ROUNDS];
	int gen = poc_egress_socket("gen0"), sends[ROWS];

	start(poc_packet_socket("in0", ETH_P_IP, 256 << 20), poc_egress_socket("out0"));
	if (argc < 2 || strcmp(argv[1], "on"))
		order_case(gen);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < ROWS; i++) {
			ns[i][round] = round_ns(gen, rows[i].limit, rows[i].max_segments);
			sends[i] = w.all_sends;
		}
		for (int i = 0; i < ROWS; i++)
			ratio[i][round] = ns[1][round] / ns[i][round];
	}
	for (int i = 0; i < ROWS; i++) {
		poc_note("%-35s %5.0f ns per datagram, %4.1f a send, rate %.2f times batches of 32",
			 rows[i].name, poc_median(ns[i], ROUNDS), (double)DATAGRAMS / sends[i],
			 poc_median(ratio[i], ROUNDS));
	}
	poc_check(sends[ROWS - 1] * 8 <= sends[1],
		  "%d flows: %d sends in batches of 32, %d when up to 1024 are gathered", FLOWS,
		  sends[1], sends[ROWS - 1]);
	return poc_status();
}
