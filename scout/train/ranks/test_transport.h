// For tests only: ranks that are threads of one process.
#pragma once

#include <atomic>
#include <limits>

#include "scout/train/ranks/transport.h"

namespace scout {

struct LocalAbort {
  int exit_code;
};

/// What the ends share.
struct LocalJob {
  explicit LocalJob(int ranks) : inboxes(static_cast<std::size_t>(ranks)), lost(static_cast<std::size_t>(ranks)) {}

  std::vector<Mailbox> inboxes;
  std::vector<std::atomic<bool>> lost;  // ends that are gone without having been closed
  std::atomic<bool> aborted{false};
  std::atomic<int> exit_code{0};
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t closed = 0;
};

class LocalTransport final : public Transport {
 public:
  LocalTransport(std::shared_ptr<LocalJob> job, int rank) : job_(std::move(job)), rank_(rank) {}
  ~LocalTransport() override {
    if (!closed_) job_->lost[index(rank_)] = true;
  }

  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(job_->inboxes.size()); }

  void send(int to, Bytes bytes) override {
    check();
    job_->inboxes.at(index(to)).put({rank_, std::move(bytes)});
  }
  std::optional<Message> receive() override {
    check();
    return job_->inboxes[index(rank_)].take();
  }
  void wait(std::chrono::milliseconds limit) override {
    check();
    job_->inboxes[index(rank_)].wait(limit);
  }
  double silence(int rank) const override {
    return job_->lost.at(index(rank)) ? std::numeric_limits<double>::infinity() : 0.0;
  }

  void close(double timeout) override {
    std::unique_lock lock(job_->mutex);
    closed_ = true;
    ++job_->closed;
    job_->changed.notify_all();
    const auto all = [&] { return job_->closed == job_->inboxes.size() || job_->aborted; };
    while (!job_->changed.wait_for(lock, std::chrono::milliseconds(20), all)) {
      for (int rank = 0; rank < ranks(); ++rank) {
        if (silence(rank) > timeout) throw_silent_at_close(rank, silence(rank));
      }
    }
  }
  [[noreturn]] void abort(int exit_code) override {
    {
      std::lock_guard lock(job_->mutex);
      job_->exit_code = exit_code;
      job_->aborted = true;
    }
    job_->changed.notify_all();
    throw LocalAbort{exit_code};
  }

 private:
  static std::size_t index(int rank) { return static_cast<std::size_t>(rank); }
  void check() const {
    if (job_->aborted) throw LocalAbort{job_->exit_code};
  }

  std::shared_ptr<LocalJob> job_;
  int rank_;
  bool closed_ = false;
};

/// Returns the end of each rank. Here `abort` throws LocalAbort, and all other ranks throw it too at their next call.
inline std::vector<std::unique_ptr<Transport>> local_transports(int ranks) {
  auto job = std::make_shared<LocalJob>(ranks);
  std::vector<std::unique_ptr<Transport>> ends;
  for (int rank = 0; rank < ranks; ++rank) ends.push_back(std::make_unique<LocalTransport>(job, rank));
  return ends;
}

}  // namespace scout
