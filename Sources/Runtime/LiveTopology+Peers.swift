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
        guard let instance = Instance(metadata: told.metadata) else { continue }
        known[told.partition] = Ownership.Owner(instance: instance, offset: told.offset)
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
    let (known, own) = (owners.withLock { $0.owners }, membership.withLock { $0.instance })
    log.commitToGroup(
      standing(of: Set(0..<generation.partitionCount)).filter { told in
        known[told.partition].map { $0.instance != own || $0.offset != told.offset } ?? true
      })
    membership.withLock { $0.hasTold = true }
  }

  /// As `tellGroup`, of partitions that others may be given as soon as this returns: they have to know how far these were.
  ///
  /// - Errors: as `KafkaLog.commitToGroup`, which waits for the group's answer.
  func tell(_ group: any Log, before partitions: some Sequence<Int>) throws(Failure) {
    try (group as? KafkaLog)?.commitToGroup(standing(of: Set(partitions)), milliseconds: 3_000)
  }

  private func standing(of partitions: Set<Int>) -> [(partition: Int, offset: Int64, metadata: String)] {
    let own = membership.withLock { $0.instance }
    return statuses.compactMap { status in
      guard status.isHere, partitions.contains(status.partition) else { return nil }
      // One that could not be opened says nothing of offsets.
      guard status.failure == nil || status.offset > 0 else { return nil }
      return (status.partition, status.offset, own?.metadata ?? "")
    }
  }

  /// Remembers how far the group has these partitions, from the instances that had them before.
  func noteHandedOver(_ partitions: [Int]) {
    guard isMember else { return handedOver.withLock { $0.removeAll() } }
    let isKnown = askForOwners(milliseconds: 1_000)
    let (known, now) = (owners.withLock { $0.owners }, wallMilliseconds())
    handedOver.withLock {
      for partition in partitions {
        let owner = known[partition]
        $0[partition] = isKnown && owner == nil ? nil : HandedOver(from: isKnown ? owner : nil, at: now)
      }
    }
  }

  /// Why the partition's numbers here are less than what its last owner answered with; nil: they are not. A log that was
  /// read to its end has no more to give, whatever the group says.
  func notYet(_ status: PartitionStatus) -> String? {
    handedOver.withLock { handedOver in
      guard let before = handedOver[status.partition] else { return nil }
      if status.offset >= before.from?.offset ?? .max || status.caughtUpAt ?? 0 >= before.at {
        handedOver[status.partition] = nil
        return nil
      }
      let who = before.from.map { "instance \($0.instance.address) had it up to \($0.offset)" }
      return "it came here at \(Timestamp(milliseconds: before.at)) and is read again, so far up to offset "
        + "\(status.offset); \(who ?? "the group did not say how far others had it")"
    }
  }
}

/// A partition that another instance had when it came here.
struct HandedOver: Sendable {
  /// Nil: the group did not answer when it was asked.
  var from: Ownership.Owner?
  /// By the machine's clock, milliseconds.
  var at: Int64
}
