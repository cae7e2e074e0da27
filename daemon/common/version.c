// SPDX-License-Identifier: MIT
/* version.c - the only object that changes when the version does */
#include "daemon/common/version.h"

#ifndef MCR_VERSION
#define MCR_VERSION "unknown"
#endif

const char mcr_version[] = MCR_VERSION;

#ifdef MCR_HAVE_BPF
const char mcr_version_lacks[] = "";
#else
const char mcr_version_lacks[] = " (no kernel path: built without clang or libbpf)";
#endif
