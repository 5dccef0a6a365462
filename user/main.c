// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command/command.h"
#include "command/options.h"
#include "support/log.h"

static int (*const commands[SUBCOMMAND_COUNT])(const struct options *) = {
	[SUBCOMMAND_HIST] = command_hist,
	[SUBCOMMAND_WALK] = command_walk,
	[SUBCOMMAND_DOCTOR] = command_doctor,
};

/*
 * A standard stream that the caller closed is a free number, and the next map or event would get it: our report would
 * be written there. Opened the wrong way round, so that its use fails with EBADF.
 */
static void reserve_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			_exit(EXIT_FAILED);
}

static void on_broken_pipe(int signal)
{
	(void)signal;
}

/*
 * Death by SIGPIPE would leave pinned objects behind; with a handler the write fails with EPIPE and we clean up. Not
 * SIG_IGN: COMMAND would inherit it through exec, a handler becomes SIG_DFL again.
 */
static void survive_broken_pipe(void)
{
	struct sigaction action = {.sa_handler = on_broken_pipe, .sa_flags = SA_RESTART};
	struct sigaction old;

	if (!sigaction(SIGPIPE, NULL, &old) && old.sa_handler == SIG_DFL)
		sigaction(SIGPIPE, &action, NULL);
}

/* Buffered output fails late: on a full disk only here. A reader that went away needs no message. */
static int close_stdout(int status)
{
	int failed = ferror(stdout);
	int err;

	errno = 0;
	if (!fclose(stdout) && !failed)
		return status;
	err = errno;
	/* A command that failed has said why. */
	if (err != EPIPE && status != EXIT_FAILED)
		log_error("standard output: %s; what was printed is incomplete",
			  err ? log__errstr(err) : "a write failed");
	return status == EXIT_USAGE ? status : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct options options;
	int status = EXIT_FAILED;

	reserve_standard_streams();
	survive_broken_pipe();
	setlocale(LC_CTYPE, ""); /* bars in UTF-8 where the terminal has it; numbers keep their decimal point */

	switch (options__parse(argc, argv, &options, stdout)) {
	case OPTIONS_RUN:
		if (options.verbosity)
			log__set_level(options.verbosity < 0 ? LOG_ERROR : LOG_DEBUG);
		status = commands[options.subcommand](&options);
		break;
	case OPTIONS_DONE:
		status = EXIT_DONE;
		break;
	case OPTIONS_WRONG:
		status = EXIT_USAGE;
		break;
	}
	options__free(&options);
	return close_stdout(status);
}
