import Basics
import Dataflow
import Logs

/// What to build for a definition.
public enum NextGeneration: Sendable {
  /// The one that is served means the same.
  case unchanged(Generation)
  /// A new one, or one whose build was interrupted.
  case build(Generation, isResumed: Bool)
}

extension Generations {
  /// The generation that is to be built: the one of this meaning that was begun and is not served yet, or a new one. Builds of
  /// another meaning that this one overtakes are cancelled.
  ///
  /// - `isReplay`: also when the one that is served means the same.
  public func next(
    _ file: (text: String, topology: Topology), from input: BoundedRun.Input, start: ReplayStart, isReplay: Bool
  ) throws(Failure) -> NextGeneration {
    guard let live = try live() else {
      guard start != .checkpoint else { throw noneFits }
      let (starts, stamps) = try input.beginnings(start)
      return .build(
        try Generation.create(
          data, topology: file.topology, text: file.text, source: input.source, starts: starts, stamps: stamps),
        isResumed: false)
    }
    let digest = Semantics.digest(of: file.topology)
    let served = try Generation.read(data, topology: topology)
    try BoundedRun.check(served, isOf: input.source, partitions: input.partitionCount)
    if served.digest == digest, !isReplay { return .unchanged(served) }
    let beginnings = start == .checkpoint ? nil : try input.beginnings(start)
    var found: Generation?
    for listed in try all() where listed.number != live && listed.record.liveSince == nil && listed.state != .cancelled
    {
      if let begun = listed.generation, begun.digest == digest, begun.began(as: start, beginnings?.starts) {
        found = begun
      } else if listed.state != .caughtUp {
        try update(listed.number) { $0.wish = .cancelled }
      }
    }
    if let found {
      try update(found.number) { $0.wish = nil }
      return .build(found, isResumed: true)
    }
    guard let (starts, stamps) = beginnings else {
      return .build(try create(file, beginningWith: try fitting(digest: digest, input)), isResumed: false)
    }
    let made = try create(file.topology, text: file.text, source: input.source, starts: starts, stamps: stamps)
    return .build(made, isResumed: false)
  }

  /// Notes that everything there was is in the generation, and how fast that went.
  public func caughtUp(_ number: Int, _ speed: ReplaySpeed) throws(Failure) {
    try update(number) {
      $0.caughtUpAt = wallMilliseconds()
      $0.speed = speed.records > 0 ? ReplaySpeed.better($0.speed, speed) : $0.speed
    }
  }

  /// The best founded measurement of this topology's generations; nil when none was built yet.
  public func measuredSpeed() throws(Failure) -> (generation: Int, speed: ReplaySpeed)? {
    var best: (Int, ReplaySpeed)?
    for number in numbers {
      guard let speed = try record(of: number).speed else { continue }
      if ReplaySpeed.better(best?.1, speed) == speed { best = (number, speed) }
    }
    return best
  }
}

/// Where a replay begins.
public enum ReplayStart: Equatable, Sendable {
  case beginning
  /// In every partition that still has it; later where it has not.
  case offset(Int64)
  /// With the first record appended then or later; milliseconds.
  case time(Int64)
  /// With the states of the best checkpoint of a generation that means the same: only what came after it is read.
  case checkpoint
}

extension Generation {
  /// Whether it is what such a start would make. One that began with a checkpoint is no replay of everything.
  fileprivate func began(as start: ReplayStart, _ starts: [Int64]?) -> Bool {
    switch start {
    case .checkpoint: origin != nil
    case .beginning: origin == nil
    case .offset, .time: origin == nil && self.starts == starts
    }
  }
}

extension BoundedRun.Input {
  /// By partition: where a replay begins, and a stamp that nothing before it exceeds; nil where nothing is before it.
  ///
  /// - Errors: `.invalid` for files, which are read from their beginning.
  public func beginnings(_ start: ReplayStart = .beginning) throws(Failure) -> (starts: [Int64], stamps: [Int64?]) {
    switch self {
    case .log(let log): return try log.beginnings(start)
    case .kafka(let log): return try log.beginnings(start)
    case .files:
      guard start == .beginning else { throw .invalid("files have no offsets to begin from: leave out --from") }
      return (Array(repeating: 0, count: partitionCount), Array(repeating: nil, count: partitionCount))
    }
  }

  /// Where something began that was built from this, or where this begins now if that is later.
  func beginnings(
    notBefore starts: [Int64], _ startStamps: [Int64?]
  ) throws(Failure) -> (starts: [Int64], stamps: [Int64?]) {
    let (first, stamps) = try beginnings()
    guard first.count == starts.count else {
      throw .invalid("the log has \(first.count) partitions, and there were \(starts.count)")
    }
    let isLater = zip(first, starts).map { $0 > $1 }
    return (
      zip(first, starts).map { max($0, $1) }, starts.indices.map { isLater[$0] ? stamps[$0] : startStamps[$0] }
    )
  }

  var partitionCount: Int {
    switch self {
    case .log(let log): log.partitionCount
    case .kafka(let log): log.partitionCount
    case .files(let paths, let keyed, let count): keyed ? paths.count : count
    }
  }

  /// By partition: the offset behind the last record; nil for files, which only reading tells.
  public func ends() throws(Failure) -> [Int64]? {
    let log: any Log
    switch self {
    case .log(let segments): log = segments
    case .kafka(let kafka): log = kafka
    case .files: return nil
    }
    var ends: [Int64] = []
    for partition in 0..<log.partitionCount { ends.append(try log.endOffset(partition: partition) ?? 0) }
    return ends
  }

  /// Bytes as they are stored, of whole segments; nil when the log does not say.
  func storedBytes(from starts: [Int64]) -> Int64? {
    switch self {
    case .log(let log):
      log.segments.reduce(0) { $0 + ($1.end > starts[$1.partition] ? Int64($1.byteCount) : 0) }
    case .kafka: nil
    case .files(let paths, _, _): paths.reduce(0) { $0 + Int64(DurableFile.size($1)) }
    }
  }
}
