#include "base/certificate.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static const char digits[] = "0123456789abcdef";

static int take_fingerprint(const X509 *x, struct certificate *out)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (X509_digest(x, EVP_sha256(), hash, &n) != 1 || n != CERTIFICATE_FINGERPRINT / 2)
		return -EINVAL;
	for (unsigned int i = 0; i < n; i++) {
		out->fingerprint[2 * i] = digits[hash[i] >> 4];
		out->fingerprint[2 * i + 1] = digits[hash[i] & 15];
	}
	return 0;
}

static void take_name(const X509 *x, struct certificate *out)
{
	const X509_NAME *subject = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return;
	int n = ASN1_STRING_to_UTF8(&text,
	                            X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (n > 0 && (size_t)n < sizeof(out->name) && !memchr(text, 0, (size_t)n))
		memcpy(out->name, text, (size_t)n);
	OPENSSL_free(text);
}

static int take(const X509 *x, struct certificate *out)
{
	struct tm end = { 0 };

	*out = (struct certificate){ 0 };
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &end) != 1)
		return -EINVAL;
	time_t end_s = timegm(&end);
	out->until_ns = end_s > INT64_MAX / NS_PER_S ? INT64_MAX : end_s * NS_PER_S;
	take_name(x, out);
	return take_fingerprint(x, out);
}

int certificate_take(struct sb_bytes der, struct certificate *out)
{
	const unsigned char *p = der.p;
	X509 *x = der.n <= LONG_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;
	int r = x && p == der.p + der.n ? take(x, out) : -EINVAL;

	X509_free(x);
	ERR_clear_error();
	return r;
}

static int parse_hex(struct sb_str text, struct certificate *out)
{
	size_t n = 0;

	*out = (struct certificate){ 0 };
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == ':' || c == ' ' || c == '\n')
			continue;
		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		if (!is_digit || n == CERTIFICATE_FINGERPRINT)
			return -EINVAL;
		out->fingerprint[n++] = c;
	}
	return n == CERTIFICATE_FINGERPRINT ? 0 : -EINVAL;
}

int certificate_parse(struct sb_str text, struct certificate *out)
{
	if (!text.n || !memmem(text.p, text.n, "-----BEGIN", 10))
		return parse_hex(text, out);
	BIO *bio = text.n <= INT_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	int r = x ? take(x, out) : -EINVAL;

	X509_free(x);
	BIO_free(bio);
	ERR_clear_error();
	return r;
}
