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
    guard let generation = topology.generation, generation.failure == nil, !generation.isFromFiles else { return }
    let place = "topology \(topology.name), \(logPlace)"
    guard generation.partitionCount == bounds.count else {
      fail(
        .partitions, place,
        "generation \(generation.number) was built from \(generation.partitionCount) partitions and the log has \(bounds.count): "
          + "users are in other partitions now",
        fix: kind == .kafka
          ? "create a topic of \(bounds.count) partitions, copy all records into it by key, name it in `source.topic` and "
            + "build the state in a new --data DIR; or bring back a topic of \(generation.partitionCount) partitions"
          : "bring back the log the state was built from, or rebuild the state in a new --data DIR")
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
    _ pairs: [(SetupDescription.PartitionState, Bounds)], _ place: String, _ kind: LogKind
  ) {
    var isWell = true
    var behind: Int64 = 0
    for (state, log) in pairs {
      let next = state.offset ?? state.start
      let here = "\(place), partition \(state.number)"
      if let start = log.start, start > next {
        isWell = false
        fail(
          .position, here,
          "the state goes on at offset \(next) and the log now begins at \(start): \(start - next) records were removed unread",
          fix: kind == .kafka
            ? "restore the partition's state from a checkpoint at or behind offset \(start), or copy the missing records back "
              + "from an archive and rebuild; else build anew from what there is in a new --data DIR; and keep the topic longer "
              + "(retention)"
            : "restore the log's first segments from a copy, or rebuild the state from what there is in a new --data DIR"
        )
      } else if let end = log.end, end < next {
        isWell = false
        fail(
          .position, here,
          "the state goes on at offset \(next) and the log ends at \(end): the log was \(kind == .kafka ? "re-created, or lost records" : "exchanged or cut")",
          fix: "bring back the log the state was made from, or rebuild the state from this one in a new --data DIR")
      } else if let end = log.end {
        behind += end - next
      }
    }
    if isWell, !pairs.isEmpty { ok(.position, place, "the log holds what comes next, \(behind) records behind") }
  }

  private mutating func readBack(_ states: [SetupDescription.PartitionState], _ place: String, _ kind: LogKind) {
    var compared = 0
    var untried: [(Int, String)] = []
    var different = false
    for state in states {
      switch state.readBack {
      case .notTried: break
      case .same: compared += 1
      case .failed(let why): untried.append((state.number, why))
      case .different(let found):
        different = true
        fail(
          .readBack, "\(place), partition \(state.number)",
          "the last record read is not in the log any more: \(found)",
          fix: "bring back the log the state was made from"
            + (kind == .kafka ? ", or a checkpoint from before the change" : "")
            + "; or rebuild the state from this log in a new --data DIR")
      }
    }
    if let first = untried.first {
      skip(.readBack, place, "\(Wording.partitions(untried.map(\.0))): \(first.1)")
    } else if !different, compared > 0 {
      ok(.readBack, place, "the last record read of \(Wording.count(compared, "partition")) is the one the state knows")
    }
  }

  /// The least a log must keep so that a rebuilt state has one exact bucket.
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
          "\(setting) is \(Durations.text(age)), and topology \(topology.name) needs \(Durations.text(least)) (horizon, gap and "
            + "funnel window): no bucket of a rebuilt state would be exact", fix: fix(least * 2))
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
      "\(Wording.partitions(cut.map(\.number))) have lost their oldest records; what is left reaches back \(Wording.span(reach))"
    for topology in topologies {
      let least = leastHistory(topology)
      if reach < least {
        fail(
          .history, place,
          "\(text), and topology \(topology.name) needs \(Durations.text(least)): a rebuilt state would have no exact bucket",
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
