extension Examination {
  mutating func topologies() {
    for topology in setup.topologies {
      file(topology)
      if let generation = topology.generation { self.generation(generation, of: topology) }
    }
    if setup.topologies.isEmpty {
      ok(.topology, "topologies", "none named and none with state: what depends on one is not looked at")
    }
  }

  private mutating func file(_ topology: SetupDescription.Topology) {
    let place = "topology \(topology.name)"
    for problem in topology.fileProblems {
      fail(
        .topology, place, problem,
        fix: "correct the file; 'millrace validate \(topology.file ?? "FILE")' says when it is right")
    }
    guard topology.fileProblems.isEmpty else { return }
    ok(
      .topology, place,
      topology.file.map { "\($0) is valid" } ?? "no file named: judged by its frozen copy")
  }

  private mutating func generation(_ generation: SetupDescription.Generation, of topology: SetupDescription.Topology) {
    let place = "topology \(topology.name), generation \(generation.number)"
    if let failure = generation.failure {
      fail(
        .generation, place, failure,
        fix:
          "restore \(generation.directory) from a copy\nor \(rebuild)")
      return
    }
    if generation.origin != .files, generation.origin != logOrigin {
      let (was, now) = generation.origin == .kafka ? ("Kafka", "the embedded log") : ("the embedded log", "Kafka")
      fail(
        .generation, place, "built from \(was), and the configuration names \(now): 'millrace serve' refuses it",
        fix: "configure \(was) again under `log`\nor \(rebuild)")
    } else if let topic = generation.topic, topic != topology.topic, generation.origin != .files {
      fail(
        .generation, place,
        "built from topic '\(topic)', and its file names '\(topology.topic)': 'millrace serve' refuses it",
        fix: "set `source: {topic: \(topic)}`\nor \(rebuild)")
    } else if let digest = topology.digest, topology.fileProblems.isEmpty, digest != generation.digest {
      warn(
        .generation, place,
        "\(topology.file ?? "the file") means something else than the state was built with: the frozen copy counts, and "
          + "'millrace run' refuses the file",
        fix:
          "diff \(topology.file ?? "FILE") \(generation.directory)/topology.yaml shows what changed; for the new "
          + "meaning \(rebuild)")
    } else {
      ok(.generation, place, "the frozen topology means what the state was built with")
    }
    stopped(generation, place)
  }

  private mutating func stopped(_ generation: SetupDescription.Generation, _ place: String) {
    for partition in generation.partitions {
      let where_ = "\(place), partition \(partition.number)"
      if let message = partition.stopped {
        fail(
          .stopped, where_, "stopped when it last ran: \(message)",
          fix: "do what the message says, then start again: it goes on from its last commit")
      } else if let message = partition.failure {
        fail(
          .stopped, where_, "its state cannot be opened: \(message)",
          fix: "restore \(generation.directory) from a copy\nor \(rebuild)")
      }
    }
    if generation.partitions.allSatisfy({ $0.stopped == nil && $0.failure == nil }), !generation.partitions.isEmpty {
      ok(.stopped, place, "no partition stopped")
    }
  }
}
