/* SPDX-License-Identifier: MIT */
/*
 * clock.h - times are nanoseconds in 64 bits
 */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

#endif
