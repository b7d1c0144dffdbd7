import Foundation
import Seeded
import Testing

/// Goal: the SDKs of Segment, RudderStack and PostHog as they are on PyPI send to us, and every event of a batch that was answered
/// 200 counts exactly once. Method: each behind a proxy that notes answers and loses some, while the server is killed with SIGKILL
/// and started again. Without PyPI nothing is tested, and that is said. `scripts/soak-sdks` is the long form.
@Suite(.serialized) struct SDKTests {
  private let scratch = Scratch()
  private var data: String { scratch.path("data") }

  private static let python = Peers.python(
    "segment-analytics-python==2.4.0", "rudder-sdk-python==2.1.9", "posthog==7.91.1")

  @Test(arguments: ["segment.analytics", "rudderstack.analytics", "posthog"])
  func unmodifiedSDKsCountExactlyOnce(_ module: String) throws {
    guard let python = SDKTests.python.path else {
      print("skipped: the SDKs for Python cannot be had from PyPI here: \(SDKTests.python.reason)")
      return
    }
    let count = Int(ProcessInfo.processInfo.environment["MILLRACE_SDK_EVENTS"] ?? "") ?? 2_000
    let key = try #require(
      Program.run("keys", "create", "--role", "write", "--data", data, "--json").json["key"] as? String)
    var server = Served([Made.topology, "--data", data])
    let port = server.port
    let sdk = Process()
    sdk.executableURL = URL(filePath: python)
    sdk.arguments = [
      Program.root.appending(path: "Tests/SDK/send.py").path, module, server.url, key, "\(count)",
      scratch.path("notes"),
    ]
    try Data().write(to: scratch.file("sdk.err"))
    sdk.standardError = try FileHandle(forWritingTo: scratch.file("sdk.err"))
    try sdk.run()
    var random = SeededRandom(seed: 5)
    for kill in 1...3 {
      // Something has been sent since the last time.
      eventually("the SDK sends") {
        scratch.text("notes").split(separator: "\n").count > kill * count / 10 || !sdk.isRunning
      }
      usleep(UInt32(random.below(200_000)))
      server.end(SIGKILL)
      server = Served([Made.topology, "--data", data], port: port)
    }
    eventually("the SDK is done", seconds: 300) { !sdk.isRunning }
    #expect(sdk.terminationStatus == 0, "\(scratch.text("sdk.err").suffix(2_000))")
    server.end(SIGTERM)
    let run = Program.run("run", Made.topology, "--data", data, "--json")
    let log = Program.run("log", "cat", "--data", data)
    let logged = log.output.split(separator: "\n").compactMap { line in
      line.firstMatch(of: /"number": ?([0-9]+)/).map { String($0.1) }
    }
    let noted = Set(scratch.text("notes").split(separator: "\n").map(String.init))
    #expect(noted.count > count / 2, "the SDK gave up: \(noted.count) of \(count)")
    #expect(noted.subtracting(logged).count == 0)
    #expect(logged.count > Set(logged).count, "some batches were sent twice")
    #expect(total(export("traffic", grain: "day", data: data), "events") == Set(logged).count, "\(run.output)")
    #expect(run.json["quarantined"] as? Int == 0 && run.json["late"] as? Int == 0, "\(run.output)")
  }
}
