import Basics
import Dataflow
import Service

/// Dashboards of a running server.
struct ServedShelf: DashboardShelf {
  let server: ServerWork
  /// The server judges.
  var topologies: [Topology]? { nil }

  func list() throws(Failure) -> [DashboardEntry] {
    let answer = try server.ask("GET", "/dashboards").object
    return (answer["dashboards"] as? [[String: Any]] ?? []).map(ServedShelf.entry)
  }

  func yaml(_ id: String) throws(Failure) -> String {
    try ServerAnswer.get(server.url, ServedShelf.path(id), [("format", "yaml")]) + "\n"
  }

  func save(_ id: String, _ dashboard: Dashboard, replacing: Bool) throws(Failure) -> DashboardEntry {
    var version: Int?
    if let before = try list().first(where: { $0.id == id }) {
      if try yaml(id) == DashboardText.yaml(dashboard) { return before }
      guard replacing || before.isBuiltIn else { throw exists(id) }
      version = before.version
    }
    let body = DashboardText.json(dashboard, version: version)
    return ServedShelf.entry(try server.ask("PUT", ServedShelf.path(id), body: body).object)
  }

  func delete(_ id: String) throws(Failure) -> DashboardEntry {
    let before = try list().first { $0.id == id }
    _ = try server.ask("DELETE", ServedShelf.path(id))
    return before ?? DashboardEntry(id: id, version: 1, panels: 0, title: id)
  }

  private static func path(_ id: String) -> String { "/dashboards/\(HTTPClient.escaped(id))" }

  private static func entry(_ object: [String: Any]) -> DashboardEntry {
    DashboardEntry(
      id: object["id"] as? String ?? "", version: object["version"] as? Int ?? 0,
      panels: object["panel_count"] as? Int ?? (object["panels"] as? [Any])?.count ?? 0,
      savedAt: object["saved_at"] as? String, title: object["title"] as? String ?? "")
  }
}
