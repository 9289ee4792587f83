#include "registry/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* 12 MiB and 3 passes: the least that current advice for argon2id calls sound, and the most that a
 * machine with 256 MiB can spend on each of several logins at once. The memory is mapped for the
 * hash alone and given back after it, so an idle process keeps none of it. */
#define PASSES       3u
#define MEMORY_BYTES (12u << 20)

int password_hash(struct sb_str password, char out[static PASSWORD_HASH_BYTES])
{
	_Static_assert(crypto_pwhash_argon2id_STRBYTES <= PASSWORD_HASH_BYTES, "hash fits");

	if (sodium_init() < 0)
		return -EIO;
	if (crypto_pwhash_argon2id_str(out, password.n ? password.p : "", password.n, PASSES,
	                               MEMORY_BYTES) != 0)
		return -ENOMEM;
	return 0;
}

int password_verify(struct sb_str password, const char *hash)
{
	int saved;

	if (sodium_init() < 0)
		return -EIO;
	errno = 0;
	if (crypto_pwhash_argon2id_str_verify(hash, password.n ? password.p : "", password.n) == 0)
		return 0;
	saved = errno;
	return saved == ENOMEM ? -ENOMEM : -EACCES;
}

int password_nobody(char out[static PASSWORD_HASH_BYTES])
{
	unsigned char random[crypto_pwhash_argon2id_SALTBYTES + 32];
	char salt[32];
	char hash[64];

	if (sodium_init() < 0)
		return -EIO;
	randombytes_buf(random, sizeof(random));
	sodium_bin2base64(salt, sizeof(salt), random, crypto_pwhash_argon2id_SALTBYTES,
	                  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	sodium_bin2base64(hash, sizeof(hash), random + crypto_pwhash_argon2id_SALTBYTES, 32,
	                  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	(void)snprintf(out, PASSWORD_HASH_BYTES, "$argon2id$v=19$m=%u,t=%u,p=1$%s$%s",
	               MEMORY_BYTES / 1024, PASSES, salt, hash);
	return 0;
}
