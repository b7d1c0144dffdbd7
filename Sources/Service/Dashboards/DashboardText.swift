import Basics

/// A dashboard as JSON, which the API speaks, and as YAML, which people keep.
public enum DashboardText {
  /// What `PUT /dashboards/{id}` takes.
  ///
  /// - `version`: the one it replaces.
  public static func json(_ dashboard: Dashboard, version: Int?) -> String {
    var json = JSONText()
    json.object { json in
      if let version { json.field("version", version) }
      members(dashboard, &json)
    }
    return json.text
  }

  static func members(_ dashboard: Dashboard, _ json: inout JSONText) {
    json.field("title", dashboard.title)
    if let description = dashboard.description { json.field("description", description) }
    if let topology = dashboard.topology { json.field("topology", topology) }
    if let days = dashboard.days { json.field("days", days) }
    if let timezone = dashboard.timezone { json.field("timezone", timezone) }
    json.key("panels")
    json.array { json in
      for panel in dashboard.panels { json.object { self.panel(panel, &$0) } }
    }
  }

  private static func panel(_ panel: Dashboard.Panel, _ json: inout JSONText) {
    json.field("title", panel.title)
    json.field("chart", panel.chart)
    json.field("size", panel.size)
    if let days = panel.days { json.field("days", days) }
    let (kind, items) = question(panel)
    json.key(kind)
    json.object { json in for item in items { json.field(item.name, item.value) } }
  }

  private static func question(_ panel: Dashboard.Panel) -> (kind: String, items: [Dashboard.Item]) {
    switch panel.question {
    case .query(let items): ("query", items)
    case .funnel(let view, let items): ("funnel", [Dashboard.Item(name: "view", value: view)] + items)
    }
  }

  /// What `Dashboard.load(yaml:)` reads as the same dashboard.
  public static func yaml(_ dashboard: Dashboard) -> String {
    var lines = ["title: \(scalar(dashboard.title))"]
    if let description = dashboard.description { lines.append("description: \(scalar(description))") }
    if let topology = dashboard.topology { lines.append("topology: \(scalar(topology))") }
    if let days = dashboard.days { lines.append("days: \(days)") }
    if let timezone = dashboard.timezone { lines.append("timezone: \(scalar(timezone))") }
    lines.append("panels:")
    for panel in dashboard.panels {
      lines.append("  - title: \(scalar(panel.title))")
      lines.append("    chart: \(panel.chart)")
      lines.append("    size: \(panel.size)")
      if let days = panel.days { lines.append("    days: \(days)") }
      let (kind, items) = question(panel)
      lines.append("    \(kind):\(items.isEmpty ? " {}" : "")")
      for item in items { lines.append("      \(item.name): \(scalar(item.value))") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Without quotes where nothing in it means anything to YAML. JSON's quotes and escapes are YAML's too.
  private static func scalar(_ text: String) -> String {
    let letters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    let plain = letters.union("_./, -")
    if let first = text.first, letters.contains(first), let last = text.last, last != " ",
      text.allSatisfy(plain.contains)
    {
      return text
    }
    var json = JSONText()
    json.value(text)
    return json.text
  }
}
