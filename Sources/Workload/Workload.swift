import Basics

/// A click stream of a web shop, made up line by line in the order in which it reaches the log.
///
/// People visit, look around for seconds to minutes per step, and leave; some come back for days. A share of the events
/// arrives late, a share twice. Made for demonstrations, tests and measurements: the bytes are a function of the options
/// alone.
///
/// - Memory: what waits, not what was made: an event that is under way takes about 80 bytes, a visit that goes on as
///   much, and neither can be more than `waitingLimit` and `visitLimit`; and one bit per user.
/// - Source: the sampling of time by traffic is inversion of a cumulative intensity; users follow a Zipf-Mandelbrot-like
///   law, drawn as a shifted cube.
public final class Workload {
  static let visitLimit = 262_144
  static let waitingLimit = 1_048_576

  private let options: WorkloadOptions
  private let catalog: Catalog
  private let writer: LineWriter
  private let plan = VisitPlan()
  private let duplicateThreshold: UInt64
  private let hostileThreshold: UInt64
  private let lateThreshold: UInt64
  private let veryLateThreshold: UInt64
  private let visitLimit: Int

  private var random: RandomNumbers
  private var curve: TrafficCurve
  /// Visits by the time of their next event.
  private var visits = TimedQueue<Visit>()
  /// Lines by the time they reach the log.
  private var waiting = TimedQueue<PlannedLine>()
  /// One bit per user: nobody is on two visits at a time.
  private var isVisiting: [UInt64]
  private var linesPlanned = 0
  /// When the next line is due by the traffic, milliseconds UTC.
  private var due: Int64
  private var logTime: Int64 = 0

  /// Throws `.invalid` for options that are impossible.
  public init(_ options: WorkloadOptions) throws(Failure) {
    try options.validate()
    self.options = options
    let isFull = options.recordBytes >= 800
    catalog = Catalog(isFull: isFull)
    writer = LineWriter(catalog: catalog, recordBytes: options.recordBytes, isFull: isFull, seed: options.seed)
    // The options are shares of the lines, but chance decides once per place in the traffic, and a resend adds a line.
    let (again, hostile) = (options.duplicateShare, options.hostileShare)
    duplicateThreshold = again == 0 ? 0 : RandomNumbers.threshold(again / (1 - again - hostile))
    hostileThreshold = RandomNumbers.threshold(hostile / (1 - again))
    veryLateThreshold = RandomNumbers.threshold(options.veryLateShare)
    lateThreshold = RandomNumbers.threshold(options.lateShare) + veryLateThreshold
    // At least half of the people are away, so that a free one is found quickly.
    visitLimit = max(1, min(Workload.visitLimit, options.users / 2))
    random = RandomNumbers(seed: RandomNumbers.mix(options.seed))
    curve = TrafficCurve(start: options.start, end: options.end, lines: options.events)
    isVisiting = Array(repeating: 0, count: options.users / 64 + 1)
    due = options.start
    due = curve.time(ofLine: 0, jitter: random.next() >> 32)
  }

  /// Appends the next line without its newline, nil after the last one.
  ///
  /// Log times never go back. All lines of one key are one person's; the caller derives the partition from it.
  public func next(into bytes: inout ByteWriter) -> WorkloadLine? {
    // What is made later happens no earlier than `due` or the next step of a visit, and arrives after it happened.
    while linesPlanned < options.events, waiting.count < Workload.waitingLimit,
      waiting.firstTime > min(due, visits.firstTime)
    {
      planLine()
    }
    guard waiting.count > 0 else { return nil }
    let line = waiting.first
    logTime = waiting.firstTime
    waiting.removeFirst()
    let start = bytes.count
    let key = writer.write(line, to: &bytes)
    return WorkloadLine(
      range: start..<bytes.count, key: key, clientTime: line.clientTime, logTime: logTime,
      isDuplicate: line.isDuplicate, isUsable: line.defect == .none)
  }

