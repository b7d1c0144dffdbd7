import Dispatch
import Glibc
import Synchronization

/// SIGINT and SIGTERM as a request to commit and end.
final class Interrupts: @unchecked Sendable {
  // Written in `init` only; kept so that the sources live as long as this object.
  private var sources: [any DispatchSourceSignal] = []
  private let seen = Mutex<Int32?>(nil)

  init(_ onFirst: @escaping @Sendable () -> Void) {
    for number in [SIGINT, SIGTERM] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { [self] in
        let isFirst = seen.withLock { seen in
          defer { seen = seen ?? number }
          return seen == nil
        }
        // The second one means it: nothing is lost, only the last second is done again.
        if isFirst { onFirst() } else { _exit(2) }
      }
      source.resume()
      sources.append(source)
    }
  }

  /// The signal that came; nil for none.
  var signalSeen: Int32? { seen.withLock { $0 } }
}

/// SIGHUP as a request to read certificates again.
final class Hangups {
  private let source: any DispatchSourceSignal

  init(_ onSignal: @escaping @Sendable () -> Void) {
    signal(SIGHUP, SIG_IGN)
    source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
    source.setEventHandler(handler: onSignal)
    source.resume()
  }
}
