// SPDX-License-Identifier: GPL-2.0
/* The keys, and what stands behind them, are those of nitro-cli's describe-eif. */

#include <errno.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

#define NAME_MAX_TEXT 256
/* What Rust prints of its hash; scripts compare it */
#define HASH_ALGORITHM "Sha384 { ... }"

#define _cleanup_json_ __attribute__((cleanup(sd_json_variant_unrefp)))

static int no_memory(struct why *why)
{
	return refuse_error(why, ENOMEM, "cannot describe the image");
}

static int add_pcr(sd_json_variant **to, const char *name, const struct pcr *pcr)
{
	char hex[PCR_HEX_SIZE];

	pcr_hex(pcr, hex);
	return sd_json_variant_set_field_string(to, name, hex);
}

/**
 * describe_measurements - the registers of an image
 * @eif: the image
 * @ret: receives {"HashAlgorithm":…,"PCR0":…}
 * @why: says why not
 *
 * Context: any; hashes the image.
 * Return: 0 or a negative errno.
 */
int describe_measurements(const struct eif *eif, sd_json_variant **ret, struct why *why)
{
	_cleanup_json_ sd_json_variant *m = NULL;
	struct pcr pcrs[PCR_COUNT];
	int r;

	r = eif_measure(eif, pcrs, why);
	if (r < 0)
		return r;
	if (sd_json_variant_set_field_string(&m, "HashAlgorithm", HASH_ALGORITHM) < 0 ||
	    add_pcr(&m, "PCR0", &pcrs[PCR_IMAGE]) < 0 ||
	    add_pcr(&m, "PCR1", &pcrs[PCR_BOOTSTRAP]) < 0 ||
	    add_pcr(&m, "PCR2", &pcrs[PCR_APPLICATION]) < 0 ||
	    (eif_section(eif, EIF_SIGNATURE) && add_pcr(&m, "PCR8", &pcrs[PCR_SIGNER]) < 0))
		return no_memory(why);
	*ret = sd_json_variant_ref(m);
	return 0;
}

/* {"commonName":"signer",…} */
static int describe_name(X509_NAME *name, sd_json_variant **ret)
{
	int r = sd_json_variant_new_object(ret, NULL, 0);

	for (int i = 0; r >= 0 && i < X509_NAME_entry_count(name); i++) {
		X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		unsigned char *text = NULL;
		char key[NAME_MAX_TEXT];

		if (OBJ_obj2txt(key, sizeof(key), X509_NAME_ENTRY_get_object(entry), 0) <= 0 ||
		    ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry)) < 0)
			continue;
		r = sd_json_variant_set_field_string(ret, key, (char *)text);
		OPENSSL_free(text);
	}
	return r;
}

static int add_time(sd_json_variant **to, const char *key, const ASN1_TIME *time)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char text[64] = "";
	int n = -1;

	if (bio && ASN1_TIME_print(bio, time) == 1)
		n = BIO_read(bio, text, sizeof(text) - 1);
	BIO_free(bio);
	return n < 0 ? -ENOMEM : sd_json_variant_set_field_string(to, key, text);
}

/* "30:64:02:30:…" */
static int add_signature(sd_json_variant **to, const X509 *certificate)
{
	const ASN1_BIT_STRING *signature;
	char *hex;
	int r;

	X509_get0_signature(&signature, NULL, certificate);
	hex = OPENSSL_buf2hexstr(ASN1_STRING_get0_data(signature), ASN1_STRING_length(signature));
	r = hex ? sd_json_variant_set_field_string(to, "Signature", hex) : -ENOMEM;
	OPENSSL_free(hex);
	return r;
}

static int describe_certificate(X509 *certificate, sd_json_variant **ret)
{
	_cleanup_json_ sd_json_variant *name = NULL;
	const X509_ALGOR *algorithm;
	const ASN1_OBJECT *object;
	char text[NAME_MAX_TEXT];
	int r;

	X509_get0_signature(NULL, &algorithm, certificate);
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	(void)OBJ_obj2txt(text, sizeof(text), object, 0);
	r = describe_name(X509_get_issuer_name(certificate), &name);
	if (r >= 0)
		r = sd_json_variant_set_field(ret, "IssuerName", name);
	if (r >= 0)
		r = sd_json_variant_set_field_string(ret, "Algorithm", text);
	if (r >= 0)
		r = add_time(ret, "NotBefore", X509_get0_notBefore(certificate));
	if (r >= 0)
		r = add_time(ret, "NotAfter", X509_get0_notAfter(certificate));
	return r < 0 ? r : add_signature(ret, certificate);
}

