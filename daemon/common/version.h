/* SPDX-License-Identifier: MIT */
/* version.h - version and missing features of this build */
#ifndef DAEMON_COMMON_VERSION_H
#define DAEMON_COMMON_VERSION_H

extern const char mcr_version[];       /* from git describe at build time */
extern const char mcr_version_lacks[]; /* features that it was built without, in words; "": none */

#endif
