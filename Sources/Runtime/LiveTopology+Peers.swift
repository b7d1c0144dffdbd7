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

  /// Asks the group. What was known stays when it does not answer.
  public func askForOwners(milliseconds: Int) {
    guard let log = log as? KafkaLog, log.group != nil else { return }
    do throws(Failure) {
      var known: [Int: Ownership.Owner] = [:]
      for told in try log.groupOffsets(milliseconds: milliseconds) {
        guard let instance = Instance(metadata: told.metadata) else { continue }
        known[told.partition] = Ownership.Owner(instance: instance, offset: told.offset)
      }
      owners.withLock { [known] in $0 = Ownership(owners: known) }
      let here = statuses.filter(\.isHere).map(\.partition)
      membership.withLock { [known] membership in
        guard let told = membership.told, here.allSatisfy({ known[$0]?.instance == told }) else { return }
        membership.isUnknown = false
      }
    } catch {
      owners.withLock { $0.failure = error }
    }
  }

  /// Tells the group how far the partitions here are, and where they are answered for.
  func tellGroup(as instance: Instance?) {
    guard let log = log as? KafkaLog, log.group != nil else { return }
    let known = owners.withLock { $0.owners }
    var offsets: [(partition: Int, offset: Int64, metadata: String)] = []
    for status in statuses where status.isHere {
      // One that could not be opened says nothing of offsets.
      guard status.failure == nil || status.offset > 0 else { continue }
      if let owner = known[status.partition], owner.instance == instance, owner.offset == status.offset { continue }
      offsets.append((status.partition, status.offset, instance?.metadata ?? ""))
    }
    log.commitToGroup(offsets)
    membership.withLock { $0.told = instance }
  }

  /// Remembers how far the group has these partitions, from the instances that had them before.
  func noteHandedOver(_ partitions: [Int]) {
    guard isMember else { return handedOver.withLock { $0.removeAll() } }
    askForOwners(milliseconds: 1_000)
    let (known, now) = (owners.withLock { $0.owners }, wallMilliseconds())
    handedOver.withLock {
      for partition in partitions { $0[partition] = known[partition].map { HandedOver(from: $0, at: now) } }
    }
  }

  /// Why the partition's numbers here are less than what its last owner answered with; nil: they are not. A log that was
  /// read to its end has no more to give, whatever the group says.
  func notYet(_ status: PartitionStatus) -> String? {
    handedOver.withLock { handedOver in
      guard let before = handedOver[status.partition] else { return nil }
      if status.offset >= before.from.offset || status.caughtUpAt ?? 0 >= before.at {
        handedOver[status.partition] = nil
        return nil
      }
      return "it came here at \(Timestamp(milliseconds: before.at)) and is read again, so far up to offset "
        + "\(status.offset); instance \(before.from.instance.address) had it up to \(before.from.offset)"
    }
  }
}

/// A partition that another instance had when it came here.
struct HandedOver: Sendable {
  var from: Ownership.Owner
  /// By the machine's clock, milliseconds.
  var at: Int64
}
