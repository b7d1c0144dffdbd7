import Basics

/// The exact answers to a work, computed the plain way: every event in memory, sorted by user.
///
/// It shares no code with what it judges. About 50 bytes per event, and a few seconds for five million.
final class ExpectedAnswers {
  private struct Event {
    var high: UInt64
    var low: UInt64
    /// Milliseconds UTC.
    var time: Int64
    var user: UInt32
    /// Hundredths; -1 when the event has none.
    var amount: Int32
    var type: UInt8
    var country: UInt8
    var device: UInt8
  }

  private var events: [Event] = []
  private var userNumbers: [UInt64: UInt32] = [:]
  private var anonymousNumbers: [UInt64: UInt32] = [:]
  private var users: UInt32 = 0
  private var types = FewTexts()
  private var countries = FewTexts()
  private var devices = FewTexts()
  /// By user, where its events begin in `events`; one more at the end. After `settle`.
  private var starts: [Int] = []

  /// Lines, and those left without resends.
  private(set) var read = 0
  var counted: Int { events.count }

  init(capacity: Int) { events.reserveCapacity(capacity) }

  /// - `key`: the user's text. `time`: milliseconds UTC.
  func add(_ line: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, time: Int64) {
    let fields = LineFields(line)
    let (high, low) = fields.eventID
    events.append(
      Event(
        high: high, low: low, time: time, user: number(of: key), amount: fields.amount.map(Int32.init) ?? -1,
        type: types.code(fields.eventType), country: countries.code(fields.country),
        device: devices.code(fields.deviceType)))
    read += 1
  }

  /// `u-00000042` and `a-0123456789abcdef` are the two shapes of a user.
  private func number(of key: UnsafeRawBufferPointer) -> UInt32 {
    var value: UInt64 = 0
    if key[0] == UInt8(ascii: "u") {
      for byte in key[2...] { value = value * 10 + UInt64(byte - 48) }
      if let known = userNumbers[value] { return known }
      userNumbers[value] = users
    } else {
      for byte in key[2...] { value = value << 4 | UInt64(LineFields.hexadecimal(byte)) }
      if let known = anonymousNumbers[value] { return known }
      anonymousNumbers[value] = users
    }
    users += 1
    return users - 1
  }

  /// Sorts by user and time, and drops resends: of a user's events with one id the first one read stays.
  func settle() {
    var counts = [Int](repeating: 0, count: Int(users) + 1)
    for event in events { counts[Int(event.user) + 1] += 1 }
    for user in 0..<Int(users) { counts[user + 1] += counts[user] }
    var places = counts
    var byUser = [Int32](repeating: 0, count: events.count)
    for (index, event) in events.enumerated() {
      byUser[places[Int(event.user)]] = Int32(index)
      places[Int(event.user)] += 1
    }
    var settled: [Event] = []
    settled.reserveCapacity(events.count)
    starts = [0]
    for user in 0..<Int(users) {
      let own = byUser[counts[user]..<counts[user + 1]].sorted { one, other in
        let (a, b) = (events[Int(one)], events[Int(other)])
        return (a.high, a.low, one) < (b.high, b.low, other)
      }
      var last: (UInt64, UInt64)?
      for index in own {
        let event = events[Int(index)]
        if let last, last == (event.high, event.low) { continue }
        last = (event.high, event.low)
        settled.append(event)
      }
      settled[starts[user]...].sort { ($0.time, $0.high, $0.low) < ($1.time, $1.high, $1.low) }
      starts.append(settled.count)
    }
    events = settled
  }

