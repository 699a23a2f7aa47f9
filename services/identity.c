// SPDX-License-Identifier: GPL-2.0
/*
 * The key and the certificate that sign instance identity documents, as EC2's
 * region does. They are made once and lie in the state directory; whoever is to
 * believe documents of this host is given the certificate.
 */

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/stat.h>

#include "identity.h"

#define BITS 2048
#define YEARS 30
#define KEY_FILE "identity.key"
#define CERTIFICATE_FILE "identity.pem"

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static int openssl_fail(struct error *e, const char *what)
{
	char text[128];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return fail(e, ERR_FAILED, "cannot %s: %s", what, text);
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name;
	uint64_t serial;

	if (!x || RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
		goto bad;
	name = X509_get_subject_name(x);
	if (!X509_set_version(x, X509_VERSION_3) ||
	    !ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) ||
	    !X509_gmtime_adj(X509_getm_notBefore(x), -24 * 3600L) ||
	    !X509_time_adj_ex(X509_getm_notAfter(x), YEARS * 365, 0, NULL) ||
	    !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					(const unsigned char *)"Nitro instance identity",
					-1, -1, 0) ||
	    !X509_set_issuer_name(x, name) || !X509_set_pubkey(x, key) ||
	    !X509_sign(x, key, EVP_sha256()))
		goto bad;
	return x;
bad:
	X509_free(x);
	return NULL;
}

/* Under another name first: there is a whole file or none */
static int write_file(const char *dir, const char *name, int mode,
		      int (*fn)(FILE *f, struct identity *id), struct identity *id,
		      struct error *e)
{
	_cleanup_free_ char *path = xprintf("%s/%s", dir, name);
	_cleanup_free_ char *draft = xprintf("%s.new", path);
	int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	bool ok;

	if (!f) {
		fail(e, ERR_FAILED, "cannot write '%s': %s", draft, strerror(errno));
		close_fd(&fd);
		return -EIO;
	}
	ok = fn(f, id) && !fflush(f) && !fsync(fd);
	if (fclose(f) || !ok || rename(draft, path) < 0)
		return fail(e, ERR_FAILED, "cannot write '%s': %s", path, strerror(errno));
	return 0;
}

static int write_key(FILE *f, struct identity *id)
{
	return PEM_write_PKCS8PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL);
}

static int write_certificate(FILE *f, struct identity *id)
{
	return PEM_write_X509(f, id->certificate);
}

static int create(struct identity *id, const char *dir, struct error *e)
{
	int r;

	id->key = EVP_RSA_gen(BITS);
	id->certificate = id->key ? make_certificate(id->key) : NULL;
	if (!id->certificate)
		return openssl_fail(e, "make the identity key");
	r = write_file(dir, CERTIFICATE_FILE, 0644, write_certificate, id, e);
	/* the key last: where it is, its certificate is, too */
	return r < 0 ? r : write_file(dir, KEY_FILE, 0600, write_key, id, e);
}

static FILE *open_file(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xprintf("%s/%s", dir, name);

	return fopen(path, "re");
}

static int load(struct identity *id, FILE *key, const char *dir, struct error *e)
{
	FILE *certificate = open_file(dir, CERTIFICATE_FILE);

	id->key = PEM_read_PrivateKey(key, NULL, NULL, NULL);
	id->certificate = certificate ? PEM_read_X509(certificate, NULL, NULL, NULL) : NULL;
	if (certificate)
		fclose(certificate);
	if (!id->key || !id->certificate || X509_check_private_key(id->certificate, id->key) != 1)
		return openssl_fail(e, "read the identity key and its certificate");
	return 0;
}

/**
 * identity_open - read the key, or make one
 * @ret: the key
 * @dir: where it lies
 * @e: says why not
 *
 * Context: at start; making a key takes a moment.
 * Return: 0 or a negative errno.
 */
int identity_open(struct identity **ret, const char *dir, struct error *e)
{
	struct identity *id = xcalloc(1, sizeof(*id));
	FILE *key = open_file(dir, KEY_FILE);
	int r;

	if (key) {
		r = load(id, key, dir, e);
		fclose(key);
	} else if (errno == ENOENT) {
		r = create(id, dir, e);
	} else {
		r = fail(e, ERR_FAILED, "cannot read the identity key in '%s': %s", dir,
			 strerror(errno));
	}
	if (r < 0)
		id = identity_free(id);
	*ret = id;
	return r;
}

/**
 * identity_free - forget the key
 * @id: the key, may be NULL
 *
 * Context: at the end.
 * Return: NULL.
 */
struct identity *identity_free(struct identity *id)
{
	if (!id)
		return NULL;
	EVP_PKEY_free(id->key);
	X509_free(id->certificate);
	free(id);
	return NULL;
}

/* In lines, as EC2 writes it, without the last line's end */
static char *base64(const unsigned char *data, size_t n)
{
	size_t lines = (n + 47) / 48, length = 0;
	char *text = xcalloc(1, lines * 66 + 1);

	for (size_t i = 0; i < n; i += 48) {
		length += EVP_EncodeBlock((unsigned char *)text + length, data + i,
					  n - i < 48 ? n - i : 48);
		if (i + 48 < n)
			text[length++] = '\n';
	}
	text[length] = 0;
	return text;
}

/**
 * identity_signature - sign a document
 * @id: the key
 * @document: the document
 *
 * Context: any; takes about a millisecond.
 * Return: RSA with SHA-256 in base64, NULL if it cannot be made.
 */
char *identity_signature(struct identity *id, const char *document)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char raw[BITS / 8];
	size_t n = sizeof(raw);
	char *text = NULL;

	if (ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, id->key) == 1 &&
	    EVP_DigestSign(ctx, raw, &n, (const unsigned char *)document,
			   strlen(document)) == 1)
		text = base64(raw, n);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return text;
}

/**
 * identity_pkcs7 - sign a document, with the document in it
 * @id: the key
 * @document: the document
 *
 * Context: any; takes about a millisecond.
 * Return: PKCS #7 in base64 without certificates, NULL if it cannot be made.
 */
char *identity_pkcs7(struct identity *id, const char *document)
{
	const int flags = PKCS7_BINARY | PKCS7_NOCERTS | PKCS7_NOSMIMECAP;
	BIO *in = BIO_new_mem_buf(document, -1);
	unsigned char *raw = NULL;
	char *text = NULL;
	PKCS7 *p7;
	int n;

	p7 = in ? PKCS7_sign(id->certificate, id->key, NULL, in, flags) : NULL;
	n = p7 ? i2d_PKCS7(p7, &raw) : 0;
	if (n > 0)
		text = base64(raw, n);
	OPENSSL_free(raw);
	PKCS7_free(p7);
	BIO_free(in);
	ERR_clear_error();
	return text;
}
