// SPDX-License-Identifier: MIT
/*
 * capture.c - an interface to a file
 *
 * The kernel hands packets over in blocks, at the latest RETIRE_MS after the first packet of a
 * block has come.  So a capture that is to end goes on until that much time has passed in silence;
 * packets that come later than the order to end may be in the file, too.
 */
#include "harness/capture/capture.h"

#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>

#include "harness/base/wait.h"

#define RETIRE_MS 20
#define AT_ONCE   1000 /* packets in a row, then stop_fd is asked */

struct pcap *capture_open(const char *interface, int snaplen_bytes, int buffer_bytes,
			  const char *filter, char *error)
{
	char errbuf[PCAP_ERRBUF_SIZE] = "";
	struct bpf_program program = {0};
	pcap_t *pcap = pcap_create(interface, errbuf);
	bool failed;

	if (!pcap) {
		snprintf(error, CAPTURE_ERROR_SIZE, "%s: %s", interface, errbuf);
		return NULL;
	}
	pcap_set_snaplen(pcap, snaplen_bytes);
	pcap_set_buffer_size(pcap, buffer_bytes);
	pcap_set_timeout(pcap, RETIRE_MS);
	pcap_set_promisc(pcap, 1);
	failed = pcap_activate(pcap) < 0;
	if (!failed && filter) {
		failed = pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) < 0 ||
			 pcap_setfilter(pcap, &program) < 0;
		pcap_freecode(&program);
	}
	if (!failed)
		failed = pcap_setnonblock(pcap, 1, errbuf) < 0;
	if (failed) {
		snprintf(error, CAPTURE_ERROR_SIZE, "%s: %s", interface, pcap_geterr(pcap));
		pcap_close(pcap);
		return NULL;
	}
	return pcap;
}

/* Return: whether to end now; @silent_until moves with each packet after the order to end. */
static bool is_over(bool stopping, int taken, struct deadline *silent_until)
{
	if (!stopping)
		return false;
	if (taken > 0)
		*silent_until = deadline_in_ms(3 * RETIRE_MS);
	return deadline_passed(*silent_until);
}

int capture_to_file(struct pcap *pcap, const char *path, uint64_t limit, int stop_fd,
		    void (*ready)(void), struct capture_result *result, char *error)
{
	struct pollfd fds[] = {{.fd = pcap_get_selectable_fd(pcap), .events = POLLIN},
			       {.fd = stop_fd, .events = POLLIN}};
	struct deadline silent_until = {UINT64_MAX};
	pcap_dumper_t *dumper = pcap_dump_open(pcap, path);
	struct pcap_stat stat = {0};
	bool stopping = false;
	int taken = 0;

	*result = (struct capture_result){0};
	if (!dumper) {
		snprintf(error, CAPTURE_ERROR_SIZE, "%s", pcap_geterr(pcap));
		return -1;
	}
	ready();
	while (taken >= 0 && !(limit && result->packets == limit) &&
	       !is_over(stopping, taken, &silent_until)) {
		uint64_t left = limit ? limit - result->packets : AT_ONCE;

		if (taken == 0)
			poll(fds, 2, stopping ? RETIRE_MS : -1);
		if (fds[1].revents && !stopping) {
			stopping = true;
			fds[1].fd = -1;
			silent_until = deadline_in_ms(3 * RETIRE_MS);
		}
		taken = pcap_dispatch(pcap, left < AT_ONCE ? (int)left : AT_ONCE, pcap_dump,
				      (unsigned char *)dumper);
		if (taken > 0)
			result->packets += (uint64_t)taken;
	}
	if (pcap_stats(pcap, &stat) == 0)
		result->dropped = stat.ps_drop;
	if (taken < 0)
		snprintf(error, CAPTURE_ERROR_SIZE, "%s", pcap_geterr(pcap));
	if (pcap_dump_flush(dumper) < 0 && taken >= 0) {
		snprintf(error, CAPTURE_ERROR_SIZE, "%s: cannot be written", path);
		taken = -1;
	}
	pcap_dump_close(dumper);
	return taken < 0 ? -1 : 0;
}
