// SPDX-License-Identifier: MIT
/* replay.c - send a capture on its own schedule */
#include "harness/traffic/replay.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/wait.h"
#include "harness/traffic/gen_socket.h"
#include "harness/traffic/pacer.h"

#define BATCH        64u
#define SPIN_NS      100000ull /* a sleep ends some 60 microseconds late */
#define MAX_FAILURES 100u
#define RAW_SNDBUF   (8 << 20)
#define NO_DEST      UINT32_MAX

/* Where the next packet of the replay is. */
struct cursor {
	uint64_t loop;
	size_t index;
};

/* The packets of one sendmmsg(). */
struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	uint32_t destinations[BATCH];
	uint64_t due_ns[BATCH];
	unsigned n;
};

uint64_t replay_due_ns(uint64_t period_ns, uint64_t loop, uint64_t at_ns, uint64_t speed_milli)
{
	unsigned __int128 original_ns = (unsigned __int128)period_ns * loop + at_ns;

	return speed_milli ? (uint64_t)(original_ns * 1000 / speed_milli) : 0;
}

static struct sockaddr_in destination_of(const struct replay *replay,
					 const struct replay_packet *packet)
{
	const struct replay_config *config = &replay->config;
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr = config->group.s_addr ? config->group : packet->group,
		.sin_port = htons(config->port ? config->port : packet->port),
	};

	return to;
}

static uint32_t hash_of(const struct sockaddr_in *to)
{
	uint64_t key = (uint64_t)to->sin_addr.s_addr << 16 | to->sin_port;

	return (uint32_t)(key * 0x9E3779B97F4A7C15ull >> 32);
}

/* The slot of a destination in an open hash table that is never more than half full. */
static uint32_t *find_slot(const struct replay *replay, uint32_t *slots,
			   const struct sockaddr_in *to)
{
	for (uint32_t i = hash_of(to);; i++) {
		uint32_t *slot = &slots[i % (2 * REPLAY_MAX_DESTINATIONS)];

		if (!*slot || !memcmp(&replay->destinations[*slot - 1].to, to, sizeof(*to)))
			return slot;
	}
}

static int note_destinations(struct replay *replay, uint32_t *slots)
{
	for (size_t i = 0; i < replay->file.n_packets; i++) {
		struct sockaddr_in to = destination_of(replay, &replay->file.packets[i]);
		uint32_t *slot = find_slot(replay, slots, &to);

		if (!*slot) {
			if (replay->n_destinations == REPLAY_MAX_DESTINATIONS)
				return -E2BIG;
			replay->destinations[replay->n_destinations].to = to;
			*slot = ++replay->n_destinations;
		}
		replay->destination_of[i] = *slot - 1;
	}
	return 0;
}

static int find_destinations(struct replay *replay)
{
	uint32_t *slots = calloc(2 * REPLAY_MAX_DESTINATIONS, sizeof(*slots));
	int ret = -ENOMEM;

	replay->destinations = calloc(REPLAY_MAX_DESTINATIONS, sizeof(*replay->destinations));
	replay->destination_of = calloc(replay->file.n_packets, sizeof(*replay->destination_of));
	if (slots && replay->destinations && replay->destination_of)
		ret = note_destinations(replay, slots);
	free(slots);
	return ret;
}

static int open_raw(const struct replay_config *config)
{
	/* Protocol 0: it sends, and hears nothing. */
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)config->iface.ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int size = RAW_SNDBUF;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

static int open_udp(const struct replay *replay)
{
	const struct replay_config *config = &replay->config;
	struct gen_socket spec = {
		.iface = &config->iface,
		.source = config->source,
		.source_port = config->source_port,
		.ttl = config->ttl,
		.dscp = config->dscp,
	};

	for (uint32_t i = 0; i < replay->n_destinations; i++)
		if (!IN_MULTICAST(ntohl(replay->destinations[i].to.sin_addr.s_addr)))
			spec.to_hosts = true;
	return gen_socket_open(&spec);
}

int replay_init(struct replay *replay, const struct replay_config *config, const char *path,
		struct replay_error *error)
{
	int ret;

