import Basics
import Dataflow

/// A funnel's answer on a terminal: a bar per step, and what else was asked for.
struct FunnelDisplay {
  let answer: FunnelAnswer
  let histogram: Bool

  init(_ answer: FunnelAnswer, histogram: Bool = false) {
    self.answer = answer
    self.histogram = histogram
  }

  func show() {
    FunnelDisplay.show(answer.steps)
    if histogram { showTimes() }
    for (value, steps) in answer.breakdown ?? [] {
      Console.print("")
      Console.table(
        FunnelDisplay.header, FunnelDisplay.rows(steps, name: value.isEmpty ? "(missing)" : Query.printable(value)),
        right: [1, 2, 3, 4, 5])
    }
    if let breakdown = answer.breakdown, answer.valueCount > breakdown.count {
      Console.print(
        Console.dim("... and \(Console.grouped(answer.valueCount - breakdown.count)) values with fewer users"))
    }
    if let trend = answer.trend { show(trend) }
  }

  static func show(_ steps: [FunnelAnswer.Step]) {
    Console.table(header, rows(steps, name: nil), right: [1, 2, 3, 4, 5])
  }

  private static let header = ["step", "entered", "completed", "rate", "of first", "median s", ""]

  private static func rows(_ steps: [FunnelAnswer.Step], name: String?) -> [[String]] {
    let most = max(1, steps.first?.completed ?? 1)
    return (name.map { [[$0, "", "", "", "", "", ""]] } ?? [])
      + steps.map { step in
        [
          Query.printable(step.name), Console.grouped(step.entered), Console.grouped(step.completed),
          step.conversionRate ?? "-", FunnelAnswer.rate(step.completed, of: steps[0].completed) ?? "-",
          step.medianSeconds ?? "-", String(repeating: "█", count: Int(step.completed * 30 / most)),
        ]
      }
  }

  private func showTimes() {
    for step in answer.steps.dropFirst() {
      Console.print("")
      let most = max(1, step.times.map(\.count).max() ?? 1)
      Console.table(
        ["to \(Query.printable(step.name)), from s", "before s", "times", ""],
        step.times.map { bar in
          [
            DecimalText.format(Int128(bar.from), scale: 3), DecimalText.format(Int128(bar.to), scale: 3),
            Console.grouped(bar.count), String(repeating: "█", count: Int((bar.count * 30 + most - 1) / most)),
          ]
        }, right: [0, 1, 2])
    }
  }

  /// A row per day or week, and below it each step's course in one line.
  private func show(_ trend: [FunnelAnswer.TrendRow]) {
    Console.print("")
    let names = answer.steps.map { Query.printable($0.name) }
    Console.table(
      ["entries of"] + names + ["rate"],
      trend.map { row in
        [String(Timestamp(milliseconds: row.start).description.prefix(16))]
          + row.steps.map { Console.grouped($0.completed) }
          + [FunnelAnswer.rate(row.steps.last?.completed ?? 0, of: row.steps.first?.completed ?? 0) ?? "-"]
      }, right: Set(1...(names.count + 1)))
    guard trend.count > 1 else { return }
    Console.print("")
    Console.table(
      ["step", "course", "least", "most"],
      answer.steps.indices.map { step in
        let counts = trend.map { $0.steps[step].completed }
        return [
          names[step], FunnelDisplay.course(counts), Console.grouped(counts.min() ?? 0),
          Console.grouped(counts.max() ?? 0),
        ]
      }, right: [2, 3])
  }

  /// Eight heights from nothing to the largest.
  static func course(_ counts: [Int64]) -> String {
    let heights = Array("▁▂▃▄▅▆▇█")
    let most = max(1, counts.max() ?? 1)
    return String(counts.map { heights[Int($0 * 7 / most)] })
  }
}
