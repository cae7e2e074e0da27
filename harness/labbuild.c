// SPDX-License-Identifier: MIT
/*
 * The child that builds a lab.
 *
 * For each node it unshares the network namespace, opens its netlink sockets there and writes the
 * settings new interfaces inherit; then it goes on to the next.  All interfaces are made through
 * the sockets, without moving again.  Interface indexes are unique in the whole lab.
 */
#include "harness/labbuild.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/ethfeature.h"
#include "harness/fdpass.h"
#include "harness/rtnl.h"

#define LOOPBACK_INDEX 1
#define FIRST_INDEX    10
#define CARRIER_MS     5000

struct builder {
	const struct topology *topo;
	struct labbuild_result *result;
	int fds[TOPO_MAX_NODES + 1]; /* [user namespace,] network namespaces */
	unsigned int n_fds;
	unsigned int with_userns; /* 1 when fds starts with a user namespace, else 0 */
	struct rtnl rtnl[TOPO_MAX_NODES];
	int ethtool_fds[TOPO_MAX_NODES];
};

__attribute__((format(printf, 3, 4))) static int fail(struct builder *b, int ret,
						      const char *format, ...)
{
	char *text = b->result->error.text;
	size_t size = sizeof(b->result->error.text);
	va_list args;
	int used;

	va_start(args, format);
	used = vsnprintf(text, size, format, args);
	va_end(args);
	if (used >= 0 && (size_t)used < size)
		snprintf(text + used, size - (size_t)used, ": %s", strerror(-ret));
	return ret;
}

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

	if (ret)
		return ret;
	snprintf(text, sizeof(text), "0 %u 1", uid);
	ret = write_file("/proc/self/uid_map", text);
	if (ret)
		return ret;
	snprintf(text, sizeof(text), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", text);
}

/* A user namespace is made only where network namespaces cannot be had without one. */
static int need_userns(struct builder *b)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int ret;

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (errno != EPERM)
		return fail(b, -errno, "cannot make a network namespace");
	if (unshare(CLONE_NEWUSER) < 0)
		return fail(b, -errno, "cannot make a user namespace, and is not root");
	ret = map_to_root(uid, gid);
	if (ret)
		return fail(b, ret, "cannot become root in a user namespace");
	b->fds[0] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (b->fds[0] < 0)
		return fail(b, -errno, "/proc/self/ns/user");
	b->n_fds = 1;
	b->with_userns = 1;
	return 0;
}

static int set_sysctl(struct builder *b, const struct topo_node *node, const char *name,
		      const char *value)
{
	char path[sizeof("/proc/sys/") + TOPO_TEXT_SIZE];
	int ret;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	ret = write_file(path, value);
	return ret ? fail(b, ret, "node %s: setting %s to %s", node->name, name, value) : 0;
}

static int set_node_sysctls(struct builder *b, const struct topo_node *node)
{
	const char rp_filter[] = {(char)('0' + node->rp_filter), '\0'};
	int ret = set_sysctl(b, node, "net/ipv4/conf/all/rp_filter", rp_filter);

	if (!ret)
		ret = set_sysctl(b, node, "net/ipv4/conf/default/rp_filter", rp_filter);
	if (!ret)
		ret = set_sysctl(b, node, "net/ipv4/ip_forward", node->forwarding ? "1" : "0");
	/* Without IPv6 no router or listener reports mix with what a test counts. */
	if (!ret && access("/proc/sys/net/ipv6", F_OK) == 0) {
		const char *off = node->ipv6 ? "0" : "1";

		ret = set_sysctl(b, node, "net/ipv6/conf/all/disable_ipv6", off);
		if (!ret)
			ret = set_sysctl(b, node, "net/ipv6/conf/default/disable_ipv6", off);
	}
	for (unsigned int i = 0; i < node->n_sysctls && !ret; i++)
		ret = set_sysctl(b, node, node->sysctls[i].path, node->sysctls[i].value);
	return ret;
}

static int make_node(struct builder *b, unsigned int i)
{
	const struct topo_node *node = &b->topo->nodes[i];
	int ret;

	if (unshare(CLONE_NEWNET) < 0)
		return fail(b, -errno, "node %s: cannot make a network namespace", node->name);
	b->fds[b->n_fds] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (b->fds[b->n_fds] < 0)
		return fail(b, -errno, "node %s: /proc/self/ns/net", node->name);
	b->n_fds++;
	b->ethtool_fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (b->ethtool_fds[i] < 0)
		return fail(b, -errno, "node %s: cannot open a socket", node->name);
	ret = rtnl_open(&b->rtnl[i]);
	if (!ret)
		ret = rtnl_set_up(&b->rtnl[i], LOOPBACK_INDEX);
	if (ret)
		return fail(b, ret, "node %s: netlink", node->name);
	return set_node_sysctls(b, node);
}

static int end_index(unsigned int link, unsigned int end)
{
	return (int)(FIRST_INDEX + 2 * link + end);
}

static int bridge_index(const struct builder *b, unsigned int bridge)
{
	return (int)(FIRST_INDEX + 2 * b->topo->n_links + bridge);
}

static int index_of(const struct builder *b, const struct topo_interface *iface)
{
	for (unsigned int i = 0; i < b->topo->n_links; i++)
		for (unsigned int end = 0; end < 2; end++)
			if (iface == &b->topo->links[i].ends[end])
				return end_index(i, end);
	for (unsigned int i = 0; i < b->topo->n_bridges; i++)
		if (iface == &b->topo->bridges[i].self)
			return bridge_index(b, i);
	return 0;
}

