/* What an X.509 certificate says about its holder. Whether it may be believed is not asked here.
 * Any thread. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

#define CERTIFICATE_FINGERPRINT 64 /* characters: sha256 of the DER form, hex in lower case */

struct certificate {
	char fingerprint[CERTIFICATE_FINGERPRINT + 1];
	char name[129];   /* common name; empty if it has none, more than one, or a longer one */
	int64_t until_ns; /* UTC of its end */
};

/* -EINVAL. */
int certificate_take(struct sb_bytes der, struct certificate *out);
/* PEM text with one certificate first, or a fingerprint in hex, colons allowed; of the latter name
 * is empty and until_ns 0. -EINVAL. */
int certificate_parse(struct sb_str text, struct certificate *out);
