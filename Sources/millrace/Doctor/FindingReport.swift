import Basics
import Doctor

/// Findings for people and for programs.
struct FindingReport {
  private let findings: [Finding]

  init(_ findings: [Finding]) { self.findings = findings }

  private func count(_ severity: Finding.Severity) -> Int { findings.count { $0.severity == severity } }

  func json(exit code: Int32) -> String {
    var json = JSONText()
    json.object { json in
      json.field("problems", count(.problem))
      json.field("warnings", count(.warning))
      json.field("skipped", count(.skipped))
      json.field("exit", code)
      json.key("findings")
      json.array { json in
        for finding in findings {
          json.object { json in
            json.field("severity", finding.severity.rawValue)
            json.field("check", finding.check.rawValue)
            json.field("place", finding.place)
            json.field("message", finding.message)
            json.field("fix", finding.fix)
          }
        }
      }
    }
    return json.text
  }

  func show() {
    let severities = Finding.Severity.allCases.map(\.rawValue.count).max() ?? 0
    let checks = findings.map(\.check.rawValue.count).max() ?? 0
    let places = findings.map(\.place.count).max() ?? 0
    func pad(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    for finding in findings {
      let words = [
        colour(pad(finding.severity.rawValue, severities), finding.severity), pad(finding.check.rawValue, checks),
        pad(finding.place, places), finding.severity == .ok ? Console.dim(finding.message) : finding.message,
      ]
      Console.print(words.joined(separator: "  "))
      for line in finding.fix?.split(separator: "\n") ?? [] {
        Console.print(String(repeating: " ", count: severities + 2) + Console.bold("-> ") + line)
      }
    }
    func number(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
    Console.print(
      Console.bold(
        "\n\(number(count(.problem), "problem")), \(number(count(.warning), "warning")), \(count(.skipped)) skipped, "
          + "\(count(.ok)) fine"))
  }

  private func colour(_ text: String, _ severity: Finding.Severity) -> String {
    switch severity {
    case .ok: Console.green(text)
    case .skipped: Console.dim(text)
    case .warning: Console.yellow(text)
    case .problem: Console.red(text)
    }
  }
}
