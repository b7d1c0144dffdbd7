import Basics
import Foundation

/// What is different between two generations: `millrace diff`.
struct DifferenceDocument: Document {
  struct Mover: Decodable {
    let grain: String
    let bucket: String
    let dimensions: NamedDimensions
    let measure: String
    let a: Decimal?
    let b: Decimal?
  }

  struct Only: Decodable {
    let dimensions: [String]
    let measures: [String]
    let grains: [String]
  }

  struct Totals: Decodable {
    let by: String?
    let grain: String
    let equal: Int64
    let different: Int64
    let largest: [Mover]
  }

  struct View: Decodable {
    let view: String
    let equal: Int64
    let changed: Int64
    let added: Int64
    let removed: Int64
    let notRebuilt: Int64
    let largest: [Mover]
    let largestRelative: [Mover]
    let totals: [Totals]
    let comparedDimensions: [String]
    let onlyInA: Only
    let onlyInB: Only
    let notes: [String]

    var differs: Bool { changed + added + removed > 0 }

    enum CodingKeys: String, CodingKey {
      case view, equal, changed, added, removed, largest, totals, notes
      case notRebuilt = "not_rebuilt"
      case largestRelative = "largest_relative"
      case comparedDimensions = "compared_dimensions"
      case onlyInA = "only_in_a"
      case onlyInB = "only_in_b"
    }
  }

  let topology: String
  let a: Int
  let b: Int
  let offsets: [Int64]
  let exactFrom: String?
  let views: [View]

  var differs: Bool { views.contains(where: \.differs) }

  enum CodingKeys: String, CodingKey {
    case topology, a, b, offsets, views
    case exactFrom = "exact_from"
  }

  func show() {
    Console.print(
      "\(Console.bold(topology)): generation \(a) and generation \(b), both at offsets "
        + offsets.map { "\($0)" }.joined(separator: " ") + "\n")
    if let exactFrom {
      Console.print("Buckets before \(exactFrom) are not rebuilt from the log and not compared.\n")
    }
    Console.table(
      ["view", "equal", "changed", "added", "removed", "not rebuilt"],
      views.map { view in
        [view.view] + [view.equal, view.changed, view.added, view.removed, view.notRebuilt].map { Console.grouped($0) }
      }, right: [1, 2, 3, 4, 5])
    for view in views where view.differs || !view.notes.isEmpty { show(view) }
    if !differs { Console.print("\nNo cell differs.") }
  }

  private func show(_ view: View) {
    Console.print("\n\(Console.bold(view.view))")
    for note in view.notes { Console.print("  \(note)") }
    for (number, only) in [(a, view.onlyInA), (b, view.onlyInB)] {
      for (what, names) in [("measures", only.measures), ("dimensions", only.dimensions), ("grains", only.grains)]
      where !names.isEmpty {
        Console.print("  \(what) of generation \(number) only: \(names.joined(separator: ", "))")
      }
    }
    table("largest differences", view.largest, view)
    table("largest differences relative to the value", view.largestRelative, view)
    for totals in view.totals where totals.different > 0 {
      let of = totals.by.map { "by \($0) alone" } ?? "in total"
      table(
        "\(totals.grain) \(of): \(Console.grouped(totals.equal)) rows equal, \(Console.grouped(totals.different)) different",
        totals.largest, view)
    }
  }

  private func table(_ title: String, _ movers: [Mover], _ view: View) {
    guard !movers.isEmpty else { return }
    // A few of each measure: one in milliseconds would crowd out all others.
    var shown: [String: Int] = [:]
    let movers = movers.filter { mover in
      shown[mover.measure, default: 0] += 1
      return shown[mover.measure]! <= 3
    }
    Console.print("\n  \(title)")
    Console.table(
      ["  grain", "bucket", "dimensions", "measure", "generation \(a)", "generation \(b)"],
      movers.map { mover in
        [
          "  \(mover.grain)", mover.bucket, mover.dimensions.text(view.comparedDimensions), mover.measure,
          mover.a.map { "\($0)" } ?? "-", mover.b.map { "\($0)" } ?? "-",
        ]
      }, right: [4, 5])
  }
}
