#include "backup/tar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "backup/files.h"
#include "base/own.h"

#define OCTAL_MOST UINT64_C(077777777777) /* what eleven digits say */
#define PAX_MAX    (64u << 10)

struct head { /* ustar */
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
	char magic[6], version[2], owner[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct head) == TAR_BLOCK, "a head is one block");

static unsigned sum_of(const struct head *h)
{
	const uint8_t *p = (const void *)h;
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof(*h); i++)
		sum += i >= offsetof(struct head, sum) && i < offsetof(struct head, type) ? ' '
		                                                                          : p[i];
	return sum;
}

static uint64_t padding(uint64_t bytes)
{
	return (TAR_BLOCK - bytes % TAR_BLOCK) % TAR_BLOCK;
}

/* ---- writing */

/* A name that is too long for one field is split at a slash. */
static int name_give(struct head *h, const char *name)
{
	size_t n = strlen(name);

	if (n <= sizeof(h->name)) {
		memcpy(h->name, name, n);
		return 0;
	}
	for (const char *p = strchr(name, '/'); p; p = strchr(p + 1, '/')) {
		size_t front = (size_t)(p - name);
		if (front > sizeof(h->prefix))
			break;
		if (n - front - 1 > sizeof(h->name))
			continue;
		memcpy(h->prefix, name, front);
		memcpy(h->name, p + 1, n - front - 1);
		return 0;
	}
	return -ENAMETOOLONG;
}

static int head_give(int fd, const char *name, char type, uint64_t bytes, int64_t mtime_s)
{
	struct head h = { .type = type };
	char text[16];
	int r = name_give(&h, name);

	if (r < 0)
		return r;
	memcpy(h.mode, "0000600", 8);
	memcpy(h.uid, "0000000", 8);
	memcpy(h.gid, "0000000", 8);
	(void)snprintf(text, sizeof(text), "%011" PRIo64, MIN(bytes, OCTAL_MOST));
	memcpy(h.size, text, sizeof(h.size));
	(void)snprintf(text, sizeof(text), "%011" PRIo64,
	               MIN((uint64_t)MAX(mtime_s, 0), OCTAL_MOST));
	memcpy(h.mtime, text, sizeof(h.mtime));
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	(void)snprintf(text, sizeof(text), "%06o", sum_of(&h));
	memcpy(h.sum, text, 7);
	h.sum[7] = ' ';
	return files_write(fd, &h, sizeof(h));
}

/* "LENGTH size=N\n", where LENGTH counts itself. */
static int size_give(int fd, uint64_t bytes)
{
	char text[TAR_BLOCK] = { 0 };
	char value[48];
	int n = snprintf(value, sizeof(value), " size=%" PRIu64 "\n", bytes) + 2;

	n = snprintf(text, sizeof(text), "%d%s", n, value);
	int r = head_give(fd, "pax/size", 'x', (uint64_t)n, 0);

	return r < 0 ? r : files_write(fd, text, sizeof(text));
}

int tar_begin(struct tar_writer *t, const char *name, uint64_t bytes, int64_t mtime_s)
{
	int r = bytes > OCTAL_MOST ? size_give(t->fd, bytes) : 0;

	t->left = bytes;
	t->pad = padding(bytes);
	return r < 0 ? r : head_give(t->fd, name, '0', bytes, mtime_s);
}

int tar_put(struct tar_writer *t, const void *p, size_t n)
{
	static const char zeros[TAR_BLOCK];

	if (n > t->left)
		return -EFBIG;
	int r = files_write(t->fd, p, n);

	t->left -= n;
	if (r == 0 && t->left == 0) {
		r = files_write(t->fd, zeros, t->pad);
		t->pad = 0;
	}
	return r;
}

int tar_end(struct tar_writer *t)
{
	static const char zeros[2 * TAR_BLOCK];

	return files_write(t->fd, zeros, sizeof(zeros));
}

/* ---- reading */

/* All n bytes: 1; 0 at the end before the first; SB_E_CORRUPT in between. */
static int get_all(int fd, void *p, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = read(fd, (char *)p + have, n - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return have ? SB_E_CORRUPT : 0;
		have += (size_t)got;
	}
	return 1;
}

