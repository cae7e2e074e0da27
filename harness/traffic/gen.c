// SPDX-License-Identifier: MIT
/* gen.c - batches of datagrams, sent on schedule */
#include "harness/traffic/gen.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/wait.h"
#include "harness/traffic/gen_socket.h"
#include "harness/traffic/pacer.h"

#define BATCH_MSGS       64u               /* sends per sendmmsg() */
#define BATCH_DATAGRAMS  512u              /* datagrams per sendmmsg() when each send holds many */
#define MAX_FAILURES     100u              /* without one success; then it gives up */
#define TOO_LATE_NS      (100 * NS_PER_MS) /* less is a preemption, not a rate out of reach */
#define CMSG_SEGMENT_LEN CMSG_SPACE(sizeof(uint16_t))

/* One sendmmsg() under construction; grouped so that a batch is one allocation. */
struct gen_batch {
	struct mmsghdr msgs[BATCH_MSGS];
	struct iovec iovs[2 * BATCH_DATAGRAMS];
	struct payload_header headers[BATCH_DATAGRAMS];
	struct gen_flow *flow_of[BATCH_MSGS];
	unsigned datagrams[BATCH_MSGS];
	uint64_t bytes[BATCH_MSGS];
	_Alignas(struct cmsghdr) uint8_t control[BATCH_MSGS][CMSG_SEGMENT_LEN];
	unsigned n_msgs;
	unsigned n_datagrams;
};

static int open_socket(struct gen *gen)
{
	const struct gen_config *config = &gen->config;
	bool multicast = IN_MULTICAST(ntohl(config->group.s_addr));
	struct gen_socket spec = {
		.iface = &config->iface,
		.source = config->source,
		.source_port = config->source_port,
		.to_hosts = !multicast,
		.ttl = config->ttl,
		.dscp = config->dscp,
	};

	gen->fd = gen_socket_open(&spec);
	if (gen->fd < 0)
		return gen->fd;
	/*
	 * One flow: connecting saves the route look-up of every send.  Not to a unicast address,
	 * where ICMP errors would come back as failures of sends that had nothing to do with them.
	 */
	gen->connected = config->flows == 1 && multicast;
	if (gen->connected && connect(gen->fd, (const struct sockaddr *)&gen->flows[0].to,
				      sizeof(gen->flows[0].to)) < 0)
		return -errno;
	return 0;
}

static int make_flows(struct gen *gen)
{
	const struct gen_config *config = &gen->config;
	uint32_t group = ntohl(config->group.s_addr);

	gen->flows = calloc(config->flows, sizeof(*gen->flows));
	if (!gen->flows)
		return -ENOMEM;
	for (uint32_t i = 0; i < config->flows; i++) {
		gen->flows[i].to.sin_family = AF_INET;
		gen->flows[i].to.sin_addr.s_addr = htonl(group + (config->flow_groups ? i : 0));
		gen->flows[i].to.sin_port =
			htons((uint16_t)(config->port + (config->flow_groups ? 0 : i)));
	}
	return 0;
}

int gen_check(const struct gen_config *config, char text[static GEN_ERROR_SIZE])
{
	const uint32_t group = ntohl(config->group.s_addr);
	const uint32_t max_bytes = config->sizes.max_bytes;

	*text = '\0';
	if (!config->flow_groups && config->port + config->flows - 1 > UINT16_MAX)
		snprintf(text, GEN_ERROR_SIZE, "--flows: port %u and %u more are beyond %u",
			 config->port, config->flows - 1, UINT16_MAX);
	else if (config->flow_groups && IN_MULTICAST(group) &&
		 !IN_MULTICAST(group + config->flows - 1))
		snprintf(text, GEN_ERROR_SIZE,
			 "--flow-groups: the last of %u groups is beyond 239.255.255.255",
			 config->flows);
	else if (config->segment > 1 && config->sizes.min_bytes == 0)
		snprintf(text, GEN_ERROR_SIZE, "--segment: a datagram of 0 bytes is no segment");
	else if (config->segment > 1 && max_bytes * config->segment > PAYLOAD_MAX_BYTES)
		snprintf(text, GEN_ERROR_SIZE,
			 "--segment: %u datagrams of %u bytes are %u, and a send holds %u: at most "
			 "%u of them",
			 config->segment, max_bytes, max_bytes * config->segment, PAYLOAD_MAX_BYTES,
			 PAYLOAD_MAX_BYTES / max_bytes);
	return *text ? -EINVAL : 0;
}

