#ifndef MILLRACE_WEB_FILES_H
#define MILLRACE_WEB_FILES_H

#include <stddef.h>

/// A file that the server hands out, part of the program.
typedef struct {
  /// Beginning with a slash.
  const char *_Nonnull path;
  const char *_Nonnull type;
  const unsigned char *_Nonnull bytes;
  size_t count;
} web_file;

extern const web_file *_Nonnull const web_files;
extern const size_t web_file_count;

/// Dashboards in YAML; `path` is the id of one.
extern const web_file *_Nonnull const web_dashboards;
extern const size_t web_dashboard_count;

#endif
