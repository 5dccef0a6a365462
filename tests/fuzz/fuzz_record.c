/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as a record of a ring: record__decode(). Input: the number of events, then the record.
 */
#include <errno.h>

#include "capture/record_decode.h"
#include "fuzz.h"
#include "model/page_size.h"

static void check_outcome(uint8_t outcome)
{
	FUZZ_CHECK(mmu_outcome_is_size(outcome) != mmu_outcome_is_none(outcome));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.data = data, .size = size};
	unsigned int n_events = fuzz__byte(&input) % (MMU_MAX_EVENTS + 1);
	uint8_t *record = fuzz__copy(input.data, input.size);
	struct sample sample;
	struct mmu_code code;
	int result;

	memset(&sample, 0xa5, sizeof(sample));
	result = record__decode(record, input.size, n_events, &sample, &code);
	FUZZ_CHECK(result == RECORD_SAMPLE || result == RECORD_LATE || result == -EBADMSG);
	if (result >= 0) {
		unsigned int sections = sample.sections | (result == RECORD_LATE ? MMU_SECTION_CODE : 0);

		FUZZ_CHECK(input.size == record__size(sections));
		FUZZ_CHECK(sample.event < n_events);
		FUZZ_CHECK(memchr(sample.comm, '\0', sizeof(sample.comm)));
		FUZZ_CHECK(sample.mode >= MMU_MODE_USER && sample.mode <= MMU_MODE_IDLE);
		check_outcome(sample.data.walk);
		check_outcome(sample.data.kernel);
		check_outcome(sample.code.walk);
		check_outcome(sample.code.kernel);
	}
	free(record);
	return 0;
}
