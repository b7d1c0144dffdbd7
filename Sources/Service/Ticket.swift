import Collector
import Synchronization

/// What a request that collects holds from its head to its answer: room for its bytes, and whose events they are.
public final class Ticket: Sendable {
  let permit: Permit
  /// Nil where no key is asked for, or until the body says.
  private let known: Mutex<KeyRing.Holder?>

  init(_ permit: Permit, _ holder: KeyRing.Holder?) {
    self.permit = permit
    known = Mutex(holder)
  }

  var holder: KeyRing.Holder? {
    get { known.withLock { $0 } }
    set { known.withLock { $0 = newValue } }
  }
}
