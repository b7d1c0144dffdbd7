import Basics
import Events
import Glibc

/// Texts as small numbers, for the memory of one partition only: codes are never stored.
///
/// Code 0 is the missing value. Codes are dense, so a column of codes can index an array. The dictionary only grows; when it
/// is over its budget the chain drops everything that holds codes, and it together.
public final class TextDictionary {
  private var starts: UnsafeMutablePointer<UnsafePointer<UInt8>>
  private var lengths: UnsafeMutablePointer<UInt32>
  private var hashes: UnsafeMutablePointer<UInt32>
  /// numbering << 32 | number, by code: see `number`.
  private var numbers: UnsafeMutablePointer<UInt64>
  private var numbering: UInt64 = 0
  /// The codes numbered since `startNumbering`, in order.
  private(set) var numbered: [UInt32] = []
  private var capacity: Int
  public private(set) var count = 1

  private var table: UnsafeMutablePointer<UInt32>
  private var mask: Int

  private var chunks: [UnsafeMutablePointer<UInt8>] = []
  private var chunkUsed = 0
  private var chunkSize = 0
  /// Bytes held, for the budget.
  public private(set) var byteCount = 0

  public init() {
    capacity = 256
    starts = .allocate(capacity: capacity)
    lengths = .allocate(capacity: capacity)
    hashes = .allocate(capacity: capacity)
    numbers = .allocate(capacity: capacity)
    numbers.initialize(repeating: 0, count: capacity)
    mask = 511
    table = .allocate(capacity: mask + 1)
    table.initialize(repeating: 0, count: mask + 1)
    newChunk(atLeast: 1)
    starts[0] = UnsafePointer(chunks[0])
    lengths[0] = 0
    hashes[0] = 0
  }

  deinit {
    starts.deallocate()
    lengths.deallocate()
    hashes.deallocate()
    numbers.deallocate()
    table.deallocate()
    for chunk in chunks { chunk.deallocate() }
  }

  /// The code of a text of one event. The hash is the decoder's, so it is not computed again.
  public func intern(_ text: TextRef) -> UInt32 {
    if text.length == 0 { return 0 }
    return intern(text.start, Int(text.length), text.hash)
  }

  /// The codes of a column, row by row of the selection.
  func intern(
    _ texts: UnsafePointer<TextRef>, _ selection: UnsafePointer<Int32>, count: Int,
    into codes: UnsafeMutablePointer<UInt32>
  ) {
    for index in 0..<count {
      let row = Int(selection[index])
      codes[row] = intern(texts[row])
    }
  }

  public func intern(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    guard bytes.count > 0 else { return 0 }
    let start = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
    return intern(start, bytes.count, textHash(start, bytes.count))
  }

  public func intern(_ string: String) -> UInt32 {
    var string = string
    return string.withUTF8 { intern(UnsafeRawBufferPointer($0)) }
  }

  private func intern(_ start: UnsafePointer<UInt8>, _ length: Int, _ hash: UInt32) -> UInt32 {
    var slot = Int(hash) & mask
    while true {
      let code = Int(table[slot])
      if code == 0 { return add(start, length, hash, slot) }
      if hashes[code] == hash, lengths[code] == UInt32(length), isSame(starts[code], start, length) {
        return UInt32(code)
      }
      slot = (slot + 1) & mask
    }
  }

  /// Most texts are a word or two long, for which calling memcmp costs more than comparing.
  @inline(__always) private func isSame(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    func word(_ bytes: UnsafePointer<UInt8>, _ offset: Int) -> UInt64 {
      UnsafeRawPointer(bytes + offset).loadUnaligned(as: UInt64.self)
    }
    if length > 16 { return memcmp(a, b, length) == 0 }
    if length >= 8 { return word(a, 0) == word(b, 0) && word(a, length - 8) == word(b, length - 8) }
    func half(_ bytes: UnsafePointer<UInt8>, _ offset: Int) -> UInt32 {
      UnsafeRawPointer(bytes + offset).loadUnaligned(as: UInt32.self)
    }
    if length >= 4 { return half(a, 0) == half(b, 0) && half(a, length - 4) == half(b, length - 4) }
    return a[0] == b[0] && a[length / 2] == b[length / 2] && a[length - 1] == b[length - 1]
  }

