// SPDX-License-Identifier: MIT
/*
 * fuzz_restore.c - a supervisor reads back what its predecessor left, whatever that is
 *
 * The input cuts, enlarges and patches what handover_save() wrote of a supervisor that has
 * something of everything: the first two bytes say how long it is, then come patches of
 * eight bytes, which name a place and what to write there; half of them write the number of
 * a descriptor that is open, because a number at random would never get far.
 *
 * A refused state does no harm and leaves nothing behind.  An accepted one names open
 * descriptors only, none of them twice, no number beyond its table, and is written again as
 * long as it was.
 *
 * Links: daemon/supervisor/handover_child.c daemon/supervisor/handover_socket.c
 * Links: daemon/supervisor/igmp_list.c
 * Links: daemon/supervisor/handover.c daemon/supervisor/handover_field.c
 * Links: daemon/supervisor/membership.c
 * Links: daemon/supervisor/descriptor_reserve.c
 * Links: daemon/common/version.c core/base/ipc.c core/base/addr.c
 * Links: core/base/clock.c
 * Links: daemon/common/memfd.c
 */
#include <dirent.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define assert_int_equal(a, b) MUST((a) == (b))

#include "daemon/supervisor/handover.h"
#include "tests/unit/supervisor/handover_fixture.h"

#define PATCH_BYTES  8
#define PATCHES_MAX  32
#define FIRST_FD     700 /* see high() of the fixture */
#define STATE_FD     1900
#define FIRST_MASTER 2000
#define FDS_MAX      64
#define ENLARGED_MAX 64
#define SEALS        (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

static struct {
	int number[FDS_MAX], master[FDS_MAX];
	unsigned n;
} fds;

static uint8_t *good;
static size_t good_len;

/* A reader closes descriptors of the state; the next input finds them open again. */
static void remember_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	MUST(dir);
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd < FIRST_FD || fd >= FIRST_MASTER)
			continue;
		MUST(fds.n < FDS_MAX);
		fds.number[fds.n] = fd;
		fds.master[fds.n++] = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_MASTER);
	}
	closedir(dir);
}

static void reopen_descriptors(void)
{
	for (unsigned i = 0; i < fds.n; i++)
		MUST(dup3(fds.master[i], fds.number[i], O_CLOEXEC) >= 0);
}

static uint8_t *contents(int fd, size_t *len)
{
	struct stat st;
	uint8_t *bytes;

	MUST(fd >= 0 && fstat(fd, &st) == 0);
	*len = (size_t)st.st_size;
	bytes = malloc(*len);
	MUST(bytes && pread(fd, bytes, *len, 0) == (ssize_t)*len);
	return bytes;
}

static void end(void)
{
	free(good);
	teardown(NULL);
}

static void begin(void)
{
	int fd;

	setup(NULL);
	/* Dead and not waited for it is still our child, and cannot outlive us. */
	kill(child_pid, SIGKILL);
	fd = handover_save(sup);
	good = contents(fd, &good_len);
	close(fd);
	remember_descriptors();
	atexit(end);
}

/* Under the same number each time, so that a patch can name the state itself. */
static int sealed(const uint8_t *bytes, size_t len)
{
	int at_first = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int fd = dup3(at_first, STATE_FD, O_CLOEXEC);

	close(at_first);
	MUST(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	MUST(fcntl(fd, F_ADD_SEALS, SEALS) == 0);
	return fd;
}

static void patch(uint8_t *bytes, size_t len, const uint8_t p[PATCH_BYTES])
{
	const size_t at = ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]) % len;
	const unsigned which = p[4] % (fds.n + 1);
	const int32_t number = which < fds.n ? fds.number[which] : STATE_FD;

	if (p[3] & 1 && at + sizeof(number) <= len)
		memcpy(bytes + (at & ~(size_t)3), &number, sizeof(number));
	else if (p[3] & 2 && at + 4 <= len)
		memcpy(bytes + at, p + 4, 4);
	else
		bytes[at] = p[4];
}

/* --- what must hold of what was accepted --- */

static bool seen[FIRST_MASTER + FDS_MAX];

static void check_fd(int fd)
{
	if (fd < 0) {
		MUST(fd == -1);
		return;
	}
	MUST(fd < FIRST_MASTER + FDS_MAX && !seen[fd]);
	seen[fd] = true;
	MUST(fcntl(fd, F_GETFD) == FD_CLOEXEC);
}

static void check_child(const struct child *c)
{
	check_fd(c->pidfd);
	check_fd(c->channel);
	MUST((c->pid > 0) == (c->pidfd >= 0) && c->pid >= 0);
	MUST(c->cpu >= -1 && c->cpu < CPU_SETSIZE);
	MUST((c->channel >= 0) == (c->state == CHILD_STARTING || c->state == CHILD_READY));
	MUST((unsigned)c->ending < ENDINGS && (unsigned)c->last_ending < ENDINGS);
	MUST(c->started_ns <= monotonic_ns());
}

