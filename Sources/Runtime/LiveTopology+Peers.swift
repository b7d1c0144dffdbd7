import Basics
import Dataflow
import Logs

/// Instances of a consumer group find each other through it: whoever has a partition says so with the offset it commits, and
/// Kafka refuses that from a member that has lost it.
extension LiveTopology {
  /// As the group was last asked; nil when the log is no group's, and while everything is here and the group has not said so
  /// yet: what it says of others is then of an earlier time.
  public var ownership: Ownership? {
    let (log, isUnknown) = membership.withLock { ($0.log, $0.isUnknown) }
    guard (log as? KafkaLog)?.group != nil else { return nil }
    return isUnknown && statuses.allSatisfy(\.isHere) ? nil : owners.withLock { $0 }
  }

  /// Asks the group. What was known stays when it does not answer, which is false.
  @discardableResult
  public func askForOwners(milliseconds: Int) -> Bool {
    guard let log = log as? KafkaLog, log.group != nil else { return true }
    do throws(Failure) {
      var known: [Int: Ownership.Owner] = [:]
      for told in try log.groupOffsets(milliseconds: milliseconds) {
        known[told.partition] = Ownership.Owner(offset: told.offset, metadata: told.metadata)
      }
      owners.withLock { [known] in $0 = Ownership(owners: known) }
      let here = statuses.filter(\.isHere).map(\.partition)
      membership.withLock { [known] membership in
        guard membership.hasTold, let own = membership.instance,
          here.allSatisfy({ known[$0]?.instance == own })
        else { return }
        membership.isUnknown = false
      }
      return true
    } catch {
      owners.withLock { $0.failure = error }
      return false
    }
  }

  /// Tells the group how far the partitions here are, and where they are answered for.
  func tellGroup() {
    guard let log = log as? KafkaLog, log.group != nil else { return }
    askHowFar()
    // One word after the other: an older one must not replace a newer.
    telling.withLock { _ in log.commitToGroup(news(of: Set(0..<generation.partitionCount))) }
    membership.withLock { $0.hasTold = true }
  }

  /// As `tellGroup`, of partitions that others may be given as soon as this returns: they have to know how far these were.
  ///
  /// - Errors: as `KafkaLog.commitToGroup`, which waits for the group's answer.
  func tell(before partitions: [Int]) throws(Failure) {
    guard let log = log as? KafkaLog, log.group != nil else { return }
    try telling.withLock { (_) throws(Failure) in
      try log.commitToGroup(news(of: Set(partitions)), milliseconds: 1_000)
    }
  }

  /// Tells a group of which we are no member that we answer for everything. It listens to us while it has no members. How far
  /// that will be when somebody is given a partition nobody knows, so it is the log's end.
  func announce(to group: KafkaLog) throws(Failure) {
    try group.commitToGroup(standing(of: Set(0..<generation.partitionCount), owing: .max), milliseconds: 3_000)
  }

  private typealias Words = (partition: Int, offset: Int64, metadata: String)

  private func news(of partitions: Set<Int>) -> [Words] {
    let known = owners.withLock { $0.owners }
    return standing(of: partitions, owing: nil).filter { told in
      known[told.partition].map { $0.offset != told.offset || $0.metadata != told.metadata } ?? true
    }
  }

  private func standing(of partitions: Set<Int>, owing: Int64?) -> [Words] {
    let own = membership.withLock { $0.instance }
    return statuses.compactMap { status in
      guard status.isHere, partitions.contains(status.partition) else { return nil }
      // One that could not be opened says nothing of offsets.
      guard status.failure == nil || status.offset > 0 else { return nil }
      guard let own else { return (status.partition, status.offset, "") }
      let owner = Ownership.Owner(
        instance: own, offset: status.offset, owes: owing ?? notYet(status).flatMap { _ in owed(status.partition) })
      return (status.partition, status.offset, owner.metadata)
    }
  }

  private func owed(_ partition: Int) -> Int64? { handedOver.withLock { $0[partition]?.target } }

