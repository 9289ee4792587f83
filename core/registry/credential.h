/* What a device proves itself with: a text in its document. "$argon2id$..." is the hash of a
 * password, "x509:" the fingerprint of a certificate, "psk:" a pre-shared key in hex, which cannot
 * be hashed because TLS needs it. A device has one, and a next one beside it while it is
 * rotated. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct device;
struct registry;

#define CREDENTIAL_PSK_MAX 64 /* bytes of a key */

enum credential_kind {
	CREDENTIAL_NONE,
	CREDENTIAL_PASSWORD,
	CREDENTIAL_CERTIFICATE,
	CREDENTIAL_PSK
};
extern const char *const credential_names[]; /* "none", "password", "certificate", "psk" */

enum credential_kind credential_kind_of(const char *text); /* NULL: none */
/* The text of a certificate (PEM or fingerprint) or of a key in hex (16 to 64 bytes). -EINVAL. */
int credential_of_certificate(struct sb_str certificate, char **out);
int credential_of_psk(struct sb_str key, char **out);
/* The bytes of a "psk:" text; 0 if it is none. */
uint32_t credential_psk(const char *text, uint8_t key[static CREDENTIAL_PSK_MAX]);

/* ---- which device a fingerprint belongs to. Any thread. */
struct device *credential_find(struct registry *reg, const char *fingerprint);
/* Keeps the index right; L is not held. */
void credential_forget(struct registry *reg, const struct device *dev, const char *text);
int credential_learn(struct registry *reg, struct device *dev, const char *text);
