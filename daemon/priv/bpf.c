// SPDX-License-Identifier: MIT
/* bpf.c - load the program of the kernel path, by libbpf */
#include "daemon/priv/bpf.h"

#include <assert.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "core/base/counters.h"
#include "core/base/limits.h"
#include "daemon/priv/bpf_call.h"

static_assert(KERNEL_PATH_RULES == MCR_MAX_RULES && KERNEL_PATH_OUTPUTS == MCR_MAX_OUTPUTS &&
		      KERNEL_PATH_IFACES == MCR_MAX_IFACES &&
		      KERNEL_PATH_RULE_OUTPUTS == MCR_MAX_RULE_OUTPUTS,
	      "limits of the maps");
static_assert(KERNEL_PATH_SEND_DROPS == SEND_DROPS && SEND_DROP_QUEUE_FULL == 1 &&
		      SEND_DROP_NO_INTERFACE == 2 && SEND_DROP_OTHER == 8 &&
		      SEND_DROP_TTL_EXPIRED == 9,
	      "reasons of relay.bpf.c");
static_assert(sizeof(struct kernel_path_key) == 16 && sizeof(struct kernel_path_output) == 40 &&
		      sizeof(struct kernel_path_block) == 256,
	      "format of the maps");

size_t priv_bpf_blocks_bytes(void)
{
	return KERNEL_PATH_BLOCKS * sizeof(struct kernel_path_block);
}

size_t priv_bpf_counters_bytes(unsigned lanes)
{
	return KERNEL_PATH_LANE(lanes) * sizeof(struct kernel_path_record);
}

#ifdef MCR_BPF_OBJECT

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* The program as clang made it, in this binary. */
__asm__(".section .rodata\n"
	".balign 8\n"
	"relay_bpf_begin: .incbin \"" MCR_BPF_OBJECT "\"\n"
	"relay_bpf_end: .byte 0\n"
	".previous\n");
extern const unsigned char relay_bpf_begin[], relay_bpf_end[];

bool priv_bpf_built(void)
{
	return true;
}

/*
 * The error of the kernel or of libbpf in one line: the last lines of the verifier's log, or else
 * the first message, of which the later ones are consequences.  One process, one thread.
 */
static struct {
	char text[384];
	bool verifier;
} complaint;

/* It blames a limit that counts no maps since Linux 5.11. */
#define ABOUT_MEMLOCK "Failed to bump RLIMIT_MEMLOCK"

#define LOG_BEGINS "-- BEGIN PROG LOAD LOG --"
#define LOG_ENDS   "-- END PROG LOAD LOG --"
#define LOG_LINES  3

static void keep_text(const char *from, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < sizeof(complaint.text) - 2; i++) {
		if (from[i] != '\n')
			complaint.text[n++] = from[i];
		else if (i + 1 < len && n)
			complaint.text[n++] = ';';
		if (from[i] == '\n' && i + 1 < len)
			complaint.text[n++] = ' ';
	}
	complaint.text[n] = '\0';
}

/* Its end is a summary; the reason is in the lines before it. */
static void keep_log_end(const char *log)
{
	const char *end = strstr(log, LOG_ENDS), *from;
	unsigned lines = 0;

	end = end ? end : log + strlen(log);
	for (from = end; from > log && lines <= LOG_LINES; from--)
		lines += from[-1] == '\n';
	from += lines > LOG_LINES ? 1 : 0;
	keep_text(from, (size_t)(end - from));
	complaint.verifier = true;
}

static int keep_complaint(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text = NULL;
	const char *log;

	if (level == LIBBPF_DEBUG || vasprintf(&text, fmt, ap) < 0)
		return 0;
	log = strstr(text, LOG_BEGINS);
	if (log)
		keep_log_end(log + strlen(LOG_BEGINS));
	else if (!complaint.verifier && !complaint.text[0] && !strstr(text, ABOUT_MEMLOCK))
		keep_text(text, strlen(text));
	free(text);
	return 0;
}

/* One for each CPU that there can be, so that none shares a counter. */
static unsigned count_lanes(unsigned cpus)
{
	unsigned lanes = 1;

	while (lanes < cpus && lanes < KERNEL_PATH_LANES_MAX)
		lanes *= 2;
	return lanes;
}

