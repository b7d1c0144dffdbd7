import Basics
import Dataflow
import Foundation

extension Oracle {
  /// Every row of a view's grain, by bucket, then dimensions bytewise.
  public func export(view name: String, grain: Grain) -> [ExportRow] {
    guard case .rollup(let rollup) = topology.view(named: name)?.kind,
      let definition = rollup.grains.first(where: { $0.grain == grain })
    else { preconditionFailure("no rollup \(name) with grain \(grain.name)") }
    let zone = grain == .day ? topology.timezone : "UTC"
    return rows(rollup, Granularity(grain), zone) { _, end in
      isVisible(end: end, retention: definition.retentionMilliseconds)
    }
  }

  /// One measure by some of the dimensions, in hours or days of a zone; nil when no grain that is kept makes it up exactly.
  public func query(
    view name: String, measure: Measure, groupBy: [Field], granularity: Granularity, timezone: String?, start: Int64?,
    end: Int64?
  ) -> [ExportRow]? {
    guard case .rollup(var rollup) = topology.view(named: name)?.kind else { preconditionFailure("no rollup \(name)") }
    let zone = self.zone(timezone, granularity)
    guard let shows = shown(rollup, granularity, zone, start: start, end: end) else { return nil }
    rollup.by = groupBy
    rollup.measures = [measure]
    return rows(rollup, granularity, zone, where: shows)
  }

  public func zone(_ timezone: String?, _ granularity: Granularity) -> String {
    timezone ?? ([.day, .week, .month].contains(granularity) ? topology.timezone : "UTC")
  }

  /// Which rows show, by start and end; nil when no grain that is kept makes them up exactly.
  func shown(
    _ rollup: RollupDefinition, _ granularity: Granularity, _ zone: String, start: Int64?, end: Int64?
  ) -> ((_ start: Int64, _ end: Int64) -> Bool)? {
    let fitting = rollup.grains.filter { definition in
      // Days are of one zone; hours are kept so that those of any zone can be made.
      if definition.grain == .day { return zone == topology.timezone && granularity.rawValue >= 2 }
      return definition.grain.name == granularity.name || definition.grain.rawValue < granularity.rawValue
    }
    guard let definition = fitting.last else { return nil }
    let isFiner = definition.grain.name != granularity.name
    var oldest = Int64.min
    if let newestStamp, let retention = definition.retentionMilliseconds { oldest = newestStamp - retention }
    if isFiner, let start, start < oldest { return nil }
    return { rowStart, rowEnd in
      if let start, rowStart < start { return false }
      if let end, rowStart >= end { return false }
      // Whole or not at all: what is put together of a finer grain needs its first part.
      return isFiner ? rowStart >= oldest : rowEnd > oldest
    }
  }

  private func rows(
    _ rollup: RollupDefinition, _ grain: Granularity, _ zone: String,
    where shows: (_ start: Int64, _ end: Int64) -> Bool
  ) -> [ExportRow] {
    switch rollup.of {
    case .events: rows(events, rollup, grain, zone, shows)
    case .sessions: rows(sessions(), rollup, grain, zone, shows)
    }
  }

  struct Cell: Hashable, Comparable {
    var bucket: Int64
    var dimensions: [[UInt8]]

    static func < (a: Cell, b: Cell) -> Bool {
      if a.bucket != b.bucket { return a.bucket < b.bucket }
      guard let differing = a.dimensions.indices.first(where: { a.dimensions[$0] != b.dimensions[$0] }) else {
        return false
      }
      return a.dimensions[differing].lexicographicallyPrecedes(b.dimensions[differing])
    }
  }

  private func rows<S: Subject>(
    _ subjects: [S], _ rollup: RollupDefinition, _ grain: Granularity, _ zone: String, _ shows: (Int64, Int64) -> Bool
  ) -> [ExportRow] {
    let cells = cells(subjects, rollup.by, grain, zone, shows)
    return cells.keys.sorted().map { cell in
      ExportRow(
        bucket: cell.bucket, dimensions: cell.dimensions.map { String(decoding: $0, as: UTF8.self) },
        measures: rollup.measures.map { value($0, of: cells[cell]!, sessions: rollup.of == .sessions) })
    }
  }

  func cells<S: Subject>(
    _ subjects: [S], _ by: [Field], _ grain: Granularity, _ zone: String, _ shows: (Int64, Int64) -> Bool
  ) -> [Cell: [S]] {
    let calendar = ZoneCalendar(zone)
    var cells: [Cell: [S]] = [:]
    for subject in subjects {
      let (start, end) = bucket(subject.time, grain, calendar)
      guard shows(start, end) else { continue }
      cells[Cell(bucket: start, dimensions: by.map { subject.text($0) ?? [] }), default: []].append(subject)
    }
    return cells
  }

