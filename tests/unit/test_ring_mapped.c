// SPDX-License-Identifier: MIT
/*
 * test_ring_mapped.c - the cases of test_ring.c on a ring whose memory is the kernel's
 *
 * Kernels before 6.10 take no memory of several pages for a ring.  Here every kernel
 * refuses it, because the flag that asks for it is one that no kernel knows.
 *
 * Links: core/bufpool.c core/arena.c
 */
#include <liburing.h>

#undef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP 0x80000000u

#include "core/ring.c"
#include "tests/unit/test_ring.c"