/* Layout of the program's read-only variables. */
struct program_constants {
	uint32_t mark_bit;
	uint32_t lanes;
	bool lanes_shared;
};

static int set_constants(struct bpf_object *o, uint32_t mark, unsigned lanes, unsigned cpus)
{
	const struct program_constants c = {
		.mark_bit = mark, .lanes = lanes, .lanes_shared = cpus > lanes};
	struct bpf_map *map = bpf_object__find_map_by_name(o, ".rodata");
	const uint32_t size = map ? bpf_map__value_size(map) : 0;

	if (size < offsetof(struct program_constants, lanes_shared) + 1 || size > sizeof(c))
		return -EINVAL;
	return bpf_map__set_initial_value(map, &c, size);
}

static int load(struct bpf_object *o, uint32_t mark, struct priv_bpf *bpf)
{
	const int cpus = libbpf_num_possible_cpus();
	struct bpf_map *counters = bpf_object__find_map_by_name(o, "counters");
	int ret;

	if (cpus < 1 || !counters)
		return -EINVAL;
	bpf->mark = mark;
	bpf->lanes = count_lanes((unsigned)cpus);
	ret = set_constants(o, mark, bpf->lanes, (unsigned)cpus);
	if (ret == 0)
		ret = bpf_map__set_max_entries(counters, KERNEL_PATH_LANE(bpf->lanes));
	return ret < 0 ? ret : bpf_object__load(o);
}

/* The object closes its own. */
static int keep(int fd)
{
	const int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

static int keep_all(struct bpf_object *o, struct priv_bpf *bpf)
{
	struct bpf_program *program = bpf_object__find_program_by_name(o, "relay_frame");

	bpf->program = keep(program ? bpf_program__fd(program) : -1);
	bpf->rules = keep(bpf_object__find_map_fd_by_name(o, "rules"));
	bpf->blocks = keep(bpf_object__find_map_fd_by_name(o, "blocks"));
	bpf->counters = keep(bpf_object__find_map_fd_by_name(o, "counters"));
	if (bpf->program < 0 || bpf->rules < 0 || bpf->blocks < 0 || bpf->counters < 0)
		return -EMFILE;
	return priv_bpf_resume(bpf);
}

int priv_bpf_load(uint32_t mark, struct priv_bpf *bpf, char *why, size_t size)
{
	struct bpf_object *o;
	int ret;

	*bpf = PRIV_BPF_NONE;
	complaint.text[0] = '\0';
	complaint.verifier = false;
	libbpf_set_print(keep_complaint);
	o = bpf_object__open_mem(relay_bpf_begin, (size_t)(relay_bpf_end - relay_bpf_begin), NULL);
	if (!o) {
		ret = -errno;
	} else {
		ret = load(o, mark, bpf);
		if (ret == 0)
			ret = keep_all(o, bpf);
		bpf_object__close(o);
	}
	if (ret < 0)
		priv_bpf_close(bpf);
	snprintf(why, size, "%s", complaint.text);
	return ret;
}

#else

bool priv_bpf_built(void)
{
	return false;
}

int priv_bpf_load(uint32_t mark, struct priv_bpf *bpf, char *why, size_t size)
{
	*bpf = PRIV_BPF_NONE;
	snprintf(why, size, "built without clang or libbpf");
	return -ENOSYS;
}

#endif

bool priv_bpf_lacks_rights(void)
{
	return capng_get_caps_process() < 0 || !capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF) ||
	       !capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
}

int priv_bpf_resume(struct priv_bpf *bpf)
{
	struct bpf_prog_info info;
	int ret;

	memset(&info, 0, sizeof(info));
	ret = bpf_call_info(bpf->program, &info, sizeof(info));
	if (ret < 0)
		return ret;
	bpf->program_id = info.id;
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void priv_bpf_close(struct priv_bpf *bpf)
{
	close_one(&bpf->program);
	close_one(&bpf->rules);
	close_one(&bpf->blocks);
	close_one(&bpf->counters);
}
