/* SPDX-License-Identifier: MIT */
/* Bursts from one socket, and who counted what of them. */
#ifndef EXPERIMENTS_LOSS_H
#define EXPERIMENTS_LOSS_H

#include "../poc.h"

#define DEADLINE_NS 3000000000ull

struct outcome {
	int sent, refused; /* sends that succeeded; that failed with ENOBUFS */
	int other;         /* the last other errno */
};

static inline struct outcome burst(int fd, int count, size_t len, int per_send)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	static char payload[2048];
	struct outcome o = {0};

	for (int i = 0; i < count; i++) {
		long ret = per_send > 1 ? poc_send_gso(fd, payload, len * (size_t)per_send,
						       (uint16_t)len, &to)
					: poc_send(fd, payload, len, &to);

		if (ret >= 0)
			o.sent++;
		else if (ret == -ENOBUFS)
			o.refused++;
		else
			o.other = (int)-ret;
	}
	return o;
}

static inline void set_recverr(int fd, int on)
{
	poc_must(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), "IP_RECVERR");
}

/* How often this device, or the one that it hands its packets to, dropped. */
static inline unsigned long device_drops(const char *ifname)
{
	char path[128];
	unsigned long value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_dropped", ifname);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%lu", &value) != 1)
		poc_must(-1, path);
	fclose(f);
	return value;
}

/* GRO at the peer merges: count the hundred-byte payloads in what arrives. */
static inline int arrived_payloads(int probe, int expected)
{
	static char frame[65536];
	uint64_t until = poc_deadline_ns(DEADLINE_NS);
	int n = 0;

	while (n < expected && poc_now_ns() < until) {
		ssize_t len = recv(probe, frame, sizeof(frame), MSG_DONTWAIT);

		if (len > POC_HDR_LEN)
			n += (int)(len - POC_HDR_LEN) / 100;
	}
	return n;
}

#endif
