import Basics
import Dataflow
import Events
import Oracle
import Seeded

/// All a seed stands for: a topology, a log, and schedules.
struct Scenario {
  let seed: UInt64
  let topology: Topology
  let partitions: [[Oracle.Record]]
  var random: SeededRandom
  /// Each partition of the last run as an instance of its own.
  private var instances: [Answers] = []

  init(seed: UInt64) {
    self.seed = seed
    random = SeededRandom(seed: seed)
    var topologies = RandomTopology(random: SeededRandom(seed: random.next()))
    topology = topologies.make()
    let hasStamps = random.chance(75)
    let partitionCount = random.pick([1, 2, 7])
    var log = RandomLog(
      random: SeededRandom(seed: random.next()), topology: topology, hasStamps: hasStamps, partitions: partitionCount)
    partitions = log.make(count: random.pick([30, 200, 600]))
  }

  /// What is wrong, or nil. Every view, every grain, funnels over random ranges, ledgers; by two schedules.
  mutating func difference() throws(Failure) -> String? {
    let oracle = Oracle(topology, partitions)
    let plan = try Plan(topology)
    let live = Schedule.live(&random)
    var ledgers: [[Dataflow.Ledger]] = []
    for schedule in [live, .replay] {
      var runs: [PartitionRun] = []
      for (index, records) in partitions.enumerated() {
        let run = try PartitionRun(plan, records, partition: index, of: partitions.count, schedule)
        try run.run(&random)
        runs.append(run)
      }
      for (index, run) in runs.enumerated() {
        if let difference = difference(oracle.ledgers[index], run.ledger) {
          return "\(schedule): ledger of partition \(index): \(difference)"
        }
      }
      ledgers.append(runs.map(\.ledger))
      let snapshots = runs.map { $0.store.snapshot() }
      let answers = try Answers(plan: plan, snapshots: snapshots)
      instances = []
      for snapshot in snapshots {
        instances.append(try Answers(plan: plan, snapshots: [snapshot], newestStamp: answers.newestStamp))
      }
      if let difference = try difference(oracle, answers) { return "\(schedule): \(difference)" }
    }
    return ledgers[0] == ledgers[1] ? nil : "live and replay count unusable values differently"
  }

  private func difference(_ expected: Oracle.Ledger, _ actual: Dataflow.Ledger) -> String? {
    var got = Oracle.Ledger()
    got.read = Int(actual.read)
    got.counted = Int(actual.counted)
    got.duplicates = Int(actual.duplicates)
    got.late = Int(actual.late)
    got.collisions = Int(actual.collisions)
    for rejection in Rejection.allCases where actual.quarantined[Int(rejection.rawValue)] > 0 {
      got.quarantined[rejection.code] = Int(actual.quarantined[Int(rejection.rawValue)])
    }
    return got == expected ? nil : "\(got), expected \(expected)"
  }

  private mutating func difference(_ oracle: Oracle, _ answers: Answers) throws(Failure) -> String? {
    if let difference = try timelines(oracle, answers) { return difference }
    for view in topology.views {
      switch view.kind {
      case .rollup(let rollup):
        for definition in rollup.grains {
          var rows: [ExportRow] = []
          try answers.export(view: view.name, grain: definition.grain) { rows.append($0) }
          let expected = oracle.export(view: view.name, grain: definition.grain)
          if let difference = compare(expected: expected, actual: rows, of: rollup) {
            return
              "\(view.name) by \(definition.grain.name), \(rows.count) rows, \(expected.count) expected:\n\(difference)"
          }
        }
        for _ in 0..<6 {
          if let difference = try difference(oracle, answers, view.name, rollup) { return difference }
          if let difference = try fullDifference(oracle, answers, view.name, rollup) { return difference }
        }
      case .funnel(let funnel):
        for range in ranges() {
          for by in funnel.by == nil ? [false] : [false, true] {
            let answer = try answers.funnel(view: view.name, start: range.0, end: range.1, by: by)
            let parts = try instances.dropFirst().map { (instance) throws(Failure) in
              try instance.funnelPart(
                FunnelRequest(view: view.name, start: range.0, end: range.1, by: by))
            }
            guard
              try instances[0].funnel(view: view.name, start: range.0, end: range.1, by: by, parts: parts) == answer
            else { return "funnel \(view.name) differs when instances answer together" }
            let expected = oracle.funnel(view: view.name, start: range.0, end: range.1, by: by)
            if let difference = compare(expected: expected, actual: answer) {
              let bounds = [range.0, range.1].map { $0.map { Timestamp(milliseconds: $0).description } ?? "open" }
              return "funnel \(view.name), \(bounds[0]) to \(bounds[1]), by: \(by):\n\(difference)"
            }
          }
          if let difference = try difference(oracle, answers, view.name, funnel, range) { return difference }
        }
      }
    }
    return nil
  }

