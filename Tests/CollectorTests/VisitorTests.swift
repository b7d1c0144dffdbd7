import Basics
import Testing

@testable import Collector

/// Goal: what a request tells of its sender is added to a record that does not say it itself, and changes nothing that was sent.
/// Method: lines that browsers and bots send; records written out.
@Suite struct VisitorTests {
  @Test(arguments: [
    (
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
      "desktop Windows Chrome"
    ),
    (
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
      "desktop Windows Edge"
    ),
    (
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
      "desktop macOS Safari"
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "desktop Linux Firefox"),
    (
      "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
      "desktop ChromeOS Chrome"
    ),
    (
      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
        + "Mobile/15E148 Safari/604.1", "mobile iOS Safari"
    ),
    (
      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile/15E148 "
        + "Safari/604.1", "mobile iOS Chrome"
    ),
    (
      "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/8.3b Mobile/15E148",
      "tablet iOS Firefox"
    ),
    (
      "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0 Mobile "
        + "Safari/537.36", "mobile Android Samsung Internet"
    ),
    (
      "Mozilla/5.0 (Linux; Android 13; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
      "tablet Android Chrome"
    ),
    (
      "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/6.0 TV Safari/537.36",
      "tv Tizen Safari"
    ),
    ("Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", "desktop Windows Opera"),
    (
      "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
      "mobile Android Chrome"
    ),
    (
      "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "nil nil nil bot"
    ),
    (
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
      "desktop Linux Chrome bot"
    ),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "nil nil nil bot"),
    ("Mozilla/5.0", "nil nil nil"),
  ])
  func browsersAndBots(line: String, expected: String) throws {
    let agent = try #require(UserAgent(line))
    let told = [agent.device?.rawValue, agent.system, agent.browser].map { $0 ?? "nil" } + (agent.isBot ? ["bot"] : [])
    #expect(told.joined(separator: " ") == expected)
  }

  @Test(arguments: [
    "analytics-python/2.3.3", "python-requests/2.32", "curl/8.8.0", "okhttp/4.12.0", "", "Go-http-client/2.0",
  ])
  func programsTellNothing(line: String) { #expect(UserAgent(line) == nil) }

  private static let visitor = Visitor(
    agent: UserAgent("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1"),
    place: Visitor.Place(country: "DE", city: "Sankt \"Peter\""))
  private static let device = #""device":{"type":"mobile","os":"iOS","browser":"Safari","is_bot":false}"#
  private static let geo = #""geo":{"country":"DE","city":"Sankt \"Peter\""}"#

  @Test(arguments: [
    (#"{"a":1}"#, #"{"a":1,\#(device),\#(geo)}"#),
    (#"{"device":null,"geo":""}"#, #"{\#(device),\#(geo)}"#),
    (
      #"{"geo":{},"device":{ }}"#,
      #"{\#(geo),"device":{ "type":"mobile","os":"iOS","browser":"Safari","is_bot":false}}"#
    ),
    // What was sent stays, also when it is empty.
    (
      #"{"device":{"os":null,"type":"tv","is_bot":true,"x":{"browser":1}},"geo":{"country":"FR"}}"#,
      #"{"device":{"os":null,"type":"tv","is_bot":true,"x":{"browser":1},"browser":"Safari"},"geo":{"country":"FR"}}"#
    ),
    (
      #"{"geo":{"lat":1.50},"device":"phone","a":"\u00e9}"}"#,
      #"{"geo":{"lat":1.50,"country":"DE","city":"Sankt \"Peter\""},"device":"phone","a":"\u00e9}"}"#
    ),
  ])
  func recordsAreCompleted(record: String, expected: String) throws {
    let members = try #require(VisitorMembers(Self.visitor))
    var output = ByteWriter()
    let isChanged = Array(record.utf8).withUnsafeBytes { VisitorWriter().write($0, members, to: &output) }
    #expect(isChanged)
    #expect(String(decoding: output.bytes, as: UTF8.self) == expected)
  }

  @Test func nothingToAddIsNothingWritten() throws {
    let members = try #require(VisitorMembers(Self.visitor))
    var output = ByteWriter()
    for record in [
      #"{"device":{"type":1,"os":2,"browser":3,"is_bot":0},"geo":{"country":"x"}}"#, #"{"a":"#, "[1]", "1",
    ] {
      #expect(!Array(record.utf8).withUnsafeBytes { VisitorWriter().write($0, members, to: &output) })
    }
    #expect(output.count == 0)
    #expect(VisitorMembers(Visitor()) == nil)
  }
}
