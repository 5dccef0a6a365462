// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "capture/record_decode.h"

size_t record__size(unsigned int sections)
{
	size_t size = sizeof(struct mmu_head);

	if (sections & MMU_SECTION_TASK)
		size += sizeof(struct mmu_task);
	if (sections & MMU_SECTION_PLACE)
		size += sizeof(struct mmu_place);
	if (sections & MMU_SECTION_DETAIL)
		size += sizeof(struct mmu_detail);
	if (sections & MMU_SECTION_CODE)
		size += sizeof(struct mmu_code);
	return size;
}

static bool is_outcome(uint8_t outcome)
{
	return mmu_outcome_is_size(outcome) || mmu_outcome_is_none(outcome);
}

/* A late record names a process and an address; an ordinary one has no code. */
static bool sections_fit(const struct mmu_head *head)
{
	const unsigned int late = MMU_SECTION_TASK | MMU_SECTION_PLACE | MMU_SECTION_CODE;

	if (head->kind == MMU_KIND_LATE)
		return (head->sections & late) == late && !(head->sections & ~(MMU_SECTION_ALL | MMU_SECTION_CODE));
	return head->kind == MMU_KIND_SAMPLE && !(head->sections & ~MMU_SECTION_ALL);
}

static bool head_is_sane(const struct mmu_head *head, size_t size, unsigned int n_events)
{
	return sections_fit(head) && size == record__size(head->sections) && head->event < n_events &&
	       head->mode >= MMU_MODE_USER && head->mode <= MMU_MODE_IDLE && head->origin <= MMU_ORIGIN_OPERAND_NEXT &&
	       head->data_level <= MMU_LEVEL_PGD && head->code_level <= MMU_LEVEL_PGD && is_outcome(head->data_walk) &&
	       is_outcome(head->data_kernel) && is_outcome(head->code_walk) && is_outcome(head->code_kernel);
}

static const void *decode_task(const void *bytes, struct sample *sample)
{
	struct mmu_task task;

	memcpy(&task, bytes, sizeof(task));
	sample->pid = task.pid;
	sample->tid = task.tid;
	sample->start_ns = task.start_ns;
	memcpy(sample->comm, task.comm, sizeof(sample->comm) - 1);
	return (const char *)bytes + sizeof(task);
}

static const void *decode_place(const void *bytes, struct sample *sample)
{
	struct mmu_place place;

	memcpy(&place, bytes, sizeof(place));
	sample->time_ns = place.time_ns;
	sample->ip = place.ip;
	sample->addr = place.addr;
	return (const char *)bytes + sizeof(place);
}

static const void *decode_detail(const void *bytes, struct sample *sample)
{
	struct mmu_detail detail;

	memcpy(&detail, bytes, sizeof(detail));
	sample->cgroup = detail.cgroup;
	sample->period = detail.period;
	sample->weight = detail.weight;
	sample->data_src = detail.data_src;
	return (const char *)bytes + sizeof(detail);
}

int record__decode(const void *bytes, size_t size, unsigned int n_events, struct sample *sample, struct mmu_code *code)
{
	struct mmu_head head;

	if (size < sizeof(head))
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (!head_is_sane(&head, size, n_events))
		return -EBADMSG;

	*sample = (struct sample){
		.data = {.walk = head.data_walk, .kernel = head.data_kernel, .level = head.data_level},
		.code = {.walk = head.code_walk, .kernel = head.code_kernel, .level = head.code_level},
		.event = head.event,
		.mode = head.mode,
		.origin = head.origin,
		.distance = head.distance,
		.sections = head.sections & MMU_SECTION_ALL,
		.cpu = head.cpu,
	};
	bytes = (const char *)bytes + sizeof(head);
	if (head.sections & MMU_SECTION_TASK)
		bytes = decode_task(bytes, sample);
	if (head.sections & MMU_SECTION_PLACE)
		bytes = decode_place(bytes, sample);
	if (head.sections & MMU_SECTION_DETAIL)
		bytes = decode_detail(bytes, sample);
	if (head.kind != MMU_KIND_LATE)
		return RECORD_SAMPLE;
	memcpy(code, bytes, sizeof(*code));
	return RECORD_LATE;
}
