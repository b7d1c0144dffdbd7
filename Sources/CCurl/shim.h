#include <curl/curl.h>
#include <signal.h>
#include <time.h>

// curl_easy_setopt and curl_easy_getinfo are variadic: neither reaches Swift.
static inline CURLcode curl_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_set_pointer(CURL *handle, CURLoption option, const void *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curl_set_receiver(CURL *handle, CURLoption option, curl_write_callback receiver) {
  return curl_easy_setopt(handle, option, receiver);
}

static inline long curl_status(CURL *handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

// A connection that the other side closes raises SIGPIPE under OpenSSL, in the thread that writes. It is kept from the thread
// while it asks, and taken back before anybody sees it: what the process does with the signal is not ours to decide.
static inline CURLcode curl_perform_quietly(CURL *handle) {
  sigset_t broken, before, pending;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  sigpending(&pending);
  int was_pending = sigismember(&pending, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken, &before);
  CURLcode code = curl_easy_perform(handle);
  struct timespec at_once = {0, 0};
  if (!was_pending) sigtimedwait(&broken, NULL, &at_once);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}
