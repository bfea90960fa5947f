// Small processes that keep one right when this one has given all of its own up. Each is a fork(2) of this one without any of its
// descriptors, does one thing when it is told to, takes in nothing that it would have to understand, and ends when the pipe to it
// does.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "privileges.hpp"
#include "result.hpp"
#include "unique_fd.hpp"

namespace fanout {

// Takes a link down and up again. Keeps CAP_NET_ADMIN.
class LinkHelper {
 public:
  // `ids`: whom it becomes; nullptr: it stays who it is.
  [[nodiscard]] static Result<LinkHelper> start(const std::string& interface, const Ids* ids) noexcept;
  explicit LinkHelper(UniqueFd channel) noexcept : channel_(std::move(channel)) {}
  [[nodiscard]] Status flap() noexcept;
  // To be handed on to the program that replaces this one.
  [[nodiscard]] int channel() const noexcept { return channel_.get(); }

 private:
  UniqueFd channel_;
};

// Writes one file, as the owner of its directory and without any capability: into `temporary`, which becomes `target` when all of
// it is written; both are names in `directory`. Without that, nothing of it is left, whatever ended this process.
class FileHelper {
 public:
  [[nodiscard]] static Result<FileHelper> start(const std::string& directory, const std::string& temporary,
                                                const std::string& target, mode_t mode, const Ids& ids) noexcept;
  [[nodiscard]] Status write(std::span<const std::byte> bytes) noexcept;
  // When it returns nothing is left: at the end of this process the helper would see to that by itself, but later. Waits for a
  // second at the most.
  void discard() noexcept;

 private:
  explicit FileHelper(UniqueFd channel) noexcept : channel_(std::move(channel)) {}
  UniqueFd channel_;
};

}  // namespace fanout
