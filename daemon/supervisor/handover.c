// SPDX-License-Identifier: MIT
/*
 * handover.c - the head, and the order of the parts
 *
 * An upgrade replaces the program and keeps the process: children stay its children,
 * descriptors stay open under their numbers.  The use of each number, and all that is
 * counted or planned, goes through a sealed memfd:
 *
 *   head | children, workers | inputs, outputs, egress sockets | memberships
 *
 * Both programs have the same SUPERVISOR_STATE_VERSION, or the upgrade is refused.
 * The reader trusts nothing all the same: an error here would show much later.  Each
 * descriptor must be open, of its kind and named once; each child must be our child;
 * values that control or a worker could have sent pass ipc_parse() again.
 */
#include "daemon/supervisor/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/limit_page.h"
#include "core/base/statpage.h"
#include "daemon/common/memfd.h"
#include "daemon/common/version.h"
#include "daemon/supervisor/handover_child.h"
#include "daemon/supervisor/handover_field.h"
#include "daemon/supervisor/handover_socket.h"
#include "daemon/supervisor/membership.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_memory.h"

#define STATE_MAGIC     0x3154535245504d55ull
#define STATE_MAX_BYTES (64u << 20)

struct saved_head {
	uint64_t magic;
	uint32_t version;
	uint32_t workers;
	uint32_t worker_flags;
	uint32_t busy_poll_us;
	uint32_t ring_size;
	uint32_t filters_rev;
	uint64_t started_ns;
	uint64_t upgrade_begun_ns;
	uint64_t next_incarnation;
	uint64_t snapshot_serial, whole_serial;
	struct ipc_publish snapshot, changes;
	uint32_t mark, lanes, kernel_path_version; /* of the kernel path; 0: there is none */
	uint32_t unused;
	char from[64];
};

/* --- head --- */

static void save_head(const struct supervisor *s, struct handover_writer *w)
{
	struct saved_head head = {.magic = STATE_MAGIC,
				  .version = SUPERVISOR_STATE_VERSION,
				  .workers = s->workers,
				  .worker_flags = s->worker_flags,
				  .busy_poll_us = s->busy_poll_us,
				  .ring_size = s->ring_size,
				  .filters_rev = s->filters_rev,
				  .started_ns = s->started_ns,
				  .upgrade_begun_ns = s->upgrade.begun_ns,
				  .next_incarnation = s->next_incarnation,
				  .snapshot_serial = s->snapshot_serial,
				  .whole_serial = s->whole_serial,
				  .snapshot = s->snapshot,
				  .changes = s->changes};

	if (s->bpf.program >= 0) {
		head.mark = s->bpf.mark;
		head.lanes = s->bpf.lanes;
		head.kernel_path_version = KERNEL_PATH_VERSION;
	}
	strncpy(head.from, mcr_version, sizeof(head.from) - 1);
	handover_put(w, &head, sizeof(head));
	handover_put_fd(w, s->notify);
	handover_put_fd(w, s->control_listener);
	handover_put_fd(w, s->status_listener);
	handover_put_fd(w, s->config_fd);
	handover_put_fd(w, s->applied);
	handover_put_fd(w, s->limits_fd);
	handover_put_fd(w, s->iface_page_fd);
	handover_put_fd(w, s->heartbeat_fd);
	handover_put_fd(w, s->snapshot_fd);
	handover_put_fd(w, s->changes_fd);
	handover_put_fd(w, s->bpf.program);
	handover_put_fd(w, s->bpf.rules);
	handover_put_fd(w, s->bpf.blocks);
	handover_put_fd(w, s->bpf.counters);
}

/*
 * Its maps are as this program knows them, or it is refused as a whole.  The tc program stays
 * the one that the first program made: no other can be made any more.
 */
static void restore_bpf(struct supervisor *s, struct handover_reader *r,
			const struct saved_head *head)
{
	const bool whole = head->lanes != 0;

	s->bpf.program = handover_get_fd(r, FD_ANONYMOUS, 0);
	s->bpf.rules = handover_get_fd(r, FD_ANONYMOUS, 0);
	s->bpf.blocks = handover_get_fd(r, FD_ANONYMOUS, 0);
	s->bpf.counters = handover_get_fd(r, FD_ANONYMOUS, 0);
	s->bpf.lanes = head->lanes;
	s->bpf.mark = head->mark;
	handover_check(r, (s->bpf.program >= 0) == whole && (s->bpf.rules >= 0) == whole &&
				  (s->bpf.blocks >= 0) == whole &&
				  (s->bpf.counters >= 0) == whole && (head->mark != 0) == whole &&
				  head->lanes <= KERNEL_PATH_LANES_MAX &&
				  head->kernel_path_version == (whole ? KERNEL_PATH_VERSION : 0));
}

/* It is one that control may publish, and its file holds all of it. */
static bool snapshot_is_valid(const struct ipc_publish *snapshot, int fd)
{
	struct ipc_msg m = {.magic = IPC_MAGIC, .type = IPC_PUBLISH, .has_fd = 1}, out;

	m.publish = *snapshot;
	return fd < 0 || (memfd_size(fd, MEMFD_ALL_SEALS) == (int64_t)snapshot->size_bytes &&
			  ipc_parse(&m, sizeof(m), 1, IPC_FROM_CONTROL, &out) == 0);
}

