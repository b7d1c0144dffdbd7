import Basics
import Events
import Stores

extension Answers {
  /// The partition murmur2 puts a user in.
  public static func partition(of user: String, partitions: Int) -> Int {
    var user = user
    return user.withUTF8 { Int(murmur2(UnsafeRawBufferPointer($0)) & 0x7fff_ffff) } % partitions
  }

  /// What is remembered of a user; nil when no event of his was counted in these partitions.
  ///
  /// When memory is really released must not show, so what is older than what every user keeps is left out also where it
  /// still happens to be there.
  public func user(_ user: String) throws(Failure) -> UserTimeline? {
    var text = user
    let key = text.withUTF8 { userKey(UnsafeRawBufferPointer($0)) }
    var stored = ByteWriter()
    KeyLayout.user(key, into: &stored)
    // Whoever keyed files decided who is where, so all are asked.
    for snapshot in snapshots {
      guard let record = try snapshot.get(Array(stored.bytes)) else { continue }
      let newest = try Frontier(snapshot).newestStamp
      return try record.span.withUnsafeBytes { (bytes) throws(Failure) in try timeline(bytes, newest) }
    }
    return nil
  }

  private func timeline(
    _ record: UnsafeRawBufferPointer, _ newest: Int64?
  ) throws(Failure) -> UserTimeline {
    let layout = SessionLayout(texts: plan.sessions.texts.count, numbers: plan.sessions.numbers.count)
    let users = UserTable(layout: layout, laneCount: plan.laneCount)
    let dictionary = TextDictionary()
    let slot = Int(users.add(Key128(high: 0, low: 0)))
    try UserRecord.decode(record, slot, users, dictionary)
    let oldest = newest.map { $0 - plan.topology.source.horizonMilliseconds }
    var timeline = UserTimeline(funnels: [])
    if plan.topology.hasViewOfSessions {
      timeline.sessionsCompleteFrom = oldest.map { $0 - plan.topology.gapMilliseconds }
      timeline.sessions = sessions(users, slot, dictionary, since: timeline.sessionsCompleteFrom ?? .min)
    }
    for (view, definition) in zip(plan.views, plan.topology.views) {
      guard case .funnel(let funnel, _) = view else { continue }
      timeline.funnels.append(steps(of: funnel, definition.name, users, slot, dictionary, oldest))
    }
    return timeline
  }

  private func sessions(
    _ users: UserTable, _ slot: Int, _ dictionary: TextDictionary, since oldest: Int64
  ) -> [UserTimeline.Session] {
    let layout = users.layout
    let fields = plan.sessions.texts.map { plan.projection.columns[$0].path.joined(separator: ".") }
    return (0..<Int(users.slots[slot].sessionCount)).compactMap { index in
      let session = UnsafeRawPointer(users.slots[slot].sessions! + index * layout.stride)
      guard layout.end(session) >= oldest else { return nil }
      return UserTimeline.Session(
        start: layout.start(session), end: layout.end(session), events: layout.events(session),
        attributes: fields.indices.map {
          UserTimeline.Attribute(field: fields[$0], value: dictionary.string(layout.text(session, $0)))
        })
    }
  }

  private func steps(
    of funnel: FunnelPlan, _ view: String, _ users: UserTable, _ slot: Int, _ dictionary: TextDictionary,
    _ oldest: Int64?
  ) -> UserTimeline.Funnel {
    let definition = funnel.definition
    let from = oldest.map { Timestamp.floor($0 - definition.withinMilliseconds, to: BucketClock.quarter) }
    var result = UserTimeline.Funnel(
      view: view, stepCount: definition.steps.count, level: 0, steps: [], completeFrom: from)
    guard users.slots[slot].lanes != nil else { return result }
    let lanes = users.lane(slot, funnel.firstLane)
    let path = FunnelPath(
      lanes: lanes, steps: definition.steps.count, within: definition.withinMilliseconds,
      strict: definition.strictIncrease)
    for (step, declared) in definition.steps.enumerated() {
      for index in lanes[step].firstIndex(atOrAfter: from ?? .min)..<Int(lanes[step].count) {
        let done = lanes[step].steps![index]
        let value = step == 0 && funnel.by != nil ? dictionary.string(done.by) : nil
        result.steps.append(
          UserTimeline.Step(number: step + 1, name: declared.name, time: done.time, value: value))
        if step == 0 { result.level = max(result.level, path.level(of: done.time)) }
      }
    }
    result.steps.sort { ($0.time, $0.number, $0.value ?? "") < ($1.time, $1.number, $1.value ?? "") }
    return result
  }
}
