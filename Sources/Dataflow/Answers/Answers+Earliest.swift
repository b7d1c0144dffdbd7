import Basics

extension Answers {
  /// The start of the earliest bucket that shows, of all views and grains; milliseconds; nil when there is none.
  public func earliestBucket() throws(Failure) -> Int64? {
    var least: Int64?
    func look(_ table: UInt16, _ definition: GrainDefinition) throws(Failure) {
      let expired = expiry(definition)
      // A bucket that holds the moment of expiry began before it.
      let from = expired == .min ? .min : expired - Timestamp.day
      if let bucket = try firstBucket(table, definition.grain, atOrAfter: from) { least = min(least ?? bucket, bucket) }
    }
    for view in plan.views {
      switch view {
      case .rollup(let rollup, let table):
        for definition in rollup.definition.grains { try look(table, definition) }
      case .funnel(let funnel, let table):
        try look(
          table,
          GrainDefinition(grain: .hour, retentionMilliseconds: funnel.definition.retentionMilliseconds))
      }
    }
    return least
  }
}
