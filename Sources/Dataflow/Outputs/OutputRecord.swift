/// One record for the topic of an output. Without a value it says that nothing stands under the key any more.
public struct OutputRecord: Sendable, Equatable {
  public var target: Outputs.Target
  public var key: [UInt8]
  public var value: [UInt8]?

  public init(target: Outputs.Target, key: [UInt8], value: [UInt8]?) {
    self.target = target
    self.key = key
    self.value = value
  }
}
