/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any event name, on machines of several makes: event__parse(). Input: defaults, machine, then the name.
 */
#include "events.h"
#include "tree.h"

FUZZ_CATCH_LOG()

static char root[] = TREE_TEMPLATE;
static const char *const machines[] = {"intel", "hybrid", "amd", "arm", "bare"};

static const char *const files[] = {
	"intel/cpu/type 4",
	"intel/cpu/format/event config:0-7",
	"intel/cpu/format/umask config:8-15",
	"intel/cpu/format/ldlat config1:0-15",
	"intel/cpu/format/split config2:0-3,8,60-63",
	"intel/cpu/format/new config3:0-7",
	"intel/cpu/events/mem-loads event=0xcd,umask=0x1,ldlat=3",
	"intel/cpu/events/mem-stores event=0xd0,umask=0x82",
	"intel/cpu/events/cpu-cycles event=0x3c",
	"intel/cpu/events/wants event=0x3c,umask=?",
	"intel/cpu/caps/max_precise 3",
	"intel/software/type 1",
	"intel/tracepoint/type 2",
	"intel/breakpoint/type 5",
	"hybrid/cpu_core/type 4",
	"hybrid/cpu_core/cpus 0-7",
	"hybrid/cpu_core/format/event config:0-7",
	"hybrid/cpu_core/format/ldlat config1:0-15",
	"hybrid/cpu_core/events/mem-loads event=0xcd,ldlat=3",
	"hybrid/cpu_core/events/mem-loads-aux event=0x03",
	"hybrid/cpu_core/caps/max_precise 3",
	"hybrid/cpu_atom/type 10",
	"hybrid/cpu_atom/cpus 8-15",
	"hybrid/cpu_atom/format/event config:0-7",
	"hybrid/cpu_atom/format/ldlat config1:0-15",
	"hybrid/cpu_atom/events/mem-loads event=0xd0,ldlat=3",
	"hybrid/cpu_atom/caps/max_precise 3",
	"amd/cpu/type 4",
	"amd/cpu/format/event config:0-7,32-35",
	"amd/ibs_op/type 9",
	"amd/ibs_op/format/cnt_ctl config:19",
	"amd/ibs_op/format/swfilt config2:0",
	"arm/armv8_pmuv3/type 8",
	"arm/armv8_pmuv3/cpus 0-3",
	"arm/armv8_pmuv3/format/event config:0-15",
	"arm/armv8_pmuv3/events/cpu_cycles event=0x0011",
	"bare/software/type 1",
};

static void clear(void)
{
	tree__remove(root);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	FUZZ_CHECK(mkdtemp(root));
	atexit(clear);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t n = strcspn(files[i], " ");
		char *name = fuzz__string((const uint8_t *)files[i], n);

		tree__put(root, name, files[i] + n + 1, strlen(files[i] + n + 1));
		free(name);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.data = data, .size = size};
	uint8_t bits = fuzz__byte(&input), machine = fuzz__byte(&input);
	const struct event_defaults defaults = {
		.freq = (bits & 3) == 1 ? 1000 : 0,
		.period = (bits & 3) == 2 ? 100 : 0,
		.all_user = (bits & 12) == 4,
		.all_kernel = (bits & 12) == 8,
	};
	char *spec = fuzz__string(input.data, input.size);
	char sysfs[64];

	snprintf(sysfs, sizeof(sysfs), "%s/%s", root, machines[machine % (sizeof(machines) / sizeof(machines[0]))]);
	fuzz__parse_event(spec, &defaults, sysfs);
	free(spec);
	return 0;
}
