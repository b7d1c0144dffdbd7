import Basics

/// Metrics in Prometheus' text format 0.0.4: families in the order begun, each with its help and type.
struct PrometheusText {
  enum Kind: String {
    case counter, gauge, histogram
  }

  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private(set) var text = ""
  private var name = ""

  /// Begins a family; samples follow.
  mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  mutating func sample(_ value: some BinaryInteger, _ labels: [(name: String, value: String)] = []) {
    sample(number: "\(value)", labels)
  }

  /// - `number`: as it is to stand there.
  mutating func sample(number value: String, _ labels: [(name: String, value: String)]) {
    text += name
    if !labels.isEmpty {
      let all = labels.map { "\($0.name)=\"\(PrometheusText.escaped($0.value))\"" }
      text += "{\(all.joined(separator: ","))}"
    }
    text += " \(value)\n"
  }

  /// One histogram of the family begun.
  ///
  /// - `bounds`: in the family's unit, as they are to stand there.
  /// - `counts`: of each bound without those before it, and of what is above all of them.
  mutating func histogram(
    bounds: [String], counts: [Int64], sum: String, _ labels: [(name: String, value: String)] = []
  ) {
    precondition(counts.count == bounds.count + 1, "\(counts.count) counts of \(bounds.count) bounds")
    let family = name
    var total: Int64 = 0
    name = "\(family)_bucket"
    for (bound, count) in zip(bounds + ["+Inf"], counts) {
      total += count
      sample(total, labels + [("le", bound)])
    }
    name = "\(family)_sum"
    sample(number: sum, labels)
    name = "\(family)_count"
    sample(total, labels)
    name = family
  }

  /// Without zeros at the end, as other exporters write them: a bucket's bound is a text to compare.
  static func seconds(milliseconds: Int128) -> String {
    var text = DecimalText.format(milliseconds, scale: 3)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
