import Settings

/// What holds of state and log together, whichever log it is.
extension Examination {
  /// A partition of a log, as far as these rules ask.
  struct Bounds {
    var number: Int
    var start: Int64?
    var end: Int64?
    var oldest: Int64?
  }

  /// Names the log in advice.
  enum LogKind { case embedded, kafka }

  mutating func positions(
    _ topology: SetupDescription.Topology, _ bounds: [Bounds], _ logPlace: String, _ kind: LogKind
  ) {
    guard let generation = topology.generation, generation.failure == nil, generation.origin == logOrigin else {
      return
    }
    let place = "topology \(topology.name), \(logPlace)"
    guard generation.partitionCount == bounds.count else {
      fail(
        .partitions, place,
        "generation \(generation.number) was built from \(generation.partitionCount) partitions and the log has \(bounds.count): "
          + "users are in other partitions now",
        fix: kind == .kafka
          ? "bring back a topic of \(generation.partitionCount) partitions\nor create a topic of \(bounds.count) partitions, copy all "
            + "records into it by user, name it in `source.topic`, and \(rebuild)"
          : "bring back the log the state was built from\nor \(rebuild)")
      return
    }
    ok(.partitions, place, "\(Wording.count(bounds.count, "partition")), as when the state was built")
    guard setup.data.inUseBy == nil else { return }
    let pairs = generation.partitions.compactMap { state in
      bounds.first { $0.number == state.number }.map { (state, $0) }
    }
    offsets(pairs, place, kind)
    readBack(pairs.map(\.0), place, kind)
  }

  private mutating func offsets(
    _ pairs: [(state: SetupDescription.PartitionState, log: Bounds)], _ place: String, _ kind: LogKind
  ) {
    func next(_ state: SetupDescription.PartitionState) -> Int64 { state.offset ?? state.start }
    let removed = pairs.filter { pair in pair.log.start.map { $0 > next(pair.state) } ?? false }
    // Of a group's partitions, those that never were here are another instance's.
    let passed = removed.filter { kind == .embedded || $0.state.offset != nil }
    let elsewhere = removed.filter { kind == .kafka && $0.state.offset == nil }
    if !elsewhere.isEmpty, setup.configuration.checkpoints == nil {
      warn(
        .position, place,
        "there is no state here of \(Wording.partitions(elsewhere.map(\.state.number))), and the log no longer goes back to "
          + "where the state was begun: what moves here stops",
        fix:
          "configure `checkpoints: {path: DIR}` on all instances, and start first those that have their state\nor \(rebuild) on all of them"
      )
    }
    let beyond = pairs.filter { pair in pair.log.end.map { $0 < next(pair.state) } ?? false }
    if let first = passed.first, let start = first.log.start {
      fail(
        .position, place,
        "records were removed unread from \(Wording.partitions(passed.map(\.state.number))): partition \(first.state.number) goes on "
          + "at offset \(next(first.state)) and its log now begins at \(start)",
        fix: kind == .kafka
          ? "nothing, where another instance reads the partition\nelse restore a checkpoint that stands at or behind the log's beginning; or copy the missing records back from an archive "
            + "into a new topic and \(rebuild)\nor give up what is missing: \(rebuild) from what there is\nand keep the topic longer"
          : "restore the log's first segments from a copy\nor give up what is missing: \(rebuild) from what there is")
    }
    if let first = beyond.first, let end = first.log.end {
      fail(
        .position, place,
        "the state knows more than the log has in \(Wording.partitions(beyond.map(\.state.number))): partition "
          + "\(first.state.number) goes on at offset \(next(first.state)) and its log ends at \(end): "
          + (kind == .kafka ? "the topic was re-created, or lost records" : "the log was exchanged or cut"),
        fix: "bring back the log the state was made from\nor \(rebuild) from the one there is")
    }
    guard removed.isEmpty, beyond.isEmpty, !pairs.isEmpty else { return }
    let behind = pairs.reduce(0) { sum, pair in sum + (pair.log.end.map { $0 - next(pair.state) } ?? 0) }
    ok(.position, place, "the log holds what comes next: \(behind) records")
  }

