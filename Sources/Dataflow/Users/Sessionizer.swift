import Basics
import Events
import Stores

/// Events of one user whose neighbours are at most `gap` apart (inclusive), in any arrival order.
///
/// - State: the user's sessions, sorted by start, any two further apart than the gap.
/// - Emits: between two commits, `-1` for each session that changed or went, as it was, and at the commit `+1` for each
///   that changed or came, as it stands: two rows a session, however many events it had.
/// - Attributes are the earliest event's; of several at the same time, that with the bytewise least event id.
/// - Source: sessions as retract/assert pairs, after differential dataflow's weighted collections.
final class Sessionizer {
  private let gap: Int64
  private let columns: SessionColumns
  private let users: UserTable
  let emitted: SessionRows
  /// Whether sessions themselves are an output.
  private let isOutput: Bool
  /// Sessions of the last commit that no longer stand as they were.
  private var retracted: [(user: UInt32, start: Int64)] = []
  private var key = ByteWriter()
  private var value = ByteWriter()

  init(gap: Int64, columns: SessionColumns, users: UserTable, isOutput: Bool) {
    self.isOutput = isOutput
    self.gap = gap
    self.columns = columns
    self.users = users
    emitted = SessionRows(columns: columns)
  }

  /// Takes counted events in log order. `slots` are the users' slots by row.
  func apply(_ rows: Rows, ids: UnsafePointer<TextRef>, slots: UnsafePointer<Int32>, _ dictionary: TextDictionary) {
    emitted.clear()
    let layout = users.layout
    for index in 0..<rows.selected {
      let row = Int(rows.selection[index])
      let slot = Int(slots[row])
      let time = rows.time[row]
      let user = users.slots + slot
      let count = Int(user.pointee.sessionCount)

      // The sessions within reach stand together: those that end at or after time - gap and start at or before time + gap.
      var first = count
      while first > 0, layout.end(user.pointee.sessions! + (first - 1) * layout.stride) >= time - gap {
        first -= 1
        if count - first == 8 {
          first = firstReaching(time - gap, user)
          break
        }
      }
      var last = first
      while last < count, layout.start(user.pointee.sessions! + last * layout.stride) <= time + gap { last += 1 }

      if first == last {
        let session = users.insertSession(slot, at: first)
        layout.set(session, start: time, end: time, events: 1)
        if layout.hasAttributes { keep(row, rows, ids, session, dictionary) }
        continue
      }
      let session = user.pointee.sessions! + first * layout.stride
      var start = layout.start(session)
      var end = layout.end(session)
      var events = layout.events(session)
      retract(session, user.pointee.number)
      for other in first + 1..<max(last, first + 1) {
        // Sorted by start and disjoint, so the first of them has the earliest event.
        let other = user.pointee.sessions! + other * layout.stride
        retract(other, user.pointee.number)
        end = max(end, layout.end(other))
        events += layout.events(other)
      }
      if layout.hasAttributes, time < start || (time == start && precedes(ids[row], session, dictionary)) {
        keep(row, rows, ids, session, dictionary)
      }
      start = min(start, time)
      end = max(end, time)
      layout.set(session, start: start, end: end, events: events + 1)
      users.removeSessions(slot, first + 1..<max(last, first + 1))
    }
  }

  /// Puts the sessions that no longer stand into the outbox, as gone: those that stand with another content follow.
  func listRetracted(_ lists: Bool, into transaction: Transaction) {
    if lists {
      value.clear()
      for session in retracted {
        KeyLayout.changedSession(user: session.user, start: session.start, into: &key)
        transaction.put(key.bytes, value.bytes)
      }
    }
    retracted.removeAll(keepingCapacity: retracted.count < 1 << 14)
  }

  /// Asserts the user's sessions that changed since the last commit.
  ///
  /// - `dictionary`: its texts, when they are put into the outbox, too.
  func publish(_ slot: Int, listing dictionary: TextDictionary?, into transaction: Transaction) {
    let user = users.slots + slot
    for index in 0..<Int(user.pointee.sessionCount) {
      let session = user.pointee.sessions! + index * users.layout.stride
      if users.layout.isPublished(session) { continue }
      emitted.append(session, users.layout, user.pointee.number, 1)
      if isOutput, let dictionary {
        KeyLayout.changedSession(
          user: user.pointee.number, start: users.layout.start(session), into: &key)
        value.clear()
        SessionEntry.encode(session, users.layout, dictionary, into: &value)
        transaction.put(key.bytes, value.bytes)
      }
      users.layout.setPublished(session)
    }
  }

  /// The first session that ends at or after `time`; ends are sorted as starts are.
  private func firstReaching(_ time: Int64, _ user: UnsafeMutablePointer<UserTable.Slot>) -> Int {
    var low = 0
    var high = Int(user.pointee.sessionCount)
    while low < high {
      let middle = (low + high) / 2
      if users.layout.end(user.pointee.sessions! + middle * users.layout.stride) < time {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  private func precedes(_ id: TextRef, _ session: UnsafeMutableRawPointer, _ dictionary: TextDictionary) -> Bool {
    compareBytes(id.bytes, users.layout.id(session, dictionary)) < 0
  }

  private func keep(
    _ row: Int, _ rows: Rows, _ ids: UnsafePointer<TextRef>, _ session: UnsafeMutableRawPointer,
    _ dictionary: TextDictionary
  ) {
    users.layout.setID(session, ids[row].bytes, dictionary)
    for (index, column) in columns.texts.enumerated() { users.layout.setText(session, index, rows.texts[column][row]) }
    for (index, column) in columns.numbers.enumerated() {
      users.layout.setNumber(session, index, rows.numbers[column][row])
    }
  }

  /// Takes back what the views hold of the session, if anything.
  @inline(__always) private func retract(_ session: UnsafeMutableRawPointer, _ user: UInt32) {
    guard users.layout.isPublished(session) else { return }
    emitted.append(session, users.layout, user, -1)
    if isOutput { retracted.append((user, users.layout.start(session))) }
  }
}
