import Foundation
import Seeded
import Testing

/// Made-up events of one seed, and what may be asked of a topology over them.
enum Made {
  static let topology = "topologies/web.yaml"
  static let name = "web"

  /// `--partitions` of an embedded log are the configuration's.
  static func events(
    _ scratch: Scratch, _ name: String, count: Int, seed: Int = 7, bytes: Int = 400, _ options: [String] = []
  ) -> String {
    let made = Program.run(
      [
        "generate", "--events", "\(count)", "--users", "\(max(100, count / 20))", "--seed", "\(seed)", "--bytes",
        "\(bytes)", "--output", scratch.path(name), "--json",
      ] + options)
    #expect(made.code == 0, "\(made.errors)")
    return scratch.path(name)
  }

  /// A configuration whose log has segments of the least size.
  static func configuration(
    _ scratch: Scratch, _ name: String = "millrace.yaml", data: String, partitions: Int = 3, reserve: String = "1MiB"
  ) -> String {
    scratch.write(
      name,
      """
      data: \(data)
      log:
        embedded: { partitions: \(partitions), segment_size: 64KiB, reserve: \(reserve) }
      """)
  }

  /// Every number of `web.yaml`: each view in each grain, and the funnel with its breakdown.
  /// - `isKilled`: whose processes were killed from their first moment on. Between taking a generation's number and making
  ///   its directory that leaves a number out.
  static func numbers(_ data: String, funnelOptions: [String] = [], isKilled: Bool = false) -> [String: String] {
    var numbers: [String: String] = [:]
    for view in ["traffic", "visits"] {
      for grain in ["minute", "hour", "day"] {
        let result = Program.run("export", view, "--grain", grain, "--data", data)
        #expect(result.code == 0, "\(result.errors)")
        numbers["\(view) by \(grain)"] = result.output
      }
    }
    let funnel = Program.run(["funnel", "checkout", "--by", "--data", data, "--json"] + funnelOptions)
    #expect(funnel.code == 0, "\(funnel.errors)")
    numbers["checkout"] = timeless(isKilled ? funnel.json.filter { $0.key != "generation" } : funnel.json)
    return numbers
  }

  /// An answer without the moment it was made at, as text with sorted keys.
  static func timeless(_ answer: [String: Any]) -> String {
    let volatile: Set = ["computed_at", "freshness_seconds", "complete_until", "provisional_from", "offsets"]
    let rest = answer.filter { !volatile.contains($0.key) }
    let data = try? JSONSerialization.data(withJSONObject: rest, options: [.sortedKeys])
    return String(decoding: data ?? Data(), as: UTF8.self)
  }

  /// Names what differs, without printing megabytes.
  static func expectEqual(
    _ one: [String: String], _ other: [String: String], _ what: String, _ place: SourceLocation = #_sourceLocation
  ) {
    #expect(one.keys.sorted() == other.keys.sorted(), sourceLocation: place)
    for (name, text) in one where other[name] != text {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let others = (other[name] ?? "").split(separator: "\n", omittingEmptySubsequences: false)
      let line = zip(lines, others).first { $0 != $1 }
      Issue.record(
        "\(what): \(name) differs, \(lines.count) lines and \(others.count): \(line.map { "'\($0)' and '\($1)'" } ?? "")",
        sourceLocation: place)
    }
  }

  static func ledger(_ json: [String: Any]) -> [String: Int] {
    var ledger: [String: Int] = [:]
    for key in ["read", "counted", "duplicates", "late", "quarantined"] { ledger[key] = json[key] as? Int }
    return ledger
  }
}

/// Kills a process at some moment of the time it is expected to take, again and again.
struct Killer {
  private var random: SeededRandom

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  /// As `kill`, in half the time and half of that until something was killed: what took long on a busy machine may be done in
  /// a fraction of that a moment later.
  ///
  /// - `directory`: what the program writes, removed before it begins anew.
  mutating func killSome(
    _ rounds: Int, within seconds: Double, _ arguments: [String], writing directory: String, _ scratch: Scratch
  ) {
    var limit = seconds
    while kill(rounds, within: limit, arguments, scratch) == 0 {
      limit /= 2
      try? FileManager.default.removeItem(atPath: directory)
      guard limit > 0.001 else {
        Issue.record("nothing was alive to be killed")
        return
      }
    }
  }

  /// Starts the program `rounds` times and kills it each time before `within` seconds have passed.
  /// Returns how often it was alive to be killed.
  @discardableResult
  mutating func kill(_ rounds: Int, within seconds: Double, _ arguments: [String], _ scratch: Scratch) -> Int {
    var killed = 0
    for _ in 0..<rounds {
      let process = Program.start(arguments, output: scratch.file("killed.out"), errors: scratch.file("killed.err"))
      let moment = seconds * Double(random.below(1_000)) / 1_000
      usleep(UInt32(moment * 1_000_000))
      if process.isRunning {
        Glibc.kill(process.processIdentifier, SIGKILL)
        killed += 1
      }
      process.waitUntilExit()
      guard process.terminationReason == .uncaughtSignal else {
        #expect(process.terminationStatus == 0, "\(scratch.text("killed.err"))")
        continue
      }
      #expect(process.terminationStatus == SIGKILL, "it died by itself: \(scratch.text("killed.err"))")
    }
    return killed
  }
}

/// Looks again every 20 ms until it is so; a deadline far beyond what any machine needs fails the test.
@discardableResult
func eventually(
  _ what: String, seconds: Double = 180, _ place: SourceLocation = #_sourceLocation, _ isSo: () -> Bool
) -> Bool {
  let deadline = Date(timeIntervalSinceNow: seconds)
  while Date() < deadline {
    if isSo() { return true }
    usleep(20_000)
  }
  Issue.record("not within \(seconds) s: \(what)", sourceLocation: place)
  return false
}