  private mutating func readBack(_ states: [SetupDescription.PartitionState], _ place: String, _ kind: LogKind) {
    var same = 0
    var different: [(number: Int, found: String)] = []
    var failed: [(number: Int, why: String)] = []
    for state in states {
      switch state.readBack {
      case .notTried: break
      case .same: same += 1
      case .different(let found): different.append((state.number, found))
      case .failed(let why): failed.append((state.number, why))
      }
    }
    if let first = different.first {
      fail(
        .readBack, place,
        "the last record read is not in the log any more in \(Wording.partitions(different.map(\.number))): \(first.found)",
        fix: "bring back the log the state was made from\n"
          + (kind == .kafka ? "or restore a checkpoint from before the change\n" : "")
          + "or \(rebuild) from the one there is")
    }
    if let first = failed.first {
      skip(
        .readBack, place,
        "the last record of \(Wording.partitions(failed.map(\.number))) could not be read: \(first.why)")
    }
    if different.isEmpty, failed.isEmpty, same > 0 {
      ok(.readBack, place, "the last record read of \(Wording.count(same, "partition")) is the one the state knows")
    }
  }

  /// What a rebuild takes: its own data directory, and the log where it is.
  var rebuild: String {
    guard case .embedded(let logs) = setup.log else { return "rebuild the state (`data: NEW_DIR`)" }
    let path = logs.first?.directory.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
      separator: "/")
    return "rebuild the state (`data: NEW_DIR`, `log: {embedded: {path: \(path ?? "./data/log")}}`)"
  }

  /// How long a log must keep records so that a rebuilt state has one exact bucket.
  func leastHistory(_ topology: SetupDescription.Topology) -> Int64 {
    topology.horizon + topology.gap + topology.within
  }

  /// How long the log will be kept, against what is expected of it.
  ///
  /// - `age`: nil is for ever. `fix`: for a retention in milliseconds, nil for ever.
  mutating func retention(
    age: Int64?, setting: String, _ topologies: [SetupDescription.Topology], _ place: String,
    fix: (Int64?) -> String
  ) {
    guard let age else {
      ok(.retention, place, "\(setting): records stay for ever")
      return
    }
    for topology in topologies {
      let least = leastHistory(topology)
      if age < least {
        fail(
          .retention, place,
          "\(setting) is \(Durations.text(age)), and topology \(topology.name) needs \(Wording.need(least)) (horizon, gap and "
            + "funnel window): no bucket of a rebuilt state would be exact", fix: fix(Wording.wholeDays(least * 2)))
      } else if topology.longestRetention ?? .max > age {
        warn(
          .retention, place,
          "\(setting) is \(Durations.text(age)), and views of topology \(topology.name) are kept "
            + "\(Wording.retention(topology.longestRetention)): a rebuilt state reaches back \(Durations.text(age)) only",
          fix: "back up the data directory, or: " + fix(topology.longestRetention))
      } else {
        ok(.retention, place, "\(setting) is \(Durations.text(age)): as long as topology \(topology.name) asks")
      }
    }
    if topologies.isEmpty { ok(.retention, place, "\(setting) is \(Durations.text(age))") }
  }

  /// How far back the log goes now, against what is expected of it. A log that still begins at its first record has lost
  /// nothing, however young it is.
  mutating func history(_ topologies: [SetupDescription.Topology], _ bounds: [Bounds], _ place: String, fix: String) {
    let cut = bounds.filter { ($0.start ?? 0) > 0 }
    guard !cut.isEmpty else {
      if bounds.contains(where: { $0.start != nil }) { ok(.history, place, "begins with its first record") }
      return
    }
    // An empty partition whose records all went: its history is none.
    let youngest = cut.map { $0.oldest ?? setup.now }.max() ?? setup.now
    let reach = max(0, setup.now - youngest)
    let text =
      "the oldest records are gone from \(Wording.partitions(cut.map(\.number))), and what is left reaches back "
      + Wording.span(reach)
    for topology in topologies {
      let least = leastHistory(topology)
      if reach < least {
        fail(
          .history, place,
          "\(text), and topology \(topology.name) needs \(Wording.need(least)): a rebuilt state would have no exact bucket",
          fix: fix)
      } else if topology.longestRetention ?? .max > reach {
        warn(
          .history, place,
          "\(text), and views of topology \(topology.name) are kept \(Wording.retention(topology.longestRetention)): a rebuilt state "
            + "has less than the one there is", fix: "back up the data directory; " + fix)
      } else {
        ok(.history, place, "\(text): enough for topology \(topology.name)")
      }
    }
    if topologies.isEmpty { ok(.history, place, text) }
  }
}
