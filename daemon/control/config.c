// SPDX-License-Identifier: MIT
/* config.c - read the file, apply it, log why not */
#include "daemon/control/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/complaint.h"
#include "core/base/statpage.h"
#include "core/text/config.h"
#include "daemon/common/log.h"
#include "daemon/control/load.h"
#include "daemon/control/process.h"
#include "daemon/control/state.h"

/* Return: 0; a negative errno, @cpl says why. */
static int read_config(int fd, struct config *cfg, struct complaint *cpl)
{
	char *text = malloc(CONFIG_TEXT_MAX + 1);
	size_t len = 0;
	int ret = 0;

	if (!text) {
		complain(cpl, "", "out of memory");
		return -ENOMEM;
	}
	/* One byte more than the limit, so that a longer text is noticed. */
	while (len < CONFIG_TEXT_MAX + 1) {
		ssize_t n = pread(fd, text + len, CONFIG_TEXT_MAX + 1 - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ret = -errno;
			complain(cpl, "", "cannot be read: %s", strerror(errno));
		}
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (ret == 0)
		ret = config_parse(text, len, cfg, cpl);
	free(text);
	return ret;
}

static void log_complaint(enum log_severity s, const char *name, const struct complaint *cpl)
{
	const char *separator = cpl->field[0] ? ": " : "";

	if (cpl->line)
		log_msg(s, FAC_CONTROL_SOCKET, "%s:%u:%u: %s%s%s", name, cpl->line, cpl->column,
			cpl->field, separator, cpl->reason);
	else
		log_msg(s, FAC_CONTROL_SOCKET, "%s: %s%s%s", name, cpl->field, separator,
			cpl->reason);
}

int control_config_start(struct process *p)
{
	size_t counts[LOAD_COUNTS];
	struct complaint cpl = {0};
	struct control *c = p->c;
	struct config cfg = {0};
	int ret = 0;

	if (p->config >= 0) {
		ret = read_config(p->config, &cfg, &cpl);
		close(p->config);
		p->config = -1;
	}
	if (ret == 0 && !p->restarted) {
		c->workers = p->workers_option ? p->workers_option
			     : cfg.workers     ? cfg.workers
					       : p->n_cpus;
		c->workers = c->workers ? c->workers : 1;
		c->per_packet = cfg.per_packet;
		c->busy_poll_us = cfg.busy_poll_us;
	}
	if (ret == 0 && p->snapshot < 0)
		ret = control_load(c, &cfg, true, counts, &cpl);
	else if (ret == 0)
		ret = control_settings_merge(c, &cfg, true);
	config_fini(&cfg);
	if (ret < 0) {
		complain(&cpl, "", "%s", strerror(-ret));
		log_complaint(p->snapshot < 0 ? SEV_CRITICAL : SEV_ERROR, p->config_name, &cpl);
	}
	return ret;
}

void control_config_reload(struct process *p, int fd)
{
	size_t counts[LOAD_COUNTS];
	struct complaint cpl = {0};
	struct config cfg = {0};
	int ret = read_config(fd, &cfg, &cpl);

	close(fd);
	p->c->heartbeat->reloads++;
	if (ret == 0)
		ret = control_load(p->c, &cfg, true, counts, &cpl);
	config_fini(&cfg);
	if (ret < 0) {
		complain(&cpl, "", "%s", strerror(-ret));
		log_complaint(SEV_ERROR, p->config_name, &cpl);
		log_msg(SEV_ERROR, FAC_RULE_DISPATCH, "%s was not loaded; nothing has changed",
			p->config_name);
		return;
	}
	log_msg(SEV_NOTICE, FAC_RULE_DISPATCH,
		"%s loaded: %zu added, %zu replaced, %zu unchanged, %zu removed", p->config_name,
		counts[LOAD_ADDED], counts[LOAD_REPLACED], counts[LOAD_UNCHANGED],
		counts[LOAD_REMOVED]);
}
