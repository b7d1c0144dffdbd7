import Basics
import Events

/// What became of every record of a partition: read = counted + duplicates + late + quarantined, always.
public struct Ledger: Equatable, Sendable {
  public var counted: Int64 = 0
  public var duplicates: Int64 = 0
  public var late: Int64 = 0
  /// By `Rejection.rawValue`.
  public var quarantined: [Int64] = Array(repeating: 0, count: 32)
  /// Duplicates whose type or time differ from the event counted under their id.
  public var collisions: Int64 = 0
  /// By column of the projection: values that were there and could not be used.
  public var unusableValues: [Int64]

  public init(columns: Int) { unusableValues = Array(repeating: 0, count: columns) }

  public var quarantinedTotal: Int64 { quarantined.reduce(0, +) }
  public var read: Int64 { counted + duplicates + late + quarantinedTotal }

  public mutating func add(_ other: Ledger) {
    counted += other.counted
    duplicates += other.duplicates
    late += other.late
    collisions += other.collisions
    for index in quarantined.indices { quarantined[index] += other.quarantined[index] }
    for index in unusableValues.indices where index < other.unusableValues.count {
      unusableValues[index] += other.unusableValues[index]
    }
  }

  func encode(into writer: inout ByteWriter) {
    for value in [counted, duplicates, late, collisions] { writer.zigzag(value) }
    writer.varint(UInt64(quarantined.count))
    for value in quarantined { writer.zigzag(value) }
    writer.varint(UInt64(unusableValues.count))
    for value in unusableValues { writer.zigzag(value) }
  }

  init(from bytes: UnsafeRawBufferPointer) throws(Failure) {
    var reader = ByteReader(bytes, "ledger")
    counted = try reader.zigzag()
    duplicates = try reader.zigzag()
    late = try reader.zigzag()
    collisions = try reader.zigzag()
    let reasons = try reader.count(limit: 256)
    quarantined = Array(repeating: 0, count: max(reasons, 32))
    for index in 0..<reasons { quarantined[index] = try reader.zigzag() }
    unusableValues = []
    for _ in 0..<(try reader.count(limit: 1 << 16)) { unusableValues.append(try reader.zigzag()) }
  }

  /// The ledger as a snapshot has it; all zero before the first commit.
  public static func read(from stored: [UInt8]?, columns: Int) throws(Failure) -> Ledger {
    guard let stored else { return Ledger(columns: columns) }
    return try stored.span.withUnsafeBytes { (bytes) throws(Failure) in try Ledger(from: bytes) }
  }
}
