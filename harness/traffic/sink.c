// SPDX-License-Identifier: MIT
/* sink.c - sockets and the receive loop */
#include "harness/traffic/sink.h"

#include <endian.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/wait.h"

#define BATCH        64u
#define BUFFER_BYTES 65536u
#define BUFFER_SKEW  192u /* keeps the buffers' first lines out of the same cache set */
#define MAX_ROUNDS   16   /* recvmmsg() calls on one socket in a row */
#define MAX_EVENTS   64
#define DRAIN_MS     1000
#define ID_SIGNAL    (UINT64_MAX - 1)
#define ID_CONTROL   UINT64_MAX

struct sink_buffers {
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	_Alignas(struct cmsghdr) uint8_t control[BATCH][CMSG_SPACE(sizeof(int))];
	uint8_t bytes[BATCH][BUFFER_BYTES + BUFFER_SKEW];
};

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int join(int fd, const struct sink_config *config, const struct sink_target *target)
{
	struct sockaddr_in group = {.sin_family = AF_INET, .sin_addr = target->group};
	struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr = config->source};
	struct group_source_req request = {.gsr_interface = target->ifindex};
	struct ip_mreqn mreqn = {
		.imr_multiaddr = target->group,
		.imr_ifindex = (int)target->ifindex,
	};
	int ret = set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);

	if (ret < 0)
		return ret;
	if (config->source.s_addr == INADDR_ANY)
		return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreqn, sizeof(mreqn)) < 0
			       ? -errno
			       : 0;
	memcpy(&request.gsr_group, &group, sizeof(group));
	memcpy(&request.gsr_source, &source, sizeof(source));
	return setsockopt(fd, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &request, sizeof(request)) < 0
		       ? -errno
		       : 0;
}

static int open_stream(struct sink *sink, struct sink_stream *stream)
{
	const struct sink_config *config = &sink->config;
	bool multicast = IN_MULTICAST(ntohl(stream->target.group.s_addr));
	struct sockaddr_in local = {
		.sin_family = AF_INET,
		.sin_port = htons(stream->target.port),
		.sin_addr = stream->target.group,
	};
	int ret = 0;

	stream->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (stream->fd < 0)
		return -errno;
	if (set_int(stream->fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)config->rcvbuf_bytes))
		set_int(stream->fd, SOL_SOCKET, SO_RCVBUF, (int)config->rcvbuf_bytes);
	if (multicast)
		ret = set_int(stream->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (ret == 0 && config->gro)
		ret = set_int(stream->fd, SOL_UDP, UDP_GRO, 1);
	if (ret < 0)
		return ret;
	if (bind(stream->fd, (const struct sockaddr *)&local, sizeof(local)) < 0)
		return -errno;
	return multicast ? join(stream->fd, config, &stream->target) : 0;
}

