// SPDX-License-Identifier: MIT
/* bpf_pin.c - the kernel path in a bpf file system, where it outlives the daemon */
#include "daemon/priv/bpf.h"

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/decimal.h"

#define PIN_PATH_MAX 512
#define LINK_TCX     11 /* enum bpf_link_type of Linux 6.6 and newer */

static int command(int number, union bpf_attr *attr)
{
	const long ret = syscall(SYS_bpf, number, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

static void prefix_of(uint32_t mark, char text[static 32])
{
	snprintf(text, 32, "mcr-%d-%08x-", KERNEL_PATH_VERSION, mark);
}

static const char *path_of(const char *dir, uint32_t mark, const char *name,
			   char path[static PIN_PATH_MAX])
{
	char prefix[32];

	prefix_of(mark, prefix);
	snprintf(path, PIN_PATH_MAX, "%.400s/%s%s", dir, prefix, name);
	return path;
}

static int get(const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	return command(BPF_OBJ_GET, &attr);
}

static int pin(const char *path, int fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	attr.bpf_fd = (uint32_t)fd;
	return command(BPF_OBJ_PIN, &attr);
}

int priv_bpf_pins(const char *dir, uint32_t mark)
{
	const struct dirent *entry;
	struct statfs fs;
	char prefix[32];
	int ret = 0;
	DIR *d;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (statfs(dir, &fs) < 0)
		return -errno;
	if (fs.f_type != BPF_FS_MAGIC)
		return -ENOENT;
	prefix_of(mark, prefix);
	d = opendir(dir);
	if (!d)
		return -errno;
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			ret = -EEXIST;
	closedir(d);
	return ret;
}

/* The lanes of counters that are pinned: how many records there are says it. */
static unsigned lanes_of(int counters)
{
	struct bpf_map_info info;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	memset(&info, 0, sizeof(info));
	attr.info.bpf_fd = (uint32_t)counters;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (command(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0)
		return 0;
	for (unsigned lanes = 1; lanes <= KERNEL_PATH_LANES_MAX; lanes *= 2)
		if (info.max_entries == KERNEL_PATH_LANE(lanes))
			return lanes;
	return 0;
}

int priv_bpf_adopt(const char *dir, uint32_t mark, struct priv_bpf *bpf)
{
	char path[PIN_PATH_MAX];

	*bpf = PRIV_BPF_NONE;
	bpf->mark = mark;
	bpf->program = get(path_of(dir, mark, "program", path));
	bpf->rules = get(path_of(dir, mark, "rules", path));
	bpf->blocks = get(path_of(dir, mark, "blocks", path));
	bpf->counters = get(path_of(dir, mark, "counters", path));
	if (bpf->program >= 0 && bpf->rules >= 0 && bpf->blocks >= 0 && bpf->counters >= 0)
		bpf->lanes = lanes_of(bpf->counters);
	if (bpf->lanes && priv_bpf_map_counters(bpf) == 0)
		return 0;
	priv_bpf_close(bpf);
	return -ENOENT;
}

int priv_bpf_pin(const char *dir, const struct priv_bpf *bpf)
{
	char path[PIN_PATH_MAX];
	int ret = pin(path_of(dir, bpf->mark, "program", path), bpf->program);

	if (ret == 0)
		ret = pin(path_of(dir, bpf->mark, "rules", path), bpf->rules);
	if (ret == 0)
		ret = pin(path_of(dir, bpf->mark, "blocks", path), bpf->blocks);
	if (ret == 0)
		ret = pin(path_of(dir, bpf->mark, "counters", path), bpf->counters);
	if (ret < 0)
		priv_bpf_unpin(dir);
	return ret;
}

int priv_bpf_unpin(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int n = 0;

	if (!d)
		return -errno;
	while ((entry = readdir(d)))
		if (strncmp(entry->d_name, "mcr-", 4) == 0)
			n += unlinkat(dirfd(d), entry->d_name, 0) == 0;
	closedir(d);
	return n;
}

static const char *link_path(const char *dir, const struct priv_bpf *bpf, unsigned ifindex,
			     char path[static PIN_PATH_MAX])
{
	char name[32];

	snprintf(name, sizeof(name), "link-%u", ifindex);
	return path_of(dir, bpf->mark, name, path);
}

/* Its device may have gone, and another have its number: then it is attached to none. */
static bool is_attached(int link, unsigned ifindex)
{
	struct {
		uint32_t type, id, prog_id, unused;
		uint32_t ifindex, attach_type;
		uint8_t rest[64];
	} info;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	memset(&info, 0, sizeof(info));
	attr.info.bpf_fd = (uint32_t)link;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	return command(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && info.type == LINK_TCX &&
	       info.ifindex == ifindex;
}

int priv_bpf_link_adopt(const char *dir, const struct priv_bpf *bpf, unsigned ifindex)
{
	char path[PIN_PATH_MAX];
	const int link = get(link_path(dir, bpf, ifindex, path));

	if (link < 0)
		return link;
	if (is_attached(link, ifindex))
		return link;
	close(link);
	unlink(path);
	return -ENOENT;
}

int priv_bpf_link_pin(const char *dir, const struct priv_bpf *bpf, unsigned ifindex, int link)
{
	char path[PIN_PATH_MAX];

	return pin(link_path(dir, bpf, ifindex, path), link);
}

void priv_bpf_link_unpin(const char *dir, const struct priv_bpf *bpf, unsigned ifindex)
{
	char path[PIN_PATH_MAX];

	unlink(link_path(dir, bpf, ifindex, path));
}

static bool is_among(uint64_t number, const uint32_t *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == number)
			return true;
	return false;
}

void priv_bpf_links_unpin_others(const char *dir, const struct priv_bpf *bpf,
				 const uint32_t *ifindex, unsigned n)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;

	while (d && (entry = readdir(d))) {
		const char *at = strstr(entry->d_name, "-link-");
		uint64_t number;

		if (at && decimal_parse(at + strlen("-link-"), 1, UINT32_MAX, &number) == 0 &&
		    !is_among(number, ifindex, n))
			unlinkat(dirfd(d), entry->d_name, 0);
	}
	if (d)
		closedir(d);
}
