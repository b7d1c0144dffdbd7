import Basics
import CWebFiles
import Dataflow
import Runtime

/// The dashboards of a server: those that people saved, in its data directory, and those that come with the program.
public final class Dashboards: Sendable {
  /// A dashboard, and which version of it.
  public struct Saved: Sendable {
    public var id: String
    /// From 1; those that come with the program have 0.
    public var version: Int
    public var createdAt: Int64?
    public var savedAt: Int64?
    public var dashboard: Dashboard
    /// Why it cannot be read; then there are no panels.
    public var problem: String?
    /// Other texts under the same id and number have another.
    public var tag: String

    public var isBuiltIn: Bool { version == 0 }
  }

  /// Those that come with the program: `config/dashboards/*.yaml`.
  static let builtIn: [Saved] = UnsafeBufferPointer(start: web_dashboards, count: web_dashboard_count).map { file in
    let (id, text) = (String(cString: file.path), String(decoding: file.buffer, as: UTF8.self))
    do throws(Failure) {
      let document = try Dashboard.load(yaml: text, file: "\(id).yaml", topologies: nil)
      return Saved(id: id, version: 0, dashboard: document.dashboard, tag: "\"0-\(WebFiles.tag(Array(text.utf8)))\"")
    } catch { preconditionFailure(error.message) }
  }

  private let documents: VersionedDocuments

  /// - `data`: a data directory, by path; its dashboards are under `dashboards/`.
  public init(in data: String, limits: VersionedDocuments.Limits = VersionedDocuments.Limits()) {
    documents = VersionedDocuments("\(data)/dashboards", limits: limits)
  }

  /// By id; first those that come with the program and that one of the topologies can answer.
  ///
  /// - `topologies`: nil: all of them.
  public func all(_ topologies: [Topology]?) throws(Failure) -> [Saved] {
    var all = Dashboards.builtIn.filter { saved in
      guard let topologies else { return true }
      return topologies.contains { topology in
        saved.dashboard.panels.allSatisfy { saved.dashboard.problem(of: $0.question, among: [topology]) == nil }
      }
    }
    for (id, version) in try documents.all() {
      // One damaged file is told in its place; the others are there.
      do throws(Failure) { all.append(try Dashboards.read(id, version)) } catch {
        let empty = Dashboard(title: id, panels: [])
        all.append(Saved(id: id, version: version.number, dashboard: empty, problem: error.message, tag: ""))
      }
    }
    return all
  }

  public func newest(_ id: String) throws(Failure) -> Saved? {
    if let shipped = Dashboards.builtIn.first(where: { $0.id == id }) { return shipped }
    guard let version = try documents.newest(id) else { return nil }
    return try Dashboards.read(id, version)
  }

  /// Newest first; empty when there is no such dashboard.
  public func versions(_ id: String) throws(Failure) -> [Saved] {
    var versions = Dashboards.builtIn.filter { $0.id == id }
    for version in try documents.versions(id) { versions.append(try Dashboards.read(id, version)) }
    return versions
  }

  /// - `isMeant`: asked with what there is, before anything is written.
  /// - Errors: `.invalid` when there are too many.
  /// - Returns: nil when `isMeant` said no.
  public func save(
    _ id: String, _ dashboard: Dashboard, now: Int64, if isMeant: (Saved?) -> Bool
  ) throws(Failure) -> Saved? {
    let version = try documents.change(id) { (_, version) throws(Failure) -> String? in
      let before = try version.map { (version) throws(Failure) in try Dashboards.read(id, version) }
      return isMeant(before) ? Dashboards.text(dashboard, created: before?.createdAt ?? now, saved: now) : nil
    }
    guard let version else { return nil }
    return try Dashboards.read(id, version)
  }

  public func remove(_ id: String, if isMeant: (Saved) -> Bool) throws(Failure) -> Bool {
    try documents.remove(id) { version in (try? Dashboards.read(id, version)).map(isMeant) ?? true }
  }

  /// An id that nobody has, like the title.
  public func freeID(for title: String) throws(Failure) -> String {
    let words = title.lowercased().unicodeScalars.split { scalar in
      !("a"..."z").contains(scalar) && !("0"..."9").contains(scalar)
    }
    let name = String(words.map(String.init).joined(separator: "-").prefix(50))
    let base = VersionedDocuments.isID(name) ? name : "dashboard"
    var (id, number) = (base, 1)
    while try newest(id) != nil {
      number += 1
      id = "\(base)-\(number)"
    }
    return id
  }

  private static func text(_ dashboard: Dashboard, created: Int64, saved: Int64) -> String {
    var json = JSONText()
    json.object { json in
      json.field("created_at", Timestamp(milliseconds: created).description)
      json.field("saved_at", Timestamp(milliseconds: saved).description)
      DashboardText.members(dashboard, &json)
    }
    return json.text + "\n"
  }

  private static func read(_ id: String, _ version: VersionedDocuments.Version) throws(Failure) -> Saved {
    let bytes = Array(version.text.utf8)
    do throws(Failure) {
      let document = try Dashboard.load(json: bytes, topologies: nil)
      return Saved(
        id: id, version: version.number, createdAt: document.createdAt, savedAt: document.savedAt,
        dashboard: document.dashboard, tag: "\"\(version.number)-\(WebFiles.tag(bytes))\"")
    } catch { throw .corrupt("dashboard '\(id)', version \(version.number): \(error.message)") }
  }
}

extension web_file {
  fileprivate var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: bytes, count: count) }
}
