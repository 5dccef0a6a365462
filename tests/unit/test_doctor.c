/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What doctor is made of: its view against golden files in TEST_DATA_DIR/doctor (UPDATE_GOLDEN=1 writes them anew), and
 * the facts of machines that need not exist, read from synthetic trees. No privileges.
 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "capture/host_facts.h"
#include "view/view_doctor.h"

#define ALL_CAPABILITIES ((1ULL << (CAP_LAST_CAP + 1)) - 1)
#define CAP(name) (1ULL << CAP_##name)

static char root[] = "/tmp/mmuscope-doctor-XXXXXX";
static char proc[64], sys[64];
static int allocations_left = INT_MAX;

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

char *__wrap_strdup(const char *text)
{
	return allocations_left-- > 0 ? __real_strdup(text) : NULL;
}

void *__wrap_malloc(size_t size)
{
	return allocations_left-- > 0 ? __real_malloc(size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
	return allocations_left-- > 0 ? __real_realloc(memory, size) : NULL;
}

/* --- the view --- */

static char *print(enum view_format format, const struct feature_list *list)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(view_doctor__print(format, list, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(strlen(text), size);
	return text;
}

static void golden(const char *name, const char *text)
{
	static char expected[1 << 16];
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/doctor/%s", TEST_DATA_DIR, name);
	if (getenv("UPDATE_GOLDEN")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(text, file);
		assert_int_equal(fclose(file), 0);
	}
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: no such golden file", path);
	n = fread(expected, 1, sizeof(expected) - 1, file);
	assert_true(n < sizeof(expected) - 1);
	expected[n] = '\0';
	fclose(file);
	if (strcmp(text, expected))
		fail_msg("%s: differs; got:\n%s", name, text);
}

/* Every line but the verdict fits a terminal. All test texts have words that do. */
static void check_width(const char *text)
{
	const char *end;

	for (; (end = strchr(text, '\n')) && end[1]; text = end + 1) {
		size_t width = 0;

		for (const char *c = text; c < end; c++)
			width += ((unsigned char)*c & 0xc0) != 0x80;
		if (width > 80)
			fail_msg("%zu columns: %.*s", width, (int)(end - text), text);
		assert_true(end == text || end[-1] != ' ');
	}
}

static void check_json(const char *text, const struct feature_list *list)
{
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *features = json_object_get(object, "features");

	assert_non_null(object);
	assert_string_equal(json_string_value(json_object_get(object, "schema")), "mmuscope.doctor/1");
	assert_int_equal(json_is_true(json_object_get(object, "hist")), list->hist);
	assert_true(json_is_boolean(json_object_get(object, "hist")));
	assert_int_equal(json_array_size(features), list->n);
	for (size_t i = 0; i < list->n; i++) {
		json_t *row = json_array_get(features, i);

		assert_string_equal(json_string_value(json_object_get(row, "state")),
				    feature__state_name(list->features[i].state));
		assert_true(json_is_string(json_object_get(row, "name")));
		assert_true(json_is_string(json_object_get(row, "value")));
		assert_int_equal(json_is_string(json_object_get(row, "remedy")), list->features[i].remedy != NULL);
		assert_int_equal(json_is_null(json_object_get(row, "remedy")), list->features[i].remedy == NULL);
		assert_string_equal(json_string_value(json_object_get(row, "group")), list->features[i].group);
	}
	json_decref(object);
}

static void check_views(const char *name, struct feature_list *list)
{
	char file[64], *text;

	snprintf(file, sizeof(file), "%s.txt", name);
	text = print(VIEW_TEXT, list);
	check_width(text);
	golden(file, text);
	free(text);
	snprintf(file, sizeof(file), "%s.json", name);
	text = print(VIEW_JSON, list);
	check_json(text, list);
	golden(file, text);
	free(text);
	feature_list__free(list);
	assert_int_equal(list->n, 0);
	assert_null(list->features);
}

static void test_view_good(void **state)
{
	struct feature_list list = {0};

	feature_list__group(&list, "Machine");
	feature_list__add(&list, FEATURE_INFO, "kernel", NULL, "Linux %d.%d.%d, x86_64", 6, 18, 44);
	feature_list__group(&list, "BPF");
	feature_list__add(&list, FEATURE_OK, "BTF", NULL, "/sys/kernel/btf/vmlinux");
	feature_list__add(&list, FEATURE_LIMITED, "BPF link for perf events", "a kernel from 5.15 on, for --pin",
			  "by ioctl");
	feature_list__conclude(&list, true, "page sizes from walk and kernel; minor-faults, major-faults");
	check_views("good", &list);
}

static void test_view_wrapped(void **state)
{
	struct feature_list list = {0};

	feature_list__group(&list, "Capabilities");
	feature_list__add(
		&list, FEATURE_MISSING, "CAP_PERFMON",
		"a remedy of so many words that no line of a terminal holds it all and that goes on below "
		"itself, and once more",
		"not held: BPF may not read kernel memory, nor perf sample others: neither hist nor walk works");
	feature_list__add(&list, FEATURE_OK, "CAP_BPF", NULL, "held");
	feature_list__add(&list, FEATURE_INFO, "a name that is wider than the column of names may ever be", NULL,
			  "and its value");
	/* To the last column, and one beyond. */
	feature_list__add(&list, FEATURE_OK, "exact", NULL, "%054d 5", 0);
	feature_list__add(&list, FEATURE_OK, "beyond", NULL, "%054d 56", 0);
	feature_list__conclude(
		&list, false,
		"CAP_PERFMON, in one line however long it is, because a script reads the last line of the "
		"table and no other");
	check_views("wrapped", &list);
}

static void test_view_hostile(void **state)
{
	struct feature_list list = {0};

	feature_list__group(&list, "BPF");
	feature_list__add(&list, FEATURE_OK, "BTF\x1b[31m", "do\nthis", "/tmp/\xff\x01 \xc2\x9b \xe2\x80\xae x");
	feature_list__add(&list, FEATURE_OK, "größer", NULL, "ä ö ü");
	feature_list__add(&list, FEATURE_OK, "blanks", NULL, "  two   three  ");
	feature_list__conclude(&list, false, "\x1b]0;x\x07");
	check_views("hostile", &list);
}

static void test_view_errors(void **state)
{
	struct feature_list list = {0};
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	feature_list__group(&list, "BPF");
	feature_list__add(&list, FEATURE_OK, "BTF", NULL, "there");
	feature_list__conclude(&list, true, "yes");
	assert_int_equal(view_doctor__print(VIEW_TEXT, &list, full), -ENOSPC);
	clearerr(full);
	assert_int_equal(view_doctor__print(VIEW_JSON, &list, full), -ENOSPC);
	assert_int_equal(view_doctor__print(VIEW_CSV, &list, full), -EINVAL);
	fclose(full);
	feature_list__free(&list);
}

/* A table with a hole in it is none: whatever allocation fails, nothing is printed. */
static void test_out_of_memory(void **state)
{
	int failed = 0;

	for (int left = 0; left < 64; left++) {
		struct feature_list list = {0};
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		int err;

		assert_non_null(out);
		allocations_left = left;
		feature_list__group(&list, "BPF");
		feature_list__add(&list, FEATURE_OK, "BTF", "remedy", "%d", 1);
		feature_list__add(&list, FEATURE_OK, "ring", NULL, "%d", 2);
		feature_list__conclude(&list, true, "yes");
		err = view_doctor__print(left % 2 ? VIEW_TEXT : VIEW_JSON, &list, out);
		allocations_left = INT_MAX;
		fclose(out);
		if (err) {
			failed++;
			assert_int_equal(err, -ENOMEM);
			assert_null(strstr(text, "can work"));
		} else {
			assert_non_null(strstr(text, "BTF"));
			assert_non_null(strstr(text, "ring"));
		}
		free(text);
		feature_list__free(&list);
	}
	assert_in_range(failed, 8, 40);
}

/* --- facts --- */

static void put(const char *tree, const char *name, const char *content)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", tree, name);
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(path, 0700))
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	return remove(path);
}