  /// Fills the place in the traffic that is due: with the next step of a visit that has waited for it, or with somebody
  /// who arrives. So the number of lines and the shape of the day are exact, and arrivals adapt to both.
  private func planLine() {
    if random.happens(hostileThreshold) {
      planHostileLine()
    } else if visits.firstTime <= due || visits.count >= visitLimit {
      // With more traffic than people can make they think faster instead.
      step(visits.first, at: min(visits.firstTime, due), isNew: false)
    } else {
      step(newVisit(), at: due, isNew: true)
    }
    // Asked in order even where a resend took a place of its own.
    if linesPlanned < options.events { due = curve.time(ofLine: linesPlanned, jitter: random.next() >> 32) }
  }

  private func newVisit() -> Visit {
    var user = someone()
    // Anybody, not the next in rank: the frequent ones are busy together, and at least half of all are away.
    while isVisiting[user >> 6] >> UInt64(user & 63) & 1 == 1 { user = random.below(options.users) }
    isVisiting[user >> 6] |= 1 << UInt64(user & 63)
    return visit(of: user)
  }

  private func visit(of user: Int) -> Visit {
    let draw = random.next()
    // A person's home, device and account are functions of the number. One visit in eight is made with another device,
    // one in thirty-two from somewhere else, and one in sixteen without logging in.
    let traits = RandomNumbers.mix(options.seed &+ RandomNumbers.mix(UInt64(user) &+ 0x7573_6572))
    let place = draw & 31 == 0 ? draw >> 8 : traits
    let device = draw >> 5 & 7 == 0 ? draw >> 20 : traits >> 12
    let isGuest = traits >> 20 & 255 < 80
    var visit = Visit(
      random: RandomNumbers.mix(draw), user: UInt32(user), city: catalog.cityOfDraw[Int(place & 4_095)],
      device: catalog.deviceOfDraw[Int(device & 255)], next: plan.opening(UInt8(truncatingIfNeeded: draw >> 32)),
      isIdentified: !isGuest && draw >> 40 & 15 != 0, isGuest: isGuest)
    if !VisitPlan.makesSense(visit.next, in: visit) { visit.next = .pageView }
    return visit
  }

  /// The cube of an even draw, shifted by a twentieth so that nobody is most of the traffic.
  private func someone() -> Int {
    let one: UInt64 = 1 << 30
    let shift = one / 20
    func cube(_ x: UInt64) -> UInt64 { (((x * x) >> 30) * x) >> 30 }
    let draw = cube((random.next() >> 34) + shift) - cube(shift)
    let all = cube(one + shift) - cube(shift) + 1
    return Int(draw * UInt64(options.users) / all)
  }

  /// Makes the event that `visit` has come to, and says when the visit goes on.
  private func step(_ visit: Visit, at time: Int64, isNew: Bool) {
    var visit = visit
    var line = makeEvent(&visit, at: time)
    if options.isUniform { give(&line, to: self.visit(of: random.below(options.users))) }
    plan(line)
    let draw = random.next()
    guard let next = plan.following(line.kind, in: visit, UInt8(truncatingIfNeeded: draw)) else {
      isVisiting[Int(visit.user) >> 6] &= ~(1 << UInt64(visit.user & 63))
      if !isNew { visits.removeFirst() }
      return
    }
    visit.next = next
    visit.isFirstEvent = false
    let then = time + pause(draw >> 8)
    if isNew { visits.insert(visit, at: then) } else { visits.replaceFirst(with: visit, at: then) }
  }

  /// Milliseconds: mostly 2 seconds to 3 minutes with a mean of 46 seconds; one in 64 is 3 to 29 minutes, and one in 256
  /// up to two hours, which makes two sessions of one visit.
  private func pause(_ draw: UInt64) -> Int64 {
    let even = Int64(draw >> 16 & 0xffff)
    switch draw & 255 {
    case 0: return 31 * 60_000 + (even * 5_400_000) >> 16
    case 1...4: return 180_000 + (even * 1_560_000) >> 16
    default: return 2_000 + (((even * even) >> 16) * even * 178_000) >> 32
    }
  }

