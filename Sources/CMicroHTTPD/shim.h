#include <microhttpd.h>

// MHD_start_daemon is variadic and the names of its options are closed enums: neither reaches Swift.
static inline struct MHD_Daemon *mhd_start(int socket, unsigned threads, unsigned connections, unsigned idle_seconds,
                                           size_t connection_bytes, MHD_AccessHandlerCallback handler,
                                           MHD_RequestCompletedCallback completed, void *context) {
  struct MHD_OptionItem options[] = {
      {MHD_OPTION_LISTEN_SOCKET, socket, NULL},
      {MHD_OPTION_CONNECTION_LIMIT, connections, NULL},
      {MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, NULL},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)connection_bytes, NULL},
      {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)completed, context},
      // A pool of one is refused; the last option, so that it can be left out.
      {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, NULL},
      {MHD_OPTION_END, 0, NULL},
  };
  return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handler, context,
                          MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}