	*replay = (struct replay){.config = *config, .fd = -1};
	ret = replay_file_load(&replay->file, path, config->raw, error);
	if (ret < 0)
		return ret;
	ret = config->raw ? 0 : find_destinations(replay);
	if (ret == 0) {
		replay->fd = config->raw ? open_raw(config) : open_udp(replay);
		ret = replay->fd < 0 ? replay->fd : 0;
	}
	if (ret < 0)
		snprintf(error->text, sizeof(error->text), "cannot prepare to send: %s",
			 strerror(-ret));
	return ret;
}

static void add_packet(struct replay *replay, struct batch *batch, size_t index, uint64_t due_ns)
{
	const struct replay_packet *packet = &replay->file.packets[index];
	struct msghdr *hdr = &batch->msgs[batch->n].msg_hdr;

	batch->iovs[batch->n] = (struct iovec){replay->file.bytes + packet->offset, packet->length};
	*hdr = (struct msghdr){.msg_iov = &batch->iovs[batch->n], .msg_iovlen = 1};
	batch->destinations[batch->n] = NO_DEST;
	if (!replay->config.raw) {
		uint32_t destination = replay->destination_of[index];

		hdr->msg_name = &replay->destinations[destination].to;
		hdr->msg_namelen = sizeof(replay->destinations[destination].to);
		batch->destinations[batch->n] = destination;
	}
	batch->due_ns[batch->n++] = due_ns;
}

/* Takes what is due by @now_ns; returns when the next one is, or UINT64_MAX at the end. */
static uint64_t fill(struct replay *replay, struct batch *batch, struct cursor *at,
		     uint64_t start_ns, uint64_t now_ns)
{
	const struct replay_file *file = &replay->file;
	uint64_t period_ns = replay_file_period_ns(file);

	batch->n = 0;
	while (!replay->config.loops || at->loop < replay->config.loops) {
		uint64_t due_ns = start_ns + replay_due_ns(period_ns, at->loop,
							   file->packets[at->index].at_ns,
							   replay->config.speed_milli);

		if (due_ns > now_ns || batch->n == BATCH)
			return due_ns;
		add_packet(replay, batch, at->index, due_ns);
		if (++at->index == file->n_packets) {
			at->index = 0;
			at->loop++;
		}
	}
	return UINT64_MAX;
}

static void send_batch(struct replay *replay, struct batch *batch)
{
	struct gen_report *report = &replay->report;
	unsigned done = 0;

	while (done < batch->n) {
		uint64_t begin_ns = monotonic_ns();
		int n = sendmmsg(replay->fd, batch->msgs + done, batch->n - done, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (!report->first_error)
				report->first_error = errno;
			report->send_errors++;
			done++;
			continue;
		}
		for (int i = 0; i < n; i++, done++) {
			report->sent++;
			report->bytes += batch->iovs[done].iov_len;
			if (batch->destinations[done] != NO_DEST)
				replay->destinations[batch->destinations[done]].sent++;
			if (replay->config.speed_milli)
				histogram_add(&replay->error, begin_ns - batch->due_ns[done]);
		}
	}
}

static void wait_for(uint64_t due_ns, const volatile sig_atomic_t *stop)
{
	while (!*stop && monotonic_ns() + SPIN_NS < due_ns)
		pacer_wait(due_ns - SPIN_NS);
	if (!*stop)
		pacer_wait(due_ns);
}

int replay_run(struct replay *replay, const volatile sig_atomic_t *stop)
{
	struct gen_report *report = &replay->report;
	uint64_t start_ns = monotonic_ns();
	struct cursor at = {0};
	struct batch batch;
	uint64_t next_ns = start_ns;

	while (!*stop && next_ns != UINT64_MAX) {
		wait_for(next_ns, stop);
		next_ns = fill(replay, &batch, &at, start_ns, monotonic_ns());
		send_batch(replay, &batch);
		if (!report->sent && report->send_errors >= MAX_FAILURES)
			break;
	}
	replay->loops_done = at.loop;
	report->elapsed_ns = monotonic_ns() - start_ns;
	if (report->elapsed_ns && report->sent > 1)
		report->pps = (double)(report->sent - 1) * 1e9 / (double)report->elapsed_ns;
	return !report->sent && report->send_errors ? -report->first_error : 0;
}

void replay_fini(struct replay *replay)
{
	if (replay->fd >= 0)
		close(replay->fd);
	free(replay->destinations);
	free(replay->destination_of);
	replay_file_free(&replay->file);
	replay->destinations = NULL;
	replay->destination_of = NULL;
	replay->fd = -1;
}