static int setup(void **state)
{
	strcpy(root + strlen(root) - 6, "XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(sys, sizeof(sys), "%s/sys", root);
	return 0;
}

static int teardown(void **state)
{
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void read_facts(struct host_facts *facts)
{
	const struct host_paths paths = {.proc = proc, .sys = sys};

	memset(facts, 0xa5, sizeof(*facts));
	host_facts__read(facts, &paths);
}

static void expect(const struct feature_list *list, const char *name, enum feature_state state, const char *value,
		   const char *remedy)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct feature *row = &list->features[i];

		if (strcmp(row->name, name))
			continue;
		if (row->state != state || !strstr(row->value, value))
			fail_msg("%s: %s, %s", name, feature__state_name(row->state), row->value);
		if (!remedy != !row->remedy || (remedy && !strstr(row->remedy, remedy)))
			fail_msg("%s: remedy %s", name, row->remedy ? row->remedy : "none");
		return;
	}
	fail_msg("no row %s", name);
}

typedef void (*add_fn)(const struct host_facts *facts, struct feature_list *list);

/* One row of what `add` makes of the facts. */
static void expect_row(const struct host_facts *facts, add_fn add, const char *name, enum feature_state state,
		       const char *value, const char *remedy)
{
	struct feature_list list = {0};

	add(facts, &list);
	assert_int_equal(list.err, 0);
	expect(&list, name, state, value, remedy);
	feature_list__free(&list);
}

