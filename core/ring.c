// SPDX-License-Identifier: MIT
/*
 * ring.c - raw set-up of an io_uring, then liburing's helpers
 *
 * liburing 2.3 knows neither IORING_SETUP_NO_MMAP nor, in its shared library, the calls
 * for restrictions; so io_uring_setup(2) and io_uring_register(2) are called here, and
 * struct io_uring is filled as liburing itself does after mapping.
 * experiments/poc_ring_sealed shows that all of it holds.
 */
#include "core/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/bufpool.h"
#include "core/clock.h"

#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14) /* io_uring_setup(2), Linux 6.5 */
#endif

static_assert(sizeof(struct io_uring_params) == 120, "arena_header keeps the parameters");
static_assert(sizeof(struct io_uring_sqe) == 64 && sizeof(struct io_uring_cqe) == 16,
	      "arena.h sizes ring memory by these");

static int sys_setup(unsigned entries, struct io_uring_params *p)
{
	int fd = (int)syscall(__NR_io_uring_setup, entries, p);

	return fd < 0 ? -errno : fd;
}

static int sys_register(int fd, unsigned op, void *arg, unsigned n)
{
	return syscall(__NR_io_uring_register, fd, op, arg, n) < 0 ? -errno : 0;
}

static void params_init(struct io_uring_params *p)
{
	memset(p, 0, sizeof(*p));
	p->flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
		   IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		   IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
	p->cq_entries = ARENA_CQ_ENTRIES;
}

/* Points liburing's view at ring memory, whoever provided it. */
static void point(struct io_uring *u, const struct io_uring_params *p, uint8_t *rings, void *sqes)
{
	u->sq.khead = (void *)(rings + p->sq_off.head);
	u->sq.ktail = (void *)(rings + p->sq_off.tail);
	u->sq.kring_mask = (void *)(rings + p->sq_off.ring_mask);
	u->sq.kring_entries = (void *)(rings + p->sq_off.ring_entries);
	u->sq.kflags = (void *)(rings + p->sq_off.flags);
	u->sq.kdropped = (void *)(rings + p->sq_off.dropped);
	u->sq.array = (void *)(rings + p->sq_off.array);
	u->sq.sqes = sqes;
	u->sq.ring_mask = *u->sq.kring_mask;
	u->sq.ring_entries = *u->sq.kring_entries;
	u->cq.khead = (void *)(rings + p->cq_off.head);
	u->cq.ktail = (void *)(rings + p->cq_off.tail);
	u->cq.kring_mask = (void *)(rings + p->cq_off.ring_mask);
	u->cq.kring_entries = (void *)(rings + p->cq_off.ring_entries);
	u->cq.kflags = (void *)(rings + p->cq_off.flags);
	u->cq.koverflow = (void *)(rings + p->cq_off.overflow);
	u->cq.cqes = (void *)(rings + p->cq_off.cqes);
	u->cq.ring_mask = *u->cq.kring_mask;
	u->cq.ring_entries = *u->cq.kring_entries;
	/* The index array never changes: entry i is submission i. */
	for (unsigned i = 0; i < u->sq.ring_entries; i++)
		u->sq.array[i] = i;
	u->flags = p->flags;
	u->features = p->features;
}

/* The ring in the arena.  Debian 12's header calls the user_addr fields resv2. */
static int setup_in_arena(struct ring *ring, uint8_t *arena, unsigned set,
			  struct io_uring_params *p)
{
	uint8_t *rings = arena + ARENA_RING_OFFSET(set), *sqes = arena + ARENA_SQES_OFFSET(set);
	int fd;

	memset(rings, 0, ARENA_RING_BYTES);
	memset(sqes, 0, ARENA_SQES_BYTES);
	params_init(p);
	p->flags |= IORING_SETUP_NO_MMAP;
	p->cq_off.resv2 = (uintptr_t)rings;
	p->sq_off.resv2 = (uintptr_t)sqes;
	fd = sys_setup(ARENA_SQ_ENTRIES, p);
	if (fd >= 0)
		point(&ring->uring, p, rings, sqes);
	return fd;
}

