import Basics

/// Answers against what was expected, row by row and number by number. Both files are read side by side, so that size does
/// not matter.
public struct RowComparison: Sendable {
  public struct Difference: Equatable, Sendable {
    /// Nil when there should be no such row, or there is none.
    public var expected: String?
    public var answered: String?
  }

  public private(set) var rows = 0
  public private(set) var differences = 0
  /// The first of them.
  public private(set) var examples: [Difference] = []
  public var isEqual: Bool { differences == 0 }

  /// - `answered`: several files are the parts of several processes: equal keys are added up, since each user was in one.
  /// - Errors: `.corrupt` for files that are not rows in the order of their keys.
  public init(expected: String, answered: [String], keyColumns: Int) throws(Failure) {
    let wanted = try RowReader(expected, keyColumns: keyColumns)
    var parts: [RowReader] = []
    for path in answered { parts.append(try RowReader(path, keyColumns: keyColumns)) }
    var answer = try RowComparison.next(parts)
    while wanted.current != nil || answer != nil {
      guard let expected = wanted.current else {
        note(nil, answer)
        answer = try RowComparison.next(parts)
        continue
      }
      guard let row = answer, !expected.key.lexicographicallyPrecedes(row.key) else {
        note(expected, nil)
        try wanted.advance()
        continue
      }
      guard row.key == expected.key else {
        note(nil, row)
        answer = try RowComparison.next(parts)
        continue
      }
      rows += 1
      if row.values != expected.values || row.values.contains(where: { $0.scale < 0 }) { note(expected, row) }
      try wanted.advance()
      answer = try RowComparison.next(parts)
    }
  }

  private mutating func note(_ expected: AnswerRow?, _ answered: AnswerRow?) {
    differences += 1
    if examples.count < 5 { examples.append(Difference(expected: expected?.text, answered: answered?.text)) }
  }

  /// The row of the least key, added up over the parts that have it.
  private static func next(_ parts: [RowReader]) throws(Failure) -> AnswerRow? {
    var least: AnswerRow?
    for part in parts {
      guard let row = part.current else { continue }
      guard var sum = least, !row.key.lexicographicallyPrecedes(sum.key) else {
        least = row
        continue
      }
      if row.key == sum.key {
        sum.values = zip(sum.values, row.values).map { one, other in
          AnswerRow.Value(units: one.units + other.units, scale: one.scale == other.scale ? one.scale : -1)
        }
        least = sum
      }
    }
    guard let least else { return nil }
    for part in parts where part.current?.key == least.key { try part.advance() }
    return least
  }

  /// For a person: how many rows differ, and the first of them.
  public var text: String {
    let lines = examples.map { example in
      "  expected: \(example.expected ?? "no such row")\n  answered: \(example.answered ?? "no such row")"
    }
    return "\(differences) rows differ; the first:\n\(lines.joined(separator: "\n"))"
  }
}
