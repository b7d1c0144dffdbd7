import Basics
import Dataflow

extension Oracle {
  /// The best level of each user over entries in [start, end); nil bounds are open.
  public func funnel(view name: String, start: Int64?, end: Int64?, by: Bool) -> FunnelAnswer {
    guard case .funnel(let funnel) = topology.view(named: name)?.kind else { preconditionFailure("no funnel \(name)") }
    let users = eventsByUser().map { entries(of: $0, funnel, start, end) }
    let answer = steps(funnel, users)
    guard by else { return FunnelAnswer(steps: answer, breakdown: nil) }
    let values = Set(users.flatMap { $0.map(\.by) }).sorted(by: <)
    return FunnelAnswer(
      steps: answer,
      breakdown: values.map { value in
        (String(decoding: value, as: UTF8.self), steps(funnel, users.map { $0.filter { $0.by == value } }))
      })
  }

  private struct Entry {
    var time: Int64
    var by: [UInt8]
    /// When each step was done, the entry first; as many as its level.
    var arrivals: [Int64]
    var bucket: Int64 { Timestamp.floor(time, to: 15 * Timestamp.minute) }
  }

  /// One user's visible entries in the range, each followed as far as it goes.
  private func entries(of events: [OracleEvent], _ funnel: FunnelDefinition, _ start: Int64?, _ end: Int64?) -> [Entry]
  {
    func does(_ event: OracleEvent, _ step: Int) -> Bool {
      event.type == Array(funnel.steps[step].eventType.utf8)
        && (funnel.steps[step].filter.map { $0.holds(for: event) == true } ?? true)
    }
    return events.filter { does($0, 0) }.compactMap { event in
      var entry = Entry(time: event.time, by: funnel.by.flatMap { event.text($0) } ?? [], arrivals: [event.time])
      if let start, entry.time < start { return nil }
      if let end, entry.time >= end { return nil }
      guard isVisible(end: entry.bucket + 15 * Timestamp.minute, retention: funnel.retentionMilliseconds) else {
        return nil
      }
      for step in 1..<funnel.steps.count {
        let last = entry.arrivals.last!
        let next = events.filter { does($0, step) }.map(\.time).filter {
          funnel.strictIncrease ? $0 > last : $0 >= last
        }
        guard let next = next.min(), next <= entry.time + funnel.withinMilliseconds else { break }
        entry.arrivals.append(next)
      }
      return entry
    }
  }

  private func steps(_ funnel: FunnelDefinition, _ users: [[Entry]]) -> [FunnelAnswer.Step] {
    let levels = users.map { $0.map(\.arrivals.count).max() ?? 0 }
    return funnel.steps.indices.map { step in
      let completed = levels.filter { $0 > step }.count
      // Of the first step all who did it, of others all who did the one before.
      let entered = levels.filter { $0 > max(step - 1, 0) }.count
      return FunnelAnswer.Step(
        name: funnel.steps[step].name, entered: Int64(entered), completed: Int64(completed),
        medianMilliseconds: step == 0 ? nil : median(samples(step, users)))
    }
  }

  /// One for each user and bucket: from the last of its entries that reaches the step.
  private func samples(_ step: Int, _ users: [[Entry]]) -> [Int64] {
    users.flatMap { entries in
      Dictionary(grouping: entries.filter { $0.arrivals.count > step }, by: \.bucket).values.map { reaching in
        let last = reaching.max { $0.time < $1.time }!
        return last.arrivals[step] - last.arrivals[step - 1]
      }
    }
  }

  private func median(_ samples: [Int64]) -> Int64? {
    samples.isEmpty ? nil : samples.sorted()[(samples.count + 1) / 2 - 1]
  }
}
