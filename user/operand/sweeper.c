/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sweeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct sweep_job {
	int fd;
	uint64_t max_bytes;
	struct code_image *image;
	bool done;
	struct sweep_job *next;
};

struct sweeper {
	pthread_t thread;
	bool started;
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct sweep_job *jobs; /* oldest first, the finished ones among them until they are fetched */
};

struct sweeper *sweeper__new(void)
{
	struct sweeper *sweeper = calloc(1, sizeof(*sweeper));

	if (!sweeper)
		return NULL;
	pthread_mutex_init(&sweeper->lock, NULL);
	pthread_cond_init(&sweeper->more, NULL);
	return sweeper;
}

static struct sweep_job *first_open(struct sweeper *sweeper)
{
	struct sweep_job *job = sweeper->jobs;

	while (job && job->done)
		job = job->next;
	return job;
}

static void *work(void *context)
{
	struct sweeper *sweeper = context;
	struct sweep_job *job;

	pthread_mutex_lock(&sweeper->lock);
	while (!atomic_load(&sweeper->stop)) {
		struct code_image *image;

		job = first_open(sweeper);
		if (!job) {
			pthread_cond_wait(&sweeper->more, &sweeper->lock);
			continue;
		}
		pthread_mutex_unlock(&sweeper->lock);
		image = code_image__from_file(job->fd, job->max_bytes, &sweeper->stop);
		pthread_mutex_lock(&sweeper->lock);
		job->image = image;
		job->done = true;
	}
	pthread_mutex_unlock(&sweeper->lock);
	return NULL;
}

/* Signals are for the main thread, which looks at the flag. */
static int start(struct sweeper *sweeper)
{
	sigset_t all, old;
	int err;

	if (sweeper->started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&sweeper->thread, NULL, work, sweeper);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sweeper->started = !err;
	return err;
}

struct sweep_job *sweeper__add(struct sweeper *sweeper, int fd, uint64_t max_bytes)
{
	struct sweep_job *job = calloc(1, sizeof(*job));
	struct sweep_job **end;
	int err;

	if (!job)
		return NULL;
	job->max_bytes = max_bytes;
	job->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	err = job->fd < 0 ? errno : start(sweeper);
	if (err) {
		if (job->fd >= 0)
			close(job->fd);
		free(job);
		errno = err;
		return NULL;
	}
	pthread_mutex_lock(&sweeper->lock);
	for (end = &sweeper->jobs; *end; end = &(*end)->next)
		;
	*end = job;
	pthread_cond_signal(&sweeper->more);
	pthread_mutex_unlock(&sweeper->lock);
	return job;
}

bool sweeper__fetch(struct sweeper *sweeper, struct sweep_job *job, struct code_image **image)
{
	struct sweep_job **link;
	bool done;

	pthread_mutex_lock(&sweeper->lock);
	done = job->done;
	if (done) {
		for (link = &sweeper->jobs; *link != job; link = &(*link)->next)
			;
		*link = job->next;
	}
	pthread_mutex_unlock(&sweeper->lock);
	if (!done)
		return false;
	*image = job->image;
	close(job->fd);
	free(job);
	return true;
}

void sweeper__free(struct sweeper *sweeper)
{
	if (!sweeper)
		return;
	pthread_mutex_lock(&sweeper->lock);
	atomic_store(&sweeper->stop, true);
	pthread_cond_signal(&sweeper->more);
	pthread_mutex_unlock(&sweeper->lock);
	if (sweeper->started)
		pthread_join(sweeper->thread, NULL);
	while (sweeper->jobs) {
		struct sweep_job *job = sweeper->jobs;

		sweeper->jobs = job->next;
		code_image__free(job->image);
		close(job->fd);
		free(job);
	}
	pthread_cond_destroy(&sweeper->more);
	pthread_mutex_destroy(&sweeper->lock);
	free(sweeper);
}
