// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The fake kernel's perf events, memory and clock; its BPF is in fake_kernel_bpf.c.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/clock_estimate.h"
#include "fake_kernel_bpf.h"
#include "fake_kernel.h"
#include "support/clock.h"
#include "support/stop.h"
#include "wrap.h"

#include <linux/magic.h>

#define HUGE_BYTES (2UL << 20)
#define MAX_REGIONS 8
#define PAGES_MAX 1024

struct fake_kernel fake_kernel;

/* Anonymous memory of the loader: no page of it can be touched before the "kernel" has seen the fault. */
struct region {
	char *at;
	size_t bytes;
	bool wants_huge;
	char *none; /* the page that was protected, or NULL */
	bool touched[PAGES_MAX];
};

static struct region regions[MAX_REGIONS];
static char *ring_at;
static char smaps[256];
static size_t page_bytes;
static struct sigaction old_fault_action;

long __real_syscall(long number, ...);
int __real_ioctl(int fd, unsigned long request, ...);
ssize_t __real_read(int fd, void *bytes, size_t size);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t bytes);
int __real_madvise(void *at, size_t bytes, int advice);
int __real_mprotect(void *at, size_t bytes, int protection);
int __real_mkdir(const char *path, mode_t mode);
int __real_statfs(const char *path, struct statfs *fs);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int n, int timeout_ms);
struct clock_estimate *__real_clock_estimate__new(const struct target *target);

long __wrap_syscall(long number, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t bytes);
int __wrap_madvise(void *at, size_t bytes, int advice);
int __wrap_mprotect(void *at, size_t bytes, int protection);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_statfs(const char *path, struct statfs *fs);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int n, int timeout_ms);
uint64_t __wrap_clock__now(void);
bool __wrap_stop__wanted(void);
struct clock_estimate *__wrap_clock_estimate__new(const struct target *target);

static struct region *find_region(const void *at)
{
	const char *byte = at;
	size_t i;

	for (i = 0; i < MAX_REGIONS; i++) {
		if (regions[i].at && byte >= regions[i].at && byte < regions[i].at + regions[i].bytes)
			return &regions[i];
	}
	return NULL;
}

/* A page that nobody touched yet: the kernel maps it, and samples the fault, before the store is made again. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	char *page = (char *)((uintptr_t)info->si_addr & ~(page_bytes - 1));
	struct region *region = find_region(page);
	size_t bytes = page_bytes;

	(void)number;
	(void)context;
	if (!region || page == region->none) {
		sigaction(SIGSEGV, &old_fault_action, NULL);
		return;
	}
	if (region->wants_huge) {
		page = (char *)((uintptr_t)page & ~(HUGE_BYTES - 1));
		bytes = HUGE_BYTES;
	}
	__real_mprotect(page, bytes, PROT_READ | PROT_WRITE);
	region->touched[(page - region->at) / page_bytes] = true;
	fake_bpf__run_check((uint64_t)(uintptr_t)info->si_addr);
}

/* At each reset: cmocka catches SIGSEGV anew for each test. */
static void catch_faults(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sigaction old;

	page_bytes = sysconf(_SC_PAGESIZE);
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, &action, &old))
		wrap__broken("sigaction");
	if (!(old.sa_flags & SA_SIGINFO) || old.sa_sigaction != on_fault)
		old_fault_action = old;
}

void fake_kernel__reset(void)
{
	catch_faults();
	fake_kernel = (struct fake_kernel){
		.task_size = FAKE_TASK_SIZE_4,
		.has_cast = true,
		.step_ns = NSEC_PER_MSEC,
		.now_ns = NSEC_PER_SEC,
	};
	ring_at = NULL;
	smaps[0] = '\0';
	wrap__forget_files();
	wrap__file("/sys/devices/system/cpu/online", "0-1\n");
	wrap__file("/sys/devices/system/cpu/possible", "0-3\n");
	wrap__file("/proc/sys/kernel/perf_event_paranoid", "3\n");
	wrap__file("/proc/stat", "cpu  10 0 10 200 20\ncpu0 5 0 5 100 10 0\ncpu1 5 0 5 100 10 0\nintr 5\n");
	wrap__file("/proc/zoneinfo", "Node 0, zone   Normal\n        spanned  16777216\n  start_pfn:           0\n");
	wrap__file("/proc/self/smaps", smaps);
}

uint64_t fake_kernel__frame(uint64_t addr)
{
	return 0x10000 + (addr >> 12) % 0xfff1;
}

