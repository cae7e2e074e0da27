// SPDX-License-Identifier: MIT
/* bpf_pin.c - pins, by bpf(2) and as files */
#include "daemon/priv/bpf_pin.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "daemon/priv/bpf.h"
#include "daemon/priv/bpf_call.h"
#include "daemon/priv/bpf_check.h"
#include "daemon/priv/bpf_lock.h"
#include "daemon/priv/bpf_tcx.h"

#define PIN_NAME_MAX 96
#define PIN_PATH_MAX (PIN_DIR_MAX + PIN_NAME_MAX)
#define PUT_ASIDE    0u
#define LINK         "link-"

void priv_pins_default(char path[static PIN_DIR_MAX], unsigned mark_bit)
{
	snprintf(path, PIN_DIR_MAX, PRIV_PINS_PARENT "/%llu-%u",
		 (unsigned long long)priv_bpf_netns(), mark_bit);
}

/* --- names --- */

struct pin_name {
	unsigned version, mark;
	unsigned long long netns;
	const char *what;
};

static bool parse_name(const char *text, struct pin_name *name)
{
	int at = 0;

	if (sscanf(text, "mcr-%10u-%8x-%20llu-%n", &name->version, &name->mark, &name->netns,
		   &at) != 3 ||
	    !at)
		return false;
	name->what = text + at;
	return true;
}

static bool is_link(const struct pin_name *name)
{
	return strncmp(name->what, LINK, strlen(LINK)) == 0;
}

static bool is_current(const struct priv_pins *p, const struct pin_name *name)
{
	return name->version == KERNEL_PATH_VERSION && name->mark == p->mark &&
	       name->netns == p->netns;
}

static void write_name(const struct priv_pins *p, unsigned version, const char *what,
		       char name[static PIN_NAME_MAX])
{
	snprintf(name, PIN_NAME_MAX, "mcr-%u-%08x-%llu-%s", version, p->mark,
		 (unsigned long long)p->netns, what);
}

/* --- single pins --- */

static int get_name(const struct priv_pins *p, const char *name)
{
	char path[PIN_PATH_MAX];
	union bpf_attr attr;

	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	return bpf_call(BPF_OBJ_GET, &attr);
}

static int get(const struct priv_pins *p, const char *what)
{
	char name[PIN_NAME_MAX];

	write_name(p, KERNEL_PATH_VERSION, what, name);
	return get_name(p, name);
}

static int put(const struct priv_pins *p, const char *what, int fd)
{
	char name[PIN_NAME_MAX], path[PIN_PATH_MAX];
	union bpf_attr attr;

	write_name(p, KERNEL_PATH_VERSION, what, name);
	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	attr.bpf_fd = (uint32_t)fd;
	return bpf_call(BPF_OBJ_PIN, &attr);
}

/* A link is detached, so that it ends at once. */
static unsigned remove_pin(const struct priv_pins *p, const char *name, bool link)
{
	const int fd = link ? get_name(p, name) : -1;

	if (fd >= 0)
		priv_tcx_detach(fd);
	return unlinkat(p->dir, name, 0) == 0;
}

/* --- all of a directory --- */

/* Calls @each for each name that is one of ours.  Return: the sum of its answers. */
static unsigned for_each(const struct priv_pins *p,
			 unsigned (*each)(const struct priv_pins *p, const char *text,
					  const struct pin_name *name, void *ctx),
			 void *ctx)
{
	const int fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct pin_name name;
	unsigned sum = 0;

	while (d && (entry = readdir(d)))
		if (parse_name(entry->d_name, &name))
			sum += each(p, entry->d_name, &name, ctx);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return sum;
}

static unsigned count_foreign(const struct priv_pins *p, const char *text,
			      const struct pin_name *name, void *ctx)
{
	return name->netns != p->netns;
}

/* Pins made by somebody else would be a program and maps of his. */
static int check_directory(const struct priv_pins *p)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(p->dir, &fs) < 0 || fstat(p->dir, &st) < 0)
		return -errno;
	if (fs.f_type != BPF_FS_MAGIC)
		return -ENOENT;
	if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return flock(p->dir, LOCK_EX | LOCK_NB) < 0 ? (errno == EWOULDBLOCK ? -EBUSY : -errno) : 0;
}

