// Observations as standard msgpack (docs/protocol.md): [kind, member, epoch, [observation...]], each observation a
// positional array of integers and byte strings. Written in the worker's capture thread, read by the collector; any
// msgpack library can read it too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/wire/observation.hpp"

namespace fanout::wire {

inline constexpr std::uint8_t kind_observations = 5;
inline constexpr std::size_t observation_fields = 15;
// Array header, two addresses of 16 bytes, ports and tags, protocol, marks, content and seven 64-bit integers, each at
// its longest.
inline constexpr std::size_t observation_bytes_max = 1 + 2 * 18 + 3 * 3 + 2 * 2 + 5 + 7 * 9;
inline constexpr std::size_t batch_header_bytes = 1 + 1 + 5 + 5 + 5;

// Fills one batch in place. The caller checks fits_another() before each append.
class BatchWriter {
 public:
  BatchWriter() noexcept = default;
  // `buffer` must hold at least the header and one observation.
  BatchWriter(std::span<std::byte> buffer, std::uint32_t member, std::uint32_t epoch) noexcept;

  [[nodiscard]] bool fits_another() const noexcept { return buffer_.size() - length_ >= observation_bytes_max; }
  void append(const Observation& observation) noexcept;
  // Bytes of the finished message. Zero observations make a valid, empty batch.
  [[nodiscard]] std::size_t finish() noexcept;
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

 private:
  std::span<std::byte> buffer_;
  std::size_t length_ = 0;
  std::uint32_t count_ = 0;
};

// Reads a batch front to back without copying it. Anything that is not exactly the above is malformed; `error_offset`
// says where.
class BatchReader {
 public:
  explicit BatchReader(std::span<const std::byte> message) noexcept;

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t error_offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint32_t member() const noexcept { return member_; }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::uint32_t remaining() const noexcept { return remaining_; }

  // False at the end, and at the first malformed observation (then ok() is false as well).
  [[nodiscard]] bool next(Observation& out) noexcept;

 private:
  [[nodiscard]] bool fail() noexcept;
  [[nodiscard]] bool read_array(std::uint64_t& count) noexcept;
  [[nodiscard]] bool read_uint(std::uint64_t& value, std::uint64_t max) noexcept;
  template <typename T>
  [[nodiscard]] bool read_into(T& value) noexcept;
  [[nodiscard]] bool read_address(Address& address, std::uint8_t& family) noexcept;

  std::span<const std::byte> message_;
  std::size_t offset_ = 0;
  std::uint32_t member_ = 0;
  std::uint32_t epoch_ = 0;
  std::uint32_t remaining_ = 0;
  bool ok_ = false;
};

}  // namespace fanout::wire
