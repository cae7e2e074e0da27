// SPDX-License-Identifier: MIT
/* refusal.c - the errnos of sendmsg(2) by what follows from them; egress_done.c has the reasons */
#include "core/relay/refusal.h"

#include <errno.h>

bool refusal_may_be_icmp(int err)
{
	switch (err) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EPROTO:
	case EACCES:
	case EMSGSIZE:
		return true;
	}
	return false;
}

bool refusal_splits(int err)
{
	return err == EINVAL || err == EMSGSIZE || err == EIO || err == EOPNOTSUPP;
}

bool refusal_is_final(int res, uint32_t datagrams)
{
	if (res >= 0)
		return true;
	if (refusal_may_be_icmp(-res))
		return false;
	return datagrams == 1 || !refusal_splits(-res);
}