static int set_offloads(struct builder *b, const struct topo_interface *iface)
{
	/* Uncut UDP_SEGMENT sends would reach the other end as super-datagrams no wire carries. */
	const struct ethfeature features[] = {
		{"tx-udp-segmentation", iface->uso},
		{"rx-gro", true},
		{"rx-udp-gro-forwarding", true},
	};
	size_t n_features = iface->gro ? 3 : 1;
	int ret = ethfeature_set(b->ethtool_fds[iface->node], iface->name, features, n_features);

	return ret ? fail(b, ret, "node %s: offloads of %s", b->topo->nodes[iface->node].name,
			  iface->name)
		   : 0;
}

static int make_link(struct builder *b, unsigned int i)
{
	const struct topo_interface *ends = b->topo->links[i].ends;
	int ret = rtnl_add_veth(&b->rtnl[ends[0].node], &ends[0], end_index(i, 0), &ends[1],
				end_index(i, 1), b->fds[b->with_userns + ends[1].node]);

	if (ret)
		return fail(b, ret, "link %s:%s to %s:%s", b->topo->nodes[ends[0].node].name,
			    ends[0].name, b->topo->nodes[ends[1].node].name, ends[1].name);
	ret = set_offloads(b, &ends[0]);
	return ret ? ret : set_offloads(b, &ends[1]);
}

static int make_bridge(struct builder *b, unsigned int i)
{
	const struct topo_bridge *bridge = &b->topo->bridges[i];
	struct rtnl *rtnl = &b->rtnl[bridge->self.node];
	int ret = rtnl_add_bridge(rtnl, &bridge->self, bridge_index(b, i), bridge->snooping);

	for (unsigned int port = 0; port < bridge->n_ports && !ret; port++) {
		const struct topo_interface *iface =
			topology_interface(b->topo, bridge->self.node, bridge->ports[port]);

		ret = rtnl_set_master(rtnl, index_of(b, iface), bridge_index(b, i));
	}
	return ret ? fail(b, ret, "bridge %s", bridge->self.name) : 0;
}

static int set_up(struct builder *b, const struct topo_interface *iface)
{
	struct rtnl *rtnl = &b->rtnl[iface->node];
	int index = index_of(b, iface);
	int ret = 0;

	for (unsigned int i = 0; i < iface->n_addresses && !ret; i++)
		ret = rtnl_add_address(rtnl, index, &iface->addresses[i]);
	if (!ret)
		ret = rtnl_set_up(rtnl, index);
	return ret ? fail(b, ret, "node %s: address or state of %s",
			  b->topo->nodes[iface->node].name, iface->name)
		   : 0;
}

static int wait_carrier(struct builder *b, const struct topo_interface *iface)
{
	int ret = rtnl_wait_running(&b->rtnl[iface->node], index_of(b, iface),
				    deadline_in_ms(CARRIER_MS));

	return ret ? fail(b, ret, "node %s: carrier of %s", b->topo->nodes[iface->node].name,
			  iface->name)
		   : 0;
}

/* Runs one step for every interface of the lab, bridges last. */
static int for_each_interface(struct builder *b,
			      int (*step)(struct builder *, const struct topo_interface *))
{
	int ret = 0;

	for (unsigned int i = 0; i < b->topo->n_links * 2 && !ret; i++)
		ret = step(b, &b->topo->links[i / 2].ends[i % 2]);
	for (unsigned int i = 0; i < b->topo->n_bridges && !ret; i++)
		ret = step(b, &b->topo->bridges[i].self);
	return ret;
}

static int make_routes(struct builder *b, unsigned int node_index)
{
	const struct topo_node *node = &b->topo->nodes[node_index];

	for (unsigned int i = 0; i < node->n_routes; i++) {
		const struct topo_route *route = &node->routes[i];
		const struct topo_interface *iface =
			topology_interface(b->topo, node_index, route->interface);
		int ret =
			rtnl_add_route(&b->rtnl[node_index], route, iface ? index_of(b, iface) : 0);

		if (ret)
			return fail(b, ret, "node %s: route to %s", node->name, route->to.text);
	}
	return 0;
}

static int build(struct builder *b)
{
	const struct topology *topo = b->topo;
	int ret = need_userns(b);

	for (unsigned int i = 0; i < topo->n_nodes && !ret; i++)
		ret = make_node(b, i);
	for (unsigned int i = 0; i < topo->n_links && !ret; i++)
		ret = make_link(b, i);
	for (unsigned int i = 0; i < topo->n_bridges && !ret; i++)
		ret = make_bridge(b, i);
	if (!ret)
		ret = for_each_interface(b, set_up);
	for (unsigned int i = 0; i < topo->n_nodes && !ret; i++)
		ret = make_routes(b, i);
	return ret ? ret : for_each_interface(b, wait_carrier);
}

int labbuild_child(const struct topology *topo, int socket)
{
	struct labbuild_result result = {0};
	struct builder *b = calloc(1, sizeof(*b));

	if (!b) {
		result.ret = -ENOMEM;
		return fdpass_send(socket, &result, sizeof(result), NULL, 0) ? 1 : 0;
	}
	b->topo = topo;
	b->result = &result;
	result.ret = build(b);
	return fdpass_send(socket, &result, sizeof(result), b->fds, result.ret ? 0 : b->n_fds) ? 1
											       : 0;
}
