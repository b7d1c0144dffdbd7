import Synchronization

/// What was answered since the start, and after how long, by the kind of request.
public final class ResponseCounts: Sendable {
  struct Lane: Sendable {
    /// By status.
    var statuses: [Int: Int64] = [:]
    /// How many took at most each of `bounds` and longer than the one before; the last took longer than all.
    var times = [Int64](repeating: 0, count: ResponseCounts.bounds.count + 1)
    var milliseconds: Int64 = 0
  }

  /// Milliseconds.
  static let bounds: [Int64] = [2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000]

  private let state = Mutex<[String: Lane]>([:])

  public init() {}

  func add(_ lane: Server.Lane?, status: Int, milliseconds: Int64) {
    state.withLock { lanes in
      var index = 0
      while index < ResponseCounts.bounds.count, milliseconds > ResponseCounts.bounds[index] { index += 1 }
      let name = ResponseCounts.name(lane)
      lanes[name, default: Lane()].statuses[status, default: 0] += 1
      lanes[name]!.times[index] += 1
      lanes[name]!.milliseconds += milliseconds
    }
  }

  /// In one order.
  var all: [(name: String, lane: Lane)] {
    state.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func name(_ lane: Server.Lane?) -> String {
    switch lane {
    case .answers: "answers"
    case .collecting: "collecting"
    case .peers: "peers"
    case .operations: "operations"
    case nil: "liveness"
    }
  }
}