  /// bucket, type, country, device: events, revenue, users.
  func traffic(grain: Int64, _ rows: inout RowWriter) {
    struct Row {
      var cell: UInt64
      var user: UInt32
      var amount: Int32
    }
    let (typeRanks, countryRanks, deviceRanks) = (types.ranks, countries.ranks, devices.ranks)
    var all = events.map { event in
      let bucket = UInt64(event.time / grain)
      let dimensions =
        UInt64(typeRanks[Int(event.type)]) << 16 | UInt64(countryRanks[Int(event.country)]) << 8
        | UInt64(deviceRanks[Int(event.device)])
      return Row(cell: bucket << 24 | dimensions, user: event.user, amount: event.amount)
    }
    all.sort { ($0.cell, $0.user) < ($1.cell, $1.user) }
    let (typeTexts, countryTexts, deviceTexts) = (types.sorted, countries.sorted, devices.sorted)
    rows.header("bucket,event_type,geo.country,device.type,events,revenue,users")
    var index = 0
    while index < all.count {
      let cell = all[index].cell
      var (count, sum, distinct) = (0, Int64(0), 0)
      var user: UInt32?
      while index < all.count, all[index].cell == cell {
        count += 1
        sum += Int64(max(0, all[index].amount))
        if all[index].user != user { distinct += 1 }
        user = all[index].user
        index += 1
      }
      rows.row(
        [
          RowWriter.time(Int64(cell >> 24) * grain), typeTexts[Int(cell >> 16 & 255)],
          countryTexts[Int(cell >> 8 & 255)],
          deviceTexts[Int(cell & 255)],
        ], [String(count), DecimalText.format(Int128(sum), scale: 2), String(distinct)])
    }
  }

  /// bucket of the start: sessions, duration, events, bounces.
  func visits(grain: Int64, _ rows: inout RowWriter) {
    var buckets: [Int64: (sessions: Int, duration: Int64, events: Int, bounces: Int)] = [:]
    for user in 0..<Int(users) {
      var first = starts[user]
      for index in starts[user]..<starts[user + 1] {
        let isLast =
          index + 1 == starts[user + 1] || events[index + 1].time - events[index].time > BenchTopology.gapMilliseconds
        guard isLast else { continue }
        var row = buckets[events[first].time / grain] ?? (0, 0, 0, 0)
        row.sessions += 1
        row.duration += events[index].time - events[first].time
        row.events += index + 1 - first
        row.bounces += index == first ? 1 : 0
        buckets[events[first].time / grain] = row
        first = index + 1
      }
    }
    rows.header("bucket,sessions,duration,events,bounces")
    for (bucket, row) in buckets.sorted(by: { $0.key < $1.key }) {
      rows.row(
        [RowWriter.time(bucket * grain)],
        [String(row.sessions), String(row.duration), String(row.events), String(row.bounces)])
    }
  }

  /// window of entries: users that came at least to each step. A row per window, and one for all.
  func checkout(_ windows: FunnelWindows, _ rows: inout RowWriter) {
    let codes = BenchTopology.steps.map { step in types.texts.firstIndex { String(decoding: $0, as: UTF8.self) == step }
    }
    var counts = [[Int]](repeating: [0, 0, 0], count: windows.count + 1)
    for user in 0..<Int(users) {
      let own = events[starts[user]..<starts[user + 1]]
      func times(_ step: Int) -> [Int64] { own.filter { Int($0.type) == codes[step] }.map(\.time) }
      let entries = times(0)
      guard !entries.isEmpty else { continue }
      let (carts, purchases) = (times(1), times(2))
      var best: [Int: Int] = [:]
      // The earliest cart not before the entry, and the earliest purchase not before that cart: both only move on.
      var (cart, purchase) = (0, 0)
      for entry in entries {
        var level = 1
        let until = entry + BenchTopology.withinMilliseconds
        while cart < carts.count, carts[cart] < entry { cart += 1 }
        if cart < carts.count, carts[cart] <= until {
          level = 2
          while purchase < purchases.count, purchases[purchase] < carts[cart] { purchase += 1 }
          if purchase < purchases.count, purchases[purchase] <= until { level = 3 }
        }
        for window in [windows.index(of: entry), windows.count] { best[window] = max(best[window] ?? 0, level) }
      }
      for (window, level) in best { for step in 0..<level { counts[window][step] += 1 } }
    }
    rows.header("entries," + BenchTopology.steps.joined(separator: ","))
    for (window, row) in counts.enumerated() { rows.row([windows.name(window)], row.map(String.init)) }
  }

  /// Six hours or more each, at most 7, over all that happened.
  var windows: FunnelWindows {
    var (least, most) = (Int64.max, Int64.min)
    for event in events {
      least = min(least, event.time)
      most = max(most, event.time)
    }
    return events.isEmpty ? FunnelWindows(first: 0, length: 1, count: 0) : FunnelWindows(from: least, to: most)
  }
}
