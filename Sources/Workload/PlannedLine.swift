/// A line that has not arrived yet. It holds all that the bytes depend on, so that a waiting line costs little memory and
/// a resend is the same bytes.
struct PlannedLine: BitwiseCopyable {
  var clientTime: Int64
  var visitRandom: UInt64
  /// Decides the event id and everything in the line that matters to nobody.
  var random: UInt64
  var user: UInt32
  /// Worth of the product or of the whole cart, hundredths of a dollar.
  var amountHundredths: UInt32 = 0
  var quantity: UInt16 = 0
  var product: UInt16
  var city: UInt16
  var device: UInt8
  var kind: EventKind
  var defect: Defect = .none
  var isIdentified: Bool
  var isFirstEvent: Bool
  var isDuplicate = false
}

/// What is wrong with a line that no reader can use.
enum Defect: UInt8, CaseIterable, BitwiseCopyable {
  case none, cutOff, invalidUTF8, notAnObject, repeatedField, missingEventID, eventIDTooLong, missingEventType
  case missingUser, missingTimestamp, invalidTimestamp, wrongType, tooLarge
}
