#include "CWebFiles.h"

static const unsigned char ui_index_html[] = {
#embed "files/ui/index.html"
};
static const unsigned char icon_svg[] = {
#embed "files/icon.svg"
};
static const unsigned char openapi_json[] = {
#embed "files/openapi.json"
};
static const unsigned char millrace_js[] = {
#embed "files/millrace.js"
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
static const unsigned char ui_ui_css[] = {
#embed "files/ui/ui.css"
};
static const unsigned char ui_api_js[] = {
#embed "files/ui/api.js"
};
static const unsigned char ui_app_js[] = {
#embed "files/ui/app.js"
};
static const unsigned char ui_charts_js[] = {
#embed "files/ui/charts.js"
};
static const unsigned char ui_controls_js[] = {
#embed "files/ui/controls.js"
};
static const unsigned char ui_explore_js[] = {
#embed "files/ui/explore.js"
};
static const unsigned char ui_funnel_js[] = {
#embed "files/ui/funnel.js"
};
static const unsigned char ui_operations_js[] = {
#embed "files/ui/operations.js"
};
static const unsigned char ui_overview_js[] = {
#embed "files/ui/overview.js"
};
static const unsigned char ui_realtime_js[] = {
#embed "files/ui/realtime.js"
};
static const unsigned char ui_replay_js[] = {
#embed "files/ui/replay.js"
};
static const unsigned char ui_text_js[] = {
#embed "files/ui/text.js"
};

#define FILE_OF(path, type, name) {path, type, name, sizeof name}

static const web_file all[] = {
  FILE_OF("/", "text/html; charset=utf-8", ui_index_html),
  FILE_OF("/icon.svg", "image/svg+xml", icon_svg),
  FILE_OF("/openapi.json", "application/json", openapi_json),
  FILE_OF("/millrace.js", "text/javascript; charset=utf-8", millrace_js),
  FILE_OF("/tracker", "text/html; charset=utf-8", tracker_html),
  FILE_OF("/tracker.css", "text/css; charset=utf-8", tracker_css),
  FILE_OF("/tracker-page.js", "text/javascript; charset=utf-8", tracker_page_js),
  FILE_OF("/ui/ui.css", "text/css; charset=utf-8", ui_ui_css),
  FILE_OF("/ui/api.js", "text/javascript; charset=utf-8", ui_api_js),
  FILE_OF("/ui/app.js", "text/javascript; charset=utf-8", ui_app_js),
  FILE_OF("/ui/charts.js", "text/javascript; charset=utf-8", ui_charts_js),
  FILE_OF("/ui/controls.js", "text/javascript; charset=utf-8", ui_controls_js),
  FILE_OF("/ui/explore.js", "text/javascript; charset=utf-8", ui_explore_js),
  FILE_OF("/ui/funnel.js", "text/javascript; charset=utf-8", ui_funnel_js),
  FILE_OF("/ui/operations.js", "text/javascript; charset=utf-8", ui_operations_js),
  FILE_OF("/ui/overview.js", "text/javascript; charset=utf-8", ui_overview_js),
  FILE_OF("/ui/realtime.js", "text/javascript; charset=utf-8", ui_realtime_js),
  FILE_OF("/ui/replay.js", "text/javascript; charset=utf-8", ui_replay_js),
  FILE_OF("/ui/text.js", "text/javascript; charset=utf-8", ui_text_js),
};

const web_file *const web_files = all;
const size_t web_file_count = sizeof all / sizeof all[0];
