/* SPDX-License-Identifier: MIT */
/* packet.h - packet sockets: those of inputs, and those that count */
#ifndef DAEMON_PRIV_PACKET_H
#define DAEMON_PRIV_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/iface.h"

/* A packet socket with PACKET_VNET_HDR that receives nothing yet.  Return: descriptor or -errno. */
int priv_packet_socket(void);
/*
 * @n of them begin to receive: bound to @ifindex, ETH_P_ALL or, with @after_tc, ETH_P_IP;
 * outgoing frames ignored, filter that refuses all until priv_set_filter().  Frames that they send
 * go nowhere.
 */
int priv_packet_start(const int *socks, unsigned n, unsigned ifindex, bool after_tc);
/* Closes @n packet sockets. */
void priv_packet_close(const int *socks, unsigned n);

/*
 * A fan-out group of @n sockets of one interface, numbered in this order; one more, which
 * gets the next number; and the program that chooses, steer_fanout().  @member, @sock: any
 * socket of the group.
 */
int priv_fanout(const int *socks, unsigned n, bool defrag);
int priv_fanout_add(int member, int sock);
int priv_steer(int sock, enum steering steering, const uint8_t *members, unsigned n);
/* Give one socket the filter that another has. */
int priv_copy_filter(int from, int to);
/* Throw away what waits in a packet socket whose filter lets nothing in.  Return: frames. */
uint32_t priv_empty_queue(int sock);

/* Unread counting socket on ETH_P_ALL with the smallest receive buffer. */
int priv_counting_socket(unsigned ifindex);
/* Put STEER_COUNTS of them into a fan-out group whose program is steer_counting(). */
int priv_counting_group(const int *socks, unsigned n);
/* The device a packet socket is bound to; -1 when that has gone, or negative errno. */
int priv_packet_ifindex(int sock);

/*
 * PACKET_STATISTICS since the last call: frames that passed the filter (those lost
 * included), and those of them that were lost.
 */
int priv_packet_stats(int sock, uint32_t *passed, uint32_t *lost);

#endif
