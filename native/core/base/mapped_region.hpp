// A memory mapping with exactly one owner.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <utility>

#include "core/base/result.hpp"

namespace fanout {

enum class Pages { small, huge };

class MappedRegion {
 public:
  MappedRegion() noexcept = default;
  MappedRegion(MappedRegion&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedRegion& operator=(MappedRegion&& other) noexcept {
    if (this != &other) {
      release();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  MappedRegion(const MappedRegion&) = delete;
  MappedRegion& operator=(const MappedRegion&) = delete;
  ~MappedRegion() { release(); }

  // The ring of a packet socket, faulted in now so that no capture pays for it later.
  [[nodiscard]] static Result<MappedRegion> map_descriptor(int fd, std::size_t bytes) noexcept {
    return map(bytes, MAP_SHARED | MAP_POPULATE, fd);
  }
  // Zeroed private memory, used as it is touched.
  [[nodiscard]] static Result<MappedRegion> anonymous(std::size_t bytes, Pages pages) noexcept {
    auto region = map(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;
    if (region && pages == Pages::huge && bytes >= huge_page_bytes)
      (void)::madvise(region->data_, bytes, MADV_HUGEPAGE);
    return region;
  }

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  MappedRegion(std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}

  [[nodiscard]] static Result<MappedRegion> map(std::size_t bytes, int flags, int fd) noexcept {
    void* const address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (address == MAP_FAILED) return SysError::from_errno("mmap");
    return MappedRegion{static_cast<std::byte*>(address), bytes};
  }

  void release() noexcept {
    if (data_ != nullptr) ::munmap(data_, size_);
    data_ = nullptr;
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace fanout
