/* SPDX-License-Identifier: MIT */
/*
 * wiring.h - which interfaces of this host receive what another one sends
 *
 * core/rules/wiring.h says what it serves.  It is made for the interfaces that rules name, and
 * again when links or addresses have changed or another name has come up.
 */
#ifndef DAEMON_CONTROL_WIRING_H
#define DAEMON_CONTROL_WIRING_H

#include <stdbool.h>
#include <stddef.h>

struct control;
struct control_netif;
struct control_wiring;
struct rule;

/**
 * control_wiring_update() - before rules are added, or when links have changed
 * @rules: those about to be added; @n: how many
 *
 * Nothing is known before the links are.  Names beyond WIRING_NAMES_MAX are left out: so
 * many interfaces no rule set can have.
 *
 * Return: 0; -ENOMEM, what was known before stays.
 */
int control_wiring_update(struct control *c, const struct rule *rules, size_t n);

void control_wiring_fini(struct control_wiring *w);

/**
 * wiring_reached() - the links at which arrives what a link sends
 * @n:    links
 * @from: index in n->links
 * @hears: n->n_links of them, filled
 *
 * A link does not hear itself unless it is the loopback device.
 *
 * Return: 0 or -ENOMEM.
 */
int wiring_reached(const struct control_netif *n, size_t from, bool *hears);

#endif
