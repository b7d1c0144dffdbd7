import Basics
import Dataflow
import Service

/// A dashboard in a list.
struct DashboardEntry {
  var id: String
  var version: Int
  var panels: Int
  var savedAt: String?
  var title: String

  var isBuiltIn: Bool { version == 0 }
}

/// Where commands find dashboards: a running server, or a data directory that nobody has open.
protocol DashboardShelf {
  /// Whose views questions must be about; nil: that is judged elsewhere, or nobody knows yet.
  var topologies: [Topology]? { get }

  func list() throws(Failure) -> [DashboardEntry]
  func yaml(_ id: String) throws(Failure) -> String
  /// - `replacing`: whether one that is there gets another version; else it is an error.
  func save(_ id: String, _ dashboard: Dashboard, replacing: Bool) throws(Failure) -> DashboardEntry
  func delete(_ id: String) throws(Failure) -> DashboardEntry
}

extension DashboardShelf {
  func exists(_ id: String) -> Failure {
    .invalid("there is a dashboard '\(id)' already: --replace makes this its next version")
  }
}