int gen_init(struct gen *gen, const struct gen_config *config)
{
	char text[GEN_ERROR_SIZE];
	int ret;

	*gen = (struct gen){.config = *config, .fd = -1};
	ret = gen_check(config, text);
	if (ret < 0)
		return ret;
	payload_pattern_init(&gen->pattern);
	gen->batch = calloc(1, sizeof(*gen->batch));
	if (!gen->batch)
		return -ENOMEM;
	ret = make_flows(gen);
	return ret < 0 ? ret : open_socket(gen);
}

static void put_segment_size(struct gen_batch *batch, struct msghdr *hdr, uint32_t size_bytes)
{
	struct cmsghdr *cmsg;
	uint16_t size = (uint16_t)size_bytes;

	hdr->msg_control = batch->control[batch->n_msgs];
	hdr->msg_controllen = CMSG_SEGMENT_LEN;
	cmsg = CMSG_FIRSTHDR(hdr);
	cmsg->cmsg_level = SOL_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	cmsg->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(cmsg), &size, sizeof(size));
}

/* Adds one send of @n datagrams of one flow to the batch. */
static void add_message(struct gen *gen, unsigned n)
{
	struct gen_batch *batch = gen->batch;
	uint32_t flow_index = gen->next_flow;
	struct gen_flow *flow = &gen->flows[flow_index];
	uint32_t size = sizespec_at(&gen->config.sizes, flow->next_seq / gen->config.segment);
	struct msghdr *hdr = &batch->msgs[batch->n_msgs].msg_hdr;
	struct payload_info info = {.flow = gen->config.first_flow + flow_index,
				    .sent_ns = monotonic_ns()};
	struct iovec *iov = &batch->iovs[2 * batch->n_datagrams];

	*hdr = (struct msghdr){.msg_iov = iov};
	if (!gen->connected) {
		hdr->msg_name = &flow->to;
		hdr->msg_namelen = sizeof(flow->to);
	}
	for (unsigned i = 0; i < n; i++) {
		struct payload_header *header = &batch->headers[batch->n_datagrams++];

		info.seq = flow->next_seq++;
		payload_header_fill(header, &info, size);
		iov->iov_base = header;
		iov->iov_len = size < sizeof(*header) ? size : sizeof(*header);
		iov++;
		if (size <= sizeof(*header))
			continue;
		iov->iov_base = (void *)payload_body(&gen->pattern, info.flow, info.seq);
		iov->iov_len = size - sizeof(*header);
		iov++;
	}
	hdr->msg_iovlen = (size_t)(iov - hdr->msg_iov);
	if (n > 1)
		put_segment_size(batch, hdr, size);
	batch->flow_of[batch->n_msgs] = flow;
	batch->datagrams[batch->n_msgs] = n;
	batch->bytes[batch->n_msgs] = (uint64_t)size * n;
	batch->n_msgs++;
	gen->next_flow = flow_index + 1 == gen->config.flows ? 0 : flow_index + 1;
}

static uint64_t fill_batch(struct gen *gen, uint64_t want)
{
	struct gen_batch *batch = gen->batch;

	batch->n_msgs = 0;
	batch->n_datagrams = 0;
	while (batch->n_datagrams < want && batch->n_msgs < BATCH_MSGS &&
	       batch->n_datagrams + gen->config.segment <= BATCH_DATAGRAMS) {
		uint64_t left = want - batch->n_datagrams;

		add_message(gen, left < gen->config.segment ? (unsigned)left : gen->config.segment);
	}
	return batch->n_datagrams;
}

static void send_batch(struct gen *gen)
{
	struct gen_batch *batch = gen->batch;
	struct gen_report *report = &gen->report;
	unsigned done = 0;

	while (done < batch->n_msgs) {
		int n = sendmmsg(gen->fd, batch->msgs + done, batch->n_msgs - done, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (!report->first_error)
				report->first_error = errno;
			report->send_errors += batch->datagrams[done++];
			continue;
		}
		for (int i = 0; i < n; i++, done++) {
			batch->flow_of[done]->sent += batch->datagrams[done];
			report->sent += batch->datagrams[done];
			report->bytes += batch->bytes[done];
		}
	}
}

