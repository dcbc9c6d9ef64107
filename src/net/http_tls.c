/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL behind http_tls.h.
 */
#include "net/http_tls.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct tls_server {
	SSL_CTX *ctx;
};
struct tls_conn {
	SSL *ssl;
	bool wants_write;
};

/* We speak HTTP/1.1 only; a client that offers something else alone gets no protocol and may go on.
 */
static int alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned int in_len, void *context)
{
	static const unsigned char ours[] = "\x08http/1.1";
	(void)ssl;
	(void)context;
	unsigned char *chosen = NULL;
	int r = SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len);
	*out = chosen;
	return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static BIO *bio_of(struct str s)
{
	return s.len <= INT_MAX ? BIO_new_mem_buf(s.ptr, (int)s.len) : NULL;
}

static bool load_certificates(SSL_CTX *ctx, struct str pem)
{
	BIO *bio = bio_of(pem);
	if (!bio)
		return false;
	X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	bool ok = cert && SSL_CTX_use_certificate(ctx, cert) == 1;
	X509_free(cert);
	while (ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		ok = SSL_CTX_add0_chain_cert(ctx, cert) == 1;
		if (!ok)
			X509_free(cert);
	}
	ERR_clear_error(); /* the end of the chain is an error in OpenSSL's eyes */
	BIO_free(bio);
	return ok;
}

static bool load_key(SSL_CTX *ctx, struct str pem)
{
	BIO *bio = bio_of(pem);
	if (!bio)
		return false;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	bool ok =
	    key && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ok;
}

enum err tls_server_open(struct str certificate, struct str key, struct tls_server **ret_server)
{
	assert(ret_server);
	struct tls_server *s = calloc(1, sizeof *s);
	if (!s)
		return ERR_NOMEM;
	s->ctx = SSL_CTX_new(TLS_server_method());
	if (!s->ctx || !load_certificates(s->ctx, certificate) || !load_key(s->ctx, key)) {
		ERR_clear_error();
		enum err e = s->ctx ? ERR_INPUT : ERR_NOMEM;
		tls_server_close(&s);
		return e;
	}
	SSL_CTX_set_min_proto_version(s->ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(s->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(s->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                             SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                             SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(s->ctx, alpn_select, NULL);
	*ret_server = s;
	return OK;
}

void tls_server_close(struct tls_server **server)
{
	if (!*server)
		return;
	SSL_CTX_free((*server)->ctx);
	free(*server);
	*server = NULL;
}

enum err tls_conn_open(struct tls_server *server, int fd, struct tls_conn **ret_conn)
{
	assert(server && fd >= 0);
	struct tls_conn *c = calloc(1, sizeof *c);
	if (!c)
		return ERR_NOMEM;
	c->ssl = SSL_new(server->ctx);
	if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1) {
		tls_conn_close(&c);
		return ERR_NOMEM;
	}
	SSL_set_accept_state(c->ssl);
	*ret_conn = c;
	return OK;
}

void tls_conn_close(struct tls_conn **conn)
{
	if (!*conn)
		return;
	if ((*conn)->ssl && SSL_is_init_finished((*conn)->ssl))
		SSL_shutdown(
		    (*conn)->ssl); /* one try to say goodbye; nobody waits for the answer */
	SSL_free((*conn)->ssl);
	ERR_clear_error();
	free(*conn);
	*conn = NULL;
}

static ssize_t result(struct tls_conn *c, int r)
{
	c->wants_write = false;
	if (r > 0)
		return r;
	int e = SSL_get_error(c->ssl, r);
	ERR_clear_error();
	switch (e) {
	case SSL_ERROR_ZERO_RETURN: return 0;
	case SSL_ERROR_WANT_WRITE:
		c->wants_write = true;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_WANT_READ: errno = EAGAIN; return -1;
	default: errno = EPROTO; return -1;
	}
}

ssize_t tls_recv(struct tls_conn *conn, void *ptr, size_t len)
{
	assert(len > 0);
	ERR_clear_error();
	return result(conn, SSL_read(conn->ssl, ptr, len > INT_MAX ? INT_MAX : (int)len));
}

ssize_t tls_send(struct tls_conn *conn, const void *ptr, size_t len)
{
	assert(len > 0);
	ERR_clear_error();
	return result(conn, SSL_write(conn->ssl, ptr, len > INT_MAX ? INT_MAX : (int)len));
}

bool tls_wants_write(const struct tls_conn *conn)
{
	return conn->wants_write;
}

bool tls_pending(const struct tls_conn *conn)
{
	return SSL_pending(conn->ssl) > 0;
}