  /// Valid as long as the dictionary lives.
  public func bytes(_ code: UInt32) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: starts[Int(code)], count: Int(lengths[Int(code)]))
  }

  public func string(_ code: UInt32) -> String { String(decoding: bytes(code), as: UTF8.self) }

  /// Begins to number texts from 1, in the order they are asked for: the dictionary of one stored block or record.
  func startNumbering() {
    numbering += 1
    numbered.removeAll(keepingCapacity: true)
  }

  /// The text's number since `startNumbering`; 0 for the missing value.
  @inline(__always) func number(_ code: UInt32) -> UInt32 {
    let known = numbers[Int(code)]
    if known >> 32 == numbering || code == 0 { return code == 0 ? 0 : UInt32(truncatingIfNeeded: known) }
    numbered.append(code)
    numbers[Int(code)] = numbering << 32 | UInt64(numbered.count)
    return UInt32(numbered.count)
  }

  /// A number that depends on the text alone, not on the order in which texts came.
  @inline(__always) func hash(_ code: UInt32) -> UInt32 { hashes[Int(code)] }

  /// Whether the first text sorts before the second, as UTF-8 bytes.
  public func precedes(_ a: UInt32, _ b: UInt32) -> Bool { compareBytes(bytes(a), bytes(b)) < 0 }

  private func add(_ start: UnsafePointer<UInt8>, _ length: Int, _ hash: UInt32, _ slot: Int) -> UInt32 {
    if chunkUsed + length > chunkSize { newChunk(atLeast: length) }
    let copy = chunks[chunks.count - 1] + chunkUsed
    copy.update(from: start, count: length)
    chunkUsed += length
    if count == capacity { growEntries() }
    let code = UInt32(count)
    starts[count] = UnsafePointer(copy)
    lengths[count] = UInt32(length)
    hashes[count] = hash
    table[slot] = code
    count += 1
    if count * 2 > mask { growTable() }
    return code
  }

  private func newChunk(atLeast size: Int) {
    chunkSize = max(size, 64 << 10)
    chunkUsed = 0
    chunks.append(.allocate(capacity: chunkSize))
    byteCount += chunkSize
  }

  private func growEntries() {
    func moved<T>(_ old: UnsafeMutablePointer<T>) -> UnsafeMutablePointer<T> {
      let new = UnsafeMutablePointer<T>.allocate(capacity: capacity * 2)
      new.update(from: old, count: count)
      old.deallocate()
      return new
    }
    starts = moved(starts)
    lengths = moved(lengths)
    hashes = moved(hashes)
    numbers.deallocate()
    byteCount += capacity * 24
    capacity *= 2
    numbers = .allocate(capacity: capacity)
    numbers.initialize(repeating: 0, count: capacity)
    for index in numbered.indices { numbers[Int(numbered[index])] = numbering << 32 | UInt64(index + 1) }
  }

  private func growTable() {
    table.deallocate()
    mask = mask * 2 + 1
    table = .allocate(capacity: mask + 1)
    table.initialize(repeating: 0, count: mask + 1)
    byteCount += (mask + 1) * 2
    for code in 1..<count {
      var slot = Int(hashes[code]) & mask
      while table[slot] != 0 { slot = (slot + 1) & mask }
      table[slot] = UInt32(code)
    }
  }
}

/// Negative, zero or positive, as memcmp, then by length.
@inline(__always)
func compareBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
  let shared = min(a.count, b.count)
  if shared > 0 {
    let order = memcmp(a.baseAddress!, b.baseAddress!, shared)
    if order != 0 { return Int(order) }
  }
  return a.count - b.count
}
