import Basics

/// Turns planned lines into JSON, without a String or an allocation per line.
final class LineWriter {
  private static let hexadecimal: StaticString = "0123456789abcdef"

  private let catalog: Catalog
  private let recordBytes: Int
  private let isFull: Bool
  private let idSalt: UInt64
  /// Where ids and numbers are spelled before they are copied.
  private let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: 64)
  /// The day whose text is in `dayText`, days since 1970.
  private var day: Int64 = -1
  private let dayText = UnsafeMutablePointer<UInt8>.allocate(capacity: 16)

  init(catalog: Catalog, recordBytes: Int, isFull: Bool, seed: UInt64) {
    self.catalog = catalog
    self.recordBytes = recordBytes
    self.isFull = isFull
    idSalt = RandomNumbers.mix(seed ^ 0x616e_6f6e)
  }

  deinit {
    scratch.deallocate()
    dayText.deallocate()
  }

  /// Appends the line and returns where its key stands in `writer`: the user id, or the anonymous id that stands in for
  /// it; an empty range if it has neither.
  func write(_ line: PlannedLine, to writer: inout ByteWriter) -> Range<Int> {
    let start = writer.count
    if line.defect == .notAnObject { put("[", &writer) }
    if line.defect == .missingEventID {
      put("{\"library\":\"web", &writer)
    } else {
      put("{\"event_id\":\"", &writer)
      if line.defect == .eventIDTooLong { put(catalog.prose(200, draw: 0), &writer) }
      putEventID(line, &writer)
    }
    put("\"", &writer)
    if line.defect != .missingEventType { put(catalog.kinds[Int(line.kind.rawValue)], &writer) }
    if line.defect == .repeatedField { put(catalog.kinds[Int(EventKind.click.rawValue)], &writer) }
    let key = putUser(line, &writer)
    putTime(line, &writer)
    put(",", &writer)
    if line.defect == .wrongType {
      put("\"device\":7", &writer)
    } else {
      put(catalog.devices[Int(line.device)], &writer)
    }
    put(",", &writer)
    put(catalog.cities[Int(line.city)], &writer)
    if isFull { putPage(line, &writer) }
    putProperties(line, start, &writer)
    switch line.defect {
    case .notAnObject: put("]", &writer)
    case .cutOff: writer.truncate(to: start + (writer.count - start) * 2 / 3)
    default: break
    }
    return key
  }

  @inline(__always) private func put(_ text: StaticString, _ writer: inout ByteWriter) {
    writer.raw(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  @inline(__always) private func put(_ text: UnsafeRawBufferPointer, _ writer: inout ByteWriter) { writer.raw(text) }

  @inline(__always) private func put(_ piece: Piece, _ writer: inout ByteWriter) { writer.raw(catalog.text(piece)) }

  @inline(__always) private func put(scratch count: Int, _ writer: inout ByteWriter) {
    writer.raw(UnsafeRawBufferPointer(start: scratch, count: count))
  }

  /// The lowest `digits` hexadecimal digits of `value`, to `scratch`.
  @inline(__always) private func spell(_ value: UInt64, _ digits: Int, at index: Int) {
    let table = LineWriter.hexadecimal.utf8Start
    var rest = value
    for place in stride(from: index + digits - 1, through: index, by: -1) {
      scratch[place] = table[Int(rest & 15)]
      rest >>= 4
    }
  }

  /// The lowest `digits` decimal digits of `value`, to `target`.
  @inline(__always) private func spell(
    decimal value: UInt64, _ digits: Int, at index: Int, in target: UnsafeMutablePointer<UInt8>
  ) {
    var rest = value
    for place in stride(from: index + digits - 1, through: index, by: -1) {
      target[place] = 48 + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
  }

  private func put(number: UInt64, _ writer: inout ByteWriter) {
    var digits = 1
    var power: UInt64 = 10
    while number >= power {
      digits += 1
      power *= 10
    }
    spell(decimal: number, digits, at: 0, in: scratch)
    put(scratch: digits, &writer)
  }

  /// A UUID of version 7 (RFC 9562): the client's milliseconds, then 74 bits of the line's randomness.
  private func putEventID(_ line: PlannedLine, _ writer: inout ByteWriter) {
    let time = UInt64(line.clientTime)
    spell(time >> 16, 8, at: 0)
    scratch[8] = UInt8(ascii: "-")
    spell(time, 4, at: 9)
    scratch[13] = UInt8(ascii: "-")
    spell(0x7000 | RandomNumbers.mix(line.random) & 0xfff, 4, at: 14)
    scratch[18] = UInt8(ascii: "-")
    spell(0x8000 | line.random >> 50, 4, at: 19)
    scratch[23] = UInt8(ascii: "-")
    spell(line.random, 12, at: 24)
    put(scratch: 36, &writer)
  }

  private func putUser(_ line: PlannedLine, _ writer: inout ByteWriter) -> Range<Int> {
    var key = writer.count..<writer.count
    guard line.defect != .missingUser else { return key }
    if line.isIdentified {
      put(",\"user_id\":\"u-", &writer)
      spell(decimal: UInt64(line.user), 8, at: 0, in: scratch)
      put(scratch: 8, &writer)
      key = writer.count - 10..<writer.count
      put("\"", &writer)
    }
    if isFull || !line.isIdentified {
      put(",\"anonymous_id\":\"a-", &writer)
      spell(RandomNumbers.mix(idSalt ^ UInt64(line.user)), 16, at: 0)
      put(scratch: 16, &writer)
      if !line.isIdentified { key = writer.count - 18..<writer.count }
      put("\"", &writer)
    }
    if isFull {
      put(",\"session_id\":\"s-", &writer)
      spell(line.visitRandom, 16, at: 0)
      put(scratch: 16, &writer)
      put("\"", &writer)
    }
    return key
  }

  private func putTime(_ line: PlannedLine, _ writer: inout ByteWriter) {
    switch line.defect {
    case .missingTimestamp: return
    case .invalidTimestamp:
      put(",\"timestamp\":\"2026-02-31T25:61:00.000Z\"", &writer)
      return
    default: break
    }
    let lineDay = line.clientTime / Timestamp.day
    if lineDay != day {
      day = lineDay
      let (year, month, dayOfMonth) = Timestamp.civil(dayNumber: day)
      spell(decimal: UInt64(year), 4, at: 0, in: dayText)
      dayText[4] = UInt8(ascii: "-")
      spell(decimal: UInt64(month), 2, at: 5, in: dayText)
      dayText[7] = UInt8(ascii: "-")
      spell(decimal: UInt64(dayOfMonth), 2, at: 8, in: dayText)
      dayText[10] = UInt8(ascii: "T")
    }
    put(",\"timestamp\":\"", &writer)
    scratch.update(from: dayText, count: 11)
    let rest = UInt64(line.clientTime - lineDay * Timestamp.day)
    spell(decimal: rest / 3_600_000, 2, at: 11, in: scratch)
    scratch[13] = UInt8(ascii: ":")
    spell(decimal: rest / 60_000 % 60, 2, at: 14, in: scratch)
    scratch[16] = UInt8(ascii: ":")
    spell(decimal: rest / 1_000 % 60, 2, at: 17, in: scratch)
    scratch[19] = UInt8(ascii: ".")
    spell(decimal: rest % 1_000, 3, at: 20, in: scratch)
    scratch[23] = UInt8(ascii: "Z")
    scratch[24] = UInt8(ascii: "\"")
    put(scratch: 25, &writer)
  }

  private func putPage(_ line: PlannedLine, _ writer: inout ByteWriter) {
    put(",\"page\":{", &writer)
    let page: Piece
    switch line.kind {
    case .viewProduct, .addToCart, .videoPlay, .share: page = catalog.products[Int(line.product)].page
    case .search: page = catalog.searchPage
    case .removeFromCart: page = catalog.cartPage
    case .beginCheckout: page = catalog.checkoutPage
    case .purchase: page = catalog.thanksPage
    case .signup: page = catalog.signupPage
    case .login: page = catalog.loginPage
    // The less of the two draws: the home page is seen most.
    case .pageView, .click: page = catalog.pages[min(Int(line.random >> 8 & 15), Int(line.random >> 12 & 15))]
    }
    put(page, &writer)
    put(
      line.isFirstEvent
        ? catalog.outsideReferrers[Int(line.visitRandom >> 8 & 7)]
        : catalog.insideReferrers[Int(line.random >> 16 & 7)],
      &writer)
    put("}", &writer)
  }

  private func putProperties(_ line: PlannedLine, _ start: Int, _ writer: inout ByteWriter) {
    put(",\"properties\":{", &writer)
    let draw = Int(line.random >> 20 & 7)
    switch line.kind {
    case .viewProduct: put(catalog.products[Int(line.product)].properties, &writer)
    case .addToCart, .removeFromCart:
      put(catalog.products[Int(line.product)].properties, &writer)
      putAmount(line, &writer)
    case .beginCheckout, .purchase:
      put("\"items\":", &writer)
      put(number: UInt64(line.quantity), &writer)
      putAmount(line, &writer)
    case .search: put(catalog.queries[draw], &writer)
    case .click: put(catalog.elements[draw], &writer)
    case .videoPlay: put(catalog.videos[draw], &writer)
    case .share: put(catalog.networks[draw & 3], &writer)
    case .signup, .login: put("\"method\":\"email\"", &writer)
    case .pageView:
      put("\"scroll_percent\":", &writer)
      put(number: line.random >> 24 & 63, &writer)
    }
    if isFull {
      // Five visits in sixteen come from a campaign.
      let campaign = Int(line.visitRandom >> 12 & 15)
      if campaign < catalog.campaigns.count { put(catalog.campaigns[campaign], &writer) }
    }
    putNote(line, start, &writer)
    put("}}", &writer)
  }

  private func putAmount(_ line: PlannedLine, _ writer: inout ByteWriter) {
    put(",\"quantity\":", &writer)
    put(number: UInt64(line.quantity), &writer)
    put(",\"amount\":", &writer)
    put(number: UInt64(line.amountHundredths) / 100, &writer)
    put(".", &writer)
    spell(decimal: UInt64(line.amountHundredths), 2, at: 0, in: scratch)
    put(scratch: 2, &writer)
    put(",\"currency\":\"USD\"", &writer)
  }

  /// Prose up to the size asked for, give or take an eighth.
  private func putNote(_ line: PlannedLine, _ start: Int, _ writer: inout ByteWriter) {
    var target = recordBytes * 7 / 8 + (Int(line.random >> 32) * recordBytes) >> 34
    if line.defect == .tooLarge { target = 80_000 }
    var missing = target - (writer.count - start) - 12
    guard missing > 0 || line.defect == .invalidUTF8 else { return }
    put(",\"note\":\"", &writer)
    if line.defect == .invalidUTF8 { writer.byte(0xff) }
    var draw = UInt32(truncatingIfNeeded: line.random >> 27)
    while missing > 0 {
      let text = catalog.prose(missing, draw: draw)
      writer.raw(text)
      missing -= text.count
      draw &+= 4_099
    }
    put("\"", &writer)
  }
}
