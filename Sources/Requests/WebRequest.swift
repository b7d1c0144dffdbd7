/// One HTTP request, and the wait for its answer.
///
/// By libcurl on Linux, where URLSession now and then ends the process (swift-corelibs-foundation issues 4791, 5469); by
/// URLSession on Apple's systems.
public struct WebRequest: Sendable {
  public var method: String
  /// `http` or `https`, escaped.
  public var url: String
  public var headers: [(name: String, value: String)] = []
  public var body: [UInt8] = []
  /// From the first look for the server's address to the answer's last byte; under URLSession, of silence.
  public var seconds: Double = 60

  public init(_ method: String, _ url: String) {
    self.method = method
    self.url = url
  }
}

public struct WebAnswer: Sendable {
  public var status: Int
  public var bytes: [UInt8]
  /// By names in lower case.
  public var headers: [String: String]

  public init(status: Int, bytes: [UInt8], headers: [String: String] = [:]) {
    self.status = status
    self.bytes = bytes
    self.headers = headers
  }
}

/// No answer, or not all of it.
public struct Unanswered: Error, Sendable {
  public var reason: String
}
