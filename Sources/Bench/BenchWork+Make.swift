import Basics
import Events
import Foundation

extension BenchWork {
  /// What making a work found out about it.
  public struct Facts: Codable, Sendable {
    public var work: BenchWork
    /// Lines, and those that are no resends.
    public var read: Int
    public var counted: Int
    public var fileBytes: Int64
    public var windows: FunnelWindows
    /// How the rows were computed: another number makes them anew.
    var version = Facts.current
    static let current = 2
  }

  private static func factsFile(_ directory: String) -> String { "\(directory)/work.json" }

  /// Of a work that was made in the directory; nil when it holds another one, or none that is complete.
  public func facts(in directory: String) -> Facts? {
    guard let data = FileManager.default.contents(atPath: BenchWork.factsFile(directory)),
      let facts = try? JSONDecoder().decode(Facts.self, from: data),
      facts.version == Facts.current, facts.work == self
    else { return nil }
    return facts
  }

  /// Writes the keyed files (of a replay), the topology, and the expected rows.
  ///
  /// A process of its own should do this: it needs memory, and a process is charged with the largest size of its parent.
  public func make(in directory: String, progress: (_ lines: Int) -> Void) throws(Failure) {
    unlink(BenchWork.factsFile(directory))
    let lines = try WorkLines(self)
    let expected = ExpectedAnswers(capacity: events)
    let targets = kind == .replay ? files(in: directory) : []
    let fileBytes = try write(lines, to: targets, expected, progress)
    expected.settle()
    let rollups: [(String, [String], (Int64, inout RowWriter) -> Void)] = [
      ("traffic", grains.traffic, expected.traffic), ("visits", grains.visits, expected.visits),
    ]
    for (view, grains, rows) in rollups {
      for grain in grains {
        var writer = try RowWriter(self.expected(view, grain: grain, in: directory))
        rows(BenchWork.length(grain), &writer)
        try writer.finish()
      }
    }
    var writer = try RowWriter(expectedFunnel(in: directory))
    expected.checkout(expected.windows, &writer)
    try writer.finish()
    let facts = Facts(
      work: self, read: expected.read, counted: expected.counted, fileBytes: fileBytes, windows: expected.windows)
    do {
      try Data(topology.utf8).write(to: URL(filePath: "\(directory)/bench.yaml"))
      // Last: a directory with it is complete.
      try JSONEncoder().encode(facts).write(to: URL(filePath: BenchWork.factsFile(directory)))
    } catch {
      throw .unavailable("cannot write in \(directory): \(error)")
    }
    // Or the disk would still be busy with it while the first run is measured.
    if kind == .replay { sync() }
  }

  private static func length(_ grain: String) -> Int64 {
    switch grain {
    case "minute": Timestamp.minute
    case "hour": Timestamp.hour
    default: Timestamp.day
    }
  }

  private func write(
    _ lines: WorkLines, to paths: [String], _ expected: ExpectedAnswers, _ progress: (Int) -> Void
  ) throws(Failure) -> Int64 {
    let outputs = paths.map { _ in Output() }
    var files: [Int32] = []
    defer { for file in files { close(file) } }
    for path in paths {
      let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      guard file >= 0 else { throw .unavailable("cannot create \(path): \(String(cString: strerror(errno)))") }
      files.append(file)
    }
    var bytes: Int64 = 0
    while lines.next() {
      expected.add(lines.bytes, key: lines.key, time: lines.time)
      if expected.read % 8_192 == 0 { progress(expected.read) }
      guard !paths.isEmpty else { continue }
      let partition = Int((murmur2(lines.key) & 0x7fff_ffff) % UInt32(paths.count))
      outputs[partition].bytes.raw(lines.bytes)
      outputs[partition].bytes.byte(UInt8(ascii: "\n"))
      bytes += Int64(lines.bytes.count) + 1
      if outputs[partition].bytes.count > 1 << 20 {
        try File.write(outputs[partition].bytes.bytes, to: files[partition], paths[partition])
        outputs[partition].bytes.clear()
      }
    }
    for (partition, output) in outputs.enumerated() {
      try File.write(output.bytes.bytes, to: files[partition], paths[partition])
    }
    return bytes
  }

  private final class Output {
    var bytes = ByteWriter(capacity: 2 << 20)
  }
}
