/* SPDX-License-Identifier: MIT */
/* version.h - what this build calls itself */
#ifndef DAEMON_COMMON_VERSION_H
#define DAEMON_COMMON_VERSION_H

extern const char mcr_version[];       /* from git describe at build time */
extern const char mcr_version_lacks[]; /* what it was built without, in words; "": nothing */

#endif