static int watch(const struct sink *sink, int fd, uint64_t id)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = id};

	return epoll_ctl(sink->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int make_buffers(struct sink *sink)
{
	struct sink_buffers *buffers = calloc(1, sizeof(*buffers));

	if (!buffers)
		return -ENOMEM;
	for (unsigned i = 0; i < BATCH; i++) {
		buffers->iovs[i] =
			(struct iovec){buffers->bytes[i],
				       sink->config.first ? PAYLOAD_HEADER_BYTES : BUFFER_BYTES};
		buffers->msgs[i].msg_hdr.msg_iov = &buffers->iovs[i];
		buffers->msgs[i].msg_hdr.msg_iovlen = 1;
		if (sink->config.gro)
			buffers->msgs[i].msg_hdr.msg_control = buffers->control[i];
	}
	sink->buffers = buffers;
	return 0;
}

int sink_init(struct sink *sink, const struct sink_config *config)
{
	int ret;

	*sink = (struct sink){.config = *config, .epoll_fd = -1};
	ret = account_init(&sink->account, config->n_targets);
	if (ret < 0)
		return ret;
	sink->account.headers_only = config->headers;
	ret = make_buffers(sink);
	if (ret < 0)
		return ret;
	sink->streams = calloc(config->n_targets, sizeof(*sink->streams));
	if (!sink->streams)
		return -ENOMEM;
	sink->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (sink->epoll_fd < 0)
		return -errno;
	for (; sink->n_streams < config->n_targets; sink->n_streams++) {
		struct sink_stream *stream = &sink->streams[sink->n_streams];

		stream->target = config->targets[sink->n_streams];
		ret = open_stream(sink, stream);
		if (ret == 0)
			ret = watch(sink, stream->fd, sink->n_streams);
		if (ret < 0) {
			if (stream->fd >= 0)
				close(stream->fd);
			return ret;
		}
	}
	return config->control_fd >= 0 ? watch(sink, config->control_fd, ID_CONTROL) : 0;
}

uint64_t sink_stream_drops(const struct sink_stream *stream)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t length = sizeof(info);

	if (getsockopt(stream->fd, SOL_SOCKET, SO_MEMINFO, info, &length) < 0)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

static int count_one(struct sink *sink, uint32_t stream, const uint8_t *bytes, size_t length,
		     uint64_t now_ns)
{
	if (sink->config.dump) {
		uint32_t length_be = htobe32((uint32_t)length);

		if (fwrite(&length_be, sizeof(length_be), 1, sink->config.dump) != 1 ||
		    fwrite(bytes, 1, length, sink->config.dump) != length)
			return -EIO;
	}
	return account_datagram(&sink->account, stream, bytes, length, now_ns);
}

static size_t segment_bytes(struct msghdr *hdr, size_t length)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		int size;

		if (cmsg->cmsg_level != SOL_UDP || cmsg->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(cmsg), sizeof(size));
		return size > 0 ? (size_t)size : length;
	}
	return length;
}

static int count_message(struct sink *sink, uint32_t stream, struct mmsghdr *msg, uint64_t now_ns)
{
	const uint8_t *bytes = msg->msg_hdr.msg_iov->iov_base;
	size_t length = msg->msg_len;
	size_t segment = sink->config.gro ? segment_bytes(&msg->msg_hdr, length) : length;
	int ret;

	if (sink->config.first && length)
		return account_first(&sink->account, stream, bytes, length, segment, now_ns);
	do {
		size_t n = length < segment ? length : segment;

		ret = count_one(sink, stream, bytes, n, now_ns);
		bytes += n;
		length -= n;
	} while (length && ret == 0);
	return ret;
}

/* Return: 1 when the socket may hold more, 0 when it is empty, or negative errno. */
static int receive(struct sink *sink, uint32_t stream)
{
	struct sink_buffers *buffers = sink->buffers;
	uint64_t now_ns;
	int n;

	if (sink->config.gro)
		for (unsigned i = 0; i < BATCH; i++)
			buffers->msgs[i].msg_hdr.msg_controllen = sizeof(buffers->control[i]);
	n = recvmmsg(sink->streams[stream].fd, buffers->msgs, BATCH,
		     MSG_DONTWAIT | (sink->config.first ? MSG_TRUNC : 0), NULL);
	now_ns = monotonic_ns();
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED))
		return 0;
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		int ret = count_message(sink, stream, &buffers->msgs[i], now_ns);

		if (ret < 0)
			return ret;
	}
	return n == BATCH;
}

int sink_drain(struct sink *sink)
{
	struct deadline deadline = deadline_in_ms(DRAIN_MS);
	int ret = 0;

	for (uint32_t i = 0; i < sink->n_streams && ret >= 0; i++)
		do
			ret = receive(sink, i);
		while (ret > 0 && !deadline_passed(deadline));
	return ret < 0 ? ret : 0;
}

static uint64_t quiet_start_ns(const struct sink *sink)
{
	const struct account_arrivals *arrivals = &sink->account.arrivals;

	return arrivals->last_ns > sink->quiet_since_ns ? arrivals->last_ns : sink->quiet_since_ns;
}

