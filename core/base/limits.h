/* SPDX-License-Identifier: MIT */
/* limits.h - the fixed sizes that bound every table, message and shared page */
#ifndef CORE_BASE_LIMITS_H
#define CORE_BASE_LIMITS_H

#define MCR_MAX_WORKERS        64  /* bits in a worker mask */
#define MCR_MAX_IFACES         128 /* interfaces named by rules at one time */
#define MCR_MAX_RULES          16384
#define MCR_MAX_OUTPUTS        65536 /* over all rules */
#define MCR_MAX_RULE_OUTPUTS   256   /* of one rule */
#define MCR_MAX_EGRESS_SOCKETS 8192  /* egress sockets beside those of interfaces */
#define MCR_MAX_START_IFACES   16    /* named by --interface */

/* Of a snapshot; core/rules/snapshot.h has what it is made of. */
#define MCR_SNAPSHOT_HEAD_BYTES 64u
#define MCR_SNAPSHOT_MAX_BYTES  11932736u

#define MCR_BUSY_POLL_MAX_US 1000000u /* how long an idle worker may poll, microseconds */

#define MCR_IFNAME_MAX      16  /* IFNAMSIZ, with its NUL */
#define MCR_ID_MAX          64  /* rule id, with its NUL */
#define MCR_NAME_MAX        64  /* rule name, with its NUL */
#define MCR_DESCRIPTION_MAX 128 /* of a rule, with its NUL */

/* An interface, rule or output that has no slot. */
#define MCR_NO_SLOT UINT32_MAX

/* Ends a chain of array indices. */
#define CHAIN_END UINT32_MAX

#endif
