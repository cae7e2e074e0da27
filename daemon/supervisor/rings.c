// SPDX-License-Identifier: MIT
/*
 * rings.c - made here, kept over a worker's death, within RLIMIT_MEMLOCK
 *
 * The supervisor makes each ring and keeps its descriptor, so that what a worker had
 * received lies there when it is dead (core/base/ring.h).
 *
 *   started  w->ring is fresh and inherited, w->last is read by the new process
 *   ready    w->ring becomes w->last, the one before is closed
 *   died before it was ready   w->ring is closed, w->last stays for the next process
 *
 * Memory.  Where the supervisor has CAP_IPC_LOCK rings cost nothing.  Else they count
 * towards RLIMIT_MEMLOCK of its user, with what other programs of this user hold, and
 * nothing tells how much that is.  So rings for all workers are made at once, and if they do
 * not fit, smaller ones.  The kernel takes a while to release what is given back, by this
 * process or another one, so a size that the limit allows is tried for some time.
 */
#include "daemon/supervisor/rings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/supervisor/state.h"

#define RELEASE_PAUSE_NS   (20 * NS_PER_MS)
#define RELEASE_TRIES      20
#define RELEASE_TRIES_LAST 100 /* of the smallest size, beyond which there is none */

static void close_ring(struct worker_ring *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	r->given = false;
}

void rings_init(struct worker_record *w)
{
	w->ring = w->last = (struct worker_ring){.fd = -1};
	w->rings = 0;
}

void rings_close(struct worker_record *w)
{
	close_ring(&w->ring);
	close_ring(&w->last);
}

static int make_ring(struct worker_record *w, enum ring_size size)
{
	/* The other set than that of the ring which the kernel may still hold. */
	struct ring_info info = {.number = w->rings + 1, .set = !w->last.info.set};
	int fd = ring_make(size, w->arena_fd, &info);

	if (fd < 0)
		return fd;
	w->rings++;
	w->ring = (struct worker_ring){.fd = fd, .info = info};
	return 0;
}

/* How often to try, because what others held may be released. */
static unsigned tries(unsigned workers, enum ring_size size)
{
	struct rlimit limit;

	if (size + 1 == RING_SIZES)
		return RELEASE_TRIES_LAST;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 ||
	    limit.rlim_cur < workers * ring_locked_bytes(size))
		return 1;
	return RELEASE_TRIES;
}

/* All or none. */
static int make_all(struct supervisor *s, unsigned workers, enum ring_size size)
{
	const struct timespec pause = {.tv_nsec = RELEASE_PAUSE_NS};
	unsigned made = 0, left = tries(workers, size);
	int ret = 0;

	while (made < workers && ret == 0) {
		ret = make_ring(&s->worker[made], size);
		if (ret == 0) {
			made++;
		} else if (ret == -ENOMEM && --left) {
			/* Rings that are made are kept: their memory would be missing as well. */
			nanosleep(&pause, NULL);
			ret = 0;
		}
	}
	if (ret == 0)
		s->ring_size = size;
	for (unsigned i = 0; i < made && ret < 0; i++)
		close_ring(&s->worker[i].ring);
	return ret;
}

static unsigned long long kib(size_t bytes)
{
	return bytes / 1024;
}

static void log_size(const struct supervisor *s, unsigned workers, int ret)
{
	struct rlimit limit = {0};

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (ret == -ENOMEM)
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR,
			"the rings of %u workers need %llu KiB of locked memory at least; the "
			"limit "
			"is %llu KiB for all programs of this user: raise it (ulimit -l, "
			"LimitMEMLOCK=), grant cap_ipc_lock, or give fewer --workers",
			workers, kib(workers * ring_locked_bytes(RING_SIXTEENTH)),
			kib(limit.rlim_cur));
	else if (ret == 0 && s->ring_size != RING_FULL)
		log_msg(SEV_NOTICE, FAC_SUPERVISOR,
			"rings of %u entries instead of %u: those of %u workers would need %llu "
			"KiB "
			"of locked memory, the limit is %llu KiB for all programs of this user; "
			"raise it (ulimit -l, LimitMEMLOCK=), or grant cap_ipc_lock",
			RING_CQ_MAX >> 2 * s->ring_size, RING_CQ_MAX, workers,
			kib(workers * ring_locked_bytes(RING_FULL)), kib(limit.rlim_cur));
}

int rings_make_all(struct supervisor *s, unsigned workers)
{
	int ret = -ENOMEM;

	for (enum ring_size size = RING_FULL; ret == -ENOMEM && size < RING_SIZES; size++)
		ret = make_all(s, workers, size);
	log_size(s, workers, ret);
	return ret;
}

/* @size and smaller ones. */
static int make_one(struct worker_record *w, enum ring_size size)
{
	int ret = -ENOMEM;

	for (; ret == -ENOMEM && size < RING_SIZES; size++)
		ret = make_ring(w, size);
	return ret;
}

int rings_prepare(struct supervisor *s, unsigned worker)
{
	struct worker_record *w = &s->worker[worker];
	int ret;

	if (w->ring.given)
		close_ring(&w->ring);
	if (w->ring.fd >= 0)
		return 0;
	ret = make_one(w, s->ring_size);
	if (ret == -ENOMEM && w->last.fd >= 0) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR,
			"worker %u: no locked memory is left for a second ring; what the last one "
			"had received is given up",
			worker);
		close_ring(&w->last);
		/* The kernel needs a moment, and the restart comes again. */
		ret = make_one(w, s->ring_size);
	}
	return ret;
}

int rings_describe(const struct worker_record *w)
{
	const struct ring_file file = {.own = w->ring.info,
				       .last = w->last.info,
				       .last_given_up = w->last.info.number && w->last.fd < 0};

	return memfd_sealed("mcr-rings", &file, sizeof(file));
}

void rings_in_use(struct worker_record *w)
{
	close_ring(&w->last);
	w->last = w->ring;
	w->ring = (struct worker_ring){.fd = -1};
}
