// SPDX-License-Identifier: MIT
/* version.c - the only object that changes when the version does */
#include "daemon/common/version.h"

#ifndef MCR_VERSION
#define MCR_VERSION "unknown"
#endif

const char mcr_version[] = MCR_VERSION;