static void check_worker(const struct supervisor *s, const struct worker_record *w)
{
	MUST(w->page_fd >= 0 && w->arena_fd >= 0);
	MUST(w->snapshot_sent <= s->snapshot_serial);
	check_fd(w->page_fd);
	check_fd(w->arena_fd);
	check_fd(w->ring.fd);
	check_fd(w->last.fd);
	MUST(w->ring.info.number <= w->rings && w->last.info.number <= w->rings);
	MUST(w->ring.info.set <= 1 && w->last.info.set <= 1 && (unsigned)s->ring_size < RING_SIZES);
}

static void check_ifaces(const struct supervisor *s)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		const struct input *in = &s->input[i];

		MUST(in->incarnation <= s->next_incarnation &&
		     (unsigned)in->buf_class < BUF_CLASSES);
		MUST(!in->incarnation || in->iface.slot == i);
		MUST(!in->incarnation == (in->ipv4_udp < 0));
		check_fd(in->ipv4_udp);
		check_fd(in->vlan);
		check_fd(in->foreign);
		for (unsigned k = 0; k < MCR_MAX_WORKERS; k++) {
			MUST(in->sock[k] < 0 || k < s->workers);
			check_fd(in->sock[k]);
			check_fd(s->output[i].sock[k]);
		}
	}
}

static void check_egress_sockets(const struct supervisor *s)
{
	unsigned sockets = 0;

	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++) {
		const struct opened_egress_socket *o = &s->egress_socket[i];

		MUST(o->incarnation <= s->next_incarnation);
		MUST(!o->incarnation || (o->as.id == i && o->as.worker_mask &&
					 !(o->as.worker_mask & ~worker_mask_all(s->workers))));
		for (unsigned k = 0; k < s->workers; k++) {
			sockets += egress_socket_fd(o, k) >= 0;
			check_fd(egress_socket_fd(o, k));
		}
	}
	MUST(sockets == s->egress_sockets_open);
}

static void free_egress_sockets(struct supervisor *s)
{
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		free(s->egress_socket[i].sock);
}

static void check(const struct supervisor *s)
{
	struct stat st;

	memset(seen, 0, sizeof(seen));
	MUST(s->workers >= 1 && s->workers <= MCR_MAX_WORKERS);
	check_fd(s->notify);
	check_fd(s->control_listener);
	check_fd(s->status_listener);
	check_fd(s->config_fd);
	check_fd(s->applied);
	check_fd(s->iface_page_fd);
	check_fd(s->heartbeat_fd);
	check_fd(s->snapshot_fd);
	check_fd(s->changes_fd);
	MUST(s->snapshot_fd < 0 ||
	     (fstat(s->snapshot_fd, &st) == 0 && (uint64_t)st.st_size == s->snapshot.size_bytes));
	for (unsigned i = 0; i < s->workers; i++) {
		check_child(&s->child[i]);
		check_worker(s, &s->worker[i]);
	}
	check_child(&s->child[CONTROL_INDEX]);
	check_ifaces(s);
	check_egress_sockets(s);
}

/* Nothing was dropped, nothing invented: it takes as many bytes as before. */
static void check_same_length(const struct supervisor *s, size_t len)
{
	int fd = handover_save(s);
	struct stat st;

	MUST(fd >= 0 && fstat(fd, &st) == 0 && (size_t)st.st_size == len);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct supervisor *s;
	uint8_t *bytes;
	size_t len;
	int ret;

	if (!good)
		begin();
	if (size < 2 || size > 2 + PATCHES_MAX * PATCH_BYTES)
		return 0;
	len = data[0] & 1 ? 1 + (data[0] >> 1 | (size_t)data[1] << 7) % (good_len + ENLARGED_MAX)
			  : good_len;
	bytes = calloc(1, good_len + ENLARGED_MAX);
	MUST(bytes);
	memcpy(bytes, good, good_len);
	for (size_t at = 2; at + PATCH_BYTES <= size; at += PATCH_BYTES)
		patch(bytes, len, data + at);
	s = supervisor_fresh();
	ret = handover_restore(s, sealed(bytes, len));
	MUST(ret <= 0 && (size != 2 || len != good_len || ret == 0));
	if (ret == 0) {
		check(s);
		check_same_length(s, len);
		munmap(s->iface_page, sizeof(*s->iface_page));
		munmap(s->heartbeat, sizeof(*s->heartbeat));
	}
	membership_fini(&s->memberships);
	free_egress_sockets(s);
	free(s);
	free(bytes);
	reopen_descriptors();
	return 0;
}
