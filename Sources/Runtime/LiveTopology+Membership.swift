import Basics
import Dataflow
import Logs

/// How a topic is read.
struct TopicAccess: Sendable {
  /// Connects and reads nothing yet: as a member of the group of the generation's meaning, or alone.
  var connect: @Sendable (_ asMember: Bool) throws(Failure) -> KafkaLog
  /// Where changes are written by whoever is a member; nil: nowhere.
  var outputs: @Sendable () throws(Failure) -> OutputSink?
}

/// Where a generation stands towards the consumer group of its meaning.
struct Membership: Sendable {
  enum Standing: Sendable {
    /// Of no group: it has every partition.
    case alone
    /// Has asked to be a member, and goes on alone until the group's first word.
    case joining
    case member
    /// Goes on alone once the group has everything back.
    case leaving
  }

  /// What is read now.
  var log: any Log
  var standing: Standing
  /// The group's, from asking to be a member on.
  var group: KafkaLog?
  var outputs: OutputSink?
  /// It had every partition when it became a member, and the group has not said so yet.
  var isUnknown = false
  /// As whom it answers; nil while nobody can ask it.
  var instance: Instance?
  /// The group has heard of its partitions since it became a member.
  var hasTold = false

  init(_ log: any Log, _ outputs: OutputSink?) {
    self.log = log
    self.outputs = outputs
    group = (log as? KafkaLog).flatMap { $0.group == nil ? nil : $0 }
    standing = log is KafkaLog && group == nil ? .alone : .member
  }
}

/// What is served is a member of its group; what is built, or was served before, reads every partition alone, beside whatever
/// group there is. Going from one to the other, it keeps its states and answers for all of them.
extension LiveTopology {
  var isMember: Bool { membership.withLock { $0.standing == .joining || $0.standing == .member } }

  /// Takes every partition.
  func followAlone() { take(Array(0..<generation.partitionCount)) }

  /// Joins the group that its log is read in from the start.
  func join(as instance: Instance?) throws(Failure) {
    let group = membership.withLock { membership in
      membership.instance = instance
      return membership.group
    }
    try group?.join(self)
  }

  /// Asks to be a member. It goes on alone until the group says which partitions are its.
  ///
  /// - Errors: `.unavailable` when no broker answers; it goes on alone then.
  func joinGroup(as instance: Instance?) throws(Failure) {
    let group = try announce(as: instance)
    let outputs = try options.topic!.outputs()
    membership.withLock {
      $0.standing = .joining
      $0.outputs = outputs
    }
    do throws(Failure) { try group.join(self) } catch {
      membership.withLock {
        $0.standing = .alone
        $0.group = nil
        $0.outputs = nil
      }
      outputs?.close()
      throw error
    }
  }

  /// Tells the group where the partitions stand, before it is a member and before it is served: its first word may give them to
  /// others, who have to know how far they were answered for. Where there are members, they have them, and the group listens to
  /// nobody else.
  ///
  /// - Errors: `.unavailable` when no broker answers. What the group refuses is no error.
  func announce(as instance: Instance?) throws(Failure) -> KafkaLog {
    let known = membership.withLock { $0.group }
    let group = known == nil ? try options.topic!.connect(true) : known!
    try LiveTopology.check(group, generation)
    membership.withLock {
      $0.instance = instance
      $0.group = group
    }
    do throws(Failure) { try announce(to: group) } catch {
      if error.kind == .unavailable { throw error }
    }
    return group
  }

  /// The group's first word: what it gives is read as a member from now on, what it does not give is somebody else's.
  ///
  /// Returns at once when that was said before, or nobody wants to be a member any more.
  func becomeMember(with given: [Int]) {
    let group: KafkaLog? = membership.withLock { membership in
      guard membership.standing == .joining else { return nil }
      membership.standing = .member
      return membership.group
    }
    guard let group else { return }
    let here = statuses.filter(\.isHere).map(\.partition)
    for partition in here { release(partition, commits: true) }
    // Closing the other connection takes a while.
    let before = membership.withLock { membership in
      defer { membership.log = group }
      membership.isUnknown = true
      membership.hasTold = false
      return membership.log
    }
    withExtendedLifetime(before) {}
    for partition in here where !given.contains(partition) { giveAway(partition) }
    options.report("\(title) is a member of its group: \(given.count) of its partitions are here")
  }

  /// Gives every partition back to the group and goes on with all of them alone.
  ///
  /// - Errors: `.unavailable` when no broker answers; nothing has changed then.
  func leaveGroup() throws(Failure) {
    let alone = try options.topic!.connect(false)
    try LiveTopology.check(alone, generation)
    let (group, outputs) = membership.withLock { membership in
      membership.standing = .leaving
      return (membership.group, membership.outputs)
    }
    // Calls `revoked`, unless no coordinator answers.
    group?.leave()
    for partition in 0..<generation.partitionCount { release(partition, commits: true) }
    outputs?.close()
    membership.withLock {
      $0.log = alone
      $0.standing = .alone
      $0.group = nil
      $0.outputs = nil
    }
    followAlone()
    options.report("\(title) has left its group and follows alone")
  }

  private var title: String { "generation \(generation.number) of '\(generation.topology.name)'" }

  /// Gives partitions back in order, for good: others go on from there at once.
  func leaveForGood() { membership.withLock { $0.group }?.leave() }

  func closeOutputs() { membership.withLock { $0.outputs }?.close() }

  /// Nobody works on the partition any more; its state is still what is answered.
  func release(_ partition: Int, commits: Bool) {
    do throws(Failure) { try pool.remove(partition, commits: commits) } catch { onStop(partition, error) }
  }
}
