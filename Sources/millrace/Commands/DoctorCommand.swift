import Basics
import Doctor

/// Looks at a setup and says what is wrong with it, and what mends it.
enum DoctorCommand {
  static let syntax = CommandSyntax(
    verb: "doctor", positional: ["TOPOLOGY.yaml..."],
    summary: "Check configuration, machine, data, topologies and log; say what is wrong and what mends it.",
    options: [.flag("json", "one JSON object on standard output")] + Place.options,
    examples: [
      "millrace doctor --config config/local.yaml",
      "millrace doctor topologies/web.yaml --data /tmp/web --json    # 0 fine, 1 problems, 2 the log is away",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let findings = DoctorFindings.of(SetupLook(arguments).setup)
    let code = DoctorFindings.exitCode(findings)
    let report = FindingReport(findings)
    if arguments.has("json") { Console.print(report.json(exit: code)) } else { report.show() }
    return code
  }
}
