import Basics
import Bench

/// What was measured, for people and for programs.
struct BenchReport {
  var what: Benchmark.What
  /// What was done, by name, as JSON values.
  var work: [(name: String, value: String)]
  var series: [BenchSeries] = []
  /// Ratios and other figures, as decimal text.
  var figures: [(name: String, value: String)] = []
  /// Bytes over time.
  var courses: [(name: String, values: [Int64])] = []
  var rowsChecked = 0

  /// one / other, with three digits.
  static func ratio(_ one: Int64, _ other: Int64) -> String {
    DecimalText.format(Int128(one) * 1_000 / Int128(max(1, other)), scale: 3)
  }

  static func work(_ work: BenchWork, _ arguments: Arguments) -> [(name: String, value: String)] {
    var all = [
      ("events", "\(work.events)"), ("users", "\(work.users)"), ("seconds_spanned", "\(work.span / 1_000)"),
      ("partitions", "\(work.partitions)"), ("seed", "\(work.seed)"), ("record_bytes", "\(work.bytes)"),
      ("uniform", "\(work.isUniform)"),
    ]
    all += options(arguments)
    return all
  }

  static func options(_ arguments: Arguments) -> [(name: String, value: String)] {
    ["source", "threads", "memory"].compactMap { name in
      arguments.text(name).map { text in
        var json = JSONText()
        json.value(text)
        return (name, Int(text) == nil ? json.text : text)
      }
    }
  }

  var json: String {
    var json = JSONText()
    json.object { json in
      json.field("bench", what.rawValue)
      json.key("work")
      json.object { json in for (name, value) in work { json.field(name, number: value) } }
      // A measurement with a wrong answer ends with an error instead.
      json.field("answers_checked", true)
      json.field("rows_checked", rowsChecked)
      json.field("runs", series.first?.samples.count ?? 1)
      for series in series {
        json.key(series.name.replacing(" ", with: "_"))
        series.write(&json)
      }
      for (name, value) in figures { json.field(name, number: value) }
      for (name, values) in courses {
        json.key(name)
        json.array { json in for value in values { json.value(value) } }
      }
    }
    return json.text
  }

  func show() {
    let width = work.map(\.name.count).max() ?? 0
    Console.print(Console.bold("bench \(what.rawValue)"))
    for (name, value) in work {
      Console.print("  \(name.replacing("_", with: " "))\(String(repeating: " ", count: width - name.count))  \(value)")
    }
    if !series.isEmpty {
      Console.print("")
      Console.table(BenchSeries.header, series.map(\.row), right: Set(1...6))
    }
    let staged = series.filter { $0.samples.contains { !$0.stages.isEmpty } }
    if !staged.isEmpty {
      Console.print("")
      Console.table(
        ["CPU ns/event"] + BenchSeries.stageNames,
        staged.map { series in [series.name] + BenchSeries.stageNames.map { "\(series.stage($0))" } },
        right: Set(1...BenchSeries.stageNames.count))
    }
    if !figures.isEmpty || !courses.isEmpty { Console.print("") }
    let longest = (figures.map(\.name.count) + courses.map(\.name.count)).max() ?? 0
    func line(_ name: String, _ text: String) {
      Console.print("\(name.replacing("_", with: " "))\(String(repeating: " ", count: longest - name.count))  \(text)")
    }
    for (name, value) in figures { line(name, value) }
    for (name, values) in courses { line(name, values.map { Console.size($0) }.joined(separator: "  ")) }
    Console.print(
      "\n\(Console.green("answers equal")): \(Console.grouped(rowsChecked)) rows read back by other processes"
        + (series.first.map { ", median of \($0.samples.count)" } ?? ""))
  }
}
