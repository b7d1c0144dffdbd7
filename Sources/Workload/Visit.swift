/// What somebody does in a visit. The names in the log are in `EventKind.names`.
enum EventKind: UInt8, CaseIterable, BitwiseCopyable {
  case pageView, viewProduct, search, addToCart, removeFromCart, beginCheckout, purchase, signup, login, click
  case videoPlay, share

  static let names = [
    "page_view", "view_product", "search", "add_to_cart", "remove_from_cart", "begin_checkout", "purchase", "signup",
    "login", "click", "video_play", "share",
  ]
}

/// One person's stay: what the next event needs to know of the ones before it.
struct Visit: BitwiseCopyable {
  /// Decides the session id, the campaign and the first referrer.
  var random: UInt64
  var user: UInt32
  var cartHundredths: UInt32 = 0
  var cartItems: UInt16 = 0
  var product: UInt16 = 0
  var city: UInt16
  var device: UInt8
  /// The event that comes next.
  var next: EventKind
  var isIdentified: Bool
  /// People who have no account cannot log in.
  var isGuest: Bool
  var isFirstEvent = true
}

/// Which event follows which, as chances in 256.
///
/// Of the people who see a product on a day, about a quarter put one into the cart on that day, and about 30 % of those
/// buy.
struct VisitPlan {
  private static let ways: [(from: EventKind?, to: [(EventKind?, Int)])] = [
    (nil, [(.pageView, 140), (.viewProduct, 56), (.search, 36), (.login, 8), (.videoPlay, 8), (.signup, 8)]),
    (
      .pageView,
      [
        (nil, 100), (.pageView, 40), (.viewProduct, 40), (.search, 24), (.click, 26), (.videoPlay, 8), (.share, 4),
        (.signup, 6), (.login, 4), (.beginCheckout, 4),
      ]
    ),
    (
      .viewProduct,
      [
        (nil, 88), (.viewProduct, 70), (.addToCart, 30), (.pageView, 24), (.search, 20), (.click, 14), (.videoPlay, 6),
        (.share, 4),
      ]
    ),
    (.search, [(nil, 60), (.viewProduct, 120), (.search, 40), (.pageView, 20), (.click, 16)]),
    (
      .addToCart,
      [(nil, 60), (.viewProduct, 50), (.beginCheckout, 106), (.pageView, 24), (.removeFromCart, 16)]
    ),
    (.removeFromCart, [(nil, 96), (.viewProduct, 96), (.pageView, 40), (.search, 24)]),
    (.beginCheckout, [(nil, 72), (.purchase, 148), (.pageView, 20), (.viewProduct, 16)]),
    (.purchase, [(nil, 180), (.pageView, 52), (.share, 12), (.viewProduct, 12)]),
    (.signup, [(nil, 60), (.pageView, 100), (.viewProduct, 72), (.search, 24)]),
    (.login, [(nil, 30), (.pageView, 110), (.viewProduct, 76), (.search, 40)]),
    (.click, [(nil, 84), (.pageView, 80), (.viewProduct, 60), (.search, 16), (.click, 16)]),
    (.videoPlay, [(nil, 90), (.pageView, 66), (.viewProduct, 60), (.share, 20), (.click, 20)]),
    (.share, [(nil, 120), (.pageView, 76), (.viewProduct, 60)]),
  ]

  /// 256 draws per event kind, the beginning of a visit last; nil ends the visit.
  private let draws: [EventKind?]

  init() {
    var draws = [EventKind?](repeating: nil, count: (EventKind.allCases.count + 1) * 256)
    for (from, ways) in VisitPlan.ways {
      var index = (from.map { Int($0.rawValue) } ?? EventKind.allCases.count) * 256
      let end = index + 256
      for (to, chances) in ways {
        for _ in 0..<chances {
          draws[index] = to
          index += 1
        }
      }
      precondition(index == end, "the chances after \(String(describing: from)) are not 256 in 256")
    }
    self.draws = draws
  }

  /// The first event of a visit.
  func opening(_ draw: UInt8) -> EventKind { draws[EventKind.allCases.count * 256 + Int(draw)] ?? .pageView }

  /// What follows in this visit, nil if it ends. An event that makes no sense in it becomes a page view.
  func following(_ kind: EventKind, in visit: Visit, _ draw: UInt8) -> EventKind? {
    guard let next = draws[Int(kind.rawValue) * 256 + Int(draw)] else { return nil }
    return VisitPlan.makesSense(next, in: visit) ? next : .pageView
  }

  static func makesSense(_ kind: EventKind, in visit: Visit) -> Bool {
    switch kind {
    case .beginCheckout, .removeFromCart, .purchase: visit.cartItems > 0
    case .login: !visit.isIdentified && !visit.isGuest
    case .signup: !visit.isIdentified && visit.isGuest
    default: true
    }
  }
}
