/* SPDX-License-Identifier: MIT */
/* bpf_call.h - bpf(2), whose commands tell what went wrong as the other calls here do */
#ifndef DAEMON_PRIV_BPF_CALL_H
#define DAEMON_PRIV_BPF_CALL_H

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Return: what the command returns, 0 or more; negative errno. */
static inline int bpf_call(int command, union bpf_attr *attr)
{
	const long ret = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

/* @info: struct bpf_map_info, bpf_prog_info or bpf_link_info, zeroed but for its pointers. */
static inline int bpf_call_info(int fd, void *info, uint32_t size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = size;
	attr.info.info = (uintptr_t)info;
	return bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

#endif
