/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A capture from start to end. The phases are functions, called in this order by the command:
 *
 *   session__new      load BPF, calibrate, check, make rings, open the events and attach to each, pin; nothing is sampled
 *   session__start    enable
 *   session__wait     sleep until there is something to do
 *   session__drain    records to the callback
 *   session__stop     disable; then drain once more, then session__accounting is final
 *   session__free     unpin, detach, close
 */
#ifndef MMUSCOPE_CAPTURE_SESSION_H
#define MMUSCOPE_CAPTURE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/event.h"
#include "capture/layout.h"
#include "capture/operands.h"
#include "capture/target.h"
#include "model/accounting.h"
#include "model/sample.h"

typedef int (*session_fn)(void *ctx, const struct sample *sample);

struct session_config {
	const struct event_list *events;
	const struct target *target;
	unsigned int sections; /* enum mmu_section: what the records must hold */
	bool walk;             /* sources */
	bool kernel;
	uint64_t buffer;        /* ring bytes per CPU; 0: default */
	const char *btf;        /* NULL: the running kernel's */
	const char *pin;        /* directory, or NULL */
	unsigned int operand;   /* accesses that may name the address of a clock's sample (operands.h); 0: none */
	uint64_t operand_slots; /* recipes held, rounded up to a power of two; 0: default */
	session_fn on_sample;   /* returns 0, or -errno to stop */
	void *ctx;
};

enum session_wake {
	SESSION_TIMEOUT,     /* the time is up */
	SESSION_DATA,        /* a ring filled past its mark */
	SESSION_TARGET_GONE, /* COMMAND, or every process of -p, has exited */
	SESSION_SIGNAL,      /* interrupted: look at the flag */
};

struct session;

/* NULL with errno set on failure, with a message logged and nothing left behind. */
struct session *session__new(const struct session_config *config);
void session__free(struct session *session);

const struct layout_result *session__layout(const struct session *session);

/* Samples from now on; COMMAND runs from now on. Returns 0 or -errno, with a message logged. */
int session__start(struct session *session);

/* Waits at most `timeout_ns`. */
enum session_wake session__wait(struct session *session, uint64_t timeout_ns);

/* Returns 0, the callback's error, or -errno. */
int session__drain(struct session *session);

int session__stop(struct session *session);

/*
 * The accounts of one event since the start. While samples are taken a CPU may stand between two counters; the read is
 * repeated until the sums hold, so a difference that stays is real. Returns 0 or -errno.
 */
int session__accounting(const struct session *session, uint32_t event, struct accounting *accounting);

/* Samples whose event could not be told: they are in no event's accounts. Returns 0 or -errno. */
int session__unattributed(const struct session *session, uint64_t *samples);

/* What the operand resolver did; NULL when it is off. */
const struct operands_counts *session__operands(const struct session *session);

/* COMMAND's status as of waitpid(2); false when there was none, or it still runs. */
bool session__command_status(const struct session *session, int *status);

/* Ends COMMAND when the user interrupts. */
void session__terminate_command(struct session *session);

#endif