static int add_signer(const struct eif *eif, sd_json_variant **to, struct why *why)
{
	_cleanup_json_ sd_json_variant *certificate = NULL;
	struct eif_signer signer;
	bool right;
	int r;

	r = eif_signer(eif, &signer, why);
	if (r < 0)
		return r;
	right = signer.right;
	r = describe_certificate(signer.certificate, &certificate);
	eif_signer_clear(&signer);
	if (r < 0 || sd_json_variant_set_field(to, "SigningCertificate", certificate) < 0 ||
	    sd_json_variant_set_field_boolean(to, "SignatureCheck", right) < 0)
		return no_memory(why);
	return 0;
}

static int copy_field(sd_json_variant *from, const char *key, sd_json_variant **to,
		      const char *new_key)
{
	sd_json_variant *value = sd_json_variant_by_key(from, key);

	return value ? sd_json_variant_set_field(to, new_key, value) : 0;
}

static int copy_fields(sd_json_variant *from, sd_json_variant **to)
{
	int r = 0;

	if (!from || !sd_json_variant_is_object(from))
		return 0;
	for (size_t i = 0; r >= 0 && i < sd_json_variant_elements(from); i += 2)
		r = sd_json_variant_set_field(to,
			sd_json_variant_string(sd_json_variant_by_index(from, i)),
			sd_json_variant_by_index(from, i + 1));
	return r;
}

/* "Metadata" has the fields of BuildMetadata and of CustomMetadata, not those objects */
static int add_metadata(const struct eif_section *section, sd_json_variant **to, struct why *why)
{
	_cleanup_json_ sd_json_variant *metadata = NULL, *shown = NULL;
	char *text = strndup((const char *)section->data, section->size);
	int r;

	if (!text)
		return no_memory(why);
	r = strlen(text) == section->size ? sd_json_parse(text, 0, &metadata, NULL, NULL) :
						  -EINVAL;
	free(text);
	if (r < 0 || !sd_json_variant_is_object(metadata))
		return refuse(why, "the metadata is no JSON object");
	if (copy_field(metadata, "ImageName", to, "ImageName") < 0 ||
	    copy_field(metadata, "ImageVersion", to, "ImageVersion") < 0 ||
	    copy_fields(sd_json_variant_by_key(metadata, "BuildMetadata"), &shown) < 0 ||
	    copy_field(metadata, "DockerInfo", &shown, "DockerInfo") < 0 ||
	    copy_fields(sd_json_variant_by_key(metadata, "CustomMetadata"), &shown) < 0 ||
	    (shown && sd_json_variant_set_field(to, "Metadata", shown) < 0))
		return no_memory(why);
	return 0;
}

/**
 * describe_image - all that an image says of itself
 * @eif: the image, as it was read
 * @at: the time, for which a signing certificate is valid or not
 * @ret: receives what nitro-cli's describe-eif prints, and "Problem" where the image
 *	may not run
 * @why: says why not
 *
 * Context: any; hashes the image.
 * Return: 0 or a negative errno.
 */
int describe_image(const struct eif *eif, time_t at, sd_json_variant **ret, struct why *why)
{
	_cleanup_json_ sd_json_variant *d = NULL, *measurements = NULL;
	const struct eif_section *metadata = eif_section(eif, EIF_METADATA);
	bool is_signed = eif_section(eif, EIF_SIGNATURE);
	struct why problem;
	int r;

	r = describe_measurements(eif, &measurements, why);
	if (r < 0)
		return r;
	if (sd_json_variant_set_field_unsigned(&d, "EifVersion", eif->version) < 0 ||
	    sd_json_variant_set_field(&d, "Measurements", measurements) < 0 ||
	    sd_json_variant_set_field_boolean(&d, "IsSigned", is_signed) < 0 ||
	    sd_json_variant_set_field_boolean(&d, "CheckCRC", eif_is_undamaged(eif)) < 0)
		return no_memory(why);
	if (is_signed)
		r = add_signer(eif, &d, why);
	if (r >= 0 && metadata)
		r = add_metadata(metadata, &d, why);
	if (r < 0)
		return r;
	if (eif_check(eif, at, &problem) < 0 &&
	    sd_json_variant_set_field_string(&d, "Problem", problem.text) < 0)
		return no_memory(why);
	*ret = sd_json_variant_ref(d);
	return 0;
}
