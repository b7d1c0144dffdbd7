import Foundation

/// Sends a program's events to a Millrace collector: in the background, in batches, again with the same ids until the collector
/// has said that they are in its log. An event is counted once however often it was sent.
///
/// ```swift
/// let millrace = try MillraceClient(URL(string: "http://127.0.0.1:8080")!, key: "WRITE_KEY")
/// millrace.track("purchase", .known("u-42"), ["amount": 49.9, "currency": "EUR"])
/// try await millrace.flush()
/// ```
///
/// All calls may come from any thread and return at once, except `flush` and `close`. Without `options.spool` events wait in
/// memory and are lost with the process.
public final class MillraceClient: Sendable {
  private let queue: EventQueue
  private let delivery: Delivery

  /// - `url`: of the collector, for example `https://collect.example.com`.
  /// - `key`: a write key (`millrace keys create`); nil where the collector needs none.
  /// - Errors: the address is not one, or `options.spool` cannot be used: not a directory of ours, or another process has it.
  public init(_ url: URL, key: String? = nil, options: ClientOptions = ClientOptions()) throws(ClientError) {
    guard let scheme = url.scheme, ["http", "https"].contains(scheme), url.host != nil else {
      throw ClientError("\(url) is not the address of a collector; write one as https://collect.example.com")
    }
    queue = try EventQueue(options)
    delivery = Delivery(CollectorEndpoint(url, key: key, options), queue, options)
    delivery.start()
  }

  deinit { delivery.stop() }

  /// Something that happened.
  ///
  /// - `type`: what, in the words of your topologies: `purchase`.
  /// - `date`: when, to the millisecond.
  /// - `id`: of the event, where it has one already, as a database row has; the same on every attempt to tell of it.
  /// - Returns: the event's id; nil when it was dropped, because nobody could use it or because the queue is full:
  ///   `statistics` counts it, and `options.onDrop` is told why.
  @discardableResult
  public func track(
    _ type: String, _ user: User, _ properties: [String: JSON] = [:], context: Context = Context(),
    at date: Date = Date(),
    id: String? = nil
  ) -> String? {
    let event = Event(
      id: id ?? EventIdentifier.make(date), type: type, user: user, date: date, properties: properties, context: context
    )
    do throws(ClientError) { try queue.add(event.line()) } catch {
      delivery.drop(DroppedEvent(id: event.id, reason: error.description))
      return nil
    }
    if queue.waiting >= delivery.options.batchEvents { delivery.wake() }
    return event.id
  }

  /// A page or screen that was looked at: `track("page_view", ...)`.
  @discardableResult
  public func page(
    _ user: User, _ page: Context.Page, properties: [String: JSON] = [:], context: Context = Context(),
    at date: Date = Date()
  ) -> String? {
    var context = context
    context.page = page
    return track("page_view", user, properties, context: context, at: date)
  }

  /// Who somebody is: stored as an event of its own. Nothing is merged: before and after it are two users.
  @discardableResult
  public func identify(_ user: String, anonymous: String? = nil, traits: [String: JSON] = [:], at date: Date = Date())
    -> String?
  {
    track("identify", .known(user, anonymous: anonymous), traits, at: date)
  }

  /// Returns when everything tracked so far has been taken by the collector, or refused by it.
  ///
  /// - Errors: it took longer; what was not taken is still tried.
  public func flush(within limit: Duration = .seconds(30)) async throws(ClientError) {
    try await delivery.flush(within: limit)
  }

  /// As `flush`, then stops. What could not be sent is tried by the next client with the same `spool`, and lost without one.
  public func close(within limit: Duration = .seconds(30)) async throws(ClientError) {
    var failure: ClientError?
    do throws(ClientError) { try await delivery.flush(within: limit) } catch { failure = error }
    await delivery.end()
    if let failure { throw failure }
  }

  /// What became of the events so far.
  public var statistics: ClientStatistics { delivery.statistics }
}
