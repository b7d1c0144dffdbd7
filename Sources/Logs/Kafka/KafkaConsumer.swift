import Basics
import CRdKafka
import Foundation

/// Owns a consumer `rd_kafka_t`, the thread that polls it, and who reads which partition.
///
/// `@unchecked Sendable`: `handle` is set once and librdkafka's calls may come from any thread; everything that changes is
/// only touched with `lock` held. `lock` is taken before a feed's, never after.
///
/// Calls made with `lock` held, or by the polling thread, come before `destroy`; all others are made inside `owner.use`.
final class KafkaConsumer: @unchecked Sendable {
  let topic: String
  let events: KafkaEvents
  let handle: OpaquePointer
  private let owner: KafkaHandle
  private let lock = Lock()
  private var feeds: [Int: KafkaFeed] = [:]
  /// What librdkafka fetches.
  private var fetched: Set<Int> = []
  private var member: (any KafkaMember)?
  /// What the group gave us.
  private var owned: Set<Int> = []
  /// Partitions that began to be read while the group waits for our answer: they are that answer.
  private var gathered: [Int: Int64]?
  private var revoking: Set<Int> = []
  private var isStopping = false
  private var isStopped = false
  private var poller: pthread_t?
  /// When partitions last came or went, by the monotonic clock. The polling thread's.
  private var rebalancedAt: Int64 = 0
  /// Nil where librdkafka looks at full queues often by itself.
  private let waker: KafkaWaker?

  private static let pollMilliseconds: Int32 = 100
  /// Longer than the 5 s that librdkafka gives a coordinator to hear that it leaves.
  private static let closeMilliseconds: Int64 = 6_000
  private static let wakeMilliseconds: Int32 = 250

  /// - Errors: `.invalid` in librdkafka's words: the configuration cannot be used.
  init(_ options: KafkaOptions, topic: String, group: String) throws(Failure) {
    self.topic = topic
    let events = KafkaEvents(topic: topic)
    self.events = events
    let conf = try KafkaProperties.make(
      options, defaults: KafkaProperties.consumer, fixed: KafkaProperties.fixedConsumer + [("group.id", group)])
    events.attachToConsumer(conf)
    owner = try KafkaHandle(RD_KAFKA_CONSUMER, conf, events: events)
    handle = owner.pointer
    waker =
      KafkaProperties.looksOften
      ? nil
      : KafkaWaker(name: "kafka-wake") { [owner] partition in
        !KafkaConsumer.ends(owner, topic, [partition], milliseconds: KafkaConsumer.wakeMilliseconds).isEmpty
      }
    // Events and rebalances then come through one queue.
    rd_kafka_poll_set_consumer(handle)
    events.rebalance = { [unowned self] code, partitions in rebalance(code, partitions) }
    let thread = Thread { [self] in
      poll()
      finishPolling()
    }
    thread.name = "kafka-\(topic)"
    thread.start()
  }

  // The polling thread holds the object, so it has ended.
  deinit { destroy() }

  // The polling thread.

  private func poll() {
    lock.lock()
    poller = pthread_self()
    lock.unlock()
    while !locked({ isStopping }) {
      guard let message = rd_kafka_consumer_poll(handle, KafkaConsumer.pollMilliseconds) else { continue }
      take(message)
      rd_kafka_message_destroy(message)
    }
    close()
  }

  /// Gives partitions back, which calls `rebalance` in here, and leaves the group; not for ever when that does not work.
  private func close() {
    guard let queue = rd_kafka_queue_new(handle) else { return }
    defer { rd_kafka_queue_destroy(queue) }
    if let words = KafkaText.take(rd_kafka_consumer_close_queue(handle, queue)) {
      events.note(words)
      return
    }
    rebalancedAt = ClockGuard.monotonicMilliseconds()
    while rd_kafka_consumer_closed(handle) == 0 {
      _ = rd_kafka_queue_poll_callback(queue, KafkaConsumer.pollMilliseconds)
      // Errors and statistics come for ever while brokers are away, and librdkafka may wait for a coordinator as long.
      if ClockGuard.monotonicMilliseconds() - rebalancedAt > KafkaConsumer.closeMilliseconds {
        events.note("the group could not be left in order")
        return
      }
    }
  }

