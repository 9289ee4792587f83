#include "host/allow.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/own.h"

#define MAX_LIST_BYTES (1u << 20)
#define HEX_BYTES      64

static void end_digest(EVP_MD_CTX **md)
{
	EVP_MD_CTX_free(*md);
}

static int digest_of(int fd, char hex[static HEX_BYTES + 1])
{
	_own_(end_digest) EVP_MD_CTX *md = EVP_MD_CTX_new();
	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		return -ENOMEM;
	uint8_t block[8192];
	off_t at = 0;
	for (;;) {
		ssize_t n = pread(fd, block, sizeof(block), at);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		EVP_DigestUpdate(md, block, (size_t)n);
		at += n;
	}
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_DigestFinal_ex(md, sum, &len);
	for (unsigned i = 0; i < len && i < HEX_BYTES / 2; i++)
		snprintf(hex + i * 2, 3, "%02x", sum[i]);
	return 0;
}

/* Does a line begin with this digest? Comments and blank lines never do. */
static bool lists(const struct buffer *list, const char *hex)
{
	const char *p = (const char *)list->p;
	const char *end = p + list->n;
	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop)
			stop = end;
		size_t n = (size_t)(stop - p);
		if (n >= HEX_BYTES && strncasecmp(p, hex, HEX_BYTES) == 0 &&
		    (n == HEX_BYTES || strchr(" \t\r", p[HEX_BYTES])))
			return true;
		p = stop + 1;
	}
	return false;
}

int allow_check(const char *list, const char *path, int fd, char *why, size_t cap)
{
	if (!list)
		return 0;
	_own_(buffer_fini) struct buffer text = { 0 };
	int r = file_read_all(list, MAX_LIST_BYTES, &text);
	if (r < 0) {
		snprintf(why, cap, "the allow-list %s cannot be read", list);
		return r;
	}
	char hex[HEX_BYTES + 1] = "";
	r = digest_of(fd, hex);
	if (r < 0) {
		snprintf(why, cap, "cannot be read");
		return r;
	}
	if (lists(&text, hex))
		return 0;
	const char *name = strrchr(path, '/');
	snprintf(why, cap, "not in %s: add the line \"%s  %s\" if you trust it", list, hex,
	         name ? name + 1 : path);
	return -EPERM;
}
