// SPDX-License-Identifier: MIT
/*
 * links.c - links, bridges, addresses and routes over rtnetlink
 *
 * A plain link is a veth pair.  A link with a wire is two pairs, whose inner ends (ports) lie in
 * the namespace of the wires, where nftables hand every frame from one port to the other.
 */
#include "harness/lab/links.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/link/ethfeature.h"
#include "harness/link/impair.h"
#include "harness/topology/find.h"

#define CARRIER_MS            5000
#define FIRST_BRIDGE_INDEX    5000
#define WIRE_OFFSET           1000  /* from the index of an end to that of its port */
#define WIRE_MTU              65535 /* the ends decide how large a frame may be */
#define FIRST_RECREATED_INDEX 100000

static int end_index(const struct lab_builder *b, unsigned link, unsigned end)
{
	return b->first_link_index + (int)(2 * link + end);
}

static int index_of(const struct lab_builder *b, const struct topo_interface *iface)
{
	unsigned end;
	int link = topology_link(b->topo, iface->node, iface->name, &end);

	if (link >= 0)
		return end_index(b, (unsigned)link, end);
	for (unsigned i = 0; i < b->topo->n_bridges; i++)
		if (iface == &b->topo->bridges[i].self)
			return FIRST_BRIDGE_INDEX + (int)i;
	return 0;
}

static int set_offloads(struct lab_builder *b, const struct topo_interface *iface)
{
	/* Uncut UDP_SEGMENT sends would arrive as super-datagrams, which no wire carries. */
	const struct ethfeature features[] = {
		{"tx-udp-segmentation", iface->uso},
		{"rx-gro", true},
		{"rx-udp-gro-forwarding", true},
	};
	size_t n_features = iface->gro ? 3 : 1;
	int ret = ethfeature_set(b->ethtool_fds[iface->node], iface->name, features, n_features);

	return ret < 0 ? lab_builder_fail(b, ret, "node %s: offloads of %s",
					  b->topo->nodes[iface->node].name, iface->name)
		       : 0;
}

/* The inner end of a link with a wire. */
static void wire_port(struct topo_interface *port, unsigned link, unsigned end)
{
	*port = (struct topo_interface){.mtu_bytes = WIRE_MTU};
	impair_port_name(port->name, link, end);
}

static int make_wire_half(struct lab_builder *b, unsigned link, unsigned end)
{
	const struct topo_interface *iface = &b->topo->links[link].ends[end];
	const unsigned wires = b->topo->n_nodes;
	const int index = end_index(b, link, end);
	struct topo_interface port;
	int ret;

	wire_port(&port, link, end);
	ret = rtnl_add_veth(&b->rtnl[iface->node], iface, index, &port, index + WIRE_OFFSET,
			    b->netns_fds[wires]);
	return ret < 0 ? ret : rtnl_set_up(&b->rtnl[wires], index + WIRE_OFFSET);
}

static int make_wire(struct lab_builder *b, unsigned link)
{
	int port_indexes[2];
	int ret = 0;

	for (unsigned end = 0; end < 2 && ret == 0; end++) {
		port_indexes[end] = end_index(b, link, end) + WIRE_OFFSET;
		ret = make_wire_half(b, link, end);
	}
	return ret < 0 ? ret : impair_connect(b->wires_nft, link, port_indexes);
}

static int make_veth(struct lab_builder *b, unsigned i)
{
	const struct topo_interface *ends = b->topo->links[i].ends;

	return rtnl_add_veth(&b->rtnl[ends[0].node], &ends[0], end_index(b, i, 0), &ends[1],
			     end_index(b, i, 1), b->netns_fds[ends[1].node]);
}

/* The devices of a tun link exist already, without their MTU. */
static int finish_tun(struct lab_builder *b, unsigned i)
{
	int ret = 0;

	for (unsigned end = 0; end < 2 && ret == 0; end++) {
		const struct topo_interface *iface = &b->topo->links[i].ends[end];

		ret = rtnl_set_mtu(&b->rtnl[iface->node], end_index(b, i, end), iface->mtu_bytes);
	}
	return ret;
}

int lab_link_make(struct lab_builder *b, unsigned i)
{
	const struct topo_link *link = &b->topo->links[i];
	const struct topo_interface *ends = link->ends;
	int ret;

	if (link->kind == TOPO_TUN)
		ret = finish_tun(b, i);
	else
		ret = link->wire ? make_wire(b, i) : make_veth(b, i);
	if (ret < 0)
		return lab_builder_fail(b, ret, "link %s:%s to %s:%s",
					b->topo->nodes[ends[0].node].name, ends[0].name,
					b->topo->nodes[ends[1].node].name, ends[1].name);
	if (link->kind == TOPO_TUN)
		return 0;
	ret = set_offloads(b, &ends[0]);
	return ret < 0 ? ret : set_offloads(b, &ends[1]);
}

int lab_link_make_bridge(struct lab_builder *b, unsigned i)
{
	const struct topo_bridge *bridge = &b->topo->bridges[i];
	struct rtnl *rtnl = &b->rtnl[bridge->self.node];
	const int index = index_of(b, &bridge->self);
	int ret = rtnl_add_bridge(rtnl, &bridge->self, index, bridge->snooping);

	for (unsigned port = 0; port < bridge->n_ports && ret == 0; port++) {
		const struct topo_interface *iface =
			topology_interface(b->topo, bridge->self.node, bridge->ports[port]);

		ret = rtnl_set_master(rtnl, index_of(b, iface), index);
	}
	return ret < 0 ? lab_builder_fail(b, ret, "bridge %s", bridge->self.name) : 0;
}