static void test_nothing_there(void **state)
{
	struct feature_list list = {0};
	struct host_facts facts;

	read_facts(&facts);
	facts.capabilities = 0;
	host_facts__add_sources(&facts, &list);
	host_facts__add_capabilities(&facts, &list);
	host_facts__add_settings(&facts, &list);
	host_facts__add_memory(&facts, &list);
	host_facts__add_bpf_fs(&facts, &list);
	assert_int_equal(list.err, 0);
	expect(&list, "Intel PEBS", FEATURE_INFO, "not an Intel processor", NULL);
	expect(&list, "kernel.perf_event_paranoid", FEATURE_MISSING, "not there", "CONFIG_PERF_EVENTS");
	expect(&list, "kernel.kptr_restrict", FEATURE_INFO, "not there", NULL);
	expect(&list, "kernel.perf_event_mlock_kb", FEATURE_INFO, "not there", NULL);
	expect(&list, "kernel.perf_event_max_sample_rate", FEATURE_INFO, "not there", NULL);
	expect(&list, "lockdown", FEATURE_INFO, "securityfs is not mounted", NULL);
	expect(&list, "data symbols in kallsyms", FEATURE_INFO, "no /proc/kallsyms: not needed", NULL);
	expect(&list, "transparent huge pages", FEATURE_MISSING, "not in this kernel", "CONFIG_TRANSPARENT_HUGEPAGE");
	expect(&list, "hugetlb pools", FEATURE_INFO, "none", NULL);
	expect(&list, "BPF file system for --pin", FEATURE_MISSING, "none is mounted", "mount -t bpf");
	feature_list__free(&list);
}

