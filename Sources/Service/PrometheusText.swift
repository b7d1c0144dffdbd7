/// Metrics in Prometheus' text format 0.0.4: families in the order begun, each with its help and type.
struct PrometheusText {
  enum Kind: String {
    case counter, gauge
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