static int skip(struct tar_reader *t, uint64_t n)
{
	char scrap[4096];

	while (n) {
		size_t part = (size_t)MIN(n, (uint64_t)sizeof(scrap));
		int r = get_all(t->fd, scrap, part);
		if (r <= 0)
			return r < 0 ? r : SB_E_CORRUPT;
		n -= part;
	}
	return 0;
}

static int octal_take(const char *field, size_t n, uint64_t *out)
{
	size_t i = 0;

	*out = 0;
	while (i < n && field[i] == ' ')
		i++;
	if (i == n)
		return SB_E_CORRUPT;
	for (; i < n && field[i] && field[i] != ' '; i++) {
		if (field[i] < '0' || field[i] > '7')
			return SB_E_CORRUPT;
		*out = *out * 8 + (uint64_t)(field[i] - '0');
	}
	return 0;
}

static bool is_zero(const struct head *h)
{
	static const struct head zero;

	return memcmp(h, &zero, sizeof(zero)) == 0;
}

static void name_take(struct tar_reader *t, const struct head *h)
{
	size_t front = strnlen(h->prefix, sizeof(h->prefix));

	(void)snprintf(t->name, sizeof(t->name), "%.*s%s%.*s", (int)front, h->prefix,
	               front ? "/" : "", (int)strnlen(h->name, sizeof(h->name)), h->name);
}

/* Of the records of the next file only its size means something to us. */
static int pax_take(struct tar_reader *t, uint64_t n, uint64_t *size)
{
	_own_(freep) char *text = n <= PAX_MAX ? calloc(1, n + 1) : NULL;

	if (!text)
		return n <= PAX_MAX ? -ENOMEM : SB_E_CORRUPT;
	int r = get_all(t->fd, text, n);

	if (r <= 0)
		return r < 0 || n == 0 ? r : SB_E_CORRUPT;
	for (char *at = text; *at;) {
		char *end = NULL;
		size_t length = strtoul(at, &end, 10);
		if (*end != ' ' || length < 4 || length > n - (size_t)(at - text))
			return SB_E_CORRUPT;
		if (strncmp(end, " size=", 6) == 0)
			*size = strtoull(end + 6, NULL, 10);
		at += length;
	}
	return skip(t, padding(n));
}

static int head_take(struct tar_reader *t, struct head *h, uint64_t *size)
{
	uint64_t sum = 0;
	int r = get_all(t->fd, h, sizeof(*h));

	if (r <= 0)
		return r < 0 ? r : SB_E_CORRUPT; /* an archive says where it ends */
	if (is_zero(h))
		return 0;
	if (memcmp(h->magic, "ustar", 5) != 0 || octal_take(h->sum, sizeof(h->sum), &sum) < 0 ||
	    sum != sum_of(h) || octal_take(h->size, sizeof(h->size), size) < 0)
		return SB_E_CORRUPT;
	return 1;
}

int tar_next(struct tar_reader *t)
{
	uint64_t told = UINT64_MAX;
	struct head h;
	int r = skip(t, t->left + t->pad);

	t->left = t->pad = 0;
	while (r == 0) {
		uint64_t size = 0;
		r = head_take(t, &h, &size);
		if (r <= 0)
			return r;
		r = 0;
		if (h.type == 'x') {
			r = pax_take(t, size, &told);
		} else if (h.type == '5' || h.type == 'g') {
			r = skip(t, size + padding(size));
		} else if (h.type == '0' || h.type == '\0') {
			name_take(t, &h);
			t->bytes = t->left = told != UINT64_MAX ? told : size;
			t->pad = padding(t->bytes);
			return 1;
		} else {
			return SB_E_TYPE;
		}
	}
	return r;
}

ssize_t tar_get(struct tar_reader *t, void *p, size_t n)
{
	size_t part = (size_t)MIN((uint64_t)n, t->left);

	if (!part)
		return 0;
	int r = get_all(t->fd, p, part);
	if (r <= 0)
		return r < 0 ? r : SB_E_CORRUPT;
	t->left -= part;
	return (ssize_t)part;
}
