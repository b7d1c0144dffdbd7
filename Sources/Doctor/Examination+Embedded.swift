import Settings

extension Examination {
  mutating func embedded(_ log: SetupDescription.EmbeddedLog) {
    let place = "topic \(log.topic)"
    if let failure = log.failure {
      fail(.log, place, failure, fix: "repair what the message names; until then nothing of this log is looked at")
      return
    }
    if let disk = log.disk { self.disk(of: log, disk) }
    let readers = topologies(of: log.topic)
    guard log.isThere else {
      missing(log, readers, place)
      return
    }
    ok(.log, place, "\(log.directory) can be read: \(Wording.size(log.bytes))")
    if log.configuredPartitions != log.partitions.count {
      fail(
        .partitions, place,
        "`log.embedded.partitions` is \(log.configuredPartitions) and the log has \(log.partitions.count): 'millrace serve' does not "
          + "start", fix: "set `log: {embedded: {partitions: \(log.partitions.count)}}`")
    }
    segments(log, place)
    retention(of: log, readers, place)
    clock(log, place)
    let bounds = log.partitions.map { Bounds(number: $0.number, start: $0.start, end: $0.end, oldest: $0.oldest) }
    for topology in readers { positions(topology, bounds, place, .embedded) }
  }

  private mutating func missing(
    _ log: SetupDescription.EmbeddedLog, _ readers: [SetupDescription.Topology], _ place: String
  ) {
    let built = readers.filter { $0.generation?.partitions.contains { ($0.offset ?? 0) > 0 } == true }
    guard !built.isEmpty else {
      ok(.log, place, "nothing in \(log.directory) yet: 'millrace serve' or 'millrace import' makes the log")
      return
    }
    fail(
      .log, place,
      "\(log.directory) is not there, and the state of \(built.map(\.name).joined(separator: ", ")) was built from it",
      fix: "name the log with `log: {embedded: {path: DIR}}`, or bring it back from a copy")
  }

  private mutating func disk(of log: SetupDescription.EmbeddedLog, _ disk: SetupDescription.Disk) {
    guard disk.freeBytes < disk.reserveBytes else {
      room(disk, log.directory, holds: "log")
      return
    }
    fail(
      .disk, log.directory,
      "\(Wording.size(disk.freeBytes)) are free and \(Wording.size(disk.reserveBytes)) are the log's reserve: events are refused "
        + "with 503",
      fix: "free \(Wording.size(disk.reserveBytes - disk.freeBytes + (1 << 20))) under \(log.directory), or set "
        + "`log: {embedded: {retention: {size: \(Wording.setting(max(1 << 30, log.bytes / 2)))}}}`, or lower `log.embedded.reserve`"
    )
  }

  private mutating func segments(_ log: SetupDescription.EmbeddedLog, _ place: String) {
    for partition in log.partitions {
      guard let damage = partition.damage else { continue }
      fail(
        .segments, "\(place), partition \(partition.number)", damage,
        fix:
          "stop 'millrace serve', then do one of what the message says; millrace log cat --partition \(partition.number) ends "
          + "when it is mended")
    }
    // Nobody was told that it is safe, so nothing is lost: the next process that writes cuts it off.
    for line in log.unfinished { ok(.segments, place, line) }
    if log.partitions.allSatisfy({ $0.damage == nil }), log.unfinished.isEmpty {
      ok(
        .segments, place,
        "segments follow one another and the last ones are whole; older ones are checked as they are read")
    }
  }

  private mutating func retention(
    of log: SetupDescription.EmbeddedLog, _ readers: [SetupDescription.Topology], _ place: String
  ) {
    retention(age: log.retentionAge, setting: "`log.embedded.retention.age`", readers, place) { age in
      "set `log: {embedded: {retention: {age: \(Wording.retention(age))}}}`"
    }
    let bounds = log.partitions.map { Bounds(number: $0.number, start: $0.start, end: $0.end, oldest: $0.oldest) }
    let size = log.retentionSize.map { " and raise or remove `size` (now \(Wording.size($0)))" } ?? ""
    history(
      readers, bounds, place,
      fix:
        "set `log: {embedded: {retention: {age: forever}}}` (now \(Wording.retention(log.retentionAge)))\(size); what is gone "
        + "comes back from a copy of the segments only")
    guard let size = log.retentionSize, log.bytes > size / 10 * 9 else { return }
    warn(
      .retention, place,
      "the log has \(Wording.size(log.bytes)) of the \(Wording.size(size)) of `log.embedded.retention.size`: its oldest segments go, "
        + "whatever their age",
      fix: "set `log: {embedded: {retention: {size: \(Wording.setting(size * 2))}}}` if they are to stay")
  }

  private mutating func clock(_ log: SetupDescription.EmbeddedLog, _ place: String) {
    let newest = log.partitions.compactMap(\.newest).max()
    guard let newest else { return }
    let ahead = newest - setup.now
    if ahead > 3_600_000 {
      fail(
        .clock, place,
        "the last stamp is \(Wording.span(ahead)) ahead of this machine's clock: everything new gets that stamp, and honest events "
          + "look late",
        fix: "set this machine's clock right (timedatectl status); if the stamp is what is wrong, import the log anew")
    } else if ahead > 5_000 {
      warn(
        .clock, place, "the last stamp is \(Wording.span(ahead)) ahead of this machine's clock",
        fix: "set this machine's clock right: timedatectl status")
    } else {
      ok(.clock, place, "no stamp is ahead of this machine's clock")
    }
  }
}
