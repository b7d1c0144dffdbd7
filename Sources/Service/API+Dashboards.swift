import Basics
import Dataflow
import Runtime
import Settings

/// Dashboards over HTTP: read with a read key, written with an admin key, and never over somebody else's change.
extension API {
  /// The methods of a path; nil when it is none of these.
  func dashboards(_ path: String) -> [String: Route]? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
    guard parts.first == "dashboards" else { return nil }
    switch parts.count {
    case 1:
      return [
        "GET": { (request) throws(Failure) in try list(request) },
        "POST": { (request) throws(Failure) in try create(request) },
      ]
    case 2:
      return [
        "GET": { (request) throws(Failure) in try dashboard(parts[1], request) },
        "PUT": { (request) throws(Failure) in try replace(parts[1], request) },
        "DELETE": { (request) throws(Failure) in try delete(parts[1], request) },
      ]
    case 3 where parts[2] == "versions":
      return ["GET": { (request) throws(Failure) in try versions(parts[1], request) }]
    default: return nil
    }
  }

  private var served: [Topology] { node.topologies.map(\.generation.topology) }

  private func list(_ request: Request) throws(Failure) -> Response {
    _ = try NamedValues(request.query, known: [])
    let all = try dashboards.all(served)
    var json = JSONText()
    json.object { json in
      json.key("dashboards")
      json.array { json in for saved in all { json.object { API.head(saved, &$0, isWhole: false) } } }
    }
    return .json(json.text)
  }

  private func create(_ request: Request) throws(Failure) -> Response {
    let document = try read(request)
    if let id = document.id, !VersionedDocuments.isID(id) { throw .invalid(API.wrongID(id)) }
    let id = if let id = document.id { id } else { try dashboards.freeID(for: document.dashboard.title) }
    return try kept { () throws(Failure) in
      guard try dashboards.newest(id) == nil,
        let saved = try dashboards.save(id, document.dashboard, now: wallMilliseconds(), if: { $0 == nil })
      else { return .problem(409, "there is a dashboard '\(id)' already: change it with PUT /dashboards/\(id)") }
      return API.response(saved, status: 201, [Response.Header(name: "Location", value: "/dashboards/\(id)")])
    }
  }

  private func dashboard(_ id: String, _ request: Request) throws(Failure) -> Response {
    let values = try NamedValues(request.query, known: ["format", "version"])
    var saved = try dashboards.newest(id)
    if let text = values["version"] {
      guard let number = Int(text), number >= 0 else {
        throw .invalid("version: \(NamedValues.shown(text)) is not the number of a version")
      }
      guard saved == nil || saved?.version == number else {
        saved = try dashboards.versions(id).first { $0.version == number }
        guard let saved else {
          return .problem(
            404, "version \(number) of '\(id)' is not kept: /dashboards/\(id)/versions lists those that are")
        }
        return API.response(saved, as: try format(values, request))
      }
    }
    guard let saved else { return try missing(id) }
    let format = try format(values, request)
    if format == "json", request.headers["if-none-match"] == saved.tag {
      return Response(304, headers: [Response.Header(name: "ETag", value: saved.tag)])
    }
    return API.response(saved, as: format)
  }

  private func format(_ values: NamedValues, _ request: Request) throws(Failure) -> String {
    if let format = values["format"] {
      guard ["json", "yaml"].contains(format) else {
        throw .invalid("format: \(NamedValues.shown(format)) is neither json nor yaml")
      }
      return format
    }
    return request.headers["accept"]?.contains("application/yaml") == true ? "yaml" : "json"
  }

  /// An id that is not there is made; one that is there only by who says which version they saw.
  private func replace(_ id: String, _ request: Request) throws(Failure) -> Response {
    guard VersionedDocuments.isID(id) else { throw .invalid(API.wrongID(id)) }
    if let refusal = shipped(id) { return refusal }
    let document = try read(request)
    guard document.id == nil || document.id == id else {
      throw .invalid("id: the path says '\(id)', the dashboard \(NamedValues.shown(document.id!))")
    }
    let seen = request.headers["if-match"]
    var refusal: Response?
    return try kept { () throws(Failure) in
      let saved = try dashboards.save(id, document.dashboard, now: wallMilliseconds()) { before in
        refusal = API.conflict(before, tag: seen, version: document.version)
        return refusal == nil
      }
      guard let saved else { return refusal! }
      return API.response(saved, status: saved.version == 1 ? 201 : 200)
    }
  }

  private static func conflict(_ before: Dashboards.Saved?, tag: String?, version: Int?) -> Response? {
    guard let before else {
      // A dashboard with a version that is sent to another server begins there anew.
      return tag == nil ? nil : .problem(412, "there is no such dashboard any more: without If-Match it is made")
    }
    let now = "it is at version \(before.version) now: read it again and change that"
    if let tag { return tag == before.tag || tag == "*" ? nil : .problem(412, "somebody else changed it, \(now)") }
    guard let version else {
      return .problem(428, "say which version you change, with If-Match or the member 'version'; \(now)")
    }
    return version == before.version ? nil : .problem(409, "version \(version) was changed by somebody else, \(now)")
  }

  private func delete(_ id: String, _ request: Request) throws(Failure) -> Response {
    _ = try NamedValues(request.query, known: [])
    if let refusal = shipped(id) { return refusal }
    guard try dashboards.newest(id) != nil else { return try missing(id) }
    let seen = request.headers["if-match"]
    guard try dashboards.remove(id, if: { seen == nil || seen == "*" || seen == $0.tag }) else {
      return .problem(412, "somebody else changed '\(id)': read it again")
    }
    var json = JSONText()
    json.object { $0.field("deleted", id) }
    return .json(json.text)
  }

  private func versions(_ id: String, _ request: Request) throws(Failure) -> Response {
    _ = try NamedValues(request.query, known: [])
    let versions = try dashboards.versions(id)
    guard !versions.isEmpty else { return try missing(id) }
    var json = JSONText()
    json.object { json in
      json.field("id", id)
      json.key("versions")
      json.array { json in for saved in versions { json.object { API.head(saved, &$0, isWhole: false) } } }
    }
    return .json(json.text)
  }

  private func shipped(_ id: String) -> Response? {
    guard Dashboards.builtIn.contains(where: { $0.id == id }) else { return nil }
    return .problem(409, "dashboard '\(id)' comes with the program and is not changed: save it under another id")
  }

  private func missing(_ id: String) throws(Failure) -> Response {
    let hint = Suggestion.hint(for: id, among: try dashboards.all(served).map(\.id))
    return .problem(404, "there is no dashboard \(NamedValues.shown(id))\(hint)")
  }

  private func read(_ request: Request) throws(Failure) -> Dashboard.Document {
    _ = try NamedValues(request.query, known: [])
    guard request.body.count <= Dashboard.bytesLimit else {
      throw .invalid("the dashboard is larger than \(Size.bytes(Int64(Dashboard.bytesLimit)))")
    }
    let type = request.contentType?.lowercased() ?? ""
    guard type.contains("yaml") else { return try Dashboard.load(json: request.body, topologies: served) }
    guard let text = String(validating: request.body, as: UTF8.self) else { throw .invalid("the body is not UTF-8") }
    return try Dashboard.load(yaml: text, file: "dashboard.yaml", topologies: served)
  }

  /// What is refused of a dashboard that is right is so because of what is kept already: 409.
  private func kept(_ body: () throws(Failure) -> Response) throws(Failure) -> Response {
    do throws(Failure) { return try body() } catch {
      guard error.kind == .invalid else { throw error }
      return .problem(409, error.message)
    }
  }

  private static func wrongID(_ id: String) -> String {
    "id: \(NamedValues.shown(id)) is not lower-case letters, digits and hyphens, at most 64, and not a hyphen first"
  }

  private static func response(
    _ saved: Dashboards.Saved, as format: String = "json", status: Int = 200, _ more: [Response.Header] = []
  ) -> Response {
    let tag = Response.Header(name: "ETag", value: saved.tag)
    guard format == "json" else {
      let name = Response.Header(name: "Content-Disposition", value: "attachment; filename=\"\(saved.id).yaml\"")
      return Response(status, "application/yaml", DashboardText.yaml(saved.dashboard), [tag, name] + more)
    }
    var json = JSONText()
    json.object { head(saved, &$0, isWhole: true) }
    return .json(json.text, status: status, [tag] + more)
  }

  private static func head(_ saved: Dashboards.Saved, _ json: inout JSONText, isWhole: Bool) {
    json.field("id", saved.id)
    json.field("version", saved.version)
    json.field("built_in", saved.isBuiltIn)
    json.field("created_at", saved.createdAt.map { Timestamp(milliseconds: $0).description })
    json.field("saved_at", saved.savedAt.map { Timestamp(milliseconds: $0).description })
    guard !isWhole else { return DashboardText.members(saved.dashboard, &json) }
    json.field("title", saved.dashboard.title)
    json.field("description", saved.dashboard.description)
    json.field("topology", saved.dashboard.topology)
    json.field("panel_count", saved.dashboard.panels.count)
    if let problem = saved.problem { json.field("problem", problem) }
  }
}
