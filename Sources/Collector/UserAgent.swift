/// What a browser's `User-Agent` tells of the device, in the few words that rollups want; nothing of programs, whose users'
/// devices it does not know.
///
/// Browsers claim to be each other, so the order of the questions matters: who is named last in the history of a line is who it
/// is. An iPad that asks for desktop pages says that it is a Mac, and cannot be told from one.
public struct UserAgent: Equatable, Sendable {
  public enum Device: String, Sendable { case desktop, mobile, tablet, tv }

  public var device: Device?
  public var system: String?
  public var browser: String?
  /// Crawlers, previews, monitors, and browsers that a program drives.
  public var isBot = false

  /// Nil for what is no browser and no bot: programs that send the events of others.
  public init?(_ text: String) {
    let line = text.lowercased()
    // A maker of phones.
    let words = line.replacing("cubot", with: "")
    isBot = UserAgent.botWords.contains { words.contains($0) }
    guard line.hasPrefix("mozilla/") || line.hasPrefix("opera/") else {
      guard isBot else { return nil }
      return
    }
    system = UserAgent.systems.first { line.contains($0.word) }?.name
    browser = UserAgent.browsers.first { line.contains($0.word) }?.name
    device = UserAgent.device(line, system)
  }

  private static func device(_ line: String, _ system: String?) -> Device? {
    if tvWords.contains(where: { line.contains($0) }) { return .tv }
    if line.contains("ipad") || line.contains("tablet") || line.contains("kindle") { return .tablet }
    // Android says Mobile on phones and leaves it out on tablets.
    if system == "Android" { return line.contains("mobile") ? .mobile : .tablet }
    if line.contains("iphone") || line.contains("ipod") || line.contains("mobile") { return .mobile }
    return system == nil ? nil : .desktop
  }

  private static let systems: [(word: String, name: String)] = [
    ("windows phone", "Windows Phone"), ("windows", "Windows"), ("iphone", "iOS"), ("ipad", "iOS"), ("ipod", "iOS"),
    ("android", "Android"), ("cros", "ChromeOS"), ("macintosh", "macOS"), ("mac os x", "macOS"), ("tizen", "Tizen"),
    ("webos", "webOS"), ("web0s", "webOS"), ("linux", "Linux"), ("freebsd", "FreeBSD"), ("openbsd", "OpenBSD"),
  ]

  private static let browsers: [(word: String, name: String)] = [
    ("edg/", "Edge"), ("edga/", "Edge"), ("edgios/", "Edge"), ("edge/", "Edge"), ("opr/", "Opera"), ("opera", "Opera"),
    ("samsungbrowser/", "Samsung Internet"), ("yabrowser/", "Yandex"), ("vivaldi/", "Vivaldi"), ("ucbrowser/", "UC"),
    ("duckduckgo/", "DuckDuckGo"), ("silk/", "Silk"), ("firefox/", "Firefox"), ("fxios/", "Firefox"),
    ("headlesschrome/", "Chrome"), ("crios/", "Chrome"), ("chromium/", "Chrome"), ("chrome/", "Chrome"),
    ("version/", "Safari"), ("safari/", "Safari"), ("trident/", "Internet Explorer"), ("msie ", "Internet Explorer"),
  ]

  private static let tvWords = ["smart-tv", "smarttv", "appletv", "googletv", "hbbtv", "bravia", "roku", "; aft"]

  private static let botWords = [
    "bot", "crawl", "spider", "slurp", "headless", "phantomjs", "lighthouse", "pagespeed", "preview",
    "facebookexternalhit",
    "embedly", "pingdom", "uptime", "statuscake", "archiver", "mediapartners", "bingpreview", "gptbot", "scrapy",
  ]
}
