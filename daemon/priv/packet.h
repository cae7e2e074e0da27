/* SPDX-License-Identifier: MIT */
/* packet.h - packet sockets of inputs, and counting sockets */
#ifndef DAEMON_PRIV_PACKET_H
#define DAEMON_PRIV_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/iface.h"

/* A packet socket with PACKET_VNET_HDR that receives nothing yet.  Return: descriptor or -errno. */
int priv_packet_socket(void);
/*
 * @n of them begin to receive: bound to @ifindex, ETH_P_ALL or, with @after_tc, ETH_P_IP;
 * they ignore outgoing frames, and their filter refuses all until priv_set_filter().  The kernel
 * transmits nothing that is sent through them.
 */
int priv_packet_start(const int *socks, unsigned n, unsigned ifindex, bool after_tc);
/* Closes @n packet sockets. */
void priv_packet_close(const int *socks, unsigned n);

/*
 * priv_fanout() makes a fan-out group of @n sockets of one interface, numbered in this order;
 * priv_fanout_add() adds one, which gets the next number; priv_steer() sets the program that
 * chooses among them (steer_fanout()).  @member, @sock: any socket of the group.
 */
int priv_fanout(const int *socks, unsigned n, bool defrag);
int priv_fanout_add(int member, int sock);
int priv_steer(int sock, enum steering steering, const uint8_t *members, unsigned n);
/* Give one socket the filter that another has. */
int priv_copy_filter(int from, int to);
/*
 * Discards the frames that wait in a packet socket whose filter lets nothing in.  Return: how
 * many.
 */
uint32_t priv_empty_queue(int sock);

/* Unread counting socket with the smallest receive buffer.  @after_tc: see priv_packet_start(). */
int priv_counting_socket(unsigned ifindex, bool after_tc);
/* Put the first @n of STEER_COUNTS into a fan-out group whose program is steer_counting(). */
int priv_counting_group(const int *socks, unsigned n);
/* The device that a packet socket is bound to; -1 when that is gone; other negative errno. */
int priv_packet_ifindex(int sock);

/*
 * PACKET_STATISTICS since the last call: frames that passed the filter (those lost
 * included), and those of them that were lost.
 */
int priv_packet_stats(int sock, uint32_t *passed, uint32_t *lost);

#endif
