/// Why a record cannot be used. The raw value is stored and shared with the C header: never renumber.
public enum Rejection: UInt8, CaseIterable, Sendable {
  case tooLarge = 1
  case invalidUTF8 = 2
  case invalidJSON = 3
  case notAnObject = 4
  case tooDeep = 5
  case repeatedField = 6
  case missingEventID = 7
  case eventIDTooLong = 8
  case missingEventType = 9
  case missingUser = 10
  case missingTimestamp = 11
  case wrongType = 12
  case invalidTimestamp = 13
  /// Not of this function: the runtime's, when murmur2(user) mod N is not the record's partition.
  case misplaced = 14
  /// Not of this function: the dataflow's, when the event is more than 24 h ahead of its own append stamp.
  case future = 15
}