  private func makeEvent(_ visit: inout Visit, at time: Int64) -> PlannedLine {
    let kind = visit.next
    var amount: UInt32 = 0
    var quantity: UInt16 = 0
    switch kind {
    case .viewProduct:
      // The cube of an even draw: half of the views are of the first eighth of the products.
      let draw = random.next()
      let even = Int(draw >> 48)
      visit.product = UInt16((((even * even) >> 16) * even * Catalog.productCount) >> 32)
    case .addToCart:
      quantity = random.next() & 7 == 0 ? 2 : 1
      amount = catalog.products[Int(visit.product)].hundredths * UInt32(quantity)
      visit.cartItems = min(visit.cartItems + quantity, 1_000)
      visit.cartHundredths = min(visit.cartHundredths + amount, 100_000_000)
    case .removeFromCart:
      quantity = 1
      amount = min(catalog.products[Int(visit.product)].hundredths, visit.cartHundredths)
      visit.cartItems -= 1
      visit.cartHundredths = visit.cartItems == 0 ? 0 : visit.cartHundredths - amount
    case .beginCheckout:
      (quantity, amount) = (visit.cartItems, visit.cartHundredths)
    case .purchase:
      (quantity, amount) = (visit.cartItems, visit.cartHundredths)
      (visit.cartItems, visit.cartHundredths) = (0, 0)
    case .signup, .login: visit.isIdentified = true
    default: break
    }
    return PlannedLine(
      clientTime: time, visitRandom: visit.random, random: random.next(), user: visit.user, amountHundredths: amount,
      quantity: quantity, product: visit.product, city: visit.city, device: visit.device, kind: kind,
      isIdentified: visit.isIdentified, isFirstEvent: visit.isFirstEvent)
  }

  /// Makes the event another person's.
  private func give(_ line: inout PlannedLine, to other: Visit) {
    line.user = other.user
    line.city = other.city
    line.device = other.device
    line.isIdentified = other.isIdentified
    line.visitRandom = other.random
  }

  /// A page view of somebody that went wrong on the way.
  private func planHostileLine() {
    var visit = visit(of: someone())
    visit.next = .pageView
    var line = makeEvent(&visit, at: due)
    // Far too long ones are rare, or they would be most of the bytes.
    let defects = Defect.allCases.count - 2
    line.defect = random.below(256) == 0 ? .tooLarge : Defect.allCases[1 + random.below(defects)]
    waiting.insert(line, at: arrival(of: line.clientTime))
    linesPlanned += 1
  }

  private func plan(_ line: PlannedLine) {
    let arrives = arrival(of: line.clientTime)
    waiting.insert(line, at: arrives)
    linesPlanned += 1
    guard random.happens(duplicateThreshold), linesPlanned < options.events else { return }
    let again = arrives + 1 + Int64(random.below(60_000))
    var copy = line
    copy.isDuplicate = true
    waiting.insert(copy, at: min(again, options.end - 1))
    linesPlanned += 1
  }

  /// When an event of `time` reaches the log: before the end, and not before what is in the log already. While half a
  /// million lines wait, nothing more is late.
  private func arrival(of time: Int64) -> Int64 {
    let left = options.end - 1 - time
    let draw = random.next()
    let isLate = draw >> 32 < lateThreshold
    var delay: Int64
    if isLate, left > 2 * Timestamp.minute, waiting.count < Workload.waitingLimit / 2 {
      let (least, most) =
        draw >> 32 < veryLateThreshold
        ? (30 * Timestamp.minute, 20 * Timestamp.hour) : (2 * Timestamp.minute, 30 * Timestamp.minute)
      delay = least + 1 + Int64(random.below(Int(most - least)))
      // Towards the end what is left is spread, or all of it would arrive in the last millisecond.
      if delay > left { delay = 2 * Timestamp.minute + 1 + Int64(random.below(Int(left - 2 * Timestamp.minute))) }
    } else {
      // Two draws: mostly a quarter of a second to a second.
      delay = 20 + Int64(draw & 1_023) + Int64(draw >> 10 & 511)
    }
    delay = min(delay, left)
    return max(time + delay, logTime)
  }
}
