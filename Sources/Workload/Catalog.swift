/// JSON text made once and copied into many lines.
struct Piece: BitwiseCopyable {
  var offset: UInt32
  var length: UInt32
}

/// Everything a line is put together from: places, devices, pages, products, campaigns, prose.
final class Catalog {
  struct Product: BitwiseCopyable {
    var page: Piece
    /// `"product_id":…,"category":…,"brand":…`
    var properties: Piece
    var hundredths: UInt32
  }

  static let productCount = 2_000
  private static let proseBytes = 65_536

  /// Complete `"geo"` members. A number below 4,096 picks one by weight.
  let cities: [Piece]
  let cityOfDraw: [UInt16]
  /// Complete `"device"` members, in 256ths.
  let devices: [Piece]
  let deviceOfDraw: [UInt8]
  let products: [Product]
  /// `"path":…,"url":…,"title":…` without the braces; the pages of anything but products.
  let pages: [Piece]
  let searchPage: Piece, cartPage: Piece, checkoutPage: Piece, thanksPage: Piece, signupPage: Piece, loginPage: Piece
  /// `,"referrer":…`
  let outsideReferrers: [Piece]
  let insideReferrers: [Piece]
  /// `,"utm_source":…` and its fellows; some are empty.
  let campaigns: [Piece]
  let queries: [Piece]
  let elements: [Piece]
  let videos: [Piece]
  let networks: [Piece]
  /// `"event_type":"…","` up to the next member, by `EventKind`.
  let kinds: [Piece]
  /// Words without anything to escape.
  let prose: Piece

  private let bytes: UnsafeMutableRawBufferPointer

  deinit { bytes.deallocate() }

