import Doctor
import Testing

/// Goal: every fault is found, named and given its remedy, and a good setup is not disturbed. Method: the first case of a
/// script is a good setup and all that is said of it; the others change it, and show what is said beyond *ok*.
@Suite struct FindingScripts {
  private static func findings(_ text: String) -> [Finding] { DoctorFindings.of(WrittenSetup(text).setup) }

  private static func text(_ findings: [Finding]) -> String {
    let lines = findings.flatMap { finding in
      let fix = finding.fix.map { $0.split(separator: "\n").map { "    -> \($0)" } } ?? []
      return ["\(finding.severity.rawValue) \(finding.check.rawValue) [\(finding.place)] \(finding.message)"] + fix
    }
    return (lines + ["exit \(DoctorFindings.exitCode(findings))"]).joined(separator: "\n")
  }

  @Test(arguments: ["embedded.txt", "kafka.txt"])
  func everyFaultIsFoundWithItsRemedy(name: String) throws {
    let script = try Script(named: name)
    let good = script.cases[0].input
    var isFirst = true
    try script.check { input in
      defer { isFirst = false }
      return isFirst
        ? Self.text(Self.findings(good)) : Self.text(Self.findings(good + input).filter { $0.severity != .ok })
    }
  }

  @Test(arguments: ["embedded.txt", "kafka.txt"])
  func aGoodSetupHasNothingToMend(name: String) throws {
    let good = try Script(named: name).cases[0].input
    #expect(Self.findings(good).filter { $0.severity != .ok } == [])
  }

  @Test func noCheckIsWithoutAFaultThatItFinds() throws {
    var found: Set<Finding.Check> = []
    for name in ["embedded.txt", "kafka.txt"] {
      let cases = try Script(named: name).cases
      for changed in cases.dropFirst() {
        let wrong = Self.findings(cases[0].input + changed.input).filter { $0.severity > .skipped }
        found.formUnion(wrong.map(\.check))
      }
    }
    #expect(Set(Finding.Check.allCases).subtracting(found) == [])
  }

  @Test func whatIsWrongSaysWhatMendsIt() throws {
    for name in ["embedded.txt", "kafka.txt"] {
      let cases = try Script(named: name).cases
      for changed in cases.dropFirst() {
        for finding in Self.findings(cases[0].input + changed.input) where finding.severity > .skipped {
          #expect(finding.fix != nil, "\(changed.title): \(finding.message)")
        }
      }
    }
  }
}