  func bucket(_ time: Int64, _ grain: Granularity, _ calendar: ZoneCalendar) -> (start: Int64, end: Int64) {
    switch grain {
    case .minute:
      let start = Timestamp.floor(time, to: Timestamp.minute)
      return (start, start + Timestamp.minute)
    case .hour: return calendar.hour(of: time)
    case .day: return calendar.interval(.day, of: time)
    case .week: return calendar.interval(.weekOfYear, of: time)
    case .month: return calendar.interval(.month, of: time)
    }
  }

  func value(_ measure: Measure, of all: [some Subject], sessions: Bool) -> MeasureValue {
    let subjects = all.filter { subject in measure.filter.map { $0.holds(for: subject) == true } ?? true }
    func isOwn(_ field: Field) -> Bool { sessions && ["start", "duration", "events"].contains(field.description) }
    func units(_ field: Field, _ scale: Int) -> [Int128] {
      subjects.compactMap { $0.number(field)?.rounded(scale: scale) }
    }
    switch measure.function {
    case .count: return MeasureValue(units: Int128(subjects.count), scale: 0)
    case .distinct: return MeasureValue(units: Int128(Set(subjects.map(\.user)).count), scale: 0)
    case .sum(let field):
      let scale = measure.scale ?? 0
      return MeasureValue(units: units(field, scale).reduce(0, +), scale: scale)
    case .min(let field):
      let scale = measure.scale ?? (isOwn(field) ? 0 : 6)
      return MeasureValue(units: units(field, scale).min(), scale: scale)
    case .max(let field):
      let scale = measure.scale ?? (isOwn(field) ? 0 : 6)
      return MeasureValue(units: units(field, scale).max(), scale: scale)
    case .avg(let field):
      let scale = measure.scale ?? (isOwn(field) ? 0 : 6)
      let values = units(field, scale)
      return MeasureValue(units: average(values, scale), scale: 6)
    case .quantile(let field, let millionths):
      let scale = measure.scale ?? (isOwn(field) ? 0 : 6)
      let shown = scale == 0 ? 0 : 6
      let values = units(field, scale).sorted()
      guard !values.isEmpty else { return MeasureValue(units: nil, scale: shown) }
      let rank = max(1, (values.count * millionths + 999_999) / 1_000_000)
      // Shown with six digits whatever the scale; a coarser one only adds zeros, a finer one is within the tolerance.
      let value = values[rank - 1]
      let factor = power(abs(shown - scale))
      return MeasureValue(units: shown >= scale ? value * factor : value / factor, scale: shown)
    }
  }

  /// In units of 10^-6, half to even.
  private func average(_ values: [Int128], _ scale: Int) -> Int128? {
    guard !values.isEmpty else { return nil }
    let sum = values.reduce(0, +)
    let denominator = Int128(values.count) * power(scale)
    let numerator = (sum < 0 ? -sum : sum) * power(6)
    var whole = numerator / denominator
    let twice = numerator % denominator * 2
    if twice > denominator || (twice == denominator && whole % 2 == 1) { whole += 1 }
    return sum < 0 ? -whole : whole
  }
}

func power(_ exponent: Int) -> Int128 { (0..<exponent).reduce(1) { value, _ in value * 10 } }

/// Hours, days, weeks and months of a zone.
final class ZoneCalendar {
  let calendar: Calendar

  init(_ timezone: String) {
    // Gregorian, with weeks from Monday on.
    var calendar = Calendar(identifier: .iso8601)
    calendar.timeZone = TimeZone(identifier: timezone)!
    self.calendar = calendar
  }

  /// From one :00 on the zone's clocks to the next.
  func hour(of time: Int64) -> (start: Int64, end: Int64) {
    let date = Date(timeIntervalSince1970: Double(time) / 1000)
    let offset = Int64(calendar.timeZone.secondsFromGMT(for: date)) * 1000
    let start = Timestamp.floor(time + offset, to: Timestamp.hour) - offset
    return (start, start + Timestamp.hour)
  }

  func interval(_ unit: Calendar.Component, of time: Int64) -> (start: Int64, end: Int64) {
    let interval = calendar.dateInterval(of: unit, for: Date(timeIntervalSince1970: Double(time) / 1000))!
    return (
      Int64((interval.start.timeIntervalSince1970 * 1000).rounded()),
      Int64((interval.end.timeIntervalSince1970 * 1000).rounded())
    )
  }
}
