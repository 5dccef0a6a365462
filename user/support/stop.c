// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "support/stop.h"

static volatile sig_atomic_t wanted;

static void on_signal(int number)
{
	(void)number;
	wanted = 1;
}

int stop__install(void)
{
	/* The handler serves once: a second signal finds the default action, and kills. */
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
	const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	size_t i;

	sigemptyset(&action.sa_mask);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction old;

		/* nohup(1) and shells' background jobs ignore some of them on purpose: so do we. */
		if (sigaction(signals[i], NULL, &old) ||
		    (old.sa_handler != SIG_IGN && sigaction(signals[i], &action, NULL)))
			return -errno;
	}
	return 0;
}

bool stop__wanted(void)
{
	return wanted;
}
