import Basics
import CRdKafka

/// Reads one partition of a topic, and follows it while it grows.
///
/// A position that has a last record begins with that record: it is fetched again, compared, and not handed out.
final class KafkaReader: LogReader {
  /// Of a record over the size limit so many bytes are kept; it is rejected whatever it says.
  static let kept = 4 << 10
  private static let waitMilliseconds: Int64 = 5
  /// So many records are worth a batch, and no more are waited for.
  private static let enough = 256

  /// What a read wants, and where it goes.
  private struct Wanted {
    /// Held by whoever reads; for each record it would be retained.
    let slice: Unmanaged<LogSlice>
    let bytes: Int
    let records: Int
  }

  let consumer: KafkaConsumer
  let partition: Int
  let partitionCount: Int32
  let stamping: KafkaStamps
  private let feed: KafkaFeed
  /// Nil between reads.
  private var wanted: Wanted?
  var position: LogPosition
  /// The last record read before is still to be found.
  var isToReadBack: Bool
  /// Thrown by a read that finds nothing before it, and ever after.
  var failure: Failure?
  /// The broker said something that only the bounds of the partition will explain.
  var doubt: KafkaDoubt?
  /// Where fetching has to begin anew.
  var restartAt: Int64?
  /// Something of the partition was fetched since it was opened: where it ends is not of an earlier time then.
  var hasFetched = false
  /// When the end was seen, by the monotonic clock; nil once records followed.
  var endSeenAt: Int64?
  var keyWarnings: Int64 = 0
  private var topicReturns: Int
  /// Of the last record, when not all of it is in the slice.
  private var longCheck: UInt32 = 0
  private var averageBytes = 1_024
  private(set) var isHeldUp = false
  var bound = Int64.max

  init(
    _ consumer: KafkaConsumer, partition: Int, partitionCount: Int, stamps: KafkaStamps, from position: LogPosition
  ) throws(Failure) {
    self.consumer = consumer
    self.partition = partition
    self.partitionCount = Int32(partitionCount)
    stamping = stamps
    self.position = position
    isToReadBack = position.file > 0
    topicReturns = consumer.events.returns
    feed = try consumer.open(partition, at: position.offset - Int64(position.file))
  }

  deinit { consumer.release(partition, feed: feed) }

  func read(into slice: LogSlice, maxBytes: Int, maxRecords: Int) throws(Failure) {
    slice.clear()
    slice.end = position
    isHeldUp = false
    if let failure = failure ?? consumer.events.failure { throw failure }
    compareAgainIfTopicReturned()
    try fetch(into: slice, maxBytes, maxRecords)
    if let offset = restartAt {
      restartAt = nil
      try consumer.restart(partition, at: offset, feed: feed)
    }
    slice.end = position
    guard slice.count == 0 else { return }
    if let failure { throw failure }
    isHeldUp = !isAtEnd
  }

  /// A topic that was gone may be another one now.
  private func compareAgainIfTopicReturned() {
    let returns = consumer.events.returns
    guard returns != topicReturns else { return }
    topicReturns = returns
    hasFetched = false
    guard position.file > 0 else { return }
    isToReadBack = true
    restartAt = position.offset - Int64(position.file)
  }

  private func fetch(into slice: LogSlice, _ maxBytes: Int, _ maxRecords: Int) throws(Failure) {
    feed.lock.lock()
    defer { feed.lock.unlock() }
    guard !feed.isClosed else { throw consumer.taken(partition) }
    settleDoubt()
    wanted = Wanted(slice: .passUnretained(slice), bytes: maxBytes, records: maxRecords)
    defer { wanted = nil }
    let deadline = ClockGuard.monotonicMilliseconds() + KafkaReader.waitMilliseconds
    var wait = KafkaReader.waitMilliseconds
    guard wantsMore else { return }
    repeat {
      guard feed.show(self, milliseconds: Int32(wait)) > 0 else { break }
      // Few are not worth a batch, unless no more come in time.
      wait = slice.count < KafkaReader.enough ? max(0, deadline - ClockGuard.monotonicMilliseconds()) : 0
    } while wantsMore
    wakeIfLow(maxBytes, maxRecords)
    if slice.count > 0 { finish(slice) }
  }

  /// At an end that was seen, what is behind it (an open transaction, markers) is none of ours, and is fetched for all that.
  private func wakeIfLow(_ maxBytes: Int, _ maxRecords: Int) {
    let waiting = feed.waiting
    guard waiting < min(maxRecords, maxBytes / averageBytes + 1), endSeenAt == nil,
      let end = consumer.lastEnd(partition), end > position.offset + Int64(waiting)
    else { return }
    consumer.wantMore(partition)
  }

  private var wantsMore: Bool {
    guard let wanted else { return false }
    return failure == nil && doubt == nil && restartAt == nil && (isToReadBack || position.offset < bound)
      && wanted.slice._withUnsafeGuaranteedRef { $0.count < wanted.records && $0.byteCount < wanted.bytes }
  }

  /// Puts a message where it belongs; false when no other may follow now.
  func take(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> Bool {
    let code = message.pointee.err
    hasFetched = hasFetched || code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__PARTITION_EOF
    if code == RD_KAFKA_RESP_ERR_NO_ERROR { take(record: message) } else { take(event: message) }
    return wantsMore
  }

  private func take(record message: UnsafeMutablePointer<rd_kafka_message_t>) {
    let offset = message.pointee.offset
    let value = UnsafeRawBufferPointer(start: message.pointee.payload, count: message.pointee.len)
    guard !isToReadBack else { return readBack(offset, value) }
    // librdkafka repeats what it gave out while partitions were held for a moment.
    guard offset >= position.offset else { return }
    guard offset < bound else {
      // No record stands just before the bound. This one is behind it, and librdkafka shows it only once unless asked again.
      pass(to: bound)
      restartAt = offset
      return
    }
    guard let stamp = stamp(of: message) else { return }
    noteKey(message)
    let isLong = value.count > FileLog.lineLimit
    if !value.isEmpty { askForNext(behind: value) }
    if isLong { longCheck = Checksum.crc32c(value) }
    wanted!.slice._withUnsafeGuaranteedRef {
      $0.append(
        UnsafeRawBufferPointer(rebasing: value[..<(isLong ? KafkaReader.kept : value.count)]),
        fullLength: UInt32(clamping: value.count), stamp: stamp, offset: offset)
    }
    position.offset = offset + 1
    position.file = 1
    position.byte = stamp
    endSeenAt = nil
  }

  /// The values of a record batch stand behind each other where another core has just put them: it is this copy, and not what
  /// is done with the values later, that would wait for them. The next one is taken to be as long as this one.
  private func askForNext(behind value: UnsafeRawBufferPointer) {
    let end = value.baseAddress! + value.count
    for line in stride(from: 0, to: min(value.count, KafkaReader.kept), by: 64) { Memory.prefetch(end + line) }
  }

  /// What is known only when the last record of the slice is.
  private func finish(_ slice: LogSlice) {
    averageBytes = max(64, slice.byteCount / slice.count)
    let last = slice.ranges[slice.count - 1]
    position.check =
      last.length < last.fullLength
      ? UInt64(longCheck)
      : UInt64(
        Checksum.crc32c(UnsafeRawBufferPointer(start: slice.bytes + Int(last.offset), count: Int(last.length))))
    if keyWarnings > 0 { consumer.events.addKeyWarnings(keyWarnings) }
    keyWarnings = 0
  }

  var name: String { "topic \(consumer.topic), partition \(partition)" }
}
