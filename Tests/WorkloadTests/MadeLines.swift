import Basics
import Workload

/// A workload as data: every line, and what `next` said about it.
struct MadeLines {
  var lines: [[UInt8]] = []
  var facts: [WorkloadLine] = []
  var keys: [String] = []

  init(_ options: WorkloadOptions) throws(Failure) {
    let workload = try Workload(options)
    var bytes = ByteWriter()
    while let fact = workload.next(into: &bytes) {
      lines.append(Array(bytes.bytes[fact.range]))
      keys.append(String(decoding: bytes.bytes[fact.key], as: UTF8.self))
      facts.append(fact)
      // Not cleared each time: ranges must hold with earlier lines in the writer.
      if bytes.count > 100_000 { bytes.clear() }
    }
  }

  /// FNV-1a, 64 bits, of the lines with their newlines and of their log times.
  var digest: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for (line, fact) in zip(lines, facts) {
      for byte in line { add(byte) }
      add(10)
      for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: fact.logTime >> Int64(shift))) }
    }
    return hash
  }
}
