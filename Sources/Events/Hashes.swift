import Basics
import CSimdJSON

/// Kafka's murmur2, as its default partitioner computes it, before the sign bit is dropped.
///
/// - Source: org.apache.kafka.common.utils.Utils.murmur2.
public func murmur2(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  decoder_murmur2(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
}

/// SipHash-2-4 with 128 bits of output: what `EventBatch.userKey` and `eventKey` are made with. `high` is the first
/// eight bytes of the reference output, little-endian.
func sipHash(_ bytes: UnsafeRawBufferPointer, key0: UInt64, key1: UInt64) -> Key128 {
  let hash = decoder_siphash128(key0, key1, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
  return Key128(high: hash.high, low: hash.low)
}

/// What `EventBatch.userKey` is of such a user.
public func userKey(_ user: UnsafeRawBufferPointer) -> Key128 {
  sipHash(user, key0: 0x6563_6172_6c6c_696d, key1: 0x2073_746e_6576_6520)
}

/// The hash every `TextRef` carries: of the bytes alone, the same in every process.
public func textHash(_ start: UnsafePointer<UInt8>, _ length: Int) -> UInt32 { decoder_text_hash(start, length) }

/// 128 bits of any text, for digests of meaning: the same in every process and on every machine.
public func digest(_ text: String) -> Key128 {
  var text = text
  return text.withUTF8 { digest(UnsafeRawBufferPointer($0)) }
}

/// 128 bits of any bytes, as of a text.
public func digest(_ bytes: UnsafeRawBufferPointer) -> Key128 {
  sipHash(bytes, key0: 0x6d69_6c6c_7261_6365, key1: 0x6d65_616e_696e_6721)
}