static void restore_head(struct supervisor *s, struct handover_reader *r, struct saved_head *head)
{
	handover_get(r, head, sizeof(*head));
	handover_check(r, head->magic == STATE_MAGIC && head->version == SUPERVISOR_STATE_VERSION &&
				  head->workers >= 1 && head->workers <= MCR_MAX_WORKERS &&
				  head->ring_size < RING_SIZES &&
				  head->started_ns <= monotonic_ns() &&
				  memchr(head->from, '\0', sizeof(head->from)));
	s->notify = handover_get_fd(r, FD_NOTIFY, 0);
	s->control_listener = handover_need_fd(r, FD_LISTENER, 0);
	s->status_listener = handover_need_fd(r, FD_LISTENER, 0);
	s->config_fd = handover_get_fd(r, FD_FILE, 0);
	s->applied = handover_need_fd(r, FD_ANONYMOUS, 0);
	s->limits_fd = handover_need_fd(r, FD_MEMORY, sizeof(struct limit_page));
	s->iface_page_fd = handover_need_fd(r, FD_MEMORY, sizeof(struct iface_page));
	s->heartbeat_fd = handover_need_fd(r, FD_MEMORY, sizeof(struct heartbeat_page));
	s->snapshot_fd = handover_get_fd(r, FD_MEMORY, 0);
	s->changes_fd = handover_get_fd(r, FD_MEMORY, 0);
	restore_bpf(s, r, head);
	handover_check(r, snapshot_is_valid(&head->snapshot, s->snapshot_fd) &&
				  snapshot_is_valid(&head->changes, s->changes_fd) &&
				  head->whole_serial <= head->snapshot_serial);
	/* Changes are of the whole snapshot that is there. */
	handover_check(r, s->changes_fd < 0 || (s->snapshot_fd >= 0 && head->changes.base &&
						head->changes.base == head->snapshot.generation));
	if (r->error)
		return;
	s->workers = head->workers;
	s->worker_flags = head->worker_flags;
	s->busy_poll_us = head->busy_poll_us;
	s->ring_size = (enum ring_size)head->ring_size;
	s->filters_rev = head->filters_rev;
	s->started_ns = head->started_ns;
	s->upgrade.begun_ns = head->upgrade_begun_ns;
	s->next_incarnation = head->next_incarnation;
	s->snapshot_serial = head->snapshot_serial;
	s->snapshot = head->snapshot;
	s->changes = head->changes;
	s->whole_serial = head->whole_serial;
	memcpy(s->upgrade.from, head->from, sizeof(head->from));
	/* An upgrade begins only when the start is over. */
	s->phase = PHASE_RUN;
}

/* --- all of it --- */

/* The program that follows inherits it. */
static int seal_state(const struct handover_writer *w)
{
	const int fd = memfd_sealed("mcr-supervisor-state", w->mem, w->len);
	int ret;

	if (fd < 0 || fcntl(fd, F_SETFD, 0) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int handover_save(const struct supervisor *s)
{
	struct handover_writer w = {0};
	int ret;

	save_head(s, &w);
	handover_child_save(s, &w);
	handover_socket_save(s, &w);
	membership_save(&s->memberships, &w);
	ret = w.error;
	if (ret == 0 && w.len > STATE_MAX_BYTES)
		ret = -EFBIG;
	if (ret == 0)
		ret = seal_state(&w);
	free(w.mem);
	return ret;
}

static void restore_all(struct supervisor *s, struct handover_reader *r)
{
	struct saved_head head;

	restore_head(s, r, &head);
	handover_child_restore(s, r);
	handover_socket_restore(s, r);
	membership_restore(&s->memberships, r);
	handover_check(r, r->left == 0);
}

static int map_pages(struct supervisor *s)
{
	int ret = memfd_map_shared(s->iface_page_fd, sizeof(*s->iface_page), 0,
				   (void **)&s->iface_page);

	if (ret == 0)
		ret = memfd_map_shared(s->heartbeat_fd, sizeof(*s->heartbeat), 0,
				       (void **)&s->heartbeat);
	for (unsigned i = 0; i < s->workers && ret == 0; i++)
		ret = worker_memory_map_page(&s->worker[i]);
	return ret;
}

int handover_restore(struct supervisor *s, int fd)
{
	const int64_t size = memfd_size(fd, MEMFD_ALL_SEALS);
	struct handover_reader r = {0};
	const void *mem = NULL;
	int ret;

	if (fd <= STDERR_FILENO || (uint32_t)fd >= HANDOVER_FD_MAX || size <= 0 ||
	    size > STATE_MAX_BYTES)
		return -EBADMSG;
	ret = memfd_map(fd, (size_t)size, &mem);
	r.claimed = calloc(1, HANDOVER_FD_MAX / 8);
	if (ret < 0 || !r.claimed) {
		ret = ret < 0 ? ret : -ENOMEM;
		goto out;
	}
	r.at = mem;
	r.left = (size_t)size;
	r.claimed[fd / 8] |= (uint8_t)(1u << fd % 8); /* closed below, so no field's */
	restore_all(s, &r);
	ret = r.error;
	if (ret == 0)
		ret = map_pages(s);
out:
	if (mem)
		munmap((void *)(uintptr_t)mem, (size_t)size);
	free(r.claimed);
	close(fd);
	return ret;
}
