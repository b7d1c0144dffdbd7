import Basics

/// A measure of one row: a whole number of units of 10^-scale, or nothing (no value to average, say).
public struct MeasureValue: Equatable, Sendable {
  public var units: Int128?
  public var scale: Int

  public init(units: Int128?, scale: Int) {
    self.units = units
    self.scale = scale
  }

  /// Decimal text with exactly `scale` digits; nil for nothing.
  public var text: String? { units.map { DecimalText.format($0, scale: scale) } }
}

extension MeasurePlan {
  /// Reads the measure from a cell of merged parts, in which users are already counted. `position` says where a part is.
  func value(_ table: CellTable, _ cell: Int, _ members: Members, position: (Int) -> Int) -> MeasureValue {
    let first = position(first)
    let column = table.columns[first]
    switch measure.function {
    case .count, .distinct: return MeasureValue(units: Int128(column.counts![cell]), scale: 0)
    case .sum: return MeasureValue(units: column.wides![cell], scale: scale)
    case .avg:
      let count = table.columns[position(second!)].counts![cell]
      guard count > 0 else { return MeasureValue(units: nil, scale: 6) }
      let units = DecimalText.divide(column.wides![cell], by: Int128(count) * powerOfTen(scale), scale: 6)
      return MeasureValue(units: units, scale: 6)
    case .min: return MeasureValue(units: column.wides![cell] == .max ? nil : column.wides![cell], scale: scale)
    case .max: return MeasureValue(units: column.wides![cell] == .min ? nil : column.wides![cell], scale: scale)
    case .quantile(_, let millionths):
      let entries = members.of(part: first, cell: cell)
      let counts = (0..<entries.count).map { (bucket: entries[$0].member, count: entries[$0].value) }
      guard let units = Histogram.quantile(counts, millionths: millionths) else {
        return MeasureValue(units: nil, scale: scale == 0 ? 0 : 6)
      }
      if scale == 0 { return MeasureValue(units: units, scale: 0) }
      let six =
        scale <= 6 ? units * powerOfTen(6 - scale) : DecimalText.divide(units, by: powerOfTen(scale - 6), scale: 0)
      return MeasureValue(units: six, scale: 6)
    }
  }
}
