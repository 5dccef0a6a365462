/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "code_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "code_internal.h"
#include "decode.h"

/* What the target of a branch counts when bytes vote for the starts of instructions. */
#define LEADER_VOTES 8

static size_t bitmap_bytes(uint64_t bits)
{
	/* One word more, so that 64 bits can be had at any place. */
	return (size_t)(bits / 64 + 2) * sizeof(uint64_t);
}

static void span_free(struct code_span *span)
{
	free(span->bytes);
	free(span->starts);
	free(span->leaders);
	free(span->functions);
}

int code_image__add_span(struct code_image *image, uint64_t place, uint64_t address, uint64_t size, uint8_t *bytes)
{
	struct code_span span = {.place = place, .address = address, .size = size, .bytes = bytes};

	if (image->n_spans == CODE_MAX_SPANS) {
		free(bytes);
		return -E2BIG;
	}
	span.starts = calloc(1, bitmap_bytes(size));
	span.leaders = calloc(1, bitmap_bytes(size));
	span.functions = calloc(1, bitmap_bytes(size));
	if (!span.starts || !span.leaders || !span.functions) {
		span_free(&span);
		return -ENOMEM;
	}
	image->spans[image->n_spans++] = span;
	image->facts.code_bytes += size;
	return 0;
}

struct code_span *code_image__span_at(struct code_image *image, uint64_t address, uint64_t *offset)
{
	for (unsigned int i = 0; i < image->n_spans; i++) {
		struct code_span *span = &image->spans[i];

		if (address - span->address < span->size) {
			*offset = address - span->address;
			return span;
		}
	}
	return NULL;
}

void code_image__mark_function(struct code_image *image, uint64_t address)
{
	uint64_t offset;
	struct code_span *span = code_image__span_at(image, address, &offset);

	if (!span || bitmap_test(span->functions, offset))
		return;
	bitmap_set(span->functions, offset);
	bitmap_set(span->leaders, offset);
	image->facts.functions++;
}

void code_image__mark_leader(struct code_image *image, struct code_span *span, uint64_t address)
{
	uint64_t offset = address - span->address;

	if (offset >= span->size)
		span = code_image__span_at(image, address, &offset);
	if (span)
		bitmap_set(span->leaders, offset);
}

static struct code_image *image_new(int fd)
{
	struct code_image *image = calloc(1, sizeof(*image));

	if (image)
		image->fd = fd;
	return image;
}

/* Keeps what is needed from now on, and counts. */
static void settle(struct code_image *image)
{
	for (unsigned int i = 0; i < image->n_spans; i++) {
		struct code_span *span = &image->spans[i];

		free(span->functions);
		span->functions = NULL;
		if (image->fd >= 0) {
			free(span->bytes);
			span->bytes = NULL;
		}
		for (uint64_t k = 0; k < span->size / 64 + 1; k++)
			image->facts.leaders += (uint64_t)__builtin_popcountll(span->leaders[k]);
	}
}

struct code_image *code_image__from_file(int fd, uint64_t max_bytes, const atomic_bool *stop)
{
	struct code_image *image = image_new(-1);
	struct code_elf elf;
	int err;

	if (!image)
		return NULL;
	err = code_elf__read(&elf, image, fd, max_bytes);
	if (!err)
		err = code_sweep__run(image, &elf, stop);
	if (!err)
		code_elf__mark_pointers(&elf, image);
	code_elf__free(&elf);
	if (!err) {
		image->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (image->fd < 0)
			err = -errno;
	}
	if (err) {
		code_image__free(image);
		errno = -err;
		return NULL;
	}
	settle(image);
	return image;
}

struct code_image *code_image__from_bytes(const uint8_t *bytes, size_t n, uint64_t address)
{
	struct code_image *image;
	uint8_t *copy;
	int err;

	if (!n || address + n < address) {
		errno = EINVAL;
		return NULL;
	}
	image = image_new(-1);
	copy = malloc(n);
	if (!image || !copy) {
		free(copy);
		free(image);
		errno = ENOMEM;
		return NULL;
	}
	memcpy(copy, bytes, n);
	err = code_image__add_span(image, address, address, n, copy);
	if (!err)
		err = code_sweep__run(image, NULL, NULL);
	if (err) {
		code_image__free(image);
		errno = -err;
		return NULL;
	}
	settle(image);
	return image;
}

void code_image__free(struct code_image *image)
{
	if (!image)
		return;
	for (unsigned int i = 0; i < image->n_spans; i++)
		span_free(&image->spans[i]);
	if (image->fd >= 0)
		close(image->fd);
	free(image);
}

size_t code_image__size(const struct code_image *image)
{
	size_t size = sizeof(*image);

	for (unsigned int i = 0; i < image->n_spans; i++)
		size += 2 * bitmap_bytes(image->spans[i].size) + (image->spans[i].bytes ? image->spans[i].size : 0);
	return size;
}

int code_image__fd(const struct code_image *image)
{
	return image->fd;
}

const struct code_image_facts *code_image__facts(const struct code_image *image)
{
	return &image->facts;
}

