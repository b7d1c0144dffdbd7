import Basics
import Dataflow
import Foundation

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

  /// By day or ISO week of entries in a time zone, whole rows only.
  public func trend(
    view name: String, start: Int64?, end: Int64?, by trend: FunnelRequest.Trend, timezone: String
  ) -> [(start: Int64, steps: [FunnelAnswer.Step])] {
    guard case .funnel(let funnel) = topology.view(named: name)?.kind else { preconditionFailure("no funnel \(name)") }
    var calendar = Calendar(identifier: .iso8601)
    calendar.timeZone = TimeZone(identifier: timezone)!
    func row(_ time: Int64) -> Int64 {
      let date = Date(timeIntervalSince1970: Double(Timestamp.floor(time, to: 15 * Timestamp.minute)) / 1_000)
      let interval = calendar.dateInterval(of: trend == .day ? .day : .weekOfYear, for: date)!
      return Int64((interval.start.timeIntervalSince1970 * 1_000).rounded())
    }
    let users = eventsByUser().map { entries(of: $0, funnel, start, end) }
    let oldest = newestStamp.flatMap { newest in funnel.retentionMilliseconds.map { newest - $0 } } ?? .min
    let rows = Set(users.flatMap { $0.map { row($0.time) } }).filter { $0 >= oldest }.sorted()
    return rows.map { start in (start, steps(funnel, users.map { $0.filter { row($0.time) == start } })) }
  }

  /// Who completed a step, from 1, and if so wanted no further one.
  public func users(view name: String, start: Int64?, end: Int64?, step: Int, stopped: Bool) -> [[UInt8]] {
    guard case .funnel(let funnel) = topology.view(named: name)?.kind else { preconditionFailure("no funnel \(name)") }
    return eventsByUser().filter { events in
      let level = entries(of: events, funnel, start, end).map(\.arrivals.count).max() ?? 0
      return stopped ? level == step : level >= step
    }.map { $0[0].user }.sorted(by: <)
  }

  /// What is remembered of a user in a partition with such a newest stamp, a line for each session and step; nil for nobody.
  public func timeline(of user: [UInt8], newest: Int64?) -> [[UInt8]]? {
    guard let events = eventsByUser().first(where: { $0[0].user == user }) else { return nil }
    let oldest = newest.map { $0 - topology.source.horizonMilliseconds }
    // Texts are bytes.
    var lines: [[UInt8]] = []
    if topology.views.contains(where: {
      if case .rollup(let rollup) = $0.kind { rollup.of == .sessions } else { false }
    }) {
      for session in sessions() where session.user == user {
        let (start, end) = (session.time, session.events.last!.time)
        if let oldest, end < oldest - topology.gapMilliseconds { continue }
        lines.append(Array("\(start)-\(end) \(session.events.count)".utf8))
      }
    }
    for view in topology.views {
      guard case .funnel(let funnel) = view.kind else { continue }
      let from = oldest.map { Timestamp.floor($0 - funnel.withinMilliseconds, to: 15 * Timestamp.minute) } ?? .min
      var steps: Set<[UInt8]> = []
      for event in events where event.time >= from {
        for (index, step) in funnel.steps.enumerated()
        where event.type == Array(step.eventType.utf8) && (step.filter.map { $0.holds(for: event) == true } ?? true) {
          let value = index == 0 ? funnel.by.map { Array(" ".utf8) + (event.text($0) ?? []) } : nil
          // What neither levels nor times between steps can tell apart is one.
          steps.insert(Array("\(view.name) \(event.time) \(index + 1)".utf8) + (value ?? []))
        }
      }
      lines += steps.sorted(by: <)
    }
    return lines
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
