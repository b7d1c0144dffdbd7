#if !os(Linux)
  import Foundation
  import Synchronization

  extension WebRequest {
    public func answer() throws(Unanswered) -> WebAnswer {
      guard let url = URL(string: url) else { throw Unanswered(reason: "'\(url)' is no URL") }
      var request = URLRequest(url: url)
      request.httpMethod = method
      request.timeoutInterval = seconds
      for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
      if !body.isEmpty { request.httpBody = Data(body) }
      let done = DispatchSemaphore(value: 0)
      let result = Mutex<Result<WebAnswer, Unanswered>>(.failure(Unanswered(reason: "no answer")))
      Self.session.dataTask(with: request) { data, response, error in
        if let error {
          result.withLock { $0 = .failure(Unanswered(reason: error.localizedDescription)) }
        } else if let response = response as? HTTPURLResponse {
          var headers: [String: String] = [:]
          for (name, value) in response.allHeaderFields {
            if let name = name as? String, let value = value as? String { headers[name.lowercased()] = value }
          }
          let answer = WebAnswer(status: response.statusCode, bytes: Array(data ?? Data()), headers: headers)
          result.withLock { $0 = .success(answer) }
        }
        done.signal()
      }.resume()
      done.wait()
      return try result.withLock { $0 }.get()
    }

    /// Answers change from moment to moment: nothing of them is kept.
    private static let session = URLSession(configuration: .ephemeral)
  }
#endif
