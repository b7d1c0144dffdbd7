import Basics
import Dataflow
import Events
import Foundation
import Logs
import Seeded
import Stores
import Synchronization
import Testing
import Workload

@testable import Runtime

/// Goal: however partitions wander between the members of a group, nothing is counted twice and nothing is missed.
/// Method: three members with a data directory each follow one log while it grows; a seed moves partitions between them, orderly
/// and as if they had been lost, and stops members in between. In the end every partition's owner has read it all, and what
/// they hold together equals one run over the whole log. With a directory for checkpoints the same holds.
@Suite struct MembershipTests {
  private static let topology = """
    topology: wander
    views:
      activity:
        rollup: { of: events, by: event_type, measures: { events: count, users: distinct(user_id) }, grains: { hour: forever } }
      visits:
        rollup: { of: sessions, measures: { sessions: count, duration: sum(duration) }, grains: { hour: forever } }
      path:
        funnel: { steps: [view_product, add_to_cart, purchase], within: 24h }
    """
  private static let partitions = 4

  private let directory = FileManager.default.temporaryDirectory.appending(
    path: "millrace-wander-\(UUID().uuidString)")

  @Test(arguments: [1, 2, 3, 4] as [UInt64], [false, true])
  func wanderingPartitionsAreCountedOnce(seed: UInt64, sharing: Bool) throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let checkpoints = sharing ? directory.appending(path: "checkpoints").path : nil
    func member(_ name: String, _ log: SegmentLog) throws -> LiveTopology {
      try self.member(name, log, checkpoints)
    }
    var random = SeededRandom(seed: seed)
    let log = try SegmentLog(
      directory: directory.appending(path: "log").path, topic: "events", partitions: MembershipTests.partitions,
      options: SegmentLogOptions(), readOnly: false)
    let feed = try Feed(seed: seed, log)
    var members = try (0..<3).map { try member("m\($0)", log) }
    for member in members { member.start() }
    var owners = [Int?](repeating: nil, count: MembershipTests.partitions)
    for _ in 0..<30 {
      try feed.append(300)
      let partition = random.below(MembershipTests.partitions)
      if let owner = owners[partition] {
        members[owner].revoked([partition], lost: random.below(3) == 0)
        #expect(members[owner].statuses[partition].isHere == false)
        #expect(try members[owner].reading().partial.contains { $0.partition == partition })
        owners[partition] = nil
      }
      if random.below(8) == 0 {
        // A member that dies: what it had uncommitted is gone, and its directory is opened anew.
        let dying = random.below(3)
        for other in owners.indices where owners[other] == dying {
          members[dying].revoked([other], lost: true)
          owners[other] = nil
        }
        members[dying].stop()
        members[dying].wait()
        // The old one's stores have to be closed before its directory is opened anew.
        members[dying] = try member("nobody-\(UUID().uuidString)", log)
        members[dying] = try member("m\(dying)", log)
        members[dying].start()
      }
      let next = random.below(3)
      members[next].assigned([partition])
      owners[partition] = next
    }
    for partition in owners.indices where owners[partition] == nil {
      members[0].assigned([partition])
      owners[partition] = 0
    }
    for (partition, owner) in owners.enumerated() { try wait(members[owner!], partition, log) }
    for member in members { member.stop() }
    for member in members { member.wait() }

