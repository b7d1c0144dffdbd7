import Basics
import Bench
import Foundation
import Logs
import Runtime

/// The topic that is read: of real brokers, or of librdkafka's mock in a process of its own, so that its processor time is
/// not that of what is measured.
final class BenchTopic {
  let options: KafkaOptions
  let name: String
  let isMock: Bool
  private let work: BenchWork
  private let mock: ChildProcess?
  /// The mock ends when this does.
  private let lifeline: Int32

  /// Brokers batch what many producers send; one producer has to wait for as much.
  private static let properties = ["linger.ms": "100", "batch.size": "1000000", "message.timeout.ms": "60000"]
  private static let mockTopic = "events"
  private static let startSeconds = 120

  init(_ arguments: Arguments, _ work: BenchWork, _ program: BenchProgram) throws(Failure) {
    self.work = work
    if let brokers = arguments.text("brokers") ?? ProcessInfo.processInfo.environment["MILLRACE_TEST_BROKERS"] {
      options = KafkaOptions(brokers: brokers)
      name = arguments.text("topic") ?? "millrace-bench"
      isMock = false
      mock = nil
      lifeline = -1
      return
    }
    if arguments.text("topic") != nil { throw .invalid("--topic names a topic of --brokers") }
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw .unavailable("cannot make a pipe: \(String(cString: strerror(errno)))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    lifeline = ends[1]
    let said = program.scratch.path("brokers.out")
    let words = ["bench", "kafka", "--only-brokers"] + BenchTopic.words(work)
    let child = try program.start(words, input: ends[0], output: said)
    close(ends[0])
    mock = child
    name = BenchTopic.mockTopic
    isMock = true
    let deadline = monotonicMilliseconds() + Int64(BenchTopic.startSeconds) * 1_000
    var address: Substring = ""
    while address.isEmpty {
      Thread.sleep(forTimeInterval: 0.02)
      let text = (try? String(contentsOfFile: said, encoding: .utf8)) ?? ""
      if text.hasSuffix("\n") { address = text.dropLast() }
      guard child.isRunning, monotonicMilliseconds() < deadline else {
        throw .unavailable("the mock brokers did not start")
      }
    }
    options = KafkaOptions(brokers: String(address))
  }

  deinit {
    guard let mock else { return }
    close(lifeline)
    mock.signal(SIGKILL)
    _ = mock.wait()
  }

  private static func words(_ work: BenchWork) -> [String] {
    var words = ["--users", "\(work.users)", "--bytes", "\(work.bytes)", "--seed", "\(work.seed)"]
    words += ["--partitions", "\(work.partitions)"]
    if work.isUniform { words.append("--uniform") }
    if work.kind == .live { return words + ["--live"] }
    return words + ["--events", "\(work.events)", "--days", "\(work.span / Timestamp.day)"]
  }

  /// Returns when nobody holds the other end of standard input any more.
  static func runBrokers(_ work: BenchWork) throws(Failure) -> Int32 {
    let mock = try MockBrokers()
    try mock.create(mockTopic, partitions: work.partitions)
    if work.kind == .topic { try fill(work, KafkaOptions(brokers: mock.address), topic: mockTopic) }
    Console.print(mock.address)
    fflush(nil)
    var byte: UInt8 = 0
    while read(0, &byte, 1) > 0 {}
    return withExtendedLifetime(mock) { 0 }
  }

  /// Appends all lines of the work, in log order.
  static func fill(_ work: BenchWork, _ options: KafkaOptions, topic: String) throws(Failure) {
    let producer = try producer(options, topic: topic)
    defer { producer.close() }
    let lines = try WorkLines(work)
    var records = KafkaRecords()
    while lines.next() {
      records.add(user: lines.key, value: lines.bytes)
      guard records.byteCount >= 32 << 20 else { continue }
      try producer.append(records)
      records.removeAll()
    }
    if records.count > 0 { try producer.append(records) }
  }

  static func producer(_ options: KafkaOptions, topic: String) throws(Failure) -> KafkaProducer {
    var options = options
    options.properties.merge(properties) { $1 }
    return try KafkaProducer(options, topic: topic)
  }

  /// One that does not wait for more: what is appended shall be seen at once.
  static func pacedProducer(_ options: KafkaOptions, topic: String) throws(Failure) -> KafkaProducer {
    try KafkaProducer(options, topic: topic, queueBytes: 256 << 20)
  }

  /// Records that the topic holds.
  ///
  /// - Errors: `.invalid`, with the command that makes it, when there is no such topic, or with other partitions.
  func count() throws(Failure) -> Int {
    let command =
      "kafka-topics.sh --bootstrap-server \(options.brokers) --create --topic \(name) --partitions \(work.partitions) "
      + "--config message.timestamp.type=LogAppendTime --config retention.ms=-1"
    let log: KafkaLog
    do throws(Failure) { log = try KafkaLog(options, topic: name) } catch {
      guard error.kind == .invalid else { throw error }
      throw .invalid("\(error.message); for this measurement: \(command)")
    }
    defer { log.close() }
    guard log.partitionCount == work.partitions else {
      throw .invalid(
        "topic \(name) has \(log.partitionCount) partitions, not \(work.partitions): say --partitions \(log.partitionCount), or "
          + "another --topic, made with: \(command)")
    }
    var count: Int64 = 0
    for partition in 0..<log.partitionCount {
      let start = try log.startPosition(partition: partition).offset
      guard start == 0 else {
        throw .unavailable(
          "topic \(name), partition \(partition): records before offset \(start) are gone"
            + (isMock ? ": the mock keeps 5 MiB of each partition, so say more --partitions or fewer --events" : ""))
      }
      count += try log.endOffset(partition: partition) ?? 0
    }
    return Int(count)
  }

  func writeConfiguration(to path: String, data: String) throws(Failure) {
    try BenchProgram.write(
      """
      data: \(BenchProgram.quoted(data))
      log: { kafka: { brokers: \(BenchProgram.quoted(options.brokers)), group: millrace-bench } }

      """, to: path)
  }
}
