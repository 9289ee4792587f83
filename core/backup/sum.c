#include "backup/sum.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/own.h"

#define READ_BYTES (256u << 10)

int sum_begin(struct sum *s)
{
	EVP_MD_CTX *state = EVP_MD_CTX_new();

	sum_fini(s);
	if (!state || EVP_DigestInit_ex(state, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(state);
		return -ENOMEM;
	}
	s->state = state;
	return 0;
}

void sum_add(struct sum *s, const void *p, size_t n)
{
	(void)EVP_DigestUpdate(s->state, p, n);
}

void sum_end(struct sum *s, char out[static SUM_TEXT])
{
	unsigned char bytes[EVP_MAX_MD_SIZE] = { 0 };

	(void)EVP_DigestFinal_ex(s->state, bytes, NULL);
	for (int i = 0; i < (SUM_TEXT - 1) / 2; i++)
		(void)snprintf(out + (ptrdiff_t)2 * i, 3, "%02x", bytes[i]);
	sum_fini(s);
}

void sum_fini(struct sum *s)
{
	EVP_MD_CTX_free(s->state);
	s->state = NULL;
}

int sum_file(const char *path, uint64_t *bytes, char out[static SUM_TEXT])
{
	_own_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_own_(freep) uint8_t *buffer = malloc(READ_BYTES);
	_own_(sum_fini) struct sum sum = { 0 };
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (!buffer || sum_begin(&sum) < 0)
		return -ENOMEM;
	*bytes = 0;
	while ((n = read(fd, buffer, READ_BYTES)) > 0) {
		sum_add(&sum, buffer, (size_t)n);
		*bytes += (uint64_t)n;
	}
	if (n < 0)
		return -errno;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	sum_end(&sum, out);
	return 0;
}