  /// Remembers how far these partitions were in answers before they came here. A group that does not say may have had an owner
  /// of everything.
  ///
  /// - `new`: those of them that were not here until now.
  func noteHandedOver(_ partitions: [Int], new: Set<Int>) {
    guard isMember else { return handedOver.withLock { $0.removeAll() } }
    let isKnown = askForOwners(milliseconds: 1_000)
    let (known, own) = (owners.withLock { $0.owners }, membership.withLock { $0.instance })
    var targets: [Int: HandedOver] = [:]
    for partition in partitions {
      let owner = isKnown ? known[partition] : nil
      // What is ours we know better than what we told.
      if let owner, owner.instance == own {
        targets[partition] = HandedOver(from: owner, target: owner.offset, at: wallMilliseconds())
      } else if let owner {
        let target = max(owner.offset, owner.owes ?? 0)
        targets[partition] = HandedOver(from: owner, target: target, at: wallMilliseconds())
      } else if !isKnown, new.contains(partition) {
        targets[partition] = HandedOver(from: nil, target: .max, at: wallMilliseconds())
      }
    }
    handedOver.withLock { handedOver in
      for partition in partitions {
        let (before, new) = (handedOver[partition], targets[partition])
        if let before, before.target > new?.target ?? -1, before.target < .max || new == nil { continue }
        handedOver[partition] = new
      }
    }
    askHowFar()
  }

  /// Where nobody knows how far a partition was, that is to where the log ends now. Until it says so, reading to its end is.
  private func askHowFar() {
    let unknown = handedOver.withLock { $0.filter { $0.value.target == .max }.map(\.key) }
    guard !unknown.isEmpty, let log = log as? KafkaLog else { return }
    let ends = log.ends(of: unknown, milliseconds: 1_000)
    handedOver.withLock { handedOver in
      for (partition, end) in ends where handedOver[partition]?.target == .max { handedOver[partition]!.target = end }
    }
  }

  /// Why the partition's numbers here are less than what was answered before; nil: they are not. A log that was read to its
  /// end has no more to give, whatever the group says.
  func notYet(_ status: PartitionStatus) -> String? {
    handedOver.withLock { handedOver in
      guard let before = handedOver[status.partition] else { return nil }
      if status.offset >= before.target || status.caughtUpAt ?? 0 >= before.at {
        handedOver[status.partition] = nil
        return nil
      }
      let who =
        switch before.from {
        case nil: "the group did not say how far others had it"
        case let from? where from.offset == before.target:
          "instance \(from.instance.address) had it up to \(before.target)"
        default: before.target == .max ? "answers had all of it" : "answers had it up to \(before.target)"
        }
      return "it came here at \(Timestamp(milliseconds: before.at)) and is read again, so far up to offset "
        + "\(status.offset); \(who)"
    }
  }

  /// How far an answer of everything goes: as far as the partition was answered for, here or before it came here.
  ///
  /// - Errors: `.unavailable` while that is not known.
  func answeredOffset(_ status: PartitionStatus) throws(Failure) -> Int64 {
    guard notYet(status) != nil, let owed = owed(status.partition) else { return status.offset }
    guard owed < .max else {
      throw .unavailable("partition \(status.partition) is read again, and nobody knows yet how far it was: try again")
    }
    return owed
  }

  /// Those of another instance's partitions that went away from here and are not yet as far there.
  ///
  /// - `completeUntil`: of its part. What it read to the log's end since is all there is, wherever that is.
  public func behind(_ offsets: [Int: Int64], at instance: Instance, completeUntil: Int64?) -> [MissingPartition] {
    givenAway.withLock { givenAway in
      offsets.sorted { $0.key < $1.key }.compactMap { partition, offset in
        guard let had = givenAway[partition] else { return nil }
        if offset >= had.offset || completeUntil ?? .min >= had.at {
          givenAway[partition] = nil
          return nil
        }
        return MissingPartition(
          partition: partition,
          message: "instance \(instance.address) reads it again, so far up to offset \(offset); here it was up to "
            + "\(had.offset)")
      }
    }
  }
}

/// A partition that answers had before it came here.
struct HandedOver: Sendable {
  /// Nil: the group did not answer when it was asked.
  var from: Ownership.Owner?
  /// How far; `.max`: nobody knows.
  var target: Int64
  /// By the machine's clock, milliseconds.
  var at: Int64
}
