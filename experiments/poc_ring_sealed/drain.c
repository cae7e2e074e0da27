// SPDX-License-Identifier: MIT
/*
 * The cost of a sealed worker, compared with one that keeps every right.
 *
 *   gen0 ---- in0 [packet socket with DATAGRAMS frames] worker out0 ---- sink0
 *
 * Each round queues the frames first, then starts a worker that forwards them:
 * multishot receive, one send for each, all through its ring.  Only the
 * worker's own time counts, sealed and unsealed rounds alternate.
 */
#include "../poc.h"
#include "../seal.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define DATAGRAMS    20000
#define ROUNDS       9
#define BUFFERS      256
#define BUFFER_BYTES 2048

struct report {
	uint64_t elapsed_ns;
	int received, sent, failed, forbidden_res, socket_errno, mmap_errno;
};

static uint8_t pool[BUFFERS][BUFFER_BYTES];
static struct report *report;

static void make_ring(struct io_uring *ring, struct io_uring_buf_ring **buffers, bool sealed)
{
	struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
						  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
					 .cq_entries = 4096};
	struct io_uring_buf_reg reg = {.ring_entries = BUFFERS};
	void *mem;

	if (sealed)
		params.flags |= IORING_SETUP_R_DISABLED;
	poc_must(io_uring_queue_init_params(1024, ring, &params), "io_uring_setup");
	poc_must(posix_memalign(&mem, 4096, 4096 * 2) ? -1 : 0, "buffer ring");
	memset(mem, 0, 4096 * 2);
	memset(pool, 0, sizeof(pool));
	reg.ring_addr = (uintptr_t)mem;
	poc_must(poc_ring_register(ring, IORING_REGISTER_PBUF_RING, &reg, 1), "buffer ring");
	*buffers = mem;
	for (int i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(*buffers, pool[i], BUFFER_BYTES, (unsigned short)i,
				      BUFFERS - 1, i);
	io_uring_buf_ring_advance(*buffers, BUFFERS);
}

static void give_up_rights(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	poc_restrict_ring(ring);
	poc_seal();
	report->socket_errno = socket(AF_INET, SOCK_DGRAM, 0) < 0 ? errno : 0;
	report->mmap_errno =
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
			? errno
			: 0;
	io_uring_prep_openat(io_uring_get_sqe(ring), AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
	io_uring_submit(ring);
	if (!io_uring_wait_cqe(ring, &cqe)) {
		report->forbidden_res = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	}
}

static void arm(struct io_uring *ring, int in)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_recv_multishot(sqe, in, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	io_uring_sqe_set_data64(sqe, UINT64_MAX);
}

static void forward(struct io_uring *ring, struct io_uring_buf_ring *buffers, int in, int out)
{
	arm(ring, in);
	while (report->sent + report->failed < DATAGRAMS) {
		struct io_uring_cqe *cqe;
		unsigned int head, n = 0;
		int returned = 0;
		bool rearm = false;

		io_uring_submit_and_wait(ring, 1);
		io_uring_for_each_cqe(ring, head, cqe) {
			unsigned int id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
			struct io_uring_sqe *sqe;

			n++;
			if (cqe->user_data != UINT64_MAX) {
				report->sent += cqe->res >= 0;
				report->failed += cqe->res < 0;
				id = (unsigned int)cqe->user_data;
				io_uring_buf_ring_add(buffers, pool[id], BUFFER_BYTES,
						      (unsigned short)id, BUFFERS - 1, returned++);
				continue;
			}
			rearm |= !(cqe->flags & IORING_CQE_F_MORE);
			if (cqe->res < POC_HDR_LEN)
				continue;
			report->received++;
			sqe = io_uring_get_sqe(ring);
			io_uring_prep_send(sqe, out, pool[id] + POC_HDR_LEN,
					   (size_t)cqe->res - POC_HDR_LEN, MSG_DONTWAIT);
			io_uring_sqe_set_data64(sqe, id);
		}
		io_uring_cq_advance(ring, n);
		io_uring_buf_ring_advance(buffers, returned);
		if (rearm)
			arm(ring, in);
	}
}

static void worker(int in, int out, bool sealed)
{
	struct io_uring_buf_ring *buffers;
	struct io_uring ring;
	uint64_t start;

	if (sealed) {
		poc_must(setgroups(0, NULL), "setgroups");
		poc_must(setresgid(POC_NOBODY, POC_NOBODY, POC_NOBODY), "setresgid");
		poc_must(setresuid(POC_NOBODY, POC_NOBODY, POC_NOBODY), "setresuid");
		poc_must(unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare");
		poc_drop_capabilities();
	}
	make_ring(&ring, &buffers, sealed);
	if (sealed)
		give_up_rights(&ring);
	start = poc_now_ns();
	forward(&ring, buffers, in, out);
	report->elapsed_ns = poc_now_ns() - start;
	_exit(0);
}

/* Nanoseconds per datagram; adds to @lost what did not come through. */
static double round_ns(int in, int out, int sink, bool sealed, int *lost)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	int gen = poc_egress_socket("gen0"), status;
	static char payload[1400];
	unsigned int got;
	pid_t pid;

	for (int i = 0; i < DATAGRAMS; i++)
		poc_must(poc_send(gen, payload, sizeof(payload), &to), "send");
	close(gen);
	poc_packet_stats(sink);
	memset(report, 0, sizeof(*report));
	fflush(stdout);
	pid = (pid_t)poc_must(fork(), "fork");
	if (pid == 0)
		worker(in, out, sealed);
	waitpid(pid, &status, 0);
	got = poc_packet_stats(sink).tp_packets;
	if (report->received != DATAGRAMS || got != DATAGRAMS)
		poc_note("%s round: %d received, %d sent, %u at the sink of %d",
			 sealed ? "sealed" : "unsealed", report->received, report->sent, got,
			 DATAGRAMS);
	*lost += DATAGRAMS - (int)got;
	return (double)report->elapsed_ns / DATAGRAMS;
}

int main(int argc, char **argv)
{
	int in = poc_packet_socket("in0", ETH_P_IP, 128 << 20), out = poc_egress_socket("out0");
	int sink = poc_packet_socket("sink0", ETH_P_IP, 4096);
	struct sockaddr_in to = poc_addr("239.2.2.2", 6000);
	double open_ns[ROUNDS], sealed_ns[ROUNDS], ratio[ROUNDS];
	int lost = 0;

	poc_must(connect(out, (struct sockaddr *)&to, sizeof(to)), "connect");
	report = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	poc_must(report == MAP_FAILED ? -1 : 0, "mmap");
	for (int i = 0; i < ROUNDS; i++) {
		open_ns[i] = round_ns(in, out, sink, false, &lost);
		sealed_ns[i] = round_ns(in, out, sink, true, &lost);
		ratio[i] = sealed_ns[i] / open_ns[i];
	}
	poc_check(report->forbidden_res == -EACCES && report->socket_errno == EPERM &&
			  report->mmap_errno == EPERM,
		  "sealed: IORING_OP_OPENAT %s, socket() %s, mmap() %s",
		  poc_err(report->forbidden_res), poc_err(-report->socket_errno),
		  poc_err(-report->mmap_errno));
	poc_check(lost == 0, "%d rounds of %d datagrams, unsealed and sealed: %d lost", ROUNDS,
		  DATAGRAMS, lost);
	poc_note("%.0f ns for each unsealed, %.0f ns sealed; median ratio %.2f",
		 poc_median(open_ns, ROUNDS), poc_median(sealed_ns, ROUNDS),
		 poc_median(ratio, ROUNDS));
	return poc_status();
}