/* The answer of the hardware for an address of the loader's own, as far as the self-check asks. */
void fake_kernel__truth(uint64_t addr, struct mmu_walk *walk)
{
	const char *at = (const char *)(uintptr_t)addr; /* NOLINT: an address is a number in the wire format */
	const char *page = (const char *)((uintptr_t)at & ~(page_bytes - 1));
	const struct region *region = find_region(at);
	size_t index;

	*walk = (struct mmu_walk){.outcome = mmu_outcome_none(MMU_NONE_NOT_MAPPED), .level = MMU_LEVEL_PTE};
	if (ring_at && page == ring_at) {
		*walk = (struct mmu_walk){.outcome = 12, .level = MMU_LEVEL_PTE, .pfn = FAKE_RING_FRAME};
	} else if (addr >= FAKE_DIRECT_MAP) {
		*walk = (struct mmu_walk){
			.outcome = 30, .level = MMU_LEVEL_PUD, .pfn = (addr - FAKE_DIRECT_MAP) / page_bytes};
	} else if (addr == 1ULL << 62) {
		*walk = (struct mmu_walk){.outcome = mmu_outcome_none(MMU_NONE_NOT_CANONICAL)};
	} else if (region && region->wants_huge) {
		*walk = (struct mmu_walk){.outcome = 21, .level = MMU_LEVEL_PMD};
		walk->pfn = FAKE_HUGE_FRAME + (addr & (HUGE_BYTES - 1)) / page_bytes;
	} else if (region) {
		index = (page - region->at) / page_bytes;
		if (!region->touched[index])
			return;
		*walk = (struct mmu_walk){.outcome = 12,
					  .level = MMU_LEVEL_PTE,
					  .flags = page == region->none ? MMU_FLAG_PROT_NONE : MMU_FLAG_WRITE,
					  .pfn = fake_kernel__frame(addr)};
	}
}

uint64_t fake_kernel__fault_frame(uint64_t addr)
{
	struct mmu_walk walk;

	fake_kernel__truth(addr, &walk);
	return walk.pfn;
}

struct fake_event *fake_kernel__event(int fd)
{
	struct stat file;
	size_t i;

	/* By inode: a number that was closed is given out again. */
	for (i = 0; i < fake_kernel.n_opened && !fstat(fd, &file); i++) {
		if (fake_kernel.opened[i].fd == fd && fake_kernel.opened[i].inode == file.st_ino)
			return &fake_kernel.opened[i];
	}
	return NULL;
}

static int open_event(const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd, unsigned long flags)
{
	struct fake_event *event = &fake_kernel.opened[fake_kernel.n_opened];
	struct stat file;
	int err = 0;
	int fd;

	if (attr->sample_type & fake_kernel.page_sizes_from)
		err = EINVAL;
	else if (attr->sample_type & PERF_SAMPLE_PHYS_ADDR && fake_kernel.refuses_phys)
		err = EACCES;
	else if (fake_kernel.dead_tasks && pid > 0)
		err = ESRCH;
	else if (fake_kernel.n_opened == FAKE_OPENED_MAX)
		err = EMFILE;
	fd = err ? -1 : memfd_create("perf", MFD_CLOEXEC);
	if (fd >= 0 && (ftruncate(fd, 2 * sysconf(_SC_PAGESIZE)) || fstat(fd, &file)))
		err = EIO;
	if (err) {
		errno = err;
		return -1;
	}
	*event = (struct fake_event){*attr, pid, cpu, group_fd, flags, fd, file.st_ino, 0, 0, 0, -1};
	fake_kernel.n_opened++;
	return fd;
}

long __wrap_syscall(long number, ...)
{
	va_list args;
	long arg[5];
	size_t i;

	va_start(args, number);
	for (i = 0; i < 5; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_perf_event_open) {
		if (wrap__enter(WRAP_PERF_EVENT_OPEN, NULL))
			return -1;
		return open_event((const struct perf_event_attr *)arg[0], (pid_t)arg[1], (int)arg[2], (int)arg[3],
				  (unsigned long)arg[4]);
	}
	if (number == SYS_pidfd_open && wrap__enter(WRAP_PIDFD_OPEN, NULL))
		return -1;
	return __real_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4]);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct fake_event *event = fake_kernel__event(fd);
	unsigned long arg;
	va_list args;

	va_start(args, request);
	arg = va_arg(args, unsigned long);
	va_end(args);
	if (!event)
		return __real_ioctl(fd, request, arg);
	if (wrap__enter(WRAP_IOCTL, NULL))
		return -1;
	switch (request) {
	case PERF_EVENT_IOC_ID:
		*(uint64_t *)arg = 1000 + (uint64_t)(event - fake_kernel.opened);
		break;
	case PERF_EVENT_IOC_ENABLE:
		event->enabled++;
		event->enabled_as_group += arg == PERF_IOC_FLAG_GROUP;
		break;
	case PERF_EVENT_IOC_DISABLE:
		event->disabled++;
		break;
	case PERF_EVENT_IOC_SET_BPF:
		event->prog_fd = (int)arg;
		break;
	default:
		errno = ENOTTY;
		return -1;
	}
	return 0;
}

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
	const uint64_t values[] = {fake_kernel.count, fake_kernel.enabled_ns};

	if (fake_bpf__is_iterator(fd)) {
		if (wrap__enter(WRAP_READ, "iterator"))
			return -1;
		fake_bpf__iterate();
		return 0;
	}
	if (!fake_kernel__event(fd))
		return __real_read(fd, bytes, size);
	if (wrap__enter(WRAP_READ, "perf event"))
		return -1;
	if (fake_kernel.short_reads)
		return 0;
	memcpy(bytes, values, size < sizeof(values) ? size : sizeof(values));
	return sizeof(values);
}

