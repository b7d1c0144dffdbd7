import Basics
import CRocksDB
import Glibc

/// Hands a `Merging` to RocksDB: `rocksdb_mergeoperator_create`. The database owns the operator, which owns the box.
enum MergeOperator {
  final class Box {
    let merging: any Merging
    init(_ merging: any Merging) { self.merging = merging }
  }

  static func make(_ merging: any Merging) -> OpaquePointer {
    rocksdb_mergeoperator_create(
      Unmanaged.passRetained(Box(merging)).toOpaque(),
      { state in Unmanaged<Box>.fromOpaque(state!).release() },
      { state, _, _, existing, existingLength, operands, lengths, count, success, newLength in
        var values: [UnsafeRawBufferPointer] = []
        values.reserveCapacity(Int(count) + 1)
        if let existing { values.append(UnsafeRawBufferPointer(start: existing, count: existingLength)) }
        return merged(state!, values, operands!, lengths!, count, success!, newLength!)
      },
      { state, _, _, operands, lengths, count, success, newLength in
        merged(state!, [], operands!, lengths!, count, success!, newLength!)
      },
      { _, value, _ in free(UnsafeMutableRawPointer(mutating: value)) },
      { state in
        let name = Unmanaged<Box>.fromOpaque(state!).takeUnretainedValue().merging.name
        return UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
      })
  }
}

private func merged(
  _ state: UnsafeMutableRawPointer, _ existing: [UnsafeRawBufferPointer],
  _ operands: UnsafePointer<UnsafePointer<CChar>?>, _ lengths: UnsafePointer<Int>, _ count: Int32,
  _ success: UnsafeMutablePointer<UInt8>, _ newLength: UnsafeMutablePointer<Int>
) -> UnsafeMutablePointer<CChar>? {
  var values = existing
  for index in 0..<Int(count) {
    values.append(UnsafeRawBufferPointer(start: operands[index], count: lengths[index]))
  }
  let merging = Unmanaged<MergeOperator.Box>.fromOpaque(state).takeUnretainedValue().merging
  var writer = ByteWriter(capacity: values.reduce(64) { $0 + $1.count })
  do throws(Failure) {
    let wanted = merge_wanted().map { Unmanaged<WantedParts>.fromOpaque($0).takeUnretainedValue() }
    try merging.merge(values, wanted: wanted, into: &writer)
  } catch {
    success.pointee = 0
    newLength.pointee = 0
    return nil
  }
  success.pointee = 1
  newLength.pointee = writer.bytes.count
  let copy = malloc(max(writer.bytes.count, 1))!
  if writer.bytes.count > 0 { copy.copyMemory(from: writer.bytes.baseAddress!, byteCount: writer.bytes.count) }
  return copy.assumingMemoryBound(to: CChar.self)
}
