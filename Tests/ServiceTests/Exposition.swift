import Foundation

/// A strict reader of Prometheus' text format 0.0.4, as far as we write it.
struct Exposition {
  struct Wrong: Error { var line: String }

  struct Series: Hashable {
    var name: String
    var labels: [String: String]
  }

  private(set) var samples: [Series: Double] = [:]
  private(set) var types: [String: String] = [:]

  /// - Errors: the first line that does not belong where it is: a sample outside its family, a series or family twice...
  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw Wrong(line: "no line feed at the end") }
    var family = ""
    var helped = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) {
      let words = line.split(separator: " ", maxSplits: 3).map(String.init)
      switch words.first {
      case "#" where words.count == 4 && words[1] == "HELP": helped = words[2]
      case "#" where words.count == 4 && words[1] == "TYPE":
        family = words[2]
        guard helped == family, ["counter", "gauge", "histogram"].contains(words[3]),
          types.updateValue(words[3], forKey: family) == nil,
          words[3] != "counter" || family.hasSuffix("_total")
        else { throw Wrong(line: line) }
      default:
        let (series, value) = try Exposition.sample(line)
        let names =
          types[family] == "histogram" ? ["_bucket", "_sum", "_count"].map { family + $0 } : [family]
        guard names.contains(series.name), samples.updateValue(value, forKey: series) == nil else {
          throw Wrong(line: line)
        }
      }
    }
  }

  subscript(name: String, labels: [String: String]) -> Double? { samples[Series(name: name, labels: labels)] }

  /// How many a histogram has at most at each of its bounds.
  func buckets(_ name: String, _ labels: [String: String] = [:]) -> [String: Double] {
    var found: [String: Double] = [:]
    for (series, value) in samples where series.name == "\(name)_bucket" {
      var rest = series.labels
      guard let bound = rest.removeValue(forKey: "le"), rest == labels else { continue }
      found[bound] = value
    }
    return found
  }

  private static func sample(_ line: String) throws -> (Series, Double) {
    guard let match = line.wholeMatch(of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9.]+)/),
      let value = Double(match.3)
    else { throw Wrong(line: line) }
    var labels: [String: String] = [:]
    if var rest = match.2 {
      while let label = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/) {
        guard labels.updateValue(String(label.2), forKey: String(label.1)) == nil else { throw Wrong(line: line) }
        rest = rest[label.range.upperBound...]
      }
      guard rest.isEmpty else { throw Wrong(line: line) }
    }
    return (Series(name: String(match.1), labels: labels), value)
  }
}
