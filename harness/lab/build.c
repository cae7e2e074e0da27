// SPDX-License-Identifier: MIT
/*
 * build.c - namespaces first, then interfaces, addresses and routes
 *
 * For each node it unshares the network namespace, opens its netlink sockets there and writes the
 * settings new interfaces inherit; then it goes on to the next.  All interfaces are made through
 * the sockets, without moving again.  Interface indexes are unique in the whole lab.
 */
#include "harness/lab/build.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/fdpass.h"
#include "harness/lab/links.h"
#include "harness/lab/tun.h"
#include "harness/link/impair.h"
#include "harness/topology/wires.h"

#define LOOPBACK_INDEX 1
#define FIRST_INDEX    10

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int map_to_root(uid_t uid, gid_t gid)
{
	char text[64];
	int ret = write_file("/proc/self/setgroups", "deny");

	if (ret < 0)
		return ret;
	snprintf(text, sizeof(text), "0 %u 1", uid);
	ret = write_file("/proc/self/uid_map", text);
	if (ret < 0)
		return ret;
	snprintf(text, sizeof(text), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", text);
}

/*
 * ENOSPC means here that a limit of user_namespaces(7) is reached, that of the current user
 * namespace or of one around it.
 */
static int fail_namespace(struct lab_builder *b, int ret, const char *what, const char *limit)
{
	char path[64];
	char value[32] = "";
	FILE *file;

	if (ret != -ENOSPC)
		return lab_builder_fail(b, ret, "cannot make a %s namespace", what);
	snprintf(path, sizeof(path), "/proc/sys/user/%s", limit);
	file = fopen(path, "re");
	if (file && fgets(value, sizeof(value), file))
		value[strcspn(value, "\n")] = '\0';
	if (file)
		fclose(file);
	return lab_builder_fail(b, ret, "cannot make a %s namespace: user.%s, here %s, is reached",
				what, limit, value);
}

/* A user namespace is made only where network namespaces cannot be had without one. */
static int need_userns(struct lab_builder *b)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int ret;

	b->userns_fd = -1;
	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	b->error->not_permitted = true;
	if (errno != EPERM)
		return fail_namespace(b, -errno, "network", "max_net_namespaces");
	if (unshare(CLONE_NEWUSER) < 0)
		return errno == ENOSPC
			       ? fail_namespace(b, -errno, "user", "max_user_namespaces")
			       : lab_builder_fail(b, -errno,
						  "cannot make a user namespace, and is not root");
	ret = map_to_root(uid, gid);
	if (ret < 0)
		return lab_builder_fail(b, ret, "cannot become root in a user namespace");
	b->userns_fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (b->userns_fd < 0)
		return lab_builder_fail(b, -errno, "/proc/self/ns/user");
	b->error->not_permitted = false;
	return 0;
}

static int set_sysctl(struct lab_builder *b, const struct topo_node *node, const char *name,
		      const char *value)
{
	char path[sizeof("/proc/sys/") + TOPO_TEXT_SIZE];
	int ret;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	ret = write_file(path, value);
	return ret < 0 ? lab_builder_fail(b, ret, "node %s: setting %s to %s", node->name, name,
					  value)
		       : 0;
}

static int set_node_sysctls(struct lab_builder *b, const struct topo_node *node)
{
	const char rp_filter[] = {(char)('0' + node->rp_filter), '\0'};
	int ret = set_sysctl(b, node, "net/ipv4/conf/all/rp_filter", rp_filter);

	if (ret == 0)
		ret = set_sysctl(b, node, "net/ipv4/conf/default/rp_filter", rp_filter);
	if (ret == 0)
		ret = set_sysctl(b, node, "net/ipv4/ip_forward", node->forwarding ? "1" : "0");
	/* Without IPv6 no router or listener reports mix with what a test counts. */
	if (ret == 0 && access("/proc/sys/net/ipv6", F_OK) == 0) {
		const char *off = node->ipv6 ? "0" : "1";

		ret = set_sysctl(b, node, "net/ipv6/conf/all/disable_ipv6", off);
		if (ret == 0)
			ret = set_sysctl(b, node, "net/ipv6/conf/default/disable_ipv6", off);
	}
	for (unsigned i = 0; i < node->n_sysctls && ret == 0; i++)
		ret = set_sysctl(b, node, node->sysctls[i].path, node->sysctls[i].value);
	return ret;
}

static int make_namespace(struct lab_builder *b, unsigned i)
{
	int ret;

	if (unshare(CLONE_NEWNET) < 0)
		return fail_namespace(b, -errno, "network", "max_net_namespaces");
	b->netns_fds[i] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (b->netns_fds[i] < 0)
		return lab_builder_fail(b, -errno, "/proc/self/ns/net");
	ret = lab_builder_open(b, i);
	if (ret == 0)
		ret = rtnl_set_up(&b->rtnl[i], LOOPBACK_INDEX);
	return ret < 0 ? lab_builder_fail(b, ret, "loopback") : 0;
}

