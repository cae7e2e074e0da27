// SPDX-License-Identifier: MIT
/* replay_file.c - read a capture by libpcap */
#include "harness/traffic/replay_file.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/wait.h"

#define FIRST_PACKETS 1024u
#define FIRST_BYTES   (1u << 20)

struct loading {
	struct replay_file *file;
	size_t room_packets;
	size_t room_bytes;
	uint64_t first_ns;
	uint64_t latest_ns;
	enum replay_link link;
	bool raw;
};

static int find_link(int type, enum replay_link *link)
{
	switch (type) {
	case DLT_EN10MB:
		*link = REPLAY_ETHERNET;
		return 0;
	case DLT_RAW:
	case DLT_IPV4:
		*link = REPLAY_IPV4;
		return 0;
	case DLT_LINUX_SLL:
		*link = REPLAY_COOKED;
		return 0;
	case DLT_LINUX_SLL2:
		*link = REPLAY_COOKED2;
		return 0;
	default: /* not an enum of ours */
		return -EINVAL;
	}
}

static int make_room(struct loading *load, uint32_t length)
{
	struct replay_file *file = load->file;

	if (file->n_packets == load->room_packets) {
		size_t room = load->room_packets ? load->room_packets * 2 : FIRST_PACKETS;
		struct replay_packet *packets =
			realloc(file->packets, room * sizeof(*file->packets));

		if (!packets)
			return -ENOMEM;
		file->packets = packets;
		load->room_packets = room;
	}
	if (file->n_bytes + length > REPLAY_MAX_BYTES)
		return -E2BIG;
	/* There is a buffer even for payloads of no bytes. */
	while (!file->bytes || file->n_bytes + length > load->room_bytes) {
		size_t room = load->room_bytes ? load->room_bytes * 2 : FIRST_BYTES;
		uint8_t *bytes = realloc(file->bytes, room);

		if (!bytes)
			return -ENOMEM;
		file->bytes = bytes;
		load->room_bytes = room;
	}
	return 0;
}

static int add_packet(struct loading *load, const struct pcap_pkthdr *header, const uint8_t *frame,
		      const struct replay_view *view)
{
	struct replay_file *file = load->file;
	/* With nanosecond precision tv_usec holds nanoseconds. */
	uint64_t at_ns = (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec;
	struct replay_packet *packet;
	int ret = make_room(load, view->bytes);

	if (ret < 0)
		return ret;
	if (!file->n_packets)
		load->first_ns = at_ns;
	if (at_ns < load->latest_ns)
		file->backwards++;
	else
		load->latest_ns = at_ns;
	packet = &file->packets[file->n_packets];
	*packet = (struct replay_packet){
		.at_ns = at_ns > load->first_ns ? at_ns - load->first_ns : 0,
		.offset = file->n_bytes,
		.length = view->bytes,
		.port = view->port,
		.group = view->group,
	};
	/* Merged captures step back in time; the order of the file is what counts. */
	if (file->n_packets && packet->at_ns < packet[-1].at_ns)
		packet->at_ns = packet[-1].at_ns;
	memcpy(file->bytes + file->n_bytes, frame + view->offset, view->bytes);
	file->n_bytes += view->bytes;
	file->n_packets++;
	return 0;
}

static int take(struct loading *load, const struct pcap_pkthdr *header, const uint8_t *frame)
{
	struct replay_view view = {.bytes = header->caplen};
	enum replay_verdict verdict;

	if (load->raw)
		verdict = header->caplen < header->len ? REPLAY_CUT : REPLAY_DATAGRAM;
	else
		verdict = replay_frame_read(&view, load->link, frame, header->caplen);
	load->file->in_file++;
	load->file->verdicts[verdict]++;
	return verdict == REPLAY_DATAGRAM ? add_packet(load, header, frame, &view) : 0;
}

static int fail(struct replay_error *error, int err, const char *path, const char *what)
{
	snprintf(error->text, sizeof(error->text), "%.100s: %.200s", path, what);
	return -err;
}

static int read_packets(struct loading *load, pcap_t *pcap, const char *path,
			struct replay_error *error)
{
	struct replay_file *file = load->file;
	struct pcap_pkthdr *header;
	const uint8_t *frame;
	char text[120];
	int ret;

	while ((ret = pcap_next_ex(pcap, &header, &frame)) == 1) {
		ret = take(load, header, frame);
		if (ret < 0)
			return fail(error, -ret, path, strerror(-ret));
	}
	if (ret != PCAP_ERROR_BREAK)
		return fail(error, EINVAL, path, pcap_geterr(pcap));
	if (file->n_packets)
		return 0;
	snprintf(text, sizeof(text),
		 "nothing to send: %" PRIu64 " packets, %" PRIu64 " not UDP over IPv4, %" PRIu64
		 " fragments, %" PRIu64 " cut short",
		 file->in_file, file->verdicts[REPLAY_OTHER], file->verdicts[REPLAY_FRAGMENT],
		 file->verdicts[REPLAY_CUT]);
	return fail(error, EINVAL, path, text);
}

int replay_file_load(struct replay_file *file, const char *path, bool raw,
		     struct replay_error *error)
{
	struct loading load = {.file = file, .raw = raw};
	char text[PCAP_ERRBUF_SIZE];
	FILE *stream = strcmp(path, "-") ? fopen(path, "rbe") : stdin;
	pcap_t *pcap;
	int ret;

	*file = (struct replay_file){0};
	if (!stream)
		return fail(error, errno, path, strerror(errno));
	pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!pcap) {
		if (stream != stdin)
			fclose(stream);
		return fail(error, EINVAL, path, text);
	}
	if (find_link(pcap_datalink(pcap), &load.link) || (raw && load.link != REPLAY_ETHERNET)) {
		const char *name = pcap_datalink_val_to_description(pcap_datalink(pcap));

		snprintf(text, sizeof(text), "link type %d (%.60s) %s", pcap_datalink(pcap),
			 name ? name : "unknown",
			 raw ? "has no Ethernet frames" : "cannot be replayed");
		ret = fail(error, EINVAL, path, text);
	} else {
		ret = read_packets(&load, pcap, path, error);
	}
	pcap_close(pcap);
	return ret;
}

void replay_file_free(struct replay_file *file)
{
	free(file->packets);
	free(file->bytes);
	*file = (struct replay_file){0};
}

uint64_t replay_file_period_ns(const struct replay_file *file)
{
	uint64_t length_ns = file->n_packets ? file->packets[file->n_packets - 1].at_ns : 0;

	return file->n_packets > 1 ? length_ns + length_ns / (file->n_packets - 1) : NS_PER_MS;
}
