// SPDX-License-Identifier: MIT
/* tun.c - the two tun devices of a link, and the process that copies between them */
#include "harness/lab/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/lab/helper.h"
#include "harness/lab/state.h"

#define PACKET_BYTES 65536
#define AT_ONCE      64 /* packets from one device in a row */

int lab_tun_open(const char *name, int index)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	unsigned wanted = (unsigned)index;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFINDEX, &wanted) < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

static void carry(int from, int to)
{
	static char packet[PACKET_BYTES];

	for (unsigned i = 0; i < AT_ONCE; i++) {
		ssize_t length = read(from, packet, sizeof(packet));

		if (length <= 0)
			return;
		/* A device that is down takes nothing: the packet is lost, as on a wire without a
		 * peer. */
		if (write(to, packet, (size_t)length) < 0)
			continue;
	}
}

static void serve(const struct lab *lab, int owner_pidfd)
{
	struct pollfd fds[2 * TOPO_MAX_TUNS + 1];
	unsigned n = lab->n_tun_fds;

	for (unsigned i = 0; i < n; i++)
		fds[i] = (struct pollfd){.fd = lab->tun_fds[i], .events = POLLIN};
	fds[n] = (struct pollfd){.fd = owner_pidfd, .events = POLLIN};
	while (poll(fds, n + 1, -1) >= 0 || errno == EINTR) {
		if (fds[n].revents)
			return;
		for (unsigned i = 0; i < n; i++) {
			if (fds[i].revents & POLLIN)
				carry(fds[i].fd, fds[i ^ 1].fd);
			/* A device that was deleted stays in error: no more turns for it. */
			else if (fds[i].revents & (POLLERR | POLLHUP))
				fds[i].fd = -1;
		}
	}
}

int lab_tun_start(struct lab *lab)
{
	return lab->n_tun_fds ? lab_helper_start(&lab->carrier, lab, "lab-carrier", serve) : 0;
}

void lab_tun_stop(struct lab *lab)
{
	lab_helper_stop(&lab->carrier);
}
