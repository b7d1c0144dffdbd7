import Basics
import Dataflow
import Foundation

extension Oracle {
  /// Every row of a view's grain, by bucket, then dimensions bytewise.
  public func export(view name: String, grain: Grain) -> [ExportRow] {
    guard case .rollup(let rollup) = topology.view(named: name)?.kind,
      let definition = rollup.grains.first(where: { $0.grain == grain })
    else { preconditionFailure("no rollup \(name) with grain \(grain.name)") }
    switch rollup.of {
    case .events: return rows(events, rollup, definition)
    case .sessions: return rows(sessions(), rollup, definition)
    }
  }

  private struct Cell: Hashable {
    var bucket: Int64
    var dimensions: [[UInt8]]
  }

  private func rows<S: Subject>(_ subjects: [S], _ rollup: RollupDefinition, _ definition: GrainDefinition)
    -> [ExportRow]
  {
    let calendar = DayCalendar(topology.timezone)
    var cells: [Cell: [S]] = [:]
    var bounds: [Int64: Int64] = [:]
    for subject in subjects {
      let (start, end) = bucket(subject.time, definition.grain, calendar)
      bounds[start] = end
      cells[Cell(bucket: start, dimensions: rollup.by.map { subject.text($0) ?? [] }), default: []].append(subject)
    }
    let visible = cells.keys.filter { isVisible(end: bounds[$0.bucket]!, retention: definition.retentionMilliseconds) }
    let order = visible.sorted { a, b in
      if a.bucket != b.bucket { return a.bucket < b.bucket }
      guard let differing = a.dimensions.indices.first(where: { a.dimensions[$0] != b.dimensions[$0] }) else {
        return false
      }
      return a.dimensions[differing] < b.dimensions[differing]
    }
    return order.map { cell in
      ExportRow(
        bucket: cell.bucket, dimensions: cell.dimensions.map { String(decoding: $0, as: UTF8.self) },
        measures: rollup.measures.map { value($0, of: cells[cell]!, sessions: rollup.of == .sessions) })
    }
  }

  private func bucket(_ time: Int64, _ grain: Grain, _ calendar: DayCalendar) -> (start: Int64, end: Int64) {
    switch grain {
    case .minute:
      let start = Timestamp.floor(time, to: Timestamp.minute)
      return (start, start + Timestamp.minute)
    case .hour:
      let start = Timestamp.floor(time, to: Timestamp.hour)
      return (start, start + Timestamp.hour)
    case .day: return calendar.day(of: time)
    }
  }

  private func value(_ measure: Measure, of all: [some Subject], sessions: Bool) -> MeasureValue {
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

/// Days of a zone, each looked for by its date.
final class DayCalendar {
  private let calendar: Calendar

  init(_ timezone: String) {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(identifier: timezone)!
    self.calendar = calendar
  }

  func day(of time: Int64) -> (start: Int64, end: Int64) {
    let interval = calendar.dateInterval(of: .day, for: Date(timeIntervalSince1970: Double(time) / 1000))!
    return (
      Int64((interval.start.timeIntervalSince1970 * 1000).rounded()),
      Int64((interval.end.timeIntervalSince1970 * 1000).rounded())
    )
  }
}
