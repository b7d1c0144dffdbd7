import Basics

/// Stretches of entries a funnel is asked about: side by side, and all of them together.
public struct FunnelWindows: Codable, Sendable {
  /// Milliseconds UTC.
  public var first: Int64
  public var length: Int64
  public var count: Int

  init(first: Int64, length: Int64, count: Int) {
    self.first = first
    self.length = length
    self.count = count
  }

  /// Asking costs a process each, so a long span has longer ones.
  init(from least: Int64, to most: Int64) {
    let unit = 6 * Timestamp.hour
    first = Timestamp.floor(least, to: unit)
    length = unit * max(1, ((most - first) / unit + 1 + 6) / 7)
    count = Int((most - first) / length) + 1
  }

  func index(of entry: Int64) -> Int { Int((entry - first) / length) }

  /// Of a window, or, after the last one, of all.
  public func name(_ index: Int) -> String {
    index == count ? "all" : RowWriter.time(first + Int64(index) * length)
  }

  public func start(_ index: Int) -> String { RowWriter.time(first + Int64(index) * length) }
}