static int make_node(struct lab_builder *b, unsigned i)
{
	int ret = make_namespace(b, i);

	return ret < 0 ? ret : set_node_sysctls(b, &b->topo->nodes[i]);
}

/* Wires have a namespace of their own: no program listens there, and the kernel routes nothing. */
static int need_wires(struct lab_builder *b)
{
	const unsigned i = b->topo->n_nodes;
	int ret;

	b->with_wires = topology_has_wires(b->topo);
	if (!b->with_wires)
		return 0;
	ret = make_namespace(b, i);
	if (ret == 0 && access("/proc/sys/net/ipv6", F_OK) == 0)
		ret = write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	if (ret == 0)
		ret = impair_open(&b->wires_nft);
	return ret < 0 ? lab_builder_fail(b, ret, "wires") : 0;
}

static int make_tun(struct lab_builder *b, unsigned link)
{
	for (unsigned end = 0; end < 2; end++) {
		const struct topo_interface *iface = &b->topo->links[link].ends[end];
		int fd;

		/* The device is made in the namespace in which it is opened. */
		if (setns(b->netns_fds[iface->node], CLONE_NEWNET) < 0)
			return lab_builder_fail(b, -errno, "setns");
		fd = lab_tun_open(iface->name, b->first_link_index + (int)(2 * link + end));
		if (fd < 0) {
			b->error->not_permitted = fd == -EACCES || fd == -ENOENT || fd == -EPERM;
			return lab_builder_fail(b, fd, "node %s: cannot make %s by /dev/net/tun",
						b->topo->nodes[iface->node].name, iface->name);
		}
		b->tun_fds[b->n_tun_fds++] = fd;
	}
	return 0;
}

/* Before anything else is made, because it moves from node to node. */
static int make_tuns(struct lab_builder *b)
{
	int ret = 0;

	for (unsigned i = 0; i < b->topo->n_links && ret == 0; i++)
		if (b->topo->links[i].kind == TOPO_TUN)
			ret = make_tun(b, i);
	return ret;
}

/* Runs one step for every interface of the lab, bridges last. */
static int for_each_interface(struct lab_builder *b,
			      int (*step)(struct lab_builder *, const struct topo_interface *))
{
	int ret = 0;

	for (unsigned i = 0; i < b->topo->n_links * 2 && ret == 0; i++)
		ret = step(b, &b->topo->links[i / 2].ends[i % 2]);
	for (unsigned i = 0; i < b->topo->n_bridges && ret == 0; i++)
		ret = step(b, &b->topo->bridges[i].self);
	return ret;
}

static int build(struct lab_builder *b)
{
	const struct topology *topo = b->topo;
	int ret = need_userns(b);

	for (unsigned i = 0; i < topo->n_nodes && ret == 0; i++)
		ret = make_node(b, i);
	if (ret == 0)
		ret = need_wires(b);
	if (ret == 0)
		ret = make_tuns(b);
	for (unsigned i = 0; i < topo->n_links && ret == 0; i++)
		ret = lab_link_make(b, i);
	for (unsigned i = 0; i < topo->n_bridges && ret == 0; i++)
		ret = lab_link_make_bridge(b, i);
	if (ret == 0)
		ret = for_each_interface(b, lab_link_set_up);
	for (unsigned i = 0; i < topo->n_nodes && ret == 0; i++)
		ret = lab_link_make_routes(b, i);
	return ret < 0 ? ret : for_each_interface(b, lab_link_wait_carrier);
}

static unsigned gather_fds(const struct lab_builder *b, int *fds)
{
	unsigned n = 0;

	if (b->userns_fd >= 0)
		fds[n++] = b->userns_fd;
	for (unsigned i = 0; i < b->topo->n_nodes + b->with_wires; i++)
		fds[n++] = b->netns_fds[i];
	for (unsigned i = 0; i < b->n_tun_fds; i++)
		fds[n++] = b->tun_fds[i];
	return n;
}

int lab_build_child(const struct topology *topo, int socket)
{
	struct lab_build_result result = {.ret = -ENOMEM};
	struct lab_builder *b = calloc(1, sizeof(*b));
	int fds[FDPASS_MAX];
	unsigned n_fds = 0;

	if (b) {
		b->topo = topo;
		b->error = &result.error;
		b->first_link_index = FIRST_INDEX;
		result.ret = build(b);
		result.with_userns = b->userns_fd >= 0;
		result.with_wires = b->with_wires;
		result.n_tun_fds = b->n_tun_fds;
		if (!result.ret)
			n_fds = gather_fds(b, fds);
	}
	return fdpass_send(socket, &result, sizeof(result), fds, n_fds) ? 1 : 0;
}
