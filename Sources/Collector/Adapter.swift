/// One way in which programs send events: takes a body apart and says what is answered. Everything else, from the limits to
/// the disk, is the same for all.
///
/// A new way is a new conformer, and a path in the service that names it. It may be called on several threads at once.
public protocol Adapter: Sendable {
  /// Events that cannot be used are appended as they came, for the runtime to quarantine with the reason. Else they are left
  /// out, and the answer names them.
  var keepsUnusable: Bool { get }

  /// Whether the write key may stand in the body: then `read` shows it to `body.accept`.
  var hasKeyInBody: Bool { get }

  /// Calls `intake.add` for each event of the body, in order. Bytes are valid during the call only.
  func read(_ body: Body, into intake: Intake) throws(Refusal)

  /// The document that is answered once everything taken is durable. Made before, and never sent if that fails.
  ///
  /// - Errors: a refusal that leaves nothing taken.
  func answer(_ intake: Intake) throws(Refusal) -> String
}

extension Adapter {
  public var keepsUnusable: Bool { false }
  public var hasKeyInBody: Bool { false }
}

/// What was sent, as it was before it was compressed.
public struct Body {
  public var bytes: UnsafeRawBufferPointer
  /// One event per line, rather than one document.
  public var isLines: Bool
  /// The path that was asked, for adapters of several.
  public var path: String
  let admittance: Admittance?

  /// Lets the sender in by a key in the body, where the head named none and one is needed.
  ///
  /// - `key`: nil when the body names none.
  /// - Errors: `.unknownKey`, `.wrongRole`, `.tooFast`.
  public func accept(key: @autoclosure () -> String?) throws(Refusal) { try admittance?.ask(key()) }
}

/// Whether the sender of a body is let in by what the body says.
final class Admittance {
  private let isAccepted: @Sendable (String?) -> Collector.Acceptance
  private var isSettled = false

  init(_ isAccepted: @escaping @Sendable (String?) -> Collector.Acceptance) { self.isAccepted = isAccepted }

  func ask(_ key: String?) throws(Refusal) {
    switch isAccepted(key) {
    case .accepted: isSettled = true
    case .unknownKey: throw .unknownKey
    case .wrongRole: throw .wrongRole
    case .tooFast(let seconds): throw Refusal(.tooFast(seconds: seconds), "this key may not collect more events now")
    }
  }

  /// An adapter that does not ask lets nobody in.
  func check() throws(Refusal) { if !isSettled { throw .unknownKey } }
}
