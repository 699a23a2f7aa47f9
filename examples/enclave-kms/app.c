// SPDX-License-Identifier: GPL-2.0
/*
 * An application that gets a secret because of what it is. It makes an RSA key, has it put into
 * an attestation document, and asks nitro-kms, over the one way out that an enclave has, to
 * decrypt something for that key. So that its parent can see that it has the secret and the
 * parent has not, it answers with the secret's SHA-256.
 *
 * Whoever connects to its port 7000 sends a line, the ciphertext in base64, and gets a line.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/nsm.h>
#include <linux/vm_sockets.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 7000
#define PARENT_CID 3
#define KMS_PORT 8000
#define LINE_MAX_SIZE 9000
#define REPLY_MAX 65536

/* What the security module takes and gives (CBOR), around the key and the document */
static const char before_key[] = "\xa1\x6b" "Attestation" "\xa3\x69" "user_data" "\xf6\x65" "nonce"
				 "\xf6\x6a" "public_key" "\x59";
static const char before_document[] = "\xa1\x6b" "Attestation" "\xa1\x68" "document" "\x59";

/* Return: the length of the document, 0 if there is none */
static size_t attest(EVP_PKEY *key, uint8_t document[static 0x3000])
{
	uint8_t request[0x1000], response[0x3000], *p = request + sizeof(before_key) - 1 + 2;
	int size = i2d_PUBKEY(key, NULL), fd = open("/dev/nsm", O_RDWR | O_CLOEXEC);
	struct nsm_raw raw = {
		.request = { (uintptr_t)request, sizeof(before_key) - 1 + 2 + size },
		.response = { (uintptr_t)response, sizeof(response) },
	};
	size_t n = sizeof(before_document) - 1;

	if (fd < 0 || size <= 0 || size > 0x800)
		return 0;
	memcpy(request, before_key, sizeof(before_key) - 1);
	p[-2] = size >> 8;
	p[-1] = size;
	(void)i2d_PUBKEY(key, &p);
	if (ioctl(fd, NSM_IOCTL_RAW, &raw) < 0 || raw.response.len < n + 2 ||
	    memcmp(response, before_document, n))
		n = 0;
	close(fd);
	if (!n)
		return 0;
	size = response[n] << 8 | response[n + 1];
	if (raw.response.len < n + 2 + size)
		return 0;
	memcpy(document, response + n + 2, size);
	return size;
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t written = write(fd, data, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		data += written;
		n -= written;
	}
	return 0;
}

/* Asks, and reads all that is answered */
static int ask_kms(const char *body, char reply[static REPLY_MAX])
{
	const struct sockaddr_vm parent = {
		.svm_family = AF_VSOCK, .svm_cid = PARENT_CID, .svm_port = KMS_PORT,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), r = -1;
	char head[512];
	size_t n = 0;
	ssize_t got;

	(void)snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: kms\r\nConnection: close\r\n"
		       "Content-Type: application/x-amz-json-1.1\r\n"
		       "X-Amz-Target: TrentService.Decrypt\r\nContent-Length: %zu\r\n\r\n",
		       strlen(body));
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&parent, sizeof(parent)) == 0 &&
	    write_all(fd, head, strlen(head)) == 0 && write_all(fd, body, strlen(body)) == 0) {
		while (n < REPLY_MAX - 1 && (got = read(fd, reply + n, REPLY_MAX - 1 - n)) > 0)
			n += got;
		r = n ? 0 : -1;
	}
	reply[n] = '\0';
	if (fd >= 0)
		close(fd);
	return r;
}

/* The text of a member in an answer that has no other of that name, and no quotes in it */
static char *member(char *reply, const char *name)
{
	char key[64], *text, *end;

	(void)snprintf(key, sizeof(key), "\"%s\":\"", name);
	text = strstr(reply, key);
	if (!text)
		return NULL;
	text += strlen(key);
	end = strchr(text, '"');
	if (end)
		*end = '\0';
	return end ? text : NULL;
}

