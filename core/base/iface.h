/* SPDX-License-Identifier: MIT */
/*
 * iface.h - how an interface is served
 *
 * The words in which control, supervisor and workers speak of an interface: in messages,
 * in snapshots and at the packet socket.
 */
#ifndef CORE_BASE_IFACE_H
#define CORE_BASE_IFACE_H

/* How its datagrams are divided among the workers: by rule, or by the CPU they arrive on. */
enum steering { STEER_RULE, STEER_CPU, STEERINGS };

/* UDP GRO of the device: left as it was found, switched on, switched off. */
enum gro_setting { GRO_LEAVE, GRO_ON, GRO_OFF, GRO_SETTINGS };

/* Classes of receive buffers; core/base/arena.h has their sizes. */
enum buf_class { BUF_SMALL, BUF_JUMBO, BUF_SUPER, BUF_CLASSES };

/* The header in front of the IP header of a frame. */
enum link_layer { LINK_ETHERNET, LINK_RAW_IP, LINK_LAYERS };

/* The outputs that an egress socket serves. */
enum egress_socket_kind {
	EGRESS_SOCKET_INTERFACE, /* of all outputs that have no other; each interface has one */
	EGRESS_SOCKET_HOST, /* of outputs to one host over one interface, from one source address */
	EGRESS_SOCKET_OWN,  /* of one output */
	EGRESS_SOCKET_KINDS
};

#endif