int lab_link_set_up(struct lab_builder *b, const struct topo_interface *iface)
{
	struct rtnl *rtnl = &b->rtnl[iface->node];
	int index = index_of(b, iface);
	int ret = 0;

	for (unsigned i = 0; i < iface->n_addresses && ret == 0; i++)
		ret = rtnl_add_address(rtnl, index, &iface->addresses[i]);
	if (ret == 0)
		ret = rtnl_set_up(rtnl, index);
	return ret < 0 ? lab_builder_fail(b, ret, "node %s: address or state of %s",
					  b->topo->nodes[iface->node].name, iface->name)
		       : 0;
}

int lab_link_wait_carrier(struct lab_builder *b, const struct topo_interface *iface)
{
	int ret = rtnl_wait_running(&b->rtnl[iface->node], index_of(b, iface),
				    deadline_in_ms(CARRIER_MS));

	return ret < 0 ? lab_builder_fail(b, ret, "node %s: carrier of %s",
					  b->topo->nodes[iface->node].name, iface->name)
		       : 0;
}

static int make_route(struct lab_builder *b, unsigned node, const struct topo_route *route)
{
	const struct topo_interface *iface = topology_interface(b->topo, node, route->interface);

	return rtnl_add_route(&b->rtnl[node], route, iface ? index_of(b, iface) : 0);
}

int lab_link_make_routes(struct lab_builder *b, unsigned node_index)
{
	const struct topo_node *node = &b->topo->nodes[node_index];

	for (unsigned i = 0; i < node->n_routes; i++) {
		int ret = make_route(b, node_index, &node->routes[i]);

		if (ret < 0)
			return lab_builder_fail(b, ret, "node %s: route to %s", node->name,
						node->routes[i].to.text);
	}
	return 0;
}

static int rejoin_bridge(struct lab_builder *b, const struct topo_interface *iface)
{
	for (unsigned i = 0; i < b->topo->n_bridges; i++) {
		const struct topo_bridge *bridge = &b->topo->bridges[i];

		for (unsigned port = 0; port < bridge->n_ports; port++)
			if (bridge->self.node == iface->node &&
			    topology_interface(b->topo, iface->node, bridge->ports[port]) == iface)
				return rtnl_set_master(&b->rtnl[iface->node], index_of(b, iface),
						       index_of(b, &bridge->self));
	}
	return 0;
}

/* The kernel deleted the routes that used the interface; the others still exist. */
static int restore_routes(struct lab_builder *b, const struct topo_interface *iface)
{
	const struct topo_node *node = &b->topo->nodes[iface->node];

	for (unsigned i = 0; i < node->n_routes; i++) {
		const struct topo_route *route = &node->routes[i];
		const struct topo_interface *by =
			topology_interface(b->topo, iface->node, route->interface);
		int ret;

		if (by && by != iface)
			continue;
		ret = make_route(b, iface->node, route);
		if (ret < 0 && ret != -EEXIST)
			return lab_builder_fail(b, ret, "node %s: route to %s", node->name,
						route->to.text);
	}
	return 0;
}

static int restore_end(struct lab_builder *b, const struct topo_interface *iface)
{
	int ret = rejoin_bridge(b, iface);

	if (ret < 0)
		return lab_builder_fail(b, ret, "bridge");
	return lab_link_set_up(b, iface);
}

/* A link with a wire is two pairs, and one of them may still exist. */
static int delete_rest(struct lab_builder *b, unsigned node, const struct topo_interface *ends)
{
	int ret = 0;

	for (unsigned end = 0; end < 2 && ret == 0; end++) {
		unsigned index = ends[end].node == node ? if_nametoindex(ends[end].name) : 0;

		if (index)
			ret = rtnl_delete(&b->rtnl[node], (int)index);
	}
	return ret < 0 ? lab_builder_fail(b, ret, "deleting the rest of the link") : 0;
}

static int visit(struct lab_builder *b, const struct lab *lab, unsigned link)
{
	const unsigned n = b->topo->n_nodes;
	int ret = 0;

	for (unsigned i = 0; i < n && ret == 0; i++) {
		b->netns_fds[i] = lab->netns_fds[i];
		if (setns(lab->netns_fds[i], CLONE_NEWNET) < 0)
			return lab_builder_fail(b, -errno, "setns");
		ret = lab_builder_open(b, i);
		if (ret == 0)
			ret = delete_rest(b, i, b->topo->links[link].ends);
	}
	if (ret < 0 || lab->wires_fd < 0)
		return ret;
	b->netns_fds[n] = lab->wires_fd;
	if (setns(lab->wires_fd, CLONE_NEWNET) < 0)
		return lab_builder_fail(b, -errno, "setns");
	ret = lab_builder_open(b, n);
	return ret < 0 ? ret : impair_open(&b->wires_nft);
}

int lab_link_recreate(const struct lab *lab, unsigned link, struct lab_error *error)
{
	const struct topo_interface *ends = lab->topo->links[link].ends;
	struct lab_builder *b = calloc(1, sizeof(*b));
	int ret;

	if (!b)
		return -ENOMEM;
	b->topo = lab->topo;
	b->error = error;
	/* A new index each time, as on a real machine; the clock does not wrap while a lab lives.
	 */
	b->first_link_index =
		FIRST_RECREATED_INDEX + (int)(monotonic_ns() / NS_PER_MS % 400000) * 5000;
	ret = visit(b, lab, link);
	if (ret == 0)
		ret = lab_link_make(b, link);
	for (unsigned end = 0; end < 2 && ret == 0; end++)
		ret = restore_end(b, &ends[end]);
	for (unsigned end = 0; end < 2 && ret == 0; end++)
		ret = restore_routes(b, &ends[end]);
	for (unsigned end = 0; end < 2 && ret == 0; end++)
		ret = lab_link_wait_carrier(b, &ends[end]);
	free(b);
	return ret;
}