/* Return: the length of the secret, or -1 */
static int open_envelope(EVP_PKEY *key, const char *base64, uint8_t *secret, size_t room)
{
	size_t n = strlen(base64);
	unsigned char *der = malloc(n + 1);
	int size = der ? EVP_DecodeBlock(der, (const unsigned char *)base64, (int)n) : -1;
	const unsigned char *p = der;
	CMS_ContentInfo *cms = size > 0 ? d2i_CMS_ContentInfo(NULL, &p, size) : NULL;
	BIO *out = BIO_new(BIO_s_mem());
	int length = -1;

	if (cms && out && CMS_decrypt(cms, key, NULL, NULL, out, CMS_BINARY) == 1)
		length = BIO_read(out, secret, (int)room);
	BIO_free(out);
	CMS_ContentInfo_free(cms);
	free(der);
	return length;
}

static void digest(const uint8_t *secret, size_t n, char *to, size_t room)
{
	unsigned char hash[32];

	(void)EVP_Digest(secret, n, hash, NULL, EVP_sha256(), NULL);
	for (size_t i = 0; i < sizeof(hash) && 2 * i + 2 < room; i++)
		(void)snprintf(to + 2 * i, 3, "%02x", hash[i]);
}

/* What is answered to a ciphertext */
static void reply_to(const char *ciphertext, char *to, size_t room)
{
	static char reply[REPLY_MAX], body[REPLY_MAX], base64[0x5000];
	EVP_PKEY *key = EVP_RSA_gen(2048);
	uint8_t document[0x3000], secret[4096];
	char *envelope;
	int n;

	n = key ? (int)attest(key, document) : 0;
	(void)EVP_EncodeBlock((unsigned char *)base64, document, n);
	(void)snprintf(body, sizeof(body), "{\"CiphertextBlob\":\"%s\",\"Recipient\":"
		       "{\"AttestationDocument\":\"%s\",\"KeyEncryptionAlgorithm\":"
		       "\"RSAES_OAEP_SHA_256\"}}", ciphertext, base64);
	if (!n) {
		(void)snprintf(to, room, "no attestation document");
	} else if (ask_kms(body, reply) < 0) {
		(void)snprintf(to, room, "no answer from nitro-kms");
	} else if (strstr(reply, "\"__type\"")) {
		(void)snprintf(to, room, "%s", member(reply, "__type") ?: "an error");
	} else {
		envelope = member(reply, "CiphertextForRecipient");
		n = envelope ? open_envelope(key, envelope, secret, sizeof(secret)) : -1;
		if (n < 0)
			(void)snprintf(to, room, "no envelope that can be opened");
		else
			digest(secret, n, to, room);
	}
	EVP_PKEY_free(key);
}

static void serve(int fd)
{
	char line[LINE_MAX_SIZE], out[128];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(line) - 1 && (got = read(fd, line + n, sizeof(line) - 1 - n)) > 0) {
		n += got;
		if (memchr(line, '\n', n))
			break;
	}
	line[n] = '\0';
	line[strcspn(line, "\r\n\"\\")] = '\0';
	reply_to(line, out, sizeof(out) - 1);
	strcat(out, "\n");
	(void)write_all(fd, out, strlen(out));
}

int main(void)
{
	const struct sockaddr_vm here = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = PORT,
	};
	int listening = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	if (listening < 0 || bind(listening, (const struct sockaddr *)&here, sizeof(here)) < 0 ||
	    listen(listening, 16) < 0) {
		perror("port 7000");
		return EXIT_FAILURE;
	}
	printf("waiting for ciphertexts on port %d\n", PORT);
	(void)fflush(stdout);
	while ((fd = accept(listening, NULL, NULL)) >= 0) {
		serve(fd);
		close(fd);
	}
	perror("accept");
	return EXIT_FAILURE;
}
