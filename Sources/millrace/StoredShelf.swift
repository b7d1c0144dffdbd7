import Basics
import Dataflow
import Runtime
import Service
import Settings

/// Dashboards in a data directory, which is ours meanwhile.
struct StoredShelf: DashboardShelf {
  let topologies: [Topology]?
  private let data: DataDirectory
  private let dashboards: Dashboards

  init(_ place: Place) throws(Failure) {
    data = try place.openData(create: true)
    var topologies: [Topology] = []
    for name in data.topologies { topologies.append(try Generation.read(data, topology: name).topology) }
    self.topologies = topologies.isEmpty ? nil : topologies
    dashboards = Dashboards(in: data.path)
  }

  func list() throws(Failure) -> [DashboardEntry] { try dashboards.all(topologies).map(StoredShelf.entry) }

  func yaml(_ id: String) throws(Failure) -> String { DashboardText.yaml(try found(id).dashboard) }

  func save(_ id: String, _ dashboard: Dashboard, replacing: Bool) throws(Failure) -> DashboardEntry {
    if let before = try dashboards.newest(id) {
      guard !before.isBuiltIn else { throw .invalid("dashboard '\(id)' comes with the program: use another id") }
      if before.dashboard == dashboard { return StoredShelf.entry(before) }
    }
    guard let saved = try dashboards.save(id, dashboard, now: wallMilliseconds(), if: { replacing || $0 == nil }) else {
      throw exists(id)
    }
    return StoredShelf.entry(saved)
  }

  func delete(_ id: String) throws(Failure) -> DashboardEntry {
    let saved = try found(id)
    guard !saved.isBuiltIn else { throw .invalid("dashboard '\(id)' comes with the program and stays") }
    _ = try dashboards.remove(id) { _ in true }
    return StoredShelf.entry(saved)
  }

  private func found(_ id: String) throws(Failure) -> Dashboards.Saved {
    if let saved = try dashboards.newest(id) { return saved }
    throw .invalid("there is no dashboard '\(id)'\(Suggestion.hint(for: id, among: try list().map(\.id)))")
  }

  private static func entry(_ saved: Dashboards.Saved) -> DashboardEntry {
    DashboardEntry(
      id: saved.id, version: saved.version, panels: saved.dashboard.panels.count,
      savedAt: saved.savedAt.map { Timestamp(milliseconds: $0).description }, title: saved.dashboard.title)
  }
}
