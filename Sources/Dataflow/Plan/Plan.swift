import Basics
import Events

/// A topology compiled: which columns are decoded, what sessions keep, which cells there are. Immutable once made.
///
/// - Source of table numbers: views in file order; a funnel has one table for its totals and one more when it has `by`.
public final class Plan: @unchecked Sendable {
  // Everything is set in `init` and never changed, hence safe to share.
  public let topology: Topology
  public let projection: Projection
  let sessions: SessionColumns
  let views: [ViewPlan]
  /// Column of `event_type`, when funnels need it.
  let eventType: Int?

  enum ViewPlan {
    case rollup(RollupPlan, table: UInt16)
    case funnel(FunnelPlan, table: UInt16)
  }

  /// - Errors: `.invalid` for an unknown time zone. What a file may say wrong is found when it is loaded.
  public init(_ topology: Topology) throws(Failure) {
    _ = try BucketClock(timezone: topology.timezone)
    self.topology = topology
    let events = EventColumns()
    let sessions = SessionColumns(events: events)
    var views: [ViewPlan] = []
    var table: UInt16 = 0
    var lanes = 0
    for view in topology.views {
      switch view.kind {
      case .rollup(let rollup):
        let columns: any ColumnPlan = rollup.of == .events ? events : sessions
        views.append(.rollup(RollupPlan(rollup, columns: columns), table: table))
        table += 1
      case .funnel(let funnel):
        let plan = FunnelPlan(funnel, columns: events, firstLane: lanes)
        views.append(.funnel(plan, table: table))
        lanes += funnel.steps.count
        table += funnel.by == nil ? 1 : 2
      }
    }
    self.sessions = sessions
    self.views = views
    eventType = lanes > 0 ? events.column(Field("event_type"), .text) : nil
    projection = events.projection
    laneCount = lanes
  }

  /// Step lists a user has: one per step of each funnel.
  let laneCount: Int

  func viewPlan(named name: String) -> ViewPlan? {
    topology.views.firstIndex { $0.name == name }.map { views[$0] }
  }
}

struct FunnelPlan {
  let definition: FunnelDefinition
  /// Text column of `by`.
  let by: Int?
  let filters: [PredicatePlan?]
  /// The number of its first step's list among the user's lists.
  let firstLane: Int

  init(_ definition: FunnelDefinition, columns: EventColumns, firstLane: Int) {
    self.definition = definition
    by = definition.by.map { columns.column($0, .text) }
    filters = definition.steps.map { step in step.filter.map { PredicatePlan($0, columns: columns) } }
    self.firstLane = firstLane
  }

  /// Entry buckets are quarter hours.
  var grains: [GrainDefinition] {
    [GrainDefinition(grain: .hour, retentionMilliseconds: definition.retentionMilliseconds)]
  }

  /// Parts: users at level 1...K, then a histogram of milliseconds from step k-1 to k for k = 2...K.
  func schema(dimensions: Int) -> CellSchema {
    let steps = definition.steps.count
    return CellSchema(
      dimensions: dimensions,
      parts: Array(repeating: .set, count: steps) + Array(repeating: .histogram, count: steps - 1))
  }
}
