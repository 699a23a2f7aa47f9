// SPDX-License-Identifier: GPL-2.0
/*
 * A certificate and its key, as credentials. libmicrohttpd has TLS by GnuTLS, and does not say
 * what is wrong with them; so they are read here before.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image.h"
#include "tls.h"

#define FILE_SIZE_MAX (64UL << 10)

/* Return: 0 with NULL if there is no such file */
static int read_text(const char *folder, const char *name, char **ret, struct why *why)
{
	struct image file;
	char path[512];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (access(path, F_OK) < 0)
		return 0;
	r = image_open(path, FILE_SIZE_MAX, &file, why);
	if (r)
		return r;
	*ret = strndup((const char *)file.data ?: "", file.size);
	image_close(&file);
	return *ret ? 0 : refuse_error(why, ENOMEM, "cannot read '%s'", name);
}

/* A service has nobody to ask for it */
static int no_password(char *to, int size, int writing, void *userdata)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)userdata;
	return -1;
}

static int check_pair(X509 *certificate, EVP_PKEY *key, struct why *why)
{
	if (!certificate)
		return refuse(why, "'" TLS_CERTIFICATE "' has no certificate in PEM");
	if (!key)
		return refuse(why, "'" TLS_KEY "' has no private key in PEM without a password");
	if (X509_check_private_key(certificate, key) != 1)
		return refuse(why, "'" TLS_KEY "' is not the key of the first certificate in '"
			      TLS_CERTIFICATE "'");
	return 0;
}

static int check(const struct tls *tls, struct why *why)
{
	BIO *first = BIO_new_mem_buf(tls->certificate, -1), *second = BIO_new_mem_buf(tls->key, -1);
	X509 *certificate = first ? PEM_read_bio_X509(first, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = second ? PEM_read_bio_PrivateKey(second, NULL, no_password, NULL) : NULL;
	int r = check_pair(certificate, key, why);

	EVP_PKEY_free(key);
	X509_free(certificate);
	BIO_free(second);
	BIO_free(first);
	ERR_clear_error();
	return r;
}

/**
 * tls_load - read certificate and key, if they are there
 * @folder: where the credentials are
 * @tls: receives them, to be cleared
 * @why: says why not
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int tls_load(const char *folder, struct tls *tls, struct why *why)
{
	int r = read_text(folder, TLS_CERTIFICATE, &tls->certificate, why);

	if (!r)
		r = read_text(folder, TLS_KEY, &tls->key, why);
	if (r)
		return r;
	if (!tls->certificate != !tls->key)
		return refuse(why, "there is '%s', but no '%s'",
			      tls->key ? TLS_KEY : TLS_CERTIFICATE,
			      tls->key ? TLS_CERTIFICATE : TLS_KEY);
	return tls->key ? check(tls, why) : 0;
}

/**
 * tls_clear - forget the key
 * @tls: certificate and key
 *
 * Context: any.
 */
void tls_clear(struct tls *tls)
{
	if (tls->key)
		OPENSSL_cleanse(tls->key, strlen(tls->key));
	free(tls->key);
	free(tls->certificate);
	*tls = (struct tls){};
}

/**
 * tls_is_due - can what comes over a socket be read on its way
 * @fd: the socket, which listens
 *
 * Context: any.
 * Return: true for TCP that others than this host can reach.
 */
bool tls_is_due(int fd)
{
	struct sockaddr_storage at = {};
	socklen_t n = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &n) < 0)
		return true;
	if (at.ss_family == AF_INET)
		return ntohl(((struct sockaddr_in *)&at)->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
	return at.ss_family == AF_INET6 &&
	       !IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&at)->sin6_addr);
}
