#define LOG_MODULE "auth"
#include "registry/proof.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/certificate.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/device.h"
#include "registry/inner.h"

/* The device a certificate of the provisioning CA names. */
static int named(struct registry *reg, const struct certificate *cert, struct device **out)
{
	enum certificates whom = __atomic_load_n(&reg->config.certificates, __ATOMIC_RELAXED);
	struct sb_str id = sb_str_of(cert->name, strlen(cert->name));
	bool pinned;
	int r;

	if (whom == CERTIFICATES_REGISTERED || !id.n)
		return -EACCES;
	r = whom == CERTIFICATES_NAMED ? registry_find(reg, id, out)
	                               : registry_meet_as(reg, id, PROVISION_ACTIVE, out);
	if (r < 0)
		return r == SB_E_QUOTA || r == -ENOMEM ? r : -EACCES;
	/* A device with a certificate of its own has no other. */
	registry_lock(reg);
	pinned = credential_kind_of((*out)->credential) == CREDENTIAL_CERTIFICATE;
	registry_unlock(reg);
	return pinned ? -EACCES : 0;
}

static int of_certificate(struct registry *reg, const struct sb_credentials *cred,
                          struct sb_principal *out, int64_t *until)
{
	struct certificate cert;
	struct device *dev;
	int r = certificate_take(cred->cert_der, &cert);

	if (r < 0 || cert.until_ns <= clock_utc())
		return -EACCES;
	dev = credential_find(reg, cert.fingerprint);
	if (!dev)
		r = cred->cert_trusted ? named(reg, &cert, &dev) : -EACCES;
	if (r < 0) {
		char shown[160];
		log_info("the certificate of \"%s\", sha256 %s, is nobody's here",
		         text_show(shown, sizeof(shown), sb_str_of(cert.name, strlen(cert.name))),
		         cert.fingerprint);
		return r;
	}
	*out = device_principal(dev);
	*until = cert.until_ns;
	return device_suspended(dev);
}

/* TLS tries one key for an identity, so the next one has an identity of its own. */
static bool cut_next(struct sb_str *identity)
{
	static const char next[] = "#next";
	size_t n = sizeof(next) - 1;

	if (identity->n <= n || memcmp(identity->p + identity->n - n, next, n) != 0)
		return false;
	identity->n -= n;
	return true;
}

static int of_key(struct registry *reg, struct sb_str identity, struct sb_principal *out)
{
	uint8_t key[CREDENTIAL_PSK_MAX];
	bool has = proof_psk(reg, identity, key) > 0;
	struct device *dev;

	(void)cut_next(&identity);
	if (registry_find(reg, identity, &dev) < 0)
		return -EACCES;
	sodium_memzero(key, sizeof(key));
	*out = device_principal(dev);
	return has ? device_suspended(dev) : -EACCES;
}

uint32_t proof_psk(struct registry *reg, struct sb_str identity,
                   uint8_t key[static CREDENTIAL_PSK_MAX])
{
	struct device *dev;
	uint32_t n;

	bool next = cut_next(&identity);

	if (registry_find(reg, identity, &dev) < 0)
		return 0;
	registry_lock(reg);
	n = credential_psk(next ? dev->next_credential : dev->credential, key);
	registry_unlock(reg);
	return n;
}

int proof_check(struct registry *reg, const struct sb_credentials *cred, struct sb_principal *out,
                int64_t *until)
{
	if (cred->psk_identity.n)
		return of_key(reg, cred->psk_identity, out);
	if (!cred->cert_der.n)
		return 1;
	int r = of_certificate(reg, cred, out, until);
	/* Whoever has a certificate that is nobody's may still have a password. */
	return r == -EACCES && cred->password.n ? 1 : r;
}