  private func finishPolling() {
    lock.lock()
    isStopped = true
    // It may own the log, and through it this.
    member = nil
    lock.wakeAll()
    lock.unlock()
  }

  private func take(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
    let code = message.pointee.err
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else {
      // A record that is not in its partition's queue would be missing from the numbers.
      events.fail(
        .corrupt(
          "topic \(topic): record \(message.pointee.offset) of partition \(message.pointee.partition) came astray"))
      return
    }
    if code == RD_KAFKA_RESP_ERR__FATAL { events.fail(fatally: handle) }
    events.note(rd_kafka_message_errstr(message).map { String(cString: $0) } ?? KafkaText.of(code))
  }

  /// Ends polling, leaving the group in order, and waits for it.
  func stop() {
    lock.lock()
    precondition(
      poller == nil || pthread_equal(poller!, pthread_self()) == 0, "Kafka's own thread cannot wait for itself")
    isStopping = true
    while !isStopped { lock.wait() }
    lock.unlock()
  }

  /// Frees everything. Readers that are still there read nothing any more. To be called after `stop`.
  func destroy() {
    waker?.stop()
    lock.lock()
    let open = feeds.values
    feeds.removeAll()
    fetched.removeAll()
    lock.unlock()
    for feed in open { close(feed) }
    if owner.end() { owner.destroy() }
  }

  // The group.

