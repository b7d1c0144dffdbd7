import Basics
import Dataflow

/// The first differences of two exports, or nil. All is compared exactly, texts as bytes, but quantiles.
public func compare(
  expected: [ExportRow], actual: [ExportRow], of rollup: RollupDefinition, limit: Int = 5
) -> String? {
  var differences: [String] = []
  var (left, right) = (0, 0)
  while left < expected.count || right < actual.count {
    if right == actual.count || (left < expected.count && precedes(expected[left], actual[right])) {
      differences.append("missing    \(describe(expected[left], rollup))")
      left += 1
    } else if left == expected.count || precedes(actual[right], expected[left]) {
      differences.append("unexpected \(describe(actual[right], rollup))")
      right += 1
    } else {
      for (index, measure) in rollup.measures.enumerated() {
        let (wanted, got) = (expected[left].measures[index], actual[right].measures[index])
        if isSame(wanted, got, measure) { continue }
        differences.append(
          "\(key(expected[left], rollup)): \(measure.name) is \(got.text ?? "nothing"), expected \(wanted.text ?? "nothing")"
        )
      }
      left += 1
      right += 1
    }
  }
  return report(differences, limit)
}

/// The first differences of two answers to a funnel, or nil. Medians are compared as quantiles.
public func compare(expected: FunnelAnswer, actual: FunnelAnswer, limit: Int = 5) -> String? {
  var differences = stepDifferences("total", expected.steps, actual.steps)
  switch (expected.breakdown, actual.breakdown) {
  case (nil, nil): break
  case (let wanted?, let got?):
    let (names, actualNames) = (wanted.map(\.value), got.map(\.value))
    if names.map({ Array($0.utf8) }) != actualNames.map({ Array($0.utf8) }) {
      differences.append("values are \(actualNames), expected \(names)")
    } else {
      for (a, b) in zip(wanted, got) { differences += stepDifferences("'\(a.value)'", a.steps, b.steps) }
    }
  default: differences.append("one of the answers has no breakdown")
  }
  return report(differences, limit)
}

/// The first differences of two answers to a query, or nil, in the order of their rows.
public func compare(
  expected: [QueryAnswer.Row], actual: [QueryAnswer.Row], of measure: Measure, limit: Int = 5
) -> String? {
  var differences: [String] = []
  for index in 0..<max(expected.count, actual.count) {
    let (wanted, got) = (
      index < expected.count ? expected[index] : nil, index < actual.count ? actual[index] : nil
    )
    if let wanted, let got, isSame(wanted, got, measure) { continue }
    differences.append("row \(index): \(got.map(describe) ?? "missing"), expected \(wanted.map(describe) ?? "none")")
  }
  return report(differences, limit)
}

private func isSame(_ a: QueryAnswer.Row, _ b: QueryAnswer.Row, _ measure: Measure) -> Bool {
  guard a.bucket == b.bucket, a.isOther == b.isOther, isSame(a.value, b.value, measure),
    a.dimensions.map({ Array($0.utf8) }) == b.dimensions.map({ Array($0.utf8) })
  else { return false }
  guard let left = a.previous, let right = b.previous else { return a.previous == nil && b.previous == nil }
  return isSame(left, right, measure)
}

private func describe(_ row: QueryAnswer.Row) -> String {
  let previous = row.previous.map { " before \($0.text ?? "nothing")" } ?? ""
  let group = row.isOther ? "other" : "\(row.dimensions)"
  return "\(Timestamp(milliseconds: row.bucket)) \(group) \(row.value.text ?? "nothing")\(previous)"
}

private func stepDifferences(_ name: String, _ expected: [FunnelAnswer.Step], _ actual: [FunnelAnswer.Step]) -> [String]
{
  if expected.count != actual.count { return ["\(name): \(actual.count) steps, expected \(expected.count)"] }
  return zip(expected, actual).enumerated().compactMap { index, pair in
    let (wanted, got) = pair
    let isSame =
      wanted.name == got.name && wanted.entered == got.entered && wanted.completed == got.completed
      && isNear(wanted.medianMilliseconds.map { Int128($0) }, got.medianMilliseconds.map { Int128($0) })
    func text(_ step: FunnelAnswer.Step) -> String {
      "\(step.entered) -> \(step.completed), median \(step.medianMilliseconds.map(String.init) ?? "nothing")"
    }
    return isSame ? nil : "\(name), step \(index + 1) \(got.name): \(text(got)), expected \(text(wanted))"
  }
}

private func isSame(_ a: MeasureValue, _ b: MeasureValue, _ measure: Measure) -> Bool {
  guard case .quantile = measure.function else { return a == b }
  return a.scale == b.scale && isNear(a.units, b.units)
}

/// Within the histogram's 1/128, and a unit for what rounding to the shown scale does.
private func isNear(_ a: Int128?, _ b: Int128?) -> Bool {
  guard let a, let b else { return a == nil && b == nil }
  let (distance, size) = (a < b ? b - a : a - b, a < 0 ? -a : a)
  return distance * 128 <= size || distance <= (size < 128 ? 0 : 1)
}

private func precedes(_ a: ExportRow, _ b: ExportRow) -> Bool {
  if a.bucket != b.bucket { return a.bucket < b.bucket }
  let (left, right) = (a.dimensions.map { Array($0.utf8) }, b.dimensions.map { Array($0.utf8) })
  guard let differing = left.indices.first(where: { left[$0] != right[$0] }) else { return false }
  return left[differing] < right[differing]
}

private func key(_ row: ExportRow, _ rollup: RollupDefinition) -> String {
  let dimensions = zip(rollup.by, row.dimensions).map { "\($0)='\($1)'" }
  return ([Timestamp(milliseconds: row.bucket).description] + dimensions).joined(separator: " ")
}

private func describe(_ row: ExportRow, _ rollup: RollupDefinition) -> String {
  let measures = zip(rollup.measures, row.measures).map { "\($0.name)=\($1.text ?? "nothing")" }
  return "\(key(row, rollup)): \(measures.joined(separator: " "))"
}

private func report(_ differences: [String], _ limit: Int) -> String? {
  if differences.isEmpty { return nil }
  let more = differences.count > limit ? ["... and \(differences.count - limit) more"] : []
  return (differences.prefix(limit) + more).joined(separator: "\n")
}