/* When time will end the run, and how it is called then; UINT64_MAX for never. */
static uint64_t next_end_ns(const struct sink *sink, enum sink_end *end)
{
	const struct sink_config *config = &sink->config;
	const struct account_arrivals *arrivals = &sink->account.arrivals;
	uint64_t at_ns = UINT64_MAX;

	*end = SINK_RUNNING;
	if (config->timeout_ms >= 0) {
		at_ns = sink->started_ns + (uint64_t)config->timeout_ms * NS_PER_MS;
		*end = SINK_TIMEOUT;
	}
	if (config->idle_ms >= 0 && arrivals->count &&
	    arrivals->last_ns + (uint64_t)config->idle_ms * NS_PER_MS < at_ns) {
		at_ns = arrivals->last_ns + (uint64_t)config->idle_ms * NS_PER_MS;
		*end = SINK_IDLE;
	}
	if ((config->count || sink->finishing) && arrivals->count >= config->count &&
	    quiet_start_ns(sink) + sink->quiet_ms * NS_PER_MS < at_ns) {
		at_ns = quiet_start_ns(sink) + sink->quiet_ms * NS_PER_MS;
		*end = SINK_COUNT;
	}
	return at_ns;
}

static int handle_event(struct sink *sink, uint64_t id)
{
	int ret = 0;

	if (id == ID_SIGNAL) {
		sink->end = SINK_SIGNAL;
		return 0;
	}
	if (id == ID_CONTROL) {
		if (!sink->config.control(sink))
			epoll_ctl(sink->epoll_fd, EPOLL_CTL_DEL, sink->config.control_fd, NULL);
		return 0;
	}
	for (int round = 0; round < MAX_ROUNDS; round++) {
		ret = receive(sink, (uint32_t)id);
		if (ret <= 0)
			break;
	}
	return ret < 0 ? ret : 0;
}

static int wait_and_handle(struct sink *sink)
{
	struct epoll_event events[MAX_EVENTS];
	enum sink_end end;
	uint64_t end_ns = next_end_ns(sink, &end);
	uint64_t wake_ns = end_ns;
	int n;

	if (sink->config.interval_ms && sink->next_interval_ns < wake_ns)
		wake_ns = sink->next_interval_ns;
	n = epoll_wait(sink->epoll_fd, events, MAX_EVENTS,
		       deadline_left_ms((struct deadline){wake_ns}));
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++) {
		int ret = handle_event(sink, events[i].data.u64);

		if (ret < 0)
			return ret;
	}
	if (sink->config.interval_ms && monotonic_ns() >= sink->next_interval_ns) {
		sink->config.interval(sink);
		sink->next_interval_ns += sink->config.interval_ms * NS_PER_MS;
	}
	/* Asked again: a datagram that has just arrived may have put the end off. */
	end_ns = next_end_ns(sink, &end);
	if (sink->end == SINK_RUNNING && monotonic_ns() >= end_ns)
		sink->end = end;
	return 0;
}

int sink_run(struct sink *sink, int signal_fd)
{
	int ret = watch(sink, signal_fd, ID_SIGNAL);

	sink->started_ns = monotonic_ns();
	sink->next_interval_ns = sink->started_ns + sink->config.interval_ms * NS_PER_MS;
	while (!ret && sink->end == SINK_RUNNING)
		ret = wait_and_handle(sink);
	return ret < 0 ? ret : sink_drain(sink);
}

void sink_fini(struct sink *sink)
{
	for (uint32_t i = 0; i < sink->n_streams; i++)
		close(sink->streams[i].fd);
	if (sink->epoll_fd >= 0)
		close(sink->epoll_fd);
	free(sink->streams);
	free(sink->buffers);
	account_fini(&sink->account);
	sink->streams = NULL;
	sink->buffers = NULL;
	sink->n_streams = 0;
	sink->epoll_fd = -1;
}
