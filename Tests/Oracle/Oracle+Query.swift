import Basics
import Dataflow
import Foundation
import Seeded

extension Oracle {
  /// A question with everything that can be asked beside; nil when it is refused.
  public func answer(
    _ request: QueryRequest, view name: String, measure: Measure, groupBy: [Field]
  ) -> [QueryAnswer.Row]? {
    guard case .rollup(let rollup) = topology.view(named: name)?.kind else { preconditionFailure("no rollup \(name)") }
    switch rollup.of {
    case .events: return answer(events, request, rollup, measure, groupBy)
    case .sessions: return answer(sessions(), request, rollup, measure, groupBy)
    }
  }

  private func answer<S: Subject>(
    _ all: [S], _ request: QueryRequest, _ rollup: RollupDefinition, _ measure: Measure, _ groupBy: [Field]
  ) -> [QueryAnswer.Row]? {
    let zone = zone(request.timezone, request.granularity)
    let subjects = all.filter { subject in request.filter.map { $0.holds(for: subject) == true } ?? true }
    var range = (start: request.start!, end: request.end!)
    var sides: [(cells: [Cell: [S]], buckets: [Int64], shows: (Int64, Int64) -> Bool)] = []
    for _ in 0..<(request.comparesPrevious ? 2 : 1) {
      if sides.count == 1 { range = before(range, request.granularity, ZoneCalendar(zone)) }
      guard let shows = shown(rollup, request.granularity, zone, start: range.start, end: range.end) else { return nil }
      sides.append(
        (
          cells(subjects, groupBy, request.granularity, zone, shows),
          buckets(range, request.granularity, ZoneCalendar(zone)), shows
        ))
    }
    // A group is its dimensions, or nothing for the rest.
    var top: [[[UInt8]]]?
    if let count = request.top {
      var groups: [[[UInt8]]: [S]] = [:]
      for (cell, subjects) in sides[0].cells { groups[cell.dimensions, default: []] += subjects }
      let values = groups.mapValues { value(measure, of: $0, sessions: rollup.of == .sessions).units }
      top = Array(
        values.keys.sorted { a, b in
          let (left, right) = (values[a]!, values[b]!)
          if left != right { return left != nil && (right == nil || left! > right!) }
          return Cell(bucket: 0, dimensions: a) < Cell(bucket: 0, dimensions: b)
        }.prefix(count))
    }
    let folded: [[Key: [S]]] = sides.map { side in
      var folded: [Key: [S]] = [:]
      for (cell, subjects) in side.cells {
        let isTop = top?.contains(cell.dimensions) ?? true
        if !isTop, !request.hasOther { continue }
        folded[Key(bucket: cell.bucket, group: isTop ? cell.dimensions : nil), default: []] += subjects
      }
      return folded
    }
    var keys = Set(folded[0].keys)
    if request.fillsWithZero {
      var groups = Set(folded.flatMap { $0.keys.map(\.group) })
      if groupBy.isEmpty { groups = [[]] }
      for bucket in sides[0].buckets {
        let calendar = ZoneCalendar(zone)
        guard sides[0].shows(bucket, self.bucket(bucket, request.granularity, calendar).end) else { continue }
        for group in groups { keys.insert(Key(bucket: bucket, group: group)) }
      }
    }
    let calendar = ZoneCalendar(zone)
    var rows = keys.sorted { a, b in
      if a.bucket != b.bucket || a.group == nil || b.group == nil {
        return a.bucket != b.bucket ? a.bucket < b.bucket : a.group != nil && b.group == nil
      }
      return Cell(bucket: 0, dimensions: a.group!) < Cell(bucket: 0, dimensions: b.group!)
    }.map { (key: Key) -> QueryAnswer.Row in
      func value(_ subjects: [S]) -> MeasureValue {
        self.value(measure, of: subjects, sessions: rollup.of == .sessions)
      }
      var row = QueryAnswer.Row(
        bucket: key.bucket, value: value(folded[0][key] ?? []),
        dimensions: (key.group ?? []).map { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) },
        isOther: key.group == nil)
      guard request.comparesPrevious else { return row }
      row.previous = MeasureValue(units: nil, scale: value([]).scale)
      let place = sides[0].buckets.firstIndex(of: key.bucket)!
      guard place < sides[1].buckets.count else { return row }
      let bucket = sides[1].buckets[place]
      guard sides[1].shows(bucket, self.bucket(bucket, request.granularity, calendar).end) else { return row }
      if let before = folded[1][Key(bucket: bucket, group: key.group)] {
        row.previous = value(before)
      } else if request.fillsWithZero {
        row.previous = value([])
      }
      return row
    }
    if request.order != .time {
      rows = rows.enumerated().sorted { a, b in
        guard a.element.value != b.element.value else { return a.offset < b.offset }
        guard let left = a.element.value.units, let right = b.element.value.units else {
          return a.element.value.units != nil
        }
        return request.order == .value ? left < right : left > right
      }.map(\.element)
    }
    return rows
  }

  private struct Key: Hashable {
    var bucket: Int64
    /// Nil for the rest.
    var group: [[UInt8]]?
  }

  /// Rows that start in a range, found by trying many moments.
  private func buckets(
    _ range: (start: Int64, end: Int64), _ granularity: Granularity, _ calendar: ZoneCalendar
  ) -> [Int64] {
    let step =
      granularity == .minute ? Timestamp.minute : granularity == .hour ? 15 * Timestamp.minute : 6 * Timestamp.hour
    var starts: [Int64] = []
    var time = range.start
    while true {
      let start = bucket(time, granularity, calendar).start
      if start >= range.end { return starts }
      if start >= range.start, starts.last != start { starts.append(start) }
      time += step
    }
  }

  private func before(
    _ range: (start: Int64, end: Int64), _ granularity: Granularity, _ zone: ZoneCalendar
  ) -> (start: Int64, end: Int64) {
    let calendar = zone.calendar
    func date(_ time: Int64) -> Date { Date(timeIntervalSince1970: Double(time) / 1000) }
    func earlier(_ time: Int64, _ unit: Calendar.Component, _ count: Int) -> Int64 {
      Int64((calendar.date(byAdding: unit, value: -count, to: date(time))!.timeIntervalSince1970 * 1000).rounded())
    }
    func begins(_ unit: Calendar.Component) -> Bool {
      zone.interval(unit, of: range.start).start == range.start && zone.interval(unit, of: range.end).start == range.end
    }
    func count(_ unit: Calendar.Component) -> Int {
      calendar.dateComponents([unit], from: date(range.start), to: date(range.end)).value(for: unit)!
    }
    if begins(.month), granularity != .week { return (earlier(range.start, .month, count(.month)), range.start) }
    if begins(.day), granularity <= .day { return (earlier(range.start, .day, count(.day)), range.start) }
    let unit: Calendar.Component
    switch granularity {
    case .minute, .hour: return (range.start - (range.end - range.start), range.start)
    case .day: unit = .day
    case .week: unit = .weekOfYear
    case .month: unit = .month
    }
    let (start, end) = bucket(range.start, granularity, zone)
    let first = start == range.start ? start : end
    return (earlier(first, unit, buckets(range, granularity, zone).count), first)
  }

  /// A range of some rows near the events: often, but not always, of whole days or months of the zone.
  public func someRange(_ granularity: Granularity, _ zone: String, _ random: inout SeededRandom) -> (Int64, Int64) {
    let calendar = ZoneCalendar(zone)
    let near = events.isEmpty ? 1_772_366_400_000 : random.pick(events).time
    let length: Int64 =
      switch granularity {
      case .minute: Timestamp.hour
      case .hour: Timestamp.day
      case .day: 3 * Timestamp.day
      case .week: 12 * Timestamp.day
      case .month: 50 * Timestamp.day
      }
    var start = Timestamp.floor(near - random.time(0...length), to: 15 * Timestamp.minute)
    var end = start + Int64(random.number(1...4)) * length / 2
    switch random.number(0...3) {
    case 0: break
    case 1 where granularity >= .day:
      start = calendar.interval(.month, of: start).start
      end = calendar.interval(.month, of: end).end
    default:
      guard granularity >= .hour else { break }
      start = calendar.interval(.day, of: start).start
      end = calendar.interval(.day, of: end).end
    }
    return (start, end)
  }
}
