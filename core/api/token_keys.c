#include "api/token_keys.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <signalbox/error.h>

#include "api/token.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"

#define LOG_MODULE "token"
#define KEYS_MAX   8

struct token_keys {
	size_t n;
	struct token_key keys[KEYS_MAX];
};

static void pkey_freep(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void bio_freep(BIO **bio)
{
	BIO_free(*bio);
}

static int bio_copy(BIO *bio, char *out, size_t cap)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	if (n <= 0 || (size_t)n >= cap)
		return SB_E_FAIL;
	memcpy(out, p, (size_t)n);
	out[n] = '\0';
	return 0;
}

/* kid: the first half of the SHA-256 of the public key, in hex. */
static int key_kid(EVP_PKEY *pkey, char kid[static 17])
{
	unsigned char *der = NULL;
	unsigned char sum[EVP_MAX_MD_SIZE];
	int n = i2d_PUBKEY(pkey, &der);
	int ok = n > 0 && EVP_Digest(der, (size_t)n, sum, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	for (size_t i = 0; ok && i < 8; i++)
		snprintf(kid + 2 * i, 3, "%02x", sum[i]);
	return ok ? 0 : SB_E_FAIL;
}

static int key_fill(EVP_PKEY *pkey, struct token_key *out)
{
	_own_(bio_freep) BIO *private_bio = BIO_new(BIO_s_mem());
	_own_(bio_freep) BIO *public_bio = BIO_new(BIO_s_mem());
	char group[32] = "";

	EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
	if (strcmp(group, "prime256v1") != 0)
		return SB_E_TYPE;
	if (!private_bio || !public_bio ||
	    PEM_write_bio_PrivateKey(private_bio, pkey, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_PUBKEY(public_bio, pkey) != 1 ||
	    bio_copy(private_bio, out->private_pem, sizeof(out->private_pem)) < 0 ||
	    bio_copy(public_bio, out->public_pem, sizeof(out->public_pem)) < 0)
		return SB_E_FAIL;
	return key_kid(pkey, out->kid);
}

/* Makes a key and its file. */
static int key_make(const char *dir)
{
	_own_(pkey_freep) EVP_PKEY *pkey = EVP_EC_gen("P-256");
	struct token_key key = { 0 };
	char path[4096];
	int r = pkey ? key_fill(pkey, &key) : SB_E_FAIL;

	if (r == 0) {
		snprintf(path, sizeof(path), "%s/api-%lld-%s.pem", dir,
		         (long long)(clock_utc() / NS_PER_S), key.kid);
		r = file_write_atomic(path, key.private_pem, strlen(key.private_pem), 0600);
	}
	OPENSSL_cleanse(&key, sizeof(key));
	if (r < 0)
		return log_error(r, "cannot make a signing key in %s", dir);
	log_info("made the signing key %s", path);
	return 0;
}

static int key_read(const char *path, long long created_s, struct token_key *out)
{
	struct stat st;
	FILE *f = fopen(path, "re");

	if (!f || fstat(fileno(f), &st) < 0) {
		int r = -errno;

		if (f)
			fclose(f);
		return log_error(r, "cannot read the signing key %s", path);
	}
	if (st.st_mode & 077) {
		fclose(f);
		return log_error(-EACCES, "others may read %s: run chmod 600 on it, or remove it",
		                 path);
	}
	_own_(pkey_freep) EVP_PKEY *pkey = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	int r = pkey ? key_fill(pkey, out) : SB_E_CORRUPT;

	fclose(f);
	out->created_s = created_s;
	return r < 0 ? log_error(r, "%s is not a P-256 private key", path) : 0;
}

static int keys_scan(struct token_keys *keys, const char *dir)
{
	DIR *d = opendir(dir);

	if (!d)
		return -errno;
	const struct dirent *e;
	int r = 0;

	while (r == 0 && (e = readdir(d)) && keys->n < KEYS_MAX) {
		char created[19];
		char kid[17];
		char path[4096];
		int end = 0;

		if (sscanf(e->d_name, "api-%18[0-9]-%16[0-9a-f].pem%n", created, kid, &end) != 2 ||
		    end == 0 || e->d_name[end] != '\0')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		r = key_read(path, strtoll(created, NULL, 10), &keys->keys[keys->n]);
		keys->n += r == 0;
	}
	closedir(d);
	return r;
}

int token_keys_open(struct token_keys **out, const char *data_dir, bool make)
{
	char dir[4000];
	struct token_keys *keys = calloc(1, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	snprintf(dir, sizeof(dir), "%s/keys", data_dir);
	int r = make ? file_make_dir(dir, 0700) : 0;

	if (r == 0)
		r = keys_scan(keys, dir);
	if (r == 0 && keys->n == 0)
		r = make ? key_make(dir) : -ENOENT;
	if (r == 0 && keys->n == 0)
		r = keys_scan(keys, dir);
	if (r < 0)
		token_keys_free(keys);
	else
		*out = keys;
	return r;
}

struct token_keys *token_keys_free(struct token_keys *keys)
{
	if (keys)
		OPENSSL_cleanse(keys, sizeof(*keys));
	free(keys);
	return NULL;
}

const struct token_key *token_keys_newest(const struct token_keys *keys)
{
	const struct token_key *newest = &keys->keys[0];

	for (size_t i = 1; i < keys->n; i++)
		if (keys->keys[i].created_s > newest->created_s)
			newest = &keys->keys[i];
	return newest;
}

const struct token_key *token_keys_find(const struct token_keys *keys, const char *kid)
{
	for (size_t i = 0; i < keys->n; i++)
		if (strcmp(keys->keys[i].kid, kid) == 0)
			return &keys->keys[i];
	return NULL;
}
