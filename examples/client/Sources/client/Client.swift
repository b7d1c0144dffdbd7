import Foundation
import MillraceClient

/// Tells a collector of one visit: `swift run client http://127.0.0.1:8080 [WRITE_KEY]`.
@main struct Client {
  static func main() async throws {
    let arguments = CommandLine.arguments.dropFirst()
    guard let url = arguments.first.flatMap({ URL(string: $0) }) else {
      print("usage: client URL [KEY], for example: client http://127.0.0.1:8080")
      exit(1)
    }
    var options = ClientOptions()
    // What cannot be sent today is sent by the next run.
    options.spool = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-example")
    options.onDrop = { event in print("\(event.id) was dropped: \(event.reason)") }
    let millrace = try MillraceClient(url, key: arguments.dropFirst().first, options: options)

    let visitor = User.anonymous("device-1")
    let phone = Context(device: ["type": "mobile"], geo: ["country": "DE"])
    millrace.page(visitor, .init(path: "/lamps/7"), context: phone)
    millrace.track("view_product", visitor, ["product": "lamp-7"], context: phone)
    millrace.track("add_to_cart", visitor, ["product": "lamp-7"], context: phone)
    millrace.identify("u-42", anonymous: "device-1")
    millrace.track(
      "purchase", .known("u-42", anonymous: "device-1"), ["amount": 49.9, "currency": "EUR"], context: phone)

    do {
      try await millrace.close(within: .seconds(10))
      print("\(millrace.statistics.taken) events are in the log")
    } catch {
      print("\(error); the next run tries again")
    }
  }
}
