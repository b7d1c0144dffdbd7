import Basics
import Stores

/// What is to be written of one partition, read from a snapshot piece by piece: what the outbox names, as it stands, and all
/// of the targets that have just become ones.
///
/// - Memory: the cells of one row (an hour's, a day's) at a time.
public struct OutputScan {
  private enum Part {
    case cells(table: UInt16?)
    case sessions
    case users
  }

  private let cells: CellOutput
  private let sessions: SessionOutput?
  private let snapshot: Snapshot
  private var parts: [Part] = []
  /// The key at which the first part goes on; nil: from its beginning.
  private var next: [UInt8]?

  /// - `digest`: of the generation; part of every key, so that another generation's records are not mistaken for these.
  /// - `whole`: targets of which everything is read.
  public init(
    plan: Plan, outputs: Outputs, digest: String, partition: Int, snapshot: Snapshot, whole: Set<Outputs.Target>
  ) throws(Failure) {
    self.snapshot = snapshot
    cells = try CellOutput(plan: plan, digest: digest, partition: partition, snapshot: snapshot)
    let wantsSessions = outputs.topics[.sessions] != nil
    sessions = wantsSessions ? SessionOutput(plan: plan, digest: digest, partition: partition, snapshot: snapshot) : nil
    parts.append(.cells(table: nil))
    if wantsSessions { parts.append(.sessions) }
    for table in cells.tables.keys.sorted() where whole.contains(.view(cells.tables[table]!.view)) {
      parts.append(.cells(table: table))
    }
    if wantsSessions, whole.contains(.sessions) { parts.append(.users) }
  }

  public var isAtEnd: Bool { parts.isEmpty }

  /// Adds the next records, perhaps none.
  public mutating func read(into records: inout [OutputRecord]) throws(Failure) {
    guard let part = parts.first else { return }
    switch part {
    case .cells(let table): next = try cells.read(whole: table, from: next, into: &records)
    case .sessions: next = try sessions!.readChanged(from: next, into: &records)
    case .users: next = try sessions!.readAll(from: next, into: &records)
    }
    if next == nil { parts.removeFirst() }
  }
}