  /// By day or week, the largest values of a breakdown, and a page of those who came to some step.
  private mutating func difference(
    _ oracle: Oracle, _ answers: Answers, _ view: String, _ funnel: FunnelDefinition, _ range: (Int64?, Int64?)
  ) throws(Failure) -> String? {
    var request = FunnelRequest(view: view, start: range.0, end: range.1, by: funnel.by != nil)
    request.trend = random.pick(FunnelRequest.Trend.allCases)
    request.timezone = random.pick(["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"])
    request.limit = random.number(1...4)
    let answer = try answers.funnel(request)
    let parts = try instances.dropFirst().map { (instance) throws(Failure) in try instance.funnelPart(request) }
    guard try instances[0].funnel(request, parts: parts) == answer else {
      return "\(request) differs when instances answer together"
    }
    let rows = oracle.trend(
      view: view, start: range.0, end: range.1, by: request.trend!, timezone: request.timezone)
    guard rows.map(\.start) == answer.trend?.map(\.start) else {
      return "\(request): rows at \(answer.trend?.map(\.start) ?? []), expected \(rows.map(\.start))"
    }
    for (expected, actual) in zip(rows, answer.trend ?? []) {
      let (a, b) = (
        FunnelAnswer(steps: expected.steps, breakdown: nil), FunnelAnswer(steps: actual.steps, breakdown: nil)
      )
      if let difference = compare(expected: a, actual: b) {
        return "\(request), row of \(Timestamp(milliseconds: expected.start)):\n\(difference)"
      }
    }
    if funnel.by != nil {
      let all = oracle.funnel(view: view, start: range.0, end: range.1, by: true).breakdown!
      let largest = all.enumerated().sorted {
        ($1.element.steps[0].completed, $0.offset) < ($0.element.steps[0].completed, $1.offset)
      }
      let expected = largest.prefix(request.limit!).map(\.element.value)
      guard answer.breakdown!.map({ Array($0.value.utf8) }) == expected.map({ Array($0.utf8) }),
        answer.valueCount == all.count
      else { return "\(request): values \(answer.breakdown!.map(\.value)), expected \(expected) of \(all.count)" }
    }
    return try users(oracle, answers, FunnelRequest(view: view, start: range.0, end: range.1), funnel.steps.count)
  }

  private mutating func users(
    _ oracle: Oracle, _ answers: Answers, _ funnel: FunnelRequest, _ steps: Int
  ) throws(Failure) -> String? {
    var request = FunnelUsersRequest(
      funnel: funnel, step: random.number(1...steps), stopped: random.chance(50), limit: random.pick([1, 3, 1_000]))
    let expected = oracle.users(
      view: funnel.view, start: funnel.start, end: funnel.end, step: request.step, stopped: request.stopped)
    var found: [[UInt8]] = []
    while true {
      let page = try answers.funnelUsers(request)
      let parts = try instances.dropFirst().map { (instance) throws(Failure) in try instance.funnelUsersPart(request) }
      guard try instances[0].funnelUsers(request, parts: parts) == page else {
        return "\(request) differs when instances answer together"
      }
      guard page.total == expected.count else { return "\(request): \(page.total) users, expected \(expected.count)" }
      found += page.users
      guard page.hasMore else { break }
      request.after = page.users.last
    }
    return found == expected ? nil : "\(request): users \(found), expected \(expected)"
  }

  /// What is remembered of each user, and of one that never was.
  private func timelines(_ oracle: Oracle, _ answers: Answers) throws(Failure) -> String? {
    for user in oracle.users + [Array("nobody".utf8)] {
      let text = String(decoding: user, as: UTF8.self)
      let partition = Answers.partition(of: text, partitions: partitions.count)
      let expected = oracle.timeline(of: user, newest: partitions[partition].compactMap(\.stamp).max())
      let found = try answers.user(text)
      let lines = found.map { timeline in
        (timeline.sessions ?? []).map { Array("\($0.start)-\($0.end) \($0.events)".utf8) }
          + timeline.funnels.flatMap { funnel in
            funnel.steps.map { step in
              Array("\(funnel.view) \(step.time) \(step.number)\(step.value.map { " \($0)" } ?? "")".utf8)
            }.sorted { $0.lexicographicallyPrecedes($1) }
          }
      }
      guard lines == expected else {
        func shown(_ lines: [[UInt8]]?) -> [String]? { lines?.map { String(decoding: $0, as: UTF8.self) } }
        return "user \(text): \(shown(lines) ?? []), expected \(shown(expected) ?? [])"
      }
    }
    return nil
  }

