import Basics
import Bench
import Foundation

/// kcat over the same topic, doing nothing with it: what reading through librdkafka takes by itself, on this machine and at this
/// hour.
struct Kcat {
  private let scratch: BenchScratch

  /// - Errors: `.invalid` when there is no kcat.
  init(_ scratch: BenchScratch) throws(Failure) {
    self.scratch = scratch
    do throws(Failure) {
      _ = try ChildProcess("kcat", ["-V"], output: scratch.path("kcat.out"), errors: scratch.path("kcat.err")).wait()
    } catch {
      throw .invalid("--compare kcat: \(error.message); 'scripts/setup --tests' or 'apt-get install kcat' installs it")
    }
  }

  /// From the start of the process to its exit, at the end of all partitions. It writes a byte for each record, which tells that
  /// it had them all.
  func measure(_ topic: BenchTopic, records: Int) throws(Failure) -> BenchSample {
    let output = scratch.path("kcat.out")
    let words = [
      "-C", "-b", topic.options.brokers, "-t", topic.name, "-o", "beginning", "-e", "-q", "-f", ".",
    ]
    let usage = try ChildProcess("kcat", words, output: output, errors: scratch.path("kcat.err")).wait()
    let attributes = try? FileManager.default.attributesOfItem(atPath: output)
    let read = attributes?[.size] as? Int ?? 0
    guard usage.code == 0, read == records else {
      let said = (try? String(contentsOfFile: scratch.path("kcat.err"), encoding: .utf8)) ?? ""
      throw .unavailable("kcat read \(read) of \(records) records and ended with \(usage.code): \(said)")
    }
    scratch.remove("kcat.out")
    return BenchSample(usage, events: records, stateBytes: 0, json: [:])
  }
}