static void test_intel(void **state)
{
	struct host_facts facts;

	put(proc, "cpuinfo",
	    "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vme\n\nvendor_id\t: AuthenticAMD\n");
	read_facts(&facts);
	assert_int_equal(facts.vendor, HOST_VENDOR_INTEL);
	assert_false(facts.is_virtual);
	expect_row(&facts, host_facts__add_sources, "Intel PEBS", FEATURE_MISSING, "no PMU cpu or cpu_core",
		   "firmware");
	expect_row(&facts, host_facts__add_sources, "AMD IBS", FEATURE_INFO, "not an AMD processor", NULL);

	put(sys, "bus/event_source/devices/cpu/events/mem-loads", "event=0xcd,umask=0x1,ldlat=3\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_sources, "Intel PEBS", FEATURE_OK, "PMU cpu, precise level not told", NULL);

	put(sys, "bus/event_source/devices/cpu/caps/max_precise", "3\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_sources, "Intel PEBS", FEATURE_OK, "PMU cpu, precise level 3", NULL);
}

static void test_intel_guest(void **state)
{
	struct host_facts facts;

	put(proc, "cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu hypervisor\n");
	put(sys, "bus/event_source/devices/cpu/events/mem-loads", "event=0xcd,umask=0x1,ldlat=3\n");
	put(sys, "bus/event_source/devices/cpu/caps/max_precise", "0\n");
	read_facts(&facts);
	assert_true(facts.is_virtual);
	expect_row(&facts, host_facts__add_sources, "Intel PEBS", FEATURE_MISSING, "caps/max_precise is 0",
		   "virtual machine");
}

static void test_hybrid(void **state)
{
	struct host_facts facts;

	put(proc, "cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: hypervisor_not fpu\n");
	put(sys, "bus/event_source/devices/cpu_core/events/mem-loads", "\n");
	put(sys, "bus/event_source/devices/cpu_core/caps/max_precise", "3\n");
	put(sys, "bus/event_source/devices/cpu_atom/events/mem-loads", "\n");
	put(sys, "bus/event_source/devices/cpu_atom/caps/max_precise", "2\n");
	read_facts(&facts);
	assert_false(facts.is_virtual);
	assert_string_equal(facts.pebs_pmu, "cpu_core, cpu_atom");
	expect_row(&facts, host_facts__add_sources, "Intel PEBS", FEATURE_OK, "cpu_core, cpu_atom, precise level 3",
		   NULL);
}

static void test_amd_and_arm(void **state)
{
	struct host_facts facts;

	put(proc, "cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu hypervisor nx\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_sources, "AMD IBS", FEATURE_MISSING, "no PMU ibs_op", "virtual machine");
	put(sys, "bus/event_source/devices/ibs_op/type", "9\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_sources, "AMD IBS", FEATURE_OK, "ibs_op", NULL);
	expect_row(&facts, host_facts__add_sources, "Intel PEBS", FEATURE_INFO, "not an Intel", NULL);
	expect_row(&facts, host_facts__add_sources, "Arm SPE", FEATURE_INFO, "not an Arm", NULL);

	put(proc, "cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_sources, "Arm SPE", FEATURE_INFO, "no PMU arm_spe_0", NULL);
	put(sys, "bus/event_source/devices/arm_spe_0/type", "9\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_sources, "Arm SPE", FEATURE_LIMITED, "past BPF", "perf record");
}

static void paranoid(const char *text, uint64_t capabilities, enum feature_state state, const char *value)
{
	struct host_facts facts;

	put(proc, "sys/kernel/perf_event_paranoid", text);
	read_facts(&facts);
	facts.capabilities = capabilities;
	expect_row(&facts, host_facts__add_settings, "kernel.perf_event_paranoid", state, value,
		   state == FEATURE_OK        ? NULL
		   : state == FEATURE_LIMITED ? "sysctl kernel.perf_event_paranoid=2"
					      : "CONFIG_PERF_EVENTS");
}

static void test_paranoid(void **state)
{
	paranoid("-1\n", 0, FEATURE_OK, "-1");
	paranoid("2\n", 0, FEATURE_OK, "2");
	paranoid("3\n", CAP(PERFMON) | CAP(BPF), FEATURE_LIMITED, "3: shuts perf");
	paranoid("4\n", CAP(SYS_ADMIN), FEATURE_OK, "4, and CAP_SYS_ADMIN is held");
	paranoid("2x\n", 0, FEATURE_MISSING, "not there");
	paranoid("", 0, FEATURE_MISSING, "not there");
	paranoid("-", 0, FEATURE_MISSING, "not there");
}

static void test_settings(void **state)
{
	struct host_facts facts;

	put(proc, "sys/kernel/kptr_restrict", "2\n");
	put(proc, "sys/kernel/perf_event_mlock_kb", "7\n");
	put(proc, "sys/kernel/perf_event_max_sample_rate", "998\n");
	read_facts(&facts);
	facts.capabilities = 0;
	expect_row(&facts, host_facts__add_settings, "kernel.kptr_restrict", FEATURE_LIMITED,
		   "2: ", "sysctl kernel.kptr_restrict=1");
	expect_row(&facts, host_facts__add_settings, "kernel.perf_event_mlock_kb", FEATURE_LIMITED, "7: too little",
		   "CAP_IPC_LOCK");
	expect_row(&facts, host_facts__add_settings, "kernel.perf_event_max_sample_rate", FEATURE_LIMITED,
		   "998 Hz: less than the 999", "-F");
	facts.capabilities = CAP(IPC_LOCK);
	expect_row(&facts, host_facts__add_settings, "kernel.perf_event_mlock_kb", FEATURE_OK, "7", NULL);

	put(proc, "sys/kernel/kptr_restrict", "1\n");
	put(proc, "sys/kernel/perf_event_mlock_kb", "8\n");
	put(proc, "sys/kernel/perf_event_max_sample_rate", "999\n");
	read_facts(&facts);
	facts.capabilities = 0;
	expect_row(&facts, host_facts__add_settings, "kernel.kptr_restrict", FEATURE_OK, "1", NULL);
	expect_row(&facts, host_facts__add_settings, "kernel.perf_event_mlock_kb", FEATURE_OK, "8", NULL);
	expect_row(&facts, host_facts__add_settings, "kernel.perf_event_max_sample_rate", FEATURE_OK, "999 Hz", NULL);
}

static void test_lockdown(void **state)
{
	struct host_facts facts;

	put(proc, "self/mounts", "securityfs /sys/kernel/security securityfs rw 0 0\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_settings, "lockdown", FEATURE_OK, "not in this kernel", NULL);
	put(sys, "kernel/security/lockdown", "[none] integrity confidentiality\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_settings, "lockdown", FEATURE_OK, "none", NULL);
	put(sys, "kernel/security/lockdown", "none [integrity] confidentiality\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_settings, "lockdown", FEATURE_OK, "integrity", NULL);
	put(sys, "kernel/security/lockdown", "none integrity [confidentiality]\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_settings, "lockdown", FEATURE_MISSING, "bpf_probe_read_kernel",
		   "boot without lockdown=confidentiality");
}

static void symbols(const char *text, enum feature_state state, const char *value)
{
	struct host_facts facts;

	put(proc, "kallsyms", text);
	read_facts(&facts);
	expect_row(&facts, host_facts__add_settings, "data symbols in kallsyms", state, value, NULL);
}

static void test_symbols(void **state)
{
	symbols("ffffffff81000000 T _text\nffffffff82345678 D page_offset_base\n", FEATURE_OK, "is listed");
	symbols("ffffffff81000000 T _text\nffffffff82345678 D page_offset_base_not\n", FEATURE_INFO,
		"is not listed: not needed, the ring anchor serves");
	symbols("0000000000000000 T _text\n0000000000000000 D page_offset_base\n", FEATURE_INFO,
		"addresses are hidden");
	symbols("ffffffff82345678 d page_offset_base\t[module]\n", FEATURE_OK, "is listed");
	symbols("", FEATURE_INFO, "addresses are hidden");
	symbols("rubbish\n\n", FEATURE_INFO, "addresses are hidden");
}

static void test_memory(void **state)
{
	struct feature_list list = {0};
	struct host_facts facts;

	put(sys, "kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	put(sys, "kernel/mm/transparent_hugepage/defrag", "always defer [defer+madvise] madvise never\n");
	put(sys, "kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n");
	put(sys, "kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "0\n");
	put(sys, "kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "12\n");
	put(sys, "kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "5\n");
	put(sys, "kernel/mm/hugepages/hugepages-0kB/nr_hugepages", "5\n");
	put(sys, "kernel/mm/hugepages/hugepages-64kBytes/nr_hugepages", "5\n");
	put(sys, "kernel/mm/hugepages/other/nr_hugepages", "5\n");
	read_facts(&facts);
	assert_int_equal(facts.n_pools, 2);
	host_facts__add_memory(&facts, &list);
	assert_int_equal(list.n, 4);
	expect(&list, "transparent huge pages", FEATURE_OK, "madvise", NULL);
	expect(&list, "THP defrag", FEATURE_INFO, "defer+madvise", NULL);
	assert_string_equal(list.features[2].name, "hugetlb pool 2M");
	assert_string_equal(list.features[2].value, "12 pages, 5 free");
	assert_string_equal(list.features[3].name, "hugetlb pool 1G");
	assert_string_equal(list.features[3].value, "0 pages, 0 free");
	feature_list__free(&list);

	put(sys, "kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	read_facts(&facts);
	expect_row(&facts, host_facts__add_memory, "transparent huge pages", FEATURE_LIMITED, "never", "echo madvise");
}

static void test_bpf_fs(void **state)
{
	char mounts[512];
	struct host_facts facts;

	snprintf(mounts, sizeof(mounts), "proc /proc proc rw 0 0\nbpf /nonexistent bpf rw 0 0\n");
	put(proc, "self/mounts", mounts);
	read_facts(&facts);
	expect_row(&facts, host_facts__add_bpf_fs, "BPF file system for --pin", FEATURE_LIMITED,
		   "/nonexistent, not writable", "owner");
	/* One that can be written goes before; names are escaped as in getmntent(3). */
	put(root, "b p/x", "");
	snprintf(mounts, sizeof(mounts), "bpf /nonexistent bpf rw 0 0\nbpf %s/b\\040p bpf rw 0 0\nbpf /no bpf rw 0 0\n",
		 root);
	put(proc, "self/mounts", mounts);
	read_facts(&facts);
	expect_row(&facts, host_facts__add_bpf_fs, "BPF file system for --pin", FEATURE_OK, "/b p", NULL);
}

/* --- capabilities --- */

static void capability(uint64_t held, const char *name, enum feature_state state, const char *value, const char *remedy)
{
	struct host_facts facts = {.capabilities = held};

	expect_row(&facts, host_facts__add_capabilities, name, state, value, remedy);
}

static void test_capabilities(void **state)
{
	static const char *const names[] = {"CAP_BPF",      "CAP_PERFMON",      "CAP_SYS_PTRACE", "CAP_SYSLOG",
					    "CAP_IPC_LOCK", "CAP_SYS_RESOURCE", "CAP_SYS_NICE",   "CAP_SYS_ADMIN"};
	static const unsigned int numbers[] = {CAP_BPF,      CAP_PERFMON,      CAP_SYS_PTRACE, CAP_SYSLOG,
					       CAP_IPC_LOCK, CAP_SYS_RESOURCE, CAP_SYS_NICE,   CAP_SYS_ADMIN};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		capability(1ULL << numbers[i], names[i], FEATURE_OK, "held", NULL);
		if (numbers[i] != CAP_SYS_RESOURCE)
			capability(ALL_CAPABILITIES & ~CAP(SYS_ADMIN) & ~(1ULL << numbers[i]), names[i],
				   FEATURE_MISSING, "not held: ", "run as root");
	}
	capability(CAP(SYS_ADMIN), "CAP_BPF", FEATURE_OK, "CAP_SYS_ADMIN stands for it", NULL);
	capability(CAP(SYS_ADMIN), "CAP_PERFMON", FEATURE_OK, "CAP_SYS_ADMIN stands for it", NULL);
	capability(CAP(SYS_ADMIN), "CAP_SYSLOG", FEATURE_MISSING, "not held", "run as root");
}

static void test_memlock(void **state)
{
	struct host_facts facts = {.memlock = HOST_MEMLOCK_UNKNOWN};

	expect_row(&facts, host_facts__add_capabilities, "CAP_SYS_RESOURCE", FEATURE_INFO, "before 5.11", NULL);
	facts.memlock = HOST_MEMLOCK_NOT_COUNTED;
	expect_row(&facts, host_facts__add_capabilities, "CAP_SYS_RESOURCE", FEATURE_INFO, "does not need it", NULL);
	facts.memlock = HOST_MEMLOCK_COUNTED;
	expect_row(&facts, host_facts__add_capabilities, "CAP_SYS_RESOURCE", FEATURE_MISSING, "ulimit -l",
		   "run as root");
}

static void test_may_trace(void **state)
{
	struct host_facts facts = {.capabilities = CAP(BPF) | CAP(PERFMON)};

	assert_true(host_facts__may_trace(&facts));
	facts.in_user_namespace = true;
	assert_false(host_facts__may_trace(&facts));
	facts = (struct host_facts){.capabilities = CAP(BPF)};
	assert_false(host_facts__may_trace(&facts));
	facts.capabilities = CAP(PERFMON);
	assert_false(host_facts__may_trace(&facts));
	facts.capabilities = CAP(SYS_ADMIN);
	assert_true(host_facts__may_trace(&facts));
}

static void test_user_namespace(void **state)
{
	struct host_facts facts;

	put(proc, "self/uid_map", "         0          0 4294967295\n");
	read_facts(&facts);
	assert_false(facts.in_user_namespace);
	put(proc, "self/uid_map", "         0       1000          1\n");
	read_facts(&facts);
	assert_true(facts.in_user_namespace);
	facts.capabilities = ALL_CAPABILITIES;
	expect_row(&facts, host_facts__add_capabilities, "CAP_BPF", FEATURE_MISSING, "user namespace only", "outside");
	expect_row(&facts, host_facts__add_capabilities, "CAP_SYS_PTRACE", FEATURE_LIMITED, "user namespace only",
		   "outside");
	facts.capabilities = CAP(SYS_ADMIN);
	expect_row(&facts, host_facts__add_capabilities, "CAP_BPF", FEATURE_MISSING, "not held", "run as root");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view_good),
		cmocka_unit_test(test_view_wrapped),
		cmocka_unit_test(test_view_hostile),
		cmocka_unit_test(test_view_errors),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test_setup_teardown(test_nothing_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_intel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_intel_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hybrid, setup, teardown),
		cmocka_unit_test_setup_teardown(test_amd_and_arm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paranoid, setup, teardown),
		cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lockdown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_symbols, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bpf_fs, setup, teardown),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_memlock),
		cmocka_unit_test(test_may_trace),
		cmocka_unit_test_setup_teardown(test_user_namespace, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
