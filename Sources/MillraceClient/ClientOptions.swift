import Foundation

public struct ClientOptions: Sendable {
  /// A batch is sent when so many events wait; at most 500, which is what a collector takes.
  public var batchEvents = 500 { didSet { batchEvents = min(max(batchEvents, 1), 500) } }
  /// Of a request's body; at most 524,288, which is what a collector takes.
  public var batchBytes = 500_000 { didSet { batchBytes = min(max(batchBytes, 70_000), 524_288) } }
  /// What waits is sent at least so often.
  public var interval: Duration = .seconds(10)
  /// Events that may wait in memory. More are dropped, unless there is a `spool`.
  public var queueEvents = 10_000
  /// A directory of the client's own, made when missing. Events wait there instead of in memory, and outlive the process.
  public var spool: URL?
  /// Of all that waits in `spool`; more is dropped.
  public var spoolBytes = 256 << 20
  /// A collector that has not answered by then is asked again.
  public var timeout: Duration = .seconds(30)
  /// The first wait after a failure; doubled at each further one, with jitter of a half.
  public var firstRetry: Duration = .milliseconds(500)
  public var longestRetry: Duration = .seconds(60)
  /// Told of each event that nobody will count. Called on any thread, must not wait.
  public var onDrop: (@Sendable (DroppedEvent) -> Void)?

  public init() {}
}

/// An event that was given up, and why.
public struct DroppedEvent: Sendable, Equatable {
  public var id: String
  public var reason: String
}

public struct ClientStatistics: Sendable, Equatable {
  /// Not yet taken or refused.
  public var waiting = 0
  /// That the collector has in its log.
  public var taken = 0
  /// That nobody will count: refused by the collector, unusable, or too many.
  public var dropped = 0
  /// Why the last attempt failed; nil after one that worked.
  public var lastError: String?
}

public struct ClientError: Error, Sendable, Equatable, CustomStringConvertible {
  public var description: String

  init(_ description: String) { self.description = description }
}