static int make_directory(const char *path)
{
	char parent[PIN_DIR_MAX];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (slash && slash > parent) {
		*slash = '\0';
		/* A parent that is there, or cannot be made, shows with the next call. */
		(void)!mkdir(parent, 0700);
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int priv_pins_open(struct priv_pins *p, const char *path, uint32_t mark)
{
	int ret;

	*p = PRIV_PINS_NONE;
	p->mark = mark;
	p->netns = priv_bpf_netns();
	if (strlen(path) >= sizeof(p->path))
		return -ENAMETOOLONG;
	snprintf(p->path, sizeof(p->path), "%s", path);
	ret = make_directory(path);
	if (ret < 0)
		return ret;
	p->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->dir < 0)
		return -errno;
	ret = check_directory(p);
	if (ret == 0 && for_each(p, count_foreign, NULL))
		ret = -EXDEV;
	if (ret < 0 && ret != -EXDEV)
		priv_pins_close(p);
	return ret;
}

void priv_pins_close(struct priv_pins *p)
{
	if (p->dir >= 0)
		close(p->dir);
	p->dir = -1;
}

static unsigned remove_any(const struct priv_pins *p, const char *text, const struct pin_name *name,
			   void *ctx)
{
	return remove_pin(p, text, is_link(name));
}

unsigned priv_pins_remove(struct priv_pins *p)
{
	const unsigned n = p->dir < 0 ? 0 : for_each(p, remove_any, NULL);

	if (p->dir >= 0 && rmdir(p->path) == 0)
		rmdir(PRIV_PINS_PARENT); /* of other daemons, too: it stays while one has pins */
	priv_pins_close(p);
	return n;
}

/* --- program and maps --- */

int priv_pins_adopt(const struct priv_pins *p, struct priv_bpf *bpf, const char **what)
{
	int ret;

	*bpf = PRIV_BPF_NONE;
	bpf->mark = p->mark;
	bpf->program = get(p, "program");
	bpf->rules = get(p, "rules");
	bpf->blocks = get(p, "blocks");
	bpf->counters = get(p, "counters");
	if (bpf->program < 0 && bpf->rules < 0 && bpf->blocks < 0 && bpf->counters < 0)
		return -ENOENT;
	ret = priv_bpf_check(bpf, what);
	if (ret == 0)
		ret = priv_bpf_resume(bpf);
	if (ret < 0)
		priv_bpf_close(bpf);
	return ret;
}

/* Frees the names of the pins that are to come. */
static unsigned free_name(const struct priv_pins *p, const char *text, const struct pin_name *name,
			  void *ctx)
{
	char aside[PIN_NAME_MAX];

	if (!is_current(p, name))
		return 0;
	write_name(p, PUT_ASIDE, name->what, aside);
	if (is_link(name))
		return renameat(p->dir, text, p->dir, aside) == 0;
	return unlinkat(p->dir, text, 0) == 0;
}

int priv_pins_put(const struct priv_pins *p, const struct priv_bpf *bpf)
{
	int ret;

	for_each(p, free_name, NULL);
	ret = put(p, "program", bpf->program);
	if (ret == 0)
		ret = put(p, "rules", bpf->rules);
	if (ret == 0)
		ret = put(p, "blocks", bpf->blocks);
	if (ret == 0)
		ret = put(p, "counters", bpf->counters);
	return ret;
}

/* --- links --- */

static void link_name(unsigned ifindex, char what[static 32])
{
	snprintf(what, 32, LINK "%u", ifindex);
}

int priv_pins_link_adopt(const struct priv_pins *p, const struct priv_bpf *bpf, unsigned ifindex)
{
	char what[32];
	int link;

	link_name(ifindex, what);
	link = get(p, what);
	if (link < 0)
		return link;
	if (priv_tcx_is_attached(bpf, ifindex, link))
		return link;
	priv_tcx_detach(link);
	priv_pins_link_remove(p, ifindex);
	return -ENOENT;
}

int priv_pins_link_put(const struct priv_pins *p, unsigned ifindex, int link)
{
	char what[32];

	link_name(ifindex, what);
	return put(p, what, link);
}

void priv_pins_link_remove(const struct priv_pins *p, unsigned ifindex)
{
	char what[32], name[PIN_NAME_MAX];

	link_name(ifindex, what);
	write_name(p, KERNEL_PATH_VERSION, what, name);
	unlinkat(p->dir, name, 0);
}

struct kept {
	const uint32_t *ifindex;
	unsigned n;
};

static bool is_kept(const struct kept *kept, const struct pin_name *name)
{
	char what[32];

	if (!is_link(name))
		return true;
	for (unsigned i = 0; i < kept->n; i++) {
		link_name(kept->ifindex[i], what);
		if (strcmp(what, name->what) == 0)
			return true;
	}
	return false;
}

static unsigned remove_other(const struct priv_pins *p, const char *text,
			     const struct pin_name *name, void *ctx)
{
	if (is_current(p, name) && is_kept(ctx, name))
		return 0;
	return remove_pin(p, text, is_link(name));
}

unsigned priv_pins_remove_others(const struct priv_pins *p, const uint32_t *ifindex, unsigned n)
{
	struct kept kept = {ifindex, n};

	return for_each(p, remove_other, &kept);
}
