import Basics
import Dataflow
import Seeded

/// Topologies that use everything there is, with horizons, gaps and retentions short enough to matter within a few days.
struct RandomTopology {
  static let types = ["view", "cart", "buy", "open", "é"]
  static let texts = ["geo.country", "device.type", "event_type", "properties.tag", "user_id", "page.path"]
  static let numbers = ["properties.amount", "properties.count"]

  var random: SeededRandom

  mutating func make() -> Topology {
    var topology = Topology(name: "sim")
    topology.source.horizonMilliseconds = random.pick([90 * Timestamp.minute, 2 * Timestamp.hour, Timestamp.day])
    topology.gapMilliseconds = random.pick([Timestamp.minute, 10 * Timestamp.minute, 30 * Timestamp.minute])
    topology.timezone = random.pick(["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"])
    topology.views = [
      ViewDefinition(name: "traffic", kind: .rollup(rollup(.events, topology))),
      ViewDefinition(name: "visits", kind: .rollup(rollup(.sessions, topology))),
      ViewDefinition(name: "checkout", kind: .funnel(funnel(topology))),
    ]
    if random.chance(50) {
      topology.views.append(ViewDefinition(name: "more", kind: .rollup(rollup(.events, topology))))
      topology.views.append(ViewDefinition(name: "again", kind: .funnel(funnel(topology))))
      topology.views.append(ViewDefinition(name: "stays", kind: .rollup(rollup(.sessions, topology))))
    }
    if random.chance(20) { topology.views.removeAll { $0.name == "visits" || $0.name == "stays" } }
    return topology
  }

  private mutating func rollup(_ subject: RollupDefinition.Subject, _ topology: Topology) -> RollupDefinition {
    var by: [Field] = []
    for _ in 0..<random.pick([0, 1, 1, 2, 3]) {
      let field = Field(random.pick(RandomTopology.texts + ["properties.amount"]))
      if !by.contains(field) { by.append(field) }
    }
    var measures = [Measure(name: "all", function: .count)]
    for index in 0..<random.number(1...6) { measures.append(measure("m\(index)", subject)) }
    var grains = Grain.allCases.filter { _ in random.chance(70) }
    if grains.isEmpty { grains = [random.pick(Grain.allCases)] }
    let least = topology.source.horizonMilliseconds + topology.gapMilliseconds
    return RollupDefinition(
      of: subject, by: by, measures: measures,
      grains: grains.map { grain in
        let length: Int64 =
          switch grain {
          case .minute: Timestamp.minute
          case .hour: Timestamp.hour
          case .day: Timestamp.day
          }
        let retention = random.chance(70) ? least + length + random.time(0...2 * Timestamp.hour) : nil
        return GrainDefinition(grain: grain, retentionMilliseconds: retention)
      })
  }

  private mutating func measure(_ name: String, _ subject: RollupDefinition.Subject) -> Measure {
    var numbers = RandomTopology.numbers
    if subject == .sessions { numbers += ["duration", "events", "start"] }
    let field = Field(random.pick(numbers))
    var functions: [Measure.Function] = [
      .count, .sum(field), .avg(field), .distinct,
      .quantile(field, millionths: random.pick([1, 10_000, 500_000, 950_000, 999_999])),
    ]
    // Neither can be retracted, so sessions do not have them.
    if subject == .events { functions += [.min(field), .max(field)] }
    let function = random.pick(functions)
    var scale: Int?
    switch function {
    case .sum, .min, .max: scale = random.chance(60) ? random.number(0...9) : nil
    default: scale = nil
    }
    return Measure(
      name: name, function: function, scale: scale, filter: random.chance(50) ? predicate(subject, 2) : nil)
  }

  private mutating func predicate(_ subject: RollupDefinition.Subject, _ depth: Int) -> Predicate {
    if depth > 0, random.chance(50) {
      switch random.number(0...2) {
      case 0: return .not(predicate(subject, depth - 1))
      case 1: return .and(predicate(subject, depth - 1), predicate(subject, depth - 1))
      default: return .or(predicate(subject, depth - 1), predicate(subject, depth - 1))
      }
    }
    let comparison = random.pick([
      Predicate.Comparison.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual,
    ])
    if subject == .sessions, random.chance(50) {
      let own = random.pick([
        ("duration", [0, 60_000, 600_000, 1_800_000]), ("events", [1, 2, 3]), ("start", [1_772_900_000_000]),
      ])
      if random.chance(10) { return .exists(Field(own.0)) }
      return .compare(Field(own.0), comparison, RandomTopology.whole(random.pick(own.1)))
    }
    let text = Field(random.pick(RandomTopology.texts))
    let number = Field(random.pick(RandomTopology.numbers))
    switch random.number(0...5) {
    case 0: return .exists(random.chance(50) ? text : number)
    case 1: return .isIn(text, [.text("DE"), .text(random.pick(["US", "mobile", "view", "é", "e\u{301}"]))])
    case 2: return .compare(Field("properties.flag"), random.pick([.equal, .notEqual]), .boolean(random.chance(50)))
    case 3: return .isIn(number, [RandomTopology.whole(1), RandomTopology.whole(random.number(-2...3))])
    case 4:
      // 1.005 and its neighbours in the last digit a literal can have.
      let units = random.pick([
        2_010_000_000_000_000_000, 2_010_000_000_000_000_002, -3 as Int128 * 1_000_000_000_000_000_000,
      ])
      return .compare(number, comparison, .number(units))
    default:
      return .compare(text, comparison, .text(random.pick(["DE", "US", "mobile", "cart", "u2", "e\u{301}", "7"])))
    }
  }

  private static func whole(_ value: Int) -> Literal { .number(Int128(value) * 2_000_000_000_000_000_000) }

  private mutating func funnel(_ topology: Topology) -> FunnelDefinition {
    let within = random.pick([1, 10 * Timestamp.minute, Timestamp.hour, Timestamp.day])
    let steps = (0..<random.number(2...5)).map { index in
      // Few types, so that one event is often several steps.
      let type = random.pick(Array(RandomTopology.types.prefix(3)))
      return FunnelDefinition.Step(
        name: "\(index) \(type)", eventType: type, filter: random.chance(25) ? predicate(.events, 1) : nil)
    }
    let least = topology.source.horizonMilliseconds + within + Timestamp.hour
    return FunnelDefinition(
      steps: steps, withinMilliseconds: within, by: random.chance(60) ? Field(random.pick(RandomTopology.texts)) : nil,
      strictIncrease: random.chance(40), retentionMilliseconds: random.chance(50) ? least : nil)
  }
}
