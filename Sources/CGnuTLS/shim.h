#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

// Names of closed enums do not reach Swift.
static inline int tls_sha256(const void *bytes, size_t length, unsigned char hash[32]) {
  return gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, length, hash);
}

static inline int tls_random(void *bytes, size_t length) { return gnutls_rnd(GNUTLS_RND_KEY, bytes, length); }
