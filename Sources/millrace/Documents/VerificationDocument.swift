import Basics

/// What a rebuilding found: `millrace verify`.
struct VerificationDocument: Document {
  struct Cell: Decodable {
    let view: String
    let grain: String
    let bucket: String
    let partition: Int
    let dimensions: NamedDimensions
    let measure: String
    let served: String?
    let rebuilt: String?
  }

  let topology: String
  let generation: Int
  let isEqual: Bool
  let offsets: [Int64]
  let exactFrom: String?
  let cells: Int64
  let differing: Int64
  let digest: String
  let differences: [Cell]
  let others: [String]

  enum CodingKeys: String, CodingKey {
    case topology, generation, offsets, cells, differing, digest, differences, others
    case isEqual = "equal"
    case exactFrom = "exact_from"
  }

  func show() {
    let place = "offsets \(offsets.map { "\($0)" }.joined(separator: ","))"
    let since = exactFrom.map { ", exact from \($0) on" } ?? ""
    guard !isEqual else {
      Console.print(
        "\(topology) generation \(generation) is what its log gives: \(Console.grouped(cells)) cells equal at \(place), digest "
          + "\(digest)\(since)")
      return
    }
    Console.print(
      "\(topology) generation \(generation) is not what its log gives: \(Console.grouped(differing)) of "
        + "\(Console.grouped(cells)) cells differ at \(place)\(since)")
    for other in others { Console.print(other) }
    guard !differences.isEmpty else { return }
    Console.table(
      ["view", "grain", "bucket", "partition", "dimensions", "measure", "served", "rebuilt"],
      differences.map { cell in
        [
          cell.view, cell.grain, cell.bucket, "\(cell.partition)", cell.dimensions.text(), cell.measure,
          cell.served ?? "-", cell.rebuilt ?? "-",
        ]
      }, right: [3, 6, 7])
  }
}
