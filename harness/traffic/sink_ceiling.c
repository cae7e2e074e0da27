// SPDX-License-Identifier: MIT
/* sink_ceiling.c - send to the sink over loopback, as fast as it takes them */
#include "harness/traffic/sink_ceiling.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/wait.h"
#include "harness/traffic/gen.h"
#include "harness/traffic/sink.h"

#define MOST_PER_ROUND 8192u
#define SKB_OVERHEAD   1280u /* what the kernel charges for a datagram beyond its bytes, at most */

/* A port that nobody has at the moment. */
static int free_port(uint16_t *port)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	socklen_t length = sizeof(any);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = 0;

	if (fd < 0)
		return -errno;
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&any, &length) < 0)
		ret = -errno;
	*port = ntohs(any.sin_port);
	close(fd);
	return ret;
}

static uint32_t round_size(const struct sink *sink, uint32_t size_bytes)
{
	socklen_t length = sizeof(int);
	int granted = 0;
	uint32_t n;

	getsockopt(sink->streams[0].fd, SOL_SOCKET, SO_RCVBUF, &granted, &length);
	n = (uint32_t)granted / (2 * (size_bytes + SKB_OVERHEAD));
	return n > MOST_PER_ROUND ? MOST_PER_ROUND : n;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure_round(struct gen *gen, struct sink *sink, double *pps)
{
	const volatile sig_atomic_t stop = 0;
	uint64_t before = sink->account.arrivals.count;
	uint64_t begin_ns;
	int ret = gen_run(gen, &stop);

	if (ret < 0)
		return ret;
	begin_ns = monotonic_ns();
	ret = sink_drain(sink);
	*pps = (double)(sink->account.arrivals.count - before) * 1e9 /
	       (double)(monotonic_ns() - begin_ns);
	return ret;
}

static int measure_rounds(struct sink_ceiling *result, struct gen *gen, struct sink *sink)
{
	double pps[SINK_CEILING_ROUNDS];

	for (unsigned i = 0; i < SINK_CEILING_ROUNDS; i++) {
		int ret = measure_round(gen, sink, &pps[i]);

		if (ret < 0)
			return ret;
	}
	qsort(pps, SINK_CEILING_ROUNDS, sizeof(*pps), compare);
	result->low_pps = pps[0];
	result->median_pps = pps[SINK_CEILING_ROUNDS / 2];
	result->high_pps = pps[SINK_CEILING_ROUNDS - 1];
	result->drops = sink_stream_drops(&sink->streams[0]);
	return 0;
}

int sink_ceiling_measure(struct sink_ceiling *result, uint32_t size_bytes, bool gro,
			 uint32_t rcvbuf_bytes)
{
	struct sink_target target = {.group.s_addr = htonl(INADDR_LOOPBACK)};
	struct sink_config to = {
		.targets = &target,
		.n_targets = 1,
		.rcvbuf_bytes = rcvbuf_bytes,
		.gro = gro,
		.idle_ms = -1,
		.timeout_ms = -1,
		.control_fd = -1,
	};
	struct gen_config from = {.flows = 1, .burst = 1, .ttl = 1, .group = target.group};
	/* Both hold the pattern table: too large for the stack. */
	struct sink *sink = calloc(1, sizeof(*sink));
	struct gen *gen = calloc(1, sizeof(*gen));
	char text[12];
	int ret = sink && gen ? free_port(&target.port) : -ENOMEM;

	*result = (struct sink_ceiling){.size_bytes = size_bytes};
	if (ret == 0)
		ret = ifspec_resolve(&from.iface, "lo");
	if (ret < 0)
		goto out_free;
	snprintf(text, sizeof(text), "%u", size_bytes);
	sizespec_parse(&from.sizes, text);
	ret = sink_init(sink, &to);
	if (ret < 0)
		goto out_sink;
	result->per_round = round_size(sink, size_bytes);
	from.port = target.port;
	from.count = result->per_round;
	from.segment = 60000 / size_bytes > GEN_MAX_SEGMENT ? GEN_MAX_SEGMENT : 60000 / size_bytes;
	ret = gen_init(gen, &from);
	if (ret == 0)
		ret = measure_rounds(result, gen, sink);
	gen_fini(gen);
out_sink:
	sink_fini(sink);
out_free:
	free(gen);
	free(sink);
	return ret;
}
