import Settings

/// Numbers as messages say them.
enum Wording {
  /// `3.5 GiB`; rounded down, so that what is too little never looks like enough.
  static func size(_ bytes: Int64) -> String {
    for (unit, factor) in [("TiB", Int64(1) << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
    where bytes >= factor {
      let tenths = bytes / (factor / 10)
      return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }
    return "\(bytes) bytes"
  }

  /// Bytes as a configuration takes them, rounded up.
  static func setting(_ bytes: Int64) -> String {
    for (unit, factor) in [("GiB", Int64(1) << 30), ("MiB", 1 << 20)] where bytes >= 4 * factor {
      return "\((bytes + factor - 1) / factor)\(unit)"
    }
    return "\((bytes + 1_023) / 1_024)KiB"
  }

  /// `3.2 d`; rounded down.
  static func span(_ milliseconds: Int64) -> String {
    for (unit, factor) in [("d", Int64(86_400_000)), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)]
    where milliseconds >= 2 * factor {
      let tenths = milliseconds / (factor / 10)
      return tenths % 10 == 0 || tenths >= 1_000 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }
    return "\(milliseconds) ms"
  }

  /// As `span`, rounded up.
  static func need(_ milliseconds: Int64) -> String {
    let tenths = (milliseconds + 359_999) / 360_000
    return milliseconds % 86_400_000 == 0
      ? "\(milliseconds / 86_400_000) d" : tenths % 10 == 0 ? "\(tenths / 10) h" : "\(tenths / 10).\(tenths % 10) h"
  }

  /// Advice is a round number.
  static func wholeDays(_ milliseconds: Int64) -> Int64 { (milliseconds + 86_399_999) / 86_400_000 * 86_400_000 }

  static func retention(_ milliseconds: Int64?) -> String { milliseconds.map(Durations.text) ?? "forever" }

  static func count(_ number: Int, _ noun: String) -> String { number == 1 ? "1 \(noun)" : "\(number) \(noun)s" }

  /// `partition 3`, `partitions 0-2 and 7`, and a count beyond a few.
  static func partitions(_ numbers: [Int]) -> String {
    let sorted = numbers.sorted()
    if sorted.count == 1 { return "partition \(sorted[0])" }
    var runs: [ClosedRange<Int>] = []
    for number in sorted {
      if let last = runs.last, last.upperBound + 1 == number {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    var texts = runs.flatMap { run in
      run.count == 1
        ? ["\(run.lowerBound)"]
        : run.count == 2 ? ["\(run.lowerBound)", "\(run.upperBound)"] : ["\(run.lowerBound)-\(run.upperBound)"]
    }
    if texts.count > 8 { texts = Array(texts.prefix(7)) + ["others, \(numbers.count) in all"] }
    guard texts.count > 1 else { return "partitions \(texts[0])" }
    return "partitions \(texts.dropLast().joined(separator: ", ")) and \(texts[texts.count - 1])"
  }
}
