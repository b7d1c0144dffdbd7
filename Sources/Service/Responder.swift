/// Answers requests for a `Server`.
public protocol Responder: Sendable {
  /// Asked when the headers are there and before a body is read, on a thread that must not wait. `head.body` is empty.
  func admit(_ head: Request) -> Admission

  /// Answers a request that was admitted, by calling `reply` once, on any thread. Until then its connection sleeps.
  func respond(_ request: Request, _ admission: Admission, reply: @escaping @Sendable (Response) -> Void)
}

/// What is known of a request when its headers are.
public struct Admission: Sendable {
  /// The answer, whatever the body says: it is read and forgotten, so that whoever sends it gets to read the answer.
  public var refusal: Response?
  /// Larger bodies are refused with 413.
  public var bodyBytes = 1 << 20
  /// Added to whatever is answered.
  public var headers: [Response.Header] = []
  /// Whether a page of another origin may ask for this.
  public var takesForeignPages = false
  /// What the request holds until it is completed.
  public var ticket: Ticket?

  public init(refusal: Response? = nil) { self.refusal = refusal }
}

/// A responder that is one function of the request.
struct PlainResponder: Responder {
  let function: @Sendable (Request) -> Response

  func admit(_ head: Request) -> Admission { Admission() }

  func respond(_ request: Request, _ admission: Admission, reply: @escaping @Sendable (Response) -> Void) {
    reply(function(request))
  }
}
