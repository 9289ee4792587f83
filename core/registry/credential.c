#include "registry/credential.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/certificate.h"
#include "base/map.h"
#include "registry/inner.h"

#define X509    "x509:"
#define PSK     "psk:"
#define PSK_MIN 16

const char *const credential_names[] = { "none", "password", "certificate", "psk" };

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

enum credential_kind credential_kind_of(const char *text)
{
	if (!text || !*text)
		return CREDENTIAL_NONE;
	return begins(text, X509)  ? CREDENTIAL_CERTIFICATE
	       : begins(text, PSK) ? CREDENTIAL_PSK
	                           : CREDENTIAL_PASSWORD;
}

int credential_of_certificate(struct sb_str certificate, char **out)
{
	struct certificate c;
	int r = certificate_parse(certificate, &c);

	if (r < 0)
		return r;
	return asprintf(out, X509 "%s", c.fingerprint) < 0 ? -ENOMEM : 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int credential_of_psk(struct sb_str key, char **out)
{
	if (key.n % 2 || key.n < 2 * (size_t)PSK_MIN || key.n > 2 * (size_t)CREDENTIAL_PSK_MAX)
		return -EINVAL;
	for (size_t i = 0; i < key.n; i++)
		if (hex(key.p[i]) < 0)
			return -EINVAL;
	return asprintf(out, PSK "%.*s", (int)key.n, key.p) < 0 ? -ENOMEM : 0;
}

uint32_t credential_psk(const char *text, uint8_t key[static CREDENTIAL_PSK_MAX])
{
	uint32_t n = 0;

	if (credential_kind_of(text) != CREDENTIAL_PSK)
		return 0;
	for (const char *p = text + strlen(PSK); p[0] && p[1] && n < CREDENTIAL_PSK_MAX; p += 2)
		key[n++] = (uint8_t)((unsigned)hex(p[0]) << 4 | (unsigned)hex(p[1]));
	return n;
}

/* ---- the index */

struct device *credential_find(struct registry *reg, const char *fingerprint)
{
	struct device *dev;

	pthread_rwlock_rdlock(&reg->ids_lock);
	dev = map_find(reg->certificates, sb_str_of(fingerprint, strlen(fingerprint)));
	pthread_rwlock_unlock(&reg->ids_lock);
	return dev;
}

static struct sb_str fingerprint_of(const char *text)
{
	if (credential_kind_of(text) != CREDENTIAL_CERTIFICATE)
		return sb_str_of(NULL, 0);
	return sb_str_of(text + strlen(X509), strlen(text + strlen(X509)));
}

void credential_forget(struct registry *reg, const struct device *dev, const char *text)
{
	struct sb_str fingerprint = fingerprint_of(text);

	if (!fingerprint.n)
		return;
	pthread_rwlock_wrlock(&reg->ids_lock);
	if (map_find(reg->certificates, fingerprint) == dev)
		(void)map_remove(reg->certificates, fingerprint);
	pthread_rwlock_unlock(&reg->ids_lock);
}

int credential_learn(struct registry *reg, struct device *dev, const char *text)
{
	struct sb_str fingerprint = fingerprint_of(text);
	int r;

	if (!fingerprint.n)
		return 0;
	pthread_rwlock_wrlock(&reg->ids_lock);
	r = map_put(reg->certificates, fingerprint, dev);
	pthread_rwlock_unlock(&reg->ids_lock);
	return r;
}
