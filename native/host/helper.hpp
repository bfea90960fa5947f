// Small processes that keep one right when this one has given all of its own up. Each is a fork(2) of this one without
// any of its descriptors, does one thing when it is told to, takes in nothing that it would have to understand, and
// ends when the pipe to it does.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "host/privileges.hpp"

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

// Gives an open file without a name (O_TMPFILE) the name `target`, in `directory` or the one of its path (AT_FDCWD).
// What has that name already is replaced in one step, for which the file has the name `temporary` for a moment. EEXIST
// is no failure but what to do next.
[[nodiscard]] Status give_name(int file, int directory, const char* temporary, const char* target) noexcept;

// Writes one file, as somebody who may, and without any capability. It gets its name when all of it is written. Without
// that, nothing of it is left, whatever ended this process or the helper; where the file system cannot keep a file
// without a name, but for SIGKILL to both.
//
// It is told a length of eight bytes in the order of this machine and then the content, and answers with the number of
// an error, or 0, in four: the caller does that, who can wait for it without being deaf to anything else.
class FileHelper {
 public:
  struct Order {
    int directory = -1;
    std::string temporary;
    std::string target;
    mode_t mode = 0;
  };
  [[nodiscard]] static Result<FileHelper> start(const Order& order, const Ids& ids) noexcept;
  // The helper ends, and leaves nothing, when this is closed before all of the content has come.
  [[nodiscard]] UniqueFd take_channel() noexcept { return std::move(channel_); }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  FileHelper(UniqueFd channel, pid_t pid) noexcept : channel_(std::move(channel)), pid_(pid) {}
  UniqueFd channel_;
  pid_t pid_ = 0;
};

}  // namespace fanout
