#include "CWebFiles.h"

static const unsigned char millrace_js[] = {
#embed "files/millrace.js"
};
static const unsigned char icon_svg[] = {
#embed "files/icon.svg"
};
static const unsigned char tracker_html[] = {
#embed "files/tracker.html"
};
static const unsigned char tracker_css[] = {
#embed "files/tracker.css"
};
static const unsigned char tracker_page_js[] = {
#embed "files/tracker-page.js"
};

#define FILE_OF(path, type, name) {path, type, name, sizeof name}

static const web_file all[] = {
  FILE_OF("/millrace.js", "text/javascript; charset=utf-8", millrace_js),
  FILE_OF("/icon.svg", "image/svg+xml", icon_svg),
  FILE_OF("/tracker", "text/html; charset=utf-8", tracker_html),
  FILE_OF("/tracker.css", "text/css; charset=utf-8", tracker_css),
  FILE_OF("/tracker-page.js", "text/javascript; charset=utf-8", tracker_page_js),
};

const web_file *const web_files = all;
const size_t web_file_count = sizeof all / sizeof all[0];
