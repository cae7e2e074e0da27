// SPDX-License-Identifier: MIT
/*
 * Does a ring outlive its process when the parent made it and keeps its descriptor?
 *
 *   gen0 ---- in0 [packet socket of the parent; ring of the parent; buffers in its memfd]
 *
 * The parent makes the ring, disabled.  Each child is another program, inherits ring,
 * socket and memory, enables the ring, receives as nobody and is killed before it looks
 * at one completion.  Its successor maps the old ring and reads them.  A stream runs
 * meanwhile, so what the kernel had begun when it killed is part of the question.
 */
#include "../poc.h"
#include "../seal.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define ROUNDS       20
#define BURST        50 /* datagrams before each kill, and as many around it */
#define BUFFERS      256
#define BUFFER_BYTES 2048
#define SQ_ENTRIES   64u
#define CQ_ENTRIES   1024u

enum { FD_RING = 10, FD_OLD, FD_SOCKET, FD_MEMORY };

struct shared {
	_Alignas(4096) struct io_uring_buf buf_ring[BUFFERS];
	_Alignas(4096) uint8_t pool[BUFFERS][BUFFER_BYTES];
	struct io_uring_params params;
	atomic_int error;
	atomic_bool armed;
	atomic_int found, disordered, errors;
	atomic_int next; /* number of the next datagram */
};

static size_t rings_bytes(const struct io_uring_params *p)
{
	size_t sq = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	size_t cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);

	return sq > cq ? sq : cq;
}

static uint8_t *map_ring(int fd, size_t bytes, off_t what)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	poc_must(mem == MAP_FAILED ? -1 : 0, "map the ring");
	return mem;
}

static int make_ring(struct io_uring_params *p)
{
	*p = (struct io_uring_params){.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE |
					       IORING_SETUP_SINGLE_ISSUER |
					       IORING_SETUP_DEFER_TASKRUN,
				      .cq_entries = CQ_ENTRIES};
	return (int)poc_must(syscall(SYS_io_uring_setup, SQ_ENTRIES, p), "io_uring_setup");
}

static int number_in(const uint8_t *frame)
{
	int number;

	memcpy(&number, frame + POC_HDR_LEN, sizeof(number));
	return number;
}

static void read_old(struct shared *sh)
{
	const struct io_uring_params *p = &sh->params;
	const uint8_t *rings = map_ring(FD_OLD, rings_bytes(p), IORING_OFF_SQ_RING);
	const struct io_uring_cqe *cqes = (const void *)(rings + p->cq_off.cqes);
	uint32_t tail = __atomic_load_n((const uint32_t *)(const void *)(rings + p->cq_off.tail),
					__ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i != tail; i++) {
		uint32_t id = cqes[i % CQ_ENTRIES].flags >> IORING_CQE_BUFFER_SHIFT;

		if (cqes[i % CQ_ENTRIES].res < 0) {
			atomic_fetch_add(&sh->errors, 1);
			continue;
		}
		if (number_in(sh->pool[id]) != atomic_fetch_add(&sh->next, 1))
			atomic_fetch_add(&sh->disordered, 1);
		atomic_fetch_add(&sh->found, 1);
	}
}

static void provide_buffers(struct shared *sh)
{
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)sh->buf_ring,
				       .ring_entries = BUFFERS};
	struct io_uring_buf_ring *br = (void *)sh->buf_ring;

	poc_must(syscall(SYS_io_uring_register, FD_RING, IORING_REGISTER_PBUF_RING, &reg, 1),
		 "buffer ring");
	br->tail = 0;
	for (int i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(br, sh->pool[i], BUFFER_BYTES, (unsigned short)i, BUFFERS - 1,
				      i);
	io_uring_buf_ring_advance(br, BUFFERS);
}