static void add_region(char *at, size_t bytes)
{
	size_t i;

	for (i = 0; i < MAX_REGIONS && regions[i].at; i++)
		continue;
	if (i == MAX_REGIONS || bytes / page_bytes > PAGES_MAX)
		wrap__broken("more memory than the fake kernel has");
	regions[i] = (struct region){.at = at, .bytes = bytes};
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	const char *what = !(flags & MAP_ANONYMOUS) ? "of a descriptor" : bytes > HUGE_BYTES ? "for a huge page" : "";
	bool fresh = flags & MAP_ANONYMOUS && protection & PROT_WRITE;
	char *mapped;

	if (wrap__enter(WRAP_MMAP, what))
		return MAP_FAILED;
	mapped = __real_mmap(at, bytes, fresh ? PROT_NONE : protection, flags, fd, offset);
	if (mapped == MAP_FAILED)
		return mapped;
	wrap__note("mappings", 1);
	if (fresh)
		add_region(mapped, bytes);
	if (fake_kernel__event(fd))
		ring_at = mapped;
	return mapped;
}

int __wrap_munmap(void *at, size_t bytes)
{
	struct region *region = find_region(at);
	int ret = __real_munmap(at, bytes);

	if (!ret)
		wrap__note("mappings", -1);
	if (region)
		region->at = NULL;
	return ret;
}

int __wrap_madvise(void *at, size_t bytes, int advice)
{
	struct region *region = find_region(at);

	if (!region)
		return __real_madvise(at, bytes, advice);
	if (wrap__enter(WRAP_MADVISE, advice == MADV_HUGEPAGE ? "MADV_HUGEPAGE" : ""))
		return -1;
	if (advice == MADV_HUGEPAGE) {
		region->wants_huge = true;
		snprintf(smaps, sizeof(smaps),
			 "1000-2000 rw-p 00000000 00:00 0\nAnonHugePages: 4096 kB\n%lx-%lx rw-p 00000000 00:00 0\n"
			 "Size: 4096 kB\nAnonHugePages: %8d kB\n",
			 (unsigned long)(uintptr_t)region->at, (unsigned long)(uintptr_t)region->at + region->bytes,
			 fake_kernel.no_huge_page ? 0 : 2048);
	}
	if (advice == MADV_DONTNEED) {
		__real_mprotect(at, bytes, PROT_NONE);
		memset(&region->touched[((char *)at - region->at) / page_bytes], 0, bytes / page_bytes);
	}
	return 0;
}

int __wrap_mprotect(void *at, size_t bytes, int protection)
{
	struct region *region = find_region(at);

	if (wrap__enter(WRAP_MPROTECT, NULL))
		return -1;
	if (region && protection == PROT_NONE)
		region->none = at;
	return __real_mprotect(at, bytes, protection);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	return wrap__enter(WRAP_MKDIR, path) ? -1 : __real_mkdir(path, mode);
}

/* Every directory is on a BPF file system, but for /proc. */
int __wrap_statfs(const char *path, struct statfs *fs)
{
	int ret = wrap__enter(WRAP_STATFS, path) ? -1 : __real_statfs(path, fs);

	if (!ret && fs->f_type != PROC_SUPER_MAGIC)
		fs->f_type = BPF_FS_MAGIC;
	return ret;
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int n, int timeout_ms)
{
	if (fake_kernel.rings_wake) {
		events[0] = (struct epoll_event){.events = EPOLLIN};
		return 1;
	}
	if (fake_kernel.interrupts) {
		errno = EINTR;
		return -1;
	}
	return __real_epoll_wait(epoll_fd, events, n, fake_kernel.real_waits ? timeout_ms : 0);
}

uint64_t __wrap_clock__now(void)
{
	fake_kernel.now_ns += fake_kernel.step_ns;
	return fake_kernel.now_ns;
}

bool __wrap_stop__wanted(void)
{
	return fake_kernel.stop_in && --fake_kernel.stop_in == 0 ? ++fake_kernel.stop_in : false;
}

/* An estimate is a bonus: a run that cannot have one goes on. */
struct clock_estimate *__wrap_clock_estimate__new(const struct target *target)
{
	struct clock_estimate *estimate;

	wrap__optional(1);
	estimate = __real_clock_estimate__new(target);
	wrap__optional(-1);
	return estimate;
}