/*
 * Where instructions start before the sampled one when no sweep says so: the code is decoded from each byte on, and of
 * the decodings through which control could arrive at the sampled instruction, most have fallen into step with the true
 * one. Where something jumps to is more likely a start than other bytes.
 */
static void vote(struct code_window *window, int first)
{
	int lengths[MMU_CODE_BEFORE], votes[MMU_CODE_BEFORE] = {0}, voters = 0;
	bool arrives[MMU_CODE_BEFORE + 1] = {false};

	arrives[MMU_CODE_BEFORE] = true;
	for (int at = MMU_CODE_BEFORE - INSN_ALIGN; at >= first; at -= INSN_ALIGN) {
		struct insn insn;

		lengths[at] = 0;
		if (insn__decode(window->code + at, (size_t)(MMU_CODE_BEFORE - at), &insn) ||
		    insn.flow == INSN_FLOW_JUMP || insn.flow == INSN_FLOW_RETURN || insn.flow == INSN_FLOW_STOP)
			continue;
		lengths[at] = insn.length;
		arrives[at] = arrives[at + insn.length];
	}
	window->marks[MMU_CODE_BEFORE] |= CODE_START;
	for (int at = first; at < MMU_CODE_BEFORE; at++) {
		int weight = window->marks[at] & CODE_LEADER ? LEADER_VOTES : 1;

		if (arrives[at]) {
			voters += weight;
			for (int i = at; i < MMU_CODE_BEFORE; i += lengths[i])
				votes[i] += weight;
		}
		/* All that could pass here have voted. */
		if (votes[at] * 2 > voters)
			window->marks[at] |= CODE_START;
	}
}

static const struct code_span *span_of_place(const struct code_image *image, uint64_t place)
{
	for (unsigned int i = 0; i < image->n_spans; i++)
		if (place - image->spans[i].place < image->spans[i].size)
			return &image->spans[i];
	return NULL;
}

/* The part of a window that can be compared with an image: window->code[first … first + n), at `from` of the span. */
struct part {
	uint64_t from;
	size_t first;
	size_t n;
};

static struct part part_of(uint64_t at, uint64_t before, uint64_t after)
{
	return (struct part){
		.from = at - before,
		.first = (size_t)(MMU_CODE_BEFORE - before),
		.n = (size_t)(before + after),
	};
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Are the bytes of the image, of which `bytes` holds `whole`, those of the window in this part of it? */
static bool is_same(const uint8_t *bytes, const struct part *whole, const struct part *part,
		    const struct code_window *window)
{
	return !memcmp(bytes + (part->first - whole->first), window->code + part->first, part->n);
}

/*
 * Finds the part of the window in which it is the image's code: all that the span has, or, where the sampler could not read
 * that much, without what lies before the block of the sampled address.
 */
static int compare(const struct code_image *image, const struct code_span *span, uint64_t at,
		   const struct code_window *window, struct part *part)
{
	uint64_t before = at_most(at, MMU_CODE_BEFORE), after = at_most(span->size - at, MMU_CODE_AFTER);
	struct part whole = part_of(at, before, after);
	uint8_t bytes[MMU_CODE_BYTES];

	if (span->bytes)
		memcpy(bytes, span->bytes + whole.from, whole.n);
	else if (pread(image->fd, bytes, whole.n, (off_t)(span->place + whole.from)) != (ssize_t)whole.n)
		return -ESTALE;
	*part = whole;
	if (is_same(bytes, &whole, part, window))
		return 0;
	*part = part_of(at, at_most(before, (span->place + at) % MMU_CODE_BLOCK), after);
	if (part->n == whole.n || !is_zero(window->code, part->first))
		return -ESTALE;
	return is_same(bytes, &whole, part, window) ? 0 : -ESTALE;
}

int code_image__mark(const struct code_image *image, uint64_t place, struct code_window *window)
{
	const struct code_span *span = span_of_place(image, place);
	struct part part;
	uint64_t at;
	int err;

	if (!span)
		return -ERANGE;
	at = place - span->place;
	err = compare(image, span, at, window, &part);
	if (err)
		return err;
	memset(window->marks, 0, sizeof(window->marks));
	for (size_t i = 0; i < part.n; i++)
		if (bitmap_test(span->leaders, part.from + i))
			window->marks[part.first + i] |= CODE_LEADER;
	if (image->fd < 0 || !bitmap_test(span->starts, at)) {
		vote(window, (int)part.first);
		return 0;
	}
	for (size_t i = 0; i < part.n; i++)
		if (bitmap_test(span->starts, part.from + i))
			window->marks[part.first + i] |= CODE_START;
	return 0;
}

size_t code_image__read(const struct code_image *image, uint64_t place, uint8_t *bytes, size_t n)
{
	const struct code_span *span = span_of_place(image, place);
	ssize_t got;

	if (!span)
		return 0;
	if (n > span->size - (place - span->place))
		n = span->size - (place - span->place);
	if (span->bytes) {
		memcpy(bytes, span->bytes + (place - span->place), n);
		return n;
	}
	got = pread(image->fd, bytes, n, (off_t)place);
	return got > 0 ? (size_t)got : 0;
}
