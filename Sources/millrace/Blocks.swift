/// Numbers as block characters.
enum Blocks {
  private static let eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
  private static let heights = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

  /// As long as its part of the largest, to an eighth of a character; what is there at all is seen.
  static func bar(_ value: Double, of most: Double, width: Int) -> String {
    guard most > 0, value > 0 else { return "" }
    let length = max(1, Int((min(value / most, 1) * Double(width * 8)).rounded()))
    return String(repeating: "█", count: length / 8) + eighths[length % 8]
  }

  /// One character a number, from the least of zero and the numbers to the largest; a space where there is none.
  static func line(_ values: [Double?]) -> String {
    let known = values.compactMap { $0 }
    guard let most = known.max() else { return "" }
    let least = min(0, known.min()!)
    return values.map { value in
      guard let value else { return " " }
      guard most > least else { return heights[0] }
      return heights[Int(((value - least) / (most - least) * 7).rounded())]
    }.joined()
  }
}
