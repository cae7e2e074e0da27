// SPDX-License-Identifier: MIT
/*
 * kernel_path.c - make, keep and count the tc program of the kernel path
 *
 * The lock of the mark comes first.  From then on whatever bears that mark in this network
 * namespace is of an mcrd that has ended, and goes when control is ready (kernel_attach.c).
 */
#include "daemon/supervisor/kernel_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/rules/kernel_path.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/priv/bpf_lock.h"
#include "daemon/priv/bpf_tcx.h"
#include "daemon/supervisor/state.h"

#define WHY_BYTES 640

/* --- pins --- */

/* @why: filled with what is in the way of a directory that was asked for. */
static void explain_directory(int error, const char *dir, char *why, size_t size)
{
	switch (error) {
	case -ENOENT:
		snprintf(why, size, "%s is in no bpf file system (mount -t bpf bpf /sys/fs/bpf)",
			 dir);
		return;
	case -EBUSY:
		snprintf(why, size, "%s is that of another mcrd", dir);
		return;
	case -EPERM:
		snprintf(why, size, "%s belongs to another user, or others may write into it", dir);
		return;
	case -EXDEV:
		snprintf(why, size,
			 "%s has pins of another network namespace (mcrd --detach --pin %s removes "
			 "them)",
			 dir, dir);
		return;
	default:
		snprintf(why, size, "%s: %s", dir, strerror(-error));
	}
}

/* Return: 0, also when nothing is to be pinned; negative errno. */
static int open_pins(struct supervisor *s, char *why, size_t size)
{
	const char *asked = s->options->pin_dir;
	char usual[PIN_DIR_MAX];
	int ret;

	if (asked && !strcmp(asked, PIN_NONE))
		return 0;
	priv_pins_default(usual, s->options->mark_bit);
	ret = priv_pins_open(&s->pins, asked ? asked : usual, 1u << s->options->mark_bit);
	if (ret == 0)
		return 0;
	priv_pins_close(&s->pins);
	explain_directory(ret, asked ? asked : usual, why, size);
	if (asked)
		return ret;
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "%s: the kernel path ends with mcrd", why);
	*why = '\0';
	return 0;
}

/* Takes the pinned program, with which the kernel still relays. */
static int adopt(struct supervisor *s)
{
	const char *what;
	int ret;

	if (s->pins.dir < 0)
		return -ENOENT;
	ret = priv_pins_adopt(&s->pins, &s->bpf, &what);
	s->adopted = ret == 0;
	if (ret == -EBADF)
		log_msg(SEV_WARNING, FAC_SUPERVISOR,
			"pins in %s are damaged: %s is not what mcrd pins under that name; a new "
			"program takes their place",
			s->pins.path, what);
	return ret;
}

static int load_new(struct supervisor *s, char *why, size_t size)
{
	int ret = priv_bpf_load(1u << s->options->mark_bit, &s->bpf, why, size);

	if (ret < 0 || s->pins.dir < 0)
		return ret;
	ret = priv_pins_put(&s->pins, &s->bpf);
	if (ret < 0)
		snprintf(why, size, "pins in %s: %s", s->pins.path, strerror(-ret));
	return ret;
}

/* --- start and end --- */

static int make(struct supervisor *s, char *why, size_t size)
{
	int ret = s->mark_lock = priv_bpf_lock(1u << s->options->mark_bit);

	if (ret == -EADDRINUSE)
		snprintf(
			why, size,
			"another mcrd in this network namespace has bit %u of the mark (--mark-bit "
			"chooses another)",
			s->options->mark_bit);
	if (ret < 0)
		return ret;
	ret = open_pins(s, why, size);
	if (ret < 0)
		return ret;
	s->others_left = true;
	return adopt(s) == 0 ? 0 : load_new(s, why, size);
}

static void choose_hook(struct supervisor *s)
{
	s->clsact = s->options->attach == ATTACH_CLSACT ||
		    (s->options->attach == ATTACH_AUTO && !priv_tcx_available());
}

static enum kernel_path_reason load(struct supervisor *s, char *why, size_t size)
{
	int ret;

	*why = '\0';
	if (!priv_bpf_built())
		return KERNEL_PATH_NOT_BUILT;
	choose_hook(s);
	if (!s->clsact && !priv_tcx_available())
		return KERNEL_PATH_TOO_OLD;
	ret = make(s, why, size);
	if (ret == -EPERM && priv_bpf_lacks_rights())
		return KERNEL_PATH_NO_RIGHT;
	if (ret < 0 && !*why)
		snprintf(why, size, "%s", strerror(-ret));
	return ret < 0 ? KERNEL_PATH_REFUSED : KERNEL_PATH_FITS;
}

void kernel_path_start(struct supervisor *s)
{
	char why[WHY_BYTES];

	s->no_kernel_path = KERNEL_PATH_NOT_STARTED;
	if (!s->options->path_auto)
		return;
	s->no_kernel_path = load(s, why, sizeof(why));
	if (s->no_kernel_path == KERNEL_PATH_FITS) {
		log_msg(SEV_NOTICE, FAC_SUPERVISOR,
			"rules relay in the kernel where they can; frames that it has relayed have "
			"bit %u of their mark set%s",
			s->options->mark_bit,
			s->adopted ? "; what an earlier mcrd left goes on" : "");
		return;
	}
	log_msg(SEV_WARNING, FAC_SUPERVISOR, "--path auto: workers relay all rules: %s",
		s->no_kernel_path == KERNEL_PATH_REFUSED
			? why
			: kernel_path_reason_text(s->no_kernel_path));
	priv_bpf_close(&s->bpf);
}

/* The locks are not handed over: for the moment of an exec nobody has them. */
static void resume_locks(struct supervisor *s)
{
	char why[WHY_BYTES];

	s->mark_lock = priv_bpf_lock(s->bpf.mark);
	if (open_pins(s, why, sizeof(why)) < 0)
		log_msg(SEV_WARNING, FAC_SUPERVISOR, "upgrade: %s: nothing more is pinned", why);
}

int kernel_path_resume(struct supervisor *s)
{
	if (s->bpf.program < 0) {
		s->no_kernel_path = KERNEL_PATH_NOT_STARTED;
		return 0;
	}
	s->no_kernel_path = KERNEL_PATH_FITS;
	choose_hook(s);
	resume_locks(s);
	return priv_bpf_resume(&s->bpf);
}

void kernel_path_fini(struct supervisor *s)
{
	if (s->bpf.program >= 0)
		priv_pins_remove(&s->pins);
	priv_bpf_close(&s->bpf);
	priv_pins_close(&s->pins);
	if (s->mark_lock >= 0)
		close(s->mark_lock);
	s->mark_lock = -1;
}

void kernel_path_describe(const struct supervisor *s, struct ipc_start *start)
{
	start->kernel_path = (uint8_t)s->no_kernel_path;
	start->mark = s->bpf.program >= 0 ? s->bpf.mark : 0;
}
