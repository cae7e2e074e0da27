// SPDX-License-Identifier: MIT
/*
 * ring.c - raw set-up of an io_uring, then liburing's helpers
 *
 * liburing makes and maps a ring in one call, and its shared library of Debian 12 lacks the
 * calls for restrictions; so io_uring_setup(2) and io_uring_register(2) are called here, and
 * struct io_uring is filled as liburing itself does after mapping.
 */
#include "core/base/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/clock.h"

#define PAGE_ROUND(x) (((x) + 4095) / 4096 * 4096)

static_assert(sizeof(struct io_uring_sqe) == 64 && sizeof(struct io_uring_cqe) == 16,
	      "ring_locked_bytes() reckons with these");

static int sys_setup(unsigned entries, struct io_uring_params *p)
{
	int fd = (int)syscall(__NR_io_uring_setup, entries, p);

	return fd < 0 ? -errno : fd;
}

static int sys_register(int fd, unsigned op, void *arg, unsigned n)
{
	return syscall(__NR_io_uring_register, fd, op, arg, n) < 0 ? -errno : 0;
}

static uint32_t sq_entries(enum ring_size size)
{
	return RING_SQ_MAX >> 2 * size;
}

static uint32_t cq_entries(enum ring_size size)
{
	return RING_CQ_MAX >> 2 * size;
}

size_t ring_locked_bytes(enum ring_size size)
{
	const size_t rings = 1024 + cq_entries(size) * sizeof(struct io_uring_cqe) +
			     sq_entries(size) * sizeof(uint32_t);

	return PAGE_ROUND(rings) + PAGE_ROUND(sq_entries(size) * sizeof(struct io_uring_sqe)) +
	       ARENA_BUFRING_SET_BYTES;
}

/* One mapping holds both rings, and either may be the one that lies behind. */
static size_t rings_bytes(const struct io_uring_params *p)
{
	const size_t cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	const size_t sq = p->sq_off.array + p->sq_entries * sizeof(uint32_t);

	return cq > sq ? cq : sq;
}

static bool is_size(uint32_t entries, uint32_t max)
{
	return entries && entries <= max && !(entries & (entries - 1));
}

static bool info_is_valid(const struct ring_info *info)
{
	return info->number && info->set < 2 && is_size(info->params.sq_entries, RING_SQ_MAX) &&
	       is_size(info->params.cq_entries, RING_CQ_MAX);
}

/* Points liburing's view at ring memory. */
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

/* Buffer groups are the classes of the arena, in this set. */
static int offer_buffers(int fd, int arena_fd, unsigned set)
{
	uint8_t *mem = mmap(NULL, ARENA_BUFRING_SET_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			    arena_fd, (off_t)ARENA_BUFRING_OFFSET(set));
	int ret = 0;

	if (mem == MAP_FAILED)
		return -errno;
	for (enum buf_class i = BUF_SMALL; i < BUF_CLASSES && !ret; i++) {
		struct io_uring_buf_reg reg = {
			.ring_addr = (uintptr_t)mem + arena_bufring_offset(set, i) -
				     ARENA_BUFRING_OFFSET(set),
			.ring_entries = arena_class(i).ring_entries,
			.bgid = (uint16_t)i,
		};

		ret = sys_register(fd, IORING_REGISTER_PBUF_RING, &reg, 1);
	}
	/* The ring holds the pages. */
	munmap(mem, ARENA_BUFRING_SET_BYTES);
	return ret;
}

static int restrict_operations(int fd)
{
	static const uint8_t operations[] = {IORING_OP_RECV, IORING_OP_SEND, IORING_OP_SENDMSG,
					     IORING_OP_ASYNC_CANCEL};
	enum { N = sizeof(operations) };
	struct io_uring_restriction allow[N + 1] = {0};

	for (unsigned i = 0; i < N; i++) {
		allow[i].opcode = IORING_RESTRICTION_SQE_OP;
		allow[i].sqe_op = operations[i];
	}
	allow[N].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	allow[N].sqe_flags = IOSQE_BUFFER_SELECT;
	return sys_register(fd, IORING_REGISTER_RESTRICTIONS, allow, N + 1);
}

int ring_make(enum ring_size size, int arena_fd, struct ring_info *info)
{
	int fd, ret;

	info->params = (struct io_uring_params){
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = cq_entries(size)};
	fd = sys_setup(sq_entries(size), &info->params);
	if (fd < 0)
		return fd;
	ret = offer_buffers(fd, arena_fd, info->set);
	if (!ret)
		ret = restrict_operations(fd);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int ring_open(struct ring *ring, int fd, const struct ring_info *info)
{
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
	const struct io_uring_params *p = &info->params;
	struct io_uring *u = &ring->uring;
	int ret = -EINVAL;

	memset(ring, 0, sizeof(*ring));
	u->cq.ring_ptr = u->sq.ring_ptr = MAP_FAILED;
	if (!info_is_valid(info))
		goto err_close;
	u->cq.ring_sz = rings_bytes(p);
	u->cq.ring_ptr = mmap(NULL, u->cq.ring_sz, prot, flags, fd, IORING_OFF_SQ_RING);
	u->sq.ring_sz = p->sq_entries * sizeof(struct io_uring_sqe);
	u->sq.ring_ptr = mmap(NULL, u->sq.ring_sz, prot, flags, fd, IORING_OFF_SQES);
	if (u->cq.ring_ptr == MAP_FAILED || u->sq.ring_ptr == MAP_FAILED) {
		ret = -errno;
		goto err_unmap;
	}
	point(u, p, u->cq.ring_ptr, u->sq.ring_ptr);
	u->ring_fd = u->enter_ring_fd = fd;
	ring->made = true;
	return 0;

err_unmap:
	if (u->cq.ring_ptr != MAP_FAILED)
		munmap(u->cq.ring_ptr, u->cq.ring_sz);
	if (u->sq.ring_ptr != MAP_FAILED)
		munmap(u->sq.ring_ptr, u->sq.ring_sz);
err_close:
	close(fd);
	return ret;
}

void ring_fini(struct ring *ring)
{
	if (!ring->made)
		return;
	munmap(ring->uring.cq.ring_ptr, ring->uring.cq.ring_sz);
	munmap(ring->uring.sq.ring_ptr, ring->uring.sq.ring_sz);
	close(ring->uring.ring_fd);
	ring->made = false;
}

int ring_enable(struct ring *ring)
{
	return sys_register(ring->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

int ring_queue_open(struct ring_queue *q, int fd, const struct ring_info *info)
{
	const struct io_uring_params *p = &info->params;
	void *mem;

	*q = (struct ring_queue){.number = info->number};
	if (!info_is_valid(info))
		return -EINVAL;
	mem = mmap(NULL, rings_bytes(p), PROT_READ, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	if (mem == MAP_FAILED)
		return -errno;
	q->mem = mem;
	q->bytes = rings_bytes(p);
	q->cqes = (const void *)((uint8_t *)mem + p->cq_off.cqes);
	q->entries = p->cq_entries;
	q->tail = __atomic_load_n((const uint32_t *)((uint8_t *)mem + p->cq_off.tail),
				  __ATOMIC_ACQUIRE);
	return 0;
}

void ring_queue_fini(struct ring_queue *q)
{
	if (q->mem)
		munmap(q->mem, q->bytes);
	q->mem = NULL;
	q->cqes = NULL;
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
