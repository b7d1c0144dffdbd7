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
static const unsigned char ui_dashboards_js[] = {
#embed "files/ui/dashboards.js"
};
static const unsigned char ui_editor_js[] = {
#embed "files/ui/editor.js"
};
static const unsigned char ui_questions_js[] = {
#embed "files/ui/questions.js"
};
static const unsigned char ui_steps_js[] = {
#embed "files/ui/steps.js"
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
static const unsigned char dashboard_overview[] = {
#embed "../../config/dashboards/overview.yaml"
};
static const unsigned char dashboard_funnel[] = {
#embed "../../config/dashboards/funnel.yaml"
};
static const unsigned char dashboard_realtime[] = {
#embed "../../config/dashboards/realtime.yaml"
};
static const unsigned char dashboard_shop[] = {
#embed "../../config/dashboards/shop.yaml"
};
static const unsigned char dashboard_community[] = {
#embed "../../config/dashboards/community.yaml"
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
  FILE_OF("/ui/dashboards.js", "text/javascript; charset=utf-8", ui_dashboards_js),
  FILE_OF("/ui/editor.js", "text/javascript; charset=utf-8", ui_editor_js),
  FILE_OF("/ui/questions.js", "text/javascript; charset=utf-8", ui_questions_js),
  FILE_OF("/ui/steps.js", "text/javascript; charset=utf-8", ui_steps_js),
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

static const web_file dashboards[] = {
  FILE_OF("overview", "application/yaml", dashboard_overview),
  FILE_OF("funnel", "application/yaml", dashboard_funnel),
  FILE_OF("realtime", "application/yaml", dashboard_realtime),
  FILE_OF("shop", "application/yaml", dashboard_shop),
  FILE_OF("community", "application/yaml", dashboard_community),
};

const web_file *const web_dashboards = dashboards;
const size_t web_dashboard_count = sizeof dashboards / sizeof dashboards[0];
