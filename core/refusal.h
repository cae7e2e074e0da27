/* SPDX-License-Identifier: MIT */
/* refusal.h - is a send that the kernel refused over, or is it tried again? */
#ifndef CORE_REFUSAL_H
#define CORE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/* May it be the error of an earlier send to somebody else (IP_RECVERR, ip(7))? */
bool refusal_is_stale(int err);

/**
 * refusal_is_final() - did a send end with that?
 * @res:       bytes, or negative errno
 * @datagrams: that it carried; several may go again one by one
 *
 * Return: whether its datagrams are sent or dropped for good.
 */
bool refusal_is_final(int res, uint32_t datagrams);

#endif