static void child(bool reads_only)
{
	struct shared *sh =
		mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED, FD_MEMORY, 0);
	const struct io_uring_params *p = &sh->params;
	struct io_uring_sqe *sqe;
	uint8_t *rings;

	poc_must(sh == MAP_FAILED ? -1 : 0, "mmap");
	rings = map_ring(FD_RING, rings_bytes(p), IORING_OFF_SQ_RING);
	sqe = (void *)map_ring(FD_RING, p->sq_entries * sizeof(*sqe), IORING_OFF_SQES);
	read_old(sh);
	if (reads_only)
		exit(0);
	poc_must(setgroups(0, NULL), "setgroups");
	poc_must(setresuid(POC_NOBODY, POC_NOBODY, POC_NOBODY), "setresuid");
	poc_drop_capabilities();
	provide_buffers(sh);
	if (syscall(SYS_io_uring_register, FD_RING, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
		atomic_store(&sh->error, errno);
	sqe->opcode = IORING_OP_RECV;
	sqe->fd = FD_SOCKET;
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags = IOSQE_BUFFER_SELECT;
	*(uint32_t *)(void *)(rings + p->sq_off.array) = 0;
	__atomic_store_n((uint32_t *)(void *)(rings + p->sq_off.tail), 1, __ATOMIC_RELEASE);
	syscall(SYS_io_uring_enter, FD_RING, 1, 0, 0, NULL, 0);
	atomic_store(&sh->armed, true);
	for (;;)
		syscall(SYS_io_uring_enter, FD_RING, 0, CQ_ENTRIES, IORING_ENTER_GETEVENTS, NULL,
			0);
}

static pid_t start(const char *self, const char *role, struct shared *sh, const int fds[4])
{
	uint64_t until = poc_now_ns() + 20000000000ull;
	pid_t pid;

	atomic_store(&sh->armed, false);
	fflush(stdout);
	pid = (pid_t)poc_must(fork(), "fork");
	if (pid == 0) {
		for (int i = 0; i < 4; i++)
			dup2(fds[i], FD_RING + i);
		execl(self, self, role, NULL);
		_exit(1);
	}
	while (!atomic_load(&sh->armed) && poc_now_ns() < until)
		if (waitpid(pid, NULL, WNOHANG) == pid)
			break;
	return pid;
}

static void send_numbers(int fd, int *number, int count)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);

	for (int i = 0; i < count; i++, ++*number)
		poc_must(poc_send(fd, number, sizeof(*number), &to), "send");
}

int main(int argc, char **argv)
{
	int memory, gen, number = 0, rest = 0, ring, old;
	uint8_t frame[BUFFER_BYTES];
	struct shared *sh;
	int packet_fd;

	if (argc > 1)
		child(!strcmp(argv[1], "reader"));
	packet_fd = poc_packet_socket("in0", ETH_P_IP, 4 << 20);
	memory = (int)poc_must(memfd_create("buffers", MFD_CLOEXEC), "memfd");
	gen = poc_egress_socket("gen0");
	poc_must(ftruncate(memory, sizeof(*sh)), "ftruncate");
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	poc_must(sh == MAP_FAILED ? -1 : 0, "mmap");
	old = make_ring(&sh->params);
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid;

		ring = make_ring(&sh->params);
		pid = start(argv[0], "worker", sh, (const int[]){ring, old, packet_fd, memory});
		send_numbers(gen, &number, BURST);
		kill(pid, SIGKILL);
		send_numbers(gen, &number, BURST);
		waitpid(pid, NULL, 0);
		close(old);
		old = ring;
	}
	ring = make_ring(&sh->params);
	start(argv[0], "reader", sh, (const int[]){ring, old, packet_fd, memory});
	while (poc_readable(packet_fd, 100) && recv(packet_fd, frame, sizeof(frame), 0) > 0)
		rest += number_in(frame) == atomic_load(&sh->next) + rest;
	poc_check(!atomic_load(&sh->error), "the child may enable it: %s",
		  poc_err(-atomic_load(&sh->error)));
	poc_check(atomic_load(&sh->found) > 0 && !atomic_load(&sh->disordered),
		  "after %d kills: %d completions with their data in rings of the dead, %d out of "
		  "order (and %d error completions)",
		  ROUNDS, atomic_load(&sh->found), atomic_load(&sh->disordered),
		  atomic_load(&sh->errors));
	poc_check(atomic_load(&sh->found) + rest == number,
		  "nothing is lost: %d + %d in the socket of %d", atomic_load(&sh->found), rest,
		  number);
	return poc_status();
}
