// SPDX-License-Identifier: MIT
/*
 * Do completions and data outlive the process whose ring received them?
 *
 *   gen0 ---- in0 [packet socket of the parent; ring and buffers in the parent's memfd]
 *
 * The child, as nobody, makes its ring in the shared memory (IORING_SETUP_NO_MMAP),
 * receives and is killed before it looks at one completion.  The parent reads
 * them, and what came after the death from the socket.
 */
#include "../poc.h"
#include "../seal.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define BEFORE       50 /* datagrams received by the child */
#define AFTER        10 /* datagrams that arrive when it is dead */
#define BUFFERS      64
#define BUFFER_BYTES 2048

/* The two addresses have names since Linux 6.5; older headers call them resv2. */
#ifdef IORING_SETUP_NO_MMAP
#define CQ_USER_ADDR cq_off.user_addr
#define SQ_USER_ADDR sq_off.user_addr
#else
#define IORING_SETUP_NO_MMAP (1u << 14)
#define CQ_USER_ADDR         cq_off.resv2
#define SQ_USER_ADDR         sq_off.resv2
#endif

struct shared {
	_Alignas(4096) uint8_t rings[65536];
	_Alignas(4096) uint8_t sqes[8192];
	_Alignas(4096) struct io_uring_buf buf_ring[BUFFERS];
	_Alignas(4096) uint8_t pool[BUFFERS][BUFFER_BYTES];
	struct io_uring_params params;
	atomic_int ring_error;
	atomic_bool received;
};

static void provide_buffers(int ring, struct shared *sh)
{
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)sh->buf_ring,
				       .ring_entries = BUFFERS};
	struct io_uring_buf_ring *br = (void *)sh->buf_ring;

	poc_must(syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &reg, 1),
		 "buffer ring");
	for (int i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(br, sh->pool[i], BUFFER_BYTES, (unsigned short)i, BUFFERS - 1,
				      i);
	io_uring_buf_ring_advance(br, BUFFERS);
}

static void child(struct shared *sh, int packet_fd)
{
	struct io_uring_params *p = &sh->params;
	struct io_uring_sqe *sqe = (void *)sh->sqes;
	uint32_t *array, *tail;
	int ring;

	poc_must(setgroups(0, NULL), "setgroups");
	poc_must(setresuid(POC_NOBODY, POC_NOBODY, POC_NOBODY), "setresuid");
	poc_drop_capabilities();
	p->flags = IORING_SETUP_NO_MMAP | IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
		   IORING_SETUP_DEFER_TASKRUN;
	p->cq_entries = 1024;
	p->CQ_USER_ADDR = (uintptr_t)sh->rings;
	p->SQ_USER_ADDR = (uintptr_t)sh->sqes;
	ring = (int)syscall(SYS_io_uring_setup, 64, p);
	if (ring < 0) {
		atomic_store(&sh->ring_error, errno);
		_exit(1);
	}
	provide_buffers(ring, sh);

	sqe->opcode = IORING_OP_RECV;
	sqe->fd = packet_fd;
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags = IOSQE_BUFFER_SELECT;
	array = (void *)(sh->rings + p->sq_off.array);
	tail = (void *)(sh->rings + p->sq_off.tail);
	array[0] = 0;
	__atomic_store_n(tail, 1, __ATOMIC_RELEASE);
	syscall(SYS_io_uring_enter, ring, 1, BEFORE, IORING_ENTER_GETEVENTS, NULL, 0);
	atomic_store(&sh->received, true);
	for (;;)
		pause();
}

static void send_numbers(int first, int count)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	int fd = poc_egress_socket("gen0");

	for (int i = first; i < first + count; i++)
		poc_must(poc_send(fd, &i, sizeof(i), &to), "send");
	close(fd);
}

static int number_in(const uint8_t *frame)
{
	int number;

	memcpy(&number, frame + POC_HDR_LEN, sizeof(number));
	return number;
}

static void read_dead_ring(struct shared *sh)
{
	const struct io_uring_params *p = &sh->params;
	const struct io_uring_cqe *cqes = (const void *)(sh->rings + p->cq_off.cqes);
	uint32_t head = *(const uint32_t *)(const void *)(sh->rings + p->cq_off.head);
	uint32_t tail =
		__atomic_load_n((uint32_t *)(void *)(sh->rings + p->cq_off.tail), __ATOMIC_ACQUIRE);
	uint32_t mask = *(const uint32_t *)(const void *)(sh->rings + p->cq_off.ring_mask);
	int good = 0, errors = 0;

	for (uint32_t i = head; i != tail; i++) {
		const struct io_uring_cqe *cqe = &cqes[i & mask];
		uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

		if (cqe->res < 0)
			errors++;
		else
			good += id < BUFFERS && number_in(sh->pool[id]) == good;
	}
	poc_check(good == BEFORE,
		  "after SIGKILL: %d of %d completions with their data, in order (and %d error "
		  "completions)",
		  good, BEFORE, errors);
}

int main(int argc, char **argv)
{
	int packet_fd = poc_packet_socket("in0", ETH_P_IP, 4 << 20);
	int memfd = (int)poc_must(memfd_create("ring", MFD_CLOEXEC), "memfd");
	uint64_t until = poc_deadline_ns(5000000000ull);
	uint8_t frame[BUFFER_BYTES];
	struct shared *sh;
	int good = 0, status;
	pid_t pid;

	poc_must(ftruncate(memfd, sizeof(*sh)), "ftruncate");
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memfd, 0);
	poc_must(sh == MAP_FAILED ? -1 : 0, "mmap");
	fflush(stdout);
	pid = (pid_t)poc_must(fork(), "fork");
	if (pid == 0)
		child(sh, packet_fd);

	send_numbers(0, BEFORE);
	while (!atomic_load(&sh->received) && !atomic_load(&sh->ring_error) && poc_now_ns() < until)
		;
	poc_check(atomic_load(&sh->received), "ring of nobody in a memfd of %zu KB: %s",
		  sizeof(*sh) / 1024, poc_err(-atomic_load(&sh->ring_error)));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	send_numbers(BEFORE, AFTER);
	read_dead_ring(sh);
	while (poc_readable(packet_fd, 100) && recv(packet_fd, frame, sizeof(frame), 0) > 0)
		good += number_in(frame) == BEFORE + good;
	poc_check(good == AFTER, "what came after its death: %d of %d in the parent's socket", good,
		  AFTER);
	return poc_status();
}