    let snapshots = owners.enumerated().map { partition, owner in
      members[owner!].stores.withLock { $0[partition]! }.snapshot()
    }
    let plan = try Plan(members[0].generation.topology)
    let single = try member("single", log)
    single.assigned(Array(0..<MembershipTests.partitions))
    single.start()
    for partition in 0..<MembershipTests.partitions { try wait(single, partition, log) }
    single.stop()
    single.wait()
    let expected = try rows(try single.reading().answers)
    #expect(expected.count > 20)
    #expect(try rows(try Answers(plan: plan, snapshots: snapshots)) == expected, "seed \(seed)")
    let read = owners.enumerated().reduce(Int64(0)) { $0 + members[$1.1!].statuses[$1.0].ledger.read }
    #expect(read == feed.appended, "seed \(seed)")
  }

  @Test func stateFollowsThePartitionAndDamageIsPassedOver() throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let log = try SegmentLog(
      directory: directory.appending(path: "log").path, topic: "events", partitions: MembershipTests.partitions,
      options: SegmentLogOptions(), readOnly: false)
    let checkpoints = directory.appending(path: "checkpoints").path
    try Feed(seed: 9, log).append(5_000)
    let end = try #require(try log.endOffset(partition: 2))
    var answers: [[String]] = []
    for (name, read) in [("first", end), ("second", 0), ("third", end)] {
      if name == "third" { #expect(try damage(checkpoints) > 0) }
      let said = Mutex<[String]>([])
      let member = try self.member(name, log, checkpoints) { line in said.withLock { $0.append(line) } }
      member.assigned([2])
      member.start()
      try wait(member, 2, log)
      #expect(member.statuses[2].readThisRun == read, "\(name)")
      #expect(member.statuses[2].ledger.read == end, "\(name)")
      answers.append(try rows(try member.reading().answers))
      member.revoked([2], lost: false)
      member.stop()
      member.wait()
      #expect(said.withLock { $0.contains { $0.contains("cannot be used") } } == (name == "third"))
    }
    #expect(answers[0].count > 20)
    #expect(answers[1] == answers[0])
    #expect(answers[2] == answers[0])
  }

  /// What another instance had counted is missed, and said to be, until it is counted here; beyond the log's end nobody waits.
  @Test(arguments: [0, 7] as [Int64])
  func lessThanTheLastOwnerHadIsPartial(beyond: Int64) throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let log = try SegmentLog(
      directory: directory.appending(path: "log").path, topic: "events", partitions: MembershipTests.partitions,
      options: SegmentLogOptions(), readOnly: false)
    try Feed(seed: 9, log).append(5_000)
    let end = try #require(try log.endOffset(partition: 2))
    let member = try self.member("m", log, nil)
    let before = Instance(id: "before", address: "before:1")
    member.owners.withLock { $0.owners = [2: Ownership.Owner(instance: before, offset: end + beyond)] }
    member.assigned([1, 2])
    func said() throws -> [MissingPartition] {
      try member.reading().partial.filter { !$0.message.contains("another instance of the consumer group") }
    }
    let missing = try said()
    #expect(missing.map(\.partition) == [2])
    #expect(missing.first?.message.hasSuffix("up to offset 0; instance before:1 had it up to \(end + beyond)") == true)
    // An asked funnel is of all that was answered.
    #expect(try member.answeredOffset(member.statuses[2]) == end + beyond)
    #expect(try member.answeredOffset(member.statuses[1]) == 0)
    member.start()
    try wait(member, 2, log)
    let deadline = Date(timeIntervalSinceNow: 180)
    while try !said().isEmpty { try #require(Date() < deadline) }
    member.stop()
    member.wait()
  }

  /// What went away and is less there is named here, too, as long as it is; and what goes away while an answer is read.
  @Test func whatWentAwayIsMissedUntilItIsAsFarElsewhere() throws {
    defer { try? FileManager.default.removeItem(at: directory) }
    let log = try SegmentLog(
      directory: directory.appending(path: "log").path, topic: "events", partitions: MembershipTests.partitions,
      options: SegmentLogOptions(), readOnly: false)
    try Feed(seed: 9, log).append(2_000)
    let end = try #require(try log.endOffset(partition: 2))
    let member = try self.member("m", log, nil)
    member.assigned([1, 2])
    member.start()
    try wait(member, 2, log)
    let store = member.stores.withLock { $0.removeValue(forKey: 2) }
    #expect(try member.reading().partial.map(\.partition) == [0, 2, 3])
    member.stores.withLock { $0[2] = store }
    member.revoked([2], lost: false)
    let there = Instance(id: "there", address: "there:1")
    let missing = member.behind([1: 0, 2: end - 1], at: there, completeUntil: nil)
    #expect(missing.map(\.partition) == [2])
    #expect(missing.first?.message.hasPrefix("instance there:1 reads it again, so far up to offset \(end - 1)") == true)
    #expect(member.behind([2: end - 1], at: there, completeUntil: 1).count == 1, "it was at the end before")
    #expect(member.behind([2: end], at: there, completeUntil: nil).isEmpty)
    #expect(member.behind([2: 0], at: there, completeUntil: nil).isEmpty, "what was as far is its owner's from then on")
    // Only markers of transactions may be behind the last record.
    member.assigned([2])
    member.revoked([2], lost: false)
    #expect(member.behind([2: end - 1], at: there, completeUntil: .max).isEmpty)
    member.stop()
    member.wait()
  }

  @Test(arguments: [nil, 7, .max] as [Int64?]) func wordsToTheGroupAreReadBack(owes: Int64?) {
    let owner = Ownership.Owner(instance: Instance(id: "i", address: "h:1"), offset: 3, owes: owes)
    let read = Ownership.Owner(offset: 3, metadata: owner.metadata)
    #expect(read?.instance == owner.instance && read?.offset == 3 && read?.owes == owes)
    #expect(Ownership.Owner(offset: 3, metadata: "by another program") == nil)
  }

  /// Changes a byte in the middle of every table of every checkpoint.
  private func damage(_ checkpoints: String) throws -> Int {
    var damaged = 0
    for case let name as String in try #require(FileManager.default.enumerator(atPath: checkpoints))
    where name.hasSuffix(".sst") {
      let file = URL(filePath: "\(checkpoints)/\(name)")
      var data = try Data(contentsOf: file)
      data[data.count / 2] ^= 1
      try data.write(to: file)
      damaged += 1
    }
    return damaged
  }

  private func member(
    _ name: String, _ log: SegmentLog, _ checkpoints: String?,
    report: @escaping @Sendable (String) -> Void = { Issue.record("\($0)") }
  ) throws -> LiveTopology {
    let data = try DataDirectory(directory.appending(path: name).path, create: true)
    let topology = try Topology.load(text: MembershipTests.topology, file: "wander.yaml")
    let generation =
      try data.currentGeneration(of: topology.name) == nil
      ? try Generation.create(
        data, topology: topology, text: MembershipTests.topology, source: .log, starts: try log.starts())
      : try Generation.load(data, topology: topology.name)
    var options = LiveTopology.Options(threads: 2, mode: .follow, partitionsInProcess: MembershipTests.partitions)
    options.checkpoints = checkpoints.map { path in
      SharedCheckpoints(path, digest: generation.digest, report: report)
    }
    options.report = report
    options.task.batchRecords = 50
    options.task.policy = CommitPolicy(everyMilliseconds: 3, everyBytes: 40_000)
    return try LiveTopology(
      generation, memberOf: log, budget: MemoryBudget(bytes: 64 << 20), options: options
    ) { Issue.record("partition \($0) stopped: \($1.message)") }
  }

  private func wait(_ member: LiveTopology, _ partition: Int, _ log: SegmentLog) throws {
    let end = try #require(try log.endOffset(partition: partition))
    let deadline = Date(timeIntervalSinceNow: 180)
    while member.statuses[partition].offset < end {
      try #require(Date() < deadline, "partition \(partition) stands at \(member.statuses[partition].offset) of \(end)")
      usleep(1_000)
    }
  }

  private func rows(_ answers: Answers) throws -> [String] {
    var rows: [String] = []
    for view in ["activity", "visits"] { try answers.export(view: view, grain: .hour) { rows.append("\($0)") } }
    rows.append("\(try answers.funnel(view: "path", start: nil, end: nil, by: false))")
    return rows
  }

  /// Appends made-up events to a log, some at a time.
  private final class Feed {
    private let workload: Workload
    private let appender: LogAppender
    private let log: SegmentLog
    private(set) var appended: Int64 = 0
    private var bytes = ByteWriter()

    init(seed: UInt64, _ log: SegmentLog) throws {
      let end: Int64 = 1_772_323_200_000
      workload = try Workload(
        WorkloadOptions(seed: seed, events: 9_000, users: 400, start: end - 2 * Timestamp.day, end: end))
      appender = LogAppender(log)
      self.log = log
    }

    func append(_ count: Int) throws {
      for _ in 0..<count {
        bytes.clear()
        guard let line = workload.next(into: &bytes) else { break }
        let key = UnsafeRawBufferPointer(rebasing: bytes.bytes[line.key])
        let partition = key.isEmpty ? 0 : Int((murmur2(key) & 0x7fff_ffff) % UInt32(log.partitionCount))
        try appender.append(
          UnsafeRawBufferPointer(rebasing: bytes.bytes[line.range]),
          stamp: appender.stamp(line.logTime, partition: partition), partition: partition)
        appended += 1
      }
      try appender.finish()
    }
  }
}
