// How the ranks of a training reach each other.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "scout/base/archive.h"

namespace scout {

struct Message {
  int from = 0;
  Bytes bytes;
};

/// One rank's end of the wires between all ranks. Nothing here waits for another rank, `wait` and `close` excepted; messages
/// between two ranks arrive whole and in order. One thread uses it.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  virtual void send(int to, Bytes bytes) = 0;
  /// The next message that has arrived, if there is one.
  virtual std::optional<Message> receive() = 0;
  /// Waits until there is a message, at most so long.
  virtual void wait(std::chrono::milliseconds limit) = 0;
  /// Seconds since a rank was last heard of. A rank that has nothing to say still gives a sign of life every second.
  virtual double silence(int rank) const = 0;

  /// The orderly end: waits until every rank has called it. What has been sent arrives; what is not received by then is
  /// dropped. Throws if meanwhile a rank is silent for longer than `timeout` seconds.
  virtual void close(double timeout) = 0;
  /// The other end: stops all ranks, this one included, with that exit code.
  [[noreturn]] virtual void abort(int exit_code) = 0;
};

/// A rank's silence, told in errors.
inline std::string silent(const std::string& who, double seconds, const std::string& when = "") {
  return who + " has been silent for " + std::to_string(static_cast<int>(std::min(seconds, 1e6))) +
         " s (distributed.timeout)" + when + ": its process or machine is gone";
}
/// What `close` throws.
[[noreturn]] inline void throw_silent_at_close(int rank, double seconds) {
  throw std::runtime_error(silent("rank " + std::to_string(rank), seconds, " when the job was to end"));
}

/// Messages on their way from some threads to one.
class Mailbox {
 public:
  void put(Message message) {
    {
      std::lock_guard lock(mutex_);
      messages_.push_back(std::move(message));
    }
    arrived_.notify_one();
  }
  std::optional<Message> take() {
    std::lock_guard lock(mutex_);
    if (messages_.empty()) return std::nullopt;
    Message message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }
  void wait(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, limit, [&] { return !messages_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Message> messages_;
};

}  // namespace scout
