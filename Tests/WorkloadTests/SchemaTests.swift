import Basics
import Foundation
import Testing
import Workload

/// Goal: every usable line is an event as the documented schema has it, and its key is its user. Method: a parser that is
/// not ours reads them all.
@Suite struct SchemaTests {
  private func events(_ made: MadeLines) throws -> [[String: Any]] {
    try made.lines.map { try #require(JSONSerialization.jsonObject(with: Data($0)) as? [String: Any]) }
  }

  @Test(arguments: [250, 799, 800, 1_000]) func everyLineIsAnEvent(recordBytes: Int) throws {
    let made = try MadeLines(WorkloadOptions(events: 2_000, users: 500, recordBytes: recordBytes))
    let isFull = recordBytes >= 800
    var firstOfID: [String: Int] = [:]
    for (index, event) in try events(made).enumerated() {
      let id = try #require(event["event_id"] as? String)
      #expect(UUID(uuidString: id) != nil)
      #expect((firstOfID.updateValue(index, forKey: id) != nil) == made.facts[index].isDuplicate, "\(id)")
      #expect((event["event_type"] as? String)?.isEmpty == false)
      #expect((event["user_id"] ?? event["anonymous_id"]) as? String == made.keys[index])
      let time = Timestamp(try #require(event["timestamp"] as? String))
      #expect(time?.milliseconds == made.facts[index].clientTime)
      let device = try #require(event["device"] as? [String: String])
      #expect(["desktop", "mobile", "tablet"].contains(device["type"]))
      let geo = try #require(event["geo"] as? [String: String])
      #expect(geo["country"]?.count == 2)
      #expect(event["properties"] is [String: Any])
      guard isFull else { continue }
      #expect(event["anonymous_id"] is String && event["session_id"] is String)
      #expect(Set(device.keys) == ["type", "os", "browser"] && Set(geo.keys) == ["country", "region", "city"])
      let page = try #require(event["page"] as? [String: String])
      #expect(["path", "url", "title"].allSatisfy { page[$0] != nil })
    }
  }

  @Test func whatCostsMoneySaysHowMuch() throws {
    let made = try MadeLines(WorkloadOptions(events: 20_000, users: 500))
    var purchases = 0
    for (event, line) in zip(try events(made), made.lines) {
      let type = try #require(event["event_type"] as? String)
      guard ["add_to_cart", "begin_checkout", "purchase"].contains(type) else { continue }
      purchases += type == "purchase" ? 1 : 0
      let properties = try #require(event["properties"] as? [String: Any])
      #expect((properties["amount"] as? NSNumber)?.doubleValue ?? 0 > 0)
      #expect(properties["currency"] as? String == "USD")
      #expect(String(decoding: line, as: UTF8.self).contains(/"amount":[0-9]+\.[0-9]{2},/))
    }
    #expect(purchases > 20)
  }
}
