// SPDX-License-Identifier: MIT
/*
 * prefilter.c - attached to every packet socket, coarse where it is too large
 *
 * Control makes it.  It can keep frames from the workers, which a compromised control could do
 * anyway, and the kernel checks it (bpf(4)); so only its size is looked at here.
 */
#include "daemon/supervisor/prefilter.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/mman.h>

#include "core/base/ipc.h"
#include "core/rules/steer.h"
#include "daemon/common/memfd.h"
#include "daemon/priv/sockopt.h"
#include "daemon/supervisor/state.h"

#define FILTER_FILE_MAX \
	(int64_t)(sizeof(struct filter_file) + BPF_MAXINSNS * sizeof(struct sock_filter))

static int attach(const struct input *in, const struct sock_fprog *prog)
{
	int ret = 0;

	for (unsigned i = 0; i < MCR_MAX_WORKERS && ret == 0; i++)
		if (in->sock[i] >= 0)
			ret = priv_set_filter(in->sock[i], prog);
	return ret;
}

static int attach_coarse(const struct input *in)
{
	struct sock_filter insns[STEER_SMALL_MAX];
	struct sock_fprog prog = {.filter = insns};

	prog.len = (unsigned short)steer_filter_ipv4_udp((enum link_layer)in->iface.link, in->mark,
							 insns);
	return attach(in, &prog);
}

/* Where the exact program is beyond net.core.optmem_max, a coarse one takes its place. */
static int attach_program(const struct input *in, const struct filter_file *file, size_t bytes,
			  bool *coarse)
{
	const struct sock_fprog prog = {.len = (unsigned short)file->n,
					.filter = (struct sock_filter *)(uintptr_t)(file + 1)};
	int ret;

	if (!file->n || file->n > BPF_MAXINSNS ||
	    bytes != sizeof(*file) + file->n * sizeof(*prog.filter))
		return -EINVAL;
	ret = attach(in, &prog);
	*coarse = ret == -ENOMEM;
	return *coarse ? attach_coarse(in) : ret;
}

int prefilter_set(struct supervisor *s, unsigned slot, int fd, bool *coarse)
{
	const int64_t size = memfd_size(fd, MEMFD_ALL_SEALS);
	struct input *in = &s->input[slot];
	const void *file;
	int ret;

	*coarse = false;
	if (!in->incarnation)
		return -ENOENT;
	if (size < 0)
		return (int)size;
	if ((size_t)size < sizeof(struct filter_file) || size > FILTER_FILE_MAX)
		return -EINVAL;
	ret = memfd_map(fd, (size_t)size, &file);
	if (ret < 0)
		return ret;
	ret = attach_program(in, file, (size_t)size, coarse);
	munmap((void *)(uintptr_t)file, (size_t)size);
	return ret;
}
