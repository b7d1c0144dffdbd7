#if os(Linux)
  import CCurl
  import Glibc
  import Synchronization

  extension WebRequest {
    /// Follows redirections, as the same request. Certificates are those the system trusts, or those in the file that
    /// SSL_CERT_FILE names.
    public func answer() throws(Unanswered) -> WebAnswer {
      let handle = Handles.take()
      defer { Handles.keep(handle) }
      let arriving = Arriving()
      let context = Unmanaged.passUnretained(arriving)
      var fields = Fields()
      for (name, value) in headers { fields.add("\(name): \(value)") }
      // Else curl says it is a form, and asks first whether a large body is welcome.
      if !headers.contains(where: { $0.name.lowercased() == "content-type" }) { fields.add("Content-Type:") }
      fields.add("Expect:")
      defer { fields.free() }
      let trusted = getenv("SSL_CERT_FILE")

      let code = withExtendedLifetime(arriving) {
        body.withUnsafeBufferPointer { body in
          curl_set_pointer(handle, CURLOPT_URL, url)
          // Signals are for one thread; timeouts of names' addresses work without them.
          curl_set_number(handle, CURLOPT_NOSIGNAL, 1)
          curl_set_number(handle, CURLOPT_TIMEOUT_MS, max(Int(seconds * 1_000), 1))
          curl_set_number(handle, CURLOPT_FOLLOWLOCATION, 1)
          curl_set_number(handle, CURLOPT_MAXREDIRS, 10)
          let asPost = CURL_REDIR_POST_301 | CURL_REDIR_POST_302 | CURL_REDIR_POST_303
          curl_set_number(handle, CURLOPT_POSTREDIR, Int(asPost))
          curl_set_pointer(handle, CURLOPT_PROTOCOLS_STR, "http,https")
          curl_set_pointer(handle, CURLOPT_HTTPHEADER, fields.list)
          if let trusted { curl_set_pointer(handle, CURLOPT_CAINFO, trusted) }
          if method != "GET" { curl_set_pointer(handle, CURLOPT_CUSTOMREQUEST, method) }
          if method == "POST" || method == "PUT" || !body.isEmpty {
            curl_set_number(handle, CURLOPT_POST, 1)
            curl_set_number(handle, CURLOPT_POSTFIELDSIZE, body.count)
            curl_set_pointer(handle, CURLOPT_POSTFIELDS, body.baseAddress)
          }
          curl_set_pointer(handle, CURLOPT_WRITEDATA, context.toOpaque())
          curl_set_receiver(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            Arriving.at(context).bytes.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
          }
          curl_set_pointer(handle, CURLOPT_HEADERDATA, context.toOpaque())
          curl_set_receiver(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            Arriving.at(context).add(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
          }
          curl_set_pointer(handle, CURLOPT_ERRORBUFFER, arriving.reason)
          return curl_perform_quietly(handle)
        }
      }
      guard code == CURLE_OK else {
        let reason = String(cString: arriving.reason)
        throw Unanswered(reason: reason.isEmpty ? String(cString: curl_easy_strerror(code)) : reason)
      }
      return WebAnswer(status: curl_status(handle), bytes: arriving.bytes, headers: arriving.headers)
    }
  }

  /// What has arrived of an answer.
  private final class Arriving {
    var bytes: [UInt8] = []
    var headers: [String: String] = [:]
    let reason: UnsafeMutablePointer<CChar>

    init() {
      reason = .allocate(capacity: Int(CURL_ERROR_SIZE))
      reason.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit { reason.deallocate() }

    static func at(_ context: UnsafeMutableRawPointer?) -> Arriving {
      Unmanaged<Arriving>.fromOpaque(context!).takeUnretainedValue()
    }

    /// A line of a head. Each answer of a row of redirections has its own.
    func add(_ line: UnsafeRawBufferPointer) {
      let line = String(decoding: line, as: UTF8.self)
      if line.hasPrefix("HTTP/") {
        headers = [:]
        bytes = []
      }
      guard let colon = line.firstIndex(of: ":") else { return }
      let value = line[line.index(after: colon)...].drop { $0.isWhitespace }
      headers[line[..<colon].lowercased()] = String(value.reversed().drop { $0.isWhitespace }.reversed())
    }
  }

  private struct Fields {
    private(set) var list: UnsafeMutablePointer<curl_slist>?

    mutating func add(_ field: String) { list = curl_slist_append(list, field) }

    func free() { curl_slist_free_all(list) }
  }

  /// Handles that nobody uses at the moment, with the connections they have open.
  private enum Handles {
    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    // Addresses, since pointers cannot be handed to the lock's closure.
    private static let idle = Mutex<[UInt]>([])
    private static let most = 16

    static func take() -> UnsafeMutableRawPointer {
      precondition(isReady, "libcurl does not start")
      if let address = idle.withLock({ $0.popLast() }) { return UnsafeMutableRawPointer(bitPattern: address)! }
      guard let handle = curl_easy_init() else { fatalError("no memory for a request") }
      return handle
    }

    static func keep(_ handle: UnsafeMutableRawPointer) {
      // The next request sets what it wants anew; connections stay.
      curl_easy_reset(handle)
      let address = UInt(bitPattern: handle)
      let isKept = idle.withLock { idle in
        guard idle.count < most else { return false }
        idle.append(address)
        return true
      }
      if !isKept { curl_easy_cleanup(handle) }
    }
  }
#endif
