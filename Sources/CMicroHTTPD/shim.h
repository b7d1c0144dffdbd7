#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

// MHD_start_daemon is variadic and the names of its options are closed enums: neither reaches Swift.
static inline struct MHD_Daemon *mhd_start(int socket, unsigned threads, unsigned connections,
                                           unsigned connections_per_address, unsigned idle_seconds,
                                           size_t connection_bytes, const char *certificate, const char *key,
                                           MHD_AccessHandlerCallback handler, MHD_RequestCompletedCallback completed,
                                           MHD_NotifyConnectionCallback connected, void *context) {
  struct MHD_OptionItem options[] = {
      {MHD_OPTION_LISTEN_SOCKET, socket, NULL},
      {MHD_OPTION_CONNECTION_LIMIT, connections, NULL},
      {MHD_OPTION_PER_IP_CONNECTION_LIMIT, connections_per_address, NULL},
      {MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, NULL},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)connection_bytes, NULL},
      {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)completed, context},
      {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connected, context},
      {MHD_OPTION_END, 0, NULL},
      {MHD_OPTION_END, 0, NULL},
      {MHD_OPTION_END, 0, NULL},
      {MHD_OPTION_END, 0, NULL},
  };
  int next = 7;
  // A pool of one is refused.
  if (threads > 1) options[next++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, threads, NULL};
  if (certificate && key) {
    options[next++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate};
    options[next++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key};
  }
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME;
  if (certificate && key) flags |= MHD_USE_TLS;
  return MHD_start_daemon(flags, 0, NULL, NULL, handler, context, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static inline unsigned mhd_connections(struct MHD_Daemon *daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
  return info ? info->num_connections : 0;
}

// Who is connected, as digits.
static inline bool mhd_address(struct MHD_Connection *connection, char *text, unsigned size) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (!info || !info->client_addr) return false;
  socklen_t length = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
  return getnameinfo(info->client_addr, length, text, size, NULL, 0, NI_NUMERICHOST) == 0;
}

static inline int mhd_socket(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? info->connect_fd : -1;
}

/// What `connected` left at the connection.
static inline void *mhd_left(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : 0;
}