  @inline(__always) func text(_ piece: Piece) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: bytes.baseAddress! + Int(piece.offset), count: Int(piece.length))
  }

  /// A stretch of `length` bytes of prose, or of as many as there are after `draw`'s place.
  @inline(__always) func prose(_ length: Int, draw: UInt32) -> UnsafeRawBufferPointer {
    let half = Catalog.proseBytes / 2
    return UnsafeRawBufferPointer(
      start: bytes.baseAddress! + Int(prose.offset) + Int(draw) % half, count: min(length, half))
  }

  init(isFull: Bool) {
    var pieces = PieceMaker()
    // Places and wares are the same for every seed, so that two workloads can be told apart by what people do only.
    var random = RandomNumbers(seed: 0x6d69_6c6c_7261_6365)
    (cities, cityOfDraw) = Catalog.makeCities(&pieces, isFull)
    devices = Places.devices.map {
      pieces.make(
        isFull
          ? #""device":{"type":"\#($0.type)","os":"\#($0.system)","browser":"\#($0.browser)"}"#
          : #""device":{"type":"\#($0.type)"}"#)
    }
    deviceOfDraw = Catalog.spread(Places.devices.map(\.weight), over: 256).map(UInt8.init)
    products = Catalog.makeProducts(&pieces, &random)
    let site = "https://shop.example.com"
    func page(_ path: String, _ title: String) -> Piece {
      pieces.make(#""path":"\#(path)","url":"\#(site)\#(path)","title":"\#(title) | Example Shop""#)
    }
    pages = Catalog.pagePaths.map { page($0.0, $0.1) }
    searchPage = page("/search", "Search")
    cartPage = page("/cart", "Your cart")
    checkoutPage = page("/checkout", "Checkout")
    thanksPage = page("/checkout/thanks", "Thank you")
    signupPage = page("/signup", "Create an account")
    loginPage = page("/login", "Log in")
    outsideReferrers = [
      "https://www.google.com/", "https://www.google.com/", "https://www.bing.com/", "https://duckduckgo.com/",
      "https://www.instagram.com/", "https://news.example.org/gifts", "", "",
    ].map { pieces.make(#","referrer":"\#($0)""#) }
    insideReferrers = Catalog.pagePaths.prefix(8).map { pieces.make(#","referrer":"\#(site)\#($0.0)""#) }
    campaigns = [
      ("google", "cpc", "spring_sale"), ("google", "cpc", "brand"), ("newsletter", "email", "weekly"),
      ("instagram", "social", "outdoor"), ("partner", "affiliate", "gear_guide"),
    ].map { pieces.make(#","utm_source":"\#($0.0)","utm_medium":"\#($0.1)","utm_campaign":"\#($0.2)""#) }
    queries = ["trail shoes", "rain jacket", "tent 2 persons", "gift", "lamp", "wool socks", "backpack 30l", "kettle"]
      .map { pieces.make(#""query":"\#($0)""#) }
    elements = ["hero_banner", "nav_menu", "size_guide", "filter_color", "sort_price", "chat", "footer_help", "zoom"]
      .map { pieces.make(#""element":"\#($0)""#) }
    videos = (1...8).map { pieces.make(#""video_id":"vid-\#($0)","position_seconds":\#($0 * 7)"#) }
    networks = ["mail", "whatsapp", "x", "facebook"].map { pieces.make(#""network":"\#($0)""#) }
    kinds = EventKind.names.map { pieces.make(#","event_type":"\#($0)""#) }
    prose = pieces.make(Catalog.makeProse(&random))
    bytes = pieces.finish()
  }

  private static let pagePaths = [
    ("/", "Home"), ("/sale", "Sale"), ("/new", "New arrivals"), ("/outdoor", "Outdoor"), ("/kitchen", "Kitchen"),
    ("/living", "Living"), ("/blog", "Blog"), ("/gifts", "Gifts"), ("/shoes", "Shoes"), ("/jackets", "Jackets"),
    ("/help/shipping", "Shipping"), ("/help/returns", "Returns"), ("/about", "About us"), ("/stores", "Stores"),
    ("/blog/how-to-choose-a-tent", "How to choose a tent"), ("/account", "Your account"),
  ]

  private static func makeCities(_ pieces: inout PieceMaker, _ isFull: Bool) -> ([Piece], [UInt16]) {
    var cities: [Piece] = []
    var weights: [Int] = []
    for (code, weight, names) in Places.countries {
      for (index, name) in names.enumerated() {
        let parts = name.split(separator: "/")
        cities.append(
          pieces.make(
            isFull
              ? #""geo":{"country":"\#(code)","region":"\#(parts[0])","city":"\#(parts[1])"}"#
              : #""geo":{"country":"\#(code)"}"#))
        // Of n cities the first has n parts, the last one.
        weights.append(weight * 12 * (names.count - index) / (names.count * (names.count + 1) / 2))
      }
    }
    return (cities, spread(weights, over: 4_096).map(UInt16.init))
  }

  private static func makeProducts(_ pieces: inout PieceMaker, _ random: inout RandomNumbers) -> [Product] {
    let kinds = [
      ("shoes", "Trail Shoe"), ("jackets", "Rain Jacket"), ("tents", "Tent"), ("lamps", "Desk Lamp"),
      ("kitchen", "Kettle"), ("bags", "Backpack"), ("socks", "Wool Socks"), ("books", "Guide Book"),
    ]
    let brands = ["Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel"]
    return (0..<productCount).map { number in
      let (category, noun) = kinds[random.below(kinds.count)]
      let brand = brands[random.below(brands.count)]
      let id = "sku-" + String(String(100_000 + number).dropFirst())
      // Most are cheap: the square of an even draw, between 1.99 and about 500 dollars.
      let draw = random.below(224)
      return Product(
        page: pieces.make(
          #""path":"/products/\#(id)","url":"https://shop.example.com/products/\#(id)","title":"\#(brand) \#(noun) \#(number) | Example Shop""#
        ),
        properties: pieces.make(#""product_id":"\#(id)","category":"\#(category)","brand":"\#(brand)""#),
        hundredths: UInt32(draw * draw / 100 * 100 + 199))
    }
  }

  private static func makeProse(_ random: inout RandomNumbers) -> String {
    let words = [
      "river", "mill", "wheel", "stone", "grain", "flour", "water", "gate", "sluice", "pond", "bank", "meadow", "barn",
      "carrier", "sack", "belt", "shaft", "gear", "cog", "axle", "turn", "grind", "carry", "pour", "lift", "weigh",
      "count", "early", "late", "dry", "wet", "coarse", "fine", "white", "brown", "heavy", "light", "of", "the", "and",
      "with", "under", "over", "beside", "after", "before", "until", "every", "seldom", "again",
    ]
    var text = ""
    while text.utf8.count < proseBytes { text += words[random.below(words.count)] + " " }
    return String(text.prefix(proseBytes))
  }

  /// Numbers of `weights`, each as often among `count` as its weight asks for.
  private static func spread(_ weights: [Int], over count: Int) -> [Int] {
    let total = weights.reduce(0, +)
    var index = 0
    var passed = weights[0]
    return (0..<count).map { draw in
      while draw * total >= passed * count {
        index += 1
        passed += weights[index]
      }
      return index
    }
  }
}

/// Collects the text of the pieces while a catalog is made.
struct PieceMaker {
  private var bytes: [UInt8] = []

  mutating func make(_ text: String) -> Piece {
    defer { bytes.append(contentsOf: text.utf8) }
    return Piece(offset: UInt32(bytes.count), length: UInt32(text.utf8.count))
  }

  func finish() -> UnsafeMutableRawBufferPointer {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
    copy.copyBytes(from: bytes)
    return copy
  }
}
