// SPDX-License-Identifier: MIT
/* refusal.c - what an errno of sendmsg(2) says about the datagrams; egress.c has the reasons */
#include "core/refusal.h"

#include <errno.h>

bool refusal_is_stale(int err)
{
	return err == ECONNREFUSED || err == EHOSTUNREACH || err == ENETUNREACH ||
	       err == EHOSTDOWN || err == ENOPROTOOPT || err == EPROTO || err == EACCES;
}

bool refusal_is_final(int res, uint32_t datagrams)
{
	const int err = -res;

	if (res >= 0)
		return true;
	if (refusal_is_stale(err))
		return false;
	return datagrams == 1 ||
	       !(err == EINVAL || err == EMSGSIZE || err == EIO || err == EOPNOTSUPP);
}
