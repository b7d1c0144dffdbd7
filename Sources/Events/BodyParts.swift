import Basics
import CSimdJSON
import Glibc

/// Takes a body of several events apart, and an event into its members, without judging what is in them: what is found is
/// decoded by an `EventBatch` afterwards. Reused from body to body; places are valid until the next call.
public final class BodyParts {
  /// One name and value of an object, as they stand there.
  public struct Member {
    /// Between the quotes, escapes and all.
    public var name: UnsafeRawBufferPointer
    public var value: UnsafeRawBufferPointer
    /// The value's first byte; `0` for every number.
    public var kind: UInt8

    /// A text's bytes between the quotes, escapes and all; nil for any other value.
    public var text: UnsafeRawBufferPointer? {
      kind == UInt8(ascii: "\"") ? UnsafeRawBufferPointer(rebasing: value[1..<value.count - 1]) : nil
    }

    /// Missing, null and "" are one value.
    public var isMissing: Bool { kind == UInt8(ascii: "n") || (kind == UInt8(ascii: "\"") && value.count == 2) }

    public func isNamed(_ other: StaticString) -> Bool {
      name.count == other.utf8CodeUnitCount
        && (name.isEmpty || memcmp(name.baseAddress!, other.utf8Start, name.count) == 0)
    }
  }

  public enum Found: Equatable, Sendable {
    case whole
    /// More than were asked for; the rest was not looked at.
    case tooMany
    /// Not one JSON object, or without the list of events.
    case malformed
  }

  /// Where each event of the body is.
  public private(set) var events: UnsafeMutablePointer<ByteRange>
  public private(set) var eventCount = 0
  private let limit: Int
  private var found: UnsafeMutablePointer<PartsMember>
  private var memberCount = 0
  private var base = UnsafeRawBufferPointer(start: nil, count: 0)

  private static let memberLimit = 4_096

  /// - `limit`: events of a body.
  public init(limit: Int) {
    self.limit = limit
    events = .allocate(capacity: limit)
    found = .allocate(capacity: BodyParts.memberLimit)
  }

  deinit {
    events.deallocate()
    found.deallocate()
  }

  /// The events of a document such as `{"events": [...]}`; its members can be asked for afterwards.
  public func open(_ body: UnsafeRawBufferPointer, list: StaticString) -> Found {
    let result = read(body, list)
    guard result != .malformed else { return result }
    return eventCount < 0 ? .malformed : eventCount > limit ? .tooMany : result
  }

  /// The members of one object.
  public func open(_ object: UnsafeRawBufferPointer) -> Found { read(object, nil) }

  /// One event per line; lines without any are nothing.
  public func openLines(_ body: UnsafeRawBufferPointer) -> Found {
    memberCount = 0
    eventCount = 0
    guard body.count > 0 else { return .whole }
    let count = parts_lines(bytes(body), body.count, ranges, limit)
    eventCount = min(Int(count), limit)
    return count > limit ? .tooMany : .whole
  }

  private func read(_ body: UnsafeRawBufferPointer, _ list: StaticString?) -> Found {
    base = body
    memberCount = 0
    eventCount = -1
    guard body.count > 0 else { return .malformed }
    let count = parts_members(
      bytes(body), body.count, found, BodyParts.memberLimit, list?.utf8Start, list?.utf8CodeUnitCount ?? 0,
      ranges, limit, &eventCount)
    memberCount = min(max(0, count), BodyParts.memberLimit)
    return count < 0 ? .malformed : count > BodyParts.memberLimit ? .tooMany : .whole
  }

  /// The members found last, in their order.
  public var members: some Sequence<Member> {
    (0..<memberCount).lazy.map { [found, base] index in
      let member = found[index]
      return Member(
        name: UnsafeRawBufferPointer(rebasing: base[Int(member.name)..<Int(member.name + member.nameLength)]),
        value: UnsafeRawBufferPointer(rebasing: base[Int(member.value)..<Int(member.value + member.valueLength)]),
        kind: member.kind)
    }
  }

  /// The last member of that name, as everywhere.
  public func member(_ name: StaticString) -> Member? { members.reduce(nil) { $1.isNamed(name) ? $1 : $0 } }

  private var ranges: UnsafeMutablePointer<DecoderRange> {
    UnsafeMutableRawPointer(events).assumingMemoryBound(to: DecoderRange.self)
  }

  private func bytes(_ body: UnsafeRawBufferPointer) -> UnsafePointer<UInt8> {
    body.baseAddress!.assumingMemoryBound(to: UInt8.self)
  }
}