  func subscribe(_ member: any KafkaMember) throws(Failure) {
    locked { self.member = member }
    let topics = KafkaPartitions(topic: topic, [Int(RD_KAFKA_PARTITION_UA)])
    let code = rd_kafka_subscribe(handle, topics.list)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw .unavailable("topic \(topic): cannot join the group: \(KafkaText.of(code))")
    }
  }

  private func rebalance(
    _ code: rd_kafka_resp_err_t, _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
  ) {
    defer { rebalancedAt = ClockGuard.monotonicMilliseconds() }
    let partitions = KafkaPartitions.numbers(list).sorted()
    switch code {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
      give(partitions)
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
      takeAway(partitions, lost: rd_kafka_assignment_lost(handle) != 0)
    default:
      events.note("rebalance: \(KafkaText.of(code))")
      takeAway(locked { owned.sorted() }, lost: true)
      _ = rd_kafka_assign(handle, nil)
    }
  }

  private func give(_ partitions: [Int]) {
    let member = locked {
      owned.formUnion(partitions)
      gathered = [:]
      return self.member
    }
    member?.assigned(partitions)
    lock.lock()
    defer { lock.unlock() }
    let starts = gathered ?? [:]
    gathered = nil
    let list = KafkaPartitions(topic: topic)
    for (partition, offset) in starts where feeds[partition] != nil {
      list.add(partition, offset: offset)
      fetched.insert(partition)
    }
    // The group waits for this call, even if it names nothing.
    note(rd_kafka_incremental_assign(handle, list.list))
  }

  private func takeAway(_ partitions: [Int], lost: Bool) {
    let member = locked {
      revoking = Set(partitions)
      return self.member
    }
    member?.revoked(partitions, lost: lost)
    lock.lock()
    defer { lock.unlock() }
    let list = KafkaPartitions(topic: topic)
    for partition in partitions {
      if let feed = feeds.removeValue(forKey: partition) { close(feed) }
      if fetched.remove(partition) != nil { list.add(partition) }
    }
    owned.subtract(partitions)
    revoking = []
    note(rd_kafka_incremental_unassign(handle, list.list))
  }

  /// Asynchronous; what comes of it is in `health.lastCommitError`.
  func commit(_ offsets: [(partition: Int, offset: Int64, metadata: String)]) {
    let list = KafkaPartitions(topic: topic)
    for entry in offsets { list.add(entry.partition, offset: entry.offset, metadata: entry.metadata) }
    guard let code = try? owner.use({ rd_kafka_commit($0, list.list, 1) }) else { return }
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { events.note("commit to the group: \(KafkaText.of(code))") }
  }

  /// As `commit`, and waits for the coordinator's answer.
  ///
  /// - Errors: `.invalid` when it refuses, as a member's word on what others have; `.unavailable` when it does not answer in
  ///   time.
  func commit(
    _ offsets: [(partition: Int, offset: Int64, metadata: String)], milliseconds: Int32
  ) throws(Failure) {
    let list = KafkaPartitions(topic: topic)
    for entry in offsets { list.add(entry.partition, offset: entry.offset, metadata: entry.metadata) }
    let answered = try owner.use { handle -> rd_kafka_resp_err_t in
      guard let queue = rd_kafka_queue_new(handle) else { return RD_KAFKA_RESP_ERR__FAIL }
      defer { rd_kafka_queue_destroy(queue) }
      let code = rd_kafka_commit_queue(handle, list.list, queue, nil, nil)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return code }
      guard let event = rd_kafka_queue_poll(queue, milliseconds) else { return RD_KAFKA_RESP_ERR__TIMED_OUT }
      defer { rd_kafka_event_destroy(event) }
      return rd_kafka_event_error(event)
    }
    guard let code = answered else { throw closed }
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    let words = "topic \(topic): the group does not take where partitions stand: \(KafkaText.of(code))"
    // Codes of librdkafka's own are below zero: nobody has answered.
    throw code.rawValue < 0 ? .unavailable(words) : .invalid(words)
  }

  /// What the group's coordinator keeps of each partition.
  func committed(_ partitions: Int, milliseconds: Int32) throws(Failure) -> [KafkaLog.GroupOffset] {
    let list = KafkaPartitions(topic: topic, 0..<partitions)
    guard let code = try owner.use({ rd_kafka_committed($0, list.list, milliseconds) }) else { throw closed }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw .unavailable("topic \(topic): the group's offsets cannot be asked for: \(KafkaText.of(code))")
    }
    if let refused = list.entries.first(where: { $0.err != RD_KAFKA_RESP_ERR_NO_ERROR }) {
      throw .unavailable("topic \(topic): the group's offsets cannot be asked for: \(KafkaText.of(refused.err))")
    }
    return list.entries.compactMap { entry in
      guard entry.offset >= 0 else { return nil }
      let metadata = UnsafeRawBufferPointer(start: entry.metadata, count: entry.metadata_size)
      return KafkaLog.GroupOffset(
        partition: Int(entry.partition), offset: entry.offset, metadata: String(decoding: metadata, as: UTF8.self))
    }
  }

  // Readers.

  /// Begins to fetch a partition.
  func open(_ partition: Int, at offset: Int64) throws(Failure) -> KafkaFeed {
    lock.lock()
    defer { lock.unlock() }
    guard !isStopping else { throw closed }
    guard member == nil || owned.contains(partition) else {
      throw .unavailable("topic \(topic), partition \(partition): the group has given it to another process")
    }
    guard feeds[partition] == nil else {
      throw .invalid("topic \(topic), partition \(partition): is already being read in this process")
    }
    guard let queue = rd_kafka_queue_get_partition(handle, topic, Int32(partition)) else {
      throw .invalid("topic \(topic): has no partition \(partition)")
    }
    // Records stay in this queue instead of going to the one for all partitions.
    rd_kafka_queue_forward(queue, nil)
    let feed = KafkaFeed(queue: queue, empty: rd_kafka_queue_new(handle))
    if gathered != nil {
      gathered![partition] = offset
    } else {
      try start(partition, at: offset)
    }
    feeds[partition] = feed
    return feed
  }

  /// Fetches a partition from another offset. The feed's lock must not be held.
  func restart(_ partition: Int, at offset: Int64, feed: KafkaFeed) throws(Failure) {
    lock.lock()
    defer { lock.unlock() }
    guard feeds[partition] === feed, !isStopping else { return }
    stopFetching(partition)
    try start(partition, at: offset)
  }

  /// The reader is gone.
  func release(_ partition: Int, feed: KafkaFeed) {
    lock.lock()
    defer { lock.unlock() }
    guard feeds[partition] === feed else { return }
    feeds[partition] = nil
    close(feed)
    gathered?[partition] = nil
    // While the group waits, what is taken away is told in one call.
    if !revoking.contains(partition), !isStopping { stopFetching(partition) }
  }

  private func start(_ partition: Int, at offset: Int64) throws(Failure) {
    let list = KafkaPartitions(topic: topic)
    list.add(partition, offset: offset)
    if let words = KafkaText.take(rd_kafka_incremental_assign(handle, list.list)) {
      throw .unavailable("topic \(topic), partition \(partition): cannot be read: \(words)")
    }
    fetched.insert(partition)
  }

  private func stopFetching(_ partition: Int) {
    guard fetched.remove(partition) != nil else { return }
    let list = KafkaPartitions(topic: topic, [partition])
    note(rd_kafka_incremental_unassign(handle, list.list))
  }

  private func close(_ feed: KafkaFeed) {
    feed.lock.lock()
    feed.close()
    feed.lock.unlock()
  }

  // Offsets.

  func isFetched(_ partition: Int) -> Bool { locked { fetched.contains(partition) } }

  /// As of the last fetch of a partition that is fetched; nil before it.
  func lastEnd(_ partition: Int) -> Int64? {
    var low: Int64 = 0
    var high: Int64 = 0
    let code = try? owner.use { rd_kafka_get_watermark_offsets($0, topic, Int32(partition), &low, &high) }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
  }

  /// A reader has taken all that was fetched of a partition, and it has more.
  func wantMore(_ partition: Int) { waker?.want(partition) }

  /// Asks the broker for the first offset and the one after the last.
  func bounds(_ partition: Int, milliseconds: Int32) throws(Failure) -> (low: Int64, high: Int64) {
    var low: Int64 = 0
    var high: Int64 = 0
    let asked = try owner.use {
      rd_kafka_query_watermark_offsets($0, topic, Int32(partition), &low, &high, milliseconds)
    }
    guard let code = asked else { throw closed }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw .unavailable(
        "topic \(topic), partition \(partition): its offsets cannot be asked for: \(KafkaText.of(code))")
    }
    return (low, high)
  }

  /// Asks where partitions end, for at most so long: `rd_kafka_query_watermark_offsets` waits for a broker that is away as long
  /// as a request may take. Those that do not answer are left out.
  func ends(_ partitions: [Int], milliseconds: Int32) -> [Int: Int64] {
    KafkaConsumer.ends(owner, topic, partitions, milliseconds: milliseconds)
  }

  private static func ends(
    _ owner: KafkaHandle, _ topic: String, _ partitions: [Int], milliseconds: Int32
  ) -> [Int: Int64] {
    let list = KafkaPartitions(topic: topic)
    for partition in partitions { list.add(partition, offset: Int64(RD_KAFKA_OFFSET_END)) }
    let asked = try? owner.use { rd_kafka_offsets_for_times($0, list.list, milliseconds) }
    guard asked == RD_KAFKA_RESP_ERR_NO_ERROR else { return [:] }
    var ends: [Int: Int64] = [:]
    for entry in list.entries where entry.err == RD_KAFKA_RESP_ERR_NO_ERROR && entry.offset >= 0 {
      ends[Int(entry.partition)] = entry.offset
    }
    return ends
  }

  func taken(_ partition: Int) -> Failure {
    .unavailable("topic \(topic), partition \(partition): is no longer read in this process")
  }

  var closed: Failure { .unavailable("topic \(topic): the connection to Kafka was closed") }

  private func note(_ error: OpaquePointer?) {
    if let words = KafkaText.take(error) { events.note(words) }
  }

  private func locked<T>(_ body: () -> T) -> T {
    lock.lock()
    defer { lock.unlock() }
    return body()
  }
}
