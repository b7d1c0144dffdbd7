import Basics
import Workload

/// The lines of a work in log order, with the lateness of live ones.
///
/// A workload knows nothing from before its start, so within minutes hardly anything could be late. Here 3 % of the lines
/// happened 2 to 30 minutes before they arrive and 0.1 % up to 20 hours: their timestamps are rewritten, by a function of
/// the event id, so that a resend is rewritten alike.
public final class WorkLines {
  private let workload: Workload
  private let isLive: Bool
  private var made = ByteWriter(capacity: 4_096)
  private var changed = ByteWriter(capacity: 4_096)
  private var isChanged = false

  /// Of the line that `next` made, milliseconds UTC: when it happened, and when it reaches the log.
  public private(set) var time: Int64 = 0
  public private(set) var logTime: Int64 = 0
  private var keyRange = 0..<0

  public init(_ work: BenchWork) throws(Failure) {
    workload = try Workload(work.workload)
    isLive = work.kind == .live
  }

  /// False after the last line.
  public func next() -> Bool {
    made.clear()
    guard let line = workload.next(into: &made) else { return false }
    (time, logTime, keyRange, isChanged) = (line.clientTime, line.logTime, line.key, false)
    if isLive { delay() }
    return true
  }

  /// Without the newline; until the next call of `next`.
  public var bytes: UnsafeRawBufferPointer { isChanged ? changed.bytes : made.bytes }
  public var key: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: made.bytes[keyRange]) }

  private func delay() {
    let fields = LineFields(made.bytes)
    // The last twelve digits of an id are its random ones.
    let draw = fields.eventID.low & 0xffff_ffff_ffff
    let share = draw & 1_023
    guard share < 32 else { return }
    let fraction = Int64(draw >> 10 & 0xffff_ffff)
    let most = share == 0 ? 20 * Timestamp.hour : 30 * Timestamp.minute
    time -= 2 * Timestamp.minute + (fraction * (most - 2 * Timestamp.minute)) >> 32
    let text = fields.timestamp
    changed.clear()
    changed.raw(UnsafeRawBufferPointer(rebasing: made.bytes[..<text.lowerBound]))
    var timestamp = Timestamp(milliseconds: time).description
    timestamp.withUTF8 { changed.raw(UnsafeRawBufferPointer($0)) }
    changed.raw(UnsafeRawBufferPointer(rebasing: made.bytes[text.upperBound...]))
    isChanged = true
  }
}
