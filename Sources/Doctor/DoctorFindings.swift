/// What can be said of a setup: a pure function of its description.
public enum DoctorFindings {
  /// In the order in which an event would meet what they are about.
  public static func of(_ setup: SetupDescription) -> [Finding] {
    var examination = Examination(setup)
    examination.configuration()
    guard setup.configuration.problems.isEmpty else { return examination.findings }
    examination.machine()
    examination.topologies()
    switch setup.log {
    case .embedded(let logs):
      for log in logs { examination.embedded(log) }
    case .kafka(let kafka, let samples):
      examination.kafka(kafka, samples)
    }
    return examination.findings
  }

  /// 0 fine, warnings included; 1 something is wrong; 2 the log is away, so most was not looked at.
  public static func exitCode(_ findings: [Finding]) -> Int32 {
    let problems = findings.filter { $0.severity == .problem }
    if problems.contains(where: { $0.check == .brokers }) { return 2 }
    return problems.isEmpty ? 0 : 1
  }
}