  /// A random question of a rollup.
  private mutating func difference(
    _ oracle: Oracle, _ answers: Answers, _ view: String, _ rollup: RollupDefinition
  ) throws(Failure) -> String? {
    let measure = random.pick(rollup.measures)
    let groupBy = rollup.by.filter { _ in random.chance(60) }
    var request = QueryRequest(metric: measure.name, granularity: random.pick(Granularity.allCases))
    request.view = view
    request.groupBy = groupBy.map(\.description)
    request.timezone = random.pick([nil, "UTC", "Asia/Kathmandu", "America/New_York", topology.timezone])
    // Half an hour of daylight saving makes an hour of half an hour: not what is asked here.
    if request.timezone == "Australia/Lord_Howe" { request.timezone = nil }
    (request.start, request.end) = random.pick(ranges())
    let expected = oracle.query(
      view: view, measure: measure, groupBy: groupBy, granularity: request.granularity, timezone: request.timezone,
      start: request.start, end: request.end)
    var rows: [ExportRow]?
    do throws(Failure) {
      let answer = try answers.query(request)
      let parts = try instances.dropFirst().map { (instance) throws(Failure) in try instance.queryPart(request) }
      guard try instances[0].query(request, parts: parts) == answer else {
        return "\(request) differs when instances answer together"
      }
      rows = answer.rows.map { row in
        ExportRow(bucket: row.bucket, dimensions: row.dimensions, measures: [row.value])
      }
    } catch {
      guard error.kind == .invalid else { throw error }
    }
    guard let expected, let rows else {
      return (expected == nil) == (rows == nil) ? nil : "\(request): \(rows == nil ? "refused" : "not refused")"
    }
    let asked = RollupDefinition(of: rollup.of, by: groupBy, measures: [measure], grains: rollup.grains)
    return compare(expected: expected, actual: rows, of: asked).map { "\(request):\n\($0)" }
  }

  /// A random question of a rollup with all that can be asked beside.
  private mutating func fullDifference(
    _ oracle: Oracle, _ answers: Answers, _ view: String, _ rollup: RollupDefinition
  ) throws(Failure) -> String? {
    let measure = random.pick(rollup.measures)
    let groupBy = rollup.by.filter { _ in random.chance(60) }
    var request = QueryRequest(metric: measure.name, granularity: random.pick(Granularity.allCases))
    request.view = view
    request.groupBy = groupBy.map(\.description)
    request.timezone = random.pick([nil, "Asia/Kathmandu", "America/New_York", "Europe/Berlin", topology.timezone])
    if request.timezone == "Australia/Lord_Howe" { request.timezone = nil }
    let zone = oracle.zone(request.timezone, request.granularity)
    if zone == "Australia/Lord_Howe", request.granularity == .hour { return nil }
    if let field = rollup.by.first, random.chance(30) {
      request.filter = random.chance(50) ? .exists(field) : .not(.exists(field))
    }
    (request.start, request.end) = oracle.someRange(request.granularity, zone, &random)
    request.fillsWithZero = random.chance(50)
    request.comparesPrevious = random.chance(50)
    // What a histogram says is near, so which is larger is not always the same.
    var isExact = true
    if case .quantile = measure.function { isExact = false }
    if isExact, !groupBy.isEmpty, random.chance(60) {
      request.top = random.number(1...3)
      request.hasOther = random.chance(70)
    }
    if isExact { request.order = random.pick([.time, .value, .valueDescending]) }
    let expected = oracle.answer(request, view: view, measure: measure, groupBy: groupBy)
    var rows: [QueryAnswer.Row]?
    do throws(Failure) {
      let answer = try answers.query(request)
      let parts = try instances.dropFirst().map { (instance) throws(Failure) in try instance.queryPart(request) }
      guard try instances[0].query(request, parts: parts) == answer else {
        return "\(request) differs when instances answer together"
      }
      rows = answer.rows
    } catch {
      guard error.kind == .invalid else { throw error }
    }
    guard let expected, let rows else {
      return (expected == nil) == (rows == nil) ? nil : "\(request): \(rows == nil ? "refused" : "not refused")"
    }
    return compare(expected: expected, actual: rows, of: measure).map { "\(request):\n\($0)" }
  }

  /// Everything, and some stretches of quarter hours near the events.
  private mutating func ranges() -> [(Int64?, Int64?)] {
    var ranges: [(Int64?, Int64?)] = [(nil, nil)]
    let quarter = 15 * Timestamp.minute
    for newest in partitions.compactMap({ $0.last?.stamp }) {
      let start = Timestamp.floor(newest - random.time(0...12 * Timestamp.hour), to: quarter)
      ranges.append((start, start + Int64(random.number(1...20)) * quarter))
    }
    if let first = ranges.dropFirst().first { ranges += [(first.0, nil), (nil, first.0)] }
    return ranges
  }
}
