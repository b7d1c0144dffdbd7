extension Topology {
  /// How far an event's absence can be seen after its own time; milliseconds: it may be resent within the horizon, join
  /// sessions across a gap, and begin a funnel that ends `within` later.
  public var reachMilliseconds: Int64 {
    let within = views.map { view in
      if case .funnel(let funnel) = view.kind { funnel.withinMilliseconds } else { Int64(0) }
    }
    return source.horizonMilliseconds + gapMilliseconds + (within.max() ?? 0)
  }
}
