import Basics
import Events

/// How one session lies in memory: start, end, events (and whether it is published), then (only when a view wants something of the earliest event) that
/// event's id, texts and numbers.
struct SessionLayout {
  /// Of the id: a length byte and up to 47 bytes of text, or 255 and a dictionary code for longer ones.
  static let idBytes = 48
  static let longID: UInt8 = 255

  let textCount: Int
  let numberCount: Int
  let stride: Int

  init(texts: Int, numbers: Int) {
    textCount = texts
    numberCount = numbers
    let attributes = texts + numbers == 0 ? 0 : SessionLayout.idBytes + texts * 4 + numbers * 16
    stride = (24 + attributes + 7) & ~7
  }

  var hasAttributes: Bool { textCount + numberCount > 0 }

  @inline(__always) func start(_ session: UnsafeRawPointer) -> Int64 { session.load(as: Int64.self) }
  @inline(__always) func end(_ session: UnsafeRawPointer) -> Int64 { session.load(fromByteOffset: 8, as: Int64.self) }
  @inline(__always) func events(_ session: UnsafeRawPointer) -> Int64 {
    session.load(fromByteOffset: 16, as: Int64.self) & .max
  }

  /// Whether the views hold the session as it stands: the sign of the number of events.
  @inline(__always) func isPublished(_ session: UnsafeRawPointer) -> Bool {
    session.load(fromByteOffset: 16, as: Int64.self) < 0
  }

  /// Sets the times and the number of events; the session is no longer as the views hold it.
  @inline(__always) func set(_ session: UnsafeMutableRawPointer, start: Int64, end: Int64, events: Int64) {
    session.storeBytes(of: start, as: Int64.self)
    session.storeBytes(of: end, toByteOffset: 8, as: Int64.self)
    session.storeBytes(of: events, toByteOffset: 16, as: Int64.self)
  }

  @inline(__always) func setPublished(_ session: UnsafeMutableRawPointer) {
    session.storeBytes(of: session.load(fromByteOffset: 16, as: Int64.self) | .min, toByteOffset: 16, as: Int64.self)
  }

  @inline(__always) func text(_ session: UnsafeRawPointer, _ index: Int) -> UInt32 {
    session.load(fromByteOffset: 24 + SessionLayout.idBytes + index * 4, as: UInt32.self)
  }

  @inline(__always) func setText(_ session: UnsafeMutableRawPointer, _ index: Int, _ code: UInt32) {
    session.storeBytes(of: code, toByteOffset: 24 + SessionLayout.idBytes + index * 4, as: UInt32.self)
  }

  @inline(__always) func number(_ session: UnsafeRawPointer, _ index: Int) -> Int128 {
    session.loadUnaligned(
      fromByteOffset: 24 + SessionLayout.idBytes + textCount * 4 + index * 16, as: Int128.self)
  }

  @inline(__always) func setNumber(_ session: UnsafeMutableRawPointer, _ index: Int, _ value: Int128) {
    session.storeBytes(
      of: value, toByteOffset: 24 + SessionLayout.idBytes + textCount * 4 + index * 16, as: Int128.self)
  }

  /// The id of the earliest event.
  func id(_ session: UnsafeRawPointer, _ dictionary: TextDictionary) -> UnsafeRawBufferPointer {
    let length = session.load(fromByteOffset: 24, as: UInt8.self)
    if length == SessionLayout.longID {
      return dictionary.bytes(session.loadUnaligned(fromByteOffset: 25, as: UInt32.self))
    }
    return UnsafeRawBufferPointer(start: session + 25, count: Int(length))
  }

  func setID(_ session: UnsafeMutableRawPointer, _ id: UnsafeRawBufferPointer, _ dictionary: TextDictionary) {
    if id.count < SessionLayout.idBytes {
      session.storeBytes(of: UInt8(id.count), toByteOffset: 24, as: UInt8.self)
      if id.count > 0 { (session + 25).copyMemory(from: id.baseAddress!, byteCount: id.count) }
    } else {
      session.storeBytes(of: SessionLayout.longID, toByteOffset: 24, as: UInt8.self)
      session.storeBytes(of: dictionary.intern(id), toByteOffset: 25, as: UInt32.self)
    }
  }
}
