#include "scout/base/parallel.h"

#include <algorithm>

namespace scout {
namespace {

/// Shards of a DDPG update last milliseconds, a futex wake-up tens of microseconds: spin a little before sleeping.
constexpr int kSpins = 2000;

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadTeam::ThreadTeam(int threads)
    : size_(threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      errors_(static_cast<std::size_t>(size_)) {
  for (int shard = 1; shard < size_; ++shard) threads_.emplace_back([this, shard] { work(shard); });
}

ThreadTeam::~ThreadTeam() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    ++generation_;
  }
  start_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ThreadTeam::work(int shard) {
  std::uint64_t seen = 0;
  for (;;) {
    for (int i = 0; i < kSpins && generation_.load(std::memory_order_acquire) == seen; ++i) pause();
    const std::function<void(int)>* task;
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return generation_.load() != seen; });
      if (stop_) return;
      seen = generation_.load();
      task = task_;
    }
    attempt(*task, shard);
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::lock_guard lock(mutex_);
      done_.notify_one();
    }
  }
}

void ThreadTeam::attempt(const std::function<void(int)>& task, int shard) {
  try {
    task(shard);
  } catch (...) {
    errors_[static_cast<std::size_t>(shard)] = std::current_exception();
  }
}

void ThreadTeam::run(const std::function<void(int)>& task) {
  if (size_ == 1) return task(0);
  std::fill(errors_.begin(), errors_.end(), nullptr);
  {
    std::lock_guard lock(mutex_);
    task_ = &task;
    pending_.store(size_ - 1);
    ++generation_;
  }
  start_.notify_all();
  attempt(task, 0);
  for (int i = 0; i < kSpins && pending_.load(std::memory_order_acquire) != 0; ++i) pause();
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return pending_.load() == 0; });
  }
  for (auto& error : errors_) {
    if (error) std::rethrow_exception(error);
  }
}

void ThreadTeam::for_jobs(int count, const std::function<void(int)>& body) {
  std::atomic<int> next{0};
  run([&](int) {
    for (int job = next++; job < count; job = next++) body(job);
  });
}

}  // namespace scout