static uint64_t datagram_limit(const struct gen_config *config)
{
	uint64_t limit = config->count ? config->count : UINT64_MAX;
	unsigned __int128 in_time = (unsigned __int128)config->rate_mpps * config->duration_ns;

	/* At a rate a duration is a number of datagrams, which does not depend on the machine. */
	in_time /= (unsigned __int128)NS_PER_S * 1000;
	if (config->rate_mpps && config->duration_ns && in_time < limit)
		limit = in_time ? (uint64_t)in_time : 1;
	return limit;
}

static bool is_too_late(uint64_t behind_ns, uint64_t elapsed_ns)
{
	return behind_ns > TOO_LATE_NS && behind_ns > elapsed_ns / 100;
}

/*
 * Behind is how late the last send was, or how late the next one is already.  Datagrams that were
 * due after the end do not count, so the time until a signal arrived does not either.
 */
static void close_report(struct gen *gen, const struct pacer *pacer, uint64_t issued,
			 uint64_t limit, uint64_t last_ns)
{
	struct gen_report *report = &gen->report;
	/* The last quantum goes out when its interval begins: the interval is not in elapsed. */
	uint64_t open = pacer->rate_mpps ? pacer->quantum : 0;

	uint64_t now_ns = monotonic_ns();

	report->elapsed_ns = last_ns - pacer->start_ns;
	if (report->elapsed_ns && report->sent > open)
		report->pps = (double)(report->sent - open) * 1e9 / (double)report->elapsed_ns;
	if (!pacer->rate_mpps || !issued)
		return;
	report->due = pacer_due(pacer, now_ns);
	if (report->due > limit)
		report->due = limit;
	report->behind_ns = last_ns - pacer_when_ns(pacer, issued - 1);
	if (issued < report->due)
		report->behind_ns = now_ns - pacer_when_ns(pacer, issued);
	report->too_fast = is_too_late(report->behind_ns, now_ns - pacer->start_ns);
}

/* At a rate the rest is still sent when the end was missed by little. */
static bool time_is_over(const struct gen_config *config, const struct pacer *pacer,
			 uint64_t issued, uint64_t now_ns)
{
	const uint64_t elapsed_ns = now_ns - pacer->start_ns;
	uint64_t next_ns;

	if (!config->duration_ns || elapsed_ns < config->duration_ns)
		return false;
	if (!config->rate_mpps)
		return true;
	next_ns = pacer_when_ns(pacer, issued);
	return now_ns > next_ns && is_too_late(now_ns - next_ns, elapsed_ns);
}

int gen_run(struct gen *gen, const volatile sig_atomic_t *stop)
{
	const struct gen_config *config = &gen->config;
	uint64_t quantum = config->burst > config->segment ? config->burst : config->segment;
	struct pacer pacer = {
		.start_ns = monotonic_ns(), .rate_mpps = config->rate_mpps, .quantum = quantum};
	uint64_t limit = datagram_limit(config);
	uint64_t last_ns = pacer.start_ns;
	uint64_t issued = 0;

	while (issued < limit && !*stop) {
		uint64_t now_ns = monotonic_ns();
		uint64_t due = pacer_due(&pacer, now_ns);

		if (time_is_over(config, &pacer, issued, now_ns))
			break;
		if (due > limit)
			due = limit;
		if (due == issued) {
			pacer_wait(pacer_when_ns(&pacer, issued));
			continue;
		}
		issued += fill_batch(gen, due - issued);
		send_batch(gen);
		last_ns = monotonic_ns();
		if (!gen->report.sent && gen->report.send_errors >= MAX_FAILURES)
			break;
	}
	close_report(gen, &pacer, issued, limit, last_ns);
	if (!gen->report.sent && gen->report.send_errors)
		return -gen->report.first_error;
	return 0;
}

void gen_fini(struct gen *gen)
{
	if (gen->fd >= 0)
		close(gen->fd);
	free(gen->batch);
	free(gen->flows);
	gen->batch = NULL;
	gen->flows = NULL;
	gen->fd = -1;
}
