import Basics
import Events

/// Turns fields into column numbers while a topology is compiled.
protocol ColumnPlan: AnyObject {
  func column(_ field: Field, _ kind: Projection.Kind) -> Int
}

/// Columns of events: the projection itself.
final class EventColumns: ColumnPlan {
  var projection = Projection()

  func column(_ field: Field, _ kind: Projection.Kind) -> Int {
    projection.add(Projection.Column(path: field.path, kind: kind))
  }
}

/// Columns of sessions: a session's own numbers, or a value of its earliest event, which the session keeps.
final class SessionColumns: ColumnPlan {
  enum Source: Equatable {
    case own(Own, Projection.Kind)
    /// Index among the session's texts.
    case text(Int)
    /// Index among the session's numbers.
    case number(Int)
  }

  enum Own: String { case start, duration, events }

  private let events: EventColumns
  private(set) var sources: [Source] = []
  /// Event columns whose value a session keeps.
  private(set) var texts: [Int] = []
  private(set) var numbers: [Int] = []

  init(events: EventColumns) { self.events = events }

  func column(_ field: Field, _ kind: Projection.Kind) -> Int {
    let source: Source
    if field.path.count == 1, let own = Own(rawValue: field.path[0]) {
      source = .own(own, kind)
    } else {
      let column = events.column(field, kind)
      if kind == .text {
        source = .text(SessionColumns.index(of: column, in: &texts))
      } else {
        source = .number(SessionColumns.index(of: column, in: &numbers))
      }
    }
    if let known = sources.firstIndex(of: source) { return known }
    sources.append(source)
    return sources.count - 1
  }

  private static func index(of column: Int, in list: inout [Int]) -> Int {
    if let known = list.firstIndex(of: column) { return known }
    list.append(column)
    return list.count - 1
  }
}