static int setup_mapped(struct ring *ring, struct io_uring_params *p)
{
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
	struct io_uring *u = &ring->uring;
	size_t rings_bytes, sqes_bytes;
	void *rings, *sqes;
	int fd, ret;

	params_init(p);
	fd = sys_setup(ARENA_SQ_ENTRIES, p);
	if (fd < 0)
		return fd;
	/* One mapping holds both, and the index array of submissions lies behind the completions. */
	rings_bytes = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	if (rings_bytes < p->sq_off.array + p->sq_entries * sizeof(uint32_t))
		rings_bytes = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	sqes_bytes = p->sq_entries * sizeof(struct io_uring_sqe);
	rings = mmap(NULL, rings_bytes, prot, flags, fd, IORING_OFF_SQ_RING);
	if (rings == MAP_FAILED) {
		ret = -errno;
		goto err_close;
	}
	sqes = mmap(NULL, sqes_bytes, prot, flags, fd, IORING_OFF_SQES);
	if (sqes == MAP_FAILED) {
		ret = -errno;
		goto err_unmap;
	}
	u->cq.ring_ptr = rings;
	u->cq.ring_sz = rings_bytes;
	u->sq.ring_ptr = sqes;
	u->sq.ring_sz = sqes_bytes;
	point(u, p, rings, sqes);
	return fd;

err_unmap:
	munmap(rings, rings_bytes);
err_close:
	close(fd);
	return ret;
}

int ring_init(struct ring *ring, void *arena, unsigned set)
{
	struct arena_header *header = arena;
	struct io_uring_params p;
	int fd;

	memset(ring, 0, sizeof(*ring));
	fd = setup_in_arena(ring, arena, set, &p);
	ring->in_arena = fd >= 0;
	if (fd < 0)
		fd = setup_mapped(ring, &p);
	if (fd < 0)
		return fd;
	ring->uring.ring_fd = fd;
	ring->uring.enter_ring_fd = fd;
	ring->made = true;
	memcpy(header->ring_params[set], &p, sizeof(p));
	__atomic_store_n(&header->ring[set],
			 ring->in_arena ? ARENA_RING_HERE : ARENA_RING_ELSEWHERE, __ATOMIC_RELEASE);
	return 0;
}

void ring_fini(struct ring *ring)
{
	if (!ring->made)
		return;
	if (!ring->in_arena) {
		munmap(ring->uring.cq.ring_ptr, ring->uring.cq.ring_sz);
		munmap(ring->uring.sq.ring_ptr, ring->uring.sq.ring_sz);
	}
	close(ring->uring.ring_fd);
	ring->made = false;
}

static int offer_buffers(struct ring *ring, const struct bufpool *pool)
{
	int ret = 0;

	for (enum buf_class i = BUF_SMALL; i < BUF_CLASSES && !ret; i++) {
		struct io_uring_buf_reg reg = {
			.ring_addr = (uintptr_t)pool->class[i].ring,
			.ring_entries = pool->class[i].ring_entries,
			.bgid = (uint16_t)i,
		};

		ret = sys_register(ring->uring.ring_fd, IORING_REGISTER_PBUF_RING, &reg, 1);
	}
	return ret;
}

int ring_seal(struct ring *ring, struct bufpool *pool)
{
	static const uint8_t operations[] = {IORING_OP_RECV, IORING_OP_SEND, IORING_OP_SENDMSG,
					     IORING_OP_ASYNC_CANCEL};
	enum { N = sizeof(operations) };
	struct io_uring_restriction allow[N + 1] = {0};
	int ret;

	for (unsigned i = 0; i < N; i++) {
		allow[i].opcode = IORING_RESTRICTION_SQE_OP;
		allow[i].sqe_op = operations[i];
	}
	allow[N].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	allow[N].sqe_flags = IOSQE_BUFFER_SELECT;

	ret = offer_buffers(ring, pool);
	if (!ret)
		ret = sys_register(ring->uring.ring_fd, IORING_REGISTER_RESTRICTIONS, allow, N + 1);
	if (!ret)
		ret = sys_register(ring->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	return ret;
}

int ring_wait(struct ring *ring, uint64_t timeout_ns)
{
	struct __kernel_timespec ts = {
		.tv_sec = (long long)(timeout_ns / NS_PER_S),
		.tv_nsec = (long long)(timeout_ns % NS_PER_S),
	};
	struct io_uring_cqe *cqe;
	int ret;

	if (timeout_ns == RING_UNTIL_SIGNAL)
		ret = io_uring_submit_and_wait(&ring->uring, 1);
	else
		ret = io_uring_submit_and_wait_timeout(&ring->uring, &cqe, 1, &ts, NULL);
	return ret >= 0 || ret == -ETIME || ret == -EINTR ? 0 : ret;
}

bool ring_pending(const struct ring *ring)
{
	const unsigned flags = __atomic_load_n(ring->uring.sq.kflags, __ATOMIC_RELAXED);

	return flags & IORING_SQ_TASKRUN || io_uring_cq_ready(&ring->uring);
}

int ring_submit(struct ring *ring)
{
	int ret = io_uring_submit_and_get_events(&ring->uring);

	return ret >= 0 || ret == -EINTR ? 0 : ret;
}

struct io_uring_sqe *ring_sqe(struct ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (!sqe) {
		io_uring_submit(&ring->uring);
		sqe = io_uring_get_sqe(&ring->uring);
	}
	return sqe;
}
